"""The processes of a load test: the cluster, one hub of each kind, and the people's sessions."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tornado.web import create_signed_value

from benchmarks.load.cluster import CLASS
from benchmarks.run import ROOT
from teamspawner.sim.demo.ports import answers, free_port
from teamspawner.sim.node.process import dies_with_parent

WAYS = ("ours", "stock")
_READY_S = 180.0


@dataclass(frozen=True, slots=True)
class Hub:
    """A running hub.

    Attributes:
        way: ``ours`` or ``stock``.
        url: Its address, without a slash at the end.
        cookies: Each person's cookie of the login that was made beforehand.
    """

    way: str
    url: str
    pid: int
    cookies: dict[str, str]

    async def meter(self) -> dict[str, Any]:
        """Return the figures of the hub's process since the last call."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/hub/load/meter") as answer,
        ):
            found: dict[str, Any] = await answer.json()
            return found


@asynccontextmanager
async def a_cluster(folder: Path, nodes: int, pods: int, changes: float) -> AsyncIterator[None]:
    """Run the cluster until the block ends."""
    words = (str(folder), str(nodes), str(pods), str(changes))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load.cluster", *words,
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if not await process.stdout.readline():
            raise RuntimeError("the cluster did not start")
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def a_hub(folder: Path, way: str, people: list[str]) -> AsyncIterator[Hub]:
    """Run a hub at which these people are signed in."""
    port, secret = free_port(), secrets.token_bytes(32)
    about = {
        "way": way,
        "folder": str(folder),
        "port": port,
        "public_port": free_port(),
        "secret": secret.hex(),
        "people": people,
        "server_port": int((folder / "stub-port").read_text()),
        "storage_class": CLASS,
    }
    env = {
        **os.environ,
        "KUBECONFIG": str(folder / f"{way}.kubeconfig"),
        "POD_NAMESPACE": way,
        "PYTHONPATH": str(ROOT),
        "TEAMSPAWNER_LOAD": json.dumps(about),
        "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32),
    }
    log = folder / f"{way}.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jupyterhub", "-f", str(Path(__file__).parent / "hub_config.py"),
            cwd=folder, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True, preexec_fn=dies_with_parent(signal.SIGKILL),
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        await _up(process, url, log)
        yield Hub(way, url, process.pid, _signed_in(folder / f"{way}.sqlite", secret))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _up(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    ready = asyncio.ensure_future(answers(f"{url}/hub/health", _READY_S))
    ended = asyncio.ensure_future(process.wait())
    await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    if not ready.done() or ready.exception():
        ready.cancel()
        raise RuntimeError(f"the hub did not start:\n{log.read_text()[-3000:]}")


def _signed_in(database: Path, secret: bytes) -> dict[str, str]:
    """The cookies that signing in would have given: a login itself is not measured here."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as held:
        rows = held.execute("select name, cookie_id from users").fetchall()
    name = "jupyterhub-hub-login"
    return {
        who: f"{name}={create_signed_value(secret, name, cookie_id).decode()}"
        for who, cookie_id in rows
    }
