"""Hold ``teamspawner explain`` against the scheduler, by hand or from the test.

``python -m tests.oracle.explained SEED COUNT`` asks COUNT questions from SEED on, prints
what disagrees and a tally of verdicts; exit 1 when anything did.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from teamspawner.cli import main
from tests.oracle.deeper import placed_one_by_one, takes_emptied
from tests.oracle.dice import Json
from tests.oracle.expect import Expected, offers, teams
from tests.oracle.hardware import PARTITIONS
from tests.oracle.oracle import Answer, Oracle, binary, running
from tests.oracle.people import Question, question

MOST = 6
"""Servers placed one after another; more are not counted out."""


def explained(asked: Question) -> Json:
    """What the command says, through its arguments and its output alone."""
    with tempfile.TemporaryDirectory() as folder:
        the_map, cluster = Path(folder, "map.json"), Path(folder, "cluster.json")
        the_map.write_text(json.dumps(asked.map))
        cluster.write_text(json.dumps(asked.cluster))
        command = ["explain", "--map", str(the_map), "--dump", str(cluster), "--format", "json"]
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*command, "--user", asked.user, "--groups", ",".join(asked.groups)])
    assert code == 0, err.getvalue()
    said: Json = json.loads(out.getvalue())
    return said


def disagreements(oracle: Oracle, asked: Question, tally: Counter[str]) -> Iterator[str]:
    """Everything that the command says otherwise than the scheduler or the map."""
    said = explained(asked)
    if said["teams"] != teams(asked):
        yield f"teams {said['teams']}, expected {teams(asked)}"
    found = {_key(offer): offer for offer in said["offers"]}
    wanted = {each.key: each for each in offers(asked)}
    for key in found.keys() ^ wanted.keys():
        yield f"{key} is {'shown' if key in found else 'missing'}"
    pairs = [(found[key], wanted[key]) for key in found.keys() & wanted.keys()]
    pods = [each.pod for _, each in pairs]
    answers = oracle.ask({"id": asked.seed, "cluster": asked.cluster, "pods": pods}) if pods else []
    for (offer, each), answer in zip(pairs, answers, strict=True):
        assert not answer.invalid, answer.invalid
        tally[offer["verdict"]] += 1
        for fault in _of_offer(oracle, asked, offer, each, answer):
            yield f"{_key(offer)}: {fault}"
    yield from _of_alternatives(said["offers"])


def _key(offer: Json) -> tuple[object, ...]:
    resource = next(iter(offer["requests"]["accelerators"]), "")
    gpus = int(offer["options"].get("gpus", 0))
    part = next((p for p in PARTITIONS if p.replace("_", "-") in offer["slug"]), "")
    return offer["tier"], offer["team"], offer["model"], offer["kind"], part, resource, gpus


def _of_offer(
    oracle: Oracle, asked: Question, offer: Json, each: Expected, answer: Answer
) -> Iterator[str]:
    resources = each.pod["spec"]["containers"][0]["resources"]["requests"]
    ours = offer["requests"]
    size = {"cpu": f"{ours['cpu_millicores']}m", "memory": str(ours["memory_bytes"])}
    size |= {name: str(count) for name, count in ours["accelerators"].items()}
    if size != resources:
        yield f"size {size}, expected {resources}"
        return
    if answer.failed:
        return
    if offer["nodes"] != len(answer.nodes):
        yield f"{offer['nodes']} nodes, the scheduler {answer.nodes}"
    if offer["verdict"] not in _verdicts(each, answer):
        yield f"{offer['verdict']}, the scheduler {_verdicts(each, answer)}"
    if offer["startable"] != (offer["verdict"] in {"FITS_NOW", "FITS_BY_PREEMPTION"}):
        yield f"{offer['verdict']} and startable {offer['startable']}"
    if answer.nodes:
        most = MOST if each.left is None else min(each.left, MOST)
        fit = placed_one_by_one(oracle, asked.cluster, each.pod, most)
        if min(offer["count"], MOST) != fit:
            yield f"count {offer['count']}, the scheduler {fit}"
    elif not answer.preempt and offer["count"] != 0:
        yield f"count {offer['count']} and no node"
    yield from _of_emptied(oracle, asked, offer, each, answer)


def _of_emptied(
    oracle: Oracle, asked: Question, offer: Json, each: Expected, answer: Answer
) -> Iterator[str]:
    """BUSY is what some node takes once emptied, NEVER what none does."""
    if asked.plain and offer["verdict"] in {"BUSY", "NEVER"}:
        case = {"id": asked.seed, "cluster": asked.cluster}
        takes = [name for name in answer.rejected if takes_emptied(oracle, case, each.pod, name)]
        if bool(takes) != (offer["verdict"] == "BUSY"):
            yield f"{offer['verdict']}, emptied {takes} would take it"


def _verdicts(each: Expected, answer: Answer) -> set[str]:
    if each.left == 0:
        return {"QUOTA_BLOCKED"}
    if answer.nodes:
        return {"FITS_NOW"}
    return {"FITS_BY_PREEMPTION"} if answer.preempt else {"BUSY", "NEVER"}


def _of_alternatives(listed: list[dict[str, Any]]) -> Iterator[str]:
    for offer in listed:
        free = list(_nearby(offer, listed))
        nearest = offer["alternative"]
        fits = offer["verdict"] in {"FITS_NOW", "FITS_BY_PREEMPTION"}
        if fits or not free:
            if nearest is not None:
                yield f"{_key(offer)}: alternative {nearest} for nothing"
        elif nearest is None or (nearest["slug"], nearest["options"]) not in free:
            yield f"{_key(offer)}: alternative {nearest}, free are {free}"


def _nearby(offer: Json, listed: list[dict[str, Any]]) -> Iterator[tuple[str, Json]]:
    """What may be named: an offer of its team, or the same slug for another team, which is said.

    Without either: anything that there is.
    """
    free = [each for each in listed if each["verdict"] in {"FITS_NOW", "FITS_BY_PREEMPTION"}]
    near = [each for each in free if offer["team"] == each["team"] or offer["slug"] == each["slug"]]
    for other in near or free:
        elsewhere = other["team"] != offer["team"] and other["slug"] == offer["slug"]
        yield other["slug"], {**other["options"], **({"team": other["team"]} if elsewhere else {})}


def _by_hand(seed: int, count: int) -> int:
    tally: Counter[str] = Counter()
    path, wrong = binary(), 0
    assert path
    with running(path) as oracle:
        for each in range(seed, seed + count):
            for fault in disagreements(oracle, question(each), tally):
                wrong += 1
                sys.stdout.write(f"seed {each}: {fault}\n")
    sys.stdout.write(f"{count} questions, {wrong} disagreements; {dict(tally)}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(_by_hand(int(sys.argv[1]), int(sys.argv[2])))
