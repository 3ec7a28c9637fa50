"""The accelerators of the cluster, by model and kind; only changed nodes are read again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice

from teamspawner.capacity.accelerators import Device, devices_of, friendly_name
from teamspawner.capacity.matching import terms_match
from teamspawner.capacity.objects import Node, NodeState, NodeTerm, Requirement
from teamspawner.map import Map
from teamspawner.map.models import is_any_of
from teamspawner.offers.marks import Log
from teamspawner.offers.model import Kind

SLUG_MAX = 63
"""Longest value of a pod label; a variant's slug becomes one."""

_HASH = 6
_SORTS = 1024
"""Sorts of devices remembered; a cluster has some dozens."""
_LOGGED = 10_000
"""Changes remembered of the nodes of a fleet."""
_STEP = 400
"""Nodes grouped between two steps: a fraction of a millisecond."""

_Key = tuple[str, str, str]
"""What tells fleets apart: the tail, the resource, the kind."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All devices of one model and kind.

    Attributes:
        tail: What follows the tier in the slug; made from the label alone.
        model: The label's value (the first, where spellings differ).
        models: Every spelling found.
        terms: Node selector terms, joined by OR, that hold such nodes apart from all others
            with devices of the same resource name; may be empty.
        members: Node name to its devices; machines that could come are among them.
        names: The same names, for asking whether a node is one of them.
        largest: Devices on the node that has most, also while its driver is down.
        memory_bytes: Memory of the smallest device; None when no label tells.
        shared_by: The most that may share one device; None unless shared and told.
        troubles: What is wrong on all of its nodes, or on some for ``mixed``.
    """

    tail: str
    model: str
    models: tuple[str, ...]
    kind: Kind
    resource: str
    vendor: str
    profile: str
    terms: tuple[NodeTerm, ...]
    members: Mapping[str, Device]
    names: frozenset[str]
    largest: int
    memory_bytes: int | None
    shared_by: int | None
    troubles: frozenset[str]

    def name(self, parsed: Map | None) -> str:
        """For people: the map's name for the label, else one made from it."""
        for model in self.models if parsed else ():
            entry = parsed.accelerators.get(model) if parsed else None
            if entry and entry.name:
                return entry.name
        return friendly_name(self.model, self.profile)

    def is_any_of(self, globs: Iterable[str]) -> bool:
        """Whether a glob of the map, compared without case, means this model."""
        return is_any_of(self.models, globs)


_Read = tuple[Node, tuple[Device, ...]]
"""A node, and its devices; equal ones are one object, for a large cluster has a few sorts."""


@dataclass(slots=True)
class Fleets:
    """The fleets of a cluster; a change costs the nodes that changed, their pods cost nothing.

    Attributes:
        moved: Tail of a fleet to the changes of its nodes and of the pods on them; empty to
            those of all nodes, pods aside.
    """

    moved: dict[str, Log] = field(default_factory=lambda: {"": Log()})
    _read: dict[str, _Read] = field(default_factory=dict)
    _coming: dict[str, _Read] = field(default_factory=dict)
    _same: dict[Device, Device] = field(default_factory=dict)
    _of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _fleets: tuple[Fleet, ...] | None = None
    _changes: int = 0

    def expect(self, machines: Iterable[Node]) -> None:
        """Take the machines that could come; those whose labels tell no model are left out."""
        read = ((node, tuple(d for d in self._devices(node) if d.labelled)) for node in machines)
        coming = {node.name: (node, devices) for node, devices in read if devices}
        if coming != self._coming:
            self._coming = coming
            self._forget()

    def follow(self, names: Iterable[str], nodes: Mapping[str, NodeState]) -> None:
        """Read the nodes of these names anew; one that is not in ``nodes`` is gone."""
        for name in names:
            for tail in self._of.get(name, ()):
                self._log(tail, name)
            node = nodes[name].node if name in nodes else None
            known = self._read.get(name)
            if node is not None and known is not None and known[0] is node:
                continue
            self._log("", name)
            before = known[1] if known else ()
            devices = self._devices(node) if node is not None else ()
            if node is None:
                self._read.pop(name, None)
            else:
                self._read[name] = (node, devices)
            if devices != before:
                self._forget()

    def _log(self, tail: str, name: str) -> None:
        if len(self.moved[tail].names) >= _LOGGED:
            self.moved[tail] = Log()  # who looked before looks at all of them again
        self.moved[tail].names.append(name)

    def _devices(self, node: Node) -> tuple[Device, ...]:
        return tuple(self._same.setdefault(device, device) for device in devices_of(node))

    def _forget(self) -> None:
        self._fleets = None
        self._changes += 1

    def all(self) -> tuple[Fleet, ...]:
        """The fleets, by tail."""
        while self._fleets is None:
            for _ in self.working():
                pass
        return self._fleets

    def working(self) -> Iterator[None]:
        """Group the devices anew where they changed, in steps; given up when they change again."""
        if self._fleets is not None:
            return
        begun = self._changes
        found: list[Fleet] = []
        for _ in _worked(found, {**self._read, **self._coming}):
            yield
            if self._changes != begun or self._fleets is not None:
                return
        if len(self._same) > _SORTS:
            self._same.clear()  # of sorts that the cluster had once
        self._fleets = tuple(found)
        self._of = _tails(found)
        self.moved = {tail: Log() for tail in ("", *(fleet.tail for fleet in found))}


