# ruff: noqa: D102 - what a filter's methods do is said once, on Filter
"""The filters about volumes: restrictions, attach limits, binding and zones.

Sources: kube-scheduler plugins ``volumerestrictions``, ``nodevolumelimits/csi.go``,
``volumebinding/binder.go``, ``volumezone``, and component-helpers ``pv_helpers.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from teamspawner.capacity.filtering import NO_CHANGE, Change, Filter, Reasons
from teamspawner.capacity.matching import selects, terms_match
from teamspawner.capacity.migration import BY_FIELD, BY_NAME, UNCOUNTED, handle, translated
from teamspawner.capacity.objects import (
    Candidate,
    Claim,
    Labels,
    NodeState,
    Pod,
    Snapshot,
    Storage,
    StorageClass,
    Volume,
    VolumeUse,
)
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason

_LIMIT_PREFIX = "attachable-volumes-csi-"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
_READ_ONLY_SHARES = frozenset({"gcePersistentDisk", "iscsi", "rbd"})
_GUARDED = _READ_ONLY_SHARES | {"awsElasticBlockStore"}
"""Disks named in pods that two pods on a node may not both use."""
_ZONE, _REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
_BETA_ZONE = "failure-domain.beta.kubernetes.io/zone"
_BETA_REGION = "failure-domain.beta.kubernetes.io/region"
_TOPOLOGY = (_BETA_ZONE, _BETA_REGION, _ZONE, _REGION)
_GENERAL = {_BETA_ZONE: _ZONE, _BETA_REGION: _REGION}

_DISK_CONFLICT = Reason(
    "VolumeRestrictions", "node(s) had no available disk", detail="the disk is in use there"
)
_ONE_POD_ONLY = Reason(
    "VolumeRestrictions",
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode"
    " already in-use by another pod",
)
_TOO_MANY = Reason("NodeVolumeLimits", "node(s) exceed max volume count")
_NOT_OWNER = Reason(
    "NodeVolumeLimits",
    "the claim of an ephemeral volume was not created for its pod (pod is not owner)",
    resolvable=False,
)
_NO_ZONE = Reason("VolumeZone", "node(s) had no available volume zone", resolvable=False)


def _binding(message: str) -> Reason:
    return Reason("VolumeBinding", message, resolvable=False)


_NODE_CONFLICT = _binding("node(s) didn't match PersistentVolume's node affinity")
_NOTHING_TO_BIND = _binding("node(s) didn't find available persistent volumes to bind")
_NO_SPACE = _binding("node(s) did not have enough free storage")
_NO_VOLUME = _binding("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)")


@dataclass(frozen=True, slots=True)
class Needs:
    """The claims of a candidate, sorted by what they need, and what forbids it everywhere.

    Attributes:
        bound: Volumes of claims that are bound.
        unbound: Claims that wait for their first consumer, smallest first.
        blocked: Reasons against every node.
        unsure: Reasons of what was not looked at, against every node.
    """

    bound: tuple[Volume, ...] = ()
    unbound: tuple[Claim, ...] = ()
    blocked: tuple[Reason, ...] = ()
    unsure: tuple[Reason, ...] = ()
    lost_volume: bool = False


def needs(candidate: Candidate, snapshot: Snapshot) -> Needs:
    """Sort the claims of a candidate, as the plugins' PreFilter steps do."""
    found = [
        _need(use, candidate, snapshot)
        for use in candidate.pod.spec.volumes
        if use.kind in {"claim", "ephemeral"}
    ]
    waiting = [claim for claim in found if isinstance(claim, Claim)]
    reasons = [reason for reason in found if isinstance(reason, Reason)]
    return Needs(
        bound=tuple(volume for volume in found if isinstance(volume, Volume)),
        unbound=tuple(sorted(waiting, key=lambda claim: claim.requested_bytes)),
        blocked=tuple(dict.fromkeys(reason for reason in reasons if not reason.unknown)),
        unsure=tuple(reason for reason in reasons if reason.unknown),
        lost_volume=any(need is None for need in found),
    )


def _need(
    use: VolumeUse, candidate: Candidate, snapshot: Snapshot
) -> Volume | Claim | Reason | None:
    """Return a bound volume, a claim that waits, or what forbids it; None: its volume is gone."""
    claim = snapshot.storage.claims.get((candidate.pod.namespace, use.name))
    if claim is None:
        unseen = "persistentvolumeclaims" in snapshot.unseen
        return _unseen("persistentvolumeclaims", use.name) if unseen else _absent(use)
    fault = _unusable(use, claim, candidate)
    if fault is not None:
        return fault
    if claim.volume and claim.bind_completed:
        return _bound(use, claim, snapshot)
    if not claim.volume and _waits(claim, snapshot):
        return claim
    if not claim.volume and claim.storage_class and _class_unseen(claim, snapshot):
        return _unseen("storageclasses", claim.storage_class)
    return _of_claim("pod has unbound immediate PersistentVolumeClaims", claim.name)


