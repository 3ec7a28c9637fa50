"""Beyond one attempt: how many pods fit, and what an emptied node would take."""

from __future__ import annotations

import pytest

from teamspawner.capacity.verdict import Status
from tests.oracle.agreement import verdicts
from tests.oracle.deeper import ARITHMETIC, LOCAL, MOST, miscounted, misjudged_when_emptied
from tests.oracle.dice import Dice
from tests.oracle.generate import case
from tests.oracle.oracle import Oracle

pytestmark = pytest.mark.controlplane
SEEDS = range(40000, 40300)


def with_three(seed: int, features: frozenset[str]):
    return case(seed, frozenset(Dice(seed).sample(sorted(features), 3)))


def test_as_many_pods_fit_one_after_another_as_are_counted(oracle: Oracle):
    wrong, counted = [], 0
    for seed in SEEDS:
        asked = with_three(seed, ARITHMETIC)
        found = verdicts(asked)
        counted += sum(v.status is Status.FITS_NOW and (v.count or 0) <= MOST for v in found)
        wrong += miscounted(oracle, asked, found)
    assert not wrong
    assert counted > 100


def test_busy_is_what_an_emptied_node_takes_and_never_what_none_does(oracle: Oracle):
    wrong, seen = [], set()
    for seed in SEEDS:
        asked = with_three(seed, LOCAL)
        found = verdicts(asked)
        seen |= {verdict.status for verdict in found}
        wrong += misjudged_when_emptied(oracle, asked, found)
    assert not wrong
    assert {Status.BUSY, Status.NEVER} <= seen
