"""The proxy inside the hub: prefixes, streams, websockets, and servers that do not answer."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from teamspawner.sim.proxy import LocalProxy


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def hello(request):
    return web.Response(text=f"{request.method} {request.raw_path} {(await request.read())[:20]}")


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(3):
        await response.write(b"tick")
        await asyncio.sleep(0.3)
    return response


async def echo(request):
    socket = web.WebSocketResponse(protocols=("chat",))
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(f"{socket.ws_protocol}:{message.data}")
    return socket


async def headers(request):
    response = web.json_response(dict(request.headers))
    response.headers.add("Set-Cookie", "a=1")
    response.headers.add("Set-Cookie", "b=2")
    return response


async def away(_):
    raise web.HTTPFound("/elsewhere")


def telling(name):
    async def who(_):
        return web.Response(text=name)

    return who


@pytest_asyncio.fixture
async def proxy():
    """A proxy with two servers behind it: one for all, one below ``/user/ann/``."""
    runners, targets = [], []
    for name in ("hub", "ann"):
        app = web.Application()
        app.add_routes([web.get("/user/ann/stream", stream), web.get("/user/ann/ws", echo)])
        app.add_routes([web.get("/headers", headers), web.get("/away", away)])
        app.add_routes([web.get("/who", telling(name)), web.get("/user/ann/who", telling(name))])
        app.router.add_route("*", "/{path:.*}", hello)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        targets.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
    url = f"http://127.0.0.1:{free_port()}"
    own = LocalProxy(public_url=url)
    await own.start()
    await own.add_route("/", targets[0], {})
    await own.add_route("/user/ann/", targets[1], {})
    async with aiohttp.ClientSession(url) as session:
        own.session = session
        yield own
    await own.stop()
    for runner in runners:
        await runner.cleanup()


async def text(proxy, path, **more):
    async with proxy.session.get(path, **more) as response:
        return await response.text()


@pytest.mark.asyncio
async def test_the_longest_prefix_wins(proxy):
    assert await text(proxy, "/who") == "hub"
    assert await text(proxy, "/user/ann/who") == "ann"
    assert await text(proxy, "/user/ben/x") == "GET /user/ben/x b''"


@pytest.mark.asyncio
async def test_a_path_arrives_as_it_was_written(proxy):
    import yarl

    raw = yarl.URL("/x/a%2Fb%20c?q=%26", encoded=True)
    assert await text(proxy, raw) == "GET /x/a%2Fb%20c?q=%26 b''"


@pytest.mark.asyncio
async def test_a_body_is_passed_on(proxy):
    async with proxy.session.post("/x", data=b"hello") as response:
        assert await response.text() == "POST /x b'hello'"


@pytest.mark.asyncio
async def test_progress_arrives_while_it_is_made(proxy):
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with proxy.session.get("/user/ann/stream") as response:
        times = [loop.time() - began async for _ in response.content.iter_any()]
    assert len(times) >= 3
    assert times[0] < 0.25


@pytest.mark.asyncio
async def test_websockets_speak_both_ways_with_their_protocol(proxy):
    async with proxy.session.ws_connect("/user/ann/ws", protocols=("chat",)) as ws:
        await ws.send_str("one")
        assert await ws.receive_str() == "chat:one"


@pytest.mark.asyncio
async def test_a_websocket_to_what_is_none_is_refused(proxy):
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await proxy.session.ws_connect("/user/ann/who")


@pytest.mark.asyncio
async def test_the_server_learns_who_asks_and_how(proxy):
    async with proxy.session.get("/headers") as response:
        seen = await response.json()
        cookies = response.headers.getall("Set-Cookie")
    assert seen["Host"] == seen["X-Forwarded-Host"]
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert seen["X-Forwarded-Proto"] == "http"
    assert cookies == ["a=1", "b=2"]


@pytest.mark.asyncio
async def test_a_redirect_is_the_clients_to_follow(proxy):
    async with proxy.session.get("/away", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/elsewhere")


@pytest.mark.asyncio
async def test_a_server_that_does_not_answer_is_503(proxy):
    await proxy.add_route("/user/gone/", f"http://127.0.0.1:{free_port()}", {})
    async with proxy.session.get("/user/gone/x") as response:
        assert response.status == 503


@pytest.mark.asyncio
async def test_routes_come_and_go(proxy):
    assert set(await proxy.get_all_routes()) == {"/", "/user/ann/"}
    await proxy.delete_route("/user/ann/")
    await proxy.delete_route("/user/ann/")
    assert await text(proxy, "/user/ann/who") == "hub"
    await proxy.delete_route("/")
    async with proxy.session.get("/who") as response:
        assert response.status == 404
