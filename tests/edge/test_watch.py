"""The watch in good weather: what is seen is what is there."""

from __future__ import annotations

import pytest

from tests.edge.build import a_node, a_pod, a_watcher, until, used
from tests.edge.fake_api import FakeApi

pytestmark = pytest.mark.asyncio

WAYS = pytest.mark.parametrize("streams", [True, False], ids=["streamed", "paged"])


@WAYS
async def test_the_first_snapshot_counts_bound_unfinished_pods(streams):
    async with FakeApi(streams=streams) as api:
        api.put("nodes", a_node())
        api.put("pods", a_pod("a"))
        api.put("pods", a_pod("done", phase="Succeeded"))
        async with a_watcher(api, page=2) as watcher:
            assert await watcher.synced(5)
            snapshot = watcher.snapshot()
            assert used(watcher) == 1000
            assert snapshot.unseen.isdisjoint({"nodes", "pods"})
            assert len(snapshot.nodes["n1"].pods) == 1


async def test_before_the_first_list_is_complete_nodes_and_pods_are_unseen():
    async with FakeApi() as api:
        api.delays["pods"] = 0.5
        async with a_watcher(api) as watcher:
            assert not await watcher.synced(0.2)
            assert "pods" in watcher.snapshot().unseen
            assert watcher.as_of() is None


@WAYS
async def test_events_after_the_list_change_the_numbers(streams):
    async with FakeApi(streams=streams) as api:
        api.put("nodes", a_node())
        async with a_watcher(api) as watcher:
            await watcher.synced(5)
            await until(lambda: api.watching("pods"))
            api.put("pods", a_pod("a"))
            await until(lambda: used(watcher) == 1000)
            api.put("pods", a_pod("a", phase="Failed"))
            await until(lambda: used(watcher) == 0)


async def test_a_change_that_weighs_nothing_keeps_the_version():
    async with FakeApi() as api:
        api.put("nodes", a_node())
        api.put("pods", a_pod("a"))
        async with a_watcher(api) as watcher:
            await watcher.synced(5)
            await until(lambda: api.watching("pods"))
            before = watcher.version
            api.put("pods", a_pod("a", status={"podIP": "10.0.0.1"}))
            api.put("pods", a_pod("b"))
            await until(lambda: used(watcher) == 2000)
            assert watcher.version == before + 1


async def test_a_server_on_a_node_that_is_not_seen_is_stranded_until_it_is_gone():
    async with FakeApi() as api:
        api.put("nodes", a_node())
        api.put("pods", a_pod("plain", "lost"))
        api.put("pods", a_pod("server", labels={"teamspawner/team": "physics"}))
        async with a_watcher(api) as watcher:
            await watcher.synced(5)
            await until(lambda: api.watching("pods") and api.watching("nodes"))
            assert watcher.snapshot().stranded == ()
            (server,) = watcher.snapshot().nodes["n1"].pods
            api.delete("nodes", "n1")
            await until(lambda: watcher.snapshot().stranded == (server,))
            api.put("nodes", a_node())
            await until(lambda: watcher.snapshot().nodes)
            assert watcher.snapshot().stranded == ()
            api.delete("nodes", "n1")
            await until(lambda: watcher.snapshot().stranded == (server,))
            api.delete("pods", "server", "default")
            await until(lambda: watcher.snapshot().stranded == ())
