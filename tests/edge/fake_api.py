"""An API server that can misbehave: list, watch, streamed lists, and every trouble on request.

It speaks the protocol over a real socket and knows nothing of the code it tests.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Self

from aiohttp import web

from benchmarks import protobuf

PROTOBUF = "application/vnd.kubernetes.protobuf"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def configuration(url: str, token: str = "") -> SimpleNamespace:
    """The part of a client configuration that a connection reads."""

    async def key(_: str) -> str | None:
        return f"Bearer {token}" if token else None

    return SimpleNamespace(host=url, get_api_key_with_prefix=key, username="", password="")


_LASTING = range(20000, 32000)
"""Ports that are given to nobody who asks for any: one that is let go of for a while stays free."""


class FakeApi:
    """One cluster's objects and its watches.

    Attributes:
        streams: Whether lists can be streamed; else 422, as a server without the gate.
        binary: Whether pods are told of in protobuf to those who take it.
        version: What ``/version`` says.
        requests: Every request as (kind, verb, query), verb one of list, watch, stream.
        delays: Seconds to wait before each answer, by kind.
        bookmark_every: Seconds between bookmarks of every watch.
    """

    def __init__(self, *, streams: bool = True, binary: bool = True) -> None:
        self.streams = streams
        self.binary = binary
        self.version = "v1.35.4"
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.delays: dict[str, float] = {}
        self.bookmark_every = 3600.0
        self.forbidden: set[str] = set()
        self.strict = False
        self.headers: list[dict[str, str]] = []
        self._objects: dict[str, dict[str, dict]] = defaultdict(dict)
        self._log: dict[str, list[tuple[int, str, dict]]] = defaultdict(list)
        self._oldest: dict[str, int] = defaultdict(int)
        self._revision = 100
        self._watches: dict[str, list[Watch]] = defaultdict(list)
        self._news = asyncio.Event()
        self._next: dict[tuple[str, str], list[Handler]] = defaultdict(list)
        self._silent: set[int] = set()
        self._frozen: dict[str, tuple[int, list[dict]]] = {}
        self._runner: web.AppRunner | None = None
        self.url = ""

    # --- life ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Begin to listen, at the same port as before when there was one."""
        app = web.Application()
        app.router.add_get("/version", self._version)
        app.router.add_get("/api/v1/{kind}", self._serve)
        app.router.add_get("/apis/{group}/v1/{kind}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        while True:
            chosen = port or secrets.choice(_LASTING)
            site = web.TCPSite(self._runner, "127.0.0.1", chosen, reuse_address=True)
            try:
                await site.start()
            except OSError:
                if port:
                    raise
            else:
                break
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def down(self) -> None:
        """Stop listening; every connection ends."""
        for kind in list(self._watches):
            self.cut(kind)
        assert self._runner is not None
        for site in list(self._runner.sites):
            await site.stop()
        await asyncio.sleep(0.01)  # who was let in at this moment is known only some turns later
        await self._runner.cleanup()

    # --- objects ------------------------------------------------------------------------

    def put(self, kind: str, item: dict, *, quietly: bool = False) -> None:
        """Create or replace an object; ``quietly`` tells no watch of it."""
        meta = item["metadata"]
        key = f"{meta.get('namespace', '')}/{meta['name']}"
        self._revision += 1
        item = {**item, "metadata": {**meta, "resourceVersion": str(self._revision)}}
        kind_of = "MODIFIED" if key in self._objects[kind] else "ADDED"
        self._objects[kind][key] = item
        if not quietly:
            self._tell(kind, kind_of, item)

    def delete(self, kind: str, name: str, namespace: str = "", *, quietly: bool = False) -> None:
        """Delete an object."""
        item = self._objects[kind].pop(f"{namespace}/{name}")
        self._revision += 1
        meta = {**item["metadata"], "resourceVersion": str(self._revision)}
        if not quietly:
            self._tell(kind, "DELETED", {**item, "metadata": meta})

    def bookmark(self, kind: str, extra: dict | None = None) -> None:
        """Send a bookmark, with the nulls that real ones have."""
        meta = {"resourceVersion": str(self._revision), "creationTimestamp": None}
        item = {"kind": kind, "metadata": meta, "spec": {"containers": None}, "status": {}}
        self._tell(kind, "BOOKMARK", {**item, **(extra or {})})

    def compact(self, kind: str) -> None:
        """Forget all events: watches of older versions answer 410."""
        self._revision += 1
        self._oldest[kind] = self._revision
        self._log[kind].clear()

    # --- trouble ------------------------------------------------------------------------

    def once(self, kind: str, verb: str, handler: Handler) -> None:
        """Answer the next such request by this handler."""
        self._next[kind, verb].append(handler)

    def refuse(self, kind: str, verb: str, status: int, **headers: str) -> None:
        """Answer the next such request with a Status."""

        async def answer(_: web.Request) -> web.Response:
            return _status(status, headers)

        self.once(kind, verb, answer)

    def cut(self, kind: str) -> None:
        """Break the connections of all watches of a kind, without a goodbye."""
        for response in self._watches[kind]:
            transport = response._req.transport if response._req else None
            if transport is not None:
                transport.abort()

    def silence(self, kind: str) -> None:
        """Say nothing more on the watches open now; they stay connected."""
        self._silent.update(id(response) for response in self._watches[kind])

    async def say(self, kind: str, text: bytes) -> None:
        """Send raw bytes on all watches of a kind."""
        for response in self._watches[kind]:
            await response.write(text)

    def watching(self, kind: str) -> int:
        """How many watches of a kind are open."""
        return len(self._watches[kind])

    def count(self, kind: str, *verbs: str) -> int:
        """How many such requests came; a list of several pages counts once."""
        return sum(k == kind and v in verbs and not q.get("continue") for k, v, q in self.requests)

    # --- the protocol -------------------------------------------------------------------

    def _tell(self, kind: str, what: str, item: dict) -> None:
        self._log[kind].append((self._revision, what, item))
        self._news.set()
        self._news = asyncio.Event()

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"gitVersion": self.version})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        kind, query = request.match_info["kind"], dict(request.query)
        verb = "list"
        if query.get("watch") in {"true", "1"}:
            verb = "stream" if query.get("sendInitialEvents") == "true" else "watch"
        self.requests.append((kind, verb, query))
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.delays.get(kind, 0))
        if self._next[kind, verb]:
            return await self._next[kind, verb].pop(0)(request)
        form = self._form(request, kind)
        if self.strict:
            return form.status(401)
        if kind in self.forbidden:
            return form.status(403)
        if verb == "list":
            return self._list(form, kind, query)
        if verb == "stream" and not self.streams:
            return form.status(422)
        return await self._watch(form, request, kind, query)

    def _form(self, request: web.Request, kind: str) -> Form:
        taken = PROTOBUF in request.headers.get("Accept", "")
        return self.form(kind) if taken else Form()

    def form(self, kind: str) -> Form:
        """How objects of a kind are written to those who take protobuf."""
        return Binary() if self.binary and kind == "pods" else Form()

    def _selected(self, kind: str, query: dict[str, str]) -> list[dict]:
        items = list(self._objects[kind].values())
        return [item for item in items if _selects(query, item)]

    def _list(self, form: Form, kind: str, query: dict[str, str]) -> web.Response:
        token, limit = query.get("continue", ""), int(query.get("limit", "0"))
        if token:
            frozen, _, start = token.partition(":")
            revision, items = self._frozen[frozen]
        else:
            revision, items, start = self._revision, self._selected(kind, query), "0"
            frozen = str(len(self._frozen))
            self._frozen[frozen] = (revision, items)
        begin = int(start)
        end = begin + limit if limit else len(items)
        more = f"{frozen}:{end}" if end < len(items) else ""
        meta = {"resourceVersion": str(revision), "continue": more}
        return form.page(meta, items[begin:end])

    async def _watch(
        self, form: Form, request: web.Request, kind: str, query: dict[str, str]
    ) -> web.StreamResponse:
        response = Watch(form)
        await response.prepare(request)
        self._watches[kind].append(response)
        try:
            await self._events(response, kind, query)
        except (ConnectionResetError, ConnectionError):
            pass
        finally:
            self._watches[kind].remove(response)
        return response

    async def _events(self, response: Watch, kind: str, query: dict[str, str]) -> None:
        since = int(query.get("resourceVersion") or 0)
        position = 0
        if query.get("sendInitialEvents") == "true":
            since, position = self._revision, len(self._log[kind])
            await self._initial(response, kind, query)
        elif since < self._oldest[kind]:
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            await response.tell("ERROR", gone)
            return
        loop = asyncio.get_running_loop()
        ends = loop.time() + float(query.get("timeoutSeconds", "3600"))
        while (left := ends - loop.time()) > 0 and response._req.transport is not None:
            news, log = self._news, self._log[kind]
            for revision, what, item in log[position:]:
                if revision > since or what == "BOOKMARK":
                    await self._send(response, query, what, item)
            position = len(log)
            try:
                async with asyncio.timeout(min(left, self.bookmark_every)):
                    await news.wait()
            except TimeoutError:
                meta = {"resourceVersion": str(self._revision)}
                await self._send(response, query, "BOOKMARK", {"metadata": meta})

    async def _initial(self, response: Watch, kind: str, query: dict[str, str]) -> None:
        revision = str(self._revision)
        for item in self._selected(kind, query):
            await response.tell("ADDED", item)
        notes = {"k8s.io/initial-events-end": "true"}
        meta = {"resourceVersion": revision, "annotations": notes}
        await response.tell("BOOKMARK", {"metadata": meta})

    async def _send(self, response: Watch, query: dict[str, str], what: str, item: dict) -> None:
        if id(response) in self._silent:
            return
        kept = what in {"BOOKMARK", "DELETED"} or _selects(query, item)
        await response.tell(what if kept else "DELETED", item)


