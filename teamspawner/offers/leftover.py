"""Judge as if a pod that the start would replace were gone already."""

from __future__ import annotations

from dataclasses import replace

from teamspawner.capacity.objects import Pod, Snapshot
from teamspawner.capacity.place import take_off
from teamspawner.offers.caps import Usage
from teamspawner.offers.labels import START_LABEL
from teamspawner.offers.scene import Leftover

__all__ = ["left_out"]


def left_out(
    leftover: Leftover, snapshot: Snapshot, usage: Usage | None
) -> tuple[Snapshot, Usage | None]:
    """Return snapshot and holdings without a leftover; as they are when it is gone."""
    found = _pod(leftover, snapshot)
    if found is None:
        return snapshot, usage
    if leftover.node in snapshot.nodes:
        snapshot = take_off(snapshot, found, leftover.node)
    else:
        waiting = tuple(each for each in snapshot.waiting if each.pod is not found)
        snapshot = replace(snapshot, waiting=waiting)
    return snapshot, usage.without(found) if usage else None


def _pod(leftover: Leftover, snapshot: Snapshot) -> Pod | None:
    if leftover.node:
        state = snapshot.nodes.get(leftover.node)
        pods = state.pods if state else snapshot.stranded
    else:
        pods = tuple(each.pod for each in snapshot.waiting)
    return next((p for p in pods if p.labels.get(START_LABEL) == leftover.token), None)
