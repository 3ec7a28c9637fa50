"""API objects as JSON mappings, and the way from them to a verdict."""

from __future__ import annotations

import json
from typing import Any

from teamspawner.capacity import Rules, Verdict, judge
from teamspawner.capacity.objects import Snapshot
from teamspawner.cluster import dump as dumps
from teamspawner.cluster.decode import candidate

Json = dict[str, Any]
GPU = "nvidia.com/gpu"


def node(
    name: str = "a", *, labels: Json | None = None, spec: Json | None = None, **amounts: Any
) -> Json:
    """A node of 8 cpu, 32Gi and 110 pods, unless said otherwise; ``gpu`` is NVIDIA's."""
    room = {"cpu": "8", "memory": "32Gi", "pods": "110", **named(amounts)}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "spec": spec or {},
        "status": {"allocatable": {key: str(value) for key, value in room.items()}},
    }


def named(amounts: Json) -> Json:
    """Resource names from keywords: ``gpu`` is NVIDIA's, ``mig`` one of its slices."""
    short = {"gpu": GPU, "mig": "nvidia.com/mig-1g.10gb", "shared": "nvidia.com/gpu.shared"}
    return {short.get(name, name): str(value) for name, value in amounts.items()}


def container(name: str = "main", *, limits: Json | None = None, **requests: Any) -> Json:
    """A container that requests these amounts; GPUs are limits, as the API wants them."""
    found = named(requests)
    own = {key: found[key] for key in found if "/" in key}
    resources: Json = {"requests": found, "limits": {**own, **named(limits or {})}}
    return {"name": name, "image": "x", "resources": resources}


def sidecar(name: str = "side", **requests: Any) -> Json:
    """A restartable init container."""
    return {**container(name, **requests), "restartPolicy": "Always"}


def pod(
    name: str = "ours",
    *,
    on: str = "",
    phase: str = "",
    status: Json | None = None,
    meta: Json | None = None,
    containers: list[Json] | None = None,
    namespace: str = "default",
    spec: Json | None = None,
    **requests: Any,
) -> Json:
    """A pod of one container with these requests; ``on`` a node it is bound to."""
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", **(meta or {})},
        "spec": {
            "containers": containers or [container(**requests)],
            **({"nodeName": on} if on else {}),
            **(spec or {}),
        },
        "status": {"phase": phase or ("Running" if on else "Pending"), **(status or {})},
    }


def claim(name: str, *, volume: str = "", storage_class: str = "wait", **spec: Any) -> Json:
    """A claim of 10Gi, bound when it names a volume."""
    done = {"pv.kubernetes.io/bind-completed": "yes"} if volume else {}
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default", "uid": name, "annotations": done},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Gi"}},
            "storageClassName": storage_class,
            **({"volumeName": volume} if volume else {}),
            **spec,
        },
        "status": {"phase": "Bound" if volume else "Pending"},
    }


def volume(
    name: str, *, zone: str = "", driver: str = "disk.example.com", claimed: str = ""
) -> Json:
    """A CSI volume, in one zone when that is said, bound to a claim when that is."""
    spec: Json = {
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "wait",
        "csi": {"driver": driver, "volumeHandle": f"handle-{name}"},
    }
    if zone:
        zones = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
        terms = [{"matchExpressions": [zones]}]
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    if claimed:
        spec["claimRef"] = {"namespace": "default", "name": claimed, "uid": claimed}
    status = {"phase": "Bound" if claimed else "Available"}
    return {"kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec, "status": status}


def storage_class(name: str = "wait", mode: str = "WaitForFirstConsumer", **rest: Any) -> Json:
    """A StorageClass of ``disk.example.com``."""
    found = {"kind": "StorageClass", "metadata": {"name": name}, "volumeBindingMode": mode}
    return {**found, "provisioner": "disk.example.com", **rest}


def uses(*claims: str) -> Json:
    """A specification with volumes of these claims."""
    sources = [{"persistentVolumeClaim": {"claimName": name}} for name in claims]
    return {"volumes": [{"name": f"v{i}", **source} for i, source in enumerate(sources)]}


def snapshot_of(
    items: list[Json], rules: Rules | None = None, unseen: frozenset[str] = frozenset()
) -> Snapshot:
    """The snapshot of a dump that holds these objects."""
    found = dumps.Dump()
    dumps.take(found, "test", json.dumps({"kind": "List", "items": items}).encode())
    result = dumps.snapshot(found, rules or Rules(), unseen)
    assert not found.faults, found.faults
    return result


def judged(items: list[Json], ours: Json, *, version: str = "1.35", unseen: str = "") -> Verdict:
    """The verdict on a pod in a cluster of these objects."""
    rules = Rules.for_version(version)
    seen = frozenset(unseen.split(",")) - {""}
    return judge(candidate(ours, rules), snapshot_of(items, rules, seen), rules)


def why(verdict: Verdict, name: str = "a") -> list[str]:
    """The scheduler's words against one node."""
    return [reason.message for reason in verdict.rejected[name]]
