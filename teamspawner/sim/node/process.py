"""A container's process: its own session, its log, and an end that nothing outlives."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["Reaper", "start", "stop"]

_SET_PARENT_DEATH_SIGNAL = 1
_REAPER = """
import os, shutil, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == '+' else groups.discard)(int(line[1:]))
def send(number):
    for group in groups:
        try: os.killpg(group, number)
        except OSError: pass
send(signal.SIGTERM); time.sleep(2 if groups else 0); send(signal.SIGKILL)
if len(sys.argv) > 1: shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class Reaper:
    """A tiny process that outlives this one just long enough to end what this one started.

    It reads process groups from a pipe; when the pipe closes, however this process
    ended, it ends the groups that are left and removes the folder.

    Args:
        folder: Removed at the end; None removes nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        folder = [str(self._folder)] if self._folder else []
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-E", "-c", _REAPER, *folder),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    def add(self, group: int) -> None:
        """Have a process group ended when this process ends."""
        self._tell("+", group)

    def discard(self, group: int) -> None:
        """A process group has ended."""
        self._tell("-", group)

    async def close(self) -> None:
        """Let it end what is left, and itself."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            await self._process.wait()

    def _tell(self, sign: str, group: int) -> None:
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(f"{sign}{group}\n".encode())


def dies_with_parent(number: int = signal.SIGTERM) -> Callable[[], None]:
    """Return what a child does first, so that it gets a signal when its parent dies (Linux)."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_SET_PARENT_DEATH_SIGNAL, number)

    return prepare


async def start(
    command: Sequence[str], env: Mapping[str, str], folder: Path, log: Path
) -> asyncio.subprocess.Process:
    """Start a program in a session of its own, its output appended to a file.

    Raises:
        OSError: When there is no such program.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command, env=dict(env), cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True, preexec_fn=dies_with_parent(),
        )  # fmt: skip


async def stop(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """Ask a process group to end, and make it end when the time is up."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), grace_s)
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
