"""Long work of the hub, cut so that nobody on its event loop waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

__all__ = ["Turns"]

_Made = TypeVar("_Made")
_AT_ONCE = 3
_SLICE_S = 0.004
"""How long may be worked at a time."""


class Turns:
    """Does work that comes in steps, for all who have some: one slice in a turn of the loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._one = asyncio.Lock()
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def next(self) -> None:
        """Wait for a turn of the loop in which no other caller of this goes on."""
        async with self._one:
            await asyncio.sleep(0)

    async def work(self, steps: Generator[None, None, _Made]) -> _Made:
        """Do all steps, as many at a time as a slice has room for, and return what they made.

        Whoever else has such work goes on in between, in the order of coming; their slices
        never add up in one turn of the loop. Only a few are at work at once, the rest wait:
        work is of the moment at which it begins, and to go to and fro between many moments
        costs more than the work itself.
        """
        async with self._few:
            while True:
                async with self._lock:
                    try:
                        _for_a_while(steps)
                    except StopIteration as end:
                        return end.value  # type: ignore[no-any-return] # what is returned
                    finally:
                        await asyncio.sleep(0)  # a turn for everybody else before the next slice


def _for_a_while(steps: Generator[None, None, object]) -> None:
    until = time.perf_counter() + _SLICE_S
    while time.perf_counter() < until:
        next(steps)
