"""Offers as JSON for programs: the same words as ``teamspawner explain``, for one person.

Left out on purpose: names of nodes, and what is hidden from this person and why.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from teamspawner.offers.amounts import requests_json
from teamspawner.offers.model import Alternative, Listing, Offer
from teamspawner.page.words import age_seconds


def document(listing: Listing, *, now: datetime) -> dict[str, Any]:
    """Return the answer of ``GET /hub/api/teamspawner/offers``.

    Args:
        listing: What the person may have.
        now: The time of the answer, aware of its zone; ages are counted to it.
    """
    age = age_seconds(listing.as_of, now)
    return {
        "as_of": _instant(listing.as_of),
        "age_seconds": None if age is None else round(age, 1),
        "stale": listing.stale,
        "notice": listing.notice,
        "user": listing.person.name,
        "groups": list(listing.person.groups),
        "teams": list(listing.teams),
        "offers": [_offer(offer) for offer in listing.offers],
    }


def _instant(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "slug": offer.slug,
        "tier": offer.tier,
        "title": offer.title,
        "model": offer.model,
        "kind": offer.kind.value,
        "options": dict(offer.options),
        "team": offer.team,
        "verdict": offer.verdict.status.value,
        "startable": offer.startable,
        "count": offer.count,
        "nodes": offer.nodes,
        "requests": requests_json(offer.requests),
        "sentence": offer.sentence,
        "alternative": _alternative(offer.alternative),
    }


def _alternative(other: Alternative | None) -> dict[str, Any] | None:
    if other is None:
        return None
    return {"slug": other.slug, "options": dict(other.options), "title": other.title}
