"""The index on a few full nodes: what they said is forgotten as soon as they change."""

from __future__ import annotations

import random

import pytest

from teamspawner.capacity.verdict import Status
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


ZONE = "topology.kubernetes.io/zone"


class Zoned:
    """Two machines, one in each zone, and a home whose disk is in zone a."""

    def __init__(self) -> None:
        self.small = Small()
        for name, zone in (("n1", "a"), ("n2", "b")):
            self.small.tell(a_node(name, labels={ZONE: zone}, allocatable={"cpu": "4"}))
        rule = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["a"]}]}
        spec = {"csi": {"driver": "d", "volumeHandle": "h"}}
        spec["claimRef"] = {"name": "home", "namespace": "default", "uid": "home"}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [rule]}}
        self.small.tell({"kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": spec})
        meta = {"name": "home", "namespace": "default", "uid": "home"}
        meta["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
        claim = {"metadata": meta, "spec": {"volumeName": "v"}}
        self.small.tell({"kind": "PersistentVolumeClaim", **claim})

    def ask(self, cpu: str):
        volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "home"}}]
        spec = {"volumes": volumes, "priority": 10}
        return self.small.ask(a_pod("mine", node="", cpu=cpu, spec=spec))

    def fill(self, node: str, priority: int, **meta) -> None:
        pod = a_pod(f"on-{node}", node=node, cpu="3", spec={"priority": priority}, metadata=meta)
        self.small.tell(pod)


def test_room_is_made_only_on_machines_that_the_disk_reaches():
    zoned = Zoned()
    zoned.fill("n1", 0)
    zoned.fill("n2", 0)
    found = zoned.ask("2")
    assert (found.status, found.preempt, found.count) == (Status.FITS_BY_PREEMPTION, ("n1",), 2)


def test_room_that_could_be_made_where_the_disk_does_not_reach_is_none():
    zoned = Zoned()
    zoned.fill("n1", 20)
    zoned.fill("n2", 0)
    assert zoned.ask("2").status is Status.BUSY


def test_a_machine_freeing_now_counts_only_where_the_disk_reaches():
    ending = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    zoned = Zoned()
    zoned.fill("n1", 20)
    zoned.fill("n2", 20, **ending)
    assert zoned.ask("2").freeing == ()
    zoned.fill("n1", 20, **ending)
    assert zoned.ask("2").freeing == ("n1",)


def test_what_only_machines_beyond_the_disk_are_large_enough_for_fits_never():
    zoned = Zoned()
    zoned.small.tell(a_node("n2", labels={ZONE: "b"}, allocatable={"cpu": "16"}), "MODIFIED")
    zoned.fill("n2", 20)
    assert zoned.ask("14").status is Status.NEVER
    zoned.small.tell(a_node("n3", labels={ZONE: "a"}, allocatable={"cpu": "16"}))
    assert zoned.ask("14").nodes == ("n3",)


def test_several_machines_where_room_can_be_made_are_named_in_order():
    zoned = Zoned()
    for number in range(9, 2, -1):
        name = f"n{number}"
        zoned.small.tell(a_node(name, labels={ZONE: "a"}, allocatable={"cpu": "4"}))
        zoned.fill(name, 0)
    zoned.fill("n1", 20)
    found = zoned.ask("2")
    assert found.preempt == tuple(f"n{number}" for number in range(3, 10))
