"""How the watch is: what is seen, what not and why, and how old it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from teamspawner.cluster.source import FIRST

__all__ = ["Clock", "KindStatus", "Status"]


@dataclass(frozen=True, slots=True)
class KindStatus:
    """How the watch of one kind is.

    Attributes:
        synced: A first list is complete, or it is known that the kind may not be seen.
        refused: Why it is not seen, in words; empty when it is.
        trouble: What is wrong with the connection now; empty when nothing is.
        age_s: Seconds since the last event, bookmark or list; None before the first.
        lists: How many lists were completed since the start.
        odd: How many objects could not be read.
        named: The first of them by name, with the reason.
        stranger: Whether the server does not know who asks (HTTP 401).
    """

    synced: bool
    refused: str
    trouble: str
    age_s: float | None
    lists: int
    odd: int
    named: Mapping[str, str]
    stranger: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """How the whole watch is.

    Attributes:
        synced: Nodes and pods are known, or known not to be visible.
        as_of: When nodes and pods were last heard of, the older of both; None before that.
        age_s: Seconds since then, by a clock that never jumps; None before that.
        nodes: How many nodes are held; still growing while not ``synced``.
        pods: How many unfinished pods are held.
        scheduler: The version of the scheduler judged for.
        kinds: Each kind.
    """

    synced: bool
    as_of: datetime | None
    age_s: float | None
    nodes: int
    pods: int
    scheduler: str
    kinds: Mapping[str, KindStatus]

    @property
    def stranger(self) -> bool:
        """Whether the server knows for neither nodes nor pods who asks."""
        return all(kind in self.kinds and self.kinds[kind].stranger for kind in FIRST)

    @property
    def trouble(self) -> str:
        """What is wrong with nodes or pods now, in words; empty when nothing is."""
        for kind in FIRST:
            found = self.kinds.get(kind)
            if found and (found.refused or found.trouble):
                return found.refused or found.trouble
        return ""


@dataclass(slots=True)
class Clock:
    """Tells the time of day of moments of the monotonic clock, though the former may jump."""

    _offset: float = field(default_factory=lambda: time.time() - time.monotonic())

    def at(self, moment: float) -> datetime:
        """Return the time of day of a moment, to the clock as it is set now."""
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) > 1:
            self._offset = offset
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=moment + self._offset)
