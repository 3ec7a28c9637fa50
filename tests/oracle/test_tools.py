"""The tools that find and keep faults: they too must be right."""

from __future__ import annotations

import copy
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teamspawner.units import millicores, units
from tests.oracle import regression
from tests.oracle.agreement import Difference, differences
from tests.oracle.dice import Dice, spell
from tests.oracle.generate import FEATURES, case
from tests.oracle.oracle import Oracle, OracleError, binary
from tests.oracle.shrink import shrunk


@given(st.integers(0, 10**15), st.integers())
def test_every_spelling_of_cpu_means_the_same(amount, seed):
    assert millicores(spell(Dice(seed), "cpu", amount)) == amount


@given(st.integers(0, 2**60), st.sampled_from(["memory", "nvidia.com/gpu"]), st.integers())
def test_every_spelling_of_other_amounts_means_the_same(amount, resource, seed):
    assert units(spell(Dice(seed), resource, amount)) == amount


def test_one_seed_always_makes_one_case():
    assert case(7) == case(7)
    assert case(7) != case(8)


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_changes_some_case(feature):
    plain = [case(seed, frozenset()) for seed in range(10)]
    assert plain != [case(seed, frozenset({feature})) for seed in range(10)]


def test_a_failing_case_is_shrunk_to_what_makes_it_fail():
    asked = case(3, frozenset({"taints", "extended"}))
    asked["pods"][2]["spec"]["tolerations"] = [{"operator": "Exists"}, {"key": "guilty"}]
    node = next(item for item in asked["cluster"]["items"] if item["kind"] == "Node")
    node["metadata"]["labels"] = {"guilty": "too", "innocent": "yes"}
    whole = copy.deepcopy(asked)

    def fails(trial):
        blamed = [t.get("key") for t in trial["pods"][0]["spec"].get("tolerations") or ()]
        labels = [i["metadata"].get("labels") or {} for i in trial["cluster"]["items"]]
        return "guilty" in blamed and any("guilty" in label for label in labels)

    small = shrunk(asked, 2, fails)
    assert asked == whole
    assert len(small["pods"]) == 1
    assert small["pods"][0]["spec"]["tolerations"] == [{"key": "guilty"}]
    assert len(small["cluster"]["items"]) == 1
    assert small["cluster"]["items"][0]["metadata"]["labels"] == {"guilty": "too"}


def test_a_case_that_does_not_fail_is_left_as_it_is():
    asked = case(3)
    assert shrunk(asked, 0, lambda _: False) == {**asked, "pods": asked["pods"][:1]}


def test_an_oracle_that_was_not_built_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert binary(build=False) is None


def test_a_build_that_fails_says_why(monkeypatch, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "sed", "head", "cat", "cksum", "tr", "mkdir", "rm"):
        (tools / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(OracleError, match=r"build failed:(.|\n)*go"):
        binary()


@pytest.mark.controlplane
def test_an_object_that_cannot_be_read_is_an_error_with_its_text(oracle: Oracle):
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    node["status"] = {"allocatable": {"cpu": "four"}}
    asked = {"id": 1, "cluster": {"items": [node]}, "pods": [case(1)["pods"][0]]}
    with pytest.raises(OracleError, match=r"cannot read.*four"):
        oracle.ask(asked)


@pytest.mark.controlplane
def test_a_difference_is_shrunk_without_asking_what_nobody_can_answer(oracle: Oracle):
    asked = case(5)
    claimed = Difference(0, "nodes", (), ())
    small = regression.smallest(asked, claimed, oracle)
    assert small["pods"] == asked["pods"][:1]
    assert not [d for d in differences(small, oracle.ask(small)) if d.about == "nodes"]


@pytest.mark.controlplane
def test_a_kept_case_is_read_back_with_the_schedulers_answer(oracle, monkeypatch, tmp_path):
    monkeypatch.setattr(regression, "FOLDER", tmp_path / "kept")
    asked = case(11)
    path = regression.write("eleven", asked, oracle, version="1.35", note="an example")
    assert regression.saved() == [path]
    assert regression.read(path) == (asked, oracle.ask(asked), "1.35")
