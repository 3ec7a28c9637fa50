"""LimitRange: defaults for containers that state nothing, bounds for those that do."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

from teamspawner.sim.server.amounts import Amounts, pod_amounts, spell
from teamspawner.sim.server.refusal import forbidden
from teamspawner.units import quantity

__all__ = ["bound_claim", "bound_pod", "fill_pod"]

Thing = Mapping[str, Any]
Sides = list[tuple[str, Amounts]]


def fill_pod(ranges: Iterable[Thing], pod: dict[str, Any]) -> None:
    """Give the containers the defaults of the namespace, in place."""
    for item in _items(ranges, "Container"):
        spec = pod["spec"]
        for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
            resources = container["resources"]
            for field, source in (("limits", "default"), ("requests", "defaultRequest")):
                if item.get(source):
                    resources[field] = {**item[source], **resources.get(field, {})}


def bound_pod(ranges: Iterable[Thing], pod: Thing) -> None:
    """Refuse a pod outside the bounds of its namespace.

    Raises:
        Refusal: 403 naming every bound that is broken.
    """
    spec = pod["spec"]
    told: list[str] = []
    listed = list(ranges)
    for item in _items(listed, "Container"):
        for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
            resources = container["resources"]
            told += _breaches(
                item, "Container", _read(resources, "requests"), _read(resources, "limits")
            )
    for item in _items(listed, "Pod"):
        told += _breaches(item, "Pod", pod_amounts(spec, "requests"), pod_amounts(spec, "limits"))
    _refuse("pods", pod, told)


def bound_claim(ranges: Iterable[Thing], claim: Thing) -> None:
    """Refuse a claim smaller or larger than its namespace allows.

    Raises:
        Refusal: 403.
    """
    asked = _read(claim["spec"].get("resources") or {}, "requests")
    told = [
        line
        for item in _items(ranges, "PersistentVolumeClaim")
        for line in _breaches(item, "PersistentVolumeClaim", asked, None)
    ]
    _refuse("persistentvolumeclaims", claim, told)


def _refuse(resource: str, thing: Thing, told: list[str]) -> None:
    if told:
        words = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
        raise forbidden(resource, thing["metadata"].get("name", ""), words)


def _items(ranges: Iterable[Thing], scope: str) -> Iterator[Mapping[str, Any]]:
    for limits in ranges:
        for item in limits["spec"].get("limits", ()):
            if item.get("type") == scope:
                yield item


def _read(resources: Mapping[str, Any], side: str) -> Amounts:
    return {name: quantity(text) for name, text in resources.get(side, {}).items()}


def _breaches(
    item: Mapping[str, Any], scope: str, requests: Amounts, limits: Amounts | None
) -> Iterator[str]:
    """Tell every bound that these sizes break; claims have no limits, given as None."""
    sides = [("request", requests), ("limit", limits or {})]
    for name, text in (item.get("min") or {}).items():
        told, least = f"minimum {name} usage per {scope} is {text}", quantity(text)
        if name not in requests:
            yield f"{told}.  No request is specified"
        else:
            yield from _first(told, name, sides, partial(operator.gt, least))
    for name, text in (item.get("max") or {}).items():
        told, most = f"maximum {name} usage per {scope} is {text}", quantity(text)
        if limits is not None and name not in limits:
            yield f"{told}.  No limit is specified"
        else:
            yield from _first(told, name, sides[::-1], partial(operator.lt, most))
    yield from _ratios(item, scope, requests, limits or {})


def _first(told: str, name: str, sides: Sides, breaks: Callable[[Fraction], bool]) -> Iterator[str]:
    """Tell the first side that breaks a bound: of a maximum the limit is asked first."""
    for side, amounts in sides:
        if name in amounts and breaks(amounts[name]):
            yield f"{told}, but {side} is {_shown(name, amounts[name])}"
            return


def _ratios(
    item: Mapping[str, Any], scope: str, requests: Amounts, limits: Amounts
) -> Iterator[str]:
    for name, text in (item.get("maxLimitRequestRatio") or {}).items():
        told = f"{name} max limit to request ratio per {scope} is {text}"
        if not requests.get(name) or not limits.get(name):
            yield f"{told}, but no request is specified or request is 0"
        elif limits[name] / requests[name] > quantity(text):
            yield f"{told}, but provided ratio is {float(limits[name] / requests[name]):f}"


def _shown(name: str, amount: Fraction) -> str:
    return spell(amount) if name == "cpu" else spell(amount, "i")
