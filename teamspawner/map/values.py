"""The small values of the map: sizes, durations, shares, patterns, paths; each says what it takes.

A value that will not do raises a ``PydanticCustomError`` of type ``fault`` whose
context holds ``allowed`` and ``fix``; ``load`` turns it into a Fault with its place.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from teamspawner import units
from teamspawner.errors import QuantityError

LABEL_MAX = 63
"""Longest value of a pod label; keys of the map become such values."""

_MEMORY_LEAST = 2**24
_MEMORY_MOST = 2**46
_CPU_MOST = 10_000_000
_PATH_MOST = 500
_DAY_S = 86_400
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": _DAY_S}
_DURATION = re.compile(r"(?:\d+[smhd])+", re.ASCII)
_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_DNS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._-]|\{username\})+", re.ASCII)
_LABEL_KEY = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?/)?"
    r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
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
        return refuse(allowed, _nearest_cpu(value))
    if millicores > _CPU_MOST:
        refuse(allowed)
    return millicores


def _nearest_cpu(value: Any) -> str:
    found = re.match(r"\W*([1-9]\d{0,3}(?:\.\d+)?)(?![\dx])", str(value))
    return f"write {found[1]}" if found else ""


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
        return refuse(allowed, _nearest_memory(value))
    if size > _MEMORY_MOST:
        refuse(allowed)
    return size


def _nearest_memory(value: Any) -> str:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?)\w*\s*", str(value))
    return f"write {found[1]}{(found[2] or 'g').upper()}i" if found else ""


def memory_size(value: Any) -> int:
    """Read the memory of a server as bytes; less than 16 MiB is a slip of the pen."""
    size = memory_amount(value)
    if size < _MEMORY_LEAST:
        plain = str(value).strip()
        refuse(
            "a size of memory from 16Mi to 64Ti, such as 4Gi (a number alone is bytes)",
            f"write {plain}Gi" if plain.isdecimal() and size else "",
        )
    return size


def duration_seconds(value: Any) -> int:
    """Read a duration as whole seconds: ``90s``, ``30m``, ``1h30m``, ``2d``."""
    allowed = "a duration up to 365d, such as 90s, 30m, 12h or 1h30m"
    if isinstance(value, int) and not isinstance(value, bool):
        refuse(allowed, f"write {value}s")
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        refuse(allowed)
    seconds = sum(
        int(number) * _UNIT_S[unit] for number, unit in re.findall(r"(\d+)([smhd])", value)
    )
    if not 0 < seconds <= 365 * _DAY_S:
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
        refuse(allowed)
    return share


def _matching(pattern: re.Pattern[str], allowed: str) -> Any:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            refuse(allowed)
        return value

    return check


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
        plain = _SEGMENT.fullmatch(value) and value not in _KEPT_PATHS
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


def _scalar_schema(description: str, *examples: str | float) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": ["string", "number"], "description": description, "examples": list(examples)}
    )


def _text_schema(description: str, pattern: str = "") -> WithJsonSchema:
    extra = {"pattern": pattern} if pattern else {}
    return WithJsonSchema({"type": "string", "description": description, **extra})


Cpu = Annotated[int, BeforeValidator(cpu_size), _scalar_schema("CPUs", 2, 0.5, "500m")]
CpuCap = Annotated[int, BeforeValidator(cpu_amount), _scalar_schema("CPUs", 200)]
Memory = Annotated[
    int, BeforeValidator(memory_size), _scalar_schema("Memory; G and Gi are 2^30", "4Gi")
]
MemoryCap = Annotated[
    int, BeforeValidator(memory_amount), _scalar_schema("Memory; G and Gi are 2^30", "1Ti")
]
Seconds = Annotated[
    int,
    BeforeValidator(duration_seconds),
    _text_schema("A duration: 90s, 30m, 12h, 1h30m", r"^([0-9]+[smhd])+$"),
]
Share = Annotated[
    Fraction, BeforeValidator(share_of_node), _scalar_schema("A share of a node", "1/2", "25%", 0.5)
]
Glob = Annotated[str, AfterValidator(glob_pattern)]
Group = Annotated[str, AfterValidator(group_pattern)]
MountPath = Annotated[str, AfterValidator(mount_path)]
SubPath = Annotated[str, AfterValidator(sub_path)]
TierKey = Annotated[
    str,
    AfterValidator(
        _matching(_DNS_LABEL, "a key of lower case letters, digits and -, at most 63 characters")
    ),
]
LabelValue = Annotated[
    str,
    AfterValidator(
        _matching(_LABEL_VALUE, "letters, digits and ._- (a pod label holds it), at most 63")
    ),
]
LabelKey = Annotated[
    str, AfterValidator(_matching(_LABEL_KEY, "the key of a node label, such as example.com/pool"))
]
NodeLabelValue = Annotated[
    str,
    AfterValidator(
        _matching(re.compile(f"(?:{_LABEL_VALUE.pattern})?", re.ASCII), "the value of a node label")
    ),
]
DnsLabel = Annotated[
    str, AfterValidator(_matching(_DNS_LABEL, "lower case letters, digits and -, at most 63"))
]
ClaimName = Annotated[
    str, AfterValidator(_matching(_DNS_NAME, "the name of a PersistentVolumeClaim"))
]
ImageName = Annotated[
    str, AfterValidator(_matching(_IMAGE, "an image name with tag or digest, without spaces"))
]
