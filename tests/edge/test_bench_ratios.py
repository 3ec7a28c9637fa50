"""The benchmark at its smallest size, with gates at half: a slip of the ratios fails here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gates import Gate, gates_of
from benchmarks.run import Runs, WrongAnswerError, check_sums

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_ratios_hold_at_half_their_gates_and_all_ways_agree(tmp_path):
    found = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks", "--sizes", "S", "--repeat", "2"]
    command += ["--watch-only", "--halved", "--json", str(found), "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.exists(), done.stderr
    gates = json.loads(found.read_text())["gates"]
    ratios = [gate for gate in gates if gate["unit"] in {"x", "MB"}]
    assert len(ratios) >= 6
    assert [gate for gate in ratios if not gate["held"]] == []


def test_a_fast_wrong_answer_is_no_answer():
    right = Runs("a", [{"cpu_used": 5, "nodes": 1}])
    wrong = Runs("b", [{"cpu_used": 4, "nodes": 1}])
    check_sums({"a": right, "c": right})
    with pytest.raises(WrongAnswerError, match="'b'"):
        check_sums({"a": right, "b": wrong})


def test_a_gate_says_whether_it_is_held():
    assert str(Gate("x", 12, 10)).startswith("ok")
    assert str(Gate("x", 12, 10, "ms", least=False)).startswith("MISSED")


def test_halved_gates_are_half_as_hard():
    figures = {
        "offers": {"after_1_nodes_ms": 1.5, "judge_ms": 400},
        "page": {
            "stock": {"median_ms": 10, "p99_ms": 12},
            "render": {"median_ms": 0.5},
            "page": {"p99_ms": 2},
        },
        "imports": {"beyond_ms": 200},
    }
    held = {g.what: g.held for g in gates_of(figures, halved=True)}
    strict = {g.what: g.held for g in gates_of(figures, halved=False)}
    assert held["L: 12 variants, one node changed"]
    assert not strict["L: 12 variants, one node changed"]
    assert strict["render against the stock form"]
