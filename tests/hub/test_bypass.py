"""What an admin may see and start beyond teams and caps is the admin's alone."""

import pytest

from tests.hub.attacks import MAP
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]


async def test_an_admin_who_looked_at_somebodys_page_leaves_nothing_for_them_to_see(
    cluster, tmp_path
):
    kube = {"namespace": "hub", "port": cluster.port, "image": "x", "storage_pvc_ensure": False}
    settings = {"map": MAP, "admin_bypass": True}
    async with a_hub(tmp_path, KubeSpawner=kube, TeamSpawner=settings) as hub:
        ada, root = await hub.someone("ada", "arts"), await hub.someone("root")
        assert "secret" in (await root.browse("GET", "/hub/spawn/ada")).text
        told = (await ada.call("GET", "/teamspawner/offers")).json["offers"]
        assert {offer["tier"] for offer in told} == {"small", "vast"}
        assert (await ada.start({"profile": "secret"})).status == 403
        told = (await root.call("GET", "/teamspawner/offers?user=ada")).json["offers"]
        assert "secret" in {offer["tier"] for offer in told}
