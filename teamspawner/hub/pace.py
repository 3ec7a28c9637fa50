"""How often open pages ask for fresh offers: the more of them are open, the less often each."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["HEADER", "Pace"]

HEADER = "X-TeamSpawner-Ask-Again"
"""Seconds after which an open page should ask again; an answer's header."""

LEAST_S, MOST_S = 5.0, 20.0
"""The longest keeps the age of what is shown below what the page calls old."""
MOST_A_SECOND = 20.0
OPEN_S = 60.0
"""A page that has not asked for so long is closed, or in a window that nobody sees."""


class Pace:
    """Counts the pages that are open and spreads their questions.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[str, float] = {}

    def seconds(self, page: str) -> float:
        """Return after how many seconds this page should ask again.

        Args:
            page: What tells it from others.
        """
        now = self._clock()
        self._asked.pop(page, None)
        self._asked[page] = now  # at the end: the dictionary is in the order of asking
        while now - self._asked[first := next(iter(self._asked))] > OPEN_S:
            del self._asked[first]
        return min(MOST_S, max(LEAST_S, len(self._asked) / MOST_A_SECOND))
