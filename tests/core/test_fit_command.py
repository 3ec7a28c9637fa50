"""The command ``teamspawner fit``: its output, exit codes and messages."""

import io
import json
import sys

import pytest

from teamspawner.cli import main
from tests.core.raw import GPU, claim, node, pod, storage_class, uses

PODS_YAML = """
kind: Pod
metadata: {name: one, creationTimestamp: 2026-01-01T00:00:00Z}
spec: {containers: [{name: c, resources: {requests: {cpu: 1}}}]}
---
---
kind: List
items:
- kind: Pod
  metadata: {name: two, namespace: team}
  spec: {containers: [{name: c, resources: {requests: {cpu: 100}}}]}
"""


@pytest.fixture
def run(tmp_path, capsys):
    """Run the command; returns exit code, standard output and standard error."""

    def write(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def call(pods, *dumps, options=()):
        found = [write(f"dump{i}.json", dump) for i, dump in enumerate(dumps)]
        given = [word for path in found for word in ("--dump", path)]
        code = main(["fit", "-f", write("pods", pods), *given, *options])
        return code, *capsys.readouterr()

    call.write = write
    return call


def a_list(*items):
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def results(out):
    return json.loads(out)["results"]


def test_the_json_output_has_all_keys_and_no_time_for_a_dump(run):
    code, out, err = run(pod(cpu=1), a_list(node("a")), options=["--format", "json"])
    found = json.loads(out)
    assert (code, err, found["as_of"]) == (0, "", None)
    assert found["results"] == [
        {
            "pod": "default/ours",
            "verdict": "FITS_NOW",
            "nodes": ["a"],
            "rejected": {},
            "preempt": [],
            "sentence": "Starts right away.",
        }
    ]


def test_rejected_nodes_carry_the_schedulers_words(run):
    _, out, _ = run(pod(cpu=99), a_list(node("a")), options=["--format", "json"])
    assert results(out)[0]["rejected"] == {"a": ["Insufficient cpu"]}


def test_yaml_documents_and_lists_are_judged_one_by_one(run):
    code, out, _ = run(PODS_YAML, a_list(node("a")), options=["--format", "json"])
    found = [(each["pod"], each["verdict"]) for each in results(out)]
    assert code == 1
    assert found == [("default/one", "FITS_NOW"), ("team/two", "NEVER")]


def test_each_pod_is_judged_alone(run):
    both = a_list(pod("x", cpu=5), pod("y", cpu=5))
    code, out, _ = run(both, a_list(node("a", cpu=8)), options=["--format", "json"])
    assert (code, [each["verdict"] for each in results(out)]) == (0, ["FITS_NOW", "FITS_NOW"])


def test_preemption_is_a_yes(run):
    cluster = a_list(node("a"), pod("x", on="a", cpu=8, spec={"priority": -10}))
    code, out, _ = run(pod(cpu=8), cluster, options=["--format", "json"])
    assert (code, results(out)[0]["preempt"]) == (0, ["a"])


def test_the_text_says_where_and_why(run):
    taint = {"taints": [{"key": "team", "value": "x", "effect": "NoSchedule"}]}
    code, out, _ = run(pod(cpu=1), a_list(node("a"), node("b", spec=taint)))
    assert code == 0
    assert out.splitlines() == [
        "default/ours: FITS_NOW: Starts right away.",
        "  takes it: a",
        "  not on b: node(s) had untolerated taint(s) (team=x:NoSchedule)",
    ]


def test_nodes_that_reject_alike_are_told_together(run):
    nodes = [node(f"n{i:02}", cpu=1) for i in range(12)]
    _, out, _ = run(pod(cpu=2), a_list(*nodes, node("other", spec={"unschedulable": True})))
    assert out.splitlines()[1:] == [
        "  not on n00, n01, n02, n03, n04, n05, n06, n07 and 4 more: Insufficient cpu",
        "  not on other: node(s) were unschedulable",
    ]


def test_several_dumps_are_one_cluster_and_the_later_object_wins(run):
    code, _, _ = run(pod(cpu=6), a_list(node("a", cpu=1), node("b", cpu=1)), a_list(node("a")))
    assert code == 0


def test_a_dump_is_read_from_standard_input(run, monkeypatch):
    text = json.dumps(a_list(node("a"))).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    code, _, _ = run(pod(cpu=1), options=["--dump", "-"])
    assert code == 0


def test_pods_are_read_from_standard_input(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PODS_YAML.encode())))
    dump = run.write("dump.json", a_list(node("a")))
    assert main(["fit", "-f", "-", "--dump", dump]) == 1
    assert "team/two: NEVER" in capsys.readouterr().out


