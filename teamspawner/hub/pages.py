"""The spawn page of one spawner, and the same offers in the form of KubeSpawner's own list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from teamspawner.hub import handlers
from teamspawner.offers.model import Card, Listing, Offer
from teamspawner.page import render

__all__ = ["as_profiles", "form"]


def form(spawner: Any, listing: Listing, linked: Mapping[str, Any] | None) -> str:
    """Render the inner HTML of the spawn form.

    Args:
        spawner: Whose page it is.
        listing: What its person may have.
        linked: What a link asked for; None without one.
    """
    stored = spawner.user_options if isinstance(spawner.user_options, dict) else {}
    chosen = _texts(linked or stored)
    live = _has_handlers(spawner.config)
    base = spawner.hub.base_url
    return render(
        listing,
        now=datetime.now(UTC),
        selected=chosen,
        static_url=handlers.static_url(base) if live else None,
        offers_url=handlers.offers_url(base, spawner.user.name, spawner.name) if live else None,
    )


def _has_handlers(config: Any) -> bool:
    """Whether ``setup(c)`` was called: without it nothing answers at our addresses."""
    # a list, or what is to be added to one: both print what they hold
    return handlers.OFFERS in str(config.JupyterHub.get("extra_handlers"))


def _texts(options: Mapping[Any, Any]) -> dict[str, str]:
    """Only texts: what is stored or linked may be anything."""
    return {
        name: value
        for name, value in options.items()
        if isinstance(name, str) and isinstance(value, str)
    }


def as_profiles(listing: Listing, own: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put the offers in the form that KubeSpawner's own page and fancy-profiles show.

    They have no place for a verdict but the description. Nothing is overridden here:
    what a choice does to the pod is decided at the start, and is nobody's business
    in the browser.
    """
    known = {each["slug"]: each for each in own}
    return [_profile(card, known.get(card.slug)) for card in listing.cards]


def _profile(card: Card, own: Mapping[str, Any] | None) -> dict[str, Any]:
    best = card.offers[0] if card.offers else None
    own_words = (own.get("description", ""),) if own else map(escape, _what(card))
    told = [*own_words, _told(best)]
    profile: dict[str, Any] = {
        "slug": card.slug,
        "display_name": own["display_name"] if own else escape(card.title),
        "description": " ".join(filter(None, told)),
        "default": card.default,
        "kubespawner_override": {},
    }
    if own is not None:
        return {**profile, "profile_options": _plain(own.get("profile_options") or {})}
    options = {option.name: _option(option) for option in card.options}
    return {**profile, "profile_options": options}


def _what(card: Card) -> Iterable[str]:
    """What one gets, and the admin's words for it."""
    if card.summary:
        yield f"{card.summary}."
    yield card.description


def _told(offer: Offer | None) -> str:
    if offer is None:
        return ""
    said = f"{offer.badge}. {offer.sentence}"
    if offer.alternative is not None and not offer.startable:
        said += f" Nearest that fits: {offer.alternative.title}."
    return escape(said)


def _option(option: Any) -> dict[str, Any]:
    choices = {
        choice.value: {
            "display_name": escape(
                f"{choice.label} ({choice.note})" if choice.note else choice.label
            ),
            "default": choice.default,
        }
        for choice in option.choices
    }
    return {"display_name": escape(option.label), "choices": choices}


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """An admin's own options without what they do to the pod."""
    return {name: _without_overrides(option) for name, option in options.items()}


def _without_overrides(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _without_overrides(each)
            for name, each in value.items()
            if name != "kubespawner_override"
        }
    return value
