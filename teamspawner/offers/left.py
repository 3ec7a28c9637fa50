"""How many devices of an accelerator one machine has left; only changed machines are read again."""

from __future__ import annotations

from typing import NamedTuple

from teamspawner.capacity.objects import Snapshot
from teamspawner.offers.fleet import Fleet
from teamspawner.offers.marks import Mark

__all__ = ["Lefts"]


class _Left(NamedTuple):
    """What each machine of a fleet has left of it, seen at a mark, and with pods put on some."""

    mark: Mark
    left: dict[str, int]
    placed: frozenset[str]


class Lefts:
    """Remembers of each fleet what was left on its machines when it was looked at last."""

    def __init__(self) -> None:
        self._of: dict[str, _Left] = {}

    def most(self, fleet: Fleet, snapshot: Snapshot, mark: Mark | None) -> int | None:
        """The most devices of a fleet that one machine has left; None when none is known.

        Args:
            fleet: The devices.
            snapshot: The cluster.
            mark: Of the fleet's machines now; None when it is not known what changed.
        """
        nodes, placed = snapshot.nodes, snapshot.placed & fleet.names
        held = self._of.get(fleet.tail)
        names = mark.since(held.mark) if mark is not None and held is not None else None
        left = held.left if held is not None and names is not None else {}
        also = held.placed if held is not None else placed
        for name in fleet.names if names is None else {*names, *also, *placed}:
            left.pop(name, None)
            if name in nodes and not nodes[name].unread:
                left[name] = nodes[name].free(fleet.resource)
        if mark is not None:
            self._of[fleet.tail] = _Left(mark, left, placed)
        return max(left.values(), default=None)
