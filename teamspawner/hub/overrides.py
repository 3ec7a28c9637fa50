"""A choice as the profile that KubeSpawner applies; nothing of an earlier one stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teamspawner.offers.choices import cross_terms, is_of_tier
from teamspawner.offers.model import Choice

__all__ = ["as_profile", "own_copy", "touched"]

ADDED = (
    "tolerations",
    "volumes",
    "volume_mounts",
    "init_containers",
    "extra_containers",
)
"""Lists that a tier adds to what the chart has; a plain override would replace them."""

OWNED = ("extra_resource_limits", "extra_resource_guarantees")
"""Dictionaries of which a tier owns a part; a plain override would merge into the chart's."""


def own_copy(value: Any) -> Any:
    """Copy dictionaries and lists all the way down and share the rest.

    ``copy.deepcopy`` would follow a bound method to its spawner and the database.
    """
    if isinstance(value, dict):
        return {key: own_copy(each) for key, each in value.items()}
    if isinstance(value, list):
        return [own_copy(each) for each in value]
    return value


def as_profile(spawner: Any, choice: Choice) -> dict[str, Any]:
    """Make of a choice the one profile that KubeSpawner then applies.

    A tier of the map adds its lists to the chart's and sets its resources whole;
    an admin's own profile overrides exactly as KubeSpawner documents it.
    """
    if choice.profile is not None:
        found: dict[str, Any] = own_copy(dict(choice.profile))
        return found
    override = own_copy(dict(choice.override))
    if choice.team is not None:
        override |= _added(spawner, override) | _owned(spawner, override)
    return {
        "slug": choice.slug,
        "display_name": choice.slug,
        "default": True,
        "kubespawner_override": override,
    }


def _added(spawner: Any, override: Mapping[str, Any]) -> dict[str, Any]:
    """Terms of node affinity are joined by OR, so the chart's and the tier's are crossed."""
    added = {
        name: [*_as_list(getattr(spawner, name)), *_as_list(override[name])]
        for name in ADDED
        if name in override
    }
    required = "node_affinity_required"
    if required in override:
        base, own = _as_list(getattr(spawner, required)), _as_list(override[required])
        added[required] = cross_terms(base, own)
    return added


def _owned(spawner: Any, override: Mapping[str, Any]) -> dict[str, Any]:
    """A key set to None is taken out by KubeSpawner's merging; the rest stays beside the tier's."""
    return {
        name: {
            **dict.fromkeys(filter(is_of_tier, getattr(spawner, name) or {})),
            **(override.get(name) or {}),
        }
        for name in OWNED
    }


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [own_copy(value[key]) for key in sorted(value)]
    return own_copy(list(value or ()))  # type: ignore[no-any-return] # a copy has the type of its source


def touched(profile: Mapping[str, Any]) -> set[str]:
    """Names of the settings that a profile with all its choices may override."""
    names = set(profile.get("kubespawner_override") or {})
    for option in (profile.get("profile_options") or {}).values():
        for choice in (
            *(option.get("choices") or {}).values(),
            option.get("unlisted_choice") or {},
        ):
            names |= set(choice.get("kubespawner_override") or {})
    return names
