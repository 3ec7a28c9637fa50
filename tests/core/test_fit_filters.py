"""The filters, one by one, where scenarios and generated clusters say too little."""

from dataclasses import replace

import pytest

from teamspawner.capacity import Rules, Status, against, judge, prepare, room
from teamspawner.capacity.matching import holds, terms_match, tolerates
from teamspawner.capacity.objects import NodeTerm, Requirement, Taint, Toleration
from teamspawner.cluster.decode import candidate
from tests.core.build import a_candidate, a_node, a_pod, a_snapshot, with_pods
from tests.core.raw import claim, container, judged, node, pod, snapshot_of, uses, volume, why

LABELS = {"a": "5", "big": "9223372036854775808", "word": "x"}


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        (Requirement("a", "In", ("4", "5")), True),
        (Requirement("a", "In", ()), False),
        (Requirement("gone", "In", ("5",)), False),
        (Requirement("a", "NotIn", ("5",)), False),
        (Requirement("gone", "NotIn", ("5",)), True),
        (Requirement("a", "NotIn", ()), False),
        (Requirement("a", "Exists"), True),
        (Requirement("a", "Exists", ("5",)), False),
        (Requirement("gone", "Exists"), False),
        (Requirement("gone", "DoesNotExist"), True),
        (Requirement("a", "DoesNotExist"), False),
        (Requirement("a", "Gt", ("4",)), True),
        (Requirement("a", "Gt", ("5",)), False),
        (Requirement("a", "Gt", ("+4",)), True),
        (Requirement("a", "Gt", ("4", "3")), False),
        (Requirement("a", "Gt", ("4.5",)), False),
        (Requirement("a", "Lt", ("6",)), True),
        (Requirement("word", "Lt", ("6",)), False),
        (Requirement("gone", "Lt", ("6",)), False),
        (Requirement("big", "Gt", ("1",)), False),
        (Requirement("a", "Like", ("5",)), False),
    ],
    ids=str,
)
def test_an_expression_over_labels(requirement, expected):
    assert holds(requirement, LABELS) is expected


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (NodeTerm(), False),
        (NodeTerm(fields=(Requirement("metadata.name", "In", ("n",)),)), True),
        (NodeTerm(fields=(Requirement("metadata.name", "NotIn", ("n",)),)), False),
        (NodeTerm(fields=(Requirement("metadata.name", "In", ("n", "m")),)), False),
        (NodeTerm(fields=(Requirement("metadata.name", "Exists"),)), False),
        (NodeTerm(fields=(Requirement("metadata.name", "Exists", ("m",)),)), False),
        (NodeTerm(fields=(Requirement("metadata.uid", "In", ("n",)),)), False),
    ],
    ids=["empty", "in", "not in", "two values", "operator", "operator and value", "field"],
)
def test_a_term_over_fields(term, expected):
    assert terms_match((term,), {}, "n") is expected


def test_a_term_over_fields_of_a_volume_filters_no_node():
    term = NodeTerm(fields=(Requirement("metadata.name", "In", ("n",)),))
    assert terms_match((term,), {}, "")


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (Toleration("k", "Equal", "v", "NoSchedule"), True),
        (Toleration("k", "Equal", "w", "NoSchedule"), False),
        (Toleration("k", "Exists"), True),
        (Toleration("", "Exists"), True),
        (Toleration("", "Equal", "v"), True),
        (Toleration("k", "Exists", effect="NoExecute"), False),
        (Toleration("k", "Lt", "9"), False),
        (Toleration("k", "Lt", "v"), False),
        (Toleration("k", "", "v"), True),
    ],
    ids=str,
)
def test_a_toleration_of_a_taint(toleration, expected):
    assert tolerates(toleration, Taint("k", "v", "NoSchedule")) is expected


def test_a_taint_that_is_only_preferred_keeps_nobody_away():
    soft = node(spec={"taints": [{"key": "k", "effect": "PreferNoSchedule"}]})
    assert judged([soft], pod(cpu=1)).status is Status.FITS_NOW


def named(*terms):
    selector = {"nodeSelectorTerms": list(terms)}
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}
    }


def fields(*names):
    return [{"key": "metadata.name", "operator": "In", "values": [name]} for name in names]


def test_affinity_to_a_node_by_name_rejects_the_others_before_any_filter():
    ours = pod(cpu=1, spec=named({"matchFields": fields("a")}))
    verdict = judged([node("a"), node("b")], ours)
    assert verdict.nodes == ("a",)
    assert why(verdict, "b") == ["node(s) didn't satisfy plugin(s) [NodeAffinity]"]


