# ruff: noqa: D102 - what a filter's methods do is said once, on Filter
"""NodeVolumeLimits: how many volumes of a CSI driver a node can hold.

Source: kube-scheduler plugin ``nodevolumelimits/csi.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from teamspawner.capacity.claims import is_foreign
from teamspawner.capacity.filtering import NO_CHANGE, Change, Filter, Reasons
from teamspawner.capacity.migration import BY_FIELD, BY_NAME, UNCOUNTED, handle, translatable
from teamspawner.capacity.objects import (
    EMPTY,
    Candidate,
    Claim,
    NodeState,
    Snapshot,
    Storage,
    Volume,
    VolumeUse,
)
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason

_LIMIT_PREFIX = "attachable-volumes-csi-"
_TOO_MANY = Reason("NodeVolumeLimits", "node(s) exceed max volume count")
_NOT_OWNER = Reason(
    "NodeVolumeLimits",
    "the claim of an ephemeral volume was not created for its pod (pod is not owner)",
    resolvable=False,
)


@dataclass(frozen=True, slots=True)
class AttachLimits(Filter):
    """NodeVolumeLimits: how many volumes of a CSI driver a node can hold.

    Attributes:
        candidate: The pod whose volumes are to be attached.
        attached: Node to the volumes that a VolumeAttachment holds there.
    """

    candidate: Candidate
    attached: Mapping[str, frozenset[tuple[str, str]]]
    snapshot: Snapshot
    counts_attachments: bool
    missing_drivers: bool = False

    @property
    def looks(self) -> frozenset[str]:
        """Where nothing is limited, nothing needs to be counted."""
        counted = {"claims", "volumes", "classes", "attachments"}
        always = {"attach_limits", "installed", "needed"}
        return frozenset(always | (set() if self.idle else counted))

    @property
    def idle(self) -> bool:
        """Only a limit can be exceeded; up to 1.31 any node's allocatable may hold one."""
        if not self.counts_attachments or "csinodes" in self.snapshot.unseen:
            return False
        if self.missing_drivers and (
            self.snapshot.storage.needed or "csidrivers" in self.snapshot.unseen
        ):
            return False
        return not any(self.snapshot.storage.attach_limits.values())

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        del change
        limits = self._limits(state)
        wanted = self._wanted(state.node.name)
        unseen = self._unseen(state, limits)
        if unseen and unseen.detail != "volumeattachments":
            return (unseen,)
        missing = self._missing(state.node.name, wanted) if self.missing_drivers else None
        if missing:
            return (missing,)
        if not wanted or not limits:
            return ()
        if self._astray(state):
            return (_NOT_OWNER,)
        used, lingering = self._held(state)
        for driver in {volume[0] for volume in wanted if volume[0] in limits}:
            new = sum(1 for volume in wanted - used if volume[0] == driver)
            held = sum(1 for volume in used | lingering if volume[0] == driver)
            if new and held + new > limits[driver]:
                return (_TOO_MANY,)
        return (unseen,) if unseen else ()

    def _missing(self, node: str, wanted: frozenset[tuple[str, str]]) -> Reason | None:
        """Tell of a driver that is not on the node and says that pods must not go there."""
        storage = self.snapshot.storage
        there = storage.installed.get(node, frozenset())
        lacking = sorted({driver for driver, _ in wanted} - there)
        if lacking and "csidrivers" in self.snapshot.unseen:
            message = "csidrivers not looked at"
            return Reason("NodeVolumeLimits", message, detail="csidrivers", unknown=True)
        driver = next((each for each in lacking if each in storage.needed), "")
        message = f"{driver} CSI driver is not installed on the node"
        return Reason("NodeVolumeLimits", message, detail=driver) if driver else None

    def _wanted(self, node: str) -> frozenset[tuple[str, str]]:
        pod, storage = self.candidate.pod, self.snapshot.storage
        there = node in storage.attach_limits
        found = (csi_volume(pod.namespace, use, storage, there) for use in pod.spec.volumes)
        return frozenset(volume for volume in found if volume is not None)

    def _astray(self, state: NodeState) -> bool:
        """The plugin gives up on a node where a pod's ephemeral claim belongs to another pod."""
        claims = self.snapshot.storage.claims
        return any(
            use.kind == "ephemeral"
            and (claim := claims.get((pod.namespace, use.name))) is not None
            and is_foreign(use, claim)
            for pod in state.pods
            for use in pod.spec.volumes
        )

    def _limits(self, state: NodeState) -> Mapping[str, int]:
        """Return driver to most volumes; up to 1.31 a node's allocatable may say it too."""
        limits = self.snapshot.storage.attach_limits.get(state.node.name, {})
        if self.counts_attachments:
            return limits
        of_node = {
            name.removeprefix(_LIMIT_PREFIX): most
            for name, most in state.node.allocatable.items()
            if name.startswith(_LIMIT_PREFIX)
        }
        return {**of_node, **limits}

    def _held(
        self, state: NodeState
    ) -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]]:
        """Return the volumes used by pods on the node, and those attached to it besides."""
        storage = self.snapshot.storage
        there = state.node.name in storage.attach_limits
        used = frozenset(
            volume
            for pod in state.pods
            for use in pod.spec.volumes
            if (volume := csi_volume(pod.namespace, use, storage, there)) is not None
        )
        lingering = self.attached.get(state.node.name, frozenset()) - used
        return used, lingering if self.counts_attachments else frozenset()

    def _unseen(self, state: NodeState, limits: Mapping[str, int]) -> Reason | None:
        """Return the doubt that kinds not looked at leave on this node; None when they do not."""
        unseen = self.snapshot.unseen
        kind = ""
        if "csinodes" in unseen:
            kind = "csinodes"
        elif limits and "pods" in unseen:
            kind = "pods"
        elif limits:
            pods = (self.candidate.pod, *state.pods)
            murky = (
                _murky(pod.namespace, u, self.snapshot) for pod in pods for u in pod.spec.volumes
            )
            kind = next((each for each in murky if each), "")
            if not kind and self.counts_attachments and "volumeattachments" in unseen:
                kind = "volumeattachments"
        if not kind:
            return None
        return Reason("NodeVolumeLimits", f"{kind} not looked at", detail=kind, unknown=True)

    def emptied(self, state: NodeState) -> Reasons:
        """When pods leave, their attachments go too."""
        return replace(self, attached={})(state, NO_CHANGE)


