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
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.generate import Files

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_VERSION = "890000"
_AT_ONCE = 250


class Server:
    """Serves one generated cluster."""

    def __init__(self, folder: Path) -> None:
        self.files = Files.of(folder)
        self.offsets = json.loads(self.files.facts.read_text())
        self.maps = {kind: self._map(getattr(self.files, kind)) for kind in ("nodes", "pods")}
        self._selected: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def spans(self, kind: str, selector: str) -> list[tuple[int, int]]:
        """Where the objects lie whose phase the field selector does not rule out."""
        if (kind, selector) not in self._selected:
            offsets, held = self.offsets[kind], self.maps[kind]
            unwanted = [
                f'"phase":"{each.removeprefix("status.phase!=")}"'.encode()
                for each in selector.split(",")
                if each
            ]
            self._selected[kind, selector] = [
                (begin, end - 1)
                for begin, end in itertools.pairwise(offsets)
                if all(held.find(text, begin, end) < 0 for text in unwanted)
            ]
        return self._selected[kind, selector]

    @staticmethod
    def _map(path: Path) -> mmap.mmap:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = urlsplit(head.split(b" ", 2)[1].decode())
                query = {name: values[0] for name, values in parse_qs(target.query).items()}
                kind = target.path.rpartition("/")[2]
                if kind not in self.maps:
                    self._status(writer, b"404 Not Found")
                elif query.get("watch", "").lower() in {"1", "true"}:
                    await self._watch(writer, kind, query)
                    return
                else:
                    await self._list(writer, kind, query)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @staticmethod
    def _status(writer: asyncio.StreamWriter, status: bytes) -> None:
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")

    async def _list(self, writer: asyncio.StreamWriter, kind: str, query: dict[str, str]) -> None:
        spans, held = self.spans(kind, query.get("fieldSelector", "")), self.maps[kind]
        begin, limit = int(query.get("continue", "0")), int(query.get("limit", "0"))
        end = min(begin + limit, len(spans)) if limit else len(spans)
        meta = {"resourceVersion": _VERSION, "continue": str(end) if end < len(spans) else ""}
        front = b'{"kind":"List","apiVersion":"v1","metadata":' + json.dumps(meta).encode()
        front += b',"items":['
        items = spans[begin:end]
        length = len(front) + sum(to - at + 1 for at, to in items) - bool(items) + 2
        writer.write(_HEAD + f"Content-Length: {length}\r\n\r\n".encode() + front)
        for first in range(0, len(items), _AT_ONCE):
            some = items[first : first + _AT_ONCE]
            text = b",".join(held[at:to] for at, to in some)
            writer.write(text if first + _AT_ONCE >= len(items) else text + b",")
            await writer.drain()
        writer.write(b"]}")

    async def _watch(self, writer: asyncio.StreamWriter, kind: str, query: dict[str, str]) -> None:
        writer.write(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        if query.get("sendInitialEvents") == "true":
            await self._initial(writer, kind, query.get("fieldSelector", ""))
        if kind == "pods" and self.files.folder.joinpath("send-events").exists():
            with self.files.events.open("rb") as file:
                while block := file.read(1 << 18):
                    await _chunk(writer, block)
        await asyncio.sleep(3600)

    async def _initial(self, writer: asyncio.StreamWriter, kind: str, selector: str) -> None:
        spans, held = self.spans(kind, selector), self.maps[kind]
        for first in range(0, len(spans), 20):
            parts = []
            for at, to in spans[first : first + 20]:
                parts.append(b'{"type":"ADDED","object":' + held[at:to] + b"}\n")
            await _chunk(writer, b"".join(parts))
        notes = {"k8s.io/initial-events-end": "true"}
        meta = {"resourceVersion": _VERSION, "annotations": notes}
        end = {"type": "BOOKMARK", "object": {"kind": "x", "metadata": meta}}
        await _chunk(writer, json.dumps(end).encode() + b"\n")


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
