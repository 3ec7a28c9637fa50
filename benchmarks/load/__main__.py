"""A hub with our spawner and one with KubeSpawner's static form, under the same load in turn.

``python -m benchmarks.load NODES PODS`` prints one line of JSON. Both hubs run all the time on
one machine and cluster; each part of the load goes to one of them, then to the other, so that a
noisy minute hits both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from benchmarks.load.hubs import WAYS, Hub, a_cluster, a_hub
from benchmarks.load.people import Visitor, paced, polled, visitors
from benchmarks.load.table import table

_IDLE_S = 5.0
_MEMORY = Path("/dev/shm")
"""For the hubs' databases, so that the disk has no say."""
_OPENED_A_SECOND = 20
_FIGURES = ("cpu_s", "stall_ms", "work_ms", "wall_s")
Figures = dict[str, Any]


async def metered(hub: Hub, work: Coroutine[Any, Any, list[float]]) -> Figures:
    """Do something to a hub; its own figures, and how long each person waited, in seconds."""
    await hub.meter()
    waited = await work
    found = await hub.meter()
    return {**{name: found[name] for name in _FIGURES}, "waited": waited}


def summed(turns: Sequence[Figures]) -> Figures:
    """The figures of all turns of one hub together."""
    waited = sorted(each for turn in turns for each in turn["waited"])
    cpu, wall = (sum(turn[name] for turn in turns) for name in ("cpu_s", "wall_s"))
    return {
        "count": len(waited),
        "p50_ms": statistics.median(waited) * 1000,
        "p99_ms": waited[int(len(waited) * 0.99)] * 1000,
        "most_ms": waited[-1] * 1000,
        "cpu_ms_each": cpu / len(waited) * 1000,
        "cpu_share": cpu / wall,
        "stall_ms": max(turn["stall_ms"] for turn in turns),
        "work_ms": max(turn["work_ms"] for turn in turns),
        "work_ms_of_turns": [turn["work_ms"] for turn in turns],
    }


async def rush(hubs: Sequence[Hub], crowd: int, seconds: float, turns: int) -> dict[str, Figures]:
    """Everybody of a crowd opens the spawn page within so many seconds."""
    each, found = crowd // turns, _nothing(hubs)
    for turn in range(turns):
        for hub in hubs:
            names = [f"visitor-{turn * each + n}" for n in range(each)]
            async with visitors(hub, names) as people:
                coming = paced(people, seconds / turns, random.Random(turn), Visitor.open_page)
                found[hub.way].append(await metered(hub, coming))
            _say(f"rush, turn {turn + 1} of {turns}, {hub.way}")
    return {way: summed(each) for way, each in found.items()}


async def starts(hubs: Sequence[Hub], count: int, turns: int) -> dict[str, Figures]:
    """So many people, all with the page open, press Start at the same moment."""
    found = _nothing(hubs)
    for turn in range(turns):
        for hub in hubs:
            names = [f"starter-{turn * count + n}" for n in range(count)]
            async with visitors(hub, names) as people:
                await asyncio.gather(*(who.open_page() for who in people))
                pressing = paced(people, 0, random.Random(turn), Visitor.start)
                found[hub.way].append(await metered(hub, pressing))
            _say(f"starts, turn {turn + 1} of {turns}, {hub.way}")
    return {way: summed(each) for way, each in found.items()}


async def open_pages(hub: Hub, count: int, seconds: float) -> dict[str, Figures]:
    """So many pages stay open, each asking for fresh offers at its interval."""
    found, rng = {}, random.Random(5)
    async with visitors(hub, [f"watcher-{n}" for n in range(count)]) as people:
        await paced(people, count / _OPENED_A_SECOND, rng, Visitor.open_page)
        for name, accept in (("page", "text/html"), ("json", "application/json")):
            found[name] = summed([await metered(hub, polled(people, seconds, rng, accept))])
            _say(f"open pages, {name}")
    return found


def _nothing(hubs: Sequence[Hub]) -> dict[str, list[Figures]]:
    return {hub.way: [] for hub in hubs}


async def first_pages(hubs: Sequence[Hub]) -> dict[str, float]:
    """The very first page of each hub, in milliseconds; afterwards the cluster is seen."""
    found = {}
    for hub in hubs:
        async with visitors(hub, ["first"]) as (person,):
            begun = time.perf_counter()
            with contextlib.suppress(Exception):
                await person.open_page()
            found[hub.way] = (time.perf_counter() - begun) * 1000
    await asyncio.sleep(_IDLE_S)
    return found


async def idle(hubs: Sequence[Hub]) -> dict[str, Figures]:
    """Nobody comes: what following the cluster costs, and the floor of the ticker."""
    found = {}
    for hub in hubs:
        figures = await metered(hub, asyncio.sleep(_IDLE_S, []))
        found[hub.way] = {
            "cpu_share": figures["cpu_s"] / figures["wall_s"],
            "stall_ms": figures["stall_ms"],
            "work_ms": figures["work_ms"],
        }
    return found


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    """All of it, on one cluster."""
    crowd = [f"visitor-{n}" for n in range(args.people)]
    crowd += [f"starter-{n}" for n in range(args.starts * args.turns)]
    crowd += [*(f"watcher-{n}" for n in range(args.pages)), "first"]
    base = _MEMORY if _MEMORY.is_dir() else None
    async with contextlib.AsyncExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(dir=base)))
        await parts.enter_async_context(a_cluster(folder, args.nodes, args.pods, args.changes))
        _say("the cluster is there")
        hubs = [await parts.enter_async_context(a_hub(folder, way, crowd)) for way in WAYS]
        _say("the hubs are there: " + ", ".join(f"{hub.way} {hub.pid}" for hub in hubs))
        found: dict[str, Any] = {"nodes": args.nodes, "pods": args.pods, "changes": args.changes}
        found |= {"at_once": args.starts, "pages": args.pages}
        found["first_page_ms"] = await first_pages(hubs)
        found["idle"] = await idle(hubs)
        if args.people:
            found["rush"] = await rush(hubs, args.people, args.seconds, args.turns)
        if args.starts:
            found["starts"] = await starts(hubs, args.starts, args.turns)
        if args.pages:
            found["open_pages"] = await open_pages(hubs[0], args.pages, args.open_for)
        return found


def _say(words: str) -> None:
    print(f"{time.strftime('%T')} {words}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("nodes", type=int, nargs="?", default=1_000)
    parser.add_argument("pods", type=int, nargs="?", default=30_000)
    parser.add_argument("--people", type=int, default=1_000, help="who open the page")
    parser.add_argument("--starts", type=int, default=50, help="who press Start at once")
    parser.add_argument("--pages", type=int, default=500, help="that stay open")
    parser.add_argument("--seconds", type=float, default=60, help="in which they come")
    parser.add_argument("--open-for", type=float, default=20, help="seconds; once each kind")
    parser.add_argument("--turns", type=int, default=4, help="of each hub, for rush and starts")
    parser.add_argument("--table", action="store_true", help="print a table in place of JSON")
    parser.add_argument("--changes", type=float, default=20, help="of the cluster a second")
    args = parser.parse_args()
    found = asyncio.run(measure(args))
    print(table(found) if args.table else json.dumps(found))


if __name__ == "__main__":
    main()
