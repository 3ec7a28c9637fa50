"""A hub that starts again with servers running: they stay, and caps count them at once."""

import asyncio

import pytest
import pytest_asyncio
from kubespawner import KubeSpawner

from teamspawner.hub import shared
from teamspawner.sim.server.faults import Fault
from tests.hub.hubs import a_hub
from tests.hub.test_starts import A100, GPU, MAP

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]


@pytest_asyncio.fixture(autouse=True, scope="module", loop_scope="module")
async def a_node_with_gpus(cluster):
    await cluster.add_node("gpu-1", labels=A100, nvidia_com__gpu=8)


def settings(cluster):
    kube = {"namespace": "hub", "port": cluster.port, "image": "x", "storage_pvc_ensure": False}
    return {"KubeSpawner": kube, "TeamSpawner": {"map": MAP}}


async def test_caps_are_right_from_the_first_request_after_a_restart(cluster, tmp_path):
    async with a_hub(tmp_path, **settings(cluster)) as hub:
        ada = await hub.someone("ada", "arts")
        assert (await ada.start({"profile": GPU, "gpus": "2"})).status == 201
    shared._ALL.clear()
    async with a_hub(tmp_path, **settings(cluster)) as hub:
        bob = await hub.someone("bob", "arts")
        answer = await bob.start({"profile": GPU, "gpus": "2"})
        assert (answer.status, "uses 2 of its 3 GPUs" in answer.json["message"]) == (409, True)
        ada = await hub.someone("ada", "arts")
        state = hub.user("ada").spawner.get_state()
        assert state["teamspawner"]["tier"] == "gpu"
        assert (await ada.stop()).status == 204
        assert (await bob.start({"profile": GPU, "gpus": "2"})).status == 201
        await bob.stop()


class _Plain(KubeSpawner):
    """Named by the site after our setup, as docs/trouble.md says to switch TeamSpawner off."""


async def test_a_hub_goes_on_with_kubespawner_alone_and_comes_back(cluster, tmp_path):
    async with a_hub(tmp_path, **settings(cluster)) as hub:
        ada = await hub.someone("ada", "arts")
        assert (await ada.start({"profile": GPU, "gpus": "2"})).status == 201
    async with a_hub(tmp_path, JupyterHub={"spawner_class": _Plain}, **settings(cluster)) as hub:
        ada, bob = await hub.someone("ada", "arts"), await hub.someone("bob", "arts")
        assert (await ada.call("GET", "/users/ada")).json["servers"][""]["ready"]
        assert (await bob.start()).status == 201
        assert (await ada.stop()).status == 204
    shared._ALL.clear()
    async with a_hub(tmp_path, **settings(cluster)) as hub:
        ada, bob = await hub.someone("ada", "arts"), await hub.someone("bob", "arts")
        assert (await bob.call("GET", "/users/bob")).json["servers"][""]["ready"]
        assert (await ada.start({"profile": GPU, "gpus": "2"})).status == 201
        assert [(await each.stop()).status for each in (ada, bob)] == [204, 204]


async def test_a_server_is_not_forgotten_by_a_hub_that_starts_while_the_api_server_is_away(
    cluster, tmp_path
):
    cluster.back_to_normal()
    async with a_hub(tmp_path, **settings(cluster)) as hub:
        ada = await hub.someone("ada", "arts")
        assert (await ada.start({"profile": "small"})).status == 201
        (pod,) = await cluster.pods()
    await KubeSpawner._stop_all_reflectors()
    KubeSpawner.reflectors.clear()
    cluster.server.faults.away = True
    async with a_hub(tmp_path, **settings(cluster)) as hub:
        ada, bob = await hub.someone("ada", "arts"), await hub.someone("bob", "arts")
        assert (await ada.call("GET", "/users/ada")).json["servers"][""]["ready"]
        assert (await bob.browse("GET", "/hub/spawn-pending/bob")).status == 200
        assert (await bob.start({"profile": "small"})).status == 503
        cluster.server.faults.clear()
        assert await hub.user("ada").spawner.poll() is None
        assert [each["metadata"]["uid"] for each in await cluster.pods()] == [
            pod["metadata"]["uid"]
        ]
        assert (await ada.stop()).status == 204
        assert await hub.user("ada").spawner.poll() == 1
        assert await cluster.pods() == []


async def test_a_server_that_is_stopped_while_the_api_server_is_away_is_stopped_when_it_is_back(
    cluster, tmp_path
):
    cluster.back_to_normal()
    kube = {"namespace": "hub", "port": cluster.port, "image": "x", "storage_pvc_ensure": False}
    brief = {"tornado_settings": {"slow_stop_timeout": 1}}
    settings = {"KubeSpawner": kube, "TeamSpawner": {"map": MAP}, "JupyterHub": brief}
    async with a_hub(tmp_path, **settings) as hub:
        ada = await hub.someone("ada", "arts")
        assert (await ada.start({"profile": "small"})).status == 201
        cluster.server.faults.away = True
        assert (await ada.stop()).status == 202
        assert (await ada.call("GET", "/users/ada")).json["servers"][""]["pending"] == "stop"
        cluster.server.faults.clear()
        async with asyncio.timeout(20):
            while await cluster.pods() or (await ada.call("GET", "/users/ada")).json["servers"]:
                await asyncio.sleep(0.2)


async def test_a_first_list_of_pods_that_is_cancelled_keeps_nobody_waiting(cluster, tmp_path):
    async with a_hub(tmp_path, **settings(cluster)) as hub:
        await KubeSpawner._stop_all_reflectors()
        KubeSpawner.reflectors.clear()
        spawner = hub.user("ada").spawner
        cluster.server.faults.set("pods", Fault(delay_s=0.5))
        first = asyncio.ensure_future(spawner.poll())
        await asyncio.sleep(0.2)
        first.cancel()
        cluster.server.faults.clear()
        async with asyncio.timeout(15):
            assert await spawner.poll() == 1


async def test_a_pod_left_by_a_start_that_the_hub_did_not_outlive_blocks_nobody_for_ever(
    cluster, tmp_path
):
    cluster.back_to_normal()
    async with a_hub(tmp_path, **settings(cluster)) as hub:
        ada, bob = await hub.someone("ada", "arts"), await hub.someone("bob", "arts")
        assert (await ada.start({"profile": GPU, "gpus": "2"})).status == 201
        (pod,) = await cluster.pods()
        assert (await ada.stop()).status == 204
        left = {"name": pod["metadata"]["name"], "labels": pod["metadata"]["labels"]}
        left["annotations"] = pod["metadata"]["annotations"]
        spec = {key: pod["spec"][key] for key in ("containers", "nodeName")}
        await cluster.api.create(
            "/api/v1/namespaces/hub/pods",
            {"apiVersion": "v1", "kind": "Pod", "metadata": left, "spec": spec},
        )
        while not shared.shared_by(hub.user("ada").spawner).watcher.ours():
            await asyncio.sleep(0.05)
        others = (await bob.call("GET", "/teamspawner/offers")).json["offers"]
        assert [offer["startable"] for offer in others if offer["slug"] == GPU] == [True, False]
        own = (await ada.call("GET", "/teamspawner/offers")).json["offers"]
        assert [offer["startable"] for offer in own if offer["slug"] == GPU] == [True, True]
        assert (await bob.start({"profile": GPU, "gpus": "2"})).status == 409
        assert (await ada.start({"profile": GPU, "gpus": "2"})).status == 201
        (new,) = await cluster.pods()
        assert new["metadata"]["uid"] != pod["metadata"]["uid"]
        assert (await ada.stop()).status == 204
