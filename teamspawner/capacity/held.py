"""A table that keeps what was used last, and forgets what was not used for long."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace
from typing import Generic, TypeVar

from teamspawner.capacity.objects import Snapshot
from teamspawner.capacity.verdict import Verdict

__all__ = ["Held", "dated"]

_Value = TypeVar("_Value")


class Held(Generic[_Value]):
    """Keeps so many values.

    Args:
        most: How many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, _Value] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def get(self, key: Hashable) -> _Value | None:
        """Return what is held under a key, as the one used last."""
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
        return found

    def put(self, key: Hashable, value: _Value) -> _Value:
        """Hold a value, in place of what was not used for longest; return it."""
        self._held[key] = value
        self._held.move_to_end(key)
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        return value


def dated(verdict: Verdict, snapshot: Snapshot) -> Verdict:
    """Return a verdict that still holds with the time of a newer look at the cluster."""
    if verdict.as_of == snapshot.as_of:
        return verdict
    return replace(verdict, as_of=snapshot.as_of)
