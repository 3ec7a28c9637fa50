"""A look at YAML before anything is made of it: aliases may unfold to more than any memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["bounded"]

MOST_VALUES = 3_000_000
"""Of a document with all aliases unfolded: more is a bomb made of them."""


def bounded(document: Any) -> Any:
    """Return a document that is not too large once its aliases are unfolded.

    Raises:
        ValueError: When it is, or holds itself.
    """
    waiting, left = [document], MOST_VALUES
    while waiting:
        found = waiting.pop()
        left -= 1
        if left < 0:
            raise ValueError(f"more than {MOST_VALUES} values; found an alias inside itself?")
        if isinstance(found, Mapping):
            waiting.extend(found.values())
        elif isinstance(found, list | tuple):
            waiting.extend(found)
    return document
