"""Which accelerators a node has: model, kind, memory, and what is wrong with them.

Reads labels and allocatable only; how many are free is not told here. Rules follow
the device plugins of NVIDIA (with GPU feature discovery), AMD and Intel, and the
labels that clouds put on their nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

from teamspawner.capacity.accelerators.amd import AMD_KEYS, amd_device
from teamspawner.capacity.accelerators.device import Device, Facts
from teamspawner.capacity.accelerators.names import friendly_name, is_accelerator
from teamspawner.capacity.accelerators.nvidia import nvidia_device
from teamspawner.capacity.accelerators.others import intel_device, is_second_name, other_device
from teamspawner.capacity.objects import Node

__all__ = ["Device", "devices_of", "friendly_name", "is_accelerator"]


def devices_of(node: Node) -> tuple[Device, ...]:
    """All accelerators of a node, in the order of their resource names."""
    names = {name for name in node.allocatable if is_accelerator(name)}
    return _devices(Facts(node.labels, {name: node.allocatable[name] for name in names}))


def _devices(facts: Facts) -> tuple[Device, ...]:
    found = [
        device
        for name in sorted({*facts.allocatable, *_expected(facts)})
        if (device := _device(facts, name)) is not None
    ]
    return tuple(found)


def _expected(facts: Facts) -> Iterator[str]:
    """Resources that labels promise, though the node may not have them now."""
    if "nvidia.com/gpu.product" in facts.labels and not any(
        name.startswith("nvidia.com/") and facts.has(name) for name in facts.allocatable
    ):
        yield "nvidia.com/gpu"
    if AMD_KEYS[0] in facts.labels and not any(
        name.startswith("amd.com/") and facts.has(name) for name in facts.allocatable
    ):
        yield "amd.com/gpu"


def _device(facts: Facts, resource: str) -> Device | None:
    domain, _, name = resource.partition("/")
    expected = resource in set(_expected(facts))
    if not facts.has(resource) and not expected:
        return None
    if domain == "nvidia.com" and (name.split(".")[0] == "gpu" or name.startswith("mig-")):
        return nvidia_device(facts, resource)
    if domain == "amd.com":
        return amd_device(facts, resource)
    if domain == "gpu.intel.com":
        return intel_device(facts, resource)
    if is_second_name(facts, resource):
        return None
    return other_device(facts, resource)
