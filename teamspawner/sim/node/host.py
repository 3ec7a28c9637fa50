"""What all pods of a kubelet share: the API server, addresses, devices, images, folders."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from teamspawner.errors import ClusterError
from teamspawner.sim.client import Client, Mirror
from teamspawner.sim.node.addresses import Addresses
from teamspawner.sim.node.devices import Devices
from teamspawner.sim.node.process import Reaper

__all__ = ["Host"]


class Host:
    """Where pods run, and how the API server hears of them.

    Args:
        client: The API server, as somebody who may do everything.
        folder: Where volumes and logs go.
        reaper: Ends what is left when this process ends.

    Attributes:
        addresses: Loopback addresses, one for each pod.
        devices: Who holds which accelerator.
        pulled: Node name and image of what was pulled before.
        nodes: The nodes as the API server has them.
    """

    def __init__(self, client: Client, folder: Path, reaper: Reaper) -> None:
        self._client = client
        self.folder = folder
        self.reaper = reaper
        self.addresses = Addresses()
        self.devices = Devices()
        self.pulled: set[tuple[str, str]] = set()
        self.nodes = Mirror(client, "/api/v1/nodes")

    async def event(
        self, pod: Mapping[str, Any], reason: str, message: str, kind: str = "Normal"
    ) -> None:
        """Post an event about a pod."""
        data, now = pod["metadata"], datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "metadata": {"name": f"{data['name'][:200]}.{uuid.uuid4().hex[:16]}",
                         "namespace": data["namespace"]},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": data["name"],
                               "namespace": data["namespace"], "uid": data["uid"],
                               "resourceVersion": data["resourceVersion"]},
            "reason": reason, "message": message, "type": kind, "count": 1,
            "source": {"component": "kubelet", "host": pod["spec"]["nodeName"]},
            "firstTimestamp": now, "lastTimestamp": now,
            "reportingComponent": "kubelet", "reportingInstance": pod["spec"]["nodeName"],
        }  # fmt: skip
        with contextlib.suppress(ClusterError):
            await self._client.create(f"/api/v1/namespaces/{data['namespace']}/events", body)

    async def set_status(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Tell the API server how a pod is; a pod that is gone is no fault."""
        with contextlib.suppress(ClusterError):
            await self._client.strategic(f"{_path(pod)}/status", {"status": status})

    async def confirm(self, pod: Mapping[str, Any]) -> None:
        """Tell the API server that nothing is left of a deleted pod."""
        with contextlib.suppress(ClusterError):
            await self._client.delete(_path(pod), 0, pod["metadata"]["uid"])


def _path(pod: Mapping[str, Any]) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
