"""How a verdict is reached: what is asked first, who is evicted, who goes before, what is left."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from teamspawner.capacity import Rules, Status, against, judge, prepare, room
from teamspawner.capacity.context import nominated_pods, with_pods, without
from teamspawner.capacity.filters import is_extended, is_scalar
from teamspawner.capacity.objects import Candidate as Waiting
from teamspawner.capacity.objects import HostPort, NodeTerm, Requirement, Taint, Toleration
from tests.core import build
from tests.core.build import GPU, a_candidate, a_node, a_pod, a_snapshot

RULES = Rules()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PORT = (HostPort("TCP", "", 80),)


def on(node, *pods):
    return build.with_pods(node, *pods)


def judged(ours, *nodes, **snapshot):
    return judge(ours, a_snapshot(*nodes, **snapshot), RULES)


def a_waiting(to="node", name="w", **rest):
    return Waiting(a_pod(**rest), name=name, uid=name, nominated_node=to)


FOREIGN = {"scheduler_name": "volcano"}


@pytest.mark.parametrize(
    ("ours", "unseen", "status"),
    [
        (a_candidate(gates=("g",), **FOREIGN), "nodes", Status.UNKNOWN),
        (a_candidate(gates=("g",)), "nodes", Status.QUEUED),
        (a_candidate(cpu=99), "nodes", Status.UNKNOWN),
        (a_candidate(cpu=99), "pods", Status.NEVER),
        (a_candidate(cpu=1), "pods", Status.UNKNOWN),
    ],
    ids=["scheduler first", "then gates", "then nodes", "too large for all", "in use or not"],
)
def test_what_decides_without_a_look_at_nodes_comes_first(ours, unseen, status):
    assert judged(ours, a_node(), unseen=frozenset({unseen})).status is status


@pytest.mark.parametrize(
    ("ours", "pods", "unseen", "status"),
    [
        (a_candidate(**FOREIGN), (), "", Status.UNKNOWN),
        (a_candidate(gates=("g",)), (), "", Status.QUEUED),
        (a_candidate(), (), "nodes", Status.UNKNOWN),
        (a_candidate(), (), "pods", Status.UNKNOWN),
        (a_candidate(cpu=1), (), "", Status.FITS_NOW),
        (a_candidate(cpu=8), (a_pod(cpu=1, priority=-1),), "", Status.FITS_BY_PREEMPTION),
        (a_candidate(cpu=8), (a_pod(cpu=1),), "", Status.BUSY),
        (a_candidate(cpu=9), (), "", Status.NEVER),
    ],
    ids=str,
)
def test_every_verdict_says_when_the_cluster_was_seen(ours, pods, unseen, status):
    found = judged(ours, on(a_node(), *pods), as_of=NOW, unseen=frozenset({unseen} - {""}))
    assert (found.status, found.as_of) == (status, NOW)


@pytest.mark.parametrize(
    ("ours", "unseen", "reason"),
    [
        (
            a_candidate(**FOREIGN),
            "",
            ("Scheduler", "scheduler volcano decides, which is not known here", "volcano", True),
        ),
        (
            a_candidate(gates=("quota",)),
            "",
            ("SchedulingGates", "waiting for scheduling gate quota", "quota", False),
        ),
        (a_candidate(), "nodes", ("Snapshot", "nodes not looked at", "nodes", True)),
        (
            a_candidate(),
            "pods",
            (
                "NodeResourcesFit",
                "pods not looked at, so what is used is not known",
                "pods",
                True,
            ),
        ),
        (
            a_candidate(resource_claims=("gpu",)),
            "",
            (
                "DynamicResources",
                "devices asked for by resource claims are not counted",
                "resourceclaims",
                True,
            ),
        ),
    ],
    ids=["scheduler", "gate", "nodes", "pods", "claims of devices"],
)
def test_what_keeps_a_pod_back_as_a_whole_is_told_with_its_cause(ours, unseen, reason):
    (found,) = judged(ours, a_node(), unseen=frozenset({unseen} - {""})).reasons
    assert (found.plugin, found.message, found.detail, found.unknown) == reason


def test_one_node_that_could_take_it_later_makes_it_busy_whatever_the_others_say():
    full, small = on(a_node("full"), a_pod(cpu=8)), a_node("small", cpu=1)
    found = judged(a_candidate(cpu=2), full, small)
    assert (found.status, found.count) == (Status.BUSY, 0)
    found = judged(a_candidate(cpu=9), full, small)
    assert (found.status, found.count) == (Status.NEVER, 0)


def test_a_pod_that_may_not_evict_is_busy():
    ours = a_candidate(cpu=1, priority=9, preemption_policy="Never")
    assert judged(ours, on(a_node(), a_pod(cpu=8))).status is Status.BUSY


def test_nodes_that_take_it_are_told_in_order_of_their_names():
    assert judged(a_candidate(cpu=1), a_node("b"), a_node("a")).nodes == ("a", "b")
    low = a_pod(cpu=8, priority=-1)
    found = judged(a_candidate(cpu=1), on(a_node("b"), low), on(a_node("a"), low))
    assert found.preempt == ("a", "b")
    ending = a_pod(cpu=8, terminating=True)
    found = judged(a_candidate(cpu=1), on(a_node("b"), ending), on(a_node("a"), ending))
    assert (found.status, found.freeing) == (Status.BUSY, ("a", "b"))


@pytest.mark.parametrize(
    ("ours", "victims", "only"),
    [
        (10, (-1,), True),
        (10, (0,), False),
        (10, (5,), False),
        (10, (-1, 5), False),
        (-5, (-9,), True),
    ],
    ids=["below zero", "at zero", "above zero", "one of each", "all below zero"],
)
def test_placeholders_alone_are_evicted_where_pods_below_zero_are_enough(ours, victims, only):
    pods = [a_pod(cpu=8 // len(victims), priority=each) for each in victims]
    found = judged(a_candidate(cpu=8, priority=ours), on(a_node(), *pods))
    assert (found.status, found.placeholder_only) == (Status.FITS_BY_PREEMPTION, only)


def test_one_node_with_placeholders_is_enough_to_evict_nobody_else():
    server, placeholder = a_pod(cpu=8, priority=1), a_pod(cpu=8, priority=-1)
    ours = a_candidate(cpu=8, priority=2)
    assert judged(ours, on(a_node("a"), server), on(a_node("b"), placeholder)).placeholder_only


def test_only_pods_of_lower_priority_are_evicted_and_counted_as_gone():
    low, equal = a_pod(cpu=4, priority=0), a_pod(cpu=4, priority=1)
    found = judged(a_candidate(cpu=2, priority=1), on(a_node(), low, equal))
    assert (found.preempt, found.count) == (("node",), 2)


def test_a_pod_that_is_ending_frees_its_node_and_another_does_not():
    mixed = on(a_node(cpu=2), a_pod(cpu=1, terminating=True), a_pod(cpu=1))
    assert judged(a_candidate(cpu=1), mixed).freeing == ("node",)
    assert judged(a_candidate(cpu=2), mixed).freeing == ()
    assert judged(a_candidate(cpu=1), on(a_node(cpu=1), a_pod(cpu=1))).freeing == ()


def test_the_first_filter_that_fails_decides_whether_eviction_is_tried():
    tainted = replace(a_node(), taints=(Taint("k"),))
    low = a_pod(cpu=8, priority=-1)
    assert judged(a_candidate(cpu=1), on(tainted, low)).preempt == ()
    both = a_candidate(cpu=1, gpu=1)
    assert judged(both, on(a_node(), low)).preempt == ()
    assert judged(both, on(a_node(gpu=1), low)).preempt == ("node",)


def test_of_two_reasons_of_one_filter_both_must_be_helped_by_eviction():
    low = a_pod(cpu=8, priority=-1)
    found = judged(a_candidate(cpu=1, memory="99Gi"), on(a_node(), low))
    assert (found.status, found.preempt) == (Status.NEVER, ())


@pytest.mark.parametrize(
    ("priority", "status"), [(-1, Status.FITS_NOW), (0, Status.BUSY), (1, Status.BUSY)]
)
def test_a_nominated_pod_of_the_same_rank_or_more_goes_first(priority, status):
    waiting = a_waiting(cpu=8, priority=priority)
    assert judged(a_candidate(cpu=1), a_node(), waiting=(waiting,)).status is status


def test_all_pods_nominated_to_a_node_go_first():
    both = a_waiting(name="one", cpu=4), a_waiting(name="two", cpu=3)
    assert judged(a_candidate(cpu=1), a_node(), waiting=both).count == 1
    assert judged(a_candidate(cpu=2), a_node(), waiting=both).status is Status.BUSY
    found = nominated_pods(a_candidate(), a_snapshot(a_node(), waiting=both), RULES)
    assert found == {"node": (both[0].pod, both[1].pod)}


def test_a_pod_must_fit_without_those_nominated_too():
    held = on(a_node(cpu=1), a_pod(cpu=1))
    assert judged(a_candidate(cpu=1), held, waiting=(a_waiting(cpu=0),)).status is Status.BUSY


@pytest.mark.parametrize(
    ("waiting", "own", "same"),
    [
        (("", "n", "default"), "u", True),
        (("u", "n", "default"), "", True),
        (("u", "other", "default"), "u", True),
        (("v", "n", "default"), "u", False),
        (("", "n", "elsewhere"), "u", False),
        (("", "m", "default"), "u", False),
        (("", "", "default"), "u", False),
    ],
    ids=[
        *["by name", "ours by name", "by uid", "other uid"],
        *["other namespace", "other name", "nameless"],
    ],
)
def test_a_pod_is_told_by_uid_else_by_name(waiting, own, same):
    uid, name, namespace = waiting
    theirs = Waiting(a_pod(namespace, cpu=8), name=name, uid=uid, nominated_node="node")
    ours = Waiting(a_pod(cpu=8), name="n" if name else "", uid=own)
    assert (judged(ours, a_node(), waiting=(theirs,)).status is Status.FITS_NOW) is same


def test_equal_pods_on_a_node_are_taken_off_one_by_one():
    twin, other = a_pod(cpu=2), a_pod(cpu=1)
    state = on(a_node(), twin, other, twin)
    left = without(state, (twin,))
    assert (left.pods, left.used) == ((other, twin), {"cpu": 3000})
    assert without(state, (twin, twin)).pods == (other,)
    assert without(state, ()).pods == state.pods
    more = with_pods(left, (twin, a_pod(gpu=1)))
    assert more.used == {"cpu": 5000, GPU: 1}
    assert [pod.spec.requests for pod in more.pods[2:]] == [{"cpu": 2000}, {GPU: 1}]


def test_room_is_none_where_the_node_refuses_and_counts_what_goes_first():
    ours = a_candidate(cpu=2)
    snapshot = a_snapshot(a_node(), waiting=(a_waiting(cpu=3),))
    context = prepare(ours, snapshot, RULES)
    assert room(snapshot.nodes["node"], context) == 2
    tainted = replace(a_node("other"), taints=(Taint("k"),))
    assert room(on(tainted), context) == 0
    listening = a_candidate(cpu=2, host_ports=PORT)
    context = prepare(listening, a_snapshot(a_node()), RULES)
    assert room(on(a_node()), context) == 1
    assert room(on(a_node(cpu=1)), context) == 0


def test_a_node_that_offers_no_places_for_pods_takes_none():
    bare = replace(a_node(), allocatable={"cpu": 8000})
    found = judged(a_candidate(), bare)
    assert [reason.message for reason in found.rejected["node"]] == ["Too many pods"]


@pytest.mark.parametrize(
    ("taint", "told"),
    [
        (Taint("team", "x", "NoSchedule"), "team=x:NoSchedule"),
        (Taint("team", "", "NoExecute"), "team:NoExecute"),
    ],
    ids=["with a value", "without"],
)
def test_the_first_taint_in_the_way_is_told_as_kubectl_writes_it(taint, told):
    taints = (Taint("soft", "", "PreferNoSchedule"), Taint("mine"), taint, Taint("later"))
    ours = a_candidate(tolerations=(Toleration("mine", "Exists"),))
    found = judged(ours, replace(a_node(), taints=taints)).rejected["node"]
    assert [(reason.detail, reason.resolvable) for reason in found] == [(told, False)]


@pytest.mark.parametrize(
    ("resource", "scalar", "extended"),
    [
        ("nvidia.com/gpu", True, True),
        ("hugepages-2Mi", True, False),
        ("attachable-volumes-csi-x", True, False),
        ("kubernetes.io/x", True, False),
        ("x.kubernetes.io/y", True, False),
        ("requests.nvidia.com/gpu", False, False),
        ("storage", False, False),
    ],
)
def test_which_resources_are_counted_by_name(resource, scalar, extended):
    assert (is_scalar(resource), is_extended(resource)) == (scalar, extended)


def test_a_node_takes_as_many_pods_as_it_has_places():
    assert judged(a_candidate(), a_node(pods=1)).nodes == ("node",)
    assert judged(a_candidate(), on(a_node(pods=1), a_pod())).status is Status.BUSY


def test_every_port_asked_for_must_be_free():
    both = (*PORT, HostPort("TCP", "", 81))
    taken = on(a_node(), a_pod(host_ports=PORT))
    assert judged(a_candidate(host_ports=both), taken).status is Status.BUSY


def test_all_that_is_short_is_told_in_the_schedulers_order():
    asked = {"b.org/y": 1, "a.org/x": 1, "ephemeral-storage": 1, "memory": "99Gi", "cpu": 99}
    found = judged(a_candidate(**asked), a_node()).rejected["node"]
    short = ["cpu", "memory", "ephemeral-storage", "a.org/x", "b.org/y"]
    assert [reason.resource for reason in found] == short
    assert [reason.message for reason in found] == [f"Insufficient {name}" for name in short]


def test_a_cordon_does_not_hide_that_the_node_is_not_selected():
    cordoned = replace(a_node(), unschedulable=True)
    found = judged(a_candidate(node_selector={"pool": "p"}), cordoned).rejected["node"]
    assert [reason.plugin for reason in found] == ["NodeUnschedulable", "NodeAffinity"]


def test_a_selector_alone_keeps_to_its_nodes():
    ours = a_candidate(node_selector={"pool": "p"})
    assert judged(ours, a_node("a"), a_node("b", labels={"pool": "p"})).nodes == ("b",)


def test_a_rule_by_name_or_by_label_is_asked_of_each_node():
    named = NodeTerm(fields=(Requirement("metadata.name", "In", ("a",)),))
    labelled = NodeTerm((Requirement("pool", "Exists"),))
    ours = a_candidate(node_terms=(named, labelled))
    nodes = a_node("a"), a_node("b"), a_node("c", labels={"pool": "p"})
    assert judged(ours, *nodes).nodes == ("a", "c")


def test_a_rule_over_another_field_names_no_node():
    term = NodeTerm(fields=(Requirement("metadata.uid", "In", ("node",)),))
    found = judged(a_candidate(node_terms=(term,)), a_node()).rejected["node"]
    assert found[0].message == "node(s) didn't match Pod's node affinity/selector"


def test_a_selector_and_a_rule_over_labels_must_both_hold_on_every_sort_of_node():
    terms = (NodeTerm((Requirement("pool", "In", ("p",)),)),)
    ours = a_candidate(node_selector={"zone": "z"}, node_terms=terms)
    nodes = [
        a_node("both", labels={"pool": "p", "zone": "z"}),
        a_node("again", labels={"pool": "p", "zone": "z"}),
        a_node("pool", labels={"pool": "p"}),
        a_node("zone", labels={"zone": "z"}),
        a_node("other", labels={"pool": "q", "zone": "z"}),
    ]
    assert judged(ours, *nodes).nodes == ("again", "both")


def test_an_empty_rule_over_nodes_matches_none_and_no_rule_matches_all():
    assert judged(a_candidate(node_terms=()), a_node()).status is Status.NEVER
    assert judged(a_candidate(node_terms=None), a_node()).status is Status.FITS_NOW


def test_names_of_several_terms_are_all_looked_at():
    terms = tuple(
        NodeTerm(fields=(Requirement("metadata.name", "In", (name,)),)) for name in ("a", "b")
    )
    found = judged(a_candidate(node_terms=terms), a_node("a"), a_node("b"), a_node("c"))
    assert found.nodes == ("a", "b")
    assert [reason.plugin for reason in found.rejected["c"]] == ["NodeAffinity"]


def test_a_name_that_is_ruled_out_leaves_all_nodes_to_be_looked_at():
    term = NodeTerm(fields=(Requirement("metadata.name", "NotIn", ("a",)),))
    found = judged(a_candidate(node_terms=(term,)), a_node("a"), a_node("b"))
    assert found.nodes == ("b",)
    assert found.rejected["a"][0].message == "node(s) didn't match Pod's node affinity/selector"


def test_a_nominated_pod_takes_its_port_too():
    waiting = a_waiting(cpu=0, host_ports=PORT)
    ours = a_candidate(host_ports=PORT)
    found = judged(ours, a_node(), a_node("other"), waiting=(waiting,))
    assert found.nodes == ("other",)


def test_a_node_is_asked_alone_as_the_verdict_asks_it():
    ours, snapshot = a_candidate(cpu=9), a_snapshot(a_node())
    context = prepare(ours, snapshot, RULES)
    assert against(snapshot.nodes["node"], context) == judge(ours, snapshot, RULES).rejected["node"]


def test_devices_of_a_class_may_serve_only_a_node_without_its_own():
    rules = Rules.for_version("1.36")
    ours = a_candidate(gpu=1)
    for devices, expected in ((0, True), (1, False)):
        state = on(a_node(gpu=devices), *[a_pod(gpu=1)] * devices)
        snapshot = a_snapshot(state, extended_by_class=frozenset({GPU}))
        reasons = judge(ours, snapshot, rules).rejected["node"]
        assert [reason.unknown for reason in reasons] == [expected]


def test_devices_that_a_class_may_serve_are_told_so():
    rules, snapshot = Rules.for_version("1.36"), a_snapshot(a_node())
    by_class = replace(snapshot, extended_by_class=frozenset({GPU}))
    (found,) = judge(a_candidate(gpu=1), by_class, rules).rejected["node"]
    assert (found.plugin, found.resource, found.detail) == (
        "DynamicResources",
        GPU,
        "resourceslices",
    )
    assert not found.resolvable
    other = replace(snapshot, extended_by_class=frozenset({"amd.com/gpu"}))
    assert judge(a_candidate(gpu=1), other, rules).status is Status.NEVER


def test_without_sight_of_classes_any_device_but_cpu_and_memory_may_be_served():
    rules = Rules.for_version("1.36")
    unseen = frozenset({"deviceclasses"})
    assert judge(a_candidate(gpu=1), a_snapshot(a_node(), unseen=unseen), rules).status is (
        Status.UNKNOWN
    )
    bare = a_node(cpu=0)
    assert judge(a_candidate(cpu=1), a_snapshot(bare, unseen=unseen), rules).status is Status.NEVER
