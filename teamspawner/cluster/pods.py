"""The pods of a cluster, kept compactly: which kind of pod each is, and on which node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

from msgspec import Struct

from teamspawner.capacity.objects import Candidate, NodeState, Pod, Resources
from teamspawner.capacity.objects import Node as NodeValue
from teamspawner.cluster.decode import FINISHED, OURS, PodRecord
from teamspawner.cluster.kinds import Kind, Kinds
from teamspawner.cluster.quick import QuickPod
from teamspawner.cluster.recognise import Recogniser

__all__ = ["OurPod", "Pods", "is_ours"]

_OURS = f'"{OURS}'.encode()


@dataclass(frozen=True, slots=True)
class OurPod:
    """A pod that this package labelled: a server of a hub.

    Attributes:
        username: The annotation ``hub.jupyter.org/username``; empty when absent.
        node: The node it is bound to; empty while it is not.
    """

    namespace: str
    name: str
    uid: str
    username: str
    node: str
    labels: Mapping[str, str]
    requests: Resources
    terminating: bool


class Place(Struct, gc=False, frozen=True):
    """Where a pod is, and which one of the equal pods it is."""

    node: str
    kind: Kind


_pod, _cpu, _memory, _others = map(attrgetter, ("pod", "cpu", "memory", "others"))


class Load:
    """The pods on one node, which may itself not be known."""

    __slots__ = ("kinds", "node")

    def __init__(self, node: str = "") -> None:
        self.node = node
        self.kinds: list[Kind] = []

    def state(self, node: NodeValue, unread: str = "") -> NodeState:
        """Return the node with what is on it, as a value that stays as it is.

        Args:
            node: The node, or what is known of it.
            unread: As in ``NodeState``.
        """
        kinds = self.kinds
        used = {"cpu": sum(map(_cpu, kinds)), "memory": sum(map(_memory, kinds))}
        for others in filter(None, map(_others, kinds)):
            for name, amount in others:
                used[name] = used.get(name, 0) + amount
        return NodeState(node, tuple(map(_pod, kinds)), used, unread)


class Pods:
    """All unfinished pods, by uid.

    Args:
        kinds: The kinds of pods known.

    Attributes:
        kinds: The same.
        loads: Node name to what is on it.
        waiting: Uid to the pod, for those that are not bound.
        ours: Uid to the pod, for those with a label of ours.
        schedulers: Uid to the image, for pods of the hub's own scheduler.
        dirty: Nodes whose load changed since ``dirty`` was last emptied.
        repelling: Grows whenever a bound pod with required anti-affinity comes or goes.
    """

    def __init__(self, kinds: Kinds) -> None:
        self._places: dict[str, Place] = {}
        self.count_by(kinds)
        self.loads: dict[str, Load] = {}
        self.waiting: dict[str, Candidate] = {}
        self.ours: dict[str, OurPod] = {}
        self.schedulers: dict[str, tuple[str, str]] = {}
        self.dirty: set[str] = set()
        self.repelling = 0

    def count_by(self, kinds: Kinds) -> None:
        """Count pods that come from now on by other rules."""
        self.kinds = kinds
        kinds.held = self._places
        self._recogniser = Recogniser(kinds)

    def __len__(self) -> int:
        return len(self._places) + len(self.waiting)

    def uids(self) -> set[str]:
        """Return the uids of all pods held."""
        return {*self._places, *self.waiting}

    def put(self, uid: str, found: QuickPod) -> bool:
        """Take in a pod as it is now; tell whether that can alter a verdict.

        Raises:
            RareError: When it is to be read in full.
            ObjectError: When it cannot be read; then nothing changed.
        """
        meta, node = found.metadata, found.spec.node_name
        assert meta is not None
        if found.status.phase in FINISHED:
            return self.drop(uid)
        labels = bytes(meta.labels)
        if _OURS in labels:
            username = meta.annotations.username if meta.annotations else None
            return self.put_record(self._recogniser.record(found), username or "")
        if not node:
            return self.wait(uid, self._recogniser.candidate(found, labels))
        return self.place(uid, node, self._recogniser.kind(found, labels))

    def put_record(self, record: PodRecord, username: str = "") -> bool:
        """Take in a pod that was read in full; tell whether that can alter a verdict."""
        uid = record.uid or f"{record.namespace}/{record.name}"
        if record.finished:
            return self.drop(uid)
        self._note(uid, record, username)
        if record.node:
            return self.place(uid, record.node, self.kinds.of(record.pod))
        return self.wait(uid, record.candidate())

    def wait(self, uid: str, candidate: Candidate) -> bool:
        """Keep a pod that is not bound; tell whether that can alter a verdict."""
        changed = self._displace(uid)
        if self.waiting.get(uid) == candidate:
            return changed
        self.waiting[uid] = candidate
        return True

    def drop(self, uid: str) -> bool:
        """Forget a pod; tell whether it was held."""
        self.ours.pop(uid, None)
        self.schedulers.pop(uid, None)
        waited = self.waiting.pop(uid, None) is not None
        return self._displace(uid) or waited

    def _note(self, uid: str, record: PodRecord, username: str) -> None:
        """Keep what is asked of our own pods and of the hub's scheduler."""
        if record.user_scheduler:
            self.schedulers[uid] = (record.namespace, record.user_scheduler)
        labels = record.pod.labels
        if not is_ours(record.pod):
            return
        self.ours[uid] = OurPod(
            record.namespace,
            record.name,
            record.uid,
            username,
            record.node,
            labels,
            record.pod.spec.requests,
            record.pod.terminating,
        )

    def place(self, uid: str, node: str, kind: Kind) -> bool:
        """Keep a pod that is on a node; tell whether that can alter a verdict."""
        before = self._places.get(uid)
        if before is not None:
            held = before.kind.pod
            if before.node == node and (held is kind.pod or held == kind.pod):
                return False
            self._displace(uid)
        elif self.waiting:
            self.waiting.pop(uid, None)
        load = self.loads.get(node)
        if load is None:
            load = self.loads[node] = Load(node)
        load.kinds.append(kind)
        self._places[uid] = Place(load.node, kind)
        self.dirty.add(load.node)
        if kind.repels:
            self.repelling += 1
        return True

    def _displace(self, uid: str) -> bool:
        before = self._places.pop(uid, None)
        if before is None:
            return False
        load = self.loads[before.node]
        load.kinds.remove(before.kind)
        if not load.kinds:
            del self.loads[before.node]
        self.dirty.add(before.node)
        if before.kind.repels:
            self.repelling += 1
        return True


def is_ours(pod: Pod) -> bool:
    """Whether a pod carries a label of ours: a server of a hub."""
    return any(key.startswith(OURS) for key in pod.labels)
