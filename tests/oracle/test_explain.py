"""What a person is shown is what the scheduler would do with the pod they may expect."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.oracle.explained import disagreements
from tests.oracle.oracle import Oracle
from tests.oracle.people import question

CASES = 200
PARTS = 4


@pytest.mark.controlplane
@pytest.mark.parametrize("part", range(PARTS))
def test_what_a_person_is_shown_is_what_the_scheduler_would_do(oracle: Oracle, part):
    found: list[str] = []
    tally: Counter[str] = Counter()
    for seed in range(part * CASES // PARTS, (part + 1) * CASES // PARTS):
        found += [f"seed {seed}: {one}" for one in disagreements(oracle, question(seed), tally)]
    assert not found
    assert tally.keys() >= {"FITS_NOW", "QUOTA_BLOCKED", "BUSY", "NEVER"}
