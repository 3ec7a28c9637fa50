"""AMD: both spellings of the labels, and partitions."""

from __future__ import annotations

import re

from teamspawner.capacity.accelerators.device import CLOUD_KEYS, MIB, Device, Facts, Model, model_of
from teamspawner.capacity.objects import NodeTerm, Requirement

AMD_KEYS = (
    "amd.com/gpu.product-name",
    "beta.amd.com/gpu.product-name",
    "amd.com/gpu.family",
    "beta.amd.com/gpu.family",
)
_AMD_PARTITION_KEYS = (
    "amd.com/gpu.compute-memory-partition",
    "amd.com/compute-memory-partition",
    "beta.amd.com/gpu.compute-memory-partition",
)
_SCALE = {"M": MIB, "G": 2**30, "T": 2**40}
_AMD_PARTS = ("dpx", "tpx", "qpx", "cpx")
_AMD_SPLIT = tuple(
    sorted(
        f(f"{part}_nps{nps}")
        for part in _AMD_PARTS
        for nps in (1, 2, 4, 8)
        for f in (str.lower, str.upper)
    )
)


def amd_device(facts: Facts, resource: str) -> Device:
    """Read whole devices or partitions under one resource name."""
    partition, told = _amd_partition(facts, resource)
    split = partition.lower().startswith(_AMD_PARTS)
    model, mixed = _amd_model(facts, resource)
    if told and split:
        told_by: tuple[Requirement, ...] = (Requirement(told, "In", (partition,)),)
    elif resource == "amd.com/gpu":
        told_by = tuple(Requirement(key, "NotIn", _AMD_SPLIT) for key in _AMD_PARTITION_KEYS)
    else:
        told_by = ()
    requirements = (*model.requirements, *told_by)
    count = max(0, facts.allocatable.get(resource, 0))
    return Device(
        resource=resource,
        model=model.label,
        kind="mig" if split else "whole",
        vendor="amd",
        count=count,
        profile=partition.lower() if split else "",
        memory_bytes=None if split else _amd_memory(facts),
        trouble="driver" if count == 0 else "mixed" if mixed else "",
        labelled=model.labelled,
        terms=(NodeTerm(requirements),) if requirements else (),
    )


def _amd_partition(facts: Facts, resource: str) -> tuple[str, str]:
    """The partition of a node's devices, and the label that tells it."""
    name = resource.removeprefix("amd.com/")
    if re.fullmatch(r"[a-z]+_nps\d+", name):
        return name, ""
    for key in _AMD_PARTITION_KEYS:
        if key in facts.labels:
            return facts.labels[key], key
    return "", ""


def _amd_model(facts: Facts, resource: str) -> tuple[Model, bool]:
    """The model, and whether the node has several."""
    for key in AMD_KEYS[:2]:
        if key in facts.labels:
            break
        values = sorted(_in_keys(facts, key))
        if values:
            exists = tuple(Requirement(f"{key}.{value}", "Exists") for value in values)
            return Model(values[0], True, exists), len(values) > 1
    return model_of(facts, resource, (*AMD_KEYS, *CLOUD_KEYS)), False


def _in_keys(facts: Facts, key: str) -> list[str]:
    """Values that the older labeller writes into keys: ``KEY.VALUE``."""
    return [label.removeprefix(f"{key}.") for label in facts.labels if label.startswith(f"{key}.")]


def _amd_memory(facts: Facts) -> int | None:
    for key in ("amd.com/gpu.vram", "beta.amd.com/gpu.vram"):
        sizes = [facts.labels[key]] if key in facts.labels else _in_keys(facts, key)
        found = re.fullmatch(r"(\d{1,6})([MGT])", sizes[0]) if len(sizes) == 1 else None
        if found:
            return int(found[1]) * _SCALE[found[2]]
    return None
