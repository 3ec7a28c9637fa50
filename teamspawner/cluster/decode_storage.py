"""Turn API objects about volumes into what the scheduler looks at. Nothing here judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from teamspawner.capacity.migration import BY_FIELD
from teamspawner.capacity.objects import (
    EMPTY,
    Attachment,
    Claim,
    NodeTerm,
    Requirement,
    Resources,
    StorageCapacity,
    StorageClass,
    Volume,
)
from teamspawner.cluster import wire
from teamspawner.cluster import wire_storage as stored
from teamspawner.cluster.reading import (
    Source,
    disk_name,
    labels_of,
    meta_of,
    node_terms,
    pairs,
    read,
    selector_of,
    size,
)

_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_MIGRATED = "storage.alpha.kubernetes.io/migrated-plugins"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def notes(meta: wire.Meta) -> Mapping[str, str]:
    """Return the annotations of an object; values that are no text are left out."""
    raw = bytes(meta.annotations)
    found = msgspec.json.decode(raw) if raw else None
    if not isinstance(found, dict):
        return EMPTY
    return {key: value for key, value in found.items() if isinstance(value, str)}


def decode_claim(source: Source) -> Claim:
    """Read a PersistentVolumeClaim.

    Raises:
        ObjectError: When it cannot be read.
    """
    found = read(source, stored.Claim)
    meta, spec = meta_of(found.metadata), found.spec or stored.ClaimSpec()
    noted = notes(meta)
    asked = (spec.resources.requests or {}) if spec.resources else {}
    return Claim(
        namespace=meta.namespace or "default",
        name=meta.name or "",
        uid=meta.uid or "",
        volume=spec.volume_name or "",
        storage_class=noted.get(_BETA_CLASS, spec.storage_class_name),
        access_modes=tuple(spec.access_modes or ()),
        requested_bytes=size(asked.get("storage"), "spec.resources.requests.storage") or 0,
        sized="storage" in asked,
        selected_node=noted.get(_SELECTED_NODE, ""),
        bind_completed=_BIND_COMPLETED in noted,
        owner_uid=next((o.uid or "" for o in meta.owner_references or () if o.controller), ""),
        deleting=meta.deletion_timestamp is not None,
        lost=found.status is not None and found.status.phase == "Lost",
        volume_mode=spec.volume_mode or "Filesystem",
        selector=selector_of(spec.selector),
        attributes_class=spec.volume_attributes_class_name or "",
    )


def decode_volume(source: Source) -> Volume:
    """Read a PersistentVolume.

    Raises:
        ObjectError: When it cannot be read.
    """
    found = read(source, stored.PersistentVolume)
    meta, spec = meta_of(found.metadata), found.spec or stored.VolumeSpec()
    csi, claim = spec.csi or stored.CSISource(), spec.claim_ref
    plugin, disk = _built_in(spec)
    capacity = size((spec.capacity or {}).get("storage"), "spec.capacity.storage")
    return Volume(
        name=meta.name or "",
        labels=labels_of(pairs(meta.labels)),
        node_terms=node_terms(spec.node_affinity.required) if spec.node_affinity else None,
        csi_driver=csi.driver or "",
        csi_handle=csi.volume_handle or "",
        capacity_bytes=capacity or 0,
        access_modes=tuple(spec.access_modes or ()),
        storage_class=notes(meta).get(_BETA_CLASS, spec.storage_class_name or ""),
        claim=(claim.namespace or "", claim.name or "", claim.uid or "") if claim else None,
        phase=(found.status.phase if found.status else None) or "",
        volume_mode=spec.volume_mode or "Filesystem",
        deleting=meta.deletion_timestamp is not None,
        attributes_class=spec.volume_attributes_class_name or "",
        plugin=plugin,
        disk=disk,
    )


def _built_in(spec: stored.VolumeSpec) -> tuple[str, str]:
    """Return the built-in driver of a volume and the disk it names; empty without one.

    Of Azure's disks only managed ones have been taken over by a CSI driver; unsaid,
    the API takes them for shared (defaults of ``core/v1``).
    """
    found = {
        "awsElasticBlockStore": spec.aws_elastic_block_store,
        "gcePersistentDisk": spec.gce_persistent_disk,
        "azureDisk": spec.azure_disk,
        "cinder": spec.cinder,
    }
    for field, disk in found.items():
        if disk is not None:
            if field == "azureDisk" and (disk.kind or "").lower() != "managed":
                return "", ""
            return BY_FIELD[field].name, disk_name(disk)
    return "", ""


def decode_class(source: Source) -> StorageClass:
    """Read a StorageClass.

    Raises:
        ObjectError: When it cannot be read.
    """
    found = read(source, stored.StorageClass)
    meta = meta_of(found.metadata)
    return StorageClass(
        name=meta.name or "",
        provisioner=found.provisioner or "",
        binding_mode=found.volume_binding_mode or "Immediate",
        allowed_topologies=tuple(
            NodeTerm(
                tuple(
                    Requirement(e.key or "", "In", tuple(e.values or ()))
                    for e in term.match_label_expressions or ()
                )
            )
            for term in found.allowed_topologies or ()
        ),
        is_default=notes(meta).get(_DEFAULT_CLASS) == "true",
    )


class NodeDrivers(NamedTuple):
    """The CSI drivers of one node.

    Attributes:
        name: The node.
        limits: Driver to the most volumes it attaches; one that names no limit is absent.
        migrated: Built-in drivers that a CSI driver has taken over.
        installed: All CSI drivers.
    """

    name: str
    limits: Resources
    migrated: frozenset[str]
    installed: frozenset[str]


class Driver(NamedTuple):
    """A CSI driver.

    Attributes:
        tracked: It reports how much room is left (``storageCapacity``).
        needed: It keeps pods off nodes without it (``preventPodSchedulingIfMissing``).
    """

    name: str
    tracked: bool
    needed: bool


def decode_csi_node(source: Source) -> NodeDrivers:
    """Read a CSINode.

    Raises:
        ObjectError: When it cannot be read.
    """
    found = read(source, stored.CSINode)
    drivers = (found.spec.drivers if found.spec else None) or ()
    limits = {
        driver.name or "": driver.allocatable.count
        for driver in drivers
        if driver.allocatable is not None and driver.allocatable.count is not None
    }
    meta = meta_of(found.metadata)
    migrated = notes(meta).get(_MIGRATED, "").split(",")
    installed = frozenset(driver.name or "" for driver in drivers)
    return NodeDrivers(meta.name or "", limits, frozenset(migrated) - {""}, installed)


def decode_csi_driver(source: Source) -> Driver:
    """Read a CSIDriver.

    Raises:
        ObjectError: When it cannot be read.
    """
    found = read(source, stored.CSIDriver)
    spec = found.spec or stored.CSIDriverSpec()
    return Driver(
        meta_of(found.metadata).name or "",
        bool(spec.storage_capacity),
        bool(spec.prevent_pod_scheduling_if_missing),
    )


def decode_capacity(source: Source) -> StorageCapacity:
    """Read a CSIStorageCapacity.

    Raises:
        ObjectError: When it cannot be read.
    """
    found = read(source, stored.StorageCapacity)
    return StorageCapacity(
        storage_class=found.storage_class_name or "",
        node_selector=selector_of(found.node_topology),
        capacity_bytes=size(found.capacity, "capacity"),
        max_volume_bytes=size(found.maximum_volume_size, "maximumVolumeSize"),
    )


def decode_attachment(source: Source) -> Attachment:
    """Read a VolumeAttachment; ``volume`` is empty when it is no persistent one.

    Raises:
        ObjectError: When it cannot be read.
    """
    spec = read(source, stored.Attachment).spec or stored.AttachmentSpec()
    volume = spec.source.persistent_volume_name if spec.source else None
    return Attachment(spec.node_name or "", spec.attacher or "", volume or "")
