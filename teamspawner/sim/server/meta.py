"""What the server writes into the metadata of objects: names, identities, times."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.refusal import bad_request

__all__ = ["carry_over", "complete", "now", "prepare"]

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_PREFIX = 58
_DICE = random.SystemRandom()
_FIXED = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
)


def now(later_s: float = 0) -> str:
    """Return the time as the API spells it, optionally some seconds later."""
    return (datetime.now(UTC) + timedelta(seconds=later_s)).strftime("%Y-%m-%dT%H:%M:%SZ")


def prepare(kind: Kind, namespace: str, thing: dict[str, Any]) -> None:
    """Check that an object belongs under this address and put its kind and namespace right.

    Raises:
        Refusal: 400 when body and address contradict each other.
    """
    said = (thing.setdefault("apiVersion", kind.api_version), thing.setdefault("kind", kind.kind))
    if said != (kind.api_version, kind.kind):
        raise bad_request(
            f'{said[1]} in version "{said[0]}" cannot be handled as a {kind.kind}:'
            " the API version in the data does not match the expected API version"
        )
    meta = thing.setdefault("metadata", {})
    if not kind.namespaced:
        meta.pop("namespace", None)
        return
    if meta.setdefault("namespace", namespace) != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def complete(kind: Kind, thing: dict[str, Any]) -> None:
    """Give a new object its name, identity and time of birth."""
    meta = thing["metadata"]
    if not meta.get("name") and meta.get("generateName"):
        suffix = "".join(_DICE.choices(_SUFFIX_LETTERS, k=5))
        meta["name"] = meta["generateName"][:_LONGEST_PREFIX] + suffix
    for field in ("resourceVersion", "selfLink", "managedFields", *_FIXED[2:5]):
        meta.pop(field, None)
    meta["uid"] = str(uuid.uuid4())
    meta["creationTimestamp"] = now()
    if kind.generation:
        meta["generation"] = 1


def carry_over(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Copy into a changed object what a client cannot change."""
    for field in _FIXED:
        if field in old["metadata"]:
            new["metadata"][field] = old["metadata"][field]
        else:
            new["metadata"].pop(field, None)
    new["metadata"].pop("managedFields", None)
