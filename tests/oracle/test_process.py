"""The engine foretells what a running kube-scheduler does with real pods on a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from teamspawner.capacity.judge import judge
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Verdict
from teamspawner.cluster.decode import candidate
from tests.controlplane.client import Client
from tests.controlplane.cluster import running
from tests.oracle.agreement import snapshot_of
from tests.oracle.dice import Dice, Json
from tests.oracle.edge import RULES as EDGE_RULES
from tests.oracle.edge import at_the_edge, without
from tests.oracle.generate import BASIC, case
from tests.oracle.pods import NAMESPACES
from tests.oracle.process import Outcome, World, agrees

pytestmark = [pytest.mark.controlplane, pytest.mark.slow]

WORLDS = 80
RULES = Rules.for_version("1.35")


@pytest.fixture(scope="module")
def admin(control_plane_assets) -> Iterator[Client]:
    with running(control_plane_assets) as plane:
        for name, labels in NAMESPACES.items():
            if name != "default":
                plane.admin.create_namespace(name, labels)
        yield plane.admin


def features(seed: int) -> frozenset[str]:
    dice = Dice(seed)
    return frozenset(dice.sample([*sorted(BASIC), "podaffinity", "podaffinity"], 2))


def verdict_on(pod: Json, items: list[Json]) -> Verdict:
    cluster = {"apiVersion": "v1", "kind": "List", "items": items}
    return judge(candidate(json.dumps(pod).encode(), RULES), snapshot_of(cluster, RULES), RULES)


def basic_case(seed: int) -> tuple[Json, int]:
    """A generated case, its pods put at the edge where they can be; and how many can."""
    asked = case(seed, features(seed))
    dice, items = Dice(-1 - seed), asked["cluster"]["items"]

    def takes(pod: Json) -> bool:
        return bool(verdict_on(pod, items).nodes)

    return asked, sum(at_the_edge(pod, items, dice, takes) for pod in asked["pods"])


@dataclass(frozen=True, slots=True)
class Told:
    """What was foretold of one pod and what became of it."""

    seed: int
    items: list[Json]
    pod: Json
    verdict: Verdict
    outcome: Outcome


@pytest.fixture(scope="module")
def run(admin: Client) -> tuple[list[Told], int]:
    """Every pod of every case, and how many of them are within one unit of fitting."""
    told, near = [], 0
    for seed in range(WORLDS):
        asked, edges = basic_case(seed)
        near += edges
        with World(admin, asked) as world:
            for pod in asked["pods"]:
                verdict = world.foretell(pod, RULES)
                outcome = world.outcome(pod, hoped=bool(verdict.nodes))
                told.append(Told(seed, asked["cluster"]["items"], pod, verdict, outcome))
    return told, near


def test_what_is_foretold_is_what_the_running_scheduler_does(run):
    told, _ = run
    assert len(told) >= 300
    assert not [
        (each.seed, each.pod["metadata"]["name"], each.verdict.nodes, each.outcome)
        for each in told
        if not agrees(each.verdict, each.outcome)
    ]


def test_half_of_the_pods_are_within_one_unit_of_fitting_and_a_third_fit_nowhere(run):
    told, near = run
    assert near >= len(told) / 2
    assert sum(not each.outcome.node for each in told) >= len(told) / 3
    assert sum(bool(each.outcome.node) for each in told) >= len(told) / 4


@pytest.mark.parametrize("rule", EDGE_RULES)
def test_an_engine_without_a_rule_is_found_out(run, rule):
    told, _ = run

    def noticed(each: Told) -> bool:
        items, pod = without(rule, each.items, each.pod)
        return not agrees(verdict_on(pod, items), each.outcome)

    assert any(noticed(each) for each in told)
