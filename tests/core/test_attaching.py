"""NodeVolumeLimits rule by rule (kube-scheduler ``nodevolumelimits/csi.go``)."""

import pytest

from teamspawner.capacity import Status
from tests.core.raw import claim, judged, node, pod, storage_class, uses, volume, why

DRIVER, OTHER = "disk.example.com", "other.example.com"
FULL = ["node(s) exceed max volume count"]


def limits(name="a", **most):
    """A CSINode: ``limits(disk=1)`` lets one volume of ``disk.example.com`` be attached."""
    drivers = [
        {"name": f"{driver}.example.com", "nodeID": name, "allocatable": {"count": count}}
        for driver, count in most.items()
    ]
    return {"kind": "CSINode", "metadata": {"name": name}, "spec": {"drivers": drivers}}


def bound(name, **rest):
    """A claim and its CSI volume."""
    return [claim(name, volume=f"pv-{name}"), volume(f"pv-{name}", claimed=name, **rest)]


def using(*claims, name="x", **rest):
    return pod(name, on="a", cpu=1, spec=uses(*claims), **rest)


def ours(*claims):
    return pod(cpu=1, spec=uses(*claims))


def attachment(volume_name, driver=DRIVER, on="a"):
    source = {"persistentVolumeName": volume_name} if volume_name else {"inlineVolumeSpec": {}}
    return {
        "kind": "VolumeAttachment",
        "metadata": {"name": f"{driver}-{volume_name}-{on}"},
        "spec": {"attacher": driver, "nodeName": on, "source": source},
    }


def test_each_driver_has_its_own_limit():
    cluster = [node(), limits(disk=1, other=1), *bound("home"), *bound("far", driver=OTHER)]
    assert judged(cluster, ours("home", "far")).nodes == ("a",)
    assert judged([*cluster, *bound("b"), using("b")], ours("home", "far")).nodes == ()
    held = [*bound("b", driver=OTHER), using("b")]
    assert judged([*cluster, *held], ours("home")).nodes == ("a",)


def test_a_driver_without_a_limit_takes_any_number():
    cluster = [node(), limits(other=0), *bound("home"), *bound("b"), using("b")]
    assert judged(cluster, ours("home")).nodes == ("a",)


def test_volumes_on_the_node_already_fit_even_beyond_the_limit():
    cluster = [node(), limits(disk=1), *bound("home"), *bound("b"), using("home", "b")]
    assert judged(cluster, ours("home", "b")).nodes == ("a",)


def test_a_claim_to_be_made_counts_for_its_provisioner():
    cluster = [node(), storage_class(), claim("new"), claim("newer"), limits(disk=1)]
    assert judged(cluster, ours("new")).nodes == ("a",)
    assert why(judged(cluster, ours("new", "newer"))) == FULL
    made = using("newer")
    assert why(judged([*cluster, made], ours("new"))) == FULL


def test_a_claim_of_a_class_that_is_gone_does_not_count():
    theirs = [claim("lost", storage_class="gone"), claim("bare", storage_class="")]
    cluster = [node(), limits(disk=1), *bound("home"), *theirs, using("lost", "bare", "missing")]
    assert judged(cluster, ours("home")).nodes == ("a",)


def test_a_claim_whose_volume_is_gone_counts_for_its_provisioner():
    theirs = [claim("lost", volume="gone"), storage_class()]
    cluster = [node(), limits(disk=1), *bound("home"), *theirs, using("lost")]
    assert why(judged(cluster, ours("home"))) == FULL


def csi_node(driver, count=1):
    """A CSINode that lets so many volumes of one driver be attached."""
    found = {"name": driver, "nodeID": "a", "allocatable": {"count": count}}
    return {**limits(), "spec": {"drivers": [found]}}


@pytest.mark.parametrize(
    ("provisioner", "driver", "fits"),
    [
        ("kubernetes.io/aws-ebs", "ebs.csi.aws.com", False),
        ("ebs.csi.aws.com", "ebs.csi.aws.com", False),
        ("kubernetes.io/azure-file", "file.csi.azure.com", True),
        ("kubernetes.io/azure-file", "kubernetes.io/azure-file", True),
    ],
)
def test_a_built_in_provisioner_counts_for_the_driver_that_took_it_over(provisioner, driver, fits):
    theirs = [storage_class("old", provisioner=provisioner), claim("new", storage_class="old")]
    home = bound("home", driver=driver)
    verdict = judged([node(), csi_node(driver), *home, *theirs, using("new")], ours("home"))
    assert (verdict.status is Status.FITS_NOW) is fits


def on_aws(*names):
    """A specification with disks of AWS named in the pod itself."""
    disks = [{"name": name, "awsElasticBlockStore": {"volumeID": name}} for name in names]
    return {"volumes": disks}


