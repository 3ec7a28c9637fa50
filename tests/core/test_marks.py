"""What changed between two looks is told by name, until too much has changed."""

from __future__ import annotations

from teamspawner.capacity.objects import Node, NodeState
from teamspawner.offers.fleet import Fleets
from teamspawner.offers.marks import Log

GPU = {"nvidia.com/gpu.product": "A100"}


def nodes(count: int) -> dict[str, NodeState]:
    return {
        f"n{n}": NodeState(Node(f"n{n}", GPU, allocatable={"nvidia.com/gpu": 1}))
        for n in range(count)
    }


def test_between_two_places_of_a_log_are_the_names_of_what_changed():
    log = Log()
    before = log.mark()
    log.names += ["a", "b"]
    assert log.mark().since(before) == ["a", "b"] == before.since(log.mark())
    assert log.mark().since(log.mark()) == []
    assert log.mark().since(None) is None
    assert log.mark().since(Log().mark()) is None


def test_a_change_of_pods_concerns_the_fleet_of_its_node_and_no_other():
    fleets, here = Fleets(), nodes(2)
    other = Node("t4", {"nvidia.com/gpu.product": "T4"}, allocatable={"nvidia.com/gpu": 1})
    here["t4"] = NodeState(other)
    fleets.follow(here, here)
    a100, t4 = fleets.all()
    before = {tail: log.mark() for tail, log in fleets.moved.items()}
    fleets.follow(["n1"], here | {"n1": NodeState(here["n1"].node, used={"cpu": 1})})
    assert fleets.moved[a100.tail].mark().since(before[a100.tail]) == ["n1"]
    assert fleets.moved[t4.tail].mark().since(before[t4.tail]) == []
    assert fleets.moved[""].mark() == before[""]


def test_who_looked_very_long_ago_looks_at_all_of_them_again():
    fleets, here = Fleets(), nodes(100)
    fleets.follow(here, here)
    (fleet,) = fleets.all()
    before = fleets.moved[fleet.tail].mark()
    for _ in range(101):
        fleets.follow(here, here)
    assert fleets.moved[fleet.tail].mark().since(before) is None


def test_fleets_that_are_grouped_while_devices_change_are_grouped_anew():
    fleets, here = Fleets(), nodes(1000)
    fleets.follow(here, here)
    steps = fleets.working()
    next(steps)
    fleets.follow(["n0"], {})
    assert list(steps) == []
    (fleet,) = fleets.all()
    assert len(fleet.members) == 999
