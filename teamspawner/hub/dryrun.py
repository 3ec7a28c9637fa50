"""Ask the API server what it would make of a pod, without making it.

Only it knows its LimitRanges, quotas, priority classes and webhooks. An answer is
kept for a minute, and as long as the namespace's quotas and limits stay the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
from kubernetes_asyncio.client import ApiException

from teamspawner.hub.race import api_message
from teamspawner.hub.trouble import QUOTA

__all__ = ["Answer", "DryRun", "Outcome", "shape_of"]

KEPT_S = 60.0
KEPT_BLIND_S = 10.0
"""How long an answer is kept when quotas cannot be read, so changes go unseen."""
NO_RIGHT_S = 300.0
TIMEOUT_S = 1.0
MOST = 1024
"""How many answers are kept, some 10 kB each, should hardly any two people's pods be alike."""
AWAY_S = 5.0
"""How long nothing is asked after no answer came, so that pages stay quick."""
_PERSONAL = frozenset({"env", "args", "command", "volumeMounts", "workingDir"})
_FORBIDDEN = 403
_REFUSED = frozenset({400, 403, 422})


class Outcome(StrEnum):
    """What came of asking; constant words."""

    ACCEPTED = "accepted"
    QUOTA = "quota"
    INVALID = "invalid"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server says of a pod.

    Attributes:
        outcome: One of ``Outcome``.
        pod: The pod as it would be stored; None unless accepted.
        detail: The API server's words, for the log and for quota sentences.
        quota: Name of the quota, with ``used``, ``hard`` and ``asked`` as the API prints them.
    """

    outcome: Outcome
    pod: Mapping[str, Any] | None = None
    detail: str = ""
    quota: Mapping[str, str] | None = None


class DryRun:
    """Remembers answers by what shapes a pod, not by whose it is.

    Args:
        api: A kubernetes_asyncio ``CoreV1Api``.
        mark: Changes whenever a quota or limit changes; None while those are not seen.
        clock: Seconds, monotonic.
        most: How many answers are kept.
    """

    def __init__(
        self,
        api: Any,
        mark: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST,
    ) -> None:
        self._api = api
        self._clock = clock
        self._answers: dict[tuple[str, str], tuple[float, object, Answer]] = {}
        self._mark = mark
        self._most = most
        self._barred_until = 0.0

    @property
    def mark(self) -> object:
        """Another one when a quota or limit has changed; None while those are not seen."""
        return self._mark()

    async def ask(
        self,
        namespace: str,
        pod: Mapping[str, Any],
        own_claims: frozenset[str] = frozenset(),
        *,
        fresh: bool = False,
    ) -> Answer:
        """Say what the API server would make of this pod; within a second or so.

        Args:
            namespace: Where it would be created.
            pod: The whole manifest.
            own_claims: Claims of this person alone. Pods that differ only in whose
                they are share one answer.
            fresh: Ask again whatever is remembered; for the start itself.
        """
        now = self._clock()
        if now < self._barred_until:
            return Answer(Outcome.NOT_ASKED, detail="not asked again so soon")
        mark = self._mark()
        key = (namespace, shape_of(pod, own_claims))
        kept = self._answers.get(key)
        if kept is not None and not fresh and now < kept[0] and kept[1] == mark:
            return kept[2]
        answer = await self._ask(namespace, pod)
        if answer.outcome != Outcome.NOT_ASKED:
            lasts = KEPT_BLIND_S if mark is None else KEPT_S
            self._answers.pop(key, None)
            self._answers[key] = (now + lasts, mark, answer)  # at the end: the oldest come first
            self._forget(now)
        return answer

    async def _ask(self, namespace: str, pod: Mapping[str, Any]) -> Answer:
        # another name: the person's own pod may still be there, and would be a conflict
        metadata = {**pod["metadata"], "name": f"{pod['metadata']['name'][:200]}-check"}
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await self._api.create_namespaced_pod(
                    namespace,
                    {**pod, "metadata": metadata},
                    dry_run="All",
                    _preload_content=False,
                )
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._barred_until = self._clock() + AWAY_S
            return Answer(Outcome.NOT_ASKED, detail=type(error).__name__)
        return self._read(response.status, body)

    def _read(self, status: int, body: bytes) -> Answer:
        """Refusals come as answers here: unread, the client raises nothing."""
        if status >= 400:
            error = ApiException(status=status)
            error.body = body.decode(errors="replace")
            return self._refused(error)
        pod = _pod_in(body)
        if pod is None:
            return Answer(Outcome.NOT_ASKED, detail="the answer is no pod")
        return Answer(Outcome.ACCEPTED, pod)

    def _refused(self, error: ApiException) -> Answer:
        message = api_message(error)
        if error.status not in _REFUSED:
            return Answer(Outcome.NOT_ASKED, detail=message)
        if error.status == _FORBIDDEN and 'cannot create resource "pods"' in message:
            self._barred_until = self._clock() + NO_RIGHT_S
            return Answer(Outcome.NOT_ASKED, detail="no right to create pods")
        quota = QUOTA.search(message)
        if quota:
            return Answer(Outcome.QUOTA, detail=message, quota=quota.groupdict())
        return Answer(Outcome.INVALID, detail=message)

    def _forget(self, now: float) -> None:
        """Forget the oldest answers, as far as their time is up or there are too many."""
        while now >= self._answers[oldest := next(iter(self._answers))][0] or (
            len(self._answers) > self._most
        ):
            del self._answers[oldest]


def _pod_in(body: bytes) -> Mapping[str, Any] | None:
    """The pod that was answered; None when something else was, as a proxy between may do."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    parts = ("metadata", "spec")
    whole = isinstance(found, dict) and all(isinstance(found.get(part), dict) for part in parts)
    return found if whole else None


def shape_of(pod: Mapping[str, Any], own_claims: frozenset[str]) -> str:
    """A digest of everything but who it is for: names, environment, mounts, own volumes."""
    text = json.dumps(_impersonal(pod, own_claims), sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _impersonal(pod: Mapping[str, Any], own_claims: frozenset[str]) -> dict[str, Any]:
    labels = pod["metadata"].get("labels") or {}
    spec = dict(pod["spec"])
    for part in ("containers", "initContainers"):
        spec[part] = [
            {name: value for name, value in each.items() if name not in _PERSONAL}
            for each in spec.get(part) or ()
        ]
    spec["volumes"] = [
        "own" if _claim(each) in own_claims else each for each in spec.get("volumes") or ()
    ]
    kept = {key: value for key, value in labels.items() if not key.startswith("hub.jupyter.org/")}
    return {"labels": kept, "spec": spec}


def _claim(volume: Mapping[str, Any]) -> str:
    return str((volume.get("persistentVolumeClaim") or {}).get("claimName") or "")
