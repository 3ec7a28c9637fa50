"""An admin's own profiles: who sees which, and what a request makes of them."""

import pytest

from teamspawner.errors import ChoiceError
from teamspawner.offers.profile_choices import every_choice
from teamspawner.offers.profiles import NOT_YOURS, choose_profile, may_see

CPU = {"slug": "cpu", "display_name": "CPU", "default": True}
GPU = {"slug": "gpu", "display_name": "GPU", "allowed_groups": ["physics"]}


def a_profile(*, choices=("base", "big"), free=None, slug="custom"):
    option = {"choices": {key: {"kubespawner_override": {"image": key}} for key in choices}}
    if free is not None:
        option["unlisted_choice"] = {"enabled": True, "validation_regex": free}
    return {"slug": slug, "display_name": slug, "profile_options": {"image": option}}


def someone(*groups):
    return lambda patterns: bool({"*", *groups} & set(patterns))


def chosen(raw, *profiles):
    return dict(choose_profile(may_see(profiles, someone()), raw).user_options)


def refused(raw, *profiles):
    with pytest.raises(ChoiceError) as caught:
        chosen(raw, *profiles)
    return caught.value


def test_a_profile_for_a_group_is_seen_by_its_members_alone():
    assert [each["slug"] for each in may_see([CPU, GPU], someone("physics"))] == ["cpu", "gpu"]
    assert [each["slug"] for each in may_see([CPU, GPU], someone("arts"))] == ["cpu"]


def test_an_empty_list_of_groups_is_for_nobody():
    assert may_see([{**CPU, "allowed_groups": []}], someone("physics")) == []


def test_policy_is_not_passed_on():
    assert "allowed_groups" not in may_see([GPU], someone("physics"))[0]


def test_a_choice_for_a_group_is_seen_by_its_members_alone():
    profile = a_profile()
    profile["profile_options"]["image"]["choices"]["big"]["allowed_groups"] = ["physics"]
    (seen,) = may_see([profile], someone("arts"))
    assert list(seen["profile_options"]["image"]["choices"]) == ["base"]


def test_free_text_for_a_group_is_off_for_others():
    profile = a_profile(free=".*")
    profile["profile_options"]["image"]["unlisted_choice"]["allowed_groups"] = ["physics"]
    (seen,) = may_see([profile], someone("arts"))
    assert seen["profile_options"]["image"]["unlisted_choice"]["enabled"] is False


def test_a_profile_whose_option_has_nothing_left_is_not_offered():
    profile = a_profile(choices=("big",))
    profile["profile_options"]["image"]["choices"]["big"]["allowed_groups"] = ["physics"]
    assert may_see([profile], someone("arts")) == []


@pytest.mark.parametrize(
    "raw", [{}, {"profile": None}, {"profile": ""}], ids=["none", "null", "empty"]
)
def test_without_a_profile_the_default_is_filled_in(raw):
    assert chosen(raw, GPU, CPU) == {"profile": "cpu"}


def test_every_option_gets_a_value():
    assert chosen({}, a_profile()) == {"profile": "custom", "image": "base"}


def test_only_what_was_chosen_is_left_of_the_profile():
    found = choose_profile([a_profile(free=".*")], {"image": "big"})
    option = found.profile["profile_options"]["image"]
    assert list(option["choices"]) == ["big"]
    assert option["unlisted_choice"] == {"enabled": False}


def test_what_was_chosen_keeps_all_else_that_the_admin_set():
    profile = a_profile(free=".*")
    option = profile["profile_options"]["image"]
    option["display_name"] = "Image"
    listed = choose_profile([profile], {"image": "big"}).profile
    assert listed == {
        "slug": "custom",
        "display_name": "custom",
        "default": True,
        "profile_options": {
            "image": {
                "display_name": "Image",
                "choices": {"big": {"kubespawner_override": {"image": "big"}, "default": True}},
                "unlisted_choice": {"enabled": False},
            }
        },
    }
    typed = choose_profile([profile], {"image--unlisted-choice": "x"}).profile
    assert typed["profile_options"]["image"] == {**option, "choices": {}}


def test_the_choice_that_is_the_default_is_filled_in():
    profile = a_profile(choices=("base", "big", "huge"))
    profile["profile_options"]["image"]["choices"]["big"]["default"] = True
    assert chosen({}, profile)["image"] == "big"


def test_text_that_does_not_fit_is_refused_in_the_words_of_the_admin():
    profile = a_profile(free="a+")
    free = profile["profile_options"]["image"]["unlisted_choice"]
    raw = {"image--unlisted-choice": "b"}
    assert refused(raw, profile).sentence == "“image” has no such value."
    free["validation_message"] = "Only a."
    assert refused(raw, profile).sentence == "Only a."


@pytest.mark.parametrize("off", [{"enabled": False}, {}], ids=["off", "not-on"])
def test_text_is_refused_where_it_is_not_on_whatever_else_is_set(off):
    profile = a_profile()
    free = {"validation_regex": ".*", "validation_message": "Only a.", **off}
    profile["profile_options"]["image"]["unlisted_choice"] = free
    raw = {"image": "unlisted-choice", "image--unlisted-choice": "evil/x"}
    assert refused(raw, profile).sentence == "“image” has no such value."