def attach_limits(candidate: Candidate, snapshot: Snapshot, rules: Rules) -> AttachLimits | None:
    """Prepare NodeVolumeLimits; None when the candidate brings nothing to attach."""
    storage = snapshot.storage
    namespace = candidate.pod.namespace
    if not any(
        csi_volume(namespace, use, storage, has_csi_node=True) or _murky(namespace, use, snapshot)
        for use in candidate.pod.spec.volumes
    ):
        return None
    attached: dict[str, set[tuple[str, str]]] = {}
    for attachment in storage.attachments:
        volume_held = storage.volumes.get(attachment.volume)
        if volume_held is not None and volume_held.csi_driver:
            key = (attachment.driver, volume_held.csi_handle)
            attached.setdefault(attachment.node, set()).add(key)
    return AttachLimits(
        candidate,
        {node: frozenset(held) for node, held in attached.items()},
        snapshot,
        counts_attachments=rules.counts_attachments,
        missing_drivers=rules.missing_drivers,
    )


def _murky(namespace: str, use: VolumeUse, snapshot: Snapshot) -> str:
    """Return the kind, not looked at, that would tell a volume's driver; else empty."""
    if use.kind not in {"claim", "ephemeral"}:
        return ""
    storage = snapshot.storage
    claim = storage.claims.get((namespace, use.name))
    if claim is None:
        kind = "persistentvolumeclaims"
    elif claim.volume in storage.volumes:
        return ""
    elif claim.volume and "persistentvolumes" in snapshot.unseen:
        kind = "persistentvolumes"
    elif claim.storage_class and claim.storage_class not in storage.classes:
        kind = "storageclasses"
    else:
        return ""
    return kind if kind in snapshot.unseen else ""


def csi_volume(
    namespace: str,
    use: VolumeUse,
    storage: Storage,
    has_csi_node: bool,  # noqa: FBT001 - a fact
) -> tuple[str, str] | None:
    """Return driver and handle of a volume on a node; None when no CSI driver attaches it.

    A claim without a volume counts for its class's provisioner, under its own
    name. Disks of built-in drivers count for their CSI driver on nodes with a CSINode.
    """
    if use.kind not in {"claim", "ephemeral"}:
        plugin = BY_FIELD.get(use.kind)
        if not plugin or not has_csi_node or not translatable(plugin, use.name, EMPTY):
            return None
        return plugin.driver, handle(plugin, use.name)
    claim = storage.claims.get((namespace, use.name))
    if claim is None:
        return None
    volume = storage.volumes.get(claim.volume) if claim.volume else None
    if volume is not None:
        return _of_volume(volume, has_csi_node)
    driver = _provisioner(claim, storage, has_csi_node)
    return (driver, f"unbound {namespace}/{use.name}") if driver else None


def _provisioner(claim: Claim, storage: Storage, has_csi_node: bool) -> str:  # noqa: FBT001 - a fact
    """Return the CSI driver that would make the claim's volume; empty when none would."""
    found = storage.classes.get(claim.storage_class or "")
    if found is None or found.provisioner in UNCOUNTED:
        return ""
    if found.provisioner in BY_NAME:
        return BY_NAME[found.provisioner].driver if has_csi_node else ""
    return found.provisioner


def _of_volume(volume: Volume, has_csi_node: bool) -> tuple[str, str] | None:  # noqa: FBT001 - a fact
    if volume.plugin in BY_NAME:
        plugin = BY_NAME[volume.plugin]
        if not has_csi_node or not translatable(plugin, volume.disk, volume.labels):
            return None
        return plugin.driver, handle(plugin, volume.disk, volume.labels)
    if volume.csi_driver and volume.csi_handle:
        return volume.csi_driver, volume.csi_handle
    return None
