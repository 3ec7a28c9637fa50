"""What an autoscaler could add: a tier that needs a new machine, and when none may come."""

from dataclasses import replace

import pytest

from teamspawner.capacity.index import FitIndex
from teamspawner.capacity.objects import (
    Candidate,
    Claim,
    NodeTerm,
    PodTerm,
    Requirement,
    Selector,
    Spread,
    Storage,
    Toleration,
    Volume,
    VolumeUse,
)
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Status
from teamspawner.hub.waits import longest_s, wait_s
from teamspawner.offers.reservations import Reservation
from tests.core.offering import (
    A100,
    GIB,
    GPU,
    a_desk,
    a_map,
    a_node,
    a_person,
    a_pod,
    a_scene,
    a_snapshot,
    a_state,
)

LABELS = {"pool": "a100"}
MODEL = "nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB"
SLUG = "t-nvidia-a100-sxm4-80gb"


def pool(**said):
    parts = {
        "name": "a100",
        "max_nodes": 2,
        "minutes": 5,
        "labels": "{pool: a100}",
        "cpu": 16,
        "memory": "64Gi",
        **said,
    }
    return "{" + ", ".join(f"{key}: {value}" for key, value in parts.items()) + "}"


def offers(*nodes, tier="{cpu: 4, memory: 8Gi}", pools=None, **scene):
    text = f"tiers: {{t: {tier}}}\nteams: {{all: {{groups: ['*'], tiers: [t]}}}}\n"
    text += f"pools: [{pool() if pools is None else pools}]"
    return a_desk(text).listing(a_person(), a_scene(*nodes, **scene)).offers


def only(*nodes, **more):
    found = offers(*nodes, **more)
    assert len(found) == 1, found
    return found[0]


def small(name="n1"):
    return a_node(name, cpu=2, memory=4)


def test_a_new_machine_that_would_take_it_is_offered_and_told_with_its_time():
    offer = only(small())
    assert offer.verdict.status is Status.NEEDS_SCALE_UP
    assert offer.startable
    assert (offer.count, offer.nodes) == (8, 0), "four on each of two machines"
    assert offer.sentence == "A new machine has to be added, which takes about 5 min."


def test_a_machine_with_room_now_goes_before_a_new_one():
    assert only(a_node(cpu=8)).verdict.status is Status.FITS_NOW


def test_of_several_pools_the_quickest_is_told_and_one_without_time_last():
    pools = ", ".join([pool(minutes="null", name="x"), pool(minutes=9, name="y"), pool(name="z")])
    told = only(small(), pools=pools).sentence
    assert told == "A new machine has to be added, which takes about 5 min."
    assert only(small(), pools=pool(minutes="null")).sentence == "A new machine has to be added."


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"cpu": 3}, id="too-few-cpus"),
        pytest.param({"memory": "7Gi"}, id="too-little-memory"),
        pytest.param({"taints": "[{key: dedicated, operator: Exists}]"}, id="tainted"),
        pytest.param({"cpu": "null"}, id="size-not-known"),
    ],
)
def test_a_machine_that_would_not_take_it_changes_nothing(said):
    offer = only(small(), pools=pool(**said))
    assert offer.verdict.status is Status.NEVER
    assert not offer.startable


def test_a_tolerated_taint_and_a_selector_that_the_pool_meets_are_no_hindrance():
    tier = (
        "{cpu: 4, memory: 8Gi, nodes: {selector: {pool: a100},"
        " tolerations: [{key: dedicated, operator: Exists}]}}"
    )
    pools = pool(taints="[{key: dedicated, value: x, effect: NoSchedule}]")
    assert only(small(), tier=tier, pools=pools).verdict.status is Status.NEEDS_SCALE_UP


def test_a_pool_that_has_all_its_machines_stays_busy_and_says_so():
    full = [
        a_state(a_node(name, cpu=16, memory=64, labels=LABELS), a_pod({"cpu": 14000}))
        for name in ("p1", "p2")
    ]
    offer = only(*full)
    assert offer.verdict.status is Status.BUSY
    assert offer.sentence.endswith(" No more machines may be added: all 2 are there.")
    assert only(*full, pools=pool(max_nodes=3)).verdict.status is Status.NEEDS_SCALE_UP


ONE_EACH = "{cpu: 10, memory: 8Gi}"
"""Two of these do not fit on one machine of the pool."""


def held(token, cpu=10, **spec):
    candidate = Candidate(a_pod({"cpu": cpu * 1000, "memory": 8 * GIB}, **spec), name=token)
    return Reservation(token=token, person=token, team="all", candidate=candidate)


