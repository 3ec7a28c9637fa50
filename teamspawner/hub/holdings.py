"""The devices of the cluster for the metrics, added up as nodes change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from typing import NamedTuple

from teamspawner.capacity.accelerators import devices_of
from teamspawner.capacity.objects import NodeState, Snapshot
from teamspawner.capacity.view import Due
from teamspawner.hub.metrics import Seen
from teamspawner.offers.changes import Changes
from teamspawner.offers.labels import TEAM_LABEL

__all__ = ["Holdings"]

_Kind = tuple[str, str]
_User = tuple[str, str, str]


class _Part(NamedTuple):
    """What one node adds: of each (model, kind) total and free, and what pods of a team hold."""

    devices: tuple[tuple[_Kind, int, int], ...]
    in_use: tuple[tuple[_User, int], ...]


_NOTHING = _Part((), ())


class Holdings:
    """Follows the snapshots of one cluster; counting costs what changed."""

    def __init__(self) -> None:
        self._changes = Changes()
        self._due = Due()
        self._nodes: Mapping[str, NodeState] = {}
        self._parts: dict[str, _Part] = {}
        self._count: Counter[_Kind] = Counter()
        self._total: Counter[_Kind] = Counter()
        self._free: Counter[_Kind] = Counter()
        self._in_use: Counter[_User] = Counter()

    def follow(self, snapshot: Snapshot) -> Generator[None, None, None]:
        """Count the nodes that changed anew, in small steps; anybody may ask meanwhile."""
        self._due.add(self._changes.until(snapshot))
        self._nodes = snapshot.nodes
        while self._due:
            for name in self._due.some():
                self._add(self._parts.pop(name, _NOTHING), -1)
                part = _part(self._nodes[name]) if name in self._nodes else _NOTHING
                if part is not _NOTHING:
                    self._parts[name] = part
                    self._add(part, 1)
            yield

    def _add(self, part: _Part, sign: int) -> None:
        for kind, total, free in part.devices:
            self._count[kind] += sign
            self._total[kind] += sign * total
            self._free[kind] += sign * free
            if not self._count[kind]:  # the last machine with this model has left
                del self._count[kind], self._total[kind], self._free[kind]
        for user, held in part.in_use:
            self._in_use[user] += sign * held
            if not self._in_use[user]:
                del self._in_use[user]

    def seen(self, snapshot: Snapshot) -> Seen:
        """What the metrics tell of a snapshot; what is not wholly known is left out."""
        for _ in self.follow(snapshot):
            pass
        unseen, blind = snapshot.unseen, snapshot.blind
        unsure = blind or "pods" in unseen or bool(snapshot.unread)
        return Seen(
            snapshot.as_of,
            None if "nodes" in unseen else len(snapshot.nodes),
            {} if unsure else dict(self._in_use),
            {} if blind else dict(self._total),
            {} if unsure else dict(self._free),
        )


def _part(state: NodeState) -> _Part:
    devices: list[tuple[_Kind, int, int]] = []
    in_use: list[tuple[_User, int]] = []
    for device in devices_of(state.node):
        total = state.node.allocatable.get(device.resource, 0)
        devices.append(((device.model, device.kind), total, state.free(device.resource)))
        for pod in state.pods:
            held = pod.spec.requests.get(device.resource, 0)
            if held:
                team = pod.labels.get(TEAM_LABEL, "")
                in_use.append(((team, device.model, device.kind), held))
    return _Part(tuple(devices), tuple(in_use)) if devices else _NOTHING
