"""What an autoscaler could add: the machine that each pool of the map would bring.

A machine of a pool is what the map says of it, and for the rest what the machines
that are there already have in common, as the cluster autoscaler takes one for its
template. Pure arithmetic: whether the autoscaler obeys is seen by whoever waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from teamspawner.capacity.context import total
from teamspawner.capacity.objects import (
    Candidate,
    Labels,
    Node,
    NodeState,
    Pod,
    PodSpec,
    Resources,
    Snapshot,
    Taint,
)
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.map import Pool
from teamspawner.offers.scene import Judge
from teamspawner.offers.sentences import POOL
from teamspawner.offers.usable import is_passing, selects

_HOST = "kubernetes.io/hostname"
_PODS = 110
_FULL = frozenset({Status.BUSY, Status.NEVER})


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that a pool would bring next, as if it were there with what always runs on it.

    Attributes:
        state: Its node is named ``pool:NAME``, which no node of a cluster can be.
        there: How many machines of the pool there are.
    """

    pool: Pool
    state: NodeState
    there: int

    @property
    def may_come(self) -> bool:
        """Whether the pool has fewer machines than it may have."""
        return self.there < self.pool.max_nodes


@dataclass(slots=True)
class Pools:
    """Follows the machines of each pool; a change costs the nodes that changed."""

    pools: tuple[Pool, ...]
    generation: int = 0
    """Grows whenever a machine that could come may have changed."""
    _there: dict[str, dict[str, tuple[Node, Resources]]] = field(default_factory=dict)
    _machines: tuple[Machine, ...] | None = None

    def follow(self, names: Iterable[str], nodes: Mapping[str, NodeState]) -> None:
        """Look at the nodes of these names anew; one that is not in ``nodes`` is gone."""
        changed = tuple(names) if self.pools else ()
        for pool in self.pools:
            there = self._there.setdefault(pool.name, {})
            for name in changed:
                state = nodes.get(name)
                known = there.get(name)
                now = None
                if state is not None and selects(pool.labels, state.node):
                    now = (state.node, total(pod for pod in state.pods if pod.spec.resident))
                if now != known:
                    self._machines = None
                    self.generation += 1
                    if now is None:
                        del there[name]
                    else:
                        there[name] = now

    def machines(self) -> tuple[Machine, ...]:
        """The machine that each pool would bring; pools without CPU or memory are left out."""
        if self._machines is None:
            made = (_machine(pool, self._there.get(pool.name, {})) for pool in self.pools)
            self._machines = tuple(machine for machine in made if machine is not None)
        return self._machines


def _machine(pool: Pool, there: Mapping[str, tuple[Node, Resources]]) -> Machine | None:
    nodes = [node for node, _ in there.values()]
    room = _room(pool, nodes)
    if not room.get("cpu") or not room.get("memory"):
        return None
    resident = _most(requests for _, requests in there.values())
    node = Node(f"pool:{pool.name}", _labels(pool, nodes), _taints(pool, nodes), allocatable=room)
    pods = (Pod("kube-system", {}, PodSpec(requests=resident, resident=True)),) if resident else ()
    return Machine(pool, NodeState(node, pods, total(pods)), len(nodes))


def _room(pool: Pool, nodes: list[Node]) -> dict[str, int]:
    """What the map says, and of everything else the least that a machine there has."""
    shared = set.intersection(*(set(node.allocatable) for node in nodes)) if nodes else set()
    room = {name: min(node.allocatable[name] for node in nodes) for name in shared}
    if pool.gpu:
        room = {name: amount for name, amount in room.items() if "/" not in name}
    said = {"cpu": pool.cpu, "memory": pool.memory, **pool.gpu}
    room |= {name: amount for name, amount in said.items() if amount is not None}
    return {"pods": _PODS, **room}


def _most(each: Iterable[Resources]) -> dict[str, int]:
    found: dict[str, int] = {}
    for requests in each:
        for name, amount in requests.items():
            found[name] = max(found.get(name, 0), amount)
    return found


def _labels(pool: Pool, nodes: list[Node]) -> Labels:
    alike = set.intersection(*(set(node.labels.items()) for node in nodes)) if nodes else set()
    common = {key: value for key, value in alike if key != _HOST}
    return common | {_HOST: f"pool-{pool.name}"} | pool.labels


def _taints(pool: Pool, nodes: list[Node]) -> tuple[Taint, ...]:
    """Those of the map, and those that all machines there have and that are no state of one."""
    said = [Taint(t.key or "", t.value, t.effect or "NoSchedule") for t in pool.taints]
    alike = [taint for taint in nodes[0].taints if not is_passing(taint)] if nodes else []
    common = [taint for taint in alike if all(taint in node.taints for node in nodes)]
    return tuple(dict.fromkeys((*said, *common)))


def with_growth(
    verdict: Verdict,
    candidate: Candidate,
    snapshot: Snapshot,
    machines: Iterable[Machine],
    judge: Judge,
) -> Verdict:
    """Say NEEDS_SCALE_UP where no machine has room and a new one would take the pod.

    A pool that has all the machines it may have leaves the verdict as it is, and
    is named among its reasons.

    Args:
        verdict: Of the machines that are there.
        candidate: The pod.
        snapshot: The cluster; it has seen nodes.
        machines: What could come.
        judge: Says what the scheduler would do with the pod on such a machine.
    """
    if verdict.status not in _FULL:
        return verdict
    taking = [each for each in machines if _takes(each, candidate, snapshot, judge)]
    coming = [machine.pool for machine in taking if machine.may_come]
    if coming:
        quickest = min(coming, key=lambda pool: (pool.minutes is None, pool.minutes or 0))
        reason = Reason(POOL, f"pool {quickest.name} may grow", detail=_about(quickest.minutes))
        return replace(verdict, status=Status.NEEDS_SCALE_UP, count=0, reasons=(reason,))
    if not taking:
        return verdict
    most = sum(machine.pool.max_nodes for machine in taking)
    names = ", ".join(machine.pool.name for machine in taking)
    told = f"No more machines may be added: all {most} are there."
    reason = Reason(POOL, f"pool {names} has all of its {most} machines", detail=told)
    return replace(verdict, reasons=(*verdict.reasons, reason))


def _about(minutes: int | None) -> str:
    return (
        "Needs a new machine." if minutes is None else f"Needs a new machine; about {minutes} min."
    )


def _takes(machine: Machine, candidate: Candidate, snapshot: Snapshot, judge: Judge) -> bool:
    """Whether the machine takes the pod; the others are looked at where they matter to it."""
    spec = candidate.pod.spec
    wide = bool(spec.spread or spec.affinity or spec.anti_affinity)
    name = machine.state.node.name
    nodes = {**(snapshot.nodes if wide else {}), name: machine.state}
    seen = replace(snapshot, nodes=nodes, changed=None, placed=frozenset())
    return name in judge(candidate, seen).nodes
