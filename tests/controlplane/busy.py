"""A busy cluster of production size on a real API server, its pods placed by the real scheduler.

Where ``TEAMSPAWNER_TRACES`` names the folder with the 2023 GPU trace, its 1,523 machines and the
pods of its busiest moment; else machines of the same shapes in the same proportions, a tenth as
many, and pods like those. A pod that asked for a share of a GPU gets a whole one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from teamspawner.sim.node.kubelet import OCCUPANT
from tests.controlplane.client import Client, Json, scheduled
from tests.controlplane.cluster import ADMIN, ControlPlane
from tests.oracle.nodes import GPU
from tests.oracle.replay import Row, pod_of, read_nodes, read_pods, traces

MODEL = "nvidia.com/gpu.product"
SHAPES = (
    # model, GPUs, CPU in millicores, memory in MiB, machines of the shape in the trace
    ("G2", 8, 96000, 393216, 549),
    ("T4", 2, 104000, 524288, 387),
    ("", 0, 32000, 262144, 187),
    ("P100", 2, 16000, 122880, 134),
    ("", 0, 96000, 524288, 123),
    ("V100M16", 4, 32000, 131072, 55),
    ("G3", 8, 128000, 786432, 39),
    ("V100M32", 8, 96000, 786432, 30),
    ("T4", 4, 96000, 393216, 17),
    ("A10", 1, 128000, 1048576, 2),
)
_WORKERS = 8
_SETTLED_S = 120.0


def machines(folder: Path | None) -> list[Json]:
    """The nodes, as the API server takes them."""
    if folder:
        return read_nodes(folder)
    found: list[Json] = []
    for model, gpus, cpu, memory, count in SHAPES:
        for _ in range(max(2, count // 10)):
            labels, room, taints = {}, {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}, []
            if gpus:
                labels[MODEL] = model
                room[GPU] = str(gpus)
                taints.append({"key": GPU, "value": "present", "effect": "NoSchedule"})
            found.append(_node(f"node-{len(found):04}", labels, {**room, "pods": "110"}, taints))
    return found


def _node(name: str, labels: Json, room: Mapping[str, str], taints: list[Json]) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "spec": {"taints": taints},
        "status": {"allocatable": room, "capacity": room},
    }


def crowd(folder: Path | None, count: int) -> list[Json]:
    """The pods, as they were asked for; they only take up room once they are bound."""
    rows = moment(read_pods(folder), count) if folder else invented(count)
    pods = [pod_of(row) for row in rows]
    for pod in pods:
        pod["metadata"]["annotations"] = {OCCUPANT: "run"}
    return pods


def moment(rows: list[Row], count: int) -> list[Row]:
    """The pods of the moment with most GPUs asked for, then those that came just before it."""
    placed = [row for row in rows if row["scheduled_time"]]
    steps = [(float(r["scheduled_time"]), 1, int(r["num_gpu"])) for r in placed]
    steps += [(float(r["deletion_time"]), 0, -int(r["num_gpu"])) for r in placed]
    in_use = most = 0
    busiest = 0.0
    for when, _, gpus in sorted(steps):
        in_use += gpus
        if in_use > most:
            most, busiest = in_use, when
    before = [row for row in placed if float(row["scheduled_time"]) <= busiest]
    here = [row for row in before if float(row["deletion_time"]) > busiest]
    earlier = [row for row in reversed(before) if float(row["deletion_time"]) <= busiest]
    return (here + earlier)[:count]


def invented(count: int) -> list[Row]:
    """Pods in the proportions of the trace: most ask for one GPU, few for a whole machine."""
    dice = random.Random(2023)
    found = []
    for number in range(count):
        gpus = dice.choices((0, 1, 2, 4, 8), (1088, 6989, 16, 15, 44))[0]
        cpu = dice.choice((2000, 4000, 6000, 8000, 12000)) * max(1, gpus // 2)
        row = {"name": f"pod-{number:04}", "num_gpu": str(gpus), "gpu_spec": ""}
        found.append(row | {"cpu_milli": str(cpu), "memory_mib": str(cpu * 2)})
    return found


def fill(plane: ControlPlane) -> dict[str, int]:
    """Create machines and as many pods, and wait for the scheduler's word on each pod.

    The pods are those of the busiest moment, then the ones that came before it.
    Pods that fit nowhere are taken away again, so that nobody else waits for room.

    Returns:
        ``nodes``, ``pods`` that were bound, ``nowhere``.

    Raises:
        TimeoutError: When the scheduler is not done in two minutes.
    """
    folder = traces()
    nodes = machines(folder)
    pods = crowd(folder, len(nodes))
    _create(plane, nodes)
    _create(plane, pods)
    placed = _settled(plane.admin, len(pods))
    nowhere = [pod for pod in placed if not pod["spec"].get("nodeName")]
    for pod in nowhere:
        plane.admin.delete("Pod", pod["metadata"]["name"])
    return {"nodes": len(nodes), "pods": len(pods) - len(nowhere), "nowhere": len(nowhere)}


def _create(plane: ControlPlane, things: Iterable[Json]) -> None:
    shares = list(things)

    def work(number: int) -> None:
        client = Client(plane.url, ADMIN.token, plane.ssl_context())
        for thing in shares[number::_WORKERS]:
            client.create(thing)
        client.close()

    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(work, range(_WORKERS)))


def _settled(admin: Client, count: int) -> list[Json]:
    deadline = time.monotonic() + _SETTLED_S
    while True:
        pods = admin.list("Pod")
        if sum(scheduled(pod) is not None for pod in pods) >= count:
            return pods
        if time.monotonic() > deadline:
            raise TimeoutError(f"the scheduler has not spoken on all {count} pods")
        time.sleep(0.5)
