"""Trouble on request: what an API server does on its bad days."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

__all__ = ["Fault", "Faults"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble.

    Attributes:
        status: Answer with this HTTP status instead; 0 answers normally.
        delay_s: Wait before answering, in seconds.
        retry_after_s: Send a Retry-After header with ``status``.
        watch_only: Leave requests that are no watch alone.
        cut_after: End a watch without a word after so many events; None never.
        silent: A watch sends nothing at all, and is not ended.
        half: Cut the watch in the middle of a line.
        share: Part of the requests that are hit, from 0 to 1.
        times: How many requests are hit before the fault is over; None for all.
    """

    status: int = 0
    delay_s: float = 0.0
    retry_after_s: int | None = None
    watch_only: bool = False
    cut_after: int | None = None
    silent: bool = False
    half: bool = False
    share: float = 1.0
    times: int | None = None


@dataclass(slots=True)
class Faults:
    """The control surface: which resource has which trouble now.

    ``"*"`` stands for every resource. Watches under way are cut by ``cut``.
    """

    active: dict[str, Fault] = field(default_factory=dict)
    away: bool = False
    """While True every connection is closed without an answer."""
    _dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - repeatable
    _left: dict[str, int] = field(default_factory=dict)
    _cuts: list[asyncio.Event] = field(default_factory=list)

    def set(self, resource: str, fault: Fault) -> None:
        """Start a trouble for a plural resource name, or ``"*"``."""
        self.active[resource] = fault
        if fault.times is not None:
            self._left[resource] = fault.times

    def clear(self) -> None:
        """End all trouble."""
        self.active.clear()
        self._left.clear()
        self.away = False

    def cut(self) -> None:
        """End every watch under way at once, without a word."""
        for event in self._cuts:
            event.set()
        self._cuts.clear()

    def watch_cut(self) -> asyncio.Event:
        """Return an event that is set when the watches are cut."""
        event = asyncio.Event()
        self._cuts.append(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        """A watch has ended by itself."""
        if event in self._cuts:
            self._cuts.remove(event)

    def strike(self, resource: str, *, watch: bool) -> Fault:
        """Return what hits this request; a fault without effect when nothing does."""
        name = resource if resource in self.active else "*"
        fault = self.active.get(name, Fault())
        if (fault.watch_only and not watch) or self._dice.random() >= fault.share:
            return Fault()
        if name in self._left:
            self._left[name] -= 1
            if self._left[name] <= 0:
                del self._left[name]
                self.active.pop(name, None)
        return fault
