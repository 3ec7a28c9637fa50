"""What the scheduler looks at, as immutable values; names follow the Kubernetes API.

Sizes are whole numbers: ``cpu`` in millicores, every other resource in its own
unit (bytes, devices, pods), already rounded up as the scheduler rounds them.
Equal pods are one object: a pod on a node has no name here, because no rule of
the scheduler asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

Resources = Mapping[str, int]
"""Resource name, as Kubernetes spells it, to amount: millicores for ``cpu``, else whole units."""

Labels = Mapping[str, str]

EMPTY: Mapping[str, str] = MappingProxyType({})
NOTHING: Resources = MappingProxyType({})
EMPTY_MILLI: Mapping[str, int] = NOTHING


@dataclass(frozen=True, slots=True)
class Taint:
    """A mark on a node that keeps away pods without the matching toleration."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True, slots=True)
class Toleration:
    """A pod's permission to be placed in spite of taints; empty fields match all, as in the API."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One expression over labels: ``key operator values``."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """One node selector term: all its expressions must hold; an empty term matches nothing."""

    expressions: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector over pods or namespaces; an empty one matches everything."""

    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class PodTerm:
    """One required pod (anti-)affinity term. ``selector`` None matches no pod."""

    topology_key: str
    selector: Selector | None
    namespaces: tuple[str, ...] = ()
    namespace_selector: Selector | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """One ``DoNotSchedule`` topology spread constraint."""

    topology_key: str
    max_skew: int
    selector: Selector | None
    min_domains: int | None = None
    node_affinity_policy: str = "Honor"
    node_taints_policy: str = "Ignore"
    match_label_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port claimed on the node itself; empty ``ip`` means every address."""

    protocol: str
    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """One volume of a pod that a filter looks at.

    ``kind`` is ``claim`` (``name`` is the claim's), ``ephemeral`` (the claim made
    for this pod), or the API's field name of a legacy disk (``name`` its identity).
    """

    kind: str
    name: str
    read_only: bool = False
    owner: str = ""
    """The uid of the pod an ``ephemeral`` claim must belong to; empty for all other kinds."""


@dataclass(frozen=True, slots=True)
class PodSpec:
    """Everything in a pod's specification that decides where it may be placed.

    ``requests`` is the effective request: init containers, sidecars, overhead and
    pod-level resources are in it. For a pod on a node it follows the rules for
    bound pods (resize status), for a candidate the rules for new ones.
    """

    requests: Resources = field(default_factory=lambda: NOTHING)
    priority: int = 0
    preemption_policy: str = "PreemptLowerPriority"
    scheduler_name: str = "default-scheduler"
    node_name: str = ""
    node_selector: Labels = field(default_factory=lambda: EMPTY)
    node_terms: tuple[NodeTerm, ...] | None = None
    tolerations: tuple[Toleration, ...] = ()
    host_ports: tuple[HostPort, ...] = ()
    volumes: tuple[VolumeUse, ...] = ()
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    spread: tuple[Spread, ...] = ()
    gates: tuple[str, ...] = ()
    resource_claims: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    """What it needs that a kubelet may lack; of a candidate only."""
    resident: bool = False
    """True for DaemonSet and static pods, which stay when a node is emptied."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as the scheduler weighs it. Equal pods may be one shared object."""

    namespace: str
    labels: Labels
    spec: PodSpec
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pod that is not placed yet: a question to the judge, or one waiting in the cluster."""

    pod: Pod
    name: str = ""
    uid: str = ""
    nominated_node: str = ""
    judged: bool = False
    """True once the scheduler has set its PodScheduled condition."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine as the scheduler sees it: allocatable, never capacity."""

    name: str
    labels: Labels = field(default_factory=lambda: EMPTY)
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    allocatable: Resources = field(default_factory=lambda: NOTHING)
    features: frozenset[str] = frozenset()
    """What its kubelet declares to have (``status.declaredFeatures``)."""
    ready: bool = True
    """The Ready condition; True while there is none, for nothing is known against the node.

    Sizes and words go by it; the scheduler goes by taints."""
    created: datetime | None = None
    """When it registered, aware of its zone; None when not told. No rule of the scheduler asks."""


_SCORED = ("cpu", "memory")
"""What a scheduler scores a node by, by default (``NodeResourcesFit``)."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node with what is on it now: pods bound and unfinished, and the sum of their requests."""

    node: Node
    pods: tuple[Pod, ...] = ()
    used: Resources = field(default_factory=lambda: NOTHING)
    unread: str = ""
    """``nodes`` when the node itself cannot be read (then nothing but its name is known),
    ``pods`` when a pod on it cannot be; empty when all of it is known."""
    repelling: tuple[Pod, ...] = field(init=False, repr=False, compare=False)
    """The pods with required anti-affinity: they can keep others off this and other nodes."""
    _parts: Parts | None = field(init=False, repr=False, compare=False)
    _fullness: float | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        repelling = tuple(pod for pod in self.pods if pod.spec.anti_affinity)
        object.__setattr__(self, "repelling", repelling)
        object.__setattr__(self, "_parts", None)
        object.__setattr__(self, "_fullness", None)

    @property
    def fullness(self) -> float:
        """How much of its cpu and memory is requested, as a mean fraction; reckoned once."""
        if self._fullness is None:
            pairs = ((self.used.get(n, 0), self.node.allocatable.get(n, 0)) for n in _SCORED)
            shares = [used / total for used, total in pairs if total > 0]
            object.__setattr__(self, "_fullness", sum(shares) / len(shares) if shares else 0.0)
            assert self._fullness is not None
        return self._fullness

    @property
    def parts(self) -> Parts:
        """Its pods by when they would leave; sorted once for all who ask."""
        if self._parts is None:
            object.__setattr__(self, "_parts", _parts_of(self))
            assert self._parts is not None
        return self._parts

    def free(self, resource: str) -> int:
        """Allocatable less requests of one resource; may be negative."""
        return self.node.allocatable.get(resource, 0) - self.used.get(resource, 0)


