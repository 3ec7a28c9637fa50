"""The running cluster as a command sees it: one look, or one look after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from teamspawner.capacity import Rules
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.watch import Watcher
from teamspawner.errors import ClusterError

FIRST_S = 60.0
"""How long a first look may take, in seconds; 150,000 pods take a few."""
GIVE_UP_S = 5.0
"""How long a server that does not answer is tried before it is called not reachable."""
REST_S = 10.0
"""How long kinds other than nodes and pods are waited for."""

_STEP_S = 0.1


@asynccontextmanager
async def watching(kubeconfig: str | None, rules: Rules | None) -> AsyncIterator[Watcher]:
    """Watch the cluster; entered once nodes and pods are known, or known not to be visible.

    Args:
        kubeconfig: Path; None takes the usual places, else the pod's own account.
        rules: The scheduler spoken for; None finds its version.

    Raises:
        ClusterError: When the cluster is not reachable.
    """
    log = logging.getLogger("teamspawner.cli.watch")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    watcher = Watcher(await Connection.load(kubeconfig), rules, log=log)
    watcher.begin()
    try:
        await _first_look(watcher)
        yield watcher
    finally:
        await watcher.stop()


async def _first_look(watcher: Watcher) -> None:
    waited = 0.0
    while not await watcher.synced(_STEP_S):
        waited += _STEP_S
        status = watcher.status()
        unanswered = status.as_of is None and bool(status.trouble or watcher.no_way)
        if (unanswered and waited >= GIVE_UP_S) or waited >= FIRST_S:
            raise ClusterError("reach", "the cluster", None, watcher.no_way or status.trouble)


async def everything_seen(watcher: Watcher) -> None:
    """Wait a while for the kinds beside nodes and pods: volumes, classes, namespaces."""
    waited = 0.0
    while waited < REST_S:
        kinds = watcher.status().kinds.values()
        if all(kind.synced or kind.refused for kind in kinds):
            return
        await asyncio.sleep(_STEP_S)
        waited += _STEP_S
