"""What the figures must be, as ratios within one run wherever there is a peer."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.run import rate


@dataclass(frozen=True)
class Gate:
    """One figure with its goal.

    Attributes:
        least: The figure must be at least the goal; else at most.
    """

    what: str
    found: float
    goal: float
    unit: str = "x"
    least: bool = True

    @property
    def held(self) -> bool:
        return self.found >= self.goal if self.least else self.found <= self.goal

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "held": self.held}

    def __str__(self) -> str:
        side = "at least" if self.least else "at most"
        mark = "ok    " if self.held else "MISSED"
        return f"{mark} {self.what}: {self.found:.3g} {self.unit} (goal {side} {self.goal:.3g})"


def gates_of(measured: dict[str, Any], *, halved: bool) -> list[Gate]:
    """The gates these figures can be held to; halved ones are for busy machines."""
    slack = 2.0 if halved else 1.0
    gates = _of_size(measured) if "size" in measured else _of_modules(measured)
    return [
        Gate(g.what, g.found, g.goal / slack if g.least else g.goal * slack, g.unit, g.least)
        for g in gates
    ]


def _of_size(measured: dict[str, Any]) -> list[Gate]:
    size, runs, events = measured["size"], measured["runs"], measured["events"]
    ours = min(("ours-paged", "ours-streamed"), key=lambda way: runs[way].of("cpu_s"))
    cpu = runs[ours].of("cpu_s")
    scan = cpu / runs["scan"].of("cpu_s")
    gates = [
        Gate(f"{size}: sync CPU against the scan limit", scan, 1.5, least=False),
        Gate(f"{size}: events against the reflector's watch", _events(events), 10),
    ]
    for way, goal in (("reflector", 10), ("naive", 60)):
        if way in runs:
            gates.append(Gate(f"{size}: sync CPU against {way}", runs[way].of("cpu_s") / cpu, goal))
    memory, stall = {"S": (25, 15), "M": (25, 15), "L": (60, 30)}[size]
    for way in ("ours-paged", "ours-streamed", "ours-json", "ours-while-serving"):
        held, work = runs[way].of("rss_mb"), runs[way].of("work_ms")
        gates.append(Gate(f"{size}: memory, {way}", held, memory, "MB", least=False))
        gates.append(Gate(f"{size}: longest work at a time, {way}", work, stall, "ms", least=False))
    first = statistics.median(r["first_page_s"] for r in runs["ours-while-serving"].results)
    gates.append(Gate(f"{size}: first page", first, 2, "s", least=False))
    return gates


def _events(events: dict[str, Any]) -> float:
    return rate(events["our-events"]) / rate(events["reflector-events"])


def _of_modules(found: dict[str, Any]) -> list[Gate]:
    offers, page = found["offers"], found["page"]
    return [
        *(_of_load(found["load"]) if "load" in found else ()),
        Gate("L: 12 variants, one node changed", offers["after_1_nodes_ms"], 1, "ms", least=False),
        Gate(
            "L: 12 variants against judging in full",
            offers["judge_ms"] / offers["after_1_nodes_ms"],
            100,
        ),
        Gate(
            "render against the stock form",
            page["stock"]["median_ms"] / page["render"]["median_ms"],
            10,
        ),
        Gate(
            "listed and rendered against the stock form",
            page["stock"]["median_ms"] / page["page"]["median_ms"],
            10,
        ),
        Gate("L: longest step for a home", offers["home_zone_step_ms"], 15, "ms", least=False),
        Gate(
            "whole page, p99, against the stock form",
            page["stock"]["p99_ms"] / page["page"]["p99_ms"],
            1,
        ),
        Gate(
            "import beyond kubespawner's own", found["imports"]["beyond_ms"], 150, "ms", least=False
        ),
    ]


def _of_load(load: dict[str, Any]) -> list[Gate]:
    rush, starts = load["rush"], load["starts"]
    return [
        Gate(
            f"{rush['ours']['count']} people open the page in a minute: p99 against the stock form",
            rush["stock"]["p99_ms"] / rush["ours"]["p99_ms"],
            1,
        ),
        Gate(
            f"{load['at_once']} starts at once: longest work at a time against KubeSpawner's",
            starts["ours"]["work_ms"] / starts["stock"]["work_ms"],
            1.5,
            least=False,
        ),
    ]
