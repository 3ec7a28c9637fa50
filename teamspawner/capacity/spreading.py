# ruff: noqa: D102 - what a filter's methods do is said once, on Filter
"""PodTopologySpread: no domain may run ahead of the emptiest by more than ``maxSkew``.

Source: kube-scheduler plugin ``podtopologyspread`` (``filtering.go``, ``common.go``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from teamspawner.capacity.filtering import Change, Filter, Reasons
from teamspawner.capacity.matching import node_selected, selects, untolerated
from teamspawner.capacity.objects import (
    Labels,
    Node,
    NodeState,
    Pod,
    Requirement,
    Selector,
    Snapshot,
    Spread,
)
from teamspawner.capacity.verdict import UNREADABLE, Reason

_SKEWED = Reason("PodTopologySpread", "node(s) didn't match pod topology spread constraints")
_UNREAD = Reason(
    UNREADABLE,
    "pods or nodes that count here cannot be read",
    detail="pods, nodes",
    unknown=True,
)
_NO_LABEL = Reason(
    "PodTopologySpread",
    "node(s) didn't match pod topology spread constraints (missing required label)",
    resolvable=False,
)


@dataclass(slots=True)
class Constraint:
    """One constraint with its counts: topology value to matching pods, for included nodes."""

    spread: Spread
    selector: Selector | None
    self_matches: bool
    counts: dict[str, int] = field(default_factory=dict)
    low: int | None = None
    """The smallest of ``counts``; None when not known yet."""
    seen: dict[int, tuple[Labels, bool]] = field(default_factory=dict)
    """Answers by identity of the labels, which are kept alive here."""

    def matches(self, labels: Labels) -> bool:
        """Tell whether the selector takes these labels; equal labels are asked about once."""
        known = self.seen.get(id(labels))
        if known is None:
            known = self.seen[id(labels)] = (labels, selects(self.selector, labels))
        return known[1]

    def skew(self, value: str, moved: int) -> int:
        """Return the skew with the pod in a domain whose count has changed by ``moved``."""
        here = self.counts.get(value, 0) + moved
        least = self._least(value, here)
        if len(self.counts) < (self.spread.min_domains or 1):
            least = 0
        return here + self.self_matches - least

    def _least(self, value: str, here: int) -> int:
        if here == self.counts.get(value, here):
            if self.low is None:
                self.low = min(self.counts.values(), default=0)
            return self.low
        others = (count for domain, count in self.counts.items() if domain != value)
        return min(here, min(others, default=here))


@dataclass(frozen=True, slots=True)
class Spreading(Filter):
    """The constraints of one candidate over the whole snapshot."""

    pod: Pod
    constraints: tuple[Constraint, ...]
    doubtful: bool = False
    """Whether pods or nodes that cannot be read may count, so that no count is known."""

    @property
    def local(self) -> bool:
        """Pods on other nodes count."""
        return False

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        labels = state.node.labels
        for index, constraint in enumerate(self.constraints):
            value = labels.get(constraint.spread.topology_key)
            if value is None:
                return (_NO_LABEL,)
            if self.doubtful:
                return (_UNREAD,)
            moved = self._moved(index, state.node, change) if change.gone or change.come else 0
            if constraint.skew(value, moved) > constraint.spread.max_skew:
                return (_SKEWED,)
        return ()

    def emptied(self, state: NodeState) -> Reasons:
        """Domains level out as pods end; a missing label stays missing."""
        keys = [constraint.spread.topology_key for constraint in self.constraints]
        return () if all(key in state.node.labels for key in keys) else (_NO_LABEL,)

    def placed(self, node: Node, pod: Pod) -> None:
        """Count a pod just put on a node."""
        for index, constraint in enumerate(self.constraints):
            value = node.labels[constraint.spread.topology_key]
            constraint.counts[value] += self._moved(index, node, Change(come=(pod,)))
            constraint.low = None

    def _moved(self, index: int, node: Node, change: Change) -> int:
        """Return by how much a change on a node alters its domain's count.

        Unlike the first count, this one takes in terminating pods, as the scheduler does.
        """
        constraint = self.constraints[index]
        if not self.included(constraint, node):
            return 0

        def count(pods: Iterable[Pod]) -> int:
            same = (pod for pod in pods if pod.namespace == self.pod.namespace)
            return sum(constraint.matches(pod.labels) for pod in same)

        return count(change.come) - count(change.gone)

    def included(self, constraint: Constraint, node: Node) -> bool:
        """Tell whether a node's domain takes part: it has every key and meets the policies."""
        if any(c.spread.topology_key not in node.labels for c in self.constraints):
            return False
        spec, spread = self.pod.spec, constraint.spread
        if spread.node_affinity_policy == "Honor" and not node_selected(
            spec.node_selector, spec.node_terms, node
        ):
            return False
        honor = spread.node_taints_policy == "Honor"
        return not (honor and untolerated(node.taints, spec.tolerations))


def spreading(pod: Pod, snapshot: Snapshot) -> Spreading | None:
    """Prepare PodTopologySpread by counting every placed pod; None without constraints."""
    if not pod.spec.spread:
        return None
    constraints = tuple(_constraint(spread, pod) for spread in pod.spec.spread)
    prepared = Spreading(pod, constraints, bool(snapshot.unread))
    for state in snapshot.nodes.values():
        for constraint in constraints:
            if prepared.included(constraint, state.node):
                value = state.node.labels[constraint.spread.topology_key]
                found = _count(constraint, state.pods, pod.namespace)
                constraint.counts[value] = constraint.counts.get(value, 0) + found
    return prepared


def _constraint(spread: Spread, pod: Pod) -> Constraint:
    selector = spread.selector
    own = tuple(
        Requirement(key, "In", (pod.labels[key],))
        for key in spread.match_label_keys
        if key in pod.labels
    )
    if selector is not None and own:
        selector = Selector((*own, *selector.requirements))
    return Constraint(spread, selector, selects(selector, pod.labels))


def _count(constraint: Constraint, pods: tuple[Pod, ...], namespace: str) -> int:
    if constraint.selector is None or not constraint.selector.requirements:
        return 0
    return sum(
        1
        for pod in pods
        if pod.namespace == namespace and not pod.terminating and constraint.matches(pod.labels)
    )
