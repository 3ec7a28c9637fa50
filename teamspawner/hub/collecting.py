"""Python's garbage collector in a hub: no full collection while the cluster is listed, few later.

A full collection walks all that the process has: in a hub some tenths of a second, during which
nobody is served. It is due whenever what came since the last adds up to a quarter of that, and
a list adds much, nearly none of it garbage.
"""

from __future__ import annotations

import asyncio
import gc

__all__ = ["give_back", "hold_back", "set_apart"]

_NEVER = 1 << 20
"""Collections of the middle generation between two of all; what was set before is added."""
_SELDOM = 50
"""The same afterwards, at least: with little to compare growth with, the usual ten would make
full collections far too often."""


def hold_back(longest_s: float = 60.0) -> None:
    """Let full collections wait.

    Args:
        longest_s: Seconds after which they come back by themselves, should nobody give them back.
    """
    young, middle, old = gc.get_threshold()
    if old < _NEVER:
        gc.set_threshold(young, middle, old + _NEVER)
    asyncio.get_running_loop().call_later(longest_s, give_back)


def give_back() -> None:
    """Let full collections be as they were; does nothing while they are."""
    young, middle, old = gc.get_threshold()
    if old >= _NEVER:
        gc.set_threshold(young, middle, old - _NEVER)


def set_apart() -> None:
    """Leave all that is there now out of collections, and make full ones of the rest seldomer.

    Full ones that were held back are given back. Things are set apart once: what goes
    nevertheless is freed, cycles excepted.
    """
    give_back()
    if not gc.get_freeze_count():
        gc.freeze()
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, max(old, _SELDOM))
