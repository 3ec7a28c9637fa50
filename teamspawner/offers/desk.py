"""The desk: what a person may have now, and raw user options turned into a choice or refused.

The page, the form, the REST API and the commands all ask here. It owns no clock and
no connection; what it remembers is only what it read of nodes that have not changed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from teamspawner.capacity.objects import Candidate
from teamspawner.capacity.steps import drained
from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.errors import ChoiceError
from teamspawner.map import Map, Tier
from teamspawner.offers.alternatives import and_nearest, nearest, with_alternatives
from teamspawner.offers.appraise import appraise, appraise_profile, judged, warmed
from teamspawner.offers.canonical import NO_OPTIONS, Wanted, wanted_of
from teamspawner.offers.cards import profile_card, with_default
from teamspawner.offers.causes import CAP
from teamspawner.offers.fleet import Fleet
from teamspawner.offers.goods import Goods
from teamspawner.offers.model import Alternative, Choice, Hidden, Listing, Offer, Person
from teamspawner.offers.moments import Moment
from teamspawner.offers.notices import BROKEN, NOT_SEEN, no_team, notice
from teamspawner.offers.profile_choices import PLAIN, every_choice, own_choice
from teamspawner.offers.profiles import NOT_YOURS
from teamspawner.offers.profiles import choose_profile as choose_own
from teamspawner.offers.rights import Right, Rights
from teamspawner.offers.scene import Scene
from teamspawner.offers.stock import Stock

_REASONS = {
    Status.QUOTA_BLOCKED: (409, "quota"),
    Status.UNKNOWN: (503, "unknown"),
    Status.BUSY: (409, "busy"),
    Status.NEVER: (409, "never"),
    Status.INVALID: (409, "invalid"),
}


class Desk:
    """Answers for one map.

    Args:
        parsed: The map; None without one.
        broken: True when there is a map and no good copy of it: everything is refused.
        namespaces: Where the hub's servers are, for counting caps; None: everywhere.
    """

    def __init__(
        self,
        parsed: Map | None,
        *,
        broken: bool = False,
        namespaces: frozenset[str] | None = None,
    ) -> None:
        self.map = parsed
        self.broken = broken
        self._stock = Stock(None if broken else parsed, namespaces)

    # --- what there is ------------------------------------------------------------------

    def rights(self, person: Person, scene: Scene) -> Rights:
        """What the map gives a person, whether it is free or not."""
        return self._stock.rights(person, scene.snapshot)

    def warm(self, scene: Scene) -> Generator[None, None, None]:
        """Read a large cluster for the first time, in steps between which others may be served."""
        return self._stock.warm(scene.snapshot)

    def fleets(self, scene: Scene) -> tuple[Fleet, ...]:
        """The accelerators of the cluster; none when nodes were never seen."""
        return self._stock.fleets(scene.snapshot)

    def plan(self, person: Person, scene: Scene) -> tuple[Choice, ...]:
        """Every choice that a listing judges; ``scene.pod_for`` must answer for each.

        For callers who make pods beforehand; ``verdict`` and ``pod_for`` are not called.
        """
        rights = self.rights(person, scene)
        tiers = [each.choice for right in rights.rights for each in self._goods(right, scene)]
        return (*tiers, *(choice for _, each in self._own(scene) for choice in each))

    def listing(self, person: Person, scene: Scene) -> Listing:
        """Everything a person may have now, with verdicts, and what is hidden and why."""
        return drained(self.listed(person, scene))

    def listed(self, person: Person, scene: Scene) -> Generator[None, None, Listing]:
        """The same in small steps, between which others may be served; the last returns it.

        All of it is of the one moment of the scene, whatever changes meanwhile.
        """
        rights = self.rights(person, scene)
        wanted = [(right, self._goods(right, scene)) for right in rights.rights]
        moment = self._stock.moment(person, scene)
        yield
        offers, hidden = yield from self._offers(wanted, moment)
        own: dict[str, tuple[Mapping[str, Any], list[Offer]]] = {}
        for profile, choices in self._own(scene):
            made: list[Offer] = []
            for choice in choices:
                yield from warmed(choice, moment)
                made.append(appraise_profile(choice, moment))
            own[profile["slug"]] = (profile, made)
        every = with_alternatives([*offers, *(each for _, made in own.values() for each in made)])
        yield
        cards = self._stock.cards(rights).of(every, moment) if self.map else ()
        cards = (*cards, *(profile_card(profile, every) for profile, _ in own.values()))
        return Listing(
            person=person,
            teams=rights.teams,
            cards=with_default(cards),
            hidden=_each_once((*rights.hidden, *hidden), shown={card.slug for card in cards}),
            as_of=scene.snapshot.as_of if scene.snapshot else None,
            stale=scene.stale,
            notice=BROKEN
            if self.broken
            else notice(self.map, person, rights, scene, empty=not cards),
            team_names=tuple(self.map.teams[key].name or key for key in rights.teams)
            if self.map
            else (),
        )

    # --- what is asked for --------------------------------------------------------------

    def resolve(self, person: Person, raw: Any, scene: Scene) -> tuple[Choice, ...]:
        """Turn raw user options into what they may mean: one choice per team that would do.

        Nothing is judged here; the choices are canonical and allowed.

        Raises:
            ChoiceError: 400 for a known option with a wrong type or a value not offered;
                403 for a tier, model or team that is not theirs or does not exist; 503
                for one that cannot be told from that now.
        """
        if self.broken:
            raise ChoiceError(503, "map", BROKEN)
        if not isinstance(raw, Mapping):
            raise ChoiceError(400, "options", NO_OPTIONS)
        rights = self.rights(person, scene)
        own = self._own_profiles(scene)
        wanted = wanted_of(raw, self.map, rights, default_first(own))
        found = rights.of(wanted.slug)
        if found:
            return self._resolved(wanted, found, scene)
        if any(profile["slug"] == wanted.slug for profile in own):
            return (own_choice(choose_own(own, {**raw, "profile": wanted.slug})),)
        if not own and not rights.teams:
            raise ChoiceError(403, "no-team", no_team(person, rights))
        if scene.blind and self._may_be_one(wanted.slug, rights):
            raise ChoiceError(503, "unknown", NOT_SEEN)
        raise ChoiceError(403, "forbidden", NOT_YOURS)

    def admit(self, person: Person, choices: tuple[Choice, ...], scene: Scene) -> Choice:
        """Return the first of the choices that may start now.

        Args:
            person: The owner of the server.
            choices: What ``resolve`` returned; never empty.
            scene: ``pod_for`` must answer for these choices and, to name an
                alternative, for those of ``plan``.

        Raises:
            ChoiceError: 409 without room or with a cap used up, 503 when not known.
        """
        moment = self._stock.moment(person, scene)
        rights = self.rights(person, scene)
        offers = [self._appraised(choice, rights, moment) for choice in choices]
        for choice, offer in zip(choices, offers, strict=True):
            if offer.startable:
                return choice
        listed = self.listing(person, scene).offers
        raise refusal_of(with_alternatives([*offers, *listed])[0])

    def nearest(self, person: Person, choice: Choice, scene: Scene) -> Alternative | None:
        """The nearest that can start now, in the place of a choice that passed and then failed.

        None when there is none, or when the choice is not theirs any more.
        """
        rights, moment = self.rights(person, scene), self._stock.moment(person, scene)
        try:
            failed = self._appraised(choice, rights, moment)
        except ChoiceError:
            return None
        return nearest(failed, self.listing(person, scene).offers)

    def verdict(self, candidate: Candidate, scene: Scene) -> Verdict | None:
        """The verdict on one pod, caps aside; None when the cluster was never seen."""
        if scene.snapshot is None:
            return None
        growth = self._stock.growth(scene.snapshot, scene.snapshot, scene.verdict)
        return judged(candidate, Moment(scene, scene.snapshot, None, "", growth))

    def choose(self, person: Person, raw: Any, scene: Scene) -> Choice:
        """Resolve and admit at once.

        Raises:
            ChoiceError: As those two do.
        """
        return self.admit(person, self.resolve(person, raw, scene), scene)

    # --- inside -------------------------------------------------------------------------

    def _goods(self, right: Right, scene: Scene) -> tuple[Goods, ...]:
        return self._stock.goods(right, scene.snapshot)

    def _own(self, scene: Scene) -> list[tuple[Mapping[str, Any], tuple[Choice, ...]]]:
        if self.broken:
            return []
        return [(profile, every_choice(profile)) for profile in self._own_profiles(scene)]

    def _own_profiles(self, scene: Scene) -> list[Mapping[str, Any]]:
        """The admin's own profiles; a slug that a tier of the map has is the tier's."""
        if scene.profiles is None and self.map is None:
            return [PLAIN]
        taken = self.map.tiers if self.map else {}
        return [
            profile
            for profile in scene.profiles or ()
            if not any(_is_of(str(profile["slug"]), key, tier) for key, tier in taken.items())
        ]

    def _offers(
        self, wanted: Iterable[tuple[Right, tuple[Goods, ...]]], moment: Moment
    ) -> Generator[None, None, tuple[list[Offer], list[Hidden]]]:
        offers: list[Offer] = []
        hidden: list[Hidden] = []
        for right, goods in wanted:
            if not goods:
                why = "its size follows from nodes, and no node that is seen gives one"
                hidden.append(Hidden(right.found.variant.slug, why))
            for each in goods:
                yield from warmed(each.choice, moment)
                offers.append(appraise(each, moment))
        return offers, hidden

    def _resolved(
        self, wanted: Wanted, found: tuple[Right, ...], scene: Scene
    ) -> tuple[Choice, ...]:
        made = (
            self._stock.choice(right, count, image, scene.snapshot)
            for right, count, image in wanted.within(found)
        )
        choices = tuple(choice for choice in made if choice is not None)
        if not choices:
            if scene.blind or scene.unread or (scene.snapshot and scene.snapshot.unread):
                raise ChoiceError(503, "unknown", NOT_SEEN)
            raise ChoiceError(403, "forbidden", NOT_YOURS)
        return choices

    def _appraised(self, choice: Choice, rights: Rights, moment: Moment) -> Offer:
        if choice.team is None or self.map is None:
            return appraise_profile(choice, moment)
        right = next((r for r in rights.of(choice.slug) if r.team == choice.team), None)
        if right is None:
            raise ChoiceError(403, "forbidden", NOT_YOURS)
        return appraise(Goods(right, choice, self.map.teams[right.team]), moment)

    def _may_be_one(self, slug: str, rights: Rights) -> bool:
        """Whether a slug could be a variant of a tier of theirs, were the nodes seen."""
        if self.map is None:
            return False
        tiers = (key for key in rights.tiers if self.map.tiers[key].gpu is not None)
        return any(_is_of(slug, key, self.map.tiers[key]) for key in tiers)


def default_first(profiles: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The slugs of profiles, the default one first."""
    ordered = sorted(profiles, key=lambda profile: not profile.get("default"))
    return tuple(str(profile["slug"]) for profile in ordered)


def _is_of(slug: str, key: str, tier: Tier) -> bool:
    return slug == key or (tier.gpu is not None and slug.startswith(f"{key}-"))


def _each_once(hidden: Iterable[Hidden], *, shown: AbstractSet[str]) -> tuple[Hidden, ...]:
    """Every slug that is not shown once, with all that keeps it back."""
    whys: dict[str, dict[str, None]] = {}
    for each in hidden:
        if each.slug not in shown:
            whys.setdefault(each.slug, {})[each.why] = None
    return tuple(Hidden(slug, "; ".join(why)) for slug, why in whys.items())


def refusal_of(offer: Offer) -> ChoiceError:
    """The refusal of an offer that may not start, with the nearest that can."""
    status, reason = _REASONS[offer.verdict.status]
    if any(each.plugin == CAP for each in offer.verdict.reasons):
        reason = "cap"
    said = and_nearest(offer.sentence, offer.alternative)
    wanted = (offer.tier, offer.model or "", offer.team or "")
    return ChoiceError(status, reason, said, offer.alternative, wanted=wanted)
