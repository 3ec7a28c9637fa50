"""API objects made so that they cannot be read, each in the way its kind can be."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_WAYS: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "Pod": (("spec", "containers", 0, "resources"), {"requests": {"cpu": "much"}}),
    "Node": (("status", "allocatable", "cpu"), "much"),
    "PersistentVolumeClaim": (("spec", "resources"), {"requests": {"storage": "much"}}),
    "PersistentVolume": (("spec", "capacity"), {"storage": "much"}),
    "StorageClass": (("allowedTopologies",), 5),
    "Namespace": (("metadata", "labels"), 5),
    "CSIDriver": (("spec",), 5),
    "CSINode": (("spec",), 5),
    "CSIStorageCapacity": (("capacity",), "much"),
    "VolumeAttachment": (("spec",), 5),
    "DeviceClass": (("spec",), 5),
}


def broken(item: Json) -> Json:
    """The same object with one field that cannot be read."""
    found = copy.deepcopy(item)
    path, value = _WAYS[item["kind"]]
    inner: Any = found
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return found


_JUNK = (5, -1, "x", [5], {"a": 5}, True, 1e30, "9" * 40)
_NEEDED = {("kind",), ("apiVersion",)}


def spoilt(item: Json, rng: random.Random) -> Json:
    """The same object with junk in the place of something; it may be readable all the same."""
    found = copy.deepcopy(item)
    path = rng.choice([path for path in _paths(found) if path and path not in _NEEDED])
    inner: Any = found
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = copy.deepcopy(rng.choice(_JUNK))
    return found


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    each = value.items() if isinstance(value, dict) else ()
    each = enumerate(value) if isinstance(value, list) else each
    for key, inner in each:
        yield from _paths(inner, (*path, key))


def nameless(item: Json) -> Json:
    """The same object with a name that is no text."""
    return {**item, "metadata": {**item["metadata"], "name": 7}}
