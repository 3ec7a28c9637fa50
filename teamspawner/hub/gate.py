"""The gate of one spawner: what its person may have, and whether a start may pass.

The page, a link, the form and the REST API all ask here, and all are answered
from the same desk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from teamspawner.capacity.accelerators import is_accelerator
from teamspawner.capacity.objects import Candidate
from teamspawner.capacity.verdict import Verdict
from teamspawner.errors import ChoiceError
from teamspawner.hub import metrics
from teamspawner.hub.devices import check
from teamspawner.hub.known import UNLISTED, Known
from teamspawner.hub.listings import Listings
from teamspawner.hub.place import Place
from teamspawner.hub.quiet import OpenPage
from teamspawner.hub.refusal import Refusal
from teamspawner.hub.truth import compare
from teamspawner.hub.waits import longest_s, wait_s
from teamspawner.offers.alternatives import and_nearest
from teamspawner.offers.canonical import NO_OPTIONS
from teamspawner.offers.caps import has_caps
from teamspawner.offers.desk import Desk
from teamspawner.offers.labels import START_LABEL
from teamspawner.offers.model import Alternative, Choice, Listing, Person
from teamspawner.offers.reservations import Reservation
from teamspawner.offers.scene import Leftover

__all__ = ["Gate"]

LARGEST_REQUEST = 2**16
"""Bytes of a request to start a server; the longest honest one has a few hundred."""

EMPTY_BUT_NO_OBJECT = frozenset({b"[]", b'""', b"0", b"0.0", b"false"})
"""JSON that JupyterHub 6 takes for no options at all, though it is no set of names and values."""

NO_ROOM = frozenset({"busy", "quota"})
"""Reasons for which a start ends though the gate let it pass, and something else may fit."""

CLICK_ONLY = "A link alone does not start this; press Start on the page."
KEPT_AFTER_START_S = 600.0
"""How long a started server's reservation waits for the watch to see its pod."""


