"""Clusters to ask: the embedded one, and the real one beside it."""

from __future__ import annotations

import asyncio
import ssl
import threading
import uuid
from collections.abc import Iterator

import pytest

from teamspawner.sim.cluster import Cluster, embedded_cluster
from teamspawner.sim.server.rbac import Caller
from tests.controlplane.cluster import ADMIN, HUB
from tests.sim.talk import Talk


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own, for servers that blocking tests talk to."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="session")
def embedded(loop_thread, tmp_path_factory) -> Iterator[Cluster]:
    """The embedded API server alone: no scheduler, no kubelet, as the real one runs here."""
    context = embedded_cluster(
        tmp_path_factory.mktemp("embedded"), scheduler=False, nodes=False, bookmark_s=2
    )
    cluster = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop_thread).result(20)
    for user in (ADMIN, HUB):
        cluster.server.tokens[user.token] = Caller(user.name, user.groups)
    yield cluster
    closing = context.__aexit__(None, None, None)
    asyncio.run_coroutine_threadsafe(closing, loop_thread).result(20)


@pytest.fixture(
    params=["embedded", pytest.param("real", marks=pytest.mark.controlplane)],
)
def api(request) -> Talk:
    """An admin of each cluster in turn, with a fresh namespace."""
    if request.param == "embedded":
        cluster = request.getfixturevalue("embedded")
        context = ssl.create_default_context(cadata=cluster.access.ca)
        talk = Talk(cluster.access.server, context, ADMIN.token)
    else:
        plane = request.getfixturevalue("control_plane")
        talk = Talk(plane.url, plane.ssl_context(), ADMIN.token)
    talk.ns = f"conf-{uuid.uuid4().hex[:8]}"
    made = talk.post("/api/v1/namespaces", {"metadata": {"name": talk.ns}})
    assert made.status == 201
    return talk


@pytest.fixture
def hub(api) -> Talk:
    """The hub's account on the same cluster: no rights but those that the test gives it."""
    return api.as_caller(HUB.token)
