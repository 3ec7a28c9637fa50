"""Snapshots that are taken while the first list of pods still comes in."""

from __future__ import annotations

import json

from teamspawner.capacity.objects import Pod, PodSpec
from teamspawner.capacity.rules import Rules
from teamspawner.cluster.state import State
from teamspawner.offers.changes import Changes
from tests.edge.build import a_node

NODES = 250


def test_nodes_that_were_brought_up_to_date_between_two_snapshots_are_told_as_changed():
    state, changes = State(Rules()), Changes()
    for number in range(NODES):
        state.put_node(json.dumps(a_node(f"n{number}")))
    state.seen("nodes")
    assert len(changes.until(state.snapshot(None))) == NODES
    kind = state.pods.kinds.of(Pod("x", {}, PodSpec({"cpu": 1})))
    for number in range(NODES):
        state.pods.place(f"uid-{number}", f"n{number}", kind)
        state.pod_changed()
    told: set[str] = set()
    while len(told) < NODES:  # some nodes at a time, though no event comes in between
        names = changes.until(state.snapshot(None))
        assert names
        told |= names
    state.seen("pods")
    assert state.snapshot(None).nodes["n0"].used["cpu"] == 1
