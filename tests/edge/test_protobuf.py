"""Pods told of in protobuf: asked for where it can be read, and read as JSON would be."""

from __future__ import annotations

import os
import subprocess
import sys
import types
import typing
from collections.abc import Iterator

import msgspec
import pytest
from aiohttp import web

from benchmarks import protobuf
from teamspawner.cluster import wire
from teamspawner.cluster.binary import BinaryPods, words_of
from teamspawner.cluster.form import HalfError
from teamspawner.cluster.messages import MESSAGES, WHOLE, fields, mapping
from tests.edge.build import a_node, a_pod, a_watcher, until, used
from tests.edge.fake_api import PROTOBUF, FakeApi

RICH = {
    "metadata": {
        "name": "rich",
        "namespace": "default",
        "uid": "u",
        "labels": {"app": "x"},
        "annotations": {"note": "y"},
        "ownerReferences": [{"kind": "Node"}],
    },
    "spec": {
        "nodeName": "n1",
        "nodeSelector": {"pool": "gpu"},
        "hostNetwork": True,
        "hostUsers": False,
        "priority": 0,
        "overhead": {"cpu": "10m"},
        "schedulingGates": [{"name": "later"}],
        "resourceClaims": [{"name": "device"}],
        "resources": {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}},
        "tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "value": "c"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "z", "operator": "In", "values": ["1"]}]},
                        {"matchFields": [{"key": "metadata.name", "values": ["n1"]}]},
                    ]
                }
            },
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "topologyKey": "zone",
                        "labelSelector": {"matchLabels": {"a": "b"}},
                        "namespaceSelector": {},
                        "matchLabelKeys": ["app"],
                    }
                ]
            },
        },
        "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "zone", "minDomains": 3}],
        "volumes": [
            {"name": "a", "gcePersistentDisk": {"pdName": "pd", "readOnly": True}},
            {"name": "b", "rbd": {"monitors": ["m1", "m2"], "image": "i"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "home"}},
            {"name": "d"},
        ],
        "initContainers": [{"name": "init", "restartPolicy": "Always"}],
        "containers": [
            {
                "name": "main",
                "image": "i",
                "ports": [{"containerPort": 80, "hostPort": 80, "protocol": "UDP"}],
                "resources": {"requests": {"cpu": "1", "nvidia.com/gpu": "1"}},
                "restartPolicyRules": [{"action": "RestartAllContainers"}],
            }
        ],
    },
    "status": {
        "phase": "Running",
        "nominatedNodeName": "n2",
        "conditions": [{"type": "PodScheduled", "status": "True", "reason": "r"}],
        "allocatedResources": {"cpu": "2"},
        "containerStatuses": [{"name": "main", "resources": {"requests": {"cpu": "1"}}}],
    },
}


def test_a_pod_says_in_protobuf_what_it_says_in_json():
    text = protobuf.written("Pod", RICH).SerializeToString()
    assert mapping(WHOLE["Pod"].FromString(text)) == RICH


def paths(kind: type, at: str = "") -> Iterator[str]:
    """All fields of a wire struct, by their names in the API."""
    hints = typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        yield f"{at}{field.encode_name}"
        for part in structs_in(hints[field.name]):
            yield from paths(part, f"{at}{field.encode_name}.")


