"""What an autoscaler could add: a tier that needs a new machine, and when none may come."""

import pytest

from teamspawner.capacity.verdict import Status
from teamspawner.hub.waits import longest_s, wait_s
from tests.core.offering import (
    A100,
    GPU,
    a_desk,
    a_map,
    a_node,
    a_person,
    a_pod,
    a_scene,
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
    assert (offer.count, offer.nodes) == (0, 0)
    assert offer.sentence == "Needs a new machine; about 5 min."


def test_a_machine_with_room_now_goes_before_a_new_one():
    assert only(a_node(cpu=8)).verdict.status is Status.FITS_NOW


def test_of_several_pools_the_quickest_is_told_and_one_without_time_last():
    pools = ", ".join([pool(minutes="null", name="x"), pool(minutes=9, name="y"), pool(name="z")])
    assert only(small(), pools=pools).sentence == "Needs a new machine; about 5 min."
    assert only(small(), pools=pool(minutes="null")).sentence == "Needs a new machine."


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


def test_a_cordoned_machine_is_one_of_the_pool():
    gone = a_node("p1", cpu=16, memory=64, labels=LABELS, unschedulable=True)
    offer = only(gone, pools=pool(max_nodes=1))
    assert not offer.startable
    assert offer.sentence == (
        "The machines for this are under maintenance."
        " No more machines may be added: all 1 are there."
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
