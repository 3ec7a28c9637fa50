"""The running cluster as a command sees it: one look, or one look after another."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from teamspawner.capacity import Rules
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.source import KINDS, POLICIES
from teamspawner.cluster.watch import Watcher
from teamspawner.errors import ClusterError

FIRST_S = 60.0
"""How long a first look may take, in seconds; 150,000 pods take a few."""
GIVE_UP_S = 5.0
"""How long a server that does not answer is tried before it is called not reachable."""
REST_S = 10.0
"""How long kinds other than nodes and pods are waited for."""

SETTLED_S = 0.2
"""How long nothing must be outstanding before a look is complete."""

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client library warns before it fails
        connection = await Connection.load(kubeconfig)
    # no command judges by quotas, and an account like the hub's may read them in one place only
    kinds = tuple(kind for kind in KINDS if kind not in POLICIES)
    watcher = Watcher(connection, rules, kinds=kinds, log=log)
    watcher.begin()
    try:
        await _first_look(watcher)
        yield watcher
    finally:
        await watcher.stop()


async def _first_look(watcher: Watcher) -> None:
    """Wait for nodes and pods; a server that does not know us is asked again for a while."""
    waited = 0.0
    while True:
        known = await watcher.synced(_STEP_S)
        status = watcher.status()
        if known and not status.stranger:
            return
        if known:
            await asyncio.sleep(_STEP_S)
        waited += _STEP_S
        silent = status.as_of is None and bool(status.trouble or watcher.no_way)
        if (waited >= GIVE_UP_S and (silent or status.stranger)) or waited >= FIRST_S:
            answer = 401 if status.stranger else None
            raise ClusterError("reach", "the cluster", answer, watcher.no_way or status.trouble)


async def everything_seen(watcher: Watcher) -> None:
    """Wait a while for the kinds beside nodes and pods, until all stay known for a moment.

    An older scheduler that is found among the pods makes them be read once more.
    """
    waited = known = 0.0
    while waited < REST_S and known < SETTLED_S:
        await asyncio.sleep(_STEP_S)
        waited += _STEP_S
        kinds = watcher.status().kinds.values()
        whole = all(kind.synced or kind.refused for kind in kinds)
        known = known + _STEP_S if whole else 0.0


def troubles(watcher: Watcher, *, refusals: bool = True) -> tuple[str, ...]:
    """Say what could not be seen (``refusals``, all in one sentence) or read, a sentence each."""
    kinds = watcher.status().kinds.items()
    refused = [name for name, kind in kinds if kind.refused]
    found = []
    if refused and refusals:
        first = next(kind.refused for _, kind in kinds if kind.refused)
        more = "; the others likewise" if len(refused) > 1 else ""
        found.append(f"cannot see {', '.join(refused)}: {first}{more}")
    for name, kind in kinds:
        found += [f"left out {name} {which}: {why}" for which, why in kind.named.items()]
    return tuple(found)
