"""How a start goes, told to the person who waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from teamspawner.hub.words import plain

__all__ = ["told"]


async def told(
    spawner: Any, events: AsyncIterator[dict[str, Any]]
) -> AsyncIterator[dict[str, Any]]:
    """Put KubeSpawner's progress into plain words.

    Args:
        spawner: Whose start it is; tells which words are names of nodes.
        events: What KubeSpawner yields: with ``raw_event`` for a Kubernetes event,
            without for its own messages, which are passed on.
    """
    before = ""
    async for event in events:
        raw = event.get("raw_event")
        if raw is None:
            yield event
            continue
        said = plain(raw, spawner.gate.is_node, spawner.pod_name)
        if said["message"] == before and raw.get("reason") == "FailedScheduling":
            continue
        before = said["message"]
        yield {**event, **said}