def test_both_from_standard_input_is_refused(run):
    code = main(["fit", "-f", "-", "--dump", "-"])
    assert code == 2


def test_a_typed_list_is_a_dump_too(run):
    bare = {key: value for key, value in node("a").items() if key != "kind"}
    code, _, _ = run(pod(cpu=1), {"kind": "NodeList", "items": [bare]})
    assert code == 0


def test_kinds_that_are_not_known_are_passed_over(run):
    other = {"apiVersion": "example.com/v1", "kind": "Rocket", "metadata": {"name": "x"}}
    assert run(pod(cpu=1), a_list(node("a"), other))[0] == 0


def test_an_odd_object_is_left_out_and_told(run):
    bad = node("bad")
    bad["status"]["allocatable"]["cpu"] = "many"
    code, _, err = run(pod(cpu=1), a_list(node("a"), bad, 7, {"kind": "Node"}))
    assert code == 0
    assert "left out nodes bad: status.allocatable.cpu: 'many' is not a quantity" in err
    assert "items[2]" in err
    assert "nodes without name" in err


def test_many_odd_objects_are_counted(run):
    odd = [{**node(f"n{i}"), "spec": {"taints": 5}} for i in range(9)]
    _, _, err = run(pod(cpu=1), a_list(*odd))
    assert len(err.splitlines()) == 6
    assert "4 more" in err


def test_null_lists_and_missing_statuses_are_no_faults(run):
    empty = {"kind": "Pod", "metadata": {"name": "x", "labels": None}, "spec": {"nodeName": "a"}}
    nulls = {"kind": "Pod", "metadata": {"name": "y"}, "spec": None, "status": None}
    full = {
        "kind": "Pod",
        "metadata": {"name": "z", "ownerReferences": None},
        "spec": {
            "nodeName": "a",
            "containers": None,
            "volumes": None,
            "tolerations": None,
            "affinity": None,
            "topologySpreadConstraints": None,
        },
        "status": {"conditions": None, "containerStatuses": None},
    }
    bare = {"kind": "Node", "metadata": {"name": "bare"}}
    code, out, err = run(
        pod(cpu=1), a_list(node("a"), empty, nulls, full, bare), options=["--format", "json"]
    )
    assert (code, err) == (0, "")
    assert results(out)[0]["rejected"] == {"bare": ["Too many pods", "Insufficient cpu"]}


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ("{", "neither YAML nor JSON"),
        ("", "found no pod"),
        ("just words", "found text"),
        ({"kind": "Deployment"}, "found kind Deployment; allowed: a Pod"),
        ({"kind": "List", "items": [{"kind": "Node"}]}, "items[0]: found kind Node"),
        ({"kind": "List", "items": [3]}, "items[0]: found a number"),
        ({"kind": "Pod", "spec": {"containers": 5}}, "spec.containers"),
        (pod(cpu="lots"), "'lots' is not a quantity"),
    ],
)
def test_unusable_pods_are_refused_with_place_and_reason(run, pods, said):
    code, out, err = run(pods, a_list(node("a")))
    assert (code, out) == (2, "")
    assert said in err


def test_a_missing_file_is_named(run, capsys):
    assert main(["fit", "-f", "/nowhere/pods.yaml", "--dump", "x"]) == 2
    assert "cannot read /nowhere/pods.yaml: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dump", "said"),
    [
        ("nonsense", "is no dump"),
        ({"kind": "Rocket"}, "found kind Rocket"),
        ({}, "found kind none"),
    ],
)
def test_what_is_no_dump_is_refused(run, dump, said):
    code, _, err = run(pod(cpu=1), dump)
    assert code == 2
    assert said in err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_dump_that_a_shell_wrote_with_a_mark_is_read(run, tmp_path, encoding):
    mark = "" if encoding in {"utf-8-sig", "utf-16"} else "\ufeff"
    path = tmp_path / "dump.json"
    path.write_bytes((mark + json.dumps(a_list(node("a")))).encode(encoding))
    assert run(pod(cpu=1), options=["--dump", str(path)])[0] == 0


