"""Replay a production trace on a real API server and scheduler, each pod foretold first.

``python -m tests.oracle.replay [--every N] [--pods N] [--leave]`` reads the 2023 GPU trace from the
folder that ``TEAMSPAWNER_TRACES`` names. Pods arrive in the trace's order; they stay unless
``--leave`` says that they end when they did, so that the cluster fills up. A pod that asked for
a share of a GPU gets a whole one.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from teamspawner.capacity.context import total
from teamspawner.capacity.judge import judge
from teamspawner.capacity.objects import NodeState, Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.cluster.decode import candidate, decode_pod
from tests.controlplane.client import Client
from tests.controlplane.cluster import binaries, running
from tests.oracle.agreement import snapshot_of
from tests.oracle.dice import Json
from tests.oracle.nodes import GPU
from tests.oracle.process import Outcome, agrees, watch_out

PRODUCT = "nvidia.com/gpu.product"
RULES = Rules.for_version("1.35")
Row = dict[str, str]


def traces() -> Path | None:
    """The folder of traces, or None when nobody named one."""
    named = os.environ.get("TEAMSPAWNER_TRACES")
    return Path(named) if named else None


def read_nodes(folder: Path, every: int = 1) -> list[Json]:
    """Every n-th node of the 2023 cluster, as the API server takes it."""
    with (folder / "gpu2023_nodes.csv").open() as file:
        return [_node(row) for row in list(csv.DictReader(file))[::every]]


def _node(row: Row) -> Json:
    gpus = int(row["gpu"])
    room = {"cpu": f"{row['cpu_milli']}m", "memory": f"{row['memory_mib']}Mi", "pods": "110"}
    labels, spec = {"kubernetes.io/hostname": row["sn"]}, {}
    if gpus:
        room[GPU] = str(gpus)
        labels[PRODUCT] = row["model"]
        spec["taints"] = [{"key": GPU, "value": "present", "effect": "NoSchedule"}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": row["sn"], "labels": labels},
        "spec": spec,
        "status": {"allocatable": room, "capacity": room},
    }


def read_pods(folder: Path) -> list[Row]:
    """The pods in the order in which they were created; times are seconds."""
    with (folder / "gpu2023_pods.csv").open() as file:
        return sorted(csv.DictReader(file), key=lambda row: float(row["creation_time"]))


def pod_of(row: Row) -> Json:
    """A pod as it was asked for; a share of a GPU becomes a whole one."""
    gpus = int(row["num_gpu"])
    requests = {"cpu": f"{row['cpu_milli']}m", "memory": f"{row['memory_mib']}Mi"}
    resources: Json = {"requests": requests}
    spec: Json = {"containers": [{"name": "main", "image": "none.invalid/none"}]}
    spec["containers"][0]["resources"] = resources
    if gpus:
        resources["limits"] = {GPU: str(gpus)}
        spec["tolerations"] = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
    if row["gpu_spec"]:
        models = {"key": PRODUCT, "operator": "In", "values": row["gpu_spec"].split("|")}
        required = {"nodeSelectorTerms": [{"matchExpressions": [models]}]}
        wanted = {"requiredDuringSchedulingIgnoredDuringExecution": required}
        spec["affinity"] = {"nodeAffinity": wanted}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": row["name"], "namespace": "default"},
        "spec": spec,
    }


@dataclass
class Replay:
    """A cluster in which pods arrive and are foretold.

    Attributes:
        admin: May do everything on the API server.
        snapshot: What the engine has been told so far.
        tally: ``fits``, ``nowhere`` and ``wrong`` pods.
        wrong: One line for each pod that was not foretold.
    """

    admin: Client
    snapshot: Snapshot
    tally: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    alive: dict[str, str] = field(default_factory=dict)

    def arrive(self, row: Row) -> None:
        """Foretell a pod, create it, and compare; a pod that fits nowhere is taken away again."""
        pod = pod_of(row)
        verdict = judge(candidate(json.dumps(pod).encode(), RULES), self.snapshot, RULES)
        made = self.admin.create(pod)
        outcome = watch_out(self.admin, made, hoped=bool(verdict.nodes))
        self.tally["fits" if outcome.node else "nowhere"] += 1
        if not agrees(verdict, outcome):
            self.tally["wrong"] += 1
            self.wrong.append(f"{row['name']}: foretold {verdict.nodes[:5]}, found {outcome}")
        if outcome.node:
            self._place(row["name"], outcome)
        else:
            self.admin.delete("Pod", row["name"])

    def _place(self, name: str, outcome: Outcome) -> None:
        pod = decode_pod(json.dumps(self.admin.get("Pod", name)).encode(), RULES).pod
        state = self.snapshot.nodes[outcome.node]
        self._put(NodeState(state.node, (*state.pods, pod), total([*state.pods, pod])))
        self.alive[name] = outcome.node

    def leave(self, name: str) -> None:
        """A pod ends."""
        gone = decode_pod(json.dumps(self.admin.get("Pod", name)).encode(), RULES).pod
        state = self.snapshot.nodes[self.alive.pop(name)]
        pods = list(state.pods)
        pods.remove(gone)
        self._put(NodeState(state.node, tuple(pods), total(pods)))
        self.admin.delete("Pod", name)

    def _put(self, state: NodeState) -> None:
        nodes = {**self.snapshot.nodes, state.node.name: state}
        version = self.snapshot.version + 1
        self.snapshot = dataclasses.replace(self.snapshot, nodes=nodes, version=version)


def started(admin: Client, folder: Path, every: int) -> Replay:
    """Create the nodes, and wait until the scheduler has taken them all in."""
    for node in read_nodes(folder, every):
        admin.create(node)
    time.sleep(2)
    items = [{"apiVersion": "v1", "kind": "Node", **node} for node in admin.list("Node")]
    cluster = {"apiVersion": "v1", "kind": "List", "items": items}
    return Replay(admin, snapshot_of(cluster, RULES))


def events(rows: list[Row], *, leave: bool) -> Iterator[tuple[str, Row]]:
    """``("arrive" | "leave", row)`` in the order of time."""
    found = [(float(row["creation_time"]), 1, "arrive", row) for row in rows]
    if leave:
        found += [(float(row["deletion_time"]), 0, "leave", row) for row in rows]
    for _, _, what, row in sorted(found, key=lambda event: event[:2]):
        yield what, row


def main() -> int:
    """Replay by hand; exit 1 when a pod was not foretold."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.replay", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th node")
    parser.add_argument("--pods", type=int, default=10**9)
    parser.add_argument("--leave", action="store_true")
    args = parser.parse_args()
    folder, assets = traces(), binaries()
    if not folder or not assets:
        parser.error("needs TEAMSPAWNER_TRACES and the binaries of tests/controlplane/build")
    began = time.monotonic()
    with running(assets) as plane:
        replay = started(plane.admin, folder, args.every)
        for what, row in events(read_pods(folder)[: args.pods], leave=args.leave):
            if what == "arrive":
                replay.arrive(row)
            elif row["name"] in replay.alive:
                replay.leave(row["name"])
    sys.stdout.write("\n".join(replay.wrong[:20]) + "\n")
    sys.stdout.write(f"{dict(replay.tally)} in {time.monotonic() - began:.0f} s\n")
    return 1 if replay.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
