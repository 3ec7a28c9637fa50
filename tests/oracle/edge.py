"""Cases that could hardly be closer: pods at the edge of fitting, and clusters with a rule less."""

from __future__ import annotations

import copy
from collections.abc import Callable

from teamspawner.units import millicores, units
from tests.oracle.dice import Dice, Json
from tests.oracle.nodes import HUGE

PLENTY = 10**15


def at_the_edge(pod: Json, items: list[Json], dice: Dice, takes: Callable[[Json], bool]) -> bool:
    """Make a pod ask for just what fits, or for one unit more; tell whether that could be done.

    Args:
        pod: The candidate; its main container is changed in place.
        items: The objects of its cluster.
        dice: Chooses the resource and the side of the edge.
        takes: Whether any node takes a pod.

    Returns:
        False, and the pod as it was, when no node takes it however little it asks for.
    """
    rooms = [item["status"]["allocatable"] for item in items if item["kind"] == "Node"]
    names = sorted({name for room in rooms for name in room} - {"pods", HUGE})
    resource = dice.choice(names or ["cpu"])
    trial = copy.deepcopy(pod)

    def fits(amount: int) -> bool:
        _ask(trial, resource, amount)
        return takes(trial)

    if not fits(0):
        return False
    low, high = 0, 1 + max(_amount(resource, room.get(resource, 0)) for room in rooms)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    _ask(pod, resource, dice.choice([low, low, high]))
    return True


def _amount(resource: str, text: str | int) -> int:
    return (millicores if resource == "cpu" else units)(text)


def _ask(pod: Json, resource: str, amount: int) -> None:
    """Let the last container ask for an amount; what is extended is a limit as well."""
    resources = pod["spec"]["containers"][-1].setdefault("resources", {})
    written = f"{amount}m" if resource == "cpu" else str(amount)
    resources["requests"] = {**(resources.get("requests") or {}), resource: written}
    limits = {**(resources.get("limits") or {})}
    limits.pop(resource, None)
    resources["limits"] = limits | ({resource: written} if "/" in resource else {})


def _nodes(items: list[Json]) -> list[Json]:
    return [item for item in items if item["kind"] == "Node"]


def _no_cordon(items: list[Json], _pod: Json) -> None:
    for node in _nodes(items):
        (node.get("spec") or {}).pop("unschedulable", None)


def _no_taints(items: list[Json], _pod: Json) -> None:
    for node in _nodes(items):
        (node.get("spec") or {}).pop("taints", None)


def _endless(resource: str) -> Callable[[list[Json], Json], None]:
    def change(items: list[Json], _pod: Json) -> None:
        for node in _nodes(items):
            room = node["status"]["allocatable"]
            meant = [name for name in room if name.startswith(resource)] or [resource]
            node["status"]["allocatable"] = {**room, **dict.fromkeys(meant, str(PLENTY))}

    return change


def _endless_extended(items: list[Json], pod: Json) -> None:
    asked = {
        name
        for kind in ("containers", "initContainers")
        for one in pod["spec"].get(kind) or ()
        for name in (one.get("resources") or {}).get("limits") or ()
        if "/" in name
    }
    for node in _nodes(items):
        node["status"]["allocatable"] |= dict.fromkeys(asked, str(PLENTY))


def _pod_without(*path: str) -> Callable[[list[Json], Json], None]:
    def change(_items: list[Json], pod: Json) -> None:
        _drop(pod["spec"], path)

    return change


def _drop(spec: Json, path: tuple[str, ...]) -> None:
    for name in path[:-1]:
        spec = spec.get(name) or {}
    spec.pop(path[-1], None)


def _no_ports(_items: list[Json], pod: Json) -> None:
    for kind in ("containers", "initContainers"):
        for one in pod["spec"].get(kind) or ():
            one.pop("ports", None)


def _others_without_repulsion(items: list[Json], _pod: Json) -> None:
    for item in items:
        if item["kind"] == "Pod":
            _drop(item["spec"], ("affinity", "podAntiAffinity"))


RULES = {
    "cordon": _no_cordon,
    "taints": _no_taints,
    "node-selector": _pod_without("nodeSelector"),
    "node-affinity": _pod_without("affinity", "nodeAffinity"),
    "host-ports": _no_ports,
    "cpu": _endless("cpu"),
    "memory": _endless("memory"),
    "ephemeral-storage": _endless("ephemeral-storage"),
    "hugepages": _endless("hugepages-"),
    "extended-resources": _endless_extended,
    "number-of-pods": _endless("pods"),
    "init-containers": _pod_without("initContainers"),
    "topology-spread": _pod_without("topologySpreadConstraints"),
    "pod-affinity": _pod_without("affinity", "podAffinity"),
    "pod-anti-affinity": _pod_without("affinity", "podAntiAffinity"),
    "anti-affinity-of-others": _others_without_repulsion,
}
"""By rule: take from a cluster and a pod what the rule looks at, as if nobody asked it."""


def without(rule: str, items: list[Json], pod: Json) -> tuple[list[Json], Json]:
    """Copies of a cluster and a pod as an engine without the rule sees them."""
    fewer, bare = copy.deepcopy(items), copy.deepcopy(pod)
    RULES[rule](fewer, bare)
    return fewer, bare
