"""NVIDIA: GPU feature discovery, MIG, time slicing and MPS, and the labels of clouds."""

from __future__ import annotations

import re
from dataclasses import replace

from teamspawner.capacity.accelerators.device import (
    AZURE_KEYS,
    CLOUD_KEYS,
    INSTANCE_TYPE,
    MEMORY_KEYS,
    MIB,
    Device,
    Facts,
    Model,
    model_of,
)
from teamspawner.capacity.objects import NodeTerm, Requirement

_GKE_SHARING = "cloud.google.com/gke-gpu-sharing-strategy"
_GKE_CLIENTS = "cloud.google.com/gke-max-shared-clients-per-gpu"
_GKE_PARTITION = "cloud.google.com/gke-gpu-partition-size"
_SHARING = frozenset({"time-slicing", "mps", "time-sharing"})
_INVALID = "-MIG-INVALID"


def nvidia_device(facts: Facts, resource: str) -> Device:
    """Read whole, MIG or shared devices under one resource name."""
    base = resource.removesuffix(".shared")
    model = model_of(facts, resource, _nvidia_keys(facts, base))
    mig = _mig_profile(facts, base, model.label)
    shared = _nvidia_shared(facts, resource, base, model.label)
    count = max(0, facts.allocatable.get(resource, 0))
    physical = facts.number(f"{base}.count")
    device = Device(
        resource=resource,
        model=model.label,
        kind="shared" if shared is not None else "mig" if mig else "whole",
        vendor="nvidia",
        count=count,
        profile=mig,
        physical=physical,
        shared_by=_slots(facts, base, count, physical) if shared is not None else None,
        memory_bytes=_nvidia_memory(facts, base, mig),
        labelled=model.labelled,
        terms=_nvidia_terms(model, resource, mig, shared),
    )
    return _nvidia_trouble(facts, base, device)


def _nvidia_keys(facts: Facts, base: str) -> tuple[str, ...]:
    own = (f"{base}.product",) if f"{base}.product" in facts.labels else ()
    azure = any(facts.labels.get(key) == "nvidia" for key in AZURE_KEYS)
    known = (*own, "nvidia.com/gpu.product", *CLOUD_KEYS, *((INSTANCE_TYPE,) if azure else ()))
    return tuple(dict.fromkeys(known))


def _mig_profile(facts: Facts, base: str, model: str) -> str:
    if base.startswith("nvidia.com/mig-"):
        return base.removeprefix("nvidia.com/mig-")
    found = re.search(r"-MIG-(\d\S*?)(?:-SHARED)?$", model)
    return found[1] if found else facts.labels.get(_GKE_PARTITION, "")


def _nvidia_shared(
    facts: Facts, resource: str, base: str, model: str
) -> tuple[Requirement, ...] | None:
    """What tells shared devices from whole ones of the same name; None when not shared."""
    if resource.endswith(".shared") or model.endswith("-SHARED"):
        return ()
    if not facts.has(f"{base}.shared"):
        for key in (f"{base}.sharing-strategy", _GKE_SHARING):
            if facts.labels.get(key) in _SHARING:
                return (Requirement(key, "In", (facts.labels[key],)),)
        replicas = facts.number(f"{base}.replicas")
        if replicas is not None and replicas > 1:
            return (Requirement(f"{base}.replicas", "In", (str(replicas),)),)
    return () if _more_than_there_are(facts, resource, base) else None


def _more_than_there_are(facts: Facts, resource: str, base: str) -> bool:
    """More allocatable than physical devices, and no label that says they are not shared."""
    physical = facts.number(f"{base}.count")
    silent = not {f"{base}.sharing-strategy", f"{base}.replicas"} & facts.labels.keys()
    return bool(physical and silent and facts.allocatable.get(resource, 0) > physical)


def _slots(facts: Facts, base: str, count: int, physical: int | None) -> int | None:
    for key in (f"{base}.replicas", _GKE_CLIENTS):
        slots = facts.number(key)
        if slots is not None and slots > 1:
            return slots
    return count // physical if physical and count > physical else None


def _nvidia_memory(facts: Facts, base: str, mig: str) -> int | None:
    mib = facts.number(f"{base}.memory")
    if mib:
        return mib * MIB
    size = re.search(r"(\d+)gb", mig)
    if size:
        return int(size[1]) * 1024 * MIB
    if mig:
        return None
    return next((number * MIB for key in MEMORY_KEYS if (number := facts.number(key))), None)


def _nvidia_terms(
    model: Model, resource: str, mig: str, shared: tuple[Requirement, ...] | None
) -> tuple[NodeTerm, ...]:
    """Labels that hold such nodes apart from others with a resource of the same name."""
    fixed = model.requirements
    if shared is not None:
        return (NodeTerm((*fixed, *shared)),) if (*fixed, *shared) else ()
    by_name = resource.startswith("nvidia.com/mig-") or "-MIG-" in model.label
    if mig and not by_name:
        fixed = (*fixed, Requirement(_GKE_PARTITION, "In", (mig,)))
    elif not mig:
        fixed = (*fixed, Requirement(_GKE_PARTITION, "DoesNotExist"))
    base = resource
    words = tuple(sorted(_SHARING))
    fixed = (
        *fixed,
        Requirement(f"{base}.sharing-strategy", "NotIn", words),
        Requirement(_GKE_SHARING, "NotIn", words),
    )
    replicas = f"{base}.replicas"
    return (
        NodeTerm((*fixed, Requirement(replicas, "DoesNotExist"))),
        NodeTerm((*fixed, Requirement(replicas, "In", ("0", "1")))),
    )


def _nvidia_trouble(facts: Facts, base: str, device: Device) -> Device:
    if device.model.endswith(_INVALID):
        return replace(device, kind="mig", trouble="mig-invalid")
    if device.count == 0:
        count = device.physical or 0
        return replace(device, trouble="driver", physical=count)
    alone = facts.labels.get(f"{base}.replicas") == "1" or (
        facts.labels.get(f"{base}.sharing-strategy") == "none"
    )
    if alone and device.physical and device.count > device.physical and device.kind == "whole":
        return replace(device, trouble="mixed")
    return device
