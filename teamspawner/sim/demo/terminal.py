"""What the demo tells: people on the terminal, programs in the ready file."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import webbrowser
from pathlib import Path

from teamspawner.sim.demo.scenario import Scenario

__all__ = ["announce", "forget", "open_page", "write_ready_file"]


def write_ready_file(path: Path, about: dict[str, object]) -> None:
    """Write the ready file at once and whole; only its owner can read it."""
    half = path.with_name(path.name + ".part")
    half.touch(mode=0o600)
    half.write_text(json.dumps(about))
    half.replace(path)


def announce(scenario: Scenario, url: str, password: str, kubeconfig: Path) -> None:
    """Say on the terminal how to get in."""
    width = max(map(len, scenario.users))
    lines = [
        f"  {name:{width}}  {', '.join(groups) or 'no group'}"
        + ("  (admin)" if name in scenario.admins else "")
        for name, groups in scenario.users.items()
    ]
    told = [
        "",
        f"TeamSpawner demo: {url}",
        "",
        f"Password, for everyone: {password}",
        "Users and their groups:",
        *lines,
        "",
        f"The cluster:  export KUBECONFIG={kubeconfig}",
        "              kubectl get nodes",
        "Ctrl-C ends it all.",
        "",
    ]
    print("\n".join(told), flush=True)  # noqa: T201 - told to a person


def open_page(url: str) -> None:
    """Open the page in a browser, where there is somebody to see it."""
    if sys.stdout.isatty():
        webbrowser.open(url)


def forget(ready_file: Path | None) -> None:
    """Remove the ready file, unless another demo has written it since."""
    with contextlib.suppress(OSError, ValueError):
        if ready_file and json.loads(ready_file.read_text()).get("pid") == os.getpid():
            ready_file.unlink()
