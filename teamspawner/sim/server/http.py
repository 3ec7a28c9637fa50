"""The API server's way of a request: who, what, may they, do it, say it."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from teamspawner.sim.server import subresources
from teamspawner.sim.server.answers import Answer, write_answer, write_watch
from teamspawner.sim.server.body import as_map, delete_options, options_of, read_body
from teamspawner.sim.server.discovery import discover
from teamspawner.sim.server.events import shown
from teamspawner.sim.server.faults import Fault, Faults
from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.listing import Query, list_page
from teamspawner.sim.server.patch import json_patch, merge_patch, strategic_patch
from teamspawner.sim.server.rbac import Action, Caller, allowed
from teamspawner.sim.server.refusal import (
    Refusal,
    forbidden,
    no_such_path,
    not_supported,
    unauthorized,
)
from teamspawner.sim.server.route import Route, find_route
from teamspawner.sim.server.verbs import Api, Options
from teamspawner.sim.server.watching import watch

__all__ = ["ApiServer", "Seen"]

_LONGEST_BODY = 3 * 2**20
_PATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge_patch,
    "application/strategic-merge-patch+json": strategic_patch,
}
_HEALTH = frozenset({"/healthz", "/livez", "/readyz"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that was answered: for tests that ask what a client really did."""

    caller: str
    method: str
    path: str
    query: Mapping[str, str]
    status: int


