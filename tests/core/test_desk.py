"""The desk: own profiles through the same gate, what cannot be told now, and what comes first."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from teamspawner.capacity.objects import Candidate, Toleration
from teamspawner.errors import ChoiceError
from teamspawner.offers.desk import Desk
from teamspawner.offers.notices import NOT_SEEN
from teamspawner.offers.profiles import NOT_YOURS
from teamspawner.offers.reservations import Reservation
from tests.core.offering import (
    A100_SLUG,
    GPU,
    a_desk,
    a_node,
    a_person,
    a_pod,
    a_scene,
    a_server,
    a_snapshot,
    a_state,
    g1,
)

PHYSICIST = a_person("physics")
BLIND = a_snapshot(a_node(), unseen=frozenset({"nodes"}))


def own(slug, cpu=1, **more):
    return {"slug": slug, "display_name": slug.title(), "cpu": cpu, **more}


NODES = (a_node(),)


def own_scene(*profiles, nodes=NODES, **more):
    def pod_for(choice):
        return Candidate(a_pod({"cpu": choice.profile["cpu"] * 1000}, tolerations=(Toleration(),)))

    return a_scene(*nodes, profiles=list(profiles), **({"pod_for": pod_for} | more))


def refusal(desk, person, raw, scene):
    with pytest.raises(ChoiceError) as caught:
        desk.choose(person, raw, scene)
    return caught.value.status, caught.value.reason, caught.value.sentence


# --- the admin's own profiles -----------------------------------------------------------


def test_an_own_profile_is_chosen_by_its_slug():
    scene = own_scene(own("first"), own("second"))
    found = Desk(None).choose(PHYSICIST, {"profile": "second"}, scene)
    assert (found.slug, found.team, found.user_options) == ("second", None, {"profile": "second"})


def test_the_default_own_profile_is_had_without_a_name():
    scene = own_scene(own("first"), own("second", default=True))
    assert Desk(None).choose(PHYSICIST, {}, scene).slug == "second"


def test_a_tier_of_the_map_goes_before_the_default_own_profile():
    scene = own_scene(own("mine", default=True))
    assert a_desk().resolve(PHYSICIST, {}, scene)[0].slug == "small"
    assert a_desk().choose(PHYSICIST, {"profile": "mine"}, scene).slug == "mine"


def test_an_own_profile_may_be_called_like_a_tier_and_a_bit_more():
    scene = own_scene(own("small-one"))
    assert a_desk().choose(PHYSICIST, {"profile": "small-one"}, scene).slug == "small-one"


def test_options_of_the_default_own_profile_are_taken_though_it_is_not_named():
    choices = {"s": {"kubespawner_override": {}}, "l": {"kubespawner_override": {}}}
    scene = own_scene(own("mine", profile_options={"size": {"choices": choices}}))
    (found,) = Desk(None).resolve(PHYSICIST, {"size": "l"}, scene)
    assert found.user_options == {"profile": "mine", "size": "l"}


def test_what_an_own_profile_does_not_ask_for_is_dropped_whatever_it_is():
    raw = {"profile": "mine", "gpus": 3, "image": None, "team": ["x"]}
    found = a_desk().choose(PHYSICIST, raw, own_scene(own("mine")))
    assert found.user_options == {"profile": "mine"}


def test_a_refusal_tells_what_was_wanted():
    full = a_state(g1(), a_pod({GPU: 8}))
    with pytest.raises(ChoiceError) as caught:
        a_desk().choose(PHYSICIST, {"profile": A100_SLUG}, a_scene(full))
    assert caught.value.wanted == ("gpu", "NVIDIA-A100-SXM4-80GB", "physics")
    with pytest.raises(ChoiceError) as caught:
        Desk(None).choose(PHYSICIST, {}, own_scene(own("huge", cpu=99)))
    assert caught.value.wanted == ("huge", "", "")


def test_an_own_profile_too_large_for_every_machine_is_refused_like_a_tier():
    status, reason, said = refusal(Desk(None), PHYSICIST, {}, own_scene(own("huge", cpu=99)))
    assert (status, reason) == (409, "never")
    assert said.startswith("No machine is large enough: this asks for 99 CPU")


def test_who_is_in_no_team_but_has_own_profiles_is_refused_as_anybody():
    desk = a_desk("tiers: {t: {cpu: 1, memory: 1Gi}}\nteams: {x: {groups: [staff], tiers: [t]}}")
    answer = refusal(desk, a_person("chem"), {"profile": "t"}, own_scene(own("mine")))
    assert answer == (403, "forbidden", NOT_YOURS)


# --- what cannot be told now ------------------------------------------------------------


TWO_GPU_TIERS = """
tiers:
  small: {cpu: 1, memory: 1Gi}
  gpu: {gpu: {}, per_gpu: {cpu: 1, memory: 1Gi}}
  more: {gpu: {}, per_gpu: {cpu: 2, memory: 2Gi}}
  half: {share: 1/2}
