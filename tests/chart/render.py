"""The real chart, rendered, when the environment names one."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.layers import PINS, merge

CHART = os.environ.get("TEAMSPAWNER_Z2JH_CHART")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
needs_chart = pytest.mark.skipif(
    not CHART or importlib.util.find_spec("helm_python") is None,
    reason="set TEAMSPAWNER_Z2JH_CHART to a checkout or archive of the chart,"
    " and pip install helm-python-sdk==0.2.2",
)


def render(
    values: dict[str, Any], name: str = "jupyterhub", namespace: str = "jupyterhub"
) -> list[dict[str, Any]]:
    """Every object of the chart for a release of this name in this namespace.

    Raises:
        Exception: helm's own, when the chart's schema refuses the values.
    """
    import helm_python

    with helm_python.Chart.load(CHART) as chart:
        pinned = merge(values, PINS)
        chart.validate_schema(pinned)
        files = chart.render(pinned, name=name, namespace=namespace)
    texts = [text for name, text in files.items() if not name.endswith("NOTES.txt")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


def pod_specs(objects: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Name and pod template of each workload."""
    return [
        (f"{o['kind']}/{o['metadata']['name']}", o["spec"]["template"])
        for o in objects
        if o["kind"] in WORKLOADS
    ]


def containers(template: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers of a pod template, those that run first included."""
    spec = template["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def unsized(container: dict[str, Any]) -> list[str]:
    """What a quota would miss of a container."""
    found = container.get("resources") or {}
    wanted = [(kind, name) for kind in ("requests", "limits") for name in ("cpu", "memory")]
    return [f"{kind}.{name}" for kind, name in wanted if name not in (found.get(kind) or {})]


def lay_out(objects: list[dict[str, Any]], folder: Path) -> Path:
    """Write the chart's own configuration as its pod sees it; returns the main file."""
    import base64

    [config] = [
        o for o in objects if o["kind"] == "ConfigMap" and "jupyterhub_config.py" in o["data"]
    ]
    [secret] = [o for o in objects if o["kind"] == "Secret" and "values.yaml" in o["data"]]
    for name in ("config", "secret", "jupyterhub_config.d"):
        (folder / name).mkdir()
    for key, text in config["data"].items():
        place = folder if key.endswith(".py") else folder / "config"
        (place / key).write_text(text.replace("/usr/local/etc/jupyterhub", str(folder)))
    for key, text in secret["data"].items():
        (folder / "secret" / key).write_bytes(base64.b64decode(text))
    return folder / "jupyterhub_config.py"
