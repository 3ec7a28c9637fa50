"""Follow one kind of object: list it once, then watch, for ever.

A list is made again only when the API says that the watch cannot go on (410) or
sends what cannot be read. Every other trouble is waited out, at most ten seconds
at a time, and the watch goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import aiohttp

from teamspawner.cluster.asking import WORDS, AnsweredError, GoneError, ask, ended
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.form import LONGEST_EVENT, Event, Form, HalfError
from teamspawner.cluster.receive import Receiver
from teamspawner.cluster.source import Settings, Source

__all__ = ["Follower"]


_NO_STREAM = frozenset({400, 404, 405, 406, 415, 422, 501})
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_TROUBLE = (aiohttp.ClientError, TimeoutError, OSError, HalfError, ValueError)


@dataclass(slots=True)
class Follower:
    """Keeps the state of one kind.

    Attributes:
        synced: Set when the first list is complete, or when it is known that the
            kind may not be seen or does not exist.
        heard: Monotonic time of the last event, bookmark or complete list; None before.
        lists: How many lists were completed.
        refused: Why the kind is not seen, in words; empty when it is.
        trouble: What went wrong last, in words; empty since it went right again.
        stranger: Whether the server did not know last who asks (HTTP 401).
    """

    source: Source
    receiver: Receiver
    connection: Connection
    session: aiohttp.ClientSession
    settings: Settings
    tell: Callable[[str], None]
    heard_now: Callable[[], None]
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    heard: float | None = None
    lists: int = 0
    refused: str = ""
    trouble: str = ""
    stranger: bool = False
    connected: bool = False
    _version: str = ""
    _wait: float = 0.0
    _streams: bool = True
    _garbled: str | None = None
    _fault: str = ""
    _redo: bool = False
    _open: aiohttp.ClientResponse | None = None

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            pause = await self._once()
            self.connected = False
            if pause:
                await asyncio.sleep(pause)

    def again(self) -> None:
        """Make the list again, now."""
        self._redo = True
        if self._open is not None:
            self._open.close()

    async def _once(self) -> float:
        """Do one list or one watch; return how long to wait before the next."""
        begun = time.monotonic()
        if self._redo:
            self._redo, self._version = False, ""
        try:
            if self._version:
                await self._watch(self._version)
            else:
                await self._list()
        except GoneError:
            self._version = ""
            return self._backoff()
        except AnsweredError as error:
            return await self._answered(error)
        except HalfError as error:
            self._garble()
            return self._troubled(error)
        except _TROUBLE as error:
            return self._troubled(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the watch never ends
            return self._unforeseen(f"unexpected {type(error).__name__}: {error}"[:WORDS])
        # A server that ends every watch at once is not asked in a tight loop.
        return 0.0 if time.monotonic() - begun > 1 else self._backoff()

    async def _answered(self, error: AnsweredError) -> float:
        self.stranger = error.status == HTTPStatus.UNAUTHORIZED
        if self.stranger:
            await self.connection.renew()
        if error.status in _REFUSED:
            self._forbidden(f"the hub may not list and watch {self.source.kind} ({error})")
            # an API server that has just started refuses everybody until it has read its roles
            early = self._wait < self.settings.longest_wait_s
            return self._backoff() if early else self._jitter(self.settings.refused_wait_s)
        if error.status == HTTPStatus.NOT_FOUND:
            self._absent()
            return self._jitter(self.settings.refused_wait_s * 10)
        self._cut(str(error)[:WORDS])
        if error.retry_after_s is not None:
            return min(error.retry_after_s, 60.0) + self._jitter(0.2)
        return self._backoff()

    def _forbidden(self, why: str) -> None:
        if not self.refused:
            self.tell(why)
        self.refused = why
        self._version = ""
        self.receiver.state.lost(self.source.kind)
        self.synced.set()
        self.heard_now()

    def _absent(self) -> None:
        """The API does not serve this kind: there are none."""
        self.refused = ""
        self._version = ""
        self.receiver.begin()
        self.receiver.finish()
        self._heard()
        self.synced.set()

    def _troubled(self, error: Exception) -> float:
        if self._redo:  # we ended it ourselves
            return 0.0
        self._cut(f"{type(error).__name__}: {error}"[:WORDS])
        return self._backoff()

    def _unforeseen(self, why: str) -> float:
        """A fault of our own may come each time: it is told once, and not tried in haste."""
        if why != self._fault:
            self.tell(f"watching {self.source.kind}: {why}; trying again")
        self._fault = self.trouble = why
        self._version = ""
        return self._jitter(self.settings.longest_wait_s)

    def _cut(self, why: str) -> None:
        if not self.trouble:
            self.tell(f"watching {self.source.kind}: {why}; trying again")
        self.trouble = why

    def _garble(self) -> None:
        """The same place cut twice is no accident of the line: list again, and in JSON."""
        if self._garbled == self._version:
            self._version = ""
            self.source = replace(self.source, binary=False)
        self._garbled = self._version

    def _backoff(self) -> float:
        self._wait = min(max(self._wait * 2, 0.2), self.settings.longest_wait_s)
        return self._jitter(self._wait)

    @staticmethod
    def _jitter(wait: float) -> float:
        return wait * random.uniform(0.6, 1.0)  # noqa: S311 - to spread load, not to hide

    def _heard(self) -> None:
        self.heard = time.monotonic()
        self.heard_now()

    def _connected(self) -> None:
        """The server took the request: trouble is over."""
        if self.trouble and self.trouble != self._fault:
            self.tell(f"watching {self.source.kind}: well again")
        self.trouble = self.refused = ""
        self.stranger = False
        self.connected = True

    def _well(self) -> None:
        """Something whole arrived: the next trouble is a new one."""
        self._wait = 0.0
        self._garbled = None
        if not self.connected or self.trouble:
            self._connected()

    # --- the list -----------------------------------------------------------------------

    async def _list(self) -> None:
        if self.settings.streamed and self._streams and await self._list_by_stream():
            return
        await self._list_by_pages()

    async def _list_by_pages(self) -> None:
        """List page by page; no ``resourceVersion``, for with one old servers ignore ``limit``."""
        self.receiver.begin()
        form: Form = self.receiver
        more = ""
        while True:
            limit = math.ceil(self.settings.page * form.ease)
            query = {"limit": str(limit), "continue": more}
            async with self._ask(query) as answer:
                body = await answer.read()
            begun = time.perf_counter()
            form = self.receiver.form(answer.content_type)
            meta, steps = form.page(body)
            del body
            await self._sliced(steps, begun)
            del steps
            self._well()
            self.heard_now()
            more = meta.more or ""
            if not more:
                break
        await self._sliced(self.receiver.settling())
        self._listed(meta.resource_version or "")

    def _listed(self, version: str) -> None:
        self.receiver.finish()
        self._version = version
        self.lists += 1
        self._heard()
        self.synced.set()

    async def _list_by_stream(self) -> bool:
        """Take the list as the start of a watch; tell whether the server could."""
        query = {
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            **self._watch_query(),
        }
        self.receiver.begin()
        complete = False
        settings, now = self.settings, asyncio.get_running_loop().time
        last = now() + settings.stream_list_s
        try:
            async with (
                asyncio.timeout(settings.stream_start_s) as limit,
                self._ask(query) as answer,
            ):
                async for event in self._events(answer):
                    self._well()
                    if complete:
                        self._passed(event)
                    elif event.initial_end:
                        complete = True
                        limit.reschedule(None)
                        await self._sliced(self.receiver.settling())
                        self._listed(event.version)
                    elif (limit.when() or 0) < now() + settings.stream_silence_s - 1:
                        limit.reschedule(min(now() + settings.stream_silence_s, last))
        except AnsweredError as error:
            if error.status not in _NO_STREAM:
                raise
        except TimeoutError:
            if complete:
                raise
        if not complete:
            self._streams = False
        return complete

    # --- the watch ----------------------------------------------------------------------

    def _watch_query(self) -> dict[str, str]:
        period = int(self._jitter(self.settings.period_s)) or 1
        return {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(period)}

    async def _watch(self, version: str) -> None:
        query = {"resourceVersion": version, **self._watch_query()}
        async with self._ask(query) as answer:
            self._connected()
            async for event in self._events(answer):
                self._well()
                self._passed(event)

    def _passed(self, event: Event) -> None:
        if event.version:
            self._version = event.version
        self._heard()

    async def _events(self, answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
        """Take in events as they come, with a turn for others between slices of work."""
        form, rest = self.receiver.form(answer.content_type), b""
        begun = time.perf_counter()
        async for chunk in answer.content.iter_any():
            rest += chunk
            end = form.whole(rest)
            if not end and len(rest) > LONGEST_EVENT:
                raise HalfError("an event without end")
            block, rest = rest[:end], rest[end:]
            for event in form.events(block):
                if event.type == "ERROR":
                    raise ended(event)
                yield event
                if time.perf_counter() - begun > self.settings.slice_s:
                    await self._breathe()
                    begun = time.perf_counter()
        if rest.strip():
            raise HalfError("the connection ended within an event")

    # --- both ---------------------------------------------------------------------------

    async def _breathe(self) -> None:
        await asyncio.sleep(0)

    async def _sliced(self, steps: Iterator[None], begun: float | None = None) -> None:
        """Work with a turn for others between slices; the first began at ``begun``."""
        begun = begun or time.perf_counter()
        for _ in steps:
            if time.perf_counter() - begun > self.settings.slice_s:
                await self._breathe()
                begun = time.perf_counter()

    @contextlib.asynccontextmanager
    async def _ask(self, query: dict[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask for objects; meanwhile ``again`` can cut the answer off."""
        asked = ask(self.source, query, self.connection, self.session, self.settings)
        async with asked as answer:
            self._open = answer
            try:
                yield answer
            finally:
                self._open = None
