"""Which nodes changed from one snapshot to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from teamspawner.capacity.objects import NodeState, Snapshot
from teamspawner.capacity.view import View


@dataclass(slots=True)
class Changes:
    """Remembers the last snapshot, and tells what differs from it."""

    _nodes: Mapping[str, NodeState] = field(default_factory=dict)
    _view: View | None = None

    @property
    def mark(self) -> object:
        """Another object after each call of ``until`` that found something new."""
        return self._nodes

    def until(self, snapshot: Snapshot) -> set[str]:
        """Names of nodes that came, went or changed (their pods too) since the last call."""
        names = self.ahead(snapshot)
        self._nodes = snapshot.nodes
        self._view = View.of(snapshot) if snapshot.changed is not None else None
        return names

    def ahead(self, snapshot: Snapshot) -> set[str]:
        """The same names, without taking them for told."""
        nodes, before = snapshot.nodes, self._nodes
        if nodes is before:
            return set()
        if self._view is None or snapshot.changed is None:
            names = {name for name, state in nodes.items() if before.get(name) is not state}
            return names | (before.keys() - nodes.keys())
        names = set(self._view.apart(View.of(snapshot)))
        came = sum(name in nodes for name in names) - sum(name in before for name in names)
        if len(before) + came != len(nodes):  # one that went long ago is not among them
            names |= before.keys() ^ nodes.keys()
        return names
