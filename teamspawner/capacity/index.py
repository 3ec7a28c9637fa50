"""Verdicts kept up to date: what a node answered stays until that node changes.

For a snapshot that says which of its nodes changed (``Snapshot.changed``) a verdict
costs those nodes, not the cluster. What every pod of one size shares is kept once
for all people; what a person's volumes add is kept per person beside it. Pods
whose answer for one node depends on others (spread, affinity, host ports) are
judged in full, once per version.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from teamspawner.capacity.answers import Answers
from teamspawner.capacity.companions import may_be_repelled, repelling_terms
from teamspawner.capacity.held import Held, dated
from teamspawner.capacity.judge import judging
from teamspawner.capacity.objects import (
    EMPTY,
    Candidate,
    NodeState,
    Pod,
    PodSpec,
    PodTerm,
    Snapshot,
)
from teamspawner.capacity.owner import Owner, Reaches, claims_of
from teamspawner.capacity.place import best_of, put_on
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.steps import drained
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.capacity.view import View

__all__ = ["FitIndex"]

_SIZES = 256
_PEOPLE = 256
_REACHES = 64
_FULL = 256
_PODS = 1024


class _Known(NamedTuple):
    """What is remembered of a pod asked about.

    Attributes:
        size: What tells its size from others.
        person: What tells its owner from others, labels included.
        volumes: The same without labels.
        plain: Whether a node's answer to it depends on that node alone.
    """

    pod: Pod
    size: Hashable
    person: Hashable
    volumes: Hashable
    plain: bool
    answers: Answers


class _Full(NamedTuple):
    """A verdict that was judged in full, and all that it follows from.

    ``nodes`` are those with pods put on some; None where the version tells them.
    """

    ground: tuple[object, ...]
    nodes: Mapping[str, NodeState] | None
    verdict: Verdict


class FitIndex:
    """Answers as ``judge`` does, at the cost of what changed since it was asked last.

    Args:
        rules: The scheduler asked; another one needs another index.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._sizes: Held[Answers] = Held(_SIZES)
        self._people: Held[Owner] = Held(_PEOPLE)
        self._reaches: Reaches = Held(_REACHES)
        self._full: Held[_Full] = Held(_FULL)
        self._chosen: Held[str] = Held(_FULL)
        self._pods: dict[int, _Known] = {}
        self._ours: dict[str, bool] = {}
        self._seen: tuple[Snapshot, View | None] | None = None
        self._repelling: tuple[Hashable, frozenset[PodTerm]] | None = None

    def verdict(self, candidate: Candidate, snapshot: Snapshot) -> Verdict:
        """Say what the scheduler would do with one pod, alone, at this snapshot."""
        known, view = self._known(candidate.pod), self._view(snapshot)
        if view is None or not known.plain or candidate.nominated_node:
            return self._judge(candidate, snapshot)
        if "pods" in snapshot.unseen:
            return _counting(snapshot)
        answers, owner = known.answers, self._owner(known, snapshot)
        answers.refresh(snapshot, view)
        owner.refresh(candidate, snapshot, view, answers)
        return owner.verdict(known.size, answers, snapshot) or self._judge(candidate, snapshot)

    def warm(self, candidate: Candidate, snapshot: Snapshot) -> Iterator[None]:
        """Do beforehand what ``verdict`` would cost, in steps of some tenths of a millisecond.

        A caller with others to serve does so between two steps; ``verdict`` answers
        the same without it, and at any time meanwhile, but asks all nodes that it has to ask
        in one go. Pods whose answers are not kept node by node are judged in full.
        """
        known, view = self._known(candidate.pod), self._view(snapshot)
        if snapshot.changed is None or "pods" in snapshot.unseen:
            return
        if view is not None and known.plain and not candidate.nominated_node:
            yield from known.answers.catch_up(snapshot, view)
            owner = self._owner(known, snapshot)
            yield from owner.catch_up(candidate, snapshot, view, known.answers)
            if owner.verdict(known.size, known.answers, snapshot) is not None:
                return
        yield from self._judging(candidate, snapshot)

    def _view(self, snapshot: Snapshot) -> View | None:
        """Return the nodes of a snapshot; None when no node's answer can be kept."""
        if self._seen is None or self._seen[0] is not snapshot:
            kept = snapshot.changed is not None and "nodes" not in snapshot.unseen
            placed = (snapshot.nodes.get(name) for name in snapshot.placed)
            # put there since: what keeps others away is not among what is known of the nodes
            kept = kept and not any(state is not None and state.repelling for state in placed)
            self._seen = (snapshot, View.of(snapshot) if kept else None)
        return self._seen[1]

    def _known(self, pod: Pod) -> _Known:
        """Return what is remembered of a pod, perhaps as one of a size known already."""
        known = self._pods.get(id(pod))
        if known is not None and known.pod is pod:
            return known
        spec = pod.spec
        name = spec.scheduler_name
        if name not in self._ours:
            self._ours[name] = self.rules.speaks_for(name)
        plain = self._ours[name] and not _odd_of(spec)
        size = _size_of(spec)
        volumes = (pod.namespace, spec.volumes)
        person = (*volumes, tuple(sorted(pod.labels.items())))
        answers = self._sizes.get(size)
        if answers is None:
            bare = Candidate(Pod("", EMPTY, replace(spec, volumes=())))
            answers = self._sizes.put(size, Answers(bare, self.rules))
        if len(self._pods) >= _PODS:
            self._pods.clear()
        known = self._pods[id(pod)] = _Known(pod, size, person, volumes, plain, answers)
        return known

    def _owner(self, known: _Known, snapshot: Snapshot) -> Owner:
        """Return whose the pod's volumes are; labels tell owners apart only where a rule asks."""
        ground = (snapshot.epoch, snapshot.unseen)
        if self._repelling is None or self._repelling[0] != ground:
            self._repelling = (ground, repelling_terms(snapshot))
        repelled = may_be_repelled(known.pod, self._repelling[1], snapshot)
        key = known.person if repelled else known.volumes
        return self._people.get(key) or self._people.put(key, Owner(self.rules, self._reaches))

    def _judge(self, candidate: Candidate, snapshot: Snapshot) -> Verdict:
        """Judge in full, once per version of the cluster."""
        return drained(self._judging(candidate, snapshot))

    def _judging(self, candidate: Candidate, snapshot: Snapshot) -> Generator[None, None, Verdict]:
        """The same in steps."""
        if snapshot.changed is None:
            return (yield from judging(candidate, snapshot, self.rules))
        known = self._known(candidate.pod)
        key = (known.size, known.person, candidate.uid or candidate.name)
        ground = (snapshot.version, snapshot.waiting, claims_of(candidate, snapshot), candidate)
        nodes = snapshot.nodes if snapshot.placed else None
        held = self._full.get(key)
        if held is None or held.ground != ground or held.nodes is not nodes:
            verdict = yield from judging(candidate, snapshot, self.rules)
            held = self._full.put(key, _Full(ground, nodes, verdict))
        return dated(held.verdict, snapshot)

    def place(self, snapshot: Snapshot, candidates: Iterable[Candidate]) -> Snapshot:
        """Return the snapshot with pods put first that will take room shortly, as ``place`` does.

        A pod stays where it was put before while it fits there, so that numbers
        do not dance. A claim that is not there yet does not keep its pod from being placed.
        """
        for candidate in candidates:
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
        spec.features,
        _odd_of(spec),
    )


def _odd_of(spec: PodSpec) -> tuple[Hashable, ...]:
    """Return what makes a node's answer depend on more than that node; empty for most pods."""
    odd = (
        spec.host_ports,
        spec.affinity,
        spec.anti_affinity,
        spec.spread,
        spec.gates,
        spec.resource_claims,
    )
    return odd if any(odd) else ()


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
