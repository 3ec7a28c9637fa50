"""explain and capacity against a running API server."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.core.offering import EXAMPLE
from tests.edge.build import a_node, a_pod
from tests.edge.commands import begun, ended, write_kubeconfig
from tests.edge.fake_api import FakeApi

pytestmark = pytest.mark.asyncio


@pytest.fixture
def kubeconfig(tmp_path):
    return partial(write_kubeconfig, tmp_path / "kubeconfig")


@asynccontextmanager
async def watched(kubeconfig, *arguments):
    """Lines of ``capacity --watch``, and the process."""
    process = await begun("capacity", "--watch", "--kubeconfig", kubeconfig, *arguments)

    async def line(seconds=120):
        return (await asyncio.wait_for(process.stdout.readline(), seconds)).decode()

    try:
        yield line, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_capacity_of_a_running_cluster_has_its_time(kubeconfig):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        api.put("pods", a_pod("a"))
        path = kubeconfig(api.url)
        code, out, _ = await ended("capacity", "--kubeconfig", path, "--format", "json")
    answer = json.loads(out)
    assert (code, answer["cpu_millicores"]["used"]) == (0, 1000)
    assert answer["as_of"].endswith("Z")


async def test_explain_of_a_running_cluster(kubeconfig, tmp_path):
    the_map = tmp_path / "map.yaml"
    the_map.write_text(EXAMPLE)
    async with FakeApi() as api:
        api.put("nodes", a_node())
        where = ("--kubeconfig", kubeconfig(api.url), "--map", str(the_map), "--user", "alice")
        code, out, _ = await ended("explain", *where, "--format", "json")
    assert (code, [o["verdict"] for o in json.loads(out)["offers"]]) == (0, ["FITS_NOW"])


async def test_nodes_that_may_not_be_seen_are_null(kubeconfig):
    async with FakeApi() as api:
        api.forbidden = {"nodes", "pods"}
        code, out, _ = await ended(
            "capacity", "--kubeconfig", kubeconfig(api.url), "--format", "json"
        )
    assert (code, json.loads(out)["nodes"]) == (0, None)


async def test_a_watch_prints_a_line_at_once_and_soon_after_each_change(kubeconfig):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watched(kubeconfig(api.url), "--format", "json") as (line, _):
            first = json.loads(await line())
            assert (first["nodes"], first["cpu_millicores"]["free"]) == (1, 8000)
            at = time.monotonic()
            api.put("pods", a_pod("a", cpu="3"))
            assert json.loads(await line())["cpu_millicores"]["free"] == 5000
            assert time.monotonic() - at < 2  # half a second, and a busy machine


async def test_a_watch_says_nothing_while_nothing_changes(kubeconfig):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watched(kubeconfig(api.url)) as (line, _):
            await line()
            api.put("nodes", a_node())
            with pytest.raises(TimeoutError):
                await line(1)


async def test_a_watch_prints_at_most_four_lines_a_second(kubeconfig):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watched(kubeconfig(api.url), "--format", "json") as (line, _):
            await line()
            begun = time.monotonic()
            for number in range(20):
                api.put("pods", a_pod(f"p{number}", cpu="100m"))
                await asyncio.sleep(0.05)
            lines = 1
            while json.loads(await line())["cpu_millicores"]["used"] != 2000:
                lines += 1
            assert lines <= 1 + 4 * (time.monotonic() - begun)


async def test_a_watch_outlives_the_server(kubeconfig):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watched(kubeconfig(api.url)) as (line, process):
            assert "CPU" in await line()
            await api.down()
            await asyncio.sleep(0.5)
            assert process.returncode is None
            await api.up()
            api.put("pods", a_pod("a"))
            assert "7 of 8 free" in await line()
