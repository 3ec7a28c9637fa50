"""Between the gate and a running server: hooks, caps under a rush, pods that never run."""

import asyncio
import gc
import time

import pytest
import pytest_asyncio

from teamspawner.hub.refusal import Refusal
from teamspawner.hub.shared import Shared
from teamspawner.offers.labels import START_LABEL
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

GPU = "gpu-nvidia-a100-sxm4-80gb"
A100 = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.count": "8"}
MAP = {
    "tiers": {
        "small": {"name": "Small", "cpu": 1, "memory": "1Gi"},
        "patient": {
            "name": "Patient",
            "cpu": 1,
            "memory": "1Gi",
            "when_busy": "wait",
            "wait": "1h",
        },
        "gpu": {"name": "GPU", "gpu": {"counts": [1, 2]}, "per_gpu": {"cpu": 1, "memory": "1Gi"}},
        "there": {
            "cpu": 1,
            "memory": "1Gi",
            "nodes": {"selector": {"kubernetes.io/hostname": "node-1"}},
        },
    },
    "teams": {
        "arts": {
            "groups": ["arts"],
            "tiers": ["small", "patient", "gpu", "there"],
            "gpu": {"team": 3},
            "limits": {"servers_per_user": 2},
        }
    },
}


HOOKED = []
"""What the admin's ``modify_pod_hook`` does now; set by a test."""


def modify_pod(_spawner, pod):
    for change in HOOKED:
        change(pod)
    return pod


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    await cluster.add_node("gpu-1", cpu="64", labels=A100, nvidia_com__gpu=8)
    kube = {
        "namespace": "hub",
        "port": cluster.port,
        "image": "none:1",
        "storage_pvc_ensure": False,
        "consecutive_failure_limit": 5,
        "modify_pod_hook": modify_pod,
        "tolerations": [{"key": "chart", "operator": "Exists"}],
        "extra_resource_limits": {"nvidia.com/gpu": "1", "memory": "3Gi"},
        "extra_resource_guarantees": {"cpu": "3"},
    }
    team = {"map": MAP, "unschedulable_grace": 1.0}
    folder = tmp_path_factory.mktemp("hub")
    async with a_hub(folder, KubeSpawner=kube, TeamSpawner=team) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def ada(hub, cluster, request):
    """Somebody new for each test, in the team; their servers end with the test."""
    HOOKED.clear()
    person = await hub.someone(f"ada{abs(hash(request.node.nodeid)) % 10**8}", "arts")
    yield person
    cluster.back_to_normal()
    for server in ("", "other", "third"):
        await person.stop(server)


async def offer(person, slug):
    found = (await person.call("GET", "/teamspawner/offers")).json
    return next(each for each in found["offers"] if each["slug"] == slug)


async def pod_of(cluster, person):
    pods = {
        pod["metadata"]["annotations"]["hub.jupyter.org/username"]: pod
        for pod in await cluster.pods()
    }
    return pods.get(person.name)


async def test_a_pod_that_no_machine_takes_ends_its_start_in_seconds(hub, cluster, ada):
    cluster.placed = lambda _pod: None
    began = time.monotonic()
    answer = await ada.start({"profile": "small"})
    # what asks for as much would not be placed either, so no other is named
    assert (answer.status, answer.json["message"]) == (
        409,
        "No machine has room for this server now.",
    )
    assert time.monotonic() - began < 6
    assert await pod_of(cluster, ada) is None
    assert hub.failures == 0


async def test_a_start_that_loses_the_race_for_room_names_what_still_fits(hub, cluster, ada):
    limits = {"limits": {"nvidia.com/gpu": "7"}}
    spec = {"containers": [{"name": "c", "image": "x", "resources": limits}], "nodeName": "gpu-1"}
    taken = {"metadata": {"name": "taken"}, "spec": spec}
    path, asked = "/api/v1/namespaces/hub/pods", []
    cluster.placed = asked.append
    starting = asyncio.ensure_future(ada.start({"profile": GPU, "gpus": "2"}))
    while not asked:
        await asyncio.sleep(0.01)
    await cluster.api.create(path, taken)
    answer = await starting
    await cluster.api.delete(f"{path}/taken", 0)
    assert (answer.status, answer.json["message"]) == (
        409,
        "No machine has room for this server now. Nearest that fits: GPU · A100 80 GB.",
    )
    assert hub.failures == 0
    assert not len(hub.user(ada.name).spawner.gate._known.shared().ledger)


