"""The figures of a load test as a table."""

from __future__ import annotations

from typing import Any

_HEADS = ("load", "hub", "n", "p50 ms", "p99 ms", "CPU ms each", "CPU %", "work ms", "stall ms")


def table(found: dict[str, Any]) -> str:
    """One row for each part of the load and hub."""
    rows = [_HEADS]
    for part in ("rush", "starts"):
        rows += [_row(part, way, each) for way, each in found.get(part, {}).items()]
    rows += [_row(f"open, {what}", "ours", e) for what, e in found.get("open_pages", {}).items()]
    for way, each in found["idle"].items():
        share, work, stall = (each[name] for name in ("cpu_share", "work_ms", "stall_ms"))
        rows.append(("idle", way, "", "", "", "", f"{share:.1%}", f"{work:.0f}", f"{stall:.0f}"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    title = f"Hubs under load: {found['nodes']:,} nodes, {found['pods']:,} pods"
    return "\n".join(["", f"{title}, {found['changes']:g} changes a second", *lines])


def _row(part: str, way: str, each: dict[str, Any]) -> tuple[str, ...]:
    figures = ("p50_ms", "p99_ms", "cpu_ms_each")
    return (
        part,
        way,
        str(each["count"]),
        *(f"{each[name]:.3g}" for name in figures),
        f"{each['cpu_share']:.0%}",
        *(f"{each[name]:.0f}" for name in ("work_ms", "stall_ms")),
    )
