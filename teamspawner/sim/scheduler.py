"""The scheduler of the embedded cluster: a plain client of the API that gives pods their nodes.

Whether a node takes a pod is asked of ``capacity.judge``; here is what a
scheduler does with the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from teamspawner.capacity.context import with_pods
from teamspawner.capacity.judge import judge
from teamspawner.capacity.objects import Candidate, NodeState, Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.decode import decode_pod
from teamspawner.cluster.watch import Watcher
from teamspawner.errors import ClusterError
from teamspawner.sim.client import Client, Mirror

__all__ = ["Scheduler", "explanation"]

log = logging.getLogger(__name__)

Thing = Mapping[str, Any]

_NAME = "default-scheduler"
_RETRY_S = 10.0
_PAUSE_S = 0.5
_SEEN_S = 5.0
_CLAIM_WAIT_S = 10.0
_SELECTED = "volume.kubernetes.io/selected-node"


class Scheduler:
    """Binds pods to nodes, one after another, highest priority first.

    Prefers nodes without accelerators, and of those the fullest.

    Args:
        client: The API server, as somebody who may bind pods.
        connection: The same, for the watch.
        rules: The version of kube-scheduler to be.
    """

    def __init__(self, client: Client, connection: Connection, rules: Rules | None = None) -> None:
        self._client = client
        self._rules = rules or Rules()
        self._watcher = Watcher(connection, self._rules, log=log)
        self._due = asyncio.Event()
        self._waiting = Mirror(client, "/api/v1/pods", self._hear, fieldSelector="spec.nodeName=")
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Serve until cancelled."""
        self._watcher.begin()
        waiting = asyncio.ensure_future(self._waiting.run())
        try:
            await self._waiting.synced.wait()
            await self._watcher.synced()
            while True:
                version = self._watcher.version
                placed = await self._round()
                if not placed:
                    await self._news(version)
        finally:
            waiting.cancel()
            await self._watcher.stop()

    def _hear(self, _: object, new: Thing | None) -> None:
        if new is not None:
            self._due.set()

    async def _news(self, version: int) -> None:
        """Wait for a new pod, or for a change of the cluster and then a moment more."""
        self._due.clear()
        pod = asyncio.ensure_future(self._due.wait())
        change = asyncio.ensure_future(self._watcher.newer(version, _RETRY_S))
        try:
            await asyncio.wait({pod, change}, return_when=asyncio.FIRST_COMPLETED)
            if not pod.done() and self._waiting.things:
                await asyncio.wait({pod}, timeout=_PAUSE_S)
        finally:
            for one in (pod, change):
                one.cancel()

    async def _round(self) -> bool:
        """Try every waiting pod once; says whether one was placed."""
        placed = False
        for pod in sorted(self._waiting.things.values(), key=_urgency):
            if not _is_mine(pod):
                continue
            try:
                placed |= await self._schedule(pod)
            except (ClusterError, TimeoutError) as error:
                log.debug("%s stays unplaced for now: %s", pod["metadata"]["name"], error)
            await asyncio.sleep(0)
        return placed

    async def _schedule(self, pod: Thing) -> bool:
        snapshot = self._watcher.snapshot()
        candidate = decode_pod(json.dumps(pod).encode(), self._rules).candidate()
        verdict = judge(candidate, snapshot, self._rules)
        if verdict.status is Status.FITS_NOW:
            node = min(verdict.nodes, key=lambda name: _preference(snapshot.nodes[name]))
            await self._bind(pod, node)
            return True
        if verdict.status is not Status.QUEUED:
            victims = await self._victims(candidate, verdict, snapshot)
            await self._refuse(pod, explanation(verdict, len(snapshot.nodes)), victims)
        return False

    async def _bind(self, pod: Thing, node: str) -> None:
        data = pod["metadata"]
        await self._bind_claims(pod, node)
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        body = {"kind": "Binding", "metadata": {"name": data["name"]}, "target": target}
        await self._client.create(f"{_path(pod)}/binding", body)
        self._told.pop(data["uid"], None)
        self._waiting.things.pop((data["namespace"], data["name"]), None)
        told = f"Successfully assigned {data['namespace']}/{data['name']} to {node}"
        await self._event(pod, "Scheduled", told, "Normal")
        await self._see_bound(data["uid"])

    async def _see_bound(self, uid: str) -> None:
        """Wait until the watch shows a pod on its node: the next one is judged beside it."""
        async with asyncio.timeout(_SEEN_S):
            while any(one.uid == uid for one in self._watcher.snapshot().waiting):
                await self._watcher.newer(self._watcher.version, 0.2)

    async def _bind_claims(self, pod: Thing, node: str) -> None:
        """Say for unbound claims which node they are for, and wait until they have a volume.

        Raises:
            TimeoutError: When nobody provides one in time.
        """
        for folder, name in _claims(pod):
            claim = await self._client.get(f"{folder}/{name}")
            if claim["spec"].get("volumeName"):
                continue
            mark = {"metadata": {"annotations": {_SELECTED: node}}}
            claim = await self._client.merge(f"{folder}/{name}", mark)
            async with asyncio.timeout(_CLAIM_WAIT_S):
                await self._until_bound(folder, claim)

    async def _until_bound(self, folder: str, claim: Thing) -> None:
        meta = claim["metadata"]
        events = self._client.watch(
            folder, meta["resourceVersion"], fieldSelector=f"metadata.name={meta['name']}"
        )
        async with contextlib.aclosing(events):
            async for _, seen in events:
                if (seen.get("spec") or {}).get("volumeName"):
                    return

    async def _victims(
        self, candidate: Candidate, verdict: Verdict, snapshot: Snapshot
    ) -> tuple[str, list[Thing]]:
        """Return the node where the fewest pods have to go, and these pods."""
        best: tuple[str, list[Thing]] = ("", [])
        for name in verdict.preempt[:20]:
            listed = await self._client.get("/api/v1/pods", fieldSelector=f"spec.nodeName={name}")
            leaving = self._leaving(candidate, snapshot, name, listed["items"])
            if leaving and (not best[0] or len(leaving) < len(best[1])):
                best = (name, leaving)
        return best

    def _leaving(
        self, candidate: Candidate, snapshot: Snapshot, node: str, pods: list[Thing]
    ) -> list[Thing]:
        """Return the pods of lower priority that have to go: as few as can be, the lowest first."""
        records = [(pod, decode_pod(json.dumps(pod).encode(), self._rules)) for pod in pods]
        own = candidate.pod.spec.priority
        kept = [r.pod for _, r in records if not r.finished and r.pod.spec.priority >= own]
        lower = [(pod, r.pod) for pod, r in records if not r.finished and r.pod.spec.priority < own]
        leaving = []
        for pod, value in sorted(lower, key=lambda one: -one[1].spec.priority):
            state = with_pods(NodeState(snapshot.nodes[node].node), (*kept, value))
            alone = Snapshot(
                {node: state}, storage=snapshot.storage, namespaces=snapshot.namespaces
            )
            if judge(candidate, alone, self._rules).status is Status.FITS_NOW:
                kept.append(value)
            else:
                leaving.append(pod)
        return leaving

    async def _refuse(self, pod: Thing, message: str, victims: tuple[str, list[Thing]]) -> None:
        uid, (node, leaving) = pod["metadata"]["uid"], victims
        if self._told.get(uid) == message:
            return
        self._told[uid] = message
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        nominated = {"nominatedNodeName": node} if node else {}
        status = {"conditions": [condition], **nominated}
        await self._client.strategic(f"{_path(pod)}/status", {"status": status})
        await self._event(pod, "FailedScheduling", message, "Warning")
        for victim in leaving:
            await self._event(
                victim, "Preempted", f"Preempted by pod {uid} on node {node}", "Normal"
            )
            with contextlib.suppress(ClusterError):
                await self._client.delete(_path(victim), uid=victim["metadata"]["uid"])

    async def _event(self, pod: Thing, reason: str, note: str, kind: str) -> None:
        data = pod["metadata"]
        about = {"apiVersion": "v1", "kind": "Pod", "name": data["name"],
                 "namespace": data["namespace"], "uid": data["uid"]}  # fmt: skip
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{data['name'][:200]}.{uuid.uuid4().hex[:16]}",
                "namespace": data["namespace"],
            },
            "regarding": about,
            "reason": reason,
            "note": note[:1024],
            "type": kind,
            "action": "Scheduling",
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": _NAME,
            "reportingInstance": f"{_NAME}-sim",
        }
        path = f"/apis/events.k8s.io/v1/namespaces/{data['namespace']}/events"
        with contextlib.suppress(ClusterError):
            await self._client.create(path, body)


