"""Short ways to make nodes, pods and snapshots for tests of the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from teamspawner.capacity.context import total
from teamspawner.capacity.objects import (
    Candidate,
    Claim,
    Node,
    NodeState,
    Pod,
    PodSpec,
    Snapshot,
    Storage,
    StorageClass,
    Taint,
    Volume,
)
from teamspawner.units import millicores, units

GPU = "nvidia.com/gpu"
ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
_SHORT = {"gpu": GPU}


def amounts(**asked: str | int) -> dict[str, int]:
    """``amounts(cpu=2, memory="4Gi", gpu=1)``: as Kubernetes spells them; ``gpu`` is NVIDIA's."""
    return {
        _SHORT.get(name, name): (millicores if name == "cpu" else units)(text)
        for name, text in asked.items()
    }


def a_node(
    name: str = "node",
    *,
    labels: Mapping[str, str] | None = None,
    taints: tuple[Taint, ...] = (),
    cordoned: bool = False,
    ready: bool = True,
    **allocatable: str | int,
) -> Node:
    """A node of 8 cpu, 32Gi and 110 pods, unless said otherwise; it is labelled with its name."""
    found = amounts(**{"cpu": 8, "memory": "32Gi", "pods": 110, **allocatable})
    own = {HOST: name, **(labels or {})}
    return Node(name, own, taints, cordoned, found, ready)


_SPEC = {each.name for each in fields(PodSpec)} - {"requests"}


def a_pod(
    namespace: str = "default",
    *,
    labels: Mapping[str, str] | None = None,
    terminating: bool = False,
    **rest: Any,
) -> Pod:
    """A pod: fields of ``PodSpec`` by name, everything else is an amount it requests."""
    spec = {name: rest.pop(name) for name in _SPEC & set(rest)}
    return Pod(namespace, labels or {}, PodSpec(requests=amounts(**rest), **spec), terminating)


def a_candidate(pod: Pod | None = None, **rest: Any) -> Candidate:
    """A pod to be judged; without one, made as by ``a_pod``."""
    return Candidate(pod if pod is not None else a_pod(**rest), name="candidate", uid="candidate")


def with_pods(node: Node, *pods: Pod) -> NodeState:
    """A node with pods on it."""
    return NodeState(node, pods, total(pods))


def a_snapshot(*nodes: Node | NodeState, **rest: Any) -> Snapshot:
    """A snapshot of these nodes; further fields of ``Snapshot`` by name."""
    states = [each if isinstance(each, NodeState) else with_pods(each) for each in nodes]
    return Snapshot({state.node.name: state for state in states}, **rest)


def a_storage(
    *things: Claim | Volume | StorageClass, limits: Mapping[str, Mapping[str, int]] | None = None
) -> Storage:
    """Claims, volumes and classes, by their names."""
    claims = [each for each in things if isinstance(each, Claim)]
    volumes = [each for each in things if isinstance(each, Volume)]
    classes = [each for each in things if isinstance(each, StorageClass)]
    return Storage(
        claims={(each.namespace, each.name): each for each in claims},
        volumes={each.name: each for each in volumes},
        classes={each.name: each for each in classes},
        attach_limits=limits or {},
    )


def bound_claim(name: str, volume: Volume, **rest: Any) -> tuple[Claim, Volume]:
    """A claim in ``default`` and the volume it is bound to."""
    claim = Claim("default", name, uid=f"uid-{name}", volume=volume.name, **rest)
    return claim, replace(volume, claim=("default", name, f"uid-{name}"), phase="Bound")
