"""What the cluster has, uses and has left, and the same for each accelerator model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from teamspawner.capacity.accelerators import Device, devices_of, friendly_name
from teamspawner.capacity.objects import NodeState, Snapshot
from teamspawner.offers.usable import is_usable


class Total(NamedTuple):
    """Sums over nodes, in the resource's own unit (millicores for ``cpu``); None: not known.

    Attributes:
        total: Allocatable of all nodes, cordoned and not-ready ones included.
        used: Requests of bound, unfinished pods on them.
        free: ``total`` less ``used``; may be negative.
        largest: The most that is free on one usable node; 0 when no node is usable.
    """

    total: int | None
    used: int | None
    free: int | None
    largest: int | None


UNKNOWN = Total(None, None, None, None)


class ModelTotal(NamedTuple):
    """One accelerator model, in one kind and under one resource name; None: not known."""

    model: str
    name: str
    kind: str
    resource: str
    nodes: int | None
    devices: Total


def total_of(states: Iterable[NodeState], resource: str) -> Total:
    """Sum one resource over nodes, as far as they are known."""
    every = list(states)
    if any(state.unread == "nodes" for state in every):
        return UNKNOWN
    total = sum(state.node.allocatable.get(resource, 0) for state in every)
    used = sum(state.used.get(resource, 0) for state in every)
    usable = [state for state in every if is_usable(state.node)]
    largest = max((state.free(resource) for state in usable if not state.unread), default=0)
    doubtful = any(state.unread and state.free(resource) > largest for state in usable)
    if any(state.unread for state in every):
        return Total(total, None, None, None if doubtful else largest)
    return Total(total, used, total - used, largest)


def model_totals(snapshot: Snapshot) -> tuple[ModelTotal, ...]:
    """Every model found on nodes; whole, MIG and shared devices are counted apart."""
    groups: dict[tuple[str, str, str], list[tuple[NodeState, Device]]] = {}
    for state in snapshot.nodes.values():
        for device in devices_of(state.node):
            key = (device.model, device.kind, device.resource)
            groups.setdefault(key, []).append((state, device))
    hidden = any(state.unread == "nodes" for state in snapshot.nodes.values())
    return tuple(
        ModelTotal(
            model=model,
            name=friendly_name(model, members[0][1].profile),
            kind=kind,
            resource=resource,
            nodes=None if hidden else len(members),
            devices=UNKNOWN if hidden else total_of([state for state, _ in members], resource),
        )
        for (model, kind, resource), members in sorted(groups.items())
    )
