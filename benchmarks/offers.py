"""What twelve variants cost: first, unchanged, and after a hundred nodes changed.

``python -m benchmarks.offers NODES PODS`` prints one line of JSON.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from typing import Any

from teamspawner.capacity import judge
from teamspawner.capacity.index import FitIndex
from teamspawner.capacity.objects import EMPTY, Candidate, Node, Pod, PodSpec, VolumeUse
from teamspawner.capacity.rules import Rules
from teamspawner.cluster.state import State

_ROUNDS = 30


def candidates(volume: str = "") -> list[Candidate]:
    """Four sizes of CPU, and GPU variants of four models with one and two devices."""
    volumes = (VolumeUse("claim", volume),) if volume else ()
    made = [({"cpu": 1000 * n, "memory": n << 32}, {}) for n in (1, 2, 8, 32)]
    for model in ("A100", "T4", "V100M32", "A10"):
        for count in (1, 2):
            made.append(
                (
                    {"cpu": 6000 * count, "memory": count << 35, "nvidia.com/gpu": count},
                    {"nvidia.com/gpu.product": model},
                )
            )
    person = {"hub.jupyter.org/username": volume or "someone"}
    return [
        Candidate(
            Pod(
                "hub",
                {**person, "teamspawner/tier": f"tier-{number}"},
                PodSpec(requests, node_selector=selector, volumes=volumes),
            )
        )
        for number, (requests, selector) in enumerate(made)
    ]


def filled(nodes: int, pods: int) -> State:
    """A state with nodes and pods on them, put there without a wire."""
    rng, state = random.Random(3), State(Rules())
    models = ["", "", "A100", "T4", "V100M32", "A10"]
    kinds = [
        Pod(
            f"team-{i % 40}",
            EMPTY,
            PodSpec({"cpu": 250 * (1 + i % 12), "memory": (1 + i % 8) << 28}),
        )
        for i in range(200)
    ]
    holder = Pod("gpu", EMPTY, PodSpec({"cpu": 1000, "nvidia.com/gpu": 1}))
    for number in range(nodes):
        model, name = models[number % len(models)], f"node-{number:05d}"
        allocatable = {"cpu": 64_000, "memory": 256 << 30, "pods": 250}
        if model:
            allocatable["nvidia.com/gpu"] = 4
        labels = {"kubernetes.io/hostname": name, "nvidia.com/gpu.product": model}
        labels["topology.kubernetes.io/zone"] = "abc"[number // 7 % 3]
        state._nodes[name] = Node(name, labels, allocatable=allocatable)
        state._dirty_nodes[name] = None
    kinds_of = {id(pod): state.pods.kinds.of(pod) for pod in (*kinds, holder)}
    for number in range(pods):
        node = f"node-{number % nodes:05d}"
        pod = (
            holder
            if "A1" in models[number % nodes % len(models)] and rng.random() < 0.1
            else rng.choice(kinds)
        )
        state.pods.place(f"uid-{number}", node, kinds_of[id(pod)])
    for kind in list(state.unseen):
        state.seen(kind)
    return state


def measure(nodes: int, pods: int) -> dict[str, Any]:
    """Milliseconds for the twelve together, by what changed since the last time."""
    state, index, asked = filled(nodes, pods), FitIndex(Rules()), candidates()
    snapshot = state.snapshot(None)
    begun = time.process_time()
    for each in asked:
        index.verdict(each, snapshot)
    first = time.process_time() - begun
    begun = time.process_time()
    full = [judge(each, snapshot, Rules()) for each in asked]
    plain = time.process_time() - begun
    agree = all(
        (v.status, v.nodes, v.count) == (w.status, w.nodes, w.count)
        for v, w in zip((index.verdict(each, snapshot) for each in asked), full, strict=True)
    )
    changed = {count: _after(state, index, asked, count) for count in (0, 1, 10, 100)}
    people = _people(state, index)
    return {
        "nodes": nodes,
        "pods": pods,
        "agree": agree,
        "judge_ms": plain * 1000,
        "first_ms": first * 1000,
        **people,
        **{f"after_{count}_nodes_ms": ms for count, ms in changed.items()},
    }


def _after(state: State, index: FitIndex, asked: list[Candidate], count: int) -> float:
    """Median time for a snapshot and twelve verdicts after so many nodes changed."""
    rng, times = random.Random(5), []
    pod = state.pods.kinds.of(Pod("x", EMPTY, PodSpec({"cpu": 100})))
    names = sorted(state._nodes)
    for turn in range(_ROUNDS):
        for name in rng.sample(names, count):
            state.pods.place(f"new-{count}-{turn}-{name}", name, pod)
            state.pod_changed()
        begun = time.process_time()
        snapshot = state.snapshot(None)
        for each in asked:
            index.verdict(each, snapshot)
        times.append(time.process_time() - begun)
    return statistics.median(times) * 1000


def _people(state: State, index: FitIndex) -> dict[str, float]:
    """What somebody's home volume adds: one that reaches every node, and one of a zone.

    Median times of the first listing, whole and its longest step, and of one after a
    hundred nodes changed.
    """
    for where in ("any", "zone"):
        for number in range(5):
            _home(state, f"{where}-{number}", zone="b" if where == "zone" else "")
    snapshot = state.snapshot(None)
    found = {}
    for where in ("any", "zone"):
        steps = [_steps(index, candidates(f"{where}-{n}"), snapshot) for n in range(5)]
        found[f"home_{where}_first_ms"] = statistics.median(map(sum, steps))
        found[f"home_{where}_step_ms"] = statistics.median(map(max, steps))
        found[f"home_{where}_after_100_ms"] = _after(state, index, candidates(f"{where}-0"), 100)
    return found


def _home(state: State, name: str, zone: str) -> None:
    """Tell of a bound claim and its volume; an empty zone: any node reaches it."""
    meta = {"namespace": "hub", "name": name, "uid": "u"}
    csi = {"driver": "csi.example", "volumeHandle": name}
    spec: dict[str, Any] = {"csi": csi, "claimRef": meta}
    if zone:
        term = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
        terms = [{"matchExpressions": [term]}]
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    volume = {"metadata": {"name": name}, "spec": spec, "status": {"phase": "Bound"}}
    completed = {"pv.kubernetes.io/bind-completed": "yes"}
    claim = {"metadata": {**meta, "annotations": completed}, "spec": {"volumeName": name}}
    state.put_other("persistentvolumes", f"/{name}", volume)
    state.put_other("persistentvolumeclaims", f"hub/{name}", claim)


def _steps(index: FitIndex, asked: list[Candidate], snapshot: Any) -> list[float]:
    """Judge all, in steps; return the milliseconds of each."""
    times = []
    for each in asked:
        steps = index.warm(each, snapshot)
        while True:
            begun = time.process_time()
            over = next(steps, steps) is steps
            if over:
                index.verdict(each, snapshot)
            times.append((time.process_time() - begun) * 1000)
            if over:
                break
    return times


if __name__ == "__main__":
    json.dump(measure(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
