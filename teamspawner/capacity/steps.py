"""Work in steps: whoever has others to serve does so between two of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

__all__ = ["STEP", "drained"]

STEP = 100
"""Nodes asked between two steps: tenths of a millisecond, so that a caller may stop in time."""

_Made = TypeVar("_Made")


def drained(steps: Generator[None, None, _Made]) -> _Made:
    """Do all steps in one go, and return what they made."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return] # what the generator returns
