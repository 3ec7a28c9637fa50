"""How the commands spell what several of them print."""

from __future__ import annotations

from datetime import datetime


def counted(number: int, word: str) -> str:
    """A number with its noun: ``1 node``, ``2 nodes``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def instant(moment: datetime | None) -> str | None:
    """A time in UTC as RFC 3339 writes it; None, for a dump, stays None."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None
