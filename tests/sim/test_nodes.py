"""The kubelet and the scheduler: pods get nodes, processes, volumes, and an end."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager

import pytest

from teamspawner.errors import ClusterError
from teamspawner.sim.client import Client
from teamspawner.sim.cluster import embedded_cluster, run_nodes
from teamspawner.sim.demo.seed import CLASS, Seed, groundwork, occupants
from teamspawner.sim.demo.shapes import Gpu, ShortNode, raw_nodes
from teamspawner.sim.node.kubelet import HOLDER
from teamspawner.sim.server.faults import Fault

PODS = "/api/v1/namespaces/default/pods"
GPU = Gpu(model="NVIDIA-A100-SXM4-80GB", count=4)


@asynccontextmanager
async def a_cluster(folder, *shorts):
    """A whole embedded cluster with these nodes, and an admin's client."""
    async with embedded_cluster(folder) as cluster, Client(cluster.access) as client:
        cluster.put(groundwork([]))
        for short in shorts:
            cluster.put(raw_nodes(short))
        yield cluster, client


@pytest.fixture
def small():
    return ShortNode(name="small", cpu="2", memory="4Gi")


def a_pod(name, *command, cpu="100m", gpus=0, **spec):
    limits = {"cpu": cpu} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    container = {"name": "main", "image": "registry.example/app:1", "command": list(command),
                 "resources": {"limits": limits}}  # fmt: skip
    spec = {"containers": [container], "terminationGracePeriodSeconds": 2, **spec}
    return {"metadata": {"name": name}, "spec": spec}


async def until(client, name, holds, seconds=15):
    """Wait until a pod is as it should be; returns it."""
    async with asyncio.timeout(seconds):
        while True:
            pod = await client.get(f"{PODS}/{name}")
            if holds(pod):
                return pod
            await asyncio.sleep(0.05)


def phase(wanted):
    return lambda pod: pod["status"]["phase"] == wanted


def condition(reason):
    return lambda pod: any(
        one.get("reason") == reason for one in pod["status"].get("conditions", ())
    )


async def gone(client, path, seconds=15):
    """Wait until the API server does not know an object any more."""

    async def look():
        while await client.get(path):
            await asyncio.sleep(0.05)

    async with asyncio.timeout(seconds):
        with pytest.raises(ClusterError, match="HTTP 404"):
            await look()


async def reasons(client, name, folder="/api/v1/namespaces/default/events"):
    events = (await client.get(folder, fieldSelector=f"involvedObject.name={name}"))["items"]
    return [event["reason"] for event in events]


@pytest.mark.asyncio
async def test_a_pod_runs_and_its_log_can_be_read(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        await client.create(PODS, a_pod("p", "sh", "-c", "echo hello; sleep 60"))
        pod = await until(client, "p", phase("Running"))
        assert pod["spec"]["nodeName"] == "small"
        assert pod["status"]["podIP"].startswith("127.")
        (status,) = pod["status"]["containerStatuses"]
        assert status["ready"] is True
        async with asyncio.timeout(5):
            while await client.get(f"{PODS}/p/log") != "hello\n":
                await asyncio.sleep(0.05)
        told = await reasons(client, "p")
        assert sorted(told) == sorted(["Scheduled", "Pulling", "Pulled", "Created", "Started"])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("policy", "code", "wanted"),
    [("Never", 0, "Succeeded"), ("Never", 3, "Failed"), ("OnFailure", 0, "Succeeded")],
    ids=["well", "badly", "well-once"],
)
async def test_a_pod_that_ends_says_how(tmp_path, small, policy, code, wanted):
    async with a_cluster(tmp_path, small) as (_, client):
        pod = a_pod("p", "sh", "-c", f"exit {code}", restartPolicy=policy)
        await client.create(PODS, pod)
        pod = await until(client, "p", phase(wanted))
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        assert ended["exitCode"] == code


