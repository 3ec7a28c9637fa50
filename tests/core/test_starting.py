"""A machine that is starting: promised while it is young, never once it is merely broken."""

from datetime import UTC, datetime, timedelta

import pytest

from teamspawner.capacity.objects import Candidate
from teamspawner.capacity.verdict import Status
from teamspawner.cluster.decode import decode_node
from teamspawner.offers.starting import STARTS_WITHIN, Starting
from tests.core.offering import (
    A100,
    GIB,
    GPU,
    a_desk,
    a_node,
    a_person,
    a_pod,
    a_scene,
    a_snapshot,
    a_state,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOT_READY = (
    ("node.kubernetes.io/not-ready", "", "NoSchedule"),
    ("node.kubernetes.io/not-ready", "", "NoExecute"),
)
TYPE = {"eks.amazonaws.com/nodegroup": "gpus", "node.kubernetes.io/instance-type": "p4d"}
GPU_TIER = "{gpu: {}, cpu: 4, memory: 8Gi}"


def starting(name="new", *, age=MINUTE, taints=NOT_READY, ready=False, cpu=16, **more):
    return a_node(name, cpu=cpu, created=NOW - age, taints=taints, ready=ready, **more)


def offers(*nodes, tier="{cpu: 4, memory: 8Gi}", as_of=NOW, pools="", **more):
    text = f"tiers: {{t: {tier}}}\nteams: {{all: {{groups: ['*'], tiers: [t]}}}}\n{pools}"
    scene = a_scene(snapshot=a_snapshot(*nodes, as_of=as_of, **more))
    return a_desk(text).listing(a_person(), scene).offers


def status(*nodes, **more):
    return [offer.verdict.status for offer in offers(*nodes, **more)]


def full(name="old", **more):
    node = a_node(name, cpu=16, devices={GPU: 1}, created=NOW - timedelta(days=9), **more)
    return a_state(node, a_pod({"cpu": 16000, GPU: 1}))


def test_a_machine_that_is_starting_is_told_and_may_be_waited_for():
    (offer,) = offers(full(), starting())
    assert offer.verdict.status is Status.NODE_COMING
    assert offer.startable
    assert (offer.count, offer.nodes) == (4, 0)
    assert offer.verdict.coming == ("new",)
    assert offer.sentence == "A machine that fits is starting; your server starts once it is ready."


def waits(*cpus, **spec):
    """Pods that wait already, with so many CPUs each."""
    pods = (a_pod({"cpu": cpu * 1000, "memory": 8 * GIB}, **spec) for cpu in cpus)
    return tuple(Candidate(pod, name=f"w{n}", judged=True) for n, pod in enumerate(pods))


POOL = "pools: [{name: p, max_nodes: 1, minutes: 5, labels: {pool: p}, cpu: 16, memory: 64Gi}]"


@pytest.mark.parametrize(
    ("waiting", "expected", "count"),
    [
        pytest.param(waits(12), Status.NODE_COMING, 1, id="one-goes-to-what-is-starting"),
        pytest.param(waits(12, 12), Status.NODE_COMING, 1, id="the-second-needs-a-machine-more"),
        pytest.param(waits(16, 12), Status.NEEDS_SCALE_UP, 1, id="what-is-starting-is-filled"),
        pytest.param(waits(16, 16), Status.BUSY, 0, id="both-are-filled"),
        pytest.param(
            waits(16, tolerations=(), node_selector={"pool": "p"}),
            Status.NODE_COMING,
            4,
            id="one-goes-to-a-machine-more-at-once",
        ),
    ],
)
def test_who_waits_already_goes_to_what_is_starting_before_a_machine_more(waiting, expected, count):
    (offer,) = offers(full(), starting(), pools=POOL, waiting=waiting)
    assert (offer.verdict.status, offer.count) == (expected, count)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param({"age": STARTS_WITHIN}, Status.NODE_COMING, id="just-young-enough"),
        pytest.param({"age": STARTS_WITHIN + MINUTE}, Status.BUSY, id="too-old"),
        pytest.param({"age": timedelta(days=30)}, Status.BUSY, id="broken-for-long"),
        pytest.param({"age": -MINUTE}, Status.NODE_COMING, id="our-clock-is-a-minute-late"),
        pytest.param({"age": -timedelta(hours=2)}, Status.BUSY, id="clocks-far-apart"),
        pytest.param({"cpu": 3}, Status.BUSY, id="too-small"),
        pytest.param({"unschedulable": True}, Status.BUSY, id="cordoned"),
        pytest.param({"taints": (*NOT_READY, ("dedicated", "x", "NoSchedule"))}, Status.BUSY,
                     id="reserved"),
        pytest.param({"taints": (("node.kubernetes.io/unreachable", "", "NoSchedule"),)},
                     Status.BUSY, id="lost-again"),
        pytest.param({"taints": (("node.cloudprovider.kubernetes.io/uninitialized", "true",
                     "NoSchedule"),)}, Status.NODE_COMING, id="the-cloud-has-not-named-it-yet"),
        pytest.param({"taints": (("node.cilium.io/agent-not-ready", "true", "NoExecute"),),
                     "ready": True}, Status.NODE_COMING, id="its-network-is-not-up-yet"),
        pytest.param({"taints": (("karpenter.sh/unregistered", "", "NoExecute"),)},
                     Status.NODE_COMING, id="karpenter-has-not-taken-it-over-yet"),
        pytest.param({"taints": (("startup-taint.cluster-autoscaler.kubernetes.io/x", "",
                     "NoSchedule"),), "ready": True}, Status.NODE_COMING, id="a-startup-taint"),
    ],
)  # fmt: skip
def test_only_a_young_machine_that_will_take_it_is_promised(node, expected):
    assert status(full(), starting(**node)) == [expected]


