"""Look at the current cluster once: list what a verdict needs, then leave."""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from typing import NamedTuple

from teamspawner.capacity import Rules
from teamspawner.capacity.objects import Snapshot
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.watch import Watcher
from teamspawner.errors import ClusterError

_PATIENCE_S = 5.0
_MOST_S = 120.0
_SETTLED_S = 0.2
"""How long nothing must be outstanding: an older scheduler found makes pods be read again."""


class Found(NamedTuple):
    """What was seen, by which scheduler's rules, and what could not be seen, in sentences."""

    snapshot: Snapshot
    rules: Rules
    troubles: tuple[str, ...]


async def survey(rules: Rules | None, patience_s: float = _PATIENCE_S) -> Found:
    """See the cluster of the current kubeconfig or the pod's own account.

    Args:
        rules: The scheduler asked; None finds its version in the cluster.
        patience_s: How long the API server may be in trouble before it is given up.

    Raises:
        ClusterError: When it cannot be reached, or does not answer in time.
    """
    quiet = logging.getLogger("teamspawner.cli.live")
    quiet.setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client library warns before it fails
        connection = await Connection.load()
    watcher = Watcher(connection, rules, log=quiet)
    watcher.begin()
    try:
        await _settle(watcher, patience_s)
        return Found(watcher.snapshot(), watcher.rules, _troubles(watcher))
    finally:
        await watcher.stop()


async def _settle(watcher: Watcher, patience_s: float) -> None:
    """Wait until every kind is known, and stays so for a moment."""
    start = well = time.monotonic()
    whole: float | None = None
    while whole is None or time.monotonic() - whole < _SETTLED_S:
        await asyncio.sleep(0.02)
        now, status = time.monotonic(), watcher.status()
        done = status.synced and all(kind.synced for kind in status.kinds.values())
        whole = (whole or now) if done else None
        trouble = next((kind.trouble for kind in status.kinds.values() if kind.trouble), "")
        well = well if trouble and not done else now
        if now - well > patience_s or now - start > _MOST_S:
            raise ClusterError("list", "the cluster", None, trouble or "it takes too long")


def _troubles(watcher: Watcher) -> tuple[str, ...]:
    found: list[str] = []
    for name, kind in watcher.status().kinds.items():
        if kind.refused:
            found.append(f"cannot see {name}: {kind.refused}")
        found += [f"left out {name} {which}: {why}" for which, why in kind.named.items()]
    return tuple(found)
