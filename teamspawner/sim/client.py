"""A plain client of the Kubernetes API, for the scheduler, the kubelet and the tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Self

import aiohttp

from teamspawner.errors import ClusterError
from teamspawner.sim.kubeconfig import Access

__all__ = ["Client", "Mirror"]

log = logging.getLogger(__name__)

Key = tuple[str, str]
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_GONE = 410
_PAGE = 500


class Client:
    """Requests to one API server as one caller.

    Raises ``ClusterError`` with the HTTP status whenever the server refuses.
    """

    def __init__(self, access: Access, name: str = "teamspawner-sim") -> None:
        self.access = access
        headers = {"User-Agent": name, "Accept": "application/json"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        tls: Any = access.tls() if access.server.startswith("https") else False
        self._session = aiohttp.ClientSession(
            headers=headers, connector=aiohttp.TCPConnector(ssl=tls, limit=0)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        **query: str,
    ) -> Any:
        """Send one request and return the object answered.

        Raises:
            ClusterError: When the answer is not 2xx, or none came.
        """
        data = None if body is None else json.dumps(body)
        try:
            async with self._session.request(
                method, self.access.server + path, data=data, params=query,
                headers={"Content-Type": content_type},
            ) as response:  # fmt: skip
                text = await response.text()
        except aiohttp.ClientError as error:
            raise ClusterError(method, path, None, str(error)) from error
        if response.status >= 300:
            raise ClusterError(method, path, response.status, _message(text))
        return json.loads(text) if response.content_type == "application/json" else text

    async def get(self, path: str, **query: str) -> Any:
        """GET an object or a list."""
        return await self.request("GET", path, **query)

    async def create(self, path: str, body: Any) -> Any:
        """POST a new object."""
        return await self.request("POST", path, body)

    async def merge(self, path: str, change: Any) -> Any:
        """PATCH an object with a merge patch."""
        return await self.request("PATCH", path, change, _MERGE)

    async def strategic(self, path: str, change: Any) -> Any:
        """PATCH an object with a strategic merge patch."""
        return await self.request("PATCH", path, change, _STRATEGIC)

    async def delete(self, path: str, grace_s: int | None = None, uid: str = "") -> Any:
        """DELETE an object; with ``uid`` only that very one."""
        body: dict[str, Any] = {}
        if grace_s is not None:
            body["gracePeriodSeconds"] = grace_s
        if uid:
            body["preconditions"] = {"uid": uid}
        return await self.request("DELETE", path, body)

    async def pages(self, path: str, **query: str) -> AsyncIterator[Any]:
        """Yield the pages of a list."""
        token = ""
        while True:
            more = {"continue": token} if token else {}
            page = await self.get(path, limit=str(_PAGE), **more, **query)
            yield page
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    async def watch(
        self, path: str, version: str, **more: str
    ) -> AsyncGenerator[tuple[str, Any], None]:
        """Yield the events of one watch until it ends.

        Raises:
            ClusterError: When it cannot be opened, or the server reports an error.
        """
        query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        query |= more
        try:
            async with self._session.get(
                self.access.server + path, params=query,
                timeout=aiohttp.ClientTimeout(total=None, sock_read=None), read_bufsize=2**22,
            ) as response:  # fmt: skip
                if response.status >= 300:
                    raise ClusterError(
                        "watch", path, response.status, _message(await response.text())
                    )
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ClusterError("watch", path, event["object"].get("code"))
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, ValueError) as error:
            raise ClusterError("watch", path, None, str(error)) from error


def _message(text: str) -> str:
    with contextlib.suppress(ValueError):
        return str(json.loads(text).get("message", ""))[:300]
    return text[:300]


class Mirror:
    """All objects of a resource, kept up to date; never gives up.

    Attributes:
        things: Objects by namespace and name.
        synced: Set once the first list is complete.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        heard: Callable[[Mapping[str, Any] | None, Mapping[str, Any] | None], None] | None = None,
        *,
        retry_s: float = 0.5,
        **query: str,
    ) -> None:
        self.things: dict[Key, Mapping[str, Any]] = {}
        self.synced = asyncio.Event()
        self._client = client
        self._path = path
        self._heard = heard or (lambda _old, _new: None)
        self._retry_s = retry_s
        self._query = query

    async def run(self) -> None:
        """List and watch for ever."""
        version = ""
        while True:
            try:
                if not version:
                    version = await self._list()
                    self.synced.set()
                async for name, thing in self._client.watch(self._path, version, **self._query):
                    version = thing["metadata"]["resourceVersion"]
                    if name != "BOOKMARK":
                        self._take(thing, gone=name == "DELETED")
            except ClusterError as error:
                log.debug("%s", error)
                version = "" if error.status == _GONE else version
                await asyncio.sleep(self._retry_s)

    async def _list(self) -> str:
        found: dict[Key, Mapping[str, Any]] = {}
        version = ""
        async for page in self._client.pages(self._path, **self._query):
            version = page["metadata"]["resourceVersion"]
            for thing in page["items"]:
                found[_key(thing)] = thing
        for key in self.things.keys() - found.keys():
            self._take(self.things[key], gone=True)
        for thing in found.values():
            self._take(thing, gone=False)
        return version

    def _take(self, thing: Mapping[str, Any], *, gone: bool) -> None:
        key = _key(thing)
        old = self.things.pop(key, None) if gone else self.things.get(key)
        if not gone:
            self.things[key] = thing
        self._heard(old, None if gone else thing)


def _key(thing: Mapping[str, Any]) -> Key:
    return thing["metadata"].get("namespace", ""), thing["metadata"]["name"]
