"""What help is on its way where no machine has room: one that is starting, or one a pool adds.

Whoever waits already comes first: what starting pods and starts under way will take of
those machines is not promised twice.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from teamspawner.capacity.context import same_pod, with_pods
from teamspawner.capacity.objects import Candidate, NodeState, PodSpec, Snapshot
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.offers.causes import POOL
from teamspawner.offers.pools import Machine
from teamspawner.offers.scene import Judge

__all__ = ["Growth"]

_FULL = frozenset({Status.BUSY, Status.NEVER})


class _Size(NamedTuple):
    """What tells pods apart for a machine that is empty: requests above zero, and where to."""

    requests: tuple[tuple[str, int], ...]
    where: Hashable


@dataclass(slots=True)
class _Left:
    """Machines to come with those on them who wait already, and how many more each pool may add.

    ``full`` tells for a pool and a size how many of its opened machines have no room for it.
    """

    starting: list[NodeState]
    opened: dict[str, list[NodeState]]
    more: dict[str, int]
    full: dict[tuple[str, _Size], int] = field(default_factory=dict)


@dataclass(slots=True)
class Growth:
    """What may come at one moment; who waits is placed once for all offers.

    Attributes:
        snapshot: The cluster; who waits in it was not placed anywhere.
        judge: Says what the scheduler would do with a pod.
        machines: What pools could bring.
        starting: The nodes that are starting, as they will be.
    """

    snapshot: Snapshot
    judge: Judge
    machines: tuple[Machine, ...] = ()
    starting: tuple[NodeState, ...] = ()
    _left: dict[Hashable, _Left] = field(default_factory=dict)
    _takes: dict[Hashable, bool] = field(default_factory=dict)

    def foretold(self, verdict: Verdict, candidate: Candidate) -> Verdict:
        """Say NODE_COMING or NEEDS_SCALE_UP where no machine has room and one to come would.

        A pool that has all the machines it may have, or whose last ones are for others who
        wait, leaves the verdict as it is and is named among its reasons.

        Args:
            verdict: Of the machines that are there.
            candidate: The pod.
        """
        if verdict.status not in _FULL or not (self.machines or self.starting):
            return verdict
        left = self._after_others(candidate)
        coming = self._asked(candidate, left.starting)
        if coming.nodes:
            reason = Reason("Node", "a node that would take it is starting")
            return replace(
                verdict,
                status=Status.NODE_COMING,
                count=coming.count,
                reasons=(reason,),
                coming=coming.nodes,
            )
        return self._grown(verdict, candidate, left)

    def _grown(self, verdict: Verdict, candidate: Candidate, left: _Left) -> Verdict:
        size = _size_of(candidate.pod.spec)
        rooms = {machine.pool.name: _rooms(machine, left, size) for machine in self.machines}
        found = self._asked(candidate, [state for states in rooms.values() for state in states])
        if not found.nodes:
            able = self._asked(candidate, [machine.state for machine in self.machines]).nodes
            taking = [machine for machine in self.machines if machine.state.node.name in able]
            if not taking:
                return verdict
            return replace(verdict, reasons=(*verdict.reasons, _all_there(taking)))
        names = set(found.nodes)
        growing = [
            m for m in self.machines if any(s.node.name in names for s in rooms[m.pool.name])
        ]
        pool = min((m.pool for m in growing), key=lambda p: (p.minutes is None, p.minutes or 0))
        reason = Reason(POOL, f"pool {pool.name} may grow", detail=_about(pool.minutes))
        count = found.count
        if count is not None:
            count += sum(self._further(candidate, m, left.more[m.pool.name] - 1) for m in growing)
        return replace(verdict, status=Status.NEEDS_SCALE_UP, count=count, reasons=(reason,))

    def _further(self, candidate: Candidate, machine: Machine, more: int) -> int:
        """How many more pods fit on so many machines more; a disk that serves one pod fits none."""
        if more < 1:
            return 0
        both = self._asked(candidate, [machine.fresh(-1), machine.fresh(-2)])
        return more * ((both.count or 0) // 2)

    def _asked(self, candidate: Candidate, states: Sequence[NodeState]) -> Verdict:
        """The verdict on machines to come; the others are looked at where they matter to it."""
        if not states:
            return Verdict(Status.NEVER, count=0)
        spec = candidate.pod.spec
        wide = bool(spec.spread or spec.affinity or spec.anti_affinity)
        nodes = dict(self.snapshot.nodes) if wide else {}
        nodes |= {state.node.name: state for state in states}
        seen = replace(self.snapshot, nodes=nodes, changed=None, placed=frozenset())
        found = self.judge(candidate, seen)
        coming = {state.node.name for state in states}
        return replace(found, nodes=tuple(name for name in found.nodes if name in coming))

    # --- those who wait already -----------------------------------------------------------

    def _after_others(self, candidate: Candidate) -> _Left:
        """What is left of the machines to come after all who wait and are as important."""
        spec = candidate.pod.spec
        key = (spec.priority, candidate.pod.namespace, candidate.name, candidate.uid)
        if key not in self._left:
            ahead = [
                other
                for other in self.snapshot.waiting
                if other.pod.spec.priority >= spec.priority
                and not (other.pod.spec.gates or other.pod.terminating or other.nominated_node)
                and not same_pod(other, candidate)
            ]
            self._left[key] = self._placed(ahead)
        return self._left[key]

    def _placed(self, ahead: Iterable[Candidate]) -> _Left:
        left = _Left(
            list(self.starting),
            {machine.pool.name: [] for machine in self.machines},
            {machine.pool.name: machine.left for machine in self.machines},
        )
        for other in ahead:
            size = _size_of(other.pod.spec)
            if not self._seated(other, size, left):
                self._seated_in_pool(other, size, left)
        return left

    def _seated(self, other: Candidate, size: _Size, left: _Left) -> bool:
        """Put a pod on the first machine that is starting, has room for it and would take it."""
        for place, state in enumerate(left.starting):
            if _has_room(state, size) and self._would_take(other, size, self.starting[place]):
                left.starting[place] = with_pods(state, (other.pod,))
                return True
        return False

    def _seated_in_pool(self, other: Candidate, size: _Size, left: _Left) -> None:
        taking = [m for m in self.machines if self._would_take(other, size, m.state)]
        for name in (machine.pool.name for machine in taking):
            opened = left.opened[name]
            place = left.full.get((name, size), 0)
            while place < len(opened) and not _has_room(opened[place], size):
                place += 1
            left.full[name, size] = place
            if place < len(opened):
                opened[place] = with_pods(opened[place], (other.pod,))
                return
        for machine in taking:
            name = machine.pool.name
            if left.more[name]:
                fresh = machine.fresh(len(left.opened[name]) + 1)
                left.opened[name].append(with_pods(fresh, (other.pod,)))
                left.more[name] -= 1
                return

    def _would_take(self, other: Candidate, size: _Size, state: NodeState) -> bool:
        """Whether a machine takes a pod of this size; disks and other pods are left aside."""
        key = (state.node.name, size)
        if key not in self._takes:
            spec = replace(
                other.pod.spec, volumes=(), spread=(), affinity=(), anti_affinity=(), host_ports=()
            )
            alone = replace(other, pod=replace(other.pod, spec=spec))
            self._takes[key] = bool(self._asked(alone, [state]).nodes)
        return self._takes[key]


def _rooms(machine: Machine, left: _Left, size: _Size) -> list[NodeState]:
    """The machines of a pool with room for a pod: of those that others bring, and one more."""
    opened = left.opened[machine.pool.name]
    room = [state for state in opened if _has_room(state, size)]
    return [*room, machine.fresh(len(opened) + 1)] if left.more[machine.pool.name] else room


def _has_room(state: NodeState, size: _Size) -> bool:
    allocatable, used = state.node.allocatable, state.used
    for name, amount in size.requests:
        if amount > allocatable.get(name, 0) - used.get(name, 0):
            return False
    return True


def _size_of(spec: PodSpec) -> _Size:
    return _Size(
        tuple(sorted((name, amount) for name, amount in spec.requests.items() if amount)),
        (
            spec.scheduler_name,
            tuple(sorted(spec.node_selector.items())),
            spec.node_terms,
            spec.tolerations,
            spec.resource_claims,
            spec.features,
        ),
    )


def _all_there(taking: Sequence[Machine]) -> Reason:
    """Why the pools that have such machines add none for this."""
    names = ", ".join(machine.pool.name for machine in taking)
    most = sum(machine.pool.max_nodes for machine in taking)
    if any(machine.left for machine in taking):
        told = "The last machines that may be added are for servers that wait already."
        return Reason(POOL, f"pool {names} adds its last machines for others", detail=told)
    there = "the only one is there" if most == 1 else f"all {most} are there"
    told = f"No more machines may be added: {there}."
    return Reason(POOL, f"pool {names} has all of its {most} machines", detail=told)


def _about(minutes: int | None) -> str:
    if minutes is None:
        return "A new machine has to be added."
    return f"A new machine has to be added, which takes about {minutes} min."
