"""The pods that choices would create, as candidates for the judge, with what admission says.

Making one costs a manifest and a question to the API server, so each is kept for
a minute, by what shapes it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from teamspawner.capacity.objects import EMPTY, Candidate, Pod, PodSpec
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.cluster.decode import candidate
from teamspawner.cluster.reading import ObjectError
from teamspawner.hub.dryrun import Answer, DryRun, Outcome
from teamspawner.hub.shape import manifest
from teamspawner.hub.trouble import quota_sentence
from teamspawner.hub.turns import Turns
from teamspawner.offers.model import Choice
from teamspawner.offers.sentences import QUOTA

__all__ = ["Pods", "Shaped"]

KEPT_S = 60.0
MOST_TOLD = 200
_TOLD: set[str] = set()
"""Faults told already, by any spawner of this process."""
_NO_POD = Pod("", EMPTY, PodSpec())


@dataclass(frozen=True, slots=True)
class Shaped:
    """A choice's pod.

    Attributes:
        candidate: For the judge.
        verdict: What admission has already decided; None when the scheduler decides.
        detail: Words for the admin's log; empty when all is well.
    """

    candidate: Candidate
    verdict: Verdict | None = None
    detail: str = ""


class Pods:
    """The pods of one spawner's choices.

    Args:
        spawner: Whose manifests are written.
        dry_run: Asks the API server; None asks nobody.
        rules: The scheduler that will place them.
        turns: Each pod is written in a turn of its own, whoever it is for.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        spawner: Any,
        dry_run: DryRun | None,
        rules: Rules,
        turns: Turns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spawner = spawner
        self._dry_run = dry_run
        self.rules = rules
        self._turns = turns
        self._clock = clock
        self._made: dict[tuple[str, ...], tuple[float, Shaped]] = {}
        self._decided: dict[int, Verdict] = {}

    def known(self, choice: Choice) -> Shaped | None:
        """Return the pod of a choice when it was made within the last minute."""
        found = self._made.get(choice.key)
        return found[1] if found is not None and self._clock() < found[0] else None

    def admission(self, candidate: Candidate) -> Verdict | None:
        """What admission has decided of a pod made here; None when the scheduler decides."""
        return self._decided.get(id(candidate))

    async def make(self, choices: Iterable[Choice], *, fresh: bool = False) -> None:
        """Make the pods of these choices."""
        wanted = list(choices)
        made = await asyncio.gather(*(self._shape(each, fresh=fresh) for each in wanted))
        now = self._clock()
        self._made = {key: kept for key, kept in self._made.items() if now < kept[0]}
        for choice, shaped in zip(wanted, made, strict=True):
            self._made[choice.key] = (now + KEPT_S, shaped)
            self._tell(choice, shaped)
        self._decided = {
            id(shaped.candidate): shaped.verdict
            for _, shaped in self._made.values()
            if shaped.verdict is not None
        }

    def _tell(self, choice: Choice, shaped: Shaped) -> None:
        """Tell the admin, once for each fault, why a choice is INVALID for people."""
        invalid = shaped.verdict is not None and shaped.verdict.status is Status.INVALID
        if invalid and shaped.detail not in _TOLD:
            if len(_TOLD) >= MOST_TOLD:
                _TOLD.clear()
            _TOLD.add(shaped.detail)
            self._spawner.log.warning("Nobody can start %s: %s", choice.slug, shaped.detail[:500])

    async def _shape(self, choice: Choice, *, fresh: bool) -> Shaped:
        namespace = self._spawner.namespace
        # a page may need dozens, and a class opens as many pages at once
        await self._turns.next()
        try:
            written = await manifest(self._spawner, choice)
        except Exception as error:  # noqa: BLE001 - a hook of the admin's may raise anything
            return _unwritable(error)
        asked = Answer(Outcome.NOT_ASKED)
        if self._dry_run is not None:
            own = frozenset({self._spawner.pvc_name})
            asked = await self._dry_run.ask(namespace, written, own, fresh=fresh)
        try:
            found = self._candidate(asked.pod, written)
        except ObjectError as error:
            return _unwritable(error)
        return Shaped(found, _admission(asked), asked.detail)

    def _candidate(
        self, answered: Mapping[str, Any] | None, written: Mapping[str, Any]
    ) -> Candidate:
        """Read what admission made of a manifest, or the manifest where that cannot be read.

        Raises:
            ObjectError: When neither can.
        """
        spawner = self._spawner
        own = {"namespace": spawner.namespace, "name": written["metadata"]["name"]}
        pod = _personal(answered, written, spawner.pvc_name)
        try:
            return candidate({**pod, "metadata": {**pod["metadata"], **own}}, self.rules)
        except ObjectError:
            if answered is None:
                raise
            return self._candidate(None, written)


def _personal(
    answered: Mapping[str, Any] | None, written: Mapping[str, Any], own_claim: str
) -> Mapping[str, Any]:
    """Put back into a shared answer whose pod it is: the person's own disk and labels.

    Admission adds volumes at the end and keeps the order of those it was given.
    """
    if answered is None:
        return written
    volumes = list(answered["spec"].get("volumes") or ())
    for place, volume in enumerate(written["spec"].get("volumes") or ()):
        if (volume.get("persistentVolumeClaim") or {}).get("claimName") == own_claim:
            volumes[place : place + 1] = [volume]
    labels = {
        **(answered["metadata"].get("labels") or {}),
        **(written["metadata"].get("labels") or {}),
    }
    return {
        **answered,
        "metadata": {**answered["metadata"], "labels": labels},
        "spec": {**answered["spec"], "volumes": volumes},
    }


def _unwritable(error: Exception) -> Shaped:
    """A setting or hook that fails here would fail at the start too."""
    detail = f"the pod cannot be written: {type(error).__name__}: {error}"
    reason = Reason("Manifest", "the pod cannot be written", False, detail=type(error).__name__)
    return Shaped(Candidate(_NO_POD), Verdict(Status.INVALID, reasons=(reason,)), detail)


def _admission(asked: Answer) -> Verdict | None:
    if asked.outcome is Outcome.QUOTA:
        said = quota_sentence(asked.quota or {})
        reason = Reason(QUOTA, "exceeded quota", detail=said)
        return Verdict(Status.QUOTA_BLOCKED, reasons=(reason,))
    if asked.outcome is Outcome.INVALID:
        reason = Reason("Admission", "refused by the API server", False, detail=asked.detail[:300])
        return Verdict(Status.INVALID, reasons=(reason,))
    return None
