"""The reasons of the nodes that do not take a pod, found when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from teamspawner.capacity.context import Context, against
from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.objects import NodeState

__all__ = ["Joined", "Rejected", "alike"]


class Rejected(Mapping[str, Reasons]):
    """Node name to all its reasons, of every node that does not take the pod.

    Of a pod that fits somewhere, only an admin's command asks why the other nodes refuse it,
    and a large cluster has thousands of those, so they are asked when somebody reads. What
    they answer from never changes, so it does not matter when.

    Args:
        nodes: The nodes of a snapshot.
        context: The pod, prepared for them.
        found: The reasons, where they are known already.
        alike: With ``found``, how many nodes give the same reasons.
    """

    __slots__ = ("_found", "_nodes", "alike", "context")

    def __init__(
        self,
        nodes: Mapping[str, NodeState],
        context: Context,
        found: dict[str, Reasons] | None = None,
        alike: Mapping[Reasons, int] | None = None,
    ) -> None:
        self._nodes = nodes
        self.context = context
        self._found = found
        self.alike = alike

    def part(self) -> None:
        """Forget what was known already: it is about to change."""
        self._found = None

    def __getitem__(self, name: str) -> Reasons:
        if self._found is not None:
            return self._found[name]
        reasons = against(self._nodes[name], self.context)
        if not reasons:
            raise KeyError(name)
        return reasons

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Reasons]:
        if self._found is None:
            asked = ((name, against(state, self.context)) for name, state in self._nodes.items())
            self._found = {name: reasons for name, reasons in asked if reasons}
        return self._found


class Joined(Mapping[str, Reasons]):
    """Reasons that all people share and a person's own, without a copy per person."""

    __slots__ = ("own", "shared")

    def __init__(self, shared: Mapping[str, Reasons], own: Mapping[str, Reasons]) -> None:
        self.shared = shared
        self.own = own

    def __getitem__(self, name: str) -> Reasons:
        found = self.shared.get(name, ()) + self.own.get(name, ())
        if not found:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from self.shared
        yield from (name for name in self.own if name not in self.shared)

    def __len__(self) -> int:
        return len(self.shared) + sum(name not in self.shared for name in self.own)


def alike(rejected: Mapping[str, Reasons]) -> Mapping[Reasons, int]:
    """Return reasons to the number of nodes that give them; they are few, nodes are many."""
    if isinstance(rejected, Rejected) and rejected.alike is not None:
        return rejected.alike
    found: dict[Reasons, int] = {}
    for reasons in rejected.values():
        found[reasons] = found.get(reasons, 0) + 1
    return found
