"""A small blocking client of the Kubernetes API, for tests: dicts in, dicts out.

One keep-alive connection; not for use by several threads at once.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

Json = dict[str, Any]
T = TypeVar("T")

_CLUSTER_WIDE = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CSIDriver": "csidrivers",
    "CSINode": "csinodes",
    "Namespace": "namespaces",
    "Node": "nodes",
    "PersistentVolume": "persistentvolumes",
    "PriorityClass": "priorityclasses",
    "RuntimeClass": "runtimeclasses",
    "StorageClass": "storageclasses",
    "VolumeAttachment": "volumeattachments",
}
_PLURALS = {
    "CSIStorageCapacity": "csistoragecapacities",
    "Ingress": "ingresses",
    "NetworkPolicy": "networkpolicies",
}
_STATUS_TAKEN_AT_BIRTH = {"Node"}


IDLE_S = 20
"""After so long a connection is opened anew: the server drops those that nobody uses."""


class ApiError(Exception):
    """The API server refused; ``status`` is the HTTP status, ``body`` its Status object."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status}: {body.get('message', body)}")
        self.status = status
        self.body = body


def path_of(api_version: str, kind: str, namespace: str = "default", name: str = "") -> str:
    """The URL path of a collection, or of one object when ``name`` is given."""
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    plural = _CLUSTER_WIDE.get(kind) or _PLURALS.get(kind) or f"{kind.lower()}s"
    place = "" if kind in _CLUSTER_WIDE else f"/namespaces/{namespace}"
    return f"{root}{place}/{plural}" + (f"/{name}" if name else "")


class Client:
    """Acts as one user.

    Attributes:
        url: Of the API server.
        token: Bearer token, also for other clients that a test wants to use.
    """

    def __init__(self, url: str, token: str, context: ssl.SSLContext) -> None:
        self.url = url
        self.token = token
        self._context = context
        self._connection: http.client.HTTPSConnection | None = None
        self._used = time.monotonic()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """One call.

        Raises:
            ApiError: When the answer is 400 or above.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        data = None if body is None else json.dumps(body)
        status, raw = self._send(method, target, data, headers)
        found: Json
        try:
            found = json.loads(raw)
        except ValueError:
            found = {"message": raw.decode(errors="replace")}
        if status >= 400:
            raise ApiError(status, found)
        return found

    def _send(
        self, method: str, target: str, data: str | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        if time.monotonic() - self._used > IDLE_S:
            self.close()
        self._used = time.monotonic()
        if self._connection is None:
            address = urlsplit(self.url)
            self._connection = http.client.HTTPSConnection(
                str(address.hostname), address.port, context=self._context, timeout=60
            )
        self._connection.request(method, target, data, dict(headers))
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        """Drop the connection; the next call opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def create(self, thing: Json, *, dry_run: bool = False) -> Json:
        """Create an object; its status, which most kinds lose at birth, is written after it."""
        meta = thing["metadata"]
        path = path_of(thing["apiVersion"], thing["kind"], meta.get("namespace", "default"))
        made = self.request("POST", path, thing, query={"dryRun": "All"} if dry_run else None)
        if not thing.get("status") or thing["kind"] in _STATUS_TAKEN_AT_BIRTH or dry_run:
            return made
        return self.patch_status(made, thing["status"])

    def patch_status(self, thing: Json, status: Json) -> Json:
        """Merge ``status`` into an object's status."""
        meta = thing["metadata"]
        return self.request(
            "PATCH",
            path_of(thing["apiVersion"], thing["kind"], meta.get("namespace", ""), meta["name"])
            + "/status",
            {"status": status},
            content_type="application/merge-patch+json",
        )

    def get(self, kind: str, name: str, namespace: str = "default", group: str = "v1") -> Json:
        """One object; ``group`` is its apiVersion."""
        return self.request("GET", path_of(group, kind, namespace, name))

    def list(self, kind: str, namespace: str = "default", group: str = "v1") -> list[Json]:
        """All objects of a kind in a namespace, or of the cluster for cluster-wide kinds."""
        return list(self.request("GET", path_of(group, kind, namespace))["items"])

    def delete(self, kind: str, name: str, namespace: str = "default", group: str = "v1") -> Json:
        """Delete one object at once, without grace."""
        path = path_of(group, kind, namespace, name)
        return self.request("DELETE", path, {"gracePeriodSeconds": 0})

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> Json:
        """A namespace; without a controller manager its deletion never ends: use fresh ones."""
        meta = {"name": name, "labels": dict(labels or {})}
        return self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})

    def create_node(
        self,
        name: str,
        *,
        allocatable: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        **spec: Any,
    ) -> Json:
        """A ready node of 4 CPUs, 16 GiB and 110 pods unless said otherwise."""
        room = {"cpu": "4", "memory": "16Gi", "pods": "110", **(allocatable or {})}
        return self.create(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": name,
                    "labels": {"kubernetes.io/hostname": name, **(labels or {})},
                },
                "spec": spec,
                "status": {
                    "capacity": room,
                    "allocatable": room,
                    "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
                },
            }
        )

    def create_pod(
        self,
        name: str,
        namespace: str = "default",
        *,
        requests: Mapping[str, str] | None = None,
        **spec: Any,
    ) -> Json:
        """A pod of one container; other fields of its spec as keywords, as the API spells them."""
        container = {
            "name": "main",
            "image": "none.invalid/none",
            "resources": {"requests": dict(requests or {}), "limits": dict(requests or {})},
        }
        return self.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"containers": [container], **spec},
            }
        )


def scheduled(pod: Json) -> Json | None:
    """The pod's PodScheduled condition; None while the scheduler has not spoken."""
    conditions = pod.get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == "PodScheduled"), None)


def wait_for(ask: Callable[[], T | None], timeout_s: float = 30.0, every_s: float = 0.05) -> T:
    """Ask until the answer is true, and return it.

    Raises:
        TimeoutError: When it never was.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        if found := ask():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer within {timeout_s:g} s")
        time.sleep(every_s)
