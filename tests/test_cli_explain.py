"""``teamspawner explain`` and ``capacity``: their words and numbers, from a dump."""

import json

import pytest
import yaml

from teamspawner.cli import main
from tests.core.offering import A100, EXAMPLE

A100_SLUG = "gpu-nvidia-a100-sxm4-80gb"


def a_node(name, cpu, memory, *, labels=None, devices=None, taints=(), **spec):
    allocatable = {"cpu": cpu, "memory": memory, "pods": "110", **(devices or {})}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": list(taints), **spec},
        "status": {
            "allocatable": allocatable,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def a_pod(name, node, requests, labels=None):
    limits = {key: value for key, value in requests.items() if "/" in key}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels or {}},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "c", "resources": {"requests": requests, "limits": limits}}],
        },
        "status": {"phase": "Running"},
    }


ITEMS = [
    a_node("c1", "8", "32Gi"),
    a_node(
        "g1",
        "64",
        "512Gi",
        labels=A100,
        devices={"nvidia.com/gpu": "8"},
        taints=[{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}],
    ),
    a_pod(
        "bob",
        "g1",
        {"cpu": "7", "memory": "55Gi", "nvidia.com/gpu": "7"},
        {"teamspawner/team": "physics", "hub.jupyter.org/username": "bob"},
    ),
]


@pytest.fixture
def files(tmp_path):
    dump, the_map = tmp_path / "dump.json", tmp_path / "map.yaml"
    dump.write_text(json.dumps({"kind": "List", "items": ITEMS}))
    the_map.write_text(EXAMPLE)
    return {"dump": str(dump), "map": str(the_map)}


def explained(files, capsys, *more, groups="Physics", user="alice"):
    arguments = ["explain", "--map", files["map"], "--dump", files["dump"], "--user", user]
    code = main([*arguments, "--groups", groups, "--format", "json", *more])
    return code, json.loads(capsys.readouterr().out)


def test_explain_tells_offers_with_numbers_and_words(files, capsys):
    code, answer = explained(files, capsys)
    assert code == 0
    assert (answer["as_of"], answer["user"], answer["groups"]) == (None, "alice", ["Physics"])
    assert answer["teams"] == ["physics", "everyone"]
    offers = {(o["slug"], o["team"], o["options"].get("gpus")): o for o in answer["offers"]}
    one = offers[A100_SLUG, "physics", "1"]
    assert (one["tier"], one["model"], one["kind"]) == ("gpu", "NVIDIA-A100-SXM4-80GB", "whole")
    assert (one["verdict"], one["count"], one["nodes"]) == ("FITS_NOW", 1, 1)
    assert one["requests"] == {
        "cpu_millicores": 7000,
        "memory_bytes": 55 * 2**30,
        "accelerators": {"nvidia.com/gpu": 1},
    }
    two = offers[A100_SLUG, "physics", "2"]
    assert (two["verdict"], two["count"]) == ("QUOTA_BLOCKED", 0)
    assert two["sentence"] == "physics uses 7 of its 8 GPUs; this needs 2 more."
    assert two["alternative"] == {"slug": A100_SLUG, "options": {"gpus": "1"}}
    assert offers["small", "everyone", None]["options"] == {}


def test_a_server_on_a_node_that_is_not_in_the_dump_counts_towards_caps(files, capsys, tmp_path):
    labels = {"teamspawner/team": "physics", "hub.jupyter.org/username": "eve"}
    lost = a_pod("eve", "gone", {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"}, labels)
    other = tmp_path / "lost.json"
    other.write_text(json.dumps({"kind": "List", "items": [lost]}))
    _, answer = explained(files, capsys, "--dump", str(other))
    one = next(o for o in answer["offers"] if o["options"].get("gpus") == "1")
    assert one["verdict"] == "QUOTA_BLOCKED"


def test_explain_tells_why_the_rest_is_hidden(files, capsys):
    _, answer = explained(files, capsys, groups="")
    hidden = {each["slug"]: each["why"] for each in answer["hidden"]}
    assert hidden["large"] == "no team of this person has the tier large"
    assert not hidden.keys() & {offer["slug"] for offer in answer["offers"]}


def test_what_was_not_looked_at_is_unknown_and_null(files, capsys):
    _, answer = explained(files, capsys, "--unseen", "nodes", groups="")
    assert [(o["verdict"], o["count"], o["nodes"]) for o in answer["offers"]] == [
        ("UNKNOWN", None, None)
    ]
    assert "not known" in answer["notice"]


def test_a_team_volume_that_is_missing_is_told(files, capsys, tmp_path):
    other = tmp_path / "claims.json"
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "x", "namespace": "default"}}
    other.write_text(json.dumps({"kind": "List", "items": [claim]}))
    _, answer = explained(files, capsys, "--dump", str(other))
    large = next(o for o in answer["offers"] if o["slug"] == "large")
    assert (large["verdict"], large["sentence"]) == (
        "NEVER",
        "A disk that this needs does not exist; tell the people who run this hub.",
    )


