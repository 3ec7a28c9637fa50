"""Which nodes changed from one snapshot to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from teamspawner.capacity.objects import NodeState, Snapshot


@dataclass(slots=True)
class Changes:
    """Remembers the last snapshot, and tells what differs from it."""

    _nodes: Mapping[str, NodeState] = field(default_factory=dict)
    _version: int = -1

    @property
    def mark(self) -> object:
        """Another object after each call of ``until`` that found something new."""
        return self._nodes

    def until(self, snapshot: Snapshot) -> set[str]:
        """Names of nodes that came, went or changed (their pods too) since the last call."""
        names = self.ahead(snapshot)
        self._nodes = snapshot.nodes
        self._version = snapshot.version if snapshot.changed is not None else -1
        return names

    def ahead(self, snapshot: Snapshot) -> set[str]:
        """The same names, without taking them for told."""
        nodes, before = snapshot.nodes, self._nodes
        if nodes is before:
            return set()
        names = set(before.keys() - nodes.keys())
        if snapshot.changed is not None and 0 <= self._version <= snapshot.version:
            version = self._version
            names |= {name for name, at in snapshot.changed.items() if at > version}
            names |= nodes.keys() - before.keys()
        else:
            names |= {name for name, state in nodes.items() if before.get(name) is not state}
        return names
