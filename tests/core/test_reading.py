"""Odd objects are told apart, with the place of the fault; none of them is a crash."""

import json

import pytest

from teamspawner.capacity import Rules
from teamspawner.cluster.decode import ObjectError, candidate, decode_node, decode_pod
from teamspawner.cluster.decode_storage import decode_claim, decode_class, decode_volume
from teamspawner.cluster.form import HalfError
from teamspawner.cluster.receivers import receiver_for
from teamspawner.cluster.state import State
from tests.core.raw import claim, node, pod

RULES = Rules()


def nested(depth):
    found = {}
    for _ in range(depth):
        found = {"x": found}
    return found


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b"\xff", ""),
        (b"null", "Expected `object`"),
        (b"{}", "no name"),
        ({"metadata": {"name": ""}}, "no name"),
        ({"metadata": {"name": 5}}, "metadata.name: Expected `str | null`, got `int`"),
        ({"metadata": {"name": "x", "labels": {"a": 5}}}, "metadata.labels"),
        ({"metadata": {"name": "x"}, "spec": {"tolerations": 5}}, "Expected `array`"),
        ({"metadata": {"name": "x"}, "spec": {"affinity": {"podAffinity": 5}}}, "podAffinity"),
        ({"metadata": {"name": "x"}, "spec": object()}, "not a plain object"),
        ({"metadata": {"name": "\ud800"}}, "not a plain object"),
    ],
)
def test_what_is_no_pod_is_told_with_its_place(source, said):
    with pytest.raises(ObjectError) as caught:
        decode_pod(source, RULES)
    assert said in str(caught.value)


def test_an_object_that_is_nested_without_end_is_no_crash():
    deep = {"metadata": {"name": "x"}, "spec": {"affinity": nested(200)}}
    assert decode_pod(deep, RULES).pod.spec.affinity == ()
    with pytest.raises(ObjectError):
        decode_pod({"metadata": {"name": "x", "labels": nested(100_000)}}, RULES)
    text = b'{"metadata":{"name":"x"},"status":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
    with pytest.raises(ObjectError):
        decode_pod(text, RULES)


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (pod(cpu="x"), "spec.containers[0].resources.requests.cpu"),
        (pod(cpu=1, spec={"overhead": {"cpu": ""}}), "spec.overhead.cpu"),
    ],
)
def test_an_amount_that_cannot_be_read_is_told_with_its_place(found, place):
    with pytest.raises(ObjectError) as caught:
        candidate(found, RULES)
    assert caught.value.place == place


def test_sizes_of_disks_are_read_too():
    bad = claim("x", resources={"requests": {"storage": "big"}})
    with pytest.raises(ObjectError, match=r"spec.resources.requests.storage"):
        decode_claim(bad)


def test_odd_annotations_are_passed_over():
    odd = claim("x")
    odd["metadata"]["annotations"] = {"a": 5, "pv.kubernetes.io/bind-completed": "yes"}
    assert decode_claim(odd).bind_completed
    odd["metadata"]["annotations"] = ["x"]
    assert not decode_claim(odd).bind_completed


def test_text_and_bytes_and_mappings_are_read_alike():
    found = node(cpu=4)
    text = json.dumps(found)
    assert decode_node(found) == decode_node(text) == decode_node(text.encode())


@pytest.mark.parametrize(
    ("meta", "resident"),
    [
        ({"ownerReferences": [{"kind": "DaemonSet"}]}, True),
        ({"ownerReferences": [{"kind": "Node"}]}, True),
        ({"ownerReferences": [{"kind": "ReplicaSet"}]}, False),
        ({"annotations": {"kubernetes.io/config.mirror": "x"}}, True),
        ({"annotations": {"other": "x"}}, False),
    ],
    ids=["daemonset", "mirror", "deployment", "static", "plain"],
)
def test_daemonset_and_static_pods_belong_to_their_node(meta, resident):
    assert decode_pod(pod(on="a", meta=meta), RULES).pod.spec.resident is resident


def test_what_the_scheduler_has_seen_is_known_by_its_condition():
    conditions = {"conditions": [{"type": "PodScheduled", "status": "False"}]}
    assert decode_pod(pod(status=conditions), RULES).judged
    assert not decode_pod(pod(), RULES).judged


def test_a_class_knows_whether_it_is_the_default():
    mark = {"storageclass.kubernetes.io/is-default-class": "true"}
    found = decode_class({"metadata": {"name": "x", "annotations": mark}})
    assert (found.is_default, found.binding_mode) == (True, "Immediate")


def test_a_volume_without_anything_is_no_fault():
    found = decode_volume({"metadata": {"name": "x"}})
    assert (found.capacity_bytes, found.phase, found.claim) == (0, "", None)


@pytest.mark.parametrize(
    "source",
    [
        {"cinder": {"volumeID": "v"}},
        {"azureDisk": {"diskURI": "/d", "diskName": "d"}},
        {"awsElasticBlockStore": {"volumeID": "v"}},
        {"gcePersistentDisk": {"pdName": "v", "readOnly": True}},
        {"rbd": {"monitors": ["m"], "image": "i"}},
        {"iscsi": {"iqn": "i"}},
        {"ephemeral": {"volumeClaimTemplate": {}}},
        {"persistentVolumeClaim": {"claimName": "c"}},
        {"emptyDir": {}},
    ],
    ids=lambda source: next(iter(source)),
)
def test_a_pod_is_read_alike_quickly_and_in_full(source):
    found = pod(on="a", cpu=1, spec={"volumes": [{"name": "v", **source}]})
    found["metadata"]["uid"] = "u"
    state = State(RULES)
    state.put_node(node("a"))
    page = json.dumps({"metadata": {}, "items": [found]}).encode()
    assert list(receiver_for("pods", state, print).page(page)[1])
    assert state.snapshot(None).nodes["a"].pods == (decode_pod(found, RULES).pod,)


@pytest.mark.parametrize(
    ("conditions", "ready"),
    [
        pytest.param([], True, id="nothing-known-against-it"),
        pytest.param([{"type": "DiskPressure", "status": "False"}], True, id="others-only"),
        pytest.param([{"type": "Ready", "status": "True"}], True, id="ready"),
        pytest.param([{"type": "Ready", "status": "False"}], False, id="not-ready"),
        pytest.param([{"type": "Ready", "status": "Unknown"}], False, id="not-heard-of"),
    ],
)
def test_a_node_is_ready_unless_it_says_otherwise(conditions, ready):
    raw = {"metadata": {"name": "n"}, "status": {"conditions": conditions}}
    assert decode_node(raw).ready is ready


@pytest.mark.parametrize("kind", ["nodes", "pods", "namespaces", "resourcequotas"])
@pytest.mark.parametrize("take", ["page", "event"])
def test_what_was_cut_on_the_way_is_told_from_what_is_odd(kind, take):
    receiver = receiver_for(kind, State(RULES), print)
    with pytest.raises(HalfError):
        getattr(receiver, take)(b'{"metadata": {"resourceVersion": "5"')


def test_annotations_that_are_no_texts_name_nobody():
    state = State(RULES)
    labels = {"teamspawner/tier": "small"}
    found = pod(meta={"labels": labels, "annotations": {"hub.jupyter.org/username": 5}})
    event = {"type": "ADDED", "object": found}
    receiver_for("pods", state, print).event(json.dumps(event).encode())
    assert [each.username for each in state.ours()] == [""]
