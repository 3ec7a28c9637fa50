"""``teamspawner doctor``: each thing that cannot work is told once, with its cure."""

from __future__ import annotations

import asyncio
import json

import pytest

from teamspawner.cli import main
from teamspawner.cli.rights import USUAL, manifests
from tests.chart.build import A100, a_gpu_node, a_map, a_node
from tests.chart.layers import EXAMPLES

SITE = str(EXAMPLES / "site.yaml")


def a_claim(*modes, namespace="jupyterhub", volume="pv", **spec):
    more = {"volumeName": volume} if volume else {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "jupyterhub-shared", "namespace": namespace},
        "spec": {
            "accessModes": list(modes),
            "resources": {"requests": {"storage": "1Gi"}},
            **more,
            **spec,
        },
        "status": {"phase": "Bound" if volume else "Pending"},
    }


GOOD = (a_node(), a_gpu_node(), a_claim("ReadWriteMany"))


def abouts(findings):
    return [(f["level"], f["about"]) for f in findings]


def test_a_cluster_that_serves_the_example_site_has_nothing_wrong(doctor):
    assert doctor(*GOOD, flags=["--map", SITE], code=0) == []


def test_every_finding_says_what_is_the_case_and_what_to_do(doctor):
    for finding in doctor(a_node(), flags=["--map", SITE, "--groups", ""], code=1):
        assert set(finding) == {"level", "about", "found", "cure"}
        assert all(finding.values())


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        pytest.param([], "the cluster has no node", id="none"),
        pytest.param([a_node(cordoned=True)], "no node is ready and open to pods", id="cordoned"),
    ],
)
def test_nodes_that_nothing_can_start_on(doctor, nodes, found):
    [finding] = doctor(*nodes, code=1)
    assert finding["found"] == found


def test_a_node_that_cannot_be_read_may_be_what_the_others_are_not(doctor):
    odd = {**a_node("odd"), "status": {"allocatable": {"cpu": "much"}}}
    tier = {"cpu": 99, "memory": "1Gi"}
    assert doctor(a_node(), the_map=a_map(tier), code=1)
    assert doctor(a_node(), odd, the_map=a_map(tier), code=0) == []
    assert doctor(a_node(cordoned=True), odd, code=0) == []


def test_nodes_that_were_not_looked_at_are_unseen_not_missing(doctor):
    [finding] = doctor(flags=["--unseen", "nodes"], code=1)
    assert finding["found"] == "the nodes are not seen"


def test_a_driver_that_is_down_is_told_of_the_first_node_and_the_others_are_counted(doctor):
    down = [a_gpu_node(f"gpu-{n}", nvidia_com__gpu=0) for n in range(3)]
    [finding] = doctor(a_node(), *down, code=1)
    assert finding["about"] == "node gpu-0 and 2 more"
    assert A100 in finding["found"]


def test_devices_without_a_label_are_a_warning(doctor):
    [finding] = doctor(a_node(), a_gpu_node(labels={}), code=0)
    assert finding["level"] == "warning"
    assert "nvidia.com/gpu" in finding["found"]


# the map against the cluster


@pytest.mark.parametrize(
    ("tier", "found"),
    [
        pytest.param(
            {"cpu": 17, "memory": "1Gi"}, "no node is large enough for 17 CPU", id="too-large"
        ),
        pytest.param(
            {"cpu": 1, "memory": "1Gi", "nodes": {"selector": {"pool": "x"}}},
            "no node has the labels pool=x",
            id="no-such-nodes",
        ),
        pytest.param(
            {"gpu": {"models": ["*H100*"]}, "per_gpu": "fair"},
            f"*H100* as whole, mig, shared; there are: {A100} (whole)",
            id="no-such-model",
        ),
        pytest.param(
            {"gpu": {"kinds": ["mig"]}, "per_gpu": "fair"}, "like * as mig", id="no-such-kind"
        ),
    ],
)
def test_a_tier_that_this_cluster_can_never_serve(doctor, tier, found):
    nodes = [a_gpu_node()] if "gpu" in tier else [a_node()]
    [finding] = doctor(*nodes, the_map=a_map(tier), code=1)
    assert finding["about"] == "tiers.small"
    assert found in finding["found"]


def test_a_count_that_no_machine_has_is_a_warning(doctor):
    tier = {"gpu": {"counts": [1, 4, 8]}, "per_gpu": "fair"}
    [finding] = doctor(a_gpu_node(), the_map=a_map(tier), code=0)
    assert finding["cure"] == "take 8 out of gpu.counts"


