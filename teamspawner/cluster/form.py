"""What an answer of the API is made of, pages and events, whichever way they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from teamspawner.cluster.quick import PageMeta

__all__ = ["INITIAL_END", "LONGEST_EVENT", "STEP", "Event", "Form", "HalfError"]

LONGEST_EVENT = 1 << 25
"""Bytes of one event at most."""
STEP = 8
"""Objects taken in between two looks at the time; one of a new kind may take a quarter of a ms."""
INITIAL_END = "k8s.io/initial-events-end"
"""The annotation of the bookmark that ends a streamed list."""


class HalfError(Exception):
    """What arrived is no whole page or event: it was cut on the way."""


@dataclass(slots=True)
class Event:
    """What the follower of a watch must know of one event.

    Attributes:
        type: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.
        version: The resource version reached; empty when the event has none.
        initial_end: True for the bookmark that ends a streamed list.
        code: The HTTP status of an ERROR, else 0.
        message: The words of an ERROR.
    """

    type: str
    version: str = ""
    initial_end: bool = False
    code: int = 0
    message: str = ""


class Form(Protocol):
    """How objects are written, in pages and in events.

    Attributes:
        ease: How many times as many objects as pods in JSON a page may have to be read as quickly.
    """

    ease: float

    def page(self, body: bytes) -> tuple[PageMeta, Iterator[None]]:
        """Read a page; the iterator takes its objects in, a few at each step.

        Raises:
            HalfError: When it is no whole list.
        """

    def whole(self, data: bytes) -> int:
        """Return how many bytes of what came are whole events.

        Raises:
            HalfError: When it does not begin with an event.
        """

    def events(self, block: bytes) -> Iterator[Event]:
        """Take in the events of a block of whole ones, and tell what to know of them.

        Several that were taken in together may be told of as one, the last.

        Raises:
            HalfError: When one is no whole event; those before it were taken in.
        """
