"""The API's pods as protobuf messages: the fields that a verdict needs; all others are skipped.

Field numbers are those of ``generated.proto`` in k8s.io/api and k8s.io/apimachinery, which
never change. Each message is declared twice: once with all that is in it, and once *cut*, where
whatever need not be looked into stays bytes. Both read the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError, Message

__all__ = [
    "CUT",
    "MESSAGES",
    "QUICK",
    "WHOLE",
    "DecodeError",
    "classes",
    "fields",
    "mapping",
    "opened",
]

QUICK = api_implementation.Type() == "upb"
"""Whether the library reads in C; in Python it would be slower than JSON."""

_MAGIC = b"k8s\0"
"""What every object starts with, by itself or in an event (``serializer/protobuf``)."""

MESSAGES: Mapping[str, str] = {
    "PodListEnvelope": "raw:PodList=2",
    "PodEnvelope": "raw:Pod=2",
    "StatusEnvelope": "raw:Status=2",
    "WatchEvent": "type=1 object:RawExtension=2",
    "RawExtension": "raw:bytes=1",
    "Status": "message=3 reason=4 code:int32=6",
    "ListMeta": "resourceVersion=2 continue=3",
    "PodList": "metadata:ListMeta=1 items:Pod*=2",
    "Pod": "metadata:ObjectMeta=1 spec:PodSpec=2 status:PodStatus=3",
    "ObjectMeta": "name=1 namespace=3 uid=5 resourceVersion=6 deletionTimestamp:Time=9"
    " labels:Words*=11 annotations:Words*=12 ownerReferences:OwnerReference*=13",
    "OwnerReference": "kind=1",
    "Time": "seconds:int64=1 nanos:int32=2",
    "Words": "key=1 value=2",
    "Quantity": "string=1",
    "Quantities": "key=1 value:Quantity=2",
    "PodSpec": "volumes:Volume*=1 containers:Container*=2 nodeSelector:Words*=7 nodeName=10"
    " hostNetwork:bool=11 affinity:Affinity=18 schedulerName=19 initContainers:Container*=20"
    " tolerations:Toleration*=22 priority:int32=25 preemptionPolicy=31 overhead:Quantities*=32"
    " topologySpreadConstraints:TopologySpreadConstraint*=33 hostUsers:bool=37"
    " schedulingGates:Named*=38 resourceClaims:Named*=39 resources:ResourceRequirements=40",
    "PodStatus": "phase=1 conditions:PodCondition*=2 containerStatuses:ContainerStatus*=8"
    " initContainerStatuses:ContainerStatus*=10 nominatedNodeName=11"
    " allocatedResources:Quantities*=19 resources:ResourceRequirements=20",
    "Container": "name=1 image=2 ports:ContainerPort*=6 resources:ResourceRequirements=8"
    " restartPolicy=24 restartPolicyRules:ContainerRestartRule*=25",
    "ContainerPort": "hostPort:int32=2 containerPort:int32=3 protocol=4 hostIP=5",
    "ContainerRestartRule": "action=1",
    "ContainerStatus": "name=1 allocatedResources:Quantities*=10 resources:ResourceRequirements=11",
    "PodCondition": "type=1 status=2 reason=5",
    "ResourceRequirements": "limits:Quantities*=1 requests:Quantities*=2",
    "Named": "name=1",
    "Affinity": "nodeAffinity:NodeAffinity=1 podAffinity:PodAffinity=2"
    " podAntiAffinity:PodAffinity=3",
    "NodeAffinity": "requiredDuringSchedulingIgnoredDuringExecution:NodeSelector=1",
    "NodeSelector": "nodeSelectorTerms:NodeSelectorTerm*=1",
    "NodeSelectorTerm": "matchExpressions:Requirement*=1 matchFields:Requirement*=2",
    "Requirement": "key=1 operator=2 values*=3",
    "PodAffinity": "requiredDuringSchedulingIgnoredDuringExecution:PodAffinityTerm*=1",
    "PodAffinityTerm": "labelSelector:LabelSelector=1 namespaces*=2 topologyKey=3"
    " namespaceSelector:LabelSelector=4 matchLabelKeys*=5 mismatchLabelKeys*=6",
    "LabelSelector": "matchLabels:Words*=1 matchExpressions:Requirement*=2",
    "Toleration": "key=1 operator=2 value=3 effect=4",
    "TopologySpreadConstraint": "maxSkew:int32=1 topologyKey=2 whenUnsatisfiable=3"
    " labelSelector:LabelSelector=4 minDomains:int32=5 nodeAffinityPolicy=6 nodeTaintsPolicy=7"
    " matchLabelKeys*=8",
    "Volume": "name=1 volumeSource:VolumeSource=2",
    "VolumeSource": "gcePersistentDisk:GCEPersistentDiskVolumeSource=3"
    " awsElasticBlockStore:AWSElasticBlockStoreVolumeSource=4 iscsi:ISCSIVolumeSource=8"
    " persistentVolumeClaim:PersistentVolumeClaimVolumeSource=10 rbd:RBDVolumeSource=11"
    " cinder:CinderVolumeSource=13 azureDisk:AzureDiskVolumeSource=22"
    " ephemeral:EphemeralVolumeSource=29",
    "PersistentVolumeClaimVolumeSource": "claimName=1",
    "EphemeralVolumeSource": "",
    "GCEPersistentDiskVolumeSource": "pdName=1 readOnly:bool=4",
    "AWSElasticBlockStoreVolumeSource": "volumeID=1 readOnly:bool=4",
    "ISCSIVolumeSource": "iqn=2 readOnly:bool=6",
    "RBDVolumeSource": "monitors*=1 image=2 pool=4 readOnly:bool=8",
    "CinderVolumeSource": "volumeID=1 readOnly:bool=3",
    "AzureDiskVolumeSource": "diskURI=2 readOnly:bool=5 kind=6",
}
"""Message name to its fields, each ``name:type=number``; ``*`` marks repeated ones, and a
field without a type is a text."""

_OPEN = frozenset(
    {
        *("PodListEnvelope", "PodEnvelope", "PodList", "ListMeta", "Pod", "ObjectMeta"),
        *("Time", "OwnerReference", "PodSpec", "PodStatus", "Volume", "VolumeSource"),
        *("Container", "ContainerStatus"),
    }
)
"""What is looked into in every pod."""

_WEIGHTLESS = frozenset(
    {
        *("ObjectMeta.annotations", "Time.seconds", "Time.nanos"),
        *("Volume.name", "Container.image"),
    }
)
"""What differs among pods that weigh the same, or tells nothing of their weight. Of static pods
their owner tells, as of those of a DaemonSet: the node."""

_SCALARS: Mapping[str, Any] = {
    "": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
}
_FIELD = re.compile(r"(\w+):?(\w*)(\*?)=(\d+)")


def classes(messages: Mapping[str, str] = MESSAGES, *, cut: bool = False) -> Mapping[str, Any]:
    """Return a class for each message; types of its fields are told by the text alone.

    Args:
        messages: Message name to its fields, as in ``MESSAGES``.
        cut: Leave as bytes what need not be looked into, and leave out what weighs nothing.
    """
    package = "cut" if cut else "whole"
    file = descriptor_pb2.FileDescriptorProto(name=package, package=package, syntax="proto2")
    for message in _OPEN if cut else messages:
        declared = file.message_type.add(name=message)
        for name, kind, repeated, number in _FIELD.findall(messages[message]):
            if not (cut and f"{message}.{name}" in _WEIGHTLESS):
                field = declared.field.add(name=name, number=int(number))
                field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
                _type(field, "bytes" if cut and kind not in {*_SCALARS, *_OPEN} else kind)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(each)
        for name, each in pool.FindFileByName(package).message_types_by_name.items()
    }


def fields(text: str) -> list[tuple[str, str, bool]]:
    """Return the fields that such a text tells of: name, type, and whether it is repeated."""
    return [(name, kind, bool(repeated)) for name, kind, repeated, _ in _FIELD.findall(text)]


def _type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = field.TYPE_MESSAGE, kind


WHOLE = classes()
CUT = classes(cut=True)


def opened(envelope: Any, data: bytes) -> Any:
    """Return what an object of the API holds.

    Raises:
        DecodeError: When it is none.
    """
    if not data.startswith(_MAGIC):
        raise DecodeError("no protobuf of the API: it does not start with k8s")
    return envelope.FromString(memoryview(data)[len(_MAGIC) :]).raw


def mapping(message: Message) -> dict[str, Any]:
    """Return a message, whole or cut, as the API writes it in JSON.

    Times excepted: of those it is looked at only whether they are there.
    """
    readers = _READERS[type(message)]
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        name, read = readers[field.number]
        found[name] = read(value)
    if "volumeSource" in found:  # embedded: its fields are those of the volume
        found |= found.pop("volumeSource")
    return found


@lru_cache(maxsize=1 << 14)
def _opened(kind: str, raw: bytes) -> Any:
    """Read what was cut; many pods have the same."""
    read: Callable[[Any], Any] = _READ.get(kind, mapping)
    return read(WHOLE[kind].FromString(raw))


_READ: Mapping[str, Callable[[Any], Any]] = {
    "Quantity": lambda found: found.string,
    "Words": lambda found: (found.key, found.value),
    "Quantities": lambda found: (found.key, found.value.string),
}
"""Messages that are no objects in JSON: texts, and pairs of a mapping."""

_PAIRS = frozenset({"Words", "Quantities"})


def _reader(kind: str, *, repeated: bool, cut: bool) -> Callable[[Any], Any]:
    """Return what reads a field of such a type."""
    if kind in _SCALARS:
        return list if repeated else _same
    closed = cut and kind not in _OPEN
    one = partial(_opened, kind) if closed else _READ.get(kind, mapping)
    if not repeated:
        return one
    return lambda found: (dict if kind in _PAIRS else list)(map(one, found))


def _same(value: Any) -> Any:
    return value


def _readers(messages: Mapping[str, Any], *, cut: bool) -> Iterator[tuple[Any, dict[int, Any]]]:
    """Give for each class what reads its fields: number to name and reader."""
    for message, made in messages.items():
        numbers = {field.name: field.number for field in made.DESCRIPTOR.fields}
        yield (
            made,
            {
                numbers[name]: (name, _reader(kind, repeated=repeated, cut=cut))
                for name, kind, repeated in fields(MESSAGES[message])
                if name in numbers
            },
        )


_READERS = dict([*_readers(WHOLE, cut=False), *_readers(CUT, cut=True)])
