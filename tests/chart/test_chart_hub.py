"""The chart's own configuration with ours, run: a hub process, a real API server and scheduler."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from teamspawner.cli import main as teamspawner
from teamspawner.cli.rights import USUAL, manifests
from tests.chart.layers import FRAGMENTS, MANIFESTS, layered, merge, read
from tests.chart.render import lay_out, needs_chart, render
from tests.controlplane.client import wait_for
from tests.controlplane.cluster import HUB, free_port, running

pytestmark = [pytest.mark.controlplane, pytest.mark.slow, needs_chart]
PLACE = "jupyterhub"
TOKEN = "a-token-of-a-service-that-may-do-everything"
MODEL = "NVIDIA-A100-SXM4-80GB"
GPU = "gpu-nvidia-a100-sxm4-80gb"
SCHEDULER = "jupyterhub-user-scheduler"
NEEDED = {"Role", "RoleBinding", "ServiceAccount", "PriorityClass"}
DEDICATED = {"key": "hub.jupyter.org/dedicated", "value": "user", "effect": "NoSchedule"}
LATE = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "late",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "late.example.org",
    "volumeBindingMode": "WaitForFirstConsumer",
}
OUTSIDE = """
from teamspawner.sim.proxy import LocalProxy

c.JupyterHub.proxy_class = LocalProxy
c.JupyterHub.bind_url = "http://127.0.0.1:{public}/"
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = "http://127.0.0.1:{hub}"
c.JupyterHub.db_url = "sqlite:///{database}"
for service in c.JupyterHub.services:
    service["command"] = [w.replace("8081", "{hub}") for w in service.get("command", [])]
c.JupyterHub.services.append({{"name": "tester", "api_token": "{token}"}})
c.JupyterHub.load_roles.append({{"name": "admin", "services": ["tester"]}})
c.JupyterHub.load_groups = {{"research": {{"users": ["ada"]}}}}
c.Authenticator.allowed_users = {{"ada", "bob"}}
"""
"""What is different outside a cluster: no proxy pod, other ports, people who need no password."""


class Hub:
    """A hub process, asked by REST.

    Attributes:
        plane: Where its servers run.
        main: Its configuration file.
        environment: What its pod would have.
    """

    def __init__(self, plane, main, environment, port):
        self.plane, self.main, self.environment = plane, main, environment
        self._api = f"http://127.0.0.1:{port}/hub/api"

    def ask(self, method, path, body=None):
        """The status and the JSON of an answer; 0 while nobody answers."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._api + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, None

    def run(self, *words):
        """A sub-command of the hub in its pod."""
        command = [sys.executable, "-m", "jupyterhub", *words, "--config", str(self.main)]
        return subprocess.run(
            command, env=self.environment, cwd=self.main.parent, capture_output=True, check=True
        )


def _populate(admin, objects):
    admin.create_namespace(PLACE)
    for found in objects:
        if found["kind"] in NEEDED:
            if found["kind"] != "PriorityClass":
                found["metadata"].setdefault("namespace", PLACE)
            admin.create(found)
    for found in (*manifests(USUAL, PLACE, "hub"), LATE):
        admin.create(found)
    claim = read(MANIFESTS / "shared-pvc.yaml")
    admin.create(merge(claim, {"spec": {"storageClassName": "late"}}))
    room = {"cpu": "16", "memory": "64Gi"}
    admin.create_node("cpu-1", allocatable=room, taints=[DEDICATED])
    room = {"cpu": "64", "memory": "512Gi", "nvidia.com/gpu": "4"}
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    labels = {"nvidia.com/gpu.product": MODEL}
    admin.create_node("gpu-1", allocatable=room, labels=labels, taints=[taint])