@pytest.mark.parametrize(
    ("operator", "value"), [("NotIn", "x y"), ("Gt", "-1"), ("Lt", "+9"), ("NotIn", "x" * 64)]
)
def test_an_expression_with_a_value_that_no_label_can_have_never_holds(operator, value):
    term = {"matchExpressions": [{"key": "size", "operator": operator, "values": [value]}]}
    ours = pod(cpu=1, spec=named(term))
    assert judged([node(labels={"size": "5"})], ours).nodes == ()


def test_affinity_to_two_nodes_at_once_conflicts():
    ours = pod(cpu=1, spec=named({"matchFields": fields("a", "b")}))
    assert why(judged([node("a")], ours)) == ["pod affinity terms conflict"]


def test_a_term_without_a_name_opens_all_nodes():
    pool = {"matchExpressions": [{"key": "pool", "operator": "Exists"}]}
    ours = pod(cpu=1, spec=named({"matchFields": fields("a")}, pool))
    verdict = judged([node("b"), node("c", labels={"pool": "x"})], ours)
    assert verdict.nodes == ("c",)
    assert why(verdict, "b") == ["node(s) didn't match Pod's node affinity/selector"]


def test_a_pod_that_names_its_node_fits_there_alone():
    ours = pod(cpu=1, spec={"nodeName": "b"})
    verdict = judged([node("a"), node("b")], ours)
    assert verdict.nodes == ("b",)
    assert why(verdict) == ["node(s) didn't match the requested node name"]


def listening(port=80, ip="", protocol=""):
    own = {"containerPort": port, "hostPort": port}
    own |= {"hostIP": ip} if ip else {}
    own |= {"protocol": protocol} if protocol else {}
    return [{**container(cpu="1m"), "ports": [own]}]


@pytest.mark.parametrize(
    ("theirs", "ours", "fits"),
    [
        (listening(80), listening(80), False),
        (listening(80), listening(81), True),
        (listening(80, "10.0.0.1"), listening(80, "10.0.0.2"), True),
        (listening(80, "10.0.0.1"), listening(80, "10.0.0.1"), False),
        (listening(80, "10.0.0.1"), listening(80), False),
        (listening(80, "0.0.0.0"), listening(80, "10.0.0.1"), False),
        (listening(80, protocol="UDP"), listening(80), True),
    ],
    ids=["same", "other port", "other address", "same address", "every", "any", "other protocol"],
)
def test_host_ports_conflict_by_address_protocol_and_number(theirs, ours, fits):
    cluster = [node(), pod("x", on="a", containers=theirs)]
    verdict = judged(cluster, pod(containers=ours))
    assert (verdict.status is Status.FITS_NOW) is fits


def test_on_the_host_network_a_container_port_is_a_host_port():
    plain = [{**container(cpu="1m"), "ports": [{"containerPort": 80}]}]
    theirs = pod("x", on="a", containers=plain, spec={"hostNetwork": True})
    assert judged([node(), theirs], pod(containers=listening(80))).status is Status.BUSY
    assert judged([node(), theirs], pod(containers=plain)).status is Status.FITS_NOW


@pytest.mark.parametrize(("version", "fits"), [("1.32", True), ("1.33", False)])
def test_the_ports_of_a_sidecar_count_from_1_33(version, fits):
    side = {**listening(80)[0], "name": "side", "restartPolicy": "Always"}
    theirs = pod("x", on="a", cpu=1, spec={"initContainers": [side]})
    verdict = judged([node(), theirs], pod(containers=listening(80)), version=version)
    assert (verdict.status is Status.FITS_NOW) is fits


def test_a_port_shared_by_two_is_freed_when_one_is_evicted():
    low = pod("low", on="a", containers=listening(80), spec={"priority": -1})
    equal = pod("equal", on="a", containers=listening(80))
    verdict = judged([node(), low, equal], pod(containers=listening(80)))
    assert verdict.preempt == ("a",)


def test_all_reasons_are_told_with_the_schedulers_first_one_first():
    cordoned = node(
        cpu=1, spec={"unschedulable": True, "taints": [{"key": "k", "effect": "NoExecute"}]}
    )
    verdict = judged([cordoned], pod(cpu=2, memory="99Gi", gpu=1))
    assert why(verdict) == [
        "node(s) were unschedulable",
        "node(s) had untolerated taint(s)",
        "Insufficient cpu",
        "Insufficient memory",
        "Insufficient nvidia.com/gpu",
    ]


