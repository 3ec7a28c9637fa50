"""What may be offered, what is asked for and what was chosen, as immutable values.

Both sources of tiers, the map and the admin's own ``profile_list``, end in these
same values, so the page, the REST API, the CLI and the metrics cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from teamspawner.capacity.objects import NOTHING, Resources
from teamspawner.capacity.verdict import Verdict


class Kind(StrEnum):
    """How a device is handed out."""

    NONE = "none"
    WHOLE = "whole"
    MIG = "mig"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: the owner of the server, with groups as JupyterHub holds them now."""

    name: str
    groups: tuple[str, ...] = ()
    admin: bool = False
    """Judged as if in every team and beyond every cap: an admin's bypass, where it is set."""
    label: str = ""
    """The value of ``hub.jupyter.org/username`` on this person's pods; empty: made from the name
    as KubeSpawner makes it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A tier for one accelerator model and kind; a tier without accelerator has one variant.

    ``slug`` is made from the map and the label alone. ``model`` is the label's
    value and None without accelerator; ``model_name`` is for people.
    ``counts`` holds the numbers of devices offered, ascending; empty without.
    """

    slug: str
    tier: str
    name: str
    kind: Kind = Kind.NONE
    model: str | None = None
    model_name: str = ""
    vendor: str = ""
    resource: str = ""
    counts: tuple[int, ...] = ()
    device_memory_bytes: int | None = None
    shared_by: int | None = None
    """How many share one device; None unless ``kind`` is shared."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Alternative:
    """The nearest thing that can start now."""

    slug: str
    options: Mapping[str, str]
    title: str
    """For people: ``A100 80 GB ×2``."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How far a cap of the map is used up, and what one more server would add."""

    team: str
    what: str
    """What is capped, for people: ``GPUs``, ``CPU``, ``servers``."""
    used: int
    cap: int
    adds: int = 0
    """What this offer would add, in the same unit."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One variant, count and team (or one profile and choice) with its verdict.

    Attributes:
        slug: The variant's or profile's slug.
        tier: The key in the map; the slug for an admin's own profile.
        options: What a form or REST call sends with it, as canonical strings.
        team: The team charged; None for an admin's own profile.
        requests: What the pod would request.
        limits: What it may use; only what a person wants to see.
        verdict: Whether it can be had now.
        startable: Whether the gate lets it pass now, by the verdict and by the tier's
            ``when_busy`` and ``when_unknown``.
        count: How many servers of exactly this offer fit one after another, caps
            included; None when not known.
        nodes: How many nodes take one now; None when not known.
        badge: A few words of status: ``Free now · 3 more fit``.
        sentence: One plain sentence; no node, no other person.
        alternative: What to take instead when not startable; None when there is none.
        model_name: The accelerator for people: ``A100 80 GB``; empty without.
        usage: The caps this offer counts towards, the nearest to its end first.
    """

    slug: str
    tier: str
    title: str
    options: Mapping[str, str]
    team: str | None
    verdict: Verdict
    startable: bool
    kind: Kind = Kind.NONE
    model: str | None = None
    requests: Resources = field(default_factory=lambda: NOTHING)
    limits: Resources = field(default_factory=lambda: NOTHING)
    count: int | None = None
    nodes: int | None = None
    badge: str = ""
    sentence: str = ""
    alternative: Alternative | None = None
    model_name: str = ""
    usage: tuple[Usage, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionChoice:
    """One value of an option, as shown beside the others."""

    value: str
    label: str
    note: str = ""
    """A few words below it: ``3 free``, ``2 left on one machine``."""
    enabled: bool = True
    default: bool = False


@dataclass(frozen=True, slots=True)
class FreeText:
    """A value the person may type instead of choosing (KubeSpawner's ``unlisted_choice``)."""

    label: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose within a card: ``gpus``, ``image``, ``team``, or an admin's own."""

    name: str
    label: str
    choices: tuple[OptionChoice, ...]
    free_text: FreeText | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One row of the spawn page: a slug with its options and the verdict of its best offer.

    Attributes:
        summary: What one gets, in one line: ``7 CPU · 55 GiB · 80 GiB GPU memory, whole device``.
        offers: Every offer of this slug; the first is the one preselected.
    """

    slug: str
    title: str
    summary: str
    options: tuple[Option, ...]
    offers: tuple[Offer, ...]
    default: bool = False
    description: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Further rows of "Your server": ``Stops when idle`` to ``30 min``, ``Storage`` to …"""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Something that exists and is not shown to this person, for the admin's eyes only."""

    slug: str
    why: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything one person may have now.

    Attributes:
        notice: A sentence for the top of the page when something is wrong: the
            map is broken, the cluster is not seen, no team; empty otherwise.
        as_of: When the cluster was seen; None when never.
        stale: True when ``as_of`` is too old for any verdict.
        team_names: The teams as people call them, in their order; empty where keys have to do.
    """

    person: Person
    teams: tuple[str, ...]
    cards: tuple[Card, ...]
    hidden: tuple[Hidden, ...] = ()
    as_of: datetime | None = None
    stale: bool = False
    notice: str = ""
    team_names: tuple[str, ...] = ()

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Every offer, in the order of the cards."""
        return tuple(offer for card in self.cards for offer in card.offers)


@dataclass(frozen=True, slots=True)
class Choice:
    """A validated choice: what will be started, and what it does to the pod.

    Attributes:
        user_options: The canonical form, as stored: ``{"profile": slug, "gpus": "2"}``.
        override: KubeSpawner traits to set, complete: nothing of an earlier choice stays.
        labels: Labels of ours for the pod.
        devices: Accelerator resource to count, checked against the pod at the end.
        profile: An admin's own profile cut down to what was chosen, as KubeSpawner takes
            it; None for a tier of the map. ``override`` is empty beside it.
    """

    slug: str
    tier: str
    team: str | None
    user_options: Mapping[str, str]
    override: Mapping[str, Any]
    labels: Mapping[str, str]
    requests: Resources
    devices: Resources = field(default_factory=lambda: NOTHING)
    start_timeout_s: int | None = None
    profile: Mapping[str, Any] | None = None
    title: str = ""
    model: str | None = None
    """The accelerator's label value; None without accelerator or in an admin's profile."""

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this choice from others of the same person; usable as a dictionary key."""
        return (self.slug, *(f"{name}={value}" for name, value in self.user_options.items()))
