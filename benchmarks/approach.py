"""One way of knowing the cluster, measured in this very process.

``python -m benchmarks.approach WAY URL [--pages N]`` prints one line of JSON. Imports are
not counted, nor is memory held before the first request.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.generate import EVENTS

Result = dict[str, Any]
_TICK_S = 0.002


class Meter:
    """Wall time, CPU time, memory growth and the longest stall of the loop, from now on.

    ``work_ms`` is the most CPU time spent between two ticks: what of a stall is our own
    doing, whatever else runs on the machine.
    """

    def __init__(self) -> None:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        self._rss = _status("VmRSS")
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        self.stalls: list[float] = []
        self.work = [0.0]
        self._due = time.perf_counter() + _TICK_S
        self._ticker = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            self._due, work = time.perf_counter() + _TICK_S, time.process_time()
            await asyncio.sleep(_TICK_S)
            self.stalls.append(time.perf_counter() - self._due)
            self.work.append(time.process_time() - work)

    def read(self) -> Result:
        self._ticker.cancel()
        waiting = time.perf_counter() - self._due  # a tick that is still to come is late, too
        stalls = sorted([*self.stalls, max(waiting, 0.0)])
        return {
            "wall_s": time.perf_counter() - self._wall,
            "cpu_s": time.process_time() - self._cpu,
            "rss_mb": (_status("VmHWM") - self._rss) / 1024,
            "stall_ms": stalls[-1] * 1000,
            "work_ms": max(self.work) * 1000,
            "stall_p99_ms": stalls[int(len(stalls) * 0.99)] * 1000,
        }


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise LookupError(name)


def _counts(pod: dict) -> bool:
    return bool(pod["spec"].get("nodeName")) and pod["status"]["phase"] not in {
        "Succeeded",
        "Failed",
    }


def _cpu_of(requests: dict | None) -> int:
    text = (requests or {}).get("cpu", "0m")
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000


def _client(url: str) -> Any:
    from kubernetes_asyncio import client

    settings = client.Configuration(host=url)
    client.Configuration.set_default(settings)
    return client


async def idle(url: str) -> Result:
    """Nothing at all: the floor of the ticker."""
    del url
    meter = Meter()
    await asyncio.sleep(1)
    return meter.read()


async def naive(url: str) -> Result:
    """The client library's typed lists, as one call each."""
    client = _client(url)
    async with client.ApiClient() as api:
        core = client.CoreV1Api(api)
        await asyncio.sleep(0)
        meter = Meter()
        nodes = await core.list_node()
        pods = await core.list_pod_for_all_namespaces()
        used: dict[str, int] = {}
        for pod in pods.items:
            if pod.spec.node_name and pod.status.phase not in {"Succeeded", "Failed"}:
                found = sum(_cpu_of(c.resources.requests) for c in pod.spec.containers)
                used[pod.spec.node_name] = used.get(pod.spec.node_name, 0) + found
        return {**meter.read(), "cpu_used": sum(used.values()), "nodes": len(nodes.items)}


async def reflector(url: str) -> Result:
    """KubeSpawner's ResourceReflector for pods, and a list read in the same way for nodes."""
    import logging

    import aiohttp
    from kubespawner.reflector import ResourceReflector

    _client(url)

    class PodReflector(ResourceReflector):
        kind = "pods"
        list_method_name = "list_pod_for_all_namespaces"
        omit_namespace = True

    logging.disable(logging.CRITICAL)
    held = PodReflector()
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        meter = Meter()
        async with session.get(f"{url}/api/v1/nodes") as answer:
            nodes = json.loads(await answer.read())["items"]
        await held._list_and_update()
        result = meter.read()
    pods = held.resources.values()
    used = sum(
        _cpu_of(c["resources"].get("requests"))
        for p in pods
        if _counts(p)
        for c in p["spec"]["containers"]
    )
    await held.api.api_client.close()
    return {**result, "cpu_used": used, "nodes": len(nodes)}


async def scan(url: str) -> Result:
    """The limit: the same pages fetched, and scanned by msgspec without keeping anything."""
    import aiohttp
    import msgspec

    from teamspawner.cluster.source import KINDS

    nothing = msgspec.defstruct("Nothing", [])
    meta = msgspec.defstruct("Meta", [("more", str, "")], rename={"more": "continue"})
    page_type = msgspec.defstruct("Page", [("metadata", meta), ("items", list[nothing])])
    decoder, count = msgspec.json.Decoder(page_type), 0
    async with aiohttp.ClientSession(read_bufsize=1 << 17) as session:
        meter = Meter()
        for kind in ("nodes", "pods"):
            more = "0"
            while more:
                query = {"limit": "250", "continue": more, "fieldSelector": KINDS[kind].selector}
                headers = {"Accept-Encoding": "identity"}
                async with session.get(
                    f"{url}/api/v1/{kind}", params=query, headers=headers
                ) as answer:
                    page = decoder.decode(await answer.read())
                count += len(page.items)
                more = page.metadata.more
        return {**meter.read(), "objects": count}


