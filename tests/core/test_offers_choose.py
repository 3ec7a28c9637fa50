"""Raw user options: what becomes a choice, and what is refused with which answer."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teamspawner.capacity.objects import Taint
from teamspawner.errors import ChoiceError
from teamspawner.offers.choices import cross_terms, plain_pod
from teamspawner.offers.desk import Desk
from teamspawner.offers.notices import BROKEN, NOT_SEEN
from teamspawner.offers.profiles import NOT_YOURS
from tests.core.offering import (
    A100,
    A100_SLUG,
    GIB,
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

A100_LABEL = "NVIDIA-A100-SXM4-80GB"
PHYSICIST = a_person("physics")


def chosen(raw, *nodes, person=PHYSICIST, text=None, **scene):
    desk = a_desk(text) if text else a_desk()
    return desk.choose(person, raw, a_scene(*(nodes or (g1(),)), **scene))


def refused(raw, *nodes, **more):
    with pytest.raises(ChoiceError) as caught:
        chosen(raw, *nodes, **more)
    return caught.value


def answer(raw, *nodes, **more):
    error = refused(raw, *nodes, **more)
    return error.status, error.reason, error.sentence


# --- canonical form ---------------------------------------------------------------------


def test_everything_not_given_is_filled_in():
    assert chosen({}).user_options == {"profile": "small", "image": "scipy", "team": "physics"}
    assert chosen({"profile": A100_SLUG}).user_options == {
        "profile": A100_SLUG,
        "gpus": "1",
        "image": "scipy",
        "team": "physics",
    }


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({"profile": A100_SLUG, "gpus": "2", "image": "pytorch"}, id="rest"),
        pytest.param(
            {
                "profile": A100_SLUG,
                f"profile-option-{A100_SLUG}--gpus": "2",
                f"profile-option-{A100_SLUG}--image": "pytorch",
            },
            id="form",
        ),
    ],
)
def test_options_are_taken_by_the_names_of_rest_and_of_forms(raw):
    options = chosen(raw).user_options
    assert (options["gpus"], options["image"]) == ("2", "pytorch")


def test_unknown_keys_and_options_of_other_tiers_are_dropped():
    raw = {
        "profile": "small",
        "gpus": "8",
        "cpu_limit": 99,
        "image--unlisted-choice": "evil/x",
        3: 4,
    }
    assert chosen(raw).user_options == {"profile": "small", "image": "scipy", "team": "physics"}


def test_canonical_options_are_their_own_canonical_form():
    first = chosen({"profile": A100_SLUG, "gpus": "2"})
    assert chosen(dict(first.user_options)) == first


RETIRED = """
tiers:
  first: {cpu: 1, memory: 1Gi}
  tiny: {cpu: 1, memory: 1Gi, was: [small, mini]}
  accel: {gpu: {counts: [1, 2]}, per_gpu: {cpu: 1, memory: 1Gi}, was: [gpu]}
