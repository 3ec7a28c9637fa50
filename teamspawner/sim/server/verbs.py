"""The verbs of the API on stored objects; each call is one atomic step."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from teamspawner.sim.server import admission, deletion, events, meta
from teamspawner.sim.server.defaults import apply_defaults
from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.refusal import (
    Refusal,
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
)
from teamspawner.sim.server.route import Route
from teamspawner.sim.server.schema import decode
from teamspawner.sim.server.store import Store, Thing
from teamspawner.sim.server.validation import validate, validate_pod_update

__all__ = ["Api", "Options"]

_MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)
_KEEPS_STATUS = frozenset({"Node", "Event"})
"""Kinds whose status may be given on creation: kubelets register their nodes so."""


@dataclass(slots=True)
class Options:
    """The query options of a write.

    Attributes:
        dry_run: Do everything but keep nothing.
        validation: ``Strict`` refuses unknown fields, ``Warn`` and ``Ignore`` drop them.
        warnings: Filled with what the client should be warned of.
    """

    dry_run: bool = False
    validation: str = "Warn"
    warnings: list[str] = field(default_factory=list)


class Api:
    """Create, read, change and delete objects as kube-apiserver does.

    Attributes:
        store: What is kept.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()

    def get(self, kind: Kind, namespace: str, name: str) -> Thing:
        """Return one object.

        Raises:
            Refusal: 404.
        """
        found = self.store.get(kind.storage, (namespace, name))
        if found is None:
            raise not_found(kind.plural, name, kind.group)
        return found

    def create(
        self, kind: Kind, namespace: str, body: Any, options: Options | None = None
    ) -> Thing:
        """Keep a new object and return it as kept.

        Raises:
            Refusal: 400, 403, 404, 409, 422 in the API server's words.
        """
        options = options or Options()
        thing = self._read(kind, body, options)
        meta.prepare(kind, namespace, thing)
        if thing["metadata"].get("resourceVersion"):
            raise Refusal(500, "", "resourceVersion should not be set on objects to be created")
        admission.admit_to_namespace(self.store, kind, thing)
        meta.complete(kind, thing)
        if kind.status and kind.kind not in _KEEPS_STATUS:
            thing.pop("status", None)
        thing = events.stored(kind, thing)
        apply_defaults(kind, thing)
        admission.mutate(self.store, kind, thing)
        validate(kind, thing)
        admission.admit(self.store, kind, thing)
        key = (namespace, thing["metadata"]["name"])
        if self.store.get(kind.storage, key) is not None:
            raise already_exists(kind.plural, key[1], kind.group)
        return self._keep(kind, key, thing, options)

    def put(self, kind: Kind, body: Any) -> Thing:
        """Keep an object as it is, with its status and identity: how a saved cluster comes back."""
        thing = self._read(kind, body, Options(validation="Ignore"))
        namespace = thing.setdefault("metadata", {}).get("namespace", "") if kind.namespaced else ""
        meta.prepare(kind, namespace, thing)
        uid, born = (thing["metadata"].get(field) for field in ("uid", "creationTimestamp"))
        meta.complete(kind, thing)
        thing["metadata"] |= {"uid": uid} if uid else {}
        thing["metadata"] |= {"creationTimestamp": born} if born else {}
        thing = events.stored(kind, thing)
        apply_defaults(kind, thing)
        if kind.kind == "Pod" and "priority" not in thing["spec"]:
            with contextlib.suppress(Refusal):  # a class that is gone meanwhile counts as none
                admission.set_priority(self.store, thing)
        return self._keep(kind, (namespace, thing["metadata"]["name"]), thing, Options())

    def replace(self, route: Route, body: Any, options: Options | None = None) -> Thing:
        """Replace an object, or only its status, by another version of it.

        Raises:
            Refusal: 400, 404, 409, 422 in the API server's words.
        """
        options = options or Options()
        kind, name = route.kind, route.name
        new = self._read(kind, body, options)
        meta.prepare(kind, route.namespace, new)
        if new["metadata"].get("name") != name:
            raise bad_request(
                f"the name of the object ({new['metadata'].get('name', '')}) does not match"
                f" the name on the URL ({name})"
            )
        return self._change(route, new, options)

    def patch(
        self, route: Route, change: Callable[[Thing], Any], options: Options | None = None
    ) -> Thing:
        """Change an object by a function of what it is now.

        Raises:
            Refusal: 400, 404, 409, 422 in the API server's words.
        """
        options = options or Options()
        kind, name = route.kind, route.name
        old = events.shown(kind, self.get(kind, route.namespace, name))
        new = self._read(kind, change(copy.deepcopy(dict(old))), options)
        meta.prepare(kind, route.namespace, new)
        if new["metadata"].get("name") != name:
            told = f'Invalid value: "{new["metadata"].get("name")}": field is immutable'
            fault = ("metadata.name", "FieldValueInvalid", told)
            raise invalid(kind.kind, name, [fault], kind.group)
        return self._change(route, new, options)

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Mapping[str, Any] | None = None,
        options: Options | None = None,
    ) -> tuple[Thing, bool]:
        """Delete an object, or begin to; returns it, and whether it is gone.

        Raises:
            Refusal: 404, or 409 when a precondition does not hold.
        """
        old = self.get(kind, namespace, name)
        deletion.check_preconditions(kind, old, body or {})
        new = deletion.begin(kind, old, body or {})
        key = (namespace, name)
        if new is not None:
            if new is old or (options and options.dry_run):
                return new, False
            return self._write(kind, key, new), False
        if options and options.dry_run:
            return old, True
        return self._remove(kind, key), True

    def _read(self, kind: Kind, body: Any, options: Options) -> dict[str, Any]:
        unknown: list[str] = []
        thing = decode(kind, body, unknown.append)
        if unknown and options.validation == "Strict":
            told = ", ".join(f'unknown field "{path}"' for path in unknown)
            raise bad_request(f"strict decoding error: {told}")
        if options.validation != "Ignore":
            options.warnings += [f'unknown field "{path}"' for path in unknown]
        return thing

    def _change(self, route: Route, new: dict[str, Any], options: Options) -> Thing:
        kind, key, part = route.kind, (route.namespace, route.name), route.part
        old = self.get(kind, *key)
        _check_version(kind, old, new)
        new = events.stored(kind, new)
        meta.carry_over(dict(old), new)
        new = _only(kind, part, old, new)
        apply_defaults(kind, new)
        if kind.kind == "Pod" and not part:
            validate_pod_update(old, new)
        validate(kind, new)
        if kind.generation and new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if options.dry_run or _same(old, new):
            return {**new, "metadata": {**new["metadata"], "resourceVersion": _version(old)}}
        if deletion.is_complete(new):
            self.store.write(kind.storage, key, new)
            return self._remove(kind, key)
        return self._write(kind, key, new)

    def keep(self, kind: Kind, key: tuple[str, str], thing: dict[str, Any]) -> Thing:
        """Write an object as it is; for subresources that change it their own way."""
        return self._write(kind, key, thing)

    def _keep(
        self, kind: Kind, key: tuple[str, str], thing: dict[str, Any], options: Options
    ) -> Thing:
        return thing if options.dry_run else self._write(kind, key, thing)

    def _write(self, kind: Kind, key: tuple[str, str], thing: dict[str, Any]) -> Thing:
        kept = self.store.write(kind.storage, key, thing)
        if kind.namespaced:
            admission.refresh_quotas(self.store, key[0])
        if kind.kind == "Namespace" and "deletionTimestamp" in kept["metadata"]:
            deletion.empty_namespace(self.store, key[1], self.delete)
        return self.store.get(kind.storage, key) or kept

    def _remove(self, kind: Kind, key: tuple[str, str]) -> Thing:
        last = self.store.remove(kind.storage, key)
        if kind.namespaced:
            admission.refresh_quotas(self.store, key[0])
        deletion.collect(self.store, last, self.delete)
        return last


