"""For how long a start may wait for room."""

from __future__ import annotations

from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.map.schema import Map
from teamspawner.offers.model import Choice
from teamspawner.offers.starting import STARTS_WITHIN

__all__ = ["longest_s", "wait_s"]

HELP_FORETOLD = frozenset({Status.NODE_COMING, Status.NEEDS_SCALE_UP, Status.QUEUED})
"""Verdicts that foretell a wait for somebody else; an autoscaler looks only now and then."""
STARTING_S = STARTS_WITHIN.total_seconds()
"""How long a machine that is starting is believed to be; who was promised it waits as long."""
UNFORETOLD_S = 60.0
"""How long a pod may be unplaceable when nothing could be foretold."""


def longest_s(parsed: Map | None, own_s: float) -> float:
    """The longest that any start may take, in seconds, whatever is chosen.

    Args:
        parsed: The map; None without one.
        own_s: KubeSpawner's ``start_timeout``.
    """
    tiers = parsed.tiers.values() if parsed else ()
    waits = [(tier.start_timeout or own_s) + (tier.wait or own_s) for tier in tiers]
    return max(2 * own_s, own_s + _machine_s(parsed), own_s + STARTING_S, *waits, 0.0)


def wait_s(
    choice: Choice, parsed: Map | None, foretold: Verdict | None, own_s: float, *, own_waits: bool
) -> float:
    """How long a choice may wait for room, in seconds; 0 when it may not.

    Args:
        choice: What is started.
        parsed: The map; None without one.
        foretold: The verdict; None when the cluster was never seen.
        own_s: KubeSpawner's ``start_timeout``, which is how long a wait without a time is.
        own_waits: Whether the admin's own profiles may wait.
    """
    waits = _tier_wait_s(choice, parsed, own_s, own_waits=own_waits)
    if foretold is None or foretold.status is Status.UNKNOWN:
        return max(waits, min(own_s, UNFORETOLD_S))
    if foretold.status not in HELP_FORETOLD:
        return waits
    starting = STARTING_S if foretold.status is Status.NODE_COMING else 0.0
    return max(waits, own_s, _machine_s(parsed), starting)


def _machine_s(parsed: Map | None) -> float:
    """How long to wait for a machine of a pool: twice what the slowest one usually takes."""
    minutes = [pool.minutes or 0 for pool in parsed.pools] if parsed else []
    return 2 * 60.0 * max(minutes, default=0)


def _tier_wait_s(choice: Choice, parsed: Map | None, own_s: float, *, own_waits: bool) -> float:
    tier = parsed.tiers.get(choice.tier) if parsed and choice.team is not None else None
    if tier is None:
        return own_s if own_waits and choice.profile is not None else 0.0
    return float(tier.wait or own_s) if tier.when_busy == "wait" else 0.0
