"""Starts under way whose pods are not seen yet; the hub owns one ledger and tells the time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from teamspawner.capacity.objects import NOTHING, Candidate, Resources


@dataclass(frozen=True, slots=True)
class Reservation:
    """One start under way.

    Attributes:
        token: Set as label ``teamspawner/start`` on the pod, so that it is counted once.
        person: The value of ``hub.jupyter.org/username`` on the pod.
        team: The team charged; None for an admin's own profile.
        devices: Accelerators asked for.
        candidate: The pod to come, placed before anything else is judged.
        until: When it ends by itself, in the clock of ``now``.
    """

    token: str
    person: str
    team: str | None
    requests: Resources = field(default_factory=lambda: NOTHING)
    devices: int = 0
    candidate: Candidate | None = None
    until: float = 0.0


@dataclass(slots=True)
class Ledger:
    """Every start under way; not shared between threads."""

    _held: dict[str, Reservation] = field(default_factory=dict)

    @property
    def held(self) -> tuple[Reservation, ...]:
        """What is reserved, oldest first."""
        return tuple(self._held.values())

    def __len__(self) -> int:
        return len(self._held)

    def reserve(self, reservation: Reservation) -> None:
        """Hold a place; a token used again replaces the earlier one."""
        self._held.pop(reservation.token, None)
        self._held[reservation.token] = reservation

    def release(self, token: str) -> bool:
        """End a reservation: failed, cancelled, or its pod is seen. False when it was over."""
        return self._held.pop(token, None) is not None

    def seen(self, tokens: Collection[str]) -> int:
        """End all reservations whose pods are in the snapshot; returns how many."""
        over = [token for token in self._held if token in tokens]
        for token in over:
            del self._held[token]
        return len(over)

    def expire(self, now: float) -> int:
        """End all reservations whose time is up; returns how many."""
        over = [token for token, held in self._held.items() if held.until <= now]
        for token in over:
            del self._held[token]
        return len(over)
