"""What a sound map is warned of: each thing that can never match or help, and no other."""

import pytest

from teamspawner.map import load

PLAIN = "{cpu: 1, memory: 1Gi}"
PER_GPU = "per_gpu: {cpu: 1, memory: 1Gi}"
GPU = f"{{gpu: {{models: ['*A100*'], counts: [2, 4], kinds: [whole, mig]}}, {PER_GPU}}}"


def warned(team="", *, tiers=None, images="{}", listed="[t]"):
    """Places (without lines) and words of all warnings of a map with one team."""
    shown = tiers or {"t": PLAIN}
    text = "\n".join(
        [
            f"tiers: {{{', '.join(f'{key}: {tier}' for key, tier in shown.items())}}}",
            f"images: {images}",
            f"teams: {{x: {{groups: [g], tiers: {listed}, {team}}}}}",
        ]
    )
    return [(each.place.partition(" (")[0], each.found) for each in load(text).warnings]


def test_a_map_that_can_do_all_it_promises_is_not_warned_of():
    assert warned() == []
    assert warned(tiers={"t": GPU}) == []


@pytest.mark.parametrize(
    ("tier", "found"),
    [
        ("{cpu: 1}", ["no memory"]),
        ("{memory: 1Gi}", ["no cpu"]),
        ("{cpu: 1, memory: 1Gi, wait: 5m}", ["wait without when_busy: wait"]),
        ("{cpu: 1, memory: 1Gi, when_busy: wait, wait: 5m}", []),
        (
            "{gpu: {kinds: [shared], counts: [2]}, per_gpu: {cpu: 1, memory: 1Gi}}",
            ["shared devices without the count 1"],
        ),
        ("{gpu: {kinds: [shared], counts: [1, 2]}, per_gpu: {cpu: 1, memory: 1Gi}}", []),
        ("{gpu: {kinds: [whole], counts: [2]}, per_gpu: {cpu: 1, memory: 1Gi}}", []),
    ],
)
def test_a_tier_that_sets_nothing_aside_or_never_waits_is_warned_of(tier, found):
    assert warned(tiers={"t": tier}) == [("tiers.t", each) for each in found]


def test_a_tier_that_no_team_lists_is_warned_of():
    tiers = {"t": PLAIN, "u": "{cpu: 2, memory: 1Gi}"}
    assert warned(tiers=tiers) == [("tiers.u", "a tier of no team")]
    assert warned(tiers=tiers, listed="[t, u]") == []


def test_two_tiers_that_differ_in_their_words_alone_are_warned_of():
    alike = {"t": PLAIN, "u": "{name: Other, description: d, cpu: 1, memory: 1Gi}"}
    assert warned(tiers=alike, listed="[t, u]") == [("tiers.u", "a tier exactly like t")]


@pytest.mark.parametrize(
    ("image", "tiers", "found"),
    [
        ("{image: 'a:1'}", PLAIN, []),
        ("{image: 'a:1', needs: gpu}", GPU, []),
        ("{image: 'a:1', needs: gpu, vendors: [nvidia]}", GPU, []),
        ("{image: 'a:1', vendors: [nvidia]}", GPU, [("images.i", "vendors without needs")]),
        ("{image: 'a:1', needs: gpu, vendors: [Nvidia]}", GPU, []),
        (
            "{image: 'a:1', needs: gpu, vendors: [nvida]}",
            GPU,
            [("images.i", "the vendor nvida")],
        ),
        ("{image: 'a:1', needs: gpu, vendors: [huawei]}", GPU, []),
        (
            "{image: 'a:1', needs: gpu}",
            PLAIN,
            [
                ("teams.x", "an image that needs a gpu, and no gpu tier"),
                ("teams.x", "no image for the tiers without gpu"),
            ],
        ),
    ],
)
def test_an_image_that_could_never_be_taken_is_warned_of(image, tiers, found):
    images = f"{{i: {image}}}"
    assert warned("images: [i]", tiers={"t": tiers}, images=images) == found


def test_an_image_that_no_team_lists_is_warned_of():
    assert warned(images="{i: {image: 'a:1'}}") == [("images.i", "an image of no team")]


def test_a_plain_tier_beside_a_gpu_tier_needs_an_image_of_its_own():
    tiers, listed = {"t": GPU, "u": PLAIN}, "[t, u]"
    images = "{i: {image: 'a:1', needs: gpu}, j: {image: 'b:1'}}"
    both = warned("images: [i, j]", tiers=tiers, listed=listed, images=images)
    assert both == []
    one = warned("images: [i]", tiers=tiers, listed=listed, images=images)
    assert ("teams.x", "no image for the tiers without gpu") in one


def test_a_team_without_tiers_is_warned_of():
    assert ("teams.x", "a team without tiers") in warned(listed="[]")


@pytest.mark.parametrize(
    ("models", "found"),
    [
        ("['*']", False),
        ("['NVIDIA-*']", False),
        ("['nvidia-a100-sxm4-80gb']", False),
        ("['NVIDIA-A10']", True),
        ("['NVIDIA-A10', '*']", False),
    ],
)
def test_models_of_a_team_that_none_of_its_tiers_has_are_warned_of(models, found):
    words = ("teams.x", "gpu models that none of its tiers has")
    assert warned(f"gpu: {{models: {models}}}", tiers={"t": GPU}) == ([words] if found else [])


def test_a_model_named_by_the_tier_must_be_meant_by_the_team():
    tier = {"t": "{gpu: {models: [Tesla-T4]}, per_gpu: {cpu: 1, memory: 1Gi}}"}
    assert warned("gpu: {models: ['tesla-*']}", tiers=tier) == []
    assert warned("gpu: {models: [tesla-t4]}", tiers=tier) == []
    assert len(warned("gpu: {models: ['*A100*']}", tiers=tier)) == 1
    assert len(warned("gpu: {models: [Tesla-P4]}", tiers=tier)) == 1


@pytest.mark.parametrize("cap", ["per_server", "per_user", "team"])
def test_a_cap_below_every_count_is_warned_of(cap):
    below = [("teams.x", "a gpu cap below every count")]
    assert warned(f"gpu: {{{cap}: 1}}", tiers={"t": GPU}) == below
    assert warned(f"gpu: {{{cap}: 2}}", tiers={"t": GPU}) == []


@pytest.mark.parametrize("rules", ["{per_server: 1}", "{team: 0}", "{models: ['*A100*']}"])
def test_gpu_rules_without_a_gpu_tier_are_warned_of(rules):
    assert warned(f"gpu: {rules}") == [("teams.x", "gpu rules and no gpu tier")]


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        ("{servers_per_user: 0}", ["servers_per_user 0"]),
        ("{cpu: 0, memory: 0}", ["cpu 0", "memory 0"]),
        ("{servers_per_user: 1, cpu: 1, memory: 1Gi}", []),
    ],
)
def test_a_limit_under_which_nobody_can_start_anything_is_warned_of(limits, found):
    assert warned(f"limits: {limits}") == [("teams.x", each) for each in found]
