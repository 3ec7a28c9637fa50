# ruff: noqa: D102 - what a filter's methods do is said once, on Filter
"""VolumeZone: the zone and region labels of bound volumes match the node's.

Source: kube-scheduler plugin ``volumezone``.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from teamspawner.capacity.filtering import Change, Filter, Reasons
from teamspawner.capacity.objects import Candidate, NodeState, Snapshot
from teamspawner.capacity.verdict import Reason

_ZONE, _REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
_BETA_ZONE = "failure-domain.beta.kubernetes.io/zone"
_BETA_REGION = "failure-domain.beta.kubernetes.io/region"
_TOPOLOGY = (_BETA_ZONE, _BETA_REGION, _ZONE, _REGION)
_GENERAL = {_BETA_ZONE: _ZONE, _BETA_REGION: _REGION}
_NO_ZONE = Reason("VolumeZone", "node(s) had no available volume zone", resolvable=False)


@dataclass(frozen=True, slots=True)
class Zones(Filter):
    """VolumeZone: the zone and region labels of bound volumes match the node's."""

    wanted: tuple[tuple[str, frozenset[str]], ...]

    @property
    def sort(self) -> Hashable:
        return self.wanted

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        del change
        labels = state.node.labels
        if not any(key in labels for key in _TOPOLOGY):
            return ()
        for key, values in self.wanted:
            value = labels.get(key)
            if value is None:
                value = labels.get(_GENERAL.get(key, key))
            if value not in values:
                return (_NO_ZONE,)
        return ()


def zones(candidate: Candidate, snapshot: Snapshot) -> Zones | None:
    """Prepare VolumeZone, for claims of the pod itself only; None when no volume names a zone."""
    wanted: list[tuple[str, frozenset[str]]] = []
    for use in candidate.pod.spec.volumes:
        claim = snapshot.storage.claims.get((candidate.pod.namespace, use.name))
        if use.kind != "claim" or claim is None:
            continue
        volume = snapshot.storage.volumes.get(claim.volume)
        labels = volume.labels if volume is not None else {}
        for key in _TOPOLOGY:
            parts = labels.get(key, "").split("__")
            if all(parts):
                wanted.append((key, frozenset(parts)))
    return Zones(tuple(wanted)) if wanted else None
