"""A server of each tier of the example site, as the API server gets it from a real hub."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from kubernetes_validate import validate

from teamspawner.capacity import Rules, judge
from teamspawner.cli.bychart import as_chart
from teamspawner.cluster.decode import candidate
from teamspawner.map import load
from teamspawner.offers.choices import plain_pod
from teamspawner.offers.desk import Desk
from teamspawner.offers.model import Person
from teamspawner.offers.scene import Scene
from tests.chart import standin
from tests.chart.build import a_gpu_node, a_node
from tests.chart.layers import FRAGMENTS, MANIFESTS, complete, layered, read
from tests.chart.render import unsized
from tests.core.raw import snapshot_of
from tests.hub.cluster import NAMESPACE, a_cluster
from tests.hub.hubs import a_hub

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("default"),
]
MODEL = "NVIDIA-A100-SXM4-80GB"
DEDICATED = {"hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory):
    """A CPU node, a GPU node, and the claim of the manifests, bound."""
    async with a_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        await cluster.add_node(cpu="64", memory="256Gi")
        await cluster.add_node(
            "gpu-1",
            cpu="64",
            memory="512Gi",
            labels={"nvidia.com/gpu.product": MODEL},
            nvidia_com__gpu=4,
        )
        priority = {"metadata": {"name": "jupyterhub-default-priority"}, "value": 0}
        await cluster.api.create("/apis/scheduling.k8s.io/v1/priorityclasses", priority)
        await _bound_claim(cluster)
        yield cluster


async def _bound_claim(cluster):
    claim = read(MANIFESTS / "shared-pvc.yaml")
    claim["metadata"]["namespace"] = NAMESPACE
    name, modes = claim["metadata"]["name"], claim["spec"]["accessModes"]
    claim["spec"]["volumeName"] = "shared"
    claim["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
    path = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims"
    made = await cluster.api.create(path, claim)
    reference = {"namespace": NAMESPACE, "name": name, "uid": made["metadata"]["uid"]}
    volume = {
        "metadata": {"name": "shared"},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "accessModes": modes,
            "storageClassName": claim["spec"]["storageClassName"],
            "claimRef": reference,
            "nfs": {"server": "nfs", "path": "/"},
        },
        "status": {"phase": "Bound"},
    }
    await cluster.api.create("/api/v1/persistentvolumes", volume)
    await cluster.api.merge(f"{path}/{name}/status", {"status": {"phase": "Bound"}})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pods(cluster, tmp_path_factory):
    """Tier to the pod that a member of the team ``research`` got for it."""
    folder = tmp_path_factory.mktemp("site")
    with standin.of_the_chart():
        values = complete(layered("20-auth-dummy", "40-ingress", "site"))
        app = standin.load(standin.lay_out(folder, values, sorted(FRAGMENTS.glob("*.py"))))
        chart, ours = dict(app.config.KubeSpawner), dict(app.config.TeamSpawner)
    chart |= {"namespace": NAMESPACE, "port": cluster.port, "storage_pvc_ensure": False}
    chart["volumes"], chart["volume_mounts"] = {}, {}
    async with a_hub(folder, KubeSpawner=chart, TeamSpawner={**ours, "dry_run": False}) as hub:
        ada = await hub.someone("ada", "research")
        made = {"values": values}
        for tier in ("small", "large", "gpu"):
            made[tier] = await _started(cluster, ada, tier)
            await ada.stop()
        yield made


async def _started(cluster, person, tier):
    """Start what the page shows for a tier and return the pod."""
    offers = []
    while not offers:
        listing = (await person.call("GET", f"/teamspawner/offers?user={person.name}")).json
        wanted = (tier, "research", True)
        shown = [(o["tier"], o["team"], o["startable"]) for o in listing["offers"]]
        offers = [o for o, seen in zip(listing["offers"], shown, strict=True) if seen == wanted]
        await asyncio.sleep(0.1)
    options = {"profile": offers[0]["slug"], **offers[0]["options"], "team": "research"}
    answer = await person.start(options)
    assert answer.status == 201, answer
    [pod] = [
        pod
        for pod in await cluster.pods()
        if pod["metadata"]["annotations"]["hub.jupyter.org/username"] == person.name
    ]
    return pod


TIERS = ["small", "large", "gpu"]


@pytest.mark.parametrize("tier", TIERS)
async def test_a_server_of_each_tier_is_what_kubernetes_takes(pods, tier):
    spec = {key: pods[tier][key] for key in ("metadata", "spec")}
    spec["metadata"].pop("managedFields", None)
    validate({"apiVersion": "v1", "kind": "Pod", **spec}, "1.35", strict=True)


@pytest.mark.parametrize("tier", TIERS)
async def test_every_container_of_a_server_passes_under_a_quota(pods, tier):
    spec = pods[tier]["spec"]
    each = [*spec.get("initContainers", []), *spec["containers"]]
    assert {container["name"]: unsized(container) for container in each} == {
        container["name"]: [] for container in each
    }
    assert "block-cloud-metadata" in {container["name"] for container in each}


@pytest.mark.parametrize("tier", TIERS)
async def test_a_server_keeps_what_the_chart_gives_it(pods, tier):
    spec = pods[tier]["spec"]
    assert spec["priorityClassName"] == "jupyterhub-default-priority"
    assert spec["schedulerName"] == "jupyterhub-user-scheduler"
    labels = pods[tier]["metadata"]["labels"]
    assert labels["hub.jupyter.org/network-access-hub"] == "true"
    assert labels["teamspawner/tier"] == tier
    assert labels["teamspawner/team"] == "research"


@pytest.mark.parametrize("tier", TIERS)
async def test_explain_judges_the_pod_that_the_hub_makes(pods, tier):
    values = pods["values"]
    nodes = [a_node(), a_gpu_node(labels={"nvidia.com/gpu.product": MODEL})]
    snapshot = snapshot_of(nodes)
    scene = Scene(snapshot=snapshot, verdict=judge, pod_for=plain_pod)
    choices = Desk(load(values["custom"]["teamspawner"]).map).plan(
        Person("ada", ("research",)), scene
    )
    first = next(each for each in choices if (each.tier, each.team) == (tier, "research"))
    foretold = as_chart(plain_pod(first), first, values, Rules()).pod.spec
    made = candidate(pods[tier], Rules()).pod.spec
    for name in ("requests", "priority", "node_selector", "node_terms", "affinity"):
        assert (name, getattr(foretold, name)) == (name, getattr(made, name))
    # those that the API server adds to every pod are told apart by their effect
    lasting = [
        {t for t in spec.tolerations if t.effect != "NoExecute"} for spec in (foretold, made)
    ]
    assert lasting[0] == lasting[1]


@pytest.mark.parametrize("tier", TIERS)
async def test_a_server_has_the_folder_of_its_team(pods, tier):
    [mount] = [
        mount
        for mount in pods[tier]["spec"]["containers"][0]["volumeMounts"]
        if mount["mountPath"] == "/shared/research"
    ]
    assert mount["subPath"] == "research"
    assert not mount.get("readOnly")
    [volume] = [v for v in pods[tier]["spec"]["volumes"] if v["name"] == mount["name"]]
    claim = read(MANIFESTS / "shared-pvc.yaml")["metadata"]["name"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim


async def test_a_gpu_server_tolerates_its_machines_and_keeps_the_charts_tolerations(pods):
    keys = {each["key"] for each in pods["gpu"]["spec"]["tolerations"]}
    assert {"nvidia.com/gpu", *DEDICATED} <= keys
    limits = pods["gpu"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "1"


@pytest.mark.parametrize("tier", ["small", "large"])
async def test_a_cpu_server_is_kept_off_gpu_machines_that_are_tainted(pods, tier):
    keys = {each["key"] for each in pods[tier]["spec"]["tolerations"]}
    assert not any("gpu" in key for key in keys)
    assert keys >= DEDICATED


async def test_a_gpu_server_gets_the_image_of_the_map(pods):
    image = pods["gpu"]["spec"]["containers"][0]["image"]
    assert image.startswith("quay.io/jupyter/")
