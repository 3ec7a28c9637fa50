"""Starts under way: caps hold in a rush, and no reservation outlives its start."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from teamspawner.errors import ChoiceError
from teamspawner.offers.reservations import Ledger, Reservation
from teamspawner.offers.scene import Leftover
from tests.core.offering import (
    A100,
    A100_SLUG,
    GPU,
    a_desk,
    a_node,
    a_person,
    a_scene,
    a_server,
    a_snapshot,
    a_state,
)


def g1():
    return a_node("g1", cpu=640, memory=8000, devices={GPU: 64}, labels=A100)


def test_fifty_people_race_for_the_last_three_gpus_and_three_get_one():
    desk, ledger = a_desk(), Ledger()
    busy = a_state(g1(), a_server("zoe", tier="gpu", gpus=5))
    refusals = []
    for number in range(50):
        person = a_person("physics", name=f"user{number}")
        try:
            choice = desk.choose(person, {"profile": A100_SLUG}, a_scene(busy, held=ledger.held))
        except ChoiceError as error:
            refusals.append((error.status, error.reason))
            continue
        devices = sum(choice.devices.values())
        ledger.reserve(Reservation(str(number), person.name, choice.team, choice.requests, devices))
    assert len(ledger) == 3
    assert refusals == [(409, "cap")] * 47


def test_a_start_under_way_takes_its_place_before_others_are_judged():
    desk, node = a_desk(), a_node(cpu=2, memory=4)
    scene = a_scene(node)
    choice = desk.choose(a_person(), {}, scene)
    held = Reservation("t", "bob", "everyone", choice.requests, 0, scene.pod_for(choice))
    listing = desk.listing(a_person(), a_scene(node, held=(held,)))
    assert [offer.verdict.status for offer in listing.offers] == ["BUSY"]


def test_a_start_whose_pod_is_seen_takes_its_place_once():
    desk, node = a_desk(), a_node(cpu=4, memory=8)
    scene = a_scene(node)
    choice = desk.choose(a_person(), {}, scene)
    held = Reservation("t", "bob", "everyone", choice.requests, 0, scene.pod_for(choice))
    seen = a_state(node, a_server("bob", "everyone", start="t", cpu=2, memory=4))
    listing = desk.listing(a_person(), a_scene(seen, held=(held,)))
    assert [offer.verdict.status for offer in listing.offers] == ["FITS_NOW"]


def test_a_server_on_a_node_that_has_gone_counts_until_its_pod_is_gone():
    busy = a_state(g1(), a_server("zoe", tier="gpu", gpus=6))
    lost = a_server("bob", tier="gpu", gpus=2, start="t")
    there, gone = a_snapshot(busy, stranded=(lost,)), a_snapshot(busy)
    raw, ann = {"profile": A100_SLUG}, a_person("physics", name="ann")
    with pytest.raises(ChoiceError) as caught:
        a_desk().choose(ann, raw, a_scene(snapshot=there))
    assert caught.value.reason == "cap"
    assert a_desk().choose(ann, raw, a_scene(snapshot=gone)).slug == A100_SLUG


def test_a_pod_left_over_on_a_node_that_has_gone_does_not_keep_its_owner_from_starting():
    lost = a_server("ann", tier="gpu", gpus=2, start="t")
    scene = a_scene(snapshot=a_snapshot(g1(), stranded=(lost,)), leftover=Leftover("t", "lost"))
    raw = {"profile": A100_SLUG, "gpus": "2"}
    choice = a_desk().choose(a_person("physics", name="ann"), raw, scene)
    assert choice.devices == {GPU: 2}


def test_a_reservation_ends_when_its_time_is_up():
    ledger = Ledger()
    ledger.reserve(Reservation("a", "x", "t", until=10.0))
    ledger.reserve(Reservation("b", "x", "t", until=20.0))
    assert ledger.expire(10.0) == 1
    assert [each.token for each in ledger.held] == ["b"]


def test_a_reservation_ends_once():
    ledger = Ledger()
    ledger.reserve(Reservation("a", "x", "t"))
    assert ledger.release("a")
    assert not ledger.release("a")


def in_doubt(*pods):
    """A ledger with a start for each of these pods, which may be there, over."""
    ledger = Ledger()
    for pod in pods:
        ledger.reserve(Reservation(f"of {pod}", "x", "t", until=99.0))
        ledger.asked_for(f"of {pod}", pod)
        ledger.over(f"of {pod}", 10.0)
    return ledger


def test_a_start_that_is_over_gives_its_place_back_when_it_never_asked_for_a_pod():
    ledger = Ledger()
    ledger.reserve(Reservation("a", "x", "t"))
    assert not ledger.over("a", 10.0)
    assert "a" not in ledger


def test_a_start_that_is_over_gives_its_place_back_when_its_pod_was_not_made_after_all():
    ledger = Ledger()
    ledger.reserve(Reservation("a", "x", "t"))
    ledger.asked_for("a", "hub/p")
    ledger.asked_for("a", "")
    assert not ledger.over("a", 10.0)
    assert "a" not in ledger


def test_a_start_that_is_over_keeps_its_place_while_its_pod_may_be_there():
    ledger = in_doubt("hub/p")
    assert ledger.over("of hub/p", 20.0)
    assert [(each.over, each.until) for each in ledger.held] == [(True, 10.0)]


@pytest.mark.parametrize(
    "end",
    [
        lambda ledger: ledger.seen({"of hub/p"}),
        lambda ledger: ledger.release("of hub/p"),
        lambda ledger: ledger.made("another", "hub/p"),
        lambda ledger: ledger.expire(10.0),
    ],
    ids=["seen", "known-to-be-gone", "its-name-is-another's", "its-time-is-up"],
)
def test_a_place_in_doubt_ends(end):
    ledger = in_doubt("hub/p")
    end(ledger)
    assert not len(ledger)


@pytest.mark.parametrize(
    "end",
    [
        lambda ledger: ledger.seen({"another"}),
        lambda ledger: ledger.release("another"),
        lambda ledger: ledger.made("of hub/p", "hub/p"),
        lambda ledger: ledger.made("another", "elsewhere/p"),
        lambda ledger: ledger.expire(9.9),
        lambda ledger: ledger.asked_for("another", "hub/p"),
        lambda ledger: ledger.over("another", 0.0),
    ],
    ids=["seen", "released", "made-itself", "namesake", "early", "asked-for", "over"],
)
def test_what_is_known_of_another_start_ends_no_place(end):
    ledger = in_doubt("hub/p")
    end(ledger)
    assert [each.token for each in ledger.held] == ["of hub/p"]


def test_what_a_start_that_is_over_may_have_left_is_left_out_for_who_replaces_it():
    ledger = in_doubt("hub/p", "hub/q")
    assert [each.pod for each in ledger.besides("hub/p")] == ["hub/q"]
    assert [each.pod for each in ledger.besides("hub/r")] == ["hub/p", "hub/q"]


def test_a_start_under_way_is_left_out_for_nobody():
    ledger = Ledger()
    ledger.reserve(Reservation("a", "x", "t"))
    ledger.asked_for("a", "hub/p")
    assert len(ledger.besides("hub/p")) == 1


def test_a_token_used_again_holds_one_place():
    ledger = Ledger()
    for _ in range(2):
        ledger.reserve(Reservation("a", "x", "t"))
    assert len(ledger) == 1


class Starts(RuleBasedStateMachine):
    """Random starts, failures, stops and time; the caps of the map must always hold."""

    def __init__(self):
        super().__init__()
        self.desk, self.ledger = a_desk(), Ledger()
        self.now, self.number = 0.0, 0
        self.pods = {}
        self.under_way = {}

    def state(self):
        return a_state(g1(), *self.pods.values())

    @rule(user=st.sampled_from("abc"), gpus=st.sampled_from(["1", "2"]))
    def start(self, user, gpus):
        scene = a_scene(self.state(), held=self.ledger.held)
        raw = {"profile": A100_SLUG, "gpus": gpus}
        try:
            choice = self.desk.choose(a_person("physics", name=user), raw, scene)
        except ChoiceError as error:
            assert error.reason == "cap"  # noqa: PT017
            return
        self.number += 1
        token = f"t{self.number}"
        self.ledger.reserve(
            Reservation(token, user, choice.team, choice.requests, int(gpus), until=self.now + 100)
        )
        self.under_way[token] = (user, int(gpus))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), late=st.booleans())
    def pod_appears(self, data, late):
        token = data.draw(st.sampled_from(sorted(self.under_way)))
        user, gpus = self.under_way.pop(token)
        self.pods[token] = a_server(user, tier="gpu", gpus=gpus, start=token)
        if not late:
            self.ledger.seen({token})

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def start_fails(self, data):
        token = data.draw(st.sampled_from(sorted(self.under_way)))
        del self.under_way[token]
        self.ledger.release(token)

    @precondition(lambda self: self.pods)
    @rule(data=st.data())
    def server_stops(self, data):
        token = data.draw(st.sampled_from(sorted(self.pods)))
        del self.pods[token]
        self.ledger.release(token)

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds):
        self.now += seconds
        overdue = [t.token for t in self.ledger.held if t.until <= self.now]
        assert self.ledger.expire(self.now) == len(overdue)
        for token in overdue:
            self.under_way.pop(token, None)

    @invariant()
    def caps_hold(self):
        each = [*self.under_way.values()]
        each += [
            (pod.labels["hub.jupyter.org/username"], pod.spec.requests[GPU])
            for pod in self.pods.values()
        ]
        assert sum(gpus for _, gpus in each) <= 8
        assert all(sum(gpus for who, gpus in each if who == user) <= 2 for user in "abc")

    def teardown(self):
        self.ledger.seen(set(self.pods))
        self.ledger.expire(self.now + 1000)
        assert len(self.ledger) == 0


TestStarts = Starts.TestCase
TestStarts.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
