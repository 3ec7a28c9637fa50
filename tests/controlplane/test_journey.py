"""The whole way on a real control plane: hub, real RBAC, real scheduler, a cluster of real size.

The hub acts with a token of its own ServiceAccount, which holds the chart's Role and our manifests,
nothing else. Our kubelet, a plain API client, runs what the scheduler has placed.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from html import unescape
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from teamspawner.capacity.judge import judge
from teamspawner.cluster.decode import candidate
from teamspawner.cluster.watch import for_loop
from teamspawner.offers.notices import NOT_SEEN
from teamspawner.sim.client import Client as Caller
from teamspawner.sim.client import Mirror
from teamspawner.sim.cluster import run_nodes, serving
from teamspawner.sim.demo import stub
from teamspawner.sim.kubeconfig import read_kubeconfig
from teamspawner.sim.node.kubelet import OCCUPANT
from teamspawner.sim.volumes import PROVISIONER
from tests.controlplane import busy
from tests.controlplane.client import path_of
from tests.controlplane.cluster import running
from tests.oracle.nodes import GPU
from tests.oracle.replay import pod_of

pytestmark = [
    pytest.mark.controlplane,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("default"),
]

MANIFESTS = Path(__file__).parents[2] / "chart-values" / "manifests"
OURS = ("rbac-core.yaml", "rbac-volumes.yaml", "rbac-quota.yaml")
NAMESPACE = "jupyterhub"
RBAC = "rbac.authorization.k8s.io/v1"
BIG = "gpu-g2"
"""The variant whose machines have eight devices."""
SAID = "The hub cannot see the cluster's machines, so what is free is not known."
MAP = {
    "tiers": {
        "small": {"cpu": 1, "memory": "1Gi"},
        "gpu": {"gpu": {"counts": [1, 2, 4, 8]}, "per_gpu": {"cpu": 4, "memory": "16Gi"}},
    },
    "teams": {
        "physics": {"groups": ["physics"], "tiers": ["small", "gpu"]},
        "arts": {"groups": ["arts"], "tiers": ["small"]},
    },
}


def chart_role():
    """What the chart gives to its hub: its own namespace, and nothing cluster-wide."""
    kinds = ["pods", "persistentvolumeclaims", "secrets", "services"]
    every = ["get", "watch", "list", "create", "delete"]
    role = {
        "apiVersion": RBAC,
        "kind": "Role",
        "metadata": {"name": "hub", "namespace": NAMESPACE},
        "rules": [
            {"apiGroups": [""], "resources": kinds, "verbs": every},
            {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "watch", "list"]},
        ],
    }
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"name": "hub", "namespace": NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "hub"},
        "subjects": [{"kind": "ServiceAccount", "name": "hub", "namespace": NAMESPACE}],
    }
    return [role, binding]


def our_rights():
    return [
        thing
        for name in OURS
        for thing in yaml.safe_load_all((MANIFESTS / name).read_text())
        if thing
    ]


def there(admin, thing):
    meta = thing["metadata"]
    found = admin.list(thing["kind"], meta.get("namespace", ""), thing["apiVersion"])
    return meta["name"] in {each["metadata"]["name"] for each in found}


def give(admin, things):
    for thing in things:
        admin.create(thing)


def take(admin, things):
    for thing in things:
        meta = thing["metadata"]
        admin.delete(thing["kind"], meta["name"], meta.get("namespace", ""), thing["apiVersion"])


def account_token(admin):
    """A token of the hub's ServiceAccount, made as a kubelet makes the one it mounts."""
    account = {"name": "hub", "namespace": NAMESPACE}
    admin.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    path = f"{path_of('v1', 'ServiceAccount', NAMESPACE, 'hub')}/token"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return admin.request("POST", path, asked)["status"]["token"]


@pytest.fixture(scope="module")
def plane(control_plane_assets):
    with running(control_plane_assets) as started:
        admin = started.admin
        admin.create_namespace(NAMESPACE)
        admin.create(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": "homes"},
                "provisioner": PROVISIONER,
                "volumeBindingMode": "WaitForFirstConsumer",
            }
        )
        give(admin, chart_role())
        filled = busy.fill(started)
        assert filled["pods"] > filled["nodes"] / 2
        yield started


