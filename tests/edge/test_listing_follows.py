"""A listing made from what was kept says what one made from nothing says, whatever happened."""

from __future__ import annotations

import json
import random

import pytest

from teamspawner.capacity import judge, place
from teamspawner.capacity.index import FitIndex
from teamspawner.capacity.objects import Candidate, Pod, PodSpec
from teamspawner.capacity.rules import Rules
from teamspawner.cluster.others import OTHERS
from teamspawner.cluster.receivers import receiver_for
from teamspawner.cluster.state import State
from teamspawner.map.load import load
from teamspawner.offers.choices import plain_pod
from teamspawner.offers.desk import Desk
from teamspawner.offers.model import Person
from teamspawner.offers.reservations import Reservation
from teamspawner.offers.scene import Scene
from tests.edge.build import a_node, a_pod

RULES = Rules()
GPU = "nvidia.com/gpu"
MAP = {
    "version": 1,
    "tiers": {
        "small": {"cpu": 1, "memory": "1Gi"},
        "large": {"cpu": 7, "memory": "12Gi"},
        "huge": {"cpu": 64, "memory": "12Gi", "when_busy": "wait"},
        "gpu": {"cpu": 2, "memory": "2Gi", "gpu": {"models": ["*"], "counts": [1, 2, 4]}},
    },
    "teams": {
        "one": {
            "groups": ["one"],
            "tiers": ["small", "large", "huge", "gpu"],
            "gpu": {"models": ["*"], "per_user": 3},
        },
        "two": {"groups": ["two"], "tiers": ["small", "gpu"], "gpu": {"models": ["A*"]}},
    },
}
MODELS = ("", "", "A100", "A100", "T4")


class Cluster:
    """A few nodes, some with accelerators, on which pods come and go."""

    def __init__(self, seed: int) -> None:
        self.rng, self.state = random.Random(seed), State(RULES)
        kinds = ("nodes", "pods", *OTHERS)
        self.receivers = {k: receiver_for(k, self.state, lambda _: None) for k in kinds}
        for receiver in self.receivers.values():
            receiver.finish()
        self.pods: dict[str, dict] = {}
        self.number = 0
        for number in range(12):
            self.tell("nodes", "ADDED", self.node(number))

    def tell(self, kind: str, what: str, item: dict) -> None:
        self.receivers[kind].event(json.dumps({"type": what, "object": item}).encode())

    def node(self, number: int) -> dict:
        model = MODELS[number % len(MODELS)]
        zone = {"topology.kubernetes.io/zone": "ab"[number % 2]}
        fields: dict = {"labels": {"kubernetes.io/hostname": f"n{number}", **zone}}
        fields["allocatable"] = {"cpu": "8", "memory": "16Gi", "pods": "9"}
        if model:
            fields["labels"][f"{GPU}.product"] = model
            fields["allocatable"][GPU] = "2" if self.rng.random() < 0.1 else "4"
        node = a_node(f"n{number}", **fields)
        node["spec"] = {"unschedulable": self.rng.random() < 0.1}
        return node

    def happen(self) -> None:
        """Something happens: mostly a pod comes or goes."""
        chance = self.rng.random()
        if chance < 0.45:
            self.number += 1
            bound = f"n{self.rng.randrange(12)}" if self.rng.random() < 0.9 else ""
            asked = {"cpu": self.rng.choice(("1", "2", "7")), "memory": "1Gi"}
            if self.rng.random() < 0.5:
                asked[GPU] = str(self.rng.randint(1, 4))
            resources = {"requests": asked, "limits": asked}
            pod = a_pod(
                f"p{self.number}",
                node=bound,
                labels={"teamspawner/team": "one", "hub.jupyter.org/username": "ann"},
                spec={"containers": [{"name": "c", "resources": resources}]},
            )
            self.pods[pod["metadata"]["name"]] = pod
            self.tell("pods", "ADDED", pod)
        elif chance < 0.85 and self.pods:
            name = self.rng.choice(sorted(self.pods))
            self.tell("pods", "DELETED", self.pods.pop(name))
        else:
            number = self.rng.randrange(12)
            what = self.rng.choice(("MODIFIED", "MODIFIED", "DELETED", "ADDED"))
            self.tell("nodes", what, self.node(number))


def held(cluster: Cluster) -> tuple[Reservation, ...]:
    """Perhaps a start under way, whose pod is put first."""
    if cluster.rng.random() < 0.6:
        return ()
    pod = Candidate(Pod("default", {}, PodSpec({"cpu": 2000, GPU: 1})), name="held")
    return (Reservation("token", "bob", "one", {"cpu": 2000, GPU: 1}, 1, pod),)


def scene(snapshot, verdict, put, reserved, warm=None) -> Scene:
    return Scene(
        snapshot=snapshot,
        verdict=verdict,
        warm=warm,
        pod_for=lambda choice: plain_pod(choice, "default"),
        place=put,
        held=reserved,
    )


def fresh(person, snapshot, reserved):
    """The listing of a desk and a judge that remember nothing."""

    def verdict(candidate, seen):
        return judge(candidate, seen, RULES)

    def put(seen, candidates):
        return place(seen, candidates, RULES)

    return Desk(load(MAP).map).listing(person, scene(snapshot, verdict, put, reserved))


ANN = Person("ann", ("one",))
PEOPLE = (ANN, Person("bob", ("one", "two")), Person("cat", ("two",)))


@pytest.mark.parametrize("seed", range(8))
def test_what_is_kept_never_tells(seed):
    cluster, desk, index = Cluster(seed), Desk(load(MAP).map), FitIndex(RULES)
    snapshots = []
    for _ in range(25):
        for _ in range(cluster.rng.randint(0, 4)):
            cluster.happen()
        snapshots = [*snapshots[-3:], cluster.state.snapshot(None)]
        # mostly the newest; somebody who began a moment ago may go on with an older one
        snapshot = cluster.rng.choice([snapshots[-1], *snapshots])
        person, reserved = cluster.rng.choice(PEOPLE), held(cluster)
        # where a pod was put before, it stays: only a new index puts it where ``place`` does
        put = FitIndex(RULES).place
        seen = scene(snapshot, index.verdict, put, reserved, index.warm)
        assert desk.listing(person, seen) == fresh(person, snapshot, reserved)


@pytest.mark.parametrize("seed", [12, 13, 16, 17])
def test_listings_that_are_worked_in_turns_do_not_mix(seed):
    cluster, desk, index = Cluster(seed), Desk(load(MAP).map), FitIndex(RULES)
    for _ in range(8):
        working, wanted = [], []
        for person in PEOPLE:
            cluster.happen()
            snapshot, reserved = cluster.state.snapshot(None), held(cluster)
            put = FitIndex(RULES).place
            seen = scene(snapshot, index.verdict, put, reserved, index.warm)
            working.append(desk.listed(person, seen))
            wanted.append(fresh(person, snapshot, reserved))
        assert in_turns(working, cluster.rng) == wanted


def in_turns(working, rng):
    """Do the steps of several in any order, and return what each made."""
    made = {}
    while len(made) < len(working):
        number = rng.choice([n for n in range(len(working)) if n not in made])
        try:
            next(working[number])
        except StopIteration as end:
            made[number] = end.value
    return [made[number] for number in range(len(working))]
