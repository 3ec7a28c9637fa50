"""An admin's own ``profile_list``: what of it a person may see, and what they chose of it.

Takes lists as KubeSpawner initialises them: every profile has a slug, one is the
default, and so is one choice of every option that has choices. What is chosen is
returned in canonical form, so that nothing raw ever reaches KubeSpawner.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teamspawner.errors import ChoiceError

__all__ = ["ChosenProfile", "choose_profile", "form_field", "may_see", "typed_name"]

Profile = Mapping[str, Any]
Allowed = Callable[[Iterable[str]], bool]
"""Tells whether the person is in one of these groups."""

UNLISTED = "unlisted-choice"
"""KubeSpawner's value of an option whose text is typed, and the end of the text's name."""

NOT_YOURS = "There is no such choice for you."
"""One sentence for what does not exist and for what is not theirs."""

_LONGEST = 1000
_POLICY = "allowed_groups"


def form_field(slug: str, option: str) -> str:
    """The form field of a profile's option, as KubeSpawner names it."""
    return f"profile-option-{slug}--{option}"


def typed_name(option: str) -> str:
    """The name under which the text of an option is kept that was typed instead of chosen."""
    return f"{option}--{UNLISTED}"


@dataclass(frozen=True, slots=True)
class ChosenProfile:
    """A profile with one value for each of its options.

    Attributes:
        slug: The profile's slug.
        user_options: Canonical: ``profile`` and every option, as text.
        profile: The profile cut down to what was chosen, without policy keys.
    """

    slug: str
    user_options: Mapping[str, str]
    profile: Profile


def may_see(profiles: Sequence[Profile], allowed: Allowed) -> list[dict[str, Any]]:
    """Return the profiles, choices and free texts this person may have, without policy keys.

    ``allowed_groups`` is understood on a profile, on a choice and on an option's
    ``unlisted_choice``; absent means everybody, an empty list nobody. An option left
    without any choice takes its profile with it.
    """
    seen = [_visible(each, allowed) for each in profiles]
    return [each for each in seen if each is not None]


def choose_profile(profiles: Sequence[Profile], raw: Mapping[str, Any]) -> ChosenProfile:
    """Turn raw user options into a choice.

    An option has its own name, or the one that it has in a form. A listed value wins
    over typed text: without a script a form sends what was typed and then abandoned too.

    Args:
        profiles: What ``may_see`` returned for this person.
        raw: What a form, a link or the REST API sent, or what was stored.

    Raises:
        ChoiceError: 400 for a value of a wrong type or not offered, 403 for a profile
            that is not theirs or does not exist, or when they have none at all.
    """
    if not profiles:
        raise ChoiceError(403, "none", "There is nothing that you may start.")
    profile = _profile(profiles, raw.get("profile"))
    options = dict(profile.get("profile_options") or {})
    chosen = {"profile": str(profile["slug"])}
    reduced: dict[str, Any] = {}
    for name, option in options.items():
        value, text, cut = _option(name, option, _asked(raw, chosen["profile"], name))
        chosen[typed_name(name) if text else name] = value
        reduced[name] = cut
    return ChosenProfile(
        chosen["profile"], chosen, {**profile, "default": True, "profile_options": reduced}
    )


def _profile(profiles: Sequence[Profile], slug: Any) -> Profile:
    if slug is None or slug == "":
        return next((each for each in profiles if each.get("default")), profiles[0])
    if not isinstance(slug, str):
        raise ChoiceError(400, "options", "The profile must be given as text.")
    found = next((each for each in profiles if each["slug"] == slug), None)
    if found is None:
        raise ChoiceError(403, "forbidden", NOT_YOURS)
    return found


def _asked(raw: Mapping[str, Any], slug: str, name: str) -> tuple[str, str]:
    """What was chosen of an option, and what was typed; empty texts where nothing was."""
    value, typed = (
        _text(name, raw.get(key)) or _text(name, raw.get(form_field(slug, key)))
        for key in (name, typed_name(name))
    )
    return value, typed


def _option(
    name: str, option: Mapping[str, Any], asked: tuple[str, str]
) -> tuple[str, bool, dict[str, Any]]:
    """Return the value, whether it was typed, and the option cut down to it."""
    value, typed = asked
    choices = option.get("choices") or {}
    free = option.get("unlisted_choice") or {}
    if typed and value not in choices:
        _check_typed(name, typed, free)
        return typed, True, {**option, "choices": {}}
    if not value and choices:
        value = next((key for key, each in choices.items() if each.get("default")), "")
        value = value or next(iter(choices))
    if value not in choices:
        raise ChoiceError(400, "options", f"“{name}” has no such value.")
    only = {value: {**choices[value], "default": True}}
    return value, False, {**option, "choices": only, "unlisted_choice": {"enabled": False}}


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ChoiceError(400, "options", f"“{name}” must be given as text.")
    return value


def _check_typed(name: str, typed: str, free: Mapping[str, Any]) -> None:
    """The whole text must match: a match at its start lets anything follow."""
    pattern = free.get("validation_regex")
    fits = (
        free.get("enabled")
        and len(typed) <= _LONGEST
        and typed.isprintable()
        and (not pattern or _matches(pattern, typed))
    )
    if not fits:
        said = free.get("validation_message") if free.get("enabled") else None
        raise ChoiceError(400, "options", str(said or f"“{name}” has no such value."))


def _matches(pattern: str, typed: str) -> bool:
    try:
        return re.fullmatch(pattern, typed) is not None
    except re.error:  # the admin's expression is wrong: then nothing passes it
        return False


def _visible(profile: Profile, allowed: Allowed) -> dict[str, Any] | None:
    if not _allows(profile, allowed):
        return None
    options = {
        name: _visible_option(option, allowed)
        for name, option in (profile.get("profile_options") or {}).items()
    }
    if any(not _has_choice(option) for option in options.values()):
        return None
    kept = {key: value for key, value in profile.items() if key != _POLICY}
    return {**kept, "profile_options": options} if options else kept


def _visible_option(option: Mapping[str, Any], allowed: Allowed) -> dict[str, Any]:
    choices = {
        key: {name: value for name, value in choice.items() if name != _POLICY}
        for key, choice in (option.get("choices") or {}).items()
        if _allows(choice, allowed)
    }
    free = dict(option.get("unlisted_choice") or {})
    if not _allows(free, allowed):
        free["enabled"] = False
    free.pop(_POLICY, None)
    return {**option, "choices": choices, "unlisted_choice": free}


def _has_choice(option: Mapping[str, Any]) -> bool:
    return bool(option["choices"]) or bool(option["unlisted_choice"].get("enabled"))


def _allows(part: Mapping[str, Any], allowed: Allowed) -> bool:
    groups = part.get(_POLICY)
    return groups is None or allowed([groups] if isinstance(groups, str) else groups)
