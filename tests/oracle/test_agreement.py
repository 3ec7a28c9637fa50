"""The engine says what kube-scheduler's own plugins say, node by node."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.oracle import regression
from tests.oracle.agreement import differences
from tests.oracle.generate import case
from tests.oracle.oracle import Oracle

CASES = 2000
PARTS = 8


@pytest.mark.parametrize("path", regression.saved(), ids=lambda path: path.stem)
def test_a_case_that_once_differed_is_answered_as_the_scheduler_did(path):
    kept, answers, version = regression.read(path)
    assert not differences(kept, answers, version)


@pytest.mark.controlplane
@pytest.mark.parametrize("part", range(PARTS))
def test_generated_clusters_are_judged_as_by_the_scheduler(oracle: Oracle, part):
    found = []
    for seed in range(part * CASES // PARTS, (part + 1) * CASES // PARTS):
        asked = case(seed)
        found += [f"seed {seed}: {one}" for one in differences(asked, oracle.ask(asked))]
    assert not found


@pytest.mark.controlplane
def test_the_generated_cases_are_hard_ones(oracle: Oracle):
    tally: Counter[str] = Counter()
    refusing: set[str] = set()
    for seed in range(300):
        for answer in oracle.ask(case(seed)):
            tally["pods"] += 1
            tally["nowhere"] += not answer.nodes
            tally["fits"] += bool(answer.nodes)
            tally["preempt"] += bool(answer.preempt)
            tally["useless"] += bool(answer.invalid) or answer.failed
            refusing |= {refusal.plugin for refusal in answer.rejected.values()}
    assert tally["nowhere"] > tally["pods"] / 3
    assert tally["fits"] > tally["pods"] / 4
    assert tally["preempt"] > 10
    assert tally["useless"] < tally["pods"] / 50
    assert refusing >= {
        "NodeUnschedulable",
        "TaintToleration",
        "NodeAffinity",
        "NodePorts",
        "NodeResourcesFit",
        "VolumeRestrictions",
        "NodeVolumeLimits",
        "VolumeBinding",
        "VolumeZone",
        "PodTopologySpread",
        "InterPodAffinity",
    }


@pytest.mark.controlplane
@pytest.mark.parametrize("seed", range(7000, 7006))
def test_the_command_says_what_the_scheduler_says(oracle: Oracle, tmp_path, seed):
    asked = case(seed)
    cluster, pods = tmp_path / "cluster.json", tmp_path / "pods.json"
    cluster.write_text(json.dumps(asked["cluster"]))
    pods.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": asked["pods"]}))
    command = [sys.executable, "-m", "teamspawner", "fit", "--format", "json"]
    said = subprocess.run(
        [*command, "--scheduler-version", "1.35", "-f", pods, "--dump", cluster],
        capture_output=True,
        text=True,
        check=False,
    )
    results = json.loads(said.stdout)["results"]
    answers = [answer for answer in oracle.ask(asked) if not answer.gates]
    ours = {r["pod"]: r for r in results if r["verdict"] != "QUEUED"}
    assert {a.pod: (list(a.nodes), list(a.preempt)) for a in answers} == {
        name: (result["nodes"], result["preempt"]) for name, result in ours.items()
    }
