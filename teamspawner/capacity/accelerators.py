"""Which accelerators a node has: model, kind, memory, and what is wrong with them.

Reads labels and allocatable only; how many are free is not told here. Rules follow
the device plugins of NVIDIA (with GPU feature discovery), AMD and Intel, and the
labels that clouds put on their nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from teamspawner.capacity.objects import Labels, Node, NodeTerm, Requirement

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


_NETWORK = {"efa", "rdma", "hca", "roce", "ib", "infiniband", "sriov", "nic", "nics", "eni", "vf"}
_NETWORK |= {"vfs", "pf", "ip", "ips", "ipv4", "ipv6", "network", "networks", "networking", "net"}
_NETWORK |= {"netdevice", "bridge", "cni", "tun", "vhost", "hostdev"}
_STORAGE = {"hugepages", "disk", "disks", "storage", "ssd", "nvme", "volume", "volumes", "fuse"}
_SHARES = {"gpumem", "gpucores", "gpucore", "memory", "mem", "cores", "percentage", "priority"}
_OTHERWISE = {"monitoring", "kvm", "sgx", "epc", "enclave", "enclaves", "snd", "tty", "serial"}
_OTHERWISE |= {"usb", "loop", "pods", "cpu", "vcuda"}
_NOT_ACCELERATORS = _NETWORK | _STORAGE | _SHARES | _OTHERWISE
_NOT_DOMAINS = (
    "kubernetes.io",
    "k8s.io",
    "cncf.io",
    "kubevirt.io",
    "mellanox.com",
    "vpc.amazonaws.com",
    "networking.gke.io",
    "networking.gke.io.networks",
    "sgx.intel.com",
    "qat.intel.com",
    "openshift.io",
)
_NOT_MODELS = frozenset({"", "true", "false", "1", "yes", "present", "nvidia", "amd", "intel"})


@lru_cache(maxsize=4096)
def is_accelerator(resource: str) -> bool:
    """Whether a resource name means devices worth offering.

    Extended resources are (API server ``IsExtendedResourceName``: with a domain, not of
    Kubernetes' own, not ``requests.``), but for networking, storage, monitoring
    and virtualisation, and for the memory and core shares that some plugins count beside devices.
    """
    domain, slash, name = resource.partition("/")
    if not slash or resource.startswith("requests."):
        return False
    if any(domain == known or domain.endswith(f".{known}") for known in _NOT_DOMAINS):
        return False
    words = {*re.split(r"[-_.]", name.lower()), *re.split(r"[-_.]", domain.lower())[:1]}
    return not words & _NOT_ACCELERATORS


def devices_of(node: Node) -> tuple[Device, ...]:
    """All accelerators of a node, in the order of their resource names."""
    names = {name for name in node.allocatable if is_accelerator(name)}
    return _devices(_Facts(node.labels, {name: node.allocatable[name] for name in names}))


@dataclass(frozen=True, slots=True)
class _Facts:
    labels: Labels
    allocatable: dict[str, int]

    def has(self, resource: str) -> bool:
        return self.allocatable.get(resource, 0) > 0

    def number(self, key: str) -> int | None:
        text = self.labels.get(key, "")
        return (
            int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None
        )


def _devices(facts: _Facts) -> tuple[Device, ...]:
    found = [
        device
        for name in sorted({*facts.allocatable, *_expected(facts)})
        if (device := _device(facts, name)) is not None
    ]
    return tuple(found)


def _expected(facts: _Facts) -> Iterator[str]:
    """Resources that labels promise, though the node may not have them now."""
    if "nvidia.com/gpu.product" in facts.labels and not any(
        name.startswith("nvidia.com/") and facts.has(name) for name in facts.allocatable
    ):
        yield "nvidia.com/gpu"
    if _AMD_KEYS[0] in facts.labels and not any(
        name.startswith("amd.com/") and facts.has(name) for name in facts.allocatable
    ):
        yield "amd.com/gpu"


def _device(facts: _Facts, resource: str) -> Device | None:
    domain, _, name = resource.partition("/")
    expected = resource in set(_expected(facts))
    if not facts.has(resource) and not expected:
        return None
    if domain == "nvidia.com" and (name.split(".")[0] == "gpu" or name.startswith("mig-")):
        return _nvidia(facts, resource)
    if domain == "amd.com":
        return _amd(facts, resource)
    if domain == "gpu.intel.com":
        return _intel(facts, resource)
    if domain == "aws.amazon.com" and _is_second_name(facts, resource):
        return None
    return _other(facts, resource)


# --- models -----------------------------------------------------------------------------

_CLOUD_KEYS = (
    "cloud.google.com/gke-accelerator",
    "k8s.amazonaws.com/accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "eks.amazonaws.com/instance-gpu-name",
    "aliyun.accelerator/nvidia_name",
    "cloud.tencent.com/tke-accelerator",
    "doks.digitalocean.com/gpu-model",
    "cluster-api/accelerator",
)
_AZURE_KEYS = ("kubernetes.azure.com/accelerator", "accelerator")
_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
_ACCELERATOR_KEYS = (
    "karpenter.k8s.aws/instance-accelerator-name",
    "eks.amazonaws.com/instance-accelerator-name",
)
_MEMORY_KEYS = ("karpenter.k8s.aws/instance-gpu-memory", "eks.amazonaws.com/instance-gpu-memory")


@dataclass(frozen=True, slots=True)
class _Model:
    label: str
    labelled: bool
    requirements: tuple[Requirement, ...]


def _model(facts: _Facts, resource: str, keys: tuple[str, ...]) -> _Model:
    """The first label that names a model; nodes that a better label describes are left out."""
    above: list[Requirement] = []
    for key in keys:
        value = facts.labels.get(key, "")
        if value.lower() not in _NOT_MODELS:
            return _Model(value, True, (Requirement(key, "In", (value,)), *above))
        if key not in facts.labels:
            above.append(Requirement(key, "DoesNotExist"))
        else:
            above.append(Requirement(key, "In", (value,)))
    return _Model(resource, False, tuple(above))


# --- NVIDIA -----------------------------------------------------------------------------

_GKE_SHARING = "cloud.google.com/gke-gpu-sharing-strategy"
_GKE_CLIENTS = "cloud.google.com/gke-max-shared-clients-per-gpu"
_GKE_PARTITION = "cloud.google.com/gke-gpu-partition-size"
_SHARING = frozenset({"time-slicing", "mps", "time-sharing"})
_INVALID = "-MIG-INVALID"


def _nvidia(facts: _Facts, resource: str) -> Device:
    base = resource.removesuffix(".shared")
    model = _model(facts, resource, _nvidia_keys(facts, base))
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


def _nvidia_keys(facts: _Facts, base: str) -> tuple[str, ...]:
    own = (f"{base}.product",) if f"{base}.product" in facts.labels else ()
    azure = any(facts.labels.get(key) == "nvidia" for key in _AZURE_KEYS)
    known = (*own, "nvidia.com/gpu.product", *_CLOUD_KEYS, *((_INSTANCE_TYPE,) if azure else ()))
    return tuple(dict.fromkeys(known))


def _mig_profile(facts: _Facts, base: str, model: str) -> str:
    if base.startswith("nvidia.com/mig-"):
        return base.removeprefix("nvidia.com/mig-")
    found = re.search(r"-MIG-(\d\S*?)(?:-SHARED)?$", model)
    return found[1] if found else facts.labels.get(_GKE_PARTITION, "")


def _nvidia_shared(
    facts: _Facts, resource: str, base: str, model: str
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


def _more_than_there_are(facts: _Facts, resource: str, base: str) -> bool:
    """More allocatable than physical devices, and no label that says they are not shared."""
    physical = facts.number(f"{base}.count")
    silent = not {f"{base}.sharing-strategy", f"{base}.replicas"} & facts.labels.keys()
    return bool(physical and silent and facts.allocatable.get(resource, 0) > physical)


def _slots(facts: _Facts, base: str, count: int, physical: int | None) -> int | None:
    for key in (f"{base}.replicas", _GKE_CLIENTS):
        slots = facts.number(key)
        if slots is not None and slots > 1:
            return slots
    return count // physical if physical and count > physical else None


def _nvidia_memory(facts: _Facts, base: str, mig: str) -> int | None:
    mib = facts.number(f"{base}.memory")
    if mib:
        return mib * MIB
    size = re.search(r"(\d+)gb", mig)
    if size:
        return int(size[1]) * 1024 * MIB
    if mig:
        return None
    return next((number * MIB for key in _MEMORY_KEYS if (number := facts.number(key))), None)


def _nvidia_terms(
    model: _Model, resource: str, mig: str, shared: tuple[Requirement, ...] | None
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


def _nvidia_trouble(facts: _Facts, base: str, device: Device) -> Device:
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


# --- AMD --------------------------------------------------------------------------------

_AMD_KEYS = (
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


def _amd(facts: _Facts, resource: str) -> Device:
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


def _amd_partition(facts: _Facts, resource: str) -> tuple[str, str]:
    """The partition of a node's devices, and the label that tells it."""
    name = resource.removeprefix("amd.com/")
    if re.fullmatch(r"[a-z]+_nps\d+", name):
        return name, ""
    for key in _AMD_PARTITION_KEYS:
        if key in facts.labels:
            return facts.labels[key], key
    return "", ""


def _amd_model(facts: _Facts, resource: str) -> tuple[_Model, bool]:
    """The model, and whether the node has several."""
    for key in _AMD_KEYS[:2]:
        if key in facts.labels:
            break
        values = sorted(
            label.removeprefix(f"{key}.") for label in facts.labels if label.startswith(f"{key}.")
        )
        if values:
            exists = tuple(Requirement(f"{key}.{value}", "Exists") for value in values)
            return _Model(values[0], True, exists), len(values) > 1
    return _model(facts, resource, (*_AMD_KEYS, *_CLOUD_KEYS)), False


def _amd_memory(facts: _Facts) -> int | None:
    for key in ("amd.com/gpu.vram", "beta.amd.com/gpu.vram"):
        inside = [
            label.removeprefix(f"{key}.") for label in facts.labels if label.startswith(f"{key}.")
        ]
        sizes = [facts.labels[key]] if key in facts.labels else inside
        found = re.fullmatch(r"(\d{1,6})([MGT])", sizes[0]) if len(sizes) == 1 else None
        if found:
            return int(found[1]) * _SCALE[found[2]]
    return None


# --- Intel and others -------------------------------------------------------------------


def _intel(facts: _Facts, resource: str) -> Device:
    """Intel's plugin can share a device without a label: more slots than devices tell it."""
    keys = ("gpu.intel.com/product", "gpu.intel.com/family")
    model = _model(facts, resource, keys)
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
    "habana.ai/gaudi": _ACCELERATOR_KEYS,
    "aws.amazon.com/neuron": _ACCELERATOR_KEYS,
    "aws.amazon.com/neurondevice": _ACCELERATOR_KEYS,
    "aws.amazon.com/neuroncore": _ACCELERATOR_KEYS,
}
_NEURON = ("aws.amazon.com/neuron", "aws.amazon.com/neurondevice", "aws.amazon.com/neuroncore")


