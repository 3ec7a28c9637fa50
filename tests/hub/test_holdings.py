"""The devices that the metrics tell of, added up as nodes change."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from teamspawner.capacity.objects import Node, NodeState, Pod, PodSpec, Snapshot
from teamspawner.hub.holdings import Holdings
from teamspawner.offers.totals import model_totals

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def a_node(name, resource="nvidia.com/gpu", devices=8, pods=(), **labels):
    node = Node(name=name, allocatable={"cpu": 64000, resource: devices}, labels=labels)
    used = {resource: sum(pod.spec.requests.get(resource, 0) for pod in pods)}
    return NodeState(node, tuple(pods), used)


def a_pod(devices, resource="nvidia.com/gpu", team=None):
    labels = {"teamspawner/team": team} if team else {}
    return Pod("hub", labels, PodSpec(requests={"cpu": 1000, resource: devices}))


def test_devices_are_counted_by_who_holds_them_and_kinds_are_never_added_up():
    whole = a_node(
        "a", pods=[a_pod(2, team="physics"), a_pod(1)], **{"nvidia.com/gpu.product": "A100"}
    )
    part = a_node(
        "b",
        "nvidia.com/mig-1g.10gb",
        7,
        [a_pod(3, "nvidia.com/mig-1g.10gb", "physics")],
        **{"nvidia.com/gpu.product": "A100"},
    )
    plain = NodeState(Node(name="c", allocatable={"cpu": 1000}))
    nodes = {"a": whole, "b": part, "c": plain}
    seen = Holdings().seen(Snapshot(nodes=nodes, as_of=AS_OF))
    assert (seen.nodes, seen.as_of) == (3, AS_OF)
    assert seen.in_use == {
        ("physics", "A100", "whole"): 2,
        ("", "A100", "whole"): 1,
        ("physics", "A100", "mig"): 3,
    }
    assert seen.total == {("A100", "whole"): 8, ("A100", "mig"): 7}
    assert seen.free == {("A100", "whole"): 5, ("A100", "mig"): 4}


def test_a_pod_without_devices_holds_none_of_those_on_its_machine():
    plain = Pod("hub", {"teamspawner/team": "physics"}, PodSpec(requests={"cpu": 1000}))
    state = a_node("a", pods=[plain], **{"nvidia.com/gpu.product": "T4"})
    seen = Holdings().seen(Snapshot(nodes={"a": state}, as_of=AS_OF))
    assert (seen.in_use, seen.free) == ({}, {("T4", "whole"): 8})


def test_a_model_that_left_with_its_last_machine_is_told_of_no_more():
    following = Holdings()
    t4 = a_node("a", pods=[a_pod(2)], **{"nvidia.com/gpu.product": "T4"})
    l4 = a_node("b", **{"nvidia.com/gpu.product": "L4"})
    following.seen(Snapshot(nodes={"a": t4, "b": l4}, version=1))
    seen = following.seen(Snapshot(nodes={"b": l4}, version=2))
    assert (seen.total, seen.free) == ({("L4", "whole"): 8}, {("L4", "whole"): 8})
    assert seen.in_use == {}


def test_devices_that_a_node_has_lost_while_pods_hold_them_are_less_than_none():
    held = a_node("a", pods=[a_pod(2)], **{"nvidia.com/gpu.product": "A100"})
    lost = replace(held, node=replace(held.node, allocatable={"cpu": 64000}))
    seen = Holdings().seen(Snapshot(nodes={"a": lost}, as_of=AS_OF))
    (model,) = model_totals(Snapshot(nodes={"a": lost}))
    assert seen.free == {("A100", "whole"): -2} == {(model.model, model.kind): model.devices.free}
    assert (seen.total, seen.in_use) == ({("A100", "whole"): 0}, {("", "A100", "whole"): 2})


@pytest.mark.parametrize(
    ("doubt", "nodes", "total"),
    [
        pytest.param({"unseen": frozenset({"pods"})}, 1, {("T4", "whole"): 8}, id="no pods"),
        pytest.param({"unread": {"a": "pods"}}, 1, {("T4", "whole"): 8}, id="one pod less"),
        pytest.param({"unseen": frozenset({"nodes"})}, None, {}, id="no nodes"),
        pytest.param({"unread": {"b": "nodes"}}, 1, {}, id="one node less"),
    ],
)
def test_what_is_not_wholly_known_has_no_number(doubt, nodes, total):
    state = a_node("a", pods=[a_pod(2, team="physics")], **{"nvidia.com/gpu.product": "T4"})
    seen = Holdings().seen(Snapshot(nodes={"a": state}, as_of=AS_OF, **doubt))
    assert (seen.nodes, seen.total, seen.free, seen.in_use) == (nodes, total, {}, {})


def test_what_is_added_up_as_nodes_change_is_what_a_count_from_nothing_gives():
    rng, following, nodes = random.Random(7), Holdings(), {}
    for number in range(60):
        name = f"n{rng.randrange(12)}"
        if rng.random() < 0.2:
            nodes = {other: state for other, state in nodes.items() if other != name}
        else:
            pods = [a_pod(rng.randint(0, 3), team=rng.choice([None, "physics"])) for _ in range(2)]
            labels = {"nvidia.com/gpu.product": rng.choice(["A100", "T4"])}
            nodes = nodes | {name: a_node(name, pods=pods, **labels)}
        snapshot = Snapshot(nodes=nodes, version=number, as_of=AS_OF)
        assert following.seen(snapshot) == Holdings().seen(snapshot)


def test_a_count_that_was_begun_is_ended_by_whoever_asks():
    following = Holdings()
    nodes = {f"n{n}": a_node(f"n{n}", **{"nvidia.com/gpu.product": "T4"}) for n in range(250)}
    steps = following.follow(Snapshot(nodes=nodes))
    next(steps)
    fewer = Snapshot(nodes={name: nodes[name] for name in list(nodes)[:9]})
    assert following.seen(fewer) == Holdings().seen(fewer)
    assert list(steps) == []


def test_models_and_teams_that_left_take_no_room():
    following = Holdings()
    for number in range(40):
        labels = {"nvidia.com/gpu.product": f"Model-{number}"}
        pods = [a_pod(2, team=f"team-{number}"), a_pod(1, team=f"team-{number}")]
        following.seen(Snapshot(nodes={"a": a_node("a", pods=pods, **labels)}, version=number))
    assert {len(each) for each in vars(following).values() if isinstance(each, dict)} == {1}