def test_a_machine_that_takes_it_now_goes_before_one_that_is_starting():
    assert status(a_node("free"), starting()) == [Status.FITS_NOW]


def test_one_that_ran_servers_already_is_broken_and_not_starting():
    young = a_state(starting(), a_pod({"cpu": 1000}))
    daemon = a_state(starting(), a_pod({"cpu": 1000}, resident=True))
    assert status(full(), young) == [Status.BUSY]
    assert status(full(), daemon) == [Status.NODE_COMING]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"as_of": None}, id="no-clock"),
        pytest.param({"as_of": NOW + timedelta(hours=1)}, id="seen-an-hour-later"),
    ],
)
def test_without_a_time_or_later_the_tier_stays_busy(more):
    assert status(full(), starting(), **more) == [Status.BUSY]


def test_a_node_that_does_not_say_when_it_was_made_is_not_starting():
    node = a_node("new", cpu=16, taints=NOT_READY, ready=False)
    assert status(full(), node) == [Status.BUSY]


def test_it_is_starting_no_more_once_it_grew_old_without_any_news():
    desk = a_desk("tiers: {t: {cpu: 4}}\nteams: {all: {groups: ['*'], tiers: [t]}}\n")
    nodes = (full(), starting())

    def seen(as_of):
        return desk.listing(a_person(), a_scene(snapshot=a_snapshot(*nodes, as_of=as_of))).offers

    assert seen(NOW)[0].verdict.status is Status.NODE_COMING
    assert seen(NOW + STARTS_WITHIN)[0].verdict.status is Status.BUSY
    assert seen(NOW + STARTS_WITHIN)[0].verdict.status is Status.BUSY


def test_a_machine_that_was_starting_and_is_gone_is_forgotten():
    desk = a_desk("tiers: {t: {cpu: 4}}\nteams: {all: {groups: ['*'], tiers: [t]}}\n")

    def seen(*nodes):
        scene = a_scene(snapshot=a_snapshot(*nodes, as_of=NOW))
        return desk.listing(a_person(), scene).offers[0].verdict.status

    old = full()
    assert seen(old, starting()) is Status.NODE_COMING
    assert seen(old) is Status.BUSY


def test_who_has_the_starting_machine_takes_none_of_the_pool():
    pools = "pools: [{name: p, max_nodes: 1, labels: {pool: p}, cpu: 16, memory: 64Gi}]"
    bob = Candidate(a_pod({"cpu": 16000, "memory": GIB}), name="bob", judged=True)
    (offer,) = offers(full(), starting(), pools=pools, waiting=(bob,))
    assert (offer.verdict.status, offer.count) == (Status.NEEDS_SCALE_UP, 4)


