"""Objects that cannot be read, and what is not known because of them.

A real API server serves none. Where one comes all the same, it is not left out as if it
were not there: a node that it may concern is called unknown, and no other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw, Struct

from teamspawner.capacity.objects import EMPTY
from teamspawner.cluster.decode import FINISHED, OURS

__all__ = ["EVERYWHERE", "NOWHERE", "Unread", "reach"]

EVERYWHERE = "*"
"""No node is called so: what an object may concern could be on any node."""
NOWHERE = ""
SOME_NODE = "?"
"""Stands for a node whose name cannot be read; no node is called so."""

_WIDE = (b'"podAntiAffinity"', f'"{OURS}'.encode())
"""Marks of pods that count beyond their node: they keep others off, or count towards caps."""


class _Condition(Struct):
    type: str | None = None


class _Name(Struct):
    name: str | None = None


class _Named(Struct):
    metadata: _Name | None = None


class _Meta(Struct):
    labels: dict[str, Raw] | None = None


class _Spec(Struct, rename="camel"):
    node_name: str | None = None
    affinity: dict[str, Raw] | None = None


class _Status(Struct, rename="camel"):
    phase: str | None = None
    nominated_node_name: str | None = None
    conditions: list[_Condition] | None = None


class _Glimpse(Struct):
    """As much of a pod as tells what it may concern."""

    metadata: _Meta | None = None
    spec: _Spec | None = None
    status: _Status | None = None


_glimpse = msgspec.json.Decoder(_Glimpse)
_named = msgspec.json.Decoder(_Named)
_NO_GLIMPSE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def reach(kind: str, name: str, raw: bytes) -> str:
    """Tell what an object that cannot be read may concern.

    A pod takes room of its node alone, or of the one it is nominated to, unless it has
    anti-affinity or is a server of a team. One that is finished takes none; neither does one
    that waits and that the scheduler has looked at.

    Args:
        kind: Plural name.
        name: Of a node; empty when it is not known yet. Not looked at for other kinds.
        raw: The object as JSON; empty when it is not at hand.

    Returns:
        The name of a node, ``EVERYWHERE`` or ``NOWHERE``.
    """
    if kind == "nodes":
        return name or _name_in(raw) or SOME_NODE
    return _reach_of_pod(raw) if kind == "pods" else EVERYWHERE


def _name_in(raw: bytes) -> str:
    try:
        found = _named.decode(raw).metadata
    except _NO_GLIMPSE:
        return ""
    return (found.name if found else None) or ""


def _reach_of_pod(raw: bytes) -> str:
    try:
        found = _glimpse.decode(raw)
    except _NO_GLIMPSE:
        return EVERYWHERE
    spec, status = found.spec or _Spec(), found.status or _Status()
    if status.phase in FINISHED:
        return NOWHERE
    if any(mark in raw for mark in _WIDE):
        return EVERYWHERE
    judged = any(each.type == "PodScheduled" for each in status.conditions or ())
    return spec.node_name or status.nominated_node_name or (NOWHERE if judged else EVERYWHERE)


@dataclass(slots=True)
class Unread:
    """What cannot be read now.

    Attributes:
        kinds: Plural names of kinds with an object that may concern any node.
        nodes: Node name to ``nodes`` when the node itself cannot be read, to ``pods`` when
            only a pod that is, or may come to be, on it cannot be; never altered, but replaced.
        where: Kind and key of each object that cannot be read to what it may concern.
    """

    kinds: frozenset[str] = frozenset()
    nodes: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    where: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, kind: str) -> set[str]:
        """Return what identifies the objects of a kind that cannot be read."""
        return {key for which, key in self.where if which == kind}

    def note(self, kind: str, key: str, where: str) -> frozenset[str] | None:
        """Note what an object that cannot be read may concern.

        Several objects that nothing identifies go by the same empty key.

        Args:
            kind: Plural name.
            key: What identifies the object.
            where: As ``reach`` tells; ``NOWHERE`` also when it can be read, or is gone.

        Returns:
            The nodes of which something else is known than before; None when nothing changed.
        """
        before = self.where.get((kind, key), NOWHERE)
        if where and not key and before not in {where, NOWHERE}:
            where = EVERYWHERE
        if where == before:
            return None
        if where:
            self.where[kind, key] = where
        else:
            del self.where[kind, key]
        self._sum_up()
        return frozenset({before, where} - {EVERYWHERE, NOWHERE})

    def _sum_up(self) -> None:
        found = sorted(self.where.items(), reverse=True)  # of nodes last: that says more
        self.nodes = {where: kind for (kind, _), where in found if where != EVERYWHERE}
        self.kinds = frozenset(kind for (kind, _), where in found if where == EVERYWHERE)
