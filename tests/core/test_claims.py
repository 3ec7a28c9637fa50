"""Claims and disks rule by rule (kube-scheduler ``volumerestrictions``, ``volumebinding``)."""

import pytest

from teamspawner.capacity import Rules, Status, prepare
from teamspawner.cluster.decode import candidate
from tests.core.raw import claim, judged, node, pod, snapshot_of, storage_class, uses, volume, why

IN_USE = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode"
    " already in-use by another pod"
)
IMMEDIATE = "pod has unbound immediate PersistentVolumeClaims"
LOW = {"priority": -1}
HOME = [
    claim("home", volume="pv", accessModes=["ReadWriteOncePod"]),
    volume("pv", claimed="home"),
]


def ours(*claims, **spec):
    return pod(cpu=1, spec={**uses(*(claims or ("home",))), **spec})


def theirs(*claims, on="a", name="x", namespace="default", **spec):
    found = {**uses(*(claims or ("home",))), **spec}
    return pod(name, on=on, cpu=1, namespace=namespace, spec=found)


def disk(kind="awsElasticBlockStore", *, read_only=False):
    identity = {"awsElasticBlockStore": "volumeID", "iscsi": "iqn"}[kind]
    needed = {"iscsi": {"targetPortal": "p", "lun": 0}}.get(kind, {})
    source = {
        identity: "iqn.2000-01.org.example:disk",
        **needed,
        **({"readOnly": True} if read_only else {}),
    }
    return {"volumes": [{"name": "d", kind: source}]}


@pytest.mark.parametrize(
    ("ours_reads", "theirs_reads", "kind", "nodes"),
    [
        (True, True, "iscsi", ("a",)),
        (True, False, "iscsi", ()),
        (False, True, "iscsi", ()),
        (True, True, "awsElasticBlockStore", ()),
    ],
    ids=["both read", "theirs writes", "ours writes", "never on aws"],
)
def test_a_disk_is_shared_where_all_only_read_and_its_kind_allows(
    ours_reads, theirs_reads, kind, nodes
):
    there = pod("x", on="a", cpu=1, spec=disk(kind, read_only=theirs_reads))
    assert judged([node(), there], pod(cpu=1, spec=disk(kind, read_only=ours_reads))).nodes == nodes


def test_a_claim_of_one_pod_only_is_freed_by_evicting_its_user():
    verdict = judged([node("a"), node("b"), *HOME, theirs(**LOW)], ours())
    assert (verdict.preempt, why(verdict, "b")) == (("a",), [IN_USE])
    assert verdict.count == 1


def test_a_claim_of_one_pod_only_fits_once():
    assert judged([node("a"), node("b"), *HOME], ours()).count == 1


def test_of_several_users_of_such_a_claim_evicting_one_is_enough():
    users = [theirs(**LOW), theirs(on="b", name="y")]
    assert judged([node("a"), node("b"), *HOME, *users], ours()).preempt == ("a",)


def test_two_such_claims_in_use_need_both_users_gone():
    work = [
        claim("work", volume="pw", accessModes=["ReadWriteOncePod"]),
        volume("pw", claimed="work"),
    ]
    apart = [theirs(**LOW), theirs("work", on="b", name="y", **LOW)]
    together = [theirs(**LOW), theirs("work", name="y", **LOW)]
    cluster = [node("a"), node("b"), *HOME, *work]
    assert judged([*cluster, *apart], ours("home", "work")).status is Status.BUSY
    assert judged([*cluster, *together], ours("home", "work")).preempt == ("a",)


def test_a_pod_beside_that_is_evicted_frees_no_claim_of_one_pod_only():
    other = [claim("other", volume="po"), volume("po", claimed="other")]
    users = [theirs(on="b"), theirs("other", name="y", **LOW)]
    assert judged([node("a"), node("b"), *HOME, *other, *users], ours()).status is Status.BUSY


def test_a_claim_of_the_same_name_in_another_namespace_is_another():
    assert judged([node(), *HOME, theirs(namespace="elsewhere")], ours()).nodes == ("a",)


def test_evicting_counts_a_claim_by_its_name_in_any_namespace():
    users = [theirs(on="b"), theirs(namespace="elsewhere", name="y", **LOW)]
    assert judged([node("a"), node("b"), *HOME, *users], ours()).preempt == ("a",)


