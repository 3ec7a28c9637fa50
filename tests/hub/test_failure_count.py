"""Refusals never bring the hub nearer to restarting itself; real failures still do."""

import pytest
import pytest_asyncio

from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]


def broken_hook(spawner):
    if spawner.user.name == "unlucky":
        raise RuntimeError("the admin's hook is broken")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    spawner = {
        "namespace": "hub",
        "port": cluster.port,
        "image": "none:1",
        "storage_pvc_ensure": False,
        "profile_list": [{"slug": "cpu", "display_name": "CPU"}],
        "consecutive_failure_limit": 5,
        "pre_spawn_hook": broken_hook,
    }
    folder = tmp_path_factory.mktemp("hub")
    async with a_hub(folder, KubeSpawner=spawner, TeamSpawner={"dry_run": False}) as running:
        yield running


async def test_twenty_refusals_count_nothing_and_one_failure_counts_one(hub):
    ada, unlucky = await hub.someone("ada"), await hub.someone("unlucky")
    for number in range(20):
        wanted = {"profile": "nope"} if number % 2 else {"profile": ["cpu"]}
        assert (await ada.start(wanted)).status in {400, 403}
    assert hub.failures == 0
    assert (await unlucky.start({"profile": "cpu"})).status == 500
    assert hub.failures == 1
    assert (await ada.start({"profile": "nope"})).status == 403
    assert hub.failures == 1
    assert "Aborting due to" not in hub.log.text


async def test_after_a_refusal_the_limit_holds_as_before(hub):
    ada = await hub.someone("ada")
    await ada.start({"profile": "nope"})
    assert (await ada.start({"profile": "cpu"})).status == 201
    assert hub.user("ada").spawner.consecutive_failure_limit == 5
    assert hub.failures == 0
    await ada.stop()
