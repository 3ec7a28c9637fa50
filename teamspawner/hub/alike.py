"""Pods that differ only in whose they are, so that one is written for many people.

A page needs the pod of every size, and writing one costs as much as the rest of the page.
The pod of a choice follows from the spawner's settings and the choice. So where the plain
pods of two people (without any choice) differ only in names, environment and their own
disks, their pods of one choice do too. What could break this is left out: hooks, settings
with a template or a function in them, and pods that look at others' labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from teamspawner.capacity.objects import Candidate, VolumeUse
from teamspawner.hub.turns import Turns
from teamspawner.offers.labels import START_LABEL
from teamspawner.offers.model import Choice

__all__ = ["Alike", "Whose", "is_same", "may_share"]

MOST = 1024
RENEWED_S = 15.0
"""How long before its time a pod is written anew."""
PREFIX = "hub.jupyter.org/"
_NOT_THE_SCHEDULERS = frozenset({"volume_mounts", "environment", "cmd", "args", "working_dir"})
"""Settings that alter no pod as the scheduler and quotas see it."""

_Key = tuple[object, ...]


class Whose(NamedTuple):
    """What of a pod tells whose it is.

    Attributes:
        name: The pod's.
        claim: Of the person's own disk.
        labels: Those that the hub sets, of the plain pod.
    """

    name: str
    claim: str
    labels: Mapping[str, str]

    @classmethod
    def of(cls, plain: Mapping[str, Any], claim: str) -> Whose:
        """Read it from a plain pod as it is written."""
        meta = plain["metadata"]
        labels = {k: v for k, v in (meta.get("labels") or {}).items() if k.startswith(PREFIX)}
        return cls(str(meta["name"]), claim, labels)


@dataclass(slots=True)
class _Kept:
    """A pod written for somebody.

    Attributes:
        renewing: Whether somebody has set out to write it anew.
    """

    until: float
    choice: Choice
    candidate: Candidate
    whose: Whose
    renewing: bool = False


class Alike:
    """Pods of choices that were written for somebody, for all whose plain pod is the same.

    Attributes:
        turns: Each pod is written in a turn of its own, whoever it is for.
    """

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self._kept: dict[_Key, _Kept] = {}

    def get(
        self, ground: _Key, choice: Choice, whose: Whose, now: float
    ) -> tuple[float, Candidate] | None:
        """Return a pod that was written for another person as one's own, and how long it holds.

        Somewhat before that time one person gets none, and writes it anew for all: when it is
        up nobody else has to wait for that.

        Args:
            ground: Equal for people whose plain pods are the same.
            choice: What is chosen.
            whose: Whose pod is wanted.
            now: Seconds, monotonic.
        """
        kept = self._kept.get((ground, choice.key))
        if kept is None or now >= kept.until or not is_same(kept.choice, choice):
            return None
        if now >= kept.until - RENEWED_S and not kept.renewing:
            kept.renewing = True
            return None
        return kept.until, _made_over(kept.candidate, kept.whose, whose)

    def put(
        self, ground: _Key, choice: Choice, whose: Whose, candidate: Candidate, until: float
    ) -> None:
        """Keep a pod for others, when it is one that can be another's."""
        if not _is_plain(candidate):
            return
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[ground, choice.key] = _Kept(until, choice, candidate, whose)


def may_share(spawner: Any, choice: Choice) -> bool:
    """Whether nothing but the settings and the choice decides what pod is written."""
    if spawner.modify_pod_hook:
        return False
    profile = choice.profile
    return _is_constant(choice.override if profile is None else profile)


def _is_constant(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(
            _is_constant(each) for name, each in value.items() if name not in _NOT_THE_SCHEDULERS
        ) and not any("{" in str(name) for name in value)
    if isinstance(value, list | tuple):
        return all(map(_is_constant, value))
    return "{" not in value if isinstance(value, str) else not callable(value)


def _is_plain(candidate: Candidate) -> bool:
    """Whether the pod looks at no labels, and has no disks but claims."""
    spec = candidate.pod.spec
    odd = (spec.affinity, spec.anti_affinity, spec.spread, spec.resource_claims)
    return not any(odd) and all(use.kind == "claim" for use in spec.volumes)


def is_same(one: Choice, other: Choice) -> bool:
    """Whether two choices of the same key make the same pod for the same person.

    The label that a start has put on its choice tells no two pods apart.
    """
    if one is other:
        return True
    mine, others = ((c.override, c.profile, _lasting(c.labels)) for c in (one, other))
    return mine == others


def _lasting(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != START_LABEL}


def _made_over(candidate: Candidate, theirs: Whose, mine: Whose) -> Candidate:
    pod = candidate.pod
    labels = {
        name: mine.labels[name]
        if name in mine.labels and theirs.labels.get(name) == value
        else value
        for name, value in pod.labels.items()
    }
    spec = replace(pod.spec, volumes=_own(pod.spec.volumes, theirs.claim, mine.claim))
    return replace(candidate, name=mine.name, pod=replace(pod, labels=labels, spec=spec))


@lru_cache(maxsize=16)
def _own(volumes: tuple[VolumeUse, ...], theirs: str, mine: str) -> tuple[VolumeUse, ...]:
    """Put one's own disk in the place of another's; all pods of one person share the outcome."""
    return tuple(replace(use, name=mine) if use.name == theirs else use for use in volumes)
