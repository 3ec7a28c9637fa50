"""A start ends when the server is ready, or as soon as it cannot be."""

import asyncio
import json

import aiohttp
import pytest
from kubernetes_asyncio.client import ApiException

from teamspawner.hub.race import Look, Patience, StartTimeoutError, race
from teamspawner.hub.refusal import Refusal
from tests.hub.build import a_pod, an_event

SHORT = Patience(grace_s=0.2, wait_s=0, timeout_s=3)
UNSEEN = Look(lambda: None, list, lambda *_: None)


async def run(inner, pod=None, patience=SHORT, answers=None):
    told = answers if answers is not None else []
    task = asyncio.ensure_future(inner)
    try:
        look = Look(lambda: pod, list, lambda answer, _pod: told.append(answer))
        return await race(task, look, lambda: patience)
    finally:
        assert task.done()


async def ready(after_s=0.0):
    await asyncio.sleep(after_s)
    return "http://10.0.0.1:8888"


async def failing(error):
    raise error


@pytest.mark.asyncio
async def test_a_server_that_gets_ready_gives_its_address():
    assert await run(ready()) == "http://10.0.0.1:8888"


@pytest.mark.asyncio
async def test_an_unplaceable_pod_ends_the_wait_within_the_grace():
    with pytest.raises(Refusal, match="busy"):
        await run(ready(after_s=60), a_pod(scheduled=False))


@pytest.mark.asyncio
async def test_a_tier_that_may_wait_is_waited_for():
    patience = Patience(grace_s=0.1, wait_s=60, timeout_s=60)
    assert await run(ready(after_s=1.2), a_pod(scheduled=False), patience)


@pytest.mark.asyncio
async def test_waiting_ends_with_the_timeout_and_says_so():
    patience = Patience(grace_s=0.1, wait_s=60, timeout_s=1.1)
    with pytest.raises(Refusal) as caught:
        await run(ready(after_s=60), a_pod(scheduled=False), patience)
    assert "for 1 s." in caught.value.sentence


@pytest.mark.asyncio
async def test_a_timeout_has_words():
    patience = Patience(grace_s=0.1, wait_s=0, timeout_s=0.3)
    with pytest.raises(StartTimeoutError) as caught:
        await run(ready(after_s=60), a_pod(scheduled=True), patience)
    said = "The server was not ready within 0 s."
    assert caught.value.jupyterhub_message == caught.value.jupyterhub_html_message == said


@pytest.mark.asyncio
async def test_nobody_sorts_the_events_of_all_pods_for_one_that_does_well():
    looks, asked = [], []

    def pod():
        looks.append(1)
        return a_pod(scheduled=True)

    def events():
        asked.append(1)
        return []

    inner = asyncio.ensure_future(ready(after_s=0.8))
    await race(inner, Look(pod, events, lambda *_: None), lambda: SHORT)
    assert looks
    assert not asked


@pytest.mark.asyncio
async def test_a_pod_that_an_autoscaler_makes_room_for_is_waited_for():
    scaling = [an_event("TriggeredScaleUp")]
    inner = asyncio.ensure_future(ready(after_s=1.2))
    look = Look(lambda: a_pod(scheduled=False), lambda: scaling, lambda *_: None)
    assert await race(inner, look, lambda: SHORT)


@pytest.mark.asyncio
async def test_the_schedulers_answer_is_told_once():
    answers = []
    await run(ready(after_s=1.3), a_pod(scheduled=True), answers=answers)
    assert answers == [True]


@pytest.mark.asyncio
async def test_a_quota_refusal_is_readable():
    body = json.dumps(
        {"message": "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"}
    )
    error = ApiException(status=403, reason="Forbidden")
    error.body = body
    with pytest.raises(Refusal) as caught:
        await run(failing(error))
    assert "“q”" in caught.value.sentence


@pytest.mark.asyncio
async def test_a_refusal_without_a_readable_body_is_still_a_refusal():
    error = ApiException(status=422, reason="Unprocessable")
    error.body = "<html>"
    with pytest.raises(Refusal):
        await run(failing(error))


@pytest.mark.asyncio
async def test_a_fault_of_the_api_server_stays_a_fault():
    with pytest.raises(ApiException):
        await run(failing(ApiException(status=500, reason="no")))


@pytest.mark.asyncio
async def test_a_cluster_that_does_not_answer_is_said_to_be_away():
    with pytest.raises(Refusal) as caught:
        await run(failing(aiohttp.ClientConnectionError("refused")))
    assert caught.value.status_code == 503


@pytest.mark.asyncio
async def test_cancelling_the_start_cancels_kubespawners_own():
    inner = asyncio.ensure_future(ready(after_s=60))
    outer = asyncio.ensure_future(race(inner, UNSEEN, lambda: SHORT))
    await asyncio.sleep(0.05)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert inner.cancelled()


@pytest.mark.asyncio
async def test_a_person_can_give_up_a_start():
    given_up = asyncio.get_running_loop().create_future()
    inner = asyncio.ensure_future(ready(after_s=60))
    outer = asyncio.ensure_future(race(inner, UNSEEN, lambda: SHORT, given_up))
    await asyncio.sleep(0.05)
    given_up.set_result(None)
    with pytest.raises(Refusal, match="given-up"):
        await outer
    assert inner.cancelled()
