"""What a hub still holds of starts that failed and of people who have closed the page."""

from __future__ import annotations

import gc

import pytest
import pytest_asyncio
from kubernetes_asyncio.client import V1Pod

from teamspawner.capacity.objects import Snapshot
from teamspawner.hub.known import LET_GO_S, Known
from teamspawner.offers.profile_choices import PLAIN, every_choice
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

TOO_LARGE = {"slug": "large", "kubespawner_override": {"cpu_guarantee": 500}}
SMALL = {"slug": "small", "kubespawner_override": {"cpu_guarantee": 1}}
(CHOICE,) = every_choice(PLAIN)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    kube = {
        "namespace": "hub",
        "port": cluster.port,
        "image": "none:1",
        "storage_pvc_ensure": False,
        "profile_list": [{"display_name": each["slug"], **each} for each in (SMALL, TOO_LARGE)],
    }
    team = {"unschedulable_grace": 0.0}
    async with a_hub(tmp_path_factory.mktemp("hub"), KubeSpawner=kube, TeamSpawner=team) as running:
        yield running


def held(kind):
    gc.collect()
    return sum(isinstance(each, kind) for each in gc.get_objects())


def unplaced(cluster):
    cluster.placed = lambda _pod: None


@pytest.mark.parametrize(
    ("wanted", "trouble"),
    [
        pytest.param("large", None, id="refused by the gate"),
        pytest.param("small", unplaced, id="ended while it waited for room"),
    ],
)
async def test_a_start_that_failed_keeps_no_pod_and_no_picture_of_the_cluster(
    hub, cluster, wanted, trouble
):
    await hub.someone("first")
    if trouble:
        trouble(cluster)
    people = [await hub.someone(f"{wanted}{number}") for number in range(6)]
    before, pods = held(Snapshot), held(V1Pod)
    for number, person in enumerate(people):
        await cluster.add_node(f"{wanted}-{number}")  # the cluster is another one each time
        answer = await person.start({"profile": wanted})
        assert answer.status == 409, answer
    assert (held(Snapshot) - before < 3, held(V1Pod) - pods < 3) == (True, True)
    cluster.back_to_normal()


async def test_options_that_can_never_start_are_not_held_by_the_hub(hub):
    person = await hub.someone("greedy")
    giant = {"profile": "small", "x": "y" * 100_000}
    assert (await person.start(giant)).status == 413
    assert hub.user("greedy").spawners[""].user_options == {}


async def test_an_answered_question_of_an_open_page_is_let_go_of(hub):
    person = await hub.someone("polls")
    await person.browse("GET", "/hub/spawn")
    assert (await person.call("GET", "/teamspawner/offers")).status == 200
    assert hub.user("polls").spawners[""].handler is None


async def test_the_pods_of_a_person_who_closed_the_page_are_let_go_of(hub):
    now = [0.0]
    known = Known(hub.user("closes").spawners[""], lambda: now[0])
    await known.shapes().make([CHOICE])
    now[0] = LET_GO_S - 1
    known.let_go()
    assert known.shapes().known(CHOICE)
    now[0] = 3 * LET_GO_S
    known.let_go()
    assert known.shapes().known(CHOICE) is None
