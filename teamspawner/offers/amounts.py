"""What a server asks for, as programs read it: the one shape for commands and page."""

from __future__ import annotations

from typing import Any

from teamspawner.capacity.accelerators import is_accelerator
from teamspawner.capacity.objects import Resources


def requests_json(requests: Resources) -> dict[str, Any]:
    """Split what a pod requests into CPU, memory and accelerators, with the unit in the key.

    Extended resources that are no accelerators, such as network cards, are left out.
    """
    return {
        "cpu_millicores": requests.get("cpu", 0),
        "memory_bytes": requests.get("memory", 0),
        "accelerators": {name: amount for name, amount in requests.items() if is_accelerator(name)},
    }