def _version(thing: Thing) -> str:
    return str(thing["metadata"]["resourceVersion"])


def _check_version(kind: Kind, old: Thing, new: Thing) -> None:
    """Refuse a change of a version, or of an object, that is not there any more."""
    name, sent = old["metadata"]["name"], new["metadata"]
    if sent.get("uid") and sent["uid"] != old["metadata"]["uid"]:
        why = (
            f"Precondition failed: UID in precondition: {sent['uid']}, UID in object meta:"
            f" {old['metadata']['uid']}"
        )
        raise conflict(kind.plural, name, why, kind.group)
    if sent.get("resourceVersion") and sent["resourceVersion"] != _version(old):
        raise conflict(kind.plural, name, _MODIFIED, kind.group)


def _only(kind: Kind, part: str, old: Thing, new: dict[str, Any]) -> dict[str, Any]:
    """Keep of a change what the address may change: the status, or everything but it."""
    if not kind.status:
        return new
    if part == "status":
        kept = {name: value for name, value in old.items() if name != "status"}
        if kind.kind in {"Pod", "Node"}:
            kept["metadata"] = new["metadata"]
        return copy.deepcopy({**kept, "status": new.get("status", {})})
    return {**new, "status": copy.deepcopy(old.get("status", {}))}


def _same(old: Thing, new: Thing) -> bool:
    before = {**old, "metadata": {**old["metadata"], "resourceVersion": ""}}
    return before == {**new, "metadata": {**new["metadata"], "resourceVersion": ""}}
