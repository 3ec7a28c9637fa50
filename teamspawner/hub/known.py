"""What is known for one spawner at a moment: its person, their profiles, the cluster, the judge."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from jupyterhub.utils import maybe_future

from teamspawner.capacity.objects import Candidate, Pod, PodSpec, Snapshot
from teamspawner.capacity.verdict import Verdict
from teamspawner.hub.culling import default_times
from teamspawner.hub.home import with_home
from teamspawner.hub.leftover import leftover_of
from teamspawner.hub.once import is_news
from teamspawner.hub.pods import KEPT_S, Pods
from teamspawner.hub.refusal import Refusal
from teamspawner.hub.shared import Shared, shared_by
from teamspawner.map.groups import is_member
from teamspawner.offers.choices import plain_pod
from teamspawner.offers.model import Choice, Person
from teamspawner.offers.notices import BROKEN
from teamspawner.offers.profiles import may_see
from teamspawner.offers.scene import Scene

__all__ = ["UNLISTED", "Known"]

UNLISTED = "A part of what may be started cannot be listed now; tell the people who run this hub."
"""For the page, and for who asks for what may be in that part."""
LET_GO_S = 1.5 * KEPT_S
"""After so long without a question the pods of a person's choices are too old to be used again."""


class Known:
    """Gathers what one decision is made from, anew for each decision.

    Args:
        spawner: Whose person it is.
        clock: Seconds, monotonic.

    Attributes:
        unlisted: Whether the admin's own profiles could not be listed when last asked for.
    """

    def __init__(self, spawner: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._spawner = spawner
        self._clock = clock
        self.unlisted = False
        self._pods: Pods | None = None
        self._asked = 0.0
        self._watched = False

    def scene(self, profiles: list[dict[str, Any]] | None) -> Scene:
        """Everything as it is at this moment."""
        shared, spawner = self.shared(), self._spawner
        shared.settle()
        seen = shared.snapshot
        return Scene(
            snapshot=with_home(seen, spawner) if seen is not None else None,
            verdict=self.judge,
            pod_for=self.pod_for,
            warm=self.warm,
            place=shared.index.place,
            held=shared.ledger.besides(f"{spawner.namespace}/{spawner.pod_name}"),
            stale=shared.stale,
            profiles=profiles,
            cull=default_times(),
            beyond_caps=self.bypass(),
            own_waits=spawner.when_busy == "wait",
            own_lets_unknown={"allow": True, "refuse": False}.get(spawner.when_unknown),
            leftover=leftover_of(spawner, shared.watcher.ours()),
        )

    def judge(self, candidate: Candidate, snapshot: Snapshot) -> Verdict:
        """What admission has decided goes first; then the scheduler."""
        found = self.shapes().admission(candidate)
        return found or self.shared().index.verdict(candidate, snapshot)

    def warm(self, candidate: Candidate, snapshot: Snapshot) -> Iterator[None]:
        """Do what ``judge`` would cost in small steps."""
        if self.shapes().admission(candidate) is None:
            yield from self.shared().index.warm(candidate, snapshot)

    def warm_all(
        self, candidates: Iterable[Candidate], snapshot: Snapshot
    ) -> Generator[None, None, None]:
        """The same for several pods."""
        for each in candidates:
            yield from self.warm(each, snapshot)
            self.judge(each, snapshot)  # pods whose answers are not kept node by node are, too
            yield

    def pod_for(self, choice: Choice) -> Candidate:
        """The very pod of a choice where it was made, else one of the choice's own numbers."""
        shaped = self.shapes().known(choice)
        if shaped is not None:
            return shaped.candidate
        if choice.profile is not None:
            return Candidate(Pod(self._spawner.namespace, choice.labels, PodSpec()))
        return plain_pod(choice, self._spawner.namespace)

    async def profiles(self) -> list[dict[str, Any]] | None:
        """The admin's own profiles for this person; None when the admin set none at all.

        None of them beside a map when the admin's function fails: tiers are still to be had.

        Raises:
            Refusal: 503, when it fails or lists what is no profile, and there is no map.
        """
        self.unlisted = False
        if not self._spawner.admin_profiles:
            return None
        try:
            return await self._own_profiles(self._spawner.admin_profiles)
        except Exception as error:  # the admin's own function may raise anything
            if is_news(f"profile_list: {type(error).__name__}: {error}"):
                self._spawner.log.exception("KubeSpawner.profile_list cannot be used")
            self.unlisted = True
        if self.shared().desk(self._spawner).map is None:
            raise Refusal(503, "profiles", BROKEN)
        return []

    async def _own_profiles(self, found: Any) -> list[dict[str, Any]]:
        spawner = self._spawner
        if callable(found):
            found = await maybe_future(found(spawner))
        listed = spawner._get_initialized_profile_list(_as_list(found))
        held = tuple(group.name for group in spawner.user.groups)
        return may_see(listed, lambda patterns: self.bypass() or is_member(patterns, held))

    def person(self) -> Person:
        """The owner of the server, as groups stand now."""
        spawner = self._spawner
        labels = spawner._build_common_labels({})  # the label that pods will have
        return Person(
            name=spawner.user.name,
            groups=tuple(sorted(group.name for group in spawner.user.groups)),
            label=labels["hub.jupyter.org/username"],
            admin=self.bypass(),
        )

    def bypass(self) -> bool:
        """Whether an admin is asking, on a hub that lets admins pass teams and caps."""
        asking = getattr(self._spawner.handler, "current_user", None)
        return bool(self._spawner.admin_bypass and getattr(asking, "admin", False))

    def shared(self) -> Shared:
        """What all spawners of this hub share."""
        return shared_by(self._spawner)

    def shapes(self) -> Pods:
        """The pods of this spawner's choices; made anew when another scheduler is spoken for."""
        shared = self.shared()
        self._asked = self._clock()
        if not self._watched:
            self._watched = True
            _let_go_after(LET_GO_S, self)
        if self._pods is None or self._pods.rules != shared.rules:
            dry_run = shared.dry_run if self._spawner.dry_run else None
            self._pods = Pods(self._spawner, dry_run, shared.rules, shared.alike)
        return self._pods

    def let_go(self) -> None:
        """Give up pods that nobody has asked for of late: most people have closed the page."""
        left_s = self._asked + LET_GO_S - self._clock()
        if left_s > 0:
            _let_go_after(left_s, self)
        else:
            self._pods, self._watched = None, False


def _let_go_after(seconds: float, known: Known) -> None:
    """Have ``let_go`` called, unless whose it is has gone by then."""
    asyncio.get_running_loop().call_later(seconds, _let_go, weakref.ref(known))


def _let_go(known: weakref.ref[Known]) -> None:
    found = known()
    if found is not None:
        found.let_go()


def _as_list(found: Any) -> list[Any]:
    if isinstance(found, dict):
        return [found[key] for key in sorted(found)]
    return list(found or ())
