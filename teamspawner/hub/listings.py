"""What one person may have now, listed without keeping others waiting.

The pods of all choices are made first, and a large cluster is read in small steps.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from teamspawner.hub import metrics
from teamspawner.hub.known import UNLISTED, Known
from teamspawner.offers.desk import Desk
from teamspawner.offers.model import Choice, Listing, Person

__all__ = ["Listings", "Profiles"]

Profiles = list[dict[str, Any]] | None
"""The admin's own profiles for a person; None when the admin set none at all."""


class Listings:
    """Lists for one spawner, whose person is the owner of the server."""

    def __init__(self, spawner: Any, known: Known) -> None:
        self._spawner = spawner
        self._known = known

    async def listing(self) -> Listing:
        """Everything this person may have now, with verdicts."""
        person = self._known.person()
        desk, profiles = await self.opened()
        await self._make(desk.plan(person, self._known.scene(profiles)))
        steps = self._listed(desk, person, profiles)
        listing = await self._known.shared().turns.work(steps)
        metrics.offered(listing.offers)
        if self._known.unlisted:
            return replace(listing, notice=listing.notice or UNLISTED)
        return listing

    async def opened(self) -> tuple[Desk, Profiles]:
        """The desk, once it has read the cluster as it is now, and this person's profiles."""
        shared = self._known.shared()
        await shared.synced()
        desk, profiles = shared.desk(self._spawner), await self._known.profiles()
        await shared.turns.work(self._warm(desk, profiles))
        return desk, profiles

    async def prepare(self, plan: tuple[Choice, ...], profiles: Profiles) -> None:
        """Make the pods of what will be judged in one go, and judge each once, in small steps."""
        await self._make(plan)
        scene = self._known.scene(profiles)
        if scene.snapshot is not None:
            steps = self._known.warm_all(map(scene.pod_for, plan), scene.snapshot)
            await self._known.shared().turns.work(steps)

    def _listed(
        self, desk: Desk, person: Person, profiles: Profiles
    ) -> Generator[None, None, Listing]:
        """List as things are when this work begins, however long it has waited for that."""
        return (yield from desk.listed(person, self._known.scene(profiles)))

    def _warm(self, desk: Desk, profiles: Profiles) -> Generator[None, None, None]:
        """Read what changed of a large cluster, in small steps; for the metrics, too."""
        scene = self._known.scene(profiles)
        yield from desk.warm(scene)
        if scene.snapshot is not None:
            yield from self._known.shared().holdings.follow(scene.snapshot)

    async def _make(self, plan: tuple[Choice, ...]) -> None:
        """Make the pods of choices that have none."""
        pods = self._known.shapes()
        await pods.make([choice for choice in plan if pods.known(choice) is None])
