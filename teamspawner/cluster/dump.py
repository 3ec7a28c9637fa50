"""Read what ``kubectl get … -A -o json`` printed, and make a snapshot of it."""

from __future__ import annotations

import re
import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from teamspawner.capacity.context import total
from teamspawner.capacity.objects import (
    Attachment,
    Candidate,
    Claim,
    Labels,
    Node,
    NodeState,
    Pod,
    Snapshot,
    Storage,
    StorageCapacity,
    StorageClass,
    Volume,
)
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import decode_storage as storage
from teamspawner.cluster import wire
from teamspawner.cluster.decode import PodRecord, decode_node, decode_pod
from teamspawner.cluster.kinds import Kinds
from teamspawner.cluster.pods import is_ours
from teamspawner.cluster.reading import ObjectError, read
from teamspawner.cluster.recognise import Recogniser
from teamspawner.cluster.unread import EVERYWHERE, SOME_NODE, Unread, reach
from teamspawner.errors import TeamSpawnerError

KINDS = {
    "Node": "nodes",
    "Pod": "pods",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "PersistentVolume": "persistentvolumes",
    "StorageClass": "storageclasses",
    "CSINode": "csinodes",
    "CSIDriver": "csidrivers",
    "CSIStorageCapacity": "csistoragecapacities",
    "VolumeAttachment": "volumeattachments",
    "Namespace": "namespaces",
    "DeviceClass": "deviceclasses",
}
"""Kinds that are read, and their plural names; all others are passed over."""

_GROUPS = frozenset({"", "storage.k8s.io", "resource.k8s.io"})
"""The API groups of these kinds; others, such as ``longhorn.io``, have a kind ``Node`` too."""

HARMLESS = frozenset(
    {
        "priorityclasses",
        "poddisruptionbudgets",
        "resourceslices",
        "resourceclaims",
        "resourceclaimtemplates",
        "devicetaintrules",
        "resourcequotas",
        "limitranges",
        "daemonsets",
        "runtimeclasses",
    }
)
"""Further plural names that may be called unseen."""