def _bound(use: VolumeUse, claim: Claim, snapshot: Snapshot) -> Volume | Reason | None:
    volume = snapshot.storage.volumes.get(claim.volume)
    if volume is not None:
        return volume
    if "persistentvolumes" in snapshot.unseen:
        return _unseen("persistentvolumes", claim.volume)
    if use.kind == "ephemeral":
        return None
    message = f'persistentvolume "{claim.volume}" not found'
    return Reason("VolumeZone", message, resolvable=False, detail=claim.volume)


def _unseen(kind: str, name: str) -> Reason:
    message = f"{kind} not looked at, {name!r} among them"
    return Reason("VolumeBinding", message, resolvable=False, detail=kind, unknown=True)


def _absent(use: VolumeUse) -> Reason:
    """Report a missing claim: the plugin about restrictions asks for the pod's own ones first."""
    if use.kind == "ephemeral":
        words = "waiting for ephemeral volume controller to create the persistentvolumeclaim"
        return _of_claim(f'{words} "{use.name}"', use.name)
    message = f'persistentvolumeclaim "{use.name}" not found'
    return Reason("VolumeRestrictions", message, resolvable=False, detail=use.name)


def _unusable(use: VolumeUse, claim: Claim, candidate: Candidate) -> Reason | None:
    if claim.lost:
        words = f'bound to non-existent persistentvolume "{claim.volume}"'
        return _of_claim(f'persistentvolumeclaim "{claim.name}" {words}', claim.name)
    if claim.deleting:
        return _of_claim(f'persistentvolumeclaim "{claim.name}" is being deleted', claim.name)
    if _foreign(use, claim):
        words = f"PVC {claim.namespace}/{claim.name} was not created for pod"
        pod = f"{candidate.pod.namespace}/{candidate.name}"
        return _of_claim(f"{words} {pod} (pod is not owner)", claim.name)
    return None


def _foreign(use: VolumeUse, claim: Claim) -> bool:
    """Tell whether an ephemeral volume's claim was made for another pod."""
    return use.kind == "ephemeral" and not (use.owner and claim.owner_uid == use.owner)


def _of_claim(message: str, name: str) -> Reason:
    return Reason("VolumeBinding", message, resolvable=False, detail=name)


def _waits(claim: Claim, snapshot: Snapshot) -> bool:
    found = snapshot.storage.classes.get(claim.storage_class or "")
    return found is not None and found.binding_mode == "WaitForFirstConsumer"


def _class_unseen(claim: Claim, snapshot: Snapshot) -> bool:
    known = claim.storage_class in snapshot.storage.classes
    return not known and "storageclasses" in snapshot.unseen