def test_an_ephemeral_claim_of_the_same_name_is_no_use_of_the_claim():
    scratch = {"volumes": [{"name": "ome", "ephemeral": {"volumeClaimTemplate": {}}}]}
    there = pod("h", on="a", cpu=1, spec=scratch)
    same = [claim("h-ome", volume="pv", accessModes=["ReadWriteOncePod"]), *HOME[1:]]
    same[1]["spec"]["claimRef"] = {"namespace": "default", "name": "h-ome", "uid": "h-ome"}
    same[0]["metadata"]["ownerReferences"] = [{"kind": "Pod", "uid": "uid-h", "controller": True}]
    assert judged([node(), *same, there], ours("h-ome")).nodes == ("a",)


def test_evicting_a_pod_with_an_ephemeral_claim_of_the_same_name_frees_nothing():
    template = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    scratch = [{"name": "ome", "ephemeral": {"volumeClaimTemplate": {"spec": template}}}]
    same = [
        claim("h-ome", volume="pv", accessModes=["ReadWriteOncePod"]),
        volume("pv", claimed="h-ome"),
    ]
    users = [
        theirs("h-ome", on="b", name="y"),
        pod("h", on="a", cpu=1, spec={**LOW, "volumes": scratch}),
    ]
    assert judged([node("a"), node("b"), *same, *users], ours("h-ome")).status is Status.BUSY


def test_an_ephemeral_claim_may_be_of_one_pod_only_and_in_use():
    found = claim("ours-tmp", volume="pv", accessModes=["ReadWriteOncePod"])
    found["metadata"]["ownerReferences"] = [{"kind": "Pod", "uid": "uid-ours", "controller": True}]
    cluster = [node(), found, volume("pv", claimed="ours-tmp"), theirs("ours-tmp")]
    assert judged(cluster, pod(cpu=1, spec=SCRATCH)).nodes == ("a",)


@pytest.mark.parametrize(
    ("more", "nodes"), [({}, ("a",)), (disk(), ())], ids=["skipped", "asked for a disk"]
)
def test_a_nominated_user_counts_only_where_the_filter_is_run_at_all(more, nodes):
    waiting = pod("w", cpu=1, spec=uses("home"), status={"nominatedNodeName": "a"})
    asked = uses("home")
    asked["volumes"] += more.get("volumes", [])
    assert judged([node(), *HOME, waiting], pod(cpu=1, spec=asked)).nodes == nodes


@pytest.mark.parametrize(("modes", "local"), [("ReadWriteOncePod", False), ("ReadWriteOnce", True)])
def test_only_a_claim_of_one_pod_hangs_on_other_nodes(modes, local):
    found = [claim("home", volume="pv", accessModes=[modes]), volume("pv", claimed="home")]
    asked = candidate(ours(), Rules())
    assert prepare(asked, snapshot_of([node(), *found]), Rules()).local is local


def test_a_claim_that_names_a_volume_but_is_not_bound_yet_is_unbound_though_its_class_waits():
    found = {**claim("home"), "spec": {"volumeName": "pv", "storageClassName": "wait"}}
    verdict = judged([node(), storage_class(), volume("pv"), found], ours())
    assert why(verdict) == [IMMEDIATE]


