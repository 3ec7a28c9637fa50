"""Which teams a person is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teamspawner.map import is_member, load, teams_of
from teamspawner.map.groups import matches


@pytest.mark.parametrize(
    ("pattern", "group"),
    [
        pytest.param("physics", "physics", id="exact"),
        pytest.param("Physics", "pHYSICS", id="without-case"),
        pytest.param("uni:physics-*", "uni:physics-lab/1", id="glob-over-slashes"),
        pytest.param("lab-?", "lab-7", id="one-sign"),
        pytest.param("lab-[0-3]", "LAB-2", id="class-of-signs"),
        pytest.param("re:lab-(a|b)", "Lab-B", id="expression"),
        pytest.param("Straße", "STRASSE", id="folded-case"),
        pytest.param("PHY\u017f-Ä", "phy\u017f-ä", id="odd-signs-are-themselves"),
        pytest.param("re:x\u017f.", "X\u017f\u212a", id="odd-signs-in-an-expression"),
        pytest.param("re:straße", "Straße", id="expression-over-the-group-as-it-is"),
    ],
)
def test_a_pattern_means_a_group(pattern, group):
    assert matches(pattern, group)


@pytest.mark.parametrize(
    ("pattern", "group"),
    [
        pytest.param("physics", "physics2", id="longer"),
        pytest.param("re:lab", "lab-secret", id="expression-matches-the-start-only"),
        pytest.param("re:lab", "my-lab", id="expression-matches-the-end-only"),
        pytest.param("a.b", "axb", id="a-dot-is-a-dot"),
        pytest.param("re:x\n", "x", id="line-end"),
        pytest.param("physics", "physics\n", id="group-with-line-end"),
        pytest.param("physics", "phy\u017fics", id="long-s"),
        pytest.param("finance-*", "\ufb01nance-1", id="ligature"),
        pytest.param("kelvin", "\u212aelvin", id="kelvin-sign"),
        pytest.param("re:physics", "phy\u017fics", id="long-s-in-an-expression"),
        pytest.param("re:[a-z]+", "\u212ax", id="kelvin-sign-in-an-expression"),
        pytest.param("physics", "\uff50hysics", id="full-width"),
    ],
)
def test_a_pattern_does_not_mean_another_group(pattern, group):
    assert not matches(pattern, group)


def test_a_star_alone_is_everybody_also_without_groups():
    assert is_member(["*"], [])


def test_any_pattern_that_means_any_group_is_enough():
    assert is_member(["chemistry", "physics"], ["staff", "physics"])
    assert not is_member(["chemistry", "physics"], ["staff", "law"])
    assert not is_member([], ["physics"])


def test_no_other_glob_means_a_person_without_groups():
    assert not is_member(["?*", "**", "re:.*"], [])


def test_teams_come_in_the_order_of_the_map_as_a_union():
    parsed = load(
        {
            "tiers": {"a": {"cpu": 1, "memory": "1Gi"}},
            "teams": {
                key: {"groups": groups, "tiers": ["a"]}
                for key, groups in {"z": ["g*"], "m": ["other"], "a": ["*"]}.items()
            },
        }
    ).map
    assert teams_of(parsed, ["G1", "x"]) == ("z", "a")


@given(st.text(min_size=1, max_size=20))
def test_every_group_without_signs_of_globs_means_itself(name):
    plain = "".join(sign for sign in name if sign not in "*?[") or "x"
    assert plain.startswith("re:") or matches(plain, plain)