async def test_what_a_start_itself_holds_takes_nothing_from_what_it_names_instead(hub, ada):
    assert (await ada.start({"profile": "small"}, "other")).status == 201
    gate = hub.user(ada.name).spawner.gate
    await gate.choose({"profile": GPU})
    told = await gate.with_nearest(Refusal(409, "busy", "No room."))
    gate.forget()
    assert "Nearest that fits" in told.sentence


async def test_what_failed_for_another_reason_than_room_names_nothing_instead(hub, ada):
    gate = hub.user(ada.name).spawner.gate
    await gate.choose({"profile": "small"})
    refusal = Refusal(503, "failed", "It failed.")
    assert await gate.with_nearest(refusal) is refusal
    gate.forget()


async def test_a_place_outlasts_the_longest_start(hub, ada):
    spawner = hub.user(ada.name).spawner
    shared = spawner.gate._known.shared()
    before = shared.now()
    await spawner.gate.choose({"profile": "small"})
    (held,) = [each for each in shared.ledger.held if each.token == spawner.gate.place.token]
    spawner.gate.forget()
    # the tier that may wait for an hour, and its start
    assert held.until - before >= 3600 + spawner.start_timeout + 600


async def test_a_pod_of_an_earlier_start_is_not_taken_for_that_of_the_newest(hub, ada):
    gate = hub.user(ada.name).spawner.gate
    token = gate.place.new_token()
    labels = {"own": {START_LABEL: token}, "earlier": {START_LABEL: "another"}, "none": None}
    found = {name: gate.is_newest({"metadata": {"labels": each}}) for name, each in labels.items()}
    assert found == {"own": True, "earlier": False, "none": True}


async def test_what_is_named_instead_is_judged_by_its_very_pod(hub, ada):
    def grow(pod):
        resources = pod.spec.containers[0].resources
        resources.requests["cpu"] = resources.limits["cpu"] = 65

    HOOKED.append(grow)
    answer = await ada.start({"profile": "small"})
    assert answer.status == 409
    assert "Nearest" not in answer.json["message"]


async def test_an_image_that_does_not_exist_ends_its_start_in_seconds(hub, cluster, ada):
    cluster.shown = lambda _pod: {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True"}],
        "containerStatuses": [
            {
                "name": "notebook",
                "image": "x",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}},
            }
        ],
    }
    answer = await ada.start({"profile": "small"})
    assert answer.json["message"] == "The image of this server cannot be fetched."
    assert hub.failures == 0


async def test_a_failed_start_gives_its_place_back(hub, cluster, ada):
    cluster.placed = lambda _pod: None
    for _ in range(3):
        assert (await ada.start({"profile": "small"})).status == 409
    cluster.back_to_normal()
    assert (await ada.start({"profile": "small"})).status == 201


