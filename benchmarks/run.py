"""Runs the ways one after another in fresh processes, in turn, and compares them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.generate import EVENTS, SIZES, generate

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ("wall_s", "cpu_s", "rss_mb", "stall_ms", "work_ms")
_MOST_IDLE_MS = 10.0


@dataclass
class Runs:
    """All runs of one way: medians and spread of its figures."""

    way: str
    results: list[dict[str, Any]] = field(default_factory=list)

    def of(self, figure: str) -> float:
        """The median of a figure."""
        return statistics.median(each[figure] for each in self.results)

    def spread(self, figure: str) -> tuple[float, float]:
        """The least and the most of a figure."""
        found = [each[figure] for each in self.results]
        return min(found), max(found)


class WrongAnswerError(Exception):
    """A way came to another sum than the others: fast and wrong is worth nothing."""


@contextmanager
def serving(folder: Path, *, events: bool = False) -> Iterator[str]:
    """The stand-in API server in a process of its own; gives its address."""
    mark = folder / "send-events"
    mark.touch() if events else mark.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,  # it ends when this process does, however that ends
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def once(way: str, url: str) -> dict[str, Any]:
    """Run one way in a fresh process."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.approach", way, url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return json.loads(found.stdout)


def alternate(ways: dict[str, int], url: str) -> dict[str, Runs]:
    """Run each way so many times, all in turn, so that a noisy minute hits them alike."""
    runs = {way: Runs(way) for way in ways}
    for turn in range(max(ways.values())):
        for way, times in ways.items():
            if turn < times:
                runs[way].results.append(once(way, url))
    return runs


def check_sums(runs: dict[str, Runs]) -> None:
    """Every way that adds up must come to the same sum.

    Raises:
        WrongAnswerError: When one does not.
    """
    sums = {
        run.way: {(each["cpu_used"], each["nodes"]) for each in run.results}
        for run in runs.values()
        if run.results and "cpu_used" in run.results[0]
    }
    if len(set().union(*sums.values())) != 1:
        raise WrongAnswerError(f"not the same sums: {sums}")


def quiet(url: str, tries: int = 5) -> float:
    """Wait for a moment in which the machine is idle; return the floor of the ticker in ms."""
    floor = 0.0
    for _ in range(tries):
        floor = once("idle", url)["stall_ms"]
        if floor < _MOST_IDLE_MS:
            break
        time.sleep(2)
    return floor


def folder_of(base: Path, size: str) -> Path:
    """Generate the cluster of a size, once."""
    nodes, pods = SIZES[size]
    traced = "traced" if os.environ.get("TEAMSPAWNER_TRACES") else "made"
    folder = base / f"{size}-{traced}"
    generate(folder, nodes, pods)
    return folder


def measure_size(
    base: Path, size: str, repeat: int, *, slow_at_large: bool = False
) -> dict[str, Any]:
    """All figures of one size.

    Args:
        base: Where clusters are generated.
        size: ``S``, ``M`` or ``L``.
        repeat: Runs of each quick way.
        slow_at_large: Whether the slow ways run at L, too: 10 GB of memory, many minutes.
    """
    folder = folder_of(base, size)
    once_at_large = 1 if slow_at_large else 0
    naive = {"S": 1, "M": 1, "L": once_at_large}[size]
    reflector = {"S": repeat, "M": max(2, repeat // 2), "L": once_at_large}[size]
    ways = {
        "scan": repeat,
        "ours-paged": repeat,
        "ours-streamed": repeat,
        "ours-json": repeat,
        "ours-while-serving": repeat,
        "reflector": reflector,
        "naive": naive,
    }
    ways = {way: times for way, times in ways.items() if times}
    with serving(folder) as url:
        floor = quiet(url)
        runs = alternate(ways, url)
    check_sums(runs)
    with serving(folder, events=True) as url:
        events = alternate(
            {"our-events": repeat, "our-events-json": repeat, "reflector-events": min(2, repeat)},
            url,
        )
    return {"size": size, "floor_ms": floor, "runs": runs, "events": events}


def rate(runs: Runs) -> float:
    """Events per second of CPU time, which a busy machine alters least."""
    return statistics.median(each["events"] / each["cpu_s"] for each in runs.results)


__all__ = ["EVENTS", "FIGURES", "Runs", "measure_size", "rate"]