def test_text_for_another_group_is_refused():
    profile = a_profile(free=".*")
    profile["profile_options"]["image"]["unlisted_choice"]["allowed_groups"] = ["physics"]
    raw = {"image--unlisted-choice": "x"}
    assert refused(raw, profile).status == 400
    mine = may_see([profile], someone("physics"))
    assert choose_profile(mine, raw).user_options["image--unlisted-choice"] == "x"
    assert "allowed_groups" not in mine[0]["profile_options"]["image"]["unlisted_choice"]


def test_one_group_may_stand_without_a_list():
    profile = {**CPU, "allowed_groups": "physics"}
    assert may_see([profile], someone("physics")) != []
    assert may_see([profile], someone("p")) == []


def test_a_profile_without_options_gets_none():
    assert may_see([CPU], someone()) == [CPU]


def test_unknown_keys_are_dropped():
    assert chosen({"cpu_limit": 64, "profile": "cpu", "": {}}, CPU) == {"profile": "cpu"}


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({"profile": ["cpu"]}, id="profile-as-list"),
        pytest.param({"profile": {"a": 1}}, id="profile-as-object"),
        pytest.param({"profile": 0}, id="profile-as-number"),
        pytest.param({"profile": "custom", "image": ["base"]}, id="choice-as-list"),
        pytest.param({"profile": "custom", "image": 1}, id="choice-as-number"),
        pytest.param({"profile": "custom", "image": "huge"}, id="choice-not-offered"),
        pytest.param({"profile": "custom", "image": "unlisted-choice"}, id="free-text-not-given"),
        pytest.param(
            {"profile": "custom", "image--unlisted-choice": "evil/x"}, id="free-text-not-enabled"
        ),
        pytest.param(
            {"profile": "custom", "image--unlisted-choice": ["x"]}, id="free-text-as-list"
        ),
    ],
)
def test_a_value_that_is_not_offered_is_malformed(raw):
    assert refused(raw, a_profile(), CPU).status == 400


def test_free_text_without_a_profile_is_checked_against_the_default_profile():
    assert refused({"image--unlisted-choice": "evil/x"}, a_profile()).status == 400


def test_a_hidden_and_a_missing_profile_are_refused_in_the_same_words():
    hidden, missing = refused({"profile": "gpu"}, CPU, GPU), refused({"profile": "nope"}, CPU)
    assert hidden.status == missing.status == 403
    assert hidden.sentence == missing.sentence == NOT_YOURS


def test_free_text_must_match_to_its_end():
    profile = a_profile(free="ok/[a-z]+")
    assert chosen({"image--unlisted-choice": "ok/a"}, profile)["image--unlisted-choice"] == "ok/a"
    assert refused({"image--unlisted-choice": "ok/a; rm"}, profile).status == 400


@pytest.mark.parametrize("typed", ["ok/a", "evil; rm", "x" * 2000], ids=["good", "bad", "long"])
def test_a_listed_value_wins_over_text_that_was_typed_and_abandoned(typed):
    raw = {"image": "big", "image--unlisted-choice": typed}
    assert chosen(raw, a_profile(free="ok/[a-z]+")) == {"profile": "custom", "image": "big"}


def test_typed_text_counts_when_the_menu_says_other():
    raw = {"image": "unlisted-choice", "image--unlisted-choice": "ok/a"}
    found = chosen(raw, a_profile(free="ok/[a-z]+"))
    assert found == {"profile": "custom", "image--unlisted-choice": "ok/a"}


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        pytest.param("image", "big", {"image": "big"}, id="listed"),
        pytest.param(
            "image--unlisted-choice", "ok/a", {"image--unlisted-choice": "ok/a"}, id="typed"
        ),
    ],
)
def test_an_option_may_have_the_name_that_it_has_in_a_form(key, value, kept):
    raw = {f"profile-option-custom--{key}": value, "profile-option-other--image": "base"}
    assert chosen(raw, a_profile(free="ok/[a-z]+")) == {"profile": "custom", **kept}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("image", "huge", id="not-offered"),
        pytest.param("image", ["big"], id="wrong-type"),
        pytest.param("image--unlisted-choice", "evil", id="typed-and-wrong"),
    ],
)
def test_an_option_by_its_name_in_a_form_is_checked_alike(key, value):
    raw = {f"profile-option-custom--{key}": value}
    assert refused(raw, a_profile(free="ok/[a-z]+")).status == 400


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("x" * 1001, id="too-long"),
        pytest.param("a\nb", id="line-break"),
        pytest.param("a\x00b", id="null-byte"),
    ],
)
def test_free_text_is_one_line_of_readable_text(typed):
    assert refused({"image--unlisted-choice": typed}, a_profile(free="")).status == 400


def test_a_wrong_expression_of_the_admins_lets_nothing_pass():
    assert refused({"image--unlisted-choice": "x"}, a_profile(free="(")).status == 400


def test_who_may_have_nothing_is_refused():
    assert refused({}).status == 403


def test_a_choice_without_a_name_is_not_judged_for_it_cannot_be_told_from_none():
    choices = every_choice(a_profile(choices=("base", "")))
    assert [dict(each.user_options) for each in choices] == [{"profile": "custom", "image": "base"}]
