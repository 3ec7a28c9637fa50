"""Commands as processes, and the kubeconfig that leads them to a server."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path


def write_kubeconfig(path: Path, url: str) -> str:
    """A kubeconfig for the server at an address; returns its own path."""
    named = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(named))
    return str(path)


async def begun(*arguments: str) -> asyncio.subprocess.Process:
    """A command at work."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "teamspawner", *arguments, stdout=pipe, stderr=pipe
    )


async def ended(*arguments: str) -> tuple[int | None, str, str]:
    """Exit code, output and messages of a command that ended."""
    process = await begun(*arguments)
    out, err = await asyncio.wait_for(process.communicate(), 240)
    return process.returncode, out.decode(), err.decode()
