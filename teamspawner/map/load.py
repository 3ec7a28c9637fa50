"""Read the map from YAML text, a dict or a trait; all faults at once, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from teamspawner.errors import Fault, MapError
from teamspawner.map import published
from teamspawner.map.faults import schema_faults, shown
from teamspawner.map.references import reference_faults
from teamspawner.map.schema import Map
from teamspawner.map.text import MOST_BYTES, Document, Path, read_yaml
from teamspawner.map.warnings import map_warnings

_DEEPEST = 40
_HALF_A_LETTER = re.compile("[\ud800-\udfff]")


class Loaded(NamedTuple):
    """A sound map, with warnings about what can never match."""

    map: Map
    warnings: tuple[Fault, ...] = ()


def load(source: str | bytes | Mapping[str, Any]) -> Loaded:
    """Read a map.

    Args:
        source: YAML text (at most 1 MiB, UTF-8), or the same as plain values, as
            chart values and traits give it. Chart values themselves are taken too:
            then the map is what stands under ``custom.teamspawner``.

    Raises:
        MapError: With every fault, in the order of the file.
    """
    document = read_yaml(source) if isinstance(source, str | bytes) else _plain(source)
    document = _within_chart_values(document)
    if not isinstance(document.value, dict):
        found = "an empty map" if document.value is None else shown(document.value)
        fault = Fault("map", found, "keys and values: version, tiers, teams, …", "")
        raise MapError((*document.faults, fault))
    try:
        parsed = Map.model_validate(document.value)
    except ValidationError as error:
        found_by_schema = list(schema_faults(document, error))
        raise MapError(_all(document, [*found_by_schema, *reference_faults(document)])) from None
    faults = _all(document, reference_faults(document))
    if faults:
        raise MapError(faults)
    warnings = _in_order(document, map_warnings(document, parsed))
    return Loaded(parsed, tuple(warnings))


def _within_chart_values(document: Document) -> Document:
    """The map inside chart values; anything else as it is."""
    custom = document.value.get("custom") if isinstance(document.value, dict) else None
    if not isinstance(custom, dict) or "teamspawner" not in custom:
        return document
    inside = {
        path[2:]: line
        for path, line in document.lines.items()
        if path[:2] == ("custom", "teamspawner") and path[2:]
    }
    return Document(custom["teamspawner"], inside, document.faults)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the map, for editors; references between parts are not in it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **published.closed(Map.model_json_schema()),
        "title": "TeamSpawner map",
    }


def _all(document: Document, found: Iterable[tuple[Path, Fault]]) -> tuple[Fault, ...]:
    return (*document.faults, *_in_order(document, found))


def _in_order(document: Document, found: Iterable[tuple[Path, Fault]]) -> list[Fault]:
    """Sort by line, and within a line by the order of the values, which dicts keep."""
    ranks = _ranks(document.value)

    def rank(item: tuple[Path, Fault]) -> tuple[int, int]:
        path = item[0]
        while path and path not in ranks:
            path = path[:-1]
        return document.lines.get(path, 0), ranks.get(path, 0)

    return [fault for _, fault in sorted(found, key=rank)]


def _ranks(value: Any) -> dict[Path, int]:
    ranks: dict[Path, int] = {}
    waiting: list[tuple[Path, Any]] = [((), value)]
    while waiting:
        path, inner = waiting.pop()
        ranks[path] = len(ranks)
        if isinstance(inner, dict):
            waiting += [((*path, key), part) for key, part in reversed(inner.items())]
        elif isinstance(inner, list):
            waiting += [((*path, index), part) for index, part in reversed([*enumerate(inner)])]
    return ranks


def _plain(source: object) -> Document:
    """A dict or trait as plain values: mappings as dicts, sequences as lists, no loops."""
    size = 0

    def copy(value: Any, depth: int) -> Any:
        nonlocal size
        size += 1
        if depth > _DEEPEST or size > MOST_BYTES:
            fault = Fault("map", "values without end", f"{_DEEPEST} levels", "")
            raise MapError((fault,))
        if isinstance(value, Mapping):
            return {_key(key): copy(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [copy(inner, depth + 1) for inner in value]
        _sound(value)
        return value

    faults: list[Fault] = []

    def _sound(value: Any) -> None:
        if isinstance(value, str) and not value.isascii() and _HALF_A_LETTER.search(value):
            fix = "remove half a letter"
            faults.append(Fault("map", shown(value), "text that can be written", fix))

    def _key(key: Any) -> str:
        if not isinstance(key, str):
            fix = f'write it in quotes: "{key}"'
            faults.append(Fault("map", f"the key {key!r}, which is no text", "text as keys", fix))
        _sound(key)
        return str(key)

    return Document(copy(source, 0), {}, faults)