@pytest.mark.parametrize(
    ("starts", "count"),
    [
        pytest.param((), 2, id="nobody-waits"),
        pytest.param(("bob",), 1, id="one-start-under-way"),
    ],
)
def test_starts_under_way_come_before_what_a_pool_may_add(starts, count):
    offer = only(small(), tier=ONE_EACH, held=tuple(map(held, starts)))
    assert (offer.verdict.status, offer.count) == (Status.NEEDS_SCALE_UP, count)


def test_the_last_machine_is_promised_once():
    offer = only(small(), tier=ONE_EACH, held=(held("bob"), held("carol")))
    assert offer.verdict.status is Status.NEVER
    assert not offer.startable
    assert offer.sentence.endswith(
        " The last machines that may be added are for servers that wait already."
    )


def test_a_pod_that_found_no_place_counts_like_a_start_under_way():
    pod = a_pod({"cpu": 10000})
    snapshot = a_snapshot(small(), waiting=(Candidate(pod, name="bob", judged=True),))
    assert only(snapshot=snapshot, tier=ONE_EACH).count == 1


def test_two_who_wait_share_a_machine_that_has_room_for_both():
    offer = only(small(), tier=ONE_EACH, held=(held("bob", cpu=8), held("carol", cpu=8)))
    assert (offer.verdict.status, offer.count) == (Status.NEEDS_SCALE_UP, 1)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"priority": -10}, id="less-important"),
        pytest.param({"gates": ("queue",)}, id="held-by-a-gate"),
        pytest.param({"node_selector": {"pool": "other"}}, id="not-for-such-a-machine"),
    ],
)
def test_pods_that_would_not_take_the_machine_first_do_not_count(spec):
    snapshot = a_snapshot(small(), waiting=(held("bob", **spec).candidate,))
    assert only(snapshot=snapshot, tier=ONE_EACH).count == 2


@pytest.mark.parametrize(
    ("more", "count"),
    [
        pytest.param({"nominated_node": "n1"}, 2, id="room-is-made-for-it-elsewhere"),
        pytest.param({}, 1, id="its-disk-is-still-to-be-made"),
    ],
)
def test_where_a_waiting_pod_will_go_decides_whether_it_counts(more, count):
    pod = a_pod({"cpu": 10000}, volumes=(VolumeUse("claim", "none-yet"),))
    waits = Candidate(pod, name="bob", judged=True, **more)
    assert only(snapshot=a_snapshot(small(), waiting=(waits,)), tier=ONE_EACH).count == count


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"gates": ("queue",)}, id="held-by-a-gate"),
        pytest.param({"node_selector": {"pool": "other"}}, id="for-other-machines"),
        pytest.param(
            {"node_terms": (NodeTerm((Requirement("pool", "In", ("other",)),)),)},
            id="for-other-machines-by-affinity",
        ),
        pytest.param({"tolerations": ()}, id="without-a-toleration"),
        pytest.param({"scheduler_name": "strange"}, id="of-another-scheduler"),
        pytest.param({"resource_claims": ("device",)}, id="with-a-claim-for-devices"),
    ],
)
def test_who_would_not_take_the_last_machine_does_not_answer_for_one_of_that_size(spec):
    tolerant = {"tolerations": (Toleration("own"),)}
    waiting = (held("bob", **{**tolerant, **spec}), held("carol", **tolerant))
    snapshot = a_snapshot(small(), waiting=tuple(each.candidate for each in waiting))
    tier = "{cpu: 10, memory: 8Gi, nodes: {tolerations: [{key: own, operator: Exists}]}}"
    pools = pool(max_nodes=1, taints="[{key: own, operator: Exists}]")
    assert only(snapshot=snapshot, tier=tier, pools=pools).verdict.status is Status.NEVER


def test_a_third_who_waits_does_not_share_the_machine_that_two_have_filled():
    three = tuple(held(name, cpu=8) for name in ("bob", "carol", "dan"))
    offer = only(small(), tier=ONE_EACH, held=three, pools=pool(max_nodes=3))
    assert (offer.verdict.status, offer.count) == (Status.NEEDS_SCALE_UP, 1)


def test_a_small_one_who_waits_fills_the_gap_that_large_ones_left():
    waiting = (held("bob", cpu=12), held("carol", cpu=12), held("dan", cpu=4))
    offer = only(small(), tier=ONE_EACH, held=waiting, pools=pool(max_nodes=3))
    assert (offer.verdict.status, offer.count) == (Status.NEEDS_SCALE_UP, 1)


