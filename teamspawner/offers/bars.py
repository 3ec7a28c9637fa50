"""The caps of a server as the page shows them: how far used, and what one more adds."""

from __future__ import annotations

from collections.abc import Iterable

from teamspawner.offers.caps import Cap
from teamspawner.offers.model import Usage

_MOST_SHOWN = 2
_GIB = 2**30
_YOU = "You"


def bars(caps: Iterable[Cap], team: str) -> tuple[Usage, ...]:
    """Turn caps into what a person reads, the nearest to its end first, two at the most.

    Args:
        caps: What the server counts towards.
        team: The team's name for people.
    """
    ordered = sorted(caps, key=lambda cap: -(cap.used + cap.need) / max(cap.most, 1))
    return tuple(_bar(cap, team) for cap in ordered[:_MOST_SHOWN])


def _bar(cap: Cap, team: str) -> Usage:
    whose, what, unit = {
        "servers_per_user": (_YOU, "servers", 1),
        "per_user": (_YOU, "GPUs", 1),
        "team": (team, "GPUs", 1),
        "cpu": (team, "CPU", 1000),
        "memory": (team, "GiB of memory", _GIB),
    }[cap.name]
    used, after = round(cap.used / unit), round((cap.used + cap.need) / unit)
    return Usage(whose, what, used, round(cap.most / unit), after - used)