def test_a_tier_that_an_autoscaler_may_serve_is_left_alone(doctor):
    tier = {"cpu": 17, "memory": "1Gi", "nodes": {"selector": {"pool": "x"}}}
    the_map = a_map(tier, pools=[{"name": "x", "max_nodes": 3, "labels": {"pool": "x"}}])
    assert doctor(a_node(), the_map=the_map, code=0) == []


def test_a_name_for_a_label_that_no_node_has_is_a_warning(doctor):
    the_map = a_map(accelerators={"A100": {"name": "A100"}})
    [finding] = doctor(a_gpu_node(), the_map=the_map, code=0)
    assert finding["about"] == "accelerators.A100"
    assert A100 in finding["found"]


def _with_volume():
    volume = {"name": "data", "claim": "jupyterhub-shared", "mount": "/shared"}
    team = {"groups": ["*"], "tiers": ["small"], "volumes": [volume]}
    return a_map(teams={"all": team})


@pytest.mark.parametrize(
    ("objects", "level", "found"),
    [
        pytest.param([], "fault", "there is no claim jupyterhub-shared", id="missing"),
        pytest.param(
            [a_claim("ReadWriteMany", namespace="other")], "fault", "there is no", id="elsewhere"
        ),
        pytest.param(
            [a_claim("ReadWriteOnce")], "warning", "for one machine only", id="one-machine"
        ),
    ],
)
def test_a_team_volume_that_cannot_be_mounted(doctor, objects, level, found):
    [finding] = doctor(a_node(), *objects, the_map=_with_volume())
    assert (finding["level"], finding["about"]) == (level, "teams.all.volumes[0]")
    assert found in finding["found"]


def test_a_claim_whose_volume_is_lost_is_a_fault(doctor):
    lost = a_claim("ReadWriteMany")
    lost["status"]["phase"] = "Lost"
    [finding] = doctor(a_node(), lost, the_map=_with_volume(), code=1)
    assert "is lost" in finding["found"]


def a_class(name, mode="Immediate"):
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "nfs.example.org",
        "volumeBindingMode": mode,
    }


def an_unbound(name=None):
    return a_claim("ReadWriteMany", volume="", **({"storageClassName": name} if name else {}))


@pytest.mark.parametrize(
    ("name", "classes", "level", "told"),
    [
        pytest.param("nfs-client", ["b", "a"], "fault", ["does not exist", "a, b"], id="gone"),
        pytest.param("nfs-client", [], "fault", ["nfs-client", "there is none"], id="none"),
        pytest.param("a", ["a"], "warning", ["no volume yet", "describe pvc"], id="waits"),
        pytest.param(None, ["a"], "warning", ["no volume yet", "describe pvc"], id="no-class"),
    ],
)
def test_a_team_volume_that_nobody_provides(doctor, name, classes, level, told):
    objects = [a_node(), an_unbound(name), *map(a_class, classes)]
    [finding] = doctor(*objects, the_map=_with_volume())
    assert finding["level"] == level
    assert told[0] in finding["found"]
    assert told[1] in finding["cure"]


def test_a_volume_that_the_first_server_brings_is_not_missing(doctor):
    objects = [a_node(), an_unbound("late"), a_class("late", "WaitForFirstConsumer")]
    assert doctor(*objects, the_map=_with_volume(), code=0) == []


def test_storage_classes_that_were_not_looked_at_are_not_missing(doctor):
    flags = ["--unseen", "storageclasses"]
    objects = [a_node(), an_unbound("nfs-client")]
    assert doctor(*objects, the_map=_with_volume(), flags=flags, code=0) == []


def test_claims_that_were_not_looked_at_are_not_missing(doctor):
    flags = ["--unseen", "persistentvolumeclaims"]
    assert doctor(a_node(), the_map=_with_volume(), flags=flags, code=0) == []


def test_a_team_of_a_group_that_nobody_has_is_a_warning(doctor):
    flags = ["--map", SITE, "--groups", "research, Example-Org:Research-b"]
    assert doctor(*GOOD, flags=flags, code=0) == []
    [first, second] = doctor(*GOOD, flags=["--map", SITE, "--groups", "staff"], code=0)
    assert abouts([first, second]) == [("warning", "teams.research.groups")] * 2
    assert first["cure"] == "the hub knows: staff"