def test_a_missing_dump_is_named(run):
    code, _, err = run(pod(cpu=1), options=["--dump", "/nowhere.json"])
    assert (code, "cannot read /nowhere.json" in err) == (2, True)


def test_an_unknown_kind_is_told_with_the_nearest(run):
    code, _, err = run(pod(cpu=1), a_list(node("a")), options=["--unseen", "persistentvolumeclaim"])
    assert code == 2
    assert "did you mean persistentvolumeclaims?" in err


def test_what_was_not_looked_at_is_not_known(run):
    options = ["--unseen", "persistentvolumeclaims", "--format", "json"]
    code, out, _ = run(pod(cpu=1, spec=uses("home")), a_list(node("a")), options=options)
    assert (code, results(out)[0]["verdict"], results(out)[0]["nodes"]) == (1, "UNKNOWN", [])


@pytest.mark.parametrize(
    "kinds",
    [
        "persistentvolumeclaims,persistentvolumes,storageclasses,csinodes,csidrivers",
        "volumeattachments,csistoragecapacities,namespaces,priorityclasses,poddisruptionbudgets",
    ],
)
def test_unseen_kinds_that_do_not_matter_leave_the_answer(run, kinds):
    assert run(pod(cpu=1), a_list(node("a")), options=["--unseen", kinds])[0] == 0


def test_without_sight_of_nodes_nothing_is_known(run):
    options = ["--unseen", "nodes", "--format", "json"]
    _, out, _ = run(pod(cpu=1), a_list(node("a")), options=options)
    assert results(out)[0]["verdict"] == "UNKNOWN"


def a_user_scheduler(image):
    labels = {"labels": {"component": "user-scheduler"}}
    return pod("user-scheduler", meta=labels, containers=[{"name": "s", "image": image}])


POD_LEVEL = pod(cpu=1, spec={"resources": {"requests": {"cpu": "64"}}})


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("registry.k8s.io/kube-scheduler:v1.30.14", 0),
        ("registry.k8s.io/kube-scheduler:v1.35.7", 1),
        ("registry.k8s.io/kube-scheduler:v1.30.14@sha256:00ff", 0),
        ("registry:5000/kube-scheduler", 1),
    ],
)
def test_the_version_is_that_of_the_user_scheduler_in_the_dump(run, image, code):
    assert run(POD_LEVEL, a_list(node("a"), a_user_scheduler(image)))[0] == code


def test_a_user_scheduler_that_cannot_be_read_is_passed_over(run):
    odd = {**a_user_scheduler("x:v1.30.1"), "spec": {"containers": 5}}
    assert run(POD_LEVEL, a_list(node("a"), odd))[0] == 1


def test_the_version_asked_for_wins(run):
    seen = a_user_scheduler("registry.k8s.io/kube-scheduler:v1.35.7")
    assert run(POD_LEVEL, a_list(node("a"), seen), options=["--scheduler-version", "1.30"])[0] == 0


def test_a_version_that_was_not_measured_is_judged_by_the_nearest_and_warned_of(run):
    code, _, err = run(pod(cpu=1), a_list(node("a")), options=["--scheduler-version", "1.99"])
    assert code == 0
    assert "1.99 was not measured" in err
    assert "judged as 1.37" in err


@pytest.mark.parametrize("version", ["2.1", "new", "1.", "1"])
def test_what_is_no_version_is_refused(run, version):
    code, _, err = run(pod(cpu=1), a_list(node("a")), options=["--scheduler-version", version])
    assert code == 2
    assert "--scheduler-version" in err


def test_a_further_scheduler_can_be_named(run):
    ours = pod(cpu=1, spec={"schedulerName": "mine"})
    assert run(ours, a_list(node("a")))[0] == 1
    assert run(ours, a_list(node("a")), options=["--scheduler-name", "mine"])[0] == 0


