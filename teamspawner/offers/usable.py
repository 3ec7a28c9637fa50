"""Which nodes a tier means, and which of them take new servers at all."""

from __future__ import annotations

from collections.abc import Mapping

from teamspawner.capacity.objects import Node, Taint

_TOLD_BY_TAINTS = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
_LEAVING = frozenset({"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"})


def selects(selector: Mapping[str, str], node: Node) -> bool:
    """Whether a node has all these labels."""
    return all(node.labels.get(key) == value for key, value in selector.items())


def is_usable(node: Node) -> bool:
    """Whether a node can take new servers at all: ready, not cordoned, not leaving."""
    away = any(t.effect != "PreferNoSchedule" and is_passing(t) for t in node.taints)
    return node.ready and not node.unschedulable and not away


def is_passing(taint: Taint) -> bool:
    """Whether a taint tells of a state that passes: not ready, under pressure, leaving."""
    return taint.key.startswith(_TOLD_BY_TAINTS) or taint.key in _LEAVING