def hub_kubeconfig(plane, folder):
    """The hub's way to the API server: its account's token and the authority, no more."""
    named = {"name": "it"}
    cluster = {"server": plane.url, "certificate-authority": str(plane.ca_file)}
    path = folder / "hub.kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "it",
                "clusters": [{**named, "cluster": cluster}],
                "users": [{**named, "user": {"token": account_token(plane.admin)}}],
                "contexts": [{**named, "context": {"cluster": "it", "user": "it"}}],
            }
        )
    )
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kubelet(plane, tmp_path_factory):
    access = read_kubeconfig(plane.kubeconfig())
    async with Caller(access) as caller, run_nodes(caller, tmp_path_factory.mktemp("nodes")) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(plane, kubelet, tmp_path_factory):
    """A hub that starts before anybody has given it our rights."""
    from kubespawner import KubeSpawner

    from tests.hub.cluster import use_kubeconfig
    from tests.hub.hubs import a_hub

    folder = tmp_path_factory.mktemp("hub")
    use_kubeconfig(hub_kubeconfig(plane, folder))
    kube = {
        "namespace": NAMESPACE,
        "image": "none:1",
        "cmd": [sys.executable, "-S", "-E", stub.__file__],
        "environment": {"TEAMSPAWNER_STUB_VERSION": "5.0.0"},
        "storage_class": "homes",
        "storage_capacity": "1Gi",
        "storage_pvc_ensure": True,
        "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}}],
        "volume_mounts": [{"name": "home", "mountPath": "/home/jovyan"}],
        "delete_grace_period": 1,
    }
    patient = {"tornado_settings": {"slow_spawn_timeout": 60}}
    team = {"map": MAP}
    async with a_hub(folder, KubeSpawner=kube, TeamSpawner=team, JupyterHub=patient) as started:
        yield started
        await for_loop().stop()
        await KubeSpawner._stop_all_reflectors()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def born(plane):
    """Names of the pods that were ever created in the hub's namespace, in their order."""
    names = []

    def hear(old, new):
        if old is None:
            names.append(new["metadata"]["name"])

    async with Caller(read_kubeconfig(plane.kubeconfig())) as caller:
        mirror = Mirror(caller, path_of("v1", "Pod", NAMESPACE), hear)
        async with serving(mirror.run()):
            await mirror.synced.wait()
            yield names


@pytest_asyncio.fixture(loop_scope="module")
async def person(hub, plane):
    """Makes new people, in groups; their servers end with the test."""
    people = []

    async def make(*groups):
        people.append(await hub.someone(f"person{len(hub.people)}", *groups))
        return people[-1]

    yield make
    for one in people:
        for server in ("", "second"):
            await one.stop(server)
    names = {one.name for one in people}
    await until(lambda: not [pod for pod in servers(plane) if owner(pod) in names])


@pytest_asyncio.fixture(loop_scope="module")
async def rights(plane):
    """The rights of our manifests, whatever an earlier test has left."""
    for thing in our_rights():
        if not there(plane.admin, thing):
            plane.admin.create(thing)


@pytest_asyncio.fixture(loop_scope="module")
async def ada(person, rights):
    """Somebody of physics, who has a home and sees the cluster counted."""
    one = await person("physics")
    await until(lambda: known(one))
    assert (await one.start({"profile": "small"})).status == 201
    assert (await one.stop()).status in {202, 204}
    return one


def servers(plane):
    return plane.admin.list("Pod", NAMESPACE)


def owner(pod):
    return pod["metadata"]["annotations"]["hub.jupyter.org/username"]


def server_of(plane, one, name=""):
    """The pod of a person's server; None when there is none."""
    for pod in servers(plane):
        labels = pod["metadata"]["labels"]
        if owner(pod) == one.name and labels.get("hub.jupyter.org/servername", "") == name:
            return pod
    return None


async def until(claim, seconds=60.0):
    """Wait until ``claim()``, or what it awaits, is true, and return it."""
    async with asyncio.timeout(seconds):
        while True:
            found = claim()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            await asyncio.sleep(0.2)


