"""API objects and watchers for the tests of this room: say only what matters."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

from teamspawner.capacity.rules import Rules
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.source import Settings
from teamspawner.cluster.watch import Watcher
from tests.edge.fake_api import FakeApi, configuration


def a_node(name: str = "n1", **more: Any) -> dict:
    """A ready node with 8 CPUs, 32 GiB and room for 110 pods."""
    allocatable = {"cpu": "8", "memory": "32Gi", "pods": "110", **more.pop("allocatable", {})}
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": more.pop("labels", {})},
        "spec": more.pop("spec", {}),
        "status": {
            "allocatable": allocatable,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def a_pod(name: str = "p1", node: str = "n1", cpu: str = "1", **more: Any) -> dict:
    """A running pod on a node; ``node`` empty leaves it unbound."""
    meta = {
        "name": name,
        "namespace": more.pop("namespace", "default"),
        "uid": more.pop("uid", f"uid-{name}"),
        "labels": more.pop("labels", {"app": "x"}),
        **more.pop("metadata", {}),
    }
    spec = {
        "containers": [{"name": "main", "resources": {"requests": {"cpu": cpu}}}],
        **more.pop("spec", {}),
    }
    if node:
        spec["nodeName"] = node
    status = {"phase": more.pop("phase", "Running"), **more.pop("status", {})}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": status}


BRISK = {"longest_wait_s": 0.2, "refused_wait_s": 0.3, "silence_s": 5.0, "stream_silence_s": 3.0}


@asynccontextmanager
async def a_watcher(api: FakeApi, **settings: Any):
    """A watcher of the two first kinds with short waits, already begun."""
    kinds = settings.pop("kinds", ("nodes", "pods"))
    rules = settings.pop("rules", Rules())
    watcher = Watcher(
        Connection(configuration(api.url)),
        rules,
        settings=Settings(**{**BRISK, **settings}),
        kinds=kinds,
    )
    watcher.begin()
    try:
        yield watcher
    finally:
        await watcher.stop()


async def until(claim, seconds: float = 5.0) -> None:
    """Wait until something holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not claim():
            await asyncio.sleep(0.01)


def used(watcher: Watcher, node: str = "n1", resource: str = "cpu") -> int:
    """What is requested on a node, as the snapshot says."""
    return watcher.snapshot().nodes[node].used.get(resource, 0)
