"""The place of one spawner's newest start: reserved, taken by its pod, and given back.

It is given back as soon as it is known that there is no pod, and no sooner: a start that
fails, and a stop, tell nothing of a pod that the watch has not shown.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from teamspawner.hub.remains import LANDS_WITHIN_S, Making, may_have_made
from teamspawner.offers.reservations import Reservation

if TYPE_CHECKING:
    from teamspawner.hub.shared import Shared

__all__ = ["Place"]

ANSWER_S = 0.7
"""How long the answer to a request is waited for though the start that made it is cancelled.

Without it nobody would know for long whether there is a pod. JupyterHub gives a start that it
cancels one second to end.
"""

SHOWN_WITHIN_S = LANDS_WITHIN_S + 20.0
"""How long a start must have been over when news of pods that do not show its pod prove that
there is none."""


class Place:
    """Keeps the ledger right for one spawner.

    Attributes:
        token: Marks the pod of the newest start, as its label ``teamspawner/start``.
    """

    def __init__(self, spawner: Any, shared: Callable[[], Shared]) -> None:
        self._spawner = spawner
        self._shared = shared
        self.token = ""
        self._making: Making | None = None
        self._unwanted = False
        self._request: asyncio.Task[bool] | None = None
        self._met_another = False

    def new_token(self) -> str:
        """Begin with another start."""
        self.token, self._making = secrets.token_hex(8), None
        return self.token

    def reserve(self, reservation: Reservation) -> None:
        """Hold the place of the newest start."""
        self._shared().ledger.reserve(reservation)

    async def take(self, namespace: str, name: str, request: Coroutine[Any, Any, bool]) -> bool:
        """Do one request to create the pod; what it says or raises is passed on.

        Args:
            namespace: Where the pod is to be.
            name: The pod's.
            request: Says whether it was made; False: it may have been.
        """
        before = self._making
        making = Making(namespace, name, self.token, self._spawner.delete_grace_period)
        self._making, self._unwanted, self._met_another = making.doubtful(), False, False
        self._shared().ledger.asked_for(self.token, making.pod)
        self._request = sent = asyncio.ensure_future(request)
        try:
            return await asyncio.shield(sent)
        except asyncio.CancelledError:
            await asyncio.wait({sent}, timeout=ANSWER_S)
            sent.cancel()
            raise
        finally:
            self._answered(sent, making, before)

    def _answered(self, sent: asyncio.Future[bool], making: Making, before: Making | None) -> None:
        """Note what came of a request, as far as it is known."""
        ledger, known = self._shared().ledger, sent.done() and not sent.cancelled()
        error = sent.exception() if known else None
        if self._met_another or (error is not None and not may_have_made(error)):
            self._making = before
            ledger.asked_for(making.token, before.pod if before else "")
        elif known and error is None and sent.result():
            self._making = replace(making, unanswered=before.unanswered if before else None)
            ledger.made(making.token, making.pod)

    def stopping(self) -> None:
        """Note that the pod of this name is not wanted any more.

        KubeSpawner deletes one that was there before in the middle of its request for another,
        which has not been carried out then.
        """
        if self._request is not None and asyncio.current_task() is self._request:
            self._met_another = True
        else:
            self._unwanted = True

    def stopped(self) -> None:
        """Note that the API server has taken the deletion of the pod, if it was there already."""
        self._unwanted = self._making is not None and self._making.unanswered is not None

    def ended(self, *, well: bool) -> None:
        """Note that a start is over; its place is kept until it is known whether there is a pod."""
        self._shared().settle()
        if not well:
            self._unwanted = self._making is not None
            self._is_over()

    def give_back(self) -> None:
        """Note that JupyterHub has done with the server: what may remain is looked after."""
        shared, making, self._making = self._shared(), self._making, None
        shared.settle()
        kept = self._is_over()
        if making is not None and (kept or self._unwanted):
            shared.remains.look_for(making, self._spawner.api, unwanted=self._unwanted)

    def _is_over(self) -> bool:
        """Whether the place of a start that is over is kept."""
        shared = self._shared()
        return shared.ledger.over(self.token, shared.now() + SHOWN_WITHIN_S)
