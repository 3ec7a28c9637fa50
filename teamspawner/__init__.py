"""TeamSpawner: a JupyterHub spawner for Kubernetes whose spawn page never lies.

The public names are loaded on first use, so that importing one room does not
import the hub.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teamspawner.hub import TeamSpawner, setup

__all__ = ["TeamSpawner", "__version__", "setup"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in {"TeamSpawner", "setup"}:
        return getattr(import_module("teamspawner.hub"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
