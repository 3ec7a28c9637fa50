"""A scene made ready for judging one person's choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from teamspawner.capacity.objects import Snapshot
from teamspawner.offers.caps import Usage
from teamspawner.offers.fleet import Fleet
from teamspawner.offers.growth import Growth
from teamspawner.offers.left import Lefts
from teamspawner.offers.marks import Mark
from teamspawner.offers.scene import Scene

__all__ = ["Moment"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Starts under way are placed, holdings are counted.

    Attributes:
        scene: What is known.
        snapshot: With everything placed that comes first; None when never seen.
        usage: Who holds what; None when pods were never seen.
        person: The person's label on pods.
        growth: What may come where nothing has room; None when the cluster was never seen.
        marks: Of each fleet, by tail; empty: of all nodes, pods aside.
        lefts: Kept between moments, for others too.
    """

    scene: Scene
    snapshot: Snapshot | None
    usage: Usage | None
    person: str
    growth: Growth | None = None
    marks: Mapping[str, Mark] = field(default_factory=dict)
    lefts: Lefts = field(default_factory=Lefts)

    def mark(self, fleet: Fleet | None) -> Mark | None:
        """Return the mark of a fleet's nodes, without one of all nodes; None when not known."""
        return self.marks.get(fleet.tail if fleet else "")

    def most_left(self, fleet: Fleet) -> int | None:
        """The most devices of a fleet that one machine has left; None when none is known."""
        if self.snapshot is None:
            return None
        return self.lefts.most(fleet, self.snapshot, self.mark(fleet))
