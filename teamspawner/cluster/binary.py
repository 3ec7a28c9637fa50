"""Pods as the API writes them in protobuf: a third of the work that the same pods are in JSON.

Each pod is cut down to what it weighs, written anew, and looked up by that; what was not met
before is turned into what JSON would have said, and read like that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from msgspec import json

from teamspawner.capacity.objects import Candidate
from teamspawner.cluster import wire
from teamspawner.cluster.decode import FINISHED, OURS, is_judged
from teamspawner.cluster.form import INITIAL_END, LONGEST_EVENT, STEP, Event, HalfError
from teamspawner.cluster.kinds import Kind, Kinds, RareError
from teamspawner.cluster.messages import CUT, WHOLE, DecodeError, mapping, opened
from teamspawner.cluster.quick import PageMeta
from teamspawner.cluster.reading import ObjectError, read
from teamspawner.cluster.receive import Receiver

__all__ = ["BinaryPods", "words_of"]

_PREFIX = 4
"""Bytes that tell how long an event is (apimachinery ``util/framer``)."""
_OURS = OURS.encode()
_PARTS: Mapping[str, Any] = {"PodSpec": wire.PodSpec, "PodStatus": wire.PodStatus}
_PODS = frozenset({"ADDED", "MODIFIED", "DELETED"})
_watch_event = WHOLE["WatchEvent"].FromString
_pod_envelope = CUT["PodEnvelope"]
# Of the class: asked of a message, each would first be looked for among its fields.
_text = CUT["Pod"].SerializeToString
_merge = CUT["Pod"].MergeFromString
_clear_of_meta = CUT["ObjectMeta"].ClearField
_clear_of_status = CUT["PodStatus"].ClearField
_NOBODY = CUT["Pod"](
    metadata={"name": "", "uid": "", "resourceVersion": ""},
    spec={"nodeName": ""},
    status={"phase": "", "nominatedNodeName": ""},
).SerializeToString()
"""What tells a pod from others, all of it empty: one merge is quicker than six fields."""


class BinaryPods:
    """Takes pods of a receiver in, from pages and events in protobuf.

    Args:
        receiver: Whom they are for.
    """

    ease: float = 2

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._changed = False

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
            if number % STEP == 0:
                self._tell()
                yield None
        self._tell()
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
            if length > LONGEST_EVENT:
                raise HalfError("no event of the API: it would be too long")
            if end + _PREFIX + length > size:
                break
            end += _PREFIX + length
        return end

    def events(self, block: bytes) -> Iterator[Event]:
        """Take in the events of a block of whole ones, and tell what to know of them.

        Several that were taken in together may be told of as one, the last.

        Raises:
            HalfError: When one is no whole event; those before it were taken in.
        """
        at, number, version = 0, 0, ""
        while at < len(block):
            begin = at + _PREFIX
            at = begin + int.from_bytes(block[at:begin])
            number += 1
            try:
                event = _watch_event(block[begin:at])
                raw = event.object.raw
                version = self._quickly(event.type, raw)
                if not version:
                    yield _other_event(event.type, raw)
            except DecodeError as error:
                raise HalfError(str(error)) from error
            if version and number % STEP == 0:
                yield Event("MODIFIED", version)
                version = ""
        if version:
            yield Event("MODIFIED", version)

    def _quickly(self, kind: str, raw: bytes) -> str:
        """Take in what an event says of a pod; return its version, empty for other events."""
        if kind not in _PODS:
            return ""
        pod = opened(_pod_envelope, raw)
        version: str = pod.metadata.resourceVersion
        if kind == "DELETED":
            self._receiver.forget(pod.metadata.uid)
        else:
            pod.DiscardUnknownFields()
            if not self._taken(pod):
                self._take_whole(opened(WHOLE["PodEnvelope"], raw))
            self._tell()
        return version

    # --- pods ---------------------------------------------------------------------------

    def _taken(self, pod: Any) -> bool:
        """Take in a pod, which is used up; False when it is to be read in full."""
        meta, spec, status = pod.metadata, pod.spec, pod.status
        pods, uid, node = self._receiver.state.pods, meta.uid, spec.nodeName
        if not uid:
            return False
        if self._receiver.listed is not None:
            self._receiver.listed.add(uid)
        try:
            if status.phase in FINISHED:
                self._changed |= pods.drop(uid)
            elif node:
                _strip(pod, status)
                text = _text(pod)
                kind = pods.kinds.texts.get(text) or _meet(pods.kinds, pod, text)
                self._changed |= pods.place(uid, node, kind)
            else:
                self._changed |= pods.wait(uid, _candidate(pods.kinds, pod))
        except (RareError, ObjectError):
            return False
        self._receiver.readable(uid)
        return True

    def _tell(self) -> None:
        """Tell the state of what changed, once for several pods."""
        if self._changed:
            self._changed = False
            self._receiver.state.pod_changed()

    def _take_whole(self, found: Any) -> None:
        """Take in a pod with all that it has, as if it had come in JSON."""
        self._receiver.take(json.encode(mapping(found)))


def _strip(pod: Any, status: Any) -> None:
    """Leave of a pod what pods that weigh the same and have the same labels have in common."""
    _merge(pod, _NOBODY)
    _clear_of_status(status, "conditions")


def _parted(pod: Any) -> tuple[bytes, bytes, list[bytes]]:
    """Take the labels off a stripped pod: return its text, theirs, and each one's.

    Raises:
        RareError: When it is a server of a hub, of which more is kept than what it weighs.
    """
    meta = pod.metadata
    each = list(meta.labels)
    labels = b"".join(each)
    if _OURS in labels:
        raise RareError
    _clear_of_meta(meta, "labels")
    return _text(pod), labels, each


def _meet(kinds: Kinds, pod: Any, whole: bytes) -> Kind:
    """Return the kind of a bound pod not met before; ``whole`` is its text with labels.

    Raises:
        RareError: When it is to be read in full.
    """
    text, labels, each = _parted(pod)
    alike = kinds.alike(text, _whole)
    if alike.refused is not None:
        raise RareError
    kind = alike.kinds.get(labels)
    if kind is None:
        return kinds.learn(alike, labels, _words(each))
    kinds.texts[whole] = kind  # from the second one on: many labels are those of one pod
    return kind


def _other_event(kind: str, raw: bytes) -> Event:
    """Read an event that tells of no pod.

    Raises:
        DecodeError: When it cannot be read.
    """
    if kind == "ERROR":
        status = opened(WHOLE["StatusEnvelope"], raw)
        return Event("ERROR", code=status.code, message=status.message or status.reason)
    if kind != "BOOKMARK":
        return Event(kind)
    meta = opened(WHOLE["PodEnvelope"], raw).metadata
    ends = any(note.key == INITIAL_END for note in meta.annotations)
    return Event("BOOKMARK", meta.resourceVersion, initial_end=ends)


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
    name, uid, nominated = meta.name, meta.uid, status.nominatedNodeName
    judged = is_judged(map(WHOLE["PodCondition"].FromString, status.conditions))
    _strip(pod, status)
    text, labels, each = _parted(pod)
    found = kinds.fresh(text, labels, _whole, lambda: _words(each))
    return Candidate(found, name, uid, nominated, judged)


def _whole(text: bytes) -> wire.Pod:
    """Read a pod from what it has in common with others.

    Raises:
        RareError: When it names a claim after itself.
        ObjectError: When something of it cannot be read.
    """
    found = CUT["Pod"].FromString(text)
    spec: wire.PodSpec = _part("PodSpec", found.spec.SerializeToString())
    if any(bytes(volume.ephemeral) for volume in spec.volumes or ()):
        raise RareError
    return wire.Pod(
        metadata=read(mapping(found.metadata), wire.Meta),
        spec=spec,
        status=_part("PodStatus", found.status.SerializeToString()),
    )


@lru_cache(maxsize=1 << 10)
def _part(kind: str, text: bytes) -> Any:
    """Read what pods of many namespaces have; it is not to be altered.

    Raises:
        ObjectError: When something of it cannot be read.
    """
    return read(mapping(CUT[kind].FromString(text)), _PARTS[kind])


def _words(labels: Iterable[bytes]) -> dict[str, str]:
    return dict(map(_word, labels))


@lru_cache(maxsize=1 << 14)
def _word(label: bytes) -> tuple[str, str]:
    pair = WHOLE["Words"].FromString(label)
    return pair.key, pair.value
