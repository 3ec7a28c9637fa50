"""What is kept to share equal values does not grow with all that ever came and went."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace

import pytest

from teamspawner.capacity import Rules
from teamspawner.cluster import podspec, reading
from teamspawner.cluster.decode import decode_pod
from teamspawner.cluster.kinds import FEWEST, Kinds
from teamspawner.cluster.pods import Pods
from teamspawner.cluster.reading import LABELLED
from teamspawner.cluster.receivers import receiver_for
from teamspawner.cluster.state import State
from tests.core.raw import pod

RULES = Rules()
USUAL = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}]}


def a_server(number: int) -> dict:
    """A hub's pod: its labels are like no other's, and the chart prefers some nodes for it."""
    labels = {f"example.org/label-{n}": f"{n}-of-many" for n in range(10)}
    labels["hub.jupyter.org/username"] = f"person-{number}"
    labels["teamspawner/start"] = f"{number:016x}"
    return pod(cpu=1, meta={"labels": labels}, spec={"affinity": {"nodeAffinity": USUAL}})


def read(numbers: range) -> None:
    for number in numbers:
        decode_pod(a_server(number), RULES)


def kept() -> int:
    """How many values are kept, by all that keeps any."""
    caches = {
        getattr(each, "cache_info", None) for m in (podspec, reading) for each in vars(m).values()
    }
    return sum(each().currsize for each in caches - {None})


def test_servers_that_came_and_went_leave_no_more_behind_than_the_first_of_them():
    read(range(LABELLED))
    first = kept()
    read(range(LABELLED, LABELLED + 500))
    assert kept() == first


def test_an_affinity_that_looks_at_no_labels_of_its_pod_is_read_once_for_all_pods():
    one, other = (decode_pod(a_server(number), RULES).pod.spec for number in (1, 2))
    assert one is other


def test_an_affinity_that_takes_over_labels_of_its_pod_is_read_for_each():
    term = {
        "topologyKey": "zone",
        "labelSelector": {"matchLabels": {"app": "a"}},
        "matchLabelKeys": ["hub.jupyter.org/username"],
    }
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    made = []
    for name in ("ann", "bob"):
        labels = {"hub.jupyter.org/username": name}
        made.append(pod(cpu=1, meta={"labels": labels}, spec={"affinity": affinity}))
    one, other = (decode_pod(each, RULES).pod.spec.anti_affinity for each in made)
    assert one != other


def test_a_server_seen_again_as_it_was_changes_nothing_though_its_values_were_not_kept():
    pods, found = Pods(Kinds(RULES)), decode_pod(a_server(1), RULES).pod
    assert pods.place("uid", "node", Kinds.of(found))
    assert not pods.place("uid", "node", Kinds.of(replace(found)))
    assert pods.place("uid", "node", Kinds.of(replace(found, terminating=True)))


@pytest.mark.parametrize("node", ["node", ""], ids=["bound", "waiting"])
def test_jobs_that_ran_once_are_not_remembered_for_long(node):
    state = State(RULES)
    receiver = receiver_for("pods", state, print)
    for number in range(FEWEST + 500):
        job = pod(
            "job", on=node, cpu=1, meta={"labels": {"job": f"job-{number}"}, "uid": f"uid-{number}"}
        )
        for event in ("ADDED", "DELETED"):
            deque(receiver.events(json.dumps({"type": event, "object": job}).encode()), 0)
    kinds = state.pods.kinds
    assert kinds.known + len(kinds._fresh) <= FEWEST
    assert not len(state.pods)


def test_all_kinds_of_the_pods_there_are_may_be_remembered():
    state, most = State(RULES), FEWEST + 500
    receiver = receiver_for("pods", state, print)
    for number in range(most):
        job = pod("job", on="node", cpu=1, meta={"labels": {"job": f"job-{number}"}})
        job["metadata"]["uid"] = f"uid-{number}"
        deque(receiver.events(json.dumps({"type": "ADDED", "object": job}).encode()), 0)
    assert state.pods.kinds.known >= most