def test_room_beside_who_waits_is_counted_though_no_machine_more_may_come():
    offer = only(small(), held=(held("bob"),), pools=pool(max_nodes=1))
    assert (offer.verdict.status, offer.count) == (Status.NEEDS_SCALE_UP, 1)


def test_room_beside_who_waits_and_on_machines_more_is_counted_together():
    offer = only(small(), held=(held("bob"),), pools=pool(max_nodes=3))
    assert (offer.verdict.status, offer.count) == (Status.NEEDS_SCALE_UP, 1 + 4 + 4)


def test_pools_without_a_time_are_as_good_as_each_other():
    pools = ", ".join(pool(minutes="null", name=name) for name in "xy")
    told = only(small(), pools=pools)
    assert (told.verdict.status, told.count) == (Status.NEEDS_SCALE_UP, 16)
    assert [reason.message for reason in told.verdict.reasons] == ["pool x may grow"]


def test_a_pool_that_could_never_help_is_not_spoken_of():
    found = only(small(), pools=pool(cpu=3)).verdict
    assert "Pool" not in {reason.plugin for reason in found.reasons}


def test_what_could_be_added_is_judged_apart_from_what_an_index_keeps():
    full = a_state(a_node("n1"), a_pod({"cpu": 7000}))
    seen = a_snapshot(full, changed={"n1": 1}, version=1)
    index = FitIndex(Rules())
    offer = only(snapshot=seen, verdict=index.verdict)
    assert (offer.verdict.status, offer.count) == (Status.NEEDS_SCALE_UP, 8)
    assert offer.verdict.nodes == ()
    assert only(snapshot=seen, verdict=index.verdict).verdict == offer.verdict


def test_a_waiting_pod_that_is_being_deleted_takes_no_machine():
    pod = replace(a_pod({"cpu": 10000}), terminating=True)
    snapshot = a_snapshot(small(), waiting=(Candidate(pod, name="bob", judged=True),))
    assert only(snapshot=snapshot, tier=ONE_EACH).count == 2


def verdict(pod, *nodes, **said):
    text = "tiers: {t: {cpu: 4, memory: 8Gi}}\nteams: {all: {groups: ['*'], tiers: [t]}}\n"
    desk = a_desk(text + f"pools: [{pool(**said)}]")
    return desk.verdict(Candidate(pod, name="me"), a_scene(snapshot=a_snapshot(*nodes)))


def apart(key):
    """A pod that keeps others of its kind away within one value of a label of nodes."""
    labels = {"app": "x"}
    term = PodTerm(key, Selector((Requirement("app", "In", ("x",)),)), ("default",))
    return a_pod({"cpu": 4000}, labels=labels, anti_affinity=(term,))


def test_pods_that_keep_each_other_apart_fit_once_on_each_new_machine():
    found = verdict(apart("kubernetes.io/hostname"), small(), max_nodes=3)
    assert (found.status, found.count) == (Status.NEEDS_SCALE_UP, 3)


def test_what_runs_elsewhere_can_keep_a_pod_off_a_new_machine():
    zone = {"zone": "a"}
    there = a_state(a_node("n1", cpu=2, memory=4, labels=zone), apart("zone"))
    found = verdict(apart("zone"), there, labels="{zone: a}")
    assert found.status is not Status.NEEDS_SCALE_UP


def test_pods_elsewhere_count_where_pods_are_to_be_spread():
    spread = Spread("zone", 1, Selector((Requirement("app", "In", ("x",)),)))
    pod = a_pod({"cpu": 4000}, labels={"app": "x"}, spread=(spread,))
    empty = a_node("n1", cpu=2, memory=4, labels={"zone": "a"})
    there = a_state(a_node("n2", cpu=2, memory=4, labels={"zone": "b"}), pod)
    assert verdict(pod, empty, there, labels="{zone: a}").count == 2
    assert verdict(pod, empty, there, labels="{zone: b}").status is not Status.NEEDS_SCALE_UP


def test_a_machine_that_is_still_starting_is_no_template_beside_one_that_is_ready():
    labels = {**A100, **LABELS}
    there = a_state(
        a_node("p1", cpu=16, memory=64, devices={GPU: 1}, labels=labels), a_pod({GPU: 1})
    )
    taints = (("node.kubernetes.io/not-ready", "", "NoSchedule"),)
    new = a_node("p2", cpu=16, memory=64, labels=LABELS, taints=taints, ready=False)
    bare = "{name: a100, max_nodes: 3, labels: {pool: a100}}"
    offer = only(there, new, tier="{gpu: {}, cpu: 4, memory: 8Gi}", pools=bare)
    assert (offer.verdict.status, offer.count) == (Status.NEEDS_SCALE_UP, 1)


