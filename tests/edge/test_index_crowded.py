"""The index on a few full nodes: what they said is forgotten as soon as they change."""

from __future__ import annotations

import random

import pytest

from tests.edge.agreeing import Small, comparable
from tests.edge.build import a_node, a_pod

NAMES = ("n1", "n2", "n3")


class Crowd:
    """A few small nodes that are nearly always full, changed at random."""

    def __init__(self, seed: int) -> None:
        self.rng, self.small = random.Random(seed), Small()
        self.there: dict[str, dict] = {}
        self.asked = [
            a_pod(f"asked-{cpu}-{priority}", node="", cpu=cpu, spec={"priority": priority})
            for cpu, priority in (("2", 0), ("2", 10), ("4", 10), ("3", -10))
        ]

    def tell(self, item: dict) -> None:
        name = item["metadata"]["name"]
        self.small.tell(item, "MODIFIED" if name in self.there else "ADDED")
        self.there[name] = item

    def drop(self, name: str) -> None:
        self.small.tell(self.there.pop(name), "DELETED")

    def node(self, name: str) -> None:
        spec = {"unschedulable": True} if self.rng.random() < 0.2 else {}
        cpu = self.rng.choice((*"2344", "unreadable"))
        self.tell(a_node(name, spec=spec, allocatable={"cpu": cpu}))

    def pod(self, name: str) -> None:
        spec = {"priority": self.rng.choice((-5, 0, 5, 20))}
        ending = self.rng.random() < 0.3
        meta = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if ending else {}
        if self.rng.random() < 0.2:
            meta["ownerReferences"] = [{"kind": "DaemonSet", "name": "d", "controller": True}]
        node, cpu = self.rng.choice(NAMES), self.rng.choice(("1", "2", "3", "unreadable"))
        self.tell(a_pod(name, node=node, cpu=cpu, spec=spec, metadata=meta))

    def change(self) -> None:
        name = self.rng.choice((*NAMES, "p1", "p2", "p3", "p4", "p5"))
        if name in self.there and (name[0] == "p" or self.rng.random() < 0.3):
            self.drop(name)
        elif name[0] == "n":
            self.node(name)
        else:
            self.pod(name)


@pytest.mark.parametrize("seed", range(30))
def test_index_and_judge_agree_while_full_nodes_change(seed):
    crowd = Crowd(seed)
    for name in NAMES:
        crowd.node(name)
    told = []
    for _ in range(25):
        crowd.change()
        verdicts = [crowd.small.ask(pod) for pod in crowd.asked]
        told += [(verdict, comparable(verdict)) for verdict in verdicts]
    assert all(comparable(verdict) == before for verdict, before in told)
