"""Python's garbage collector while the cluster is listed for the first time.

A list makes many objects at once, and for each quarter that those add to what the process has,
the collector walks all of it: in a hub some tenths of a second, during which nobody is served.
Nearly nothing of it would be garbage. So collections of all generations wait; those of young
objects go on.
"""

from __future__ import annotations

import asyncio
import gc

__all__ = ["give_back", "hold_back"]

_NEVER = 1 << 20
"""Collections of the middle generation between two of all; what was set before is added."""


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