@pytest.fixture(scope="module")
def hub(control_plane_assets, tmp_path_factory):
    pytest.importorskip("pycurl", reason="the chart's configuration asks for curl")
    port, folder = free_port(), tmp_path_factory.mktemp("chart")
    database = folder / "hub.sqlite"
    outside = OUTSIDE.format(public=free_port(), hub=port, token=TOKEN, database=database)
    password = {"SharedPasswordAuthenticator": {"user_password": "eight-signs"}}
    own = {"hub": {"extraConfig": {"99-outside": outside}, "config": password}}
    objects = render(merge(layered("20-auth-dummy", "40-ingress", "site"), own))
    main = lay_out(objects, folder)
    for path in FRAGMENTS.glob("*.py"):
        shutil.copy(path, folder / "jupyterhub_config.d")
    with running(control_plane_assets, schedulers=(SCHEDULER,), manager=True) as plane:
        _populate(plane.admin, objects)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONPATH": ":".join(sys.path),
            "POD_NAMESPACE": PLACE,
            "KUBECONFIG": str(plane.kubeconfig(HUB)),
            "HUB_SERVICE_PORT": "8081",
            "PROXY_API_SERVICE_PORT": "8001",
        }
        made = Hub(plane, main, environment, port)
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "jupyterhub", "--config", str(main)]
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            wait_for(lambda: made.ask("GET", "/")[0] == 200 or process.poll() is not None, 120)
            assert process.poll() is None, (folder / "log").read_text()[-3000:]
            yield made
        finally:
            process.terminate()
            process.wait(30)


def _offers(hub, name):
    _, found = hub.ask("GET", f"/teamspawner/offers?user={name}")
    return {(o["slug"], o["team"]): o["verdict"] for o in found["offers"]} if found else {}


def test_each_sees_what_the_map_of_the_values_gives_and_what_is_free(hub):
    wait_for(lambda: "FITS_NOW" in _offers(hub, "bob").values(), 60)
    assert _offers(hub, "bob") == {("small", "everyone"): "FITS_NOW"}
    assert _offers(hub, "ada") == {
        ("small", "everyone"): "FITS_NOW",
        ("small", "research"): "FITS_NOW",
        ("large", "research"): "FITS_NOW",
        (GPU, "research"): "FITS_NOW",
    }


def test_a_start_makes_a_server_of_the_tier_with_what_the_chart_gives_every_one(hub):
    assert hub.ask("POST", "/users/ada/server", {"profile": GPU})[0] in {201, 202}
    [pod] = wait_for(lambda: hub.plane.admin.list("Pod", PLACE), 60)
    spec, [container] = pod["spec"], pod["spec"]["containers"]
    assert (spec["schedulerName"], spec["priorityClassName"]) == (
        SCHEDULER,
        "jupyterhub-default-priority",
    )
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["metadata"]["labels"]["teamspawner/variant"] == GPU
    assert pod["metadata"]["labels"]["hub.jupyter.org/network-access-hub"] == "true"
    keys = {each["key"] for each in spec["tolerations"]}
    assert {"nvidia.com/gpu", "hub.jupyter.org/dedicated"} <= keys


def test_a_named_server_has_a_home_of_its_own(hub):
    """So it may run on another machine than the first, whose home may be held by one."""
    assert hub.ask("POST", "/users/bob/servers/second", {"profile": "small"})[0] in {201, 202}
    homes = {"claim-bob--second"}
    wait_for(lambda: homes <= {c["metadata"]["name"] for c in _claims(hub)}, 60)


def _claims(hub):
    return hub.plane.admin.list("PersistentVolumeClaim", PLACE)


def test_doctor_in_the_hubs_pod_finds_nothing_wrong(hub, capsys):
    values = str(hub.main.parent / "secret" / "values.yaml")
    flags = ["--kubeconfig", hub.environment["KUBECONFIG"], "--namespace", PLACE]
    code = teamspawner(["doctor", *flags, "--map", values])
    assert (code, capsys.readouterr().out) == (0, "0 faults, 0 warnings\n")


def test_a_sub_command_beside_the_running_hub_works(hub):
    assert len(hub.run("token", "ada").stdout.split()[-1]) == 32
