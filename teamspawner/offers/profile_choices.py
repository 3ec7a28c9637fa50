"""The admin's own profiles as choices: one for each profile and value of its options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from teamspawner.errors import ChoiceError
from teamspawner.offers.fleet import SLUG_MAX
from teamspawner.offers.labels import TEAM_LABEL, TIER_LABEL
from teamspawner.offers.model import Choice
from teamspawner.offers.profiles import ChosenProfile, choose_profile

PLAIN: Mapping[str, Any] = MappingProxyType(
    {"slug": "default", "display_name": "Server", "default": True, "kubespawner_override": {}}
)
"""What a hub without a map and without profiles offers: the server that its settings describe."""


def own_choice(chosen: ChosenProfile) -> Choice:
    """A validated choice of an admin's own profile, as the gate returns it."""
    name = str(chosen.profile.get("display_name") or chosen.slug)
    return Choice(
        slug=chosen.slug,
        tier=chosen.slug,
        team=None,
        user_options=chosen.user_options,
        override={},
        labels={TIER_LABEL: label_value(chosen.slug), TEAM_LABEL: ""},
        requests={},
        profile=chosen.profile,
        title=_title(name, chosen),
    )


def label_value(text: str) -> str:
    """A text cut to what a pod label may hold."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:SLUG_MAX].strip("._-")


def _title(name: str, chosen: ChosenProfile) -> str:
    options = chosen.profile.get("profile_options") or {}
    shown = [
        str(choice.get("display_name") or key)
        for option in options.values()
        for key, choice in (option.get("choices") or {}).items()
    ]
    return " · ".join((name, *shown))


def every_choice(profile: Mapping[str, Any]) -> tuple[Choice, ...]:
    """The profile as it comes, then with each other value of one option.

    An option that only takes typed text cannot be judged beforehand; it is left out here.
    """
    options = {
        name: option
        for name, option in (profile.get("profile_options") or {}).items()
        if option.get("choices")
    }
    judged = {**profile, "profile_options": options}
    raws: list[dict[str, str]] = [{}]
    raws += [{name: value} for name, option in options.items() for value in option["choices"]]
    made: dict[tuple[str, ...], Choice] = {}
    for raw in raws:
        try:
            choice = own_choice(choose_profile([judged], {**raw, "profile": profile["slug"]}))
        except ChoiceError:  # a choice with an empty name cannot be told from none
            continue
        made.setdefault(choice.key, choice)
    return tuple(made.values())
