"""``python -m benchmarks``: run everything, print the table, keep it as JSON.

Sizes S and M by default; ``--large`` adds L (needs 3 GB of disk, 10 GB of memory and some
minutes). Exit code 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import chart
from benchmarks.gates import Gate, gates_of
from benchmarks.load.table import table
from benchmarks.run import FIGURES, ROOT, Runs, measure_size, rate


def main() -> int:
    args = _arguments()
    base = Path(args.folder)
    found: dict[str, Any] = {"machine": f"{platform.machine()}, Python {platform.python_version()}"}
    gates: list[Gate] = []
    for size in args.sizes:
        measured = measure_size(base, size, args.repeat, slow_at_large=args.slow_at_large)
        print(_table(measured), flush=True)
        found[size] = _plain(measured)
        gates += gates_of(measured, halved=args.halved)
    if not args.watch_only:
        for name, words in _MODULES.items():
            found[name] = _module(name, *words)
            print(f"{name}: {json.dumps(found[name], indent=None)}", flush=True)
        if not args.without_load:
            found["load"] = _module("load")
            print(table(found["load"]), flush=True)
        gates += gates_of(found, halved=args.halved)
    print(_verdicts(gates))
    found["gates"] = [gate.plain() for gate in gates]
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=2) + "\n")
    if args.growth:
        chart.draw(base, ROOT / "docs" / "growth.svg")
    return 0 if all(gate.held for gate in gates) else 1


_MODULES = {
    "offers": ("5000", "150000"),
    "page": ("1000", "30000"),
    "imports": (),
    "aggregator": (),
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--large", action="store_true", help="size L too")
    parser.add_argument(
        "--slow-at-large", action="store_true", help="the slow ways at L: 10 GB, many minutes"
    )
    parser.add_argument("--sizes", nargs="*", choices=["S", "M", "L"], default=["S", "M"])
    parser.add_argument("--repeat", type=int, default=5, help="runs of each way")
    parser.add_argument("--halved", action="store_true", help="gates at half, for busy machines")
    parser.add_argument("--without-load", action="store_true", help="no hubs: saves 5 minutes")
    parser.add_argument("--watch-only", action="store_true", help="only listing and watching")
    parser.add_argument("--growth", action="store_true", help="draw docs/growth.svg")
    parser.add_argument("--json", help="write everything to this file")
    parser.add_argument("--folder", default=str(Path(tempfile.gettempdir()) / "teamspawner-bench"))
    args = parser.parse_args()
    args.sizes += ["L"] if args.large and "L" not in args.sizes else []
    return args


def _module(name: str, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.{name}", *words]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _table(measured: dict[str, Any]) -> str:
    heads = ("way", "n", "wall s", "CPU s", "memory MB", "longest stall ms", "longest work ms")
    rows = [heads]
    for way, runs in measured["runs"].items():
        cells = (
            f"{runs.of(f):.3g} ({runs.spread(f)[0]:.3g}-{runs.spread(f)[1]:.3g})" for f in FIGURES
        )
        rows.append((way, str(len(runs.results)), *cells))
    for way, runs in measured["events"].items():
        rows.append((way, str(len(runs.results)), "", f"{rate(runs):,.0f} events/s", "", "", ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    title = (
        f"Size {measured['size']} (idle ticker {measured['floor_ms']:.1f} ms): median (least-most)"
    )
    return "\n".join(["", title, *lines])


def _plain(measured: dict[str, Any]) -> dict[str, Any]:
    def of(runs: dict[str, Runs]) -> dict[str, Any]:
        return {way: each.results for way, each in runs.items()}

    return {
        "floor_ms": measured["floor_ms"],
        "runs": of(measured["runs"]),
        "events": of(measured["events"]),
    }


def _verdicts(gates: list[Gate]) -> str:
    return "\n" + "\n".join(str(gate) for gate in gates)


if __name__ == "__main__":
    sys.exit(main())
