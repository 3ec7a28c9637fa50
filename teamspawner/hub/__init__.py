"""TeamSpawner itself: list, enforce, start, explain.

The public names are loaded on first use, so that importing one module of this
room does not import the whole spawner.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teamspawner.hub.configure import setup
    from teamspawner.hub.spawner import TeamSpawner

__all__ = ["TeamSpawner", "setup"]

_HOMES = {"TeamSpawner": "spawner", "setup": "configure"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"teamspawner.hub.{_HOMES[name]}"), name)
    raise AttributeError(name)
