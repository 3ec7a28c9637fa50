"""What was most likely meant by a value that will not do, as an instruction; empty when unclear.

What is proposed is itself allowed.
"""

from __future__ import annotations

import re
from typing import Any

from teamspawner import units
from teamspawner.errors import QuantityError

_DURATION = re.compile(r"\W*(\d+(?:[.,]\d+)?)\s*(s|m|h|d)[a-z]*\W*", re.ASCII | re.IGNORECASE)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 63
_LIKELY_MIB = (256, 2**20)
_NO_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""What YAML reads as something else, unless it stands in quotes."""


def cpu(value: Any) -> str:
    """Such as ``write 2`` for ``2 cores``."""
    found = re.match(r"\W*([1-9]\d{0,3}(?:\.\d+)?)(?![\dx:])", str(value), re.ASCII)
    return f"write {found[1]}" if found else ""


def memory(value: Any) -> str:
    """Such as ``write 4.5Gi`` for ``4,5 gb!``; a bare number from 256 on is taken for MiB."""
    found = re.fullmatch(r"\W*(\d+(?:[.,]\d+)?)\s*([kKmMgGtT]?)\w*\W*", str(value), re.ASCII)
    if found is None or not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    number = found[1].replace(",", ".")
    unit = found[2] or ("g" if float(number) < _LIKELY_MIB[0] else "m")
    if not found[2] and float(number) > _LIKELY_MIB[1]:
        return ""  # bytes, and too few of them
    written = f"{number}{unit.upper()}i"
    try:
        return f"write {written}" if 2**24 <= units.map_bytes(written) <= 2**46 else ""
    except QuantityError:  # more digits than a number may have
        return ""


def duration(value: Any, most_s: int) -> str:
    """Such as ``write 600s`` for ``600``, ``write 90m`` for ``1.5 hours``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"write {value}s" if 0 < value <= most_s else ""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return ""
    seconds = float(found[1].replace(",", ".")) * _UNIT_S[found[2].lower()]
    if not 1 <= seconds <= most_s or seconds % 1:
        return ""
    unit = next(unit for unit, size in reversed(_UNIT_S.items()) if not seconds % size)
    return f"write {int(seconds) // _UNIT_S[unit]}{unit}"


def share(value: Any) -> str:
    """Such as ``write 50%`` for ``50``."""
    return f"write {value}%" if str(value).isdecimal() and 1 < int(value) <= 100 else ""


def dns_name(value: str) -> str:
    """Such as ``write my-data`` for ``My_data``."""
    return _written("-".join(re.findall(r"[a-z0-9]+", value.lower())), value)


def label_value(value: str) -> str:
    """Such as ``write my-pool`` for ``my pool``."""
    return _written("-".join(re.findall(r"[A-Za-z0-9][A-Za-z0-9._]*", value)).strip("._"), value)


def label_key(value: str) -> str:
    """Such as ``write my-pool`` for ``my pool``."""
    return "" if "/" in value else label_value(value)


def image_name(value: str) -> str:
    """Such as ``write quay.io/a/b:1`` for ``docker://quay.io/a/b:1``."""
    plain = value.strip().partition("://")[2] or value.strip()
    folder, slash, last = plain.rpartition("/")
    repository, colon, tag = last.partition(":")
    written = f"{folder}{slash}{repository}".lower() + colon + tag
    sound = re.fullmatch(r"[a-z0-9][\w./:@-]*", written, re.ASCII)
    return f"write {written}" if sound and written != value else ""


def resource_name(value: str) -> str:
    """Such as ``write nvidia.com/gpu`` for ``gpu``."""
    known = {"gpu": "nvidia.com/gpu", "nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu"}
    found = known.get(value.lower(), "")
    return f"write {found}" if found else ""


def _written(found: str, value: str) -> str:
    if not found or found == value or len(found) > _LONGEST:
        return ""
    read_as_text = found[0].isalpha() and found.lower() not in _NO_TEXT
    return f"write {found}" if read_as_text else f'write "{found}"'
