"""InterPodAffinity rule by rule (kube-scheduler ``interpodaffinity/filtering.go``)."""

import pytest

from teamspawner.capacity import Rules, Status, prepare
from teamspawner.cluster.decode import candidate
from tests.core.raw import judged, node, pod, snapshot_of, why

HOST = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
ALONE = "node(s) didn't match pod affinity rules"
REPELS = "node(s) didn't match pod anti-affinity rules"
REPELLED = "node(s) didn't satisfy existing pods anti-affinity rules"
LOW = {"priority": -1}


def labelled(*apps):
    """Metadata with the labels of these apps: ``labelled("x", "y")`` has x and y."""
    return {"labels": dict.fromkeys(apps, "yes")}


def term(app="x", key=HOST, **rest):
    """Pods of an app, within the domains of a label."""
    return {"topologyKey": key, "labelSelector": {"matchLabels": {app: "yes"}}, **rest}


def near(*terms):
    return _affinity("podAffinity", terms or (term(),))


def apart(*terms):
    return _affinity("podAntiAffinity", terms or (term(),))


def _affinity(kind, terms):
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}}


def placed(on, *apps, name="there", **rest):
    return pod(name, on=on, cpu=1, meta=labelled(*apps), **rest)


def nominated(to, *apps, **rest):
    return pod("w", cpu=1, meta=labelled(*apps), status={"nominatedNodeName": to}, **rest)


def zoned(*names, cpu=8):
    """Nodes in zones: ``zoned("a1", "a2", "b1")`` are two in zone a and one in zone b."""
    return [node(name, labels={ZONE: name[0]}, cpu=cpu) for name in names]


def ours(spec, *apps, **rest):
    return pod(meta=labelled(*apps), spec=spec, **{"cpu": 1, **rest})


def test_a_companion_anywhere_in_the_domain_is_near():
    cluster = [*zoned("a1", "a2", "b1"), placed("a1", "x")]
    verdict = judged(cluster, ours(near(term(key=ZONE))))
    assert verdict.nodes == ("a1", "a2")
    assert why(verdict, "b1") == [ALONE]


def test_a_node_without_the_label_is_in_no_domain():
    cluster = [*zoned("a1"), node("plain"), placed("a1", "x", name="one"), placed("plain", "x")]
    assert judged(cluster, ours(near(term(key=ZONE)))).nodes == ("a1",)
    assert judged(cluster, ours(apart(term(key=ZONE)))).nodes == ("plain",)


def test_the_first_of_its_kind_needs_the_label_too():
    assert judged([*zoned("a1"), node("plain")], ours(near(term(key=ZONE)), "x")).nodes == ("a1",)


def test_only_a_pod_that_meets_every_rule_is_a_companion():
    both = ours(near(term("x"), term("y")))
    apiece = [placed("a", "x", name="one"), placed("a", "y", name="two")]
    assert judged([node(), *apiece], both).nodes == ()
    assert judged([node(), placed("a", "x", "y")], both).nodes == ("a",)


def test_every_rule_must_be_met_in_its_own_domain():
    rules = near(term(), term(key=ZONE))
    assert judged([*zoned("a1", "a2"), placed("a1", "x")], ours(rules)).nodes == ("a1",)
    split = near(term(key=ZONE), term())
    assert judged([*zoned("a1", "a2"), placed("a1", "x")], ours(split)).nodes == ("a1",)


def test_the_first_of_its_kind_must_meet_all_its_own_rules():
    rules = near(term("x"), term("y"))
    assert judged([node()], ours(rules, "x")).nodes == ()
    assert judged([node()], ours(rules, "x", "y")).nodes == ("a",)


def test_who_is_not_the_first_of_its_kind_joins_the_others():
    cluster = [node("a"), node("b"), placed("a", "x")]
    assert judged(cluster, ours(near(), "x")).nodes == ("a",)


def test_a_group_that_starts_together_fills_one_domain():
    assert judged([*zoned("a1", "b1", cpu=4)], ours(near(term(key=ZONE)), "x")).count == 4


def test_pods_that_keep_apart_by_zone_fit_once_per_zone():
    cluster = zoned("a1", "a2", "b1")
    assert judged(cluster, ours(apart(term(key=ZONE)), "x")).count == 2


def test_any_rule_that_means_a_pod_keeps_it_away():
    rules = apart(term("y"), term("x"))
    verdict = judged([node("a"), node("b"), placed("a", "x")], ours(rules))
    assert (verdict.nodes, why(verdict, "a")) == (("b",), [REPELS])


def test_a_placed_pod_keeps_others_out_of_its_domain():
    cluster = [*zoned("a1", "a2", "b1"), placed("a1", spec=apart(term(key=ZONE)))]
    verdict = judged(cluster, ours({}, "x"))
    assert (verdict.nodes, why(verdict, "a2")) == (("b1",), [REPELLED])
    assert judged(cluster, ours({}, "y")).nodes == ("a1", "a2", "b1")


