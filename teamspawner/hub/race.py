"""Wait for a server to start, and end the wait as soon as it cannot.

KubeSpawner waits for the whole ``start_timeout`` whatever the pod says; here
that wait races a look at the pod, twice a second.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from kubernetes_asyncio.client import ApiException

from teamspawner.hub.refusal import Refusal
from teamspawner.hub.trouble import (
    from_api,
    hopeless,
    is_scheduled,
    pulls_in_vain,
    unschedulable,
)

__all__ = ["Look", "Patience", "StartTimeoutError", "api_message", "race"]

LOOK_EVERY_S = 0.5


def _spelled(seconds: float) -> str:
    from teamspawner.page.words import age  # only a start that fails needs it

    return age(seconds)


class StartTimeoutError(TimeoutError):
    """The server was not ready in time; JupyterHub's own timeout has no words."""

    def __init__(self, seconds: float) -> None:
        sentence = f"The server was not ready within {_spelled(seconds)}."
        super().__init__(sentence)
        self.jupyterhub_message = sentence
        self.jupyterhub_html_message = sentence


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a start is waited for, in seconds.

    Attributes:
        grace_s: How long a pod may be unplaceable, or its image not pullable.
        wait_s: How long it may wait for room when the tier says so; the longer of
            the two counts.
        timeout_s: How long the whole start may take.
    """

    grace_s: float
    wait_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of a start from outside.

    Attributes:
        pod: Gives the pod as last seen; None before it is.
        events: Gives the pod's events so far.
        scheduled: Told the scheduler's answer, at most once for yes and once for no.
    """

    pod: Callable[[], dict[str, Any] | None]
    events: Callable[[], list[dict[str, Any]]]
    scheduled: Callable[[bool, dict[str, Any]], None]


async def race(
    inner: asyncio.Future[str],
    look: Look,
    patience: Callable[[], Patience],
    given_up: asyncio.Future[None] | None = None,
) -> str:
    """Return the server's address when it is ready, or raise as soon as it cannot be.

    Args:
        inner: KubeSpawner's own start; cancelled when it loses.
        look: The pod, its events, and whom to tell of the scheduler's answer.
        patience: Tells how long to wait for what; known better once the choice is made.
        given_up: Done when the person no longer wants the server.

    Raises:
        Refusal: The pod can never run, the API server refused it, or does not answer.
        StartTimeoutError: It took too long.
    """
    watch = asyncio.ensure_future(_watch(look, patience))
    try:
        ends: set[asyncio.Future[Any]] = {inner, watch}
        ends |= {given_up} if given_up else set()
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if inner.done():
            return _result(inner)
        if watch.done():
            raise watch.result()
        raise Refusal(409, "given-up", "The start was stopped, as you asked.")
    finally:
        for task in (watch, inner):
            task.cancel()
        await asyncio.gather(watch, inner, return_exceptions=True)


def _result(inner: asyncio.Future[str]) -> str:
    try:
        return inner.result()
    except ApiException as error:
        refusal = from_api(error.status or None, api_message(error))
        raise refusal or error from None
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise from_api(None, str(error)) or error from None


def api_message(error: ApiException) -> str:
    """Return the ``message`` of the Status that came with an API error, or its reason."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason or "")


async def _watch(look: Look, patience: Callable[[], Patience]) -> Refusal | StartTimeoutError:
    began = time.monotonic()
    unplaced, unpulled = _Since(), _Since()
    told: set[bool] = set()
    while time.monotonic() - began < (now := patience()).timeout_s:
        seen = look.pod()
        if seen is not None:
            _tell(seen, told, look.scheduled)
            found = hopeless(
                seen,
                _when_read(look.events),
                unplaced_s=unplaced.seconds(unschedulable(seen)) - now.wait_s,
                unpulled_s=unpulled.seconds(pulls_in_vain(seen)),
                grace_s=now.grace_s,
            )
            if found is not None:
                return found
        await asyncio.sleep(LOOK_EVERY_S)
    return _too_late(look.pod(), patience().timeout_s)


def _when_read(events: Callable[[], list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The events, fetched when somebody reads them: KubeSpawner sorts those of all pods for that.

    In a class that starts at once this would be most of what the hub does, and while
    nothing is wrong with a pod nobody reads them.
    """
    yield from events()


def _too_late(pod: dict[str, Any] | None, seconds: float) -> Refusal | StartTimeoutError:
    if pod is not None and unschedulable(pod):
        return Refusal(409, "busy", f"No machine had room for this server for {_spelled(seconds)}.")
    return StartTimeoutError(seconds)


def _tell(
    pod: dict[str, Any], told: set[bool], scheduled: Callable[[bool, dict[str, Any]], None]
) -> None:
    answer = True if is_scheduled(pod) else False if unschedulable(pod) else None
    if answer is not None and answer not in told:
        told.add(answer)
        scheduled(answer, pod)


class _Since:
    """For how long something has been so, without a break."""

    def __init__(self) -> None:
        self._start: float | None = None

    def seconds(self, so: bool) -> float:  # noqa: FBT001 - what is timed
        if not so:
            self._start = None
            return 0.0
        if self._start is None:
            self._start = time.monotonic()
        return time.monotonic() - self._start
