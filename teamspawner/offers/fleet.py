"""The accelerators of the cluster, by model and kind; only changed nodes are read again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache

from teamspawner.capacity.accelerators import Device, devices_of, friendly_name
from teamspawner.capacity.matching import terms_match
from teamspawner.capacity.objects import Node, NodeState, NodeTerm, Requirement
from teamspawner.map import Map
from teamspawner.offers.model import Kind

SLUG_MAX = 63
"""Longest value of a pod label; a variant's slug becomes one."""

_HASH = 6


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

    @property
    def largest(self) -> int:
        """Devices on the node that has most, also while its driver is down."""
        return max(device.count or device.physical or 0 for device in self.members.values())

    @property
    def memory_bytes(self) -> int | None:
        """Memory of the smallest device; None when no label tells."""
        told = [device.memory_bytes for device in self.members.values() if device.memory_bytes]
        return min(told, default=None)

    @property
    def shared_by(self) -> int | None:
        """The most that may share one device; None unless shared and told."""
        return max((d.shared_by for d in self.members.values() if d.shared_by), default=None)

    @property
    def troubles(self) -> frozenset[str]:
        """What is wrong on all of its nodes, or on some for ``mixed``."""
        each = [device.trouble for device in self.members.values()]
        everywhere = {each[0]} - {""} if len(set(each)) == 1 else set()
        return frozenset(everywhere | ({"mixed"} & set(each)))

    def name(self, parsed: Map | None) -> str:
        """For people: the map's name for the label, else one made from it."""
        for model in self.models if parsed else ():
            entry = parsed.accelerators.get(model) if parsed else None
            if entry and entry.name:
                return entry.name
        return friendly_name(self.model, self.profile)

    def is_any_of(self, globs: Iterable[str]) -> bool:
        """Whether a glob of the map, compared without case, means this model."""
        return any(
            fnmatchcase(model.casefold(), glob.casefold())
            for glob in globs
            for model in self.models
        )


@dataclass(slots=True)
class Fleets:
    """The fleets of a cluster; a change costs the nodes that changed, their pods cost nothing."""

    _read: dict[str, tuple[Node, tuple[Device, ...]]] = field(default_factory=dict)
    _fleets: tuple[Fleet, ...] | None = None
    _coming: dict[str, tuple[Node, tuple[Device, ...]]] = field(default_factory=dict)

    def expect(self, machines: Iterable[Node]) -> None:
        """Take the machines that could come; those whose labels tell no model are left out."""
        read = ((node, tuple(d for d in devices_of(node) if d.labelled)) for node in machines)
        coming = {node.name: (node, devices) for node, devices in read if devices}
        if coming != self._coming:
            self._coming, self._fleets = coming, None

    def follow(self, names: Iterable[str], nodes: Mapping[str, NodeState]) -> None:
        """Read the nodes of these names anew; one that is not in ``nodes`` is gone."""
        for name in names:
            node = nodes[name].node if name in nodes else None
            known = self._read.get(name)
            if node is not None and known is not None and known[0] is node:
                continue
            before = known[1] if known else ()
            devices = devices_of(node) if node is not None else ()
            if node is None:
                self._read.pop(name, None)
            else:
                self._read[name] = (node, devices)
            if devices != before:
                self._fleets = None

    def all(self) -> tuple[Fleet, ...]:
        """The fleets, by tail."""
        if self._fleets is None:
            every = {**self._read, **self._coming}
            grouped = _grouped({name: found for name, (_, found) in every.items()})
            holders = _holders(every.values())
            self._fleets = tuple(_fenced(fleet, holders) for fleet in grouped)
        return self._fleets


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


def _grouped(devices: Mapping[str, tuple[Device, ...]]) -> tuple[Fleet, ...]:
    groups: dict[tuple[str, str, str], dict[str, Device]] = {}
    for node in sorted(devices):
        for device in devices[node]:
            key = (tail_of(device), device.resource, device.kind)
            groups.setdefault(key, {})[node] = device
    fleets: dict[str, Fleet] = {}
    for tail, resource, kind in sorted(groups):
        free = tail
        for more in (resource.partition("/")[2], kind):
            free = f"{free}-{slug_of(more)}" if free in fleets else free
        fleets[free] = _fleet(free, groups[tail, resource, kind])
    return tuple(fleets.values())


def _fleet(tail: str, members: dict[str, Device]) -> Fleet:
    models = tuple(sorted({device.model for device in members.values()}))
    first = next(iter(members.values()))
    unbound = any(not device.terms for device in members.values())
    terms = dict.fromkeys(term for device in members.values() for term in device.terms)
    return Fleet(
        tail=tail,
        model=models[0],
        models=models,
        kind=Kind(first.kind),
        resource=first.resource,
        vendor=first.vendor,
        profile=first.profile,
        terms=() if unbound else tuple(terms),
        members=members,
    )


def _fenced(fleet: Fleet, holders: Mapping[str, tuple[Node, ...]]) -> Fleet:
    """Leave out by name the nodes that labels do not tell apart.

    Intel's plugin shares devices without a word in the labels, so a node with whole
    ones can look like one with slots.
    """
    sorts: dict[tuple[str | None, ...], bool] = {}
    keys = sorted({each.key for term in fleet.terms for each in term.expressions})
    strangers: list[str] = []
    for node in holders.get(fleet.resource, ()):
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


def _holders(nodes: Iterable[tuple[Node, tuple[Device, ...]]]) -> dict[str, tuple[Node, ...]]:
    """The nodes that have devices of each resource name."""
    found: dict[str, dict[str, Node]] = {}
    for node, devices in nodes:
        for device in devices:
            if device.count:
                found.setdefault(device.resource, {})[node.name] = node
    return {resource: tuple(holding.values()) for resource, holding in found.items()}
