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
        return f"{whose} · {_of(cap)} in use"
    if verdict.status is Status.BUSY and verdict.freeing:
        return "In use · freeing now"
    return _BADGES[verdict.status]


def _amount(cap: Cap, value: int) -> str:
    """Print an amount of what a cap counts, without its noun."""
    if cap.name == "cpu":
        return units.cores(value)
    return units.gib(value) if cap.name == "memory" else str(value)


def _of(cap: Cap) -> str:
    """How much of how much, with a unit that both have said once: ``220 of 500 GiB``."""
    used, most = _amount(cap, cap.used), _amount(cap, cap.most)
    number, _, unit = used.partition(" ")
    return f"{number} of {most}" if most.endswith(f" {unit}") else f"{used} of {most}"


def cap_sentence(cap: Cap, team: str) -> str:
    """Say which cap is used up, in numbers."""
    whose = "You" if cap.name in _OWN else team
    does = {"servers_per_user": "run", "per_user": "use"}.get(cap.name, "uses")
    may = f" that a person of {team} may have" if cap.name in _OWN else ""
    its = "the" if cap.name in _OWN else "its"
    need, most = _amount(cap, cap.need), _amount(cap, cap.most)
    what = _what(cap, most)
    told = f"{whose} {does} {_amount(cap, cap.used)} of {its} {most} {what}{may}"
    if cap.used > cap.most:  # the map was lowered since
        used = _amount(cap, cap.used)
        told = f"{whose} {does} {used} {_what(cap, used)} and may {does.rstrip('s')} only {most}"
    elif cap.used == cap.most and most == "1":
        told = f"{whose} {does} {its} only {what}{may}"
    room = max(0, cap.most - cap.used)
    if cap.need > cap.most:
        return _beyond(cap, team)
    if 0 < room < cap.need:
        return f"{told}; this needs {need} more."
    return f"{told}."


def _beyond(cap: Cap, team: str) -> str:
    """Say that a cap could never hold this, however little is in use."""
    most, need = _amount(cap, cap.most), _amount(cap, cap.need)
    whose = "A person of " if cap.name in _OWN else ""
    return f"{whose}{team} may have {most} {_what(cap, most)} at once; this needs {need}."


def _what(cap: Cap, number: str) -> str:
    """What a cap counts, to follow a number."""
    nouns = {"cpu": "CPUs", "memory": "of memory", "servers_per_user": "servers"}
    noun = nouns.get(cap.name, "GPUs")
    return noun.removesuffix("s") if number == "1" else noun
