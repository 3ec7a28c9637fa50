"""Placeholders for GPU machines, which the chart does not have: one Deployment for each tier.

A placeholder asks for what the tier's smallest server would. It is of a class that every
server outranks, so the scheduler puts it out the moment somebody starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count
from typing import Any

from teamspawner.cli.bychart import CHART
from teamspawner.map import Map, Tier
from teamspawner.map.schema import Pool

MI = 2**20
PRIORITY = "teamspawner-placeholder"
USUAL = "nvidia.com/gpu"
_NAME_MOST = 59
"""A name's longest part: 63 signs of a label's value, less a number to tell it apart."""
PAUSE = "registry.k8s.io/pause:3.10.1"


def deployments(the_map: Map, replicas: int, release: str, namespace: str) -> list[dict[str, Any]]:
    """A Deployment for each tier with accelerators, and each pool that can hold it.

    Args:
        the_map: A sound map. Pools with accelerators say which resource and machines;
            without any, the tier's own node selector and ``nvidia.com/gpu`` are taken,
            and a tier of slices alone is left out: their names are many.
        replicas: How many places each keeps.
        release: The chart's release, whose user scheduler places them.
        namespace: Where the hub runs.
    """
    made: dict[str, dict[str, Any]] = {}
    for key, tier in the_map.tiers.items():
        for pool in _places(the_map, tier):
            name = f"placeholder-{key}" + (f"-{_plain(pool.name)}" if pool is not None else "")
            name = unused(name[:_NAME_MOST].rstrip("-"), made)
            made[name] = _deployment(name, namespace, replicas, _pod(tier, pool, release))
    return list(made.values())


def _places(the_map: Map, tier: Tier) -> list[Pool | None]:
    """Where places of a tier are kept; None is wherever the device is that is usually meant."""
    pools: list[Pool | None] = [pool for pool in the_map.pools if pool.gpu]
    if tier.gpu is None or pools:
        return pools if tier.gpu else []
    return [] if set(tier.gpu.kinds) == {"mig"} else [None]


def unused(name: str, taken: Iterable[str]) -> str:
    """The name, or the name with the first number that tells it apart."""
    tries = (name if n == 1 else f"{name}-{n}" for n in count(1))
    return next(each for each in tries if each not in set(taken))


def _plain(name: str) -> str:
    """A pool's name as part of an object's name."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def _deployment(name: str, namespace: str, replicas: int, pod: dict[str, Any]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "teamspawner-placeholder", "teamspawner/placeholder": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {**labels, "app.kubernetes.io/part-of": "teamspawner"},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
        },
    }


def _pod(tier: Tier, pool: Pool | None, release: str) -> dict[str, Any]:
    resource = next(iter(pool.gpu)) if pool is not None else USUAL
    size = _size(tier, resource)
    selector = {**tier.nodes.selector, **(pool.labels if pool is not None else {})}
    known = (*tier.nodes.tolerations, *(pool.taints if pool is not None else ()))
    taints = [each.model_dump(exclude_none=True, exclude_defaults=True) for each in known]
    taints.append({"key": resource, "operator": "Exists", "effect": "NoSchedule"})
    taints += [{"key": t.key, "value": t.value, "effect": t.effect} for t in CHART]
    return {
        "priorityClassName": PRIORITY,
        "schedulerName": f"{release}-user-scheduler",
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **({"nodeSelector": selector} if selector else {}),
        "tolerations": taints,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "pause",
                "image": PAUSE,
                "resources": {"requests": size, "limits": dict(size)},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }


def _size(tier: Tier, resource: str) -> dict[str, str]:
    """What the smallest server of the tier asks for; a fair share keeps devices only."""
    devices = min(tier.gpu.counts) if tier.gpu else 1
    size = {"cpu": "100m", "memory": "128Mi"}
    if tier.per_gpu is not None and not isinstance(tier.per_gpu, str):
        if tier.per_gpu.cpu:
            size["cpu"] = f"{tier.per_gpu.cpu * devices}m"
        if tier.per_gpu.memory:
            size["memory"] = _mebibytes(tier.per_gpu.memory * devices)
    elif tier.cpu and tier.memory:
        size = quantities(tier.cpu.request, tier.memory.request)
    return {**size, resource: str(devices)}


def quantities(cpu_millicores: int, memory_bytes: int) -> dict[str, str]:
    """A size in Kubernetes' own quantities; memory is rounded up to whole MiB."""
    return {"cpu": f"{cpu_millicores}m", "memory": _mebibytes(memory_bytes)}


def _mebibytes(size: int) -> str:
    return f"{-(-size // MI)}Mi"
