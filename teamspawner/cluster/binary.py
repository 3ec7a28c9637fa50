"""Pods as the API writes them in protobuf: a third of the work that the same pods are in JSON.

Each pod is cut down to what it weighs, written anew, and looked up by that; what was not met
before is turned into what JSON would have said, and read like that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import json

from teamspawner.capacity.objects import Candidate
from teamspawner.cluster import wire
from teamspawner.cluster.decode import FINISHED
from teamspawner.cluster.kinds import Kind, Kinds, RareError
from teamspawner.cluster.messages import CUT, WHOLE, DecodeError, mapping, opened
from teamspawner.cluster.quick import PageMeta
from teamspawner.cluster.reading import ObjectError, read
from teamspawner.cluster.receive import INITIAL_END, Event, HalfError, Receiver

__all__ = ["BinaryPods", "words_of"]

_STEP = 8
"""Pods taken in between two looks at the time."""
_PREFIX = 4
"""Bytes that tell how long an event is (apimachinery ``util/framer``)."""
_LONGEST = 1 << 25
_OURS = b"teamspawner/"
"""What a label begins with that says whose server a pod is."""
_STATIC = (b"\n\x1bkubernetes.io/config.mirror", b"\n\x1bkubernetes.io/config.source")
"""How the annotations of a static pod begin: field 1, 27 bytes, the key."""
_PUTS = frozenset({"ADDED", "MODIFIED"})


class BinaryPods:
    """Takes pods of a receiver in, from pages and events in protobuf.

    Args:
        receiver: Whom they are for.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._known: dict[bytes, Kind] = {}

    # --- pages --------------------------------------------------------------------------

    def page(self, body: bytes) -> tuple[PageMeta, Iterator[None]]:
        """Read a page; the iterator takes its pods in, a few at each step.

        Raises:
            HalfError: When it is no whole list.
        """
        try:
            found = opened(CUT["PodListEnvelope"], body)
        except DecodeError as error:
            raise HalfError(str(error)) from error
        found.DiscardUnknownFields()
        meta = found.metadata
        return PageMeta(meta.resourceVersion, getattr(meta, "continue")), self._page(body, found)

    def _page(self, body: bytes, found: Any) -> Iterator[None]:
        rare: list[int] = []
        for number, pod in enumerate(found.items):
            if not self._taken(pod):
                rare.append(number)
            if number % _STEP == 0:
                yield None
        if rare:
            whole = opened(WHOLE["PodListEnvelope"], body).items
            for number in rare:
                self._take_whole(whole[number])
                yield None

    # --- events -------------------------------------------------------------------------

    @staticmethod
    def whole(data: bytes) -> int:
        """Return how many bytes of what came are whole events.

        Raises:
            HalfError: When it does not begin with an event.
        """
        end, size = 0, len(data)
        while size - end >= _PREFIX:
            length = int.from_bytes(data[end : end + _PREFIX])
            if length > _LONGEST:
                raise HalfError("no event of the API: it would be too long")
            if end + _PREFIX + length > size:
                break
            end += _PREFIX + length
        return end

    def events(self, block: bytes) -> Iterator[Event]:
        """Take in the events of a block of whole ones, and tell what to know of them.

        Raises:
            HalfError: When one is no whole event; those before it were taken in.
        """
        held, at = memoryview(block), 0
        while at < len(block):
            begin = at + _PREFIX
            at = begin + int.from_bytes(held[at:begin])
            try:
                yield self._event(held[begin:at])
            except DecodeError as error:
                raise HalfError(str(error)) from error

    def _event(self, text: memoryview) -> Event:
        event = WHOLE["WatchEvent"].FromString(text)
        kind, raw = event.type, event.object.raw
        if kind == "ERROR":
            status = opened(WHOLE["StatusEnvelope"], raw)
            return Event("ERROR", code=status.code, message=status.message or status.reason)
        if kind == "BOOKMARK":
            meta = opened(WHOLE["PodEnvelope"], raw).metadata
            ends = any(note.key == INITIAL_END for note in meta.annotations)
            return Event("BOOKMARK", meta.resourceVersion, initial_end=ends)
        pod = opened(CUT["PodEnvelope"], raw)
        version = pod.metadata.resourceVersion
        if kind == "DELETED":
            self._receiver.drop(self._receiver.key(pod.metadata))
        elif kind in _PUTS:
            pod.DiscardUnknownFields()
            if not self._taken(pod):
                self._take_whole(opened(WHOLE["PodEnvelope"], raw))
        return Event(kind, version)

    # --- pods ---------------------------------------------------------------------------

    def _taken(self, pod: Any) -> bool:
        """Take in a pod, which is used up; False when it is to be read in full."""
        receiver, meta, spec, status = self._receiver, pod.metadata, pod.spec, pod.status
        uid, node = meta.uid, spec.nodeName
        if receiver.listed is not None:
            receiver.listed.add(uid)
        pods = receiver.state.pods
        try:
            if status.phase in FINISHED:
                changed = pods.drop(uid)
            elif node:
                _strip(meta, spec, status)
                text = pod.SerializeToString()
                kind = self._known.get(text)
                if kind is None:
                    kind = self._meet(pod, text)
                changed = pods.place(uid, node, kind)
            else:
                changed = pods.wait(uid, _candidate(pods.kinds, pod))
        except (RareError, ObjectError):
            return False
        except Exception as error:  # noqa: BLE001 - no object may end the watch
            receiver.strange(uid, error)
            return True
        if changed:
            receiver.state.pod_changed()
        return True

    def _meet(self, pod: Any, whole: bytes) -> Kind:
        """Return the kind of a bound pod not met before."""
        kinds = self._receiver.state.pods.kinds
        parts = list(pod.metadata.labels)
        labels = b"".join(parts)
        pod.metadata.ClearField("labels")
        _refuse_ours(labels)
        alike = kinds.alike(pod.SerializeToString(), _whole)
        if alike.refused is not None:
            raise RareError
        kind = alike.kinds.get(labels)
        if kind is None:
            kind = kinds.learn(alike, labels, _words(parts))
        self._known[whole] = kind
        return kind

    def _take_whole(self, found: Any) -> None:
        """Take in a pod with all that it has."""
        self._receiver.take(json.encode(mapping(found)))


