"""Volumes: binding, provisioning, zones and what was not looked at."""

import pytest

from teamspawner.capacity import Status
from tests.core.raw import claim, judged, node, pod, storage_class, uses, volume, why

ZONE = "topology.kubernetes.io/zone"
BETA = "failure-domain.beta.kubernetes.io/zone"


def ours(*claims, **rest):
    return pod(cpu=1, spec=uses(*(claims or ("home",))), **rest)


def in_zone(name, zone):
    return node(name, labels={ZONE: zone})


def of_class(name, **spec):
    return claim(name, **spec)


def test_an_immediate_claim_must_be_bound_first():
    cluster = [node(), storage_class(mode="Immediate"), claim("home")]
    verdict = judged(cluster, ours())
    assert verdict.status is Status.NEVER
    assert why(verdict) == ["pod has unbound immediate PersistentVolumeClaims"]


@pytest.mark.parametrize(
    "found",
    [
        claim("home", storage_class=""),
        claim("home", storage_class="gone"),
        {**claim("home"), "spec": {"volumeName": "pv"}},
    ],
    ids=["no class", "class is gone", "half bound"],
)
def test_a_claim_that_nothing_would_serve_counts_as_unbound(found):
    verdict = judged([node(), storage_class(), volume("pv"), found], ours())
    assert why(verdict) == ["pod has unbound immediate PersistentVolumeClaims"]


def test_a_class_named_by_the_old_annotation_counts_first():
    found = claim("home", storage_class="gone")
    found["metadata"]["annotations"] = {"volume.beta.kubernetes.io/storage-class": "wait"}
    assert judged([node(), storage_class(), found], ours()).status is Status.FITS_NOW


def test_a_claim_being_deleted_serves_nobody():
    found = claim("home", volume="pv")
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    verdict = judged([node(), found, volume("pv")], ours())
    assert why(verdict) == ['persistentvolumeclaim "home" is being deleted']


def test_a_lost_claim_names_its_volume():
    found = {**claim("home", volume="pv"), "status": {"phase": "Lost"}}
    words = 'persistentvolumeclaim "home" bound to non-existent persistentvolume "pv"'
    assert why(judged([node(), found], ours())) == [words]


def test_a_vanished_volume_is_named():
    verdict = judged([node(), claim("home", volume="pv")], ours())
    assert why(verdict) == ['persistentvolume "pv" not found']


def test_topologies_of_the_class_say_where_a_volume_can_be_made():
    zones = [{"matchLabelExpressions": [{"key": ZONE, "values": ["za"]}]}]
    cluster = [
        in_zone("a", "za"),
        in_zone("b", "zb"),
        storage_class(allowedTopologies=zones),
        claim("home"),
    ]
    verdict = judged(cluster, ours())
    assert verdict.nodes == ("a",)
    assert why(verdict, "b") == ["node(s) didn't find available persistent volumes to bind"]


def test_a_claim_promised_to_a_node_is_served_there_alone():
    found = claim("home")
    found["metadata"]["annotations"] = {"volume.kubernetes.io/selected-node": "b"}
    assert judged([node("a"), node("b"), storage_class(), found], ours()).nodes == ("b",)


def static(**rest):
    return storage_class(provisioner="kubernetes.io/no-provisioner", **rest)


def test_without_a_provisioner_a_volume_must_be_there():
    assert judged([node(), static(), claim("home")], ours()).status is Status.NEVER
    assert judged([node(), static(), claim("home"), volume("pv")], ours()).nodes == ("a",)


def changed(found, **spec):
    return {**found, "spec": {**found["spec"], **spec}}


@pytest.mark.parametrize(
    "unfit",
    [
        changed(volume("pv"), capacity={"storage": "9Gi"}),
        changed(volume("pv"), accessModes=["ReadOnlyMany"]),
        changed(volume("pv"), volumeMode="Block"),
        changed(volume("pv"), storageClassName="other"),
        changed(volume("pv"), claimRef={"namespace": "default", "name": "other"}),
        changed(volume("pv"), claimRef={"namespace": "default", "name": "home", "uid": "old"}),
        changed(volume("pv"), volumeAttributesClassName="fast"),
        {**volume("pv"), "status": {"phase": "Released"}},
        {**volume("pv"), "metadata": {"name": "pv", "deletionTimestamp": "2026-01-01T00:00:00Z"}},
        volume("pv", zone="elsewhere"),
    ],
    ids=[
        *["small", "mode", "block", "class", "taken", "taken before", "attributes"],
        *["released", "deleting", "unreachable"],
    ],
)
def test_a_volume_that_does_not_match_serves_no_claim(unfit):
    assert judged([node(), static(), claim("home"), unfit], ours()).status is Status.NEVER


