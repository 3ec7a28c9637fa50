"""Watches: what happened, event by event, until the client or the clock ends it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from teamspawner.sim.server.faults import Fault, Faults
from teamspawner.sim.server.listing import Query, version_of
from teamspawner.sim.server.refusal import Refusal
from teamspawner.sim.server.selectors import Predicate
from teamspawner.sim.server.store import Change, Store, Thing

__all__ = ["Event", "watch"]

Event = tuple[str, Thing]
"""``ADDED``, ``MODIFIED``, ``DELETED``, ``BOOKMARK`` or ``ERROR``, and its object."""

_LONGEST_S = 1800
_LAST_BOOKMARK_S = 0.5
_INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class _Trouble:
    fault: Fault
    bookmark_s: float


async def watch(
    store: Store, query: Query, faults: Faults, fault: Fault, bookmark_s: float
) -> AsyncIterator[Event]:
    """Yield the events of one watch request; pauses are not visible.

    Args:
        store: What is watched.
        query: The request.
        faults: Ends all watches on request.
        fault: Trouble that this watch has.
        bookmark_s: Seconds between bookmarks, for clients that allow them.

    Raises:
        Refusal: 400, 422 or 504, before the first event.
    """
    query.check(watch=True)
    selected = query.predicate()
    version = version_of(query.text("resourceVersion"), store.version)
    queue: asyncio.Queue[Change] = asyncio.Queue()
    stop = store.listen(query.kind.storage, queue.put_nowait)
    cut = faults.watch_cut()
    try:
        for event in _beginning(store, query, selected, version):
            yield event
            if event[0] == "ERROR":
                return
        async for event in _following(store, query, queue, cut, _Trouble(fault, bookmark_s)):
            yield event
    finally:
        stop()
        faults.forget(cut)


def _beginning(store: Store, query: Query, selected: Predicate, version: int) -> Iterator[Event]:
    initial = query.flag("sendInitialEvents")
    if initial or (version == 0 and not query.text("sendInitialEvents")):
        now = store.version
        for _, thing in sorted(store.all(query.kind.storage).items()):
            if selected(thing):
                yield "ADDED", thing
        if initial and query.flag("allowWatchBookmarks"):
            yield _bookmark(query, now, {_INITIAL_END: "true"})
        return
    if version == 0:
        return
    try:
        changes = store.since(query.kind.storage, version)
    except Refusal as refusal:
        yield "ERROR", refusal.status()
        return
    for change in changes:
        yield from _event(change, selected)


@dataclass(slots=True)
class _Clock:
    """When a watch ends, and when its next bookmark is due; times of the event loop."""

    end: float
    bookmark_s: float
    next_bookmark: float

    def bookmark_due(self, now: float) -> bool:
        """Say whether a bookmark is due, and plan the next: the last one shortly before the end."""
        last = self.end - _LAST_BOOKMARK_S
        if now < min(self.next_bookmark, last):
            return False
        due = self.next_bookmark <= self.end
        self.next_bookmark = now + self.bookmark_s if now < last else self.end + 1
        return due

    def rest(self, now: float) -> float:
        """Return how long nothing is due."""
        marks = (self.next_bookmark, self.end - _LAST_BOOKMARK_S, self.end)
        return min(mark - now for mark in marks if mark > now)


async def _following(
    store: Store, query: Query, queue: asyncio.Queue[Change], cut: asyncio.Event, trouble: _Trouble
) -> AsyncIterator[Event]:
    loop, selected = asyncio.get_running_loop(), query.predicate()
    now = loop.time()
    bookmark_s = trouble.bookmark_s if query.flag("allowWatchBookmarks") else _LONGEST_S * 2
    clock = _Clock(now + (query.number("timeoutSeconds") or _LONGEST_S), bookmark_s, 0)
    clock.next_bookmark = now + bookmark_s if query.flag("allowWatchBookmarks") else clock.end + 1
    if trouble.fault.silent:
        await _until(cut, clock.end - now)
        return
    sent, most = 0, trouble.fault.cut_after
    if most is None:
        most = sys.maxsize
    while sent < most and not cut.is_set() and (now := loop.time()) < clock.end:
        if queue.empty() and clock.bookmark_due(now):
            yield _bookmark(query, store.version, {})
        change = await _next(queue, cut, clock.rest(now))
        for event in _event(change, selected) if change else ():
            yield event
            sent += 1
            if sent >= most:
                return


async def _until(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def _next(queue: asyncio.Queue[Change], cut: asyncio.Event, seconds: float) -> Change | None:
    if not queue.empty():
        return queue.get_nowait()
    getting, cutting = (asyncio.ensure_future(one) for one in (queue.get(), cut.wait()))
    try:
        done, _ = await asyncio.wait(
            {getting, cutting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for one in (getting, cutting):
            one.cancel()
    return getting.result() if getting in done else None  # type: ignore[return-value] # of this task


def _event(change: Change, selected: Predicate) -> Iterator[Event]:
    """Translate a change for a selection: an object that leaves it is DELETED to the watcher."""
    before = change.old is not None and selected(change.old)
    after = change.new is not None and selected(change.new)
    if after:
        assert change.new is not None
        yield ("MODIFIED" if before else "ADDED"), change.new
    elif before:
        assert change.old is not None
        yield "DELETED", change.last or _as_of(change.old, change.version)


def _as_of(thing: Thing, version: int) -> Thing:
    return {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(version)}}


def _bookmark(query: Query, version: int, annotations: dict[str, str]) -> Event:
    data: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
    if annotations:
        data["annotations"] = annotations
    return "BOOKMARK", {
        "kind": query.kind.kind,
        "apiVersion": query.kind.api_version,
        "metadata": data,
    }
