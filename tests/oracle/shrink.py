"""Make a failing case small: drop objects, then fields, as long as it goes on failing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from tests.oracle.dice import Json

Fails = Callable[[Json], bool]
_KEPT = {
    "apiVersion",
    "namespace",
    "allocatable",
    "kind",
    "name",
    "uid",
    "key",
    "operator",
    "topologyKey",
    "effect",
}
_KEPT |= {"containers", "metadata", "spec", "image", "maxSkew", "whenUnsatisfiable", "phase"}
"""Fields that an object would not be valid without."""


def shrunk(case: Json, pod: int, fails: Fails) -> Json:
    """A case with one pod that still fails, and nothing in it that could be left out.

    Args:
        case: The case, of which one pod fails.
        pod: Index of that pod.
        fails: Tells whether a case still shows the fault. It must be False for
            cases that nobody could answer.
    """
    found = {**copy.deepcopy(case), "pods": [copy.deepcopy(case["pods"][pod])]}
    if not fails(found):
        return found
    changed = True
    while changed:
        changed = _drop_objects(found, fails) or _drop_fields(found, fails)
    return found


def _drop_objects(case: Json, fails: Fails) -> bool:
    items, changed = case["cluster"]["items"], False
    size = max(1, len(items) // 2)
    while size:
        start = 0
        while start < len(items):
            kept = items[:start] + items[start + size :]
            if fails({**case, "cluster": {**case["cluster"], "items": kept}}):
                items, changed = kept, True
                case["cluster"]["items"] = kept
            else:
                start += size
        size //= 2
    return changed


def _drop_fields(case: Json, fails: Fails) -> bool:
    changed = False
    for thing in [*case["pods"], *case["cluster"]["items"]]:
        for holder, key in _places(thing):
            before = copy.copy(holder)
            if isinstance(holder, dict) and key not in holder:
                continue
            if isinstance(holder, list) and key >= len(holder):
                continue
            del holder[key]
            if fails(case):
                changed = True
            else:
                holder.clear()
                holder.update(before) if isinstance(holder, dict) else holder.extend(before)
    return changed


def _places(thing: Any) -> Iterator[tuple[Any, Any]]:
    """Every field and element below ``thing``, outermost first, list elements from the end."""
    if isinstance(thing, dict):
        for key in list(thing):
            if key not in _KEPT:
                yield thing, key
            if key in thing:
                yield from _places(thing[key])
    elif isinstance(thing, list):
        for index in reversed(range(len(thing))):
            if len(thing) > 1:
                yield thing, index
            if index < len(thing):
                yield from _places(thing[index])
