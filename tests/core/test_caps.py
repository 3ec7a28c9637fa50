"""Who holds how much of a team's caps, counted pod by pod and start by start."""

import pytest

from teamspawner.map import load
from teamspawner.offers.caps import Cap, Held, Holder, Tally, Usage, caps_of, has_caps
from teamspawner.offers.leftover import left_out
from teamspawner.offers.reservations import Ledger, Reservation
from teamspawner.offers.scene import Leftover
from teamspawner.offers.usable import is_usable, selects
from tests.core.offering import GIB, GPU, a_node, a_pod, a_server, a_snapshot, a_state, waiting

ONE = Held(1, 1000, GIB, 0)


def counted(*states, **tally):
    """The tally of nodes, and the snapshot it was made of."""
    snapshot = a_snapshot(*states)
    found = Tally(**tally)
    found.follow(snapshot.nodes, snapshot.nodes)
    return found, snapshot


def team_of(settings):
    team = f"{{groups: [x], tiers: [t], {settings}}}"
    return load(f"tiers: {{t: {{cpu: 1, memory: 1Gi}}}}\nteams: {{x: {team}}}").map.teams["x"]


@pytest.mark.parametrize(
    ("most", "used", "need", "left"),
    [(8, 0, 2, 4), (8, 3, 2, 2), (8, 7, 2, 0), (8, 8, 1, 0), (2, 5, 1, 0)],
    ids=["untouched", "rounded down", "too little", "used up", "lowered since"],
)
def test_a_cap_lets_as_many_servers_start_as_wholly_fit(most, used, need, left):
    assert Cap("team", most, used, need).left == left


def test_a_pod_counts_for_its_team_and_its_owner():
    tally, snapshot = counted(a_state(a_node(), a_server("bob", gpus=2), a_server("ann")))
    usage = tally.usage(snapshot)
    assert usage.of("physics", "bob") == Holder(Held(2, 2000, 2 * GIB, 2), Held(1, 1000, GIB, 2))
    assert usage.of("physics", "ann").person == ONE
    assert usage.of("physics", "eve").person == Held()
    assert usage.of("arts", "bob") == Holder(Held(), Held())


def test_a_pod_without_the_teams_label_counts_for_nobody():
    tally, snapshot = counted(a_state(a_node(), a_pod({"cpu": 1000})))
    assert not tally.usage(snapshot).teams


def test_a_pod_that_asks_for_nothing_is_a_server_all_the_same():
    bare = a_pod({}, labels={"teamspawner/team": "physics"})
    tally, snapshot = counted(a_state(a_node(), bare))
    assert tally.usage(snapshot).of("physics", "") == Holder(Held(1), Held(1))


def test_only_the_hubs_namespaces_are_counted():
    ours, theirs = a_server("bob"), a_pod({}, labels=a_server("eve").labels, namespace="other")
    everywhere, snapshot = counted(a_state(a_node(), ours, theirs))
    here, _ = counted(a_state(a_node(), ours, theirs), namespaces=frozenset({"default"}))
    found = [tally.usage(snapshot).people.keys() for tally in (everywhere, here)]
    assert found == [{("physics", "bob"), ("physics", "eve")}, {("physics", "bob")}]


def test_waiting_and_stranded_pods_count_beside_those_on_nodes():
    tally, snapshot = counted(a_state(a_node(), a_server("bob", start="a")))
    more = a_snapshot(
        *snapshot.nodes.values(),
        waiting=(waiting(a_server("bob", start="b")),),
        stranded=(a_server("ann", start="c"),),
    )
    usage = tally.usage(more)
    assert usage.of("physics", "bob").person.servers == 2
    assert usage.of("physics", "ann").team.servers == 3
    assert usage.tokens == {"a", "b", "c"}
    assert tally.usage(snapshot).tokens == {"a"}


def test_a_change_of_one_node_counts_that_node_anew():
    first, other = a_state(a_node("n1"), a_server("bob", start="a")), a_state(a_node("n2"))
    tally, snapshot = counted(first, other)
    moved = a_snapshot(a_state(a_node("n1")), a_state(a_node("n2"), a_server("ann", start="b")))
    tally.follow(["n1", "n2"], moved.nodes)
    usage = tally.usage(moved)
    assert usage.people == {("physics", "ann"): ONE}
    assert usage.tokens == {"b"}
    tally.follow(["n1", "n2"], {})
    assert tally.usage(a_snapshot()) == Usage({}, {}, set())
    assert snapshot.nodes


def test_what_was_told_of_a_moment_stays_as_it_was_told():
    tally, snapshot = counted(a_state(a_node(), a_server("bob", start="a")))
    told = tally.usage(snapshot)
    tally.follow(["n1"], {})
    assert told == Usage({"physics": ONE}, {("physics", "bob"): ONE}, {"a"})
    assert tally.usage(a_snapshot()).with_reservations([]) == Usage({}, {}, set())


def test_a_start_under_way_counts_until_its_pod_is_seen():
    tally, snapshot = counted(a_state(a_node(), a_server("bob", start="a")))
    requests = {"cpu": 2000, "memory": 3}
    held = [
        Reservation("a", "bob", "physics", requests, 4),
        Reservation("b", "bob", "physics", requests, 4),
        Reservation("c", "bob", None, requests, 4),
    ]
    usage = tally.usage(snapshot).with_reservations(held)
    both = ONE.plus(Held(1, 2000, 3, 4))
    assert usage.of("physics", "bob") == Holder(both, both)
    assert (len(usage.teams), usage.tokens) == (1, {"a"})
    assert tally.usage(snapshot).of("physics", "bob").team == ONE


