"""Read a bound pod of a watch or list quickly: equal pods are recognised by their bytes.

A cluster has many pods and few kinds of pods. Here a pod is cut down to what can
alter a verdict, as raw JSON; only text not met before is read in full, by
``podspec.pod_of``, so there is one meaning of a pod.
"""

from __future__ import annotations

from typing import Any

from msgspec import MsgspecError, Raw, Struct, ValidationError, field, json

from teamspawner.capacity import objects
from teamspawner.capacity.objects import Candidate
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.decode import PodRecord, decode_pod, own_labels, resident
from teamspawner.cluster.podresources import is_infeasible
from teamspawner.cluster.podspec import both_ways, pod_of
from teamspawner.cluster.reading import ObjectError, read

Text = str | None
NONE = Raw()
_ABSENT = frozenset({b"", b"null"})
_SCHEDULER = b'"user-scheduler"'
_NAMED_AFTER = b'"ephemeral"'
"""Marks a volume whose claim bears the name of its pod."""
_MOST = 8192
"""Kinds of pods kept for recognition, some hundred bytes each."""


class Owner(Struct, gc=False, omit_defaults=True):
    """An owner reference."""

    kind: Text = None


class Notes(Struct, gc=False, omit_defaults=True):
    """Annotations: those of a static pod, and whose a server is."""

    mirror: Raw = field(default=NONE, name="kubernetes.io/config.mirror")
    source: Raw = field(default=NONE, name="kubernetes.io/config.source")
    username: Text = field(default=None, name="hub.jupyter.org/username")


class Meta(Struct, rename="camel", gc=False, omit_defaults=True):
    """Metadata of a pod."""

    name: Text = None
    namespace: Text = None
    uid: Text = None
    resource_version: Text = None
    labels: Raw = NONE
    annotations: Notes | None = None
    deletion_timestamp: Text = None
    owner_references: list[Owner] | None = None


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


class RareError(Exception):
    """A pod needs to be read in full: its like are too few to be read quickly."""


class Kind(Struct, gc=False, frozen=True, eq=False):
    """Pods that weigh the same.

    Attributes:
        pod: The one object they share.
        cpu: Millicores requested.
        memory: Bytes requested.
        others: All else that is requested, as pairs.
        repels: It has required anti-affinity.
    """

    pod: objects.Pod
    cpu: int
    memory: int
    others: tuple[tuple[str, int], ...]
    repels: bool


class Alike(Struct, gc=False):
    """Bound pods that differ in their labels only.

    Attributes:
        spec: What they share; None when such are read in full.
        refused: How they count when their node refuses a resize; None when not otherwise.
        kinds: Text of the labels to the kind.
    """

    namespace: str
    spec: objects.PodSpec | None
    terminating: bool
    refused: Alike | None = None
    kinds: dict[bytes, Kind] = field(default_factory=dict)


