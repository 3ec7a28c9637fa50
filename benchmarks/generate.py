"""A cluster as an API server would tell of it: nodes, pods and events, from a fixed seed.

Objects are as big as real ones: managed fields, labels of feature discovery, images,
probes, conditions. With ``TEAMSPAWNER_TRACES`` the shapes of nodes and the requests of pods
are those of a production cluster; without it they are of the same kind.
"""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks import protobuf
from benchmarks.pods import managed, pod, workload

SIZES = {"S": (100, 3_000), "M": (1_000, 30_000), "L": (5_000, 150_000)}
EVENTS = 20_000
_EVENTFUL = 4_000
_PRESSURES = ("MemoryPressure", "DiskPressure")
_NODE_INFO = (
    "architecture",
    "bootID",
    "containerRuntimeVersion",
    "kernelVersion",
    "kubeProxyVersion",
    "kubeletVersion",
    "machineID",
    "operatingSystem",
    "osImage",
    "systemUUID",
)


@dataclass(frozen=True)
class Files:
    """Where one generated cluster lies.

    Attributes:
        nodes: Node objects joined by commas; ``pods`` likewise.
        events: Watch events of pods, one a line.
        binary: The pods in protobuf, as a page has them one after the other.
        binary_initial: The events of a streamed list of them.
        binary_events: The events in protobuf.
    """

    folder: Path
    nodes: Path
    pods: Path
    events: Path
    binary: Path
    binary_initial: Path
    binary_events: Path
    facts: Path

    @classmethod
    def of(cls, folder: Path) -> Files:
        return cls(
            folder,
            folder / "nodes.json",
            folder / "pods.json",
            folder / "events.ndjson",
            folder / "pods.pb",
            folder / "initial.pb",
            folder / "events.pb",
            folder / "facts.json",
        )


def generate(folder: Path, nodes: int, pods: int, seed: int = 7) -> Files:
    """Write a cluster; return at once when it is there already."""
    files = Files.of(folder)
    if files.facts.exists() and files.binary_events.exists():
        return files
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    shapes, requests = _shapes(rng), _requests(rng)
    offsets = {"nodes": _write(files.nodes, _nodes(rng, nodes, shapes))}
    made: list[Pod] = []
    with Binary(files) as binary:
        found = _pods(rng, pods, nodes, requests)
        offsets["pods"] = _write(files.pods, _both(found, made, binary))
    offsets.update(binary.ends)
    _events(rng, files, made)
    files.facts.write_text(json.dumps(offsets))
    return files


def _write(path: Path, items: Iterable[bytes]) -> list[int]:
    offsets, at = [], 0
    with path.open("wb") as out:
        for item in items:
            if at:
                out.write(b",")
                at += 1
            offsets.append(at)
            out.write(item)
            at += len(item)
    return [*offsets, at + 1]


def _rows(name: str) -> list[dict[str, str]]:
    folder = os.environ.get("TEAMSPAWNER_TRACES")
    path = Path(folder) / name if folder else None
    if path is None or not path.exists():
        return []
    with path.open() as file:
        return list(csv.DictReader(file))


def _shapes(rng: random.Random) -> list[tuple[int, int, int, str]]:
    """Millicores, MiB, GPUs and model of the kinds of nodes there are."""
    rows = _rows("gpu2023_nodes.csv")
    if rows:
        return [
            (int(r["cpu_milli"]), int(r["memory_mib"]), int(r["gpu"] or 0), r["model"])
            for r in rows
        ]
    made = [(64_000, 262_144, 0, ""), (96_000, 524_288, 8, "A100"), (32_000, 131_072, 4, "T4")]
    return [rng.choice(made) for _ in range(200)]


def _requests(rng: random.Random) -> list[tuple[int, int, int]]:
    """Millicores, MiB and whole GPUs that pods ask for."""
    rows = _rows("gpu2023_pods.csv")
    if rows:
        return [
            (int(r["cpu_milli"]), int(r["memory_mib"]), int(r["num_gpu"] or 0)) for r in rows[:800]
        ]
    return [
        (rng.choice([100, 250, 1000, 2000]), rng.choice([256, 1024, 4096]), 0) for _ in range(300)
    ]


def _nodes(
    rng: random.Random, count: int, shapes: list[tuple[int, int, int, str]]
) -> Iterator[bytes]:
    for number in range(count):
        cpu, memory, gpus, model = shapes[number % len(shapes)]
        yield json.dumps(
            _node(rng, number, (cpu, memory, gpus, model)), separators=(",", ":")
        ).encode()