def test_a_start_without_amounts_is_a_server_all_the_same():
    usage = Usage({}, {}).with_reservations([Reservation("a", "bob", "physics")])
    assert usage.of("physics", "bob") == Holder(Held(1), Held(1))


def test_leaving_out_a_pod_takes_away_what_it_holds_and_nothing_else():
    bob = a_server("bob")
    tally, snapshot = counted(a_state(a_node(), bob, a_server("ann")))
    usage = tally.usage(snapshot)
    assert usage.without(bob).people == {("physics", "ann"): ONE}
    assert usage.without(bob).teams == {"physics": ONE}
    assert usage.without(a_pod({"cpu": 1000})) == usage
    assert usage.of("physics", "bob").person == ONE


CAPS = "limits: {servers_per_user: 3, cpu: 20, memory: 8Gi}, gpu: {per_user: 2, team: 8}"


def test_each_cap_counts_what_it_is_about():
    holder = Holder(Held(9, 5000, 6 * GIB, 4), Held(1, 1000, 2 * GIB, 1))
    found = caps_of(team_of(CAPS), holder, {"cpu": 2000, "memory": GIB}, 2)
    assert found == (
        Cap("servers_per_user", 3, 1, 1),
        Cap("per_user", 2, 1, 2),
        Cap("team", 8, 4, 2),
        Cap("cpu", 20_000, 5000, 2000),
        Cap("memory", 8 * GIB, 6 * GIB, GIB),
    )


def test_what_the_map_does_not_cap_is_not_capped():
    assert caps_of(team_of("limits: {}"), Holder(Held(), Held()), {"cpu": 1, "memory": 1}, 1) == ()


def test_a_cap_on_what_is_not_asked_for_does_not_apply():
    found = caps_of(team_of(CAPS), Holder(Held(), Held()), {}, 0)
    assert [cap.name for cap in found] == ["servers_per_user"]


@pytest.mark.parametrize(
    ("settings", "plain", "with_devices"),
    [
        ("limits: {}", False, False),
        ("limits: {servers_per_user: 0}", True, True),
        ("limits: {cpu: 1}", True, True),
        ("limits: {memory: 1Gi}", True, True),
        ("gpu: {per_user: 0}", False, True),
        ("gpu: {team: 1}", False, True),
    ],
    ids=str,
)
def test_a_team_has_caps_where_any_could_hold_a_server_back(settings, plain, with_devices):
    team = team_of(settings)
    assert (has_caps(team, devices=False), has_caps(team, devices=True)) == (plain, with_devices)


def test_a_leftover_on_a_node_is_judged_as_gone():
    old = a_server("ann", gpus=1, start="t")
    tally, snapshot = counted(a_state(a_node(devices={GPU: 1}), old, a_server("bob")))
    after, usage = left_out(Leftover("t", "n1"), snapshot, tally.usage(snapshot))
    assert [pod.labels["hub.jupyter.org/username"] for pod in after.nodes["n1"].pods] == ["bob"]
    assert after.nodes["n1"].free(GPU) == 1
    assert usage.of("physics", "ann").person == Held()


def test_a_leftover_that_waits_is_judged_as_gone():
    old, other = waiting(a_server("ann", start="t")), waiting(a_server("bob", start="u"))
    snapshot = a_snapshot(a_node(), waiting=(old, other))
    usage = Tally().usage(snapshot)
    after, held = left_out(Leftover("t"), snapshot, usage)
    assert after.waiting == (other,)
    assert held.people == {("physics", "bob"): ONE}
    assert left_out(Leftover("t"), snapshot, None)[1] is None


@pytest.mark.parametrize(
    "leftover", [Leftover("other", "n1"), Leftover("t"), Leftover("t", "n2")], ids=str
)
def test_a_leftover_that_is_not_there_changes_nothing(leftover):
    tally, snapshot = counted(a_state(a_node("n1"), a_server("ann", start="t")), a_node("n2"))
    usage = tally.usage(snapshot)
    assert left_out(leftover, snapshot, usage) == (snapshot, usage)


@pytest.mark.parametrize(
    ("more", "usable"),
    [
        ({}, True),
        ({"ready": False}, False),
        ({"unschedulable": True}, False),
        ({"taints": [("team", "x", "NoSchedule")]}, True),
        ({"taints": [("node.kubernetes.io/not-ready", "", "NoExecute")]}, False),
        ({"taints": [("node.cloudprovider.kubernetes.io/shutdown", "", "NoSchedule")]}, False),
        ({"taints": [("node.kubernetes.io/x", "", "PreferNoSchedule")]}, True),
        ({"taints": [("ToBeDeletedByClusterAutoscaler", "1", "NoSchedule")]}, False),
        ({"taints": [("karpenter.sh/disrupted", "", "NoSchedule")]}, False),
    ],
    ids=str,
)
def test_a_node_is_usable_unless_it_is_away_or_leaving(more, usable):
    assert is_usable(a_node(**more)) is usable


def test_a_tier_means_the_nodes_with_all_its_labels():
    node = a_node(labels={"a": "1", "b": "2"})
    assert selects({}, node)
    assert selects({"a": "1", "b": "2"}, node)
    assert not selects({"a": "1", "b": "3"}, node)
    assert not selects({"c": "1"}, node)


def test_starts_are_held_oldest_first_and_one_begun_again_is_the_newest():
    ledger = Ledger()
    for token in "aba":
        ledger.reserve(Reservation(token, "x", "t"))
    assert [each.token for each in ledger.held] == ["b", "a"]


def test_seen_starts_are_counted_and_the_others_stay():
    ledger = Ledger()
    for token in "abc":
        ledger.reserve(Reservation(token, "x", "t"))
    assert ledger.seen({"a", "c", "z"}) == 2
    assert [each.token for each in ledger.held] == ["b"]
