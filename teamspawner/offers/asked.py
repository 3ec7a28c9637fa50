"""What a person asks for, as far as sentences need it."""

from __future__ import annotations

from dataclasses import dataclass

from teamspawner.capacity.objects import Resources, Snapshot

__all__ = ["Asked", "members_with"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One server of some size.

    Attributes:
        requests: What its pod would request.
        device: The accelerator's resource; empty without.
        count: Devices.
        name: The accelerator for people, such as ``A100 80 GB``.
        members: Names of the nodes that have such devices.
        troubles: What is wrong with them.
        may_try: Whether a start may be tried although it is not known what is free.
        when_busy_waits: Whether it may wait where there is no room now.
    """

    requests: Resources
    device: str = ""
    count: int = 0
    name: str = ""
    members: frozenset[str] = frozenset()
    troubles: frozenset[str] = frozenset()
    may_try: bool = False
    when_busy_waits: bool = False


def members_with(device: str, snapshot: Snapshot | None) -> frozenset[str]:
    """Names of the nodes that have a device; none for an empty name or an unseen cluster."""
    if snapshot is None or not device:
        return frozenset()
    return frozenset(
        name for name, state in snapshot.nodes.items() if state.node.allocatable.get(device)
    )
