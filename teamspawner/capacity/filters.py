# ruff: noqa: D102 - what a filter's methods do is said once, on Filter
"""The filters that look at one node alone: cordon, name, taints, labels, ports, resources.

Sources: kube-scheduler plugins ``nodeunschedulable``, ``nodename``, ``tainttoleration``,
``nodeaffinity``, ``nodeports``, ``noderesources/fit.go``.
"""

from __future__ import annotations

from dataclasses import dataclass

from teamspawner.capacity.filtering import Change, Filter, Reasons
from teamspawner.capacity.matching import (
    node_selected,
    port_key,
    port_taken,
    tolerates,
    untolerated,
)
from teamspawner.capacity.objects import (
    HostPort,
    Node,
    NodeState,
    NodeTerm,
    PodSpec,
    Snapshot,
    Taint,
)
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason

_CORDONED = Reason("NodeUnschedulable", "node(s) were unschedulable", resolvable=False)
_CORDON_TAINT = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")
_OTHER_NAME = Reason("NodeName", "node(s) didn't match the requested node name", resolvable=False)
_NOT_SELECTED = Reason(
    "NodeAffinity", "node(s) didn't match Pod's node affinity/selector", resolvable=False
)
_NOT_NAMED = Reason(
    "NodeAffinity", "node(s) didn't satisfy plugin(s) [NodeAffinity]", resolvable=False
)
_CONFLICT = Reason("NodeAffinity", "pod affinity terms conflict", resolvable=False)
_PORTS = Reason("NodePorts", "node(s) didn't have free ports for the requested pod ports")
_PODS = Reason("NodeResourcesFit", "Too many pods", resource="pods")
_CORE = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True, slots=True)
class Placement(Filter):
    """Cordon, node name, taints and node labels: what no pod leaving can change.

    Attributes:
        named: The only nodes that required affinity lets be looked at; None for all.
        keys: The labels that selector and affinity look at; None when a term looks at names.
        selected: What nodes with these values of ``keys`` answered: nodes are few sorts.
    """

    spec: PodSpec
    taints: dict[tuple[Taint, ...], Reasons]
    through_cordon: bool
    named: frozenset[str] | None
    keys: tuple[str, ...] | None
    selected: dict[tuple[str | None, ...], bool]

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        del change
        node, spec = state.node, self.spec
        found: Reasons = ()
        if self.named is not None and node.name not in self.named:
            found += (_NOT_NAMED if self.named else _CONFLICT,)
        if node.unschedulable and not self.through_cordon:
            found += (_CORDONED,)
        if spec.node_name and spec.node_name != node.name:
            found += (_OTHER_NAME,)
        if node.taints:
            found += self._tainted(node.taints)
        if found and found[0].plugin == "NodeAffinity":
            return found
        if (spec.node_selector or spec.node_terms is not None) and not self._selected(node):
            found += (_NOT_SELECTED,)
        return found

    def _selected(self, node: Node) -> bool:
        if self.keys is None:
            return node_selected(self.spec.node_selector, self.spec.node_terms, node)
        values = tuple(map(node.labels.get, self.keys))
        known = self.selected.get(values)
        if known is None:
            known = node_selected(self.spec.node_selector, self.spec.node_terms, node)
            self.selected[values] = known
        return known

    def _tainted(self, taints: tuple[Taint, ...]) -> Reasons:
        known = self.taints.get(taints)
        if known is None:
            taint = untolerated(taints, self.spec.tolerations)
            known = () if taint is None else (_untolerated(taint),)
            self.taints[taints] = known
        return known


def _untolerated(taint: Taint) -> Reason:
    value = f"={taint.value}" if taint.value else ""
    return Reason(
        "TaintToleration",
        "node(s) had untolerated taint(s)",
        resolvable=False,
        detail=f"{taint.key}{value}:{taint.effect}",
    )


def placement(spec: PodSpec) -> Placement:
    """Prepare the filters about the node itself."""
    through_cordon = any(tolerates(t, _CORDON_TAINT) for t in spec.tolerations)
    return Placement(spec, {}, through_cordon, _named(spec.node_terms), _keys(spec), {})


def _keys(spec: PodSpec) -> tuple[str, ...] | None:
    terms = spec.node_terms or ()
    if any(term.fields for term in terms):
        return None
    asked = (each.key for term in terms for each in term.expressions)
    return tuple(dict.fromkeys([*spec.node_selector, *asked]))


