"""A hub that starts again with servers running: they stay, and caps count them at once."""

import pytest

from teamspawner.hub import shared
from tests.hub.hubs import a_hub
from tests.hub.test_starts import A100, GPU, MAP

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]


async def test_caps_are_right_from_the_first_request_after_a_restart(cluster, tmp_path):
    await cluster.add_node("gpu-1", labels=A100, nvidia_com__gpu=8)
    kube = {"namespace": "hub", "port": cluster.port, "image": "x", "storage_pvc_ensure": False}
    settings = {"KubeSpawner": kube, "TeamSpawner": {"map": MAP}}
    async with a_hub(tmp_path, **settings) as hub:
        ada = await hub.someone("ada", "arts")
        assert (await ada.start({"profile": GPU, "gpus": "2"})).status == 201
    shared._ALL.clear()
    async with a_hub(tmp_path, **settings) as hub:
        bob = await hub.someone("bob", "arts")
        answer = await bob.start({"profile": GPU, "gpus": "2"})
        assert (answer.status, "uses 2 of its 3 GPUs" in answer.json["message"]) == (409, True)
        ada = await hub.someone("ada", "arts")
        state = hub.user("ada").spawner.get_state()
        assert state["teamspawner"]["tier"] == "gpu"
        assert (await ada.stop()).status == 204
        assert (await bob.start({"profile": GPU, "gpus": "2"})).status == 201
        await bob.stop()
