"""Pods that nobody has seen are asked for until it is known whether they are there."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from kubernetes_asyncio.client import ApiClient, ApiException, Configuration, CoreV1Api

from teamspawner.hub.remains import LANDS_WITHIN_S, Making, Remains, may_have_made
from teamspawner.offers.reservations import Ledger, Reservation

POD = "hub/jupyter-ada"
UID = "of-this-very-pod"


def a_pod(token="t", phase="Running", **metadata):
    labels = {"teamspawner/start": token}
    return {
        "metadata": {"name": "jupyter-ada", "uid": UID, "labels": labels, **metadata},
        "status": {"phase": phase},
    }


class Server:
    """An API server with one pod or none, which says what it is told to say.

    Attributes:
        pod: What is there under the name; None: nothing.
        status: Answer every question with this instead; 0 answers truly.
        text: Answer every question with this instead.
        asked: Methods, as they came.
        deleted: The body of every deletion that was taken.
    """

    def __init__(self):
        self.pod, self.status, self.text = None, 0, None
        self.asked, self.deleted = [], []

    async def answer(self, request):
        body = await request.read()
        self.asked.append(request.method)
        if self.status:
            return web.json_response({"message": "as told"}, status=self.status)
        if self.text is not None:
            return web.Response(text=self.text, content_type="application/json")
        if self.pod is None:
            return web.json_response({}, status=404)
        if request.method == "DELETE":
            self.deleted.append(json.loads(body))
            self.pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return web.json_response(self.pod)


@asynccontextmanager
async def serving(server):
    app = web.Application()
    app.router.add_route("*", "/api/v1/namespaces/hub/pods/jupyter-ada", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


class Case:
    """A start that is over, whose pod may be there; the watch shows it when ``seen`` is set."""

    def __init__(self, server, api):
        self.server, self.api, self.seen = server, api, False
        self.ledger = Ledger()
        self.remains = Remains(self.ledger, self.settle)
        self.ledger.reserve(Reservation("t", "ada", "arts", until=1.0))
        self.ledger.asked_for("t", POD)
        self.ledger.over("t", 1.0)

    def settle(self):
        self.ledger.seen({"t"} if self.seen else ())

    def look(self, *, unwanted=True, unanswered=None):
        making = Making("hub", "jupyter-ada", "t", 1, unanswered)
        self.remains.look_for(making, self.api, unwanted=unwanted)

    async def asked(self, times):
        await until(lambda: len(self.server.asked) >= times)
        await asyncio.sleep(0.05)


async def until(so):
    async with asyncio.timeout(5):
        while not so():
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def case():
    server = Server()
    async with serving(server) as host, ApiClient(Configuration(host=host)) as client:
        yield Case(server, CoreV1Api(client))


@pytest.mark.asyncio
async def test_the_place_of_a_pod_that_is_not_there_is_given_back_at_once(case):
    case.look()
    await case.asked(1)
    assert not len(case.ledger)
    assert case.server.asked == ["GET"]


@pytest.mark.asyncio
async def test_a_pod_that_nobody_waits_for_is_deleted_and_counted_until_it_is_gone(case):
    case.server.pod = a_pod()
    case.look()
    await case.asked(3)
    assert len(case.ledger)
    assert case.server.asked == ["GET", "DELETE", "GET"]
    (options,) = case.server.deleted
    assert (options["preconditions"]["uid"], options["gracePeriodSeconds"]) == (UID, 1)
    case.server.pod = None
    await until(lambda: not len(case.ledger))


@pytest.mark.asyncio
async def test_a_pod_that_is_going_already_is_not_hurried_and_counts_until_it_is_gone(case):
    case.server.pod = a_pod(deletionTimestamp="2026-01-01T00:00:00Z")
    case.look()
    await case.asked(2)
    assert len(case.ledger)
    assert case.server.asked == ["GET", "GET"]


@pytest.mark.asyncio
async def test_a_pod_that_the_watch_shows_is_deleted_all_the_same_when_nobody_waits_for_it(case):
    case.seen = True
    case.settle()
    case.server.pod = a_pod()
    case.look()
    await until(lambda: case.server.deleted)


@pytest.mark.asyncio
async def test_a_pod_is_deleted_when_the_api_server_is_well_again(case):
    case.server.pod, case.server.status = a_pod(), 503
    case.look()
    await case.asked(1)
    case.server.status = 0
    await until(lambda: case.server.deleted)


@pytest.mark.asyncio
async def test_a_pod_that_is_to_stay_is_counted_and_left_alone(case):
    case.server.pod = a_pod()
    case.look(unwanted=False)
    await case.asked(2)
    assert len(case.ledger)
    assert case.server.asked == ["GET", "GET"]


@pytest.mark.asyncio
async def test_a_pod_that_is_seen_is_looked_for_no_more(case):
    case.server.pod = a_pod()
    case.look()
    await case.asked(2)
    case.seen = True
    await until(lambda: not len(case.ledger))
    await asyncio.sleep(0.8)
    assert case.server.asked == ["GET", "DELETE"]


@pytest.mark.parametrize(
    "pod",
    [
        a_pod("of-a-later-start"),
        a_pod(labels=None),
        a_pod(phase="Failed"),
        a_pod(phase="Succeeded"),
    ],
    ids=["a-later-start's", "a-stranger's", "failed", "done"],
)
@pytest.mark.asyncio
async def test_a_pod_that_is_another_or_holds_nothing_is_left_alone_and_keeps_no_place(case, pod):
    case.server.pod = pod
    case.look()
    await case.asked(1)
    assert not len(case.ledger)
    assert case.server.asked == ["GET"]


@pytest.mark.asyncio
async def test_a_pod_that_may_still_be_made_is_waited_for(case):
    case.look(unanswered=time.monotonic() - LANDS_WITHIN_S + 0.4)
    await case.asked(1)
    assert len(case.ledger)
    case.server.pod = a_pod()
    await until(lambda: case.server.deleted)


@pytest.mark.asyncio
async def test_what_cannot_be_made_any_more_is_not_waited_for(case):
    case.look(unanswered=time.monotonic() - LANDS_WITHIN_S)
    await case.asked(1)
    assert not len(case.ledger)


@pytest.mark.parametrize("status", [401, 429, 500, 503])
@pytest.mark.asyncio
async def test_an_api_server_in_trouble_is_asked_again(case, status):
    case.server.status = status
    case.look()
    await case.asked(1)
    assert len(case.ledger)
    case.server.status = 0
    await until(lambda: not len(case.ledger))


@pytest.mark.parametrize(
    "said",
    ["<html>", "[]", "5", "{}", '{"metadata": []}', '{"metadata": {"labels": [1]}}', "[" * 100_000],
    ids=["a-page", "a-list", "a-number", "nothing", "list", "labels", "too-deep"],
)
@pytest.mark.asyncio
async def test_an_answer_that_is_no_pod_tells_nothing(case, said):
    case.server.text = said
    case.look()
    await case.asked(1)
    assert len(case.ledger)
    case.server.text = None
    await until(lambda: not len(case.ledger))


@pytest.mark.asyncio
async def test_an_api_server_that_is_away_is_asked_again():
    server = Server()
    async with serving(server) as host:
        pass
    async with ApiClient(Configuration(host=host)) as client:
        case = Case(server, CoreV1Api(client))
        case.look()
        await asyncio.sleep(0.3)
        assert len(case.ledger)
        case.seen = True
        await until(lambda: not len(case.ledger))


@pytest.mark.asyncio
async def test_without_the_right_to_look_a_place_is_kept_until_its_pod_is_seen(case):
    case.server.status = 403
    case.look()
    await case.asked(2)
    assert len(case.ledger)
    case.seen = True
    await until(lambda: not len(case.ledger))
    before = len(case.server.asked)
    await asyncio.sleep(1.2)
    assert len(case.server.asked) == before


@pytest.mark.parametrize(
    ("error", "may"),
    [
        (ApiException(status=403), False),
        (ApiException(status=422), False),
        (ApiException(status=500), True),
        (ApiException(status=504), True),
        (ApiException(status=None), True),
        (aiohttp.ClientConnectorError(None, OSError()), False),
        (aiohttp.ServerDisconnectedError(), True),
        (TimeoutError(), True),
        (asyncio.CancelledError(), True),
    ],
    ids=["refused", "invalid", "fault", "late", "none", "not-sent", "cut", "timeout", "cancelled"],
)
def test_only_a_request_that_was_refused_or_never_sent_makes_no_pod(error, may):
    assert may_have_made(error) is may