def test_those_who_wait_already_have_the_starting_machine_first():
    def waiting(name):
        return Candidate(a_pod({"cpu": 8000, "memory": GIB}), name=name, judged=True)

    def found(*others):
        (offer,) = offers(full(), starting(), tier="{cpu: 8, memory: 8Gi}", waiting=others)
        return offer.verdict.status, offer.count

    assert found() == (Status.NODE_COMING, 2)
    assert found(waiting("bob")) == (Status.NODE_COMING, 1)
    assert found(waiting("bob"), waiting("carol")) == (Status.BUSY, 0)


def test_a_starting_machine_is_one_of_its_pool_and_goes_before_a_further_one():
    pools = "pools: [{name: p, max_nodes: 2, labels: {pool: p}, cpu: 16, memory: 64Gi}]"
    labels = {"pool": "p"}
    one, new = full(labels=labels), starting(labels=labels)
    assert status(one, new, pools=pools) == [Status.NODE_COMING]
    taken = (Candidate(a_pod({"cpu": 15000, "memory": GIB}), name="bob", judged=True),)
    (offer,) = offers(one, new, pools=pools, waiting=taken)
    assert offer.verdict.status is Status.BUSY
    assert offer.sentence.endswith("No more machines may be added: all 2 are there.")


# --- devices that are not there yet -----------------------------------------------------


def up(**more):
    return starting(taints=(), ready=True, **more)


def test_devices_that_labels_count_are_coming_while_the_driver_starts():
    (offer,) = offers(full(labels=A100), up(labels=A100), tier=GPU_TIER)
    assert (offer.verdict.status, offer.count) == (Status.NODE_COMING, 4), "cpu for four of eight"
    assert status(full(labels=A100), up(labels=A100, age=9 * MINUTE * 9), tier=GPU_TIER) == [
        Status.BUSY
    ]


def test_devices_that_were_in_use_and_are_gone_are_not_coming():
    gone = a_state(up(labels=A100), a_pod({GPU: 1}))
    assert status(full(labels=A100), gone, tier=GPU_TIER) == [Status.BUSY]


def test_what_a_machine_of_its_group_has_comes_with_the_labels_that_tell_the_model():
    old = full(labels=A100 | TYPE)
    (offer,) = offers(old, up(labels=TYPE), tier=GPU_TIER)
    assert (offer.verdict.status, offer.count) == (Status.NODE_COMING, 1)


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({}, id="no-group"),
        pytest.param(TYPE | {"node.kubernetes.io/instance-type": "m5"}, id="another-type"),
        pytest.param(TYPE | {"eks.amazonaws.com/nodegroup": "cpus"}, id="another-group"),
        pytest.param({"node.kubernetes.io/instance-type": "p4d"}, id="the-type-alone"),
    ],
)
def test_machines_of_other_groups_tell_nothing(labels):
    assert status(full(labels=A100 | TYPE), up(labels=labels), tier=GPU_TIER) == [Status.BUSY]


def test_a_machine_that_is_broken_itself_tells_nothing():
    broken = full(labels=A100 | TYPE, taints=NOT_READY, ready=False)
    free = full("else", labels=A100)
    assert status(broken, free, up(labels=TYPE), tier=GPU_TIER) == [Status.BUSY]