@pytest.mark.parametrize(
    ("version", "nodes"), [("1.30", ("a",)), ("1.31", ()), ("1.33", ()), ("1.34", ())]
)
def test_before_1_31_no_volume_is_left_out_for_its_attributes_class(version, nodes):
    fast = changed(volume("pv"), volumeAttributesClassName="fast")
    cluster = [node(), static(), claim("home"), fast]
    assert judged(cluster, ours(), version=version).nodes == nodes


def test_a_selector_of_a_claim_chooses_volumes():
    found = claim("home", selector={"matchLabels": {"tier": "fast"}})
    fast = volume("pv")
    fast["metadata"]["labels"] = {"tier": "fast"}
    assert judged([node(), static(), found, volume("pv")], ours()).nodes == ()
    assert judged([node(), static(), found, fast], ours()).nodes == ("a",)


def test_a_volume_kept_for_the_claim_goes_before_all_others():
    kept = changed(volume("kept", zone="zb"), claimRef={"namespace": "default", "name": "home"})
    cluster = [in_zone("a", "za"), in_zone("b", "zb"), static(), claim("home"), kept, volume("pv")]
    assert judged(cluster, ours()).nodes == ("b",)


def test_two_claims_need_two_volumes_and_the_small_one_takes_the_small_volume():
    small = claim("small", resources={"requests": {"storage": "1Gi"}})
    tiny = changed(volume("tiny"), capacity={"storage": "1Gi"})
    both = [node(), static(), claim("home"), small]
    assert judged([*both, volume("pv")], ours("home", "small")).nodes == ()
    assert judged([*both, volume("pv"), tiny], ours("home", "small")).nodes == ("a",)


def tracked(*capacities):
    driver = {
        "kind": "CSIDriver",
        "metadata": {"name": "disk.example.com"},
        "spec": {"storageCapacity": True},
    }
    found = [
        {
            "kind": "CSIStorageCapacity",
            "metadata": {"name": f"c{i}", "namespace": "x"},
            "storageClassName": "wait",
            **capacity,
        }
        for i, capacity in enumerate(capacities)
    ]
    return [node(), storage_class(), claim("home"), driver, *found]


@pytest.mark.parametrize(
    ("capacity", "fits"),
    [
        ({"nodeTopology": {}, "capacity": "10Gi"}, True),
        ({"nodeTopology": {}, "capacity": "9Gi"}, False),
        ({"nodeTopology": {}, "capacity": "99Gi", "maximumVolumeSize": "9Gi"}, False),
        ({"nodeTopology": {}}, False),
        ({"capacity": "10Gi"}, False),
        ({"nodeTopology": {"matchLabels": {"x": "y"}}, "capacity": "10Gi"}, False),
        ({"nodeTopology": {}, "capacity": "10Gi", "storageClassName": "other"}, False),
    ],
    ids=["enough", "little", "too large", "unsaid", "nowhere", "elsewhere", "other class"],
)
def test_a_driver_that_tracks_capacity_must_have_room(capacity, fits):
    verdict = judged(tracked(capacity), ours())
    assert (verdict.status is Status.FITS_NOW) is fits
    if not fits:
        assert why(verdict) == ["node(s) did not have enough free storage"]


def test_a_claim_that_asks_for_no_size_needs_no_room():
    cluster = tracked()
    cluster[2]["spec"].pop("resources")
    assert judged(cluster, ours()).status is Status.FITS_NOW