def _strip(meta: Any, spec: Any, status: Any) -> None:
    """Leave of a pod what pods that weigh the same have in common."""
    clear = meta.ClearField
    clear("name"), clear("uid"), clear("resourceVersion")
    spec.ClearField("nodeName")
    clear = status.ClearField
    clear("phase"), clear("conditions"), clear("nominatedNodeName")


def words_of(body: bytes) -> str:
    """Return the message of a Status; empty when it is none."""
    try:
        status = opened(WHOLE["StatusEnvelope"], body)
    except DecodeError:
        return ""
    return str(status.message or status.reason)


def _candidate(kinds: Kinds, pod: Any) -> Candidate:
    """Return a pod that is not bound; it is used up.

    Raises:
        RareError: When it is to be read in full.
        ObjectError: When it cannot be read.
    """
    meta, status = pod.metadata, pod.status
    parts = list(meta.labels)
    labels = b"".join(parts)
    _refuse_ours(labels)
    name, uid, nominated = meta.name, meta.uid, status.nominatedNodeName
    conditions = map(WHOLE["PodCondition"].FromString, status.conditions)
    judged = any(each.type == "PodScheduled" for each in conditions)
    _strip(meta, pod.spec, status)
    meta.ClearField("labels")
    text = pod.SerializeToString()
    found = kinds.fresh(text, labels, lambda: _labelled(text, parts))
    return Candidate(found, name, uid, nominated, judged)


def _refuse_ours(labels: bytes) -> None:
    """Have servers of a hub read in full: more is kept of them than what they weigh.

    Raises:
        RareError: When it is one.
    """
    if _OURS in labels:
        raise RareError


def _whole(text: bytes) -> wire.Pod:
    """Read a pod from what it has in common with others.

    Raises:
        RareError: When it names a claim after itself.
        ObjectError: When something of it cannot be read.
    """
    found = mapping(CUT["Pod"].FromString(text))
    if any("ephemeral" in volume for volume in found["spec"].get("volumes", ())):
        raise RareError
    return read(found, wire.Pod)


def _labelled(text: bytes, parts: Iterable[bytes]) -> wire.Pod:
    """Read a pod from what it has in common with others, and its labels; raises likewise."""
    whole = _whole(text)
    whole.metadata = whole.metadata or wire.Meta()
    whole.metadata.labels = _words(parts)
    return whole


def _words(parts: Iterable[bytes]) -> dict[str, str]:
    return {pair.key: pair.value for pair in map(WHOLE["Words"].FromString, parts)}
