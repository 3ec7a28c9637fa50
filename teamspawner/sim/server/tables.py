"""Other shapes of an answer: the tables of ``kubectl get``, and metadata alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.store import Thing

__all__ = ["as_metadata", "as_table"]

Cell = Callable[[Thing], Any]
Column = tuple[str, Cell]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def as_table(kind: Kind, things: Sequence[Thing], version: str, *, more: Mapping[str, Any]) -> Any:
    """Return objects as a ``meta.k8s.io/v1`` Table."""
    columns = _COLUMNS.get(kind.kind, ())
    names = ["Name", *(title for title, _ in columns), "Age"]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version, **more},
        "columnDefinitions": [
            {"name": name, "type": "string", "format": "name" if name == "Name" else "",
             "description": "", "priority": 0}
            for name in names
        ],
        "rows": [_row(thing, columns) for thing in things],
    }  # fmt: skip


def as_metadata(thing: Thing) -> dict[str, Any]:
    """Return an object as PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": thing["metadata"],
    }


def _row(thing: Thing, columns: Sequence[Column]) -> dict[str, Any]:
    data = thing["metadata"]
    cells = [data.get("name", ""), *(cell(thing) for _, cell in columns), _age(data)]
    return {"cells": cells, "object": as_metadata(thing)}


def _age(data: Mapping[str, Any]) -> str:
    born = data.get("creationTimestamp")
    if not born:
        return "<unknown>"
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(born)).total_seconds())
    for unit, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= 2 * unit:
            return f"{seconds // unit}{letter}"
    return f"{max(seconds, 0)}s"


def _at(*path: str, missing: str = "<none>") -> Cell:
    def cell(thing: Thing) -> str:
        value: Any = thing
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, list):
            return ",".join(map(str, value)) or missing
        return missing if value is None else str(value)

    return cell


def _ready(pod: Thing) -> str:
    statuses = pod["status"].get("containerStatuses") or ()
    ready = sum(bool(one.get("ready")) for one in statuses)
    return f"{ready}/{len(pod['spec'].get('containers', ()))}"


def _pod_state(pod: Thing) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    for one in pod["status"].get("containerStatuses") or ():
        state = one.get("state") or {}
        why = (state.get("waiting") or state.get("terminated") or {}).get("reason")
        if why:
            return str(why)
    return str(pod["status"].get("reason") or pod["status"].get("phase"))


def _restarts(pod: Thing) -> int:
    return sum(one.get("restartCount", 0) for one in pod["status"].get("containerStatuses") or ())


def _node_state(node: Thing) -> str:
    conditions = {one["type"]: one["status"] for one in node["status"].get("conditions") or ()}
    state = {"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "Unknown")
    return state + (",SchedulingDisabled" if node["spec"].get("unschedulable") else "")


def _roles(node: Thing) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return (
        ",".join(sorted(k.removeprefix(prefix) for k in labels if k.startswith(prefix))) or "<none>"
    )


_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Pod": (
        ("Ready", _ready),
        ("Status", _pod_state),
        ("Restarts", _restarts),
        ("IP", _at("status", "podIP")),
        ("Node", _at("spec", "nodeName")),
    ),
    "Node": (
        ("Status", _node_state),
        ("Roles", _roles),
        ("Version", _at("status", "nodeInfo", "kubeletVersion", missing="")),
    ),
    "Namespace": (("Status", _at("status", "phase")),),
    "PersistentVolumeClaim": (
        ("Status", _at("status", "phase")),
        ("Volume", _at("spec", "volumeName", missing="")),
        ("Capacity", _at("status", "capacity", "storage", missing="")),
        ("Access Modes", _at("spec", "accessModes")),
        ("StorageClass", _at("spec", "storageClassName", missing="")),
    ),
    "PersistentVolume": (
        ("Capacity", _at("spec", "capacity", "storage")),
        ("Access Modes", _at("spec", "accessModes")),
        ("Reclaim Policy", _at("spec", "persistentVolumeReclaimPolicy")),
        ("Status", _at("status", "phase")),
        ("Claim", _at("spec", "claimRef", "name", missing="")),
    ),
    "Event": (
        ("Type", _at("type")),
        ("Reason", _at("reason")),
        ("Object", _at("involvedObject", "name")),
        ("Message", _at("message")),
    ),
    "StorageClass": (
        ("Provisioner", _at("provisioner")),
        ("VolumeBindingMode", _at("volumeBindingMode")),
    ),
    "PriorityClass": (("Value", _at("value")), ("Global-Default", _at("globalDefault"))),
    "Secret": (("Type", _at("type")),),
    "Service": (("Type", _at("spec", "type")), ("Cluster-IP", _at("spec", "clusterIP"))),
}