def _selects(query: dict[str, str], item: dict) -> bool:
    for term in query.get("fieldSelector", "").split(","):
        if "phase!=" in term and (item.get("status") or {}).get("phase") == term.split("!=")[1]:
            return False
    return True


class Form:
    """How answers are written: in JSON."""

    content_type = "application/json"

    def page(self, meta: dict[str, str], items: list[dict]) -> web.Response:
        return web.json_response({"kind": "List", "metadata": meta, "items": items})

    def event(self, what: str, item: dict) -> bytes:
        return json.dumps({"type": what, "object": item}).encode() + b"\n"

    def status(self, code: int) -> web.Response:
        return _status(code)


class Binary(Form):
    """The same in protobuf."""

    content_type = PROTOBUF

    def page(self, meta: dict[str, str], items: list[dict]) -> web.Response:
        pods = [protobuf.item(protobuf.written("Pod", each).SerializeToString()) for each in items]
        return web.Response(body=protobuf.page(meta, pods), content_type=PROTOBUF)

    def event(self, what: str, item: dict) -> bytes:
        if what == "ERROR":
            return protobuf.status(item, as_event=True)
        return protobuf.event(what, protobuf.written("Pod", item).SerializeToString())

    def status(self, code: int) -> web.Response:
        found = {"code": code, "message": f"said {code}", "reason": "Trouble"}
        return web.Response(status=code, body=protobuf.status(found), content_type=PROTOBUF)


class Watch(web.StreamResponse):
    """A watch that is open."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.content_type = form.content_type
        self._form = form

    async def tell(self, what: str, item: dict) -> None:
        """Send an event."""
        await self.write(self._form.event(what, item))


def _status(code: int, headers: dict[str, str] | None = None) -> web.Response:
    body = {"kind": "Status", "code": code, "message": f"said {code}", "reason": "Trouble"}
    named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
    return web.json_response(body, status=code, headers=named)
