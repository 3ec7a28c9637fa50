"""One watch of the cluster per event loop, shared by everything in the process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import weakref
from dataclasses import replace
from datetime import datetime

from teamspawner.capacity.objects import Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.follow import Follower
from teamspawner.cluster.pods import OurPod
from teamspawner.cluster.receivers import PolicyReceiver, receiver_for
from teamspawner.cluster.scheduler import SchedulerFinder
from teamspawner.cluster.source import FIRST, KINDS, POLICIES, Settings, Source
from teamspawner.cluster.state import State
from teamspawner.cluster.status import Clock, KindStatus, Status
from teamspawner.errors import ClusterError

__all__ = ["Watcher", "for_loop"]

_AT_ONCE = 200
"""Nodes brought up to date in one turn: well under a millisecond."""


class Watcher:
    """Watches the cluster and gives out snapshots of it.

    Args:
        connection: The API server; None finds it when the watch starts, as ``Connection.load``.
        rules: The scheduler; None finds its version by itself: the image of the hub's
            own scheduler, else the API server's version.
        namespace: The hub's, for finding its scheduler; None looks in all.
        settings: How to watch.
        kinds: What to watch; all of ``KINDS`` by default.
        log: Where trouble is told, once per kind and trouble.
    """

    def __init__(  # noqa: PLR0913 - all but the first are settings
        self,
        connection: Connection | None = None,
        rules: Rules | None = None,
        *,
        namespace: str | None = None,
        settings: Settings | None = None,
        kinds: tuple[str, ...] = tuple(KINDS),
        log: logging.Logger | None = None,
    ) -> None:
        self._connection = connection
        self._namespace = namespace
        self._settings = settings or Settings()
        self._kinds = kinds
        self._log = log or logging.getLogger("teamspawner.watch")
        self._state = State(rules or Rules())
        self._followers: dict[str, Follower] = {}
        self._news = asyncio.Event()
        self._main: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._clock = Clock()
        self._no_way = ""
        self._told = -1
        self._scheduler: SchedulerFinder | None = None
        if rules is None:
            self._scheduler = SchedulerFinder(self._state, namespace, self._recount, self._log)

    # --- life ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin to watch, in the running loop; calling it again does nothing."""
        if self._main is None:
            self._main = asyncio.create_task(self._run(), name="teamspawner watch")

    async def stop(self) -> None:
        """End all tasks and connections."""
        if self._main is not None:
            self._main.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._main
            self._main = None

    async def synced(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - not a failure
        """Wait until nodes and pods are known, or known not to be visible.

        Args:
            timeout: Seconds to wait at most; None waits for ever.

        Returns:
            False when the time was over before.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
                for kind in FIRST:
                    if kind in self._followers:
                        await self._followers[kind].synced.wait()
        except TimeoutError:
            return False
        return True

    # --- what is seen -------------------------------------------------------------------

    @property
    def rules(self) -> Rules:
        """The scheduler judged for; found a moment after the start unless it was given."""
        return self._state.rules

    @property
    def version(self) -> int:
        """Grows with every change that can alter a verdict."""
        return self._state.version

    @property
    def policy_version(self) -> int:
        """Grows when a quota, limit range or priority class changes."""
        found = (f.receiver for f in self._followers.values())
        return sum(each.changes for each in found if isinstance(each, PolicyReceiver))

    def snapshot(self) -> Snapshot:
        """Return what is seen now; kinds that are not are in its ``unseen``.

        Costs what changed since the last one, not the cluster.
        """
        return self._state.snapshot(self.as_of())

    def as_of(self) -> datetime | None:
        """Return when nodes and pods were last heard of, the older of both; None before that."""
        heard = self._heard()
        return None if heard is None else self._clock.at(heard)

    def age_s(self) -> float | None:
        """Return the seconds since ``as_of``, by a clock that never jumps; None before that."""
        heard = self._heard()
        return None if heard is None else time.monotonic() - heard

    def ours(self) -> tuple[OurPod, ...]:
        """Return the pods that carry a label of ours, in every namespace."""
        return self._state.ours()

    def status(self) -> Status:
        """Return how the watch is: what is seen, what not and why, and how old it is."""
        kinds = {kind: _status_of(each) for kind, each in self._followers.items()}
        held = self._state
        return Status(
            synced=self._ready.is_set() and all(kinds[k].synced for k in FIRST if k in kinds),
            as_of=self.as_of(),
            age_s=self.age_s(),
            nodes=len(held.node_names()),
            pods=len(held.pods),
            scheduler=f"1.{held.rules.minor}",
            kinds=kinds,
        )

    @property
    def no_way(self) -> str:
        """Why there is no connection at all, in words; empty when there is one."""
        return self._no_way

    async def newer(self, version: int, timeout: float | None = None) -> int:  # noqa: ASYNC109 - not a failure
        """Wait until ``version`` is above the one given; return the one now.

        Args:
            version: The version already known.
            timeout: Seconds to wait at most; then the same version is returned.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._state.version <= version:
                    await self._news.wait()
        return self._state.version

    # --- inside -------------------------------------------------------------------------

    def _heard(self) -> float | None:
        heard = [f.heard for k, f in self._followers.items() if k in FIRST and not f.refused]
        known = [each for each in heard if each is not None]
        return min(known) if known and len(known) == len(heard) else None

    def _notice(self) -> None:
        """Wake those who wait for news."""
        if self._state.version != self._told:
            self._told = self._state.version
            self._news.set()
            self._news = asyncio.Event()

    async def _run(self) -> None:
        connection = await self._connect()
        async with connection.session() as session:
            if self._scheduler is not None:
                await self._scheduler.ask(connection, session)
            for kind in self._kinds:
                receiver = receiver_for(kind, self._state, self._tell)
                self._followers[kind] = Follower(
                    self._source(kind),
                    receiver,
                    connection,
                    session,
                    self._settings_of(kind),
                    self._tell,
                    self._notice,
                )
            self._ready.set()
            async with asyncio.TaskGroup() as group:
                for kind, follower in self._followers.items():
                    group.create_task(self._follow(kind, follower), name=f"watch {kind}")
                group.create_task(self._keep_house(), name="watch housekeeping")
                if self._scheduler is not None:
                    asking = self._scheduler.keep_asking(connection, session)
                    group.create_task(asking, name="watch version")

    def _source(self, kind: str) -> Source:
        source = KINDS[kind]
        if kind in POLICIES and self._namespace:
            return replace(source, path=f"/api/v1/namespaces/{self._namespace}/{kind}")
        return source

    def _settings_of(self, kind: str) -> Settings:
        given = self._settings
        return replace(given, period_s=given.rights_s) if kind in FIRST else given

    async def _follow(self, kind: str, follower: Follower) -> None:
        """Follow a kind; those needed by few pods begin when nodes and pods are known."""
        if kind not in FIRST:
            for first in FIRST:
                if first in self._followers:
                    await self._followers[first].synced.wait()
        await follower.run()

    async def _connect(self) -> Connection:
        wait = 1.0
        while self._connection is None:
            try:
                self._connection = await Connection.load()
            except ClusterError as error:
                if not self._no_way:
                    self._tell(str(error))
                self._no_way = str(error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._settings.longest_wait_s)
        self._no_way = ""
        return self._connection

    async def _keep_house(self) -> None:
        """Keep snapshots cheap while much changes, and follow an upgrade of the hub's scheduler."""
        while True:
            await asyncio.sleep(0.05)
            # During a first list it would be done again and again.
            if all(self._followers[k].synced.is_set() for k in FIRST if k in self._followers):
                self._state.settle(_AT_ONCE)
            if self._scheduler is not None:
                self._scheduler.look()

    def _recount(self) -> None:
        """Take all pods in again."""
        if "pods" in self._followers:
            self._followers["pods"].again()

    def _tell(self, sentence: str) -> None:
        self._log.warning("%s", sentence[:1].upper() + sentence[1:])


def _status_of(follower: Follower) -> KindStatus:
    odd = follower.receiver.odd
    return KindStatus(
        synced=follower.synced.is_set(),
        refused=follower.refused,
        trouble=follower.trouble,
        age_s=None if follower.heard is None else time.monotonic() - follower.heard,
        lists=follower.lists,
        odd=odd.count,
        named=dict(odd.named),
        stranger=follower.stranger,
    )


_watchers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Watcher] = (
    weakref.WeakKeyDictionary()
)


def for_loop(
    connection: Connection | None = None,
    rules: Rules | None = None,
    *,
    namespace: str | None = None,
    settings: Settings | None = None,
    log: logging.Logger | None = None,
) -> Watcher:
    """Return the one watcher of the running event loop, made and begun at the first call.

    The arguments are those of ``Watcher``; only those of the first call count.
    """
    loop = asyncio.get_running_loop()
    found = _watchers.get(loop)
    if found is None:
        found = Watcher(connection, rules, namespace=namespace, settings=settings, log=log)
        _watchers[loop] = found
        found.begin()
    return found
