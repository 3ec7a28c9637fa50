"""A large cluster for hubs: an API server with its scheduler and kubelet, in a process of its own.

``python -m benchmarks.load.cluster FOLDER NODES PODS CHANGES`` writes a kubeconfig for each hub
into the folder, prints one line when it is ready and runs until its standard input ends.
``CHANGES`` of the cluster's pods are replaced by others every second. Pods of the hubs are
placed and running within a second; what they run is a stand-in that answers as a server does.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from teamspawner.sim.kubeconfig import Access, write_kubeconfig
from teamspawner.sim.server.http import ApiServer
from teamspawner.sim.server.kinds import BY_KIND
from teamspawner.sim.server.rbac import Caller
from teamspawner.sim.server.store import Change, Store, Thing

CLASS = "fast"
_MODELS = ("", "", "A100-SXM4-80GB", "Tesla-T4", "V100-PCIE-32GB", "A10")
_SCHEDULED_S, _RUNNING_S = 0.1, 0.4
_PODS = BY_KIND["v1", "Pod"].storage
_EVENTS = BY_KIND["v1", "Event"]


def objects(nodes: int, pods: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Nodes of a few kinds, and pods of 200 shapes on them."""
    for number in range(nodes):
        yield _node(number)
    shapes = [
        {"cpu": f"{250 * (1 + i % 12)}m", "memory": f"{256 * (1 + i % 8)}Mi"} for i in range(200)
    ]
    for number in range(pods):
        yield _pod(number, rng.randrange(nodes), rng.choice(shapes))


def _node(number: int) -> dict[str, Any]:
    name, model = _node_name(number), _MODELS[number % len(_MODELS)]
    room = {"cpu": "64", "memory": "256Gi", "pods": "250"}
    room |= {"nvidia.com/gpu": "4"} if model else {}
    labels = {"kubernetes.io/hostname": name}
    labels |= {"nvidia.com/gpu.product": model} if model else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {
            "allocatable": room,
            "capacity": room,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _node_name(number: int) -> str:
    return f"node-{number:05d}"


def _pod(number: int, node: int, requests: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"job-{number}", "namespace": "default"},
        "spec": {
            "nodeName": _node_name(node),
            "containers": [{"name": "c", "image": "busybox", "resources": {"requests": requests}}],
        },
        "status": {"phase": "Running"},
    }


class Machinery:
    """Scheduler, kubelet and the rest of the cluster's life, straight on the store."""

    def __init__(self, store: Store, nodes: int, rng: random.Random) -> None:
        self._store, self._nodes, self._rng = store, nodes, rng
        self._tasks: set[asyncio.Task[None]] = set()
        self._began: set[str] = set()
        self._number = 10**6
        store.listen(_PODS, self._hear)

    async def live(self, changes: float) -> None:
        """Replace pods by others for ever, so many a second."""
        strangers = [key for key in self._store.all(_PODS) if key[0] == "default"]
        while changes:
            await asyncio.sleep(1 / changes)
            place = self._rng.randrange(len(strangers))
            gone = self._store.remove(_PODS, strangers[place])
            requests = gone["spec"]["containers"][0]["resources"]["requests"]
            self._number += 1
            made = _pod(self._number, self._rng.randrange(self._nodes), requests)
            made["metadata"]["uid"] = f"uid-{self._number}"
            strangers[place] = ("default", made["metadata"]["name"])
            self._store.write(_PODS, strangers[place], made)

    def _hear(self, change: Change) -> None:
        pod = change.new
        if pod is None or change.key[0] == "default":
            return
        uid = pod["metadata"]["uid"]
        if "deletionTimestamp" in pod["metadata"]:
            self._later(self._end(change.key))
        elif uid not in self._began:
            self._began.add(uid)
            self._later(self._run(change.key, pod))

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, key: tuple[str, str]) -> None:
        await asyncio.sleep(_SCHEDULED_S)
        if self._store.get(_PODS, key) is not None:
            self._store.remove(_PODS, key)

    async def _run(self, key: tuple[str, str], pod: Thing) -> None:
        await asyncio.sleep(_SCHEDULED_S)
        placed = [{"type": "PodScheduled", "status": "True"}]
        node = _node_name(self._rng.randrange(0, self._nodes, len(_MODELS)))  # one without GPUs
        spec = {**pod["spec"], "nodeName": node}
        self._write(key, spec, {"phase": "Pending", "conditions": placed})
        self._tell(pod, "Scheduled", f"Successfully assigned {key[0]}/{key[1]} to {node}")
        for reason, message in (("Pulled", "image present"), ("Created", "made"), ("Started", "")):
            await asyncio.sleep(_RUNNING_S / 3)
            self._tell(pod, reason, message or "Started container notebook")
        ready = [*placed, {"type": "Ready", "status": "True"}]
        running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        container = {"name": "notebook", "image": "x", "imageID": "x", "restartCount": 0}
        self._write(
            key,
            spec,
            {
                "phase": "Running",
                "podIP": "127.0.0.1",
                "conditions": ready,
                "containerStatuses": [{**container, "ready": True, "state": running}],
            },
        )

    def _write(self, key: tuple[str, str], spec: Any, status: Any) -> None:
        now = self._store.get(_PODS, key)
        if now is not None:
            self._store.write(_PODS, key, {**now, "spec": spec, "status": status})

    def _tell(self, pod: Thing, reason: str, message: str) -> None:
        about = {"namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"]}
        self._number += 1
        name = f"{about['name']}.{self._number}"
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {**about, "name": name, "uid": name},
            "involvedObject": {"kind": "Pod", "uid": pod["metadata"]["uid"], **about},
            "type": "Normal",
            "reason": reason,
            "message": message,
            "lastTimestamp": "2026-01-01T00:00:00Z",
        }
        self._store.write(_EVENTS.storage, (about["namespace"], name), event)


async def _stub(_: web.Request) -> web.Response:
    return web.json_response({}, headers={"X-JupyterHub-Version": "5.0.0"})


async def _stubs() -> int:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _stub)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return int(runner.addresses[0][1])


def _groundwork(spaces: list[str]) -> Iterator[dict[str, Any]]:
    for name in ("default", *spaces):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS},
        "provisioner": "example.org/fast",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


async def main() -> None:
    folder, nodes, pods = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    spaces, rng = ["ours", "stock"], random.Random(11)
    server = ApiServer(tokens={name: Caller(name, ("system:masters",)) for name in spaces})
    for thing in (*_groundwork(spaces), *objects(nodes, pods, rng)):
        server.api.put(BY_KIND[thing["apiVersion"], thing["kind"]], thing)
    machinery = Machinery(server.api.store, nodes, rng)
    address = f"http://127.0.0.1:{await server.start()}"
    for name in spaces:
        write_kubeconfig(folder / f"{name}.kubeconfig", Access(address, token=name), name)
    (folder / "stub-port").write_text(str(await _stubs()))
    life = asyncio.ensure_future(machinery.live(float(sys.argv[4])))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # it ends with the process that began this one
    life.cancel()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
