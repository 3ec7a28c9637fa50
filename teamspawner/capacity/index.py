"""Verdicts kept up to date: what a node answered stays until that node changes.

For a snapshot that says which of its nodes changed (``Snapshot.changed``) a verdict
costs those nodes, not the cluster. What every pod of one size shares is kept once
for all people; what a person's volumes add is kept per person beside it. Pods
whose answer for one node depends on others (spread, affinity, host ports) are
judged in full, once per version.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from teamspawner.capacity.answers import Answers, since
from teamspawner.capacity.companions import Companions
from teamspawner.capacity.context import Context, against, prepare
from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.filters import Fit, Placement, Ports
from teamspawner.capacity.judge import judge
from teamspawner.capacity.objects import EMPTY, Candidate, Pod, PodSpec, Snapshot
from teamspawner.capacity.place import best_of, put_on
from teamspawner.capacity.restrictions import Restrictions
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.spreading import Spreading
from teamspawner.capacity.verdict import Reason, Status, Verdict

__all__ = ["FitIndex"]

_SHAPES = 256
_PEOPLE = 64
_FULL = 256
_MAY_END = frozenset({"NodeVolumeLimits", "VolumeRestrictions"})
"""Filters about volumes of other pods: what they say may end with those pods, even where the
scheduler calls it unresolvable because evicting them would not help at once."""
_STEP = 400
"""Nodes asked between two steps of ``warm``: a millisecond or two."""

_Value = TypeVar("_Value")


class FitIndex:
    """Answers as ``judge`` does, at the cost of what changed since it was asked last.

    Args:
        rules: The scheduler asked; another one needs another index.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._shapes: OrderedDict[Hashable, Answers] = OrderedDict()
        self._people: OrderedDict[Hashable, _Person] = OrderedDict()
        self._full: OrderedDict[Hashable, tuple[Hashable, Candidate, Verdict]] = OrderedDict()
        self._chosen: OrderedDict[Hashable, str] = OrderedDict()
        self._keys: OrderedDict[Hashable, tuple[Pod, Hashable, Hashable]] = OrderedDict()

    def verdict(self, candidate: Candidate, snapshot: Snapshot) -> Verdict:
        """Say what the scheduler would do with one pod, alone, at this snapshot."""
        if snapshot.changed is None or not self._plain(candidate, snapshot):
            return self._judge(candidate, snapshot)
        if "pods" in snapshot.unseen:
            return _counting(snapshot)
        size, person = self._key(candidate.pod)
        answers = _kept(self._shapes, size, _SHAPES) or self._add(size, candidate)
        if not answers.refresh(snapshot):
            return judge(candidate, snapshot, self.rules)
        owner = _kept(self._people, person, _PEOPLE)
        if owner is None:
            owner = self._people[person] = _Person(self.rules)
        if not owner.refresh(candidate, snapshot, answers):
            return self._judge(candidate, snapshot)
        return owner.verdict(size, answers, snapshot) or self._judge(candidate, snapshot)

    def warm(self, candidate: Candidate, snapshot: Snapshot) -> Iterator[None]:
        """Ask a cluster about a size of pod for the first time, in steps of a few milliseconds.

        A caller with others to serve does so between two steps; ``verdict`` answers
        the same without it, and at any time meanwhile, but asks all nodes in one go. Nothing
        is done where the answers are there already or are not kept node by node.
        """
        if snapshot.changed is None or "pods" in snapshot.unseen:
            return
        size, _ = self._key(candidate.pod)
        if size in self._shapes or not self._plain(candidate, snapshot):
            return
        answers = self._new(candidate)
        yield from answers.warm(snapshot, _STEP)
        if size not in self._shapes:
            _kept(self._shapes, size, _SHAPES)
            self._shapes[size] = answers

    def _plain(self, candidate: Candidate, snapshot: Snapshot) -> bool:
        """Tell whether a node's answer can be kept: it depends on that node alone."""
        spec = candidate.pod.spec
        odd = spec.host_ports or spec.gates or spec.spread or spec.affinity or spec.anti_affinity
        if odd or spec.resource_claims or candidate.nominated_node:
            return False
        if any(
            snapshot.nodes[name].repelling for name in snapshot.placed if name in snapshot.nodes
        ):
            return False
        return "nodes" not in snapshot.unseen and self.rules.speaks_for(spec.scheduler_name)

    def _add(self, key: Hashable, candidate: Candidate) -> Answers:
        answers = self._shapes[key] = self._new(candidate)
        return answers

    def _new(self, candidate: Candidate) -> Answers:
        spec = replace(candidate.pod.spec, volumes=())
        return Answers(Candidate(Pod("", EMPTY, spec)), self.rules)

    def _key(self, pod: Pod) -> tuple[Hashable, Hashable]:
        """Return what tells sizes apart, and what tells people apart, of a pod."""
        known = _kept(self._keys, id(pod), 4 * _FULL)
        if known is not None and known[0] is pod:
            return known[1], known[2]
        size = _size_of(pod.spec)
        person = (pod.namespace, tuple(sorted(pod.labels.items())), pod.spec.volumes)
        self._keys[id(pod)] = (pod, size, person)
        return size, person

    def _judge(self, candidate: Candidate, snapshot: Snapshot) -> Verdict:
        """Judge in full, once per version of the cluster."""
        if snapshot.changed is None or snapshot.placed:
            return judge(candidate, snapshot, self.rules)
        key = (
            *self._key(candidate.pod),
            _odd_of(candidate.pod.spec),
            candidate.uid or candidate.name,
        )
        held, ground = (
            _kept(self._full, key, _FULL),
            (snapshot.version, _claims_of(candidate, snapshot)),
        )
        if held is not None and held[:2] == (ground, candidate):
            return _dated(held[2], snapshot)
        verdict = judge(candidate, snapshot, self.rules)
        self._full[key] = (ground, candidate, verdict)
        return verdict

    def place(self, snapshot: Snapshot, candidates: Iterable[Candidate]) -> Snapshot:
        """Return the snapshot with pods put first that will take room shortly, as ``place`` does.

        A pod stays where it was put before while it fits there, so that numbers
        do not dance. A claim that is not there yet does not keep its pod from being placed.
        """
        for candidate in candidates:
            spec = candidate.pod.spec
            if spec.gates or not self.rules.speaks_for(spec.scheduler_name):
                continue
            fitting = self.verdict(_homeless(candidate, snapshot), snapshot).nodes
            if fitting:
                snapshot = put_on(snapshot, candidate, self._choose(candidate, snapshot, fitting))
        return snapshot

    def _choose(self, candidate: Candidate, snapshot: Snapshot, fitting: tuple[str, ...]) -> str:
        key = (candidate.pod.namespace, candidate.name, candidate.uid)
        before = _kept(self._chosen, key, _FULL)
        if before is not None:
            index = bisect_left(fitting, before)
            if index < len(fitting) and fitting[index] == before:
                return before
        best = best_of(candidate, (snapshot.nodes[name] for name in fitting))
        self._chosen[key] = best
        return best


