"""How answers leave: as JSON, as tables, as metadata alone; at once or as a stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from teamspawner.sim.server.events import shown
from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.refusal import Refusal
from teamspawner.sim.server.tables import as_metadata, as_table

__all__ = ["Answer", "write_answer", "write_watch"]

_CHUNK = 200
_SHAPES = {"Table", "PartialObjectMetadata", "PartialObjectMetadataList"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered.

    Attributes:
        content: One object, the items of a list, or plain text.
        status: HTTP status.
        kind: Kind of the content, None for objects that have no other shapes.
        version: Resource version of a list.
        more: Further metadata of a list.
        warnings: Sent as Warning headers.
    """

    content: Any
    status: int = 200
    kind: Kind | None = None
    version: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


async def write_answer(request: web.Request, answer: Answer) -> web.Response:
    """Return the response, in the shape that the client likes best."""
    if isinstance(answer.content, bytes):
        return web.Response(body=answer.content, content_type="text/plain")
    shape, kind = _shape(request) if answer.kind else "", answer.kind
    if kind is None or not isinstance(answer.content, list):
        document = answer.content if kind is None else _shaped(kind, answer.content, shape)
        data = json.dumps(document, separators=(",", ":")).encode()
    elif shape == "Table":
        table = as_table(kind, answer.content, answer.version, more=answer.more)
        data = json.dumps(table, separators=(",", ":")).encode()
    else:
        data = await _list(kind, answer, bare=bool(shape))
    response = web.Response(body=data, status=answer.status, content_type="application/json")
    for warning in answer.warnings:
        response.headers.add("Warning", f'299 - "{_quoted(warning)}"')
    return response


async def write_watch(
    request: web.Request, kind: Kind, events: AsyncIterator[tuple[str, Any]], *, half: bool
) -> web.StreamResponse:
    """Send a watch, line by line; ``half`` breaks off within the first line."""
    shape = _shape(request)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    stream = aiter(events)
    try:
        first = asyncio.ensure_future(anext(stream, None))
        await asyncio.wait({first}, timeout=0.05)
        if first.done() and isinstance(first.exception(), Refusal):
            raise first.exception()  # type: ignore[misc] # done, and failed
        await response.prepare(request)
        event = await _while_connected(request, first)
        while event is not None:
            line = _line(kind, event, shape)
            if half:
                await response.write(line[: len(line) // 2])
                assert request.transport is not None
                request.transport.abort()
                break
            await response.write(line)
            event = await _while_connected(request, asyncio.ensure_future(anext(stream, None)))
        else:
            await response.write_eof()
    except ConnectionResetError:
        pass  # the client went away, as watchers do
    finally:
        with contextlib.suppress(RuntimeError):
            await events.aclose()  # type: ignore[attr-defined] # a generator
    return response


async def _while_connected(request: web.Request, coming: asyncio.Future[Any]) -> Any:
    while not coming.done():
        await asyncio.wait({coming}, timeout=2)
        if request.transport is None or request.transport.is_closing():
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await coming
            raise ConnectionResetError
    return coming.result()


def _line(kind: Kind, event: tuple[str, Any], shape: str) -> bytes:
    name, thing = event
    if name not in {"ERROR", "BOOKMARK"}:
        thing = shown(kind, thing)
        thing = _shaped(kind, thing, shape)
    elif name == "BOOKMARK" and shape == "Table":
        thing = as_table(kind, [], thing["metadata"]["resourceVersion"], more={})
    return json.dumps({"type": name, "object": thing}, separators=(",", ":")).encode() + b"\n"


def _shaped(kind: Kind, thing: Any, shape: str) -> Any:
    if shape == "Table":
        return as_table(kind, [thing], thing["metadata"].get("resourceVersion", ""), more={})
    if shape:
        return as_metadata(thing)
    return thing


async def _list(kind: Kind, answer: Answer, *, bare: bool) -> bytes:
    """Build a list piece by piece, so that a large one does not hold up the others."""
    name = "PartialObjectMetadataList" if bare else f"{kind.kind}List"
    version = "meta.k8s.io/v1" if bare else kind.api_version
    meta = {"resourceVersion": answer.version, **answer.more}
    head = json.dumps(
        {"kind": name, "apiVersion": version, "metadata": meta}, separators=(",", ":")
    )
    parts = []
    for start in range(0, len(answer.content), _CHUNK):
        items = answer.content[start : start + _CHUNK]
        shaped = [as_metadata(item) if bare else _untyped(item) for item in items]
        parts.append(json.dumps(shaped, separators=(",", ":"))[1:-1])
        await asyncio.sleep(0)
    return (head[:-1] + ',"items":[' + ",".join(parts) + "]}").encode()


def _untyped(thing: Mapping[str, Any]) -> dict[str, Any]:
    """Return a list's item: those carry no kind of their own (kube-apiserver)."""
    return {name: value for name, value in thing.items() if name not in {"kind", "apiVersion"}}


def _shape(request: web.Request) -> str:
    for accepted in request.headers.get("Accept", "").split(","):
        pairs = dict(part.strip().partition("=")[::2] for part in accepted.split(";")[1:])
        if pairs.get("as") in _SHAPES and pairs.get("v") == "v1":
            return pairs["as"]
        if accepted.strip().split(";")[0] in {"application/json", "*/*"} and "as" not in pairs:
            return ""
    return ""


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
