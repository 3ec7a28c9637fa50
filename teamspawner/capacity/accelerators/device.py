"""The accelerators of one kind on one node, and what is read of a node to tell them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from teamspawner.capacity.objects import Labels, NodeTerm, Requirement

KindWord = Literal["whole", "mig", "shared"]
Trouble = Literal["", "mig-invalid", "driver", "mixed"]

MIB = 2**20
_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Device:
    """The accelerators of one kind on one node.

    Attributes:
        resource: What a pod asks for, such as ``nvidia.com/gpu``.
        model: The label's value; the resource's name where no label tells the model.
        kind: ``whole``, ``mig`` (an isolated part: MIG, AMD partition) or ``shared``.
        vendor: ``nvidia``, ``amd``, ``intel``, ``google``, ``aws``, else the domain.
        count: Devices as allocatable counts them: slots, when shared. 0 when the driver is down.
        profile: MIG profile or AMD partition, such as ``1g.10gb``; empty for whole devices.
        physical: Devices (or MIG devices) behind ``count``; None when not told.
        shared_by: How many slots one device has; None unless shared.
        memory_bytes: Memory of one device; None when not told.
        trouble: ``mig-invalid``, ``driver`` (labelled, none allocatable), ``mixed``
            (several models under one label, so the model is not guaranteed).
        labelled: Whether a label tells the model.
        terms: What selects exactly such nodes, any of them; empty: the resource does.
    """

    resource: str
    model: str
    kind: KindWord
    vendor: str
    count: int
    profile: str = ""
    physical: int | None = None
    shared_by: int | None = None
    memory_bytes: int | None = None
    trouble: Trouble = ""
    labelled: bool = True
    terms: tuple[NodeTerm, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is read of a node: labels, and allocatable of accelerators alone."""

    labels: Labels
    allocatable: dict[str, int]

    def has(self, resource: str) -> bool:
        """Whether any device of this name is allocatable."""
        return self.allocatable.get(resource, 0) > 0

    def number(self, key: str) -> int | None:
        """A label as a whole number; None when it is absent or no number."""
        text = self.labels.get(key, "")
        return (
            int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None
        )


CLOUD_KEYS = (
    "cloud.google.com/gke-accelerator",
    "k8s.amazonaws.com/accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "eks.amazonaws.com/instance-gpu-name",
    "aliyun.accelerator/nvidia_name",
    "cloud.tencent.com/tke-accelerator",
    "doks.digitalocean.com/gpu-model",
    "cluster-api/accelerator",
)
AZURE_KEYS = ("kubernetes.azure.com/accelerator", "accelerator")
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
ACCELERATOR_KEYS = (
    "karpenter.k8s.aws/instance-accelerator-name",
    "eks.amazonaws.com/instance-accelerator-name",
)
MEMORY_KEYS = ("karpenter.k8s.aws/instance-gpu-memory", "eks.amazonaws.com/instance-gpu-memory")


_NOT_MODELS = frozenset({"", "true", "false", "1", "yes", "present", "nvidia", "amd", "intel"})


@dataclass(frozen=True, slots=True)
class Model:
    """A model as labels tell it, with what a node must have to be of this model."""

    label: str
    labelled: bool
    requirements: tuple[Requirement, ...]


def model_of(facts: Facts, resource: str, keys: tuple[str, ...]) -> Model:
    """The first label that names a model; nodes that a better label describes are left out."""
    above: list[Requirement] = []
    for key in keys:
        value = facts.labels.get(key, "")
        if value.lower() not in _NOT_MODELS:
            return Model(value, True, (Requirement(key, "In", (value,)), *above))
        if key not in facts.labels:
            above.append(Requirement(key, "DoesNotExist"))
        else:
            above.append(Requirement(key, "In", (value,)))
    return Model(resource, False, tuple(above))
