"""What stands between the hub and its pods answers oddly: no page and no start breaks."""

from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp import web
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api

from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Status
from teamspawner.hub.alike import Alike
from teamspawner.hub.dryrun import DryRun, Outcome
from teamspawner.hub.pods import Pods
from teamspawner.hub.turns import Turns
from teamspawner.offers.profile_choices import PLAIN, every_choice
from tests.hub.hubs import a_hub
from tests.hub.test_dryrun import a_pod

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]


class Odd:
    """An API server, or a proxy before it, that answers every question as the test says."""

    def __init__(self):
        self.said = "{}"

    async def answer(self, request):
        await request.read()
        return web.Response(status=201, text=self.said, content_type="application/json")


@pytest_asyncio.fixture(loop_scope="module")
async def odd():
    server, app = Odd(), web.Application()
    app.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with ApiClient(Configuration(host=host)) as client:
        server.run = DryRun(CoreV1Api(client), lambda: "same")
        yield server
    await runner.cleanup()


@pytest.mark.parametrize(
    "said",
    ["<html>Sign in</html>", "[]", "5", "{}", '{"metadata": {}, "spec": []}', "[" * 100_000],
    ids=["a-page", "a-list", "a-number", "nothing", "no-spec", "too-deep"],
)
async def test_an_answer_that_is_no_pod_decides_nothing(odd, said):
    odd.said = said
    answer = await odd.run.ask("hub", a_pod())
    assert (answer.outcome, answer.pod) == (Outcome.NOT_ASKED, None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spawner(cluster, tmp_path_factory):
    kube = {"namespace": "hub", "image": "x", "cpu_guarantee": 2, "storage_pvc_ensure": False}
    async with a_hub(tmp_path_factory.mktemp("hub"), KubeSpawner=kube) as hub:
        yield hub.user("ada").spawner


async def test_a_pod_that_cannot_be_read_is_judged_as_it_was_written(odd, spawner):
    odd.said = """{"metadata": {"name": "x"}, "spec": {"containers": [
        {"name": "c", "resources": {"requests": {"cpu": "some"}}}]}}"""
    (choice,) = every_choice(PLAIN)
    pods = Pods(spawner, odd.run, Rules(), Alike(Turns()))
    await pods.make([choice])
    shaped = pods.known(choice)
    assert shaped.verdict is None
    assert shaped.candidate.pod.spec.requests["cpu"] == 2000


async def test_a_setting_that_makes_no_readable_pod_is_invalid(spawner):
    (choice,) = every_choice(PLAIN)
    wrong = {"extra_resource_guarantees": {"example.com/thing": "some"}}
    choice = replace(choice, profile={**PLAIN, "kubespawner_override": wrong})
    pods = Pods(spawner, None, Rules(), Alike(Turns()))
    await pods.make([choice])
    shaped = pods.known(choice)
    assert shaped.verdict.status is Status.INVALID
    assert "example.com/thing" in shaped.detail
