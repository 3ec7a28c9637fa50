"""Which pods this kubelet cares for, and what it tells the API server about them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from teamspawner.errors import ClusterError
from teamspawner.sim.client import Client, Mirror
from teamspawner.sim.node.host import Host
from teamspawner.sim.node.process import Reaper
from teamspawner.sim.node.runner import Runner
from teamspawner.sim.node.status import initial_status

__all__ = ["HOLDER", "OCCUPANT", "Kubelet"]

log = logging.getLogger(__name__)

OCCUPANT = "sim.teamspawner/occupant"
"""Annotation of pods that only take up room: they are never started."""

HOLDER = "teamspawner-sim"
"""Holder of the leases of the nodes that this kubelet serves."""

_FINISHED = frozenset({"Succeeded", "Failed"})
_LEASE_S = 40
_RENEW_S = 10
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


class Kubelet:
    """Runs the pods of every node that no other kubelet serves.

    Args:
        client: The API server, as somebody who may do everything.
        folder: Where volumes and logs go.
        reaper: Ends what is left when this process ends, however it ends; an
            own one is started when none is given.
        heartbeat: Renew the leases of the nodes, for clusters whose controllers
            give up nodes that are silent.
    """

    def __init__(
        self,
        client: Client,
        folder: Path,
        *,
        reaper: Reaper | None = None,
        heartbeat: bool = False,
    ) -> None:
        self._client = client
        used = reaper or Reaper()
        self._own_reaper = used if reaper is None else None
        self._host = Host(client, folder, used)
        self._pods = Mirror(client, "/api/v1/pods", self._hear)
        self._heartbeat = heartbeat
        self._runners: dict[str, tuple[Runner, asyncio.Task[None]]] = {}
        self._occupied: set[str] = set()
        self._side: set[asyncio.Task[Any]] = set()
        self._foreign: set[str] = set()
        self._slots = asyncio.Semaphore(50)

    async def run(self) -> None:
        """Serve until cancelled; then end every process that was started."""
        if self._own_reaper:
            await self._own_reaper.start()
        await self._find_foreign_nodes()
        jobs = [self._host.nodes.run(), self._pods.run()]
        if self._heartbeat:
            jobs.append(self._beat())
        try:
            await asyncio.gather(*jobs)
        finally:
            await self._end()

    def _hear(self, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
        pod = new or old
        assert pod is not None
        uid = pod["metadata"]["uid"]
        if old is not None and new is not None and old["metadata"]["uid"] != uid:
            self._gone(old["metadata"]["uid"])
        if new is None:
            self._gone(uid)
        elif pod["spec"].get("nodeName") and pod["spec"]["nodeName"] not in self._foreign:
            self._care(pod, uid)

    def _gone(self, uid: str) -> None:
        """A pod was taken away, maybe without asking: end what is left of it."""
        self._occupied.discard(uid)
        self._host.devices.give_back(uid)
        if uid in self._runners:
            runner, _ = self._runners[uid]
            runner.end(0)

    def _care(self, pod: Mapping[str, Any], uid: str) -> None:
        if OCCUPANT in (pod["metadata"].get("annotations") or {}):
            self._occupy(pod, uid)
        elif uid in self._runners:
            if "deletionTimestamp" in pod["metadata"]:
                self._runners[uid][0].end(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        elif "deletionTimestamp" in pod["metadata"]:
            self._aside(self._host.confirm(pod))
        elif (pod.get("status") or {}).get("phase") not in _FINISHED:
            runner = Runner(self._host, pod)
            task = asyncio.ensure_future(self._run(uid, runner))
            self._runners[uid] = (runner, task)

    def _occupy(self, pod: Mapping[str, Any], uid: str) -> None:
        """Take up room: hold the devices, say Running once, and go when asked to."""
        if "deletionTimestamp" in pod["metadata"]:
            self._aside(self._host.confirm(pod))
        elif uid not in self._occupied:
            self._occupied.add(uid)
            node = self._host.nodes.things.get(("", pod["spec"]["nodeName"]))
            status = pod.get("status") or {}
            if node is not None and status.get("phase") not in _FINISHED:
                self._host.devices.take(pod, node)
            if (
                pod["metadata"]["annotations"][OCCUPANT] == "run"
                and status.get("phase") == "Pending"
            ):
                self._aside(self._host.set_status(pod, initial_status(pod)))

    async def _run(self, uid: str, runner: Runner) -> None:
        try:
            await runner.run()
        except Exception:
            log.exception("the kubelet lost a pod")
        finally:
            self._host.devices.give_back(uid)
            self._runners.pop(uid, None)

    def _aside(self, work: Any) -> None:
        async def limited() -> None:
            async with self._slots:
                await work

        task = asyncio.ensure_future(limited())
        self._side.add(task)
        task.add_done_callback(self._side.discard)

    async def _find_foreign_nodes(self) -> None:
        """Leave alone the nodes whose own kubelet has renewed its lease lately."""
        with contextlib.suppress(ClusterError):
            for lease in (await self._client.get(_LEASES))["items"]:
                spec = lease.get("spec") or {}
                fresh = spec.get("renewTime") and _age_s(spec["renewTime"]) < _LEASE_S
                if fresh and spec.get("holderIdentity") != HOLDER:
                    self._foreign.add(lease["metadata"]["name"])

    async def _beat(self) -> None:
        await self._host.nodes.synced.wait()
        while True:
            for _, name in list(self._host.nodes.things):
                if name not in self._foreign:
                    await self._renew(name)
            await asyncio.sleep(_RENEW_S)

    async def _renew(self, name: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": HOLDER, "leaseDurationSeconds": _LEASE_S, "renewTime": now}
        try:
            await self._client.merge(f"{_LEASES}/{name}", {"spec": spec})
        except ClusterError as error:
            if error.status == 404:
                with contextlib.suppress(ClusterError):
                    await self._client.create(_LEASES, {"metadata": {"name": name}, "spec": spec})

    async def _end(self) -> None:
        tasks = [task for _, task in self._runners.values()]
        for runner, _ in list(self._runners.values()):
            runner.end(2)
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        for task in [*tasks, *self._side]:
            task.cancel()
        if self._own_reaper:
            await self._own_reaper.close()


def _age_s(time: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
