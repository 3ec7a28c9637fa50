"""Find the map in what a command was given: a map, or chart values that hold one."""

from __future__ import annotations

import sys

import yaml

from teamspawner.cli.check import read_source
from teamspawner.errors import MapError
from teamspawner.map import Map, load


def read_map(path: str, command: str) -> Map | None:
    """Read a map, or the one under ``custom.teamspawner`` of a values file.

    Args:
        path: The file; ``-`` is standard input.
        command: For the message, such as ``chart``.

    Returns:
        The map; None when there is none to use, and then stderr says why.
    """
    try:
        source = read_source(path)
    except OSError as error:
        print(f"teamspawner {command}: cannot read {path}: {error.strerror}", file=sys.stderr)
        return None
    try:
        return load(_inner(source)).map
    except MapError as error:
        print(f"teamspawner {command}: the map is wrong:\n{error}", file=sys.stderr)
        return None


def _inner(source: bytes) -> bytes:
    """The map within chart values; anything else as it came, for ``load`` to judge."""
    try:
        whole = yaml.safe_load(source)
    except (yaml.YAMLError, UnicodeDecodeError):
        return source
    custom = whole.get("custom") if isinstance(whole, dict) else None
    if not isinstance(custom, dict) or "teamspawner" not in custom:
        return source
    return yaml.safe_dump(custom["teamspawner"], sort_keys=False).encode()
