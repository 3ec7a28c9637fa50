"""Find the map in what a command was given: a map, or chart values that hold one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from teamspawner.errors import MapError
from teamspawner.map import Map, load
from teamspawner.map.text import MOST_BYTES, read_yaml


def read_map(path: str, command: str) -> Map | None:
    """Read a map, or the one under ``custom.teamspawner`` of a values file.

    Args:
        path: The file; ``-`` is standard input.
        command: For the message, such as ``chart``.

    Returns:
        The map; None when there is none to use, and then stderr says why.
    """
    try:
        return load(within(path)).map
    except OSError as error:
        print(f"teamspawner {command}: cannot read {path}: {error.strerror}", file=sys.stderr)
    except MapError as error:
        print(f"teamspawner {command}: the map is wrong:\n{error}", file=sys.stderr)
    return None


def read_source(path: str) -> bytes:
    """Read a file, or standard input for ``-``.

    Raises:
        OSError: When it cannot be read.
    """
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


def within(path: str) -> bytes | dict[str, Any]:
    """The text of a map, or the map under ``custom.teamspawner`` of a values file.

    Raises:
        OSError: When the file cannot be read.
    """
    return with_values(path).map


class Given(NamedTuple):
    """What a command was given as a map.

    Attributes:
        map: For ``load``: the text as it came, or, where something else in chart values
            is no strict YAML, the map within them.
        values: The chart values around it; empty when it is a map alone.
    """

    map: bytes | dict[str, Any]
    values: dict[str, Any]


def with_values(path: str) -> Given:
    """A map with the chart values that it lies in; anything else is left for ``load`` to judge.

    Raises:
        OSError: When the file cannot be read.
    """
    source = read_source(path)
    if b"custom" not in source or len(source) > MOST_BYTES:
        return Given(source, {})
    try:
        whole = yaml.safe_load(source)
    except (yaml.YAMLError, ValueError, RecursionError):
        return Given(source, {})
    custom = whole.get("custom") if isinstance(whole, dict) else None
    inside = custom.get("teamspawner") if isinstance(custom, dict) else None
    if not isinstance(inside, dict):
        return Given(source, {})
    return Given(source if _strictly_sound(source) else inside, whole)


def _strictly_sound(source: bytes) -> bool:
    """Whether values are as strict a YAML as a map must be, their map aside.

    Then ``load`` finds the map in them by itself, and tells its faults with lines.
    """
    try:
        faults = read_yaml(source).faults
    except MapError:
        return False
    return all(fault.place.startswith("custom.teamspawner") for fault in faults)