images: {a: {image: a}, b: {image: b}}
teams: {t: {groups: ["*"], tiers: [first, tiny, accel], images: [a, b]}}
"""


@pytest.mark.parametrize(
    ("slug", "heir"),
    [
        ("mini", "tiny"),
        ("gpu", "accel-nvidia-a100-sxm4-80gb"),
        (A100_SLUG, "accel-nvidia-a100-sxm4-80gb"),
    ],
)
def test_a_retired_tier_is_mapped_to_its_heir(slug, heir):
    assert chosen({"profile": slug}, text=RETIRED).slug == heir


def test_the_options_of_a_retired_tier_have_its_name_in_a_form():
    raw = {"profile": A100_SLUG, f"profile-option-{A100_SLUG}--gpus": "2"}
    assert chosen(raw, text=RETIRED).devices == {GPU: 2}


def test_a_profile_of_the_admins_own_is_not_taken_for_a_retired_tier():
    scene = a_scene(g1(), profiles=[{"slug": "mini", "display_name": "Mini"}])
    (found,) = a_desk(RETIRED).resolve(PHYSICIST, {"profile": "mini"}, scene)
    assert (found.slug, found.team) == ("mini", None)


def test_options_of_the_default_tier_are_taken_though_it_is_not_named():
    raw = {"profile-option-first--image": "b"}
    assert chosen(raw, text=RETIRED).user_options["image"] == "b"


@pytest.mark.parametrize("name", ["profile", "gpus", "image", "team"])
def test_an_empty_option_is_one_not_given(name):
    assert chosen({"profile": A100_SLUG, name: ""}) == chosen(
        {} if name == "profile" else {"profile": A100_SLUG}
    )


def test_an_image_is_dropped_where_the_team_names_none():
    text = "tiers: {t: {cpu: 1, memory: 1Gi}}\nteams: {x: {groups: ['*'], tiers: [t]}}"
    raw = {"profile": "t", "image": "other"}
    assert chosen(raw, text=text).user_options == {"profile": "t", "team": "x"}


def test_what_is_not_given_is_resolved_to_one_choice_per_team():
    found = a_desk().resolve(PHYSICIST, {"profile": A100_SLUG}, a_scene(g1()))
    assert [choice.devices for choice in found] == [{GPU: 1}]
    found = a_desk().resolve(PHYSICIST, {"profile": "small"}, a_scene(g1()))
    assert [choice.team for choice in found] == ["physics", "everyone"]


# --- refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [None, [], "small", 3, ["profile"]])
def test_options_that_are_no_names_and_values_are_malformed(raw):
    assert refused(raw).status == 400


@pytest.mark.parametrize("name", ["profile", "gpus", "image", "team"])
@pytest.mark.parametrize("value", [None, 2, 2.0, True, ["2"], {"a": 1}])
def test_a_known_option_of_a_wrong_type_is_malformed(name, value):
    said = answer({"profile": A100_SLUG, name: value})
    assert said == (400, "options", f"“{name}” must be given as text.")


def test_an_option_of_a_form_is_told_by_its_own_name():
    raw = {"profile": A100_SLUG, f"profile-option-{A100_SLUG}--gpus": 2}
    assert answer(raw) == (400, "options", "“gpus” must be given as text.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gpus", "3"),
        ("gpus", "4"),
        ("gpus", "0"),
        ("gpus", "-1"),
        ("gpus", "01"),
        ("gpus", " 1"),
        ("gpus", "1\n"),
        ("gpus", "\uff11"),
        ("image", "other"),
        ("image", "quay.io/jupyter/scipy-notebook:2026-08-24"),
    ],
)
def test_a_value_that_is_not_offered_is_malformed(name, value):
    said = answer({"profile": A100_SLUG, name: value})
    assert said == (400, "options", f"“{name}” has no such value.")


def test_an_image_that_does_not_suit_the_tier_is_not_offered():
    assert refused({"profile": "small", "image": "pytorch"}).status == 400


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({"profile": "half"}, id="tier-of-another-team"),
        pytest.param({"profile": "gpu-tesla-t4"}, id="model-of-no-team"),
        pytest.param({"profile": "nothing"}, id="no-such-tier"),
        pytest.param({"profile": "gpu-nvidia-h100"}, id="no-such-model"),
        pytest.param({"profile": "gpu"}, id="tier-without-a-model"),
        pytest.param({"profile": "SMALL"}, id="other-case"),
        pytest.param({"profile": "<script>"}, id="markup"),
        pytest.param({"profile": "../x"}, id="path"),
        pytest.param({"profile": "x" * 100_000}, id="endless"),
        pytest.param({"profile": "small", "team": "biology"}, id="no-such-team"),
        pytest.param({"profile": "large", "team": "everyone"}, id="team-without-the-tier"),
    ],
)
def test_what_is_not_theirs_is_refused_word_for_word_like_what_does_not_exist(raw):
    t4 = a_node("t4", devices={GPU: 1}, labels={"nvidia.com/gpu.product": "Tesla-T4"})
    text = None
    assert answer(raw, g1(), t4, text=text) == (403, "forbidden", NOT_YOURS)


def test_who_is_in_no_team_is_refused_everything_and_told_which_groups_were_seen():
    text = "tiers: {t: {cpu: 1, memory: 1Gi}}\nteams: {x: {groups: [staff], tiers: [t]}}"
    status, reason, said = answer({"profile": "t"}, person=a_person("chem"), text=text)
    assert (status, reason) == (403, "no-team")
    assert said.startswith("Your group (chem) is in no team of this hub")


def test_a_team_that_was_taken_away_is_refused():
    stored = dict(chosen({"profile": "small"}).user_options)
    assert answer(stored, person=a_person()) == (403, "forbidden", NOT_YOURS)


def test_a_model_that_left_the_cluster_is_refused():
    assert refused({"profile": A100_SLUG}, a_node()).status == 403


def test_a_model_that_cannot_be_told_now_is_not_known():
    blind = a_snapshot(unseen=frozenset({"nodes"}))
    assert answer({"profile": A100_SLUG}, snapshot=blind) == (503, "unknown", NOT_SEEN)


def test_no_room_is_refused_with_the_nearest_that_fits():
    full = a_state(g1(), a_pod({GPU: 7, "cpu": 1000}))
    error = refused({"profile": A100_SLUG, "gpus": "2"}, full)
    assert (error.status, error.reason) == (409, "busy")
    assert error.sentence == (
        "Only 1 A100 80 GB is left on one machine. Nearest that fits: GPU · A100 80 GB."
    )
    assert error.alternative.slug == A100_SLUG


def test_a_cap_that_is_used_up_is_refused_in_numbers():
    full = a_state(g1(), a_server("bob", tier="gpu", gpus=8))
    status, reason, said = answer({"profile": A100_SLUG}, full)
    assert (status, reason) == (409, "cap")
    assert said.startswith("physics uses 8 of its 8 GPUs.")
    assert "bob" not in said


TWO_TEAMS = """
tiers: {a: {cpu: 1, memory: 1Gi}, b: {cpu: 1, memory: 1Gi}}
teams:
  one: {groups: ["*"], tiers: [a, b], limits: {cpu: 1}}
  two: {name: The Second, groups: ["*"], tiers: [a], limits: {cpu: 5}}
