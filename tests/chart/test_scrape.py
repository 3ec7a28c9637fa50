"""A real Prometheus scrapes a hub with the monitoring layer, and is asked what the docs ask."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess

import aiohttp
import pytest
import pytest_asyncio
import yaml

from tests.chart.layers import ROOT, VALUES, read
from tests.controlplane.cluster import free_port
from tests.hub.cluster import NAMESPACE, a_cluster
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]
PROMETHEUS = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None, reason="prometheus is not here: apt-get install prometheus"
)
TOKEN = "the-token-that-the-chart-makes-for-prometheus"
LAYER = read(VALUES / "30-monitoring.yaml")["hub"]
SERVICES = [{"name": name, "api_token": TOKEN, **each} for name, each in LAYER["services"].items()]
ROLES = [{"name": name, **each} for name, each in LAYER["loadRoles"].items()]
MODEL = "NVIDIA-A100-SXM4-80GB"
MAP = {
    "tiers": {
        "small": {"cpu": 1, "memory": "1Gi"},
        "gpu": {"gpu": {"counts": [1, 2]}, "per_gpu": {"cpu": 1, "memory": "1Gi"}},
    },
    "teams": {"physics": {"groups": ["physics"], "tiers": ["small", "gpu"]}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scraped")
    async with a_cluster(folder) as cluster:
        labels = {"nvidia.com/gpu.product": MODEL}
        await cluster.add_node("gpu-1", labels=labels, nvidia_com__gpu=1)
        spawner = {
            "namespace": NAMESPACE,
            "port": cluster.port,
            "image": "none:1",
            "storage_pvc_ensure": False,
        }
        settings = {"services": SERVICES, "load_roles": ROLES, "authenticate_prometheus": True}
        async with a_hub(
            folder,
            JupyterHub=settings,
            KubeSpawner=spawner,
            TeamSpawner={"map": MAP, "dry_run": False},
        ) as hub:
            yield hub


async def _status(hub, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{hub.url}/hub/metrics"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_only_the_token_with_the_role_reads_the_metrics(hub):
    person = await hub.someone("reader")
    assert (await _status(hub))[0] == 403
    assert (await _status(hub, person.token))[0] == 403
    status, text = await _status(hub, TOKEN)
    assert status == 200
    assert "jupyterhub_teamspawner_page_seconds_count" in text


async def test_what_a_person_types_never_becomes_a_label(hub):
    person = await hub.someone("mallory", "physics")
    await person.start({"profile": "zzz-typed-by-mallory", "team": "zzz-typed-by-mallory"})
    _, text = await _status(hub, TOKEN)
    assert "jupyterhub_teamspawner_refusals_total" in text
    assert "zzz-typed" not in text


@pytest_asyncio.fixture(loop_scope="module")
async def prometheus(hub, tmp_path):
    """Scrapes the hub every half second; yields the address of its API."""
    (tmp_path / "token").write_text(TOKEN)
    job = {
        "job_name": "jupyterhub",
        "scrape_interval": "500ms",
        "scrape_timeout": "400ms",
        "metrics_path": "/hub/metrics",
        "authorization": {"credentials_file": str(tmp_path / "token")},
        "static_configs": [{"targets": [hub.url.removeprefix("http://")]}],
    }
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                PROMETHEUS,
                f"--config.file={tmp_path}/prometheus.yaml",
                f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}/api/v1/query"
    finally:
        process.terminate()
        process.wait()


async def _ask(address, query, true=bool, seconds=40):
    """Ask until the answer is true of what is wanted; the answer's rows."""
    rows = []
    async with aiohttp.ClientSession() as session:
        for _ in range(seconds * 4):
            try:
                async with session.get(address, params={"query": query}) as answer:
                    rows = (await answer.json()).get("data", {}).get("result", [])
            except aiohttp.ClientConnectionError:
                rows = []
            if true(rows):
                return rows
            await asyncio.sleep(0.25)
    raise AssertionError(f"asked in vain: {query}: {rows}")


async def _until_seen(person):
    for _ in range(100):
        listing = (await person.call("GET", f"/teamspawner/offers?user={person.name}")).json
        found = [o for o in listing["offers"] if o["tier"] == "gpu" and o["startable"]]
        if found:
            return found[0]
        await asyncio.sleep(0.1)
    raise AssertionError(listing)


def _question():
    text = (ROOT / "docs/monitoring.md").read_text()
    asked = re.search(r"got none this week:\n\n```promql\n(.*?)\n```", text, re.DOTALL)
    return asked[1]


@needs_prometheus
async def test_prometheus_learns_who_wanted_what_and_got_none(hub, prometheus):
    lucky = await hub.someone("lucky", "physics")
    late = await hub.someone("late", "physics")
    offer = await _until_seen(lucky)
    for person in (lucky, late):
        assert (await person.browse("GET", f"/hub/spawn/{person.name}")).status == 200
    zero = '{reason="busy", tier="gpu"} == 0'
    await _ask(prometheus, f"jupyterhub_teamspawner_refusals_total{zero}")
    wanted = {"profile": offer["slug"], "gpus": "1", "team": "physics"}
    assert (await lucky.start(wanted)).status == 201
    assert (await late.start(wanted)).status == 409

    [row] = await _ask(prometheus, _question())
    assert row["metric"] == {
        "team": "physics",
        "tier": "gpu",
        "model": MODEL,
        "reason": "busy",
    }
    held = 'jupyterhub_teamspawner_accelerators_in_use{team="physics"} == 1'
    [row] = await _ask(prometheus, held)
    assert (row["metric"]["model"], row["metric"]["kind"]) == (MODEL, "whole")
    assert await _ask(prometheus, "jupyterhub_teamspawner_watch_age_seconds < 120")
    assert await _ask(prometheus, f'jupyterhub_teamspawner_starts_total{{model="{MODEL}"}} == 1')