def test_one_may_see_what_is_left_for_oneself_while_ones_own_pod_waits():
    text = f"tiers: {{t: {ONE_EACH}}}\nteams: {{all: {{groups: ['*'], tiers: [t]}}}}\n"
    desk, mine = a_desk(text + f"pools: [{pool(max_nodes=1)}]"), held("bob").candidate
    scene = a_scene(snapshot=a_snapshot(small(), waiting=(mine,)))
    assert desk.verdict(mine, scene).status is Status.NEEDS_SCALE_UP
    assert desk.verdict(held("carol").candidate, scene).status is not Status.NEEDS_SCALE_UP


def test_a_disk_that_serves_one_pod_fits_once_however_many_machines_may_come():
    claim = Claim("default", "home", access_modes=("ReadWriteOncePod",), volume="v", uid="u")
    volume = Volume("v", claim=("default", "home", "u"), phase="Bound", capacity_bytes=1)
    storage = Storage(claims={("default", "home"): claim}, volumes={"v": volume})
    text = "tiers: {t: {cpu: 4, memory: 8Gi}}\nteams: {all: {groups: ['*'], tiers: [t]}}\n"
    desk = a_desk(text + f"pools: [{pool(max_nodes=5)}]")
    pod = a_pod({"cpu": 4000}, volumes=(VolumeUse("claim", "home"),))
    scene = a_scene(snapshot=a_snapshot(small(), storage=storage))
    verdict = desk.verdict(Candidate(pod, name="me"), scene)
    assert (verdict.status, verdict.count) == (Status.NEEDS_SCALE_UP, 1)


def test_a_cordoned_machine_is_one_of_the_pool():
    gone = a_node("p1", cpu=16, memory=64, labels=LABELS, unschedulable=True)
    offer = only(gone, pools=pool(max_nodes=1))
    assert not offer.startable
    assert offer.sentence == (
        "The machines for this are under maintenance."
        " No more machines may be added: the only one is there."
    )


def test_what_always_runs_on_the_machines_there_will_run_on_the_new_one():
    def there(cpu):
        daemon = a_pod({"cpu": cpu}, resident=True)
        return a_state(a_node("p1", cpu=16, memory=64, labels=LABELS), daemon, a_pod({"cpu": 2000}))

    tier = "{cpu: 15, memory: 8Gi}"
    assert only(there(1000), tier=tier).verdict.status is Status.NEEDS_SCALE_UP
    assert only(there(1001), tier=tier).verdict.status is Status.NEVER


def test_what_the_map_does_not_say_is_taken_from_the_machines_that_are_there():
    taints = ((GPU, "present", "NoSchedule"), ("node.kubernetes.io/not-ready", "", "NoSchedule"))
    there = a_node("p1", cpu=16, memory=64, devices={GPU: 1}, labels=A100 | LABELS, taints=taints)
    held = a_state(there, a_pod({GPU: 1}))
    bare = "{name: a100, max_nodes: 2, labels: {pool: a100}}"
    gpu = "{gpu: {}, cpu: 4, memory: 8Gi}"
    assert only(held, tier=gpu, pools=bare).verdict.status is Status.NEEDS_SCALE_UP
    assert only(held, pools=bare).verdict.status is Status.NEVER, "the taint keeps it away"


@pytest.mark.parametrize("tainted", ["p1", "p2"])
def test_a_taint_that_only_one_machine_has_is_none_of_the_pool(tainted):
    own = {tainted: (("own", "", "NoSchedule"),)}
    nodes = (
        a_node(name, cpu=16, memory=64, labels=LABELS, taints=own.get(name, ()))
        for name in ("p1", "p2")
    )
    full = [a_state(node, a_pod({"cpu": 16000})) for node in nodes]
    assert only(*full, pools=pool(max_nodes=3)).verdict.status is Status.NEEDS_SCALE_UP


@pytest.mark.parametrize(
    ("effect", "status"),
    [("NoExecute", Status.NEVER), ("NoSchedule", Status.NEEDS_SCALE_UP)],
)
def test_a_taint_of_the_map_keeps_its_effect(effect, status):
    tier = (
        "{cpu: 4, memory: 8Gi, nodes: {tolerations:"
        " [{key: own, operator: Exists, effect: NoSchedule}]}}"
    )
    pools = pool(taints=f"[{{key: own, effect: {effect}}}]")
    assert only(small(), tier=tier, pools=pools).verdict.status is status


