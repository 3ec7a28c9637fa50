"""How objects go: grace, finalizers, owners, and namespaces with all that is in them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from teamspawner.sim.server import meta
from teamspawner.sim.server.kinds import KINDS, Kind
from teamspawner.sim.server.refusal import conflict
from teamspawner.sim.server.store import Store, Thing

__all__ = ["begin", "check_preconditions", "collect", "empty_namespace", "is_complete"]

Delete = Callable[[Kind, str, str], object]
"""Deletes the object of a kind, a namespace and a name, with all that follows from it."""

_FINISHED = frozenset({"Succeeded", "Failed"})


def check_preconditions(kind: Kind, thing: Thing, body: Mapping[str, Any]) -> None:
    """Refuse a deletion of another object, or of another version of it, than was meant.

    Raises:
        Refusal: 409.
    """
    wanted = body.get("preconditions") or {}
    for field, words in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        own = thing["metadata"][field]
        if wanted.get(field) and wanted[field] != own:
            why = (
                f"Precondition failed: {words} in precondition: {wanted[field]}, {words} in"
                f" object meta: {own}"
            )
            raise conflict(kind.plural, thing["metadata"]["name"], why, kind.group)


def begin(kind: Kind, thing: Thing, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a deletion leaves for now, or None when the object goes at once.

    The very object is returned when its deletion is under way and is not hurried.
    """
    if kind.kind == "Namespace":
        return _mark(thing, 0, {"status": {"phase": "Terminating"}})
    period = _grace(thing, body) if kind.kind == "Pod" else 0
    finalizers = thing["metadata"].get("finalizers")
    if period == 0 and not finalizers:
        return None
    running = thing["metadata"].get("deletionGracePeriodSeconds")
    if running is not None and running <= period:
        return thing  # type: ignore[return-value] # unchanged, so read only
    return _mark(thing, period, {})


def _grace(pod: Thing, body: Mapping[str, Any]) -> int:
    """Return the seconds a pod gets: none when no kubelet has it, or it has ended."""
    if not pod["spec"].get("nodeName") or pod["status"].get("phase") in _FINISHED:
        return 0
    period = body.get("gracePeriodSeconds")
    return int(pod["spec"]["terminationGracePeriodSeconds"] if period is None else period)


def _mark(thing: Thing, period: int, more: dict[str, Any]) -> dict[str, Any]:
    marked = copy.deepcopy({**thing, **more})
    marked["metadata"]["deletionTimestamp"] = meta.now(period)
    marked["metadata"]["deletionGracePeriodSeconds"] = period
    if marked["metadata"].get("generation"):
        marked["metadata"]["generation"] += 1
    return marked


def is_complete(thing: Thing) -> bool:
    """Say whether nothing holds a deleted object any more."""
    data = thing["metadata"]
    if "deletionTimestamp" not in data or data.get("finalizers"):
        return False
    return thing["kind"] != "Namespace" and not data.get("deletionGracePeriodSeconds")


def collect(store: Store, gone: Thing, delete: Delete) -> None:
    """Delete what the gone object owned, and its namespace if that waited for it."""
    uid = gone["metadata"].get("uid")
    for kind in KINDS:
        for key, thing in list(store.all(kind.storage).items()):
            owners = thing["metadata"].get("ownerReferences") or ()
            if owners and all(owner.get("uid") == uid for owner in owners):
                _delete(store, kind, key, delete)
    namespace = gone["metadata"].get("namespace")
    if namespace:
        _drop_if_empty(store, namespace)


def empty_namespace(store: Store, name: str, delete: Delete) -> None:
    """Delete everything in a namespace that is going away, then the namespace."""
    for kind in KINDS:
        if kind.namespaced and kind.writable:
            for key in [key for key in store.all(kind.storage) if key[0] == name]:
                _delete(store, kind, key, delete)
    _drop_if_empty(store, name)


def _delete(store: Store, kind: Kind, key: tuple[str, str], delete: Delete) -> None:
    if store.get(kind.storage, key) is not None:
        delete(kind, key[0], key[1])


def _drop_if_empty(store: Store, name: str) -> None:
    namespace = store.get("namespaces.", ("", name))
    if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
        return
    left = any(
        key[0] == name for kind in KINDS if kind.namespaced for key in store.all(kind.storage)
    )
    if not left and not namespace["metadata"].get("finalizers"):
        store.remove("namespaces.", ("", name))
