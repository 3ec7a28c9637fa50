"""The commands that look at the current cluster, against an API server over a real socket."""

from __future__ import annotations

import asyncio
import json

import kubernetes_asyncio.config
import kubernetes_asyncio.config.kube_config
import pytest

from teamspawner.cli import live, main
from tests.edge.build import a_node, a_pod
from tests.edge.fake_api import FakeApi

pytestmark = pytest.mark.asyncio

POD = {"kind": "Pod", "metadata": {"name": "ours"}, "spec": {"containers": [
    {"name": "c", "resources": {"requests": {"cpu": "4"}}}]}}  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a thread against the API server at a URL."""

    def use(path):
        """The client library reads ``KUBECONFIG`` once, when it is imported."""
        for module in (kubernetes_asyncio.config, kubernetes_asyncio.config.kube_config):
            monkeypatch.setattr(module, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))

    def point(url):
        config = {
            "kind": "Config",
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{"name": "x", "cluster": {"server": url}}],
            "users": [{"name": "x", "user": {"token": "t"}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        use(path)

    async def call(url, *words, pod=POD):
        point(url)
        path = tmp_path / "pod.json"
        path.write_text(json.dumps(pod))
        given = ["fit", "-f", str(path), *words] if not words or words[0][0] == "-" else words
        code = await asyncio.to_thread(main, [*given, "--format", "json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else None, err

    call.point, call.use = point, use
    return call


async def test_fit_judges_the_current_cluster_and_says_when_it_was_seen(run):
    async with FakeApi() as api:
        api.put("nodes", a_node("n1"))
        api.put("nodes", a_node("n2"))
        api.put("pods", a_pod("x", "n1", "6"))
        code, out, err = await run(api.url)
    assert (code, err) == (0, "")
    assert out["results"][0]["nodes"] == ["n2"]
    assert out["as_of"].endswith("Z")


async def test_a_kind_that_may_not_be_seen_is_told_and_what_hangs_on_it_is_not_known(run):
    async with FakeApi() as api:
        api.put("nodes", a_node("n1"))
        api.forbidden = {"pods"}
        code, out, err = await run(api.url)
    assert (code, out["results"][0]["verdict"]) == (1, "UNKNOWN")
    assert "cannot see pods" in err


async def test_a_pod_without_volumes_needs_no_sight_of_them(run):
    async with FakeApi() as api:
        api.put("nodes", a_node("n1"))
        api.forbidden = {"persistentvolumeclaims", "persistentvolumes", "storageclasses"}
        code, out, err = await run(api.url)
    assert (code, out["results"][0]["nodes"]) == (0, ["n1"])
    assert len(err.splitlines()) == 1
    assert all(kind in err for kind in api.forbidden)


async def test_an_object_that_cannot_be_read_is_told(run):
    async with FakeApi() as api:
        api.put("nodes", a_node("n1"))
        api.put("nodes", a_node("bad", allocatable={"cpu": "many"}))
        code, _, err = await run(api.url)
    assert code == 0
    assert "left out nodes bad" in err


@pytest.mark.parametrize(("image", "minor"), [("x:v1.30.14", 30), ("x:latest", 35)])
async def test_the_scheduler_is_the_hubs_own_else_the_clusters(run, image, minor):
    async with FakeApi() as api:
        api.put("nodes", a_node("n1"))
        labels = {"component": "user-scheduler"}
        spec = {"containers": [{"name": "s", "image": image}]}
        api.put("pods", a_pod("user-scheduler", "n1", labels=labels, spec=spec))
        run.point(api.url)
        async with live.watching(None, None) as watcher:
            await live.everything_seen(watcher)
            assert watcher.rules.minor == minor


async def test_a_server_that_is_not_there_is_exit_3(run):
    async with FakeApi() as api:
        gone = api.url
    code, out, err = await run(gone)
    assert (code, out) == (3, None)
    assert "cannot reach the cluster" in err


async def test_no_kubeconfig_is_exit_3(run, tmp_path, capsys):
    run.use(tmp_path / "none")
    path = tmp_path / "pod.json"
    path.write_text(json.dumps(POD))
    assert await asyncio.to_thread(main, ["fit", "-f", str(path)]) == 3
    assert "cannot reach" in capsys.readouterr().err


async def test_capacity_and_explain_look_at_the_current_cluster_too(run, tmp_path):
    team_map = tmp_path / "map.json"
    tier = {"name": "Small", "cpu": 1, "memory": "1Gi"}
    team = {"groups": ["*"], "tiers": ["small"], "images": ["x"]}
    images = {"x": {"name": "X", "image": "x"}}
    content = {"version": 1, "tiers": {"small": tier}, "images": images, "teams": {"all": team}}
    team_map.write_text(json.dumps(content))
    async with FakeApi() as api:
        api.put("nodes", a_node("n1"))
        _, capacity, _ = await run(api.url, "capacity")
        words = ("explain", "--map", str(team_map), "--user", "ada")
        _, explained, _ = await run(api.url, *words)
    assert capacity["cpu_millicores"]["free"] == 8000
    assert explained["offers"][0]["verdict"] == "FITS_NOW"
