"""The command ``teamspawner capacity``: what the cluster has, and what is free."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from teamspawner import units
from teamspawner.capacity.objects import Snapshot
from teamspawner.cli import seen
from teamspawner.cli.words import UsageError, counted, instant
from teamspawner.offers.totals import ModelTotal, Total, model_totals, total_of

COMMAND = "capacity"
_UNKNOWN = "?"
_PAUSE_S = 0.3
"""Lines come at most so often."""
_LOOK_S = 5.0
"""How long to wait for news before looking again whether kinds were lost from sight."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    seen.add(parser)
    parser.add_argument(
        "--watch", action="store_true", help="one line now, and one whenever numbers change"
    )


def run(args: argparse.Namespace) -> int:
    """Print the capacity: 0 done, 2 used wrongly, 3 the cluster is not reachable."""
    if args.watch and args.dump:
        raise UsageError("--watch with --dump: a dump does not change; allowed: one of them")
    if args.watch:
        with contextlib.suppress(KeyboardInterrupt):  # the reader has seen enough
            asyncio.run(_watch(args))
        return 0
    snapshot = seen.look(COMMAND, args).snapshot
    answer = capacity_json(snapshot)
    print(json.dumps(answer, indent=2) if args.format == "json" else _text(snapshot))
    return 0


async def _watch(args: argparse.Namespace) -> None:
    """Print a line now and whenever numbers change, at most four a second; never ends by itself."""
    from teamspawner.cli.live import watching  # slow to import

    async with watching(args.kubeconfig, None) as watcher:
        last: dict[str, Any] | None = None
        version = -1
        while True:
            version = await watcher.newer(version, _LOOK_S)
            answer = capacity_json(watcher.snapshot())
            numbers = {**answer, "as_of": None}
            if numbers != last:
                last = numbers
                line = (
                    json.dumps(answer, separators=(",", ":"))
                    if args.format == "json"
                    else _line(answer)
                )
                print(line, flush=True)
            await asyncio.sleep(_PAUSE_S)


def _line(answer: dict[str, Any]) -> str:
    """All numbers in one line: free of total, for each resource."""
    cpu, memory = answer["cpu_millicores"], answer["memory_bytes"]
    parts = [
        str(answer["as_of"] or ""),
        _nodes(answer["nodes"]),
        f"CPU {_of(cpu, units.cores)}",
        f"memory {_of(memory, units.gib)}",
        *(f"{_model_name(model)} {_of(model, str)}" for model in answer["models"]),
    ]
    return " · ".join(filter(None, parts))


def _of(total: dict[str, Any], spell: Callable[[int], str]) -> str:
    free, every = (
        _UNKNOWN if total[key] is None else spell(total[key]) for key in ("free", "total")
    )
    return f"{free} of {every} free"


def _model_name(model: dict[str, Any]) -> str:
    kind = "" if model["kind"] == "whole" else f" ({model['kind']})"
    return f"{model['name']}{kind}"


def capacity_json(snapshot: Snapshot) -> dict[str, Any]:
    """The whole answer; a number that hangs on what was not looked at is null."""
    states = snapshot.nodes.values()
    blind = "nodes" in snapshot.unseen
    return {
        "as_of": instant(snapshot.as_of),
        "nodes": None if blind else len(snapshot.nodes),
        "cpu_millicores": _total(total_of(states, "cpu"), snapshot),
        "memory_bytes": _total(total_of(states, "memory"), snapshot),
        "models": [_model(model, snapshot) for model in model_totals(snapshot)],
    }


def _total(total: Total, snapshot: Snapshot) -> dict[str, int | None]:
    """The numbers of one resource; what pods hold is not known when they were not seen."""
    known: dict[str, int | None] = dict(total._asdict())
    if "nodes" in snapshot.unseen:
        return dict.fromkeys(known)
    if "pods" in snapshot.unseen:
        return {**dict.fromkeys(known), "total": total.total}
    return known


def _model(model: ModelTotal, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "model": model.model,
        "name": model.name,
        "kind": model.kind,
        "resource": model.resource,
        "nodes": model.nodes,
        **_total(model.devices, snapshot),
    }


def _text(snapshot: Snapshot) -> str:
    answer = capacity_json(snapshot)
    rows: list[tuple[str, ...]] = [("", "TOTAL", "USED", "FREE", "LARGEST ON ONE NODE")]
    rows.append(_row("CPU", answer["cpu_millicores"], units.cores))
    rows.append(_row("memory", answer["memory_bytes"], units.gib))
    for model in answer["models"]:
        kind = "" if model["kind"] == "whole" else f", {model['kind']}"
        nodes = "nodes not known" if model["nodes"] is None else _nodes(model["nodes"])
        name = f"{model['name']} ({model['resource']}{kind}; {nodes})"
        rows.append(_row(name, model, str))
    return "\n".join([_nodes(answer["nodes"]), "", *_aligned(rows)])


def _nodes(count: int | None) -> str:
    if count is None:
        return "nodes not looked at"
    return counted(count, "node")


def _row(name: str, total: dict[str, Any], spell: Callable[[int], str]) -> tuple[str, ...]:
    cells = (total[key] for key in ("total", "used", "free", "largest"))
    return (name, *(_UNKNOWN if cell is None else spell(cell) for cell in cells))


def _aligned(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join((name.ljust(widths[0]), *numbers))
