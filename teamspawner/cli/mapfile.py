"""Find the map in what a command was given: a map, or chart values that hold one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from teamspawner.cli.bounded import bounded
from teamspawner.cli.words import UsageError
from teamspawner.errors import MapError
from teamspawner.map import Map, load
from teamspawner.map.text import MOST_BYTES, read_yaml


def read_map(path: str) -> Map:
    """Read a map, or the one under ``custom.teamspawner`` of a values file.

    Args:
        path: The file; ``-`` is standard input.

    Raises:
        UsageError: When the file cannot be read, or its map has faults.
    """
    try:
        return load(with_values(path).map).map
    except MapError as error:
        raise UsageError(f"the map is wrong:\n{error}") from error


def read_source(path: str) -> bytes:
    """Read a file, or standard input for ``-``.

    Raises:
        UsageError: When it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        place = "standard input" if path == "-" else path
        raise UsageError(f"cannot read {place}: {error.strerror or error}") from error


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

    Args:
        path: The file; ``-`` is standard input.

    Raises:
        UsageError: When the file cannot be read.
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
    try:
        bounded(whole)
    except ValueError:  # Helm would not take them either; their map is judged all the same
        return Given(inside, {})
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
