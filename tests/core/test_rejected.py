"""Why nodes do not take a pod: asked for one node, for all, or joined with a person's own."""

import pytest

from teamspawner.capacity.context import prepare
from teamspawner.capacity.rejected import Joined, Rejected, alike
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason
from tests.core.build import a_candidate, a_node, a_snapshot

A, B, C = (Reason("X", text) for text in "abc")


def found(*nodes):
    snapshot, asked = a_snapshot(*nodes), a_candidate(cpu=4)
    return Rejected(snapshot.nodes, prepare(asked, snapshot, Rules()))


def messages(reasons):
    return [reason.message for reason in reasons]


def test_one_node_is_asked_alone():
    rejected = found(a_node("small", cpu=1), a_node("large"))
    assert messages(rejected["small"]) == ["Insufficient cpu"]
    assert rejected.get("large") is None
    assert "large" not in rejected


def test_only_nodes_that_refuse_are_named():
    rejected = found(a_node("small", cpu=1), a_node("large"), a_node("tiny", cpu=2))
    assert (list(rejected), len(rejected)) == (["small", "tiny"], 2)
    assert rejected.get("large") is None


def test_a_persons_own_reasons_come_after_those_of_everybody():
    joined = Joined({"both": (A,), "all": (B,)}, {"both": (C,), "own": (C,)})
    assert dict(joined) == {"both": (A, C), "all": (B,), "own": (C,)}
    assert len(joined) == 3
    with pytest.raises(KeyError):
        joined["none"]


def test_nodes_with_the_same_reasons_are_counted_together():
    assert alike({"n1": (A,), "n2": (A, B), "n3": (A,)}) == {(A,): 2, (A, B): 1}
    rejected = found(a_node("small", cpu=1), a_node("large"), a_node("tiny", cpu=2))
    assert list(alike(rejected).values()) == [2]
