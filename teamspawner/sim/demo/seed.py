"""Putting a scenario into a cluster, and taking out again what was put in."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Iterable, Mapping
from typing import Any

from teamspawner.errors import ClusterError
from teamspawner.sim.client import Client
from teamspawner.sim.node.kubelet import OCCUPANT
from teamspawner.sim.server.kinds import BY_KIND, Kind
from teamspawner.sim.volumes import PROVISIONER

__all__ = ["ACCOUNT", "CLASS", "NAMESPACE", "Seed", "groundwork", "occupants"]

NAMESPACE = "jupyterhub"
"""Where the hub's pods live, as the chart's guide names it."""

ACCOUNT = "hub"
CLASS = "teamspawner-demo"
_RBAC = "rbac.authorization.k8s.io"
_PARALLEL = 32
_OWN = frozenset({"resourceVersion", "uid", "creationTimestamp", "managedFields", "selfLink",
                  "generation", "deletionTimestamp", "deletionGracePeriodSeconds"})  # fmt: skip


def groundwork(rights: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what a hub needs before it starts: namespace, account, rights, storage class.

    Args:
        rights: Roles and bindings beyond the chart's own.
    """
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    chart_role = [
        {"apiGroups": [""], "verbs": ["get", "watch", "list", "create", "delete"],
         "resources": ["pods", "persistentvolumeclaims", "secrets", "services"]},
        {"apiGroups": [""], "verbs": ["get", "watch", "list"], "resources": ["events"]},
    ]  # fmt: skip
    return [
        _thing("v1", "Namespace", NAMESPACE, ""),
        _thing("v1", "ServiceAccount", ACCOUNT),
        _thing(f"{_RBAC}/v1", "Role", ACCOUNT) | {"rules": chart_role},
        _thing(f"{_RBAC}/v1", "RoleBinding", ACCOUNT)
        | {"roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": ACCOUNT}, "subjects": [subject]},
        _thing("storage.k8s.io/v1", "StorageClass", CLASS, "")
        | {"provisioner": PROVISIONER, "volumeBindingMode": "WaitForFirstConsumer"},
        *(copy.deepcopy(dict(one)) for one in rights),
    ]


def _thing(version: str, kind: str, name: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **place}}


def occupants(objects: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the objects of a scenario, its pods marked as such that only take up room.

    They are never started, so a pod may leave out what only a start needs.
    """
    marked = []
    for thing in objects:
        own = copy.deepcopy(dict(thing))
        if own["kind"] == "Pod":
            keeps = bool((own.get("status") or {}).get("phase"))
            notes = own["metadata"].setdefault("annotations", None) or {}
            own["metadata"]["annotations"] = {**notes, OCCUPANT: "keep" if keeps else "run"}
            _complete_containers(own["spec"])
        if BY_KIND[own["apiVersion"], own["kind"]].namespaced:
            own["metadata"].setdefault("namespace", "default")
        marked.append(own)
    return marked


def _complete_containers(spec: dict[str, Any]) -> None:
    for part in ("initContainers", "containers"):
        found = spec.get(part) or ([{}] if part == "containers" else [])
        spec[part] = [
            {"name": f"{part[:4].lower()}-{place}", "image": "none", **one}
            for place, one in enumerate(found)
        ]


class Seed:
    """Creates objects over the API and remembers them.

    Attributes:
        skipped: What the API server refused, in its words.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._made: list[str] = []
        self.skipped: list[str] = []

    async def sow(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Create objects in their order, those of one kind side by side."""
        batch: list[Mapping[str, Any]] = []
        for thing in [*objects, None]:
            if batch and (thing is None or thing["kind"] != batch[0]["kind"]):
                await self._together(batch)
                batch = []
            if thing is not None:
                batch.append(thing)

    async def namespaces(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Create the namespaces that objects live in."""
        names = {thing["metadata"].get("namespace") for thing in objects} - {None, ""}
        await self.sow(_thing("v1", "Namespace", name, "") for name in sorted(names))

    async def reap(self) -> None:
        """Delete what was created, last first; whatever is gone already is no fault."""
        for path in reversed(self._made):
            with contextlib.suppress(ClusterError):
                await self._client.delete(path, 0)

    async def _together(self, things: Iterable[Mapping[str, Any]]) -> None:
        gate = asyncio.Semaphore(_PARALLEL)

        async def one(thing: Mapping[str, Any]) -> None:
            async with gate:
                await self._create(thing)

        await asyncio.gather(*(one(thing) for thing in things))

    async def _create(self, thing: Mapping[str, Any]) -> None:
        kind = BY_KIND[thing["apiVersion"], thing["kind"]]
        body = copy.deepcopy(dict(thing))
        body["metadata"] = {k: v for k, v in thing["metadata"].items() if k not in _OWN}
        folder = _folder(kind, thing)
        path = f"{folder}/{thing['metadata']['name']}"
        try:
            made = await self._client.create(folder, body)
        except ClusterError as error:
            if error.status != 409:  # it is there already, which is as good
                self.skipped.append(f"{kind.kind} {thing['metadata']['name']}: {error.detail}")
            return
        self._made.append(path)
        await self._complete(kind, path, thing, made)

    async def _complete(
        self, kind: Kind, path: str, thing: Mapping[str, Any], made: Mapping[str, Any]
    ) -> None:
        """Give an object what a creation does not take: its status, its own taints alone."""
        with contextlib.suppress(ClusterError):
            if kind.status and thing.get("status") and kind.kind != "Namespace":
                await self._client.merge(f"{path}/status", {"status": thing["status"]})
            if kind.kind == "Node":
                wanted = (thing.get("spec") or {}).get("taints")
                if made["spec"].get("taints") != wanted:
                    await self._client.merge(path, {"spec": {"taints": wanted}})


def _folder(kind: Kind, thing: Mapping[str, Any]) -> str:
    space = f"/namespaces/{thing['metadata']['namespace']}" if kind.namespaced else ""
    return f"{kind.base}{space}/{kind.plural}"
