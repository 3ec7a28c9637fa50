"""What help is on its way where no machine has room: one that is starting, or one a pool adds.

Whoever waits already comes first: what starting pods and starts under way will take of
those machines is not promised twice.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from teamspawner.capacity.context import with_pods
from teamspawner.capacity.objects import Candidate, NodeState, PodSpec, Snapshot
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.offers.pools import Machine
from teamspawner.offers.scene import Judge
from teamspawner.offers.sentences import POOL

__all__ = ["Growth"]

_FULL = frozenset({Status.BUSY, Status.NEVER})


@dataclass(slots=True)
class _Left:
    """Machines to come with those on them who wait already, and how many more each pool may add."""

    starting: list[NodeState]
    opened: dict[str, list[NodeState]]
    more: dict[str, int]


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
                verdict, status=Status.NODE_COMING, count=coming.count, reasons=(reason,)
            )
        return self._grown(verdict, candidate, left)

    def _grown(self, verdict: Verdict, candidate: Candidate, left: _Left) -> Verdict:
        able = self._asked(candidate, [machine.state for machine in self.machines]).nodes
        taking = [machine for machine in self.machines if machine.state.node.name in able]
        if not taking:
            return verdict
        rooms = {each.pool.name: _room(each, left) for each in taking}
        found = self._asked(candidate, [state for states in rooms.values() for state in states])
        names = set(found.nodes)
        growing = [m for m in taking if any(s.node.name in names for s in rooms[m.pool.name])]
        if not growing:
            return replace(verdict, reasons=(*verdict.reasons, _all_there(taking)))
        pool = min((m.pool for m in growing), key=lambda p: (p.minutes is None, p.minutes or 0))
        reason = Reason(POOL, f"pool {pool.name} may grow", detail=_about(pool.minutes))
        count = None if found.count is None else found.count
        if count is not None:
            count += sum(self._further(candidate, m, left.more[m.pool.name] - 1) for m in growing)
        return replace(verdict, status=Status.NEEDS_SCALE_UP, count=count, reasons=(reason,))

    def _further(self, candidate: Candidate, machine: Machine, more: int) -> int:
        """How many more pods fit for so many machines more: a disk of one's own fits only once."""
        if more < 1:
            return 0
        first, second = machine.fresh(-1), machine.fresh(-2)
        one = self._asked(candidate, [first]).count or 0
        return more * max(0, (self._asked(candidate, [first, second]).count or 0) - one)

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
                and not (other.pod.spec.gates or other.nominated_node or _same(other, candidate))
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
            if not self._seated(other, left.starting, self.starting):
                self._seated_in_pool(other, left)
        return left

    def _seated_in_pool(self, other: Candidate, left: _Left) -> None:
        taking = [machine for machine in self.machines if self._would_take(other, machine.state)]
        for machine in taking:
            opened = left.opened[machine.pool.name]
            if self._seated(other, opened, [machine.state] * len(opened)):
                return
        for machine in taking:
            name = machine.pool.name
            if left.more[name]:
                fresh = machine.fresh(len(left.opened[name]) + 1)
                left.opened[name].append(with_pods(fresh, (other.pod,)))
                left.more[name] -= 1
                return

    def _seated(
        self, other: Candidate, states: list[NodeState], origins: Sequence[NodeState]
    ) -> bool:
        """Put a pod on the first machine with room for it that would take it when empty."""
        for place, (state, origin) in enumerate(zip(states, origins, strict=True)):
            if _has_room(state, other.pod.spec) and self._would_take(other, origin):
                states[place] = with_pods(state, (other.pod,))
                return True
        return False

    def _would_take(self, other: Candidate, state: NodeState) -> bool:
        """Whether a machine takes a pod of this size; disks and other pods are left aside."""
        key = (state.node.name, *_size_of(other.pod.spec))
        if key not in self._takes:
            spec = replace(
                other.pod.spec, volumes=(), spread=(), affinity=(), anti_affinity=(), host_ports=()
            )
            alone = replace(other, pod=replace(other.pod, spec=spec))
            self._takes[key] = bool(self._asked(alone, [state]).nodes)
        return self._takes[key]


def _room(machine: Machine, left: _Left) -> list[NodeState]:
    """The machines of a pool that may still take a pod: those on order, and one more."""
    name = machine.pool.name
    opened = left.opened[name]
    return [*opened, machine.fresh(len(opened) + 1)] if left.more[name] else opened


def _has_room(state: NodeState, spec: PodSpec) -> bool:
    return all(amount <= state.free(name) for name, amount in spec.requests.items() if amount)


def _size_of(spec: PodSpec) -> tuple[Hashable, ...]:
    return (
        tuple(sorted(spec.requests.items())),
        spec.scheduler_name,
        tuple(sorted(spec.node_selector.items())),
        spec.node_terms,
        spec.tolerations,
    )


def _same(one: Candidate, other: Candidate) -> bool:
    """Tell whether two candidates are one pod: by uid, else by name where one has no uid."""
    if one.uid and other.uid:
        return one.uid == other.uid
    return bool(one.name) and (one.pod.namespace, one.name) == (other.pod.namespace, other.name)


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
        return "Needs a new machine."
    return f"Needs a new machine, which takes about {minutes} min."
