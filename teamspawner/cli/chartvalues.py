"""Chart values that pass the chart's schema and cannot work. Pure: no I/O.

Only what is said is judged: a file with a part of the values is not taken for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from teamspawner.cli.findings import FAULT, WARNING, Finding
from teamspawner.map import Map

_HUB_BYTES = re.compile(r"\d+(\.\d+)?[KMGT]?", re.ASCII)
_MEMORY = ("mem_limit", "mem_guarantee")


def within(values: Any, path: str) -> Any:
    """A value by its dotted path; None where it is not said."""
    for key in path.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def of_values(values: Mapping[str, Any], the_map: Map | None) -> Iterator[Finding]:
    """What chart values say that the hub cannot use, or that takes effect from the map.

    Args:
        values: Chart values, all of them or a part.
        the_map: The map within; None when it has faults.
    """
    yield from _memory(values)
    if within(values, "hub.config.Authenticator.allowed_groups") is not None:
        found = "Authenticator has no such setting: it is ignored, or the hub does not start"
        cure = "put it under the class of the sign-in, such as GitHubOAuthenticator"
        yield Finding(FAULT, "hub.config.Authenticator.allowed_groups", found, cure)
    yield from _map_elsewhere(values)
    placeholders = within(values, "scheduling.userPlaceholder.enabled")
    if placeholders is True and within(values, "scheduling.podPriority.enabled") is False:
        found = "placeholders have the priority of people, so they never yield"
        cure = "scheduling.podPriority.enabled: true, or userPlaceholder.enabled: false"
        yield Finding(FAULT, "scheduling.userPlaceholder", found, cure)
    several = the_map and [
        key for key, team in the_map.teams.items() if (team.limits.servers_per_user or 1) > 1
    ]
    if several and within(values, "hub.allowNamedServers") is False:
        found = f"nobody may have a second server, though {', '.join(several)} would let them"
        yield Finding(WARNING, "hub.allowNamedServers", found, "hub.allowNamedServers: true")


def _map_elsewhere(values: Mapping[str, Any]) -> Iterator[Finding]:
    for trait in ("map_file", "map"):
        if within(values, f"hub.config.TeamSpawner.{trait}"):
            found = f"not used: hub.config.TeamSpawner.{trait} wins"
            yield Finding(WARNING, "custom.teamspawner", found, "keep one of the two")


def _memory(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Sizes that JupyterHub reads: it knows K, M, G and T only, and does not start with others."""
    for place, size in _sizes(values):
        if isinstance(size, str) and not _HUB_BYTES.fullmatch(size):
            near = re.sub(r"i?B?$", "", size)
            spelt = near if _HUB_BYTES.fullmatch(near) else "a number with K, M, G or T"
            found = f"{size!r} is none of JupyterHub's sizes, and the hub or the server fails on it"
            yield Finding(FAULT, place, found, f"write {spelt}; G is 2^30 there")


def _sizes(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for part in ("limit", "guarantee"):
        yield f"singleuser.memory.{part}", within(values, f"singleuser.memory.{part}")
    for section in ("Spawner", "KubeSpawner", "TeamSpawner"):
        for trait in _MEMORY:
            place = f"hub.config.{section}.{trait}"
            yield place, within(values, place)
    profiles = within(values, "singleuser.profileList")
    for index, profile in enumerate(profiles if isinstance(profiles, list) else ()):
        yield from _overrides(f"singleuser.profileList[{index}]", profile)


def _overrides(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every ``kubespawner_override`` of a profile, those of its options and choices too."""
    for key, each in value.items() if isinstance(value, Mapping) else ():
        if key == "kubespawner_override":
            yield from ((f"{place}.{key}.{trait}", within(each, trait)) for trait in _MEMORY)
        else:
            yield from _overrides(f"{place}.{key}", each)