teams: {all: {groups: ["*"], tiers: [small, gpu, more, half]}}
"""


@pytest.mark.parametrize("slug", ["gpu", "gpu-x", "more", "more-x", "half"])
def test_what_may_be_theirs_is_not_known_while_nodes_are_not_seen(slug):
    answer = refusal(a_desk(TWO_GPU_TIERS), PHYSICIST, {"profile": slug}, a_scene(snapshot=BLIND))
    assert answer == (503, "unknown", NOT_SEEN)


@pytest.mark.parametrize("slug", ["small-x", "other", "gpux"])
def test_what_is_surely_not_theirs_is_refused_though_nodes_are_not_seen(slug):
    answer = refusal(a_desk(TWO_GPU_TIERS), PHYSICIST, {"profile": slug}, a_scene(snapshot=BLIND))
    assert answer == (403, "forbidden", NOT_YOURS)


def test_a_tier_that_no_image_suits_is_not_theirs_whether_nodes_are_seen_or_not():
    text = """
tiers: {plain: {cpu: 1, memory: 1Gi}, gpu: {gpu: {}, per_gpu: {cpu: 1, memory: 1Gi}}}
images: {torch: {image: torch, needs: gpu}}
teams: {t: {groups: ["*"], tiers: [plain, gpu], images: [torch]}}
"""
    answers = {
        refusal(a_desk(text), PHYSICIST, {"profile": "plain"}, scene)
        for scene in (a_scene(snapshot=BLIND), a_scene(a_node()))
    }
    assert answers == {(403, "forbidden", NOT_YOURS)}


def test_without_a_map_what_is_not_an_own_profile_is_refused_though_nodes_are_not_seen():
    scene = own_scene(own("mine"), nodes=(), snapshot=BLIND)
    answer = refusal(Desk(None), PHYSICIST, {"profile": "gpu"}, scene)
    assert answer == (403, "forbidden", NOT_YOURS)


def test_a_share_of_nodes_that_are_seen_and_give_none_is_refused_for_good():
    scene = a_scene(a_node(cpu=0, memory=0))
    answer = refusal(a_desk(TWO_GPU_TIERS), PHYSICIST, {"profile": "half"}, scene)
    assert answer == (403, "forbidden", NOT_YOURS)


def test_a_share_is_not_known_while_what_runs_on_the_nodes_is_not_seen():
    scene = a_scene(snapshot=a_snapshot(a_node(), unseen=frozenset({"pods"})))
    answer = refusal(a_desk(TWO_GPU_TIERS), PHYSICIST, {"profile": "half"}, scene)
    assert answer == (503, "unknown", NOT_SEEN)


# --- what comes first -------------------------------------------------------------------


def reserved(gpus, token="t"):
    pod = a_pod({GPU: gpus}, tolerations=(Toleration(),))
    return Reservation(
        token=token,
        person="bob",
        team="physics",
        requests={GPU: gpus},
        devices=gpus,
        candidate=Candidate(pod, name="reserved"),
    )


def free(*nodes, **scene):
    """How many servers with one A100 fit, caps aside."""
    listing = a_desk().listing(PHYSICIST, a_scene(*nodes, beyond_caps=True, **scene))
    return next(each.count for each in listing.offers if each.slug == A100_SLUG)


def test_a_start_under_way_takes_its_room_once():
    assert free(g1(4)) == 4
    assert free(g1(4), held=(reserved(1),)) == 3
    seen = a_state(g1(4), a_server("bob", tier="gpu", gpus=1, start="t"))
    assert free(seen, held=(reserved(1),)) == 3


def test_a_start_under_way_and_a_pod_with_a_place_promised_take_room_both():
    pod = a_pod({GPU: 1}, tolerations=(Toleration(),))
    promised = Candidate(pod, name="promised", nominated_node="g1", judged=True)
    snapshot = replace(a_snapshot(g1(4)), waiting=(promised,))
    assert free(snapshot=snapshot) == 3
    assert free(snapshot=snapshot, held=(reserved(1),)) == 2


def test_a_choice_that_is_not_theirs_any_more_is_refused_when_it_is_to_start():
    desk, scene = a_desk(), a_scene(g1())
    choices = desk.resolve(PHYSICIST, {"profile": "large"}, scene)
    with pytest.raises(ChoiceError) as caught:
        desk.admit(a_person(), choices, scene)
    assert (caught.value.status, caught.value.reason) == (403, "forbidden")


# --- the listing itself -----------------------------------------------------------------


def test_a_listing_has_the_time_of_its_snapshot_and_the_names_of_its_teams():
    seen = datetime(2026, 1, 2, tzinfo=UTC)
    text = """