async def test_a_gpu_server_then_a_cpu_server_leaves_nothing_of_the_first(cluster, ada):
    assert (await ada.start({"profile": GPU, "gpus": "2"})).status == 201
    gpu = (await pod_of(cluster, ada))["spec"]
    assert gpu["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert {"chart", "nvidia.com/gpu"} <= {each.get("key") for each in gpu["tolerations"]}
    await ada.stop()
    assert (await ada.start({"profile": "small"})).status == 201
    cpu = (await pod_of(cluster, ada))["spec"]
    assert "nvidia.com/gpu" not in cpu["containers"][0]["resources"]["limits"]
    keys = {each.get("key") for each in cpu["tolerations"]}
    assert "chart" in keys
    assert "nvidia.com/gpu" not in keys


async def test_a_tier_says_alone_how_much_its_servers_get_of_what_it_sizes(cluster, ada):
    assert (await ada.start({"profile": "small"})).status == 201
    found = (await pod_of(cluster, ada))["spec"]["containers"][0]["resources"]
    assert (float(found["requests"]["cpu"]), float(found["limits"]["cpu"])) == (1, 1)
    assert found["requests"]["memory"] == found["limits"]["memory"] == str(2**30)


async def test_what_is_offered_is_not_narrowed_by_the_choice_of_a_server_that_runs(hub, ada):
    assert (await ada.start({"profile": "there"})).status == 201
    bob = await hub.someone("bob-who-runs-nothing", "arts")
    for slug in ("small", GPU):
        own, others = await offer(ada, slug), await offer(bob, slug)
        assert (own["verdict"], own["nodes"]) == (others["verdict"], others["nodes"])


async def test_pods_carry_tier_team_and_variant(cluster, ada):
    await ada.start({"profile": GPU})
    labels = (await pod_of(cluster, ada))["metadata"]["labels"]
    assert labels["teamspawner/tier"] == "gpu"
    assert labels["teamspawner/team"] == "arts"
    assert labels["teamspawner/variant"] == GPU


async def test_a_hook_that_adds_a_cpu_changes_the_verdict(ada):
    def grow(pod):
        resources = pod.spec.containers[0].resources
        resources.requests["cpu"] = resources.limits["cpu"] = 65

    assert (await offer(ada, "small"))["verdict"] == "FITS_NOW"
    HOOKED.append(grow)
    other = await offer_of_a_fresh_page(ada)
    assert other["verdict"] == "NEVER"
    assert other["requests"]["cpu_millicores"] == 65_000
    assert (await ada.start({"profile": "small"})).status == 409


async def offer_of_a_fresh_page(person):
    """Offers of another server of the same person: its pods are not known yet."""
    await person.call("POST", f"/users/{person.name}/servers/third", {"profile": "nope"})
    found = (await person.call("GET", "/teamspawner/offers?server=third")).json
    return next(each for each in found["offers"] if each["slug"] == "small")


async def test_a_hook_that_adds_a_gpu_gets_no_pod(cluster, ada):
    def greedy(pod):
        pod.spec.containers[0].resources.limits["nvidia.com/gpu"] = "1"

    HOOKED.append(greedy)
    answer = await ada.start({"profile": "small"})
    assert answer.status == 503
    assert "accelerators that were chosen" in answer.json["message"]
    assert await pod_of(cluster, ada) is None


async def test_a_broken_hook_is_no_verdict_of_the_cluster(hub, ada):
    def broken(_pod):
        raise RuntimeError("no")

    HOOKED.append(broken)
    assert (await offer(ada, "small"))["verdict"] == "INVALID"
    assert "Nobody can start small: the pod cannot be written: RuntimeError: no" in hub.log.text
    assert (await ada.start({"profile": "small"})).status == 409
    assert hub.failures == 0


async def test_a_quota_is_met_before_anything_is_made(cluster, ada):
    quota = {"metadata": {"name": "tight"}, "spec": {"hard": {"pods": "0"}}}
    path = "/api/v1/namespaces/hub/resourcequotas"
    await cluster.api.create(path, quota)
    before = len(cluster.made)
    try:
        await asyncio.sleep(0.2)
        answer = await ada.start({"profile": "small"})
        assert answer.status == 409
        assert "quota" in answer.json["message"]
        assert len(cluster.made) == before
    finally:
        await cluster.api.delete(f"{path}/tight")


async def test_a_person_may_have_as_many_servers_as_the_team_says(ada):
    assert (await ada.start({"profile": "small"})).status == 201
    assert (await ada.start({"profile": "small"}, "other")).status == 201
    third = await ada.start({"profile": "small"}, "third")
    assert (third.status, third.json["message"][:13]) == (409, "You run 2 of ")


@pytest.mark.slow
async def test_fifty_people_racing_for_three_gpus_get_exactly_three(hub, cluster):
    people = [await hub.someone(f"racer{number}", "arts") for number in range(50)]
    answers = await asyncio.gather(*(each.start({"profile": GPU}) for each in people))
    started = [each for each in answers if each.status in {201, 202}]
    assert len(started) == 3
    assert {each.status for each in answers} <= {201, 202, 409}
    said = {each.json["message"] for each in answers if each.status == 409}
    assert all("uses 3 of its 3 GPUs" in sentence for sentence in said)
    assert not any("racer" in sentence for sentence in said)
    holding = [p for p in await cluster.pods() if "variant" in str(p["metadata"]["labels"])]
    assert len(holding) == 3
    for person in people:
        await person.stop()


async def test_the_page_opens_within_two_seconds_while_the_api_server_is_away(cluster, ada):
    cluster.server.faults.away = True
    try:
        began = time.monotonic()
        answer = await ada.browse("GET", "/hub/spawn")
        assert answer.status == 200
        assert time.monotonic() - began < 2
    finally:
        cluster.server.faults.clear()


@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "cross-site"}], ids=["ours", "other"])
@pytest.mark.parametrize("slug", [GPU, "small"], ids=["a-gpu", "what-is-capped"])
async def test_a_link_to_what_is_scarce_opens_the_page_and_starts_nothing(cluster, ada, slug, site):
    before = len(cluster.made)
    answer = await ada.browse("GET", f"/hub/spawn?profile={slug}", headers=site)
    assert answer.status == 200
    assert slug in answer.text
    assert len(cluster.made) == before


