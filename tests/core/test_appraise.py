"""One choice at one moment: the verdict with caps, in numbers and in what may be started."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from teamspawner.capacity.objects import Candidate, Toleration
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.offers.desk import Desk
from tests.core.offering import (
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

SEEN = datetime(2026, 1, 2, tzinfo=UTC)


def offered(slug, *nodes, groups=("physics",), text=None, **scene):
    desk = a_desk(text) if text else a_desk()
    listing = desk.listing(a_person(*groups), a_scene(*nodes, **scene))
    return next(each for each in listing.offers if each.slug == slug)


def own_offer(asked, *nodes, **scene):
    """The offer of the admin's only profile, whose pod asks for this."""
    pod = a_pod(asked, tolerations=(Toleration(),))
    given = {"profiles": [{"slug": "own", "display_name": "Own"}]} | scene
    made = a_scene(*nodes, pod_for=lambda _: Candidate(pod), **given)
    (found,) = Desk(None).listing(a_person(), made).offers
    return found


def said(status, **more):
    """A judge that always says the same."""
    verdict = Verdict(status, as_of=SEEN, **more)
    return lambda *_: verdict


# --- tiers of the map -------------------------------------------------------------------


def test_an_offer_tells_what_is_asked_for_and_what_may_be_used():
    large = offered("large", a_node(cpu=16, memory=64))
    assert large.requests == {"cpu": 4000, "memory": 32 * GIB}
    assert large.limits == {"cpu": 8000, "memory": 32 * GIB}
    assert (large.model, large.model_name, large.count, large.nodes) == (None, "", 2, 1)
    gpu = offered(A100_SLUG, g1())
    assert (gpu.model, gpu.model_name) == ("NVIDIA-A100-SXM4-80GB", "A100 80 GB")


def test_a_tier_that_may_wait_never_starts_what_no_machine_could_take():
    huge = offered("large", a_node(memory=16))
    assert (huge.verdict.status, huge.startable) == (Status.NEVER, False)
    full = offered("large", a_state(a_node(), a_pod({"cpu": 8000})))
    assert (full.verdict.status, full.startable) == (Status.BUSY, True)


CAPPED = """
tiers: {t: {cpu: 2, memory: 1Gi}}
teams: {x: {groups: ["*"], tiers: [t], limits: {servers_per_user: 1, cpu: 2, memory: 1Gi}}}
"""


def test_of_several_caps_that_are_used_up_the_smallest_is_named():
    held = a_state(a_node(), a_server(team="x", cpu=2, memory=1))
    found = offered("t", held, text=CAPPED)
    assert found.verdict.status is Status.QUOTA_BLOCKED
    assert (found.count, found.verdict.count) == (0, 0)
    assert [(each.plugin, each.resource) for each in found.verdict.reasons] == [
        ("cap", "servers_per_user")
    ]
    assert found.badge == "Your limit · 1 of 1 in use"


def test_no_cap_holds_whom_none_is_to_hold():
    held = a_state(a_node(), a_server(team="x", cpu=2, memory=1))
    found = offered("t", held, text=CAPPED, beyond_caps=True)
    assert (found.verdict.status, found.count, found.usage) == (Status.FITS_NOW, 3, ())
    unread = a_snapshot(a_node(), unseen=frozenset({"pods"}))
    assert not offered("t", snapshot=unread, text=CAPPED).startable
    assert offered("t", snapshot=unread, text=CAPPED, beyond_caps=True).startable


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(
            a_snapshot(a_state(a_node(), a_server(team="x", cpu=2, memory=1))), id="cap-used-up"
        ),
        pytest.param(a_snapshot(a_node(), unseen=frozenset({"pods"})), id="caps-not-counted"),
    ],
)
def test_what_the_api_server_would_refuse_is_told_before_any_cap(snapshot):
    reasons = (Reason("ResourceQuota", "no", detail="A sentence."),)
    judge = said(Status.INVALID, reasons=reasons, count=0)
    found = offered("t", snapshot=snapshot, text=CAPPED, verdict=judge)
    assert (found.verdict.status, found.verdict.reasons) == (Status.INVALID, reasons)
    assert (found.badge, found.startable) == ("Not possible", False)


