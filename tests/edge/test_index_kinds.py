"""The index tells pods apart by all that matters, and puts those first that will take room."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from teamspawner.capacity.index import FitIndex
from teamspawner.capacity.objects import (
    Candidate,
    HostPort,
    NodeTerm,
    Pod,
    PodSpec,
    PodTerm,
    Requirement,
    Selector,
    Spread,
    Toleration,
    VolumeUse,
)
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Status
from teamspawner.cluster.receivers import receiver_for
from teamspawner.cluster.state import State
from tests.edge.agreeing import KINDS, RULES, agreed
from tests.edge.build import a_node, a_pod

HOST = "kubernetes.io/hostname"
OWN = Selector((Requirement("app", "In", ("x",)),))


def a_state(*nodes: dict, pods: tuple[dict, ...] = ()) -> State:
    """A state in which all kinds were seen."""
    state = State(RULES)
    for node in nodes:
        state.put_node(json.dumps(node))
    receiver = receiver_for("pods", state, lambda _: None)
    for pod in pods:
        receiver.event(json.dumps({"type": "ADDED", "object": pod}).encode())
    for kind in KINDS:
        state.seen(kind)
    return state


def asked(name: str = "", **spec) -> Candidate:
    given = {"requests": {"cpu": 4000}, "priority": 10} | spec
    return Candidate(Pod("default", {"app": "x"}, PodSpec(**given)), name=name, uid=name)


def nodes_of(index: FitIndex, state: State, candidate: Candidate) -> frozenset[str]:
    return frozenset(index.place(state.snapshot(None), [candidate]).placed)


POOL_B = Requirement("pool", "In", ("b",))
DEDICATED = {"spec": {"taints": [{"key": "own", "effect": "NoSchedule"}]}}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"requests": {"cpu": 1000}}, id="size"),
        pytest.param({"priority": 0}, id="priority"),
        pytest.param({"preemption_policy": "Never"}, id="preemption"),
        pytest.param({"scheduler_name": "strange"}, id="scheduler"),
        pytest.param({"node_name": "n2"}, id="node-by-name"),
        pytest.param({"node_selector": {"pool": "b"}}, id="selector"),
        pytest.param(
            {"node_terms": (NodeTerm((Requirement("pool", "In", ("b",)),)),)},
            id="affinity-to-nodes",
        ),
        pytest.param({"tolerations": (Toleration("own"),)}, id="toleration"),
        pytest.param({"host_ports": (HostPort("TCP", "0.0.0.0", 80),)}, id="host-port"),
        pytest.param({"affinity": (PodTerm(HOST, OWN, ("default",)),)}, id="affinity"),
        pytest.param({"anti_affinity": (PodTerm(HOST, OWN, ("default",)),)}, id="anti-affinity"),
        pytest.param({"spread": (Spread("missing", 1, OWN),)}, id="spread"),
        pytest.param({"gates": ("queue",)}, id="gate"),
        pytest.param({"features": ("new",)}, id="features-of-kubelets"),
        pytest.param({"resource_claims": ("device",)}, id="claim-for-devices"),
    ],
)
def test_pods_that_differ_in_one_thing_alone_are_told_apart(spec):
    ports = [{"name": "c", "ports": [{"hostPort": 80, "containerPort": 80}]}]
    state = a_state(
        a_node("n1", labels={HOST: "n1", "pool": "a"}, allocatable={"cpu": "6"}),
        a_node("n2", labels={HOST: "n2", "pool": "b"}, **DEDICATED),
        pods=(
            a_pod("low", node="n1", cpu="3", spec={"priority": 5}),
            a_pod("port", node="n1", cpu="0", spec={"containers": ports}),
        ),
    )
    index, snapshot = FitIndex(Rules.for_version("1.36")), state.snapshot(None)
    plain, other = asked("me"), asked("me", **spec)
    assert agreed(index, plain, snapshot) != agreed(index, other, snapshot)
    agreed(index, plain, snapshot)


def test_a_pod_judged_in_full_heeds_who_waits_now():
    state, index = a_state(a_node(labels={HOST: "n1"})), FitIndex(RULES)
    snapshot = state.snapshot(None)
    mine = asked("me", spread=(Spread(HOST, 9, OWN),))
    assert agreed(index, mine, snapshot).status is Status.FITS_NOW
    promised = replace(asked("other", requests={"cpu": 6000}), nominated_node="n1")
    later = replace(snapshot, waiting=(promised,))
    assert agreed(index, mine, later).status is not Status.FITS_NOW
    assert agreed(index, mine, snapshot).status is Status.FITS_NOW


def test_what_another_of_our_schedulers_has_promised_holds_nobody_up():
    state = a_state(a_node())
    index, snapshot = FitIndex(RULES), state.snapshot(None)
    promised = replace(asked("other", requests={"cpu": 6000}), nominated_node="n1")
    snapshot = replace(snapshot, waiting=(promised,))
    assert agreed(index, asked("me"), snapshot).status is not Status.FITS_NOW
    mine = asked("me", scheduler_name="hub-user-scheduler")
    assert agreed(index, mine, snapshot).status is Status.FITS_NOW


# --- put first --------------------------------------------------------------------------


def test_a_pod_put_first_moves_when_its_node_takes_it_no_more():
    state, index = a_state(a_node("first")), FitIndex(RULES)
    assert nodes_of(index, state, asked("held")) == {"first"}
    state.put_node(json.dumps(a_node("a")))
    state.put_node(json.dumps(a_node("b")))
    assert nodes_of(index, state, asked("held")) == {"first"}
    state.put_node(json.dumps(a_node("first", spec={"unschedulable": True})))
    assert nodes_of(index, state, asked("held")) in ({"a"}, {"b"})
    state.drop_node("a")
    state.drop_node("b")
    assert nodes_of(index, state, asked("held")) == set()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(asked("b"), id="by-name"),
        pytest.param(replace(asked("a"), uid="b"), id="by-uid"),
        pytest.param(
            replace(asked("a"), pod=replace(asked().pod, namespace="b")), id="by-namespace"
        ),
    ],
)
def test_each_pod_put_first_has_its_own_place(other):
    state, index = a_state(a_node("first")), FitIndex(RULES)
    assert nodes_of(index, state, asked("a")) == {"first"}
    state.put_node(json.dumps(a_node("better", allocatable={"cpu": "900"})))
    assert nodes_of(index, state, other) == {"better"}
    assert nodes_of(index, state, asked("a")) == {"first"}


@pytest.mark.parametrize(
    "spec", [{"gates": ("queue",)}, {"scheduler_name": "strange"}], ids=["gated", "not-ours"]
)
def test_a_pod_that_our_scheduler_will_not_place_now_is_not_put_anywhere(spec):
    state, index = a_state(a_node()), FitIndex(RULES)
    assert nodes_of(index, state, asked("held", **spec)) == set()


def test_a_pod_put_first_goes_where_its_home_is_though_another_is_yet_to_be_made():
    state = a_state(*(a_node(f"n{n}", labels={"zone": "ab"[n % 2]}) for n in range(4)))
    rule = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}
    spec = {"csi": {"driver": "d", "volumeHandle": "h"}}
    spec["claimRef"] = {"name": "home", "namespace": "default", "uid": "home"}
    spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [rule]}}
    state.put_other(
        "persistentvolumes", "/v", json.dumps({"metadata": {"name": "v"}, "spec": spec})
    )
    meta = {"name": "home", "namespace": "default", "uid": "home"}
    meta["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
    claim = {"metadata": meta, "spec": {"volumeName": "v"}}
    state.put_other("persistentvolumeclaims", "default/home", json.dumps(claim))
    uses = (VolumeUse("claim", "home"), VolumeUse("claim", "new"), VolumeUse("emptyDir", "x"))
    index = FitIndex(RULES)
    many = [asked(f"p{number}", volumes=uses) for number in range(4)]
    assert index.place(state.snapshot(None), many).placed == {"n1", "n3"}
