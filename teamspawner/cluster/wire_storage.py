"""The fields of storage objects that a verdict needs; all others are skipped.

Names and nesting are the API's; everything may be absent or null, as in ``wire``.
"""

from __future__ import annotations

from teamspawner.cluster.wire import (
    Amounts,
    Disk,
    LabelSelector,
    Meta,
    Names,
    NodeSelector,
    Quantities,
    Text,
    Wire,
)

__all__ = [
    "Attachment",
    "AttachmentSpec",
    "CSIDriver",
    "CSINode",
    "CSISource",
    "Claim",
    "ClaimSpec",
    "PersistentVolume",
    "StorageCapacity",
    "StorageClass",
    "VolumeSpec",
]


class ClaimSpec(Wire, rename="camel"):
    """A claim's specification."""

    access_modes: Names = None
    resources: Amounts | None = None
    volume_name: Text = None
    storage_class_name: Text = None
    volume_mode: Text = None
    volume_attributes_class_name: Text = None
    selector: LabelSelector | None = None


class Phase(Wire):
    """A status of which only the phase matters."""

    phase: Text = None


class Claim(Wire):
    """A PersistentVolumeClaim."""

    metadata: Meta | None = None
    spec: ClaimSpec | None = None
    status: Phase | None = None


class CSISource(Wire, rename="camel"):
    """A volume of a CSI driver."""

    driver: Text = None
    volume_handle: Text = None


class Reference(Wire):
    """A reference from a volume to its claim."""

    namespace: Text = None
    name: Text = None
    uid: Text = None


class VolumeAffinity(Wire):
    """Where a volume can be reached from."""

    required: NodeSelector | None = None


class VolumeSpec(Wire, rename="camel"):
    """A persistent volume's specification."""

    capacity: Quantities = None
    access_modes: Names = None
    storage_class_name: Text = None
    volume_mode: Text = None
    volume_attributes_class_name: Text = None
    node_affinity: VolumeAffinity | None = None
    csi: CSISource | None = None
    aws_elastic_block_store: Disk | None = None
    gce_persistent_disk: Disk | None = None
    azure_disk: Disk | None = None
    cinder: Disk | None = None
    claim_ref: Reference | None = None


class PersistentVolume(Wire):
    """A PersistentVolume."""

    metadata: Meta | None = None
    spec: VolumeSpec | None = None
    status: Phase | None = None


class TopologyExpression(Wire):
    """One label and its values."""

    key: Text = None
    values: Names = None


class TopologyTerm(Wire, rename="camel"):
    """A term of allowed topologies."""

    match_label_expressions: list[TopologyExpression] | None = None


class StorageClass(Wire, rename="camel"):
    """A StorageClass."""

    metadata: Meta | None = None
    provisioner: Text = None
    volume_binding_mode: Text = None
    allowed_topologies: list[TopologyTerm] | None = None


class DriverLimit(Wire):
    """How many volumes a driver can attach."""

    count: int | None = None


class Driver(Wire):
    """A CSI driver on a node."""

    name: Text = None
    allocatable: DriverLimit | None = None


class CSINodeSpec(Wire):
    """The drivers on a node."""

    drivers: list[Driver] | None = None


class CSINode(Wire):
    """A CSINode."""

    metadata: Meta | None = None
    spec: CSINodeSpec | None = None


class CSIDriverSpec(Wire, rename="camel"):
    """A driver's specification."""

    storage_capacity: bool | None = None
    prevent_pod_scheduling_if_missing: bool | None = None


class CSIDriver(Wire):
    """A CSIDriver."""

    metadata: Meta | None = None
    spec: CSIDriverSpec | None = None


class StorageCapacity(Wire, rename="camel"):
    """A CSIStorageCapacity."""

    metadata: Meta | None = None
    storage_class_name: Text = None
    node_topology: LabelSelector | None = None
    capacity: str | int | float | None = None
    maximum_volume_size: str | int | float | None = None


class AttachmentSource(Wire, rename="camel"):
    """What is attached."""

    persistent_volume_name: Text = None


class AttachmentSpec(Wire, rename="camel"):
    """A volume attachment's specification."""

    attacher: Text = None
    node_name: Text = None
    source: AttachmentSource | None = None


class Attachment(Wire):
    """A VolumeAttachment."""

    metadata: Meta | None = None
    spec: AttachmentSpec | None = None
