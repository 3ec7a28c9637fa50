"""How much a pod asks for, as LimitRange, quota and the embedded scheduler count it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from teamspawner.sim.server.schema import canonical
from teamspawner.units import quantity

__all__ = ["Amounts", "pod_amounts", "spell"]

Amounts = dict[str, Fraction]
"""Resource name to amount: cores, bytes, devices."""

_POD_LEVEL = ("cpu", "memory")
_NONE = Fraction(0)


def pod_amounts(spec: Mapping[str, Any], side: str) -> Amounts:
    """Return the effective ``requests`` or ``limits`` of a pod.

    The larger of all running containers together and the greediest moment of
    start-up, where sidecars started earlier keep running (KEP-753); pod-level
    resources win over the sum; overhead comes on top where requests are set.
    """
    running: Amounts = {}
    for container in spec.get("containers") or ():
        running = _sum(running, _amounts(container, side))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        moment = _sum(sidecars, _amounts(container, side))
        if container.get("restartPolicy") == "Always":
            sidecars = moment
        peak = _larger(peak, moment)
    total = _larger(_sum(running, sidecars), peak)
    total |= {
        name: amount
        for name, amount in _read((spec.get("resources") or {}).get(side)).items()
        if name in _POD_LEVEL or name.startswith("hugepages-")
    }
    for name, amount in _read(spec.get("overhead")).items():
        if side == "requests" or total.get(name):
            total[name] = total.get(name, _NONE) + amount
    return total


def spell(amount: Fraction, like: str = "") -> str:
    """Spell an amount as the API would; binary suffixes when ``like`` has one."""
    if like.endswith("i") and amount.denominator == 1:
        for power in range(6, 0, -1):
            if amount and amount % 1024**power == 0:
                return f"{amount / 1024**power}{'KMGTPE'[power - 1]}i"
    return canonical(f"{int(amount * 10**9)}n")


def _amounts(container: Mapping[str, Any], side: str) -> Amounts:
    return _read((container.get("resources") or {}).get(side))


def _read(texts: Mapping[str, str] | None) -> Amounts:
    return {name: quantity(text) for name, text in (texts or {}).items()}


def _sum(left: Amounts, right: Amounts) -> Amounts:
    return {name: left.get(name, _NONE) + right.get(name, _NONE) for name in {*left, *right}}


def _larger(left: Amounts, right: Amounts) -> Amounts:
    return {name: max(left.get(name, _NONE), right.get(name, _NONE)) for name in {*left, *right}}
