"""Watches: what happened, event by event, until the client or the clock ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
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


async def watch(
    store: Store, query: Query, faults: Faults, fault: Fault, bookmark_s: float
) -> AsyncIterator[Event]:
    """Yield the events of one watch request; None-like pauses are not visible.

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
        async for event in _following(store, query, selected, queue, cut, fault, bookmark_s):
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


async def _following(  # noqa: PLR0913 - one loop, its whole state
    store: Store,
    query: Query,
    selected: Predicate,
    queue: asyncio.Queue[Change],
    cut: asyncio.Event,
    fault: Fault,
    bookmark_s: float,
) -> AsyncIterator[Event]:
    loop = asyncio.get_running_loop()
    end = loop.time() + (query.number("timeoutSeconds") or _LONGEST_S)
    bookmarks = query.flag("allowWatchBookmarks")
    next_bookmark = loop.time() + bookmark_s
    sent = 0
    while not cut.is_set():
        if fault.silent:
            await _until(cut, end - loop.time())
            return
        now = loop.time()
        if bookmarks and now >= min(next_bookmark, end - _LAST_BOOKMARK_S) and queue.empty():
            yield _bookmark(query, store.version, {})
            next_bookmark = now + bookmark_s if now < end - _LAST_BOOKMARK_S else end + 1
            bookmarks = now < end - _LAST_BOOKMARK_S
        if now >= end:
            return
        wait = min(next_bookmark, end - _LAST_BOOKMARK_S if bookmarks else end) - now
        change = await _next(queue, cut, max(wait, 0.01))
        for event in _event(change, selected) if change else ():
            yield event
            sent += 1
            if fault.cut_after is not None and sent >= fault.cut_after:
                return


async def _until(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def _next(queue: asyncio.Queue[Change], cut: asyncio.Event, seconds: float) -> Change | None:
    if not queue.empty():
        return queue.get_nowait()
    getting, cutting = (asyncio.ensure_future(one) for one in (queue.get(), cut.wait()))
    done, _ = await asyncio.wait(
        {getting, cutting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
    )
    for one in (getting, cutting):
        one.cancel()
    return getting.result() if getting in done else None  # type: ignore[return-value]


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
