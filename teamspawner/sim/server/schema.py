"""The fields of each kind, taken from the models of kubernetes_asyncio.

Like the real server's decoder: a value of the wrong type is refused, an unknown
field is dropped (and reported), nulls vanish, quantities come out canonical.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from kubernetes_asyncio.client import models

from teamspawner.errors import QuantityError
from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.refusal import bad_request
from teamspawner.units import quantity

__all__ = ["canonical", "decode"]

_CONTAINER = re.compile(r"(?P<shape>list|dict)[\[(](?:str, )?(?P<inner>.+)[\])]")
_QUANTITIES = frozenset(
    {
        ("V1ResourceRequirements", "limits"),
        ("V1ResourceRequirements", "requests"),
        ("V1VolumeResourceRequirements", "limits"),
        ("V1VolumeResourceRequirements", "requests"),
        ("V1NodeStatus", "allocatable"),
        ("V1NodeStatus", "capacity"),
        ("V1ContainerStatus", "allocated_resources"),
        ("V1PersistentVolumeSpec", "capacity"),
        ("V1PersistentVolumeClaimStatus", "capacity"),
        ("V1PodSpec", "overhead"),
        ("V1Overhead", "pod_fixed"),
        ("V1ResourceQuotaSpec", "hard"),
        ("V1ResourceQuotaStatus", "hard"),
        ("V1ResourceQuotaStatus", "used"),
        ("V1LimitRangeItem", "default"),
        ("V1LimitRangeItem", "default_request"),
        ("V1LimitRangeItem", "max"),
        ("V1LimitRangeItem", "min"),
        ("V1LimitRangeItem", "max_limit_request_ratio"),
        ("V1CSIStorageCapacity", "capacity"),
        ("V1CSIStorageCapacity", "maximum_volume_size"),
        ("V1EmptyDirVolumeSource", "size_limit"),
    }
)
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_QUANTITY_GRAMMAR = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)

Report = Callable[[str], None]


def decode(kind: Kind, body: Any, report: Report) -> dict[str, Any]:
    """Return a clean copy of an object as the API server would read it.

    Args:
        kind: What the object should be.
        body: What was sent.
        report: Called with the path of each field that the kind does not have.

    Raises:
        Refusal: 400 when a value has the wrong type.
    """
    if not isinstance(body, Mapping):
        raise bad_request(
            f"couldn't get version/kind; json parse error: not an object: {body!r:.80}"
        )
    clean: dict[str, Any] = _object(kind.model, body, "", report)
    return clean


@cache
def _fields(model: str) -> dict[str, tuple[str, str]]:
    declared = getattr(models, model)
    return {
        wire: (attribute, declared.openapi_types[attribute])
        for attribute, wire in declared.attribute_map.items()
    }


def _object(model: str, value: Any, path: str, report: Report) -> dict[str, Any]:
    fields = _fields(model)
    clean = {}
    for name, inner in value.items():
        place = f"{path}.{name}" if path else name
        if name not in fields:
            report(place)
        elif inner is not None:
            attribute, declared = fields[name]
            if (model, attribute) in _QUANTITIES:
                clean[name] = _quantities(inner, place)
            else:
                clean[name] = _value(declared, inner, place, report)
            if not clean[name] and _CONTAINER.fullmatch(declared):
                del clean[name]  # an empty list or map is none, in Go's omitempty
    return clean


def _value(declared: str, value: Any, path: str, report: Report) -> Any:
    container = _CONTAINER.fullmatch(declared)
    if container is None:
        return _single(declared, value, path, report)
    inner = container["inner"]
    if container["shape"] == "list":
        _expect(isinstance(value, list), path, "a list", value)
        return [
            _value(inner, one, f"{path}[{place}]", report)
            for place, one in enumerate(value)
            if one is not None
        ]
    _expect(isinstance(value, Mapping), path, "a map", value)
    return {
        key: _value(inner, one, f"{path}.{key}", report)
        for key, one in value.items()
        if one is not None
    }


def _single(declared: str, value: Any, path: str, report: Report) -> Any:
    if declared == "object":
        return value
    if declared in {"str", "datetime"}:
        _expect(isinstance(value, str), path, "a string", value)
        return value
    if declared == "bool":
        _expect(isinstance(value, bool), path, "true or false", value)
        return value
    if declared in {"int", "float"}:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        _expect(number and (declared == "float" or value == int(value)), path, "a number", value)
        return value
    _expect(isinstance(value, Mapping), path, "an object", value)
    return _object(declared, value, path, report)


def _expect(holds: bool, path: str, wanted: str, found: Any) -> None:  # noqa: FBT001 - a claim
    if not holds:
        raise bad_request(
            f"json: cannot unmarshal {found!r:.60} into field {path}: {wanted} expected"
        )


def _quantities(value: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        return canonical(value, path)
    return {key: canonical(one, f"{path}.{key}") for key, one in value.items() if one is not None}


@lru_cache(maxsize=4096)
def canonical(text: str | float, path: str = "") -> str:
    """Spell a quantity as the API server gives it back: ``1000m`` is ``1``, ``1024Mi`` is ``1Gi``.

    Raises:
        Refusal: 400 when it is no quantity.
    """
    try:
        value = quantity(text)
    except QuantityError as error:
        raise bad_request(f"unable to parse quantity of {path}: {_QUANTITY_GRAMMAR}") from error
    value = Fraction(math.ceil(value * 1000), 1000)  # as SetDefaults_ResourceList rounds
    written = str(text)
    if written.endswith("i") and value == int(value):
        return _scaled(value, 1024, _BINARY, 0)
    if re.search(r"[eE][+-]?\d+$", written):
        return _exponent(value)
    return _scaled(value, 1000, _DECIMAL, 3)


def _scaled(value: Fraction, base: int, suffixes: tuple[str, ...], unit: int) -> str:
    amount = value * base**unit
    if amount == 0:
        return "0"
    power = 0
    while power < len(suffixes) - 1 and amount % base == 0:
        amount, power = amount / base, power + 1
    return f"{amount}{suffixes[power]}"


def _exponent(value: Fraction) -> str:
    amount, power = value * 10**9, -9
    while amount and amount % 1000 == 0:
        amount, power = amount / 1000, power + 3
    return f"{amount}" if power == 0 or not amount else f"{amount}e{power}"
