"""The scheduler of the embedded cluster: a plain client of the API that gives pods their nodes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from teamspawner.errors import ClusterError
from teamspawner.sim.client import Client, Mirror
from teamspawner.sim.placing import Answer, Cluster, needed_claims

__all__ = ["Scheduler"]

log = logging.getLogger(__name__)

_NAMES = frozenset({"default-scheduler"})
_FINISHED = frozenset({"Succeeded", "Failed"})
_RETRY_S = 1.0
_CLAIM_WAIT_S = 10.0
_SELECTED = "volume.kubernetes.io/selected-node"
_KINDS = {
    "nodes": "/api/v1/nodes",
    "pods": "/api/v1/pods",
    "persistentvolumeclaims": "/api/v1/persistentvolumeclaims",
    "storageclasses": "/apis/storage.k8s.io/v1/storageclasses",
}


class Scheduler:
    """Binds pods to nodes, one after another, highest priority first.

    Args:
        client: The API server, as somebody who may bind pods.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._due = asyncio.Event()
        self._moved = asyncio.Event()
        self._mirrors = {kind: Mirror(client, path, self._hear) for kind, path in _KINDS.items()}
        self._assumed: dict[str, str] = {}
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            for mirror in self._mirrors.values():
                group.create_task(mirror.run())
            for mirror in self._mirrors.values():
                await mirror.synced.wait()
            while True:
                await self._round()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._due.wait(), _RETRY_S * 10)
                self._due.clear()
                await asyncio.sleep(0.02)  # take the events of one moment together

    def _hear(self, _: object, __: object) -> None:
        self._due.set()
        self._moved.set()

    async def _round(self) -> None:
        pods = self._mirrors["pods"].things
        self._assumed = {
            uid: node for uid, node in self._assumed.items() if self._still_assumed(uid)
        }
        waiting = [pod for pod in pods.values() if self._waits(pod)]
        waiting.sort(key=_urgency)
        if not waiting:
            return
        cluster = Cluster(
            {kind: mirror.things for kind, mirror in self._mirrors.items()}, self._assumed
        )
        for pod in waiting:
            try:
                await self._schedule(pod, cluster)
            except ClusterError as error:
                log.debug("%s", error)

    def _still_assumed(self, uid: str) -> bool:
        for pod in self._mirrors["pods"].things.values():
            if pod["metadata"]["uid"] == uid:
                return not pod["spec"].get("nodeName")
        return False

    def _waits(self, pod: Mapping[str, Any]) -> bool:
        return (
            not pod["spec"].get("nodeName")
            and pod["spec"].get("schedulerName") in _NAMES
            and not pod["spec"].get("schedulingGates")
            and "deletionTimestamp" not in pod["metadata"]
            and (pod.get("status") or {}).get("phase") not in _FINISHED
            and pod["metadata"]["uid"] not in self._assumed
        )

    async def _schedule(self, pod: Mapping[str, Any], cluster: Cluster) -> None:
        answer = cluster.place(pod)
        if answer.node:
            self._assumed[pod["metadata"]["uid"]] = answer.node
            cluster.take(pod, answer.node)
            try:
                await self._bind(pod, answer.node)
            except (ClusterError, TimeoutError):
                del self._assumed[pod["metadata"]["uid"]]
                self._due.set()
            return
        await self._refuse(pod, answer)

    async def _bind(self, pod: Mapping[str, Any], node: str) -> None:
        await self._bind_claims(pod, node)
        data = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": data["name"]},
            "target": target,
        }
        await self._client.create(f"{_path(pod)}/binding", body)
        self._told.pop(data["uid"], None)
        told = f"Successfully assigned {data['namespace']}/{data['name']} to {node}"
        await self._event(pod, "Scheduled", told, "Normal")

    async def _bind_claims(self, pod: Mapping[str, Any], node: str) -> None:
        """Say for unbound claims which node they are for, and wait until they have a volume.

        Raises:
            TimeoutError: When nobody provides one in time.
        """
        claims = self._mirrors["persistentvolumeclaims"].things
        keys = [key for key in needed_claims(pod) if not claims[key]["spec"].get("volumeName")]
        for space, name in keys:
            mark = {"metadata": {"annotations": {_SELECTED: node}}}
            path = f"/api/v1/namespaces/{space}/persistentvolumeclaims/{name}"
            await self._client.merge(path, mark)
        async with asyncio.timeout(_CLAIM_WAIT_S):
            while any(not _volume_of(claims.get(key)) for key in keys):
                self._moved.clear()
                await self._moved.wait()

    async def _refuse(self, pod: Mapping[str, Any], answer: Answer) -> None:
        uid = pod["metadata"]["uid"]
        if self._told.get(uid) == answer.message:
            return
        self._told[uid] = answer.message
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                     "message": answer.message, "lastTransitionTime": _now()}  # fmt: skip
        status: dict[str, Any] = {"conditions": [condition]}
        if answer.victims:
            status["nominatedNodeName"] = answer.nominated
        await self._client.strategic(f"{_path(pod)}/status", {"status": status})
        await self._event(pod, "FailedScheduling", answer.message, "Warning")
        for victim in answer.victims:
            told = f"Preempted by pod {uid} on node {answer.nominated}"
            await self._event(victim, "Preempted", told, "Normal")
            with contextlib.suppress(ClusterError):
                await self._client.delete(_path(victim), uid=victim["metadata"]["uid"])

    async def _event(self, pod: Mapping[str, Any], reason: str, note: str, kind: str) -> None:
        data = pod["metadata"]
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{data['name'][:200]}.{uuid.uuid4().hex[:16]}",
                         "namespace": data["namespace"]},
            "regarding": {"apiVersion": "v1", "kind": "Pod", "name": data["name"],
                          "namespace": data["namespace"], "uid": data["uid"]},
            "reason": reason, "note": note[:1024], "type": kind, "action": "Scheduling",
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": "default-scheduler",
            "reportingInstance": "default-scheduler-sim",
        }  # fmt: skip
        path = f"/apis/events.k8s.io/v1/namespaces/{data['namespace']}/events"
        with contextlib.suppress(ClusterError):
            await self._client.create(path, body)


def _volume_of(claim: Mapping[str, Any] | None) -> str:
    return str(claim["spec"].get("volumeName", "")) if claim else ""


def _urgency(pod: Mapping[str, Any]) -> tuple[int, str, str]:
    data = pod["metadata"]
    return -(pod["spec"].get("priority") or 0), data["creationTimestamp"], data["name"]


def _path(pod: Mapping[str, Any]) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
