"""``teamspawner.setup(c)``: everything beyond ``spawner_class`` that a hub needs, in one call."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from teamspawner.hub.quiet import quieten

__all__ = ["PARTS", "setup"]

PARTS = ("handlers", "site", "groups", "priority", "culling", "metrics")
"""Modules of this room that each set up one thing with their ``configure(c)``."""


def setup(c: Any, parts: Iterable[str] = PARTS) -> None:
    """Set JupyterHub up for TeamSpawner; call it at the end of ``jupyterhub_config.py``.

    Selects the spawner, adds the JSON endpoint of the spawn page and our pages,
    and keeps refusals from filling the log with tracebacks. A setting that the
    configuration already makes is left alone, and calling it twice is the same as
    once: JupyterHub runs its configuration again for sub-commands.

    Args:
        c: The configuration object of ``jupyterhub_config.py``.
        parts: Which of ``PARTS`` to set up; the files of ``jupyterhub_config.d`` do one
            each, so that a site may leave one out.
    """
    quieten()
    hub = c.JupyterHub
    if "spawner_class" not in hub or _is_stock(hub.spawner_class):
        hub.spawner_class = "teamspawner.TeamSpawner"
    _load()
    for part in parts:
        name = f"teamspawner.hub.{part}"
        if find_spec(name):
            import_module(name).configure(c)


def _load() -> None:
    """Load what the first page needs now, in a hub that serves nobody yet."""
    import_module("teamspawner.hub.gate")
    import_module("teamspawner.page.render").template()


def _is_stock(spawner_class: Any) -> bool:
    """The chart itself always names KubeSpawner, so that is no choice of the site's."""
    name = spawner_class if isinstance(spawner_class, str) else spawner_class.__qualname__
    return name.rsplit(".", 1)[-1] == "KubeSpawner"
