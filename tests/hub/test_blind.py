"""While the watch sees no pods, what was let pass is counted until it is known to be gone."""

import asyncio

import pytest
import pytest_asyncio

from teamspawner.hub.shared import shared_by
from teamspawner.offers.reservations import Reservation
from teamspawner.sim.server.faults import Fault
from tests.hub.hubs import a_hub
from tests.hub.test_starts import A100, GPU, MAP

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
    assert (await person.start({"profile": "small"}, "other")).status == 201
    assert (await person.stop("other")).status == 204
    yield person
    sighted(cluster)
    cluster.back_to_normal()
    for server in ("", "other", "third"):
        await person.stop(server)
    await until(lambda: nothing_is_left(hub, cluster))


async def blind(cluster):
    """From now on nobody is told of a pod; what is asked of the API server is answered."""
    cluster.server.faults.set("pods", Fault(silent=True, watch_only=True))
    cluster.server.faults.cut()
    await asyncio.sleep(0.3)
    cluster.server.faults.cut()  # those that were just beginning
    await asyncio.sleep(0.7)  # one that begins after a pod was made would be told of it


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


async def failed(cluster, starting, number):
    """Let a start fail whose pod, on a machine, is seen by nobody."""
    starting = asyncio.ensure_future(starting)
    await bound(cluster, number)
    answer = await starting
    assert answer.status == 500, answer


async def test_a_start_that_fails_unseen_is_counted_while_its_pod_is_there(cluster, ada):
    await blind(cluster)
    await failed(cluster, ada.start({"profile": "small"}), 1)
    await failed(cluster, ada.start({"profile": "small"}, "other"), 2)
    third = await ada.start({"profile": "small"}, "third")
    assert (third.status, third.json["message"][:13]) == (409, "You run 2 of ")
    assert len(await cluster.pods()) == SERVERS


async def test_the_accelerators_of_a_start_that_fails_unseen_are_its_teams_still(hub, cluster, ada):
    bob = await hub.someone("bob", "arts")
    await blind(cluster)
    await failed(cluster, ada.start({"profile": GPU, "gpus": "2"}), 1)
    answer = await bob.start({"profile": GPU, "gpus": "2"})
    assert (answer.status, "uses 2 of its 3 GPUs" in answer.json["message"]) == (409, True)
    (told,) = [o for o in await offers(bob) if o["slug"] == GPU and o["options"]["gpus"] == "1"]
    assert told["count"] == 1


async def test_who_tries_again_is_not_held_back_by_what_their_own_failed_start_may_have_left(
    cluster, ada
):
    await blind(cluster)
    await failed(cluster, ada.start({"profile": "small"}), 1)
    await failed(cluster, ada.start({"profile": "small"}, "other"), 2)
    assert {o["startable"] for o in await offers(ada) if o["slug"] == "small"} == {True}
    before = [pod["metadata"]["uid"] for pod in await cluster.pods()]
    again = asyncio.ensure_future(ada.start({"profile": "small"}))
    await until(lambda: another(cluster, before))
    assert len(await cluster.pods()) == SERVERS
    sighted(cluster)
    assert (await again).status in {201, 500}


async def test_a_pod_that_a_failed_start_has_left_unseen_is_deleted_and_gives_its_place_back(
    hub, cluster, ada
):
    await blind(cluster)
    assert (await ada.start({"profile": "small"})).status == 500
    ledger = shared_by(hub.user("ada").spawner).ledger
    async with asyncio.timeout(5):
        while await cluster.pods() or len(ledger):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("running", [1, 2], ids=["below-the-cap", "at-the-cap"])
async def test_caps_are_counted_by_the_last_news_and_what_was_let_pass_since_when_news_is_old(
    hub, cluster, ada, running
):
    shared = shared_by(hub.user("ada").spawner)
    if running == SERVERS:
        assert (await ada.start({"profile": "small"}, "third")).status == 201
    await blind(cluster)
    shared._stale_after = 0.0
    try:
        await failed(cluster, ada.start({"profile": "small"}), running)
        told = (await ada.call("GET", "/teamspawner/offers?server=other")).json["offers"]
        answer = await ada.start({"profile": "small"}, "other")
    finally:
        shared._stale_after = hub.user("ada").spawner.stale_after
    (small,) = [offer for offer in told if offer["slug"] == "small"]
    assert (small["verdict"], small["startable"]) == ("UNKNOWN", running < SERVERS)
    assert "news from the cluster is too old" in small["sentence"]
    assert (answer.status == 503) is (running == SERVERS)
    if running == SERVERS:
        assert "news from the cluster is too old" in answer.json["message"]
    assert len(await cluster.pods()) == SERVERS


async def test_no_time_passes_for_a_place_while_nothing_is_heard_of_pods(hub, cluster, ada):
    shared = shared_by(hub.user("ada").spawner)
    await blind(cluster)
    await asyncio.sleep(0.3)
    shared.ledger.reserve(Reservation("t", "ada", "arts", until=shared.now()))
    await asyncio.sleep(0.3)
    shared.settle()
    assert "t" in shared.ledger
    sighted(cluster)
    await cluster.api.merge("/api/v1/nodes/node-1", {"metadata": {"labels": {"turn": ada.name}}})
    assert (await ada.start({"profile": "small"})).status == 201
    await until(lambda: over(shared, "t"))


async def over(shared, token):
    shared.settle()
    return token not in shared.ledger


async def offers(person):
    return (await person.call("GET", "/teamspawner/offers")).json["offers"]


async def another(cluster, before):
    return any(pod["metadata"]["uid"] not in before for pod in await cluster.pods())
