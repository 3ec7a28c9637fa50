"""Priority and scheduler of servers, by the names that the chart gives them."""

from __future__ import annotations

from typing import Any

from teamspawner.hub.site import value

NAMED = (
    ("priority_class_name", "scheduling.podPriority.enabled", "priority"),
    ("scheduler_name", "scheduling.userScheduler.enabled", "user-scheduler"),
)
"""Trait of KubeSpawner, the chart value that switches it on, the chart's name for it."""


def configure(c: Any) -> None:
    """Give servers the chart's priority and scheduler, where it has them and none is set.

    Placeholders yield only to pods of a higher class, so a server without one would
    wait beside a placeholder that was kept for it.
    """
    for trait, switch, name in NAMED:
        if value(switch) and not any(trait in c[s] for s in ("KubeSpawner", "TeamSpawner")):
            from z2jh import get_name

            setattr(c.KubeSpawner, trait, get_name(name))
