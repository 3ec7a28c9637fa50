"""Verdicts kept up to date: what a node answered stays until that node changes.

For a snapshot that says which of its nodes changed (``Snapshot.changed``) a verdict
costs those nodes, not the cluster. What every pod of one size shares is kept once
for all people; what a person's volumes add is kept per person beside it. Pods
whose answer for one node depends on others (spread, affinity, host ports) are
judged in full, once per version.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from teamspawner.capacity.answers import Answers
from teamspawner.capacity.held import Held, dated
from teamspawner.capacity.judge import judge
from teamspawner.capacity.objects import EMPTY, Candidate, Pod, PodSpec, Snapshot
from teamspawner.capacity.owner import Owner, claims_of
from teamspawner.capacity.place import best_of, put_on
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason, Status, Verdict

__all__ = ["FitIndex"]

_SIZES = 256
_PEOPLE = 64
_FULL = 256


class FitIndex:
    """Answers as ``judge`` does, at the cost of what changed since it was asked last.

    Args:
        rules: The scheduler asked; another one needs another index.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._sizes: Held[Answers] = Held(_SIZES)
        self._people: Held[Owner] = Held(_PEOPLE)
        self._full: Held[tuple[Hashable, Candidate, Verdict]] = Held(_FULL)
        self._chosen: Held[str] = Held(_FULL)
        self._keys: Held[tuple[Pod, Hashable, Hashable]] = Held(4 * _FULL)

    def verdict(self, candidate: Candidate, snapshot: Snapshot) -> Verdict:
        """Say what the scheduler would do with one pod, alone, at this snapshot."""
        if snapshot.changed is None or not self._plain(candidate, snapshot):
            return self._judge(candidate, snapshot)
        if "pods" in snapshot.unseen:
            return _counting(snapshot)
        size, person = self._key(candidate.pod)
        answers, owner = self._answers(size, candidate), self._owner(person)
        answers.refresh(snapshot)
        owner.refresh(candidate, snapshot, answers)
        found = owner.verdict(size, answers, snapshot) if owner.usable else None
        return found or self._judge(candidate, snapshot)

    def warm(self, candidate: Candidate, snapshot: Snapshot) -> Iterator[None]:
        """Do beforehand what ``verdict`` would cost, in steps of some tenths of a millisecond.

        A caller with others to serve does so between two steps; ``verdict`` answers
        the same without it, and at any time meanwhile, but asks all nodes that it has to ask
        in one go. Nothing is done for pods whose answers are not kept node by node.
        """
        if snapshot.changed is None or "pods" in snapshot.unseen:
            return
        if not self._plain(candidate, snapshot):
            return
        size, person = self._key(candidate.pod)
        answers, owner = self._answers(size, candidate), self._owner(person)
        yield from answers.catch_up(snapshot)
        yield from owner.catch_up(candidate, snapshot, answers)

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

    def _answers(self, size: Hashable, candidate: Candidate) -> Answers:
        found = self._sizes.get(size)
        if found is not None:
            return found
        spec = replace(candidate.pod.spec, volumes=())
        return self._sizes.put(size, Answers(Candidate(Pod("", EMPTY, spec)), self.rules))

    def _owner(self, person: Hashable) -> Owner:
        return self._people.get(person) or self._people.put(person, Owner(self.rules))

    def _key(self, pod: Pod) -> tuple[Hashable, Hashable]:
        """Return what tells sizes apart, and what tells people apart, of a pod."""
        known = self._keys.get(id(pod))
        if known is not None and known[0] is pod:
            return known[1], known[2]
        size = _size_of(pod.spec)
        person = (pod.namespace, tuple(sorted(pod.labels.items())), pod.spec.volumes)
        self._keys.put(id(pod), (pod, size, person))
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
        held = self._full.get(key)
        ground = (snapshot.version, claims_of(candidate, snapshot))
        if held is not None and held[:2] == (ground, candidate):
            return dated(held[2], snapshot)
        verdict = judge(candidate, snapshot, self.rules)
        self._full.put(key, (ground, candidate, verdict))
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
        before = self._chosen.get(key)
        if before is not None:
            index = bisect_left(fitting, before)
            if index < len(fitting) and fitting[index] == before:
                return before
        best = best_of(candidate, (snapshot.nodes[name] for name in fitting))
        return self._chosen.put(key, best)


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


def _counting(snapshot: Snapshot) -> Verdict:
    """Answer at once while pods are not seen; asking each node would not tell more."""
    message = "pods not looked at, so what is used is not known"
    reason = Reason("NodeResourcesFit", message, detail="pods", unknown=True)
    return Verdict(Status.UNKNOWN, reasons=(reason,), as_of=snapshot.as_of)


def _odd_of(spec: PodSpec) -> Hashable:
    return (spec.host_ports, spec.affinity, spec.anti_affinity, spec.spread, spec.gates)
