"""Recognise a bound pod of a list or watch: a cluster has many pods and few kinds of pods.

Pods of one namespace with the same labels mostly weigh the same, so one that was met before
is compared first. What differs from it is looked up by all that it weighs, as text, and only
text not met before is read in full.
"""

from __future__ import annotations

from typing import Any

from msgspec import MsgspecError, Raw, Struct, field, json

from teamspawner.capacity import objects
from teamspawner.capacity.objects import Candidate
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.decode import (
    FINISHED,
    PodRecord,
    decode_pod,
    is_judged,
    own_labels,
    resident,
)
from teamspawner.cluster.podresources import is_infeasible
from teamspawner.cluster.podspec import both_ways, pod_of
from teamspawner.cluster.quick import NONE, Notes, Owner, QuickPod, Spec, Status
from teamspawner.cluster.reading import ObjectError, read

__all__ = ["Kind", "RareError", "Recogniser"]

_ABSENT = frozenset({b"", b"null"})
_SCHEDULER = b'"user-scheduler"'
_NAMED_AFTER = b'"ephemeral"'
"""Marks a volume whose claim bears the name of its pod."""
_quick_pod = json.Decoder(QuickPod)


class RareError(Exception):
    """A pod needs to be read in full: its like are too few to be read quickly."""


class Kind(Struct, gc=False, frozen=True, eq=False):
    """Pods that weigh the same.

    Attributes:
        pod: The one object they share.
        cpu: Millicores requested.
        memory: Bytes requested.
        others: All else that is requested, as pairs.
        repels: It has required anti-affinity.
    """

    pod: objects.Pod
    cpu: int
    memory: int
    others: tuple[tuple[str, int], ...]
    repels: bool


class Alike(Struct, gc=False):
    """Bound pods that differ in their labels only.

    Attributes:
        spec: What they share; None when such are read in full.
        refused: How they count when their node refuses a resize; None when not otherwise.
        sample: One of them; None when more of a pod than that tells what it weighs.
        kinds: Text of the labels to the kind.
    """

    namespace: str
    spec: objects.PodSpec | None
    terminating: bool
    refused: Alike | None = None
    sample: QuickPod | None = None
    kinds: dict[bytes, Kind] = field(default_factory=dict)


class Guess(Struct, gc=False, frozen=True, eq=False):
    """What pods of some labels most likely are, and what must be equal for that."""

    kind: Kind
    spec: Spec
    status: Status
    owners: list[Owner] | None
    notes: Notes | None


_NOBODY: dict[bytes, Guess] = {}


