"""The watcher on a real API server: the streamed list, rights, and the numbers."""

from __future__ import annotations

import asyncio

import pytest

from teamspawner.cluster.connect import Connection
from teamspawner.cluster.source import Settings
from teamspawner.cluster.watch import Watcher
from tests.controlplane.cluster import HUB, running
from tests.edge.build import a_node, a_pod, until

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio]


async def watch(plane, **settings):
    connection = await Connection.load(str(plane.kubeconfig()))
    watcher = Watcher(connection, settings=Settings(**settings))
    watcher.begin()
    assert await watcher.synced(20)
    return watcher


async def stopped(*watchers):
    """Stop, and give TLS the time to say goodbye: a socket closes when both sides have."""
    for watcher in watchers:
        await watcher.stop()
    await asyncio.sleep(0.2)


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "paged"])
async def test_the_numbers_follow_a_real_api_server(control_plane, admin, namespace, streamed):
    watcher = await watch(control_plane, streamed=streamed, page=3)
    name = f"node-{namespace}"
    try:
        node = a_node(name)
        await asyncio.to_thread(admin.create, node)
        await until(lambda: name in watcher.snapshot().nodes)
        pod = a_pod("a", node=name, namespace=namespace)
        pod["spec"]["containers"][0]["image"] = "x"
        pod["metadata"].pop("uid")
        await asyncio.to_thread(admin.create, pod)
        await until(lambda: watcher.snapshot().nodes[name].used.get("cpu") == 1000)
        assert watcher.status().scheduler == "1.35"
        await until(lambda: not watcher.snapshot().unseen)
    finally:
        await stopped(watcher)


AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [{"key": "pool", "operator": "In", "values": ["a", "b"]}],
                    "matchFields": [
                        {"key": "metadata.name", "operator": "In", "values": ["nowhere"]}
                    ],
                }
            ]
        }
    },
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {
                "topologyKey": "zone",
                "labelSelector": {
                    "matchLabels": {"a": "b"},
                    "matchExpressions": [{"key": "k", "operator": "Exists"}],
                },
                "namespaceSelector": {},
            }
        ]
    },
}
SPREAD = {
    "maxSkew": 2,
    "topologyKey": "zone",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"a": "b"}},
    "minDomains": 3,
    "nodeTaintsPolicy": "Honor",
}
DISKS = [
    {"name": "a", "gcePersistentDisk": {"pdName": "pd", "readOnly": True}},
    {"name": "b", "awsElasticBlockStore": {"volumeID": "v"}},
    {"name": "c", "cinder": {"volumeID": "c", "readOnly": True}},
    {"name": "d", "iscsi": {"targetPortal": "10.0.0.1", "iqn": "iqn.2001-04.com.x:y", "lun": 1}},
    {"name": "e", "rbd": {"monitors": ["m", "n"], "image": "i", "pool": "p"}},
    {"name": "f", "persistentVolumeClaim": {"claimName": "home"}},
    {"name": "g", "emptyDir": {}},
]
OWN_CLAIM = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
}
MAIN = {"name": "main", "image": "x"}
SPECS = {
    "plain": {},
    "sized": {
        "containers": [
            {
                **MAIN,
                "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "x.io/gpu": "1"}},
                "ports": [{"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1"}],
            }
        ],
        "initContainers": [
            {**MAIN, "name": "i", "restartPolicy": "Always", "resources": {"requests": {"cpu": 1}}}
        ],
        "resources": {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}},
        "priority": 0,
    },
    "choosy": {
        "nodeSelector": {"k": "v"},
        "affinity": AFFINITY,
        "topologySpreadConstraints": [SPREAD],
        "tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "value": "c"}],
    },
    "on-the-host": {"hostNetwork": True, "volumes": DISKS},
    "gated": {
        "schedulingGates": [{"name": "x.io/later"}],
        "resourceClaims": [{"name": "device", "resourceClaimName": "z"}],
        "volumes": [{"name": "e", "ephemeral": {"volumeClaimTemplate": {"spec": OWN_CLAIM}}}],
    },
}
"""Pods that say everything that is read of a pod."""


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "paged"])
async def test_a_real_api_server_says_in_protobuf_what_it_says_in_json(
    control_plane, admin, namespace, streamed
):
    node = f"node-{namespace}"
    await asyncio.to_thread(admin.create, a_node(node, allocatable={"cpu": "99"}))
    for name, spec in SPECS.items():
        for where in ({}, {"nodeName": node}):
            if where and "schedulingGates" in spec:
                continue
            pod = a_pod(f"{name}-{len(where)}", namespace=namespace, node="")
            pod["metadata"].pop("uid")
            pod["metadata"]["annotations"] = {"hub.jupyter.org/username": "ann"}
            pod["spec"] = {"containers": [MAIN], "schedulerName": "nobody", **spec, **where}
            await asyncio.to_thread(admin.create, pod)
    told = [await watch(control_plane, streamed=streamed, binary=each) for each in (True, False)]
    try:
        binary, plain = (watcher.snapshot() for watcher in told)
        assert binary.nodes == plain.nodes
        assert len(binary.nodes[node].pods) == len(SPECS) - 1
        by_name = [sorted(each.waiting, key=lambda found: found.name) for each in (binary, plain)]
        assert by_name[0] == by_name[1]
        assert not any(watcher.status().kinds["pods"].odd for watcher in told)
    finally:
        await stopped(*told)


def rights(suffix: str) -> list[dict]:
    """A ClusterRole to list and watch nodes and pods, bound to the hub's account."""
    group, name = "rbac.authorization.k8s.io", f"watch-{suffix}"
    verbs = {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list", "watch"]}
    meta = {"name": name}
    hub = {"kind": "ServiceAccount", "name": "hub", "namespace": "jupyterhub"}
    version = f"{group}/v1"
    return [
        {"apiVersion": version, "kind": "ClusterRole", "metadata": meta, "rules": [verbs]},
        {
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [hub],
        },
    ]


async def test_rights_given_later_heal_without_a_restart(control_plane_assets):
    with running(control_plane_assets) as plane:
        connection = await Connection.load(str(plane.kubeconfig(HUB)))
        watcher = Watcher(connection, settings=Settings(refused_wait_s=0.5))
        watcher.begin()
        try:
            assert await watcher.synced(20)
            assert {"nodes", "pods"} <= watcher.snapshot().unseen
            assert "may not list and watch" in watcher.status().trouble
            for each in rights("later"):
                await asyncio.to_thread(plane.admin.create, each)
            await until(lambda: not watcher.snapshot().unseen & {"nodes", "pods"}, 20)
            assert "persistentvolumes" in watcher.snapshot().unseen
        finally:
            await stopped(watcher)
