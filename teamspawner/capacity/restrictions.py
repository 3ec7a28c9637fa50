# ruff: noqa: D102 - what a filter's methods do is said once, on Filter
"""VolumeRestrictions: disks and claims that only one pod may use.

Source: kube-scheduler plugin ``volumerestrictions``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from teamspawner.capacity.filtering import NO_CHANGE, Change, Filter, Reasons
from teamspawner.capacity.objects import Candidate, NodeState, Pod, Snapshot, VolumeUse
from teamspawner.capacity.verdict import UNREADABLE, Reason

_READ_ONLY_SHARES = frozenset({"gcePersistentDisk", "iscsi", "rbd"})
_GUARDED = _READ_ONLY_SHARES | {"awsElasticBlockStore"}
"""Disks named in pods that two pods on a node may not both use."""

_DISK_CONFLICT = Reason(
    "VolumeRestrictions", "node(s) had no available disk", detail="the disk is in use there"
)
_ONE_POD_ONLY = Reason(
    "VolumeRestrictions",
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode"
    " already in-use by another pod",
)


_UNREAD = Reason(
    UNREADABLE,
    "a pod that cannot be read may use the ReadWriteOncePod claim",
    detail="pods",
    unknown=True,
)


@dataclass(frozen=True, slots=True)
class Restrictions(Filter):
    """VolumeRestrictions: legacy disks on one node, ReadWriteOncePod claims in the cluster.

    Attributes:
        disks: The legacy disks of the candidate.
        single: Names of its ReadWriteOncePod claims.
        in_use: How many of those a placed pod uses.
        doubtful: Whether a pod that cannot be read may use one.
    """

    disks: tuple[VolumeUse, ...]
    single: frozenset[str]
    in_use: int
    doubtful: bool = False

    @property
    def local(self) -> bool:
        """A ReadWriteOncePod claim may be in use on any node."""
        return not self.single

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        for disk in self.disks:
            if any(_disk_conflict(disk, use) for pod in state.pods for use in pod.spec.volumes):
                return (_DISK_CONFLICT,)
        counted = self.in_use or self.disks
        if counted and self.in_use + self._moved(change) > 0:
            return (_ONE_POD_ONLY,)
        return (_UNREAD,) if self.doubtful else ()

    def _moved(self, change: Change) -> int:
        """Count by claim name alone, whatever the namespace, as the scheduler does."""
        return sum(map(self._uses, change.come)) - sum(map(self._uses, change.gone))

    def _uses(self, pod: Pod) -> int:
        return sum(1 for v in pod.spec.volumes if v.kind == "claim" and v.name in self.single)

    def emptied(self, state: NodeState) -> Reasons:
        """A claim in use elsewhere is freed when that pod ends."""
        return Restrictions(self.disks, frozenset(), 0)(state, NO_CHANGE)


def restrictions(candidate: Candidate, snapshot: Snapshot) -> Restrictions | None:
    """Prepare VolumeRestrictions; None when the candidate has nothing that it looks at."""
    namespace, volumes = candidate.pod.namespace, candidate.pod.spec.volumes
    disks = tuple(use for use in volumes if use.kind in _GUARDED)
    claims = snapshot.storage.claims
    single = frozenset(
        use.name
        for use in volumes
        if use.kind == "claim"
        and (claim := claims.get((namespace, use.name))) is not None
        and "ReadWriteOncePod" in claim.access_modes
    )
    if not disks and not single:
        return None
    used = _used_claims(snapshot.nodes.values(), namespace) & single if single else frozenset()
    doubtful = bool(single) and "pods" in snapshot.unread.values()
    return Restrictions(disks, single, len(used), doubtful)


def _used_claims(states: Iterable[NodeState], namespace: str) -> frozenset[str]:
    return frozenset(
        use.name
        for state in states
        for pod in state.pods
        if pod.namespace == namespace
        for use in pod.spec.volumes
        if use.kind == "claim"
    )


def _disk_conflict(one: VolumeUse, other: VolumeUse) -> bool:
    if one.kind != other.kind or one.name != other.name:
        return False
    shared = one.kind in _READ_ONLY_SHARES and one.read_only and other.read_only
    return not shared
