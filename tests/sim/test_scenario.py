"""The scenario file: short nodes, raw objects, dumps, and every fault at once."""

from __future__ import annotations

import json

import pytest
import yaml
from jupyterhub.auth import Authenticator

from teamspawner.cli import main
from teamspawner.map.load import load
from teamspawner.sim.demo.scenario import DEFAULT, ScenarioError, read_scenario

USERS = {"users": {"ann": ["physics"]}}


@pytest.fixture
def write(tmp_path):
    def written(value, name="scenario.yaml"):
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
        return path

    return written


def faults(path) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read_scenario(path)
    return [str(fault) for fault in caught.value.faults]


def node(scenario, name):
    return next(one for one in scenario.objects if one["metadata"]["name"] == name)


def test_the_default_scenario_and_its_map_are_sound():
    scenario = read_scenario(DEFAULT)
    assert len(scenario.users) >= 4
    assert scenario.admins
    assert load(scenario.map).warnings == ()


def test_users_have_groups_and_admins_are_users(write):
    scenario = read_scenario(write({"users": {"ann": ["a", "b"], "ben": None}, "admins": ["boss"]}))
    assert scenario.users == {"ann": ("a", "b"), "ben": (), "boss": ()}
    assert scenario.admins == ("boss",)


def test_a_short_node_stands_for_several_machines(write):
    short = {"name": "cpu", "count": 3, "cpu": 4, "memory": "8Gi"}
    scenario = read_scenario(write(USERS | {"nodes": [short]}))
    assert [one["metadata"]["name"] for one in scenario.objects] == ["cpu-1", "cpu-2", "cpu-3"]
    status = node(scenario, "cpu-2")["status"]
    assert (status["allocatable"]["cpu"], status["allocatable"]["memory"]) == ("4", "8Gi")
    assert status["conditions"][0]["status"] == "True"
    assert node(scenario, "cpu-2")["metadata"]["labels"]["kubernetes.io/hostname"] == "cpu-2"


@pytest.mark.parametrize(
    "taint", ["a=b:NoSchedule", {"key": "a", "value": "b", "effect": "NoSchedule"}]
)
def test_taints_are_objects_or_as_kubectl_spells_them(write, taint):
    short = {
        "name": "n",
        "cpu": 1,
        "memory": "1Gi",
        "taints": [taint],
        "labels": {"x": True, "y": 2},
    }
    scenario = read_scenario(write(USERS | {"nodes": [short]}))
    assert node(scenario, "n")["spec"]["taints"] == [
        {"key": "a", "value": "b", "effect": "NoSchedule"}
    ]
    assert node(scenario, "n")["metadata"]["labels"]["x"] == "true"
    assert node(scenario, "n")["metadata"]["labels"]["y"] == "2"


@pytest.mark.parametrize(
    ("resource", "model", "label"),
    [
        ("nvidia.com/gpu", "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.product"),
        ("nvidia.com/mig-1g.10gb", "NVIDIA-H100-MIG-1g.10gb", "nvidia.com/mig-1g.10gb.product"),
        ("nvidia.com/gpu.shared", "Tesla-T4", "nvidia.com/gpu.product"),
        ("amd.com/gpu", "AMD_Instinct_MI300X", "amd.com/gpu.product-name"),
        ("gpu.intel.com/xe", "Max_1550", "gpu.intel.com/product"),
        ("google.com/tpu", "tpu-v5-lite", "cloud.google.com/gke-tpu-accelerator"),
    ],
    ids=["whole", "mig", "shared", "amd", "intel", "tpu"],
)
def test_accelerators_are_labelled_as_their_vendor_does(write, resource, model, label):
    gpu = {"resource": resource, "model": model, "count": 4, "memory_mib": 1000}
    short = {"name": "n", "cpu": 1, "memory": "1Gi", "gpu": gpu}
    found = node(read_scenario(write(USERS | {"nodes": [short]})), "n")
    assert found["metadata"]["labels"][label] == model
    assert found["status"]["allocatable"][resource] == "4"


def test_raw_objects_and_dumps_are_taken_as_they_are(write):
    raw = {"metadata": {"name": "raw"}, "status": {"allocatable": {"cpu": "1"}}}
    dumped = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "dumped"}}
    unknown = {"apiVersion": "example/v1", "kind": "Unicorn", "metadata": {"name": "u"}}
    items = [dumped, unknown]
    write(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}), "dump.json")
    pod = {"metadata": {"name": "p"}, "spec": {"containers": []}}
    scenario = read_scenario(write(USERS | {"nodes": [raw], "pods": [pod], "dump": "dump.json"}))
    assert [one["metadata"]["name"] for one in scenario.objects] == ["raw", "dumped", "p"]
    assert node(scenario, "raw")["kind"] == "Node"


