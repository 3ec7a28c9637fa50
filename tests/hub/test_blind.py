"""While the watch sees no pods, what was let pass is counted until it is known to be gone."""

import asyncio

import pytest
import pytest_asyncio

from teamspawner.hub.shared import shared_by
from teamspawner.sim.server.faults import Fault
from tests.hub.hubs import a_hub
from tests.hub.test_starts import A100, MAP

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

SERVERS = 2
PODS = "/api/v1/namespaces/hub/pods"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    await cluster.add_node("gpu-1", cpu="64", labels=A100, nvidia_com__gpu=8)
    kube = {"namespace": "hub", "port": cluster.port, "image": "x", "storage_pvc_ensure": False}
    settings = {"map": MAP, "start_timeout": 3}
    folder = tmp_path_factory.mktemp("hub")
    async with a_hub(folder, KubeSpawner=kube, TeamSpawner=settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def ada(hub, cluster, request):
    """Somebody new for each test, in the team; afterwards all is seen, and nothing runs."""
    person = await hub.someone(f"ada{abs(hash(request.node.nodeid)) % 10**8}", "arts")
    assert (await person.start({"profile": "small"}, "third")).status == 201
    assert (await person.stop("third")).status == 204
    yield person
    sighted(cluster)
    cluster.back_to_normal()
    for server in ("", "other", "third"):
        await person.stop(server)
    await until(lambda: nothing_is_left(hub, cluster))


def blind(cluster):
    """From now on nobody is told of a pod; what is asked of the API server is answered."""
    cluster.server.faults.set("pods", Fault(silent=True, watch_only=True))
    cluster.server.faults.cut()


def sighted(cluster):
    cluster.server.faults.clear()
    cluster.server.faults.cut()


async def nothing_is_left(hub, cluster):
    shared = shared_by(hub.user("ada").spawner)
    shared.settle()
    return not await cluster.pods() and not len(shared.ledger) and not shared.watcher.ours()


async def until(so, timeout_s=20):
    async with asyncio.timeout(timeout_s):
        while not await so():
            await asyncio.sleep(0.05)


async def bound(cluster, number):
    """Wait for so many pods and bind them, so that only a kubelet can end them."""
    await until(lambda: at_least(cluster, number))
    for pod in await cluster.pods():
        if not pod["spec"].get("nodeName"):
            name = pod["metadata"]["name"]
            binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": "node-1"}}
            await cluster.api.create(f"{PODS}/{name}/binding", binding)


async def at_least(cluster, number):
    return len(await cluster.pods()) >= number


async def test_a_start_that_fails_unseen_is_counted_while_its_pod_is_there(cluster, ada):
    blind(cluster)
    for number, server in enumerate(("", "other"), 1):
        starting = asyncio.ensure_future(ada.start({"profile": "small"}, server))
        await bound(cluster, number)
        assert (await starting).status == 500, await starting
    third = await ada.start({"profile": "small"}, "third")
    assert len(await cluster.pods()) <= SERVERS
    assert third.status == 409, third
