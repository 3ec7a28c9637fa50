"""What the template needs, worked out once: which choice is made, and what shows when.

A card has one block per offer. Which of them is seen follows from the checked
inputs through style rules made here (``:has(#id:checked)``), so that the page
answers every choice without a script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from teamspawner.offers.model import Card, FreeText, Listing, Offer, Option
from teamspawner.page import words

_TILE_LETTERS = 4
_TILES = 8


@dataclass(slots=True)
class ChoiceView:
    """One value of an option with the id of its input."""

    ident: str
    value: str
    label: str
    note: str
    enabled: bool
    checked: bool


@dataclass(slots=True)
class OptionView:
    """An option with its form field; ``shape`` is ``fixed``, ``tiles``, ``menu`` or ``text``."""

    ident: str
    field: str
    label: str
    shape: str
    choices: list[ChoiceView]
    free_text: FreeText | None
    typed: str = ""
    other: bool = False
    """True when the person types a value instead of choosing one."""


@dataclass(slots=True)
class OfferView:
    """One offer of a card; ``block`` is the class that its style rule shows."""

    block: str
    offer: Offer
    state: words.State
    sizes: tuple[tuple[str, str], ...]
    link: tuple[tuple[str, str], ...]
    """Form fields that take the alternative; empty when there is none."""


@dataclass(slots=True)
class CardView:
    """One card; ``ident`` prefixes all its ids."""

    ident: str
    card: Card
    startable: bool
    checked: bool
    lead: OfferView | None
    offers: list[OfferView]
    options: list[OptionView]

    @property
    def many(self) -> bool:
        """Whether the choices decide which offer is meant."""
        return len(self.offers) > 1

    @property
    def typed(self) -> bool:
        """Whether a value may be typed that no offer was judged for."""
        return any(option.free_text for option in self.options)


@dataclass(slots=True)
class PageView:
    """The whole page: cards, the style rules, and what to say about an earlier choice."""

    cards: list[CardView]
    rules: str
    startable: bool
    note: str


def page_view(listing: Listing, selected: Mapping[str, str]) -> PageView:
    """Work out the page for this listing with an earlier or linked choice, ``selected``."""
    index = _checked(listing, selected)
    cards = [
        _card(number, card, selected if number == index else {}, checked=number == index)
        for number, card in enumerate(listing.cards)
    ]
    rules = "".join(rule for view in cards for rule in _rules(view))
    return PageView(cards, rules, any(view.startable for view in cards), _note(listing, selected))


def field(slug: str, option: str) -> str:
    """The form field of an option, as KubeSpawner names it."""
    return f"profile-option-{slug}--{option}"


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


def _card(number: int, card: Card, selected: Mapping[str, str], *, checked: bool) -> CardView:
    ident = f"ts-{number}"
    lead = _lead(card, selected)
    picked = {**selected, **(_values(lead) if lead else {})}
    options = [
        _option(f"{ident}-{place}", card.slug, option, picked)
        for place, option in enumerate(card.options)
    ]
    offers = [
        OfferView(f"{ident}-o{place}", offer, words.state(offer), words.sizes(offer), _link(offer))
        for place, offer in enumerate(card.offers)
    ]
    shown = next((view for view in offers if view.offer is lead), None)
    return CardView(ident, card, _startable(card), checked, shown, offers, options)


def _link(offer: Offer) -> tuple[tuple[str, str], ...]:
    other = offer.alternative
    if other is None:
        return ()
    fields = ((field(other.slug, name), value) for name, value in other.options.items())
    return (("profile", other.slug), *fields)


def _option(ident: str, slug: str, option: Option, picked: Mapping[str, str]) -> OptionView:
    typed = picked.get(f"{option.name}--unlisted-choice", "") if option.free_text else ""
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
        field(slug, option.name),
        option.label,
        _shape(option),
        choices,
        option.free_text,
        typed,
        bool(typed),
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
    for offer in view.offers:
        test = ".ts" + "".join(f":has(#{i}:checked)" for i in _conditions(view, offer))
        yield f"{test} .{offer.block}{{display:contents}}"
        yield f"{test} .{ident}-none{{display:none}}"


def _conditions(view: CardView, offer: OfferView) -> Iterator[str]:
    values = _values(offer.offer)
    for option, plain in zip(view.options, view.card.options, strict=True):
        if option.shape in {"tiles", "menu"}:
            for choice in option.choices:
                if choice.value == values.get(plain.name):
                    yield choice.ident
