"""What a spawn page costs: ours with twelve tiers, and KubeSpawner's own form with twelve profiles.

``python -m benchmarks.page`` prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from benchmarks.offers import filled
from teamspawner.capacity.index import FitIndex
from teamspawner.capacity.objects import Candidate, Pod, PodSpec
from teamspawner.capacity.rules import Rules
from teamspawner.map.load import load
from teamspawner.offers.desk import Desk
from teamspawner.offers.model import Choice, Person
from teamspawner.offers.scene import Scene

_TIMES = 40
MAP = {
    "version": 1,
    "tiers": {
        f"size{n}": {"name": f"Size {n}", "cpu": n, "memory": f"{n * 2}Gi"} for n in range(1, 13)
    },
    "images": {"scipy": {"name": "SciPy", "image": "quay.io/jupyter/scipy-notebook:2026-08-24"}},
    "teams": {
        "everyone": {
            "groups": ["*"],
            "tiers": [f"size{n}" for n in range(1, 13)],
            "images": ["scipy"],
        }
    },
}


_KUBECONFIG = """
{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],
 clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}], users: [{name: a, user: {}}]}
"""
"""Nobody is asked: KubeSpawner wants to know whom it would ask."""


def _timed(work: Callable[[], Any]) -> list[float]:
    times = []
    for _ in range(_TIMES):
        begun = time.process_time()
        work()
        times.append((time.process_time() - begun) * 1000)
    return times


def _pod_for(choice: Choice) -> Candidate:
    return Candidate(Pod("hub", choice.labels, PodSpec(choice.requests)))


def stock() -> list[float]:
    """KubeSpawner's own form, as its users get it on every page."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as file:
        file.write(_KUBECONFIG)
    os.environ["KUBECONFIG"] = file.name  # read when the client library is imported
    from kubespawner import KubeSpawner

    profiles = [
        {
            "display_name": f"Size {n}",
            "description": f"{n} CPU",
            "kubespawner_override": {"cpu_limit": n},
        }
        for n in range(1, 13)
    ]
    spawner = KubeSpawner(_mock=True)
    spawner.profile_list = profiles
    return _timed(lambda: spawner._render_options_form(profiles))


def ours(nodes: int, pods: int) -> dict[str, list[float]]:
    """Ours: listing with live verdicts, and the rendering of it, each page for another person."""
    from teamspawner.page.render import render

    state, index = filled(nodes, pods), FitIndex(Rules())
    state.snapshot(None)
    desk, number = Desk(load(MAP).map), iter(range(10**6))
    names = sorted(state._nodes)

    def scene() -> Scene:
        return Scene(
            snapshot=state.snapshot(None),
            verdict=index.verdict,
            pod_for=_pod_for,
            place=index.place,
        )

    def listing() -> Any:
        person = f"person-{next(number)}"
        state.pods.place(f"new-{person}", names[hash(person) % len(names)], _KIND)
        state.pod_changed()
        return desk.listing(Person(person, ("x",)), scene())

    def show(listed: Any) -> str:
        return render(listed, now=datetime.now(UTC), static_url="/static/", offers_url="/offers")

    listed = listing()
    show(listed)
    return {
        "listing": _timed(listing),
        "render": _timed(partial(show, listed)),
        "page": _timed(lambda: show(listing())),
    }


def main() -> None:
    from teamspawner.cluster.kinds import Kinds

    global _KIND  # noqa: PLW0603 - made once the room is imported
    _KIND = Kinds(Rules()).of(Pod("x", {}, PodSpec({"cpu": 100})))
    size = [int(each) for each in sys.argv[1:3]] or [1000, 30_000]

    async def all_of_it() -> dict[str, Any]:
        theirs = stock()
        return {"stock": theirs, **ours(*size)}

    found = asyncio.run(all_of_it())
    summary = {
        name: {"median_ms": statistics.median(t), "p99_ms": max(t)} for name, t in found.items()
    }
    json.dump(summary, sys.stdout)


if __name__ == "__main__":
    main()
