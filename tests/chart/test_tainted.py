"""A tier whose nodes are all kept from it by a taint: which one, and the line to add."""

from __future__ import annotations

import json

import pytest
import yaml

from teamspawner.cli import main
from tests.chart.build import A100, a_gpu_node, a_map, a_node

DEVICE = "nvidia.com/gpu=present:NoSchedule"
VISION = "team=vision:NoSchedule"
SLICE = "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb"
GPU = {"gpu": {}, "per_gpu": {"cpu": 1, "memory": "1Gi"}}
CPU = {"cpu": 1, "memory": "1Gi"}


def a_sliced_node(name="mig-1", taints=(DEVICE,)):
    labels = {"nvidia.com/mig.strategy": "mixed", "nvidia.com/mig-1g.10gb.product": SLICE}
    labels |= {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    node = a_node(name, labels=labels, taints=taints)
    node["status"]["allocatable"]["nvidia.com/mig-1g.10gb"] = "7"
    return node


def test_a_slice_on_a_machine_with_the_taint_of_the_whole_device_is_a_fault(doctor):
    [finding] = doctor(a_sliced_node(), the_map=a_map(GPU), code=1)
    assert finding["about"] == "tiers.small"
    assert SLICE in finding["found"]
    assert DEVICE in finding["found"]


def added(cure, tier):
    """The tier with the line of a cure, as an admin would add it."""
    return {**tier, **yaml.safe_load(cure.partition(": ")[2])}


@pytest.mark.parametrize(
    ("node", "tier"),
    [
        pytest.param(a_sliced_node(), GPU, id="slice"),
        pytest.param(a_gpu_node(taints=[DEVICE, VISION]), GPU, id="reserved-devices"),
        pytest.param(a_node(taints=["a=1:NoSchedule", "b:NoExecute"]), CPU, id="two-taints"),
    ],
)
def test_with_the_line_of_the_cure_nothing_is_left_to_say(doctor, node, tier):
    [finding] = doctor(node, the_map=a_map(tier), code=1)
    assert doctor(node, the_map=a_map(added(finding["cure"], tier)), code=0) == []


@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param([a_gpu_node(taints=[DEVICE])], id="its-own-device"),
        pytest.param([a_sliced_node(), a_sliced_node("mig-2", ())], id="one-node-is-open"),
        pytest.param([a_gpu_node(taints=["node.kubernetes.io/not-ready:NoExecute"])], id="passing"),
        pytest.param([a_gpu_node(taints=["team=vision:PreferNoSchedule"])], id="rather-not"),
        pytest.param(
            [a_gpu_node(taints=["hub.jupyter.org/dedicated=user:NoSchedule"])], id="chart"
        ),
    ],
)
def test_taints_that_keep_no_server_away_for_good_are_not_told(doctor, nodes):
    assert doctor(*nodes, the_map=a_map(GPU), code=0) == []


def test_a_model_that_other_work_holds_is_a_warning_while_the_tier_has_another(doctor):
    other = a_gpu_node("gpu-2", labels={"nvidia.com/gpu.product": "Tesla-T4"}, taints=[VISION])
    [finding] = doctor(a_gpu_node(), other, the_map=a_map(GPU), code=0)
    assert finding["level"] == "warning"
    assert "Tesla-T4" in finding["found"]
    assert A100 not in finding["found"]


def test_models_behind_one_taint_are_told_together(doctor):
    other = a_gpu_node("gpu-2", labels={"nvidia.com/gpu.product": "Tesla-T4"}, taints=[VISION])
    [finding] = doctor(a_gpu_node(taints=[VISION]), other, the_map=a_map(GPU), code=1)
    assert f"{A100}, Tesla-T4" in finding["found"]


def test_the_cure_opens_the_node_that_needs_least_and_every_taint_is_named(doctor):
    nodes = [a_node(taints=[VISION, "a:NoSchedule"]), a_node("cpu-2", taints=["b:NoSchedule"])]
    [finding] = doctor(*nodes, the_map=a_map(CPU), code=1)
    assert "a:NoSchedule, b:NoSchedule, team=vision:NoSchedule" in finding["found"]
    assert "key: b," in finding["cure"]
    assert "key: a," not in finding["cure"]


def test_many_taints_are_counted(doctor):
    nodes = [a_node(f"cpu-{n}", taints=[f"k{n}:NoSchedule"]) for n in range(7)]
    [finding] = doctor(*nodes, the_map=a_map(CPU), code=1)
    assert finding["found"].endswith("k4:NoSchedule and 2 more")


def test_a_machine_that_a_pool_may_bring_without_the_taint_is_room(doctor):
    pool = {"name": "p", "max_nodes": 1, "labels": {"pool": "p"}, "cpu": 4, "memory": "8Gi"}
    assert doctor(a_node(taints=[VISION]), the_map=a_map(CPU, pools=[pool]), code=0) == []
    there = {**pool, "max_nodes": 0, "taints": [{"key": "x", "operator": "Exists"}]}
    assert doctor(a_node(taints=[VISION]), the_map=a_map(CPU, pools=[there]), code=1)


TOLERATED = {"key": "team", "operator": "Equal", "value": "vision", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"singleuser": {"extraTolerations": [TOLERATED]}}, 0),
        ({"scheduling": {"userPods": {"tolerations": [TOLERATED]}}}, 0),
        ({"singleuser": {"extraTolerations": None}, "scheduling": "x"}, 1),
    ],
    ids=["extra", "of-all-pods", "malformed"],
)
def test_what_the_values_around_the_map_tolerate_counts(doctor, values, code):
    given = {"custom": {"teamspawner": a_map(CPU)}, **values}
    doctor(a_node(taints=[VISION]), the_map=given, code=code)


@pytest.fixture
def explain(tmp_path, capsys):
    """Runs ``explain`` for somebody; returns the offers and what is told beside them."""

    def run(*nodes, the_map):
        dump, path = tmp_path / "dump.json", tmp_path / "map.yaml"
        dump.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": nodes}))
        path.write_text(yaml.safe_dump(the_map))
        shown = ["--map", str(path), "--dump", str(dump), "--user", "ada", "--format", "json"]
        assert main(["explain", *shown]) == 0
        said = capsys.readouterr()
        return json.loads(said.out)["offers"], said.err

    return run


def test_explain_tells_the_admin_beside_its_answer(explain):
    [offer], told = explain(a_sliced_node(), the_map=a_map(GPU))
    assert offer["verdict"] == "NEVER"
    assert DEVICE in told
    assert "add to tiers.small: nodes: {tolerations: [{key: nvidia.com/gpu," in told


def test_explain_is_silent_about_tiers_that_the_person_does_not_see(explain):
    tiers = {"small": CPU, "gpu": GPU}
    offers, told = explain(a_node(), a_sliced_node(), the_map=a_map(tiers=tiers))
    assert [offer["tier"] for offer in offers] == ["small"]
    assert told == ""
