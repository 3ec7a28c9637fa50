"""How many fit one after another, and where pods go that are under way."""

from dataclasses import replace

import pytest

from teamspawner.capacity import Rules, Status, judge, place
from teamspawner.capacity.count import MOST
from teamspawner.capacity.objects import HostPort, PodTerm, Requirement, Selector
from teamspawner.capacity.place import put_on, take_off
from tests.core.build import HOST, a_candidate, a_node, a_pod, a_snapshot, with_pods

RULES = Rules()
OWN = Selector((Requirement("app", "In", ("x",)),))
APART = (PodTerm(HOST, OWN, ("default",)),)


def how_many(ours, *nodes):
    return judge(ours, a_snapshot(*nodes), RULES).count


def test_the_scarcest_resource_decides_on_each_node():
    nodes = a_node("a", cpu=8, memory="4Gi"), a_node("b", cpu=2, memory="64Gi")
    assert how_many(a_candidate(cpu=1, memory="1Gi"), *nodes) == 4 + 2


def test_places_for_pods_are_counted_too():
    full = with_pods(a_node(pods=3), a_pod(cpu=0))
    assert how_many(a_candidate(cpu="1m"), full) == 2
    assert how_many(a_candidate(cpu=0), full) == 2


def test_nothing_fits_when_busy():
    assert how_many(a_candidate(cpu=8), with_pods(a_node(), a_pod(cpu=1))) == 0


def test_by_preemption_all_that_would_fit_are_counted():
    low = a_pod(cpu=8, priority=-10)
    assert how_many(a_candidate(cpu=2), with_pods(a_node(), low)) == 4
    assert (
        how_many(
            a_candidate(cpu=2, host_ports=(HostPort("TCP", "", 80),)), with_pods(a_node(), low)
        )
        == 1
    )


def test_a_host_port_fits_once_per_node():
    ours = a_candidate(cpu=1, host_ports=(HostPort("TCP", "", 80),))
    assert how_many(ours, a_node("a"), a_node("b")) == 2
    low = a_pod(cpu=8, priority=-10)
    assert how_many(ours, with_pods(a_node("a"), low), with_pods(a_node("b"), low)) == 2


def test_by_preemption_one_is_said_of_pods_that_keep_apart():
    ours = a_candidate(a_pod(labels={"app": "x"}, cpu=1, anti_affinity=APART))
    low = a_pod(cpu=8, priority=-10)
    assert how_many(ours, with_pods(a_node("a"), low), with_pods(a_node("b"), low)) == 1


def test_pods_that_keep_apart_fit_once_per_node():
    ours = a_candidate(a_pod(labels={"app": "x"}, cpu=1, anti_affinity=APART))
    assert how_many(ours, a_node("a"), a_node("b"), a_node("c", cpu=0)) == 2


def test_counting_pods_that_influence_each_other_stops_somewhere():
    together = (PodTerm(HOST, OWN, ("default",)),)
    ours = a_candidate(a_pod(labels={"app": "x"}, cpu="1m", affinity=together))
    assert how_many(ours, a_node(pods=9999)) == MOST


def test_counting_plain_pods_stops_nowhere():
    assert how_many(a_candidate(cpu=1), a_node(cpu=2 * MOST, pods=9999)) == 2 * MOST


def test_the_hubs_own_scheduler_fills_the_fullest_node_and_the_default_the_emptiest():
    snapshot = a_snapshot(a_node("empty"), with_pods(a_node("fuller"), a_pod(cpu=4)))
    for scheduler, node in (("hub-user-scheduler", "fuller"), ("default-scheduler", "empty")):
        placed = place(snapshot, [a_candidate(cpu=1, scheduler_name=scheduler)], RULES)
        grown = [n for n, s in placed.nodes.items() if len(s.pods) > len(snapshot.nodes[n].pods)]
        assert grown == [node]


def home_of(scheduler, *nodes):
    placed = place(a_snapshot(*nodes), [a_candidate(cpu=0, scheduler_name=scheduler)], RULES)
    (chosen,) = placed.placed
    return chosen


