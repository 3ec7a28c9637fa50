"""Pods as an API server would tell of them: workloads, and the pods of each."""

from __future__ import annotations

import random

_FINISHED = 0.12
_UNBOUND = 0.02
_WHEN = "2026-11-01T10:00:00Z"


def managed(rng: random.Random, fields: int) -> list[dict]:
    """Managed fields of two managers, which make up much of every object."""
    tree = {f"f:field-{rng.randrange(10**6)}": {".": {}, f"f:sub{i}": {}} for i in range(fields)}
    return [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "v1",
            "time": _WHEN,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:metadata": tree},
        }
        for manager in ("kube-controller-manager", "kubelet")
    ]


def workload(rng: random.Random, number: int, requests: list[tuple[int, int, int]]) -> dict:
    """What the pods of one controller have in common."""
    cpu, memory, gpus = rng.choice(requests)
    asked = {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}
    if gpus:
        asked["nvidia.com/gpu"] = str(gpus)
    env = [{"name": f"SETTING_{i}", "value": f"value-{rng.randrange(10**6)}"} for i in range(34)]
    main = _container(number, asked, env)
    sidecar = {
        **main,
        "name": "proxy",
        "resources": {"requests": {"cpu": "10m"}},
        "env": env[:4],
    }
    return {
        "number": number,
        "stateful": rng.random() < 0.05,
        "containers": [main, sidecar] if rng.random() < 0.4 else [main],
        "managed": managed(rng, 18),
        "namespace": f"team-{number % 40}",
        "priority": rng.choice([0, 0, 0, 100]),
    }


def _container(number: int, asked: dict, env: list[dict]) -> dict:
    probe = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10}
    token = "/var/run/secrets/kubernetes.io/serviceaccount"
    return {
        "name": "main",
        "image": f"registry.example/team/app-{number}:v1",
        "resources": {"limits": asked, "requests": asked},
        "env": env,
        "livenessProbe": probe,
        "readinessProbe": probe,
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/app"},
            {"name": "token", "mountPath": token, "readOnly": True},
        ],
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    }


def pod(rng: random.Random, number: int, nodes: int, of: dict) -> dict:
    """One pod of a workload: mostly running on some node, some finished, few waiting."""
    chance = rng.random()
    phase = "Succeeded" if chance < _FINISHED else "Running"
    bound = not (phase == "Running" and rng.random() < _UNBOUND)
    phase = phase if bound else "Pending"
    node = f"node-{rng.randrange(nodes):05d}" if bound else ""
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": _metadata(number, of),
        "spec": _spec(of, node),
        "status": _status(number, of, phase, bound=bound),
    }


def _metadata(number: int, of: dict) -> dict:
    name = f"app-{of['number']}-{number:06x}"
    labels = {"app": f"app-{of['number']}", "pod-template-hash": f"{of['number']:010x}"}
    if of["stateful"]:
        labels["statefulset.kubernetes.io/pod-name"] = name
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"app-{of['number']}",
        "uid": "x" * 36,
    }
    return {
        "name": name,
        "namespace": of["namespace"],
        "uid": f"00000000-0000-0000-0000-{number:012x}",
        "resourceVersion": str(10_000 + number),
        "creationTimestamp": _WHEN,
        "labels": labels,
        "annotations": {"checksum/config": "0" * 64},
        "ownerReferences": [owner],
        "managedFields": of["managed"],
    }


def _spec(of: dict, node: str) -> dict:
    config = {"name": f"config-{of['number']}", "defaultMode": 420}
    sources = [{"serviceAccountToken": {"path": "token"}}]
    return {
        "containers": of["containers"],
        "schedulerName": "default-scheduler",
        "serviceAccountName": "default",
        "restartPolicy": "Always",
        "priority": of["priority"],
        "preemptionPolicy": "PreemptLowerPriority",
        "tolerations": [_toleration("not-ready"), _toleration("unreachable")],
        "volumes": [
            {"name": "config", "configMap": config},
            {"name": "token", "projected": {"sources": sources}},
        ],
        **({"nodeName": node} if node else {}),
    }


def _toleration(why: str) -> dict:
    return {
        "key": f"node.kubernetes.io/{why}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }


def _status(number: int, of: dict, phase: str, *, bound: bool) -> dict:
    conditions = [
        {"type": kind, "status": "True" if bound else "False", "lastTransitionTime": _WHEN}
        for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    status = {"phase": phase, "conditions": conditions, "qosClass": "Burstable"}
    if bound:
        ran = [_container_status(number, each) for each in of["containers"]]
        status |= {"containerStatuses": ran, "podIP": "10.1.2.3", "hostIP": "10.0.0.1"}
    return status


def _container_status(number: int, container: dict) -> dict:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"sha256:{'0' * 64}",
        "containerID": f"containerd://{number:064x}",
        "ready": True,
        "restartCount": 0,
        "resources": container["resources"],
        "allocatedResources": container["resources"].get("requests"),
        "state": {"running": {"startedAt": _WHEN}},
    }
