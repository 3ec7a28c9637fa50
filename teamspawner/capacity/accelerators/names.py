"""Which resource names mean accelerators, and what people call a model."""

from __future__ import annotations

import re
from functools import lru_cache

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


_MAKERS = frozenset({"nvidia", "tesla", "amd", "intel"})
_FORMS = re.compile(r"(?:sxm\d*|pcie?|hbm\d*\w*|oam|shared)", re.IGNORECASE)


@lru_cache(maxsize=4096)
def friendly_name(model: str, profile: str = "") -> str:
    """A model's label in words people use: ``NVIDIA-A100-SXM4-80GB`` is ``A100 80 GB``.

    A slice tells its own memory: ``A100 slice 10 GB``. Only for reading: two
    models may get the same name. A resource's own name stands for a model that no label tells.
    """
    if "/" in model:
        return _unlabelled(model, profile)
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


_PLAIN = {
    "nvidia.com/gpu": "NVIDIA GPU",
    "nvidia.com/gpu.shared": "NVIDIA GPU",
    "amd.com/gpu": "AMD GPU",
    "gpu.intel.com/i915": "Intel GPU",
    "gpu.intel.com/xe": "Intel GPU",
    "habana.ai/gaudi": "Gaudi",
    "google.com/tpu": "TPU",
    "aws.amazon.com/neuron": "Neuron",
    "aws.amazon.com/neurondevice": "Neuron",
    "aws.amazon.com/neuroncore": "Neuron core",
}


def _unlabelled(resource: str, profile: str) -> str:
    maker = {"nvidia.com": "NVIDIA GPU", "amd.com": "AMD GPU"}.get(resource.partition("/")[0])
    if profile and maker:
        inside = re.search(r"(\d+)gb", profile)
        return f"{maker} slice {inside[1]} GB" if inside else f"{maker} part {profile}"
    return _PLAIN.get(resource, resource)
