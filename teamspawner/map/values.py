"""The small values of the map: sizes, durations, shares, patterns, paths; each says what it takes.

A value that will not do raises a ``PydanticCustomError`` of type ``fault`` whose
context holds ``allowed`` and ``fix``; ``load`` turns it into a Fault with its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, NoReturn

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from teamspawner import units
from teamspawner.errors import QuantityError
from teamspawner.map import nearest, published

LABEL_MAX = 63
"""Longest value of a pod label; keys of the map become such values."""

_CPU_MOST = published.CPU_MOST * 1000
_PATH_MOST = 500
_DAY_S = 86_400
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": _DAY_S}
_DURATION_MOST_S = 365 * _DAY_S
_DURATION = re.compile(r"(?:\d+[smhd])+", re.ASCII)
_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_DNS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._-]|\{username\})+", re.ASCII)
_LABEL_KEY = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?/)?"
    r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_RESOURCE = re.compile(
    r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_KEPT_PATHS = ("bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr")


def refuse(allowed: str, fix: str = "") -> NoReturn:
    """Say that the value at hand will not do.

    Raises:
        PydanticCustomError: Always.
    """
    raise PydanticCustomError("fault", "{allowed}", {"allowed": allowed, "fix": fix})


def _number(value: Any, allowed: str) -> str | int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse(allowed)
    return value


def cpu_amount(value: Any) -> int:
    """Read CPUs as millicores; zero only where a limit may be nothing."""
    allowed = "a number of CPUs from 0 to 10000, such as 2, 0.5 or 500m"
    try:
        millicores = units.map_millicores(_number(value, allowed))
    except (QuantityError, OverflowError):
        return refuse(allowed, nearest.cpu(value))
    if not any(sign.isdecimal() for sign in str(value)):
        refuse(allowed)
    if millicores > _CPU_MOST:
        refuse(allowed)
    return millicores


def cpu_size(value: Any) -> int:
    """Read the CPUs of a server as millicores; never zero."""
    millicores = cpu_amount(value)
    if millicores == 0:
        refuse("more than 0 CPUs, such as 2, 0.5 or 500m")
    return millicores


def memory_amount(value: Any) -> int:
    """Read a size of memory as bytes; ``G`` and ``Gi`` are both 2³⁰."""
    allowed = "a size of memory up to 64Ti, such as 512Mi, 4Gi or 1Ti"
    try:
        size = units.map_bytes(str(_number(value, allowed)))
    except QuantityError:
        return refuse(allowed, nearest.memory(value))
    if size > published.MEMORY_MOST:
        refuse(allowed)
    return size


def memory_size(value: Any) -> int:
    """Read the memory of a server as bytes; less than 16 MiB is a slip of the pen."""
    size = memory_amount(value)
    if size < published.MEMORY_LEAST:
        plain = str(value).strip()
        refuse(
            "a size of memory from 16Mi to 64Ti, such as 4Gi (a number alone is bytes)",
            nearest.memory(plain) if plain.isdecimal() and size else "",
        )
    return size


def duration_seconds(value: Any) -> int:
    """Read a duration as whole seconds: ``90s``, ``30m``, ``1h30m``, ``2d``."""
    allowed = "a duration up to 365d, such as 90s, 30m, 12h or 1h30m"
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        refuse(allowed, nearest.duration(value, _DURATION_MOST_S))
    seconds = sum(
        int(number) * _UNIT_S[unit] for number, unit in re.findall(r"(\d+)([smhd])", value)
    )
    if not 0 < seconds <= _DURATION_MOST_S:
        refuse(allowed)
    return seconds


def share_of_node(value: Any) -> Fraction:
    """Read a share of a machine: ``1/2``, ``25%`` or ``0.5``."""
    allowed = "a share above 0 and up to 1, such as 1/2, 25% or 0.5"
    text = str(_number(value, allowed)).replace(" ", "")
    percent = text.endswith("%")
    if len(text) > LABEL_MAX or not re.fullmatch(r"\d+(?:\.\d+)?(?:/[1-9]\d*|%)?", text, re.ASCII):
        refuse(allowed)
    whole, _, parts = text.removesuffix("%").partition("/")
    share = Fraction(whole) / (int(parts) if parts else 100 if percent else 1)
    if not 0 < share <= 1:
        refuse(allowed, nearest.share(value))
    return share


@dataclass(frozen=True, slots=True)
class Matching:
    """Text that matches all of a pattern; for ``Annotated``, also in the published schema."""

    pattern: re.Pattern[str]
    allowed: str
    fix: Callable[[str], str]

    def check(self, value: str) -> str:
        """Return the text, or refuse it with the nearest that would do."""
        if not self.pattern.fullmatch(value):
            refuse(self.allowed, self.fix(value))
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check after text was found to be text."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Publish the pattern."""
        return published.text(self.allowed, published.whole(self.pattern.pattern))


