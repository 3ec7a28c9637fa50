"""Nodes and maps for the tests of ``doctor`` and its kin."""

from __future__ import annotations

A100 = "NVIDIA-A100-SXM4-80GB"


def a_node(
    name="cpu-1", cpu="16", memory="64Gi", labels=None, *, cordoned=False, taints=(), **devices
):
    room = {"cpu": cpu, "memory": memory, "pods": "110"}
    room |= {key.replace("__", "/").replace("_", "."): str(n) for key, n in devices.items()}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"unschedulable": cordoned, "taints": [a_taint(text) for text in taints]},
        "status": {
            "allocatable": room,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def a_gpu_node(name="gpu-1", **fields):
    labels = {"nvidia.com/gpu.product": A100}
    return a_node(name, "64", "512Gi", **{"labels": labels, "nvidia_com__gpu": 4, **fields})


def a_taint(text):
    """``key=value:Effect``, as kubectl writes it."""
    rest, _, effect = text.rpartition(":")
    key, _, value = rest.partition("=")
    return {"key": key, "value": value, "effect": effect}


def a_map(tier=None, **parts):
    return {
        "tiers": {"small": tier or {"cpu": 1, "memory": "1Gi"}},
        "teams": {"all": {"groups": ["*"], "tiers": ["small"]}},
        **parts,
    }
