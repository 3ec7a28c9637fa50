"""PodTopologySpread rule by rule (kube-scheduler plugin ``podtopologyspread``)."""

import pytest

from teamspawner.capacity import Status
from tests.core.raw import judged, node, pod, why

ZONE = "topology.kubernetes.io/zone"
X = {"labels": {"app": "x"}}
SKEWED = "node(s) didn't match pod topology spread constraints"
TAINT = {"taints": [{"key": "k", "effect": "NoSchedule"}]}


def over(key=ZONE, **rest):
    """One constraint over a label of nodes, for pods of app x."""
    usual = {"whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "x"}}}
    return {"topologyKey": key, "maxSkew": 1, **usual, **rest}


def ours(*constraints, meta=X, spec=None, **amounts):
    """A pod of app x that asks to be spread."""
    constraints = constraints or (over(),)
    spreading = {"topologySpreadConstraints": list(constraints), **(spec or {})}
    return pod(meta=meta, spec=spreading, **{"cpu": 1, **amounts})


def placed(on, number=1, *, named="p", meta=X, **rest):
    """So many pods of app x on a node."""
    return [pod(f"{named}-{on}-{n}", on=on, cpu=1, meta=meta, **rest) for n in range(number)]


def zones(*numbers, **rest):
    """Nodes a, b, … each in a zone of its own, with so many pods of app x."""
    found = []
    for name, number in zip("abcdef", numbers, strict=False):
        found += [node(name, labels={ZONE: f"z{name}"}, **rest), *placed(name, number)]
    return found


@pytest.mark.parametrize(("skew", "nodes"), [(1, "b"), (2, "b"), (3, "ab")], ids=str)
def test_a_domain_may_run_ahead_of_the_emptiest_by_max_skew(skew, nodes):
    assert "".join(judged(zones(2, 0), ours(over(maxSkew=skew))).nodes) == nodes


def test_pods_of_other_namespaces_do_not_count():
    cluster = [*zones(0, 0), *placed("a", 3, namespace="elsewhere")]
    assert judged(cluster, ours()).nodes == ("a", "b")


def test_a_pod_that_its_own_constraint_does_not_mean_adds_nothing_to_a_domain():
    other = {"labels": {"app": "y"}}
    assert judged(zones(1, 0), ours(meta=other)).nodes == ("a", "b")
    assert judged(zones(2, 0), ours(meta=other)).nodes == ("b",)


def test_an_empty_selector_counts_no_pod_that_is_there():
    cluster = [*zones(3, 0), node("also", labels={ZONE: "za"})]
    assert judged(cluster, ours(over(labelSelector={}))).nodes == ("a", "also", "b")


def test_a_constraint_without_a_selector_counts_no_pod():
    bare = over()
    del bare["labelSelector"]
    cluster = [*zones(3, 0), node("also", labels={ZONE: "za"})]
    assert judged(cluster, ours(bare)).nodes == ("a", "also", "b")


def test_keys_to_match_mean_nothing_without_a_selector():
    bare = over(matchLabelKeys=["app"])
    del bare["labelSelector"]
    assert judged(zones(3, 0), ours(bare)).nodes == ("a", "b")


def test_keys_to_match_narrow_the_selector_and_do_not_replace_it():
    two = {"labels": {"app": "x", "version": "2"}}
    narrow = ours(over(matchLabelKeys=["version"]), meta=two)
    same_version = [*zones(0, 0), *placed("a", 2, meta={"labels": {"app": "y", "version": "2"}})]
    assert judged(same_version, narrow).nodes == ("a", "b")
    same_both = [*zones(0, 0), *placed("a", 2, meta=two)]
    assert judged(same_both, narrow).nodes == ("b",)


def test_a_key_to_match_that_the_pod_lacks_is_left_out():
    assert judged(zones(2, 0), ours(over(matchLabelKeys=["version"]))).nodes == ("b",)


def test_fewer_domains_than_asked_for_make_the_least_none_and_enough_do_not():
    assert judged(zones(0, 0), ours(over(minDomains=3))).nodes == ("a", "b")
    assert judged(zones(1, 1), ours(over(minDomains=3))).nodes == ()
    assert judged(zones(1, 1), ours(over(minDomains=2))).nodes == ("a", "b")


def test_every_constraint_must_be_met():
    hosts = over("kubernetes.io/hostname")
    cluster = [
        *(
            node(name, labels={ZONE: zone})
            for name, zone in zip("abc", ["z1", "z1", "z2"], strict=True)
        ),
        *placed("a"),
        *placed("c"),
    ]
    assert judged(cluster, ours(over())).nodes == ("a", "b", "c")
    assert judged(cluster, ours(over(), hosts)).nodes == ("b",)


def test_a_node_that_lacks_one_of_two_keys_never_takes_it():
    cluster = [node("a", labels={ZONE: "za"})]
    verdict = judged(cluster, ours(over(), over("rack")))
    assert verdict.status is Status.NEVER
    assert why(verdict) == [f"{SKEWED} (missing required label)"]


def test_a_node_that_lacks_one_of_two_keys_is_no_domain_of_the_other():
    half = node("b", labels={ZONE: "zb"})
    whole = node("a", labels={ZONE: "za", "rack": "r"})
    cluster = [whole, half, *placed("a")]
    assert judged(cluster, ours()).nodes == ("b",)
    assert judged(cluster, ours(over(), over("rack"))).nodes == ("a",)


@pytest.mark.parametrize(
    ("policy", "nodes"),
    [
        ({}, ("a",)),
        ({"nodeAffinityPolicy": "Honor"}, ("a",)),
        ({"nodeAffinityPolicy": "Ignore"}, ()),
    ],
    ids=["unsaid", "honor", "ignore"],
)
def test_domains_that_the_pod_does_not_select_count_only_when_selectors_are_ignored(policy, nodes):
    ours_only = node("a", labels={ZONE: "za", "pool": "p"})
    cluster = [ours_only, node("b", labels={ZONE: "zb"}), *placed("a")]
    asked = ours(over(**policy), spec={"nodeSelector": {"pool": "p"}})
    assert judged(cluster, asked).nodes == nodes


def test_where_no_node_is_selected_the_selector_is_the_reason():
    verdict = judged(zones(1, 0), ours(spec={"nodeSelector": {"pool": "p"}}))
    assert (verdict.status, verdict.nodes) == (Status.NEVER, ())
    assert why(verdict) == ["node(s) didn't match Pod's node affinity/selector"]


@pytest.mark.parametrize("policy", ["Honor", "Ignore"])
def test_a_node_without_taints_counts_under_every_policy_for_taints(policy):
    assert judged(zones(1, 0), ours(over(nodeTaintsPolicy=policy))).nodes == ("b",)


def test_a_tainted_node_out_of_the_count_is_rejected_for_its_taint_alone():
    cluster = [*zones(0), node("b", labels={ZONE: "zb"}, spec=TAINT)]
    nominated = {"nominatedNodeName": "b"}
    waiting = [pod(f"w{n}", cpu=1, meta=X, status=nominated) for n in range(2)]
    verdict = judged([*cluster, *waiting], ours(over(nodeTaintsPolicy="Honor")))
    assert verdict.nodes == ("a",)
    assert why(verdict, "b") == ["node(s) had untolerated taint(s)"]


LOW = {"priority": -1}
FULL = node("b", labels={ZONE: "zb"}, cpu=0)


def test_evicting_pods_levels_their_domain():
    cluster = [*zones(0), *placed("a", spec=LOW), FULL]
    assert judged(cluster, ours()).preempt == ("a",)


def test_evicting_one_of_three_does_not_level_a_domain():
    cluster = [*zones(2), *placed("a", named="low", spec=LOW), FULL]
    assert judged(cluster, ours()).status is Status.BUSY


def test_evicting_pods_of_another_namespace_does_not_level_a_domain():
    cluster = [*zones(1), *placed("a", named="low", namespace="elsewhere", spec=LOW), FULL]
    assert judged(cluster, ours()).status is Status.BUSY


def test_evicting_a_terminating_pod_counts_though_it_was_not_counted():
    ending = {**X, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    cluster = [*zones(1), *placed("a", named="low", meta=ending, spec=LOW), FULL]
    assert judged(cluster, ours()).preempt == ("a",)


def test_a_pod_nominated_to_a_node_counts_in_its_domain():
    waiting = pod("w", cpu=1, meta=X, status={"nominatedNodeName": "a"})
    assert judged([*zones(0, 0), waiting], ours()).nodes == ("b",)


def test_a_nominated_pod_of_another_namespace_does_not_count():
    waiting = pod("w", cpu=1, meta=X, status={"nominatedNodeName": "a"}, namespace="elsewhere")
    assert judged([*zones(0, 0), waiting], ours()).nodes == ("a", "b")


def test_a_nominated_pod_raises_the_least_where_its_domain_was_the_emptiest():
    waiting = pod("w", cpu=1, meta=X, status={"nominatedNodeName": "a"})
    assert judged([*zones(0, 2, 2), waiting], ours()).nodes == ("a",)


def test_a_single_domain_is_level_whoever_comes():
    waiting = pod("w", cpu=1, meta=X, status={"nominatedNodeName": "a"})
    assert judged([*zones(2), waiting], ours()).nodes == ("a",)


def test_the_least_is_that_of_the_others_where_nominated_pods_fill_the_emptiest():
    waiting = [pod(f"w{n}", cpu=1, meta=X, status={"nominatedNodeName": "a"}) for n in range(2)]
    assert judged([*zones(0, 1, 2), *waiting], ours()).nodes == ()
