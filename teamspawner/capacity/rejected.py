"""The reasons of the nodes that do not take a pod, found when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from teamspawner.capacity.context import Context, against
from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.objects import NodeState

__all__ = ["Counted", "Joined", "Rejected", "alike"]


class Rejected(Mapping[str, Reasons]):
    """Node name to all its reasons, of every node that does not take the pod.

    Where a pod fits nobody but a curious admin asks why the other nodes do not take it,
    and a large cluster has thousands of those. All that an answer depends on never changes,
    so it is the same whenever it is looked for.

    Args:
        nodes: The nodes of a snapshot.
        context: The pod, prepared for them.
    """

    __slots__ = ("_context", "_found", "_nodes")

    def __init__(self, nodes: Mapping[str, NodeState], context: Context) -> None:
        self._nodes = nodes
        self._context = context
        self._found: dict[str, Reasons] | None = None

    def __getitem__(self, name: str) -> Reasons:
        if self._found is not None:
            return self._found[name]
        reasons = against(self._nodes[name], self._context)
        if not reasons:
            raise KeyError(name)
        return reasons

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Reasons]:
        if self._found is None:
            asked = ((name, against(state, self._context)) for name, state in self._nodes.items())
            self._found = {name: reasons for name, reasons in asked if reasons}
        return self._found


class Counted(dict[str, Reasons]):
    """Node name to all its reasons, with how many nodes give the same ones.

    Attributes:
        alike: Reasons to the number of nodes that give them.
    """

    __slots__ = ("alike",)

    def __init__(self, found: Mapping[str, Reasons], counts: Mapping[Reasons, int]) -> None:
        super().__init__(found)
        self.alike = dict(counts)


class Joined(Mapping[str, Reasons]):
    """Reasons that all people share and a person's own, without a copy per person."""

    __slots__ = ("_own", "_shared")

    def __init__(self, shared: Mapping[str, Reasons], own: Mapping[str, Reasons]) -> None:
        self._shared = shared
        self._own = own

    def __getitem__(self, name: str) -> Reasons:
        found = self._shared.get(name, ()) + self._own.get(name, ())
        if not found:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from self._shared
        yield from (name for name in self._own if name not in self._shared)

    def __len__(self) -> int:
        return len(self._shared) + sum(name not in self._shared for name in self._own)


def alike(rejected: Mapping[str, Reasons]) -> Mapping[Reasons, int]:
    """Return reasons to the number of nodes that give them; they are few, nodes are many."""
    if isinstance(rejected, Counted):
        return rejected.alike
    found: dict[Reasons, int] = {}
    for reasons in rejected.values():
        found[reasons] = found.get(reasons, 0) + 1
    return found
