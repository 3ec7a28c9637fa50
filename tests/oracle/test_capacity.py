"""What ``capacity`` counts is what a naive count over the raw objects gives."""

from __future__ import annotations

import json
from typing import Any

from teamspawner.cli import main
from tests.oracle.dice import Json
from tests.oracle.expect import live_pods, milli, requests_of, takes_servers, whole
from tests.oracle.people import Question, question

SEEDS = range(50_000, 50_150)


def counted(asked: Question, names: set[str], resource: str) -> dict[str, int]:
    """Total, used, free and the largest of some nodes, one resource at a time."""
    read = milli if resource == "cpu" else whole
    nodes = [n for n in asked.cluster["items"] if n["kind"] == "Node"]
    room = {
        n["metadata"]["name"]: read(n["status"]["allocatable"].get(resource, 0))
        for n in nodes
        if n["metadata"]["name"] in names
    }
    used = dict.fromkeys(room, 0)
    for pod in live_pods(asked):
        home = pod["spec"].get("nodeName")
        if home in used:
            used[home] += requests_of(pod).get(resource, 0)
    able = {n["metadata"]["name"] for n in nodes if takes_servers(n)}
    total, gone = sum(room.values()), sum(used.values())
    largest = max((room[name] - used[name] for name in room if name in able), default=0)
    return {"total": total, "used": gone, "free": total - gone, "largest": largest}


def expected(asked: Question) -> dict[str, Any]:
    every = set(asked.truths)
    fleets: dict[tuple[str, str, str], set[str]] = {}
    for node, truths in asked.truths.items():
        for truth in truths:
            fleets.setdefault((truth.model, truth.kind, truth.resource), set()).add(node)
    return {
        "nodes": len(every),
        "cpu_millicores": counted(asked, every, "cpu"),
        "memory_bytes": counted(asked, every, "memory"),
        "models": {
            key: {"nodes": len(names), **counted(asked, names, key[2])}
            for key, names in fleets.items()
        },
    }


def told(answer: Json) -> dict[str, Any]:
    numbers = ("nodes", "total", "used", "free", "largest")
    models = {
        (each["model"], each["kind"], each["resource"]): {key: each[key] for key in numbers}
        for each in answer["models"]
        if "MIG-INVALID" not in each["model"]
    }
    whole_cluster = ("nodes", "cpu_millicores", "memory_bytes")
    return {**{key: answer[key] for key in whole_cluster}, "models": models}


def test_capacity_is_the_plain_sum(tmp_path, capsys):
    wrong, negative = [], 0
    for seed in SEEDS:
        asked = question(seed)
        dump = tmp_path / "dump.json"
        dump.write_text(json.dumps(asked.cluster))
        assert main(["capacity", "--dump", str(dump), "--format", "json"]) == 0
        said, want = told(json.loads(capsys.readouterr().out)), expected(asked)
        negative += want["cpu_millicores"]["free"] < 0 or want["memory_bytes"]["free"] < 0
        wrong += [f"seed {seed}: {k}: {said[k]}, not {want[k]}" for k in want if said[k] != want[k]]
    assert not wrong
    assert negative
