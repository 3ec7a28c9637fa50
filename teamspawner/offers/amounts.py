"""What a server asks for, as programs read it and as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from teamspawner import units
from teamspawner.capacity.accelerators import is_accelerator
from teamspawner.capacity.objects import Resources

_WORDS = {"memory": "memory", "ephemeral-storage": "local disk"}


def accelerators_in(requests: Resources) -> dict[str, int]:
    """The accelerators among what a pod requests: resource name to devices."""
    return {name: amount for name, amount in requests.items() if is_accelerator(name)}


def requests_json(requests: Resources) -> dict[str, Any]:
    """Split what a pod requests into CPU, memory and accelerators, with the unit in the key.

    Extended resources that are no accelerators, such as network cards, are left out.
    """
    return {
        "cpu_millicores": requests.get("cpu", 0),
        "memory_bytes": requests.get("memory", 0),
        "accelerators": accelerators_in(requests),
    }


def much(name: str, value: int) -> str:
    """Print an amount of a resource, rounded down; none at all is ``no memory``."""
    if name == "cpu":
        return f"{_cpus(value)} CPU" if value > 0 else "no CPU"
    word = _WORDS.get(name) or ("huge pages" if name.startswith("hugepages-") else "")
    if not word:
        return f"{value} {name}"
    return f"{units.gib(value)} of {word}" if value > 0 else f"no {word}"


def _cpus(millicores: int) -> str:
    return f"{millicores / 1000 if millicores < 100 else int(millicores / 100) / 10:g}"


def needs(requests: Resources, short: AbstractSet[str]) -> str:
    """Name what is asked for: CPU, memory, and whatever else is short; ``room`` without a name."""
    names = ("cpu", "memory", *sorted(short - {"cpu", "memory"}))
    named = [much(name, requests[name]) for name in names if requests.get(name)]
    return listed(named) if short & requests.keys() and named else "room"


def listed(words: Sequence[str]) -> str:
    """Print a list for people: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
