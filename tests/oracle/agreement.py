"""Hold the engine's verdict against the scheduler's, pod by pod."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from teamspawner.capacity.judge import judge
from teamspawner.capacity.objects import Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.cluster import dump as dumps
from teamspawner.cluster.decode import candidate
from tests.oracle.dice import Json
from tests.oracle.oracle import Answer

FULL = {Status.BUSY, Status.NEVER, Status.NODE_COMING, Status.NEEDS_SCALE_UP}
USUAL = "1.35"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the engine says otherwise than the scheduler.

    Attributes:
        pod: Index of the candidate within its case.
        about: ``verdict``, ``nodes``, ``preempt``, ``plugin``, ``words`` or ``code``.
        expected: The scheduler's side.
        found: Ours.
    """

    pod: int
    about: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"pod {self.pod}: {self.about}: scheduler {self.expected}, engine {self.found}"


def snapshot_of(cluster: Json, rules: Rules) -> Snapshot:
    """The snapshot of a kubectl List; every object of it must be understood."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(cluster, file)
        file.flush()
        gathered = dumps.gather([file.name])
    found = dumps.snapshot(gathered, rules)
    assert not gathered.faults, gathered.faults
    return found


def verdicts(case: Json, version: str = USUAL) -> list[Verdict]:
    """The engine's verdict on each pod of a case."""
    rules = Rules.for_version(version)
    snapshot = snapshot_of(case["cluster"], rules)
    return [
        judge(candidate(msgspec.json.encode(pod), rules), snapshot, rules) for pod in case["pods"]
    ]


def differences(case: Json, answers: Sequence[Answer], version: str = USUAL) -> list[Difference]:
    """Everything that the engine says otherwise.

    Left out are pods that the API would refuse, and those on which the scheduler itself stops
    with an internal error. Words and codes are held against the newest usual version only.
    """
    found = []
    for index, (answer, verdict) in enumerate(zip(answers, verdicts(case, version), strict=True)):
        if not answer.invalid and not answer.failed:
            found += _compared(index, answer, verdict, words=version == USUAL)
    return found


def _compared(index: int, answer: Answer, verdict: Verdict, *, words: bool) -> list[Difference]:
    if answer.gates:
        right = verdict.status is Status.QUEUED
        return [] if right else [Difference(index, "verdict", "gated", verdict.status)]
    found = [
        Difference(index, about, expected, said)
        for about, expected, said in (
            ("nodes", answer.nodes, verdict.nodes),
            ("preempt", answer.preempt, verdict.preempt),
        )
        if expected != said
    ]
    if not _status_follows(answer, verdict.status):
        found.append(Difference(index, "verdict", _word(answer), verdict.status))
    return found if found or not words else _reasons_compared(index, answer, verdict)


def _status_follows(answer: Answer, status: Status) -> bool:
    if answer.nodes:
        return status is Status.FITS_NOW
    if answer.preempt:
        return status is Status.FITS_BY_PREEMPTION
    return status in FULL


def _word(answer: Answer) -> str:
    return "fits" if answer.nodes else "fits by preemption" if answer.preempt else "fits nowhere"


def _reasons_compared(index: int, answer: Answer, verdict: Verdict) -> list[Difference]:
    """The scheduler's first reason must be among ours, with its words and its code."""
    found = []
    for node, refusal in answer.rejected.items():
        ours = [*verdict.rejected.get(node, ()), *verdict.reasons]
        if not refusal.plugin:
            continue
        # Several plugins read the same claim before any node; which is asked first says nothing.
        same = [
            reason
            for reason in ours
            if (
                reason.message in refusal.reasons
                if answer.whole
                else reason.plugin == refusal.plugin
            )
        ]
        if not same:
            said = sorted({reason.plugin for reason in ours})
            found.append(Difference(index, "plugin", f"{node} {refusal}", said))
            continue
        words = {reason.message for reason in same}
        if not set(refusal.reasons) <= words:
            found.append(Difference(index, "words", f"{node} {refusal}", sorted(words)))
        resolvable = refusal.code == "Unschedulable"
        if resolvable != all(reason.resolvable for reason in same):
            found.append(Difference(index, "code", f"{node} {refusal}", same))
    return found