@lru_cache(maxsize=1024)
def slug_of(text: str) -> str:
    """Lower case, every run of other signs a single hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def short_hash(*parts: str) -> str:
    """A few hexadecimal digits that tell texts apart."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_HASH]


def tail_of(device: Device) -> str:
    """The end of a variant's slug, from the label; the kind is added where the label is silent."""
    tail = slug_of(device.model) or short_hash(device.model)
    profile = slug_of(device.profile)
    if profile and not re.search(rf"(?:^|-){profile}(?:-|$)", tail):
        tail += f"-mig-{profile}" if device.vendor == "nvidia" else f"-{profile}"
    if device.kind == "shared" and not tail.endswith("-shared"):
        tail += "-shared"
    return tail


def _worked(fleets: list[Fleet], every: Mapping[str, _Read]) -> Iterator[None]:
    """Put the devices of all nodes into fleets, in steps."""
    groups: dict[_Key, dict[str, Device]] = {}
    keys: dict[int, _Key] = {}
    holders: dict[str, dict[str, Node]] = {}
    names = iter(sorted(every))
    while some := tuple(islice(names, _STEP)):
        for name in some:
            node, devices = every[name]
            for device in devices:
                key = keys.get(id(device)) or keys.setdefault(id(device), _key(device))
                groups.setdefault(key, {})[name] = device
                if device.count:
                    holders.setdefault(device.resource, {})[name] = node
        yield
    free: dict[str, _Key] = {}
    for key in sorted(groups):
        free[_free(key, free)] = key
    for tail, key in free.items():
        fleets.append(_fenced(_fleet(tail, groups[key]), holders.get(key[1], {})))
        yield


def _tails(fleets: Iterable[Fleet]) -> dict[str, tuple[str, ...]]:
    """Return the name of each node to the tails of the fleets that have it."""
    found: dict[str, tuple[str, ...]] = {}
    for fleet in fleets:
        mine = (fleet.tail,)
        for name in fleet.members:
            found[name] = found.get(name, ()) + mine
    return found


def _key(device: Device) -> _Key:
    return tail_of(device), device.resource, device.kind


def _free(key: _Key, taken: Mapping[str, _Key]) -> str:
    """Return a tail that no other fleet has; the resource and the kind are added where needed."""
    free = key[0]
    for more in (key[1].partition("/")[2], key[2]):
        free = f"{free}-{slug_of(more)}" if free in taken else free
    return free


def _fleet(tail: str, members: dict[str, Device]) -> Fleet:
    sorts = tuple({id(device): device for device in members.values()}.values())
    first = sorts[0]
    models = tuple(sorted({device.model for device in sorts}))
    unbound = any(not device.terms for device in sorts)
    told = [device.memory_bytes for device in sorts if device.memory_bytes]
    troubles = {device.trouble for device in sorts}
    return Fleet(
        tail=tail,
        model=models[0],
        models=models,
        kind=Kind(first.kind),
        resource=first.resource,
        vendor=first.vendor,
        profile=first.profile,
        terms=() if unbound else tuple(dict.fromkeys(t for device in sorts for t in device.terms)),
        members=members,
        names=frozenset(members),
        largest=max(device.count or device.physical or 0 for device in sorts),
        memory_bytes=min(told, default=None),
        shared_by=max((device.shared_by for device in sorts if device.shared_by), default=None),
        troubles=frozenset(troubles - {""} if len(troubles) == 1 else troubles & {"mixed"}),
    )


def _fenced(fleet: Fleet, holders: Mapping[str, Node]) -> Fleet:
    """Leave out by name the nodes that labels do not tell apart.

    Intel's plugin shares devices without a word in the labels, so a node with whole
    ones can look like one with slots.
    """
    sorts: dict[tuple[str | None, ...], bool] = {}
    keys = sorted({each.key for term in fleet.terms for each in term.expressions})
    strangers: list[str] = []
    for node in holders.values():
        if node.name in fleet.members:
            continue
        sort = tuple(map(node.labels.get, keys))
        if sort not in sorts:
            sorts[sort] = not fleet.terms or terms_match(fleet.terms, node.labels, node.name)
        if sorts[sort]:
            strangers.append(node.name)
    if not strangers:
        return fleet
    away = tuple(Requirement("metadata.name", "NotIn", (name,)) for name in sorted(strangers))
    terms = fleet.terms or (NodeTerm(),)
    return replace(fleet, terms=tuple(NodeTerm(term.expressions, away) for term in terms))
