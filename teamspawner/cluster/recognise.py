"""Recognise a bound pod of a list or watch: a cluster has many pods and few kinds of pods.

Pods of one namespace with the same labels mostly weigh the same, so one that was met before
is compared first. What differs from it is looked up by all that it weighs, as text, and only
text not met before is read in full.
"""

from __future__ import annotations

from msgspec import MsgspecError, Raw, Struct, json

from teamspawner.capacity.objects import Candidate
from teamspawner.cluster import wire
from teamspawner.cluster.decode import FINISHED, PodRecord, decode_pod, is_judged
from teamspawner.cluster.kinds import Kind, Kinds, RareError
from teamspawner.cluster.podresources import is_infeasible
from teamspawner.cluster.quick import NONE, Meta, Notes, Owner, QuickPod, Spec, Status
from teamspawner.cluster.reading import ObjectError, read

__all__ = ["Recogniser"]

_ABSENT = frozenset({b"", b"null"})
_NAMED_AFTER = b'"ephemeral"'
"""Marks a volume whose claim bears the name of its pod."""
_quick_pod = json.Decoder(QuickPod)


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
        kinds: The kinds of pods known.
    """

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self._forgot = 0
        self._guesses: dict[str | None, dict[bytes, Guess]] = {}
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
        alike = plain = self.kinds.alike(text, _whole)
        if alike.refused is not None and _is_refused(conditions):
            alike = alike.refused
        kind = alike.kinds.get(labels)
        if kind is None:
            kind = self.kinds.learn(alike, labels, _words(labels))
        if plain.plain:
            plain.sample = plain.sample or _quick_pod.decode(text)
            self._expect(namespace, labels, kind, plain.sample)
        return kind

    def _expect(self, namespace: str | None, labels: bytes, kind: Kind, sample: QuickPod) -> None:
        """Expect the next pod of these labels to be like this one."""
        if self._forgot != self.kinds.forgot:
            self._forgot = self.kinds.forgot
            self._guesses.clear()
        meta = sample.metadata or Meta()
        self._guesses.setdefault(namespace, {})[labels] = Guess(
            kind, sample.spec, sample.status, meta.owner_references, meta.annotations
        )

    def bound(self, raw: Raw) -> tuple[str, Kind] | None:
        """Return where a bound, unfinished pod is, and what it weighs; None: read it in full."""
        try:
            found = _quick_pod.decode(raw)
            meta, node = found.metadata, found.spec.node_name
            if meta is None or not meta.name or not node or found.status.phase in FINISHED:
                return None
            return node, self.kind(found, bytes(meta.labels))
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
        pod = self.kinds.fresh(self._text(found), labels, _whole, lambda: _words(labels))
        return Candidate(pod, name, uid, nominated, _is_judged(conditions))

    def record(self, found: QuickPod) -> PodRecord:
        """Return a pod with all that identifies it, as ``decode_pod`` does.

        Raises:
            RareError: When more of it is needed than was kept.
            ObjectError: When something of it cannot be read.
        """
        text = self._encode(found)
        if _NAMED_AFTER in text:
            raise RareError
        return decode_pod(text, self.kinds.rules)

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


def _whole(text: bytes) -> wire.Pod:
    """Read a pod from what it has in common with others.

    Raises:
        RareError: When it names a claim after itself.
        ObjectError: When something of it cannot be read.
    """
    if _NAMED_AFTER in text:
        raise RareError
    return read(text, wire.Pod)


def _words(labels: bytes) -> wire.Words:
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