def _named(terms: tuple[NodeTerm, ...] | None) -> frozenset[str] | None:
    """Return the nodes that required affinity names; None when a term leaves the name open."""
    if not terms:
        return None
    found: frozenset[str] = frozenset()
    for term in terms:
        names = [
            frozenset(each.values)
            for each in term.fields
            if each.key == "metadata.name" and each.operator == "In"
        ]
        if not names:
            return None
        found |= frozenset.intersection(*names)
    return found


@dataclass(frozen=True, slots=True)
class Ports(Filter):
    """NodePorts: the host ports asked for are free."""

    wanted: tuple[HostPort, ...]

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        """Ports are a set per node: a pod that leaves frees a port others hold too."""
        taken = {port_key(port) for pod in state.pods for port in pod.spec.host_ports}
        taken -= {port_key(port) for pod in change.gone for port in pod.spec.host_ports}
        taken |= {port_key(port) for pod in change.come for port in pod.spec.host_ports}
        return (_PORTS,) if any(port_taken(port, taken) for port in self.wanted) else ()


def ports(spec: PodSpec) -> Ports | None:
    """Prepare NodePorts; None when no host port is asked for."""
    return Ports(spec.host_ports) if spec.host_ports else None


@dataclass(frozen=True, slots=True)
class Fit(Filter):
    """NodeResourcesFit: the node has room for one more pod and for what it requests.

    Attributes:
        requests: Resources with an amount above zero, core ones first.
        by_class: Of those, what a DeviceClass may serve where the node has none.
        reasons: The two reasons of each resource: too little now, and too little at all.
    """

    requests: tuple[tuple[str, int], ...]
    by_class: frozenset[str]
    reasons: dict[tuple[str, bool], Reason]

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        del change
        allocatable, used = state.node.allocatable, state.used
        found: Reasons = ()
        if len(state.pods) + 1 > allocatable.get("pods", 0):
            found += (_PODS,)
        for name, amount in self.requests:
            total = allocatable.get(name, 0)
            if amount > total - used.get(name, 0):
                found += (self._short(name, amount, total),)
        return found

    def _short(self, name: str, amount: int, total: int) -> Reason:
        if name in self.by_class and total <= 0:
            return _served_by_class(name)
        return self.reasons[name, amount <= total]

    def room(self, state: NodeState) -> int:
        """Return how many such pods the node's resources hold; above 0 where the filter passes."""
        allocatable, used = state.node.allocatable, state.used
        most = allocatable.get("pods", 0) - len(state.pods)
        for name, amount in self.requests:
            here = (allocatable.get(name, 0) - used.get(name, 0)) // amount
            if here < most:  # noqa: PLR1730 - asked of every node, and twice as quick
                most = here
        return max(most, 0)


def _served_by_class(name: str) -> Reason:
    return Reason(
        "DynamicResources",
        f"{name} may be served by a DeviceClass, whose devices are not counted",
        resource=name,
        resolvable=False,
        detail="resourceslices",
        unknown=True,
    )


def fit(spec: PodSpec, snapshot: Snapshot, rules: Rules) -> Fit:
    """Prepare NodeResourcesFit."""
    asked = {name: amount for name, amount in spec.requests.items() if amount > 0}
    order = [name for name in _CORE if name in asked]
    order += sorted(filter(is_scalar, asked))
    reasons = {
        (name, resolvable): Reason(
            "NodeResourcesFit", f"Insufficient {name}", resolvable=resolvable, resource=name
        )
        for name in order
        for resolvable in (True, False)
    }
    by_class: frozenset[str] = frozenset()
    if rules.classes_serve_devices:
        extended = frozenset(name for name in order if is_extended(name))
        unseen = "deviceclasses" in snapshot.unseen
        by_class = extended if unseen else extended & snapshot.extended_by_class
    return Fit(tuple((name, asked[name]) for name in order), by_class, reasons)


def is_scalar(name: str) -> bool:
    """Tell whether the scheduler counts a resource besides cpu, memory and ephemeral storage."""
    prefixes = ("hugepages-", "attachable-volumes-")
    return is_extended(name) or name.startswith(prefixes) or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Tell whether a resource is an extended one (API helper ``IsExtendedResourceName``)."""
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")
