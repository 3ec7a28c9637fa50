"""What is said to people: the right plural, and nothing but a plain sentence."""

import pytest

from teamspawner.offers.badges import badge, cap_sentence
from teamspawner.offers.caps import Cap
from teamspawner.offers.sentences import Asked, sentence
from tests.core.offering import GIB, GPU, a_desk, a_node, a_person, a_pod, a_scene, a_state

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
