"""What the template shows, part by part, with nothing left to work out."""

from __future__ import annotations

from dataclasses import dataclass

from teamspawner.offers.model import Alternative, Card, FreeText, Offer
from teamspawner.page import words


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
    """What the person typed earlier instead of choosing; empty when a choice was made."""


@dataclass(slots=True)
class UsageView:
    """A cap as one sentence and a bar; the lengths end at the cap."""

    words: str
    cap: int
    used: int
    adds: int


@dataclass(slots=True)
class OfferView:
    """One offer of a card.

    ``block`` is the class list of everything that shows with it; ``why`` the sentence
    when there is something to explain; ``link`` the form fields that take the
    alternative ``other``, as JSON, and empty when there is none.
    """

    block: str
    offer: Offer
    state: words.State
    badge: str
    why: str
    other: Alternative | None
    link: str
    sizes: tuple[tuple[str, str], ...]
    line: str
    usage: list[UsageView]


@dataclass(slots=True)
class CardView:
    """One card; ``ident`` prefixes all its ids."""

    ident: str
    card: Card
    startable: bool
    checked: bool
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
    """The whole page: cards, the style rules, and what to say about an earlier choice.

    ``notice`` is for the top of the page; cards do not repeat it. ``many`` tells that there are
    so many cards that those which cannot start may be hidden.
    """

    cards: list[CardView]
    rules: str
    startable: bool
    note: str
    notice: str
    teams: tuple[str, ...]
    more_teams: int
    many: bool
