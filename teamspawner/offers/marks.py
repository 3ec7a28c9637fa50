"""Which nodes changed since somebody looked last, for those who keep what they saw of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Log", "Mark"]


@dataclass(slots=True, eq=False)
class Log:
    """The names of nodes in the order of their changes; only ever added to."""

    names: list[str] = field(default_factory=list)

    def mark(self) -> Mark:
        """Return where it ends now."""
        return Mark(self, len(self.names))


class Mark(NamedTuple):
    """A place in a log; two are equal when nothing changed between them."""

    log: Log
    place: int

    def since(self, other: Mark | None) -> Iterable[str] | None:
        """Return the nodes that changed between two places, whichever is the later one.

        None when that is not known any more.
        """
        if other is None or other.log is not self.log:
            return None
        first, last = sorted((self.place, other.place))
        return self.log.names[first:last]