class Gate:
    """Judges for one spawner, whose person is the owner of the server.

    Attributes:
        wait_s: How long the start under way may wait for room, in seconds.
        linked: What a link asked for that only a click may start; None without one.
        place: What the newest start has reserved.
        choice: What the start under way was let pass with; None without one.
    """

    def __init__(self, spawner: Any) -> None:
        self._spawner = spawner
        self._known = Known(spawner)
        self._listings = Listings(spawner, self._known)
        self.place = Place(spawner, self._known.shared)
        self._foretold: Verdict | None = None
        self.choice: Choice | None = None
        self.wait_s = 0.0
        self.linked: Mapping[str, Any] | None = None

    # --- showing ------------------------------------------------------------------------

    async def listing(self) -> Listing:
        """Everything this person may have now, with verdicts."""
        return await self._listings.listing()

    async def page(self, _spawner: Any) -> str:
        """Render the spawn page, with what a link or an earlier start chose preselected."""
        from teamspawner.hub.pages import form

        linked, self.linked = self.linked, None
        with metrics.PAGE_SECONDS.time():
            listing = await self.listing()
            return form(self._spawner, listing, linked)

    async def from_link(self, options: Any) -> Any:
        """Let the options of a link pass, when a link may start what they choose.

        Raises:
            OpenPage: The page is to be opened instead, with this choice made.
            Refusal: There is no such choice for this person.
        """
        self.linked = options if isinstance(options, dict) else {}
        if not self.linked.get("profile"):
            raise OpenPage
        desk, profiles = await self._listings.opened()
        try:
            choices = desk.resolve(self._known.person(), options, self._known.scene(profiles))
        except ChoiceError as error:
            raise self._refusal(error) from None
        await self._known.shapes().make(choices)
        if any(self._is_scarce(choice) for choice in choices):
            raise OpenPage
        return options

    def _refusal(self, error: ChoiceError) -> Refusal:
        """What is not theirs may be one of the profiles that could not be listed."""
        if error.status == 403 and self._known.unlisted:
            return Refusal(503, "profiles", UNLISTED)
        return Refusal.of(error)

    async def profiles(self) -> list[dict[str, Any]]:
        """What this person may have, as KubeSpawner's own form and fancy-profiles show it."""
        from teamspawner.hub.pages import as_profiles

        return as_profiles(await self.listing(), await self._known.profiles() or ())

    # --- starting -----------------------------------------------------------------------

    async def choose(self, raw: Any) -> Choice:
        """Turn raw user options into a choice that may start now, and reserve its place.

        Raises:
            Refusal: With the sentence for the person.
        """
        self._check_body()
        person = self._known.person()
        try:
            choice = await self._choose(raw, person)
        except ChoiceError as error:
            raise self._refusal(error) from None
        self.choice, self.wait_s = choice, self._wait_s(choice)
        if person.admin:
            self._spawner.log.warning(
                "Admin bypass: %s starts %s for %s, whatever teams and caps say",
                self._spawner.handler.current_user.name,
                choice.slug,
                person.name,
            )
        metrics.started(choice.tier, choice.model, choice.team)
        return choice

    async def _choose(self, raw: Any, person: Person) -> Choice:
        pods = self._known.shapes()
        desk, profiles = await self._listings.opened()
        choices = desk.resolve(person, raw, self._known.scene(profiles))
        self._check_link(choices)
        await pods.make(choices, fresh=True)
        await self._listings.prepare(choices, profiles)
        try:
            return self._admit(desk, person, choices, profiles)
        except ChoiceError as error:
            if error.status < 409:
                raise
        # the pods of everything else are made only now, to name the nearest that fits
        plan = desk.plan(person, self._known.scene(profiles))
        await self._listings.prepare(plan, profiles)
        return self._admit(desk, person, choices, profiles)

    def _admit(
        self, desk: Desk, person: Person, choices: tuple[Choice, ...], profiles: Any
    ) -> Choice:
        """Judge and reserve in one step: nobody else comes between."""
        scene = self._known.scene(profiles)
        choice = desk.admit(person, choices, scene)
        candidate = scene.pod_for(choice)
        self._foretold = desk.verdict(candidate, scene)
        return self._reserve(choice, candidate, person)

    def _check_link(self, choices: tuple[Choice, ...]) -> None:
        """A GET starts nothing scarce, whichever way it got here."""
        request = self._request()
        if request is not None and request.method == "GET" and any(map(self._is_scarce, choices)):
            raise ChoiceError(403, "link", CLICK_ONLY)

    def _is_scarce(self, choice: Choice) -> bool:
        """Whether a choice is capped or has an accelerator."""
        shaped = self._known.shapes().known(choice)
        requests = shaped.candidate.pod.spec.requests if shaped else choice.requests
        if choice.devices or any(map(is_accelerator, requests)):
            return True
        parsed = self._known.shared().desk(self._spawner).map
        team = parsed.teams.get(choice.team) if parsed and choice.team else None
        return team is not None and has_caps(team, devices=False)

    def _reserve(self, choice: Choice, candidate: Candidate, person: Person) -> Choice:
        shared = self._known.shared()
        token = self.place.new_token()
        self.place.reserve(
            Reservation(
                token=token,
                person=person.label,
                team=choice.team,
                requests=candidate.pod.spec.requests,
                devices=sum(_devices(choice, candidate).values()),
                candidate=candidate,
                until=shared.now() + self.longest_s() + KEPT_AFTER_START_S,
            )
        )
        return replace(
            choice,
            labels={**choice.labels, START_LABEL: token},
            devices=_devices(choice, candidate),
        )

    def longest_s(self) -> float:
        """The longest that any start may take, in seconds, before it is known what is chosen."""
        return longest_s(self._known.shared().desk(self._spawner).map, self._spawner.start_timeout)

    def _wait_s(self, choice: Choice) -> float:
        parsed, own_s = self._known.shared().desk(self._spawner).map, self._spawner.start_timeout
        own_waits = self._spawner.when_busy == "wait"
        return wait_s(choice, parsed, self._foretold, own_s, own_waits=own_waits)

    # --- while it starts ----------------------------------------------------------------

    def check(self, pod: Any) -> None:
        """Check that a pod takes the accelerators that were chosen and no others.

        Raises:
            Refusal: When it does not.
        """
        if self.choice is not None:
            check(pod, self.choice.devices)

    def scheduled(self, placed: bool, pod: dict[str, Any]) -> None:  # noqa: FBT001 - as race calls
        """Compare what the scheduler did with what was foretold, once for each start."""
        foretold, self._foretold = self._foretold, None
        if foretold is not None:
            compare(foretold, pod, placed=placed, log=self._spawner.log)

    def refused(self, refusal: Refusal) -> None:
        """Take note of a start that was refused or ended early."""
        choice = self.choice
        if choice is None:
            metrics.refused(refusal.reason, *refusal.wanted)
        else:
            metrics.refused(refusal.reason, choice.tier, choice.model, choice.team)

    async def with_nearest(self, refusal: Refusal) -> Refusal:
        """Name the nearest that fits, in the refusal of a start that found no room after all."""
        if self.choice is None or refusal.reason not in NO_ROOM:
            return refusal
        try:
            found = await self._nearest(self.choice)
        except Refusal:  # the admin's own list of profiles fails by now
            return refusal
        said = and_nearest(refusal.sentence, found)
        return Refusal(refusal.status_code, refusal.reason, said)

    async def _nearest(self, choice: Choice) -> Alternative | None:
        """The nearest to a choice, as if what its start holds were given back already."""
        shared, person, token = self._known.shared(), self._known.person(), self.place.token
        desk, profiles = shared.desk(self._spawner), await self._known.profiles()
        plan = desk.plan(person, self._known.scene(profiles))
        await self._listings.prepare(plan, profiles)
        scene = self._known.scene(profiles)
        others = tuple(held for held in scene.held if held.token != token)
        scene = replace(scene, held=others, leftover=Leftover(token))
        return desk.nearest(person, choice, scene)

    def forget(self) -> None:
        """JupyterHub has done with the server: the start failed, or the server has stopped."""
        self.place.give_back()
        self.choice, self._foretold = None, None

    def is_newest(self, pod: Mapping[str, Any]) -> bool:
        """Whether a pod is of the newest start; one without the label may be."""
        labels = pod["metadata"].get("labels") or {}
        return bool(labels.get(START_LABEL, self.place.token) == self.place.token)

    def is_node(self, word: str) -> bool:
        """Whether a word is the name of a node."""
        snapshot = self._known.shared().snapshot
        return snapshot is not None and word in snapshot.nodes

    def _request(self) -> Any:
        return getattr(self._spawner.handler, "request", None)

    def _check_body(self) -> None:
        request = self._request()
        body = (request.body if request is not None else b"") or b""
        if len(body) > LARGEST_REQUEST:
            raise Refusal(413, "size", "The request is too large.")
        if b"".join(body.split()) in EMPTY_BUT_NO_OBJECT:
            raise Refusal(400, "options", NO_OPTIONS)


def _devices(choice: Choice, candidate: Candidate) -> dict[str, int]:
    """The accelerators of a choice; an admin's own profile is taken at its pod's word."""
    if choice.profile is None:
        return dict(choice.devices)
    requests = candidate.pod.spec.requests
    return {name: amount for name, amount in requests.items() if is_accelerator(name) and amount}
