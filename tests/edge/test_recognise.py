"""A pod that is recognised weighs what the same pod weighs when it is read in full."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence

import pytest

from benchmarks import protobuf
from teamspawner.capacity.rules import Rules
from teamspawner.cluster.decode import decode_pod
from teamspawner.cluster.kinds import Kinds
from teamspawner.cluster.receivers import receiver_for
from teamspawner.cluster.source import PROTOBUF
from teamspawner.cluster.state import State
from tests.core.raw import node, pod

RULES = Rules.for_version("1.35")


def with_status(asked: str, *, reason: str = "") -> dict:
    """Return a pod that asks for one CPU and has this much."""
    has = {"requests": {"cpu": asked}}
    found = pod(cpu=1, meta={"labels": {"app": "a"}})
    name = found["spec"]["containers"][0]["name"]
    status = {"name": name, "resources": has, "allocatedResources": has["requests"]}
    found["status"] = {"containerStatuses": [status]}
    if reason:
        found["status"]["conditions"] = [{"type": "PodResizePending", "reason": reason}]
    return found


def labelled(**meta: object) -> dict:
    """Return a pod of an app that asks for one CPU."""
    return pod(cpu=1, meta={"labels": {"app": "a"}, **meta})


KINDS = {
    "plain": labelled(),
    "bigger": pod(cpu=2, meta={"labels": {"app": "a"}}),
    "without labels": pod(cpu=1),
    "labels null": pod(cpu=1, meta={"labels": None}),
    "of a deployment": labelled(ownerReferences=[{"kind": "ReplicaSet"}]),
    "of a daemonset": labelled(ownerReferences=[{"kind": "DaemonSet"}]),
    "static": labelled(
        annotations={"kubernetes.io/config.source": "file"}, ownerReferences=[{"kind": "Node"}]
    ),
    "annotated": labelled(annotations={"other": "x"}),
    "ending": labelled(deletionTimestamp="2026-01-01T00:00:00Z"),
    "elsewhere": labelled(namespace="other"),
    "as asked": with_status("1"),
    "growing": with_status("500m"),
    "refused to grow": with_status("500m", reason="Infeasible"),
    "to grow later": with_status("500m", reason="Deferred"),
    "of a hub": labelled(labels={"teamspawner/tier": "small"}),
    "of the hub's scheduler": labelled(labels={"component": "user-scheduler"}),
    "with a claim of its own": pod(
        cpu=1, spec={"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {}}}]}
    ),
    "without a specification": {"metadata": {"name": "x"}, "status": None},
    "tolerant": pod(
        cpu=1, meta={"labels": {"app": "a"}}, spec={"tolerations": [{"operator": "Exists"}]}
    ),
    "nominated once": {**labelled(), "status": {"nominatedNodeName": "b"}},
}
"""Pods that differ in one thing each, many with the same labels."""


def bound(name: str, uid: str) -> dict:
    """Return one of the kinds, on the node."""
    found = copy.deepcopy(KINDS[name])
    found["metadata"]["uid"] = uid
    found["spec"] = {**found.get("spec", {}), "nodeName": "a"}
    return found


def told(way: str, *pods: dict, most: int = 100) -> State:
    """Return what is known after these pods were listed, or told of in events."""
    state = State(RULES)
    state.pods.count_by(Kinds(RULES, most))
    receiver_for("nodes", state, pytest.fail).put(None, json.dumps(node("a")).encode())
    receiver = receiver_for("pods", state, pytest.fail)
    {
        "listed": lambda: list(receiver.page(a_page(pods))[1]),
        "watched": lambda: list(receiver.events(some_events(pods))),
        "listed in protobuf": lambda: list(receiver.form(PROTOBUF).page(a_binary_page(pods))[1]),
        "watched in protobuf": lambda: list(receiver.form(PROTOBUF).events(binary_events(pods))),
    }[way]()
    return state


WAYS = ("listed", "watched", "listed in protobuf", "watched in protobuf")


def a_page(pods: Sequence[dict]) -> bytes:
    return json.dumps({"metadata": {}, "items": pods}).encode()


def some_events(pods: Sequence[dict]) -> bytes:
    events = ({"type": "ADDED", "object": each} for each in pods)
    return b"\n".join(json.dumps(each).encode() for each in events)


def in_protobuf(each: dict) -> bytes:
    return protobuf.written("Pod", each).SerializeToString()


def a_binary_page(pods: Sequence[dict]) -> bytes:
    return protobuf.page({}, [protobuf.item(in_protobuf(each)) for each in pods])


def binary_events(pods: Sequence[dict]) -> bytes:
    return b"".join(protobuf.event("ADDED", in_protobuf(each)) for each in pods)


def on_the_node(state: State) -> list:
    return list(state.snapshot(None).nodes["a"].pods)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", KINDS)
def test_a_pod_is_not_taken_for_another_that_was_met_before(name, way):
    for earlier in KINDS:
        pods = [bound(earlier, "1"), bound(name, "2"), bound(earlier, "3"), bound(name, "4")]
        expected = [decode_pod(each, RULES).pod for each in pods]
        assert sorted(on_the_node(told(way, *pods)), key=repr) == sorted(expected, key=repr)


@pytest.mark.parametrize("way", ["listed", "listed in protobuf"])
@pytest.mark.parametrize("name", KINDS)
def test_the_sum_of_requests_is_that_of_the_pods(name, way):
    state = told(way, bound(name, "1"), bound(name, "2")).snapshot(None).nodes["a"]
    asked = decode_pod(bound(name, "1"), RULES).pod.spec.requests
    assert {k: v for k, v in state.used.items() if v} == {k: 2 * v for k, v in asked.items() if v}


RULED = {"restartPolicyRules": [{"action": "RestartAllContainers"}]}
WAITING = {
    "plain": labelled(),
    "restarting as a whole": pod(spec={"containers": [{"name": "main", **RULED}]}),
    "on the host with users of its own": pod(spec={"hostNetwork": True, "hostUsers": False}),
    "gated": pod(spec={"schedulingGates": [{"name": "example.com/gate"}]}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", WAITING)
def test_a_pod_that_waits_asks_for_what_it_does_when_read_in_full(name, way):
    given = copy.deepcopy(WAITING[name])
    given["metadata"]["uid"] = "1"
    (found,) = told(way, given).snapshot(None).waiting
    assert found == decode_pod(given, RULES).candidate()


@pytest.mark.parametrize("way", ["watched", "watched in protobuf"])
def test_events_of_one_pod_are_taken_in_their_order(way):
    own_claim = bound("with a claim of its own", "1")
    state = told(way, own_claim, bound("plain", "1"))
    assert on_the_node(state) == [decode_pod(bound("plain", "1"), RULES).pod]
    state = told(way, bound("plain", "1"), own_claim)
    assert on_the_node(state) == [decode_pod(own_claim, RULES).pod]


def test_a_pod_that_was_removed_in_the_same_breath_is_gone():
    state = State(RULES)
    receiver = receiver_for("pods", state, pytest.fail)
    events = [
        {"type": "ADDED", "object": bound("plain", "1")},
        {"type": "DELETED", "object": bound("plain", "1")},
    ]
    list(receiver.events(b"\n".join(json.dumps(each).encode() for each in events)))
    assert not len(state.pods)


@pytest.mark.parametrize("way", ["listed", "listed in protobuf"])
def test_kinds_of_pods_are_forgotten_before_there_are_too_many(way):
    names = [f"app-{number}" for number in range(40)]
    pods = [pod(cpu=1, on="a", meta={"labels": {"app": n}, "uid": n}) for n in names]
    state = told(way, *pods, most=10)
    assert len(on_the_node(state)) == 40
    assert state.pods.kinds.known <= 10
