"""What one watch for many hubs would save: bytes of per-node numbers against whole objects.

A simulation: the events of the benchmark's cluster, once as every hub reads them today and
once as changed per-node numbers, at most four times a second, as one small deployment
would send them. ``python -m benchmarks.aggregator`` prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.generate import Files, generate
from benchmarks.run import SIZES
from teamspawner.capacity.rules import Rules
from teamspawner.cluster.receivers import receiver_for
from teamspawner.cluster.state import State

_EVENTS_A_SECOND = 200
_SENT_A_SECOND = 4


def main() -> None:
    base = Path(tempfile.gettempdir()) / "teamspawner-bench" / "M-aggregator"
    files = generate(base, *SIZES["M"])
    state = State(Rules())
    _load(files, state)
    whole = files.nodes.stat().st_size + files.binary.stat().st_size
    first = sum(len(_described(s)) for s in state.snapshot(None).nodes.values())
    sent, count = _replay(files, state)
    streamed = files.binary_events.stat().st_size
    seconds = count / _EVENTS_A_SECOND
    json.dump(
        {
            "hub_first_mb": whole / 1e6,
            "aggregated_first_mb": first / 1e6,
            "hub_kb_a_second": streamed / seconds / 1e3,
            "aggregated_kb_a_second": sent / seconds / 1e3,
            "saved_first": whole / first,
            "saved_steady": streamed / max(sent, 1),
        },
        sys.stdout,
    )


def _load(files: Files, state: State) -> None:
    for kind in ("nodes", "pods"):
        receiver = receiver_for(kind, state, lambda _: None)
        receiver.begin()
        body = b'{"metadata":{},"items":[' + getattr(files, kind).read_bytes() + b"]}"
        for _ in receiver.page(body)[1]:
            pass
        receiver.finish()


def _replay(files: Files, state: State) -> tuple[int, int]:
    receiver = receiver_for("pods", state, lambda _: None)
    every, sent = _EVENTS_A_SECOND // _SENT_A_SECOND, 0
    version, number = state.version, 0
    for number, line in enumerate(files.events.read_bytes().splitlines(), 1):
        receiver.event(line)
        if number % every == 0:
            snapshot = state.snapshot(None)
            moved = [n for n, at in (snapshot.changed or {}).items() if at > version]
            sent += sum(len(_numbers(snapshot.nodes[n])) for n in moved if n in snapshot.nodes)
            version = snapshot.version
    return sent, number


def _described(state: object) -> bytes:
    node = state.node  # type: ignore[attr-defined]
    facts = (dict(node.labels), len(node.taints), dict(node.allocatable), node.unschedulable)
    return msgspec.msgpack.encode(facts) + _numbers(state)


def _numbers(state: object) -> bytes:
    node, used = state.node, state.used  # type: ignore[attr-defined]
    return msgspec.msgpack.encode((node.name, dict(used), len(state.pods)))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
