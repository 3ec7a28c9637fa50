"""Growth from 100 to 10,000 nodes: CPU and memory of a list, and the time of a listing, as SVG."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.generate import generate
from benchmarks.run import ROOT, once, serving

SIZES = (100, 300, 1_000, 3_000, 10_000)
PODS_A_NODE = 30
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 300, 190, 58, 34, 44
_PANELS = (
    ("cpu_s", "CPU of the first list", "s"),
    ("rss_mb", "memory growth", "MB"),
    ("after_1_nodes_ms", "12 variants after a change", "ms"),
)


def measure(base: Path) -> list[dict[str, Any]]:
    """One row of figures per size."""
    rows = []
    for nodes in SIZES:
        pods = nodes * PODS_A_NODE
        folder = base / f"growth-{nodes}"
        generate(folder, nodes, pods)
        with serving(folder) as url:
            found = [once("ours-streamed", url) for _ in range(3)]
        best = min(found, key=lambda each: each["cpu_s"])
        offers = subprocess.run(
            [sys.executable, "-m", "benchmarks.offers", str(nodes), str(pods)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        )
        rows.append({"nodes": nodes, **best, **json.loads(offers.stdout)})
        print(f"growth: {nodes} nodes done", flush=True)
    return rows


def draw(base: Path, path: Path) -> None:
    """Measure and write the chart."""
    path.write_text(svg(measure(base)))


def svg(rows: list[dict[str, Any]]) -> str:
    """One panel per figure, both axes by tens: a straight line is proportional growth."""
    parts = []
    for number, (key, title, unit) in enumerate(_PANELS):
        parts.append(_panel(rows, key, f"{title}, {unit}", number * (_WIDTH + _GAP)))
    width = len(_PANELS) * (_WIDTH + _GAP) + _LEFT
    height = _HEIGHT + _TOP + 48
    style = "text{font:12px sans-serif;fill:#57606a}.t{font-weight:600;fill:#24292f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>Growth with the number of nodes, 30 pods a node</title><style>{style}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _panel(rows: list[dict[str, Any]], key: str, title: str, shift: int) -> str:
    values = [max(row[key], 1e-3) for row in rows]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def x(nodes: float) -> float:
        return shift + _LEFT + (math.log10(nodes) - 2) / 2 * (_WIDTH - 20)

    def y(value: float) -> float:
        return _TOP + _HEIGHT - (math.log10(value) - low) / (high - low) * _HEIGHT

    lines = [f'<text class="t" x="{shift + _LEFT}" y="20">{title}</text>']
    for power in range(low, high + 1):
        at = y(10**power)
        lines.append(f'<path d="M{x(100):.0f} {at:.1f}H{x(10_000):.0f}" stroke="#d8dee4"/>')
        lines.append(
            f'<text x="{shift + _LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{10**power:g}</text>'
        )
    for nodes in (100, 1_000, 10_000):
        at = x(nodes)
        lines.append(
            f'<text x="{at:.0f}" y="{_TOP + _HEIGHT + 20}" text-anchor="middle">{nodes:,}</text>'
        )
    points = " ".join(f"{x(r['nodes']):.1f},{y(v):.1f}" for r, v in zip(rows, values, strict=True))
    lines.append(f'<polyline points="{points}" fill="none" stroke="#0969da" stroke-width="2"/>')
    for row, value in zip(rows, values, strict=True):
        dot = f'cx="{x(row["nodes"]):.1f}" cy="{y(value):.1f}"'
        lines.append(f'<circle {dot} r="3" fill="#0969da"><title>{value:.3g}</title></circle>')
    middle = shift + _LEFT + _WIDTH / 2
    lines.append(
        f'<text x="{middle:.0f}" y="{_TOP + _HEIGHT + 40}" text-anchor="middle">nodes</text>'
    )
    return "".join(lines)