tiers: {t: {cpu: 1, memory: 1Gi}}
teams:
  a: {name: The First, groups: ["*"], tiers: [t]}
  b: {groups: ["*"], tiers: [t]}
"""
    listing = a_desk(text).listing(PHYSICIST, a_scene(snapshot=a_snapshot(a_node(), as_of=seen)))
    assert listing.as_of == seen
    assert (listing.teams, listing.team_names) == (("a", "b"), ("The First", "b"))
    listing = Desk(None).listing(PHYSICIST, own_scene(own("mine"), nodes=(), snapshot=None))
    assert (listing.as_of, listing.team_names) == (None, ())


def test_a_plan_holds_own_profiles_too():
    plan = a_desk().plan(PHYSICIST, own_scene(own("mine")))
    assert {choice.slug for choice in plan} == {"small", "large", "mine"}


def test_the_judge_is_warmed_for_own_profiles_and_tiers_unless_all_is_old_news():
    warmed = []

    def warm(candidate, snapshot):
        warmed.append(candidate.pod.spec.requests["cpu"])
        yield

    scene = a_scene(a_node(), warm=warm)
    a_desk().listing(a_person(), scene)
    assert warmed == [2000]
    Desk(None).listing(a_person(), own_scene(own("mine", cpu=3), warm=warm))
    assert warmed == [2000, 3000]
    a_desk().listing(a_person(), replace(scene, stale=True))
    a_desk().listing(a_person(), replace(scene, snapshot=None))
    assert warmed == [2000, 3000]


# --- the card of an own profile ---------------------------------------------------------


def sizes(*names, **more):
    """A profile with an option that decides how many CPUs are asked for."""
    choices = {name: {"display_name": name.upper(), "cpu": cpu} for name, cpu in names}
    choices[names[-1][0]]["default"] = True
    option = {"display_name": "Size", "choices": choices, **more}
    return own("mine", description="For all.", profile_options={"size": option})


def card(profile):
    def pod_for(choice):
        (picked,) = choice.profile["profile_options"]["size"]["choices"].values()
        return Candidate(a_pod({"cpu": picked["cpu"] * 1000}, tolerations=(Toleration(),)))

    (found,) = Desk(None).listing(PHYSICIST, own_scene(profile, pod_for=pod_for)).cards
    return found


def test_a_card_tells_what_the_admin_wrote_of_a_profile_and_what_one_gets():
    found = card(sizes(("s", 2), ("m", 4)))
    assert (found.slug, found.title, found.description) == ("mine", "Mine", "For all.")
    assert found.summary == "4 CPU"
    (option,) = found.options
    assert (option.name, option.label, option.free_text) == ("size", "Size", None)
    assert [(c.value, c.label, c.enabled, c.default, c.note) for c in option.choices] == [
        ("s", "S", True, False, ""),
        ("m", "M", True, True, ""),
    ]


def test_a_choice_that_does_not_fit_is_off_and_says_why():
    (option,) = card(sizes(("huge", 99), ("m", 4))).options
    assert [(c.value, c.enabled, c.note) for c in option.choices] == [
        ("huge", False, "Does not fit"),
        ("m", True, ""),
    ]


def test_what_the_admin_gave_no_name_has_its_key():
    profile = sizes(("m", 4))
    del profile["display_name"], profile["description"]
    option = profile["profile_options"]["size"]
    del option["display_name"], option["choices"]["m"]["display_name"]
    found = card(profile)
    assert (found.title, found.description) == ("mine", "")
    assert (found.options[0].label, found.options[0].choices[0].label) == ("size", "m")


@pytest.mark.parametrize(
    ("free", "shown"),
    [
        pytest.param({"enabled": True}, ("Other", ""), id="on"),
        pytest.param(
            {"enabled": True, "display_name": "Mine", "validation_regex": "a+"},
            ("Mine", "a+"),
            id="on-with-words",
        ),
        pytest.param({"enabled": False, "display_name": "Mine"}, None, id="off"),
    ],
)
def test_a_text_of_ones_own_is_shown_where_it_is_on(free, shown):
    text = card(sizes(("m", 4), unlisted_choice=free)).options[0].free_text
    assert (text and (text.label, text.pattern)) == shown


def test_rights_are_kept_for_so_many_sets_of_teams_and_right_for_every_other():
    teams = [f"team{n}" for n in range(9)]
    texts = (f"  {team}: {{groups: [{team}], tiers: [small]}}" for team in teams)
    desk = a_desk("tiers: {small: {cpu: 1, memory: 1Gi}}\nteams:\n" + "\n".join(texts))
    for number in range(1, 2 ** len(teams)):
        mine = tuple(team for place, team in enumerate(teams) if number >> place & 1)
        assert desk.listing(a_person(*mine), a_scene()).teams == mine
        assert len(desk._stock._rights) <= 256
        assert len(desk._stock._cards) <= 256