def test_too_much_for_the_machine_is_not_resolvable_and_too_much_now_is():
    cluster = [node("a", cpu=1), node("b", cpu=4), pod("x", on="b", cpu=4)]
    verdict = judged(cluster, pod(cpu=2))
    assert [verdict.rejected[name][0].resolvable for name in "ab"] == [False, True]


def test_requests_the_scheduler_does_not_count_are_left_out():
    assert judged([node()], pod(cpu=1, **{"requests.x.org/y": 1})).status is Status.FITS_NOW
    assert judged([node()], pod(cpu=1, **{"hugepages-2Mi": "2Mi"})).status is Status.NEVER
    assert judged([node()], pod(cpu=1, **{"requests.kubernetes.io/z": 1})).status is Status.NEVER


def test_a_pod_without_requests_needs_only_a_place():
    assert judged([node(cpu=0)], pod(cpu=0)).status is Status.FITS_NOW


def test_a_nominated_pod_of_another_scheduler_does_not_count():
    waiting = pod(
        "w", gpu=1, spec={"schedulerName": "x-user-scheduler"}, status={"nominatedNodeName": "a"}
    )
    assert judged([node(gpu=1), waiting], pod(gpu=1)).status is Status.FITS_NOW


def test_a_pod_does_not_wait_for_its_own_nomination():
    ours = pod(gpu=1, status={"nominatedNodeName": "a"})
    assert judged([node(gpu=1), ours], ours).status is Status.FITS_NOW
    unnamed = {**ours, "metadata": {"name": "ours", "namespace": "default"}}
    assert judged([node(gpu=1), ours], unnamed).status is Status.FITS_NOW


@pytest.mark.parametrize(("version", "status"), [("1.36", Status.FITS_NOW), ("1.37", Status.BUSY)])
def test_a_gated_nomination_counts_from_1_37(version, status):
    gates = {"schedulingGates": [{"name": "g"}]}
    waiting = pod("w", gpu=1, spec=gates, status={"nominatedNodeName": "a"})
    assert judged([node(gpu=1), waiting], pod(gpu=1), version=version).status is status


def test_a_waiting_pod_without_nomination_takes_nothing():
    assert judged([node(gpu=1), pod("w", gpu=1)], pod(gpu=1)).status is Status.FITS_NOW


def test_a_pod_on_a_node_that_is_gone_counts_nowhere():
    assert judged([node(gpu=1), pod("x", on="gone", gpu=1)], pod(gpu=1)).status is Status.FITS_NOW


def test_no_node_at_all_is_never():
    assert judged([], pod(cpu=1)).status is Status.NEVER


DISK = {"volumes": [{"name": "d", "gcePersistentDisk": {"pdName": "disk"}}]}
READ_ONLY = {"volumes": [{"name": "d", "gcePersistentDisk": {"pdName": "disk", "readOnly": True}}]}


def rbd(*monitors, image="i"):
    source = {"monitors": list(monitors), "pool": "p", "image": image}
    return {"volumes": [{"name": "d", "rbd": source}]}


@pytest.mark.parametrize(
    ("theirs", "ours", "fits"),
    [
        (DISK, DISK, False),
        (READ_ONLY, READ_ONLY, True),
        (READ_ONLY, DISK, False),
        (rbd("m", "n"), rbd("n", "o"), False),
        (rbd("m"), rbd("o"), True),
        (rbd("m"), rbd("m", image="j"), True),
        (DISK, {"volumes": [{"name": "d", "iscsi": {"iqn": "disk"}}]}, True),
    ],
    ids=["same", "both read only", "one reads", "a monitor", "no monitor", "image", "kind"],
)
def test_disks_named_in_pods_are_used_by_one_at_a_time(theirs, ours, fits):
    cluster = [node(), pod("x", on="a", cpu=1, spec=theirs)]
    verdict = judged(cluster, pod(cpu=1, spec=ours))
    assert (verdict.status is Status.FITS_NOW) is fits


def test_a_disk_that_only_one_may_use_fits_once_per_node():
    assert judged([node("a"), node("b")], pod(cpu=1, spec=DISK)).count == 2


def spread(key="topology.kubernetes.io/zone", **rest):
    found = {
        "topologyKey": key,
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "x"}},
        **rest,
    }
    return {"topologySpreadConstraints": [found]}


