"""What may remain of starts and servers that are over: pods that the watch never showed.

The API server is asked for each by its name until the answer is sure. Until then its place
is kept, so that no limit is passed and no room is shown as free that it may take.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

import aiohttp
from kubernetes_asyncio.client import ApiException, V1DeleteOptions, V1Preconditions

from teamspawner.cluster.decode import FINISHED
from teamspawner.offers.labels import START_LABEL
from teamspawner.offers.reservations import Ledger

__all__ = ["Making", "Remains", "may_have_made"]

LANDS_WITHIN_S = 40.0
"""How long after it was sent a request to create a pod may still be carried out.

The API server gives up any request that writes after 34 s (``requestTimeoutUpperBound`` in
apiserver's ``endpoints/handlers/rest.go``), whether somebody waits for the answer or not.
"""

ASKED_AGAIN_S = (0.5, 10.0)
"""How long is waited before the API server is asked again: at first, and at most."""

ANSWER_S = 10.0
"""How long an answer is waited for."""

_NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError)
_NO_POD = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What comes of reading an answer that is no pod, as a proxy between may give."""


@dataclass(frozen=True, slots=True)
class Making:
    """A pod whose creation has been asked for.

    Attributes:
        token: Of its start, as its label ``teamspawner/start``.
        unanswered: When a request to create it was sent last of which nobody knows what came of
            it, in seconds of ``time.monotonic``; None when the answers to all are known.
        grace_s: How long it has to end when it is deleted; None: what the pod says.
    """

    namespace: str
    name: str
    token: str
    grace_s: int | None = None
    unanswered: float | None = None

    @property
    def pod(self) -> str:
        """Its name with its namespace, as a ``Reservation`` has it."""
        return f"{self.namespace}/{self.name}"

    def doubtful(self) -> Making:
        """The same, when nobody knows what came of a request to create it."""
        return replace(self, unanswered=time.monotonic())

    def may_come(self) -> bool:
        """Whether it may still be made, though nobody asks for it any more."""
        return self.unanswered is not None and time.monotonic() < self.unanswered + LANDS_WITHIN_S


def may_have_made(error: BaseException) -> bool:
    """Whether a request that ended with this may have been carried out all the same."""
    if isinstance(error, ApiException):
        return not 400 <= (error.status or 0) < 500
    return not isinstance(error, aiohttp.ClientConnectorError)


class _Found(Enum):
    GONE = auto()
    THERE = auto()
    UNKNOWN = auto()
    NO_RIGHT = auto()


class Remains:
    """Looks after what may remain, in the background.

    Args:
        ledger: Where places end when their pods are known not to be there.
        settle: Ends the places of pods that the watch shows by now.
    """

    def __init__(self, ledger: Ledger, settle: Callable[[], None]) -> None:
        self._ledger = ledger
        self._settle = settle
        self._tasks: set[asyncio.Task[None]] = set()

    def look_for(self, making: Making, api: Any, *, unwanted: bool) -> None:
        """Look for a pod until it is known to be gone, or is seen by the watch.

        Args:
            making: The pod.
            api: A kubernetes_asyncio ``CoreV1Api``.
            unwanted: Whether it is to be deleted when it is there: its start has failed, or
                its server was to be stopped, and nobody else would ever stop it.
        """
        task = asyncio.ensure_future(self._look(making, api, unwanted=unwanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, making: Making, api: Any, *, unwanted: bool) -> None:
        wait, longest = ASKED_AGAIN_S
        while unwanted or making.token in self._ledger:
            found = await self._ask(making, api, unwanted=unwanted)
            if found is _Found.GONE and not making.may_come():
                self._ledger.release(making.token)
                return
            # taken for deletion it ends whoever looks on; without the right nothing ever does it
            unwanted = unwanted and found in {_Found.GONE, _Found.UNKNOWN}
            await asyncio.sleep(wait)
            wait = min(2 * wait, longest)
            self._settle()

    async def _ask(self, making: Making, api: Any, *, unwanted: bool) -> _Found:
        try:
            async with asyncio.timeout(ANSWER_S):
                pod = await _read(making, api)
                if not _is_that(pod, making):
                    return _Found.GONE
                if unwanted and "deletionTimestamp" not in pod["metadata"]:
                    await _delete(pod, making, api)
        except ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return _Found.GONE
            return _Found.NO_RIGHT if error.status == HTTPStatus.FORBIDDEN else _Found.UNKNOWN
        except (*_NO_ANSWER, *_NO_POD):
            return _Found.UNKNOWN
        return _Found.THERE


async def _read(making: Making, api: Any) -> Mapping[str, Any]:
    """The pod of that name; a body that is no pod shows itself when it is used."""
    answer = await api.read_namespaced_pod(making.name, making.namespace, _preload_content=False)
    body = await answer.read()
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise ApiException(status=answer.status)
    pod: Mapping[str, Any] = json.loads(body)
    return pod


async def _delete(pod: Mapping[str, Any], making: Making, api: Any) -> None:
    """Delete this very pod; one that has its name by now is another start's."""
    options = V1DeleteOptions(
        grace_period_seconds=making.grace_s,
        preconditions=V1Preconditions(uid=pod["metadata"]["uid"]),
    )
    await api.delete_namespaced_pod(making.name, making.namespace, body=options)


def _is_that(pod: Mapping[str, Any], making: Making) -> bool:
    """Whether this is the pod, and holds something."""
    labels = pod["metadata"].get("labels") or {}
    return labels.get(START_LABEL) == making.token and pod["status"].get("phase") not in FINISHED
