"""A stand-in for the API server: pages and streams cut from files, in a process of its own.

``python -m benchmarks.server FOLDER`` prints its port and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import mmap
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks import protobuf
from benchmarks.generate import Files

_JSON, _BINARY = "application/json", "application/vnd.kubernetes.protobuf"
_VERSION = "890000"
_AT_ONCE = 250


class Server:
    """Serves one generated cluster."""

    def __init__(self, folder: Path) -> None:
        self.files = Files.of(folder)
        self.offsets = json.loads(self.files.facts.read_text())
        self.maps = {
            "nodes": self._map(self.files.nodes),
            "pods": self._map(self.files.pods),
            "binary": self._map(self.files.binary),
            "initial": self._map(self.files.binary_initial),
        }
        self._selected: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def items(self, kind: str, selector: str, source: str) -> Items:
        """The objects, as a source has them, whose phase the field selector does not rule out."""
        if (source, selector) not in self._selected:
            chosen = self._chosen(kind, selector)
            offsets, gap = self.offsets[source], int(source == kind)  # a comma
            spans = [(begin, end - gap) for begin, end in itertools.pairwise(offsets)]
            self._selected[source, selector] = [spans[number] for number in chosen]
        return Items(self.maps[source], self._selected[source, selector])

    def _chosen(self, kind: str, selector: str) -> list[int]:
        unwanted = [
            f'"phase":"{each.removeprefix("status.phase!=")}"'.encode()
            for each in selector.split(",")
            if each
        ]
        held = self.maps[kind]
        return [
            number
            for number, (begin, end) in enumerate(itertools.pairwise(self.offsets[kind]))
            if all(held.find(text, begin, end) < 0 for text in unwanted)
        ]

    @staticmethod
    def _map(path: Path) -> mmap.mmap:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                asked = Asked.of(head)
                if asked.kind not in {"nodes", "pods"}:
                    self._status(writer, b"404 Not Found")
                elif asked.query.get("watch", "").lower() in {"1", "true"}:
                    await self._watch(writer, asked)
                    return
                else:
                    await self._list(writer, asked)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @staticmethod
    def _status(writer: asyncio.StreamWriter, status: bytes) -> None:
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")

    async def _list(self, writer: asyncio.StreamWriter, asked: Asked) -> None:
        binary = asked.form == _BINARY
        items = self.items(asked.kind, asked.selector, "binary" if binary else asked.kind)
        begin, limit = int(asked.query.get("continue", "0")), int(asked.query.get("limit", "0"))
        end = min(begin + limit, len(items.spans)) if limit else len(items.spans)
        meta = {"resourceVersion": _VERSION, "continue": str(end) if end < len(items.spans) else ""}
        if binary:
            body = protobuf.page(meta, items.some(begin, end))
            writer.write(_head(asked.form, f"Content-Length: {len(body)}") + body)
            return
        front = b'{"kind":"List","apiVersion":"v1","metadata":' + json.dumps(meta).encode()
        front += b',"items":['
        spans = items.spans[begin:end]
        length = len(front) + sum(to - at + 1 for at, to in spans) - bool(spans) + 2
        writer.write(_head(asked.form, f"Content-Length: {length}") + front)
        for first in range(begin, end, _AT_ONCE):
            text = b",".join(items.some(first, min(first + _AT_ONCE, end)))
            writer.write(text if first + _AT_ONCE >= end else text + b",")
            await writer.drain()
        writer.write(b"]}")

    async def _watch(self, writer: asyncio.StreamWriter, asked: Asked) -> None:
        writer.write(_head(asked.form, "Transfer-Encoding: chunked"))
        if asked.query.get("sendInitialEvents") == "true":
            await self._initial(writer, asked)
        if asked.kind == "pods" and self.files.folder.joinpath("send-events").exists():
            binary = asked.form == _BINARY
            path = self.files.binary_events if binary else self.files.events
            with path.open("rb") as file:
                while block := file.read(1 << 18):
                    await _chunk(writer, block)
        await asyncio.sleep(3600)

    async def _initial(self, writer: asyncio.StreamWriter, asked: Asked) -> None:
        binary = asked.form == _BINARY
        items = self.items(asked.kind, asked.selector, "initial" if binary else asked.kind)
        for first in range(0, len(items.spans), 20):
            some = items.some(first, first + 20)
            await _chunk(writer, b"".join(some if binary else (_event("ADDED", e) for e in some)))
        notes = {"k8s.io/initial-events-end": "true"}
        meta = {"resourceVersion": _VERSION, "annotations": notes}
        if binary:
            end = protobuf.written("Pod", {"metadata": meta}).SerializeToString()
            await _chunk(writer, protobuf.event("BOOKMARK", end))
        else:
            end = json.dumps({"kind": "x", "metadata": meta}).encode()
            await _chunk(writer, _event("BOOKMARK", end))


@dataclass(frozen=True)
class Items:
    """Some objects of a file."""

    held: mmap.mmap
    spans: list[tuple[int, int]]

    def some(self, begin: int, end: int) -> Iterator[bytes]:
        return (self.held[at:to] for at, to in self.spans[begin:end])


@dataclass(frozen=True)
class Asked:
    """What a request asks for."""

    kind: str
    query: dict[str, str]
    form: str

    @property
    def selector(self) -> str:
        return self.query.get("fieldSelector", "")

    @classmethod
    def of(cls, head: bytes) -> Asked:
        target = urlsplit(head.split(b" ", 2)[1].decode())
        kind = target.path.rpartition("/")[2]
        binary = kind == "pods" and _BINARY.encode() in head
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        return cls(kind, query, _BINARY if binary else _JSON)


def _head(form: str, length: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {form}\r\n{length}\r\n\r\n".encode()


def _event(kind: str, item: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + item + b"}\n"


async def _chunk(writer: asyncio.StreamWriter, block: bytes) -> None:
    writer.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
    await writer.drain()


def _ended() -> None:
    """End with the process that began this one."""
    if not os.read(sys.stdin.fileno(), 1):
        os._exit(0)


async def main() -> None:
    server = Server(Path(sys.argv[1]))
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0, limit=1 << 20)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _ended)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
