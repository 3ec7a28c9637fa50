"""What one hub process holds for all its spawners: the watch, the map, the starts under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from teamspawner.hub.dryrun import DryRun
from teamspawner.hub.source import Held, MapSource
from teamspawner.offers.reservations import Ledger

__all__ = ["Desk", "desk_of"]

_DESKS: MutableMapping[asyncio.AbstractEventLoop, Desk] = WeakKeyDictionary()


class Desk:
    """Shared by every spawner of one event loop.

    Attributes:
        ledger: The starts under way whose pods are not seen yet.
    """

    def __init__(self, api: Any) -> None:
        self.ledger = Ledger()
        self.dry_run = DryRun(api)
        self._sources: dict[str, MapSource] = {}

    def held(self, spawner: Any) -> Held:
        """The map in force for a spawner; one source for all that are set up alike."""
        path = Path(spawner.map_file) if spawner.map_file else None
        key = str(path or spawner.map)
        if key not in self._sources:
            self._sources.clear()
            self._sources[key] = MapSource(spawner.map, path, spawner.log)
        return self._sources[key].held()

    def now(self) -> float:
        """The clock of reservations, in seconds."""
        return time.monotonic()


def desk_of(spawner: Any) -> Desk:
    """The desk of the running event loop, made when first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _DESKS:
        _DESKS[loop] = Desk(spawner.api)
    return _DESKS[loop]