async def offers(one):
    return (await one.call("GET", "/teamspawner/offers")).json["offers"]


async def offer(one, slug, gpus=""):
    """What the hub says of one offer; None when the person does not see it."""
    found = [each for each in await offers(one) if each["slug"] == slug]
    return next((each for each in found if each["options"].get("gpus", "") == gpus), None)


async def known(one):
    """The offers, once the hub has counted the cluster."""
    found = await offers(one)
    return found if all(each["verdict"] != "UNKNOWN" for each in found) else None


async def page(one):
    return (await one.browse("GET", "/hub/spawn")).text


def choice(text, slug, gpus):
    """The tag of a number of GPUs on the page."""
    tags = re.findall(rf'<input[^>]*name="profile-option-{slug}--gpus"[^>]*>', text)
    return next(tag for tag in tags if f'value="{gpus}"' in tag)


def takes(slug, gpus):
    return {"profile": slug, "gpus": gpus}


async def leave_one(plane, one):
    """Fill the scarcest machines until one more server fits, and return its offer.

    The room is taken as everybody takes it: pods of the same size for the same model,
    placed by the scheduler.
    """
    free = [each for each in await offers(one) if each["tier"] == "gpu" and each["count"]]
    scarce = min(free, key=lambda each: each["count"])
    slug, gpus = scarce["slug"], scarce["options"]["gpus"]
    fillers = [f"filler-{number}-{one.name}" for number in range(scarce["count"] - 1)]
    for name in fillers:
        row = {"name": name, "gpu_spec": scarce["model"], "num_gpu": gpus}
        row |= {"cpu_milli": str(4000 * int(gpus)), "memory_mib": str(16384 * int(gpus))}
        pod = pod_of(row)
        pod["metadata"]["annotations"] = {OCCUPANT: "run"}
        plane.admin.create(pod)

    async def last():
        found = await offer(one, slug, gpus)
        return found if (found["count"], found["nodes"]) == (1, 1) else None

    return await until(last)


def foretold(pod, snapshot):
    """The nodes of the verdict on a pod, by what was known before it existed."""
    before = {"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"]}
    before["spec"] = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    rules = for_loop().rules
    return judge(candidate(json.dumps(before).encode(), rules), snapshot, rules).nodes


async def test_without_our_rights_it_says_so_and_heals_when_they_come(hub, plane, person, born):
    ada = await person("physics")
    small = await until(lambda: offer(ada, "small"))
    assert (small["verdict"], small["count"], small["nodes"]) == ("UNKNOWN", None, None)
    assert SAID in unescape(await page(ada))
    refused = await ada.start(takes("gpu-g2", "1"))
    assert (refused.status, refused.json["message"]) == (503, NOT_SEEN)
    assert born == []
    give(plane.admin, our_rights())
    found = await until(lambda: known(ada))
    assert {each["verdict"] for each in found} >= {"FITS_NOW"}, found
    assert {each["slug"] for each in found} >= {"small", "gpu-a10", "gpu-g2", "gpu-t4"}
    assert hub.failures == 0


async def test_a_server_lands_where_it_was_foretold_and_a_second_is_refused_before_any_pod(
    hub, plane, person, born, ada
):
    bob = await person("physics")
    one = await leave_one(plane, ada)
    slug, gpus = one["slug"], one["options"]["gpus"]
    assert "disabled" not in choice(await page(ada), slug, gpus)
    snapshot = for_loop().snapshot()

    started = await ada.start(takes(slug, gpus))
    assert started.status == 201, started
    pod = server_of(plane, ada)
    assert [pod["spec"]["nodeName"]] == list(foretold(pod, snapshot))
    assert len(foretold(pod, snapshot)) == one["nodes"] == 1
    limits = pod["spec"]["containers"][0]["resources"]["limits"]
    assert limits[GPU] == gpus
    assert pod["metadata"]["labels"]["teamspawner/variant"] == slug
    assert pod["status"]["phase"] == "Running"

    async def full():
        found = await offer(bob, slug, gpus)
        return found if found["count"] == 0 else None

    found = await until(full, 5)
    assert found["verdict"] == "BUSY"
    text = await page(bob)
    assert "disabled" in choice(text, slug, gpus)
    so_far = list(born)
    refused = await bob.start(takes(slug, gpus))
    assert refused.status == 409
    assert refused.json["message"].startswith(found["sentence"])
    by_form = {"profile": slug, f"profile-option-{slug}--gpus": gpus}
    assert (await bob.post_form("/hub/spawn", by_form)).status == 409
    await asyncio.sleep(1)
    assert born == so_far

    assert (await ada.stop()).status in {202, 204}
    await until(lambda: server_of(plane, ada) is None)

    async def free():
        return (await offer(bob, slug, gpus))["count"] == 1

    await until(free, 5)
    assert (await bob.start(takes(slug, gpus))).status == 201
    assert server_of(plane, bob)["spec"]["nodeName"] == pod["spec"]["nodeName"]
    assert hub.failures == 0