"""


def test_where_a_cap_is_used_up_the_same_tier_of_another_team_is_nearest():
    full = a_state(g1(), a_server("bob", team="one", tier="a"))
    error = refused({"profile": "a", "team": "one"}, full, text=TWO_TEAMS)
    assert error.reason == "cap"
    assert (error.alternative.slug, error.alternative.options) == ("a", {"team": "two"})
    assert error.sentence.endswith("Nearest that fits: a (team The Second).")


def test_an_alternative_of_another_team_can_be_taken():
    full = a_state(g1(), a_server("bob", team="one", tier="a"))
    other = refused({"profile": "a", "team": "one"}, full, text=TWO_TEAMS).alternative
    taken = chosen({"profile": other.slug, **other.options}, full, text=TWO_TEAMS)
    assert (taken.slug, taken.team) == ("a", "two")


@pytest.mark.parametrize(
    ("snapshot", "stale"),
    [
        pytest.param(None, False, id="never-seen"),
        pytest.param(a_snapshot(g1()), True, id="old-news"),
        pytest.param(a_snapshot(g1(), unseen=frozenset({"pods"})), False, id="pods-unseen"),
    ],
)
def test_an_accelerator_is_refused_while_it_is_not_known(snapshot, stale):
    desk = a_desk()
    with pytest.raises(ChoiceError) as caught:
        desk.choose(PHYSICIST, {"profile": A100_SLUG}, a_scene(snapshot=snapshot, stale=stale))
    assert caught.value.status == 503


def test_a_tier_without_accelerators_may_be_tried_while_it_is_not_known():
    assert chosen({"profile": "small", "team": "everyone"}, stale=True).slug == "small"


@pytest.mark.parametrize(
    ("rule", "status"), [("allow", None), ("refuse", 503)], ids=["allow", "refuse"]
)
def test_when_unknown_decides_what_may_be_tried(rule, status):
    text = f"""
