"""The few words and signs the page adds to what the offers say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from teamspawner.capacity.objects import Resources
from teamspawner.capacity.verdict import Status
from teamspawner.offers.model import Kind, Offer
from teamspawner.units import cores, gib

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


class State(NamedTuple):
    """How a verdict looks: a class for its colour, a sign, and words if the offer has none."""

    name: str
    """``free``, ``wait``, ``full`` or ``unknown``; the style sheet knows these four."""
    sign: str
    words: str


_STATES = {
    Status.FITS_NOW: State("free", "✓", "Free now"),
    Status.FITS_BY_PREEMPTION: State("free", "✓", "Free · room is made"),
    Status.NODE_COMING: State("wait", "◔", "A new machine is starting"),
    Status.NEEDS_SCALE_UP: State("wait", "◔", "Needs a new machine"),
    Status.QUEUED: State("wait", "◔", "Queued"),
    Status.BUSY: State("full", "✕", "In use"),
    Status.QUOTA_BLOCKED: State("full", "✕", "Limit reached"),
    Status.NEVER: State("full", "✕", "Does not fit"),
    Status.INVALID: State("full", "✕", "Not possible"),
    Status.UNKNOWN: State("unknown", "?", "Not known"),
}
_WAIT_IN_LINE = State("wait", "◔", "In use, will wait")


def state(offer: Offer) -> State:
    """How this offer's verdict looks; one that waits for room is not shown as refused."""
    if offer.verdict.status is Status.BUSY and offer.startable:
        return _WAIT_IN_LINE
    return _STATES[offer.verdict.status]


def age(seconds: float) -> str:
    """An age for people: ``2 s``, ``4 min``, ``3 h``, ``2 days``. Never negative."""
    whole = max(0, int(seconds))
    if whole < 2 * _MINUTE_S:
        return f"{whole} s"
    if whole < 2 * _HOUR_S:
        return f"{whole // _MINUTE_S} min"
    if whole < 2 * _DAY_S:
        return f"{whole // _HOUR_S} h"
    return f"{whole // _DAY_S} days"


def age_seconds(as_of: datetime | None, now: datetime) -> float | None:
    """Seconds since the cluster was seen; None when it never was."""
    return None if as_of is None else max(0.0, (now - as_of).total_seconds())


def sizes(offer: Offer) -> tuple[tuple[str, str], ...]:
    """CPU, memory and devices of one server, as label and text; what is not asked is left out."""
    rows = [
        ("CPU", _span(offer.requests, offer.limits, "cpu", cores)),
        ("Memory", _span(offer.requests, offer.limits, "memory", gib)),
        ("GPU", _devices(offer)),
    ]
    return tuple((label, text) for label, text in rows if text)


def line(sizes: tuple[tuple[str, str], ...]) -> str:
    """The sizes in one short line, to follow a title: `` · 7 CPU · 55 GiB``."""
    return "".join(f" · {text} CPU" if name == "CPU" else f" · {text}" for name, text in sizes)


def _span(requests: Resources, limits: Resources, name: str, show: Callable[[int], str]) -> str:
    low, high = requests.get(name, 0), limits.get(name, 0)
    if low and high > low:
        return f"{show(low)}, up to {show(high)}"
    if low or high:
        return show(low) if low else f"up to {show(high)}"
    return ""


def _devices(offer: Offer) -> str:
    if offer.kind is Kind.NONE:
        return ""
    name = offer.model_name or offer.model or "device"
    count = offer.options.get("gpus", "")
    text = f"{count} × {name}" if count else name
    return f"{text}, shared" if offer.kind is Kind.SHARED else text
