"""The last look at a pod: it takes the accelerators that were chosen, and no others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from teamspawner import units
from teamspawner.capacity.accelerators import is_accelerator
from teamspawner.errors import QuantityError
from teamspawner.hub.refusal import Refusal

__all__ = ["accelerators_of", "check"]

NEVER_CHOSEN = 2**62
"""Stands for an amount that nobody can read."""


def check(pod: Any, chosen: Mapping[str, int]) -> None:
    """Compare a pod's accelerators with those that were judged and reserved.

    A hook or a setting that adds a device would hand out what no cap has counted.

    Args:
        pod: A ``V1Pod``.
        chosen: Accelerator resource to devices.

    Raises:
        Refusal: When they differ.
    """
    if accelerators_of(pod) != {name: count for name, count in chosen.items() if count}:
        raise Refusal(
            503,
            "mismatch",
            "The server would not have the accelerators that were chosen; "
            "tell the people who run this hub.",
        )


def accelerators_of(pod: Any) -> dict[str, int]:
    """Count the accelerators that a pod asks for, by resource; requests or limits, the larger.

    Init containers run one after another beside nothing, sidecars aside; the sum over
    all containers is compared with the largest of the others.
    """
    running: Counter[str] = Counter()
    for container in pod.spec.containers or ():
        running.update(_of(container))
    for container in pod.spec.init_containers or ():
        own = _of(container)
        if getattr(container, "restart_policy", None) == "Always":
            running.update(own)
        else:
            running = Counter({name: max(running[name], own[name]) for name in running | own})
    return {name: count for name, count in running.items() if count}


def _of(container: Any) -> Counter[str]:
    resources = _field(container, "resources")
    found: Counter[str] = Counter()
    for part in ("requests", "limits"):
        for name, amount in (_field(resources, part) or {}).items():
            if is_accelerator(name):
                found[name] = max(found[name], _devices(amount))
    return found


def _field(thing: Any, name: str) -> Any:
    """Sidecars may be plain dictionaries, as the admin wrote them."""
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _devices(amount: Any) -> int:
    try:
        return math.ceil(units.units(str(amount)))
    except QuantityError:
        return NEVER_CHOSEN
