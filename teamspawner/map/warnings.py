"""What is allowed but can never match or never help, as warnings for the admin."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from teamspawner.errors import Fault
from teamspawner.map.faults import listed, nearest, place_of
from teamspawner.map.schema import Image, Map, Team, Tier
from teamspawner.map.text import Document, Path

Found = Iterator[tuple[Path, Fault]]
_VENDORS = ("nvidia", "amd", "intel", "google", "aws")
"""Those known by name; any other is the domain of its resource."""


def map_warnings(document: Document, parsed: Map) -> Found:
    """Everything in a sound map that cannot do what it seems to promise."""

    def warn(path: Path, found: str, allowed: str, fix: str = "") -> tuple[Path, Fault]:
        return path, Fault(place_of(document, path), found, allowed, fix)

    used = {tier for team in parsed.teams.values() for tier in team.tiers}
    shown = {image for team in parsed.teams.values() for image in team.images}
    for key, tier in parsed.tiers.items():
        for found, allowed, fix in _tier(tier, used=key in used):
            yield warn(("tiers", key), found, allowed, fix)
    for key, image in parsed.images.items():
        for found, allowed, fix in _image(image, used=key in shown):
            yield warn(("images", key), found, allowed, fix)
    for key, team in parsed.teams.items():
        for found, allowed, fix in _team(parsed, team):
            yield warn(("teams", key), found, allowed, fix)
    for index in (i for i, pool in enumerate(parsed.pools) if not pool.labels):
        allowed = "labels that tell its machines from others"
        yield warn(("pools", index), "a pool without labels", allowed, "add labels")
    for first, second in _same_tiers(parsed):
        yield warn(("tiers", second), f"a tier exactly like {first}", "tiers that differ")


def _image(image: Image, *, used: bool) -> Iterator[tuple[str, str, str]]:
    if not used:
        yield "an image of no team", "an image that a team lists", ""
    for vendor in image.vendors:
        meant = nearest(vendor, _VENDORS) if vendor.casefold() not in _VENDORS else ""
        if meant:
            yield f"the vendor {vendor}", listed(_VENDORS), meant
    if image.vendors and image.needs is None:
        yield "vendors without needs", "vendors beside needs: gpu", "add needs: gpu"


def _tier(tier: Tier, *, used: bool) -> Iterator[tuple[str, str, str]]:
    if not used:
        yield "a tier of no team", "a tier that a team lists", ""
    if tier.wait is not None and tier.when_busy == "refuse":
        yield "wait without when_busy: wait", "wait beside when_busy: wait", "add when_busy: wait"
    if tier.cpu is not None and tier.memory is None:
        yield "no memory", "cpu and memory", "add memory: without it nothing is set aside"
    if tier.memory is not None and tier.cpu is None:
        yield "no cpu", "cpu and memory", "add cpu: without it nothing is set aside"
    if tier.gpu and "shared" in tier.gpu.kinds and tier.gpu.counts and 1 not in tier.gpu.counts:
        yield "shared devices without the count 1", "1 of a shared device", "add 1 to counts"


def _team(parsed: Map, team: Team) -> Iterator[tuple[str, str, str]]:
    tiers = [parsed.tiers[key] for key in team.tiers]
    images = [parsed.images[key] for key in team.images]
    gpus = [tier for tier in tiers if tier.gpu]
    if not tiers:
        yield "a team without tiers", "at least one tier", "add tiers"
    if any(image.needs for image in images) and not gpus:
        yield "an image that needs a gpu, and no gpu tier", "a tier with gpu", "add a gpu tier"
    if images and not _plain(images) and len(gpus) < len(tiers):
        yield "no image for the tiers without gpu", "an image without needs: gpu", "add an image"
    if gpus and not _models_meet(gpus, team):
        yield "gpu models that none of its tiers has", "globs that meet those of a tier", ""
    caps = (team.gpu.per_server, team.gpu.per_user, team.gpu.team)
    smallest = min((min(tier.gpu.counts) for tier in gpus if tier.gpu), default=0)
    if gpus and any(cap is not None and cap < smallest for cap in caps):
        yield "a gpu cap below every count", f"a cap of {smallest} or more", "raise the cap"
    if not gpus and (any(cap is not None for cap in caps) or team.gpu.models != ("*",)):
        yield "gpu rules and no gpu tier", "a tier with gpu", "add a gpu tier or drop gpu"
    for name in ("servers_per_user", "cpu", "memory"):
        if getattr(team.limits, name) == 0:
            yield f"{name} 0", "1 or more", "nobody of this team can start anything"


def _plain(images: list[Image]) -> bool:
    return any(image.needs is None for image in images)


def _models_meet(tiers: list[Tier], team: Team) -> bool:
    """Whether some label could match both; globs on both sides are taken to meet."""
    pairs = [(a, b) for tier in tiers if tier.gpu for a in tier.gpu.models for b in team.gpu.models]
    return any(_may_meet(first.casefold(), second.casefold()) for first, second in pairs)


def _may_meet(first: str, second: str) -> bool:
    globs = [any(sign in pattern for sign in "*?[") for pattern in (first, second)]
    if all(globs):
        return True
    return fnmatchcase(second, first) if globs[0] else fnmatchcase(first, second)


def _same_tiers(parsed: Map) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for key, tier in parsed.tiers.items():
        size = tier.model_dump_json(exclude={"name", "description", "was"})
        first = seen.setdefault(size, key)
        if first != key:
            yield first, key
