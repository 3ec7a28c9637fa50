"""Raw user options in canonical form: known names only, right types, values that are offered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from teamspawner.errors import ChoiceError
from teamspawner.map import Map
from teamspawner.offers.profiles import NOT_YOURS, form_field
from teamspawner.offers.rights import Right, Rights
from teamspawner.offers.variants import variant_slug

NO_OPTIONS = "The options must be a set of names and values."


class Wanted(NamedTuple):
    """What was asked for, with types checked; None where nothing was."""

    slug: str
    gpus: str | None
    image: str | None
    team: str | None

    def within(self, rights: tuple[Right, ...]) -> Iterator[tuple[Right, int, str | None]]:
        """What of these rights (to one slug) is meant, with count and image.

        An option that the slug does not have is dropped.

        Raises:
            ChoiceError: 403 for a team that is not theirs, 400 for a value not offered.
        """
        mine = [right for right in rights if self.team in {None, right.team}]
        if not mine:
            raise ChoiceError(403, "forbidden", NOT_YOURS)
        counted = [(right, count) for right in mine for count in self._counts(right)]
        if not counted:
            raise _not_offered("gpus")
        pictured = [
            (right, count, image) for right, count in counted for image in self._images(right)
        ]
        if not pictured:
            raise _not_offered("image")
        yield from pictured

    def _counts(self, right: Right) -> Iterable[int]:
        if right.found.fleet is None or self.gpus is None:
            return right.counts[:1]
        return [count for count in right.counts if str(count) == self.gpus]

    def _images(self, right: Right) -> Iterable[str | None]:
        if not right.images or self.image is None:
            return (right.image,)
        return [image for image in right.images if image == self.image]


def wanted_of(
    raw: Mapping[Any, Any], parsed: Map | None, rights: Rights, own: tuple[str, ...]
) -> Wanted:
    """Read the known options; the default slug is filled in, a retired one mapped to its heir.

    Args:
        raw: User options as they came or were stored.
        parsed: The map.
        rights: What the map gives this person.
        own: Slugs of the admin's own profiles that this person may have, the default first.

    Raises:
        ChoiceError: 400 for a known option that is no text.
    """
    asked = _text(raw, "profile")
    mine = [right.found.variant.slug for right in rights.rights]
    slug = asked or next(iter((*mine, *own)), "")
    if parsed is not None and slug not in {*mine, *own}:
        slug = _heir(slug, parsed, rights)
    if slug not in mine:
        return Wanted(slug, None, None, None)
    values = [_option(raw, asked or slug, name) for name in ("gpus", "image", "team")]
    return Wanted(slug, *values)


def _text(raw: Mapping[Any, Any], name: str) -> str | None:
    if name not in raw:
        return None
    value = raw[name]
    if not isinstance(value, str):
        raise ChoiceError(400, "options", f"“{name.rpartition('--')[2]}” must be given as text.")
    return value


def _option(raw: Mapping[Any, Any], slug: str, name: str) -> str | None:
    """An option by its own name, else by the name that it has in a form."""
    return _text(raw, name) or _text(raw, form_field(slug, name)) or None


def _heir(slug: str, parsed: Map, rights: Rights) -> str:
    """The slug that a retired one is now; unchanged when no tier was called so."""
    for key, tier in parsed.tiers.items():
        for old in tier.was:
            if slug == old:
                mine = (r.found.variant.slug for r in rights.rights if r.found.variant.tier == key)
                return next(mine, key)
            if slug.startswith(f"{old}-"):
                return variant_slug(parsed.tiers, key, slug.removeprefix(f"{old}-"))
    return slug


def _not_offered(name: str) -> ChoiceError:
    return ChoiceError(400, "options", f"“{name}” has no such value.")