def test_devices_that_the_map_names_are_all_that_a_new_machine_has():
    other = "amd.com/gpu"
    there = a_node("p1", cpu=16, memory=64, devices={GPU: 1, other: 1}, labels=A100 | LABELS)
    full = a_state(there, a_pod({GPU: 1, other: 1}))
    assert verdict(a_pod({GPU: 1}), full, gpu=f"{{{GPU}: 1}}").status is Status.NEEDS_SCALE_UP
    assert verdict(a_pod({other: 1}), full, gpu=f"{{{GPU}: 1}}").status is Status.BUSY


@pytest.mark.parametrize("missing", ["cpu", "memory"])
def test_a_pool_of_which_one_size_is_not_known_promises_nothing(missing):
    assert only(small(), pools=pool(**{missing: "null"})).verdict.status is Status.NEVER


def test_a_model_that_only_a_pool_has_is_a_variant_with_its_size_and_counts():
    pools = pool(labels=f"{{pool: a100, {MODEL}}}", gpu=f"{{{GPU}: 4}}")
    found = offers(small(), tier="{gpu: {counts: [1, 4, 8]}, per_gpu: fair}", pools=pools)
    assert [(o.slug, o.options["gpus"]) for o in found] == [(SLUG, "1"), (SLUG, "4")]
    assert found[0].verdict.status is Status.NEEDS_SCALE_UP
    assert dict(found[0].requests) == {"cpu": 4000, "memory": 16 * 2**30, GPU: 1}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"gpu": f"{{{GPU}: 4}}"}, id="no-label-tells-the-model"),
        pytest.param(
            {"gpu": f"{{{GPU}: 4}}", "labels": f"{{{MODEL}}}", "max_nodes": 0}, id="none-may-come"
        ),
    ],
)
def test_devices_that_can_not_be_promised_are_no_variant(said):
    assert not offers(small(), tier="{gpu: {}, cpu: 1, memory: 1Gi}", pools=pool(**said))


def test_machines_there_decide_a_share_before_one_that_could_come():
    assert only(a_node(cpu=8), tier="{share: 1/2}").requests["cpu"] == 4000


def test_nodes_that_are_not_seen_stay_unknown_whatever_could_come():
    from teamspawner.capacity.objects import Snapshot

    blind = Snapshot({}, unseen=frozenset({"nodes", "pods"}))
    assert only(snapshot=blind).verdict.status is Status.UNKNOWN


def test_the_desk_follows_the_machines_of_a_pool_from_one_snapshot_to_the_next():
    text = (
        "tiers: {t: {cpu: 4, memory: 8Gi}}\nteams: {all: {groups: ['*'], tiers: [t]}}\n"
        f"pools: [{pool(max_nodes=1)}]"
    )
    desk, person = a_desk(text), a_person()

    def status(*nodes):
        return desk.listing(person, a_scene(*nodes)).offers[0].verdict.status

    full = a_state(a_node("p1", cpu=16, memory=64, labels=LABELS), a_pod({"cpu": 14000}))
    assert status(small()) is Status.NEEDS_SCALE_UP
    assert status(small(), full) is Status.BUSY
    assert status(small()) is Status.NEEDS_SCALE_UP


def test_the_gate_foretells_the_new_machine_and_waits_twice_as_long_as_it_takes():
    text = (
        "tiers: {t: {cpu: 4, memory: 8Gi}}\nteams: {all: {groups: ['*'], tiers: [t]}}\n"
        f"pools: [{pool()}]"
    )
    desk, scene = a_desk(text), a_scene(small())
    choice = desk.choose(a_person(), {}, scene)
    foretold = desk.verdict(scene.pod_for(choice), scene)
    assert foretold.status is Status.NEEDS_SCALE_UP
    parsed = a_map(text)
    assert wait_s(choice, parsed, foretold, 300.0, own_waits=False) == 600.0
    assert longest_s(parsed, 300.0) >= 900.0
    assert desk.verdict(scene.pod_for(choice), a_scene()) is None


def test_what_could_be_added_is_not_called_free_below_a_count():
    pools = pool(labels=f"{{pool: a100, {MODEL}}}", gpu=f"{{{GPU}: 4}}")
    text = "tiers: {t: {gpu: {counts: [1, 4]}, per_gpu: fair}}\n"
    text += f"teams: {{all: {{groups: ['*'], tiers: [t]}}}}\npools: [{pools}]"
    (card,) = a_desk(text).listing(a_person(), a_scene(small())).cards
    assert [each.note for each in card.options[0].choices] == ["new machine", "new machine"]
