"""What is kept to share equal values does not grow with all that ever came and went."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace

from teamspawner.capacity import Rules
from teamspawner.cluster.decode import decode_pod
from teamspawner.cluster.kinds import Kinds
from teamspawner.cluster.pods import Pods
from teamspawner.cluster.reading import LABELLED
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


def test_servers_that_came_and_went_leave_no_more_behind_than_the_first_of_them():
    read(range(LABELLED))
    gc.collect()
    tracemalloc.start()
    try:
        read(range(LABELLED, 2 * LABELLED))  # in the place of the first, which were not traced
        gc.collect()
        first = tracemalloc.get_traced_memory()[0]
        read(range(2 * LABELLED, 3 * LABELLED))
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 1.02 * first
    finally:
        tracemalloc.stop()


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
