"""The receivers: what each kind of object is known by, and where in the state it goes."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct, json

from teamspawner.cluster import wire
from teamspawner.cluster.binary import BinaryPods
from teamspawner.cluster.decode import decode_pod
from teamspawner.cluster.form import STEP, Event, Form, HalfError
from teamspawner.cluster.kinds import RareError
from teamspawner.cluster.others import OTHERS
from teamspawner.cluster.quick import (
    Meta,
    PageMeta,
    QuickPod,
    pods_of_page,
    username_of,
)
from teamspawner.cluster.reading import ObjectError
from teamspawner.cluster.receive import (
    HEADED,
    RAW_PAGE,
    Head,
    Identity,
    Receiver,
)
from teamspawner.cluster.source import PROTOBUF
from teamspawner.cluster.state import State

__all__ = ["NodeReceiver", "OtherReceiver", "PodReceiver", "PolicyReceiver", "receiver_for"]


class NodePage(Struct):
    """A page of nodes."""

    metadata: PageMeta
    items: list[wire.Node] | None = None


class NodeEvent(Struct, gc=False):
    """A watch event of a node."""

    type: str
    object: wire.Node


class PodEvent(Struct, gc=False):
    """A watch event of a pod."""

    type: str
    object: QuickPod


_PUTS = frozenset({"ADDED", "MODIFIED"})
_node_page = json.Decoder(NodePage)
_node_events = json.Decoder(NodeEvent)
_pod_events = json.Decoder(PodEvent)


_Found = TypeVar("_Found", wire.Node, QuickPod)


class _Told(Protocol[_Found]):
    """A watch event of an object decoded already."""

    type: str
    object: _Found


class QuickReceiver(Receiver, Generic[_Found]):
    """Takes in objects of a kind that there are many of, without looking at each twice."""

    @abstractmethod
    def _decoded(self, block: bytes) -> Sequence[_Told[_Found]]:
        """Read a block of whole lines.

        Raises:
            msgspec.MsgspecError: When not all of them can be read.
        """

    @abstractmethod
    def _taken(self, found: _Found) -> bool:
        """Take in an object; False when it is to be read in full."""

    def events(self, block: bytes) -> Iterator[Event]:
        """Take in the events of a block of whole lines, and tell what to know of them.

        Raises:
            HalfError: When one is no whole event; those before it were taken in.
        """
        try:
            found = self._decoded(block)
        except msgspec.MsgspecError:  # one by one, it will show which
            yield from super().events(block)
            return
        lines: list[bytes] = []
        version = ""
        for index, event in enumerate(found):
            meta = event.object.metadata
            version = (meta.resource_version or "") if meta is not None else ""
            if meta is None or not self._quickly(event.type, meta, event.object):
                lines = lines or list(filter(bytes.strip, block.split(b"\n")))
                version = ""
                yield self.event(lines[index])
            elif index % STEP == 0:
                yield Event(event.type, version)
        if version:
            yield Event("MODIFIED", version)

    def _quickly(self, kind: str, meta: Identity, found: _Found) -> bool:
        if kind in _PUTS:
            return self._taken(found)
        if kind == "DELETED":
            self.forget(self.key(meta))
            return True
        return False


class NodeReceiver(QuickReceiver[wire.Node]):
    """Takes in nodes."""

    ease = 0.4

    def page(self, body: bytes) -> tuple[PageMeta, Iterator[None]]:
        """Read a page of nodes.

        Raises:
            HalfError: When it is no whole list.
        """
        try:
            page = _node_page.decode(body)
        except msgspec.ValidationError:
            return super().page(body)
        except msgspec.MsgspecError as error:
            raise HalfError(str(error)) from error
        return page.metadata, (None for each in page.items or () if self._taken(each))

    def _decoded(self, block: bytes) -> Sequence[NodeEvent]:
        return _node_events.decode_lines(block)

    def _taken(self, found: wire.Node) -> bool:
        name = found.metadata.name if found.metadata else None
        if self.listed is not None and name:
            self.listed.add(name)
        try:
            self.state.put_node(found)
        except Exception as error:  # noqa: BLE001 - no object may end the watch
            self._strange(name or "", name, error, b"")
        else:
            self.readable(name or "")
        return True

    def key(self, head: Identity) -> str:
        """Nodes go by name."""
        return head.name or ""

    def put(self, head: Head, raw: Raw | bytes) -> None:
        """Take in a node."""
        del head
        self.state.put_node(raw)

    def drop(self, key: str) -> None:
        """Forget a node."""
        self.state.drop_node(key)

    def held(self) -> set[str]:
        """Return the names of the nodes held."""
        return self.state.node_names()


class OtherReceiver(Receiver):
    """Takes in objects of a kind that few pods depend on."""

    def key(self, head: Identity) -> str:
        """Objects go by namespace and name."""
        return f"{head.namespace or ''}/{head.name or ''}"

    def put(self, head: Head, raw: Raw | bytes) -> None:
        """Take in an object."""
        self.state.put_other(self.kind, self.key(head), raw)

    def drop(self, key: str) -> None:
        """Forget an object."""
        self.state.drop_other(self.kind, key)

    def held(self) -> set[str]:
        """Return the keys of the objects held."""
        return self.state.other_keys(self.kind)


class PolicyReceiver(Receiver):
    """Counts changes of a kind that is not modelled: quotas, limit ranges, priority classes."""

    def __init__(self, kind: str, state: State, tell: Callable[[str], None]) -> None:
        super().__init__(kind, state, tell)
        self.changes = 0
        self._versions: dict[str, str] = {}

    def key(self, head: Identity) -> str:
        """Objects go by namespace and name."""
        return f"{head.namespace or ''}/{head.name or ''}"

    def put(self, head: Head, raw: Raw | bytes) -> None:
        """Note that an object changed."""
        del raw
        version = head.resource_version or ""
        if self._versions.get(self.key(head)) != version:
            self._versions[self.key(head)] = version
            self.changes += 1

    def drop(self, key: str) -> None:
        """Note that an object went."""
        if self._versions.pop(key, None) is not None:
            self.changes += 1

    def held(self) -> set[str]:
        """Return the keys of the objects held."""
        return set(self._versions)


class PodReceiver(QuickReceiver[QuickPod]):
    """Takes in pods, bound ones quickly."""

    def __init__(self, kind: str, state: State, tell: Callable[[str], None]) -> None:
        super().__init__(kind, state, tell)
        self._binary = BinaryPods(self)

    def page(self, body: bytes) -> tuple[PageMeta, Iterator[None]]:
        """Read a page of pods.

        Raises:
            HalfError: When it is no whole list.
        """
        try:
            meta, pods, odd = pods_of_page(body)
        except msgspec.MsgspecError as error:
            raise HalfError(str(error)) from error
        return meta, self._page(body, pods, odd)

    def form(self, content_type: str) -> Form:
        """Return the form of an answer of such a type: protobuf or JSON."""
        return self._binary if content_type == PROTOBUF else self

    def _page(
        self, body: bytes, pods: list[QuickPod], odd: list[tuple[Raw, str]]
    ) -> Iterator[None]:
        rare: list[str] = []
        for first in range(0, len(pods), STEP):
            for pod in pods[first : first + STEP]:
                uid = pod.metadata.uid if pod.metadata is not None else None
                if not self._taken(pod):
                    rare.append(uid or "")
            yield None
        for raw, _ in odd:
            self.take(raw)
            yield None
        if rare:
            yield from self._rare(body, set(rare))

    def _decoded(self, block: bytes) -> Sequence[PodEvent]:
        return _pod_events.decode_lines(block)

    def _taken(self, found: QuickPod) -> bool:
        meta = found.metadata
        uid = meta.uid if meta is not None else None
        if not uid:
            self._strange("", _name_of(meta), "metadata.uid: no uid", json.encode(found))
            return True
        if self.listed is not None:
            self.listed.add(uid)
        try:
            if self.state.pods.put(uid, found):
                self.state.pod_changed()
        except (RareError, ObjectError):  # reading it in full tells what is wrong
            return False
        except Exception as error:  # noqa: BLE001 - no object may end the watch
            self._strange(uid, uid, error, b"")
        else:
            self.readable(uid)
        return True

    def _rare(self, body: bytes, uids: set[str]) -> Iterator[None]:
        """Read some pods of a page once more, in full."""
        for raw in RAW_PAGE.decode(body).items or ():
            with contextlib.suppress(msgspec.MsgspecError):  # odd ones have been told of
                head = HEADED.decode(raw).metadata or Head()
                if head.uid in uids:
                    self._put(head, raw)
            yield None

    def key(self, head: Identity) -> str:
        """Pods go by uid: a name is soon used again."""
        return head.uid or f"{head.namespace or 'default'}/{head.name or ''}"

    def put(self, head: Head, raw: Raw | bytes) -> None:
        """Take in a pod that could not be read quickly."""
        record = decode_pod(raw, self.state.rules)
        if self.state.pods.put_record(record, username_of(head.annotations)):
            self.state.pod_changed()

    def drop(self, key: str) -> None:
        """Forget a pod."""
        if self.state.pods.drop(key):
            self.state.pod_changed()

    def held(self) -> set[str]:
        """Return the uids of the pods held."""
        return self.state.pods.uids()


def _name_of(meta: Meta | None) -> str:
    return "/".join(part for part in (meta.namespace, meta.name) if part) if meta else ""


def receiver_for(kind: str, state: State, tell: Callable[[str], None]) -> Receiver:
    """Return the receiver of a kind."""
    if kind == "nodes":
        return NodeReceiver(kind, state, tell)
    if kind == "pods":
        return PodReceiver(kind, state, tell)
    if kind in OTHERS:
        return OtherReceiver(kind, state, tell)
    return PolicyReceiver(kind, state, tell)
