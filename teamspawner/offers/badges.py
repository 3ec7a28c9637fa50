"""The few words of status on an offer, and what a cap that is used up says, in numbers.

No other person is ever named; who holds what is told in numbers.
"""

from __future__ import annotations

from teamspawner import units
from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.offers.caps import Cap

__all__ = ["badge", "cap_sentence"]

_OWN = frozenset({"servers_per_user", "per_user"})
_BADGES = {
    Status.INVALID: "Not possible",
    Status.QUOTA_BLOCKED: "Limit reached",
    Status.QUEUED: "Queued",
    Status.FITS_BY_PREEMPTION: "Free · room is made",
    Status.NODE_COMING: "A new machine is starting",
    Status.NEEDS_SCALE_UP: "Needs a new machine",
    Status.BUSY: "In use",
    Status.NEVER: "Does not fit",
    Status.UNKNOWN: "Not known",
}


def badge(verdict: Verdict, count: int | None, cap: Cap | None = None) -> str:
    """A few words of status: ``Free now · 3 more fit``."""
    if verdict.status is Status.FITS_NOW:
        return f"Free now · {count} more {'fits' if count == 1 else 'fit'}" if count else "Free now"
    if verdict.status is Status.QUOTA_BLOCKED and cap is not None:
        whose = "Your limit" if cap.name in _OWN else "Team limit"
        return f"{whose} · {_amount(cap, cap.used)} of {_amount(cap, cap.most)} in use"
    if verdict.status is Status.BUSY and verdict.freeing:
        return "In use · freeing now"
    return _BADGES[verdict.status]


def _amount(cap: Cap, value: int) -> str:
    """Print an amount of what a cap counts, without its noun."""
    if cap.name == "cpu":
        return f"{value / 1000:g}"
    return units.gib(value) if cap.name == "memory" else str(value)


def cap_sentence(cap: Cap, team: str) -> str:
    """Say which cap is used up, in numbers."""
    used, most, need = (_amount(cap, value) for value in (cap.used, cap.most, cap.need))
    room = max(0, cap.most - cap.used)
    told = {
        "servers_per_user": f"You run {used} of the {most} servers a person of {team} may have",
        "per_user": f"You use {used} of the {most} GPUs a person of {team} may have",
        "team": f"{team} uses {used} of its {most} GPUs",
        "cpu": f"{team} uses {used} of its {most} CPUs",
        "memory": f"{team} uses {used} of its {most} of memory",
    }[cap.name]
    if cap.need > cap.most:
        return _beyond(cap, team)
    if 0 < room < cap.need:
        return f"{told}; this needs {need} more."
    return f"{told}."


def _beyond(cap: Cap, team: str) -> str:
    """Say that a cap could never hold this, however little is in use."""
    most, need = _amount(cap, cap.most), _amount(cap, cap.need)
    what = {"cpu": "CPUs", "memory": "of memory", "servers_per_user": "servers"}.get(
        cap.name, "GPUs"
    )
    what = what.removesuffix("s") if most == "1" else what
    whose = "A person of " if cap.name in _OWN else ""
    return f"{whose}{team} may have {most} {what} at once; this needs {need}."