class _Person:
    """What somebody's volumes and labels add to the answers that all people share.

    Attributes:
        bad: Node name to the reasons that only this person's pod has there.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.bad: dict[str, Reasons] = {}
        self._ground: Hashable = None
        self._context: Context | None = None
        self._version = -1
        self._revision = 0
        self._placed: frozenset[str] = frozenset()
        self._usable = False
        self._single = False
        self._verdicts: OrderedDict[Hashable, tuple[tuple[int, int], Verdict]] = OrderedDict()

    def refresh(self, candidate: Candidate, snapshot: Snapshot, answers: Answers) -> bool:
        """Bring the reasons up to date; False when they cannot be kept node by node."""
        own = _claims_of(candidate, snapshot)
        ground = (snapshot.cluster_version, snapshot.unseen, own)
        names: Iterable[str]
        if ground != self._ground or snapshot.version < self._version:
            self._ground = ground
            self._prepare(candidate, snapshot, answers)
            names = snapshot.nodes
        else:
            names = {*since(snapshot, self._version), *self._placed, *snapshot.placed}
        if self._usable and self._context is not None:
            self._context = replace(self._context, nominated=answers.nominated)
            self._refit(names, snapshot, self._context)
        self._version, self._placed = snapshot.version, snapshot.placed
        return self._usable

    def _prepare(self, candidate: Candidate, snapshot: Snapshot, answers: Answers) -> None:
        self.bad = {}
        self._revision += 1
        context = prepare(candidate, snapshot, self.rules)
        own = tuple(f for f in context.filters if not isinstance(f, Placement | Ports | Fit))
        disks = [f for f in own if isinstance(f, Restrictions)]
        self._single = any(f.single for f in disks)
        self._usable = (
            context.local
            and not context.blocked
            and context.unsure == answers.unsure
            and not any(isinstance(f, Companions | Spreading) for f in own)
            and not any(f.disks for f in disks)
        )
        self._context = replace(context, filters=own, unsure=()) if own else None

    def _refit(self, names: Iterable[str], snapshot: Snapshot, context: Context) -> None:
        for name in names:
            state = snapshot.nodes.get(name)
            reasons = () if state is None else against(state, context)
            if reasons != self.bad.get(name, ()):
                self._revision += 1
                if reasons:
                    self.bad[name] = reasons
                else:
                    del self.bad[name]

    def verdict(self, size: Hashable, answers: Answers, snapshot: Snapshot) -> Verdict | None:
        """Return the verdict of both together; None when only judging in full can tell."""
        if not self.bad and not self._single:
            return answers.verdict(snapshot)
        state = (answers.revision, self._revision)
        held = _kept(self._verdicts, size, _SHAPES)
        if held is not None and held[0] == state:
            return _dated(held[1], snapshot)
        found = self._joined(answers, snapshot)
        if found is not None:
            self._verdicts[size] = (state, found)
        return found

    def _joined(self, answers: Answers, snapshot: Snapshot) -> Verdict | None:
        bad = self.bad.copy()
        if any(reason.unknown for reasons in set(bad.values()) for reason in reasons):
            return None
        rejected = _Joined(answers.rejected(), bad)
        fits = tuple(name for name in answers.fits if name not in bad)
        if fits:
            count = 1 if self._single else sum(map(answers.room_of, fits))
            return Verdict(Status.FITS_NOW, fits, count, rejected=rejected, as_of=snapshot.as_of)
        every = [reason for reasons in set(bad.values()) for reason in reasons]
        stays = all(not each.resolvable and each.plugin not in _MAY_END for each in every)
        if answers.unsure_nodes or not stays:
            return None
        found = answers.without_room(snapshot, bad)
        if found is None:
            return None
        one = self._single and found.status is Status.FITS_BY_PREEMPTION
        return replace(found, rejected=rejected, count=1 if one else found.count)


class _Joined(Mapping[str, Reasons]):
    """Reasons that all people share and a person's own, without a copy per person."""

    __slots__ = ("_own", "_shared")

    def __init__(self, shared: Mapping[str, Reasons], own: Mapping[str, Reasons]) -> None:
        self._shared = shared
        self._own = own

    def __getitem__(self, name: str) -> Reasons:
        found = self._shared.get(name, ()) + self._own.get(name, ())
        if not found:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from self._shared
        yield from (name for name in self._own if name not in self._shared)

    def __len__(self) -> int:
        return len(self._shared) + sum(name not in self._shared for name in self._own)