tiers: {{t: {{cpu: 1, memory: 1Gi, when_unknown: {rule}}}}}
teams: {{all: {{groups: ["*"], tiers: [t]}}}}
"""
    desk = a_desk(text)
    scene = a_scene(snapshot=None)
    try:
        got = desk.choose(a_person(), {}, scene) and None
    except ChoiceError as error:
        got = error.status
    assert got == status


def test_the_first_team_with_room_is_charged():
    full = a_state(g1(), *[a_server()] * 3)
    assert chosen({"profile": "small"}, full).team == "everyone"


def test_a_team_that_is_named_is_charged_or_refused():
    full = a_state(g1(), *[a_server()] * 3)
    assert refused({"profile": "small", "team": "physics"}, full).reason == "cap"


def test_a_broken_map_refuses_everything():
    desk = Desk(None, broken=True)
    with pytest.raises(ChoiceError) as caught:
        desk.choose(a_person(), {}, a_scene(g1()))
    assert (caught.value.status, caught.value.sentence) == (503, BROKEN)


def test_an_empty_list_refuses_and_never_falls_through_to_an_unlimited_server():
    with pytest.raises(ChoiceError) as caught:
        Desk(None).choose(a_person(), {}, a_scene(g1(), profiles=[]))
    assert caught.value.status == 403


_keys = st.sampled_from(["profile", "gpus", "image", "team", f"profile-option-{A100_SLUG}--gpus"])
_odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.binary(max_size=4)
    | st.sampled_from(["small", "large", A100_SLUG, "1", "2", "4", "scipy", "physics", "everyone"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=3,
)
_DESK = a_desk()
_SCENE = a_scene(g1())


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(_keys | st.text(max_size=5) | st.integers(), _odd, max_size=5) | _odd)
def test_any_options_give_an_entitled_choice_or_a_refusal(raw):
    try:
        choice = _DESK.choose(PHYSICIST, raw, _SCENE)
    except ChoiceError as error:
        assert error.status in {400, 403, 409}  # noqa: PT017
        return
    assert choice.slug in {"small", "large", A100_SLUG}
    assert choice.team in {"physics", "everyone"}
    assert choice.requests.get(GPU, 0) <= 2
    assert all(isinstance(value, str) for value in choice.user_options.values())


# --- what a choice does -----------------------------------------------------------------


def test_a_choice_sets_every_resource_field():
    override = chosen({"profile": A100_SLUG, "gpus": "2"}).override
    assert override["cpu_guarantee"] == override["cpu_limit"] == 14
    assert override["mem_guarantee"] == override["mem_limit"] == 110 * GIB
    assert override["extra_resource_limits"] == {GPU: "2"}
    assert override["extra_resource_guarantees"] == {}
    assert override["tolerations"] == [{"key": GPU, "operator": "Exists"}]
    assert override["start_timeout"] == 900
    assert override["volumes"] == [
        {"name": "team-data", "persistentVolumeClaim": {"claimName": "team-data"}}
    ]
    assert override["volume_mounts"] == [
        {
            "name": "team-data",
            "mountPath": "/shared/physics",
            "readOnly": False,
            "subPath": "physics",
        }
    ]


FULL = """
tiers:
  plain: {cpu: 1, memory: 1Gi}
  gpu:
    name: GPU
    gpu: {counts: [2]}
    per_gpu: {cpu: 500m, memory: 1Gi}
    start_timeout: 1m
    nodes:
      selector: {pool: big}
      tolerations:
        - {key: team, operator: Equal, value: chem, effect: NoSchedule}
        - {operator: Exists}
images: {own: {image: "quay.io/own:1"}}
teams:
  t:
    groups: ["*"]
    tiers: [plain, gpu]
    images: [own]
    volumes: [{name: data, claim: all-data, mount: /data}]
  bare: {groups: ["*"], tiers: [plain]}