class Recogniser:
    """Turns cut-down pods into what the scheduler weighs, equal ones into one object.

    Args:
        rules: The scheduler whose way of counting applies.
        most: How many kinds of pods to remember, about a kilobyte each; the older half is
            forgotten before there are more.

    Attributes:
        known: How many are remembered.
    """

    def __init__(self, rules: Rules, most: int = 32768) -> None:
        self.rules = rules
        self.known = 0
        self._most = most
        self._alike: dict[bytes, Alike] = {}
        self._guesses: dict[str | None, dict[bytes, Guess]] = {}
        self._fresh: dict[tuple[bytes, bytes], objects.Pod] = {}
        self._encode = json.Encoder().encode

    def kind(self, found: QuickPod, labels: bytes) -> Kind:
        """Return what a bound pod weighs; ``found`` is used up, ``labels`` are its own.

        Raises:
            RareError: When such pods are to be read in full.
        """
        meta, spec, status = found.metadata, found.spec, found.status
        assert meta is not None
        conditions = status.conditions
        spec.node_name = status.phase = None
        status.conditions = NONE
        guess = self._guesses.get(meta.namespace, _NOBODY).get(labels)
        if (
            guess is not None
            and spec == guess.spec
            and status == guess.status
            and meta.owner_references == guess.owners
            and meta.annotations == guess.notes
            and meta.deletion_timestamp is None
        ):
            return guess.kind
        return self._look_up(found, labels, bytes(conditions))

    def _look_up(self, found: QuickPod, labels: bytes, conditions: bytes) -> Kind:
        """Return what a bound pod weighs, by all that tells such pods from others."""
        namespace = found.metadata.namespace if found.metadata is not None else None
        text = self._text(found)
        alike = self._alike.get(text)
        if alike is None:
            alike = self._meet(text)
        if alike.refused is not None and _is_refused(conditions):
            alike = alike.refused
        kind = alike.kinds.get(labels)
        if kind is None:
            kind = self._learn(alike, labels)
        sample = alike.sample
        if sample is not None and sample.metadata is not None:
            self._guesses.setdefault(namespace, {})[labels] = Guess(
                kind,
                sample.spec,
                sample.status,
                sample.metadata.owner_references,
                sample.metadata.annotations,
            )
        return kind

    def bound(self, raw: Raw) -> tuple[str, objects.Pod] | None:
        """Return where a bound, unfinished pod is, and what it weighs; None: read it in full."""
        try:
            found = _quick_pod.decode(raw)
            meta, node = found.metadata, found.spec.node_name
            if meta is None or not meta.name or not node or found.status.phase in FINISHED:
                return None
            return node, self.kind(found, bytes(meta.labels)).pod
        except (RareError, ObjectError, MsgspecError):  # reading it in full tells what is wrong
            return None

    def candidate(self, found: QuickPod, labels: bytes) -> Candidate:
        """Return a pod that is not bound; ``found`` is used up, ``labels`` are its own.

        Raises:
            RareError: When such pods are to be read in full.
        """
        meta, status = found.metadata, found.status
        assert meta is not None
        nominated, conditions = status.nominated_node_name or "", bytes(status.conditions)
        name, uid = meta.name or "", meta.uid or ""
        text = self._text(found)
        pod = self._fresh.get((text, labels))
        if pod is None:
            whole = _whole(text, labels)
            pod = pod_of(whole, self.rules, placed=False, resident=_is_resident(whole))
            if len(self._fresh) >= self._most:
                _forget_half(self._fresh)
            self._fresh[text, labels] = pod
        judged = _is_judged(conditions)
        return Candidate(pod, name, uid, nominated, judged)

    def record(self, found: QuickPod) -> PodRecord:
        """Return a pod with all that identifies it, as ``decode_pod`` does.

        Raises:
            RareError: When more of it is needed than was kept.
            ObjectError: When something of it cannot be read.
        """
        text = self._encode(found)
        if _NAMED_AFTER in text:
            raise RareError
        return decode_pod(text, self.rules)

    def kind_of(self, pod: objects.Pod) -> Kind:
        """Return what a pod weighs that was read in full."""
        requests = dict(pod.spec.requests)
        cpu, memory = requests.pop("cpu", 0), requests.pop("memory", 0)
        return Kind(pod, cpu, memory, tuple(requests.items()), bool(pod.spec.anti_affinity))

    def _text(self, found: QuickPod) -> bytes:
        """Return what pods that weigh the same have in common, labels aside."""
        meta, spec, status = found.metadata, found.spec, found.status
        assert meta is not None
        meta.name = meta.uid = meta.resource_version = None
        meta.labels = status.conditions = NONE
        spec.node_name = status.phase = status.nominated_node_name = None
        if meta.deletion_timestamp is not None:
            meta.deletion_timestamp = ""
        return self._encode(found)

    def _meet(self, text: bytes) -> Alike:
        """Read pods not met before, but for their labels."""
        try:
            whole = _whole(text, b"")
            pod, refused = both_ways(whole, self.rules, resident=_is_resident(whole))
        except (RareError, ObjectError):  # who reads them in full says what is wrong
            alike = Alike("", None, terminating=False)
        else:
            alike = Alike(pod.namespace, pod.spec, pod.terminating)
            if refused is not None:
                alike.refused = Alike(pod.namespace, refused.spec, pod.terminating)
            elif not pod.terminating:
                alike.sample = _sample(text)
        self._remember()
        self._alike[text] = alike
        return alike

    def _learn(self, alike: Alike, labels: bytes) -> Kind:
        """Return the kind of such pods with labels not met before."""
        if alike.spec is None or _SCHEDULER in labels:
            raise RareError
        named = own_labels(_words(labels))
        kind = self.kind_of(objects.Pod(alike.namespace, named, alike.spec, alike.terminating))
        self._remember()
        alike.kinds[labels] = kind
        return kind

    def _remember(self) -> None:
        """Count one more kind; the older half goes before there are too many."""
        self.known += 1
        if self.known > self._most:
            _forget_half(self._alike)
            self._guesses.clear()
            self.known = sum(1 + len(alike.kinds) for alike in self._alike.values())


def _whole(text: bytes, labels: bytes) -> wire.Pod:
    """Read a pod from what it has in common with others, and its labels.

    Raises:
        RareError: When it names a claim after itself.
        ObjectError: When something of it cannot be read.
    """
    if _NAMED_AFTER in text:
        raise RareError
    whole = read(text, wire.Pod)
    if whole.metadata is None:
        whole.metadata = wire.Meta()
    whole.metadata.labels = _words(labels)
    return whole


def _sample(text: bytes) -> QuickPod:
    """Return a pod of such a text that holds on to nothing else."""
    return _quick_pod.decode(text)


def _is_resident(pod: wire.Pod) -> bool:
    return pod.metadata is not None and resident(pod.metadata)


def _words(labels: bytes) -> dict[str, str] | None:
    return read(labels, dict[str, str]) if labels not in _ABSENT else None


def _is_refused(conditions: bytes) -> bool:
    """Tell whether a node refuses a resize; quick for those that say nothing of one."""
    if b'"PodResizePending"' not in conditions:
        return False
    return is_infeasible(read(conditions, list[wire.Condition]))


def _is_judged(conditions: bytes) -> bool:
    """Tell whether the scheduler has looked; quick for those that say nothing of it."""
    if b'"PodScheduled"' not in conditions:
        return False
    return is_judged(read(conditions, list[wire.Condition]))


def _forget_half(known: dict[Any, Any]) -> None:
    """Keep a memory of texts from growing without end."""
    for old in list(known)[: len(known) // 2 + 1]:
        del known[old]
