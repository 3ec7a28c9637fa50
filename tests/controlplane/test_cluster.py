"""The harness itself: a real scheduler places real pods, and everything is gone afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.controlplane.client import ApiError, Client, scheduled, wait_for
from tests.controlplane.cluster import (
    HUB,
    ControlPlane,
    StartError,
    binaries,
    running,
    version,
)

pytestmark = pytest.mark.controlplane


def spoken(admin: Client, name: str, namespace: str):
    return wait_for(lambda: scheduled(admin.get("Pod", name, namespace)))


def test_a_pod_that_fits_is_bound_by_the_real_scheduler(admin, namespace):
    admin.create_node(f"{namespace}-a", labels={"world": namespace})
    pod = {"requests": {"cpu": "3"}, "nodeSelector": {"world": namespace}}
    admin.create_pod("first", namespace, **pod)
    assert spoken(admin, "first", namespace)["status"] == "True"
    assert admin.get("Pod", "first", namespace)["spec"]["nodeName"] == f"{namespace}-a"
    admin.create_pod("second", namespace, **pod)
    assert "1 Insufficient cpu" in spoken(admin, "second", namespace)["message"]


def test_the_hubs_account_may_do_nothing_by_itself(control_plane: ControlPlane, namespace):
    with pytest.raises(ApiError) as refused:
        control_plane.client(HUB).list("Pod", namespace)
    assert refused.value.status == 403


def test_a_kubeconfig_works_with_kubectl(control_plane: ControlPlane):
    kubectl = control_plane.assets / "kubectl"
    answer = subprocess.run(
        [kubectl, "--kubeconfig", control_plane.kubeconfig(), "version", "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert version() in answer.stdout


def test_a_second_scheduler_and_the_controllers_run_beside_the_first(control_plane_assets):
    with running(control_plane_assets, schedulers=("user-scheduler",), manager=True) as plane:
        admin = plane.admin
        admin.create_node("only")
        admin.create_namespace("jupyterhub")
        wait_for(lambda: admin.list("ServiceAccount", "jupyterhub"))
        admin.create_pod("mine", "jupyterhub", schedulerName="user-scheduler")
        admin.create_pod("foreign", "jupyterhub")
        assert spoken(admin, "mine", "jupyterhub")["status"] == "True"
        assert scheduled(admin.get("Pod", "foreign", "jupyterhub")) is None
        folder, left = plane.folder, list(plane.processes.values())
    assert not folder.exists()
    assert all(process.poll() is not None for process in left)


def test_a_component_that_ends_says_its_last_words(control_plane: ControlPlane):
    control_plane.run("broken", "etcd", "--no-such-flag")
    with pytest.raises(StartError, match=r"broken ended:(.|\n)*no-such-flag"):
        control_plane.wait_ready("broken", "http://127.0.0.1:9/none")
    control_plane.stop("broken")


def test_a_component_that_ignores_sigterm_is_killed(control_plane: ControlPlane, monkeypatch):
    monkeypatch.setattr("tests.controlplane.cluster.STOP_TIMEOUT_S", 0.5)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)"
    )
    plane = ControlPlane(Path(sys.executable).parent, control_plane.folder)
    plane.run("stubborn", Path(sys.executable).name, "-c", stubborn)
    wait_for(lambda: "deaf" in plane.log("stubborn"))
    process = plane.processes["stubborn"]
    plane.stop("stubborn")
    assert process.returncode == -9


def test_missing_binaries_are_none(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert binaries() is None


@pytest.mark.parametrize(
    ("required", "outcome"), [("", "1 skipped"), ("1", "1 error")], ids=["skipped", "required"]
)
def test_a_run_without_binaries_says_so(tmp_path, required, outcome):
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            f"{__file__}::test_a_kubeconfig_works_with_kubectl",
        ],
        env={
            "PATH": "/usr/bin:/bin",
            "KUBEBUILDER_ASSETS": str(tmp_path),
            "TEAMSPAWNER_REQUIRE_CONTROLPLANE": required,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "control plane: SKIPPED, no etcd" in answer.stdout
    assert outcome in answer.stdout