def structs_in(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    elif isinstance(hint, types.UnionType) or typing.get_origin(hint) is list:
        for part in typing.get_args(hint):
            yield from structs_in(part)


def declared(message: str, at: str = "") -> Iterator[str]:
    """All fields of a message, those of an embedded one as its own."""
    for name, kind, _ in fields(MESSAGES[message]):
        here = at if name == "volumeSource" else f"{at}{name}."
        yield here.rstrip(".")
        if kind in MESSAGES:
            yield from declared(kind, here)


NOT_READ_OF_PODS = {
    "metadata.ownerReferences.uid",
    "metadata.ownerReferences.controller",
}


def test_every_field_that_is_read_of_a_pod_is_declared():
    assert set(paths(wire.Pod)) - set(declared("Pod")) == NOT_READ_OF_PODS


RAW = {
    wire.Affinity: "Affinity",
    wire.Toleration: "Toleration",
    wire.Spread: "TopologySpreadConstraint",
    wire.RestartRule: "ContainerRestartRule",
}


@pytest.mark.parametrize("kind", RAW, ids=lambda kind: kind.__name__)
def test_every_field_that_is_read_of_what_few_pods_have_is_declared(kind):
    assert set(paths(kind)) <= set(declared(RAW[kind]))


def test_every_field_that_is_read_of_a_legacy_disk_is_declared():
    disks = [kind for _, kind, _ in fields(MESSAGES["VolumeSource"]) if kind.count("Disk")]
    others = ("ISCSI", "RBD", "Cinder", "AWSElasticBlockStore")
    disks += [f"{name}VolumeSource" for name in others]
    found = {name for disk in disks for name, _, _ in fields(MESSAGES[disk])}
    assert set(paths(wire.Disk)) == found


def accepted(api: FakeApi) -> set[str]:
    asked = zip(api.requests, api.headers, strict=True)
    return {headers["Accept"] for (kind, _, _), headers in asked if kind == "pods"}


@pytest.mark.asyncio
async def test_json_is_asked_for_where_protobuf_is_not_wanted():
    async with FakeApi() as api:
        api.put("pods", a_pod("a"))
        async with a_watcher(api, binary=False) as watcher:
            assert await watcher.synced(5)
        assert accepted(api) == {"application/json"}


@pytest.mark.asyncio
async def test_a_server_that_knows_json_alone_is_understood():
    async with FakeApi(binary=False) as api:
        api.put("nodes", a_node())
        api.put("pods", a_pod("a"))
        async with a_watcher(api) as watcher:
            assert await watcher.synced(5)
            assert used(watcher) == 1000
        assert accepted(api) == {f"{PROTOBUF}, application/json"}


@pytest.mark.asyncio
@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "paged"])
async def test_what_cannot_be_read_twice_is_asked_for_in_json(streams):
    async def nonsense(_: web.Request) -> web.Response:
        return web.Response(body=b"k8s\0" + b"\xff" * 20, content_type=PROTOBUF)

    verb = "stream" if streams else "list"
    async with FakeApi(streams=streams) as api:
        api.put("nodes", a_node())
        api.put("pods", a_pod("a"))
        api.once("pods", verb, nonsense)
        api.once("pods", verb, nonsense)
        async with a_watcher(api) as watcher:
            assert await watcher.synced(5)
            assert used(watcher) == 1000
        assert accepted(api) == {f"{PROTOBUF}, application/json", "application/json"}


@pytest.mark.asyncio
async def test_half_an_event_is_a_cut_and_not_the_end():
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with a_watcher(api) as watcher:
            assert await watcher.synced(5)
            await until(lambda: api.watching("pods"))
            await api.say("pods", api.form("pods").event("ADDED", a_pod("a"))[:-10])
            api.cut("pods")
            api.put("pods", a_pod("late", cpu="3"))
            await until(lambda: used(watcher) == 3000)
        assert api.count("pods", "list", "stream") == 1


@pytest.mark.asyncio
async def test_an_event_of_a_kind_not_known_alters_nothing():
    async with FakeApi() as api:
        api.put("nodes", a_node())
        async with a_watcher(api) as watcher:
            assert await watcher.synced(5)
            await until(lambda: api.watching("pods"))
            await api.say("pods", api.form("pods").event("SURPRISE", {}))
            api.put("pods", a_pod("late", cpu="3"))
            await until(lambda: used(watcher) == 3000)
            assert not watcher.status().trouble
        assert api.count("pods", "stream", "watch") == 1


@pytest.mark.asyncio
async def test_a_refusal_is_told_in_the_servers_words():
    async with FakeApi() as api:
        api.forbidden.add("pods")
        async with a_watcher(api) as watcher:
            assert await watcher.synced(5)
            assert "HTTP 403: said 403" in watcher.status().kinds["pods"].refused


def test_a_refusal_that_is_no_status_has_no_words():
    assert words_of(b"k8s\0\xff") == words_of(b"<html>") == ""


def test_an_event_that_would_never_end_is_none():
    with pytest.raises(HalfError, match="too long"):
        BinaryPods.whole(b'{"type":"ADDED"')


def test_json_is_asked_for_where_the_library_reads_slowly():
    script = (
        "from teamspawner.cluster.asking import accepted\n"
        "from teamspawner.cluster.source import KINDS, Settings\n"
        "print(accepted(KINDS['pods'], Settings()))"
    )
    slowly = {**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    found = subprocess.run(
        [sys.executable, "-c", script], env=slowly, stdout=subprocess.PIPE, text=True, check=True
    )
    assert found.stdout == "application/json\n"
