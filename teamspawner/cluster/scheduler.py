"""Which kube-scheduler is judged for: the hub's own, else that of the API server's version."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp

from teamspawner.capacity.rules import Rules
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.decode import version_of
from teamspawner.cluster.state import State

__all__ = ["SchedulerFinder"]

_AGAIN_S = 5
"""How long to wait before asking once more while the server's version is not known."""
_UPGRADE_S = 600
"""The same once it is known: a hub of months meets new servers."""


class SchedulerFinder:
    """Keeps a state judging by the rules of the scheduler that is there, after an upgrade too.

    Args:
        state: Whose rules are set.
        namespace: The hub's, to look for its scheduler in; None looks in all.
        recount: Called when pods are to be listed again, for other rules count them otherwise.
        log: Where it is told what is judged for.
    """

    def __init__(
        self,
        state: State,
        namespace: str | None,
        recount: Callable[[], None],
        log: logging.Logger,
    ) -> None:
        self._state = state
        self._namespace = namespace
        self._recount = recount
        self._log = log
        self._answered = False

    def look(self) -> None:
        """Judge for the hub's own scheduler, where one is among the pods."""
        found = version_of(self._state.user_scheduler(self._namespace))
        if found is not None:
            self._adopt(Rules.for_version(found))

    async def ask(self, connection: Connection, session: aiohttp.ClientSession) -> None:
        """Judge for the server's version; without an answer, for the same as before."""
        try:
            options = await connection.request_options()
            timeout = aiohttp.ClientTimeout(total=5)
            async with session.get(
                f"{connection.base}/version", timeout=timeout, **options
            ) as answer:
                found = await answer.json(content_type=None)
            self._adopt(Rules.for_version(str(found.get("gitVersion", ""))))
            self._answered = True
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError) as error:
            self._log.info("The scheduler's version is not known (%s); taken as usual", error)

    async def keep_asking(self, connection: Connection, session: aiohttp.ClientSession) -> None:
        """Ask again for ever, while the hub has no scheduler of its own."""
        while True:
            await asyncio.sleep(_UPGRADE_S if self._answered else _AGAIN_S)
            if not self._state.pods.schedulers:
                await self.ask(connection, session)

    def _adopt(self, rules: Rules) -> None:
        if rules.minor == self._state.rules.minor:
            return
        self._log.info("Judging for kube-scheduler 1.%d", rules.minor)
        self._state.count_by(rules)
        self._recount()
