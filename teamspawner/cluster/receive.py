"""From the bytes of a page or an event to the state, for objects of one kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from msgspec import Raw, Struct, json

from teamspawner.cluster.form import INITIAL_END, Event, Form, HalfError
from teamspawner.cluster.quick import PageMeta, RawPage
from teamspawner.cluster.state import State
from teamspawner.cluster.unread import EVERYWHERE, SOME_NODE, reach

__all__ = ["HEADED", "RAW_PAGE", "Head", "Identity", "Receiver"]

_NODES_AT_ONCE = 50
_NAMED = 20
"""How many odd objects are remembered by name."""


class Identity(Protocol):
    """What metadata tells an object by; uid and name may be absent."""

    @property
    def name(self) -> str | None:
        """Its name."""

    @property
    def namespace(self) -> str | None:
        """Its namespace, if its kind has one."""

    @property
    def uid(self) -> str | None:
        """What no other object ever has."""


class Head(Struct, rename="camel"):
    """Metadata enough to tell one object from another, and how far a watch has come."""

    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    annotations: Raw = Raw()


class Headed(Struct):
    """Any object, or a Status that says why a watch ends."""

    metadata: Head | None = None
    code: int | None = None
    reason: str | None = None
    message: str | None = None


class RawEvent(Struct):
    """A watch event whose object is not looked into."""

    type: str
    object: Raw


@dataclass(slots=True)
class Oddities:
    """Objects that could not be read: how many, and the first ones by name with the reason."""

    count: int = 0
    named: dict[str, str] = field(default_factory=dict)


HEADED = json.Decoder(Headed)
_raw_event = json.Decoder(RawEvent)
RAW_PAGE = json.Decoder(RawPage)


def _ends_list(annotations: Raw) -> bool:
    return INITIAL_END.encode() in bytes(annotations)


class Receiver(ABC):
    """Puts the objects of one kind into the state; itself the form that they have in JSON.

    Args:
        kind: Plural name.
        state: Where they go.
        tell: Called once for each odd object newly met, with a sentence.

    Attributes:
        odd: The objects that could not be read.
        listed: Keys met by the list that is under way; None while none is, and during the
            first one, which finds nothing held that could be gone.
    """

    ease: float = 1

    def __init__(self, kind: str, state: State, tell: Callable[[str], None]) -> None:
        self.kind = kind
        self.state = state
        self.odd = Oddities()
        self.listed: set[str] | None = None
        self._tell = tell

    def begin(self) -> None:
        """A list begins: what it does not name is gone at its end."""
        self.listed = set() if self.held() or self.state.unread.of(self.kind) else None

    def settling(self) -> Iterator[None]:
        """Do beforehand, a little at each step, what the first snapshot after a list would cost."""
        if self.state.unseen & {"nodes", "pods"} == {self.kind}:
            while self.state.settle(_NODES_AT_ONCE):
                yield

    def finish(self) -> None:
        """A list is complete."""
        if self.listed is not None:
            for key in (self.held() | self.state.unread.of(self.kind)) - self.listed:
                self.forget(key)
        self.listed = None
        self.state.seen(self.kind)

    def form(self, content_type: str) -> Form:
        """Return the form of an answer of such a type."""
        del content_type
        return self

    def page(self, body: bytes) -> tuple[PageMeta, Iterator[None]]:
        """Read a page; the iterator takes its objects in, a few at each step.

        Raises:
            HalfError: When it is no whole list.
        """
        try:
            page = RAW_PAGE.decode(body)
        except msgspec.MsgspecError as error:
            raise HalfError(str(error)) from error
        return page.metadata, map(self.take, page.items or [])

    @staticmethod
    def whole(data: bytes) -> int:
        """Return how many bytes of what came are whole lines."""
        return data.rfind(b"\n") + 1

    def events(self, block: bytes) -> Iterator[Event]:
        """Take in the events of a block of whole lines, and tell what to know of them.

        Several that were taken in together may be told of as one, the last.

        Raises:
            HalfError: When one is no whole event; those before it were taken in.
        """
        return map(self.event, filter(bytes.strip, block.split(b"\n")))

    def event(self, line: bytes) -> Event:
        """Take in one watch event.

        Raises:
            HalfError: When it is no whole event.
        """
        try:
            event = _raw_event.decode(line)
        except msgspec.MsgspecError as error:
            raise HalfError(str(error)) from error
        return self._raw_event(event)

    def _raw_event(self, event: RawEvent) -> Event:
        try:
            found = HEADED.decode(event.object)
        except msgspec.MsgspecError as error:
            self._strange("", "", error, event.object)
            return Event(event.type)
        if event.type == "ERROR":
            return Event("ERROR", code=found.code or 0, message=found.message or found.reason or "")
        head = found.metadata or Head()
        version = head.resource_version or ""
        if event.type == "BOOKMARK":
            return Event("BOOKMARK", version, initial_end=_ends_list(head.annotations))
        if event.type == "DELETED":
            self.forget(self.key(head))
        elif event.type in {"ADDED", "MODIFIED"}:
            self._put(head, event.object)
        return Event(event.type, version)

    def take(self, raw: Raw | bytes) -> None:
        """Take in an object of a list."""
        try:
            head = HEADED.decode(raw).metadata or Head()
        except msgspec.MsgspecError as error:
            self._strange("", "", error, raw)
            return
        self._put(head, raw)

    def _put(self, head: Head, raw: Raw | bytes) -> None:
        key = self.key(head)
        if self.listed is not None:
            self.listed.add(key)
        try:
            self.put(head, raw)
        except Exception as error:  # noqa: BLE001 - no object may end the watch
            name = f"{head.namespace}/{head.name}" if head.namespace else head.name
            self._strange(key, name, error, raw)
        else:
            self.readable(key)

    def readable(self, key: str) -> None:
        """Note that an object can be read, or is gone."""
        if self.state.unread.where:
            self.state.can_read(self.kind, key)

    def forget(self, key: str) -> None:
        """Note that an object is gone."""
        self.drop(key)
        self.readable(key)

    def _strange(self, key: str, name: str | None, why: object, raw: bytes | Raw) -> None:
        """Let go of an object that cannot be read, note what is not known now; tell of it once.

        Args:
            key: What identifies it; empty when its metadata cannot be read.
            name: For people; empty or None when it has none.
            why: What is wrong.
            raw: The object as JSON; empty when it is not at hand.
        """
        self.drop(key)
        if not key and self.listed is not None:
            self.listed.add(key)
        where = reach(self.kind, key, bytes(raw))
        # a node without a name may be any that pods are bound to
        self.state.cannot_read(self.kind, key, EVERYWHERE if where == SOME_NODE else where)
        self.odd.count += 1
        name = name or "an object without a name"
        if name not in self.odd.named and len(self.odd.named) < _NAMED:
            self.odd.named[name] = str(why)
            self._tell(f"{self.kind}: {name} cannot be read and is left out: {why}")

    @abstractmethod
    def key(self, head: Identity) -> str:
        """Return what identifies an object of this kind."""

    @abstractmethod
    def put(self, head: Head, raw: Raw | bytes) -> None:
        """Take in an object.

        Raises:
            ObjectError: When it cannot be read.
        """

    @abstractmethod
    def drop(self, key: str) -> None:
        """Forget an object."""

    @abstractmethod
    def held(self) -> set[str]:
        """Return the keys of all objects held."""