async def ours(url: str, *, streamed: bool, binary: bool = True, pages: float = 0) -> Result:
    """Our watcher, to the first complete snapshot; perhaps with pages a second served meanwhile."""
    from teamspawner.capacity.index import FitIndex
    from teamspawner.capacity.rules import Rules
    from teamspawner.cluster.connect import Connection
    from teamspawner.cluster.source import Settings
    from teamspawner.cluster.watch import Watcher
    from teamspawner.hub.collecting import hold_back, set_apart

    watcher = Watcher(
        Connection(_configuration(url)),
        Rules(),
        settings=Settings(streamed=streamed, binary=binary),
        kinds=("nodes", "pods"),
    )
    serving = None
    meter = Meter()
    hold_back()  # as the hub does before it begins to watch
    begun = time.perf_counter()
    watcher.begin()
    first: list[float] = []
    if pages:
        serving = asyncio.create_task(_serve(watcher, FitIndex(Rules()), pages, begun, first))
    await watcher.synced()
    set_apart()  # as the hub does, too
    snapshot = watcher.snapshot()
    if serving is not None:
        await asyncio.sleep(0.5)
        serving.cancel()
    result = meter.read()
    used = sum(state.used.get("cpu", 0) for state in snapshot.nodes.values())
    lists = {kind: each.lists for kind, each in watcher.status().kinds.items()}
    await watcher.stop()
    extra = {"first_page_s": first[0]} if first else {}
    return {**result, "cpu_used": used, "nodes": len(snapshot.nodes), "lists": lists, **extra}


async def _serve(watcher: Any, index: Any, rate: float, begun: float, first: list[float]) -> None:
    """Answer for twelve variants again and again, in steps, as the hub does for its pages."""
    from benchmarks.offers import candidates
    from teamspawner.hub.turns import Turns

    asked, turns = candidates(), Turns()
    while True:
        snapshot = watcher.snapshot()
        for each in asked:
            await turns.work(index.warm(each, snapshot))
            index.verdict(each, snapshot)
        if not first:
            first.append(time.perf_counter() - begun)
        await asyncio.sleep(1 / rate)


def _configuration(url: str) -> Any:
    async def key(_: str) -> None:
        return None

    return SimpleNamespace(host=url, get_api_key_with_prefix=key, username="", password="")


async def our_events(url: str, *, binary: bool = True) -> Result:
    """Our watcher on a stream of events, after the list."""
    from teamspawner.cluster.connect import Connection
    from teamspawner.cluster.source import Settings
    from teamspawner.cluster.watch import Watcher

    settings = Settings(binary=binary)
    watcher = Watcher(Connection(_configuration(url)), settings=settings, kinds=("nodes", "pods"))
    watcher.begin()
    await watcher.synced()
    follower = watcher._followers["pods"]
    while int(follower._version or 0) < 900_000:
        await asyncio.sleep(0)
    before, meter = int(follower._version), Meter()
    while int(follower._version) < 900_000 + EVENTS - 1:
        await asyncio.sleep(0.001)
    result = meter.read()
    await watcher.stop()
    return {**result, "events": 900_000 + EVENTS - 1 - before}


async def reflector_events(url: str) -> Result:
    """The loop of KubeSpawner's reflector: raw events of the client library's watch, kept."""
    from kubernetes_asyncio import watch

    client = _client(url)
    held: dict[str, dict] = {}
    async with client.ApiClient() as api:
        core, count, meter = client.CoreV1Api(api), 0, Meter()
        async with watch.Watch().stream(
            core.list_pod_for_all_namespaces, resource_version="890000", _request_timeout=600
        ) as stream:
            async for event in stream:
                pod = event["raw_object"]
                key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
                if event["type"] == "DELETED":
                    held.pop(key, None)
                else:
                    held[key] = pod
                count += 1
                if count >= EVENTS // 4:
                    break
        return {**meter.read(), "events": count}


WAYS: dict[str, Callable[[str], Awaitable[Result]]] = {
    "idle": idle,
    "naive": naive,
    "reflector": reflector,
    "scan": scan,
    "ours-paged": lambda url: ours(url, streamed=False),
    "ours-streamed": lambda url: ours(url, streamed=True),
    "ours-json": lambda url: ours(url, streamed=False, binary=False),
    "ours-while-serving": lambda url: ours(url, streamed=True, pages=20),
    "our-events": our_events,
    "our-events-json": lambda url: our_events(url, binary=False),
    "reflector-events": reflector_events,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("url")
    args = parser.parse_args()
    if args.way.startswith(("naive", "reflector")):
        import kubespawner.reflector  # noqa: F401 - imports are not measured
    else:
        import teamspawner.capacity.index
        import teamspawner.cluster.watch  # noqa: F401
    json.dump(asyncio.run(_run(args)), sys.stdout)


async def _run(args: argparse.Namespace) -> Result:
    return await WAYS[args.way](args.url)


if __name__ == "__main__":
    main()