def test_a_claim_marked_as_bound_without_a_volume_waits_still():
    found = claim("home")
    found["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
    assert judged([node(), storage_class(), found], ours()).nodes == ("a",)


@pytest.mark.parametrize(
    "found",
    [
        {**claim("home"), "spec": {"volumeName": "pv", "storageClassName": "wait"}},
        claim("home", storage_class=""),
    ],
    ids=["half bound", "no class"],
)
def test_what_no_class_could_serve_is_known_without_sight_of_classes(found):
    verdict = judged([node(), volume("pv"), found], ours(), unseen="storageclasses")
    assert (verdict.status, why(verdict)) == (Status.NEVER, [IMMEDIATE])


def test_nobody_is_evicted_for_a_claim_that_can_never_serve():
    full = [node(cpu=1), pod("x", on="a", cpu=1, spec=LOW)]
    verdict = judged([*full, claim("home", volume="gone")], ours())
    assert (verdict.status, verdict.preempt) == (Status.NEVER, ())
    assert [(r.plugin, r.detail) for r in verdict.reasons] == [("VolumeZone", "gone")]
    verdict = judged([*full, claim("home", storage_class="")], ours())
    assert (verdict.status, verdict.preempt) == (Status.NEVER, ())
    assert [(r.plugin, r.detail) for r in verdict.reasons] == [("VolumeBinding", "home")]


TEMPLATE = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


@pytest.mark.parametrize(
    ("found", "plugin", "detail"),
    [
        ([claim("home", volume="gone")], "VolumeZone", "gone"),
        ([], "VolumeRestrictions", "home"),
        ([claim("home", storage_class="")], "VolumeBinding", "home"),
    ],
    ids=["volume gone", "claim gone", "unbound"],
)
def test_what_is_wrong_with_a_claim_is_named_and_no_eviction_helps(found, plugin, detail):
    (reason,) = judged([node(), *found], ours()).reasons
    assert (reason.plugin, reason.detail, reason.resolvable) == (plugin, detail, False)


def test_the_smaller_claim_is_served_first():
    small = claim("small", resources={"requests": {"storage": "1Gi"}})
    small["spec"]["selector"] = {"matchLabels": {"disk": "x"}}
    only, other = volume("only"), volume("other")
    only["metadata"]["labels"] = {"disk": "x"}
    other["spec"]["capacity"] = {"storage": "20Gi"}
    static = storage_class(provisioner="kubernetes.io/no-provisioner")
    cluster = [node(), static, claim("home"), small, only, other]
    assert judged(cluster, ours("home", "small")).nodes == ("a",)


SCRATCH = {"volumes": [{"name": "tmp", "ephemeral": {"volumeClaimTemplate": {"spec": TEMPLATE}}}]}


def test_the_claim_of_another_pod_is_told_in_the_schedulers_words():
    found = claim("ours-tmp")
    found["metadata"]["ownerReferences"] = [{"kind": "Pod", "uid": "other", "controller": True}]
    verdict = judged([node(), storage_class(), found], pod(cpu=1, spec=SCRATCH))
    words = "PVC default/ours-tmp was not created for pod default/ours (pod is not owner)"
    assert why(verdict) == [words]


def test_a_missing_ephemeral_claim_is_told_in_the_schedulers_words():
    verdict = judged([node(), storage_class()], pod(cpu=1, spec=SCRATCH))
    words = "waiting for ephemeral volume controller to create the persistentvolumeclaim"
    assert why(verdict) == [f'{words} "ours-tmp"']


def test_a_claim_without_an_owner_is_no_ephemeral_claim_even_of_a_pod_without_uid():
    nameless = pod(cpu=1, spec=SCRATCH)
    del nameless["metadata"]["uid"]
    verdict = judged([node(), storage_class(), claim("ours-tmp")], nameless)
    assert "pod is not owner" in why(verdict)[0]


ZONE = "topology.kubernetes.io/zone"
NOTHING = "node(s) didn't find available persistent volumes to bind"
NO_SPACE = "node(s) did not have enough free storage"
TRACKS = {
    "kind": "CSIDriver",
    "metadata": {"name": "disk.example.com"},
    "spec": {"storageCapacity": True},
}
ELSEWHERE = [{"matchLabelExpressions": [{"key": ZONE, "values": ["elsewhere"]}]}]


def promised(to="a"):
    """A claim whose volume is being made for a node."""
    found = claim("home")
    found["metadata"]["annotations"] = {"volume.kubernetes.io/selected-node": to}
    return found


def test_nobody_is_evicted_for_a_volume_that_does_not_reach_the_node():
    full = [node(cpu=1), pod("x", on="a", cpu=1, spec=LOW)]
    away = [claim("home", volume="pv"), volume("pv", claimed="home", zone="elsewhere")]
    verdict = judged([*full, *away], ours())
    assert (verdict.status, verdict.preempt) == (Status.NEVER, ())


def test_a_claim_takes_the_smallest_volume_that_will_do():
    static = storage_class(provisioner="kubernetes.io/no-provisioner")
    small = claim("small", resources={"requests": {"storage": "1Gi"}})
    tiny = volume("tiny")
    tiny["spec"]["capacity"] = {"storage": "1Gi"}
    for volumes in ([tiny, volume("pv")], [volume("pv"), tiny]):
        cluster = [node(), static, claim("home"), small, *volumes]
        assert judged(cluster, ours("home", "small")).nodes == ("a",)


def test_a_volume_being_made_is_not_replaced_by_one_that_is_there():
    cluster = [node(), TRACKS, storage_class(), promised(), volume("pv")]
    assert why(judged(cluster, ours())) == [NO_SPACE]


def test_a_volume_elsewhere_is_elsewhere_whoever_serves_it():
    away = [claim("home", volume="pv"), volume("pv", claimed="home", zone="elsewhere")]
    words = "node(s) didn't match PersistentVolume's node affinity"
    found = judged([node(), *away], ours()).rejected["a"]
    assert [(each.message, each.resolvable) for each in found] == [(words, False)]
    assert judged([node(), *away], ours(), unseen="csinodes").status is Status.NEVER


def test_a_built_in_disk_may_be_reached_by_a_driver_that_took_it_over_unseen():
    found = volume("pv", claimed="home", zone="za")
    found["spec"]["awsElasticBlockStore"] = {"volumeID": "d"}
    del found["spec"]["csi"]
    by_driver = node(labels={"topology.ebs.csi.aws.com/zone": "za"})
    cluster = [by_driver, claim("home", volume="pv"), found]
    assert judged(cluster, ours()).status is Status.NEVER
    assert judged(cluster, ours(), unseen="csinodes").status is Status.UNKNOWN


def test_a_class_for_elsewhere_is_told_before_the_room_of_its_driver():
    cluster = [node(), TRACKS, storage_class(allowedTopologies=ELSEWHERE), claim("home")]
    assert why(judged(cluster, ours())) == [NOTHING]
    verdict = judged(cluster, ours(), unseen="csistoragecapacities")
    assert (verdict.status, why(verdict)) == (Status.NEVER, [NOTHING])


def test_a_volume_being_made_waits_for_no_other_that_may_be_there_unseen():
    cluster = [node(), TRACKS, storage_class()]
    verdict = judged([*cluster, promised()], ours(), unseen="persistentvolumes")
    assert (verdict.status, why(verdict)) == (Status.NEVER, [NO_SPACE])
    waiting = judged([*cluster, claim("home")], ours(), unseen="persistentvolumes")
    assert waiting.status is Status.UNKNOWN


def test_a_claim_of_no_size_needs_no_sight_of_drivers():
    sized, bare = claim("home"), claim("home")
    del bare["spec"]["resources"]
    for found, status in ((sized, Status.UNKNOWN), (bare, Status.FITS_NOW)):
        verdict = judged([node(), storage_class(), found], ours(), unseen="csidrivers")
        assert verdict.status is status


CSI_NODE = {
    "kind": "CSINode",
    "metadata": {"name": "a"},
    "spec": {"drivers": [{"name": "disk.example.com", "nodeID": "a", "allocatable": {"count": 5}}]},
}
BUILT_IN = volume("pv", claimed="home")
BUILT_IN["spec"]["awsElasticBlockStore"] = {"volumeID": "d"}
del BUILT_IN["spec"]["csi"]
BOUND = claim("home", volume="pv")


@pytest.mark.parametrize(
    ("cluster", "version", "unseen", "idle"),
    [
        ([BOUND, volume("pv", claimed="home")], "1.35", "", True),
        ([BOUND, volume("pv", claimed="home", zone="za")], "1.35", "", False),
        ([BOUND, BUILT_IN], "1.35", "", False),
        ([BOUND], "1.35", "", True),
        ([storage_class(), claim("home")], "1.35", "", True),
        ([storage_class(), claim("home")], "1.35", "csidrivers", False),
        ([TRACKS, storage_class(), claim("home")], "1.35", "", False),
        ([storage_class(), promised()], "1.35", "", False),
        ([CSI_NODE, BOUND, volume("pv", claimed="home")], "1.35", "", False),
        ([BOUND, volume("pv", claimed="home")], "1.31", "", False),
        ([BOUND, volume("pv", claimed="home")], "1.35", "csinodes", False),
    ],
    ids=[
        *["plain", "in a zone", "built in", "blocked", "to be made", "by a driver unseen"],
        *["by a driver with little room", "on one node"],
        *["limits", "limits of nodes", "limits unseen"],
    ],
)
def test_filters_about_volumes_are_idle_only_where_no_node_could_fail(
    cluster, version, unseen, idle
):
    rules = Rules.for_version(version)
    snapshot = snapshot_of([node(), *cluster], rules, frozenset({unseen} - {""}))
    filters = prepare(candidate(ours(), rules), snapshot, rules).filters
    assert all(each.idle for each in filters[2:]) is idle


def test_an_ephemeral_claim_on_a_vanished_volume_leaves_no_filter_idle():
    lost = claim("ours-tmp", volume="gone")
    lost["metadata"]["ownerReferences"] = [{"kind": "Pod", "uid": "uid-ours", "controller": True}]
    asked = candidate(pod(cpu=1, spec=SCRATCH), Rules())
    filters = prepare(asked, snapshot_of([node(), lost]), Rules()).filters
    assert not all(each.idle for each in filters[2:])
