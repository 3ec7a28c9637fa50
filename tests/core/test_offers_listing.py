"""What a person is shown: variants, counts, caps, sizes and words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teamspawner.capacity.objects import Toleration
from teamspawner.offers.fleet import SLUG_MAX
from teamspawner.offers.labels import person_label
from teamspawner.offers.model import Person
from teamspawner.offers.reservations import Reservation
from teamspawner.offers.variants import variant_slug
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
    waiting,
)

TAINT = (GPU, "present", "NoSchedule")


def gpu_node(name="g1", devices=8, *, cpu=64, memory=512, **more):
    return a_node(name, cpu=cpu, memory=memory, devices={GPU: devices}, **{"labels": A100, **more})


def listed(*nodes, person=None, text=None, **scene):
    desk = a_desk(text) if text else a_desk()
    return desk.listing(person or a_person("physics"), a_scene(*nodes, **scene))


def offer(listing, slug, team="physics", **options):
    found = [o for o in listing.offers if (o.slug, o.team) == (slug, team)]
    return next(o for o in found if not options or dict(o.options) == options)


def tier_map(tier, team="groups: ['*'], tiers: [t]"):
    return f"tiers: {{t: {tier}}}\nteams: {{all: {{{team}}}}}"


# --- what there is ----------------------------------------------------------------------


def test_a_gpu_tier_has_one_variant_for_each_model_and_kind():
    mig = a_node(
        "m", cpu=64, memory=512, devices={GPU: 0, "nvidia.com/mig-1g.10gb": 7}, labels=A100
    )
    listing = listed(gpu_node(), mig)
    assert [card.slug for card in listing.cards] == [
        "small",
        "large",
        A100_SLUG,
        f"{A100_SLUG}-mig-1g-10gb",
    ]


def test_a_slug_does_not_change_when_nodes_come_and_go():
    alone = listed(gpu_node())
    other = a_node(
        "o", devices={GPU: 1}, labels={"nvidia.com/gpu.product": "NVIDIA-A100-PCIE-40GB"}
    )
    assert A100_SLUG in {o.slug for o in alone.offers} & {
        o.slug for o in listed(gpu_node(), other).offers
    }


def test_counts_are_bounded_by_the_largest_node_and_by_the_team():
    assert {o.options["gpus"] for o in listed(gpu_node(devices=1)).offers if o.options} == {"1"}
    assert {o.options["gpus"] for o in listed(gpu_node(devices=8)).offers if o.options} == {
        "1",
        "2",
    }


def test_of_a_shared_device_only_one_is_offered():
    text = tier_map("{gpu: {counts: [1, 2]}, per_gpu: {cpu: 1, memory: 1Gi}}")
    shared = gpu_node(devices=32, labels={**A100, "nvidia.com/gpu.replicas": "4"})
    listing = listed(shared, text=text)
    assert [(o.kind, dict(o.options)) for o in listing.offers] == [("shared", {"gpus": "1"})]


def test_tiers_stand_in_the_order_that_the_team_lists_them():
    text = """
tiers: {a: {cpu: 1, memory: 1Gi}, b: {cpu: 2, memory: 1Gi}, c: {cpu: 3, memory: 1Gi}}
teams: {one: {groups: ["*"], tiers: [c, b]}, two: {groups: ["*"], tiers: [a, b]}}
"""
    assert [card.slug for card in listed(a_node(), text=text).cards] == ["c", "b", "a"]


def test_models_and_kinds_that_are_not_for_them_are_hidden_with_the_reason():
    t4 = a_node("t", devices={GPU: 1}, labels={"nvidia.com/gpu.product": "Tesla-T4"})
    hidden = {each.slug: each.why for each in listed(t4).hidden}
    assert hidden["gpu-tesla-t4"] == "the gpu models of team physics do not include Tesla-T4"
    assert hidden["half"].startswith("its size follows from nodes")


def test_a_node_with_mig_set_up_wrongly_is_hidden_with_the_reason():
    invalid = gpu_node(labels={"nvidia.com/gpu.product": "NVIDIA-A100-MIG-INVALID"})
    assert (
        "MIG is set up wrongly"
        in {e.slug: e.why for e in listed(invalid).hidden}["gpu-nvidia-a100-mig-invalid"]
    )


def test_a_gpu_tier_without_any_accelerator_is_hidden_and_not_shown_as_zero():
    listing = listed(a_node())
    assert {e.slug: e.why for e in listing.hidden}["gpu"] == "no node has an accelerator"


@pytest.mark.parametrize(("most", "said"), [(1, "1 device"), (3, "3 devices"), (0, "0 devices")])
def test_a_team_that_may_have_too_few_devices_is_told_how_many(most, said):
    text = f"""