def test_how_full_a_node_is_goes_by_shares_and_not_by_amounts():
    large = with_pods(a_node("large", cpu=80, memory="320Gi"), a_pod(cpu=8, memory="32Gi"))
    small = with_pods(a_node("small"), a_pod(cpu=4, memory="16Gi"))
    assert home_of("hub-user-scheduler", large, small) == "small"
    assert home_of("default-scheduler", large, small) == "large"


def test_how_full_a_node_is_goes_by_what_it_has():
    bare = replace(a_node("bare"), allocatable={"cpu": 8000, "pods": 9})
    half = with_pods(bare, a_pod(cpu=4))
    less = with_pods(a_node("less"), a_pod(cpu=3, memory="12Gi"))
    assert home_of("hub-user-scheduler", half, less) == "bare"


def test_of_nodes_that_are_equally_full_the_first_by_name_is_taken():
    for scheduler in ("hub-user-scheduler", "default-scheduler"):
        assert home_of(scheduler, a_node("z", cpu=1), a_node("a", cpu=64)) == "a"
        assert home_of(scheduler, a_node("a", cpu=1), a_node("z", cpu=64)) == "a"


def test_nodes_that_pods_were_put_on_or_taken_off_are_marked():
    ours = a_candidate(cpu=1)
    first = put_on(a_snapshot(a_node("a"), a_node("b")), ours, "a")
    assert first.placed == {"a"}
    second = put_on(first, ours, "b")
    assert second.placed == {"a", "b"}
    there = a_snapshot(with_pods(a_node("a"), ours.pod), a_node("b"), placed=frozenset({"b"}))
    gone = take_off(there, ours.pod, "a")
    assert (gone.placed, gone.nodes["a"].pods, gone.nodes["a"].used) == ({"a", "b"}, (), {"cpu": 0})


def test_pods_are_placed_one_after_another():
    snapshot = a_snapshot(a_node("a", cpu=4), a_node("b", cpu=4))
    placed = place(snapshot, [a_candidate(cpu=3), a_candidate(cpu=3)], RULES)
    assert [len(state.pods) for state in placed.nodes.values()] == [1, 1]
    assert placed.nodes["a"].used["cpu"] == 3000


@pytest.mark.parametrize(
    "ours",
    [
        a_candidate(cpu=99),
        a_candidate(cpu=1, gates=("g",)),
        a_candidate(cpu=1, scheduler_name="volcano"),
        a_candidate(cpu=1, terminating=True),
    ],
    ids=["too large", "gated", "of another scheduler", "being deleted"],
)
def test_a_pod_that_is_not_placed_now_is_left_waiting(ours):
    snapshot = a_snapshot(a_node(), waiting=(ours,))
    assert place(snapshot, snapshot.waiting, RULES) == snapshot


def test_the_more_important_pod_is_placed_first():
    low, high = a_candidate(cpu=3, priority=0), a_candidate(cpu=4, priority=1)
    placed = place(a_snapshot(a_node("a", cpu=4)), [low, high], RULES)
    assert placed.nodes["a"].used["cpu"] == 4000


def test_a_placed_pod_waits_no_more():
    first, second = a_candidate(cpu=1), a_candidate(cpu=99)
    placed = place(a_snapshot(a_node(), waiting=(first, second)), [first], RULES)
    assert placed.waiting == (second,)


def test_a_machine_without_amounts_is_the_emptiest_of_all():
    bare = replace(a_node("bare"), allocatable={"pods": 5})
    snapshot = a_snapshot(with_pods(a_node("full"), a_pod(cpu=1)), bare)
    placed = place(snapshot, [a_candidate(cpu=0)], RULES)
    assert len(placed.nodes["bare"].pods) == 1


def test_a_verdict_says_when_the_cluster_was_seen():
    verdict = judge(a_candidate(cpu=1), a_snapshot(a_node()), RULES)
    assert (verdict.status, verdict.as_of) == (Status.FITS_NOW, None)
