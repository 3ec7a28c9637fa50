"""The people of a scenario, under the names that JupyterHub gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from teamspawner.errors import Fault

__all__ = ["name_faults", "named"]

_ALLOWED = "a name without / and outer spaces that is not all dots, such as ann"
_LONGEST = 255


def named(name: str) -> str:
    """Return a name as JupyterHub keeps it (``Authenticator.normalize_username``)."""
    return name.lower()


def name_faults(users: Any, admins: Any) -> Iterator[Fault]:
    """Say which names JupyterHub would refuse or take for one and the same.

    Args:
        users: What stands under ``users``; other things than names are told elsewhere.
        admins: What stands under ``admins``.
    """
    given = [(f"users.{name}", name) for name in users] if isinstance(users, dict) else []
    if isinstance(admins, list):
        given += [(f"admins[{place}]", name) for place, name in enumerate(admins)]
    seen: dict[str, str] = {}
    for place, name in given:
        if not isinstance(name, str):
            continue
        if not _is_allowed(name):
            yield Fault(place, repr(name), _ALLOWED, "rename")
        elif place == f"users.{name}" and seen.setdefault(named(name), name) != name:
            found = f"a second {named(name)}, beside {seen[named(name)]}"
            yield Fault(place, found, "names that differ in lower case too", f"remove {name}")


def _is_allowed(name: str) -> bool:
    """Whether JupyterHub takes a name (``Authenticator.validate_username`` of 6.1).

    5.5 would take one of dots alone, and its pages could then not be reached.
    """
    dots = {"."}
    if not name or "/" in name or set(name) == dots or set(unquote(name)) == dots:
        return False
    return name == name.strip() and name.isprintable() and len(name) <= _LONGEST