def explanation(verdict: Verdict, nodes: int) -> str:
    """Say why no node takes a pod, in kube-scheduler's words."""
    if verdict.reasons and not verdict.rejected:
        return "; ".join(reason.message for reason in verdict.reasons)
    if not nodes:
        return "no nodes available to schedule pods"
    counts = Counter(one for found in verdict.rejected.values() for one in _heard(found))
    told = ", ".join(sorted(f"{count} {message}" for message, count in counts.items()))
    hope = sum(any(r.resolvable for r in found) for found in verdict.rejected.values())
    ways = {
        "No preemption victims found for incoming pod": hope,
        "Preemption is not helpful for scheduling": nodes - hope,
    }
    preemption = ", ".join(f"{count} {message}" for message, count in ways.items() if count)
    if verdict.preempt:
        return f"0/{nodes} nodes are available: {told}."
    return (
        f"0/{nodes} nodes are available: {told}. preemption: 0/{nodes} nodes are available:"
        f" {preemption}."
    )


def _heard(reasons: tuple[Reason, ...]) -> list[str]:
    """Return the words of the first filter that objects: the scheduler asks no further."""
    return [reason.message for reason in reasons if reason.plugin == reasons[0].plugin]


def _is_mine(pod: Thing) -> bool:
    return (
        pod["spec"].get("schedulerName") == _NAME
        and "deletionTimestamp" not in pod["metadata"]
        and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
    )


def _urgency(pod: Thing) -> tuple[int, str, str]:
    data = pod["metadata"]
    return -(pod["spec"].get("priority") or 0), data["creationTimestamp"], data["name"]


def _preference(state: NodeState) -> tuple[int, float, str]:
    """Order nodes by preference, the best first."""
    total, used = state.node.allocatable, state.used
    special = sum(1 for name, amount in total.items() if "/" in name and amount)
    shares = [used.get(name, 0) / total[name] for name in ("cpu", "memory") if total.get(name)]
    return special, -sum(shares), state.node.name


def _claims(pod: Thing) -> list[tuple[str, str]]:
    """Return folder and name of the claims that a pod mounts."""
    folder = f"/api/v1/namespaces/{pod['metadata']['namespace']}/persistentvolumeclaims"
    names = [
        (volume.get("persistentVolumeClaim") or {}).get("claimName")
        for volume in pod["spec"].get("volumes") or ()
    ]
    return [(folder, name) for name in names if name]


def _path(pod: Thing) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
