"""Groups to teams: exact, glob or regular expression, compared without case."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

from teamspawner.map.schema import Map

EVERYBODY = "*"
"""As a group of a team: everybody who may sign in, also a person without groups."""


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern.startswith("re:"):
        return re.compile(pattern.removeprefix("re:"), re.IGNORECASE)
    return re.compile(translate(pattern.casefold()))


def matches(pattern: str, group: str) -> bool:
    """Whether a group of the map means this group; a regular expression must match all of it."""
    if pattern.startswith("re:"):
        return _compiled(pattern).fullmatch(group) is not None
    return _compiled(pattern).fullmatch(group.casefold()) is not None


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
