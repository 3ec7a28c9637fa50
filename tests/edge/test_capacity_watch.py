"""``teamspawner capacity --watch`` as a process, against an API server that comes and goes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.edge.build import a_node, a_pod
from tests.edge.fake_api import FakeApi

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def watching(api_url: str, folder: Path):
    """The command at work; gives its process."""
    config = folder / "kubeconfig"
    cluster = {"name": "a", "cluster": {"server": api_url}}
    context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
    user = {"name": "a", "user": {}}
    whole = {"current-context": "a", "contexts": [context], "clusters": [cluster], "users": [user]}
    config.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **whole}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "teamspawner", "capacity", "--watch", "--format", "json"),
        env={**os.environ, "KUBECONFIG": str(config), "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def line(process, seconds: float = 20) -> dict:
    async with asyncio.timeout(seconds):
        return json.loads(await process.stdout.readline())


async def test_a_line_comes_at_once_and_soon_after_each_change(tmp_path):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watching(api.url, tmp_path) as process:
            first = await line(process)
            assert (first["nodes"], first["cpu_millicores"]["free"]) == (1, 8000)
            await asyncio.sleep(0.5)
            begun = time.monotonic()
            api.put("pods", a_pod("a", cpu="3"))
            assert (await line(process, 5))["cpu_millicores"]["free"] == 5000
            assert time.monotonic() - begun < 2  # half a second, and a busy machine


async def test_nothing_is_said_while_nothing_changes(tmp_path):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watching(api.url, tmp_path) as process:
            await line(process)
            api.put("nodes", a_node())
            with pytest.raises(TimeoutError):
                await line(process, 1)


async def test_an_outage_does_not_end_it(tmp_path):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watching(api.url, tmp_path) as process:
            await line(process)
            await api.down()
            await asyncio.sleep(0.5)
            await api.up()
            api.put("pods", a_pod("a", cpu="3"))
            assert (await line(process, 15))["cpu_millicores"]["used"] == 3000
            assert process.returncode is None


async def test_at_most_four_lines_a_second(tmp_path):
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with watching(api.url, tmp_path) as process:
            await line(process)
            for number in range(20):
                api.put("pods", a_pod(f"p{number}", cpu="100m"))
                await asyncio.sleep(0.05)
            lines = 1
            while (await line(process))["cpu_millicores"]["used"] != 2000:
                lines += 1
            assert lines <= 7


async def test_a_cluster_that_never_answers_is_not_reachable(tmp_path):
    async with watching("http://127.0.0.1:9", tmp_path) as process:
        assert await process.wait() == 3
        assert b"cannot reach the cluster" in await process.stderr.read()
