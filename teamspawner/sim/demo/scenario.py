"""The file that describes a cluster and its people; every fault of it at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from teamspawner.errors import Fault, TeamSpawnerError
from teamspawner.sim.demo.people import name_faults, named
from teamspawner.sim.demo.shapes import Gpu, ShortNode, Text, raw_nodes
from teamspawner.sim.server.kinds import BY_KIND, Kind
from teamspawner.sim.server.refusal import Refusal
from teamspawner.sim.server.schema import decode

__all__ = ["DEFAULT", "Scenario", "ScenarioError", "read_scenario"]

DEFAULT = Path(__file__).parent.parent / "scenarios" / "default.yaml"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LONGEST = 80


class ScenarioError(TeamSpawnerError, ValueError):
    """A scenario cannot be used.

    Attributes:
        faults: Every fault, in the order of the file; never empty.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Scenario:
    """A cluster and its people.

    Attributes:
        users: Name to groups, as JupyterHub keeps names; admins are in it.
        admins: Who may do everything in the hub.
        map: The map as text, None when there is none.
        objects: Raw objects of the cluster, nodes first, pods last.
    """

    users: dict[str, tuple[str, ...]]
    admins: tuple[str, ...] = ()
    map: str | None = None
    objects: tuple[dict[str, Any], ...] = field(default=())


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    users: dict[Text, list[Text] | None] = Field(min_length=1)
    admins: list[Text] = Field(default_factory=list)
    map: dict[str, Any] | str | None = None
    nodes: list[dict[str, Any]] = Field(default_factory=list)
    pods: list[dict[str, Any]] = Field(default_factory=list)
    dump: str | None = None


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file; paths in it are relative to it.

    Raises:
        ScenarioError: With every fault.
    """
    value = _parsed(path, path.name)
    if not isinstance(value, dict):
        allowed = "keys and values: " + ", ".join(_File.model_fields)
        raise ScenarioError((Fault(path.name, _shown(value), allowed, ""),))
    faults = list(_faults(_File, value, ""))
    faults += name_faults(value.get("users"), value.get("admins"))
    nodes = list(_nodes(value.get("nodes"), faults))
    pods = list(_raw(value.get("pods"), "pods", "Pod", faults))
    faults += [*_twins("nodes", nodes), *_twins("pods", pods)]
    dump = _dump(path, value.get("dump"), faults)
    told = _map(path, value.get("map"), faults)
    if faults:
        raise ScenarioError(tuple(faults))
    file = _File.model_validate(value)
    users = {named(name): tuple(groups or ()) for name, groups in file.users.items()}
    admins = tuple(map(named, file.admins))
    users |= {name: () for name in admins if name not in users}
    objects = sorted([*nodes, *dump, *pods], key=lambda one: _RANK.get(one["kind"], 5))
    return Scenario(users, admins, told, tuple(objects))


_RANK = {"Namespace": 0, "PriorityClass": 1, "StorageClass": 1, "RuntimeClass": 1, "Node": 2,
         "PersistentVolume": 3, "PersistentVolumeClaim": 4, "Pod": 9}  # fmt: skip


def _parsed(path: Path, place: str) -> Any:
    """Read YAML or JSON.

    Raises:
        ScenarioError: When the file cannot be read or is neither.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ScenarioError((Fault(place, f"{path}: {why}", "a file", "check the path"),)) from None
    try:
        return json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _LOADER)  # noqa: S506 - a safe one
    except (ValueError, yaml.YAMLError):
        pass
    try:
        return yaml.load(text, _LOADER)  # noqa: S506 - a safe one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{place} (line {mark.line + 1})" if mark else place
        found = getattr(error, "problem", None) or str(error)
        raise ScenarioError((Fault(where, found, "YAML or JSON", "correct the syntax"),)) from None


def _faults(model: type[BaseModel], value: Any, prefix: str) -> Iterator[Fault]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        seen = set()
        for detail in error.errors(include_url=False):
            path = [part for part in detail["loc"] if part not in _INNER]
            place = _spell(prefix, path)
            if place not in seen:
                seen.add(place)
                yield _fault(model, place, path, detail)


_INNER = frozenset({"str", "[key]"} | {f"list[{inner}]" for inner in ("str", "function-before")})


def _spell(prefix: str, path: Iterable[str | int]) -> str:
    text = prefix
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not str(part).startswith(("dict[", "list[", "function-")):
            text += f".{part}" if text else str(part)
    return text or "scenario"


def _fault(model: type[BaseModel], place: str, path: list[Any], detail: Any) -> Fault:
    kind, found = detail["type"], detail.get("input")
    owner = Gpu if path[:-1] and path[-2] == "gpu" else model
    if kind == "extra_forbidden":
        known = list(owner.model_fields)
        close = get_close_matches(str(path[-1]), known, n=1)
        fix = f"did you mean {close[0]}?" if close else f"remove {path[-1]}"
        return Fault(place, f"the key {path[-1]}", ", ".join(known), fix)
    if kind == "missing":
        return Fault(place, "nothing", _allowed(path[-1], detail), f"add {path[-1]}")
    return Fault(place, _shown(found), _allowed(path[-1] if path else "", detail), "")


