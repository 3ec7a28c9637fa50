"""What one hub process holds for all its spawners: the watch, the map, the starts under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from teamspawner.capacity.index import FitIndex
from teamspawner.capacity.objects import Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.watch import Watcher, for_loop
from teamspawner.hub import metrics
from teamspawner.hub.alike import Alike
from teamspawner.hub.collecting import hold_back, set_apart
from teamspawner.hub.dryrun import DryRun
from teamspawner.hub.holdings import Holdings
from teamspawner.hub.remains import Remains
from teamspawner.hub.source import Held, MapSource
from teamspawner.hub.turns import Turns
from teamspawner.offers.desk import Desk
from teamspawner.offers.labels import START_LABEL
from teamspawner.offers.reservations import Ledger

__all__ = ["Shared", "shared_by"]

POLICIES = ("resourcequotas", "limitranges")
FIRST_SYNC_S = 1.0
"""How long the first page waits for the cluster to be seen; later ones wait for nothing."""


class Shared:
    """Shared by every spawner of one event loop.

    Attributes:
        ledger: The starts whose pods are not seen yet.
        remains: Looks after pods that nobody waits for any more.
        watcher: The cluster.
        dry_run: Asks the API server about pods, and remembers.
        turns: Cuts work that is long on a large cluster.
        holdings: What the metrics tell of the cluster's devices.
        alike: Pods written for one person that are others', too.
    """

    def __init__(self, spawner: Any) -> None:
        hold_back()
        self.ledger = Ledger()
        self.remains = Remains(self.ledger, self.settle)
        self.turns = Turns()
        self.holdings = Holdings()
        self.alike = Alike(self.turns)
        self.watcher: Watcher = for_loop(
            connection=Connection(spawner.api.api_client.configuration),
            rules=named_rules(spawner),
            namespace=_namespace(spawner),
            log=spawner.log,
        )
        self.dry_run = DryRun(spawner.api, self._policy)
        self._index = FitIndex(self.watcher.rules)
        self._sources: dict[str, MapSource] = {}
        self._desk: tuple[Held, Desk] | None = None
        self._stale_after = spawner.stale_after
        self._settled = False

    @property
    def rules(self) -> Rules:
        """The scheduler that places the servers."""
        return self.watcher.rules

    @property
    def index(self) -> FitIndex:
        """The judge that remembers what nodes answered; another scheduler needs another one."""
        if self._index.rules != self.rules:
            self._index = FitIndex(self.rules)
        return self._index

    async def synced(self) -> None:
        """Wait a moment for the cluster to be seen for the first time; never raises."""
        await self.watcher.synced(FIRST_SYNC_S)
        if not self._settled and self.watcher.status().synced:
            self._settled = True
            set_apart()

    @property
    def snapshot(self) -> Snapshot | None:
        """The cluster as last seen; None before it ever was."""
        ready = self.watcher.as_of() is not None or self.watcher.status().synced
        return self.watcher.snapshot() if ready else None

    @property
    def stale(self) -> bool:
        """Whether the last news from the cluster is too old for any verdict."""
        age_s = self.watcher.age_s()
        return age_s is not None and age_s > self._stale_after

    def settle(self) -> None:
        """End the reservations whose pods are seen, and those whose time is up.

        The time is that of the last news from the cluster; the hub's own before there was any.
        """
        if len(self.ledger):
            pods = self.watcher.ours()
            self.ledger.seen({pod.labels.get(START_LABEL, "") for pod in pods})
            self.ledger.expire(self.now() - (self.watcher.age_s() or 0.0))

    def _policy(self) -> object:
        """Changes with every quota and limit; None while they are not seen."""
        kinds = self.watcher.status().kinds
        found = [kinds[name] for name in POLICIES if name in kinds]
        if not found or any(each.refused or not each.synced for each in found):
            return None
        return self.watcher.policy_version

    def desk(self, spawner: Any) -> Desk:
        """The desk that answers by the map in force."""
        held = self._held(spawner)
        if self._desk is None or self._desk[0] is not held:
            namespaces = None if spawner.enable_user_namespaces else frozenset({spawner.namespace})
            if held.map is not None:
                metrics.in_force(held.map)
            self._index = FitIndex(self.rules)  # what it knows of sizes that are gone goes, too
            self._desk = (held, Desk(held.map, broken=held.broken, namespaces=namespaces))
        return self._desk[1]

    def _held(self, spawner: Any) -> Held:
        """One source of the map for all spawners that are set up alike."""
        path = Path(spawner.map_file) if spawner.map_file else None
        key = str(path or spawner.map)
        if key not in self._sources:
            self._sources.clear()
            self._sources[key] = MapSource(spawner.map, path, spawner.log)
        return self._sources[key].held()

    def counted(self) -> metrics.Seen | None:
        """What the metrics tell of the cluster; None before it was ever seen."""
        seen = self.snapshot
        return self.holdings.seen(seen) if seen is not None else None

    @staticmethod
    def now() -> float:
        """The clock of reservations, in seconds."""
        return time.monotonic()


_ALL: MutableMapping[asyncio.AbstractEventLoop, Shared] = WeakKeyDictionary()


def shared_by(spawner: Any) -> Shared:
    """What the spawners of the running event loop share, made when first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _ALL:
        _ALL[loop] = Shared(spawner)
        metrics.watched(_ALL[loop].counted)
    return _ALL[loop]


def _namespace(spawner: Any) -> str:
    """Where the hub's own scheduler, quotas and limits are looked for: beside the servers.

    With a namespace for each person only the hub's own can be named.
    """
    if spawner.enable_user_namespaces:
        return str(spawner._namespace_default())  # where the hub itself runs
    return str(spawner.namespace)


def named_rules(spawner: Any) -> Rules | None:
    """The scheduler that the admin named; None lets the watch find it."""
    if not spawner.scheduler_version:
        return None
    try:
        rules = Rules.for_version(spawner.scheduler_version)
    except ValueError as error:
        spawner.log.warning("TeamSpawner.scheduler_version: %s; it is found by itself", error)
        return None
    if rules.warning:
        spawner.log.warning("TeamSpawner.scheduler_version: %s", rules.warning)
    return rules