def test_a_number_that_is_not_known_is_none_though_caps_are_counted():
    unsure = offered("t", a_node(), text=CAPPED, verdict=said(Status.QUEUED))
    assert (unsure.count, unsure.nodes) == (None, 0)
    stale = offered("t", a_node(), text=CAPPED, stale=True)
    assert (stale.count, stale.nodes) == (None, None)


def test_old_news_keep_their_time_and_say_what_else_is_not_known():
    doubt = Reason("X", "doubt", unknown=True)
    judge = said(Status.UNKNOWN, reasons=(doubt,), count=3)
    found = offered("t", a_node(), text=CAPPED, verdict=judge, stale=True)
    assert found.verdict.as_of == SEEN
    assert [each.plugin for each in found.verdict.reasons] == ["stale", "X"]
    assert all(each.unknown for each in found.verdict.reasons)
    assert found.count is None


def test_a_cluster_never_seen_hangs_on_its_nodes():
    found = offered("t", snapshot=None, text=CAPPED)
    assert found.verdict.status is Status.UNKNOWN
    assert {(each.detail, each.unknown) for each in found.verdict.reasons[-1:]} == {("nodes", True)}


# --- the admin's own profiles -----------------------------------------------------------


def test_an_own_profile_is_offered_in_numbers_and_words():
    found = own_offer({"cpu": 4000, "memory": GIB}, a_node())
    assert (found.team, found.count, found.nodes, found.startable) == (None, 2, 1, True)
    assert found.requests == {"cpu": 4000, "memory": GIB}
    assert (found.badge, dict(found.options)) == ("Free now · 2 more fit", {})
    assert found.sentence == "Starts right away."


@pytest.mark.parametrize(
    ("waits", "sentence"),
    [(True, "All GPUs are in use. It may wait for room."), (False, "All GPUs are in use.")],
    ids=["may-wait", "may-not"],
)
def test_an_own_profile_with_accelerators_says_that_they_are_in_use(waits, sentence):
    taken = a_state(a_node("g", devices={GPU: 2}), a_pod({GPU: 2}))
    found = own_offer({"cpu": 1000, GPU: 1}, taken, a_node("plain"), own_waits=waits)
    assert (found.verdict.status, found.startable) == (Status.BUSY, waits)
    assert found.sentence == sentence
    assert (found.badge, found.count, found.nodes) == ("In use", 0, 0)


@pytest.mark.parametrize(
    ("asked", "lets", "startable"),
    [
        pytest.param({"cpu": 1000}, None, True, id="plain"),
        pytest.param({"cpu": 1000, GPU: 1}, None, False, id="with-accelerators"),
        pytest.param({"cpu": 1000}, False, False, id="plain-but-refused"),
        pytest.param({"cpu": 1000, GPU: 1}, True, True, id="with-accelerators-but-allowed"),
    ],
)
@pytest.mark.parametrize("stale", [True, False], ids=["old-news", "never-seen"])
def test_an_own_profile_may_be_tried_while_it_is_not_known_as_set(asked, lets, startable, stale):
    scene = {"stale": True} if stale else {"snapshot": None}
    nodes = (a_node(devices={GPU: 2}),) if stale else ()
    found = own_offer(asked, *nodes, own_lets_unknown=lets, **scene)
    assert (found.verdict.status, found.startable) == (Status.UNKNOWN, startable)
    assert (found.count, found.nodes, found.badge) == (None, None, "Not known")


def test_of_several_accelerators_the_first_by_name_is_spoken_of():
    other = "amd.com/gpu"
    node = a_node("g", devices={GPU: 1, other: 1})
    taken = a_state(node, a_pod({GPU: 1, other: 1}))
    found = own_offer({GPU: 1, "cpu": 1, other: 1}, replace(taken))
    assert found.sentence == own_offer({"cpu": 1, other: 1, GPU: 1}, taken).sentence
    assert "GPU" in found.sentence
