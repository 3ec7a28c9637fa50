"""What the API server says of a pod beforehand, and for how long that is believed."""

import pytest
import pytest_asyncio
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api

from teamspawner.hub.dryrun import AWAY_S, KEPT_BLIND_S, KEPT_S, NO_RIGHT_S, DryRun, Outcome
from teamspawner.sim.server.faults import Fault
from teamspawner.sim.server.rbac import Caller
from tests.hub.cluster import ADMIN

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

QUOTAS = "/api/v1/namespaces/hub/resourcequotas"


def a_pod(name="jupyter-ada", cpu="1", claim="claim-ada"):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"hub.jupyter.org/username": name}},
        "spec": {
            "containers": [
                {
                    "name": "notebook",
                    "image": "x",
                    "env": [{"name": "JUPYTERHUB_USER", "value": name}],
                    "resources": {"requests": {"cpu": cpu}},
                }
            ],
            "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


class Asker:
    """A DryRun with a clock that the test turns, and a count of what was really asked."""

    def __init__(self, server, api):
        self.now, self.mark, self.server = 0.0, "one", server
        self.run = DryRun(api, lambda: self.mark, lambda: self.now)

    async def ask(self, pod, **kwargs):
        own = frozenset({pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]})
        return (await self.run.ask("hub", pod, own, **kwargs)).outcome

    @property
    def asked(self):
        return sum(
            seen.method == "POST" and seen.path.endswith("/pods") for seen in self.server.seen
        )


@pytest_asyncio.fixture(loop_scope="module")
async def asker(cluster):
    settings = Configuration(host=f"http://127.0.0.1:{cluster.server_port}")
    settings.api_key = {"BearerToken": f"Bearer {ADMIN}"}
    cluster.server.seen.clear()
    async with ApiClient(settings) as client:
        yield Asker(cluster.server, CoreV1Api(client))
    cluster.server.faults.clear()


async def test_a_pod_that_is_accepted_is_not_made(cluster, asker):
    assert await asker.ask(a_pod()) is Outcome.ACCEPTED
    assert await cluster.pods() == []


async def test_people_whose_pods_differ_only_in_whose_they_are_share_an_answer(asker):
    await asker.ask(a_pod())
    await asker.ask(a_pod("jupyter-bob", claim="claim-bob"))
    assert asker.asked == 1
    await asker.ask(a_pod(cpu="2"))
    assert asker.asked == 2


async def test_an_answer_ends_after_a_minute_or_when_a_quota_changes(asker):
    await asker.ask(a_pod())
    asker.now = KEPT_S - 1
    await asker.ask(a_pod())
    assert asker.asked == 1
    asker.now = KEPT_S + 1
    await asker.ask(a_pod())
    assert asker.asked == 2
    asker.mark = "two"
    await asker.ask(a_pod())
    assert asker.asked == 3


async def test_where_quotas_are_not_seen_an_answer_ends_sooner(asker):
    asker.mark = None
    await asker.ask(a_pod())
    asker.now = KEPT_BLIND_S + 1
    await asker.ask(a_pod())
    assert asker.asked == 2


async def test_a_start_asks_afresh(asker):
    await asker.ask(a_pod())
    await asker.ask(a_pod(), fresh=True)
    assert asker.asked == 2


async def test_a_used_up_quota_is_told_with_its_numbers(cluster, asker):
    await cluster.api.create(
        QUOTAS, {"metadata": {"name": "tight"}, "spec": {"hard": {"requests.cpu": "0"}}}
    )
    answer = await asker.run.ask("hub", a_pod())
    await cluster.api.delete(f"{QUOTAS}/tight")
    assert answer.outcome is Outcome.QUOTA
    assert (answer.quota["quota"], answer.quota["hard"]) == ("tight", "requests.cpu=0")


async def test_a_pod_that_is_no_pod_is_invalid(asker):
    assert await asker.ask(a_pod(cpu="-1")) is Outcome.INVALID


async def test_s42_a_gpu_requested_without_its_limit_is_invalid(asker):
    pod = a_pod()
    pod["spec"]["containers"][0]["resources"]["requests"]["nvidia.com/gpu"] = "1"
    answer = await asker.run.ask("hub", pod)
    assert answer.outcome is Outcome.INVALID
    assert "Limit must be set" in answer.detail


async def test_without_the_right_it_is_not_asked_for_a_while(cluster, asker):
    cluster.server.tokens["poor"] = Caller("poor")
    asker.run._api.api_client.configuration.api_key = {"BearerToken": "Bearer poor"}
    assert await asker.ask(a_pod()) is Outcome.NOT_ASKED
    asker.now = NO_RIGHT_S - 1
    assert await asker.ask(a_pod()) is Outcome.NOT_ASKED
    assert asker.asked == 1


async def test_an_api_server_that_is_away_is_not_asked_again_at_once(cluster, asker):
    cluster.server.faults.away = True
    assert await asker.ask(a_pod()) is Outcome.NOT_ASKED
    cluster.server.faults.clear()
    assert await asker.ask(a_pod()) is Outcome.NOT_ASKED
    asker.now = AWAY_S + 1
    assert await asker.ask(a_pod()) is Outcome.ACCEPTED


async def test_a_fault_of_the_api_server_decides_nothing(cluster, asker):
    cluster.server.faults.set("pods", Fault(status=500))
    assert await asker.ask(a_pod()) is Outcome.NOT_ASKED


async def test_of_many_different_pods_the_answers_asked_for_last_are_kept(asker):
    asker.run = DryRun(asker.run._api, lambda: "one", lambda: asker.now, most=2)
    for cpu in ("1", "2", "1", "3"):
        await asker.ask(a_pod(cpu=cpu))
    assert asker.asked == 3
    await asker.ask(a_pod(cpu="2"))
    assert asker.asked == 3
    await asker.ask(a_pod(cpu="1"))
    assert asker.asked == 4


async def test_an_answer_asked_for_anew_is_no_older_than_its_newest(asker):
    asker.run = DryRun(asker.run._api, lambda: "one", lambda: asker.now, most=2)
    for cpu, fresh in (("1", False), ("2", False), ("1", True), ("3", False)):
        await asker.ask(a_pod(cpu=cpu), fresh=fresh)
    asked = asker.asked
    await asker.ask(a_pod(cpu="1"))
    assert asker.asked == asked