class Recogniser:
    """Turns cut-down pods into what the scheduler weighs, equal ones into one object.

    Args:
        rules: The scheduler whose way of counting applies.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._alike: dict[bytes, Alike] = {}
        self._fresh: dict[tuple[bytes, bytes], objects.Pod] = {}
        self._known = 0
        self._encode = json.Encoder().encode

    def kind(self, found: QuickPod, labels: bytes) -> Kind:
        """Return what a bound pod weighs; ``found`` is used up, ``labels`` are its own.

        Raises:
            RareError: When such pods are to be read in full.
        """
        conditions = found.status.conditions
        text = self._text(found)
        alike = self._alike.get(text)
        if alike is None:
            alike = self._meet(text)
        if alike.refused is not None and _is_refused(bytes(conditions)):
            alike = alike.refused
        kind = alike.kinds.get(labels)
        return self._learn(alike, labels) if kind is None else kind

    def candidate(self, found: QuickPod, labels: bytes) -> Candidate:
        """Return a pod that is not bound; ``found`` is used up, ``labels`` are its own.

        Raises:
            RareError: When such pods are to be read in full.
        """
        meta, status = found.metadata, found.status
        assert meta is not None
        nominated, conditions = status.nominated_node_name or "", bytes(status.conditions)
        name, uid = meta.name or "", meta.uid or ""
        text = self._text(found)
        pod = self._fresh.get((text, labels))
        if pod is None:
            whole = _whole(text, labels)
            pod = pod_of(whole, self.rules, placed=False, resident=_is_resident(whole))
            if len(self._fresh) >= _MOST:
                _forget_half(self._fresh)
            self._fresh[text, labels] = pod
        judged = b'"PodScheduled"' in conditions and _is_judged(conditions)
        return Candidate(pod, name, uid, nominated, judged)

    def record(self, found: QuickPod) -> PodRecord:
        """Return a pod with all that identifies it, as ``decode_pod`` does.

        Raises:
            RareError: When more of it is needed than was kept.
            ObjectError: When something of it cannot be read.
        """
        text = self._encode(found)
        if _NAMED_AFTER in text:
            raise RareError
        return decode_pod(text, self.rules)

    def kind_of(self, pod: objects.Pod) -> Kind:
        """Return what a pod weighs that was read in full."""
        requests = dict(pod.spec.requests)
        cpu, memory = requests.pop("cpu", 0), requests.pop("memory", 0)
        return Kind(pod, cpu, memory, tuple(requests.items()), bool(pod.spec.anti_affinity))

    def _text(self, found: QuickPod) -> bytes:
        """Return what pods that weigh the same have in common, labels aside."""
        meta, spec, status = found.metadata, found.spec, found.status
        assert meta is not None
        meta.name = meta.uid = meta.resource_version = None
        meta.labels = status.conditions = NONE
        spec.node_name = status.phase = status.nominated_node_name = None
        if meta.deletion_timestamp is not None:
            meta.deletion_timestamp = ""
        return self._encode(found)

    def _meet(self, text: bytes) -> Alike:
        """Read pods not met before, but for their labels."""
        try:
            whole = _whole(text, b"")
            pod, refused = both_ways(whole, self.rules, resident=_is_resident(whole))
        except (RareError, ObjectError):  # who reads them in full says what is wrong
            alike = Alike("", None, terminating=False)
        else:
            alike = Alike(pod.namespace, pod.spec, pod.terminating)
            if refused is not None:
                alike.refused = Alike(pod.namespace, refused.spec, pod.terminating)
        self._remember()
        self._alike[text] = alike
        return alike

    def _learn(self, alike: Alike, labels: bytes) -> Kind:
        """Return the kind of such pods with labels not met before."""
        if alike.spec is None or _SCHEDULER in labels:
            raise RareError
        named = own_labels(_words(labels))
        kind = self.kind_of(objects.Pod(alike.namespace, named, alike.spec, alike.terminating))
        self._remember()
        alike.kinds[labels] = kind
        return kind

    def _remember(self) -> None:
        """Count one more kind; the older half goes before there are too many."""
        self._known += 1
        if self._known > _MOST:
            _forget_half(self._alike)
            self._known = sum(1 + len(alike.kinds) for alike in self._alike.values())


def username_of(annotations: Raw) -> str:
    """Return whose server a pod is, by its annotations; empty when they do not say."""
    try:
        found = json.decode(annotations, type=Notes | None) if annotations else None
    except MsgspecError:
        return ""
    return (found.username if found else None) or ""


def _whole(text: bytes, labels: bytes) -> wire.Pod:
    """Read a pod from what it has in common with others, and its labels.

    Raises:
        RareError: When it names a claim after itself.
        ObjectError: When something of it cannot be read.
    """
    if _NAMED_AFTER in text:
        raise RareError
    whole = read(text, wire.Pod)
    if whole.metadata is None:
        whole.metadata = wire.Meta()
    whole.metadata.labels = _words(labels)
    return whole


def _is_resident(pod: wire.Pod) -> bool:
    return pod.metadata is not None and resident(pod.metadata)


def _words(labels: bytes) -> dict[str, str] | None:
    return read(labels, dict[str, str]) if labels not in _ABSENT else None


def _is_refused(conditions: bytes) -> bool:
    """Tell whether a node refuses a resize; quick for those that say nothing of one."""
    if b'"PodResizePending"' not in conditions:
        return False
    return is_infeasible(read(conditions, list[wire.Condition]))


def _is_judged(conditions: bytes) -> bool:
    found = read(conditions, list[wire.Condition] | None)  # type: ignore[arg-type] # a union
    return any(each.type == "PodScheduled" for each in found or ())


def _forget_half(known: dict[Any, Any]) -> None:
    """Keep a memory of texts from growing without end."""
    for old in list(known)[: len(known) // 2 + 1]:
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
