"""What one hub process holds for all its spawners: the watch, the map, the starts under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from teamspawner.capacity.objects import Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.hub import metrics
from teamspawner.hub.dryrun import DryRun
from teamspawner.hub.source import Held, MapSource
from teamspawner.offers.desk import Desk
from teamspawner.offers.reservations import Ledger

__all__ = ["Shared", "shared_by"]

FIRST_SYNC_S = 1.0
"""How long the first page waits for the cluster to be seen; later ones wait for nothing."""


class Shared:
    """Shared by every spawner of one event loop.

    Attributes:
        ledger: The starts under way whose pods are not seen yet.
        dry_run: Asks the API server about pods, and remembers.
        rules: The scheduler that places the servers.
    """

    def __init__(self, spawner: Any) -> None:
        self.ledger = Ledger()
        self.dry_run = DryRun(spawner.api)
        self.rules = Rules()
        self._sources: dict[str, MapSource] = {}
        self._desk: tuple[Held, Desk] | None = None
        self._stale_after = timedelta(seconds=spawner.stale_after)

    async def synced(self, _seconds: float) -> None:
        """Wait a moment for the cluster to be seen for the first time; never raises."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The cluster as last seen; None before it ever was."""
        return None

    @property
    def stale(self) -> bool:
        """Whether the last news from the cluster is too old for any verdict."""
        seen = self.snapshot
        as_of = seen.as_of if seen is not None else None
        return as_of is not None and datetime.now(UTC) - as_of > self._stale_after

    def desk(self, spawner: Any) -> Desk:
        """The desk that answers by the map in force."""
        held = self._held(spawner)
        if self._desk is None or self._desk[0] is not held:
            namespaces = None if spawner.enable_user_namespaces else frozenset({spawner.namespace})
            self._desk = (held, Desk(held.map, broken=held.broken, namespaces=namespaces))
        return self._desk[1]

    def _held(self, spawner: Any) -> Held:
        """One source of the map for all spawners that are set up alike."""
        path = Path(spawner.map_file) if spawner.map_file else None
        key = str(path or spawner.map)
        if key not in self._sources:
            self._sources.clear()
            self._sources[key] = MapSource(spawner.map, path, spawner.log)
        return self._sources[key].held()

    def counted(self) -> metrics.Seen | None:
        """What the metrics tell of the cluster; None before it was ever seen."""
        seen = self.snapshot
        return metrics.seen_in(seen) if seen is not None else None

    @staticmethod
    def now() -> float:
        """The clock of reservations, in seconds."""
        return time.monotonic()


_ALL: MutableMapping[asyncio.AbstractEventLoop, Shared] = WeakKeyDictionary()


def shared_by(spawner: Any) -> Shared:
    """What the spawners of the running event loop share, made when first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _ALL:
        _ALL[loop] = Shared(spawner)
        metrics.watched(_ALL[loop].counted)
    return _ALL[loop]