def _node(rng: random.Random, number: int, shape: tuple[int, int, int, str]) -> dict:
    name = f"node-{number:05d}"
    images = [
        {
            "names": [f"registry.example/team/image-{rng.randrange(999)}@sha256:{'0' * 64}"],
            "sizeBytes": 1,
        }
        for _ in range(rng.randint(8, 20))
    ]
    allocatable = _allocatable(shape)
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "uid": f"11111111-0000-0000-0000-{number:012d}",
            "resourceVersion": str(1000 + number),
            "labels": _labels(name, number, shape),
            "annotations": {f"note.example/{i}": "y" * 80 for i in range(8)},
            "managedFields": managed(rng, 44),
        },
        "spec": {"podCIDR": "10.0.0.0/24"},
        "status": {
            "capacity": allocatable,
            "allocatable": allocatable,
            "conditions": [_condition("Ready", "True"), *map(_condition, _PRESSURES)],
            "images": images,
            "nodeInfo": dict.fromkeys(_NODE_INFO, "z" * 20),
        },
    }


def _labels(name: str, number: int, shape: tuple[int, int, int, str]) -> dict[str, str]:
    _, _, gpus, model = shape
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": f"zone-{number % 3}",
        "pool": "gpu" if gpus else "cpu",
        **{f"feature.node.kubernetes.io/cpu-cpuid.{i:03d}": "true" for i in range(31)},
    }
    if gpus:
        labels |= {"nvidia.com/gpu.product": model, "nvidia.com/gpu.count": str(gpus)}
        labels |= {f"nvidia.com/gpu.fact-{i}": "true" for i in range(12)}
    return labels


def _allocatable(shape: tuple[int, int, int, str]) -> dict[str, str]:
    cpu, memory, gpus, _ = shape
    found = {"cpu": f"{cpu}m", "memory": f"{memory}Mi", "pods": "250"}
    return {**found, "nvidia.com/gpu": str(gpus)} if gpus else found


def _condition(kind: str, status: str = "False") -> dict:
    return {"type": kind, "status": status, "reason": f"Kubelet{kind}", "message": "x" * 60}


def _pods(
    rng: random.Random, count: int, nodes: int, requests: list[tuple[int, int, int]]
) -> Iterator[dict]:
    workloads = [workload(rng, number, requests) for number in range(max(20, count // 100))]
    for number in range(count):
        yield pod(rng, number, nodes, rng.choice(workloads))


@dataclass(frozen=True)
class Pod:
    """A pod in JSON, and as a message."""

    text: bytes
    message: Any

    def at(self, version: int) -> tuple[bytes, bytes]:
        """Both as they are at a version."""
        begin = self.text.index(b'"resourceVersion":"') + len(b'"resourceVersion":"')
        end = self.text.index(b'"', begin)
        self.message.metadata.resourceVersion = str(version)
        text = self.text[:begin] + str(version).encode() + self.text[end:]
        return text, self.message.SerializeToString()


class Binary:
    """Writes pods in protobuf: for pages, and for streamed lists."""

    def __init__(self, files: Files) -> None:
        self._files = {
            "binary": files.binary.open("wb"),
            "initial": files.binary_initial.open("wb"),
        }
        self.ends: dict[str, list[int]] = {name: [0] for name in self._files}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def put(self, message: Any) -> None:
        body = message.SerializeToString()
        for name, text in (
            ("binary", protobuf.item(body)),
            ("initial", protobuf.event("ADDED", body)),
        ):
            self._files[name].write(text)
            self.ends[name].append(self.ends[name][-1] + len(text))


def _both(pods: Iterable[dict], made: list[Pod], binary: Binary) -> Iterator[bytes]:
    """Give pods in JSON, and write them in protobuf; keep some that run."""
    for found in pods:
        text = json.dumps(found, separators=(",", ":")).encode()
        message = protobuf.written("Pod", found)
        binary.put(message)
        running = found["spec"].get("nodeName") and found["status"]["phase"] == "Running"
        if len(made) < _EVENTFUL and running:
            made.append(Pod(text, message))
        yield text


def _events(rng: random.Random, files: Files, pods: list[Pod]) -> None:
    """Mostly status updates that weigh nothing; a tenth come, a tenth go."""
    gone: list[Pod] = []
    with files.events.open("wb") as out, files.binary_events.open("wb") as binary:
        for number in range(EVENTS):
            chance = rng.random()
            if chance < 0.1 and len(pods) > 10:
                kind, item = "DELETED", pods.pop(rng.randrange(len(pods)))
                gone.append(item)
            elif chance < 0.2 and gone:
                kind, item = "ADDED", gone.pop()
                pods.append(item)
            else:
                kind, item = "MODIFIED", rng.choice(pods)
            text, body = item.at(900_000 + number)
            out.write(b'{"type":"' + kind.encode() + b'","object":' + text + b"}\n")
            binary.write(protobuf.event(kind, body))
