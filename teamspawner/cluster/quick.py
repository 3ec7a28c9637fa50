"""The fields of a pod that can alter a verdict, for quick decoding of lists and events.

What is looked into for few pods stays raw JSON. Encoded again, a pod is what is left of it
here: ``podspec.pod_of`` reads that, so there is one meaning of a pod.
"""

from __future__ import annotations

from msgspec import MsgspecError, Raw, Struct, ValidationError, field, json

__all__ = [
    "NONE",
    "Notes",
    "PageMeta",
    "QuickPod",
    "RawPage",
    "pods_of_page",
    "username_of",
]

Text = str | None
NONE = Raw()


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
    restart_policy_rules: Raw = NONE


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
    host_users: bool | None = None
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


def username_of(annotations: Raw) -> str:
    """Return whose server a pod is, by its annotations; empty when they do not say."""
    try:
        found = json.decode(annotations, type=Notes | None) if bytes(annotations) else None
    except MsgspecError:
        return ""
    return (found.username if found else None) or ""


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
