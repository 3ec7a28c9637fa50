# ruff: noqa: D102 - what a filter's methods do is said once, on Filter
"""NodeDeclaredFeatures: the kubelet has what the pod needs of it.

Source: kube-scheduler plugin ``nodedeclaredfeatures``.
"""

from __future__ import annotations

from dataclasses import dataclass

from teamspawner.capacity.filtering import Change, Filter, Reasons
from teamspawner.capacity.objects import NodeState, PodSpec
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason


@dataclass(frozen=True, slots=True)
class Features(Filter):
    """The features that the pod needs and older kubelets lack."""

    wanted: frozenset[str]

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        del change
        lacking = self.wanted - state.node.features
        if not lacking:
            return ()
        message = "node(s) didn't match Pod's required features"
        detail = ", ".join(sorted(lacking))
        return (Reason("NodeDeclaredFeatures", message, resolvable=False, detail=detail),)


def features(spec: PodSpec, rules: Rules) -> Features | None:
    """Prepare NodeDeclaredFeatures; None when nothing is needed, or the version does not ask."""
    if not spec.features or not rules.declared_features:
        return None
    return Features(frozenset(spec.features))