def test_a_placed_pod_on_a_node_without_the_label_keeps_nobody_away():
    cluster = [node("a"), placed("a", spec=apart(term(key=ZONE)))]
    assert judged(cluster, ours({}, "x")).nodes == ("a",)


@pytest.mark.parametrize(
    ("more", "nodes"),
    [
        ({}, ("a", "b")),
        ({"namespaces": ["default"]}, ("b",)),
        ({"namespaceSelector": {}}, ("b",)),
        ({"namespaceSelector": {"matchLabels": {"env": "ours"}}}, ("b",)),
        ({"namespaceSelector": {"matchLabels": {"env": "theirs"}}}, ("a", "b")),
    ],
    ids=["its own", "by name", "all", "by label", "other label"],
)
def test_a_placed_pods_rule_means_the_namespaces_it_names(more, nodes):
    namespaces = [
        {"kind": "Namespace", "metadata": {"name": name, "labels": {"env": env}}}
        for name, env in (("default", "ours"), ("elsewhere", "theirs"))
    ]
    there = placed("a", namespace="elsewhere", spec=apart(term(**more)))
    assert judged([node("a"), node("b"), *namespaces, there], ours({}, "x")).nodes == nodes


def test_a_rule_for_all_namespaces_means_also_those_that_are_not_known():
    cluster = [node("a"), node("b"), placed("a", "x", namespace="elsewhere")]
    everywhere = term(namespaceSelector={})
    assert judged(cluster, ours(apart(everywhere))).nodes == ("b",)
    assert judged(cluster, ours(near(everywhere))).nodes == ("a",)
    assert judged(cluster, ours(apart())).nodes == ("a", "b")


def test_a_companion_not_looked_at_can_only_be_where_all_labels_are():
    both = ours(near(term(), term(key="rack")))
    assert judged([node()], both, unseen="pods").status is Status.NEVER
    assert judged([node(labels={"rack": "r"})], both, unseen="pods").status is Status.UNKNOWN


@pytest.mark.parametrize("spec", [near(), apart()], ids=["near", "apart"])
def test_what_is_said_of_a_node_hangs_on_others(spec):
    asked = candidate(ours(spec), Rules())
    assert not prepare(asked, snapshot_of([node()]), Rules()).local


def test_without_a_rule_pods_not_looked_at_leave_no_doubt_about_rules():
    verdict = judged([node()], ours({}), unseen="pods")
    assert [reason.plugin for reason in verdict.reasons] == ["NodeResourcesFit"]


def test_both_sides_are_told_with_our_own_rule_first():
    cluster = [node(), placed("a", "x", spec=apart())]
    assert why(judged(cluster, ours(apart(), "x"))) == [REPELS, REPELLED]


def test_nobody_is_evicted_where_a_companion_is_missing():
    cluster = [node(cpu=1), placed("a", spec=LOW)]
    verdict = judged(cluster, ours(near()))
    assert (verdict.status, verdict.preempt) == (Status.NEVER, ())


def test_evicting_one_of_two_in_a_domain_leaves_the_other():
    low = placed("a1", "x", name="low", spec=LOW)
    assert judged([*zoned("a1"), low], ours(apart(term(key=ZONE)))).preempt == ("a1",)
    also = placed("a2", "x")
    cluster = [*zoned("a1", "a2"), low, also]
    assert judged(cluster, ours(apart(term(key=ZONE)))).status is Status.BUSY


def test_evicting_the_pod_that_keeps_us_away_opens_its_node():
    low = placed("a", spec={**apart(), **LOW})
    assert judged([node(), low], ours({}, "x")).preempt == ("a",)


def test_a_nominated_pod_is_kept_apart_from_in_its_domain():
    cluster = [*zoned("a1", "b1"), nominated("a1", "x")]
    assert judged(cluster, ours(apart(term(key=ZONE)))).nodes == ("b1",)


def test_a_nominated_pod_is_no_companion_yet():
    assert judged([node(), nominated("a", "x")], ours(near())).nodes == ()


def test_a_nominated_pods_own_rule_counts_only_where_the_filter_is_run_at_all():
    waiting = nominated("a", spec=apart())
    assert judged([node("a"), node("b"), waiting], ours({}, "x")).nodes == ("a", "b")
    assert judged([node("a"), node("b"), waiting], ours(apart(term("y")), "x")).nodes == ("b",)


OWNED = [
    {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "controller": True, "uid": "d"}
]


@pytest.mark.parametrize(
    ("owners", "status"),
    [(OWNED, Status.NEVER), ([], Status.BUSY)],
    ids=["daemonset", "ordinary"],
)
def test_what_a_daemonset_keeps_away_stays_away(owners, status):
    for theirs, wanted in ((placed("a", "x"), ours(apart())), (placed("a", spec=apart()), None)):
        theirs["metadata"]["ownerReferences"] = owners
        assert judged([node(), theirs], wanted or ours({}, "x")).status is status


def test_a_companion_elsewhere_makes_no_node_without_one_busy():
    cluster = [node("a", cpu=1), node("b"), placed("a", "x")]
    assert judged(cluster, ours(near(), cpu=2)).status is Status.NEVER
