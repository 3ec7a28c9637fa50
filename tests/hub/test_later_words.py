"""With the chart's slow_spawn_timeout of 0 an answer comes before the verdict: the words follow."""

import asyncio
import json

import pytest
import pytest_asyncio

from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

MAP = {
    "tiers": {
        "small": {"name": "Small", "cpu": 1, "memory": "1Gi"},
        "vast": {"name": "Vast", "cpu": 4000, "memory": "1Ti"},
        "secret": {"name": "Secret", "cpu": 1, "memory": "1Gi"},
        "slow": {
            "cpu": 1,
            "memory": "1Gi",
            "when_busy": "wait",
            "wait": "1h",
            "start_timeout": "2m",
        },
    },
    "teams": {
        "arts": {"groups": ["arts"], "tiers": ["small", "vast", "slow"]},
        "physics": {"groups": ["physics"], "tiers": ["secret"]},
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    kube = {
        "namespace": "hub",
        "port": cluster.port,
        "image": "none:1",
        "storage_pvc_ensure": False,
        "start_timeout": 20,
    }
    team = {"map": MAP, "unschedulable_grace": 1.0, "admin_bypass": True}
    quick = {"tornado_settings": {"slow_spawn_timeout": 0}}
    folder = tmp_path_factory.mktemp("hub")
    async with a_hub(folder, KubeSpawner=kube, TeamSpawner=team, JupyterHub=quick) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def ada(hub, cluster, request):
    person = await hub.someone(f"ada{abs(hash(request.node.nodeid)) % 10**8}", "arts")
    yield person
    cluster.back_to_normal()
    await person.stop()


async def progress(person):
    """Every event of the progress of a start, up to its end."""
    answer = await person.call("GET", f"/users/{person.name}/server/progress")
    lines = [line for line in answer.text.splitlines() if line.startswith("data:")]
    return [json.loads(line.removeprefix("data:")) for line in lines]


async def test_a_refused_rest_start_makes_no_pod_and_tells_why_in_the_progress(cluster, ada):
    before = len(cluster.made)
    answer = await ada.start({"profile": "vast"})
    assert answer.status in {201, 202, 409}
    told = (await progress(ada))[-1]
    assert told["failed"] is True
    assert "No machine is large enough" in told["message"]
    assert len(cluster.made) == before


async def test_the_pending_page_tells_why(ada):
    answer = await ada.post_form("/hub/spawn", {"profile": "secret"})
    page = await ada.settled(answer)
    assert page.status == 403
    assert "There is no such choice for you." in page.text


async def test_progress_names_no_machine(cluster, ada):
    cluster.placed = lambda _pod: None
    await ada.start({"profile": "slow"})
    await asyncio.sleep(0.5)
    pod = next(p for p in await cluster.pods() if ada.name in p["metadata"]["name"])
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    await cluster.api.create(
        f"/api/v1/namespaces/{namespace}/events",
        {
            "metadata": {"name": f"{name}.1", "namespace": namespace},
            "involvedObject": {"kind": "Pod", "name": name, "namespace": namespace},
            "type": "Normal",
            "reason": "Scheduled",
            "message": f"Successfully assigned {namespace}/{name} to node-1",
            "source": {"component": "default-scheduler", "host": "node-1"},
            "firstTimestamp": "2026-01-01T00:00:00Z",
            "lastTimestamp": "2026-01-01T00:00:00Z",
        },
    )
    telling = asyncio.ensure_future(progress(ada))
    await asyncio.sleep(3)
    ada.hub.user(ada.name).spawner.give_up()
    events = await telling
    assert any("A machine has been found." in each.get("message", "") for each in events)
    assert "node-1" not in json.dumps(events)


async def test_a_tier_that_may_wait_outlasts_the_hubs_own_timeout(hub, cluster, ada):
    cluster.placed = lambda _pod: None
    await ada.start({"profile": "slow"})
    await asyncio.sleep(2.5)
    spawner = hub.user(ada.name).spawner
    assert spawner.pending == "spawn"
    assert spawner.start_timeout == 120 + 3600
    spawner.give_up()
    told = (await progress(ada))[-1]
    assert "as you asked" in told["message"]


async def test_an_admins_bypass_passes_teams_and_is_logged(hub, cluster, ada):
    root = await hub.someone("root")
    await root.start({"profile": "secret"}, who=ada.name)
    for _ in range(40):
        await asyncio.sleep(0.1)
        if hub.user(ada.name).spawner.ready:
            break
    assert hub.user(ada.name).spawner.ready
    assert f"Admin bypass: root starts secret for {ada.name}" in hub.log.text


async def test_an_outage_in_the_middle_of_a_start_ends_it_with_a_sentence(hub, cluster, ada):
    cluster.server.faults.away = True
    try:
        await ada.start({"profile": "small"})
        told = (await progress(ada))[-1]
        assert told["failed"] is True
        assert "does not answer" in told["message"]
        assert hub.failures == 0
    finally:
        cluster.server.faults.clear()
