"""The engine foretells what a running kube-scheduler does with real pods on a real API server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from teamspawner.capacity.rules import Rules
from tests.controlplane.client import Client
from tests.controlplane.cluster import running
from tests.oracle.dice import Dice
from tests.oracle.generate import BASIC, case
from tests.oracle.pods import NAMESPACES
from tests.oracle.process import World, agrees

pytestmark = [pytest.mark.controlplane, pytest.mark.slow]

WORLDS = 80


@pytest.fixture(scope="module")
def admin(control_plane_assets) -> Iterator[Client]:
    with running(control_plane_assets) as plane:
        for name, labels in NAMESPACES.items():
            if name != "default":
                plane.admin.create_namespace(name, labels)
        yield plane.admin


def features(seed: int) -> frozenset[str]:
    return frozenset(Dice(seed).sample(sorted(BASIC), 3))


def test_what_is_foretold_is_what_the_running_scheduler_does(admin: Client):
    rules = Rules.for_version("1.35")
    tally: Counter[str] = Counter()
    wrong = []
    for seed in range(WORLDS):
        asked = case(seed, features(seed))
        with World(admin, asked) as world:
            for pod in asked["pods"]:
                verdict = world.foretell(pod, rules)
                outcome = world.outcome(pod, hoped=bool(verdict.nodes))
                tally["fits" if outcome.node else "nowhere"] += 1
                if not agrees(verdict, outcome):
                    wrong.append((seed, pod["metadata"]["name"], verdict.nodes, outcome))
    assert not wrong
    assert tally["fits"] + tally["nowhere"] >= 300
    assert tally["nowhere"] >= 100
    assert tally["fits"] >= 75