X = {"labels": {"app": "x"}}


def in_zone(name, zone, **rest):
    return node(name, labels={"topology.kubernetes.io/zone": zone}, **rest)


def test_spreading_keeps_domains_level():
    cluster = [in_zone("a", "za"), in_zone("b", "zb"), pod("x", on="a", cpu=1, meta=X)]
    verdict = judged(cluster, pod(cpu=1, meta=X, spec=spread()))
    assert verdict.nodes == ("b",)
    assert why(verdict) == ["node(s) didn't match pod topology spread constraints"]


def test_a_node_without_the_label_takes_none():
    verdict = judged([node()], pod(cpu=1, meta=X, spec=spread()))
    assert verdict.status is Status.NEVER
    assert "missing required label" in why(verdict)[0]


def test_terminating_pods_do_not_count_for_spreading():
    ending = {**X, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    cluster = [in_zone("a", "za"), in_zone("b", "zb"), pod("x", on="a", cpu=1, meta=ending)]
    assert judged(cluster, pod(cpu=1, meta=X, spec=spread())).nodes == ("a", "b")


def test_too_few_domains_make_the_least_none():
    cluster = [in_zone("a", "za"), pod("x", on="a", cpu=1, meta=X)]
    assert judged(cluster, pod(cpu=1, meta=X, spec=spread())).status is Status.FITS_NOW
    assert judged(cluster, pod(cpu=1, meta=X, spec=spread(minDomains=2))).status is Status.BUSY


def test_an_honoured_taint_takes_a_domain_out_of_the_count():
    tainted = in_zone("b", "zb", spec={"taints": [{"key": "k", "effect": "NoSchedule"}]})
    cluster = [in_zone("a", "za"), tainted, pod("x", on="a", cpu=1, meta=X)]
    assert judged(cluster, pod(cpu=1, meta=X, spec=spread())).nodes == ()
    honours = spread(nodeTaintsPolicy="Honor")
    assert judged(cluster, pod(cpu=1, meta=X, spec=honours)).nodes == ("a",)


def test_match_label_keys_narrow_what_is_counted():
    labelled = {"labels": {"app": "x", "version": "2"}}
    cluster = [in_zone("a", "za"), in_zone("b", "zb"), pod("x", on="a", cpu=1, meta=X)]
    ours = pod(cpu=1, meta=labelled, spec=spread(matchLabelKeys=["version"]))
    assert judged(cluster, ours).nodes == ("a", "b")


def test_spread_servers_are_counted_one_by_one():
    cluster = [in_zone("a", "za", cpu=4), in_zone("b", "zb", cpu=2)]
    assert judged(cluster, pod(cpu=1, meta=X, spec=spread())).count == 5


def rule(kind, key="kubernetes.io/hostname", **term):
    found = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "x"}}, **term}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [found]}}}


def test_a_companion_must_be_there():
    ours = pod(cpu=1, spec=rule("podAffinity"))
    assert judged([node()], ours).status is Status.NEVER
    assert judged([node(), pod("x", on="a", cpu=1, meta=X)], ours).nodes == ("a",)


def test_a_companion_on_a_full_node_makes_it_busy():
    cluster = [node(cpu=2), pod("x", on="a", cpu=2, meta=X)]
    assert judged(cluster, pod(cpu=1, spec=rule("podAffinity"))).status is Status.BUSY


def test_the_first_of_its_kind_starts_anywhere():
    verdict = judged([node("a"), node("b")], pod(cpu=1, meta=X, spec=rule("podAffinity")))
    assert verdict.nodes == ("a", "b")


def test_the_first_of_its_kind_may_start_anywhere_again_when_the_others_end():
    cluster = [node("a", cpu=1), node("b", cpu=8), pod("x", on="a", cpu=1, meta=X)]
    verdict = judged(cluster, pod(cpu=4, meta=X, spec=rule("podAffinity")))
    assert verdict.status is Status.BUSY


def test_servers_that_repel_each_other_fit_once_per_node():
    verdict = judged([node("a"), node("b")], pod(cpu=1, meta=X, spec=rule("podAntiAffinity")))
    assert verdict.count == 2


