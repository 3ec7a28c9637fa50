"""Tiers times live accelerators: the variants that there are, and how large each one is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from teamspawner.capacity.matching import untolerated
from teamspawner.capacity.objects import Node, NodeState, Snapshot, Toleration
from teamspawner.map import Map, Tier
from teamspawner.offers.fleet import SLUG_MAX, Fleet, short_hash
from teamspawner.offers.model import Kind, Variant
from teamspawner.offers.usable import is_usable, selects


class Size(NamedTuple):
    """What one server asks for: millicores and bytes; None where the tier sets nothing."""

    cpu: int | None
    cpu_limit: int | None
    memory: int | None
    memory_limit: int | None


class Found(NamedTuple):
    """A variant with what it was made from."""

    variant: Variant
    tier: Tier
    fleet: Fleet | None = None


class Absent(NamedTuple):
    """A tier, or a part of it, that has no variant now, and why."""

    slug: str
    tier: str
    why: str


def variants(parsed: Map, fleets: Iterable[Fleet]) -> Iterator[Found | Absent]:
    """Every variant of every tier, in the order of the map, then by model."""
    fleets = tuple(fleets)
    for key, tier in parsed.tiers.items():
        if tier.gpu is None:
            name = tier.name or key
            yield Found(Variant(key, key, name, description=tier.description), tier)
        else:
            yield from _of_gpu_tier(parsed, key, tier, fleets)


def _of_gpu_tier(
    parsed: Map, key: str, tier: Tier, fleets: tuple[Fleet, ...]
) -> Iterator[Found | Absent]:
    made: list[Found] = []
    absent: list[Absent] = []
    for fleet in fleets:
        slug = variant_slug(parsed.tiers, key, fleet.tail)
        why = _why_not(tier, fleet)
        if why:
            absent.append(Absent(slug, key, why))
        else:
            made.append(Found(_variant(parsed, key, tier, fleet, slug), tier, fleet))
    yield from _told_apart(made)
    yield from absent
    if not made and not absent:
        yield Absent(key, key, "no node has an accelerator")


def _why_not(tier: Tier, fleet: Fleet) -> str:
    assert tier.gpu is not None
    if "mig-invalid" in fleet.troubles:
        return "MIG is set up wrongly on all nodes with this model (label MIG-INVALID)"
    if not fleet.is_any_of(tier.gpu.models):
        return f"the tier's models do not include {fleet.model}"
    if fleet.kind not in tier.gpu.kinds:
        return f"the tier's kinds do not include {fleet.kind}"
    if not _counts(tier, fleet):
        return f"no node has as many devices as the smallest count; the most is {fleet.largest}"
    return ""


def _counts(tier: Tier, fleet: Fleet) -> tuple[int, ...]:
    """Counts that a node could hold; of a shared device never more than one.

    With ``failRequestsGreaterThanOne``, which a node does not show, a pod with two
    shared devices is placed and then fails.
    """
    assert tier.gpu is not None
    most = min(fleet.largest, 1) if fleet.kind is Kind.SHARED else fleet.largest
    return tuple(sorted({count for count in tier.gpu.counts if count <= most}))


def _variant(parsed: Map, key: str, tier: Tier, fleet: Fleet, slug: str) -> Variant:
    model_name = fleet.name(parsed)
    entries = [parsed.accelerators[name] for name in fleet.models if name in parsed.accelerators]
    told = next((entry.memory for entry in entries if entry.memory), None)
    return Variant(
        slug=slug,
        tier=key,
        name=f"{tier.name or key} · {model_name}",
        kind=fleet.kind,
        model=fleet.model,
        model_name=model_name,
        vendor=fleet.vendor,
        resource=fleet.resource,
        counts=_counts(tier, fleet),
        device_memory_bytes=told or fleet.memory_bytes,
        shared_by=fleet.shared_by,
        description=tier.description,
    )


def _told_apart(made: list[Found]) -> Iterator[Found]:
    """Two models that would read alike get their label beside the name."""
    names = [(found.variant.name, found.variant.kind) for found in made]
    for found, name in zip(made, names, strict=True):
        if names.count(name) == 1:
            yield found
            continue
        longer = f"{found.variant.name} ({found.variant.model})"
        yield found._replace(variant=_renamed(found.variant, longer))


def _renamed(variant: Variant, name: str) -> Variant:
    return replace(variant, name=name)


def variant_slug(tiers: Iterable[str], key: str, tail: str) -> str:
    """The slug of a tier for one model; no two tiers and models ever share one.

    A slug that could also be read as a longer tier's key, or that is longer than a
    pod label may be, gets a short hash of both parts.
    """
    plain = f"{key}-{tail}"
    longer = (other for other in tiers if other != key and other.startswith(f"{key}-"))
    doubtful = any(plain == other or plain.startswith(f"{other}-") for other in longer)
    if not doubtful and len(plain) <= SLUG_MAX:
        return plain
    mark = short_hash(key, tail)
    return f"{plain[: SLUG_MAX - len(mark) - 1].rstrip('-')}-{mark}"


@dataclass(slots=True)
class Sizes:
    """How large a variant is.

    What ordinary pods do costs nothing: only a change of a node, or of what always
    runs on it, makes shares be worked out again.
    """

    _rooms: dict[str, tuple[Node, dict[str, int]]] = field(default_factory=dict)
    _coming: dict[str, tuple[Node, dict[str, int]]] = field(default_factory=dict)
    _smallest: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    _unread: dict[str, str] = field(default_factory=dict)
    generation: int = 0
    """Grows whenever a share may have changed."""

    def follow(self, names: Iterable[str], nodes: Mapping[str, NodeState]) -> None:
        """Look at the nodes of these names anew; one that is not in ``nodes`` is gone."""
        for name in names:
            known = self._rooms.get(name)
            if name not in nodes:
                self._rooms.pop(name, None)
                self._unread.pop(name, None)
                self._forget()
                continue
            self._doubt(name, nodes[name].unread)
            now = (nodes[name].node, _net(nodes[name]))
            if known is None or known[0] is not now[0] or known[1] != now[1]:
                self._rooms[name] = now
                self._forget()

    def _doubt(self, name: str, unread: str) -> None:
        if unread != self._unread.get(name, ""):
            self._unread = {**self._unread, name: unread}
            self._forget()

    def expect(self, states: Iterable[NodeState]) -> None:
        """Take the machines that could come, which decide where no node that is there does."""
        self._coming = {state.node.name: (state.node, _net(state)) for state in states}
        self._forget()

    def _forget(self) -> None:
        self._smallest.clear()
        self.generation += 1

    def of(self, found: Found, count: int, snapshot: Snapshot | None) -> Size | None:
        """The size of one server; None when it follows from nodes that are not known.

        Args:
            found: The variant.
            count: Devices; 0 without accelerator.
            snapshot: Only looked at for ``share`` and ``per_gpu: fair``.
        """
        tier = found.tier
        if tier.share is not None:
            room = self._least(found, snapshot)
            return _fixed({name: int(size * tier.share) for name, size in room.items()})
        if tier.per_gpu == "fair":
            return _fixed(
                {name: size * count for name, size in self._least(found, snapshot).items()}
            )
        if tier.per_gpu is not None:
            cpu, memory = tier.per_gpu.cpu, tier.per_gpu.memory
            cpu, memory = cpu and cpu * count, memory and memory * count
            return Size(cpu, cpu, memory, memory)
        return Size(
            tier.cpu.request if tier.cpu else None,
            tier.cpu.limit if tier.cpu else None,
            tier.memory.request if tier.memory else None,
            tier.memory.limit if tier.memory else None,
        )

    def _least(self, found: Found, snapshot: Snapshot | None) -> dict[str, int]:
        """CPU and memory of the smallest usable node (per device, for ``fair``)."""
        if snapshot is None or snapshot.unseen & {"nodes", "pods"}:
            return {}
        key = (found.variant.tier, found.variant.slug)
        if key not in self._smallest:
            self._smallest[key] = self._work_out(found)
        return self._smallest[key]

    def _work_out(self, found: Found) -> dict[str, int]:
        tolerated = tolerations_of(found)
        fitting = self._fitting(found, self._rooms)
        if any(u == "nodes" or (u and name in fitting) for name, u in self._unread.items()):
            return {}
        usable = {name: room for name, room in fitting.items() if _takes(room[0], tolerated)}
        for rooms in (usable, fitting, self._fitting(found, self._coming)):
            sizes = [_part(found, name, net) for name, (_, net) in rooms.items()]
            sizes = [size for size in sizes if min(size.values()) > 0]
            if sizes:
                return {name: min(size[name] for size in sizes) for name in ("cpu", "memory")}
        return {}

    @staticmethod
    def _fitting(
        found: Found, rooms: Mapping[str, tuple[Node, dict[str, int]]]
    ) -> dict[str, tuple[Node, dict[str, int]]]:
        names = found.fleet.members if found.fleet else rooms
        selector = found.tier.nodes.selector
        return {n: rooms[n] for n in names if n in rooms and selects(selector, rooms[n][0])}


def _part(found: Found, name: str, net: Mapping[str, int]) -> dict[str, int]:
    """What one server may have of a node: all of it, or what there is for each device."""
    devices = 1
    if found.fleet is not None and found.tier.per_gpu == "fair":
        device = found.fleet.members[name]
        devices = device.count or device.physical or 1
    return {resource: amount // devices for resource, amount in net.items()}


def _takes(node: Node, tolerated: tuple[Toleration, ...]) -> bool:
    return is_usable(node) and untolerated(node.taints, tolerated) is None


def _net(state: NodeState) -> dict[str, int]:
    """Allocatable less what DaemonSet and static pods of the node ask for."""
    resident = [pod.spec.requests for pod in state.pods if pod.spec.resident]
    return {
        name: state.node.allocatable.get(name, 0) - sum(each.get(name, 0) for each in resident)
        for name in ("cpu", "memory")
    }


def _fixed(size: Mapping[str, int]) -> Size | None:
    if not size or min(size.values()) <= 0:
        return None
    return Size(size["cpu"], size["cpu"], size["memory"], size["memory"])


def tolerations_of(found: Found) -> tuple[Toleration, ...]:
    """What a variant's pods tolerate beside what the chart sets."""
    own = tuple(
        Toleration(t.key or "", t.operator, t.value, t.effect or "")
        for t in found.tier.nodes.tolerations
    )
    device = (Toleration(found.variant.resource, "Exists"),) if found.fleet else ()
    return (*own, *device)