@pytest.mark.asyncio
async def test_a_pod_killed_by_a_signal_ends_with_128_and_its_number(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        await client.create(PODS, a_pod("p", "sh", "-c", "kill -9 $$", restartPolicy="Never"))
        pod = await until(client, "p", phase("Failed"))
        assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137


@pytest.mark.asyncio
async def test_a_failing_container_is_started_again_and_then_waits(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        await client.create(PODS, a_pod("p", "sh", "-c", "exit 1", restartPolicy="OnFailure"))

        def backs_off(pod):
            found = pod["status"].get("containerStatuses") or [{"state": {}}]
            return found[0]["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"

        pod = await until(client, "p", backs_off)
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 1
        assert pod["status"]["phase"] == "Running"


@pytest.mark.asyncio
async def test_a_program_that_is_not_there_fails_the_pod(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        await client.create(PODS, a_pod("p", "no-such-program", restartPolicy="Never"))
        await until(client, "p", phase("Failed"))
        assert "Failed" in await reasons(client, "p")


@pytest.mark.asyncio
async def test_an_image_that_nobody_has_is_waited_for(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        pod = a_pod("p", "sleep", "60")
        pod["spec"]["containers"][0]["image"] = "registry.invalid/app:1"
        await client.create(PODS, pod)

        def waits(pod):
            found = pod["status"].get("containerStatuses") or [{"state": {}}]
            return found[0]["state"].get("waiting", {}).get("reason") == "ImagePullBackOff"

        await until(client, "p", waits)
        await client.delete(f"{PODS}/p")
        await gone(client, f"{PODS}/p")


@pytest.mark.asyncio
async def test_an_image_without_a_command_just_stays(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        await client.create(PODS, a_pod("p"))
        await until(client, "p", phase("Running"))
        await client.delete(f"{PODS}/p")
        await gone(client, f"{PODS}/p")


@pytest.mark.asyncio
async def test_a_deleted_pod_gets_a_signal_then_its_grace_then_none(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        script = "trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done"
        await client.create(PODS, a_pod("p", "sh", "-c", script, terminationGracePeriodSeconds=1))
        pod = await until(client, "p", phase("Running"))
        log = tmp_path / "logs" / f"default_p_{pod['metadata']['uid']}" / "main.log"
        async with asyncio.timeout(5):
            while "up" not in log.read_text():
                await asyncio.sleep(0.05)
        await client.delete(f"{PODS}/p")
        await gone(client, f"{PODS}/p")
        assert "asked" in log.read_text()


@pytest.mark.asyncio
async def test_init_containers_come_first_and_may_fail_the_pod(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        first = {"name": "first", "image": "i:1", "command": ["sh", "-c", "echo one > order"]}
        pod = a_pod("p", "sh", "-c", "cat order; sleep 60", initContainers=[first])
        await client.create(PODS, pod)
        await until(client, "p", phase("Running"))
        wrong = first | {"command": ["sh", "-c", "exit 4"]}
        pod = a_pod("q", "sleep", "60", initContainers=[wrong], restartPolicy="Never")
        await client.create(PODS, pod)
        await until(client, "q", phase("Failed"))


@pytest.mark.asyncio
async def test_pods_on_a_node_see_different_devices(tmp_path):
    node = ShortNode(name="gpu", cpu="8", memory="8Gi", gpu=GPU)
    async with a_cluster(tmp_path, node) as (_, client):
        script = 'echo "[$CUDA_VISIBLE_DEVICES]"; sleep 60'
        seen = {}
        for name, gpus in (("a", 2), ("b", 1), ("none", 0)):
            await client.create(PODS, a_pod(name, "sh", "-c", script, gpus=gpus))
            await until(client, name, phase("Running"))
            async with asyncio.timeout(5):
                while not (text := await client.get(f"{PODS}/{name}/log")):
                    await asyncio.sleep(0.05)
            seen[name] = text.strip()
        assert seen == {"a": "[0,1]", "b": "[2]", "none": "[]"}


@pytest.mark.asyncio
async def test_the_environment_is_the_pods_own(tmp_path, small, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_SUPERVISOR", "x")
    async with a_cluster(tmp_path, small) as (_, client):
        pod = a_pod("p", "sh", "-c", "env; sleep 60")
        field = {"fieldRef": {"fieldPath": "metadata.namespace"}}
        pod["spec"]["containers"][0]["env"] = [
            {"name": "PLAIN", "value": "1"},
            {"name": "SPACE", "valueFrom": field},
            {"name": "JUPYTERHUB_SERVICE_URL", "value": "http://0.0.0.0:8888/user/x/"},
        ]
        await client.create(PODS, pod)
        pod = await until(client, "p", phase("Running"))
        async with asyncio.timeout(5):
            while "PLAIN" not in (text := await client.get(f"{PODS}/p/log")):
                await asyncio.sleep(0.05)
        assert "SECRET_OF_THE_SUPERVISOR" not in text
        assert "SPACE=default" in text
        address = pod["status"]["podIP"]
        assert f"JUPYTERHUB_SERVICE_URL=http://{address}:8888/user/x/" in text


@pytest.mark.asyncio
async def test_a_claim_gets_a_volume_and_the_pod_its_folder(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        claims = "/api/v1/namespaces/default/persistentvolumeclaims"
        spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": CLASS,
                "resources": {"requests": {"storage": "1Gi"}}}  # fmt: skip
        await client.create(claims, {"metadata": {"name": "home"}, "spec": spec})
        mount = {"name": "v", "persistentVolumeClaim": {"claimName": "home"}}
        for name in ("first", "second"):
            script = "echo $$ >> kept; wc -l < kept; sleep 60"
            await client.create(PODS, a_pod(name, "sh", "-c", script, volumes=[mount]))
            await until(client, name, phase("Running"))
            await asyncio.sleep(0.2)
        assert (await client.get(f"{PODS}/second/log")).strip() == "2"
        claim = await client.get(f"{claims}/home")
        assert claim["status"]["phase"] == "Bound"
        volume = f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}"
        assert (await client.get(volume))["status"]["phase"] == "Bound"
        await client.delete(f"{claims}/home")
        await gone(client, volume)


@pytest.mark.asyncio
async def test_occupants_are_never_started_and_go_when_deleted(tmp_path, small):
    async with a_cluster(tmp_path, small) as (cluster, client):
        pod = a_pod("p", "touch", str(tmp_path / "started"), nodeName="small")
        pod |= {"kind": "Pod", "apiVersion": "v1"}
        unplaced = {**pod, "metadata": {"name": "q"}, "spec": {**pod["spec"], "nodeName": None}}
        told = {**pod, "metadata": {"name": "r"}, "status": {"phase": "Unknown"}}
        cluster.put(occupants([pod, unplaced, told]))
        await until(client, "p", phase("Running"))
        assert (await until(client, "q", phase("Running")))["spec"]["nodeName"] == "small"
        await until(client, "r", phase("Unknown"))
        await client.delete(f"{PODS}/p")
        await gone(client, f"{PODS}/p")
        assert not (tmp_path / "started").exists()


@pytest.mark.asyncio
@pytest.mark.parametrize("command", ["no-such-program", "a\0b"], ids=["missing", "null-byte"])
async def test_a_command_that_cannot_be_run_fails_its_container(tmp_path, small, command):
    async with a_cluster(tmp_path, small) as (_, client):
        await client.create(PODS, a_pod("p", command, restartPolicy="Never"))
        pod = await until(client, "p", phase("Failed"))
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        assert ended["exitCode"] == 127


@pytest.mark.asyncio
async def test_a_pod_that_the_machine_cannot_care_for_leaves_the_others_alone(
    tmp_path, small, caplog
):
    (tmp_path / "claims").write_text("no folder")
    async with a_cluster(tmp_path, small) as (_, client):
        mount = {"name": "v", "persistentVolumeClaim": {"claimName": "home"}}
        pod = a_pod("lost", "sleep", "60", nodeName="small", volumes=[mount])
        await client.create(PODS, pod)
        await client.create(PODS, a_pod("well", "sleep", "60"))
        await until(client, "well", phase("Running"))
        await gone(client, f"{PODS}/lost")
        assert "the kubelet lost a pod" in caplog.text


@pytest.mark.asyncio
async def test_a_pod_whose_binding_fails_is_tried_again(tmp_path, small):
    async with a_cluster(tmp_path, small) as (cluster, client):
        await client.create(PODS, a_pod("p", "sleep", "60", cpu="3"))
        await until(client, "p", condition("Unschedulable"))
        cluster.server.faults.set("pods", Fault(status=500, times=2))
        cluster.put(raw_nodes(ShortNode(name="large", cpu="4", memory="4Gi")))
        async with asyncio.timeout(15):
            while cluster.server.faults.active:
                await asyncio.sleep(0.05)
        pod = await until(client, "p", phase("Running"))
        assert pod["spec"]["nodeName"] == "large"


@pytest.mark.asyncio
@pytest.mark.parametrize("fails", [False, True], ids=["well", "refused"])
async def test_a_kubelet_with_a_heartbeat_renews_leases_and_bears_their_refusal(
    tmp_path, small, fails
):
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/small"
    async with embedded_cluster(tmp_path, nodes=False) as cluster, Client(cluster.access) as client:
        cluster.put(raw_nodes(small))
        if fails:
            cluster.server.faults.set("leases", Fault(status=500))
        async with run_nodes(client, tmp_path, heartbeat=True):
            await client.create(PODS, a_pod("p", "sleep", "60"))
            await until(client, "p", phase("Running"))
            cluster.server.faults.clear()
            if fails:
                await gone(client, lease)
            else:
                assert (await client.get(lease))["spec"]["holderIdentity"] == HOLDER


@pytest.mark.asyncio
async def test_what_the_server_refuses_of_a_scenario_is_told_and_what_is_there_is_not(tmp_path):
    async with embedded_cluster(tmp_path, nodes=False) as cluster, Client(cluster.access) as client:
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
        seed = Seed(client)
        await seed.sow([space, space, {**space, "metadata": {"name": "No_Name"}}])
        (told,) = seed.skipped
        assert told.startswith("Namespace No_Name: ")
        await seed.reap()
        await gone(client, "/api/v1/namespaces/x")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="no-containers"),
        pytest.param({"containers": None, "initContainers": [{}]}, id="unnamed"),
        pytest.param({"containers": [{"resources": {"requests": {"cpu": "1"}}}]}, id="no-image"),
    ],
)
async def test_an_occupant_may_leave_out_what_only_a_start_needs(tmp_path, small, spec):
    async with a_cluster(tmp_path, small) as (cluster, client):
        pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}}
        cluster.put(occupants([{**pod, "spec": {"nodeName": "small", **spec}}]))
        found = await until(client, "p", phase("Running"))
        assert all(one["name"] and one["image"] for one in found["spec"]["containers"])


@pytest.mark.asyncio
async def test_a_pod_without_room_is_told_why_and_placed_when_there_is(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        await client.create(PODS, a_pod("big", cpu="2"))
        await until(client, "big", phase("Running"))
        await client.create(PODS, a_pod("next", cpu="1"))
        pod = await until(client, "next", condition("Unschedulable"))
        told = next(one for one in pod["status"]["conditions"] if one["type"] == "PodScheduled")
        assert told["message"] == (
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available:"
            " 1 No preemption victims found for incoming pod."
        )
        assert "FailedScheduling" in await reasons(client, "next")
        await client.delete(f"{PODS}/big", 0)
        await until(client, "next", phase("Running"))


@pytest.mark.asyncio
async def test_a_pod_of_higher_priority_takes_the_place_of_as_few_as_can_be(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        for name, value in (("low", 1), ("mid", 5), ("high", 10)):
            body = {"metadata": {"name": name}, "value": value}
            await client.create("/apis/scheduling.k8s.io/v1/priorityclasses", body)
        for name, kind in (("a", "low"), ("b", "mid")):
            await client.create(PODS, a_pod(name, cpu="1", priorityClassName=kind))
            await until(client, name, phase("Running"))
        await client.create(PODS, a_pod("vip", cpu="1", priorityClassName="high"))
        await until(client, "vip", phase("Running"))
        await gone(client, f"{PODS}/a")
        assert (await client.get(f"{PODS}/b"))["status"]["phase"] == "Running"


def is_judged(pod):
    return any(each["type"] == "PodScheduled" for each in pod["status"].get("conditions", ()))


@pytest.mark.asyncio
async def test_a_rush_never_fills_a_node_beyond_its_size(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        pods = [client.create(PODS, a_pod(f"p{place}", cpu="500m")) for place in range(8)]
        await asyncio.gather(*pods)
        for place in range(8):
            await until(client, f"p{place}", is_judged)
        placed = (await client.get(PODS, fieldSelector="spec.nodeName=small"))["items"]
        assert len(placed) == 4


@pytest.mark.asyncio
async def test_pods_of_another_scheduler_and_gated_ones_are_left_alone(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        await client.create(PODS, a_pod("other", schedulerName="other"))
        await client.create(PODS, a_pod("gated", schedulingGates=[{"name": "x.example/y"}]))
        await client.create(PODS, a_pod("mine"))
        await until(client, "mine", phase("Running"))
        for name in ("other", "gated"):
            assert "nodeName" not in (await client.get(f"{PODS}/{name}"))["spec"]


@pytest.mark.asyncio
async def test_both_go_on_after_the_api_server_was_away(tmp_path, small):
    async with a_cluster(tmp_path, small) as (cluster, client):
        cluster.server.faults.away = True
        cluster.server.faults.cut()
        await asyncio.sleep(1)
        cluster.server.faults.clear()
        await client.create(PODS, a_pod("p", "sleep", "60"))
        await until(client, "p", phase("Running"), 25)


@pytest.mark.asyncio
async def test_nothing_runs_on_when_the_cluster_ends(tmp_path, small):
    async with a_cluster(tmp_path, small) as (_, client):
        await client.create(PODS, a_pod("p", "sh", "-c", "echo $$ > pid; exec sleep 60"))
        pod = await until(client, "p", phase("Running"))
        path = tmp_path / "pods" / pod["metadata"]["uid"] / "pid"
        async with asyncio.timeout(5):
            while not path.exists() or not path.read_text():
                await asyncio.sleep(0.05)
        pid = int(path.read_text())
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