@pytest.mark.parametrize(
    ("of_volume", "of_node", "fits"),
    [
        ({ZONE: "za"}, {ZONE: "za"}, True),
        ({ZONE: "za"}, {ZONE: "zb"}, False),
        ({ZONE: "za__zb"}, {ZONE: "zb"}, True),
        ({ZONE: "za"}, {}, True),
        ({ZONE: "za"}, {"topology.kubernetes.io/region": "r"}, False),
        ({BETA: "za"}, {ZONE: "za"}, True),
        ({ZONE: "za"}, {BETA: "za"}, False),
        ({BETA: "za"}, {BETA: "za", ZONE: "zb"}, True),
        ({ZONE: "za__"}, {ZONE: "zb"}, True),
    ],
    ids=[
        *["same", "other", "either", "plain node", "region"],
        *["old label", "old node", "both labels", "malformed"],
    ],
)
def test_the_zone_label_of_a_volume_must_be_the_nodes(of_volume, of_node, fits):
    found = volume("pv", claimed="home")
    found["metadata"]["labels"] = of_volume
    cluster = [node(labels=of_node), claim("home", volume="pv"), found]
    assert (judged(cluster, ours()).status is Status.FITS_NOW) is fits


def scratch(owner):
    found = claim("ours-tmp")
    reference = {"kind": "Pod", "uid": owner, "controller": True}
    found["metadata"]["ownerReferences"] = [reference]
    return found


EPHEMERAL = {"volumes": [{"name": "tmp", "ephemeral": {"volumeClaimTemplate": {}}}]}


def test_an_ephemeral_claim_must_have_been_made_for_this_pod():
    wants = pod(cpu=1, spec=EPHEMERAL)
    cluster = [node(), storage_class()]
    assert judged([*cluster, scratch("uid-ours")], wants).status is Status.FITS_NOW
    assert "pod is not owner" in why(judged([*cluster, scratch("other")], wants))[0]
    assert "waiting for ephemeral volume controller" in why(judged(cluster, wants))[0]