@pytest.mark.parametrize(("count", "nodes"), [(1, ()), (2, ("a",))])
def test_each_built_in_disk_takes_a_place_of_the_driver_that_took_it_over(count, nodes):
    cluster = [node(), csi_node("ebs.csi.aws.com", count)]
    assert judged(cluster, pod(cpu=1, spec=on_aws("one", "two"))).nodes == nodes


def test_built_in_disks_take_no_place_on_a_node_without_a_csi_node():
    limited = node(**{"attachable-volumes-csi-ebs.csi.aws.com": 0})
    found = bound("home")
    found[1]["spec"]["awsElasticBlockStore"] = {"volumeID": "home"}
    del found[1]["spec"]["csi"]
    assert judged([limited, *found], ours("home"), version="1.31").nodes == ("a",)
    assert judged([limited], pod(cpu=1, spec=on_aws("one")), version="1.31").nodes == ("a",)


def test_a_volume_without_a_handle_takes_no_place():
    odd = bound("odd")
    del odd[1]["spec"]["csi"]["volumeHandle"]
    cluster = [node(), limits(disk=1), *bound("home"), *odd, using("odd")]
    assert judged(cluster, ours("home")).nodes == ("a",)


def test_disks_named_in_pods_hang_on_no_claim_that_was_not_looked_at():
    cluster = [node(), csi_node("ebs.csi.aws.com", 9), pod("x", on="a", cpu=1, spec=on_aws("b"))]
    asked = pod(cpu=1, spec=on_aws("one"))
    assert judged(cluster, asked, unseen="persistentvolumeclaims").status is Status.FITS_NOW


def test_a_volume_of_no_csi_driver_takes_no_place():
    plain = bound("plain")
    plain[1]["spec"]["nfs"] = {"server": "s", "path": "/"}
    del plain[1]["spec"]["csi"]
    cluster = [node(), limits(disk=1), *bound("home"), *plain]
    assert judged([*cluster, using("plain")], ours("home")).nodes == ("a",)
    assert judged([*cluster, using("home")], ours("plain")).nodes == ("a",)


@pytest.mark.parametrize(
    ("lingering", "fits"),
    [
        (attachment("pv-b"), False),
        (attachment("pv-b", on="b"), True),
        (attachment("pv-b", driver=OTHER), True),
        (attachment("gone"), True),
        (attachment("pv-plain"), True),
        (attachment("pv-used"), True),
    ],
    ids=["held", "elsewhere", "other driver", "volume gone", "no csi", "counted already"],
)
def test_an_attached_volume_that_no_pod_uses_takes_a_place(lingering, fits):
    plain = bound("plain")
    plain[1]["spec"]["nfs"] = {"server": "s", "path": "/"}
    del plain[1]["spec"]["csi"]
    known = [*bound("home"), *bound("b"), *bound("used"), *plain, using("used")]
    verdict = judged([node(), limits(disk=2), *known, lingering], ours("home"))
    assert (verdict.status is Status.FITS_NOW) is fits


@pytest.mark.parametrize(
    ("allocatable", "version", "fits"),
    [
        ({f"attachable-volumes-csi-{DRIVER}": 1}, "1.31", False),
        ({f"attachable-volumes-csi-{DRIVER}": 1}, "1.32", True),
        ({f"attachable-volumes-csi-{OTHER}": 1}, "1.31", True),
        ({DRIVER: 1}, "1.31", True),
    ],
    ids=["up to 1.31", "not since", "other driver", "other resource"],
)
def test_the_nodes_allocatable_may_hold_a_limit_up_to_1_31(allocatable, version, fits):
    cluster = [node(**allocatable), *bound("home"), *bound("b"), using("b")]
    verdict = judged(cluster, ours("home"), version=version)
    assert (verdict.status is Status.FITS_NOW) is fits


TEMPLATE = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
SCRATCH = {"volumes": [{"name": "tmp", "ephemeral": {"volumeClaimTemplate": {"spec": TEMPLATE}}}]}


@pytest.mark.parametrize(
    ("owner", "nodes"), [("uid-x", ("a",)), ("other", ()), (None, ("a",))], ids=str
)
def test_a_node_where_an_ephemeral_claim_is_anothers_takes_no_volume(owner, nodes):
    theirs = bound("x-tmp")
    reference = {"kind": "Pod", "uid": owner, "controller": True}
    theirs[0]["metadata"]["ownerReferences"] = [reference]
    there = pod("x", on="a", cpu=1, spec=SCRATCH)
    cluster = [node(), limits(disk=9), *bound("home"), there, *(theirs if owner else [])]
    assert judged(cluster, ours("home")).nodes == nodes
    assert judged(cluster, pod(cpu=1)).nodes == ("a",)


def test_nobody_is_evicted_where_an_ephemeral_claim_is_anothers():
    theirs = bound("x-tmp")
    reference = {"kind": "Pod", "uid": "other", "controller": True}
    theirs[0]["metadata"]["ownerReferences"] = [reference]
    there = pod("x", on="a", cpu=1, spec={**SCRATCH, "priority": -1})
    verdict = judged([node(), limits(disk=9), *bound("home"), *theirs, there], ours("home"))
    assert verdict.preempt == ()


