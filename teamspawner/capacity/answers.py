"""What every node answered to pods of one size, kept until the node changes."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import cast

from teamspawner.capacity.context import (
    Context,
    against,
    fits_emptied,
    nominated_pods,
    prepare,
    room,
    with_pods,
    without,
)
from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.judge import resolvable
from teamspawner.capacity.objects import Candidate, NodeState, Pod, Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Status, Verdict

__all__ = ["Answers", "since"]

_Nominated = Mapping[str, tuple[Pod, ...]]


@dataclass(frozen=True, slots=True)
class _Far:
    """What a node that says no would answer with fewer pods on it.

    Attributes:
        preempt: It takes the pod once all of lower priority are gone,
            so many of them; None when it does not.
        gentle: The same when only those below zero go.
        doubt: Without those, only something not looked at stands against it.
        freeing: It takes the pod once its terminating pods are gone.
        emptied: The reasons left with daemonset and static pods alone.
    """

    preempt: int | None
    gentle: bool
    doubt: bool
    freeing: bool
    emptied: Reasons


class Answers:
    """The answers of all nodes to one candidate without volumes, ports, spread or affinity.

    Args:
        candidate: The pod; its labels and namespace do not matter.
        rules: The scheduler asked.

    Attributes:
        fits: Names of the nodes that take it now, sorted.
        unsure_nodes: Names of those where only something not looked at stands against it.
        revision: Grows with every answer that changes.
    """

    def __init__(self, candidate: Candidate, rules: Rules) -> None:
        self.candidate = candidate
        self.rules = rules
        self.fits: list[str] = []
        self.unsure_nodes: set[str] = set()
        self.revision = 0
        # No object per node and size: a large cluster has tens of thousands of those pairs.
        self._states: dict[str, NodeState] = {}
        self._rooms: dict[str, int] = {}
        self._far: dict[str, _Far] = {}
        self._far_due: set[str] = set()
        self._rejected: dict[str, Reasons] = {}
        self._count = 0
        self._preempt: set[str] = set()
        self._gentle: set[str] = set()
        self._doubtful: set[str] = set()
        self._freeing: set[str] = set()
        self._open: set[str] = set()
        self._emptied_doubt: set[str] = set()
        self._ground: object = None
        self._waiting: object = None
        self._context: Context | None = None
        self._version = -1
        self._placed: frozenset[str] = frozenset()
        self._copy: tuple[int, dict[str, Reasons]] | None = None
        self._verdict: tuple[int, Verdict | None] | None = None

    @property
    def unsure(self) -> Reasons:
        """Reasons of what was not looked at, against every node."""
        return self._context.unsure if self._context else ()

    @property
    def nominated(self) -> _Nominated:
        """Node name to the pods nominated to it that go before the candidate."""
        return self._context.nominated if self._context else {}

    def room_of(self, name: str) -> int:
        """Return how many such pods a node takes now."""
        return self._rooms[name]

    def refresh(self, snapshot: Snapshot) -> bool:
        """Bring the answers up to date; False when the snapshot is older than what was seen."""
        if snapshot.version < self._version:
            return False
        ground = (snapshot.unseen, snapshot.extended_by_class)
        if ground != self._ground or self._context is None:
            self._reset(snapshot)
            self._ground = ground
        else:
            changed = since(snapshot, self._version)
            names = {*changed, *self._placed, *snapshot.placed, *self._renominated(snapshot)}
            self._refit(names, snapshot)
            if len(self._states) != len(snapshot.nodes):
                self._reset(snapshot)
        self._version, self._placed = snapshot.version, snapshot.placed
        return True

    def warm(self, snapshot: Snapshot, nodes: int) -> Iterator[None]:
        """Ask all nodes of a snapshot for the first time, so many between two steps.

        Nobody else may ask before the last step.

        Args:
            snapshot: The one to answer for.
            nodes: How many of its nodes are asked before each step.
        """
        self._begin(snapshot)
        waiting = iter(snapshot.nodes)
        while names := tuple(islice(waiting, nodes)):
            self._refit(names, snapshot)
            yield
        self._ground = (snapshot.unseen, snapshot.extended_by_class)
        self._version, self._placed = snapshot.version, snapshot.placed
        while not self.fits and not self.unsure_nodes and self._far_due:
            self._look_further(nodes // 4)
            yield

    def _reset(self, snapshot: Snapshot) -> None:
        self._begin(snapshot)
        for name in [name for name in self._states if name not in snapshot.nodes]:
            self._forget(name)
        self._refit(snapshot.nodes, snapshot, every=True)

    def _begin(self, snapshot: Snapshot) -> None:
        bare = Snapshot(
            nodes={},
            waiting=snapshot.waiting,
            unseen=snapshot.unseen,
            extended_by_class=snapshot.extended_by_class,
        )
        self._context = prepare(self.candidate, bare, self.rules)
        self._waiting = snapshot.waiting

    def _renominated(self, snapshot: Snapshot) -> Iterable[str]:
        """Return the nodes whose nominated pods are others than before."""
        assert self._context is not None
        if snapshot.waiting is self._waiting:
            return ()
        self._waiting = snapshot.waiting
        before, now = self._context.nominated, nominated_pods(self.candidate, snapshot, self.rules)
        if before == now:
            return ()
        self._context = replace(self._context, nominated=now)
        moved = [n for n in {*before, *now} if before.get(n) != now.get(n)]
        for name in moved:
            self._forget(name)
        return moved

    def _refit(self, names: Iterable[str], snapshot: Snapshot, *, every: bool = False) -> None:
        context = self._context
        assert context is not None
        for name in names:
            state, known = snapshot.nodes.get(name), self._states.get(name)
            if state is None:
                if known is not None:
                    self._forget(name)
                continue
            if known is not None and known is state and not every:
                continue
            if known is not None:
                self._forget(name)
            reasons = against(state, context)
            self._keep(name, state, reasons, 0 if reasons else self._room(name, state, context))

    @staticmethod
    def _room(name: str, state: NodeState, context: Context) -> int:
        """Return how many such pods a node holds that takes one."""
        nominated = context.nominated.get(name)
        return context.fit.room(with_pods(state, nominated) if nominated else state)

    def _keep(self, name: str, state: NodeState, reasons: Reasons, room: int) -> None:
        self.revision += 1
        self._states[name] = state
        if not reasons:
            if self.fits and name > self.fits[-1]:
                self.fits.append(name)
            else:
                insort(self.fits, name)
            self._rooms[name] = room
            self._count += room
            return
        self._rejected[name] = reasons
        if reasons[-1].unknown and all(reason.unknown for reason in reasons):
            self.unsure_nodes.add(name)
        elif all(reason.resolvable or reason.unknown for reason in reasons):
            self._far_due.add(name)

    def _forget(self, name: str) -> None:
        if self._states.pop(name, None) is None:
            return
        self.revision += 1
        if name in self._rooms:
            del self.fits[bisect_left(self.fits, name)]
            self._count -= self._rooms.pop(name)
            return
        del self._rejected[name]
        self.unsure_nodes.discard(name)
        self._far_due.discard(name)
        if self._far.pop(name, None) is not None:
            for each in self._sets():
                each.discard(name)

    def _sets(self) -> tuple[set[str], ...]:
        return (
            self._preempt,
            self._gentle,
            self._doubtful,
            self._freeing,
            self._open,
            self._emptied_doubt,
        )

    def rejected(self) -> Mapping[str, Reasons]:
        """Return the reasons of all nodes that do not take it, as a copy kept while they stay."""
        if self._copy is None or self._copy[0] != self.revision:
            self._copy = (self.revision, self._rejected.copy())
        return self._copy[1]

    def verdict(self, snapshot: Snapshot) -> Verdict | None:
        """Return the verdict of a pod of this size for anybody.

        None when it hangs on what was not looked at in a way that only judging in full tells.
        """
        if self._verdict is None or self._verdict[0] != self.revision:
            self._verdict = (self.revision, self._make(snapshot))
        found = self._verdict[1]
        if found is not None and found.as_of != snapshot.as_of:
            found = replace(found, as_of=snapshot.as_of)
            self._verdict = (self.revision, found)
        return found

    def _make(self, snapshot: Snapshot) -> Verdict | None:
        rejected = self.rejected()
        if self.fits:
            return Verdict(
                Status.FITS_NOW,
                tuple(self.fits),
                self._count,
                rejected=rejected,
                as_of=snapshot.as_of,
            )
        if self.unsure_nodes:
            return self._unknown(rejected, self.unsure_nodes, snapshot)
        found = self.without_room(snapshot, ())
        return None if found is None else replace(found, rejected=rejected)

    def _unknown(
        self, rejected: Mapping[str, Reasons], names: Iterable[str], snapshot: Snapshot
    ) -> Verdict:
        reasons = dict.fromkeys(r for n in names for r in self._rejected[n] if r.unknown)
        return Verdict(
            Status.UNKNOWN, rejected=rejected, reasons=tuple(reasons), as_of=snapshot.as_of
        )

    def without_room(self, snapshot: Snapshot, bad: Collection[str]) -> Verdict | None:
        """Return the verdict when no node takes the pod; None when something is not known.

        Args:
            snapshot: The one the answers were refreshed for.
            bad: Nodes that never take it, for reasons besides those known here.
        """
        self._look_further()
        preempt = tuple(sorted(name for name in self._preempt if name not in bad))
        if preempt:
            return Verdict(
                Status.FITS_BY_PREEMPTION,
                preempt=preempt,
                count=sum(self._far[name].preempt or 0 for name in preempt),
                placeholder_only=any(name in self._gentle for name in preempt),
                as_of=snapshot.as_of,
            )
        if any(name not in bad for name in self._doubtful):
            return None
        if any(name not in bad for name in self._open):
            freeing = tuple(sorted(name for name in self._freeing if name not in bad))
            return Verdict(Status.BUSY, count=0, freeing=freeing, as_of=snapshot.as_of)
        if any(name not in bad for name in self._emptied_doubt):
            return None
        return Verdict(Status.NEVER, count=0, as_of=snapshot.as_of)

    def _look_further(self, most: int | None = None) -> None:
        """Ask the nodes that say no, at most so many, what they would say with fewer pods."""
        assert self._context is not None
        for name in [*islice(self._far_due, most)]:
            self._far_due.discard(name)
            far = _far(self._states[name], self._rejected[name], self._context)
            self._far[name] = far
            marks = (
                far.preempt is not None,
                far.gentle,
                far.doubt,
                far.freeing,
                not far.emptied,
                bool(far.emptied) and all(reason.unknown for reason in far.emptied),
            )
            for held, mark in zip(self._sets(), marks, strict=True):
                if mark:
                    held.add(name)


def _far(state: NodeState, reasons: Reasons, context: Context) -> _Far:
    spec = context.candidate.pod.spec
    preempt: int | None = None
    gentle = doubt = False
    lower = _below(state.pods, spec.priority)
    if lower and spec.preemption_policy != "Never" and resolvable(reasons):
        left = without(state, lower)
        against_left = against(left, context, lower)
        if not against_left:
            preempt = room(context.candidate, left, context)
            low = _below(state.pods, min(0, spec.priority))
            gentle = bool(low) and not against(without(state, low), context, low)
        doubt = bool(against_left) and all(reason.unknown for reason in against_left)
    ending = tuple(pod for pod in state.pods if pod.terminating)
    freeing = bool(ending) and not against(without(state, ending), context, ending)
    return _Far(preempt, gentle, doubt, freeing, fits_emptied(state, context))


def _below(pods: tuple[Pod, ...], priority: int) -> tuple[Pod, ...]:
    return tuple(pod for pod in pods if pod.spec.priority < priority)


def since(snapshot: Snapshot, version: int) -> list[str]:
    """Return the names of the nodes that changed after a version, latest first.

    ``Snapshot.changed`` is in the order of change, so this costs those nodes alone.
    """
    changed = cast("dict[str, int]", snapshot.changed or {})
    found: list[str] = []
    for name in reversed(changed):
        if changed[name] <= version:
            break
        found.append(name)
    return found
