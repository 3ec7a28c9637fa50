"""Offers as the rows of the spawn page: what one gets, what may be chosen, what is preselected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from teamspawner import units
from teamspawner.capacity.objects import Resources
from teamspawner.capacity.verdict import Status
from teamspawner.map import Map
from teamspawner.map.cull import CullTimes, cull_times, spell_duration
from teamspawner.offers.model import Card, FreeText, Kind, Offer, Option, OptionChoice
from teamspawner.offers.moments import Moment
from teamspawner.offers.rights import Right, Rights

_KINDS = {Kind.WHOLE: "whole device", Kind.MIG: "isolated slice"}
_LATER = {Status.NODE_COMING: "machine starting", Status.NEEDS_SCALE_UP: "new machine"}


class Cards:
    """Makes the cards of all who have the same rights; what stays the same is made once.

    Args:
        parsed: The map.
        rights: What they may have.
    """

    def __init__(self, parsed: Map, rights: Rights) -> None:
        self.rights = rights
        self._parsed = parsed
        self._by_slug: dict[str, tuple[Right, ...]] = {}
        for right in rights.rights:
            slug = right.found.variant.slug
            self._by_slug[slug] = (*self._by_slug.get(slug, ()), right)
        self._facts: dict[tuple[str, str, CullTimes], dict[str, str]] = {}
        self._images: dict[tuple[str, str], Option | None] = {}
        self._summaries: dict[tuple[str, str], tuple[Resources, int, str]] = {}

    def of(self, offers: Iterable[Offer], moment: Moment) -> tuple[Card, ...]:
        """One card for each slug of the map, in the order of the rights."""
        by_slug: dict[str, list[Offer]] = {}
        for offer in offers:
            if offer.team is not None:
                by_slug.setdefault(offer.slug, []).append(offer)
        return tuple(
            self._card(rights, _preselected_first(by_slug[slug]), moment)
            for slug, rights in self._by_slug.items()
            if slug in by_slug
        )

    def _card(self, rights: tuple[Right, ...], offers: list[Offer], moment: Moment) -> Card:
        right = next(right for right in rights if right.team == offers[0].team)
        variant = right.found.variant
        key = (variant.slug, right.team)
        facts = (*key, moment.scene.cull)
        if key not in self._images:
            self._images[key] = _images(self._parsed, rights, right)
        if facts not in self._facts:
            self._facts[facts] = _facts(self._parsed, right, moment.scene.cull)
        options = (
            _gpus(offers, right, moment),
            self._images[key],
            _teams(self._parsed, rights, offers),
        )
        return Card(
            slug=variant.slug,
            title=variant.name,
            summary=self._summary(right, offers[0]),
            options=tuple(option for option in options if option is not None),
            offers=tuple(offers),
            description=variant.description,
            facts=self._facts[facts],
        )

    def _summary(self, right: Right, offer: Offer) -> str:
        key, requests, count = (offer.slug, right.team), offer.requests, _count(offer)
        kept = self._summaries.get(key)
        if kept is None or kept[:2] != (requests, count):
            kept = self._summaries[key] = (requests, count, _summary(right, offer))
        return kept[2]


def _preselected_first(offers: list[Offer]) -> list[Offer]:
    """The smallest count for the first team that has room, then the rest in order."""
    if len(offers) == 1:
        return offers
    smallest = min(_count(offer) for offer in offers)
    small = [offer for offer in offers if _count(offer) == smallest]
    first = next((offer for offer in small if offer.startable), small[0])
    return [first, *(offer for offer in offers if offer is not first)]


def _count(offer: Offer) -> int:
    return int(offer.options.get("gpus", "0"))


def _summary(right: Right, offer: Offer) -> str:
    variant, per_gpu = right.found.variant, right.found.tier.per_gpu is not None
    count = max(1, _count(offer)) if per_gpu else 1
    parts = [*_amounts(offer.requests, count)]
    if variant.kind is not Kind.NONE:
        parts.append(_device(right))
    told = " · ".join(parts)
    each = "slice" if variant.kind is Kind.MIG else "GPU"
    return f"per {each}: {told}" if per_gpu and len(variant.counts) > 1 else told


def _device(right: Right) -> str:
    variant = right.found.variant
    others = (variant.shared_by or 0) - 1
    shared = f"shared with up to {others} others" if others > 0 else "shared with others"
    kind = _KINDS.get(variant.kind, shared)
    if variant.device_memory_bytes is None:
        return kind
    return f"{units.gib(variant.device_memory_bytes)} GPU memory, {kind}"


def _amounts(requests: Resources, count: int) -> Iterable[str]:
    if requests.get("cpu"):
        yield f"{round(requests['cpu'] / count / 1000, 1):g} CPU"
    if requests.get("memory"):
        yield units.gib(requests["memory"] // count)


def _facts(parsed: Map, right: Right, default: CullTimes) -> dict[str, str]:
    team = parsed.teams[right.team]
    times = cull_times(parsed, right.found.variant.tier, right.team, default)
    facts = {}
    if times.idle_s is not None:
        facts["Stops when idle"] = f"after {spell_duration(times.idle_s)}"
    if times.max_age_s is not None:
        facts["At the latest"] = f"after {spell_duration(times.max_age_s)}"
    if team.volumes:
        modes = {"ro": "read", "rw": "read, write"}
        facts["Storage"] = " · ".join(
            ("home", *(f"{volume.mount} ({modes[volume.mode]})" for volume in team.volumes))
        )
    return facts


def _gpus(offers: Sequence[Offer], right: Right, moment: Moment) -> Option | None:
    if right.found.fleet is None:
        return None
    choices = []
    for count in sorted({_count(offer) for offer in offers}):
        same = [offer for offer in offers if _count(offer) == count]
        best = next((offer for offer in same if offer.startable), same[0])
        choices.append(
            OptionChoice(
                value=str(count),
                label=str(count),
                note=_note(best, right, moment),
                enabled=best.startable,
                default=count == _count(offers[0]),
            )
        )
    label = "Slices" if right.found.variant.kind is Kind.MIG else "GPUs"
    return Option("gpus", label, tuple(choices))


def _note(offer: Offer, right: Right, moment: Moment) -> str:
    if offer.startable and offer.verdict.status in _LATER:
        return _LATER[offer.verdict.status]  # what could be added is not free
    if offer.startable:
        return f"{offer.count} free" if offer.count else ""
    left = moment.most_left(right.found.fleet) if right.found.fleet else None
    if offer.verdict.status is Status.BUSY and left is not None and 0 < left < _count(offer):
        return f"{left} left on one machine"
    return offer.badge


def _images(parsed: Map, rights: tuple[Right, ...], right: Right) -> Option | None:
    keys = dict.fromkeys((*right.images, *(key for each in rights for key in each.images)))
    if not keys:
        return None
    choices = tuple(
        OptionChoice(
            value=key,
            label=parsed.images[key].name or key,
            note=parsed.images[key].description,
            default=key == right.image,
        )
        for key in keys
    )
    return Option("image", "Image", choices)


def _teams(parsed: Map, rights: tuple[Right, ...], offers: Sequence[Offer]) -> Option | None:
    if len(rights) == 1:
        return None
    choices = []
    for right in rights:
        mine = [offer for offer in offers if offer.team == right.team]
        able = next((offer for offer in mine if offer.startable), None)
        choices.append(
            OptionChoice(
                value=right.team,
                label=parsed.teams[right.team].name or right.team,
                note="" if able or not mine else mine[0].badge,
                enabled=able is not None,
                default=right.team == offers[0].team,
            )
        )
    return Option("team", "For team", tuple(choices))


def profile_card(profile: Mapping[str, Any], offers: Iterable[Offer]) -> Card:
    """The card of one of the admin's own profiles."""
    slug = str(profile["slug"])
    mine = [offer for offer in offers if offer.team is None and offer.slug == slug]
    options = (profile.get("profile_options") or {}).items()
    return Card(
        slug=slug,
        title=str(profile.get("display_name") or slug),
        summary=" · ".join(_amounts(mine[0].requests, 1)) if mine else "",
        options=tuple(_own_option(name, option, mine) for name, option in options),
        offers=tuple(mine),
        description=str(profile.get("description") or ""),
        default=bool(profile.get("default")),
    )


