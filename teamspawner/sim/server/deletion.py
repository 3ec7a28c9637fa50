"""How objects go: grace, finalizers, owners, and namespaces with all that is in them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from teamspawner.sim.server import meta
from teamspawner.sim.server.kinds import KINDS, Kind
from teamspawner.sim.server.refusal import conflict
from teamspawner.sim.server.store import Thing

if TYPE_CHECKING:
    from teamspawner.sim.server.verbs import Api

__all__ = ["begin", "check_preconditions", "collect", "empty_namespace", "is_complete"]

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
        return thing  # type: ignore[return-value]
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


def collect(api: Api, gone: Thing) -> None:
    """Delete what the gone object owned, and its namespace if that waited for it."""
    uid = gone["metadata"].get("uid")
    for kind in KINDS:
        for key, thing in list(api.store.all(kind.storage).items()):
            owners = thing["metadata"].get("ownerReferences") or ()
            if owners and all(owner.get("uid") == uid for owner in owners):
                _delete(api, kind, key)
    namespace = gone["metadata"].get("namespace")
    if namespace:
        _drop_if_empty(api, namespace)


def empty_namespace(api: Api, name: str) -> None:
    """Delete everything in a namespace that is going away, then the namespace."""
    for kind in KINDS:
        if kind.namespaced and kind.writable:
            for key in [key for key in api.store.all(kind.storage) if key[0] == name]:
                _delete(api, kind, key)
    _drop_if_empty(api, name)


def _delete(api: Api, kind: Kind, key: tuple[str, str]) -> None:
    if api.store.get(kind.storage, key) is not None:
        api.delete(kind, key[0], key[1])


def _drop_if_empty(api: Api, name: str) -> None:
    namespace = api.store.get("namespaces.", ("", name))
    if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
        return
    left = any(
        key[0] == name for kind in KINDS if kind.namespaced for key in api.store.all(kind.storage)
    )
    if not left and not namespace["metadata"].get("finalizers"):
        api.store.remove("namespaces.", ("", name))
