"""What a hub in the Zero to JupyterHub chart takes from the chart's values.

Outside the chart there are none, and nothing happens.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any


def configure(c: Any) -> None:
    """Take the map from ``custom.teamspawner``, unless one is configured already."""
    found = value("custom.teamspawner")
    spawner = c.TeamSpawner
    if found and "map" not in spawner and "map_file" not in spawner:
        spawner.map = deepcopy(found)


def value(path: str) -> Any:
    """A chart value by its dotted path; None where it is missing, or outside the chart."""
    try:
        from z2jh import get_config
    except ImportError:
        return None
    return get_config(path, None)
