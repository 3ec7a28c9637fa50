"""What an answer was made from, and which nodes must be asked again for another snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from teamspawner.capacity.objects import NodeState, Snapshot
from teamspawner.capacity.steps import STEP

__all__ = ["NOTHING_SEEN", "Due", "View"]

_OF_NOTHING = -1


@dataclass(frozen=True, slots=True)
class View:
    """The nodes of one snapshot, as far as answers about them are concerned.

    Attributes:
        nodes: The nodes.
        placed: Those that pods were put on, as if they were there already.
    """

    nodes: Mapping[str, NodeState] = field(default_factory=dict)
    version: int = _OF_NOTHING
    changed: Mapping[str, int] = field(default_factory=dict)
    placed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, snapshot: Snapshot) -> View:
        """Return the view of a snapshot that tells which nodes changed."""
        assert snapshot.changed is not None
        return cls(snapshot.nodes, snapshot.version, snapshot.changed, snapshot.placed)

    def apart(self, other: View) -> Iterable[str]:
        """Return the names of all nodes that may differ between two views of one cluster.

        Either may be the older one: who asks about a moment ago is answered too, at the
        cost of what changed since.
        """
        if self.nodes is other.nodes:
            return ()
        if self.version == _OF_NOTHING:
            return other.nodes
        older, newer = (self, other) if self.version <= other.version else (other, self)
        return (*_since(newer.changed, older.version), *self.placed, *other.placed)


NOTHING_SEEN = View()


def _since(changed: Mapping[str, int], version: int) -> Iterator[str]:
    """Yield the names of the nodes that changed after a version, latest first.

    ``Snapshot.changed`` is in the order of change, so this costs those nodes alone.
    """
    for name in reversed(cast("dict[str, int]", changed)):
        if changed[name] <= version:
            break
        yield name


class Due:
    """The names of nodes that are still to be asked."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}  # of a set that was large once, a pop costs its size

    def __bool__(self) -> bool:
        return bool(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, *names: Iterable[str]) -> None:
        """Take in names."""
        for each in names:
            self._names.update(dict.fromkeys(each))

    def drop(self, name: str) -> bool:
        """Leave one out; tell whether it was among them."""
        return self._names.pop(name, self) is None

    def some(self, most: int = STEP) -> list[str]:
        """Take out a few, those taken in last first."""
        return [self._names.popitem()[0] for _ in range(min(most, len(self._names)))]
