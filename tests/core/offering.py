"""Builders for tests of the map and of offers: say only what matters."""

from functools import partial

from teamspawner.capacity import Rules, judge, place
from teamspawner.capacity.objects import (
    Candidate,
    Node,
    NodeState,
    Pod,
    PodSpec,
    Snapshot,
    Taint,
)
from teamspawner.map import load
from teamspawner.offers.choices import plain_pod
from teamspawner.offers.desk import Desk
from teamspawner.offers.model import Person
from teamspawner.offers.scene import Scene

GIB = 2**30

EXAMPLE = """
version: 1
tiers:
  small:  {name: Small, cpu: 2, memory: 4Gi}
  large:  {name: Large, cpu: {request: 4, limit: 8}, memory: 32Gi, when_busy: wait, wait: 10m}
  half:   {name: Half a node, share: 1/2, nodes: {selector: {pool: highmem}}}
  gpu:
    name: GPU
    gpu: {models: ["*"], counts: [1, 2, 4], kinds: [whole, mig]}
    per_gpu: {cpu: 7, memory: 55Gi}
    start_timeout: 15m
images:
  scipy:   {name: SciPy, image: "quay.io/jupyter/scipy-notebook:2026-08-24"}
  pytorch: {image: "quay.io/jupyter/pytorch-notebook:cuda12", needs: gpu, vendors: [nvidia]}
teams:
  physics:
    groups: [physics, "uni:physics-*"]
    tiers: [small, large, gpu]
    images: [scipy, pytorch]
    gpu: {models: ["*A100*"], per_server: 2, per_user: 2, team: 8}
    limits: {servers_per_user: 3, cpu: 200, memory: 1Ti}
    volumes: [{name: data, claim: team-data, sub_path: physics, mount: /shared/physics, mode: rw}]
    cull: {idle: 30m, max_age: 12h}
  everyone: {groups: ["*"], tiers: [small, half], images: [scipy]}
accelerators:
  NVIDIA-A100-SXM4-80GB: {name: A100 80 GB, memory: 80Gi}
pools: []
"""

A100 = {
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
    "nvidia.com/gpu.count": "8",
    "nvidia.com/gpu.memory": "81920",
    "nvidia.com/gpu.replicas": "1",
    "nvidia.com/gpu.sharing-strategy": "none",
}
GPU = "nvidia.com/gpu"
A100_SLUG = "gpu-nvidia-a100-sxm4-80gb"


def a_map(text=EXAMPLE):
    return load(text).map


def a_node(name="n1", *, cpu=8, memory=32, devices=None, labels=None, taints=(), **more):
    allocatable = {"cpu": int(cpu * 1000), "memory": int(memory * GIB), "pods": 110}
    allocatable |= devices or {}
    return Node(
        name, labels or {}, tuple(Taint(*t) for t in taints), allocatable=allocatable, **more
    )


def a_pod(requests=None, *, labels=None, namespace="default", **spec):
    return Pod(namespace, labels or {}, PodSpec(requests=requests or {}, **spec))


def a_state(node, *pods):
    used = {"pods": len(pods)}
    for pod in pods:
        for name, amount in pod.spec.requests.items():
            used[name] = used.get(name, 0) + amount
    return NodeState(node, pods, used)


def a_snapshot(*nodes, **more):
    states = [node if isinstance(node, NodeState) else a_state(node) for node in nodes]
    return Snapshot({state.node.name: state for state in states}, **more)


def a_server(person="alice", team="physics", tier="small", *, gpus=0, start="", cpu=1, memory=1):
    """A pod of the hub as the map's caps count it."""
    requests = {"cpu": cpu * 1000, "memory": memory * GIB} | ({GPU: gpus} if gpus else {})
    labels = {
        "teamspawner/team": team,
        "teamspawner/tier": tier,
        "hub.jupyter.org/username": person,
        **({"teamspawner/start": start} if start else {}),
    }
    return a_pod(requests, labels=labels)


def waiting(pod, *, judged=False):
    return Candidate(pod, name="w", judged=judged)


def a_scene(*nodes, snapshot=None, claims=False, **more):
    rules = Rules()
    seen = snapshot if snapshot is not None or not nodes else a_snapshot(*nodes)
    given = {
        "snapshot": seen,
        "verdict": lambda candidate, now: judge(candidate, now, rules),
        "pod_for": partial(plain_pod, claims=claims),
        "place": lambda before, pods: place(before, pods, rules),
    }
    return Scene(**(given | more))


def a_person(*groups, name="alice"):
    return Person(name, groups)


def a_desk(text=EXAMPLE):
    return Desk(a_map(text))


def g1(gpus=8, **more):
    """A node with A100s."""
    return a_node("g1", cpu=64, memory=512, devices={GPU: gpus}, labels=A100, **more)
