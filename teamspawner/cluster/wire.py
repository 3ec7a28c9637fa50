"""The fields of API objects that a verdict needs, for typed decoding; all others are skipped.

Names and nesting are the API's. Everything may be absent or null: watch events
carry nulls in lists, and hand-made objects leave things out. What few objects
have stays ``Raw`` and is read only when it is there.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, field

Text = str | None
Quantities = dict[str, str | int | float | None] | None
Names = list[str] | None
Words = dict[str, str] | None


class Wire(Struct, gc=False):
    """Base of all: trees without cycles, which the collector need not walk."""


class Owner(Wire):
    """An owner reference."""

    kind: Text = None
    uid: Text = None
    controller: bool | None = None


class Meta(Wire, rename="camel"):
    """Object metadata; ``annotations`` is read only where something depends on it."""

    name: Text = None
    namespace: Text = None
    uid: Text = None
    resource_version: Text = None
    labels: Words = None
    annotations: Raw = Raw()
    deletion_timestamp: Any = None
    owner_references: list[Owner] | None = None


class Amounts(Wire):
    """Requests and limits."""

    requests: Quantities = None
    limits: Quantities = None


class Port(Wire, rename="camel"):
    """A container port."""

    container_port: int | None = None
    host_port: int | None = None
    host_ip: Text = field(default=None, name="hostIP")
    protocol: Text = None


class Container(Wire, rename="camel"):
    """A container, or an init container."""

    name: Text = None
    image: Text = None
    resources: Amounts | None = None
    ports: list[Port] | None = None
    restart_policy: Text = None
    restart_policy_rules: Raw = Raw()


class RestartRule(Wire):
    """What happens when a container ends in some way."""

    action: Text = None


class ClaimSource(Wire, rename="camel"):
    """A volume that is a claim."""

    claim_name: Text = None


class Volume(Wire, rename="camel"):
    """A volume of a pod; legacy disks stay raw."""

    name: Text = None
    persistent_volume_claim: ClaimSource | None = None
    ephemeral: Raw = Raw()
    gce_persistent_disk: Raw = Raw()
    aws_elastic_block_store: Raw = Raw()
    azure_disk: Raw = Raw()
    cinder: Raw = Raw()
    iscsi: Raw = Raw()
    rbd: Raw = Raw()


class Named(Wire):
    """Anything that has a name: a scheduling gate, a resource claim of a pod."""

    name: Text = None


class PodSpec(Wire, rename="camel"):
    """A pod's specification."""

    node_name: Text = None
    scheduler_name: Text = None
    priority: int | None = None
    preemption_policy: Text = None
    node_selector: Words = None
    affinity: Raw = Raw()
    tolerations: Raw = Raw()
    topology_spread_constraints: Raw = Raw()
    volumes: list[Volume] | None = None
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    overhead: Quantities = None
    resources: Amounts | None = None
    host_network: bool | None = None
    host_users: bool | None = None
    scheduling_gates: list[Named] | None = None
    resource_claims: list[Named] | None = None


class Condition(Wire):
    """A condition of a pod or a node."""

    type: Text = None
    status: Text = None
    reason: Text = None


class ContainerStatus(Wire, rename="camel"):
    """A container's status."""

    name: Text = None
    resources: Amounts | None = None
    allocated_resources: Quantities = None


class PodStatus(Wire, rename="camel"):
    """A pod's status."""

    phase: Text = None
    conditions: list[Condition] | None = None
    nominated_node_name: Text = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    resources: Amounts | None = None
    allocated_resources: Quantities = None


class Pod(Wire):
    """A pod."""

    metadata: Meta | None = None
    spec: PodSpec | None = None
    status: PodStatus | None = None


class Taint(Wire):
    """A taint of a node."""

    key: Text = None
    value: Text = None
    effect: Text = None


class NodeSpec(Wire):
    """A node's specification."""

    unschedulable: bool | None = None
    taints: list[Taint] | None = None


class NodeStatus(Wire):
    """A node's status."""

    allocatable: Quantities = None
    capacity: Quantities = None
    conditions: list[Condition] | None = None
    declared_features: Names = field(default=None, name="declaredFeatures")


class NodeMeta(Meta, rename="camel"):
    """A node's metadata."""

    creation_timestamp: Text = None


class Node(Wire):
    """A node."""

    metadata: NodeMeta | None = None
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class Expression(Wire):
    """An expression over labels or fields."""

    key: Text = None
    operator: Text = None
    values: Names = None


class LabelSelector(Wire, rename="camel"):
    """A label selector."""

    match_labels: Words = None
    match_expressions: list[Expression] | None = None


class NodeTerm(Wire, rename="camel"):
    """A node selector term."""

    match_expressions: list[Expression] | None = None
    match_fields: list[Expression] | None = None


class NodeSelector(Wire, rename="camel"):
    """Node selector terms, joined by OR."""

    node_selector_terms: list[NodeTerm] | None = None


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


class NodeAffinity(Wire):
    """A pod's node affinity; only what is required filters."""

    required: NodeSelector | None = field(default=None, name=_REQUIRED)


class PodTerm(Wire, rename="camel"):
    """A pod (anti-)affinity term."""

    topology_key: Text = None
    label_selector: LabelSelector | None = None
    namespaces: Names = None
    namespace_selector: LabelSelector | None = None
    match_label_keys: Names = None
    mismatch_label_keys: Names = None


class PodAffinity(Wire):
    """A pod's affinity or anti-affinity to pods; only what is required filters."""

    required: list[PodTerm] | None = field(default=None, name=_REQUIRED)


class Affinity(Wire, rename="camel"):
    """All affinities of a pod."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Toleration(Wire):
    """A toleration."""

    key: Text = None
    operator: Text = None
    value: Text = None
    effect: Text = None


class Spread(Wire, rename="camel"):
    """A topology spread constraint."""

    topology_key: Text = None
    max_skew: int | None = None
    when_unsatisfiable: Text = None
    label_selector: LabelSelector | None = None
    min_domains: int | None = None
    node_affinity_policy: Text = None
    node_taints_policy: Text = None
    match_label_keys: Names = None


class Disk(Wire, rename="camel"):
    """A legacy disk: the fields that tell one from another, of all kinds."""

    pd_name: Text = None
    volume_id: Text = field(default=None, name="volumeID")
    disk_uri: Text = field(default=None, name="diskURI")
    iqn: Text = None
    monitors: Names = None
    pool: Text = None
    image: Text = None
    kind: Text = None
    read_only: bool | None = None


class Namespace(Wire):
    """A Namespace."""

    metadata: Meta | None = None


class DeviceClassSpec(Wire, rename="camel"):
    """A device class's specification."""

    extended_resource_name: Text = None


class DeviceClass(Wire):
    """A DeviceClass."""

    metadata: Meta | None = None
    spec: DeviceClassSpec | None = None


class Kinded(Wire):
    """Any object of which nothing but the kind can be read."""

    kind: Text = None


class Item(Wire, rename="camel"):
    """Any object, as far as telling its kind needs."""

    kind: Text = None
    api_version: Text = None
    metadata: Meta | None = None
    items: list[Raw] | None = None
