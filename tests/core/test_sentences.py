"""What is said to people: the right plural, and nothing but a plain sentence."""

import pytest

from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.offers.asked import Asked
from teamspawner.offers.badges import badge, cap_sentence
from teamspawner.offers.caps import Cap
from teamspawner.offers.sentences import sentence
from tests.core.offering import (
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

OWN = {"slug": "own", "display_name": "Own"}


def said(*nodes, gpus=1, cpu=1):
    """The sentence on one of the admin's own profiles that asks for GPUs."""
    from teamspawner.capacity import Rules, judge
    from teamspawner.capacity.objects import Candidate
    from tests.core.offering import a_snapshot

    requests = {"cpu": cpu * 1000, GPU: gpus}
    snapshot = a_snapshot(*nodes)
    verdict = judge(Candidate(a_pod(requests)), snapshot, Rules())
    members = frozenset(snapshot.nodes)
    return sentence(verdict, Asked(requests, GPU, gpus, "GPU", members), snapshot)


def with_gpus(there, used, *, cpu_used=0):
    node = a_node(cpu=8, devices={GPU: there})
    return a_state(node, a_pod({GPU: used, "cpu": cpu_used * 1000}))


@pytest.mark.parametrize(
    ("node", "asked", "expected"),
    [
        pytest.param(with_gpus(1, 1), {}, "All GPUs are in use.", id="all"),
        pytest.param(
            with_gpus(2, 1), {"gpus": 2}, "Only 1 GPU is left on one machine.", id="one-left"
        ),
        pytest.param(
            with_gpus(4, 2), {"gpus": 3}, "Only 2 GPUs are left on one machine.", id="two-left"
        ),
        pytest.param(
            with_gpus(2, 1, cpu_used=7),
            {"cpu": 4},
            "One GPU is free, but only 1 CPU is left beside it.",
            id="one-beside",
        ),
        pytest.param(
            with_gpus(4, 2, cpu_used=7),
            {"cpu": 4, "gpus": 2},
            "2 GPUs are free, but only 1 CPU is left beside them.",
            id="two-beside",
        ),
        pytest.param(
            with_gpus(1, 0), {"gpus": 2}, "No machine has 2 GPUs; the largest has 1.", id="too-many"
        ),
    ],
)
def test_gpus_are_told_in_the_right_number(node, asked, expected):
    assert said(node, **asked) == expected


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        pytest.param(
            Cap("servers_per_user", 1, 1, 1),
            "You run the only server that a person of Physics may have.",
            id="one-server",
        ),
        pytest.param(
            Cap("per_user", 1, 1, 1),
            "You use the only GPU that a person of Physics may have.",
            id="one-gpu-of-mine",
        ),
        pytest.param(Cap("team", 1, 1, 1), "Physics uses its only GPU.", id="one-gpu"),
        pytest.param(Cap("cpu", 1000, 1000, 500), "Physics uses its only CPU.", id="one-cpu"),
        pytest.param(
            Cap("cpu", 1500, 500, 1500), "Physics uses 0.5 of its 1.5 CPUs; this needs 1.5 more.",
            id="part-of-a-cpu",
        ),
        pytest.param(
            Cap("team", 1, 2, 1), "Physics uses 2 GPUs and may use only 1.", id="more-than-it-may"
        ),
        pytest.param(
            Cap("servers_per_user", 1, 2, 1), "You run 2 servers and may run only 1.",
            id="more-servers-than-I-may",
        ),
        pytest.param(
            Cap("memory", GIB, 3 * GIB, GIB),
            "Physics uses 3 GiB of memory and may use only 1 GiB.",
            id="more-memory-than-it-may",
        ),
    ],
)  # fmt: skip
def test_caps_are_told_in_the_right_number(cap, expected):
    assert cap_sentence(cap, "Physics") == expected


