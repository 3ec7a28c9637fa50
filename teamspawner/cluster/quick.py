"""Read a bound pod of a watch or list quickly: equal pods are recognised by their bytes.

A cluster has many pods and few kinds of pods. Here a pod is cut down to what can
alter a verdict, as raw JSON; only text not met before is read in full, by
``podspec.pod_of``, so there is one meaning of a pod.
"""

from __future__ import annotations

from msgspec import Raw, Struct, ValidationError, field, json

from teamspawner.capacity import objects
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.decode import FINISHED, PodRecord, decode_pod
from teamspawner.cluster.podspec import pod_of
from teamspawner.cluster.reading import read

Text = str | None
NONE = Raw()
GONE = Raw(b'"x"')
_STATIC = Raw(b'{"kubernetes.io/config.mirror":"x"}')
_MOST = 8192
"""Kinds of pods kept for recognition, about a kilobyte each."""


class Owner(Struct, gc=False, omit_defaults=True):
    """An owner reference."""

    kind: Text = None


class Meta(Struct, rename="camel", gc=False, omit_defaults=True):
    """Metadata of a pod."""

    name: Text = None
    namespace: Text = None
    uid: Text = None
    resource_version: Text = None
    labels: Raw = NONE
    annotations: Raw = NONE
    deletion_timestamp: Raw = NONE
    creation_timestamp: Raw = NONE
    owner_references: list[Owner] | None = None


class Container(Struct, rename="camel", gc=False, omit_defaults=True):
    """A container; its image is kept for the hub's own scheduler alone."""

    name: Text = None
    image: Raw = NONE
    resources: Raw = NONE
    ports: Raw = NONE
    restart_policy: Text = None


class Volume(Struct, rename="camel", gc=False, omit_defaults=True):
    """A volume, of those kinds that a filter looks at."""

    name: Text = None
    persistent_volume_claim: Raw = NONE
    ephemeral: Raw = NONE
    gce_persistent_disk: Raw = NONE
    aws_elastic_block_store: Raw = NONE
    azure_disk: Raw = NONE
    cinder: Raw = NONE
    iscsi: Raw = NONE
    rbd: Raw = NONE


class Spec(Struct, rename="camel", gc=False, omit_defaults=True):
    """A pod's specification."""

    node_name: Text = None
    scheduler_name: Text = None
    priority: int | None = None
    preemption_policy: Text = None
    node_selector: Raw = NONE
    affinity: Raw = NONE
    tolerations: Raw = NONE
    topology_spread_constraints: Raw = NONE
    volumes: list[Volume] | None = None
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    overhead: Raw = NONE
    resources: Raw = NONE
    host_network: bool | None = None
    scheduling_gates: Raw = NONE
    resource_claims: Raw = NONE


class ContainerStatus(Struct, rename="camel", gc=False, omit_defaults=True):
    """A container's status: what a resize alters."""

    name: Text = None
    resources: Raw = NONE
    allocated_resources: Raw = NONE


class Status(Struct, rename="camel", gc=False, omit_defaults=True):
    """A pod's status."""

    phase: Text = None
    conditions: Raw = NONE
    nominated_node_name: Text = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    resources: Raw = NONE
    allocated_resources: Raw = NONE


class QuickPod(Struct, gc=False, omit_defaults=True):
    """A pod, cut down."""

    metadata: Meta = field(default_factory=Meta)
    spec: Spec = field(default_factory=Spec)
    status: Status = field(default_factory=Status)


