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
        await watcher.stop()


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
            await watcher.stop()