def glob_pattern(value: str) -> str:
    """Check a glob: ``*``, ``?`` and ``[…]``, the last one closed."""
    allowed = "a name or a glob with *, ? and closed [...]"
    if not value.strip():
        refuse(allowed)
    rest = value
    while "[" in rest:
        rest = rest.partition("[")[2]
        closed = rest.find("]", 2 if rest.startswith("!") else 1)
        if closed < 0:
            refuse(allowed, "close the [ with ], or write [[] for the sign itself")
        rest = rest[closed + 1 :]
    return value


def group_pattern(value: str) -> str:
    """Check a group of a team: an exact name, a glob, or ``re:`` and a regular expression."""
    if not value.startswith("re:"):
        return glob_pattern(value)
    try:
        re.compile(value.removeprefix("re:"), re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        refuse("a regular expression after re:", f"the expression does not compile: {error}")
    if value == "re:":
        refuse("a regular expression after re:")
    return value


def _path_parts(value: str, allowed: str) -> list[str]:
    parts = value.split("/")
    safe = all(_SEGMENT.fullmatch(part) and part not in {".", ".."} for part in parts)
    if not safe or len(value) > _PATH_MOST:
        refuse(allowed)
    return parts


def mount_path(value: str) -> str:
    """Check where a volume appears: absolute, plain, and not over the system's own folders."""
    allowed = "an absolute path of letters, digits and ._-, outside the system's own folders"
    if not value.startswith("/"):
        plain = _SEGMENT.fullmatch(value) and value not in {".", "..", *_KEPT_PATHS}
        refuse(allowed, f"write /{value}" if plain else "")
    parts = _path_parts(value.removeprefix("/").removesuffix("/"), allowed)
    if parts[0] in _KEPT_PATHS:
        refuse(allowed, f"mount below /shared or /home, not over /{parts[0]}")
    return "/" + "/".join(parts)


def sub_path(value: str) -> str:
    """Check a path inside a volume: relative, and never leading out of it."""
    allowed = (
        "a relative path inside the volume, of letters, digits, ._- and {username}, without .."
    )
    if value.startswith("/"):
        refuse(allowed, f"write {value.strip('/')}" if value.strip("/") else "leave it out")
    return "/".join(_path_parts(value, allowed))


Cpu = Annotated[int, BeforeValidator(cpu_size), WithJsonSchema(published.CPU)]
CpuCap = Annotated[int, BeforeValidator(cpu_amount), WithJsonSchema(published.CPU_CAP)]
Memory = Annotated[int, BeforeValidator(memory_size), WithJsonSchema(published.MEMORY)]
MemoryCap = Annotated[int, BeforeValidator(memory_amount), WithJsonSchema(published.MEMORY_CAP)]
Seconds = Annotated[int, BeforeValidator(duration_seconds), WithJsonSchema(published.DURATION)]
Share = Annotated[Fraction, BeforeValidator(share_of_node), WithJsonSchema(published.SHARE)]
Glob = Annotated[str, AfterValidator(glob_pattern), WithJsonSchema(published.GLOB)]
Group = Annotated[str, AfterValidator(group_pattern), WithJsonSchema(published.GROUP)]


def _schema(description: str, pattern: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema(published.text(description, published.whole(pattern), **more))


_PART = rf"(?!\.{{1,2}}(?:/|$)){_SEGMENT.pattern}"
_KEPT = "|".join(_KEPT_PATHS)
MountPath = Annotated[
    str,
    AfterValidator(mount_path),
    _schema("An absolute path", rf"(?!/(?:{_KEPT})(?:/|$))(?:/{_PART})+/?"),
]
SubPath = Annotated[
    str,
    AfterValidator(sub_path),
    _schema("A path inside the volume", rf"{_PART}(?:/{_PART})*", maxLength=_PATH_MOST),
]
TierKey = Annotated[
    str,
    Matching(
        DNS_LABEL,
        "a key of lower case letters, digits and -, at most 63 characters",
        nearest.dns_name,
    ),
]
LabelValue = Annotated[
    str,
    Matching(
        _LABEL_VALUE,
        "letters, digits and ._- (a pod label holds it), at most 63",
        nearest.label_value,
    ),
]
LabelKey = Annotated[
    str,
    Matching(_LABEL_KEY, "the key of a node label, such as example.com/pool", nearest.label_key),
]
NodeLabelValue = Annotated[
    str,
    Matching(
        re.compile(f"(?:{_LABEL_VALUE.pattern})?", re.ASCII),
        "the value of a node label",
        nearest.label_value,
    ),
]
DnsLabel = Annotated[
    str, Matching(DNS_LABEL, "lower case letters, digits and -, at most 63", nearest.dns_name)
]
ClaimName = Annotated[
    str, Matching(_DNS_NAME, "the name of a PersistentVolumeClaim", nearest.dns_name)
]
ImageName = Annotated[
    str,
    Matching(_IMAGE, "an image name with tag or digest, without spaces", nearest.image_name),
]
ResourceName = Annotated[
    str,
    Matching(
        _RESOURCE, "the name of a device resource, such as nvidia.com/gpu", nearest.resource_name
    ),
]
