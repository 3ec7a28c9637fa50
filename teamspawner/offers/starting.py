"""Machines that have registered and are still starting, as they will be once they are ready.

Only young nodes are believed to be starting; an old one that is not ready is broken. What
a node does not show yet is taken from the machines of its group, as the cluster
autoscaler takes a ready node of a group for its template. Pure: the time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from teamspawner.capacity.accelerators import devices_of, is_accelerator
from teamspawner.capacity.objects import Labels, Node, NodeState, Resources, Taint
from teamspawner.map import Pool
from teamspawner.offers.usable import is_usable, selects

STARTS_WITHIN = timedelta(minutes=15)
"""How long after it registered a node may be called starting.

The cluster autoscaler calls one that is not ready ``notStarted`` for as long, and unready
from then on (``MaxNodeStartupTime`` in its ``clusterstate.go``).
"""

_KEYS = frozenset(
    {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/network-unavailable",
        "node.cloudprovider.kubernetes.io/uninitialized",
        "karpenter.sh/unregistered",
    }
)
_DOMAINS = (
    "startup-taint.cluster-autoscaler.kubernetes.io/",
    "ignore-taint.cluster-autoscaler.kubernetes.io/",
)
_AGENT = "/agent-not-ready"
"""How taints end that an agent on the node takes away: those of Cilium and of CSI drivers."""
_GROUPS = (
    "karpenter.sh/nodepool",
    "eks.amazonaws.com/nodegroup",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
)
_TYPE = "node.kubernetes.io/instance-type"

_Group = tuple[str, str, str]
"""What tells the machines of one group: the label or pool, its value, and the type of machine."""


class _Known(NamedTuple):
    """A node as it was read last, and the group it is a template of; None for none."""

    node: Node
    group: _Group | None


@dataclass(slots=True)
class Starting:
    """Follows young nodes that lack something, and the ready ones that tell what they lack."""

    pools: tuple[Pool, ...] = ()
    _known: dict[str, _Known] = field(default_factory=dict)
    _lacking: dict[str, datetime] = field(default_factory=dict)
    _groups: dict[_Group, dict[str, Node]] = field(default_factory=dict)

    def follow(self, names: Iterable[str], nodes: Mapping[str, NodeState]) -> None:
        """Look at the nodes of these names anew; one that is not in ``nodes`` is gone."""
        for name in names:
            state, known = nodes.get(name), self._known.get(name)
            if state is None or known is None or known.node is not state.node:
                self._forget(name, known)
                if state is not None:
                    self._file(state.node)

    def machines(
        self, nodes: Mapping[str, NodeState], now: datetime | None
    ) -> tuple[NodeState, ...]:
        """The nodes that are starting, as they will be when they are ready, by name.

        Args:
            nodes: The nodes followed, with what is on them.
            now: The time to count ages to; None says nothing of any node.
        """
        if now is None or not self._lacking:
            return ()
        for name in [n for n, born in self._lacking.items() if not _is_young(born, now)]:
            del self._lacking[name]
        made = (self._ready(nodes[name]) for name in sorted(self._lacking))
        return tuple(state for state in made if state is not None)

    def _forget(self, name: str, known: _Known | None) -> None:
        self._known.pop(name, None)
        self._lacking.pop(name, None)
        if known is not None and known.group is not None:
            members = self._groups[known.group]
            members.pop(name, None)
            if not members:
                del self._groups[known.group]

    def _file(self, node: Node) -> None:
        """Note what a node lacks, or keep it with its group, as one to take for a template."""
        group = _group(node, self.pools) if is_usable(node) and _devices(node) else None
        self._known[node.name] = _Known(node, group)
        if group is not None:
            self._groups.setdefault(group, {})[node.name] = node
        if node.created is not None and self._lacks(node):
            self._lacking[node.name] = node.created

    def _lacks(self, node: Node) -> bool:
        """Whether a node may lack something that it will have when it is ready."""
        if not node.ready or any(_passes(taint) for taint in node.taints):
            return True
        group = None if _devices(node) else _group(node, self.pools)
        return group is not None or any(d.trouble == "driver" for d in devices_of(node))

    def _ready(self, state: NodeState) -> NodeState | None:
        """The node as it will be; None when it lacks nothing, or was in use already."""
        node = state.node
        taints = tuple(taint for taint in node.taints if not _passes(taint))
        devices, labels = self._missing(node)
        if any(state.used.get(name) for name in devices):
            return None  # they were there, and are gone
        if not node.ready or taints != node.taints:
            if not all(pod.spec.resident for pod in state.pods):
                return None  # it was ready before
        elif not devices:
            return None
        whole = replace(
            node,
            ready=True,
            taints=taints,
            labels={**labels, **node.labels},
            allocatable={**node.allocatable, **devices},
        )
        return replace(state, node=whole)

    def _missing(self, node: Node) -> tuple[Resources, Labels]:
        """Devices that a node does not have yet, with the labels that come with them."""
        if _devices(node):
            return {}, {}
        told = {d.resource: _count(d.physical, d.shared_by) for d in devices_of(node)}
        if any(told.values()):
            return {name: count for name, count in told.items() if count}, {}
        group = _group(node, self.pools)
        alike = list(self._groups.get(group, {}).values()) if group else []
        if alike:
            devices = dict(_least(map(_devices, alike)))
            return devices, dict(_common(alike, devices))
        said = (pool.gpu for pool in self.pools if pool.gpu and selects(pool.labels, node))
        return next(said, {}), {}


def _is_young(born: datetime, now: datetime) -> bool:
    """Whether that is within the limit; a clock that is far off tells nothing."""
    return abs(now - born) <= STARTS_WITHIN


def _passes(taint: Taint) -> bool:
    """Whether a taint goes away by itself when a node has started."""
    key = taint.key
    return key in _KEYS or key.startswith(_DOMAINS) or key.endswith(_AGENT)


def _count(physical: int | None, shared_by: int | None) -> int:
    return (physical or 0) * (shared_by or 1)


def _devices(node: Node) -> dict[str, int]:
    return {
        name: amount
        for name, amount in node.allocatable.items()
        if amount > 0 and is_accelerator(name)
    }


def _group(node: Node, pools: Iterable[Pool]) -> _Group | None:
    """The group of machines a node is of, as its labels or the map tell; None when none does."""
    kind = node.labels.get(_TYPE, "")
    for key in _GROUPS:
        if key in node.labels:
            return key, node.labels[key], kind
    named = (pool.name for pool in pools if pool.labels and selects(pool.labels, node))
    return next((("", name, kind) for name in named), None)


def _least(each: Iterable[Resources]) -> Iterator[tuple[str, int]]:
    """What all of them have, and the least of it."""
    found = list(each)
    for name in sorted(set.intersection(*map(set, found))):
        yield name, min(amounts[name] for amounts in found)


def _common(nodes: list[Node], devices: Resources) -> Iterator[tuple[str, str]]:
    """Labels that say the same of all of them, in the domains of their devices."""
    domains = {name.partition("/")[0] for name in devices}
    for key, value in nodes[0].labels.items():
        domain, slash, _ = key.partition("/")
        mine = slash and any(domain == d or domain.endswith(f".{d}") for d in domains)
        if mine and all(node.labels.get(key) == value for node in nodes):
            yield key, value
