"""Volumes for the claims of the demo's storage class: made, bound, and thrown away."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teamspawner.errors import ClusterError
from teamspawner.sim.client import Client, Mirror

__all__ = ["PROVISIONER", "Volumes"]

PROVISIONER = "sim.teamspawner/folder"
_SELECTED = "volume.kubernetes.io/selected-node"
_DONE = "pv.kubernetes.io/bind-completed"
_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_VOLUMES = "/api/v1/persistentvolumes"


class Volumes:
    """Binds the claims whose class is ours; leaves all others to whoever provides them.

    Args:
        client: The API server, as somebody who may do everything.
        folder: Where the kubelet keeps the folders of claims.
    """

    def __init__(self, client: Client, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._classes = Mirror(client, "/apis/storage.k8s.io/v1/storageclasses", self._retry)
        self._claims = Mirror(client, "/api/v1/persistentvolumeclaims", self._hear)
        self._work: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until cancelled."""
        await asyncio.gather(self._classes.run(), self._claims.run())

    def _retry(self, *_: Any) -> None:
        for claim in list(self._claims.things.values()):
            self._hear(None, claim)

    def _hear(self, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
        if new is None:
            assert old is not None
            self._aside(self._throw_away(old))
        elif not new["spec"].get("volumeName") and self._is_due(new):
            self._aside(self._bind(new))

    def _is_due(self, claim: Mapping[str, Any]) -> bool:
        name = claim["spec"].get("storageClassName")
        found = self._classes.things.get(("", name)) if name else None
        if found is None or found["provisioner"] != PROVISIONER:
            return False
        waits = found.get("volumeBindingMode") == "WaitForFirstConsumer"
        return not waits or _SELECTED in (claim["metadata"].get("annotations") or {})

    async def _bind(self, claim: Mapping[str, Any]) -> None:
        data, spec = claim["metadata"], claim["spec"]
        name = f"pvc-{data['uid']}"
        size = spec["resources"]["requests"]["storage"]
        reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": data["name"],
                     "namespace": data["namespace"], "uid": data["uid"]}  # fmt: skip
        volume = {
            "metadata": {"name": name, "annotations": {_PROVISIONED_BY: PROVISIONER}},
            "spec": {
                "capacity": {"storage": size},
                "accessModes": spec["accessModes"],
                "storageClassName": spec["storageClassName"],
                "claimRef": reference,
                "persistentVolumeReclaimPolicy": "Delete",
                "hostPath": {"path": str(self._path(claim))},
            },
        }
        path = f"/api/v1/namespaces/{data['namespace']}/persistentvolumeclaims/{data['name']}"
        marks = {"metadata": {"annotations": {_DONE: "yes", _BY_CONTROLLER: "yes"}}}
        status = {
            "phase": "Bound",
            "accessModes": spec["accessModes"],
            "capacity": {"storage": size},
        }
        with contextlib.suppress(ClusterError):  # bound meanwhile, or gone: nothing is left to do
            await self._client.create(_VOLUMES, volume)
            await self._client.merge(f"{_VOLUMES}/{name}/status", {"status": {"phase": "Bound"}})
            await self._client.merge(path, marks | {"spec": {"volumeName": name}})
            await self._client.merge(f"{path}/status", {"status": status})

    async def _throw_away(self, claim: Mapping[str, Any]) -> None:
        name = claim["spec"].get("volumeName", "")
        if name == f"pvc-{claim['metadata']['uid']}":
            with contextlib.suppress(ClusterError):
                await self._client.delete(f"{_VOLUMES}/{name}")
            await asyncio.to_thread(shutil.rmtree, self._path(claim), ignore_errors=True)

    def _path(self, claim: Mapping[str, Any]) -> Path:
        data = claim["metadata"]
        return self._folder / "claims" / str(data["namespace"]) / str(data["name"])

    def _aside(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
