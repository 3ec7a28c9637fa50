"""Turn API objects, as JSON bytes or mappings, into what the scheduler looks at.

Used for dumps and by the watcher alike. Equal specifications, labels and
amounts become one object. Nothing here judges.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from teamspawner.capacity import objects
from teamspawner.capacity.objects import EMPTY, Candidate, Labels
from teamspawner.capacity.requests import rounded
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.podspec import pod_of
from teamspawner.cluster.reading import (
    ObjectError,
    Source,
    amounts,
    labels_of,
    meta_of,
    pairs,
    read,
    resources_of,
)

__all__ = [
    "ObjectError",
    "PodRecord",
    "candidate",
    "decode_device_class",
    "decode_namespace",
    "decode_node",
    "decode_pod",
    "version_of",
]

OURS = "teamspawner/"
"""What a label begins with that this package puts on servers."""
FINISHED = frozenset({"Succeeded", "Failed"})
_VERSION = re.compile(r":v?(1\.\d+(?:\.\d+)?)[^/]*$")
_STATIC = (b'"kubernetes.io/config.mirror"', b'"kubernetes.io/config.source"')


@dataclass(frozen=True, slots=True)
class PodRecord:
    """A pod with what identifies it, for those who keep track of pods.

    Attributes:
        node: The node it is bound to; empty while it is not.
        finished: Its phase is Succeeded or Failed: it holds nothing any more.
        user_scheduler: The image of the hub's own scheduler, when this pod is one; else empty.
    """

    namespace: str
    name: str
    uid: str
    node: str
    finished: bool
    pod: objects.Pod
    nominated_node: str = ""
    judged: bool = False
    user_scheduler: str = ""

    def candidate(self) -> Candidate:
        """Return it as a pod that waits to be placed."""
        return Candidate(self.pod, self.name, self.uid, self.nominated_node, self.judged)


def decode_node(source: Source) -> objects.Node:
    """Read a node.

    Raises:
        ObjectError: When it is no node, or an amount cannot be read.
    """
    return node_of(read(source, wire.Node))


def node_of(found: wire.Node) -> objects.Node:
    """Return what the scheduler looks at in a node.

    Raises:
        ObjectError: When it has no name, or an amount cannot be read.
    """
    meta = meta_of(found.metadata)
    born = found.metadata.creation_timestamp if found.metadata else None
    spec, status = found.spec or wire.NodeSpec(), found.status or wire.NodeStatus()
    # The API's default (SetDefaults_NodeStatus): what says nothing else offers all it has.
    offered = status.capacity if status.allocatable is None else status.allocatable
    allocatable = rounded(amounts(offered, "status.allocatable"))
    return objects.Node(
        name=meta.name or "",
        labels=own_labels(meta.labels),
        taints=tuple(
            objects.Taint(t.key or "", t.value or "", t.effect or "") for t in spec.taints or ()
        ),
        unschedulable=bool(spec.unschedulable),
        allocatable=resources_of(tuple(sorted(allocatable.items()))),
        features=frozenset(status.declared_features or ()),
        ready=all(c.status == "True" for c in status.conditions or () if c.type == "Ready"),
        created=_instant(born),
    )


def _instant(text: str | None) -> datetime | None:
    """Read a time as the API writes it; None for one that is absent or cannot be read."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def decode_pod(source: Source, rules: Rules) -> PodRecord:
    """Read a pod: a bound one counts as pods on nodes do, others by their specification alone.

    Raises:
        ObjectError: When it is no pod, or something of it cannot be read.
    """
    found = read(source, wire.Pod)
    meta = meta_of(found.metadata)
    spec, status = found.spec or wire.PodSpec(), found.status or wire.PodStatus()
    bound = spec.node_name or ""
    return PodRecord(
        namespace=meta.namespace or "default",
        name=meta.name or "",
        uid=meta.uid or "",
        node=bound,
        finished=status.phase in FINISHED,
        pod=pod_of(found, rules, placed=bool(bound), resident=resident(meta)),
        nominated_node=status.nominated_node_name or "",
        judged=is_judged(status.conditions),
        user_scheduler=_user_scheduler(meta, spec),
    )


def candidate(manifest: Mapping[str, Any] | bytes, rules: Rules) -> Candidate:
    """Read a pod that is to be created, with the API's own defaults; no admission.

    Args:
        manifest: The pod; it may be bound already, which is then asked for as a node name.
        rules: The scheduler whose way of counting applies.

    Raises:
        ObjectError: When it is no pod, or something of it cannot be read.
    """
    found = read(manifest, wire.Pod)
    meta = found.metadata or wire.Meta()
    status = found.status or wire.PodStatus()
    return Candidate(
        pod=pod_of(found, rules, placed=False, resident=resident(meta)),
        name=meta.name or "",
        uid=meta.uid or "",
        nominated_node=status.nominated_node_name or "",
        judged=is_judged(status.conditions),
    )


def decode_namespace(source: Source) -> tuple[str, Labels]:
    """Read a Namespace: its name and labels.

    Raises:
        ObjectError: When it cannot be read.
    """
    meta = meta_of(read(source, wire.Namespace).metadata)
    return meta.name or "", labels_of(pairs(meta.labels))


def decode_device_class(source: Source) -> tuple[str, ...]:
    """Read a DeviceClass: the extended resources it serves, by its own name and as declared.

    Raises:
        ObjectError: When it cannot be read.
    """
    found = read(source, wire.DeviceClass)
    own = f"deviceclass.resource.kubernetes.io/{meta_of(found.metadata).name}"
    declared = found.spec.extended_resource_name if found.spec else None
    return (own, declared) if declared else (own,)


def own_labels(found: wire.Words) -> objects.Labels:
    """Return labels that few others have as a whole, but whose words many have."""
    intern = sys.intern
    return MappingProxyType({intern(k): intern(v) for k, v in found.items()}) if found else EMPTY


def is_judged(conditions: Iterable[wire.Condition] | None) -> bool:
    """Tell whether the scheduler has looked at a pod already."""
    return any(condition.type == "PodScheduled" for condition in conditions or ())


def resident(meta: wire.Meta) -> bool:
    """Tell whether a pod belongs to its node: of a DaemonSet, or static."""
    if any(owner.kind in {"DaemonSet", "Node"} for owner in meta.owner_references or ()):
        return True
    raw = bytes(meta.annotations)
    return bool(raw) and any(mark in raw for mark in _STATIC)


def version_of(image: str) -> str | None:
    """Return the Kubernetes version in the tag of an image, such as ``1.30.14``; None without."""
    found = _VERSION.search(image)
    return found[1] if found else None


def _user_scheduler(meta: wire.Meta, spec: wire.PodSpec) -> str:
    """Return the image of the chart's user scheduler, when the pod is one; else empty."""
    if (meta.labels or {}).get("component") != "user-scheduler":
        return ""
    return next((c.image for c in spec.containers or () if c.image), "")
