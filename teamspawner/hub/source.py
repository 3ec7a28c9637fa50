"""Where the map comes from: the trait, or a file that is read again when it changes."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teamspawner.errors import Fault, MapError

if TYPE_CHECKING:
    from teamspawner.map.schema import Map

__all__ = ["Held", "MapSource"]

_UNREADABLE = "a file with a map that the hub may read"


@dataclass(frozen=True, slots=True)
class Held:
    """The map in force.

    Attributes:
        map: The last good one; None when there is none, or none was asked for.
        faults: What is wrong with the newest text; empty when it is in force.
        wanted: Whether a map was asked for at all.
    """

    map: Map | None = None
    faults: tuple[Fault, ...] = ()
    wanted: bool = False

    @property
    def broken(self) -> bool:
        """True when a map was asked for and no good one was ever read."""
        return self.wanted and self.map is None


class MapSource:
    """Holds the last good map; a wrong edit is logged once and changes nothing.

    Args:
        inline: The trait ``TeamSpawner.map``: plain values or YAML text; empty when unset.
        path: A file, such as a mounted ConfigMap; None when unset. Wins over ``inline``.
        log: Where faults and changes are told.
    """

    def __init__(
        self, inline: Mapping[str, Any] | str, path: Path | None, log: logging.Logger
    ) -> None:
        self._inline = inline
        self._path = path
        self._log = log
        self._seen: object = None
        self._held = Held()

    def held(self) -> Held:
        """Return the map in force, after a look at whether the file has changed.

        A file costs one ``stat`` while it stays the same. A mounted ConfigMap is
        swapped by a link, which changes the inode.
        """
        mark = self._mark()
        if mark != self._seen:
            self._seen = mark
            self._held = self._read()
        return self._held

    def _mark(self) -> object:
        if self._path is None:
            return "inline"
        try:
            found = os.stat(self._path)  # noqa: PTH116 - follows links, which is what matters
        except OSError as error:
            return ("missing", error.errno)
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def _read(self) -> Held:
        if self._path is None and not self._inline:
            return Held()
        from teamspawner.map.load import load  # pydantic is slow to import, and a map is optional

        try:
            loaded = load(self._inline if self._path is None else self._path.read_bytes())
        except OSError as error:
            return self._faulty((Fault(str(self._path), str(error.strerror), _UNREADABLE, ""),))
        except MapError as error:
            return self._faulty(error.faults)
        for warning in loaded.warnings:
            self._log.warning("The map: %s", warning)
        self._log.info("The map is in force: %d tiers", len(loaded.map.tiers))
        return Held(loaded.map, wanted=True)

    def _faulty(self, faults: tuple[Fault, ...]) -> Held:
        kept = self._held.map
        then = "the last good one stays in force" if kept else "every start is refused"
        self._log.error("The map is wrong, %s:\n%s", then, "\n".join(map(str, faults)))
        return Held(kept, faults, wanted=True)