def _kept(held: OrderedDict[Hashable, _Value], key: Hashable, most: int) -> _Value | None:
    """Return what is held under a key, as the one used last; drop what was not used for long."""
    found = held.get(key)
    if found is not None:
        held.move_to_end(key)
    elif len(held) >= most:
        held.popitem(last=False)
    return found


def _size_of(spec: PodSpec) -> Hashable:
    return (
        tuple(sorted(spec.requests.items())),
        spec.priority,
        spec.preemption_policy,
        spec.scheduler_name,
        spec.node_name,
        tuple(sorted(spec.node_selector.items())),
        spec.node_terms,
        spec.tolerations,
    )


def _homeless(candidate: Candidate, snapshot: Snapshot) -> Candidate:
    """Leave out claims that are not there yet: they are made just before the pod."""
    claims, namespace, spec = snapshot.storage.claims, candidate.pod.namespace, candidate.pod.spec
    there = tuple(u for u in spec.volumes if u.kind != "claim" or (namespace, u.name) in claims)
    if len(there) == len(spec.volumes):
        return candidate
    return replace(candidate, pod=replace(candidate.pod, spec=replace(spec, volumes=there)))


def _claims_of(candidate: Candidate, snapshot: Snapshot) -> Hashable:
    """Return the pod's own claims and volumes: the hub may have put a home to be made there.

    All other storage is as ``cluster_version`` says.
    """
    storage, namespace = snapshot.storage, candidate.pod.namespace
    claims = [storage.claims.get((namespace, use.name)) for use in candidate.pod.spec.volumes]
    return tuple((claim, storage.volumes.get(claim.volume) if claim else None) for claim in claims)


def _counting(snapshot: Snapshot) -> Verdict:
    """Answer at once while pods are not seen; asking each node would not tell more."""
    message = "pods not looked at, so what is used is not known"
    reason = Reason("NodeResourcesFit", message, detail="pods", unknown=True)
    return Verdict(Status.UNKNOWN, reasons=(reason,), as_of=snapshot.as_of)


def _odd_of(spec: PodSpec) -> Hashable:
    return (spec.host_ports, spec.affinity, spec.anti_affinity, spec.spread, spec.gates)


def _dated(verdict: Verdict, snapshot: Snapshot) -> Verdict:
    if verdict.as_of == snapshot.as_of:
        return verdict
    return replace(verdict, as_of=snapshot.as_of)
