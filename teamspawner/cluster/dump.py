"""Read what ``kubectl get … -A -o json`` printed, and make a snapshot of it."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from teamspawner.capacity.objects import Candidate, Node, Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.decode import decode_node, decode_pod, version_of
from teamspawner.cluster.kinds import Kinds
from teamspawner.cluster.others import Others
from teamspawner.cluster.pods import Load, is_ours
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

PASSED_OVER = frozenset(
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
_NOTHING_ON_IT = Load()


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
                found = version_of(decode_pod(raw, Rules()).user_scheduler)
            except ObjectError:
                continue
            if found is not None:
                return found
        return None


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


def snapshot(dump: Dump, rules: Rules, unseen: frozenset[str] = frozenset()) -> Snapshot:
    """Return the snapshot of gathered objects; those that cannot be read join ``dump.faults``.

    Args:
        dump: The objects.
        rules: The scheduler whose way of counting applies.
        unseen: Plural names of kinds that were not looked at; objects of them are passed over.
    """
    build = _Build(rules)
    for plural, objects in dump.objects.items():
        for (namespace, name), raw in objects.items() if plural not in unseen else ():
            try:
                build.put(plural, f"{namespace}/{name}", raw)
            except ObjectError as error:
                named = "" if name.startswith(_NAMELESS) else name
                where = f"{namespace}/{named}" if namespace and named else named
                dump.faults.append(f"{plural} {where or 'without name'}: {error}")
                concerns = reach(plural, named, bytes(raw))
                dump.unread.note(plural, f"{namespace}/{name}", concerns)
    return build.finish(unseen, dump.unread)


class _Build:
    """A snapshot in the making, object by object."""

    def __init__(self, rules: Rules) -> None:
        self._kinds = Kinds(rules)
        self._recogniser = Recogniser(self._kinds)
        self._nodes: dict[str, Node] = {}
        self._loads: defaultdict[str, Load] = defaultdict(Load)
        self._waiting: list[Candidate] = []
        self._others = Others()

    def put(self, plural: str, key: str, raw: msgspec.Raw) -> None:
        """Take in an object.

        Raises:
            ObjectError: When it cannot be read; then nothing changed.
        """
        if plural == "pods":
            self._put_pod(raw)
        elif plural == "nodes":
            node = decode_node(raw)
            self._nodes[node.name] = node
        else:
            self._others.put(plural, key, raw)

    def _put_pod(self, raw: msgspec.Raw) -> None:
        """Take in a pod, unless it is finished."""
        quickly = self._recogniser.bound(raw)
        if quickly is not None:
            node, kind = quickly
            self._loads[node].kinds.append(kind)
            return
        found = decode_pod(raw, self._kinds.rules)
        if found.finished:
            return
        if found.node:
            self._loads[found.node].kinds.append(self._kinds.of(found.pod))
        else:
            self._waiting.append(found.candidate())

    def finish(self, unseen: frozenset[str], unread: Unread) -> Snapshot:
        """Return the snapshot of what was taken in."""
        hidden = {name: Node(name) for name, kind in unread.nodes.items() if kind == "nodes"}
        states = {
            name: self._loads.get(name, _NOTHING_ON_IT).state(node, unread.nodes.get(name, ""))
            for name, node in (self._nodes | hidden).items()
        }
        elsewhere = Load()
        for name, load in self._loads.items():
            elsewhere.kinds += load.kinds if name not in states else ()
        if SOME_NODE in hidden:  # it may be any of those that pods are bound to
            states[SOME_NODE] = elsewhere.state(hidden[SOME_NODE], "nodes")
            elsewhere = _NOTHING_ON_IT
        return Snapshot(
            nodes=states,
            waiting=tuple(self._waiting),
            stranded=tuple(kind.pod for kind in elsewhere.kinds if is_ours(kind.pod)),
            storage=self._others.storage(),
            namespaces=self._others.namespaces(),
            unseen=unseen | unread.kinds,
            unread={name: kind for name, kind in unread.nodes.items() if name in states},
            extended_by_class=self._others.extended_by_class(),
        )
