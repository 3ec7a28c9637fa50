"""The sentence above all cards, and what is told to who may have nothing."""

import pytest

from tests.core.offering import (
    A100,
    GPU,
    a_desk,
    a_node,
    a_person,
    a_pod,
    a_scene,
    a_snapshot,
    waiting,
)

CLOSED = "tiers: {t: {cpu: 1, memory: 1Gi}}\nteams: {x: {groups: [staff], tiers: [t]}}"
OPEN = CLOSED.replace("[staff]", '["*"]')
GPU_TIER = (
    "tiers: {t: {gpu: {}, per_gpu: {cpu: 1, memory: 1Gi}}}\nteams: {x: {groups: ['*'], tiers: [t]}}"
)
ASK = "ask the people who run it."


def told(text, scene, *groups):
    return a_desk(text).listing(a_person(*groups), scene).notice


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ((), f"You are in no group, so in no team of this hub; {ASK}"),
        (("arts",), f"Your group (arts) is in no team of this hub; {ASK}"),
        (("law", "arts"), f"None of your groups (arts, law) is in a team of this hub; {ASK}"),
    ],
    ids=["none", "one", "several"],
)
def test_who_is_in_no_team_is_told_which_groups_were_seen(groups, said):
    assert told(CLOSED, a_scene(a_node()), *groups) == said


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        (a_scene(), "The cluster is not seen yet, so what is free is not known."),
        (
            a_scene(a_node(), stale=True),
            "The last news from the cluster is too old to tell what is free.",
        ),
        (
            a_scene(snapshot=a_snapshot(unseen=frozenset({"nodes"}))),
            "The hub cannot see the cluster's machines, so what is free is not known.",
        ),
        (a_scene(a_node()), ""),
    ],
    ids=["not yet", "stale", "no nodes", "all well"],
)
def test_what_is_not_known_of_the_cluster_is_told_once_above_all(scene, said):
    assert told(OPEN, scene) == said


def test_only_who_may_have_accelerators_is_told_that_they_are_not_shown():
    blind = a_scene(snapshot=a_snapshot(unseen=frozenset({"nodes"})))
    assert told(GPU_TIER, blind).endswith(" Tiers with accelerators cannot be shown.")
    assert not told(OPEN, blind).endswith("shown.")


def test_a_team_whose_tiers_no_node_can_serve_may_start_nothing():
    scene = a_scene(a_node())
    assert told(GPU_TIER, scene) == "There is nothing that you may start."
    assert told(GPU_TIER, a_scene(a_node(devices={GPU: 1}, labels=A100))) == ""


def test_who_has_an_own_profile_is_not_told_of_teams():
    profile = {"slug": "own", "display_name": "Own"}
    pods = {"pod_for": lambda choice: waiting(a_pod())}
    assert told(CLOSED, a_scene(a_node(), profiles=[profile], **pods), "arts") == ""