def _own_option(name: str, option: Mapping[str, Any], offers: Sequence[Offer]) -> Option:
    choices = tuple(
        _own_value(name, str(key), choice, offers)
        for key, choice in (option.get("choices") or {}).items()
    )
    free = option.get("unlisted_choice") or {}
    text = None
    if free.get("enabled"):
        label = str(free.get("display_name") or "Other")
        text = FreeText(label, str(free.get("validation_regex") or ""))
    return Option(name, str(option.get("display_name") or name), choices, text)


def _own_value(
    name: str, value: str, choice: Mapping[str, Any], offers: Sequence[Offer]
) -> OptionChoice:
    same = [offer for offer in offers if offer.options.get(name) == value]
    able = not same or any(offer.startable for offer in same)
    return OptionChoice(
        value=value,
        label=str(choice.get("display_name") or value),
        note="" if able else same[0].badge,
        enabled=able,
        default=bool(choice.get("default")),
    )


def with_default(cards: tuple[Card, ...]) -> tuple[Card, ...]:
    """Mark one card as the default: the first tier, else the admin's default profile."""
    tiers = [card for card in cards if card.offers and card.offers[0].team is not None]
    chosen = next(iter((*tiers, *(card for card in cards if card.default), *cards)), None)
    return tuple(
        card if card.default is (card is chosen) else replace(card, default=card is chosen)
        for card in cards
    )