def test_the_map_may_lie_beside_it(write):
    write("tiers: {}", "map.yaml")
    assert read_scenario(write(USERS | {"map": "map.yaml"})).map == "tiers: {}"


def test_every_fault_is_told_with_place_and_fix(write):
    wrong = {
        "users": {"ann": "physics"},
        "nodse": [],
        "nodes": [
            {"name": "a", "cpu": "four", "memory": "8Gi"},
            {"name": "B", "cpu": 1, "memroy": "8Gi"},
            {"name": "c", "cpu": 1, "memory": "1Gi", "gpu": {"model": "x", "count": -1}},
            {"name": "d", "cpu": 1, "memory": "1Gi", "taints": ["nonsense"]},
            {"kind": "Node", "metadata": {}},
        ],
        "pods": [{"metadata": {"name": "p"}, "spec": {"containers": "x"}}],
        "dump": "nowhere.json",
    }
    told = faults(write(wrong))
    places = [line.split(":")[0] for line in told]
    assert places == [
        "users.ann",
        "nodse",
        "nodes[0].cpu",
        "nodes[1].name",
        "nodes[1].memory",
        "nodes[1].memroy",
        "nodes[2].gpu.count",
        "nodes[3].taints[0]",
        "nodes[4].metadata.name",
        "pods[0]",
        "dump",
    ]
    assert "did you mean nodes?" in told[1]
    assert "did you mean memory?" in told[5]


def test_names_that_the_hub_refuses_are_faults_with_all_others(write):
    users = {"a/b": ["x"], "Ann": [], "ann": [], "": [], " q": [], "%2e.": [], "a\nb": []}
    wrong = {"users": users, "admins": ["boss", "no/body"], "nodse": []}
    told = faults(write(json.dumps(wrong)))
    places = [line.split(": found")[0] for line in told]
    assert places == [
        "nodse",
        "users.a/b",
        "users.ann",
        "users.",
        "users. q",
        "users.%2e.",
        "users.a\nb",
        "admins[1]",
    ]
    assert "a second ann, beside Ann" in told[2]


@pytest.mark.parametrize("name", ["ann", "Ann B", "a@b.org", ".a", "é", "a:b", "50%"])
def test_names_that_the_hub_takes_are_no_faults(write, name):
    users = read_scenario(write({"users": {name: ["g"]}, "admins": [name]})).users
    assert Authenticator().validate_username(name)
    assert users == {Authenticator().normalize_username(name): ("g",)}


def test_of_two_objects_of_one_name_one_is_a_fault(write):
    short = {"name": "a", "cpu": 1, "memory": "1Gi"}
    pods = [{"metadata": {"name": "p", "namespace": n}, "spec": {}} for n in ("x", "y", "x")]
    told = faults(write(USERS | {"nodes": [short, short], "pods": pods}))
    assert [line.split(";")[0] for line in told] == [
        "nodes: found a second a",
        "pods: found a second p",
    ]


def test_a_pod_without_a_spec_is_a_fault(write):
    told = faults(write(USERS | {"pods": [{"metadata": {"name": "p"}}]}))
    assert told == ["pods[0].spec: found nothing; allowed: the pod's spec; add spec"]


@pytest.mark.parametrize("text", ["", "[]", "a: [", "{", "\x00", "users: {}", "- a"])
def test_what_is_no_scenario_is_refused_in_words(write, text):
    assert faults(write(text))


def test_a_dump_that_is_none_is_a_fault(write):
    write('{"kind": "Pod"}', "dump.json")
    assert faults(write(USERS | {"dump": "dump.json"}))[0].startswith("dump: ")


def test_a_map_that_is_not_there_is_a_fault(write):
    assert faults(write(USERS | {"map": "nowhere.yaml"}))[0].startswith("map: ")


@pytest.mark.filterwarnings("default")
def test_the_command_ends_with_two_and_prints_the_faults(write, capsys):
    assert main(["demo", "--scenario", str(write({"users": 5}))]) == 2
    assert "users: found 5; allowed: at least one name" in capsys.readouterr().err


def test_a_missing_file_is_a_fault_too(tmp_path, capsys):
    assert main(["demo", "--scenario", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err
