"""A proxy inside the hub's own process: for the demo and tests, not for production.

It has no limits, no metrics and no life of its own: when the hub stops, all
connections end.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import aiohttp
import yarl
from aiohttp import web
from jupyterhub.proxy import Proxy

__all__ = ["LocalProxy"]

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)
_NOT_FORWARDED = _HOP_BY_HOP | {
    "host", "content-length", "sec-websocket-key", "sec-websocket-version",
    "sec-websocket-extensions", "sec-websocket-protocol",
}  # fmt: skip
_LARGEST_MESSAGE = 0
_CHUNK = 2**16


class LocalProxy(Proxy):
    """Routes requests by the longest matching prefix; passes websockets and live progress on."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._routes: dict[str, dict[str, Any]] = {}
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Listen on the hub's public address."""
        server = self.public_url
        self._client = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_CHUNK,
            max_line_size=2**15,
            max_field_size=2**15,
        )
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, shutdown_timeout=0.5,
            max_line_size=2**15, max_field_size=2**15,
        )  # fmt: skip
        await self._runner.setup()
        address = yarl.URL(server)
        await web.TCPSite(self._runner, address.host, address.port).start()

    async def stop(self) -> None:
        """End all connections."""
        if self._runner:
            await self._runner.cleanup()
        if self._client:
            await self._client.close()

    async def add_route(self, routespec: str, target: str, data: Any) -> None:
        """Send what begins with ``routespec`` to ``target``."""
        self._routes[self.validate_routespec(routespec)] = {
            "routespec": routespec,
            "target": target,
            "data": data,
        }

    async def delete_route(self, routespec: str) -> None:
        """Forget a route; an unknown one is no fault."""
        self._routes.pop(self.validate_routespec(routespec), None)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """Return every route by its prefix."""
        return dict(self._routes)

    def _target(self, path: str) -> str | None:
        matching = [spec for spec in self._routes if path.startswith(spec) or f"{path}/" == spec]
        return self._routes[max(matching, key=len)]["target"] if matching else None

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        target = self._target(request.rel_url.raw_path)
        if target is None:
            return web.Response(status=404, text="no route")
        root = yarl.URL(target)
        url = yarl.URL(f"{root.scheme}://{root.authority}{request.raw_path}", encoded=True)
        headers = self._headers(request)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._websocket(request, url, headers)
            return await self._plain(request, url, headers)
        except aiohttp.ClientConnectionError as error:
            self.log.debug("%s does not answer: %s", url, error)
            return web.Response(status=503, text="the server does not answer")

    def _headers(self, request: web.Request) -> Any:
        headers = request.headers.copy()
        for name in {name.lower() for name in headers}:
            if name in _NOT_FORWARDED:
                headers.popall(name, None)
        headers["Host"] = request.headers.get("Host", "")
        headers["X-Forwarded-For"] = request.remote or ""
        headers["X-Forwarded-Proto"] = request.scheme
        headers["X-Forwarded-Host"] = request.headers.get("Host", "")
        return headers

    async def _plain(self, request: web.Request, url: yarl.URL, headers: Any) -> web.StreamResponse:
        assert self._client is not None
        body = request.content.iter_chunked(_CHUNK) if request.body_exists else None
        if request.content_length is not None and body is not None:
            headers["Content-Length"] = str(request.content_length)
        async with self._client.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as upstream:
            response = web.StreamResponse(status=upstream.status, reason=upstream.reason)
            for name, value in upstream.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    response.headers.add(name, value)
            await response.prepare(request)
            with contextlib.suppress(ConnectionResetError):
                async for chunk in upstream.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            return response

    async def _websocket(
        self, request: web.Request, url: yarl.URL, headers: Any
    ) -> web.StreamResponse:
        assert self._client is not None
        asked = request.headers.get("Sec-WebSocket-Protocol", "")
        protocols = [one.strip() for one in asked.split(",") if one.strip()]
        try:
            upstream = await self._client.ws_connect(
                url, headers=headers, protocols=protocols, autoping=False,
                max_msg_size=_LARGEST_MESSAGE,
            )  # fmt: skip
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=error.status, text=error.message)
        chosen = [upstream.protocol] if upstream.protocol else []
        here = web.WebSocketResponse(
            protocols=chosen, autoping=False, max_msg_size=_LARGEST_MESSAGE
        )
        await here.prepare(request)
        ways = [
            asyncio.ensure_future(_pump(here, upstream)),
            asyncio.ensure_future(_pump(upstream, here)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await upstream.close(code=here.close_code or 1000)
            await here.close(code=upstream.close_code or 1000)
        return here


async def _pump(source: Any, target: Any) -> None:
    """Pass messages on until the source closes."""
    async for message in source:
        if message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.PING:
            await target.ping(message.data)
        elif message.type is aiohttp.WSMsgType.PONG:
            await target.pong(message.data)
