"""The short form of nodes: a name, a size, maybe accelerators, written as a cloud would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from teamspawner.errors import QuantityError
from teamspawner.units import quantity

__all__ = ["Gpu", "ShortNode", "raw_nodes"]


def _quantity(value: Any) -> str:
    try:
        amount = quantity(value)
    except QuantityError as error:
        raise ValueError(f"a quantity: {error.allowed}") from error
    if amount < 0:
        raise ValueError("a quantity that is not negative")
    return str(value)


def _text(value: Any) -> Any:
    """Take what YAML reads as a number or truth value for the text that was written."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _taint(value: Any) -> dict[str, str]:
    """Read a taint as an object or as kubectl spells it: ``key=value:Effect``."""
    if isinstance(value, str):
        pair, _, effect = value.rpartition(":")
        key, _, inner = pair.partition("=")
        value = {"key": key, "value": inner, "effect": effect}
    if not isinstance(value, dict) or not value.get("key") or value.get("effect") not in _EFFECTS:
        raise ValueError(f"key=value:Effect, with Effect one of {', '.join(_EFFECTS)}")
    return {name: str(part) for name, part in value.items() if part is not None}


_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")

Quantity = Annotated[str, PlainValidator(_quantity)]
Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=200)]
Taint = Annotated[dict[str, str], PlainValidator(_taint)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Gpu(_Strict):
    """Accelerators of a node: how many, of what model, and how each is asked for."""

    resource: Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9_.-]+$")] = "nvidia.com/gpu"
    model: Text
    count: Annotated[int, Field(ge=0, le=4096)]
    memory_mib: Annotated[int | None, Field(ge=0)] = None


class ShortNode(_Strict):
    """``count`` equal machines, named ``name``, or ``name-1`` and so on when there are several."""

    name: Name
    count: Annotated[int, Field(ge=0, le=20_000)] = 1
    cpu: Quantity
    memory: Quantity
    gpu: Gpu | None = None
    labels: dict[str, Text] = Field(default_factory=dict)
    taints: list[Taint] = Field(default_factory=list)


def raw_nodes(short: ShortNode) -> Iterator[dict[str, Any]]:
    """Return the Node objects of a short form."""
    if short.count == 1:
        yield _node(short, short.name)
    else:
        for number in range(1, short.count + 1):
            yield _node(short, f"{short.name}-{number}")


def _node(short: ShortNode, name: str) -> dict[str, Any]:
    amounts = {"cpu": short.cpu, "memory": short.memory, "pods": "110",
               "ephemeral-storage": "100Gi"}  # fmt: skip
    if short.gpu:
        amounts[short.gpu.resource] = str(short.gpu.count)
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **(_gpu_labels(short.gpu) if short.gpu else {}),
        **short.labels,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": short.taints} if short.taints else {},
        "status": {
            "capacity": dict(amounts),
            "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
                            "message": "kubelet is posting ready status",
                            "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                            "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "nodeInfo": _ABOUT,
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"},
                          {"type": "Hostname", "address": name}],
        },
    }  # fmt: skip


_ABOUT = {
    "architecture": "amd64", "operatingSystem": "linux", "osImage": "simulated",
    "kernelVersion": "simulated", "containerRuntimeVersion": "process://1",
    "kubeletVersion": "v1.35.4", "kubeProxyVersion": "", "bootID": "", "machineID": "",
    "systemUUID": "",
}  # fmt: skip


def _gpu_labels(gpu: Gpu) -> dict[str, str]:
    """Return what the vendor's discovery would write on the node."""
    vendor = gpu.resource.split("/")[0]
    return _DISCOVERY.get(vendor, _plain)(gpu)


def _plain(gpu: Gpu) -> dict[str, str]:
    domain, _, name = gpu.resource.partition("/")
    return {f"{domain}/{name}.product": gpu.model}


def _nvidia(gpu: Gpu) -> dict[str, str]:
    shared = gpu.resource.endswith(".shared") or gpu.model.endswith("-SHARED")
    prefix = gpu.resource.removesuffix(".shared")
    labels = {
        f"{prefix}.product": gpu.model,
        f"{prefix}.count": "1" if shared else str(gpu.count),
        f"{prefix}.replicas": str(gpu.count) if shared else "1",
        f"{prefix}.sharing-strategy": "time-slicing" if shared else "none",
        "nvidia.com/gpu.present": "true",
    }
    if gpu.memory_mib is not None:
        labels[f"{prefix}.memory"] = str(gpu.memory_mib)
    if "/mig-" in prefix:
        whole = gpu.model.partition("-MIG-")[0]
        labels |= {"nvidia.com/mig.strategy": "mixed", "nvidia.com/gpu.product": whole,
                   "nvidia.com/mig.capable": "true"}  # fmt: skip
    return labels


def _amd(gpu: Gpu) -> dict[str, str]:
    labels = {"amd.com/gpu.product-name": gpu.model}
    if gpu.memory_mib is not None:
        labels["amd.com/gpu.vram"] = f"{gpu.memory_mib // 1024}G"
    return labels


def _intel(gpu: Gpu) -> dict[str, str]:
    return {"gpu.intel.com/product": gpu.model, "gpu.intel.com/device.count": str(gpu.count)}


def _google(gpu: Gpu) -> dict[str, str]:
    return {"cloud.google.com/gke-tpu-accelerator": gpu.model}


_DISCOVERY = {
    "nvidia.com": _nvidia,
    "amd.com": _amd,
    "gpu.intel.com": _intel,
    "google.com": _google,
}