def test_a_missing_disk_is_said_in_words(run):
    code, out, _ = run(pod(cpu=1, spec=uses("home")), a_list(node("a"), storage_class()))
    assert code == 1
    assert 'persistentvolumeclaim "home" not found' in out


def test_all_devices_in_use_is_said_in_words(run):
    _, out, _ = run(pod(gpu=1), a_list(node("a", gpu=1), pod("x", on="a", gpu=1)))
    assert f"default/ours: BUSY: All {GPU} are in use." in out


def deleting(name):
    return {
        **claim(name),
        "metadata": {**claim(name)["metadata"], "deletionTimestamp": "2026-01-01"},
    }


DISK = {"ephemeral-storage": "1Gi"}


@pytest.mark.parametrize(
    ("ours", "cluster", "said"),
    [
        pytest.param(
            pod(cpu="1m", memory="1Gi"),
            [node(cpu=1, memory="1Gi"), pod("x", on="a", cpu=1)],
            "No machine has 0.001 CPU and 1 GiB of memory free now.",
            id="little-cpu",
        ),
        pytest.param(
            pod(memory="1Gi", **DISK),
            [node(**DISK), pod("x", on="a", **DISK)],
            "No machine has 1 GiB of memory and 1 GiB of local disk free now.",
            id="local-disk",
        ),
        pytest.param(
            pod(cpu=1, **DISK),
            [node(spec={"unschedulable": True}), node("b")],
            "No machine is large enough: this asks for 1 GiB of local disk,"
            " the largest has no local disk.",
            id="no-local-disk",
        ),
        pytest.param(
            pod(cpu=1, gpu=1, **{"example.com/x": 2}),
            [node(gpu=1)],
            "No machine has 2 example.com/x; the largest has 0.",
            id="a-second-device",
        ),
        pytest.param(
            pod(memory="1Gi", gpu=1),
            [node(gpu=1), pod("x", on="a", memory="32Gi")],
            "One nvidia.com/gpu is free, but no memory is left beside it.",
            id="nothing-left",
        ),
        pytest.param(
            pod(cpu=1, spec=uses("home")),
            [node(), deleting("home")],
            "The disk that this needs is being deleted.",
            id="disk-being-deleted",
        ),
        pytest.param(
            pod(cpu=1, spec=uses("home")),
            [node(), claim("home", storage_class="none")],
            "The disk that this needs is still to be made.",
            id="disk-to-be-made",
        ),
        pytest.param(
            pod(cpu=1, spec=uses("home")),
            [node(), claim("home", volume="gone")],
            "A disk that this needs does not exist; tell the people who run this hub.",
            id="volume-gone",
        ),
    ],
)
def test_the_sentence_names_what_stands_in_the_way(run, ours, cluster, said):
    _, out, _ = run(ours, a_list(*cluster), options=["--format", "json"])
    assert results(out)[0]["sentence"] == said


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"requests": {GPU: 1}}, f"{GPU} is requested without the same limit"),
        ({"requests": {GPU: 1}, "limits": {GPU: 2}}, f"{GPU} is requested without the same limit"),
        ({"limits": {GPU: "500m"}}, f"a part of one {GPU} is requested"),
        ({"requests": {"cpu": 2}, "limits": {"cpu": 1}}, "more cpu is requested than its limit"),
        ({"requests": {"hugepages-2Mi": "2Mi"}}, "hugepages-2Mi is requested without the same"),
        ({"requests": {"memory": -1}}, "less than no memory is requested"),
        ({"requests": {"cpu": 1}, "limits": {"cpu": 2, GPU: 1}}, ""),
        ({"requests": {"cpu": None}, "limits": None}, ""),
    ],
)
def test_a_pod_that_the_api_server_would_refuse_is_told_on_standard_error(run, resources, said):
    ours = {"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}}
    ours["spec"]["containers"][0]["resources"] = resources
    _, out, err = run(ours, a_list(node(gpu=2)), options=["--format", "json"])
    assert len(results(out)) == 1
    assert f"the API server would refuse default/a: spec.containers[0]: {said}" in err or not said
    assert bool(err) == bool(said)