tiers: {{gpu: {{gpu: {{counts: [4]}}, per_gpu: {{cpu: 1, memory: 1Gi}}}}}}
teams: {{one: {{groups: ["*"], tiers: [gpu], gpu: {{per_server: {most}}}}}}}
"""
    hidden = {each.slug: each.why for each in listed(gpu_node(devices=4), text=text).hidden}
    assert hidden[A100_SLUG] == f"team one allows {said} per server, and the smallest count is 4"


def test_tiers_of_other_teams_are_hidden_with_the_reason():
    hidden = {e.slug: e.why for e in listed(a_node(), person=a_person()).hidden}
    assert hidden["large"] == "no team of this person has the tier large"


def test_images_are_those_that_suit_the_tier():
    listing = listed(gpu_node())
    images = {
        card.slug: [
            choice.value
            for option in card.options
            if option.name == "image"
            for choice in option.choices
        ]
        for card in listing.cards
    }
    assert images == {"small": ["scipy"], "large": ["scipy"], A100_SLUG: ["scipy", "pytorch"]}


@given(
    st.lists(st.text("abc-019", min_size=1, max_size=70), min_size=1, max_size=4, unique=True),
    st.lists(st.text("abc-019", min_size=1, max_size=70), min_size=1, max_size=4, unique=True),
)
def test_no_two_tiers_and_models_share_a_slug(keys, tails):
    keys = list({key.strip("-") or "k" for key in keys})
    tails = list({tail.strip("-") or "t" for tail in tails})
    slugs = [variant_slug(keys, key, tail) for key in keys for tail in tails] + keys
    assert len(slugs) == len(set(slugs))
    assert all(len(slug) <= SLUG_MAX for slug in slugs[: len(keys) * len(tails)])


def test_a_slug_that_reads_as_another_tiers_is_marked():
    keys = ["gpu", "gpu-large"]
    first, second = variant_slug(keys, "gpu", "large-x"), variant_slug(keys, "gpu-large", "x")
    assert (first.startswith("gpu-large-x-"), second) == (True, "gpu-large-x")
    assert variant_slug(keys, "gpu", "large") != "gpu-large"


_labels = st.text(min_size=1, max_size=63)


@settings(max_examples=60, deadline=None)
@given(st.lists(_labels, min_size=1, max_size=6))
def test_any_labels_give_distinct_sound_slugs(models):
    text = tier_map("{gpu: {}, per_gpu: {cpu: 1, memory: 1Gi}}")
    nodes = [
        a_node(f"n{i}", devices={GPU: 1}, labels={"nvidia.com/gpu.product": model})
        for i, model in enumerate(models)
    ]
    listing = listed(*nodes, text=text)
    slugs = [card.slug for card in listing.cards]
    assert len(slugs) == len(set(slugs))
    assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for slug in slugs)


def test_models_that_read_alike_are_told_apart_by_their_label():
    text = tier_map("{name: G, gpu: {}, per_gpu: {cpu: 1, memory: 1Gi}}")
    nodes = [
        a_node(
            f"n{form}",
            devices={GPU: 1},
            labels={"nvidia.com/gpu.product": f"NVIDIA-A100-{form}-80GB"},
        )
        for form in ("PCIE", "SXM4")
    ]
    assert [card.title for card in listed(*nodes, text=text).cards] == [
        "G · A100 80 GB (NVIDIA-A100-PCIE-80GB)",
        "G · A100 80 GB (NVIDIA-A100-SXM4-80GB)",
    ]


# --- how large --------------------------------------------------------------------------


def daemon(cpu=500, memory=GIB):
    return a_pod({"cpu": cpu, "memory": memory}, resident=True)


def test_fair_is_the_share_of_the_smallest_node_net_of_what_always_runs():
    text = tier_map("{gpu: {counts: [1, 2]}, per_gpu: fair}")
    small = a_state(gpu_node("s", cpu=16.5, memory=65), daemon())
    listing = listed(small, gpu_node("l"), text=text)
    assert [(o.requests["cpu"], o.requests["memory"]) for o in listing.offers] == [
        (2000, 8 * GIB),
        (4000, 16 * GIB),
    ]


def test_ordinary_pods_do_not_make_a_fair_share_smaller():
    text = tier_map("{gpu: {}, per_gpu: fair}")
    busy = a_state(gpu_node(cpu=16, memory=64), a_pod({"cpu": 9000, "memory": GIB}))
    assert listed(busy, text=text).offers[0].requests["cpu"] == 2000


def test_a_share_follows_what_always_runs():
    desk = a_desk(tier_map("{share: 1/2}"))
    node = a_node(cpu=8)
    first = desk.listing(a_person(), a_scene(node)).offers[0]
    more = desk.listing(a_person(), a_scene(a_state(node, daemon(cpu=2000)))).offers[0]
    assert (first.requests["cpu"], more.requests["cpu"]) == (4000, 3000)


def test_a_share_is_taken_of_nodes_that_the_tier_may_use():
    text = tier_map("{share: 1/2, nodes: {selector: {pool: big}}}")
    big = a_node("b", cpu=10, memory=40, labels={"pool": "big"})
    tainted = a_node("t", cpu=4, memory=4, labels={"pool": "big"}, taints=[("x", "", "NoSchedule")])
    offers = listed(big, a_node("small", cpu=2), tainted, text=text).offers
    assert [(o.requests["cpu"], o.requests["memory"]) for o in offers] == [(5000, 20 * GIB)]


def test_a_cordoned_node_decides_no_share_while_another_is_usable():
    text = tier_map("{share: 1/2}")
    small = a_node("s", cpu=2, unschedulable=True)
    assert listed(small, a_node("b", cpu=8), text=text).offers[0].requests["cpu"] == 4000


def test_a_share_whose_nodes_are_not_seen_is_hidden_and_never_zero():
    text = tier_map("{share: 1/2}")
    unseen = a_snapshot(a_node(), unseen=frozenset({"pods"}))
    listing = listed(text=text, snapshot=unseen)
    assert (listing.offers, [each.slug for each in listing.hidden]) == ((), ["t"])


# --- what is free -----------------------------------------------------------------------


def test_free_now_says_how_many_fit_with_caps_included():
    found = offer(listed(a_node(cpu=32, memory=128)), "small")
    assert (found.verdict.status, found.count, found.nodes) == ("FITS_NOW", 3, 1)
    assert (found.badge, found.sentence) == ("Free now · 3 more fit", "Starts right away.")


def test_a_gpu_tier_tolerates_the_taint_named_like_its_resource():
    assert offer(listed(gpu_node(taints=[TAINT])), A100_SLUG, gpus="1").startable


def test_another_taint_is_not_tolerated_unless_the_tier_says_so():
    tainted = gpu_node(taints=[TAINT, ("team", "x", "NoSchedule")])
    found = offer(listed(tainted), A100_SLUG, gpus="1")
    assert (found.verdict.status, found.startable) == ("NEVER", False)
    assert found.sentence == "The machines for this are reserved for other work."


def test_gpus_free_with_no_cpu_beside_them_are_told_so():
    full = a_state(gpu_node(devices=2), a_pod({"cpu": 63_000}))
    found = offer(listed(full), A100_SLUG, gpus="2")
    assert found.verdict.status == "BUSY"
    assert found.sentence == "2 A100 80 GB are free, but only 1 CPU is left beside them."


def test_one_gpu_too_few_on_every_machine_is_told_so():
    states = [a_state(gpu_node(name, 2), a_pod({GPU: 1})) for name in ("a", "b")]
    found = offer(listed(*states), A100_SLUG, gpus="2")
    assert found.sentence == "Only 1 A100 80 GB is left on one machine."
    card = next(card for card in listed(*states).cards if card.slug == A100_SLUG)
    assert [(c.value, c.note, c.enabled) for c in card.options[0].choices] == [
        ("1", "2 free", True),
        ("2", "1 left on one machine", False),
    ]


def test_all_in_use_names_the_same_thing_in_another_count_or_the_nearest_tier():
    full = a_state(gpu_node(devices=2), a_pod({GPU: 2}))
    found = offer(listed(full, a_node(cpu=8, memory=64)), A100_SLUG, gpus="2")
    assert found.sentence == "All A100 80 GB are in use."
    assert (found.alternative.slug, found.alternative.options) == ("large", {})
    half = a_state(gpu_node(devices=2), a_pod({GPU: 1}))
    found = offer(listed(half), A100_SLUG, gpus="2")
    assert (found.alternative.slug, found.alternative.options) == (A100_SLUG, {"gpus": "1"})


@pytest.mark.parametrize(
    ("tiers", "nearest"), [("[a, c]", "c"), ("[a]", "b")], ids=["one-there", "none-there"]
)
def test_an_alternative_is_of_the_same_team_where_there_is_one(tiers, nearest):
    text = f"""
