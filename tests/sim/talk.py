"""One caller of an API server, for conformance tests: every status is an answer."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
PODS = "/api/v1/namespaces/{ns}/pods"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, its body as JSON (text when it is none), its headers."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        return self.body.get("reason", "")

    @property
    def message(self) -> str:
        return self.body.get("message", "")

    @property
    def version(self) -> str:
        return self.body["metadata"]["resourceVersion"]

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.body["items"]]


class Talk:
    """Asks one API server as one caller.

    Attributes:
        ns: A fresh namespace; stands for ``{ns}`` in paths.
    """

    def __init__(self, url: str, context: ssl.SSLContext, token: str, ns: str = "default") -> None:
        self.url, self.context, self.token, self.ns = url, context, token, ns

    def as_caller(self, token: str) -> Talk:
        return Talk(self.url, self.context, token, self.ns)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """Send one request.

        ``kind`` is its content type, ``accept`` the header; all else is its query.
        """
        with self._sent(method, path, body, **more) as response:
            raw = response.read().decode()
            headers = dict(response.headers)
        try:
            return Answer(response.status, json.loads(raw), headers)
        except ValueError:
            return Answer(response.status, raw, headers)

    def watch(self, path: str, seconds: int = 1, **query: str) -> list[tuple[str, Any]]:
        """All events of a watch that the server ends after some seconds."""
        query |= {"watch": "true", "timeoutSeconds": str(seconds)}
        with self._sent("GET", path, None, **query) as response:
            raw = response.read().decode()
        assert response.status == 200, raw
        events = [json.loads(line) for line in raw.splitlines() if line]
        return [(event["type"], event["object"]) for event in events]

    @contextmanager
    def _sent(
        self, method, path, body, kind="application/json", accept="application/json", **query
    ):
        address = urlsplit(self.url)
        connection = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=self.context, timeout=30
        )
        target = path.replace("{ns}", self.ns)
        target += "?" + urlencode(query) if query else ""
        headers = {"Content-Type": kind, "Accept": accept}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = body if isinstance(body, str | bytes | None) else json.dumps(body)
        try:
            connection.request(method, target, data, headers)
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()

    def get(self, path: str, **query: str) -> Answer:
        return self.call("GET", path, **query)

    def post(self, path: str, body: Any, **query: str) -> Answer:
        return self.call("POST", path, body, **query)

    def put(self, path: str, body: Any, **query: str) -> Answer:
        return self.call("PUT", path, body, **query)

    def patch(self, path: str, body: Any, kind: str = MERGE, **query: str) -> Answer:
        return self.call("PATCH", path, body, kind=kind, **query)

    def delete(self, path: str, body: Any = None, **query: str) -> Answer:
        return self.call("DELETE", path, body, **query)

    def pod(self, name: str = "p", **changes: Any) -> Answer:
        """Create a pod; see ``a_pod``."""
        return self.post(PODS, a_pod(name, **changes))


def a_pod(name="p", *, labels=None, requests=None, limits=None, annotations=None, **spec):
    container = {"name": "main", "image": "registry.example/app:1"}
    resources = {"requests": requests, "limits": limits}
    container["resources"] = {side: amounts for side, amounts in resources.items() if amounts}
    meta = {"name": name, "labels": labels, "annotations": annotations}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {field: value for field, value in meta.items() if value},
        "spec": {"containers": [container], "schedulerName": "nobody", **spec},
    }


def a_map(name="m", data=None, **meta):
    """A ConfigMap: an object without rules of its own."""
    return {"metadata": {"name": name, **meta}, "data": data or {"a": "1"}}