_WORDS = {
    "users": "at least one name with its groups, such as alice: [physics]",
    "admins": "a list of names",
    "nodes": "a list of nodes",
    "pods": "a list of pods",
    "map": "the map itself, or the path of a file with it",
    "dump": "the path of a file",
    "name": "a name in lower case, such as gpu-a100",
    "count": "a whole number from 0",
    "cpu": "a quantity, such as 16 or 500m",
    "memory": "a quantity, such as 64Gi",
    "resource": "a resource with its domain, such as nvidia.com/gpu",
    "model": "the model, as the node's label spells it",
    "memory_mib": "a whole number of MiB for each device",
    "gpu": "keys and values: " + ", ".join(Gpu.model_fields),
    "labels": "keys and values, both text",
}


_TYPES = {
    "list_type": "a list, such as [physics]",
    "dict_type": "keys and values",
    "string_type": "text",
}


def _allowed(field: Any, detail: Any) -> str:
    if field in _WORDS:
        return _WORDS[field]
    told = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return _TYPES.get(detail["type"], told)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _nodes(values: Any, faults: list[Fault]) -> Iterator[dict[str, Any]]:
    for place, value in enumerate(values if isinstance(values, list) else ()):
        if not isinstance(value, dict):
            continue  # the file's own schema has told
        if {"metadata", "status", "spec", "kind"} & value.keys():
            yield from _raw([value], "nodes", "Node", faults, place)
            continue
        found = list(_faults(ShortNode, value, f"nodes[{place}]"))
        faults += found
        if not found:
            yield from raw_nodes(ShortNode.model_validate(value))


def _raw(
    values: Any, where: str, kind: str, faults: list[Fault], start: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield raw objects of one kind, completed by kind and version."""
    for place, value in enumerate(values if isinstance(values, list) else (), start):
        if not isinstance(value, dict):
            continue  # the file's own schema has told
        thing = {"apiVersion": "v1", "kind": kind} | value
        fault = _object_fault(thing, f"{where}[{place}]", kind)
        if fault:
            faults.append(fault)
        else:
            yield thing


def _twins(where: str, things: Iterable[Mapping[str, Any]]) -> Iterator[Fault]:
    """Tell objects of one name, of which only one could be made."""
    seen: set[tuple[str, str]] = set()
    for thing in things:
        meta = thing["metadata"]
        key = (str(meta.get("namespace") or "default"), str(meta["name"]))
        if key in seen:
            allowed = "names that differ, for only one of them can be made"
            yield Fault(where, f"a second {key[1]}", allowed, "rename one of them")
        seen.add(key)


def _object_fault(thing: Mapping[str, Any], place: str, wanted: str = "") -> Fault | None:
    kind = BY_KIND.get((thing.get("apiVersion"), thing.get("kind")))  # type: ignore[arg-type] # none fits None
    if kind is None or (wanted and kind.kind != wanted):
        return Fault(place, f"kind {thing.get('kind')}", f"kind {wanted}", "")
    meta = thing.get("metadata")
    if not isinstance(meta, Mapping) or not isinstance(meta.get("name"), str):
        return Fault(f"{place}.metadata.name", "nothing", "a name", "add metadata.name")
    if kind.kind == "Pod" and not isinstance(thing.get("spec"), Mapping):
        return Fault(f"{place}.spec", _shown(thing.get("spec")), "the pod's spec", "add spec")
    return _decode_fault(kind, thing, place)


def _decode_fault(kind: Kind, thing: Mapping[str, Any], place: str) -> Fault | None:
    try:
        decode(kind, thing, lambda _: None)
    except Refusal as refusal:
        return Fault(place, refusal.message, f"a {kind.kind} as the API takes it", "")
    return None


def _dump(path: Path, name: Any, faults: list[Fault]) -> list[dict[str, Any]]:
    """Return the objects of a saved cluster; kinds that nobody here serves are left out."""
    if not isinstance(name, str):
        return []
    try:
        value = _parsed(path.parent / name, "dump")
    except ScenarioError as error:
        faults += error.faults
        return []
    items = value.get("items") if isinstance(value, dict) else None
    if not isinstance(items, list):
        allowed = "a List with items, as kubectl get -A -o json prints it"
        faults.append(Fault("dump", _shown(value), allowed, ""))
        return []
    known = [one for one in items if isinstance(one, dict) and _is_served(one)]
    found = [_object_fault(one, f"dump.items[{place}]") for place, one in enumerate(known)]
    faults += [fault for fault in found if fault]
    return known


def _is_served(thing: Mapping[str, Any]) -> bool:
    kind = BY_KIND.get((thing.get("apiVersion"), thing.get("kind")))  # type: ignore[arg-type] # none fits None
    return kind is not None and kind.writable and kind.plural not in {"events", "leases"}


def _map(path: Path, value: Any, faults: list[Fault]) -> str | None:
    if isinstance(value, str):
        try:
            return (path.parent / value).read_text()
        except OSError as error:
            faults.append(
                Fault("map", f"{value}: {error.strerror}", _WORDS["map"], "check the path")
            )
            return None
    return (
        yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
        if isinstance(value, dict)
        else None
    )
