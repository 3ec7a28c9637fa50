"""Pods in protobuf, as an API server writes them: for stand-ins of one.

What the package reads is declared there; here is all else that a pod has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from teamspawner.cluster.messages import MESSAGES, classes, fields

__all__ = ["event", "item", "page", "status", "written"]

_MORE = {
    "PodListEnvelope": "typeMeta:TypeMeta=1",
    "PodEnvelope": "typeMeta:TypeMeta=1",
    "StatusEnvelope": "typeMeta:TypeMeta=1",
    "TypeMeta": "apiVersion=1 kind=2",
    "ObjectMeta": "creationTimestamp:Time=8 managedFields:ManagedFieldsEntry*=17",
    "ManagedFieldsEntry": "manager=1 operation=2 apiVersion=3 time:Time=4 fieldsType=6"
    " fieldsV1:FieldsV1=7",
    "FieldsV1": "Raw:bytes=1",
    "OwnerReference": "name=3 uid=4 apiVersion=5 controller:bool=6",
    "Container": "env:EnvVar*=7 volumeMounts:VolumeMount*=9 livenessProbe:Probe=10"
    " readinessProbe:Probe=11 terminationMessagePath=13 imagePullPolicy=14",
    "EnvVar": "name=1 value=2",
    "VolumeMount": "name=1 readOnly:bool=2 mountPath=3",
    "Probe": "handler:ProbeHandler=1 periodSeconds:int32=4",
    "ProbeHandler": "httpGet:HTTPGetAction=2",
    "HTTPGetAction": "path=1 port:IntOrString=2 scheme=4",
    "IntOrString": "type:int64=1 intVal:int32=2 strVal=3",
    "PodSpec": "restartPolicy=3 serviceAccountName=8",
    "Toleration": "tolerationSeconds:int64=5",
    "VolumeSource": "configMap:ConfigMapVolumeSource=19 projected:ProjectedVolumeSource=26",
    "ConfigMapVolumeSource": "localObjectReference:Named=1 defaultMode:int32=3",
    "ProjectedVolumeSource": "sources:VolumeProjection*=1",
    "VolumeProjection": "serviceAccountToken:ServiceAccountTokenProjection=4",
    "ServiceAccountTokenProjection": "path=3",
    "PodStatus": "hostIP=5 podIP=6 qosClass=9",
    "ContainerStatus": "state:ContainerState=2 ready:bool=4 restartCount:int32=5 image=6"
    " imageID=7 containerID=8",
    "ContainerState": "running:ContainerStateRunning=2",
    "ContainerStateRunning": "startedAt:Time=1",
    "PodCondition": "lastTransitionTime:Time=4",
}
_ALL = {
    name: f"{MESSAGES.get(name, '')} {_MORE.get(name, '')}".strip()
    for name in (*MESSAGES, *(each for each in _MORE if each not in MESSAGES))
}
_CLASSES = classes(_ALL)
_FIELDS = {name: fields(text) for name, text in _ALL.items()}
_EMBEDDED = frozenset({"volumeSource", "handler", "localObjectReference"})
_SHARED = frozenset({"Container", "ManagedFieldsEntry"})
"""Much of a generated pod, and one object for all pods of a workload."""
_known: dict[int, tuple[Mapping[str, Any], Any]] = {}
_MAGIC = b"k8s\x00"


def written(kind: str, found: Mapping[str, Any]) -> Any:
    """Return an object, as JSON has it, as a message."""
    if kind not in _SHARED:
        return _written(kind, found)
    known = _known.get(id(found))
    if known is None or known[0] is not found:
        known = _known[id(found)] = (found, _written(kind, found))
    return known[1]


def _written(kind: str, found: Mapping[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for name, of, repeated in _FIELDS[kind]:
        value = found if name in _EMBEDDED else found.get(name)
        if of in {"Words", "Quantities"} and value is not None:
            values[name] = [_value(of, {"key": key, "value": each}) for key, each in value.items()]
        elif value is not None:
            values[name] = [_value(of, each) for each in value] if repeated else _value(of, value)
    return _CLASSES[kind](**values)


def _value(kind: str, value: Any) -> Any:
    if kind == "Time":
        return _CLASSES[kind](seconds=int(datetime.fromisoformat(value).timestamp()))
    if kind == "Quantity":
        return _CLASSES[kind](string=str(value))
    if kind == "FieldsV1":
        return _CLASSES[kind](Raw=json.dumps(value, separators=(",", ":")).encode())
    if kind == "IntOrString":
        return _CLASSES[kind](intVal=value)
    return written(kind, value) if kind in _FIELDS else value


def item(pod: bytes) -> bytes:
    """Return a pod that is written already as a page has it."""
    return b"\x12" + _length(len(pod)) + pod


def page(meta: Mapping[str, str], items: Iterable[bytes]) -> bytes:
    """Return a page of a list of such pods."""
    front = _CLASSES["PodList"](metadata=written("ListMeta", meta)).SerializeToString()
    return _envelope("PodList", front + b"".join(items))


def event(kind: str, pod: bytes) -> bytes:
    """Return an event of a watch about a pod that is written already."""
    return _frame(kind, _envelope("Pod", pod))


def status(found: Mapping[str, Any], *, as_event: bool = False) -> bytes:
    """Return a Status, perhaps as what ends a watch."""
    body = _envelope("Status", written("Status", found).SerializeToString())
    return _frame("ERROR", body) if as_event else body


def _frame(kind: str, raw: bytes) -> bytes:
    found = _CLASSES["WatchEvent"](type=kind, object=_CLASSES["RawExtension"](raw=raw))
    text: bytes = found.SerializeToString()
    return len(text).to_bytes(4) + text


def _envelope(kind: str, body: bytes) -> bytes:
    meta = _CLASSES["TypeMeta"](apiVersion="v1", kind=kind).SerializeToString()
    front = b"\x0a" + _length(len(meta)) + meta
    return _MAGIC + front + b"\x12" + _length(len(body)) + body + b"\x1a\x00\x22\x00"


def _length(size: int) -> bytes:
    """Return a number as protobuf writes it before what is so long."""
    found = bytearray()
    while size > 0x7F:
        found.append(size & 0x7F | 0x80)
        size >>= 7
    found.append(size)
    return bytes(found)
