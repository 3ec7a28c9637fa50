"""What the API server would refuse a pod for, as far as its amounts tell: a word of warning.

The scheduler is never asked about such a pod. ``fit`` answers for it all the same, as for
a pod that admission has let in. Source: ``validateResourceRequirements`` of ``core/v1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from teamspawner.capacity.filters import is_extended
from teamspawner.units import milli


def refusals(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Every fault of a pod's requests and limits, as a sentence.

    Args:
        manifest: A pod whose amounts were found to be readable.
    """
    spec = manifest.get("spec") or {}
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            resources = container.get("resources") or {}
            limits, requests = (
                _amounts(resources.get("limits")),
                _amounts(resources.get("requests")),
            )
            for fault in _faults(limits | requests, limits):
                yield f"spec.{part}[{index}]: {fault}"


def _amounts(found: Mapping[str, Any] | None) -> dict[str, int]:
    return {name: milli(amount) for name, amount in (found or {}).items() if amount is not None}


def _faults(requests: Mapping[str, int], limits: Mapping[str, int]) -> Iterable[str]:
    for name, amount in requests.items():
        exact = is_extended(name) or name.startswith("hugepages-")
        if exact and limits.get(name) != amount:
            yield f"{name} is requested without the same limit; write limits alone"
        elif name in limits and amount > limits[name]:
            yield f"more {name} is requested than its limit; raise the limit or lower the request"
        if is_extended(name) and amount % 1000:
            yield f"a part of one {name} is requested; ask for whole ones"
        if amount < 0:
            yield f"less than no {name} is requested; ask for 0 or more"