tiers: {{a: {{cpu: 9, memory: 1Gi}}, b: {{cpu: 8, memory: 1Gi}}, c: {{cpu: 1, memory: 1Gi}}}}
teams: {{one: {{groups: ["*"], tiers: {tiers}}}, two: {{groups: ["*"], tiers: [b]}}}}
"""
    found = listed(a_node(cpu=8), text=text).offers[0].alternative
    assert found is not None
    assert (found.slug, found.options) == (nearest, {})


def test_a_driver_that_is_down_is_told_so():
    found = offer(listed(gpu_node(devices=0)), A100_SLUG, gpus="1")
    assert (found.verdict.status, found.sentence) == (
        "NEVER",
        "The driver of these devices is not ready.",
    )


def test_too_large_for_every_machine_names_what_is_too_large():
    found = offer(listed(a_node(cpu=3, memory=64)), "large")
    assert found.verdict.status == "NEVER"
    assert (
        found.sentence == "No machine is large enough: this asks for 4 CPU, the largest has 3 CPU."
    )


def test_a_machine_of_just_the_nominal_size_has_a_little_less():
    nominal = a_node("n", cpu=8, memory=32 - 2**-20)
    found = offer(listed(nominal), "large").sentence
    assert found.endswith("this asks for 32 GiB of memory, the largest has a little less.")


def test_a_full_cluster_says_what_is_not_free():
    full = a_state(a_node(), a_pod({"cpu": 7000}))
    found = offer(listed(full), "small")
    assert (found.verdict.status, found.sentence) == (
        "BUSY",
        "No machine has 2 CPU and 4 GiB of memory free now.",
    )
    assert not found.startable


def test_busy_may_start_only_where_the_map_lets_it_wait():
    full = a_state(a_node(memory=64), a_pod({"cpu": 7000}))
    assert offer(listed(full), "large").startable


def test_pods_created_a_moment_ago_are_placed_first():
    fresh = waiting(a_pod({"cpu": 7000}))
    found = offer(listed(snapshot=a_snapshot(a_node(), waiting=(fresh,))), "small")
    assert found.verdict.status == "BUSY"


def test_pods_that_the_scheduler_found_no_place_for_take_no_room():
    judged = waiting(a_pod({"cpu": 7000}), judged=True)
    found = offer(listed(snapshot=a_snapshot(a_node(), waiting=(judged,))), "small")
    assert found.verdict.status == "FITS_NOW"


# --- what is not known ------------------------------------------------------------------


def test_a_cluster_never_seen_is_unknown_and_says_so():
    listing = a_desk().listing(a_person(), a_scene(snapshot=None))
    assert [(o.verdict.status, o.count, o.nodes, o.startable) for o in listing.offers] == [
        ("UNKNOWN", None, None, True)
    ]
    assert listing.notice == "The cluster is not seen yet, so what is free is not known."


def test_without_sight_of_nodes_gpu_tiers_are_not_shown_and_the_page_says_so():
    listing = listed(snapshot=a_snapshot(unseen=frozenset({"nodes"})))
    assert "Tiers with accelerators cannot be shown." in listing.notice
    assert "not known" in {e.slug: e.why for e in listing.hidden}["gpu"]


def test_old_news_make_every_verdict_unknown():
    listing = listed(gpu_node(), stale=True)
    assert {(o.verdict.status, o.count) for o in listing.offers} == {("UNKNOWN", None)}
    assert {o.tier: o.startable for o in listing.offers} == {
        "small": True,
        "large": True,
        "gpu": False,
    }
    assert listing.stale


def test_caps_that_cannot_be_counted_refuse():
    listing = listed(snapshot=a_snapshot(a_node(), unseen=frozenset({"pods"})))
    assert not offer(listing, "small").startable
    assert offer(listing, "small", team="everyone").startable


# --- caps -------------------------------------------------------------------------------


def with_servers(*servers):
    return listed(a_state(gpu_node(cpu=1000, memory=4000), *servers))


def blocked(found):
    return found.verdict.status, found.count, found.badge, found.sentence


def test_a_team_that_uses_all_its_gpus_is_told_in_numbers_without_names():
    found = offer(with_servers(a_server("bob", tier="gpu", gpus=8)), A100_SLUG, gpus="1")
    assert blocked(found) == (
        "QUOTA_BLOCKED",
        0,
        "Team limit · 8 of 8 in use",
        "physics uses 8 of its 8 GPUs.",
    )


def test_a_cap_that_leaves_too_little_says_how_much_is_needed():
    found = offer(with_servers(a_server("bob", tier="gpu", gpus=7)), A100_SLUG, gpus="2")
    assert found.sentence == "physics uses 7 of its 8 GPUs; this needs 2 more."


@pytest.mark.parametrize(
    ("servers", "slug", "said"),
    [
        pytest.param(
            [a_server()] * 3,
            "small",
            "You run 3 of the 3 servers that a person of physics may have.",
            id="servers",
        ),
        pytest.param(
            [a_server(tier="gpu", gpus=2)],
            A100_SLUG,
            "You use 2 of the 2 GPUs that a person of physics may have.",
            id="own-gpus",
        ),
        pytest.param(
            [a_server("bob", cpu=200)], "small", "physics uses 200 of its 200 CPUs.", id="cpu"
        ),
        pytest.param(
            [a_server("bob", memory=1024)],
            "small",
            "physics uses 1024 GiB of its 1024 GiB of memory.",
            id="memory",
        ),
    ],
)
def test_every_cap_of_the_map_holds(servers, slug, said):
    found = offer(with_servers(*servers), slug)
    assert (found.verdict.status, found.sentence, found.startable) == ("QUOTA_BLOCKED", said, False)


@pytest.mark.parametrize(("most", "said"), [(2, "2 GPUs"), (1, "1 GPU")], ids=["many", "one"])
def test_what_a_cap_could_never_hold_is_told_so(most, said):
    text = tier_map(
        "{gpu: {counts: [4]}, per_gpu: {cpu: 1, memory: 1Gi}}",
        f"groups: ['*'], tiers: [t], gpu: {{per_user: {most}}}",
    )
    assert listed(gpu_node(), text=text).offers[0].sentence == (
        f"A person of all may have {said} at once; this needs 4."
    )


def test_a_cap_holds_by_the_last_news_even_where_the_unknown_may_be_tried():
    text = tier_map(
        "{cpu: 1, memory: 1Gi, when_unknown: allow}",
        "groups: ['*'], tiers: [t], limits: {servers_per_user: 1}",
    )
    held = Reservation("x", "alice", "all", {"cpu": 1000}, 0)
    assert listed(a_node(), text=text, stale=True).offers[0].startable
    assert not listed(a_node(), text=text, stale=True, held=(held,)).offers[0].startable


def test_devices_on_machines_reserved_for_others_are_told_so():
    bare, kept = a_node("b"), gpu_node(taints=[("team", "x", "NoSchedule")])
    found = offer(listed(bare, kept), A100_SLUG, gpus="1")
    assert found.sentence == "The machines for this are reserved for other work."


def test_servers_of_other_teams_and_of_others_do_not_count():
    listing = with_servers(a_server(team="everyone"), a_server("bob"), a_server("bob"))
    assert offer(listing, "small").count == 3


def test_a_server_that_waits_for_a_place_counts():
    snapshot = a_snapshot(a_node(cpu=64), waiting=(waiting(a_server(), judged=True),) * 3)
    assert offer(listed(snapshot=snapshot), "small").verdict.status == "QUOTA_BLOCKED"


def test_a_reservation_counts_until_its_pod_is_seen_and_then_once():
    held = Reservation("t1", "alice", "physics", {"cpu": 1000}, 0)
    node = a_node(cpu=64, memory=256)
    assert offer(listed(node, held=(held,)), "small").count == 2
    seen = a_state(node, a_server(start="t1"))
    assert offer(listed(seen, held=(held,)), "small").count == 2


def test_caps_come_before_room():
    full = a_state(a_node(cpu=8), *[a_server()] * 3, a_pod({"cpu": 5000}))
    assert offer(listed(full), "small").verdict.status == "QUOTA_BLOCKED"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("alice", "alice"),
        ("Alice.B", "Alice.B"),
        ("a@b.c", "a-b-c---b50ba0e6"),
        ("a--b", "a-b---3a44fb15"),
        ("7-", "x-7---cf1f1dab"),
        ("éé", "x---3a3b1ea7"),
        ("9" * 64, "x-9999999999999999999---"),
    ],
)
def test_pods_are_found_by_the_label_that_kubespawner_writes(name, label):
    slugs = pytest.importorskip("kubespawner.slugs")
    assert person_label(name) == slugs.safe_slug(name, is_valid=slugs.is_valid_label)
    assert label.partition("---")[0] == person_label(name).partition("---")[0]


@given(st.text(max_size=80))
def test_any_name_gives_the_label_that_kubespawner_writes(name):
    from kubespawner.slugs import is_valid_label, safe_slug

    assert person_label(name) == safe_slug(name, is_valid=is_valid_label)


def test_the_hub_may_tell_the_label_itself():
    person = Person("alice", ("physics",), label="other")
    listing = listed(a_state(a_node(cpu=64, memory=256), *[a_server("other")] * 3), person=person)
    assert offer(listing, "small").verdict.status == "QUOTA_BLOCKED"


# --- teams ------------------------------------------------------------------------------


def test_who_is_in_no_team_sees_nothing_and_is_told_which_groups_were_seen():
    text = tier_map("{cpu: 1, memory: 1Gi}", "groups: [staff], tiers: [t]")
    listing = listed(a_node(), text=text, person=a_person("chem", "bio"))
    assert listing.cards == ()
    assert listing.notice == (
        "None of your groups (bio, chem) is in a team of this hub; ask the people who run it."
    )


def test_the_default_team_is_the_first_that_has_room():
    listing = listed(a_state(a_node(cpu=64, memory=256), *[a_server()] * 3))
    card = listing.cards[0]
    assert card.offers[0].team == "everyone"
    team = next(option for option in card.options if option.name == "team")
    assert [(c.value, c.enabled, c.default) for c in team.choices] == [
        ("physics", False, False),
        ("everyone", True, True),
    ]


def test_no_team_is_asked_for_where_only_one_would_do():
    assert [option.name for option in listed(a_node(memory=64)).cards[1].options] == ["image"]


def test_the_card_tells_what_one_gets():
    listing = listed(gpu_node())
    card = next(card for card in listing.cards if card.slug == A100_SLUG)
    assert card.title == "GPU · A100 80 GB"
    assert card.summary == "per GPU: 7 CPU · 55 GiB · 80 GiB GPU memory, whole device"
    assert card.facts == {
        "Stops when idle": "after 30 min",
        "At the latest": "after 12 h",
        "Storage": "home · /shared/physics (read, write)",
    }


def test_one_card_is_the_default():
    assert [card.default for card in listed(gpu_node()).cards] == [True, False, False]


# --- the admin's own profiles -----------------------------------------------------------


def own_scene(profiles, *nodes):
    from teamspawner.capacity.objects import Candidate

    def pod_for(choice):
        cpu = choice.profile["kubespawner_override"].get("cpu_guarantee", 1)
        size = (choice.profile.get("profile_options") or {}).get("size")
        for value in (size or {}).get("choices", {}).values():
            cpu = value["kubespawner_override"]["cpu_guarantee"]
        return Candidate(a_pod({"cpu": cpu * 1000}, tolerations=(Toleration(),)))

    return a_scene(*nodes, profiles=profiles, pod_for=pod_for)


OWN = {
    "slug": "own",
    "display_name": "Own",
    "default": True,
    "kubespawner_override": {},
    "profile_options": {
        "size": {
            "display_name": "Size",
            "choices": {
                "s": {
                    "display_name": "S",
                    "default": True,
                    "kubespawner_override": {"cpu_guarantee": 2},
                },
                "l": {"display_name": "L", "kubespawner_override": {"cpu_guarantee": 99}},
            },
        }
    },
}


def test_an_own_profile_has_one_offer_for_each_choice():
    from teamspawner.offers.desk import Desk

    listing = Desk(None).listing(a_person(), own_scene([OWN], a_node()))
    assert [(dict(o.options), o.verdict.status) for o in listing.offers] == [
        ({"size": "s"}, "FITS_NOW"),
        ({"size": "l"}, "NEVER"),
    ]
    assert [(c.value, c.enabled) for c in listing.cards[0].options[0].choices] == [
        ("s", True),
        ("l", False),
    ]


def test_without_map_and_profiles_the_plain_server_is_judged():
    from teamspawner.offers.desk import Desk

    listing = Desk(None).listing(a_person(), own_scene(None, a_node()))
    assert [(o.slug, o.verdict.status) for o in listing.offers] == [("default", "FITS_NOW")]


def test_tiers_and_own_profiles_stand_side_by_side_and_a_tiers_slug_is_the_tiers():
    listing = a_desk().listing(
        a_person(), a_scene(a_node(), profiles=[{**OWN, "slug": "small"}, {**OWN, "slug": "gpu-x"}])
    )
    assert {card.slug for card in listing.cards} == {"small"}


def test_a_broken_map_shows_nothing_and_says_whom_to_tell():
    from teamspawner.offers.desk import Desk
    from teamspawner.offers.notices import BROKEN

    listing = Desk(None, broken=True).listing(a_person(), own_scene([OWN], a_node()))
    assert (listing.cards, listing.notice) == ((), BROKEN)


def test_nothing_is_judged_for_a_plan_and_it_holds_every_choice_of_the_listing():
    desk, person = a_desk(), a_person("physics")

    def never(*_):
        raise AssertionError

    plan = desk.plan(person, a_scene(gpu_node(), verdict=never, pod_for=never))
    asked = []
    scene = a_scene(gpu_node())
    pod_for = scene.pod_for
    desk.listing(
        person,
        a_scene(gpu_node(), pod_for=lambda choice: (asked.append(choice.key), pod_for(choice))[1]),
    )
    assert set(asked) == {choice.key for choice in plan}


def test_the_desk_sees_what_changed_since_the_last_snapshot():
    desk, person = a_desk(), a_person("physics")
    assert offer(desk.listing(person, a_scene(a_node())), "small").count == 3
    full = a_state(a_node(), *[a_server()] * 2)
    assert offer(desk.listing(person, a_scene(full)), "small").count == 1
    assert offer(desk.listing(person, a_scene(a_node())), "small").count == 3
    assert A100_SLUG in {o.slug for o in desk.listing(person, a_scene(gpu_node("n1"))).offers}
    assert A100_SLUG not in {o.slug for o in desk.listing(person, a_scene(a_node())).offers}
    both = desk.listing(person, a_scene(a_node(), gpu_node("g1")))
    assert A100_SLUG in {o.slug for o in both.offers}
    assert A100_SLUG not in {o.slug for o in desk.listing(person, a_scene(a_node())).offers}


INTEL = {"gpu.intel.com/product": "Max_1550", "gpu.intel.com/device.count": "1"}


def test_whole_devices_are_never_looked_for_among_slots_that_labels_do_not_tell_apart():
    text = tier_map("{gpu: {}, cpu: 1, memory: 1Gi}")
    slots = a_node("slots", devices={"gpu.intel.com/xe": 5}, labels=INTEL)
    whole = a_node("whole", devices={"gpu.intel.com/xe": 1}, labels=INTEL)
    found = {str(o.kind): o for o in listed(slots, whole, text=text).offers}
    assert found["whole"].verdict.nodes == ("whole",)
    assert found["shared"].verdict.nodes == ("slots",)
    away = found["whole"].verdict.rejected["slots"]
    assert [reason.plugin for reason in away] == ["NodeAffinity"]


def test_fair_goes_by_the_devices_there_are_while_the_driver_is_down():
    text = tier_map("{gpu: {counts: [2]}, per_gpu: fair}")
    down = gpu_node(devices=0, cpu=64, memory=512)
    assert offer(listed(down, text=text), "t-nvidia-a100-sxm4-80gb", "all").requests["cpu"] == 16000


def test_a_share_is_that_of_a_cordoned_node_when_no_usable_one_has_anything():
    text = tier_map("{share: 1/2}")
    bare = a_node("bare", memory=0)
    cordoned = a_node("cordoned", cpu=8, unschedulable=True)
    assert offer(listed(bare, cordoned, text=text), "t", "all").requests["cpu"] == 4000


# --- a large cluster ------------------------------------------------------------------------


def many(count):
    return a_snapshot(*(gpu_node(f"g{number}", 2) for number in range(count)))


def test_a_large_cluster_is_read_in_steps_and_only_once():
    scene, warmed = a_scene(snapshot=many(250)), a_desk()
    assert len(list(warmed.warm(scene))) >= 3 + 1  # to read it, then to group what has devices
    assert list(warmed.warm(scene)) == []
    person = a_person("physics")
    assert warmed.listing(person, scene) == a_desk().listing(person, scene)


def test_who_asks_while_a_large_cluster_is_read_is_answered_in_full():
    desk, person = a_desk(), a_person("physics")
    before, now = a_scene(snapshot=many(250)), a_scene(snapshot=many(120))
    steps = desk.warm(before)
    next(steps)
    assert desk.listing(person, now) == a_desk().listing(person, now)
    assert list(steps) == []
    assert desk.listing(person, now) == a_desk().listing(person, now)


def test_parts_of_a_device_are_called_slices():
    labels = A100 | {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"}
    node = a_node(cpu=64, memory=256, devices={GPU: 7}, labels=labels)
    text = tier_map(
        "{gpu: {counts: [1, 2], kinds: [mig, whole]}, per_gpu: {cpu: 1, memory: 1Gi}}",
        "groups: ['*'], tiers: [t]",
    )
    (card,) = listed(node, text=text).cards
    assert card.options[0].label == "Slices"
    assert card.summary.startswith("per slice: 1 CPU · 1 GiB")
    (whole,) = listed(gpu_node(), text=text).cards
    assert whole.options[0].label == "GPUs"
    assert whole.summary.startswith("per GPU: ")
