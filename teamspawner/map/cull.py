"""When a server is stopped for idleness or age: the one rule for the page and the culler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from teamspawner.map.schema import Cull, Map

GPU_SHARE = 2
"""A server with accelerators waits this many times shorter than others, unless told."""


@dataclass(frozen=True, slots=True)
class CullTimes:
    """Seconds until a server is stopped; None means never."""

    idle_s: int | None = None
    """Without activity."""
    max_age_s: int | None = None
    """Since its start, in use or not."""


def cull_times(
    the_map: Map | None, tier: str | None, team: str | None, default: CullTimes
) -> CullTimes:
    """When a server of this tier, charged to this team, is stopped.

    What tier and team say wins over the default, be it longer or shorter; where both
    say something, the shorter wins. Where neither does, a tier with accelerators has
    half of the default's idle time, for somebody may be waiting for them.

    Args:
        the_map: The map in force; None goes by the default alone.
        tier: Key in the map; None or unknown for an admin's own profile.
        team: Key in the map; None or unknown when none was charged.
        default: For what the map says nothing about.
    """
    if the_map is None:
        return default
    of_tier = the_map.tiers.get(tier or "")
    of_team = the_map.teams.get(team or "")
    said: list[Cull] = [part.cull for part in (of_tier, of_team) if part is not None]
    idle = _shortest(cull.idle for cull in said)
    if idle is None and default.idle_s is not None:
        scarce = of_tier is not None and of_tier.gpu is not None
        idle = default.idle_s // GPU_SHARE if scarce else default.idle_s
    age = _shortest(cull.max_age for cull in said)
    return CullTimes(idle, age if age is not None else default.max_age_s)


def _shortest(times: Iterable[int | None]) -> int | None:
    return min((time for time in times if time is not None), default=None)


def spell_duration(seconds: int) -> str:
    """Print a duration in the largest units that hold it: ``90 s``, ``1 h 30 min``, ``3 d``."""
    if seconds % 60:
        return f"{seconds} s"
    minutes = seconds // 60
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 min"
