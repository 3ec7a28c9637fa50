"""Read and print sizes: Kubernetes quantities, and the hub's byte strings.

Two dialects that look alike and differ: to Kubernetes ``4G`` is 4·10⁹, to
JupyterHub 4·2³⁰. Each function names the dialect it reads; no other module
looks at a suffix.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache

from teamspawner.errors import QuantityError

__all__ = [
    "cores",
    "gib",
    "map_bytes",
    "map_millicores",
    "milli",
    "millicores",
    "quantity",
    "units",
]

_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d*)(?:\.(?P<part>\d*))?"
    r"(?P<suffix>[KMGTPE]i|[eE][+-]?\d+|[numkMGTPE]?)",
    re.ASCII,
)
_DECIMAL = ("", "k", "M", "G", "T", "P", "E")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_SMALL = ("", "m", "u", "n")
_SCALE = {
    **{suffix: Fraction(1, 1000**power) for power, suffix in enumerate(_SMALL)},
    **{suffix: Fraction(1000**power) for power, suffix in enumerate(_DECIMAL)},
    **{suffix: Fraction(1024**power) for power, suffix in enumerate(_BINARY)},
}
_ALLOWED_QUANTITY = (
    "a number, then Ki, Mi, Gi, Ti, Pi, Ei, n, u, m, k, M, G, T, P, E or an exponent"
)
_ALLOWED_BYTES = "bytes, or a number with K, M, G, T, Ki, Mi, Gi or Ti (1024-based)"
_NANO = 10**9
_MOST = 2**63 - 1
_DIGITS = 60


@lru_cache(maxsize=16384, typed=True)
def quantity(text: str | float) -> Fraction:
    """Read a Kubernetes quantity exactly.

    Finer than nano is rounded away from zero, and nothing is larger than
    2⁶³−1, as the API server does on reading (apimachinery ``quantity.go``).
    That grammar lets the digits be absent: ``Gi`` and ``-`` are 0.

    Raises:
        QuantityError: When the text is not in the grammar of the API.
    """
    written = str(text).strip()
    found = _QUANTITY.fullmatch(written)
    if found is None or not written or isinstance(text, bool):
        raise QuantityError(text, _ALLOWED_QUANTITY)
    whole, part = found["whole"].lstrip("0"), found["part"] or ""
    digits = (whole + part).lstrip("0")
    if not digits:
        return Fraction(0)
    rest = digits[_DIGITS:]
    kept = int(digits[:_DIGITS]) + bool(rest.strip("0"))
    size = _scaled(kept, len(rest) - len(part), found["suffix"], text)
    return -size if found["sign"] == "-" else size


def _scaled(digits: int, exponent: int, suffix: str, text: str | float) -> Fraction:
    """Return ``digits`` × 10^``exponent`` × ``suffix``, above zero, quick for any exponent."""
    if suffix in _SCALE:
        scale = _SCALE[suffix]
    else:
        written = int(suffix[1:]) if len(suffix) < len("e+9223372036854775808") + 1 else _MOST + 1
        if not -_MOST <= written <= _MOST:
            raise QuantityError(text, _ALLOWED_QUANTITY)
        exponent, scale = exponent + written, Fraction(1)
    if exponent > _DIGITS:
        return Fraction(_MOST)
    if exponent < -3 * _DIGITS:
        return Fraction(1, _NANO)
    nanos = math.ceil(digits * Fraction(10) ** exponent * scale * _NANO)
    return min(Fraction(nanos, _NANO), Fraction(_MOST))


@lru_cache(maxsize=16384, typed=True)
def milli(text: str | float) -> int:
    """Read a Kubernetes quantity in thousandths, rounded away from zero.

    This is how the API server keeps resources: defaulting rounds every resource
    list up to milli (``SetDefaults_ResourceList``).
    """
    return _away(quantity(text) * 1000)


def millicores(text: str | float) -> int:
    """Read a Kubernetes CPU quantity as millicores, rounded up as the scheduler does."""
    return min(milli(text), _MOST)


def units(text: str | float) -> int:
    """Read any other Kubernetes quantity in whole units (bytes, devices), rounded up."""
    return _away(quantity(text))


def _away(value: Fraction) -> int:
    return math.ceil(value) if value >= 0 else math.floor(value)


def map_bytes(text: str | int) -> int:
    """Read a size of memory as the map and JupyterHub spell it: ``G`` and ``Gi`` are both 2³⁰.

    Raises:
        QuantityError: When it is no such size, or is negative.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i|iB|B)?", str(text), re.ASCII)
    if found is None or isinstance(text, bool):
        raise QuantityError(text, _ALLOWED_BYTES)
    scale: int = 1024 ** " KMGT".index(found[2] or " ")
    return math.ceil(Fraction(found[1]) * scale)


def map_millicores(text: str | float) -> int:
    """Read a number of CPUs of the map (``2``, ``0.5``, ``500m``) as millicores, rounded up.

    Raises:
        QuantityError: When it is no quantity, or is negative.
    """
    value = millicores(text)
    if value < 0:
        raise QuantityError(text, "a number of CPUs, such as 2, 0.5 or 500m")
    return value


def cores(cpu_millicores: int) -> str:
    """Print millicores for people, in CPUs: ``7``, ``0.5``."""
    return f"{cpu_millicores / 1000:g}"


def gib(size_bytes: int) -> str:
    """Print bytes for people, in GiB or MiB with at most one decimal: ``55 GiB``."""
    unit, name = (2**30, "GiB") if abs(size_bytes) >= 2**30 else (2**20, "MiB")
    return f"{round(size_bytes / unit, 1):g} {name}"