def test_a_claim_that_several_use_takes_one_place():
    cluster = [node(), limits(disk=2), *bound("home"), *bound("b")]
    users = [using("b", name="one"), using("b", name="two")]
    assert judged([*cluster, *users], ours("home")).nodes == ("a",)


@pytest.mark.parametrize(
    ("theirs", "asked", "unseen", "status"),
    [
        ([claim("b", storage_class="")], "home", "storageclasses", Status.FITS_NOW),
        (bound("b"), "home", "storageclasses", Status.FITS_NOW),
        ([claim("b", volume="gone")], "home", "storageclasses", Status.UNKNOWN),
        ([claim("b", volume="gone")], "home", "csidrivers", Status.FITS_NOW),
        ([claim("b")], "new", "persistentvolumes", Status.FITS_NOW),
    ],
    ids=["no class", "bound", "class behind a lost volume", "known by its class", "unbound"],
)
def test_only_what_could_tell_another_pods_driver_makes_its_node_unknown(
    theirs, asked, unseen, status
):
    known = [*bound("home"), storage_class(), claim("new"), *theirs, using("b")]
    verdict = judged([node(), limits(disk=2), *known], ours(asked), unseen=unseen)
    assert verdict.status is status


def test_a_limit_that_is_reached_stands_whatever_else_may_be_attached():
    cluster = [node(), limits(disk=1), *bound("home"), *bound("b"), using("b")]
    verdict = judged(cluster, ours("home"), unseen="volumeattachments")
    assert why(verdict) == FULL


def test_attachments_not_looked_at_are_of_no_matter_up_to_1_31():
    cluster = [node(), limits(disk=1), *bound("home")]
    asked = ours("home")
    assert judged(cluster, asked, unseen="volumeattachments").status is Status.UNKNOWN
    older = judged(cluster, asked, unseen="volumeattachments", version="1.31")
    assert older.status is Status.FITS_NOW


ZONE = "topology.kubernetes.io/zone"
MIGRATED = {
    "storage.alpha.kubernetes.io/migrated-plugins": "kubernetes.io/gce-pd,kubernetes.io/aws-ebs"
}


def built_in(name, field, disk, **labels):
    """A claim bound to a volume of a built-in driver."""
    found = bound(name)
    found[1]["metadata"]["labels"] = labels
    found[1]["spec"][field] = disk
    del found[1]["spec"]["csi"]
    return found


DISKS = pytest.mark.parametrize(
    ("field", "disk", "zones", "sound"),
    [
        pytest.param("gcePersistentDisk", "d", "", True, id="no-zone"),
        pytest.param("gcePersistentDisk", "d", "a", True, id="one-zone-however-called"),
        pytest.param("gcePersistentDisk", "d", "eu-w1-a__eu-w1-b", True, id="one-region"),
        pytest.param("gcePersistentDisk", "d", "eu-w1-a__eu-w2-a", False, id="two-regions"),
        pytest.param("gcePersistentDisk", "d", "a__b", False, id="odd-zones"),
        pytest.param("awsElasticBlockStore", "d", "", True, id="plain"),
        pytest.param("awsElasticBlockStore", "aws://eu-1a/vol-1", "", True, id="url"),
        pytest.param("awsElasticBlockStore", "aws:///vol-1/", "", True, id="url-without-zone"),
        pytest.param("awsElasticBlockStore", "aws://eu-1a/d", "", False, id="odd-url"),
        pytest.param("awsElasticBlockStore", "aws://eu-1a/x/vol-1", "", False, id="longer-url"),
    ],
)


@DISKS
def test_a_volume_that_cannot_be_translated_is_not_placed_where_its_driver_is_gone(
    field, disk, zones, sound
):
    labels = {ZONE: zones} if zones else {}
    named = {"pdName" if field.startswith("gce") else "volumeID": disk}
    first = zones.split("__")[0]
    there = node(labels={ZONE: first, "topology.gke.io/zone": first} if zones else {})
    home = built_in("home", field, named, **labels)
    old, new = limits(), limits()
    new["metadata"] = {**new["metadata"], "annotations": MIGRATED}
    assert judged([there, old, *home], ours("home")).nodes == ("a",)
    assert judged([there, new, *home], ours("home")).nodes == (("a",) if sound else ())


@DISKS
def test_a_volume_that_cannot_be_translated_takes_no_place(field, disk, zones, sound):
    driver = "pd.csi.storage.gke.io" if field.startswith("gce") else "ebs.csi.aws.com"
    named = {"pdName" if field.startswith("gce") else "volumeID": disk}
    theirs = built_in("theirs", field, named, **({ZONE: zones} if zones else {}))
    cluster = [node(), csi_node(driver), *bound("home", driver=driver), *theirs, using("theirs")]
    assert judged(cluster, ours("home")).nodes == (() if sound else ("a",))