@pytest.mark.parametrize(
    ("used", "most", "expected"),
    [
        pytest.param(220 * GIB, 500 * GIB, "Team limit · 220 of 500 GiB in use", id="one-unit"),
        pytest.param(GIB // 2, 2 * GIB, "Team limit · 512 MiB of 2 GiB in use", id="two-units"),
    ],
)
def test_a_limit_in_use_names_its_unit_once(used, most, expected):
    desk = a_desk(
        "tiers: {t: {cpu: 1, memory: 1Gi}}\n"
        "teams: {all: {groups: ['*'], tiers: [t], limits: {memory: 1Gi}}}\n"
    )
    held = a_pod({"memory": GIB}, labels={"teamspawner/team": "all", "teamspawner/tier": "t"})
    (offer,) = desk.listing(a_person(), a_scene(a_state(a_node(), held))).offers
    assert offer.badge == "Team limit · 1 of 1 GiB in use"
    assert badge(offer.verdict, 0, Cap("memory", most, used, GIB)) == expected


# --- one sentence for every verdict -----------------------------------------------------


def told(status, *reasons, rejected=None, snapshot=None, asked=None, **more):
    """The sentence on a verdict made by hand, for a server with one CPU."""
    verdict = Verdict(status, reasons=reasons, rejected=rejected or {}, **more)
    return sentence(verdict, Asked({"cpu": 1000, "memory": GIB}, **(asked or {})), snapshot)


def unseen(*kinds, plugin="X"):
    return tuple(Reason(plugin, "not looked at", detail=kind, unknown=True) for kind in kinds)


def why(plugin, message="", **more):
    return (Reason(plugin, message, **more),)


FULL = why("NodeResourcesFit", "Insufficient cpu", resource="cpu")
PODS = why("NodeResourcesFit", "Too many pods")


@pytest.mark.parametrize(
    ("status", "reasons", "more", "expected"),
    [
        pytest.param("FITS_NOW", (), {}, "Starts right away.", id="fits"),
        pytest.param(
            "FITS_BY_PREEMPTION",
            (),
            {"placeholder_only": True},
            "A reserved place makes room for it.",
            id="a-placeholder-goes",
        ),
        pytest.param(
            "FITS_BY_PREEMPTION",
            (),
            {},
            "Work of lower priority is stopped to make room for it.",
            id="somebody-goes",
        ),
        pytest.param(
            "QUEUED",
            why("SchedulingGates", detail="queue"),
            {},
            "It waits until the cluster lets it in (queue).",
            id="gated",
        ),
        pytest.param("QUEUED", (), {}, "It waits until the cluster lets it in.", id="queued"),
        pytest.param(
            "QUOTA_BLOCKED",
            why("ResourceQuota", detail="The namespace is full."),
            {},
            "The namespace is full.",
            id="a-quota-that-is-told",
        ),
        pytest.param(
            "QUOTA_BLOCKED",
            why("Other", detail="no sentence"),
            {},
            "A quota of the cluster is used up.",
            id="a-quota",
        ),
        pytest.param(
            "UNKNOWN",
            unseen("x", plugin="stale") + unseen("pods"),
            {},
            "The last news from the cluster is too old to tell what is free.",
            id="old-news",
        ),
        pytest.param(
            "UNKNOWN",
            unseen("x", plugin="unread") + unseen("pods"),
            {},
            "The hub cannot see the running servers, so a limit of your team cannot be checked.",
            id="caps-not-counted",
        ),
        pytest.param(
            "UNKNOWN",
            unseen("strange", plugin="Scheduler"),
            {},
            "Another scheduler places this; what it would do is not known.",
            id="another-scheduler",
        ),
        pytest.param(
            "UNKNOWN",
            unseen("csinodes, pods", "nodes"),
            {},
            "The hub cannot see the cluster's disks, machines and running servers,"
            " so what is free is not known.",
            id="kinds-not-seen",
        ),
        pytest.param(
            "UNKNOWN",
            (),
            {"rejected": {"n": (*unseen("pods"), *why("Other", detail="secrets"))}},
            "The hub cannot see the cluster's running servers, so what is free is not known.",
            id="not-seen-on-a-node",
        ),
        pytest.param("UNKNOWN", (), {}, "What is free is not known now.", id="not-known"),
        pytest.param(
            "UNKNOWN",
            (),
            {"asked": {"may_try": True}},
            "What is free is not known now. You may try; it may have to wait.",
            id="not-known-and-may-try",
        ),
        pytest.param(
            "BUSY",
            (),
            {"rejected": {"n": PODS}},
            "The machines are full: they run as many servers as they may.",
            id="as-many-servers-as-may-run",
        ),
        pytest.param(
            "BUSY",
            (),
            {"rejected": {"n": FULL, "m": PODS + why("TaintToleration")}, "freeing": ("n",)},
            "No machine has 1 CPU and 1 GiB of memory free now. Room is being freed now.",
            id="full-and-freeing",
        ),
        pytest.param(
            "BUSY",
            (),
            {
                "rejected": {
                    "a": why("NodePorts") + FULL,
                    "b": why("TaintToleration"),
                    "c": why("TaintToleration"),
                },
                "asked": {"when_busy_waits": True},
            },
            "The machines for this take no new servers now. It may wait for room.",
            id="what-most-machines-say",
        ),
        pytest.param(
            "BUSY",
            (),
            {"rejected": {"n": why("Other")}},
            "The machines that could take this are in use.",
            id="busy-without-a-word",
        ),
        pytest.param(
            "BUSY",
            why("Pool", detail="No more may come."),
            {"rejected": {"n": FULL}},
            "No machine has 1 CPU and 1 GiB of memory free now. No more may come.",
            id="busy-and-no-pool",
        ),
        pytest.param(
            "NEEDS_SCALE_UP",
            why("Pool", detail="A new one comes."),
            {},
            "A new one comes.",
            id="a-pool-grows",
        ),
        pytest.param(
            "FITS_NOW",
            (),
            {"asked": {"troubles": frozenset({"mixed"})}},
            "Starts right away."
            " The machines hold several models; which one you get is not certain.",
            id="mixed-models",
        ),
        pytest.param(
            "NEVER",
            (),
            {"asked": {"troubles": frozenset({"mixed"})}},
            "The cluster has no machines.",
            id="no-machines",
        ),
        pytest.param(
            "NEVER",
            why("VolumeBinding", "pod has unbound immediate PersistentVolumeClaims"),
            {"rejected": {"n": FULL}},
            "The disk that this needs is still to be made.",
            id="a-disk-to-be-made",
        ),
        pytest.param(
            "NEVER",
            why("Other", "is being deleted"),
            {"rejected": {"n": why("NodeName")}},
            "The machine for this is gone.",
            id="another-thing-being-deleted",
        ),
        pytest.param(
            "NEVER",
            (),
            {"rejected": {"n": FULL}},
            "No machine is large enough, once what always runs on it is counted.",
            id="too-large-for-what-is-left",
        ),
        pytest.param(
            "NEVER",
            (),
            {"rejected": {"n": FULL, "m": why("NodeName"), "o": why("Other")}},
            "The machine for this is gone.",
            id="size-aside",
        ),
    ],
)
def test_every_verdict_has_its_sentence(status, reasons, more, expected):
    assert told(Status(status), *reasons, **more) == expected


def test_only_machines_with_such_devices_are_spoken_of():
    taken = a_state(a_node("g", devices={GPU: 2}, unschedulable=True))
    plain = a_state(a_node("p"), a_pod({"cpu": 8000}))
    assert said(taken, plain) == "The machines for this are under maintenance."


def test_of_free_gpus_the_machine_with_most_is_spoken_of():
    def holder(name, there, used):
        node = a_node(name, cpu=8, devices={GPU: there})
        return a_state(node, a_pod({GPU: used, "cpu": 7000}))

    one, two = holder("a", 4, 1), holder("b", 4, 2)
    assert said(two, one, cpu=4) == "3 GPUs are free, but only 1 CPU is left beside them."
    full = a_state(a_node(cpu=8, devices={GPU: 2}), a_pod({"cpu": 8000}))
    assert said(full) == "2 GPUs are free, but no CPU is left beside them."


def test_exactly_what_is_free_is_no_hindrance():
    node = a_node(cpu=8, devices={GPU: 2})
    small = Asked({"cpu": 1000, GPU: 3}, GPU, 3, "GPU", frozenset({"n1"}))
    found = sentence(Verdict(Status.NEVER, rejected={"n1": FULL}), small, a_snapshot(node))
    assert found == "No machine has 3 GPUs; the largest has 2."
    whole = Asked({"cpu": 8000, GPU: 2}, GPU, 2, "GPU", frozenset({"n1"}))
    found = sentence(Verdict(Status.NEVER, rejected={"n1": FULL}), whole, a_snapshot(node))
    assert found == "No machine is large enough, once what always runs on it is counted."


@pytest.mark.parametrize(
    ("status", "more", "count", "expected"),
    [
        ("FITS_NOW", {}, 1, "Free now · 1 more fits"),
        ("FITS_NOW", {}, 2, "Free now · 2 more fit"),
        ("FITS_NOW", {}, None, "Free now"),
        ("BUSY", {}, 0, "In use"),
        ("BUSY", {"freeing": ("n",)}, 0, "In use · freeing now"),
        ("NEVER", {"freeing": ("n",)}, 0, "Does not fit"),
        ("QUOTA_BLOCKED", {}, 0, "Limit reached"),
        ("UNKNOWN", {}, None, "Not known"),
    ],
)
def test_every_verdict_has_its_badge(status, more, count, expected):
    assert badge(Verdict(Status(status), **more), count) == expected