def _is_second_name(facts: _Facts, resource: str) -> bool:
    """The Neuron plugin counts the same chips under several names; the first one is offered."""
    if resource not in _NEURON:
        return False
    return any(facts.has(name) for name in _NEURON[: _NEURON.index(resource)])


def _other(facts: _Facts, resource: str) -> Device:
    domain = resource.partition("/")[0]
    model = _model(facts, resource, _OTHER_KEYS.get(resource, ()))
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


# --- names for people -------------------------------------------------------------------

_MAKERS = frozenset({"nvidia", "tesla", "amd", "intel"})
_FORMS = re.compile(r"(?:sxm\d*|pcie?|hbm\d*\w*|oam|shared)", re.IGNORECASE)


@lru_cache(maxsize=4096)
def friendly_name(model: str, profile: str = "") -> str:
    """A model's label in words people use: ``NVIDIA-A100-SXM4-80GB`` is ``A100 80 GB``.

    A slice tells its own memory: ``A100 slice 10 GB``. Only for reading: two
    models may get the same name.
    """
    if "/" in model:
        return f"{model} (model not told)"
    plain = re.sub(r"-MIG-.*$", "", model) if profile else model
    words = [word for word in re.split(r"[-_ ]+", plain) if word]
    kept = [word for word in words if word.lower() not in _MAKERS and not _FORMS.fullmatch(word)]
    sizes = [word for word in kept if re.fullmatch(r"\d+GB", word, re.IGNORECASE)]
    name = " ".join(word for word in kept if word not in sizes) or model
    name = name.upper() if name.islower() else name
    if profile:
        inside = re.search(r"(\d+)gb", profile)
        return f"{name} slice {inside[1]} GB" if inside else f"{name} part {profile}"
    return f"{name} {sizes[0][:-2]} GB" if sizes else name
