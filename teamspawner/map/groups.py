"""Groups to teams: exact, glob or regular expression, compared without case."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

from teamspawner.map.schema import Map

EVERYBODY = "*"
"""As a group of a team: everybody who may sign in, also a person without groups."""


_FOLDED_BY_RE = {ord(sign): 0xE000 + index for index, sign in enumerate("\u0130\u0131\u017f\u212a")}
"""What ``re.IGNORECASE`` takes for i, s and k, each with a sign that nothing is alike to."""


def _folded(text: str) -> str:
    """Without case; a look-alike such as ``\ufb01`` for ``fi``, or the Kelvin sign, stays itself.

    Whoever may name a group at the provider of sign-in could else enter a team by it.
    """
    if text.isascii():
        return text.lower()
    same = (sign == unicodedata.normalize("NFKC", sign) for sign in text)
    return "".join(
        sign.casefold() if alone else sign for sign, alone in zip(text, same, strict=True)
    )


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern.startswith("re:"):
        plain = pattern.removeprefix("re:").translate(_FOLDED_BY_RE)
        return re.compile(plain, re.IGNORECASE)
    return re.compile(translate(_folded(pattern)))


def matches(pattern: str, group: str) -> bool:
    """Whether a group of the map means this group; a regular expression must match all of it."""
    if pattern.startswith("re:"):
        return _compiled(pattern).fullmatch(group.translate(_FOLDED_BY_RE)) is not None
    return _compiled(pattern).fullmatch(_folded(group)) is not None


def is_member(patterns: Iterable[str], groups: Iterable[str]) -> bool:
    """Whether a person with these groups is meant by any of these patterns."""
    held = tuple(groups)
    return any(
        pattern == EVERYBODY or any(matches(pattern, group) for group in held)
        for pattern in patterns
    )


def teams_of(parsed: Map, groups: Iterable[str]) -> tuple[str, ...]:
    """The keys of all teams that a person with these groups is in, in the order of the map."""
    held = tuple(groups)
    return tuple(key for key, team in parsed.teams.items() if is_member(team.groups, held))