def test_faults_of_the_map_are_told_with_the_rest(doctor):
    found = doctor(
        a_gpu_node(nvidia_com__gpu=0), the_map="tiers: {x: {cpu: -1}}\nteams: {}", code=1
    )
    assert {each["about"].split(":")[0] for each in found} == {"map", "node gpu-1"}


def test_warnings_of_the_map_are_told_too(doctor):
    the_map = a_map(images={"x": {"image": "a/b:1"}})
    [finding] = doctor(a_node(), the_map=the_map, code=0)
    assert finding["about"].startswith("map: images.x")


def test_text_says_the_same_and_counts(tmp_path, capsys):
    dump = tmp_path / "dump.json"
    dump.write_text('{"kind": "List", "items": []}')
    assert main(["doctor", "--dump", str(dump)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "fault: nodes",
        "  found  the cluster has no node",
        "  cure   add one, or look at another",
        "1 fault, 0 warnings",
    ]


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--dump", "/nowhere.json"], 2, "cannot read /nowhere.json"),
        (["--dump", "-", "--map", "-"], 2, "both read standard input"),
        (["--map", "/nowhere.yaml"], 2, "cannot read /nowhere.yaml"),
        (["--unseen", "nodes"], 2, "--unseen without --dump"),
        ([], 3, "cannot reach the cluster"),
        (["--kubeconfig", "/nowhere"], 3, "cannot reach the cluster"),
    ],
    ids=["no-dump", "twice-stdin", "no-map", "unseen", "no-cluster", "no-kubeconfig"],
)
def test_used_wrongly_or_without_a_cluster_it_says_why(monkeypatch, capsys, flags, code, said):
    monkeypatch.setenv("KUBECONFIG", "/nowhere/at/all")
    assert main(["doctor", *flags]) == code
    assert said in capsys.readouterr().err


# a running API server


@pytest.fixture
def cluster(control_plane):
    """The administrator's client, and kubeconfigs of the hub's account and of the administrator."""
    from tests.controlplane.cluster import ADMIN, HUB

    return control_plane.admin, control_plane.kubeconfig(HUB), control_plane.kubeconfig(ADMIN)


@pytest.mark.controlplane
def test_rights_that_are_missing_are_told_with_the_command_that_gives_them(cluster, capsys):
    admin, hub, root = cluster
    flags = ["doctor", "--format", "json", "--namespace", "jupyterhub"]
    told = _told(capsys, [*flags, "--kubeconfig", str(hub)])
    by_about = {each["about"]: each for each in told}
    core = next(each for about, each in by_about.items() if "what is free" in about)
    assert core["level"] == "fault"
    assert "list and watch nodes, pods, namespaces, priorityclasses and" in core["found"]
    assert core["cure"].startswith("teamspawner rbac --features core --namespace jupyterhub")
    assert "rights to start servers" in by_about
    asked_by_admin = _told(capsys, [*flags, "--kubeconfig", str(root), "--service-account", "hub"])
    assert {f["found"] for f in asked_by_admin if "rights" in f["about"]} == {
        f["found"] for f in told if "rights" in f["about"]
    }

    made = manifests(USUAL, "jupyterhub", "hub")
    admin.create_namespace("jupyterhub")
    for each in made:
        admin.create(each)
    try:
        for _ in range(50):
            rest = _told(capsys, [*flags, "--kubeconfig", str(hub)])
            if not any("rights to see" in each["about"] for each in rest):
                break
            asyncio.run(asyncio.sleep(0.1))
        assert [f["about"] for f in rest if "rights" in f["about"]] == ["rights to start servers"]
    finally:
        _delete(admin, made)


@pytest.mark.controlplane
def test_who_may_not_ask_about_another_account_is_told_so_and_all_the_rest(cluster, capsys):
    _, hub, _ = cluster
    flags = ["--kubeconfig", str(hub), "--service-account", "other", "--map", SITE]
    told = {each["about"]: each for each in _told(capsys, ["doctor", "--format", "json", *flags])}
    assert "cannot create subjectaccessreviews" in told["rights"]["found"]
    assert "leave out --service-account" in told["rights"]["cure"]
    assert "nodes" in told


def _told(capsys, arguments):
    """The findings; messages would only say them again."""
    main(arguments)
    said = capsys.readouterr()
    assert said.err == ""
    return json.loads(said.out)["findings"]


def _delete(admin, made):
    from tests.controlplane.client import path_of

    for each in made:
        meta = each["metadata"]
        place = path_of(each["apiVersion"], each["kind"], meta.get("namespace", ""), meta["name"])
        admin.request("DELETE", place)
