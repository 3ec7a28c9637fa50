"""The nearest offer that can start now, for each one that cannot.

Of the same team, or the very same thing charged to another team of the person's; where
neither has room, whatever else the person may have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from teamspawner.capacity.verdict import Status
from teamspawner.offers.amounts import accelerators_in
from teamspawner.offers.model import Alternative, Offer

_NOW = frozenset({Status.FITS_NOW, Status.FITS_BY_PREEMPTION})
_SIZES = ("cpu", "memory")


def with_alternatives(offers: Sequence[Offer]) -> list[Offer]:
    """Give every offer that cannot start at once the nearest that can, where there is one."""
    free = [offer for offer in offers if offer.startable and offer.verdict.status in _NOW]
    return [offer if offer.verdict.status in _NOW else _with(offer, free) for offer in offers]


def nearest(failed: Offer, offers: Sequence[Offer]) -> Alternative | None:
    """Return the nearest that can start now, for one that could not though it seemed so.

    While what failed still seems to fit, the scheduler knows more than is seen; then
    something that asks for as much would fail as well, and only what asks for less is named.
    None when there is none.

    Args:
        failed: What could not start, whatever its verdict says.
        offers: What else there is; the one that failed may be among them.
    """
    free = [each for each in offers if each.startable and each.verdict.status in _NOW]
    if failed.verdict.status in _NOW:
        free = [each for each in free if _asks_for_less(each, failed)]
    return _with(failed, [each for each in free if _key(each) != _key(failed)]).alternative


def _asks_for_less(offer: Offer, than: Offer) -> bool:
    return any(offer.requests.get(name, 0) < amount for name, amount in than.requests.items())


def and_nearest(sentence: str, alternative: Alternative | None) -> str:
    """Add the nearest that fits to a sentence of refusal; None leaves it as it is."""
    return f"{sentence} Nearest that fits: {alternative.title}." if alternative else sentence


def _key(offer: Offer) -> tuple[object, ...]:
    return offer.slug, dict(offer.options), offer.team


def _with(offer: Offer, free: Sequence[Offer]) -> Offer:
    if not free:
        return offer
    near = [other for other in free if other.team == offer.team or other.slug == offer.slug]
    best = min(near or free, key=lambda other: _distance(offer, other))
    elsewhere = best.team != offer.team and best.slug == offer.slug
    return replace(offer, alternative=_named(best, elsewhere=elsewhere))


def _named(best: Offer, *, elsewhere: bool) -> Alternative:
    """Name it; another team is named too, because without it nothing would differ."""
    if not elsewhere or best.team is None:
        return Alternative(best.slug, best.options, best.title)
    team = best.usage[0].team if best.usage else best.team
    options = {**best.options, "team": best.team}
    return Alternative(best.slug, options, f"{best.title} (team {team})")


def _distance(offer: Offer, other: Offer) -> tuple[int, float, bool, float]:
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
    return step, apart, other.team != offer.team, float(sum(b for _, b in sizes))


def _devices(offer: Offer) -> int:
    return sum(accelerators_in(offer.requests).values())
