"""The place of a start is given back when it is known that there is no pod, and no sooner."""

import asyncio
import itertools
import time

import pytest
import pytest_asyncio
from kubernetes_asyncio.client import ApiException

from teamspawner.hub.shared import shared_by
from teamspawner.offers.labels import START_LABEL
from teamspawner.offers.reservations import Reservation
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

NAMES = (f"jupyter-{number}" for number in itertools.count())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spawner(cluster, tmp_path_factory):
    async with a_hub(tmp_path_factory.mktemp("hub"), KubeSpawner={"namespace": "hub"}) as hub:
        yield hub.user("ada").spawner


class Start:
    """A start of a server of this name, which holds its place."""

    def __init__(self, spawner, name):
        self.shared, self.name = shared_by(spawner), name
        self.path = f"/api/v1/namespaces/hub/pods/{name}"
        self.place = type(spawner.gate.place)(spawner, lambda: self.shared)
        token = self.place.new_token()
        until = self.shared.now() + 600
        self.place.reserve(Reservation(token, "ada", "arts", until=until))

    async def ask(self, request):
        return await self.place.take("hub", self.name, request)

    async def land(self, cluster):
        """Make the pod, as the API server does at last."""
        labels = {START_LABEL: self.place.token, "teamspawner/team": "arts"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name, "labels": labels},
            "spec": {"containers": [{"name": "c", "image": "x"}]},
        }
        await cluster.api.create("/api/v1/namespaces/hub/pods", pod)

    @property
    def shown(self):
        """Whether the watch shows the pod."""
        return self.name in {pod.name for pod in self.shared.watcher.ours()}

    @property
    def holds(self):
        return self.place.token in self.shared.ledger


@pytest_asyncio.fixture(loop_scope="module")
async def start(spawner):
    made = Start(spawner, next(NAMES))
    yield made
    made.shared.ledger.release(made.place.token)


async def answered(made, after_s=0.0):
    await asyncio.sleep(after_s)
    return made


async def refused(after_s=0.0, status=403):
    await asyncio.sleep(after_s)
    raise ApiException(status=status)


async def until(so):
    async with asyncio.timeout(5):
        while not so():
            await asyncio.sleep(0.02)


async def cut_off(asking, after_s=0.05):
    asking = asyncio.ensure_future(asking)
    await asyncio.sleep(after_s)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_start_that_asked_for_no_pod_gives_its_place_back_at_once(start):
    start.place.ended(well=False)
    assert not start.holds


async def test_a_start_that_goes_well_keeps_its_place_until_its_pod_is_seen(start):
    await start.ask(answered(True))
    start.place.ended(well=True)
    assert start.holds


async def test_a_start_whose_pod_was_made_keeps_its_place_when_it_fails(start):
    assert await start.ask(answered(True))
    start.place.ended(well=False)
    assert start.holds


async def test_a_minute_of_news_that_do_not_show_a_pod_proves_that_there_is_none(start):
    await start.ask(answered(True))
    over = start.shared.now()
    start.place.ended(well=False)
    start.shared.ledger.expire(over + 59)
    assert start.holds
    start.shared.ledger.expire(over + 61)
    assert not start.holds


async def test_a_start_whose_pod_was_refused_gives_its_place_back_at_once(start):
    with pytest.raises(ApiException):
        await start.ask(refused())
    start.place.ended(well=False)
    assert not start.holds


async def test_a_start_whose_pod_may_have_been_made_keeps_its_place(start):
    assert not await start.ask(answered(False))
    start.place.ended(well=False)
    assert start.holds


async def test_a_fault_of_the_api_server_tells_nothing_of_the_pod(start):
    with pytest.raises(ApiException):
        await start.ask(refused(status=500))
    start.place.ended(well=False)
    assert start.holds


async def test_a_refusal_tells_nothing_of_what_an_earlier_request_has_made(start):
    await start.ask(answered(False))
    with pytest.raises(ApiException):
        await start.ask(refused())
    start.place.ended(well=False)
    assert start.holds


async def test_a_start_that_is_cancelled_waits_for_the_answer_to_its_request(start):
    await cut_off(start.ask(refused(after_s=0.3)))
    start.place.ended(well=False)
    assert not start.holds


async def test_a_start_that_is_cancelled_does_not_wait_for_long(start):
    began = time.monotonic()
    await cut_off(start.ask(answered(False, after_s=60)))
    assert time.monotonic() - began < 1
    start.place.ended(well=False)
    assert start.holds


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut-off"])
async def test_a_request_that_met_another_pod_of_the_name_has_made_none(start, cut):
    async def conflict():
        start.place.stopping()
        await asyncio.sleep(60 if cut else 0)
        start.place.stopped()
        return False

    if cut:
        await cut_off(start.ask(conflict()))
    else:
        await start.ask(conflict())
    start.place.ended(well=False)
    assert not start.holds


async def test_a_pod_that_was_made_proves_that_no_earlier_one_of_its_name_is_left(spawner, start):
    await start.ask(answered(True))
    start.place.ended(well=False)
    other, again = Start(spawner, next(NAMES)), Start(spawner, start.name)
    await other.ask(answered(True))
    assert start.holds
    await again.ask(answered(True))
    assert (start.holds, other.holds, again.holds) == (False, True, True)
    for each in (other, again):
        each.shared.ledger.release(each.place.token)


async def test_jupyterhub_being_done_with_a_server_tells_nothing_of_its_pod(
    spawner, cluster, start
):
    cluster.server.faults.away = True
    await start.ask(answered(True))
    start.place.ended(well=True)
    start.place.give_back()
    await asyncio.sleep(0.2)
    assert start.holds
    cluster.server.faults.clear()
    await until(lambda: not start.holds)


@pytest.mark.parametrize("later", [False, True], ids=["none-was-answered", "a-later-one-was"])
async def test_a_pod_that_is_not_there_may_come_while_a_request_was_not_answered(start, later):
    await start.ask(answered(False))
    if later:
        await start.ask(answered(True))
    start.place.ended(well=False)
    start.place.give_back()
    await asyncio.sleep(0.2)
    assert start.holds


async def test_a_pod_that_comes_after_its_server_was_stopped_is_deleted(cluster, start):
    await start.ask(answered(False))
    start.place.ended(well=False)
    start.place.stopping()
    start.place.stopped()
    start.place.give_back()
    await asyncio.sleep(0.2)
    await start.land(cluster)
    await until(lambda: start.shown)
    await until(lambda: not start.shown)


async def test_a_server_that_was_seen_and_is_stopped_is_not_asked_for_again(cluster, start):
    await start.ask(answered(True))
    start.place.ended(well=True)
    await start.land(cluster)
    await until(lambda: start.shown)
    start.place.stopping()
    start.place.stopped()
    cluster.server.seen.clear()
    start.place.give_back()
    await asyncio.sleep(0.2)
    assert not start.holds
    assert start.path not in {seen.path for seen in cluster.server.seen}
    await cluster.api.delete(start.path, 0)


async def test_a_server_whose_stop_was_not_taken_is_stopped_all_the_same(cluster, start):
    await start.ask(answered(True))
    await start.land(cluster)
    await until(lambda: start.shown)
    start.place.ended(well=True)
    start.place.stopping()
    start.place.give_back()
    await until(lambda: not start.shown)


async def test_a_server_that_nobody_stopped_is_left_alone(cluster, start):
    await start.ask(answered(True))
    start.place.ended(well=True)
    await start.land(cluster)
    start.place.give_back()
    await until(lambda: start.shown)
    await asyncio.sleep(0.7)
    assert not start.holds
    assert start.shown
    await cluster.api.delete(start.path, 0)
