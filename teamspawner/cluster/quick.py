"""Read a bound pod of a watch or list quickly: equal pods are recognised by their bytes.

A cluster has many pods and few kinds of pods. Here a pod is cut down to what can
alter a verdict, as raw JSON; only text not met before is read in full, by
``podspec.pod_of``, so there is one meaning of a pod.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, ValidationError, field, json

from teamspawner.capacity import objects
from teamspawner.capacity.objects import Candidate
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.decode import PodRecord, decode_pod
from teamspawner.cluster.podspec import pod_of
from teamspawner.cluster.reading import labels_of, pairs, read

Text = str | None
NONE = Raw()
_ABSENT = frozenset({b"", b"null"})
_MOST = 8192
"""Kinds of pods kept for recognition, about a kilobyte each."""


class Owner(Struct, gc=False, omit_defaults=True):
    """An owner reference."""

    kind: Text = None


class Meta(Struct, rename="camel", gc=False, omit_defaults=True):
    """Metadata of a pod; annotations tell a static pod without an owner, and whose a server is."""

    name: Text = None
    namespace: Text = None
    uid: Text = None
    resource_version: Text = None
    labels: Raw = NONE
    annotations: Raw = NONE
    deletion_timestamp: Raw = NONE
    creation_timestamp: Raw = NONE
    owner_references: Raw = NONE


class Container(Struct, rename="camel", gc=False, omit_defaults=True):
    """A container."""

    name: Text = None
    resources: Raw = NONE
    ports: Raw = NONE
    restart_policy: Text = None


class Volume(Struct, rename="camel", gc=False, omit_defaults=True):
    """A volume, of those kinds that a filter looks at; all others come out empty and alike."""

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

    metadata: Meta | None = field(default_factory=Meta)
    spec: Spec = field(default_factory=Spec)
    status: Status = field(default_factory=Status)


_Text = tuple[bytes, Text, bool]


class RareError(Exception):
    """A pod needs to be read in full: its like are too few to be read quickly."""


class Kind(Struct, gc=False, frozen=True):
    """Pods that weigh the same.

    Attributes:
        pod: The one object they share.
        requests: Its requests, as pairs.
        repels: It has required anti-affinity.
    """

    pod: objects.Pod
    requests: tuple[tuple[str, int], ...]
    repels: bool


class Recogniser:
    """Turns cut-down pods into what the scheduler weighs, equal ones into one object.

    Args:
        rules: The scheduler whose way of counting applies.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._specs: dict[_Text, tuple[bytes, objects.PodSpec | None]] = {}
        self._kinds: dict[tuple[bytes, Text, bytes, bool, bool], Kind] = {}
        self._fresh: dict[tuple[bytes, bytes, bool], objects.Pod] = {}
        self._encode = json.Encoder().encode

    def kind(self, found: QuickPod, labels: bytes) -> Kind:
        """Return what a bound pod weighs; ``found`` is used up, ``labels`` are its own.

        Raises:
            RareError: When such pods are to be read in full.
            ObjectError: When something of it cannot be read.
        """
        meta, spec, status = found.metadata, found.spec, found.status
        assert meta is not None
        owners = bytes(meta.owner_references)
        resident = (
            b'"DaemonSet"' in owners
            or b'"Node"' in owners
            or b"kubernetes.io/config." in bytes(meta.annotations)
        ) and _is_resident(meta)  # the text alone rules out nearly all
        ending = meta.deletion_timestamp is not NONE and bytes(meta.deletion_timestamp) != b"null"
        found.metadata = spec.node_name = status.phase = status.nominated_node_name = None
        if status.conditions is not NONE and b'"PodResizePending"' not in bytes(status.conditions):
            status.conditions = NONE
        text = self._encode(found)
        kind = self._kinds.get((text, meta.namespace, labels, ending, resident))
        if kind is None:
            kind = self._learn(text, meta.namespace, labels, ending=ending, resident=resident)
        return kind

    def record(self, found: QuickPod) -> PodRecord:
        """Return a pod with all that identifies it, as ``decode_pod`` does.

        Raises:
            RareError: When more of it is needed than was kept.
            ObjectError: When something of it cannot be read.
        """
        text = self._encode(found)
        if b'"ephemeral"' in text:
            raise RareError
        return decode_pod(text, self.rules)

    def candidate(self, found: QuickPod, labels: bytes) -> Candidate:
        """Return a pod that is not bound; ``found`` is used up, ``labels`` are its own.

        Raises:
            RareError: When such pods are to be read in full.
            ObjectError: When something of it cannot be read.
        """
        meta, status = found.metadata, found.status
        assert meta is not None
        nominated, conditions = status.nominated_node_name or "", bytes(status.conditions)
        name, uid, resident = meta.name, meta.uid, _is_resident(meta)
        meta.name = meta.uid = meta.resource_version = status.nominated_node_name = None
        meta.creation_timestamp = meta.annotations = status.conditions = NONE
        text = self._encode(found)
        pod = self._fresh.get((text, labels, resident))
        if pod is None:
            if b'"ephemeral"' in text:
                raise RareError
            whole = read(text, wire.Pod)
            pod = pod_of(whole, self.rules, placed=False, resident=resident)
            _forget_half(self._fresh)
            self._fresh[text, labels, resident] = pod
        judged = b'"PodScheduled"' in conditions and _is_judged(conditions)
        return Candidate(pod, name or "", uid or "", nominated, judged)

    def _learn(
        self, text: bytes, namespace: Text, labels: bytes, *, ending: bool, resident: bool
    ) -> Kind:
        known = self._specs.get((text, namespace, resident))
        if known is None:
            known = (text, self._spec(text, namespace, resident=resident))
            _forget_half(self._specs)
            self._specs[text, namespace, resident] = known
        text, spec = known
        if spec is None:
            raise RareError
        named = read(labels, dict[str, str]) if labels not in _ABSENT else {}
        kind = self.kind_of(
            objects.Pod(namespace or "default", labels_of(pairs(named)), spec, ending)
        )
        _forget_half(self._kinds)
        self._kinds[text, namespace, labels, ending, resident] = kind
        return kind

    def _spec(self, text: bytes, namespace: Text, *, resident: bool) -> objects.PodSpec | None:
        """Read a specification; None when it names a claim after its pod."""
        if b'"ephemeral"' in text:
            return None
        whole = read(text, wire.Pod)
        whole.metadata = wire.Meta(namespace=namespace)
        return pod_of(whole, self.rules, placed=True, resident=resident).spec

    def kind_of(self, pod: objects.Pod) -> Kind:
        """Return what a pod weighs that was read in full."""
        spec = pod.spec
        return Kind(pod, tuple(spec.requests.items()), bool(spec.anti_affinity))


def _is_resident(meta: Meta) -> bool:
    """Tell whether a pod belongs to its node: of a DaemonSet, or static."""
    owners = bytes(meta.owner_references)
    found = read(owners, list[Owner] | None) if owners else None  # type: ignore[arg-type] # a union
    if any(each.kind in {"DaemonSet", "Node"} for each in found or ()):
        return True
    text = bytes(meta.annotations)
    return b'"kubernetes.io/config.mirror"' in text or b'"kubernetes.io/config.source"' in text


def _is_judged(conditions: bytes) -> bool:
    found = read(conditions, list[wire.Condition] | None)  # type: ignore[arg-type] # a union
    return any(each.type == "PodScheduled" for each in found or ())


def _forget_half(known: dict[Any, Any]) -> None:
    """Keep a memory of texts from growing without end: the older half goes."""
    if len(known) >= _MOST:
        for old in list(known)[: _MOST // 2]:
            del known[old]


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