async def test_what_a_sum_over_machines_hides_is_busy(ada):
    """Many GPUs of the model are free, and none of its machines has eight."""
    found = {each["options"]["gpus"]: each for each in await offers(ada) if each["slug"] == BIG}
    if found["8"]["count"]:
        pytest.skip("a machine with all its GPUs free is left")
    assert found["1"]["count"] >= 8
    refused = await ada.start(takes(BIG, "8"))
    assert refused.status == 409
    assert refused.json["message"].startswith(found["8"]["sentence"])


async def test_a_named_server_starts_beside_the_other(plane, ada):
    assert (await ada.start({"profile": "small"})).status == 201
    found = next(each for each in await offers(ada) if each["tier"] == "gpu" and each["count"])
    slug, gpus = found["slug"], found["options"]["gpus"]
    assert (await ada.start(takes(slug, gpus), "second")).status == 201
    second = server_of(plane, ada, "second")
    assert second["metadata"]["labels"]["teamspawner/variant"] == slug
    assert second["spec"]["nodeName"] != ""
    assert GPU not in str(server_of(plane, ada)["spec"]["containers"])
    assert (await ada.stop("second")).status in {202, 204}
    await until(lambda: server_of(plane, ada, "second") is None)
    assert server_of(plane, ada)["status"]["phase"] == "Running"


async def test_a_change_of_groups_holds_at_once(hub, born, ada):
    slug = next(each["slug"] for each in await offers(ada) if each["tier"] == "gpu")
    hub.put_in(ada.name, "arts")
    assert [each["slug"] for each in await offers(ada)] == ["small"]
    assert slug not in await page(ada)
    so_far = list(born)
    refused = await ada.start(takes(slug, "1"))
    nowhere = await ada.start(takes("gpu-no-such-thing", "1"))
    assert (refused.status, nowhere.status) == (403, 403)
    assert refused.json["message"].replace(slug, "X") == nowhere.json["message"].replace(
        "gpu-no-such-thing", "X"
    )
    hub.put_in(ada.name, "physics")
    assert slug in {each["slug"] for each in await offers(ada)}
    assert born == so_far


async def test_rights_taken_away_are_noticed_and_heal_without_a_restart(hub, plane, born, ada):
    take(plane.admin, our_rights())
    restart_api_server(plane)

    async def blind():
        found = await offers(ada)
        return all(each["verdict"] == "UNKNOWN" for each in found)

    await until(blind, 150)
    small = await offer(ada, "small")
    assert (small["count"], small["nodes"]) == (None, None)
    assert SAID in unescape(await page(ada))
    so_far = list(born)
    refused = await ada.start(takes(BIG, "1"))
    assert (refused.status, refused.json["message"]) == (503, NOT_SEEN)
    assert born == so_far
    give(plane.admin, our_rights())
    assert await until(lambda: known(ada))
    assert (await ada.start({"profile": "small"})).status == 201
    assert hub.failures == 0


def restart_api_server(plane):
    """What is watched goes on being sent after a right is gone, until the connection ends."""
    arguments = plane.processes["kube-apiserver"].args[1:]
    plane.stop("kube-apiserver")
    plane.run("kube-apiserver", "kube-apiserver", *arguments)
    plane.admin.close()
    plane.wait_ready("kube-apiserver", f"{plane.url}/readyz")