class Recogniser:
    """Turns cut-down pods into what the scheduler weighs, equal ones into one object.

    Args:
        rules: The scheduler whose way of counting applies.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._known: dict[bytes, objects.Pod] = {}
        self._encode = json.Encoder().encode

    def pod(self, found: QuickPod) -> objects.Pod:
        """Return a bound pod as it weighs; ``found`` is used up.

        Raises:
            ObjectError: When something of it cannot be read.
        """
        _strip(found)
        key = self._encode(found)
        known = self._known.get(key)
        if known is None:
            known = self._learn(key)
        return known

    def record(self, found: QuickPod) -> PodRecord:
        """Return a pod with all that identifies it, as ``decode_pod`` does.

        Raises:
            ObjectError: When something of it cannot be read.
        """
        return decode_pod(self._encode(found), self.rules)

    def _learn(self, key: bytes) -> objects.Pod:
        whole = read(key, wire.Pod)
        owners = (whole.metadata.owner_references if whole.metadata else None) or ()
        static = whole.metadata is not None and bool(bytes(whole.metadata.annotations))
        resident = static or any(owner.kind in {"DaemonSet", "Node"} for owner in owners)
        pod = pod_of(whole, self.rules, placed=True, resident=resident)
        if len(self._known) >= _MOST:
            for old in list(self._known)[: _MOST // 2]:
                del self._known[old]
        self._known[key] = pod
        return pod


def is_finished(found: QuickPod) -> bool:
    """Tell whether its phase says that it holds nothing any more."""
    return found.status.phase in FINISHED


def _strip(found: QuickPod) -> None:
    """Take away all that differs between pods of one kind and weighs nothing."""
    meta, spec, status = found.metadata, found.spec, found.status
    meta.resource_version = None
    meta.creation_timestamp = NONE
    if meta.deletion_timestamp is not NONE:
        meta.deletion_timestamp = NONE if bytes(meta.deletion_timestamp) == b"null" else GONE
    if meta.annotations is not NONE:
        text = bytes(meta.annotations)
        static = b"kubernetes.io/config." in text and _is_static(text)
        meta.annotations = _STATIC if static else NONE
    ephemeral = spec.volumes is not None and _strip_volumes(spec)
    if not ephemeral:  # the claim of such a volume bears the pod's name and uid
        meta.name = meta.uid = None
    spec.node_name = None
    for container in spec.containers or ():
        container.image = NONE
    for container in spec.init_containers or ():
        container.image = NONE
    status.phase = status.nominated_node_name = None
    if status.conditions is not NONE and b'"PodResizePending"' not in bytes(status.conditions):
        status.conditions = NONE


def _is_static(text: bytes) -> bool:
    return b'"kubernetes.io/config.mirror"' in text or b'"kubernetes.io/config.source"' in text


def _strip_volumes(spec: Spec) -> bool:
    """Leave the volumes that a filter looks at; tell whether one is named after the pod."""
    kept = [volume for volume in spec.volumes or () if not _plain(volume)]
    spec.volumes = kept or None
    return any(volume.ephemeral is not NONE for volume in kept)


def _plain(volume: Volume) -> bool:
    return (
        volume.persistent_volume_claim is NONE
        and volume.ephemeral is NONE
        and volume.gce_persistent_disk is NONE
        and volume.aws_elastic_block_store is NONE
        and volume.azure_disk is NONE
        and volume.cinder is NONE
        and volume.iscsi is NONE
        and volume.rbd is NONE
    )


class PageMeta(Struct, rename={"resource_version": "resourceVersion", "more": "continue"}):
    """Metadata of a list: its version, and the token of the next page; empty on the last."""

    resource_version: Text = None
    more: Text = None


class _Page(Struct, gc=False):
    metadata: PageMeta
    items: list[QuickPod] | None = None


class RawPage(Struct):
    """A page whose objects are not looked into."""

    metadata: PageMeta
    items: list[Raw] | None = None


class PodEvent(Struct, gc=False):
    """A watch event of a pod."""

    type: str
    object: QuickPod


_page = json.Decoder(_Page)
_raw_page = json.Decoder(RawPage)
_pod = json.Decoder(QuickPod)


def pods_of_page(body: bytes) -> tuple[PageMeta, list[QuickPod], list[tuple[Raw, str]]]:
    """Read a page of pods: its metadata, the pods, and the odd ones with what is wrong.

    Raises:
        msgspec.DecodeError: When it is no JSON, or no list.
    """
    try:
        page = _page.decode(body)
    except ValidationError:
        raw = _raw_page.decode(body)
        return (raw.metadata, *_one_by_one(raw.items or []))
    return page.metadata, page.items or [], []


def _one_by_one(items: list[Raw]) -> tuple[list[QuickPod], list[tuple[Raw, str]]]:
    good: list[QuickPod] = []
    odd: list[tuple[Raw, str]] = []
    for raw in items:
        try:
            good.append(_pod.decode(raw))
        except ValidationError as error:
            odd.append((raw, str(error)))
    return good, odd
