"""An API server for hub tests, with a scheduler and a kubelet that do as they are told.

The hub's pods are placed and run at once, unless a test says otherwise; the
server within is a stub that answers what JupyterHub asks of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from kubernetes_asyncio.config import kube_config
from kubespawner import KubeSpawner
from kubespawner import clients as kubespawner_clients

from teamspawner.cluster.watch import for_loop
from teamspawner.errors import ClusterError
from teamspawner.sim.client import Client
from teamspawner.sim.kubeconfig import Access
from teamspawner.sim.server.http import ApiServer
from teamspawner.sim.server.rbac import Caller

NAMESPACE = "hub"
ADMIN = "admin-token"


class Cluster:
    """What a test holds of the cluster.

    Attributes:
        server: The API server, with its faults.
        api: A client with every right.
        placed: Decides for a new pod: the name of its node, or None when none takes it.
        shown: The status of a placed pod; running and ready unless changed.
        made: Names of all pods ever created.
    """

    def __init__(self, server: ApiServer, api: Client, port: int) -> None:
        self.server, self.api, self.port = server, api, port
        self.placed: Any = None
        self.shown: Any = None
        self.back_to_normal()
        self.server_port = 0
        self.made: list[str] = []
        self.specs: dict[str, Mapping[str, Any]] = {}

    def back_to_normal(self) -> None:
        """Place every pod where its accelerators are, and run it at once."""
        self.placed = _first_fit
        self.shown = lambda _pod: _running(self.port)

    async def add_node(self, name: str = "node-1", **fields: Any) -> None:
        await self.api.create("/api/v1/nodes", a_node(name, **fields))

    async def pods(self) -> list[Mapping[str, Any]]:
        found = await self.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods")
        return [*found["items"]]

    async def run(self) -> None:
        """Place and run pods for ever, whatever troubles of the API server a test makes."""
        version = (await self.api.get("/api/v1/pods"))["metadata"]["resourceVersion"]
        while True:
            try:
                async for kind, pod in self.api.watch("/api/v1/pods", version):
                    if kind in {"ADDED", "MODIFIED"}:
                        await self._look(pod)
                    version = pod["metadata"]["resourceVersion"]
            except ClusterError as error:
                if error.status is None:  # no answer: the same pod is looked at again
                    await asyncio.sleep(0.1)
                else:  # bound or gone meanwhile
                    version = pod["metadata"]["resourceVersion"]

    async def _look(self, pod: Mapping[str, Any]) -> None:
        name = pod["metadata"]["name"]
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{name}"
        if "deletionTimestamp" in pod["metadata"]:
            await self.api.delete(path, 0)
        elif name not in self.specs or not pod["spec"].get("nodeName"):
            self.made.append(name) if name not in self.made else None
            self.specs[name] = pod["spec"]
            await self._place(path, pod)

    async def _place(self, path: str, pod: Mapping[str, Any]) -> None:
        node = self.placed(pod)
        if node is None:
            if not (pod.get("status") or {}).get("conditions"):
                await self.api.merge(f"{path}/status", {"status": _unplaced()})
            return
        target = {"kind": "Node", "name": node}
        binding = {"metadata": {"name": pod["metadata"]["name"]}, "target": target}
        await self.api.create(f"{path}/binding", binding)
        await self.api.merge(f"{path}/status", {"status": self.shown(pod)})


def _first_fit(pod: Mapping[str, Any]) -> str:
    return "gpu-1" if "nvidia.com/gpu" in str(pod["spec"]["containers"]) else "node-1"


def _running(port: int) -> dict[str, Any]:
    return {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "True"},
        ],
        "containerStatuses": [
            {
                "name": "notebook",
                "image": "stub",
                "imageID": "stub",
                "ready": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            }
        ],
    }


def _unplaced() -> dict[str, Any]:
    said = "0/1 nodes are available: 1 Insufficient cpu."
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": said,
    }
    return {"phase": "Pending", "conditions": [condition]}


def a_node(
    name: str = "node-1",
    *,
    cpu: str = "16",
    memory: str = "64Gi",
    labels: Mapping[str, str] | None = None,
    **devices: Any,
) -> dict[str, Any]:
    """A ready node; further resources by name with ``_`` for ``.`` and ``__`` for ``/``."""
    more = {key.replace("__", "/").replace("_", "."): str(n) for key, n in devices.items()}
    room = {"cpu": cpu, "memory": memory, "pods": "110", **more}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "status": {
            "allocatable": room,
            "capacity": room,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


async def _stub(request: web.Request) -> web.Response:
    """A single-user server, as far as JupyterHub looks at one."""
    return web.json_response({}, headers={"X-JupyterHub-Version": "5.0.0"})


@asynccontextmanager
async def a_cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Run an API server with one namespace, and let KubeSpawner in this process use it."""
    server = ApiServer(tokens={ADMIN: Caller("admin", ("system:masters",))})
    port = await server.start()
    access = Access(f"http://127.0.0.1:{port}", token=ADMIN)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _stub)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with Client(access) as api:
        await api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        cluster = Cluster(server, api, int(runner.addresses[0][1]))
        cluster.server_port = port
        _point_here(folder, access)
        kubelet = asyncio.ensure_future(cluster.run())
        try:
            yield cluster
        finally:
            await for_loop().stop()
            kubelet.cancel()
            await asyncio.gather(kubelet, return_exceptions=True)
            await KubeSpawner._stop_all_reflectors()
            await runner.cleanup()
            await server.stop()


def _point_here(folder: Path, access: Access) -> None:
    """Make this process' Kubernetes client talk to this API server.

    The place of the kubeconfig is read from the environment when that client is
    imported, and KubeSpawner keeps its clients for the process.
    """
    named = {"name": "it"}
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "it",
                "clusters": [{**named, "cluster": {"server": access.server}}],
                "users": [{**named, "user": {"token": access.token}}],
                "contexts": [{**named, "context": {"cluster": "it", "user": "it"}}],
            }
        )
    )
    use_kubeconfig(path)


def use_kubeconfig(path: Path) -> None:
    """Make this process' Kubernetes clients read this file from now on."""
    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = str(path)
    kubespawner_clients.load_config.cache_clear()
    kubespawner_clients._client_cache.clear()
    KubeSpawner.reflectors.clear()
