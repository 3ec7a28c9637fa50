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
from teamspawner.hub.alike import Alike, Whose, is_same, may_share
from teamspawner.hub.dryrun import Answer, DryRun, Outcome, shape_of
from teamspawner.hub.once import is_news
from teamspawner.hub.shape import manifest, plain_manifest
from teamspawner.hub.trouble import quota_sentence
from teamspawner.offers.causes import QUOTA
from teamspawner.offers.model import Choice

__all__ = ["Pods", "Shaped"]

KEPT_S = 60.0
_NO_POD = Pod("", EMPTY, PodSpec())


@dataclass(frozen=True, slots=True)
class Shaped:
    """A choice's pod.

    Attributes:
        choice: What is chosen.
        candidate: For the judge.
        until: When it must be made anew, in seconds of the clock.
        verdict: What admission has already decided; None when the scheduler decides.
        detail: Words for the admin's log; empty when all is well.
    """

    choice: Choice
    candidate: Candidate
    until: float
    verdict: Verdict | None = None
    detail: str = ""


class Pods:
    """The pods of one spawner's choices.

    Args:
        spawner: Whose manifests are written.
        dry_run: Asks the API server; None asks nobody.
        rules: The scheduler that will place them.
        alike: Pods of other people that may be one's own, but for names.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        spawner: Any,
        dry_run: DryRun | None,
        rules: Rules,
        alike: Alike,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spawner = spawner
        self._dry_run = dry_run
        self.rules = rules
        self._alike = alike
        self._clock = clock
        self._made: dict[tuple[str, ...], Shaped] = {}
        self._decided: dict[int, Verdict] = {}

    def known(self, choice: Choice) -> Shaped | None:
        """Return the pod of a choice when it was made within the last minute.

        One of the same name that has become another since, as a share of other nodes or by an
        edit of the map, has none.
        """
        shaped = self._made.get(choice.key)
        if shaped is None or self._clock() >= shaped.until or not is_same(shaped.choice, choice):
            return None
        return shaped

    def admission(self, candidate: Candidate) -> Verdict | None:
        """What admission has decided of a pod made here; None when the scheduler decides."""
        return self._decided.get(id(candidate))

    async def make(self, choices: Iterable[Choice], *, fresh: bool = False) -> None:
        """Make the pods of these choices; unless ``fresh``, as far as others have none such."""
        wanted, now = list(choices), self._clock()
        self._made = {key: kept for key, kept in self._made.items() if now < kept.until}
        share = {each.key for each in wanted if not fresh and may_share(self._spawner, each)}
        ground = await self._ground() if len(share) > 1 else None
        if ground is not None:
            wanted = self._borrow(wanted, share, *ground)
        made = await asyncio.gather(*(self._shape(each, fresh=fresh) for each in wanted))
        for shaped in made:
            key = shaped.choice.key
            self._made[key] = shaped
            self._tell(shaped)
            if ground is not None and key in share and shaped.verdict is None:
                self._alike.put(ground[0], shaped.choice, ground[1], shaped.candidate, shaped.until)
        self._decided = {
            id(shaped.candidate): shaped.verdict
            for shaped in self._made.values()
            if shaped.verdict is not None
        }

    async def _ground(self) -> tuple[tuple[object, ...], Whose] | None:
        """What the pods of this person's choices are made from; None when that cannot be told."""
        spawner, asks = self._spawner, self._dry_run
        await self._alike.turns.next()
        try:
            written = await plain_manifest(spawner)
        except Exception:  # noqa: BLE001 - a function of the admin's may raise anything
            return None  # each choice says so in its own words
        shape = shape_of(written, frozenset({spawner.pvc_name}))
        mark = asks.mark if asks is not None else "not asked"
        ground = (spawner.namespace, shape, mark, self.rules)
        return ground, Whose.of(written, spawner.pvc_name)

    def _borrow(
        self,
        wanted: list[Choice],
        share: set[tuple[str, ...]],
        ground: tuple[object, ...],
        whose: Whose,
    ) -> list[Choice]:
        """Take over what others have had written; return what is still to be written."""
        now, left = self._clock(), []
        for choice in wanted:
            found = self._alike.get(ground, choice, whose, now) if choice.key in share else None
            if found is None:
                left.append(choice)
            else:
                until, candidate = found
                self._made[choice.key] = Shaped(choice, candidate, until)
        return left

    def _tell(self, shaped: Shaped) -> None:
        """Tell the admin, once for each fault, why a choice is INVALID for people."""
        invalid = shaped.verdict is not None and shaped.verdict.status is Status.INVALID
        if invalid and is_news(shaped.detail):
            slug = shaped.choice.slug
            self._spawner.log.warning("Nobody can start %s: %s", slug, shaped.detail[:500])

    async def _shape(self, choice: Choice, *, fresh: bool) -> Shaped:
        namespace = self._spawner.namespace
        # a page may need dozens, and a class opens as many pages at once
        await self._alike.turns.next()
        try:
            written = await manifest(self._spawner, choice)
        except Exception as error:  # noqa: BLE001 - a hook of the admin's may raise anything
            return _unwritable(choice, error, self._clock() + KEPT_S)
        asked = Answer(Outcome.NOT_ASKED)
        if self._dry_run is not None:
            own = frozenset({self._spawner.pvc_name})
            asked = await self._dry_run.ask(namespace, written, own, fresh=fresh)
        try:
            found = self._candidate(asked.pod, written)
        except ObjectError as error:
            return _unwritable(choice, error, self._clock() + KEPT_S)
        return Shaped(choice, found, self._clock() + KEPT_S, _admission(asked), asked.detail)

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


def _unwritable(choice: Choice, error: Exception, until: float) -> Shaped:
    """A setting or hook that fails here would fail at the start too."""
    detail = f"the pod cannot be written: {type(error).__name__}: {error}"
    reason = Reason("Manifest", "the pod cannot be written", False, detail=type(error).__name__)
    verdict = Verdict(Status.INVALID, reasons=(reason,))
    return Shaped(choice, Candidate(_NO_POD), until, verdict, detail)


def _admission(asked: Answer) -> Verdict | None:
    if asked.outcome is Outcome.QUOTA:
        said = quota_sentence(asked.quota or {})
        reason = Reason(QUOTA, "exceeded quota", detail=said)
        return Verdict(Status.QUOTA_BLOCKED, reasons=(reason,))
    if asked.outcome is Outcome.INVALID:
        reason = Reason("Admission", "refused by the API server", False, detail=asked.detail[:300])
        return Verdict(Status.INVALID, reasons=(reason,))
    return None
