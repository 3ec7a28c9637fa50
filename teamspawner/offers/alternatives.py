"""The nearest offer that can start now, for each one that cannot: same team, least different."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from teamspawner.capacity.accelerators import is_accelerator
from teamspawner.capacity.verdict import Status
from teamspawner.offers.model import Alternative, Offer

_NOW = frozenset({Status.FITS_NOW, Status.FITS_BY_PREEMPTION})


def with_alternatives(offers: Sequence[Offer]) -> list[Offer]:
    """Give every offer that cannot start at once the nearest that can, where there is one."""
    free = [offer for offer in offers if offer.startable and offer.verdict.status in _NOW]
    return [offer if offer.verdict.status in _NOW else _with(offer, free) for offer in offers]


def _with(offer: Offer, free: Sequence[Offer]) -> Offer:
    able = [other for other in free if other.team == offer.team]
    if not able:
        return offer
    best = min(able, key=lambda other: _distance(offer, other))
    return replace(offer, alternative=Alternative(best.slug, best.options, best.title))


def _distance(offer: Offer, other: Offer) -> tuple[int, float, float]:
    """The same thing in another count first, then the same tier, then the same sort of server."""
    mine, theirs = _devices(offer), _devices(other)
    if other.slug == offer.slug:
        step = 0
    elif bool(mine) != bool(theirs):
        step = 3
    else:
        step = 1 if other.tier == offer.tier else 2
    sizes = [(offer.requests.get(name, 0), other.requests.get(name, 0)) for name in _SIZES]
    apart = sum(abs(math.log2((a + 1) / (b + 1))) for a, b in [*sizes, (mine, theirs)])
    return step, apart, float(sum(b for _, b in sizes))


_SIZES = ("cpu", "memory")


def _devices(offer: Offer) -> int:
    return sum(amount for name, amount in offer.requests.items() if is_accelerator(name))