"""


def test_a_choice_says_all_that_the_tier_decides():
    big = a_node("g1", cpu=64, memory=512, devices={GPU: 8}, labels={**A100, "pool": "big"})
    choice = chosen({"profile": A100_SLUG}, big, text=FULL)
    assert choice.override == {
        "cpu_guarantee": 1,
        "cpu_limit": 1,
        "mem_guarantee": 2 * GIB,
        "mem_limit": 2 * GIB,
        "extra_resource_limits": {GPU: "2"},
        "extra_resource_guarantees": {},
        "node_selector": {"pool": "big"},
        "node_affinity_required": choice.override["node_affinity_required"],
        "tolerations": [
            {"key": "team", "operator": "Equal", "value": "chem", "effect": "NoSchedule"},
            {"operator": "Exists"},
            {"key": GPU, "operator": "Exists"},
        ],
        "volumes": [{"name": "team-data", "persistentVolumeClaim": {"claimName": "all-data"}}],
        "volume_mounts": [{"name": "team-data", "mountPath": "/data", "readOnly": True}],
        "image": "quay.io/own:1",
        "start_timeout": 60,
    }
    only = {"key": "nvidia.com/gpu.product", "operator": "In", "values": [A100_LABEL]}
    bare = {"key": "cloud.google.com/gke-gpu-partition-size", "operator": "DoesNotExist"}
    terms = choice.override["node_affinity_required"]
    assert [term["matchExpressions"][:2] for term in terms] == [[only, bare]] * 2
    assert {key for term in terms for key in term} == {"matchExpressions"}
    assert choice.requests == {"cpu": 1000, "memory": 2 * GIB, GPU: 2}
    assert choice.devices == {GPU: 2}
    assert (choice.title, choice.model) == ("GPU · A100 80 GB ×2", A100_LABEL)
    assert (choice.tier, choice.start_timeout_s) == ("gpu", 60)


def test_what_the_map_does_not_say_is_left_to_the_chart():
    choice = chosen({"profile": "plain", "team": "bare"}, text=FULL)
    assert choice.user_options == {"profile": "plain", "team": "bare"}
    assert {"image", "start_timeout"}.isdisjoint(choice.override)
    assert choice.start_timeout_s is None
    assert (choice.title, choice.model) == ("plain", None)


def test_a_request_without_a_limit_sets_no_limit():
    text = """
tiers: {t: {cpu: {request: 1500m}, memory: {request: 1Gi}}}
teams: {x: {groups: ["*"], tiers: [t]}}
"""
    override = chosen({}, text=text).override
    assert (override["cpu_guarantee"], override["cpu_limit"]) == (1.5, None)
    assert (override["mem_guarantee"], override["mem_limit"]) == (GIB, None)


def test_a_pod_made_of_a_choice_goes_where_the_tier_says_and_bears_what_every_pod_bears():
    big = a_node("g1", cpu=64, memory=512, devices={GPU: 8}, labels={**A100, "pool": "big"})
    spec = plain_pod(chosen({"profile": A100_SLUG}, big, text=FULL)).pod.spec
    assert spec.node_selector == {"pool": "big"}
    assert [each.key for each in spec.tolerations] == [
        "team",
        "",
        GPU,
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert [use.name for use in spec.volumes] == ["all-data"]
    leaving = replace(big, taints=(Taint("node.kubernetes.io/not-ready", "", "NoExecute"),))
    assert chosen({"profile": "plain"}, leaving, text=FULL).slug == "plain"


@pytest.mark.parametrize(("length", "kept"), [(58, 58), (59, 58)], ids=["fits", "too-long"])
def test_the_name_of_a_volume_is_never_longer_than_kubernetes_allows(length, kept):
    name = "v" * length
    text = FULL.replace("name: data", f"name: {name}")
    assert chosen({"profile": "plain"}, text=text).override["volumes"][0]["name"] == (
        f"team-{'v' * kept}"
    )


def test_a_tier_that_says_nothing_of_memory_asks_for_none():
    text = "tiers: {t: {cpu: 1}}\nteams: {x: {groups: ['*'], tiers: [t]}}"
    choice = chosen({}, text=text)
    assert choice.requests == {"cpu": 1000}
    assert (choice.override["mem_guarantee"], choice.override["mem_limit"]) == (None, None)


NEEDY = """
tiers: {plain: {cpu: 1, memory: 1Gi}, gpu: {gpu: {}, per_gpu: {cpu: 1, memory: 1Gi}}}
images: {torch: {image: torch, needs: gpu}, base: {image: base}}
teams:
  both: {groups: [both], tiers: [plain, gpu], images: [torch, base]}
  torch: {groups: [torch], tiers: [plain, gpu], images: [torch]}
