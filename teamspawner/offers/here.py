"""What stands in the way on the machines that have one accelerator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.objects import NodeState
from teamspawner.capacity.verdict import Reason

__all__ = ["RESOURCES", "Here", "only_short"]

RESOURCES = "NodeResourcesFit"


@dataclass(slots=True)
class Here:
    """The machines where resources alone stand in the way, by name; a change costs its machine.

    Attributes:
        device: The accelerator's resource.
        beside: Where devices are free and only what a server needs beside them is short:
            the free devices and CPU, and the name again.
        open: The devices that are free on the others.
    """

    device: str
    beside: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)

    def look(
        self,
        names: Iterable[str],
        nodes: Mapping[str, NodeState],
        rejected: Mapping[str, Reasons],
    ) -> None:
        """Look at machines anew; those that are not in ``nodes`` are gone."""
        for name in names:
            self.beside.pop(name, None)
            self.open.pop(name, None)
            state = nodes.get(name)
            reasons = rejected.get(name, ())
            if state is None or not only_short(reasons):
                continue
            left = state.free(self.device)
            if reasons and not any(reason.resource == self.device for reason in reasons):
                self.beside[name] = (left, state.free("cpu"), name)
            else:
                self.open[name] = left

    def without(self, names: Mapping[str, object]) -> Here:
        """Leave out machines where more stands in the way."""
        if not names:
            return self
        return Here(
            self.device,
            {name: found for name, found in self.beside.items() if name not in names},
            {name: left for name, left in self.open.items() if name not in names},
        )


def only_short(reasons: Iterable[Reason]) -> bool:
    """Tell whether resources alone stand in the way."""
    return all(reason.plugin == RESOURCES for reason in reasons)
