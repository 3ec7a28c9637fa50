"""Any order of starts, failures, cancels, stops and timeouts: caps hold and nothing leaks."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from teamspawner.capacity import Rules, judge, place
from teamspawner.capacity.objects import Node, NodeState, Pod, Snapshot
from teamspawner.errors import ChoiceError
from teamspawner.map.load import load
from teamspawner.offers.choices import plain_pod
from teamspawner.offers.desk import Desk
from teamspawner.offers.labels import START_LABEL, USER_LABEL, person_label
from teamspawner.offers.model import Person
from teamspawner.offers.reservations import Ledger, Reservation
from teamspawner.offers.scene import Scene

pytestmark = pytest.mark.slow

GPU = "gpu-nvidia-a100-sxm4-80gb"
TEAM_CAP, USER_CAP, SERVERS_CAP = 5, 3, 2
LASTS_S, IN_DOUBT_S = 100, 40
MAP = load(
    {
        "tiers": {
            "gpu": {"gpu": {"counts": [1, 2, 3]}, "per_gpu": {"cpu": 1, "memory": "1Gi"}},
        },
        "teams": {
            "arts": {
                "groups": ["*"],
                "tiers": ["gpu"],
                "gpu": {"team": TEAM_CAP, "per_user": USER_CAP},
                "limits": {"servers_per_user": SERVERS_CAP},
            }
        },
    }
).map
NODE = Node(
    "n1",
    labels={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.present": "true"},
    allocatable={"cpu": 64_000, "memory": 2**40, "pods": 110, "nvidia.com/gpu": 16},
)
RULES = Rules()


class Starts(RuleBasedStateMachine):
    """The model: who holds how many devices, and whether their pod has been seen."""

    live = Bundle("live")

    def __init__(self):
        super().__init__()
        self.desk, self.ledger, self.now = Desk(MAP), Ledger(), 0.0
        self.held, self.pods, self.ends, self.serial = {}, {}, {}, 0

    def scene(self):
        self.ledger.expire(self.now)
        pods = tuple(self.pods.values())
        used = {}
        for pod in pods:
            for name, amount in pod.spec.requests.items():
                used[name] = used.get(name, 0) + amount
        state = NodeState(NODE, pods, used)
        return Scene(
            snapshot=Snapshot(nodes={"n1": state}),
            verdict=lambda candidate, snapshot: judge(candidate, snapshot, RULES),
            pod_for=plain_pod,
            place=partial(place, rules=RULES),
            held=self.ledger.held,
        )

    def used(self, person=None):
        return [count for who, count in self.held.values() if person in {None, who}]

    def ask(self, person, count):
        raw = {"profile": GPU, "gpus": str(count)}
        try:
            return self.desk.choose(person, raw, self.scene()), 0
        except ChoiceError as error:
            return None, error.status

    @rule(target=live, name=st.sampled_from(["ada", "bob", "cyd"]), count=st.integers(1, 3))
    def start(self, name, count):
        person = Person(name, label=person_label(name))
        own = self.used(name)
        may = (
            sum(self.used()) + count <= TEAM_CAP
            and sum(own) + count <= USER_CAP
            and len(own) < SERVERS_CAP
        )
        choice, status = self.ask(person, count)
        assert (choice is not None) is may
        if choice is None:
            assert status == 409
            return None
        self.serial += 1
        token = f"t{self.serial}"
        candidate = plain_pod(choice)
        labels = {**choice.labels, START_LABEL: token, USER_LABEL: person.label}
        candidate = replace(candidate, pod=replace(candidate.pod, labels=labels))
        until = self.now + LASTS_S
        self.ledger.reserve(
            Reservation(token, person.label, "arts", choice.requests, count, candidate, until)
        )
        self.held[token], self.ends[token] = (name, count), until
        return token

    @rule(token=live)
    def the_pod_is_seen(self, token):
        found = next((each for each in self.ledger.held if each.token == token), None)
        if found is not None:
            self.pods[token] = Pod("default", found.candidate.pod.labels, found.candidate.pod.spec)
            self.ends.pop(token, None)

    @rule(token=live)
    def it_fails_or_is_cancelled(self, token):
        self.ledger.release(token)
        self.over(token)

    @rule(token=live)
    def it_fails_and_its_pod_may_be_there(self, token):
        self.ledger.asked_for(token, f"hub/{token}")
        kept = self.ledger.over(token, self.now + IN_DOUBT_S)
        if token in self.ends:
            assert kept
            self.ends[token] = min(self.ends[token], self.now + IN_DOUBT_S)

    @rule(token=live)
    def it_is_stopped(self, token):
        self.ledger.release(token)
        self.over(token)

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds):
        self.now += seconds
        for token, until in list(self.ends.items()):
            if until <= self.now:
                self.over(token)

    @rule()
    def the_watch_is_read(self):
        self.ledger.seen(set(self.pods))

    def over(self, token):
        for book in (self.held, self.pods, self.ends):
            book.pop(token, None)

    @invariant()
    def no_cap_is_ever_passed(self):
        assert sum(self.used()) <= TEAM_CAP

    @invariant()
    def whatever_may_be_there_is_counted(self):
        assert {each.token for each in self.ledger.held} | set(self.pods) == set(self.held)

    @invariant()
    def nothing_is_reserved_for_what_is_over(self):
        self.ledger.expire(self.now)
        assert {each.token for each in self.ledger.held} <= set(self.held)


TestStarts = Starts.TestCase
TestStarts.settings = settings(
    max_examples=200, stateful_step_count=50, deadline=None, database=None, derandomize=True
)