def test_an_ephemeral_claim_on_a_vanished_volume_fits_nowhere():
    found = scratch("uid-ours")
    found["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
    found["spec"]["volumeName"] = "gone"
    words = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
    assert why(judged([node(), found], pod(cpu=1, spec=EPHEMERAL))) == [words]


BOUND = [claim("home", volume="pv"), volume("pv", claimed="home")]
WAITS = [storage_class(), claim("home")]
CSI_NODE = {
    "kind": "CSINode",
    "metadata": {"name": "a"},
    "spec": {"drivers": [{"name": "disk.example.com", "allocatable": {"count": 5}}]},
}


@pytest.mark.parametrize(
    ("cluster", "unseen", "status"),
    [
        (BOUND, "persistentvolumeclaims", Status.UNKNOWN),
        (BOUND, "persistentvolumes", Status.UNKNOWN),
        (BOUND, "storageclasses", Status.FITS_NOW),
        (BOUND, "csidrivers", Status.FITS_NOW),
        (BOUND, "csinodes", Status.UNKNOWN),
        (BOUND, "volumeattachments", Status.FITS_NOW),
        ([*BOUND, CSI_NODE], "volumeattachments", Status.UNKNOWN),
        (WAITS, "storageclasses", Status.UNKNOWN),
        (WAITS, "persistentvolumes", Status.FITS_NOW),
        ([static(), claim("home")], "persistentvolumes", Status.UNKNOWN),
        (WAITS, "csidrivers", Status.UNKNOWN),
        (tracked()[1:], "csistoragecapacities", Status.UNKNOWN),
        (WAITS, "csistoragecapacities", Status.FITS_NOW),
    ],
)
def test_what_hangs_on_kinds_not_looked_at_is_not_known(cluster, unseen, status):
    assert judged([node(), *cluster], ours(), unseen=unseen).status is status


def test_the_volumes_of_other_pods_may_fill_a_node_unseen():
    theirs = [pod("x", on="a", cpu=1, spec=uses("other")), claim("other", volume="pv2")]
    cluster = [node(), CSI_NODE, *BOUND, *theirs]
    assert judged(cluster, ours()).status is Status.FITS_NOW
    for unseen in ("persistentvolumes", "persistentvolumeclaims"):
        assert judged(cluster, ours(), unseen=unseen).status is Status.UNKNOWN
    made = [pod("x", on="a", cpu=1, spec=uses("new")), claim("new")]
    assert judged([node(), CSI_NODE, *BOUND, *made], ours()).nodes == ("a",)
    verdict = judged([node(), CSI_NODE, *BOUND, *made], ours(), unseen="storageclasses")
    assert verdict.status is Status.UNKNOWN


def test_a_volume_may_be_on_the_node_already_unseen():
    none = {
        **CSI_NODE,
        "spec": {"drivers": [{"name": "disk.example.com", "allocatable": {"count": 0}}]},
    }
    cluster = [node(), none, *BOUND]
    assert judged(cluster, ours()).status is Status.NEVER
    assert judged(cluster, ours(), unseen="pods").status is Status.UNKNOWN


def test_a_built_in_disk_may_be_taken_over_unseen():
    found = volume("pv", zone="za", claimed="home")
    found["spec"]["awsElasticBlockStore"] = {"volumeID": found["spec"].pop("csi")["volumeHandle"]}
    cluster = [in_zone("a", "za"), claim("home", volume="pv"), found]
    assert judged(cluster, ours()).status is Status.FITS_NOW
    assert judged(cluster, ours(), unseen="csinodes").status is Status.UNKNOWN


def test_what_was_not_looked_at_is_of_no_matter_where_nothing_else_fits():
    tainted = node(spec={"taints": [{"key": "k", "effect": "NoSchedule"}]})
    for cluster in (node(cpu=0), tainted):
        found = judged([cluster], ours(), unseen="persistentvolumeclaims")
        assert found.status is Status.NEVER


def test_whether_a_full_node_would_take_it_later_is_not_known_either():
    full = [node(cpu=1), pod("x", on="a", cpu=1)]
    assert judged(full, ours(), unseen="persistentvolumeclaims").status is Status.UNKNOWN


def test_evicting_does_not_make_known_what_was_not_looked_at():
    full = [node(cpu=1), pod("x", on="a", cpu=1, spec={"priority": -1})]
    found = judged(full, ours(), unseen="persistentvolumeclaims")
    assert (found.status, found.preempt) == (Status.UNKNOWN, ())


def test_reasons_of_what_is_not_known_name_the_kind():
    found = judged([node()], ours(), unseen="persistentvolumeclaims")
    assert [reason.detail for reason in found.reasons] == ["persistentvolumeclaims"]


@pytest.mark.parametrize(
    ("kind", "nodes"), [("Managed", ()), ("Shared", ("a",)), ("Dedicated", ("a",)), (None, ("a",))]
)
def test_of_azures_disks_only_managed_ones_count_for_the_csi_driver(kind, nodes):
    def azure(name, claimed):
        found = volume(name, claimed=claimed)
        del found["spec"]["csi"]
        disk = {"diskName": name, "diskURI": f"/subscriptions/{name}"}
        found["spec"]["azureDisk"] = {**disk, "kind": kind} if kind else disk
        return found

    taken_over = [{"name": "disk.csi.azure.com", "allocatable": {"count": 1}}]
    limits = {**CSI_NODE, "spec": {"drivers": taken_over}}
    claims = [claim("theirs", volume="one"), claim("home", volume="two")]
    there = pod("x", on="a", cpu=1, spec=uses("theirs"))
    cluster = [node(), limits, *claims, azure("one", "theirs"), azure("two", "home"), there]
    assert judged(cluster, pod(cpu=1, spec=uses("home"))).nodes == nodes


MUST_BE_THERE = {
    "kind": "CSIDriver",
    "metadata": {"name": "disk.example.com"},
    "spec": {"preventPodSchedulingIfMissing": True},
}


def test_from_1_37_a_driver_may_keep_pods_off_nodes_without_it():
    cluster = [node("a"), node("b"), CSI_NODE, MUST_BE_THERE, *BOUND]
    assert judged(cluster, ours(), version="1.36").nodes == ("a", "b")
    verdict = judged(cluster, ours(), version="1.37")
    assert verdict.nodes == ("a",)
    assert why(verdict, "b") == ["disk.example.com CSI driver is not installed on the node"]
    nowhere = judged([node("b"), MUST_BE_THERE, *BOUND], ours(), version="1.37")
    assert nowhere.status is Status.NEVER


def test_whether_a_driver_keeps_pods_off_may_not_be_known():
    cluster = [node("b"), *BOUND]
    assert judged(cluster, ours(), version="1.37").nodes == ("b",)
    unseen = judged(cluster, ours(), version="1.37", unseen="csidrivers")
    assert unseen.status is Status.UNKNOWN
    assert judged(cluster, ours(), version="1.36", unseen="csidrivers").nodes == ("b",)
