"""Intel, Gaudi, TPU, Neuron, and every other extended resource."""

from __future__ import annotations

from teamspawner.capacity.accelerators.device import ACCELERATOR_KEYS, Device, Facts, model_of
from teamspawner.capacity.objects import NodeTerm


def intel_device(facts: Facts, resource: str) -> Device:
    """Intel's plugin can share a device without a label: more slots than devices tell it."""
    keys = ("gpu.intel.com/product", "gpu.intel.com/family")
    model = model_of(facts, resource, keys)
    count = facts.allocatable.get(resource, 0)
    physical = facts.number("gpu.intel.com/device.count")
    shared = bool(physical and count > physical)
    return Device(
        resource=resource,
        model=model.label,
        kind="shared" if shared else "whole",
        vendor="intel",
        count=count,
        physical=physical,
        shared_by=count // physical if physical and shared else None,
        labelled=model.labelled,
        terms=(NodeTerm(model.requirements),) if model.requirements else (),
    )


_VENDORS = {"google.com": "google", "aws.amazon.com": "aws", "habana.ai": "intel"}
_OTHER_KEYS = {
    "google.com/tpu": ("cloud.google.com/gke-tpu-accelerator",),
    "habana.ai/gaudi": ACCELERATOR_KEYS,
    "aws.amazon.com/neuron": ACCELERATOR_KEYS,
    "aws.amazon.com/neurondevice": ACCELERATOR_KEYS,
    "aws.amazon.com/neuroncore": ACCELERATOR_KEYS,
}
_NEURON = ("aws.amazon.com/neuron", "aws.amazon.com/neurondevice", "aws.amazon.com/neuroncore")


def is_second_name(facts: Facts, resource: str) -> bool:
    """The Neuron plugin counts the same chips under several names; the first one is offered."""
    if resource not in _NEURON:
        return False
    return any(facts.has(name) for name in _NEURON[: _NEURON.index(resource)])


def other_device(facts: Facts, resource: str) -> Device:
    """Read a device that no rule is known for; it goes by its resource name."""
    domain = resource.partition("/")[0]
    model = model_of(facts, resource, _OTHER_KEYS.get(resource, ()))
    shared = resource.endswith(".shared")
    return Device(
        resource=resource,
        model=model.label,
        kind="shared" if shared else "whole",
        vendor=_VENDORS.get(domain, domain.removesuffix(".com").removesuffix(".io")),
        count=facts.allocatable.get(resource, 0),
        labelled=model.labelled,
        terms=(NodeTerm(model.requirements),) if model.requirements else (),
    )