def test_a_rule_means_its_own_namespace_unless_it_says_more():
    there = pod("x", on="a", cpu=1, meta={**X, "namespace": "other"})
    namespace = {"kind": "Namespace", "metadata": {"name": "other", "labels": {"env": "prod"}}}
    cluster = [node(), there, namespace]
    selects = {"namespaceSelector": {"matchLabels": {"env": "prod"}}}
    everywhere = {"namespaceSelector": {}}
    plain, chosen, all_of_them = (
        judged(cluster, pod(cpu=1, spec=rule("podAntiAffinity", **term))).status
        for term in ({}, selects, everywhere)
    )
    assert (plain, chosen, all_of_them) == (Status.FITS_NOW, Status.BUSY, Status.BUSY)


def test_a_rule_over_namespaces_not_looked_at_is_not_known():
    ours = pod(cpu=1, spec=rule("podAntiAffinity", namespaceSelector={"matchLabels": {"a": "b"}}))
    assert judged([node()], ours, unseen="namespaces").status is Status.UNKNOWN
    assert judged([node(cpu=0)], ours, unseen="namespaces").status is Status.NEVER


@pytest.mark.parametrize(
    ("version", "nodes"), [("1.33", ("b",)), ("1.34", ()), ("1.36", ()), ("1.37", ("b",))]
)
def test_a_rule_for_namespaces_without_a_label_means_all_of_them_in_some_versions(version, nodes):
    beta = {"kind": "Namespace", "metadata": {"name": "beta", "labels": {"team": "b"}}}
    cluster = [node("b"), beta, pod("x", on="b", cpu=1, meta=X, namespace="beta")]
    others = {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["b"]}]}
    ours = pod(cpu=1, spec=rule("podAntiAffinity", namespaceSelector=others))
    assert judged(cluster, ours, version=version).nodes == nodes


def test_a_companion_may_be_there_unseen():
    ours = pod(cpu=1, spec=rule("podAffinity"))
    assert judged([node()], ours, unseen="pods").status is Status.UNKNOWN
    nowhere = pod(cpu=1, spec=rule("podAffinity", key="rack"))
    assert judged([node()], nowhere, unseen="pods").status is Status.NEVER
    far = pod(cpu=1, spec=rule("podAffinity", namespaceSelector={"matchLabels": {"a": "b"}}))
    assert judged([node()], far, unseen="namespaces").status is Status.UNKNOWN


def test_without_sight_of_pods_nothing_is_called_busy():
    ours = pod(cpu=1, meta=X, spec=spread(minDomains=9))
    cluster = [in_zone("a", "za"), in_zone("b", "zb")]
    skewed = {**ours, "spec": {**ours["spec"], "topologySpreadConstraints": [
        {**ours["spec"]["topologySpreadConstraints"][0], "maxSkew": 0}]}}  # fmt: skip
    assert judged(cluster, skewed).status is Status.BUSY
    assert judged(cluster, skewed, unseen="pods").status is Status.UNKNOWN


def test_a_placed_pods_rule_over_namespaces_not_looked_at_is_not_known():
    theirs = rule("podAntiAffinity", namespaceSelector={"matchLabels": {"a": "b"}})
    cluster = [node(), pod("x", on="a", cpu=1, namespace="other", spec=theirs)]
    assert judged(cluster, pod(cpu=1, meta=X), unseen="namespaces").status is Status.UNKNOWN
    assert judged(cluster, pod(cpu=1), unseen="namespaces").status is Status.FITS_NOW


@pytest.mark.parametrize("version", ["1.30", "1.35"])
def test_match_label_keys_of_affinity_are_merged_by_the_api_server(version):
    theirs = pod("x", on="a", cpu=1, meta={"labels": {"app": "x", "version": "1"}})
    ours = pod(
        cpu=1,
        meta={"labels": {"version": "2"}},
        spec=rule("podAffinity", matchLabelKeys=["version"]),
    )
    assert judged([node(), theirs], ours, version=version).nodes == ()


def test_evicting_the_companion_does_not_help():
    low = pod("low", on="a", cpu=2, meta=X, spec={"priority": -1})
    verdict = judged([node(cpu=2), low], pod(cpu=1, spec=rule("podAffinity")))
    assert (verdict.status, verdict.preempt) == (Status.BUSY, ())


def test_an_evicted_pod_no_longer_repels():
    low = pod("low", on="a", cpu=1, meta=X, spec={"priority": -1})
    assert judged([node(), low], pod(cpu=1, spec=rule("podAntiAffinity"))).preempt == ("a",)


