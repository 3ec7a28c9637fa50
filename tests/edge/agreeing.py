"""The index beside the judge: generated and small clusters, and what both say of them."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from teamspawner.capacity import judge
from teamspawner.capacity.index import FitIndex
from teamspawner.capacity.place import put_on
from teamspawner.capacity.rejected import alike
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import dump
from teamspawner.cluster.decode import candidate
from teamspawner.cluster.others import OTHERS
from teamspawner.cluster.receivers import receiver_for
from teamspawner.cluster.state import State
from teamspawner.cluster.unread import EVERYWHERE, reach
from tests.core.broken import broken
from tests.oracle.generate import case

KINDS = ("nodes", "pods", *OTHERS)
RULES = Rules()


def comparable(verdict):
    """A verdict without what may differ in order alone."""
    rejected = {name: frozenset(reasons) for name, reasons in verdict.rejected.items()}
    return replace(verdict, rejected=rejected, reasons=frozenset(verdict.reasons), as_of=None)


def agreed(index, asked, snapshot):
    """The verdict of the index, checked against the judge's."""
    found, right = index.verdict(asked, snapshot), judge(asked, snapshot, index.rules)
    told = Counter()
    for reasons, nodes in alike(found.rejected).items():
        assert nodes > 0
        told[frozenset(reasons)] += nodes
    assert told == Counter(map(frozenset, right.rejected.values()))
    assert len(found.rejected) == len(right.rejected)
    assert comparable(found) == comparable(right)
    assert found.as_of == snapshot.as_of
    return found


def concerns_all(plural, item):
    """Whether a pod, could it not be read, would leave nothing for the index to keep."""
    return plural == "pods" and reach("pods", "", json.dumps(item).encode()) == EVERYWHERE


class World:
    """A generated cluster, told to a state object by object."""

    def __init__(self, seed: int) -> None:
        made = case(seed)
        self.rng = random.Random(seed)
        self.candidates = [candidate(pod, RULES) for pod in made["pods"]]
        self.state = State(RULES)
        self.receivers = {k: receiver_for(k, self.state, lambda _: None) for k in KINDS}
        self.objects: dict[tuple[str, str, str], tuple[str, dict]] = {}
        self.whole: dict[int, dict] = {}
        for receiver in self.receivers.values():
            receiver.finish()
        for item in made["cluster"]["items"]:
            self.tell("ADDED", item)

    def tell(self, what: str, item: dict) -> None:
        plural = dump.KINDS.get(item["kind"])
        if plural is None:
            return
        meta = item["metadata"]
        key = (plural, meta.get("namespace", ""), meta["name"])
        if what == "DELETED":
            del self.objects[key]
        else:
            self.objects[key] = (plural, item)
        line = json.dumps({"type": what, "object": item}).encode()
        list(self.receivers[plural].events(line))

    def disturb(self) -> None:
        """Delete, recreate or alter a few objects, some so that they cannot be read."""
        for _ in range(self.rng.randint(1, 4)):
            plural, item = self.rng.choice(list(self.objects.values()))
            choice = self.rng.random()
            if choice < 0.4:
                self.tell("DELETED", item)
                self.tell("ADDED", item)
            elif choice < 0.6 and len(self.objects) > 5:
                self.tell("DELETED", item)
            elif choice < 0.8 and not concerns_all(plural, item):
                mended = self.whole.pop(id(item), None)
                if mended is None:
                    mended = broken(item)
                    self.whole[id(mended)] = item
                self.tell("MODIFIED", mended)
            elif plural == "nodes" and id(item) not in self.whole:
                spec = {**item.get("spec", {}), "unschedulable": self.rng.random() < 0.5}
                self.tell("MODIFIED", {**item, "spec": spec})

    def fresh(self):
        """The snapshot of the same objects, read from a dump."""
        made = dump.Dump()
        for (plural, namespace, name), (_, item) in self.objects.items():
            made.objects[plural][namespace, name] = msgspec.Raw(json.dumps(item).encode())
        return dump.snapshot(made, RULES)


class Small:
    """A state with a few objects, and an index that is asked after each change."""

    def __init__(self) -> None:
        self.state, self.index = State(RULES), FitIndex(RULES)
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        self.receivers = {k: receiver_for(k, self.state, lambda _: None) for k in KINDS}
        for receiver in self.receivers.values():
            receiver.finish()

    def tell(self, item: dict, what: str = "ADDED") -> None:
        line = json.dumps({"type": what, "object": item}).encode()
        list(self.receivers[dump.KINDS[item["kind"]]].events(line))

    def ask(self, pod: dict, ahead: tuple[dict, ...] = ()):
        """The verdict, checked against the judge; ``ahead`` are put first."""
        self.now += timedelta(seconds=1)
        snapshot, asked = self.state.snapshot(self.now), candidate(pod, RULES)
        for other in ahead:
            snapshot = put_on(snapshot, candidate(other, RULES), "n1")
        return agreed(self.index, asked, snapshot)
