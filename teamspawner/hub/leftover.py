"""A pod of this very server that no start is waiting for, and that the next one replaces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from teamspawner.cluster.pods import OurPod
from teamspawner.offers.labels import START_LABEL
from teamspawner.offers.scene import Leftover

__all__ = ["leftover_of"]


def leftover_of(spawner: Any, ours: Iterable[OurPod]) -> Leftover | None:
    """Return what an earlier start has left behind; None when nothing is.

    A hub that ends in the middle of a start leaves a pod that its successor knows
    nothing of: JupyterHub looks after servers that were ready. KubeSpawner deletes it,
    by its name, before it makes the next one. It is the owner's own, so it must
    not keep the owner from starting; for everybody else it is a pod like any other.
    """
    if spawner.active and not spawner.nothing_made:
        return None
    name, namespace = spawner.pod_name, spawner.namespace
    for pod in ours:
        if pod.name == name and pod.namespace == namespace and START_LABEL in pod.labels:
            return Leftover(pod.labels[START_LABEL], pod.node)
    return None
