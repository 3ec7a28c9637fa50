"""Starts whose pods are not seen yet; the hub owns one ledger and tells the time.

A start is under way until it is over. One that is over may have left a pod that nobody has
seen: its place is kept until the pod is seen or is known not to be there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from teamspawner.capacity.objects import NOTHING, Candidate, Resources


@dataclass(frozen=True, slots=True)
class Reservation:
    """The place of one start.

    Attributes:
        token: Set as label ``teamspawner/start`` on the pod, so that it is counted once.
        person: The value of ``hub.jupyter.org/username`` on the pod.
        team: The team charged; None for an admin's own profile.
        devices: Accelerators asked for.
        candidate: The pod to come, placed before anything else is judged.
        until: When it ends by itself, in the clock of ``now``.
        pod: The name of its pod, with the namespace, as ``"hub/jupyter-ada"``, from when its
            creation may have been asked for; empty before.
        over: Whether the start is over: its pod may be there, and nobody waits for it.
    """

    token: str
    person: str
    team: str | None
    requests: Resources = field(default_factory=lambda: NOTHING)
    devices: int = 0
    candidate: Candidate | None = None
    until: float = 0.0
    pod: str = ""
    over: bool = False


@dataclass(slots=True)
class Ledger:
    """Every start whose pod is not seen yet; not shared between threads."""

    _held: dict[str, Reservation] = field(default_factory=dict)

    @property
    def held(self) -> tuple[Reservation, ...]:
        """What is reserved, oldest first."""
        return tuple(self._held.values())

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, token: object) -> bool:
        return token in self._held

    def besides(self, pod: str) -> tuple[Reservation, ...]:
        """What is reserved, without what a start that is over may have left under this name.

        Whoever makes a pod of this name anew deletes that one before.
        """
        return tuple(each for each in self._held.values() if not (each.over and each.pod == pod))

    def reserve(self, reservation: Reservation) -> None:
        """Hold a place; a token used again replaces the earlier one."""
        self._held.pop(reservation.token, None)
        self._held[reservation.token] = reservation

    def asked_for(self, token: str, pod: str) -> None:
        """Note that the creation of a start's pod may have been asked for from now on.

        Args:
            token: Of the start.
            pod: The pod's name with its namespace; empty: no pod was made after all.
        """
        if token in self._held:
            self._held[token] = replace(self._held[token], pod=pod)

    def made(self, token: str, pod: str) -> None:
        """Note that a start's pod was made: no other of its name is there any more."""
        self._end(t for t, held in self._held.items() if held.pod == pod and t != token)

    def over(self, token: str, until: float) -> bool:
        """Note that a start is over; tell whether its place is kept, for a pod that may be there.

        It ends when the pod is seen (``seen``), is known not to be there (``release``), or a
        later one has its name (``made``).

        Args:
            token: Of the start.
            until: News of pods from then on that do not show the pod prove that it is not there.
        """
        held = self._held.get(token)
        if held is None or not held.pod:
            self.release(token)
            return False
        self._held[token] = replace(held, over=True, until=min(held.until, until))
        return True

    def release(self, token: str) -> bool:
        """End a reservation whose pod is not there. False when it was ended before."""
        return self._held.pop(token, None) is not None

    def seen(self, tokens: Collection[str]) -> int:
        """End all reservations whose pods are in the snapshot; returns how many."""
        return self._end(token for token in self._held if token in tokens)

    def expire(self, now: float) -> int:
        """End all reservations whose time is up; returns how many.

        Args:
            now: When pods were last heard of. While nobody hears of them no time passes: a pod
                that has been made since is in no snapshot.
        """
        return self._end(token for token, held in self._held.items() if held.until <= now)

    def _end(self, tokens: Iterable[str]) -> int:
        over = list(tokens)
        for token in over:
            del self._held[token]
        return len(over)