@dataclass(frozen=True, slots=True)
class Restrictions(Filter):
    """VolumeRestrictions: legacy disks on one node, ReadWriteOncePod claims in the cluster.

    Attributes:
        disks: The legacy disks of the candidate.
        single: Names of its ReadWriteOncePod claims.
        in_use: How many of those a placed pod uses.
    """

    disks: tuple[VolumeUse, ...]
    single: frozenset[str]
    in_use: int

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
        return ()

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
    return Restrictions(disks, single, len(used))


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

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        del change
        limits = self._limits(state)
        unseen = self._unseen(limits)
        if unseen and unseen.detail == "csinodes":
            return (unseen,)
        wanted = self._wanted(state.node.name)
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

    def _wanted(self, node: str) -> frozenset[tuple[str, str]]:
        pod, storage = self.candidate.pod, self.snapshot.storage
        found = (csi_volume(pod.namespace, use, storage, node) for use in pod.spec.volumes)
        return frozenset(volume for volume in found if volume is not None)

    def _astray(self, state: NodeState) -> bool:
        """The plugin gives up on a node where a pod's ephemeral claim belongs to another pod."""
        claims = self.snapshot.storage.claims
        return any(
            use.kind == "ephemeral"
            and (claim := claims.get((pod.namespace, use.name))) is not None
            and _foreign(use, claim)
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
        used = frozenset(
            volume
            for pod in state.pods
            for use in pod.spec.volumes
            if (volume := csi_volume(pod.namespace, use, storage, state.node.name)) is not None
        )
        lingering = self.attached.get(state.node.name, frozenset()) - used
        return used, lingering if self.counts_attachments else frozenset()

    def _unseen(self, limits: Mapping[str, int]) -> Reason | None:
        for kind, matters in (
            ("csinodes", not limits),
            ("volumeattachments", self.counts_attachments and bool(limits)),
        ):
            if matters and kind in self.snapshot.unseen:
                message = f"{kind} not looked at"
                return Reason("NodeVolumeLimits", message, detail=kind, unknown=True)
        return None

    def emptied(self, state: NodeState) -> Reasons:
        """When pods leave, their attachments go too."""
        free = AttachLimits(self.candidate, {}, self.snapshot, self.counts_attachments)
        return free(state, NO_CHANGE)


def attach_limits(candidate: Candidate, snapshot: Snapshot, rules: Rules) -> AttachLimits | None:
    """Prepare NodeVolumeLimits; None when the candidate brings nothing to attach."""
    storage = snapshot.storage
    if not any(_attachable(candidate.pod, use, storage) for use in candidate.pod.spec.volumes):
        return None
    attached: dict[str, set[tuple[str, str]]] = {}
    for attachment in storage.attachments:
        volume_held = storage.volumes.get(attachment.volume)
        if attachment.driver and volume_held is not None and volume_held.csi_driver:
            key = (attachment.driver, volume_held.csi_handle)
            attached.setdefault(attachment.node, set()).add(key)
    return AttachLimits(
        candidate,
        {node: frozenset(held) for node, held in attached.items()},
        snapshot,
        counts_attachments=rules.counts_attachments,
    )


def _attachable(pod: Pod, use: VolumeUse, storage: Storage) -> bool:
    """Tell whether a volume could be attached by a CSI driver on some node."""
    nodes = ("", *storage.attach_limits)
    return any(csi_volume(pod.namespace, use, storage, node) is not None for node in nodes)


def csi_volume(
    namespace: str, use: VolumeUse, storage: Storage, node: str
) -> tuple[str, str] | None:
    """Return driver and handle of a volume on a node; None when no CSI driver attaches it.

    A claim without a volume counts for its class's provisioner, under its own
    name. Disks of built-in drivers count for their CSI driver on nodes with a CSINode.
    """
    if use.kind not in {"claim", "ephemeral"}:
        plugin = BY_FIELD.get(use.kind)
        if plugin is None or node not in storage.attach_limits:
            return None
        return plugin.driver, handle(plugin, use.name)
    claim = storage.claims.get((namespace, use.name))
    if claim is None:
        return None
    volume = storage.volumes.get(claim.volume) if claim.volume else None
    if volume is not None:
        return _of_volume(volume, storage, node)
    driver = _provisioner(claim, storage, node)
    return (driver, f"unbound {namespace}/{use.name}") if driver else None


def _provisioner(claim: Claim, storage: Storage, node: str) -> str:
    """Return the CSI driver that would make the claim's volume; empty when none would."""
    found = storage.classes.get(claim.storage_class or "")
    if found is None or found.provisioner in UNCOUNTED:
        return ""
    if found.provisioner in BY_NAME:
        return BY_NAME[found.provisioner].driver if node in storage.attach_limits else ""
    return found.provisioner


def _of_volume(volume: Volume, storage: Storage, node: str) -> tuple[str, str] | None:
    if volume.plugin in BY_NAME:
        if node not in storage.attach_limits:
            return None
        plugin = BY_NAME[volume.plugin]
        return plugin.driver, handle(plugin, volume.disk, volume.labels)
    if volume.csi_driver and volume.csi_handle:
        return volume.csi_driver, volume.csi_handle
    return None


@dataclass(frozen=True, slots=True)
class Binding(Filter):
    """VolumeBinding: bound volumes reach the node, and claims that wait can be served there."""

    needs: Needs
    snapshot: Snapshot
    rules: Rules
    by_class: Mapping[str, tuple[Volume, ...]] = field(default_factory=dict)

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        del change
        node = state.node
        found: list[Reason] = []
        migrated = self.snapshot.storage.migrated.get(node.name, frozenset())
        if not all(reaches(volume, node.labels, migrated) for volume in self.needs.bound):
            found.append(_NODE_CONFLICT)
        found.extend(self._unbound(node.name, node.labels))
        if self.needs.lost_volume:
            found.append(_NO_VOLUME)
        return tuple(found)

    def _unbound(self, node: str, labels: Labels) -> Reasons:
        """Serve each waiting claim by the smallest volume that matches, else by provisioning."""
        if any(c.selected_node not in {"", node} for c in self.needs.unbound):
            return (_NOTHING_TO_BIND,)
        chosen: set[str] = set()
        unsure: list[Reason] = []
        to_provision = [claim for claim in self.needs.unbound if claim.selected_node]
        for claim in self.needs.unbound:
            if claim.selected_node:
                continue
            volume = self._match(claim, labels, chosen)
            if volume is None:
                to_provision.append(claim)
            else:
                chosen.add(volume.name)
        for claim in to_provision:
            for reason in self._provision(claim, labels):
                if not reason.unknown:
                    return (reason,)
                unsure.append(reason)
        return tuple(unsure)

    def _match(self, claim: Claim, labels: Labels, chosen: set[str]) -> Volume | None:
        """Return the volume that names this claim, else the smallest that matches.

        Of several volumes that name it the scheduler takes any; here one that reaches.
        """
        best: Volume | None = None
        named = False
        for volume in self.by_class.get(claim.storage_class or "", ()):
            if volume.name in chosen or not self._possible(claim, volume):
                continue
            if volume.claim is not None:
                named = True
                if reaches(volume, labels):
                    return volume
                continue
            fits = (
                volume.phase == "Available"
                and (claim.selector is None or selects(claim.selector, volume.labels))
                and set(claim.access_modes) <= set(volume.access_modes)
                and reaches(volume, labels)
            )
            if fits and (best is None or volume.capacity_bytes < best.capacity_bytes):
                best = volume
        return None if named else best

    def _possible(self, claim: Claim, volume: Volume) -> bool:
        if volume.claim is not None and not _bound_to(volume, claim):
            return False
        return (
            volume.capacity_bytes >= claim.requested_bytes
            and volume.volume_mode == claim.volume_mode
            and not volume.deleting
            and volume.attributes_class
            == (claim.attributes_class if self.rules.attributes_classes else "")
        )

    def _provision(self, claim: Claim, labels: Labels) -> Reasons:
        """Tell why a driver would not make the volume for this node; empty when it would."""
        found = self.snapshot.storage.classes[claim.storage_class or ""]
        blocked = _no_provisioning(found, labels)
        if blocked is None and not self._room(claim, found, labels):
            blocked = _NO_SPACE
        if blocked is None:
            return self._unseen_capacity(claim, found)
        if "persistentvolumes" in self.snapshot.unseen and not claim.selected_node:
            return (_unseen("persistentvolumes", claim.name),)
        if blocked is _NO_SPACE and "csistoragecapacities" in self.snapshot.unseen:
            return (_unseen("csistoragecapacities", found.name),)
        return (blocked,)

    def _unseen_capacity(self, claim: Claim, found: StorageClass) -> Reasons:
        if "csidrivers" in self.snapshot.unseen and claim.requested_bytes:
            return (_unseen("csidrivers", found.provisioner),)
        return ()

    def _room(self, claim: Claim, found: StorageClass, labels: Labels) -> bool:
        storage = self.snapshot.storage
        if found.provisioner not in storage.capacity_tracked or not claim.sized:
            return True
        for capacity in storage.capacities:
            limit = capacity.max_volume_bytes
            limit = capacity.capacity_bytes if limit is None else limit
            if (
                capacity.storage_class == found.name
                and limit is not None
                and limit >= claim.requested_bytes
                and selects(capacity.node_selector, labels)
            ):
                return True
        return False


def _no_provisioning(found: StorageClass, labels: Labels) -> Reason | None:
    if found.provisioner in {"", NO_PROVISIONER}:
        return _NOTHING_TO_BIND
    if found.allowed_topologies and not terms_match(found.allowed_topologies, labels, ""):
        return _NOTHING_TO_BIND
    return None


def _bound_to(volume: Volume, claim: Claim) -> bool:
    if volume.claim is None:
        return False
    namespace, name, uid = volume.claim
    return (namespace, name) == (claim.namespace, claim.name) and uid in {"", claim.uid}


def reaches(volume: Volume, labels: Labels, migrated: frozenset[str] = frozenset()) -> bool:
    """Tell whether a volume's own node affinity lets it be used on a node.

    Args:
        volume: The volume.
        labels: The node's.
        migrated: Built-in drivers that a CSI driver has taken over on the node.
    """
    terms = volume.node_terms
    if volume.plugin in migrated and volume.plugin in BY_NAME:
        terms = translated(BY_NAME[volume.plugin], terms, volume.labels)
    return terms is None or terms_match(terms, labels, "")


def binding(found: Needs, snapshot: Snapshot, rules: Rules) -> Binding | None:
    """Prepare VolumeBinding; None when no claim needs it."""
    if not (found.bound or found.unbound or found.lost_volume):
        return None
    classes = {claim.storage_class or "" for claim in found.unbound}
    by_class: dict[str, list[Volume]] = {name: [] for name in classes}
    if classes:
        for volume in snapshot.storage.volumes.values():
            if volume.storage_class in by_class:
                by_class[volume.storage_class].append(volume)
    listed = {name: tuple(volumes) for name, volumes in by_class.items()}
    return Binding(found, snapshot, rules, by_class=listed)


@dataclass(frozen=True, slots=True)
class Zones(Filter):
    """VolumeZone: the zone and region labels of bound volumes match the node's."""

    wanted: tuple[tuple[str, frozenset[str]], ...]

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
            if all(part.strip() for part in parts):
                wanted.append((key, frozenset(part.strip() for part in parts)))
    return Zones(tuple(wanted)) if wanted else None
