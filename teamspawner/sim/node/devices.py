"""Which accelerators of a node a container sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teamspawner.units import units

__all__ = ["Devices"]

_VARIABLES = {
    "nvidia.com": ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
    "amd.com": ("ROCR_VISIBLE_DEVICES",),
    "habana.ai": ("HABANA_VISIBLE_DEVICES",),
    "gpu.intel.com": ("ZE_AFFINITY_MASK",),
}
_HIDDEN = {"CUDA_VISIBLE_DEVICES": "", "NVIDIA_VISIBLE_DEVICES": "void"}


class Devices:
    """The slots of every node and resource, and which pod holds them."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], dict[int, str]] = {}

    def take(self, pod: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Give a pod its devices; returns the variables of each container by its name."""
        return {
            container["name"]: self._container(pod["metadata"]["uid"], container, node)
            for container in pod["spec"]["containers"]
        }

    def give_back(self, uid: str) -> None:
        """Free what a pod held."""
        for slots in self._held.values():
            for slot in [slot for slot, holder in slots.items() if holder == uid]:
                del slots[slot]

    def _container(
        self, uid: str, container: Mapping[str, Any], node: Mapping[str, Any]
    ) -> dict[str, str]:
        env = dict(_HIDDEN)
        limits = (container.get("resources") or {}).get("limits") or {}
        for resource, amount in limits.items():
            names = _VARIABLES.get(resource.split("/")[0], ()) if "/" in resource else ()
            if names and units(amount) > 0:
                seen = self._slots(uid, resource, units(amount), node)
                env |= dict.fromkeys(names, seen)
        return env

    def _slots(self, uid: str, resource: str, amount: int, node: Mapping[str, Any]) -> str:
        data, status = node["metadata"], node.get("status") or {}
        held = self._held.setdefault((data["name"], resource), {})
        total = units((status.get("allocatable") or {}).get(resource, "0"))
        free = [slot for slot in range(total) if slot not in held][:amount]
        held.update(dict.fromkeys(free, uid))
        physical = _physical(data.get("labels") or {}, resource, total)
        return ",".join(str(device) for device in dict.fromkeys(slot % physical for slot in free))


def _physical(labels: Mapping[str, str], resource: str, total: int) -> int:
    """Return how many real devices the slots share: time-slicing gives each several."""
    count = labels.get(f"{resource.removesuffix('.shared')}.count", "")
    return int(count) if count.isdecimal() and int(count) > 0 else max(total, 1)
