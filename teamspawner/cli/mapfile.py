"""Find the map in what a command was given: a map, or chart values that hold one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from teamspawner.errors import MapError
from teamspawner.map import Map, load
from teamspawner.map.text import MOST_BYTES


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
    return _inner(read_source(path))


def _inner(source: bytes) -> bytes | dict[str, Any]:
    """The map within chart values; anything else as it came, for ``load`` to judge."""
    if b"custom" not in source or len(source) > MOST_BYTES:
        return source
    try:
        whole = yaml.safe_load(source)
    except (yaml.YAMLError, ValueError, RecursionError):
        return source
    custom = whole.get("custom") if isinstance(whole, dict) else None
    inside = custom.get("teamspawner") if isinstance(custom, dict) else None
    return inside if isinstance(inside, dict) else source