def test_explain_in_text_is_a_table(files, capsys):
    main(["explain", "--map", files["map"], "--dump", files["dump"], "--user", "alice"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "alice: groups none; teams everyone"
    assert lines[2].split() == ["OFFER", "TEAM", "SIZE", "VERDICT", "FITS"]
    assert lines[3].startswith("small  everyone  2 CPU · 4 GiB  FITS_NOW")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"map": "/nowhere/map.yaml"}, 2, id="no-map"),
        pytest.param({"dump": "/nowhere/dump.json"}, 2, id="no-dump"),
        pytest.param({"map": "-", "dump": "-"}, 2, id="both-from-stdin"),
    ],
)
def test_explain_used_wrongly_says_so_on_stderr(files, capsys, change, code):
    used = {**files, **change}
    arguments = ["explain", "--map", used["map"], "--dump", used["dump"], "--user", "alice"]
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert (out, bool(err)) == ("", True)


def test_explain_with_a_map_that_has_faults_tells_them(files, capsys, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("tiers: {a: {cpu: x}}")
    code = main(["explain", "--map", str(bad), "--dump", files["dump"], "--user", "a"])
    assert code == 1
    assert "tiers.a.cpu" in capsys.readouterr().err


def test_an_unknown_kind_called_unseen_is_told_with_the_nearest(files, capsys):
    assert main(["capacity", "--dump", files["dump"], "--unseen", "node"]) == 2
    assert "did you mean nodes?" in capsys.readouterr().err


def capacity(path, capsys, *more):
    assert main(["capacity", "--dump", path, "--format", "json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_capacity_tells_the_cluster_and_each_model(files, capsys):
    answer = capacity(files["dump"], capsys)
    assert (answer["as_of"], answer["nodes"]) == (None, 2)
    assert answer["cpu_millicores"] == {
        "total": 72_000,
        "used": 7000,
        "free": 65_000,
        "largest": 57_000,
    }
    assert answer["models"] == [
        {
            "model": "NVIDIA-A100-SXM4-80GB",
            "name": "A100 80 GB",
            "kind": "whole",
            "resource": "nvidia.com/gpu",
            "nodes": 1,
            "total": 8,
            "used": 7,
            "free": 1,
            "largest": 1,
        }
    ]


def test_capacity_counts_cordoned_nodes_in_total_but_not_in_largest(capsys, tmp_path):
    items = [a_node("a", "8", "1Gi", unschedulable=True), a_node("b", "4", "1Gi")]
    path = tmp_path / "dump.json"
    path.write_text(json.dumps({"kind": "List", "items": items}))
    cpu = capacity(str(path), capsys)["cpu_millicores"]
    assert (cpu["total"], cpu["largest"]) == (12_000, 4000)


def test_capacity_may_be_negative(capsys, tmp_path):
    items = [a_node("a", "4", "1Gi"), a_pod("p", "a", {"cpu": "5"})]
    path = tmp_path / "dump.json"
    path.write_text(json.dumps({"kind": "List", "items": items}))
    cpu = capacity(str(path), capsys)["cpu_millicores"]
    assert (cpu["free"], cpu["largest"]) == (-1000, -1000)


def test_capacity_that_was_not_looked_at_is_null_and_never_zero(files, capsys):
    without_pods = capacity(files["dump"], capsys, "--unseen", "pods")["memory_bytes"]
    assert without_pods == {"total": 544 * 2**30, "used": None, "free": None, "largest": None}
    without_nodes = capacity(files["dump"], capsys, "--unseen", "nodes")
    assert (without_nodes["nodes"], set(without_nodes["cpu_millicores"].values())) == (None, {None})


def test_capacity_in_text_lines_up(files, capsys):
    main(["capacity", "--dump", files["dump"]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 nodes"
    assert {len(line) for line in lines[2:]} == {len(lines[2])}


def test_a_dump_cannot_be_watched(files, capsys):
    assert main(["capacity", "--dump", files["dump"], "--watch"]) == 2


def test_what_values_say_of_pods_and_explain_cannot_judge_is_named(files, tmp_path, capsys):
    pod = {"runtimeClassName": "kata", "topologySpreadConstraints": []}
    scripts = {"hooks": "c.KubeSpawner.modify_pod_hook = f", "setup": "teamspawner.setup(c)"}
    values = {
        "custom": {"teamspawner": yaml.safe_load(EXAMPLE)},
        "singleuser": {"extraPodConfig": pod},
        "hub": {"extraConfig": scripts, "config": {"KubeSpawner": {"node_selector": {"a": "b"}}}},
    }
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    asked = ["explain", "--dump", files["dump"], "--user", "alice", "--map"]
    assert main([*asked, str(file)]) == 0
    told = "runtimeClassName, hub.config.KubeSpawner, hub.extraConfig.hooks\n"
    assert (
        f"only the hub's own page can: singleuser.extraPodConfig.{told}" in capsys.readouterr().err
    )
    assert main([*asked, files["map"]]) == 0
    assert "not judged" not in capsys.readouterr().err
