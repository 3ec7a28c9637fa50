"""Ports of the loopback, and whether somebody answers there."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import aiohttp

__all__ = ["answers", "choose_port", "free_port"]

_FIRST, _LAST, _HIGHEST = 8000, 8100, 65535


async def answers(url: str, seconds: float) -> None:
    """Return once the hub answers.

    Raises:
        TimeoutError: When it never does.
    """
    async with asyncio.timeout(seconds), aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)


def choose_port(wanted: int | None) -> int:
    """Return a free port: the one wanted, any for 0, from 8000 upwards for None.

    Raises:
        ValueError: When the one that was asked for is taken, or is none.
    """
    if wanted is not None:
        if not 0 <= wanted <= _HIGHEST:
            raise ValueError(f"--port {wanted}: no port; allowed: 1 to {_HIGHEST}, or 0 for any")
        if wanted and not _is_free(wanted):
            raise ValueError(f"--port {wanted}: taken; choose another, or 0 for any free one")
        return wanted or free_port()
    return next((port for port in range(_FIRST, _LAST) if _is_free(port)), 0) or free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