def test_machines_of_a_group_that_differ_do_not_tell_the_model():
    other = A100 | TYPE | {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    tier = "{gpu: {models: ['*A100*']}, cpu: 4, memory: 8Gi}"
    both = (full(labels=A100 | TYPE), full("other", labels=other))
    assert status(*both, up(labels=TYPE), tier=tier) == [Status.BUSY]


def test_slots_of_shared_devices_are_counted():
    shared = {
        "nvidia.com/gpu.product": "NVIDIA-L4-SHARED",
        "nvidia.com/gpu.count": "2",
        "nvidia.com/gpu.replicas": "4",
    }
    tier = "{gpu: {kinds: [shared]}, cpu: 1, memory: 1Gi}"
    (offer,) = offers(full(labels=shared), up(labels=shared), tier=tier)
    assert (offer.verdict.status, offer.count) == (Status.NODE_COMING, 8)


def test_a_pool_without_labels_makes_no_group():
    pools = "pools: [{name: p, max_nodes: 1, cpu: 1, memory: 1Gi}]"
    assert status(full(labels=A100), up(), tier=GPU_TIER, pools=pools) == [Status.BUSY]


def test_what_only_some_machines_of_the_group_have_is_not_promised():
    plain = a_node("plain", cpu=1, devices={"amd.com/gpu": 1}, labels=TYPE)
    tier = "{gpu: {models: ['*A100*']}, cpu: 4, memory: 8Gi}"
    assert status(full(labels=A100 | TYPE), plain, up(labels=TYPE), tier=tier) == [Status.BUSY]


def test_the_group_forgets_a_machine_that_left():
    text = f"tiers: {{t: {GPU_TIER}}}\nteams: {{all: {{groups: ['*'], tiers: [t]}}}}\n"
    desk, person = a_desk(text), a_person()
    elsewhere = full("else", labels=A100)

    def seen(*nodes):
        scene = a_scene(snapshot=a_snapshot(*nodes, as_of=NOW))
        return desk.listing(person, scene).offers[0].verdict.status

    old, new = full(labels=A100 | TYPE), up(labels=TYPE)
    assert seen(old, new, elsewhere) is Status.NODE_COMING
    assert seen(new, elsewhere) is Status.BUSY


def test_a_pool_of_the_map_tells_the_devices_that_its_machines_will_have():
    pools = f"pools: [{{name: p, max_nodes: 1, labels: {{pool: p}}, gpu: {{{GPU}: 2}}}}]"
    labels = {"pool": "p", "cloud.google.com/gke-accelerator": "nvidia-l4"}
    old = full(labels={"cloud.google.com/gke-accelerator": "nvidia-l4"})
    (offer,) = offers(old, up(labels=labels), tier=GPU_TIER, pools=pools)
    assert (offer.verdict.status, offer.count) == (Status.NODE_COMING, 2)


def test_a_machine_that_is_none_of_the_pool_gets_none_of_its_devices():
    pools = f"pools: [{{name: p, max_nodes: 1, labels: {{pool: p}}, gpu: {{{GPU}: 2}}}}]"
    labels = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert status(full(labels=labels), up(labels=labels), tier=GPU_TIER, pools=pools) == [
        Status.BUSY
    ]


def test_devices_that_are_named_and_not_one_of_them_well_are_coming_too():
    new = up(labels=A100, devices={GPU: 0})
    assert status(full(labels=A100), new, tier=GPU_TIER) == [Status.NODE_COMING]


@pytest.mark.parametrize("key", ["disk", "example.com/disk", "nonvidia.com/disk"])
def test_of_a_machine_of_its_group_only_what_goes_with_the_devices_is_taken(key):
    tier = f"{{gpu: {{}}, cpu: 4, memory: 8Gi, nodes: {{selector: {{{key}: ssd}}}}}}"
    old = full(labels=A100 | TYPE | {key: "ssd"})
    assert status(old, up(labels=TYPE), tier=tier) == [Status.BUSY]


def test_a_machine_with_fewer_devices_than_its_group_has_them_all():
    tier = "{gpu: {counts: [2]}, cpu: 4, memory: 8Gi}"
    old = a_node("old", cpu=16, devices={GPU: 2}, labels=A100 | TYPE)
    one = up(labels=A100 | TYPE, devices={GPU: 1})
    assert status(a_state(old, a_pod({GPU: 2})), one, tier=tier) == [Status.BUSY]


# --- reading ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-01T11:59:00Z", NOW - MINUTE, id="as-the-api-writes-it"),
        pytest.param(None, None, id="absent"),
        pytest.param("yesterday", None, id="no-time"),
        pytest.param("2026-11-01T11:59:00", None, id="without-a-zone"),
    ],
)
def test_the_time_a_node_registered_is_read(text, expected):
    node = decode_node({"metadata": {"name": "n", "creationTimestamp": text}})
    assert node.created == expected


def test_groups_of_machines_that_came_and_went_are_forgotten():
    followed = Starting()
    for number in range(50):
        group = {"eks.amazonaws.com/nodegroup": f"group-{number}"}
        node = a_node(f"n{number}", labels=group, devices={GPU: 1})
        followed.follow([node.name], {node.name: a_state(node)})
        assert followed._groups
        followed.follow([node.name], {})
    assert not followed._groups
