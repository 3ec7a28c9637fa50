"""The benchmark at its smallest size, with gates at half: a slip of the ratios fails here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gates import Gate, _of_load, gates_of
from benchmarks.load.table import table
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
        "offers": {"after_1_nodes_ms": 1.5, "judge_ms": 400, "home_zone_step_ms": 5},
        "page": {
            "stock": {"median_ms": 10, "p99_ms": 12},
            "render": {"median_ms": 0.5},
            "page": {"median_ms": 1, "p99_ms": 2},
        },
        "imports": {"beyond_ms": 200},
    }
    held = {g.what: g.held for g in gates_of(figures, halved=True)}
    strict = {g.what: g.held for g in gates_of(figures, halved=False)}
    assert held["L: 12 variants, one node changed"]
    assert not strict["L: 12 variants, one node changed"]
    assert strict["render against the stock form"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_real_hubs_are_measured_side_by_side_and_pages_are_looked_at():
    command = [sys.executable, "-m", "benchmarks.load", "40", "400"]
    command += ["--people", "12", "--seconds", "4", "--turns", "1", "--starts", "3"]
    command += ["--pages", "3", "--open-for", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    for part, count in (("rush", 12), ("starts", 3)):
        assert {way: each["count"] for way, each in found[part].items()} == {
            "ours": count,
            "stock": count,
        }
    assert found["open_pages"]["page"]["count"] >= 3
    assert all(each["cpu_ms_each"] > 0 for each in found["rush"].values())
    assert table(found).count("\n") == 10


def test_a_rush_that_is_slower_than_the_stock_form_is_missed():
    way = {"count": 1000, "p99_ms": 20, "work_ms": 30}
    load = {"at_once": 50, "rush": {"ours": way, "stock": {**way, "p99_ms": 10}}}
    load["starts"] = {"ours": way, "stock": way}
    held = {gate.what: gate.held for gate in _of_load(load)}
    assert list(held.values()) == [False, True]
