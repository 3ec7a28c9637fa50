"""What a person may have, by the map alone: entitlement never depends on what is free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from teamspawner.map import Image, Map, Team
from teamspawner.offers.model import Hidden
from teamspawner.offers.variants import Absent, Found


class Right(NamedTuple):
    """One variant that one team gives this person.

    Attributes:
        counts: Devices offered, ascending; ``(0,)`` without accelerator.
        images: Keys of the images that suit; empty when the team names none.
    """

    found: Found
    team: str
    counts: tuple[int, ...]
    images: tuple[str, ...]

    @property
    def image(self) -> str | None:
        """The image when none is named."""
        return self.images[0] if self.images else None


class Rights(NamedTuple):
    """Everything one person may have of the map, and what is hidden from them.

    Attributes:
        teams: Keys of the person's teams, in the order of the map.
        tiers: Keys of all tiers that a team gives them, whether there are variants or not,
            as the first of the teams lists them; the rights are in this order.
    """

    teams: tuple[str, ...]
    tiers: tuple[str, ...]
    rights: tuple[Right, ...]
    hidden: tuple[Hidden, ...]

    def of(self, slug: str) -> tuple[Right, ...]:
        """The rights to one slug, in the order of the teams."""
        return tuple(right for right in self.rights if right.found.variant.slug == slug)


def rights_of(
    parsed: Map, teams: tuple[str, ...], found: Iterable[Found | Absent], *, blind: bool
) -> Rights:
    """Say what the members of these teams may have.

    Args:
        parsed: The map.
        teams: Keys of a person's teams, in the order of the map.
        found: The variants that there are.
        blind: Whether the nodes were never seen, so that no accelerator is known.
    """
    given = tuple(dict.fromkeys(key for team in teams for key in parsed.teams[team].tiers))
    rights: list[Right] = []
    hidden: list[Hidden] = []
    for each in found:
        if isinstance(each, Absent):
            why = "the nodes are not seen, so accelerators are not known" if blind else each.why
            hidden.append(Hidden(each.slug, why if each.tier in given else _not_given(each.tier)))
            continue
        for one in _of_variant(parsed, each, teams):
            if isinstance(one, Right):
                rights.append(one)
            else:
                hidden.append(one)
    rights.sort(key=lambda right: given.index(right.found.variant.tier))
    return Rights(teams, given, tuple(rights), tuple(hidden))


def _not_given(tier: str) -> str:
    return f"no team of this person has the tier {tier}"


def _of_variant(parsed: Map, found: Found, teams: tuple[str, ...]) -> Iterator[Right | Hidden]:
    slug = found.variant.slug
    having = [team for team in teams if found.variant.tier in parsed.teams[team].tiers]
    if not having:
        yield Hidden(slug, _not_given(found.variant.tier))
    for key in having:
        team = parsed.teams[key]
        counts = _counts(found, team)
        images = tuple(name for name in team.images if _suits(parsed.images[name], found))
        why = _why_not(key, team, found, counts=counts, images=images)
        if why:
            yield Hidden(slug, why)
        else:
            yield Right(found, key, counts, images)


def _counts(found: Found, team: Team) -> tuple[int, ...]:
    if found.fleet is None:
        return (0,)
    most = team.gpu.per_server
    return tuple(count for count in found.variant.counts if most is None or count <= most)


def _why_not(
    key: str, team: Team, found: Found, *, counts: tuple[int, ...], images: tuple[str, ...]
) -> str:
    if found.fleet is not None and not found.fleet.is_any_of(team.gpu.models):
        return f"the gpu models of team {key} do not include {found.variant.model}"
    if not counts:
        least, most = min(found.variant.counts), team.gpu.per_server or 0
        devices = "device" if most == 1 else "devices"
        return f"team {key} allows {most} {devices} per server, and the smallest count is {least}"
    if team.images and not images:
        return f"no image of team {key} suits it"
    return ""


def _suits(image: Image, found: Found) -> bool:
    if found.fleet is None:
        return image.needs is None
    vendors = {vendor.casefold() for vendor in image.vendors}
    return not vendors or found.variant.vendor.casefold() in vendors
