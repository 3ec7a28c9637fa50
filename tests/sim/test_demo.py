"""The demo: a real hub with a cluster to play with, from its ready file to its end."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from teamspawner.sim.kubeconfig import read_kubeconfig
from tests.sim.starting import demo, processes, until
from tests.sim.talk import PODS

pytestmark = pytest.mark.slow

GPU = "NVIDIA-A100-SXM4-80GB"
SCENARIO = {
    "users": {"ann": ["physics"], "ben": ["physics"], "boss": []},
    "admins": ["boss"],
    "nodes": [
        {"name": "plain", "count": 2, "cpu": 4, "memory": "16Gi"},
        {"name": "gpu", "cpu": 16, "memory": "64Gi",
         "gpu": {"resource": "nvidia.com/gpu", "model": GPU, "count": 4, "memory_mib": 81920},
         "taints": ["nvidia.com/gpu=present:NoSchedule"]},
    ],
    "pods": [
        {"metadata": {"name": "training", "namespace": "research"},
         "spec": {"nodeName": "gpu", "containers": [
             {"name": "main", "image": "registry.example/training:1",
              "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}},
    ],
    "map": {
        "tiers": {
            "small": {"cpu": 2, "memory": "4Gi"},
            "gpu": {"gpu": {"counts": [1, 2]}, "per_gpu": {"cpu": 2, "memory": "8Gi"}},
        },
        "teams": {"physics": {"groups": ["physics"], "tiers": ["small", "gpu"]}},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with demo(tmp_path_factory.mktemp("demo"), scenario=SCENARIO) as started:
        yield started


@pytest.fixture
def ann(running):
    person = running.person("ann")
    yield person
    person.stop()
    until(lambda: person.server() is None)


def counts(person) -> dict[tuple[str, str], int | None]:
    """How many servers of each offer fit, by slug and number of devices."""
    offers = person.api("GET", "/teamspawner/offers").json["offers"]
    return {(one["slug"], one["options"].get("gpus", "")): one["count"] for one in offers}


def test_the_ready_file_tells_how_to_get_in(running):
    assert running.about["users"] == {"ann": ["physics"], "ben": ["physics"], "boss": []}
    assert running.about["pid"] == running.process.pid
    assert running.url.startswith("http://127.0.0.1:")
    assert running.about["password"]


def test_secrets_are_only_for_their_owner(running):
    for name in ("kubeconfig", "settings.json", "hub.kubeconfig"):
        path = Path(running.about["kubeconfig"]).parent / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["ann", "ben", "boss"])
def test_everybody_signs_in_with_the_one_password(running, name):
    person = running.person(name)
    assert person.api("GET", "/user").json["name"] == name


def test_another_password_lets_nobody_in(running):
    running.about["password"], kept = "wrong", running.about["password"]
    person = running.person("ann")
    running.about["password"] = kept
    assert person.signed_in.status == 403


def test_a_stranger_is_not_let_in(running):
    assert running.person("stranger").signed_in.status == 403


def test_a_server_starts_and_stops_by_rest(running, ann):
    answer = ann.start({"profile": "small"})
    assert answer.status in {201, 202}
    until(lambda: ann.server()["ready"])
    assert "JUPYTERHUB_USER = ann" in ann.get("/user/ann/").text
    assert ann.stop().status in {202, 204}
    until(lambda: ann.server() is None)


def test_a_server_sees_the_devices_it_was_given(running, ann):
    ann.start({"profile": "gpu-nvidia-a100-sxm4-80gb", "gpus": "2"})
    until(lambda: ann.server()["ready"])
    page = ann.get("/user/ann/").text
    assert "CUDA_VISIBLE_DEVICES = 1,2" in page  # 0 is the training's
    assert "CPU_LIMIT = 4.0" in page


def test_the_start_of_one_changes_the_numbers_of_the_other(running, ann):
    ben = running.person("ben")
    before = counts(ben)["small", ""]
    ann.start({"profile": "small"})
    until(lambda: counts(ben)["small", ""] == before - 1)
    ann.stop()
    until(lambda: counts(ben)["small", ""] == before)


def test_a_cordon_changes_the_numbers(running):
    ben, cluster = running.person("ben"), running.cluster()
    before = counts(ben)["small", ""]
    cluster.patch("/api/v1/nodes/plain-1", {"spec": {"unschedulable": True}})
    until(lambda: counts(ben)["small", ""] == before - 2)
    cluster.patch("/api/v1/nodes/plain-1", {"spec": {"unschedulable": None}})
    until(lambda: counts(ben)["small", ""] == before)


def test_a_pod_of_the_scenario_takes_up_room_until_it_is_deleted(running):
    cluster = running.cluster()
    pod = cluster.get("/api/v1/namespaces/research/pods/training").body
    assert pod["status"]["phase"] == "Running"
    ben = running.person("ben")
    slug = ("gpu-nvidia-a100-sxm4-80gb", "1")
    assert counts(ben)[slug] == 3
    cluster.delete("/api/v1/namespaces/research/pods/training")
    until(lambda: counts(ben)[slug] == 4)
    pod["metadata"] = {
        field: pod["metadata"][field] for field in ("name", "namespace", "annotations")
    }
    cluster.post("/api/v1/namespaces/research/pods", pod)
    until(lambda: counts(ben)[slug] == 3)


def test_named_servers_are_on(running, ann):
    ann.start({"profile": "small"}, "second")
    until(lambda: ann.server("second") and ann.server("second")["ready"])
    ann.stop("second")
    until(lambda: not (ann.server("second") or {}).get("active"))


def test_a_change_of_groups_by_an_admin_holds_at_once(running):
    boss, ben = running.person("boss"), running.person("ben")
    assert counts(ben)
    boss.api("DELETE", "/groups/physics/users", {"users": ["ben"]})
    assert counts(ben) == {}
    boss.api("POST", "/groups/physics/users", {"users": ["ben"]})
    assert counts(ben)


def test_the_hub_has_the_charts_rights_and_ours_only(running):
    cluster = running.cluster()
    path = Path(running.about["kubeconfig"]).parent / "hub.kubeconfig"
    hub = cluster.as_caller(read_kubeconfig(path).token)
    assert hub.get("/api/v1/nodes").status == 200
    assert hub.get(PODS).status == 200
    assert hub.delete("/api/v1/nodes/gpu").status == 403
    assert hub.get("/api/v1/namespaces/research/secrets").status == 403
    assert hub.patch(f"{PODS}/x", {}).status == 403


def test_a_notebook_that_crashes_is_started_again(running, ann):
    ann.start({"profile": "small"})
    until(lambda: ann.server()["ready"])
    cluster = running.cluster()
    (pid,) = processes("JUPYTERHUB_SERVICE_PREFIX=/user/ann/")
    os.kill(pid, signal.SIGKILL)

    def restarts():
        (status,) = cluster.get(f"{PODS}/jupyter-ann").body["status"]["containerStatuses"]
        return status["restartCount"] == 1 and status["ready"]

    until(restarts)


def test_a_signal_ends_it_and_nothing_is_left(tmp_path):
    with demo(tmp_path, scenario=SCENARIO) as started:
        ann = started.person("ann")
        ann.start({"profile": "small"})
        until(lambda: ann.server()["ready"])
        assert processes(str(tmp_path))
        started.process.terminate()
        assert started.process.wait(20) == 0
    assert processes(str(tmp_path)) == []
    assert [path.name for path in tmp_path.iterdir() if "teamspawner" in path.name] == []
    assert not (tmp_path / "ready.json").exists()


def test_even_when_it_is_killed_nothing_is_left(tmp_path):
    with demo(tmp_path, scenario=SCENARIO) as started:
        ann = started.person("ann")
        ann.start({"profile": "small"})
        until(lambda: ann.server()["ready"])
        started.process.kill()
        started.process.wait()
        until(lambda: processes(str(tmp_path)) == [], 10)
    assert [path.name for path in tmp_path.iterdir() if "teamspawner" in path.name] == []
