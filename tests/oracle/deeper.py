"""What the engine says beyond one attempt, asked of the oracle by changing the cluster.

How many pods fit one after another, and whether a node would take a pod once emptied.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

from teamspawner.capacity.verdict import Status, Verdict
from tests.oracle.dice import Json
from tests.oracle.oracle import Oracle

MOST = 12
ARITHMETIC = frozenset(
    {"taints", "cordon", "selector", "affinity", "pods", "extended", "hugepages", "ephemeral"}
    | {"init", "overhead", "podlevel", "resize", "priority"}
)
"""Features under which the order of placing does not matter to how many fit."""

LOCAL = ARITHMETIC | {"ports", "nominated", "legacy"}
"""Features that are about what is on the node itself."""


def miscounted(oracle: Oracle, case: Json, verdicts: list[Verdict]) -> Iterator[str]:
    """Candidates of which not as many fit one after another as the engine counts."""
    for pod, verdict in zip(case["pods"], verdicts, strict=True):
        if verdict.status is not Status.FITS_NOW or verdict.count is None or verdict.count > MOST:
            continue
        found = placed_one_by_one(oracle, case["cluster"], pod, MOST + 1)
        if found != verdict.count:
            yield f"seed {case['id']} {pod['metadata']['name']}: {found}, not {verdict.count}"


def placed_one_by_one(oracle: Oracle, cluster: Json, pod: Json, most: int) -> int:
    """How many pods like this one the scheduler places, each after the other; ``most`` at most."""
    cluster = copy.deepcopy(cluster)
    for placed in range(most):
        answer = oracle.ask({"id": 0, "cluster": cluster, "pods": [pod]})[0]
        if not answer.nodes:
            return placed
        twin = copy.deepcopy(pod)
        twin["metadata"] |= {"name": f"twin{placed}", "uid": f"twin{placed}"}
        twin["spec"]["nodeName"] = answer.nodes[0]
        twin["status"] = {"phase": "Running"}
        cluster["items"].append(twin)
    return most


def misjudged_when_emptied(oracle: Oracle, case: Json, verdicts: list[Verdict]) -> Iterator[str]:
    """Candidates that are called BUSY or NEVER, and are the other.

    Only for features that are about one node: where pods elsewhere stand in the way, emptying
    one node says nothing, and the engine calls that BUSY.
    """
    for pod, verdict in zip(case["pods"], verdicts, strict=True):
        if verdict.status not in {Status.BUSY, Status.NEVER}:
            continue
        takes = sorted(name for name in verdict.rejected if takes_emptied(oracle, case, pod, name))
        if bool(takes) != (verdict.status is Status.BUSY):
            yield f"seed {case['id']} {pod['metadata']['name']}: {takes}, but {verdict.status}"


def takes_emptied(oracle: Oracle, case: Json, pod: Json, node: str) -> bool:
    """Whether a node takes a pod once emptied of all but DaemonSet pods."""
    items = [item for item in case["cluster"]["items"] if not _would_leave(item, node)]
    emptied = {"id": 0, "cluster": {"items": items}, "pods": [pod]}
    return node in oracle.ask(emptied)[0].nodes


def _would_leave(item: Json, node: str) -> bool:
    if item["kind"] != "Pod":
        return False
    home = item["spec"].get("nodeName") or item["status"].get("nominatedNodeName")
    if home != node:
        return False
    owners = item["metadata"].get("ownerReferences") or ()
    return all(owner["kind"] != "DaemonSet" for owner in owners)
