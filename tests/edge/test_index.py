"""The index answers as the judge does, whatever changes in between; and one state, one truth."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import msgspec
import pytest

from teamspawner.capacity import judge, place
from teamspawner.capacity.index import FitIndex
from teamspawner.capacity.objects import Candidate, Pod, PodSpec, VolumeUse
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import dump
from teamspawner.cluster.decode import candidate
from teamspawner.cluster.receivers import receiver_for
from teamspawner.cluster.state import OTHERS, State
from tests.edge.build import a_node
from tests.oracle.generate import case

KINDS = ("nodes", "pods", *OTHERS)
RULES = Rules()


class World:
    """A generated cluster, told to a state object by object."""

    def __init__(self, seed: int) -> None:
        made = case(seed)
        self.rng = random.Random(seed)
        self.candidates = [candidate(pod, RULES) for pod in made["pods"]]
        self.state = State(RULES)
        self.receivers = {k: receiver_for(k, self.state, lambda _: None) for k in KINDS}
        self.objects: dict[tuple[str, str, str], tuple[str, dict]] = {}
        for receiver in self.receivers.values():
            receiver.finish()
        for item in made["cluster"]["items"]:
            self.tell("ADDED", item)

    def tell(self, what: str, item: dict) -> None:
        plural = dump.KINDS.get(item["kind"])
        if plural is None:
            return
        meta = item["metadata"]
        key = (plural, meta.get("namespace", ""), meta["name"])
        if what == "DELETED":
            del self.objects[key]
        else:
            self.objects[key] = (plural, item)
        line = json.dumps({"type": what, "object": item}).encode()
        self.receivers[plural].event(line)

    def disturb(self) -> None:
        """Delete, recreate or alter a few objects."""
        for _ in range(self.rng.randint(1, 4)):
            plural, item = self.rng.choice(list(self.objects.values()))
            choice = self.rng.random()
            if choice < 0.4:
                self.tell("DELETED", item)
                self.tell("ADDED", item)
            elif choice < 0.6 and len(self.objects) > 5:
                self.tell("DELETED", item)
            elif plural == "nodes":
                spec = {**item.get("spec", {}), "unschedulable": self.rng.random() < 0.5}
                self.tell("MODIFIED", {**item, "spec": spec})

    def fresh(self):
        """The snapshot of the same objects, read from a dump."""
        made = dump.Dump()
        for (plural, namespace, name), (_, item) in self.objects.items():
            made.objects[plural][namespace, name] = msgspec.Raw(json.dumps(item).encode())
        return dump.snapshot(made, RULES)


def comparable(verdict):
    """A verdict without what may differ in order alone."""
    rejected = {name: frozenset(reasons) for name, reasons in verdict.rejected.items()}
    return replace(verdict, rejected=rejected, reasons=frozenset(verdict.reasons), as_of=None)


@pytest.mark.parametrize("seed", range(40))
def test_index_and_judge_agree_while_the_cluster_changes(seed):
    world, index = World(seed), FitIndex(RULES)
    for _ in range(4):
        snapshot = world.state.snapshot(None)
        for each in world.candidates:
            assert comparable(index.verdict(each, snapshot)) == comparable(
                judge(each, snapshot, RULES)
            )
        world.disturb()


@pytest.mark.parametrize("seed", range(40, 60))
def test_index_and_judge_agree_on_a_snapshot_with_pods_put_first(seed):
    world, index = World(seed), FitIndex(RULES)
    snapshot = world.state.snapshot(None)
    ahead = place(snapshot, world.candidates[:2], RULES)
    for view in (snapshot, ahead, snapshot, ahead):
        for each in world.candidates:
            assert comparable(index.verdict(each, view)) == comparable(judge(each, view, RULES))


@pytest.mark.parametrize("seed", range(60, 90))
def test_a_watched_cluster_is_judged_as_its_dump(seed):
    world = World(seed)
    for _ in range(3):
        world.disturb()
    watched, dumped = world.state.snapshot(None), world.fresh()
    for each in world.candidates:
        assert comparable(judge(each, watched, RULES)) == comparable(judge(each, dumped, RULES))


@pytest.mark.parametrize("seed", range(90, 110))
def test_the_index_puts_pods_first_where_place_does(seed):
    world, index = World(seed), FitIndex(RULES)
    snapshot = world.state.snapshot(None)
    homeless = [each for each in world.candidates if not each.pod.spec.volumes]
    assert index.place(snapshot, homeless) == place(snapshot, homeless, RULES)


def test_a_pod_put_first_stays_there_while_it_fits():
    state, index = State(RULES), FitIndex(RULES)
    state.put_node(json.dumps(a_node("first")))
    state.seen("nodes")
    state.seen("pods")
    pod = Candidate(Pod("default", {}, PodSpec({"cpu": 1})), name="held")
    assert index.place(state.snapshot(None), [pod]).placed == {"first"}
    state.put_node(json.dumps(a_node("better", allocatable={"cpu": "900"})))
    assert index.place(state.snapshot(None), [pod]).placed == {"first"}


def test_a_claim_that_is_yet_to_be_made_does_not_keep_a_pod_from_being_placed():
    state, index = State(RULES), FitIndex(RULES)
    state.put_node(json.dumps(a_node()))
    for kind in KINDS:
        state.seen(kind)
    spec = PodSpec({"cpu": 1}, volumes=(VolumeUse("claim", "home"),))
    ahead = index.place(state.snapshot(None), [Candidate(Pod("default", {}, spec), name="a")])
    assert ahead.placed == {"n1"}