"""


def test_an_image_that_needs_a_gpu_is_not_had_without_one_whoever_made_the_gpu():
    both = a_person("both")
    assert chosen({"profile": "plain"}, person=both, text=NEEDY).user_options["image"] == "base"
    raw = {"profile": "plain", "image": "torch"}
    assert refused(raw, person=both, text=NEEDY).status == 400
    gpu = {"profile": A100_SLUG, "image": "torch"}
    assert chosen(gpu, person=both, text=NEEDY).user_options["image"] == "torch"


def test_a_tier_that_no_image_of_the_team_suits_is_not_had_with_another():
    torch = a_person("torch")
    answered = answer({"profile": "plain"}, person=torch, text=NEEDY)
    assert answered == (403, "forbidden", NOT_YOURS)
    listing = a_desk(NEEDY).listing(torch, a_scene(g1()))
    whys = {each.slug: each.why for each in listing.hidden}
    assert whys["plain"] == "no image of team torch suits it"


def test_a_choice_without_accelerators_asks_for_none():
    choice = chosen({"profile": "large"}, a_node(memory=64))
    assert choice.devices == {}
    assert choice.requests == {"cpu": 4000, "memory": 32 * GIB}
    override = choice.override
    assert (override["extra_resource_limits"], override["tolerations"]) == ({}, [])
    assert (override["cpu_guarantee"], override["cpu_limit"]) == (4, 8)
    assert override["node_affinity_required"] == []


def test_a_choice_labels_the_pod_with_keys_of_the_map():
    assert chosen({"profile": A100_SLUG}).labels == {
        "teamspawner/tier": "gpu",
        "teamspawner/team": "physics",
        "teamspawner/variant": A100_SLUG,
    }
    assert chosen({"profile": "small"}).labels == {
        "teamspawner/tier": "small",
        "teamspawner/team": "physics",
    }


def test_a_variant_goes_to_its_own_model_only():
    other = a_node(
        "o", cpu=64, memory=512, devices={GPU: 8}, labels={**A100, "nvidia.com/gpu.product": "X"}
    )
    full = a_state(g1(), a_pod({GPU: 8}))
    assert refused({"profile": A100_SLUG}, full, other).reason == "busy"


def test_terms_of_the_chart_and_of_the_tier_must_both_hold():
    first, second, own = ({"matchExpressions": [{"key": key}]} for key in "abc")
    assert cross_terms([first, second], [own]) == [
        {"matchExpressions": [{"key": "a"}, {"key": "c"}]},
        {"matchExpressions": [{"key": "b"}, {"key": "c"}]},
    ]
    assert cross_terms([], [own]) == cross_terms([own], []) == [own]
    fields = {"matchFields": [{"key": "f"}]}
    assert cross_terms([fields], [own]) == [{**own, **fields}]


def test_a_volume_is_mounted_to_read_unless_the_map_says_otherwise():
    text = """
tiers: {t: {cpu: 1, memory: 1Gi}}
teams:
  all: {groups: ["*"], tiers: [t], volumes: [{name: d, claim: c, mount: /d}]}
"""
    assert chosen({}, text=text).override["volume_mounts"] == [
        {"name": "team-d", "mountPath": "/d", "readOnly": True}
    ]


# --- a start that passed and then found no room -------------------------------------------


def nearest(raw, after, *, person=PHYSICIST):
    """What is named when this passed on a free cluster and then failed on another."""
    choice = chosen(raw)
    found = a_desk().nearest(person, choice, a_scene(after))
    return found and (found.slug, dict(found.options))


def test_who_loses_a_race_is_told_the_nearest_that_still_fits():
    one_left = a_state(g1(), a_pod({GPU: 7}))
    assert nearest({"profile": A100_SLUG, "gpus": "2"}, one_left) == (A100_SLUG, {"gpus": "1"})
    full = a_state(g1(), a_pod({GPU: 8}))
    assert nearest({"profile": A100_SLUG}, full) == ("large", {})


def test_what_still_seems_to_fit_though_it_failed_is_replaced_by_less_of_something():
    assert nearest({"profile": A100_SLUG, "gpus": "2"}, a_state(g1())) == (A100_SLUG, {"gpus": "1"})
    assert nearest({"profile": "small"}, a_state(a_node(cpu=64, memory=512))) is None


def test_nothing_is_named_when_the_choice_is_not_theirs_any_more():
    assert nearest({"profile": "large"}, a_state(g1()), person=a_person("arts")) is None