_MARKS = ((BOM_UTF8, "utf-8"), (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"))
_NAMELESS = " "
"""How the identity of objects without a name begins: no name does."""
_TAG = re.compile(r":v?(1\.\d+(?:\.\d+)?)[^/]*$")


class DumpError(TeamSpawnerError, ValueError):
    """A dump cannot be read at all; the message says which and why."""


@dataclass(slots=True)
class Dump:
    """The raw objects of one or more dumps, by plural kind and then by namespace and name.

    Attributes:
        objects: Plural kind to identity to JSON text; what comes later replaces.
        faults: Objects that cannot be used, each a sentence.
        unread: What is not known because of them.
    """

    objects: dict[str, dict[tuple[str, str], msgspec.Raw]] = field(
        default_factory=lambda: {plural: {} for plural in KINDS.values()}
    )
    faults: list[str] = field(default_factory=list)
    unread: Unread = field(default_factory=Unread)

    def scheduler_version(self) -> str | None:
        """Return the version of the hub's own scheduler, from its pod's image; None without one."""
        for raw in self.objects["pods"].values():
            if b'"user-scheduler"' not in bytes(raw):
                continue
            try:
                found = _TAG.search(decode_pod(raw, Rules()).user_scheduler)
            except ObjectError:
                continue
            if found is not None:
                return found[1]
        return None


def load(
    paths: Iterable[str], unseen: frozenset[str] = frozenset(), rules: Rules | None = None
) -> Snapshot:
    """Return the snapshot that dumps describe.

    Args:
        paths: Files; ``-`` is standard input.
        unseen: Plural names of kinds that were not looked at.
        rules: The scheduler asked; None takes the one in the dump, else the usual one.

    Raises:
        DumpError: When a file cannot be read or is no dump.
    """
    dump = gather(paths)
    version = dump.scheduler_version()
    return snapshot(dump, rules or (Rules.for_version(version) if version else Rules()), unseen)


def gather(paths: Iterable[str]) -> Dump:
    """Read dumps, object by object, without looking into the objects.

    Raises:
        DumpError: When a file cannot be read or is no dump.
    """
    dump, paths = Dump(), tuple(paths)
    if paths.count("-") > 1:
        raise DumpError("--dump - found twice; allowed: once, for standard input is read once")
    for path in paths:
        try:
            text = utf8(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
        except OSError as error:
            raise DumpError(f"cannot read {path}: {error.strerror or error}") from error
        take(dump, "standard input" if path == "-" else path, text)
    return dump


def utf8(text: bytes) -> bytes:
    """Take off a byte order mark; some shells also write UTF-16 into files."""
    for mark, encoding in _MARKS:
        if text.startswith(mark):
            return text.removeprefix(mark).decode(encoding, "replace").encode()
    return text


def take(dump: Dump, path: str, text: bytes) -> None:
    """Add the objects of one dump to those gathered.

    Raises:
        DumpError: When the text is no dump.
    """
    if not text.strip():
        raise DumpError(f"{path} is empty; allowed: the output of kubectl get … -A -o json")
    try:
        top = read(text, wire.Item)
    except ObjectError as error:
        raise DumpError(
            f"{path} is no dump: {error}; allowed: the output of kubectl get … -A -o json"
        ) from error
    if not top.kind or (top.items is None and not top.kind.endswith("List")):
        if top.kind in KINDS:
            _keep(dump, path, msgspec.Raw(text), "")
            return
        raise DumpError(
            f"{path} is no dump: found kind {top.kind or 'none'}; allowed: a List, "
            "the output of kubectl get … -A -o json"
        )
    kind = top.kind.removesuffix("List")
    for index, raw in enumerate(top.items or ()):
        _keep(dump, f"{path}: items[{index}]", raw, kind)


def _keep(dump: Dump, place: str, raw: msgspec.Raw, kind: str) -> None:
    """File an object, or those of a list; a ``NodeList`` leaves the kind out of its items."""
    try:
        found = read(raw, wire.Item)
    except ObjectError as error:
        dump.faults.append(f"{place}: {error}")
        for lost in _kinds_of(raw, kind):
            dump.unread.note(lost, place, reach(lost, "", bytes(raw)))
        return
    if found.kind and found.kind.endswith("List"):
        for index, inner in enumerate(found.items or ()):
            _keep(dump, f"{place}: items[{index}]", inner, found.kind.removesuffix("List"))
        return
    if not (found.kind or kind):
        _lose(dump, place)
        return
    plural = KINDS.get(found.kind or kind)
    if plural is None or _is_foreign(found.api_version or ""):
        return
    meta = found.metadata or wire.Meta()
    held = dump.objects[plural]
    held[meta.namespace or "", meta.name or f"{_NAMELESS}{len(held)}"] = raw


def _lose(dump: Dump, place: str) -> None:
    """Note an object that does not tell its kind: it may be of any."""
    dump.faults.append(f"{place}: no kind")
    for lost in KINDS.values():
        dump.unread.note(lost, place, EVERYWHERE)


def _is_foreign(api_version: str) -> bool:
    group, slash, _ = api_version.partition("/")
    return bool(slash) and group not in _GROUPS


def _kinds_of(raw: msgspec.Raw, kind: str) -> Iterable[str]:
    """Return the plural names of what is lost with something that cannot be read.

    None where it is no object, or of a kind that is not looked at; all with a whole list.
    """
    try:
        told = read(raw, wire.Kinded).kind or kind
    except ObjectError:
        return ()
    if told == "List":
        return KINDS.values()
    return filter(None, (KINDS.get(told.removesuffix("List")),))


@dataclass(slots=True)
class _Build:
    """A snapshot in the making."""

    nodes: dict[str, Node] = field(default_factory=dict)
    pods: dict[str, list[Pod]] = field(default_factory=dict)
    waiting: list[Candidate] = field(default_factory=list)
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    classes: dict[str, StorageClass] = field(default_factory=dict)
    drivers: list[storage.NodeDrivers] = field(default_factory=list)
    tracked: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)
    capacities: list[StorageCapacity] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    namespaces: dict[str, Labels] = field(default_factory=dict)
    served: set[str] = field(default_factory=set)

    def pod(self, found: PodRecord) -> None:
        """Take in a pod, unless it is finished."""
        if found.finished:
            return
        if found.node:
            self.pods.setdefault(found.node, []).append(found.pod)
        else:
            self.waiting.append(found.candidate())

    def driver(self, found: storage.Driver) -> None:
        """Take in a CSIDriver."""
        for told, names in ((found.tracked, self.tracked), (found.needed, self.needed)):
            if told:
                names.add(found.name)

    def node(self, found: Node) -> None:
        """Take in a node."""
        self.nodes[found.name] = found


def snapshot(dump: Dump, rules: Rules, unseen: frozenset[str] = frozenset()) -> Snapshot:
    """Return the snapshot of gathered objects; those that cannot be read are told of."""
    build, recogniser = _Build(), Recogniser(Kinds(rules))
    takers: Sequence[tuple[str, Callable[[msgspec.Raw], None]]] = (
        ("nodes", lambda raw: build.node(decode_node(raw))),
        ("pods", lambda raw: _pod(build, recogniser, raw)),
        ("persistentvolumeclaims", lambda raw: _claim(build, storage.decode_claim(raw))),
        ("persistentvolumes", lambda raw: _volume(build, storage.decode_volume(raw))),
        ("storageclasses", lambda raw: _class(build, storage.decode_class(raw))),
        ("csinodes", lambda raw: build.drivers.append(storage.decode_attach_limits(raw))),
        ("csidrivers", lambda raw: build.driver(storage.decode_driver(raw))),
        ("csistoragecapacities", lambda raw: build.capacities.append(storage.decode_capacity(raw))),
        ("volumeattachments", lambda r: build.attachments.append(storage.decode_attachment(r))),
        ("namespaces", lambda raw: build.namespaces.update([storage.decode_namespace(raw)])),
        ("deviceclasses", lambda raw: build.served.update(storage.decode_served(raw))),
    )
    for plural, take in takers:
        for (namespace, name), raw in dump.objects[plural].items():
            if plural in unseen:
                continue
            try:
                take(raw)
            except ObjectError as error:
                named = "" if name.startswith(_NAMELESS) else name
                where = f"{namespace}/{named}" if namespace and named else named
                dump.faults.append(f"{plural} {where or 'without name'}: {error}")
                concerns = reach(plural, named, bytes(raw))
                dump.unread.note(plural, f"{namespace}/{name}", concerns)
    return _finish(build, unseen, dump.unread)


def _pod(build: _Build, recogniser: Recogniser, raw: msgspec.Raw) -> None:
    bound = recogniser.bound(raw)
    if bound is None:
        build.pod(decode_pod(raw, recogniser.kinds.rules))
    else:
        node, pod = bound
        build.pods.setdefault(node, []).append(pod)


def _claim(build: _Build, found: Claim) -> None:
    build.claims[found.namespace, found.name] = found


def _volume(build: _Build, found: Volume) -> None:
    build.volumes[found.name] = found


def _class(build: _Build, found: StorageClass) -> None:
    build.classes[found.name] = found


def _finish(build: _Build, unseen: frozenset[str], unread: Unread) -> Snapshot:
    hidden = {name: Node(name) for name, kind in unread.nodes.items() if kind == "nodes"}
    states = {
        name: NodeState(
            node, tuple(pods := build.pods.get(name, [])), total(pods), unread.nodes.get(name, "")
        )
        for name, node in (build.nodes | hidden).items()
    }
    elsewhere = (pods for name, pods in build.pods.items() if name not in states)
    stranded = tuple(pod for pods in elsewhere for pod in pods)
    if SOME_NODE in hidden:  # it may be any of those that pods are bound to
        states[SOME_NODE] = NodeState(hidden[SOME_NODE], stranded, total(stranded), "nodes")
        stranded = ()
    return Snapshot(
        nodes=states,
        waiting=tuple(build.waiting),
        stranded=tuple(filter(is_ours, stranded)),
        storage=Storage(
            claims=build.claims,
            volumes=build.volumes,
            classes=build.classes,
            attach_limits={each.name: each.limits for each in build.drivers},
            migrated={each.name: each.migrated for each in build.drivers},
            installed={each.name: each.installed for each in build.drivers},
            needed=frozenset(build.needed),
            capacity_tracked=frozenset(build.tracked),
            capacities=tuple(build.capacities),
            attachments=tuple(build.attachments),
        ),
        namespaces=build.namespaces,
        unseen=unseen | unread.kinds,
        unread={name: kind for name, kind in unread.nodes.items() if name in states},
        extended_by_class=frozenset(build.served),
    )