class ApiServer:
    """An API server on a loopback address.

    Attributes:
        api: What requests act on; may be used directly in the same event loop.
        tokens: Bearer token to caller; may be changed while running.
        faults: Trouble on request.
        seen: The last requests.
        logs: Folder in which the kubelet leaves the logs of containers.
    """

    def __init__(
        self,
        api: Api | None = None,
        tokens: Mapping[str, Caller] | None = None,
        *,
        logs: Path | None = None,
        bookmark_s: float = 10.0,
    ) -> None:
        self.api = api or Api()
        self.tokens = dict(tokens or {})
        self.faults = Faults()
        self.seen: deque[Seen] = deque(maxlen=2000)
        self.logs = logs
        self._bookmark_s = bookmark_s
        self._runner: web.AppRunner | None = None

    async def start(self, tls: ssl.SSLContext | None = None, port: int = 0) -> int:
        """Listen on 127.0.0.1; returns the port."""
        app = web.Application(client_max_size=_LONGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """End all watches and stop listening."""
        self.faults.cut()
        if self._runner:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.faults.away:
            assert request.transport is not None
            request.transport.close()
        caller = Caller("system:anonymous", ("system:unauthenticated",))
        try:
            caller = self._caller(request)
            response = await self._answer(request, caller)
        except Refusal as refusal:
            answer = Answer(refusal.status(), refusal.code)
            response = await write_answer(request, answer)
            if refusal.code == 429:
                again = refusal.details.get("retryAfterSeconds", 1)
                response.headers["Retry-After"] = str(again)
        except web.HTTPRequestEntityTooLarge:
            told = f"Request entity too large: limit is {_LONGEST_BODY}"
            large = Refusal(413, "RequestEntityTooLarge", told)
            response = await write_answer(request, Answer(large.status(), large.code))
        self.seen.append(
            Seen(caller.name, request.method, request.path, dict(request.query), response.status)
        )
        return response

    def _caller(self, request: web.Request) -> Caller:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if token in self.tokens:
            return self.tokens[token]
        if request.path in _HEALTH or request.path == "/version":
            return Caller("system:anonymous", ("system:unauthenticated",))
        raise unauthorized()

    async def _answer(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        if request.path in _HEALTH:
            return web.Response(text="ok")
        route = find_route(request.path)
        if route is None:
            return await self._about_itself(request)
        watching = route.name == "" and request.method == "GET" and _flag(request, "watch")
        fault = await self._suffer(route, watch=watching)
        self._authorize(caller, route.action(request.method, watch=watching))
        route.check_method(request.method)
        if watching:
            return await self._watch(request, route, fault)
        answer = await self._act(request, route, caller)
        return await write_answer(request, answer)

    async def _about_itself(self, request: web.Request) -> web.StreamResponse:
        document = discover(request.path.rstrip("/") or "/")
        if document is None or request.method not in {"GET", "HEAD"}:
            raise no_such_path()
        return await write_answer(request, Answer(document))

    async def _suffer(self, route: Route, *, watch: bool) -> Fault:
        fault = self.faults.strike(route.kind.plural, watch=watch)
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.status == 410:
            raise Refusal(410, "Expired", "too old resource version: 1 (2)")
        if fault.status:
            details = {"retryAfterSeconds": fault.retry_after_s} if fault.retry_after_s else None
            reason = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
            told = "trouble on request"
            raise Refusal(fault.status, reason.get(fault.status, ""), told, details)
        return fault

    def _authorize(self, caller: Caller, action: Action) -> None:
        if allowed(self.api.store, caller, action):
            return
        place = (
            f'in the namespace "{action.namespace}"' if action.namespace else "at the cluster scope"
        )
        plain, _, _ = action.resource.partition("/")
        told = (
            f'User "{caller.name}" cannot {action.verb} resource "{action.resource}" in API group'
            f' "{action.group}" {place}'
        )
        raise forbidden(plain, action.name, told, action.group)

    async def _watch(self, request: web.Request, route: Route, fault: Fault) -> web.StreamResponse:
        query = Query(route.kind, route.namespace, request.query)
        events: AsyncIterator[Any] = watch(
            self.api.store, query, self.faults, fault, self._bookmark_s
        )
        return await write_watch(request, route.kind, events, half=fault.half)

    async def _act(self, request: web.Request, route: Route, caller: Caller) -> Answer:
        method = request.method
        if method in {"GET", "HEAD"}:
            return self._read(request, route)
        if method == "PATCH":
            return await self._patch(request, route)
        body = await read_body(request)
        options = options_of(request, body if method == "DELETE" else {})
        if method == "DELETE":
            return self._delete(request, route, delete_options(request, body), options)
        if (route.part and route.part != "status") or not route.kind.writable:
            return self._special(route, caller, body, options)
        if method == "PUT":
            thing = self.api.replace(route, body, options)
            return self._one(route.kind, thing, options)
        thing = self.api.create(route.kind, route.namespace, body, options)
        return self._one(route.kind, thing, options, 201)

    def _read(self, request: web.Request, route: Route) -> Answer:
        if route.part == "log":
            text = subresources.read_log(
                self.api, self.logs, route.namespace, route.name, request.query
            )
            return Answer(text)
        if route.name:
            return self._one(
                route.kind, self.api.get(route.kind, route.namespace, route.name), Options()
            )
        page = list_page(self.api.store, Query(route.kind, route.namespace, request.query))
        more: dict[str, Any] = {"continue": page.token} if page.token else {}
        if page.remaining:
            more["remainingItemCount"] = page.remaining
        items = [shown(route.kind, thing) for thing in page.items]
        return Answer(items, kind=route.kind, version=str(page.version), more=more)

    async def _patch(self, request: web.Request, route: Route) -> Answer:
        if request.content_type == "application/apply-patch+yaml":
            raise not_supported("server-side apply")
        apply = _PATCHES.get(request.content_type)
        if apply is None:
            told = (
                "the body of the request was in an unknown format - accepted media types include:"
                f" {', '.join(_PATCHES)}"
            )
            raise Refusal(415, "UnsupportedMediaType", told)
        change, options = await read_body(request), options_of(request, {})
        thing = self.api.patch(route, lambda old: apply(old, change), options)
        return self._one(route.kind, thing, options)

    def _delete(
        self, request: web.Request, route: Route, body: Mapping[str, Any], options: Options
    ) -> Answer:
        if route.name:
            thing, gone = self.api.delete(route.kind, route.namespace, route.name, body, options)
            later = not gone and body.get("propagationPolicy") == "Foreground"
            if gone and not route.kind.returns_deleted:
                return Answer(_deleted(route.kind, thing))
            return self._one(route.kind, thing, options, 202 if later else 200)
        page = list_page(self.api.store, Query(route.kind, route.namespace, request.query))
        gone_things = []
        for thing in page.items:
            data = thing["metadata"]
            key = (data.get("namespace", ""), data["name"])
            if self.api.store.get(route.kind.storage, key) is not None:
                gone_things.append(self.api.delete(route.kind, *key, body, options)[0])
        items = [shown(route.kind, thing) for thing in gone_things]
        return Answer(items, kind=route.kind, version=str(self.api.store.version))

    def _special(self, route: Route, caller: Caller, body: Any, options: Options) -> Answer:
        if not route.kind.writable:
            answer = subresources.review(self.api.store, caller, route.kind.kind, as_map(body))
            about = {"kind": route.kind.kind, "apiVersion": route.kind.api_version}
            return Answer({**about, **answer}, 201)
        if route.part == "token":
            token = subresources.token_for(
                self.api, self.tokens, route.namespace, route.name, as_map(body)
            )
            return Answer(token, 201)
        act = {"binding": subresources.bind, "eviction": subresources.evict}[route.part]
        return Answer(act(self.api, route.namespace, route.name, as_map(body), options), 201)

    def _one(self, kind: Kind, thing: Any, options: Options, status: int = 200) -> Answer:
        return Answer(shown(kind, thing), status, kind=kind, warnings=tuple(options.warnings))


def _flag(request: web.Request, name: str) -> bool:
    return request.query.get(name, "").lower() in {"true", "1", "t"}


def _deleted(kind: Kind, thing: Any) -> dict[str, Any]:
    details = {"name": thing["metadata"]["name"], "group": kind.group, "kind": kind.plural,
               "uid": thing["metadata"]["uid"]}  # fmt: skip
    kept = {name: value for name, value in details.items() if value}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": kept}  # fmt: skip
