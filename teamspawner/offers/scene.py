"""Everything one decision is made from: the cluster as seen, starts under way, and the judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from teamspawner.capacity.objects import Candidate, Snapshot
from teamspawner.capacity.verdict import Verdict
from teamspawner.map.cull import CullTimes
from teamspawner.offers.model import Choice
from teamspawner.offers.reservations import Reservation

Judge = Callable[[Candidate, Snapshot], Verdict]
"""Says what the scheduler would do with one pod."""
PodFor = Callable[[Choice], Candidate]
"""Makes the very pod that a choice would create."""
Warm = Callable[[Candidate, Snapshot], Iterable[None]]
"""Does beforehand, in steps, what the judge would cost."""
Place = Callable[[Snapshot, Sequence[Candidate]], Snapshot]
"""Puts pods first that will take room shortly."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A pod that is deleted before the person's next one is made.

    Attributes:
        token: Its label ``teamspawner/start``.
        node: Where it is; empty while it waits.
    """

    token: str
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is known when a listing is made or a start is judged.

    Attributes:
        snapshot: The cluster; None when it was never seen.
        verdict: The judge.
        pod_for: The spawner's own manifest, or a plain pod.
        warm: Prepares the judge in small steps; None: it is asked at once.
        place: Places pods just created and starts under way; None: nothing is placed.
        held: Starts under way.
        stale: True when the snapshot is too old for any verdict.
        own_waits: Whether the admin's own profiles may wait for room.
        own_lets_unknown: Whether they may be tried while the cluster is not seen; None: those
            without accelerators.
        beyond_caps: True when no cap holds the person back.
        profiles: The admin's own profiles that this person may have, with slugs; None when
            the admin set none at all.
        leftover: A pod of this person's that the start would replace; it takes no room from it.
        cull: When servers are stopped where the map says nothing; for words only.
    """

    snapshot: Snapshot | None
    verdict: Judge
    pod_for: PodFor
    place: Place | None = None
    warm: Warm | None = None
    held: tuple[Reservation, ...] = ()
    stale: bool = False
    beyond_caps: bool = False
    own_waits: bool = False
    own_lets_unknown: bool | None = None
    profiles: Sequence[Mapping[str, Any]] | None = None
    leftover: Leftover | None = None
    cull: CullTimes = field(default_factory=CullTimes)

    def with_starts(self, snapshot: Snapshot, seen: AbstractSet[str]) -> Snapshot:
        """Place pods just created, and starts under way whose pods are not seen yet.

        Args:
            snapshot: The cluster; what finds no place in it waits there like a pod that was made.
            seen: Tokens of the starts whose pods are seen.
        """
        if self.place is None or self.stale:
            return snapshot
        fresh = [each for each in snapshot.waiting if not each.judged]
        reserved = [
            each.candidate
            for each in self.held
            if each.candidate is not None and each.token not in seen
        ]
        if not fresh and not reserved:
            return snapshot
        snapshot = replace(snapshot, waiting=(*snapshot.waiting, *reserved))
        return self.place(snapshot, [*fresh, *reserved])

    @property
    def blind(self) -> bool:
        """Whether some node is not known, so that it may have any accelerator."""
        return self.snapshot is None or self.snapshot.blind

    @property
    def unread(self) -> bool:
        """Whether pods were never seen, so that no cap can be counted."""
        return self.snapshot is None or "pods" in self.snapshot.unseen
