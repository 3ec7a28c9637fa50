"""What the template needs, worked out once: which choice is made, and what shows when.

A card has one block per offer. Which of them is seen follows from the checked
inputs through style rules made here (``:has(#id:checked)``), so that the page
answers every choice without a script.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from teamspawner.capacity.verdict import Status
from teamspawner.offers.model import Card, Listing, Offer, Option, Usage
from teamspawner.offers.profiles import form_field, typed_name
from teamspawner.page import words
from teamspawner.page.parts import (
    CardView,
    ChoiceView,
    OfferView,
    OptionView,
    PageView,
    UsageView,
)

_TEAMS = 8
"""More teams than these are told by their number: who runs the hub may be in all of them."""
_MANY = 8
"""With more cards than these, those that cannot start may be hidden."""
_TILE_LETTERS = 4
_TILES = 8
_TYPED_LETTERS = 1000


def page_view(listing: Listing, selected: Mapping[str, str]) -> PageView:
    """Work out the page for this listing with an earlier or linked choice, ``selected``."""
    index = _checked(listing, selected)
    notice = listing.notice or _shared(listing)
    cards = [
        _card(number, card, selected if number == index else {}, notice, checked=number == index)
        for number, card in enumerate(listing.cards)
    ]
    can = [view.startable for view in cards]
    return PageView(
        cards=cards,
        rules="".join(rule for view in cards for rule in _rules(view)),
        startable=any(can),
        note=_note(listing, selected),
        notice=notice,
        teams=(listing.team_names or listing.teams)[:_TEAMS],
        more_teams=len(listing.teams[_TEAMS:]),
        many=len(cards) > _MANY and any(can) and not all(can),
    )


def _shared(listing: Listing) -> str:
    """What is not known of all offers for the same reason, to be told once; else empty."""
    offers = listing.offers
    if len(listing.cards) < 2 or any(o.verdict.status is not Status.UNKNOWN for o in offers):
        return ""
    told = {_first(offer.sentence) for offer in offers}
    return told.pop() if len(told) == 1 else ""


def _first(text: str) -> str:
    """The first sentence of a text."""
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]


def _checked(listing: Listing, selected: Mapping[str, str]) -> int | None:
    """The card to check: the one asked for, else the default, else the first that can start."""
    can = [number for number, card in enumerate(listing.cards) if _startable(card)]
    wanted = [n for n in can if listing.cards[n].slug == selected.get("profile")]
    default = [n for n in can if listing.cards[n].default]
    return next(iter([*wanted, *default, *can]), None)


def _startable(card: Card) -> bool:
    return any(offer.startable for offer in card.offers)


def _values(offer: Offer) -> dict[str, str]:
    return {**offer.options, "team": offer.team} if offer.team else dict(offer.options)


def _matches(offer: Offer, selected: Mapping[str, str]) -> bool:
    return all(selected.get(name, value) == value for name, value in _values(offer).items())


def _lead(card: Card, selected: Mapping[str, str]) -> Offer | None:
    """The offer a card opens with: as asked for when it can start, else the first that can."""
    can = [offer for offer in card.offers if offer.startable]
    asked = [offer for offer in can if selected and _matches(offer, selected)]
    return next(iter([*asked, *can, *card.offers]), None)


def _note(listing: Listing, selected: Mapping[str, str]) -> str:
    """Say what became of an earlier choice that cannot start now; empty when all is well."""
    slug = selected.get("profile")
    card = next((card for card in listing.cards if card.slug == slug), None)
    if not slug:
        return ""
    if card is None:
        return "What was chosen before is not offered any more."
    asked = next((offer for offer in card.offers if _matches(offer, selected)), None)
    if asked is None or asked.startable:
        return ""
    return f"What was chosen before, {asked.title or card.title}, cannot start now."


def _card(
    number: int, card: Card, selected: Mapping[str, str], notice: str, *, checked: bool
) -> CardView:
    ident = f"ts-{number}"
    lead = _lead(card, selected)
    picked = {**selected, **(_values(lead) if lead else {})}
    options = [
        _option(f"{ident}-{place}", card.slug, option, picked)
        for place, option in enumerate(card.options)
    ]
    offers = [
        _offer(f"{ident}-o{place}", offer, notice, lead=offer is lead)
        for place, offer in enumerate(card.offers)
    ]
    return CardView(ident, card, _startable(card), checked, offers, options)


def _offer(ident: str, offer: Offer, notice: str, *, lead: bool) -> OfferView:
    state = words.state(offer)
    plain = state.name == "free" and offer.startable
    sizes = words.sizes(offer)
    return OfferView(
        f"ts-of {ident} ts-lead" if lead else f"ts-of {ident}",
        offer,
        state,
        offer.badge or state.words,
        "" if plain else _beyond(offer.sentence, notice),
        offer.alternative,
        _link(offer),
        sizes,
        words.line(sizes),
        [_usage(use) for use in offer.usage],
    )


def _beyond(sentence: str, notice: str) -> str:
    """What a sentence says beyond the notice at the top."""
    first = _first(sentence)
    return sentence[len(first) :].strip() if notice and first == _first(notice) else sentence


def _usage(use: Usage) -> UsageView:
    told = f"{use.team}: {use.used} of {use.cap} {use.what}"
    after = f", {use.used + use.adds} with this one" if use.adds else ""
    used = min(use.used, use.cap)
    return UsageView(told + after, max(use.cap, 1), used, min(use.adds, use.cap - used))


def _link(offer: Offer) -> str:
    other = offer.alternative
    if other is None or offer.startable:
        return ""
    fields = {form_field(other.slug, name): value for name, value in other.options.items()}
    return json.dumps({"profile": other.slug, **fields})


def _option(ident: str, slug: str, option: Option, picked: Mapping[str, str]) -> OptionView:
    stored = picked.get(typed_name(option.name), "") if option.free_text else ""
    typed = stored[:_TYPED_LETTERS]
    value = _value(option, picked.get(option.name))
    choices = [
        ChoiceView(
            f"{ident}-{place}",
            choice.value,
            choice.label,
            choice.note,
            choice.enabled,
            not typed and choice.value == value,
        )
        for place, choice in enumerate(option.choices)
    ]
    return OptionView(
        ident,
        form_field(slug, option.name),
        option.label,
        _shape(option),
        choices,
        option.free_text,
        typed,
    )


def _value(option: Option, asked: str | None) -> str | None:
    enabled = [choice for choice in option.choices if choice.enabled]
    wanted = [choice for choice in enabled if choice.value == asked]
    default = [choice for choice in enabled if choice.default]
    return next((c.value for c in [*wanted, *default, *enabled, *option.choices]), None)


def _shape(option: Option) -> str:
    if not option.choices:
        return "text" if option.free_text else "none"
    if option.free_text:
        return "menu"
    if len(option.choices) == 1:
        return "fixed"
    short = all(len(choice.label) <= _TILE_LETTERS for choice in option.choices)
    return "tiles" if short and len(option.choices) <= _TILES else "menu"


def _rules(view: CardView) -> Iterator[str]:
    """Style rules that show the summary of the checked card and of the choices within it."""
    ident = view.ident
    yield f".ts:has(#{ident}:checked) .{ident}-sum{{display:block}}"
    for option in view.options:
        if option.shape in {"tiles", "menu"}:
            for choice in option.choices:
                yield f".ts:has(#{choice.ident}:checked) .{choice.ident}-v{{display:inline}}"
    if not view.many:
        return
    for place, offer in enumerate(view.offers):
        test = ".ts" + "".join(f":has(#{i}:checked)" for i in _conditions(view, offer))
        yield f"{test} .{ident}-o{place}{{display:contents}}"
        yield f"{test} .{ident}-none{{display:none}}"


def _conditions(view: CardView, offer: OfferView) -> Iterator[str]:
    values = _values(offer.offer)
    for option, plain in zip(view.options, view.card.options, strict=True):
        if option.shape in {"tiles", "menu"}:
            for choice in option.choices:
                if choice.value == values.get(plain.name):
                    yield choice.ident