async def test_unknown_keys_are_dropped_however_deep_they_go(hub):
    ada = await hub.someone("ada", "arts")
    deep = '{"profile": "small", "x": ' + '{"x": ' * 600 + "1" + "}" * 601
    assert (await ada.start(deep)).status == 201
    assert hub.user("ada").spawner.user_options == {"profile": "small", "team": "arts"}
    assert (await ada.stop()).status == 204


@pytest.mark.parametrize("by_form", [False, True], ids=["rest", "form"])
async def test_who_waits_for_a_start_that_is_stopped_is_told_so(hub, cluster, by_form):
    ada = await hub.someone("ada", "arts")
    hub.log.lines.clear()
    cluster.shown = lambda _pod: {"phase": "Pending"}
    before, failures = len(cluster.made), hub.failures
    asked = ada.post_form("/hub/spawn", {"profile": "small"}) if by_form else ada.start({})
    waiting = asyncio.ensure_future(asked)
    while len(cluster.made) == before and "jupyter-ada" not in str(await cluster.pods()):
        await asyncio.sleep(0.05)
    assert (await ada.stop()).status == 204
    answer = await waiting
    cluster.back_to_normal()
    assert answer.status == 409 or answer.location.startswith("/hub/spawn-pending")
    if answer.status == 409:
        assert "stopped while it was starting" in answer.text
    assert "Traceback" not in hub.log.text
    assert "Uncaught" not in hub.log.text
    assert hub.failures == failures
    assert not len(hub.user("ada").spawner.gate._known.shared().ledger)
    assert not await cluster.pods()


async def test_a_hub_makes_no_full_garbage_collections_until_its_cluster_is_seen(hub):
    await hub.someone("ada", "arts")
    usual = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    shared = Shared(hub.user("ada").spawner)
    assert gc.get_threshold()[2] > 1000
    await shared.synced()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == (700, 10, 50)
    gc.set_threshold(*usual)


async def test_a_look_at_a_running_server_gives_no_other_request_a_turn(hub):
    # JupyterHub looks, then stops: a start or a stop in between ends in its own server error
    ada = await hub.someone("ada", "arts")
    assert (await ada.start({"profile": "small"})).status == 201
    with pytest.raises(StopIteration) as at_once:
        hub.user("ada").spawner.poll().send(None)
    assert at_once.value.value is None


async def test_a_start_that_is_cancelled_before_its_first_step_goes_no_further(hub, cluster, ada):
    spawner = hub.user(ada.name).spawner
    spawner.user_options = {"profile": "small"}
    before = len(spawner.gate._known.shared().ledger)
    starting = spawner.start()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await asyncio.sleep(0.3)
    assert spawner.gate.choice is None
    assert len(spawner.gate._known.shared().ledger) == before
    assert await pod_of(cluster, ada) is None
