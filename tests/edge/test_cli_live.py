"""explain and capacity against a running API server."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager

import pytest

from tests.core.offering import EXAMPLE
from tests.edge.build import a_node, a_pod
from tests.edge.fake_api import FakeApi

pytestmark = pytest.mark.asyncio


@pytest.fixture
def kubeconfig(tmp_path):
    def write(url):
        path = tmp_path / "kubeconfig"
        named = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path.write_text(json.dumps(named))
        return str(path)

    return write


async def begun(*arguments):
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "teamspawner", *arguments, stdout=pipe, stderr=pipe
    )


async def ended(*arguments):
    process = await begun(*arguments)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def watched(kubeconfig, *arguments):
    """Lines of ``capacity --watch``, and the process."""
    process = await begun("capacity", "--watch", "--kubeconfig", kubeconfig, *arguments)

    async def line():
        return (await asyncio.wait_for(process.stdout.readline(), 30)).decode()

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


async def test_a_cluster_that_is_not_there_ends_with_3(kubeconfig):
    async with FakeApi() as api:
        path = kubeconfig(api.url)
    code, out, err = await ended("capacity", "--kubeconfig", path)
    assert (code, out) == (3, "")
    assert "cannot reach the cluster" in err


async def test_a_cluster_that_does_not_know_who_asks_ends_with_3(kubeconfig):
    async with FakeApi() as api:
        api.strict = True
        path = kubeconfig(api.url)
        for more in ([], ["--watch"]):
            code, out, err = await ended("capacity", "--kubeconfig", path, *more)
            assert (code, out) == (3, "")
            assert "HTTP 401" in err


async def test_nodes_that_may_not_be_seen_are_null(kubeconfig):
    async with FakeApi() as api:
        api.forbidden = {"nodes", "pods"}
        code, out, _ = await ended(
            "capacity", "--kubeconfig", kubeconfig(api.url), "--format", "json"
        )
    assert (code, json.loads(out)["nodes"]) == (0, None)


async def test_a_watch_prints_a_line_at_first_and_then_for_each_change(kubeconfig):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watched(kubeconfig(api.url), "--format", "json") as (line, _):
            assert json.loads(await line())["cpu_millicores"]["used"] == 0
            api.put("pods", a_pod("a"))
            at = time.monotonic()
            assert json.loads(await line())["cpu_millicores"]["used"] == 1000
            assert time.monotonic() - at < 2


async def test_a_watch_outlives_the_server(kubeconfig):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watched(kubeconfig(api.url)) as (line, process):
            assert "CPU" in await line()
            await api.down()
            await asyncio.sleep(1)
            assert process.returncode is None
            await api.up()
            api.put("pods", a_pod("a"))
            assert "7 of 8 free" in await line()


async def test_a_watch_of_a_cluster_that_is_not_there_ends_with_3(kubeconfig):
    async with FakeApi() as api:
        path = kubeconfig(api.url)
    code, _, err = await ended("capacity", "--watch", "--kubeconfig", path)
    assert (code, bool(err)) == (3, True)
