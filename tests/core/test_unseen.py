"""On generated clusters: what was not looked at may make an answer unknown, never a wrong one."""

import json

import pytest

from teamspawner.capacity import Rules, Status, Verdict, judge
from teamspawner.capacity.objects import Snapshot
from teamspawner.cluster import dump as dumps
from teamspawner.cluster.decode import candidate
from tests.oracle.generate import case

RULES = Rules()
SEEDS = range(40)


def seen(items, *without):
    """The snapshot of a dump that was not asked for some kinds."""
    found = dumps.Dump()
    kept = [item for item in items if dumps.KINDS[item["kind"]] not in without]
    dumps.take(found, "test", json.dumps({"kind": "List", "items": kept}).encode())
    return dumps.snapshot(found, RULES, frozenset(without))


def verdicts(pods, snapshot: Snapshot) -> list[Verdict]:
    return [judge(candidate(pod, RULES), snapshot, RULES) for pod in pods]


@pytest.mark.parametrize("kind", sorted({*dumps.KINDS.values()} - {"deviceclasses"}))
def test_an_answer_without_one_kind_is_the_answer_with_it_or_unknown(kind):
    known = 0
    for seed in SEEDS:
        asked = case(seed)
        items = asked["cluster"]["items"]
        pairs = zip(
            verdicts(asked["pods"], seen(items)),
            verdicts(asked["pods"], seen(items, kind)),
            strict=True,
        )
        for truth, verdict in pairs:
            if verdict.status is Status.UNKNOWN:
                assert verdict.nodes == ()
                continue
            known += 1
            assert (seed, verdict.status) == (seed, truth.status)
            assert set(verdict.nodes) <= set(truth.nodes)
            assert verdict.preempt == truth.preempt
    few = {"nodes": 0, "pods": 40}
    assert known >= few.get(kind, 100)
