"""The embedded cluster as a whole: API server, scheduler, kubelet and volumes in one loop."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teamspawner.cluster.connect import Connection
from teamspawner.sim.client import Client
from teamspawner.sim.kubeconfig import Access, make_certificate, write_kubeconfig
from teamspawner.sim.node.kubelet import Kubelet
from teamspawner.sim.node.process import Reaper
from teamspawner.sim.scheduler import Scheduler
from teamspawner.sim.server.http import ApiServer
from teamspawner.sim.server.kinds import BY_KIND
from teamspawner.sim.server.rbac import Caller
from teamspawner.sim.server.verbs import Api
from teamspawner.sim.volumes import Volumes

__all__ = ["ALWAYS", "Cluster", "embedded_cluster", "run_nodes", "serving"]

ALWAYS = ("default", "kube-system", "kube-public", "kube-node-lease")
"""Namespaces that every cluster has."""

_ADMIN = Caller("demo-admin", ("system:masters",))


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running embedded cluster.

    Attributes:
        server: The API server: its store, tokens and faults.
        access: How to reach it as an admin.
        kubeconfig: The same, as a file.
    """

    server: ApiServer
    access: Access
    kubeconfig: Path

    def put(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Keep raw objects as they are, with their status."""
        for thing in objects:
            self.server.api.put(BY_KIND[thing["apiVersion"], thing["kind"]], thing)


@asynccontextmanager
async def embedded_cluster(
    folder: Path,
    *,
    scheduler: bool = True,
    nodes: bool = True,
    bookmark_s: float = 10.0,
    reaper: Reaper | None = None,
) -> AsyncIterator[Cluster]:
    """Run a cluster inside this event loop until the block ends.

    Args:
        folder: Where keys, volumes and logs go.
        scheduler: Whether pods are given nodes.
        nodes: Whether pods are run, and claims get volumes.
        bookmark_s: Seconds between the bookmarks of a watch.
        reaper: Ends the pods' processes when this process ends, however it ends.
    """
    tls, ca = make_certificate(folder)
    token = secrets.token_urlsafe(24)
    server = ApiServer(Api(), {token: _ADMIN}, logs=folder / "logs", bookmark_s=bookmark_s)
    port = await server.start(tls)
    access = Access(f"https://127.0.0.1:{port}", ca, token)
    kubeconfig = folder / "kubeconfig"
    write_kubeconfig(kubeconfig, access, "default")
    cluster = Cluster(server, access, kubeconfig)
    cluster.put(_namespace(name) for name in ALWAYS)
    try:
        async with Client(access) as client, contextlib.AsyncExitStack() as parts:
            if scheduler:
                connection = await Connection.load(str(kubeconfig))
                await parts.enter_async_context(serving(Scheduler(client, connection).run()))
            if nodes:
                await parts.enter_async_context(run_nodes(client, folder, reaper=reaper))
            yield cluster
    finally:
        await server.stop()


@asynccontextmanager
async def run_nodes(
    client: Client, folder: Path, *, reaper: Reaper | None = None, heartbeat: bool = False
) -> AsyncIterator[Kubelet]:
    """Run the pods of a cluster as processes of this machine until the block ends."""
    kubelet = Kubelet(client, folder, reaper=reaper, heartbeat=heartbeat)
    async with serving(Volumes(client, folder).run()), serving(kubelet.run()):
        yield kubelet


@asynccontextmanager
async def serving(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run something beside the block, and end it with the block."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
