"""Every error TeamSpawner raises, with its fields and its sentence.

Nothing here decides when to raise: the room that finds the fault does.
"""

from __future__ import annotations

from dataclasses import dataclass


class TeamSpawnerError(Exception):
    """Base of every error raised by TeamSpawner itself."""


class QuantityError(TeamSpawnerError, ValueError):
    """A text is not a quantity in the dialect it was read in.

    Attributes:
        found: What was read, as written.
        allowed: What that dialect takes, in words.
    """

    def __init__(self, found: object, allowed: str) -> None:
        super().__init__(f"{found!r} is not a quantity; allowed: {allowed}")
        self.found = found
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the map, and how to put it right."""

    place: str
    """Path within the map, such as ``teams.physics.tiers[1]``; with a line where known."""
    found: str
    """What stands there."""
    allowed: str
    """What may stand there."""
    fix: str
    """The nearest repair, as an instruction; empty when there is none to guess."""

    def __str__(self) -> str:
        parts = [f"{self.place}: found {self.found}; allowed: {self.allowed}"]
        if self.fix:
            parts.append(self.fix)
        return "; ".join(parts)


class MapError(TeamSpawnerError, ValueError):
    """The map cannot be used; all its faults are listed at once.

    Attributes:
        faults: Every fault found, in the order of the file; never empty.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class ChoiceError(TeamSpawnerError):
    """A start is refused; the sentence is safe to show to the person refused.

    Attributes:
        status: HTTP status: 400 malformed, 403 not theirs, 409 no room or cap
            used up, 503 not known.
        reason: Constant word for metrics, such as ``cap`` or ``busy``.
        sentence: One plain sentence; names no node and no other person.
        alternative: The nearest offer that can start now, when there is one.
        wanted: Tier, accelerator model and team that were asked for and are theirs to
            ask for; empty texts otherwise. For metrics.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        sentence: str,
        alternative: object | None = None,
        *,
        wanted: tuple[str, str, str] = ("", "", ""),
    ) -> None:
        super().__init__(sentence)
        self.alternative = alternative
        self.wanted = wanted
        self.status = status
        self.reason = reason
        self.sentence = sentence


class ClusterError(TeamSpawnerError):
    """The Kubernetes API did not answer as needed.

    Attributes:
        verb: What was tried: ``list``, ``watch``, ``create`` …
        kind: Plural resource name, such as ``nodes``.
        status: HTTP status, or None when no answer came.
        detail: The API's own words, cut short.
    """

    def __init__(self, verb: str, kind: str, status: int | None, detail: str = "") -> None:
        said = f"HTTP {status}" if status is not None else "no answer"
        super().__init__(f"cannot {verb} {kind}: {said}" + (f": {detail}" if detail else ""))
        self.verb = verb
        self.kind = kind
        self.status = status
        self.detail = detail