class Parts(NamedTuple):
    """The pods of a node by when they would leave.

    Attributes:
        ending: Those that are terminating now.
        lowest: The lowest priority; None on an empty node.
        emptied: The node with its daemonset and static pods alone.
    """

    ending: tuple[Pod, ...]
    lowest: int | None
    emptied: NodeState


def _parts_of(state: NodeState) -> Parts:
    staying = tuple(pod for pod in state.pods if pod.spec.resident)
    used: dict[str, int] = {}
    for pod in staying:
        for name, amount in pod.spec.requests.items():
            used[name] = used.get(name, 0) + amount
    return Parts(
        tuple(pod for pod in state.pods if pod.terminating),
        min((pod.spec.priority for pod in state.pods), default=None),
        state
        if len(staying) == len(state.pods)
        else NodeState(state.node, staying, used, state.unread),
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim. ``volume`` is empty while unbound."""

    namespace: str
    name: str
    uid: str = ""
    volume: str = ""
    storage_class: str | None = None
    access_modes: tuple[str, ...] = ()
    requested_bytes: int = 0
    sized: bool = True
    """False when it requests no storage at all."""
    selected_node: str = ""
    bind_completed: bool = True
    owner_uid: str = ""
    deleting: bool = False
    lost: bool = False
    volume_mode: str = "Filesystem"
    selector: Selector | None = None
    attributes_class: str = ""


@dataclass(frozen=True, slots=True)
class Volume:
    """A PersistentVolume."""

    name: str
    labels: Labels = field(default_factory=lambda: EMPTY)
    node_terms: tuple[NodeTerm, ...] | None = None
    csi_driver: str = ""
    csi_handle: str = ""
    capacity_bytes: int = 0
    access_modes: tuple[str, ...] = ()
    storage_class: str = ""
    claim: tuple[str, str, str] | None = None
    phase: str = "Available"
    volume_mode: str = "Filesystem"
    deleting: bool = False
    attributes_class: str = ""
    plugin: str = ""
    """The built-in driver, such as ``kubernetes.io/aws-ebs``; empty for a CSI volume."""
    disk: str = ""
    """The disk, as the built-in driver names it."""


@dataclass(frozen=True, slots=True)
class StorageClass:
    """How claims without a volume get one. ``allowed_topologies``: terms joined by OR."""

    name: str
    provisioner: str
    binding_mode: str = "Immediate"
    allowed_topologies: tuple[NodeTerm, ...] = ()
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class StorageCapacity:
    """A CSIStorageCapacity: room that a driver reports for one class on some nodes."""

    storage_class: str
    node_selector: Selector | None
    capacity_bytes: int | None
    max_volume_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A VolumeAttachment: a volume of ``driver`` held by a node."""

    node: str
    driver: str
    volume: str


@dataclass(frozen=True, slots=True)
class Storage:
    """Everything about volumes that a verdict may need; empty when never asked for."""

    claims: Mapping[tuple[str, str], Claim] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    classes: Mapping[str, StorageClass] = field(default_factory=dict)
    attach_limits: Mapping[str, Resources] = field(default_factory=dict)
    """Node to CSI driver to most volumes (CSINode); a driver without a limit is absent.

    A node without a CSINode is absent.
    """
    migrated: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Node to the built-in drivers that its CSINode says a CSI driver has taken over."""
    installed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Node to all CSI drivers on it, as its CSINode lists them."""
    needed: frozenset[str] = frozenset()
    """CSI drivers whose CSIDriver says ``preventPodSchedulingIfMissing: true``."""
    capacity_tracked: frozenset[str] = frozenset()
    """CSI drivers whose CSIDriver says ``storageCapacity: true``."""
    capacities: tuple[StorageCapacity, ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable view of the cluster.

    ``version`` grows with every change that can alter a verdict. ``as_of`` is
    the time of the last event or bookmark, None for a dump. ``unseen`` holds the
    plural names of kinds that were not looked at, or in which something cannot be read
    that may concern any node: what depends on them is UNKNOWN.
    """

    nodes: Mapping[str, NodeState]
    version: int = 0
    as_of: datetime | None = None
    waiting: tuple[Candidate, ...] = ()
    """Unbound, unfinished pods: nominated, just created, or found to fit nowhere."""
    stranded: tuple[Pod, ...] = ()
    """Unfinished servers (pods with a label of ours) bound to a node that is not seen.

    They take no room that is seen, but are held by their people until they are gone.
    """
    storage: Storage = field(default_factory=Storage)
    namespaces: Mapping[str, Labels] = field(default_factory=dict)
    unseen: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Nodes not wholly known, by name, to their ``NodeState.unread``."""
    extended_by_class: frozenset[str] = frozenset()
    """Extended resources that a DeviceClass serves (dynamic resource allocation)."""
    changed: Mapping[str, int] | None = None
    """Node name to the version that last changed it, latest last; None when not tracked."""
    placed: frozenset[str] = frozenset()
    """Nodes that pods were put on since ``version``, as if they were there already."""
    epoch: int = 0
    """Another one when a bound pod with required anti-affinity came or went, when the node of
    such a pod came or has other labels, or when ``changed`` forgot nodes that are gone."""

    @property
    def blind(self) -> bool:
        """Whether what some node has is not known, be it all nodes or one."""
        return "nodes" in self.unseen or "nodes" in self.unread.values()
