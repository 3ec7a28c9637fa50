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
    Labels,
    Node,
    NodeState,
    Pod,
    PodSpec,
    Resources,
    Taint,
)
from teamspawner.map import Pool
from teamspawner.offers.usable import is_passing, is_usable, selects

_HOST = "kubernetes.io/hostname"
_PODS = 110


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
    def left(self) -> int:
        """How many machines the pool may still add."""
        return max(0, self.pool.max_nodes - self.there)

    def fresh(self, number: int) -> NodeState:
        """One of the machines that may come, under a name and a host name of its own."""
        node = self.state.node
        labels = {**node.labels, _HOST: f"pool-{self.pool.name}-{number}"}
        return replace(self.state, node=replace(node, name=f"{node.name}:{number}", labels=labels))


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
    nodes = [node for node in nodes if is_usable(node)] or nodes  # one may still be starting
    room = _room(pool, nodes)
    if not room.get("cpu") or not room.get("memory"):
        return None
    resident = _most(requests for _, requests in there.values())
    node = Node(f"pool:{pool.name}", _labels(pool, nodes), _taints(pool, nodes), allocatable=room)
    pods = (Pod("kube-system", {}, PodSpec(requests=resident, resident=True)),) if resident else ()
    return Machine(pool, NodeState(node, pods, total(pods)), len(there))


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
