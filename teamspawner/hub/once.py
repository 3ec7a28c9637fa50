"""Tell the admin of a fault once, however many pages and starts meet it."""

from __future__ import annotations

__all__ = ["is_news"]

MOST = 200
_TOLD: set[str] = set()
"""By any spawner of this process."""


def is_news(said: str) -> bool:
    """Whether nobody has said this yet; when very much was said, all counts as new again."""
    if said in _TOLD:
        return False
    if len(_TOLD) >= MOST:
        _TOLD.clear()
    _TOLD.add(said)
    return True
