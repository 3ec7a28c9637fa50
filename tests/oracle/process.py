"""Ask a running kube-scheduler: a generated cluster on a real API server, then its pods."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from teamspawner.capacity.judge import judge
from teamspawner.capacity.objects import Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Verdict
from teamspawner.cluster.decode import candidate
from tests.controlplane.client import Client, scheduled, wait_for
from tests.oracle.agreement import snapshot_of
from tests.oracle.dice import Json
from tests.oracle.pods import NAMESPACES

CANARY = "canary"
FINISHED = {"Succeeded", "Failed"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the running scheduler did with a pod.

    Attributes:
        node: Where it was bound; empty when it was not.
        message: The scheduler's words when it was not.
    """

    node: str
    message: str = ""


def agrees(verdict: Verdict, outcome: Outcome) -> bool:
    """Whether the pod landed on a node foretold, or nowhere as foretold."""
    return outcome.node in verdict.nodes if outcome.node else not verdict.nodes


class World:
    """One generated cluster on a real API server, which holds no other."""

    def __init__(self, admin: Client, case: Json) -> None:
        self._admin = admin
        self._items = [item for item in case["cluster"]["items"] if item["kind"] in {"Node", "Pod"}]

    def __enter__(self) -> Self:
        """Create nodes and pods, and wait until the scheduler has seen them all."""
        nodes = [item for item in self._items if item["kind"] == "Node"]
        for item in [*nodes, _canary_node()]:
            self._admin.create(_as_posted(item))
        pods = [i for i in self._items if i["kind"] == "Pod" and i["spec"].get("nodeName")]
        # Finished ones first: the scheduler keeps a node's host ports as a set, so a pod that
        # leaves takes the port away from another that holds it too.
        for item in sorted(pods, key=lambda pod: pod["status"]["phase"] not in FINISHED):
            self._create_pod(item)
        self._admin.create_pod(
            CANARY,
            nodeSelector={CANARY: "yes"},
            tolerations=[{"key": CANARY, "operator": "Exists"}],
        )
        wait_for(lambda: bound(self._admin.get("Pod", CANARY)), every_s=0.01)
        self._admin.delete("Pod", CANARY)
        return self

    def __exit__(self, *_: object) -> None:
        """Delete everything at once."""
        for namespace in NAMESPACES:
            for pod in self._admin.list("Pod", namespace):
                self._admin.delete("Pod", pod["metadata"]["name"], namespace)
        for node in self._admin.list("Node"):
            self._admin.delete("Node", node["metadata"]["name"])

    def _create_pod(self, pod: Json) -> None:
        made = self._admin.create(_unmerged(_as_posted(pod)))
        if "deletionTimestamp" in pod["metadata"] and pod["status"]["phase"] not in FINISHED:
            meta = made["metadata"]
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
            self._admin.request("DELETE", path, {"gracePeriodSeconds": 3600})

    def foretell(self, pod: Json, rules: Rules) -> Verdict:
        """The engine's verdict from what the API prints, on the pod as admission leaves it."""
        admitted = self._admin.create(_as_posted(pod), dry_run=True)
        return judge(candidate(json.dumps(admitted).encode(), rules), self.snapshot(rules), rules)

    def snapshot(self, rules: Rules) -> Snapshot:
        """Nodes, pods and namespaces as ``kubectl get -A -o json`` prints them."""
        items: list[Json] = []
        for kind in ("Node", "Namespace"):
            items += _typed(kind, self._admin.list(kind))
        for namespace in NAMESPACES:
            items += _typed("Pod", self._admin.list("Pod", namespace))
        return snapshot_of({"apiVersion": "v1", "kind": "List", "items": items}, rules)

    def outcome(self, pod: Json, *, hoped: bool) -> Outcome:
        """Create the pod, see what becomes of it, and take it away again.

        Args:
            pod: The candidate.
            hoped: Whether a first refusal is given time to turn, since the scheduler may
                have looked before it saw the last change.
        """
        made = self._admin.create(_as_posted(pod))
        found = watch_out(self._admin, made, hoped=hoped)
        meta = made["metadata"]
        self._admin.delete("Pod", meta["name"], meta["namespace"])
        return found


def bound(pod: Json) -> bool:
    """Whether a pod has a node."""
    return bool(pod["spec"].get("nodeName"))


def watch_out(admin: Client, pod: Json, *, hoped: bool) -> Outcome:
    """Wait for the scheduler's word on a pod that was created."""
    meta = pod["metadata"]

    def ask() -> Json:
        return admin.get("Pod", meta["name"], meta["namespace"])

    said = wait_for(lambda: scheduled(ask()), every_s=0.005)
    if said["status"] != "True" and hoped:
        try:
            wait_for(lambda: bound(ask()), timeout_s=4)
        except TimeoutError:
            return Outcome("", said["message"])
    return Outcome(ask()["spec"].get("nodeName", ""), said.get("message", ""))


def _typed(kind: str, items: Iterable[Json]) -> list[Json]:
    return [{"apiVersion": "v1", "kind": kind, **item} for item in items]


def _as_posted(item: Json) -> Json:
    """Without what only the API server may set."""
    posted = copy.deepcopy(item)
    for name in ("uid", "deletionTimestamp", "deletionGracePeriodSeconds"):
        posted["metadata"].pop(name, None)
    return posted


def _unmerged(thing: Any) -> Any:
    """Without the label keys that were merged into selectors already; the API takes them once."""
    if isinstance(thing, dict):
        merged = {"matchLabelKeys", "mismatchLabelKeys"}
        return {key: _unmerged(value) for key, value in thing.items() if key not in merged}
    if isinstance(thing, list):
        return [_unmerged(value) for value in thing]
    return thing


def _canary_node() -> Json:
    """The last node to be created: whoever has seen it has seen the others."""
    room = {"cpu": "1", "memory": "1Gi", "pods": "2"}
    taint = {"key": CANARY, "effect": "NoSchedule"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": CANARY, "labels": {CANARY: "yes"}},
        "spec": {"taints": [taint]},
        "status": {"allocatable": room, "capacity": room},
    }
