"""The watcher on a real API server: the streamed list, rights, and the numbers."""

from __future__ import annotations

import asyncio

import pytest

from teamspawner.cluster.connect import Connection
from teamspawner.cluster.watch import Settings, Watcher
from tests.edge.build import a_node, a_pod, until

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio]


async def watch(plane, **settings):
    connection = await Connection.load(str(plane.kubeconfig()))
    watcher = Watcher(connection, settings=Settings(**settings))
    watcher.begin()
    assert await watcher.synced(20)
    return watcher


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "paged"])
async def test_the_numbers_follow_a_real_api_server(control_plane, admin, namespace, streamed):
    watcher = await watch(control_plane, streamed=streamed, page=3)
    name = f"node-{namespace}"
    try:
        node = a_node(name)
        await asyncio.to_thread(admin.create, node)
        await until(lambda: name in watcher.snapshot().nodes)
        pod = a_pod("a", node=name, namespace=namespace)
        pod["spec"]["containers"][0]["image"] = "x"
        pod["metadata"].pop("uid")
        await asyncio.to_thread(admin.create, pod)
        await until(lambda: watcher.snapshot().nodes[name].used.get("cpu") == 1000)
        assert watcher.status().scheduler == "1.35"
        await until(lambda: not watcher.snapshot().unseen)
    finally:
        await watcher.stop()
