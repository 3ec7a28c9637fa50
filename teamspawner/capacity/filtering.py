"""What every filter is: a question about one node, and what it answers with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass

from teamspawner.capacity.objects import NodeState, Pod
from teamspawner.capacity.verdict import Reason

Reasons = tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """How a node asked about differs from the snapshot: pods taken off it, pods put on it.

    The node's state has the change in it already, ``come`` at the end of its
    pods; this is for filters that count over other nodes too.
    """

    gone: tuple[Pod, ...] = ()
    come: tuple[Pod, ...] = ()


NO_CHANGE = Change()


class Filter(ABC):
    """One filter of the scheduler, prepared for one candidate."""

    __slots__ = ()

    @property
    def local(self) -> bool:
        """True when its answer for a node depends on nothing on other nodes."""
        return True

    @property
    def looks(self) -> frozenset[str]:
        """The tables of ``Storage`` that an answer follows from, the pod's own claims aside."""
        return frozenset()

    @property
    def sort(self) -> Hashable:
        """Equal for filters of one class that answer alike, the tables being the same.

        None where whose pod it is matters.
        """
        return None

    @property
    def idle(self) -> bool:
        """True when it is known that every node passes, whatever is on it."""
        return False

    @abstractmethod
    def __call__(self, state: NodeState, change: Change) -> Reasons:
        """Return the reasons against this node; empty when it passes."""

    def emptied(self, state: NodeState) -> Reasons:
        """Return the reasons left when all pods but those in ``state`` have ended."""
        return self(state, NO_CHANGE)
