"""Make a scene ready for judging: who holds what, and everything placed that comes first."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from teamspawner.capacity.objects import Snapshot
from teamspawner.offers.appraise import Moment
from teamspawner.offers.caps import Usage
from teamspawner.offers.labels import person_label
from teamspawner.offers.leftover import left_out
from teamspawner.offers.model import Person
from teamspawner.offers.scene import Scene
from teamspawner.offers.stock import Stock

__all__ = ["moment_of"]


def moment_of(person: Person, scene: Scene, stock: Stock) -> Moment:
    """The moment at which a person's choices are judged."""
    label = person.label or person_label(person.name)
    if scene.snapshot is None:
        return Moment(scene, None, None, label)
    snapshot = scene.snapshot
    usage: Usage | None = None
    tokens: AbstractSet[str] = frozenset()
    if not scene.unread:
        counted = stock.usage(snapshot)
        tokens = counted.tokens
        usage = counted.with_reservations(scene.held)
    if scene.leftover is not None:
        snapshot, usage = left_out(scene.leftover, snapshot, usage)
    snapshot = _placed(snapshot, scene, tokens)
    growth = stock.growth(scene.snapshot, snapshot, scene.verdict)
    return Moment(scene, snapshot, usage, label, growth, stock.marks(), stock.lefts)


def _placed(snapshot: Snapshot, scene: Scene, seen: AbstractSet[str]) -> Snapshot:
    """Place pods just created, and starts under way whose pods (by token) are not seen yet."""
    if scene.place is None or scene.stale:
        return snapshot
    fresh = [each for each in snapshot.waiting if not each.judged]
    reserved = [
        each.candidate
        for each in scene.held
        if each.candidate is not None and each.token not in seen
    ]
    if not fresh and not reserved:
        return snapshot
    # what finds no place waits like a pod that was made
    snapshot = replace(snapshot, waiting=(*snapshot.waiting, *reserved))
    return scene.place(snapshot, [*fresh, *reserved])
