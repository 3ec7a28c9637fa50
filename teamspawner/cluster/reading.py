"""Read one API object, typed, with every fault told as a place and words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar, cast

import msgspec

from teamspawner.capacity.objects import (
    EMPTY,
    NOTHING,
    Labels,
    NodeTerm,
    Requirement,
    Resources,
    Selector,
)
from teamspawner.cluster import wire
from teamspawner.errors import QuantityError, TeamSpawnerError
from teamspawner.units import milli, units

Source = bytes | str | msgspec.Raw | Mapping[str, Any]
"""An API object: JSON text, or already parsed."""

Pairs = tuple[tuple[str, str], ...]
"""A mapping of texts as a sorted tuple, to tell equal ones."""

Amounts = tuple[tuple[str, int], ...]
"""Resources as a sorted tuple."""

MANY = 1 << 13
"""How many different values of one kind are kept to share them: up to 2 kB each, for as long as
the hub runs."""

LABELLED = 1 << 11
"""The same of values that hold the labels of a pod, some 4 kB: no two servers have the same, so
most are kept in vain. Those of one moment are enough."""

_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_Wire = TypeVar("_Wire")


class ObjectError(TeamSpawnerError, ValueError):
    """An API object cannot be read.

    Attributes:
        place: Where in the object, such as ``spec.containers[0]``; may be empty.
        found: What is wrong there, in words.
    """

    def __init__(self, place: str, found: str) -> None:
        super().__init__(f"{place}: {found}" if place else found)
        self.place = place
        self.found = found


def read(source: Source, kind: type[_Wire]) -> _Wire:
    """Decode one object.

    Raises:
        ObjectError: When it is no such object.
    """
    if isinstance(source, Mapping):
        try:
            source = msgspec.json.encode(source)
        except (TypeError, RecursionError, UnicodeEncodeError) as error:
            raise ObjectError("", f"not a plain object: {error}") from error
    try:
        decoder: msgspec.json.Decoder[_Wire] = _decoder(cast("Any", kind))
        return decoder.decode(source)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        what, _, where = str(error).partition(" - at `$")
        raise ObjectError(where.rstrip("`").lstrip("."), what) from error


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def meta_of(found: wire.Meta | None) -> wire.Meta:
    """Return the metadata of an object.

    Raises:
        ObjectError: When it has no name.
    """
    if found is None or not found.name:
        raise ObjectError("metadata.name", "no name")
    return found


def amounts(found: wire.Quantities, place: str) -> dict[str, int]:
    """Read a resource list as thousandths; null is 0, as to the API.

    Raises:
        ObjectError: When an amount is no quantity.
    """
    result: dict[str, int] = {}
    for name, text in (found or {}).items():
        try:
            result[name] = 0 if text is None else milli(text)
        except QuantityError as error:
            raise ObjectError(f"{place}.{name}", str(error)) from error
    return result


def size(text: str | float | None, place: str) -> int | None:
    """Read one amount in whole units; None when absent.

    Raises:
        ObjectError: When it is no quantity.
    """
    try:
        return None if text is None else units(text)
    except QuantityError as error:
        raise ObjectError(place, str(error)) from error


def disk_name(disk: wire.Disk) -> str:
    """Return what tells a legacy disk from others of its kind."""
    return disk.pd_name or disk.volume_id or disk.disk_uri or disk.iqn or ""


def pairs(found: Mapping[str, str] | None) -> Pairs:
    """Return a mapping as a sorted tuple."""
    return tuple(sorted(found.items())) if found else ()


@lru_cache(maxsize=LABELLED)
def labels_of(found: Pairs) -> Labels:
    """Return the mapping of these pairs, one object for equal ones."""
    return MappingProxyType(dict(found)) if found else EMPTY


@lru_cache(maxsize=MANY)
def resources_of(found: Amounts) -> Resources:
    """Return the amounts of these pairs, one object for equal ones."""
    return MappingProxyType(dict(found)) if found else NOTHING


def requirements(found: Iterable[wire.Expression] | None) -> tuple[Requirement, ...]:
    """Return expressions over labels as values.

    One with a value that no label can have loses its operator, and so never holds: the
    scheduler skips it (apimachinery ``labels.NewRequirement``).
    """
    return tuple(
        Requirement(
            e.key or "",
            (e.operator or "") if all(map(_LABEL_VALUE.fullmatch, e.values or ())) else "",
            tuple(e.values or ()),
        )
        for e in found or ()
    )


def _fields(found: Iterable[wire.Expression] | None) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(e.key or "", e.operator or "", tuple(e.values or ())) for e in found or ()
    )


def selector_of(found: wire.LabelSelector | None) -> Selector | None:
    """Return a label selector; None, which matches nothing, when there is none."""
    if found is None:
        return None
    equal = tuple(Requirement(k, "In", (v,)) for k, v in pairs(found.match_labels))
    return Selector((*equal, *requirements(found.match_expressions)))


def node_terms(found: wire.NodeSelector | None) -> tuple[NodeTerm, ...] | None:
    """Return node selector terms; None when there is no selector."""
    if found is None:
        return None
    return tuple(
        NodeTerm(requirements(t.match_expressions), _fields(t.match_fields))
        for t in found.node_selector_terms or ()
    )
