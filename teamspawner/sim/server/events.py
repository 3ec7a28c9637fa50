"""The two APIs of events: stored as core ``v1``, shown as the one that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teamspawner.sim.server.kinds import Kind

__all__ = ["shown", "stored"]

_GROUP = "events.k8s.io"
_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
_BACK = {core: new for new, core in _NAMES.items()}


def stored(kind: Kind, thing: dict[str, Any]) -> dict[str, Any]:
    """Return an object as it is kept."""
    if kind.group != _GROUP:
        return thing
    return _renamed(thing, _NAMES) | {"apiVersion": "v1"}


def shown(kind: Kind, thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a kept object as this kind shows it."""
    if kind.group != _GROUP:
        return thing
    return _renamed(thing, _BACK) | {"apiVersion": f"{_GROUP}/v1"}


def _renamed(thing: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in thing.items()}