def test_room_and_reasons_of_one_node_need_no_other_when_local():
    one, other = a_node("a", gpu=4), a_node("b", gpu=8)
    snapshot = a_snapshot(with_pods(one, a_pod(gpu=1)), other)
    ours = a_candidate(cpu=2, gpu=1)
    context = prepare(ours, snapshot, Rules())
    assert context.local
    assert [room(state, context) for state in snapshot.nodes.values()] == [3, 4]
    assert not against(snapshot.nodes["a"], context)
    full = with_pods(one, *[a_pod(gpu=2)] * 2)
    assert [r.message for r in against(full, context)] == ["Insufficient nvidia.com/gpu"]


def test_a_context_that_depends_on_other_nodes_says_so():
    rules = Rules()
    snapshot = snapshot_of([in_zone("a", "za")])
    spreads = candidate(pod(cpu=1, meta=X, spec=spread()), rules)
    assert not prepare(spreads, snapshot, rules).local


def test_room_counts_nominated_pods_and_ports():
    snapshot = a_snapshot(a_node("a", gpu=4))
    nominated = replace(a_candidate(gpu=1), uid="other", nominated_node="a")
    snapshot = replace(snapshot, waiting=(nominated,))
    ours = a_candidate(gpu=1)
    assert room(snapshot.nodes["a"], prepare(ours, snapshot, Rules())) == 3
    assert judge(ours, snapshot, Rules()).count == 3


def test_built_in_disks_count_for_their_csi_driver_on_nodes_that_have_a_csi_node():
    drivers = [{"name": "ebs.csi.aws.com", "allocatable": {"count": 1}}]
    csi_node = {"kind": "CSINode", "metadata": {"name": "a"}, "spec": {"drivers": drivers}}
    built_in = []
    for name in ("one", "two"):
        found = volume(f"pv-{name}", claimed=name)
        del found["spec"]["csi"]
        found["spec"]["awsElasticBlockStore"] = {"volumeID": f"aws://za/vol-{name}"}
        built_in += [claim(name, volume=f"pv-{name}"), found]
    held = pod("x", on="a", cpu=1, spec=uses("one"))
    cluster = [node("a"), node("b"), *built_in, held]
    ours = pod(cpu=1, spec=uses("two"))
    assert judged(cluster, ours).nodes == ("a", "b")
    assert judged([*cluster, csi_node], ours).nodes == ("b",)


def test_a_built_in_disk_is_reached_by_the_csi_drivers_label_where_it_was_taken_over():
    found = volume("pv", zone="za", claimed="home")
    del found["spec"]["csi"]
    found["spec"]["gcePersistentDisk"] = {"pdName": "disk"}
    taken_over = {"storage.alpha.kubernetes.io/migrated-plugins": "kubernetes.io/gce-pd"}
    csi_node = {"kind": "CSINode", "metadata": {"name": "a", "annotations": taken_over}}
    home = [claim("home", volume="pv"), found]
    plain = in_zone("a", "za")
    labelled = node("a", labels={"topology.gke.io/zone": "za"})
    ours = pod(cpu=1, spec=uses("home"))
    fits = [
        judged([which, *home, *more], ours).status is Status.FITS_NOW
        for which in (plain, labelled)
        for more in ((), (csi_node,))
    ]
    assert fits == [True, False, False, True]


RESTARTS = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [1]}}


@pytest.mark.parametrize(
    ("ours", "feature"),
    [
        (
            pod(containers=[{**container(cpu=1), "restartPolicyRules": [RESTARTS]}]),
            "RestartAllContainersOnContainerExits",
        ),
        (
            pod(cpu=1, spec={"hostNetwork": True, "hostUsers": False}),
            "UserNamespacesHostNetworkSupport",
        ),
    ],
    ids=["restart-all", "user-namespaces-on-the-host-network"],
)
def test_from_1_36_a_node_must_declare_what_the_pod_needs_of_it(ours, feature):
    able = node("able")
    able["status"]["declaredFeatures"] = [feature, "Other"]
    cluster = [able, node("b")]
    assert judged(cluster, ours, version="1.35").nodes == ("able", "b")
    verdict = judged(cluster, ours, version="1.36")
    assert verdict.nodes == ("able",)
    assert why(verdict, "b") == ["node(s) didn't match Pod's required features"]
    assert verdict.rejected["b"][0].detail == feature


def test_a_container_that_is_restarted_alone_needs_nothing_of_the_node():
    alone = {**container(cpu=1), "restartPolicyRules": [{**RESTARTS, "action": "Restart"}]}
    assert judged([node()], pod(containers=[alone]), version="1.37").nodes == ("a",)
