"""Faults that only the whole map shows: names that point nowhere, keys used twice.

Works on the raw values, so that these faults are told beside those of the schema.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from teamspawner.errors import Fault
from teamspawner.map.faults import listed, nearest, place_of, shown
from teamspawner.map.nearest import dns_name
from teamspawner.map.text import Document, Path
from teamspawner.map.values import DNS_LABEL

_MOST_GUESSED = 100
"""Names of one list for which the nearest is looked up; more are no slips of the pen."""

Found = Iterator[tuple[Path, Fault]]


def reference_faults(document: Document) -> Found:
    """Every fault between the parts of one map."""
    raw = _dict(document.value)
    tiers, images = _dict(raw.get("tiers")), _dict(raw.get("images"))
    for key, tier in tiers.items():
        yield from _tier_size(document, ("tiers", key), tier)
    yield from _retired(document, tiers)
    yield from _pool_names(document, _list(raw.get("pools")))
    meant = {_meant(key): tier for key, tier in tiers.items()}
    for key, team in _dict(raw.get("teams")).items():
        path: Path = ("teams", key)
        for part, known in (("tiers", meant), ("images", images)):
            if isinstance(raw.get(part, {}), dict):  # else that is the fault to mend first
                yield from _names(document, (*path, part), _dict(team).get(part), known)
        yield from _volumes(document, (*path, "volumes"), _dict(team).get("volumes"))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _meant(key: str) -> str:
    """A tier's key as it should be; the schema tells of one that is not, and proposes the same."""
    proposed = "" if DNS_LABEL.fullmatch(key) else dns_name(key)
    return proposed.removeprefix("write ").strip('"') or key


def _tier_size(document: Document, path: Path, tier: Any) -> Found:
    if not isinstance(tier, dict):
        return
    given = {key for key, value in tier.items() if value is not None}
    ways = [
        listed(part for part in way if part in given)
        for way in (("cpu", "memory"), ("share",), ("per_gpu",))
        if given & set(way)
    ]
    place = place_of(document, path)
    if len(ways) != 1:
        allowed = "exactly one of: cpu and memory; share; per_gpu"
        size = "per_gpu" if "gpu" in given else "cpu and memory"
        fix = "keep one of them" if ways else f"add {size}"
        yield path, Fault(place, " beside ".join(ways) or "no size", allowed, fix)
    if "per_gpu" in given and "gpu" not in given:
        yield path, Fault(place, "per_gpu without gpu", "per_gpu beside gpu", "add gpu")
    each = tier.get("per_gpu")
    if isinstance(each, dict) and all(value is None for value in each.values()):
        yield path, Fault(place, "per_gpu without values", "fair, or cpu and memory", "write fair")


def _retired(document: Document, tiers: dict[str, Any]) -> Found:
    owners: dict[str, str] = {}
    for key, tier in tiers.items():
        for index, old in enumerate(_list(_dict(tier).get("was"))):
            path: Path = ("tiers", key, "was", index)
            place = place_of(document, path)
            if not isinstance(old, str):
                continue
            if old in tiers:
                found, allowed = f"{old}, a tier of its own", "keys no longer used"
                yield path, Fault(place, found, allowed, f"remove {old} here or rename the tier")
            elif old in owners:
                found = f"{old}, also an earlier key of {owners[old]}"
                yield path, Fault(place, found, "each earlier key once", "keep it in one tier")
            owners.setdefault(old, key)


def _pool_names(document: Document, pools: list[Any]) -> Found:
    seen: set[str] = set()
    for index, pool in enumerate(pools):
        name, path = _dict(pool).get("name"), ("pools", index, "name")
        if isinstance(name, str) and name in seen:
            place = place_of(document, path)
            yield path, Fault(place, f"{name} twice", "each name once", "rename one")
        seen.add(str(name))


def _names(document: Document, path: Path, names: Any, known: dict[str, Any]) -> Found:
    seen: Counter[str] = Counter()
    for index, name in enumerate(_list(names)):
        if not isinstance(name, str):
            continue
        place = place_of(document, (*path, index))
        seen[name] += 1
        if name not in known:
            allowed = f"one of {path[-1]}: {listed(known)}"
            fix = nearest(name, known) if index < _MOST_GUESSED else ""
            yield (*path, index), Fault(place, shown(name), allowed, fix)
        elif seen[name] > 1:
            yield (*path, index), Fault(place, f"{name} twice", "each name once", "remove one")


def _volumes(document: Document, path: Path, volumes: Any) -> Found:
    names: set[str] = set()
    mounts: set[str] = set()
    for index, volume in enumerate(_list(volumes)):
        here = (*path, index)
        name, mount = _dict(volume).get("name"), str(_dict(volume).get("mount", "")).rstrip("/")
        if isinstance(name, str) and name in names:
            place = place_of(document, (*here, "name"))
            yield (*here, "name"), Fault(place, f"{name} twice", "each name once", "rename one")
        if mount and mount in mounts:
            place = place_of(document, (*here, "mount"))
            yield (*here, "mount"), Fault(place, f"{mount} twice", "each path once", "change one")
        names.add(str(name))
        mounts.add(mount)
