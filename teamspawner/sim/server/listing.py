"""Lists: which objects, at which version, in which pages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.refusal import Refusal, bad_request, expired, invalid
from teamspawner.sim.server.selectors import Predicate, field_selector, label_selector
from teamspawner.sim.server.store import Key, Store, Thing

__all__ = ["Page", "Query", "list_page", "version_of"]

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start"
    " a new list without the continue parameter, or use the continue token in this response to"
    " retrieve the remainder of the results. Continuing with the provided token results in an"
    " inconsistent list - objects that were created, modified, or deleted between the time the"
    " first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Query:
    """What a list or watch asks for: a kind, maybe one namespace, and its query parameters."""

    kind: Kind
    namespace: str
    parameters: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return a parameter, empty when it was not sent."""
        return self.parameters.get(name, "")

    def flag(self, name: str) -> bool:
        """Return a parameter that is true or false, in any of Go's spellings."""
        return self.text(name).lower() in {"true", "1", "t"}

    def number(self, name: str) -> int:
        """Return a whole number, 0 when it was not sent.

        Raises:
            Refusal: 400 when it is none.
        """
        text = self.text(name)
        if not text:
            return 0
        if not text.lstrip("-").isdecimal():
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text)

    def predicate(self) -> Predicate:
        """Return what selects an object of this query.

        Raises:
            Refusal: 400 when a selector is malformed.
        """
        labels = label_selector(self.text("labelSelector"))
        fields = field_selector(self.kind, self.text("fieldSelector"))
        namespace = self.namespace

        def selected(thing: Thing) -> bool:
            own = thing["metadata"].get("namespace", "")
            return (not namespace or own == namespace) and labels(thing) and fields(thing)

        return selected

    @property
    def selective(self) -> bool:
        """Whether a selector was sent."""
        return bool(self.text("labelSelector") or self.text("fieldSelector"))

    def check(self, *, watch: bool) -> None:
        """Refuse combinations of options that the API does not take.

        Raises:
            Refusal: 422.
        """
        fault = self._watch_fault() if watch else self._list_fault()
        if fault:
            field, told = fault
            raise invalid("ListOptions", "", [(field, "FieldValueForbidden", f"Forbidden: {told}")],
                          "meta.k8s.io")  # fmt: skip

    def _watch_fault(self) -> tuple[str, str] | None:
        match, initial = self.text("resourceVersionMatch"), self.text("sendInitialEvents")
        if initial and match != "NotOlderThan":
            told = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            return "resourceVersionMatch", told
        if match and not initial:
            told = (
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            )
            return "resourceVersionMatch", told
        return None

    def _list_fault(self) -> tuple[str, str] | None:
        match, version = self.text("resourceVersionMatch"), self.text("resourceVersion")
        if self.text("sendInitialEvents"):
            return "sendInitialEvents", "sendInitialEvents is forbidden for list"
        if match and not version:
            told = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            return "resourceVersionMatch", told
        if match and self.text("continue"):
            told = "resourceVersionMatch is forbidden when continue is provided"
            return "resourceVersionMatch", told
        if match == "Exact" and version == "0":
            told = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            return "resourceVersionMatch", told
        return None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    version: int
    items: list[Thing]
    token: str = ""
    remaining: int | None = None


def version_of(text: str, newest: int) -> int:
    """Read a resource version; empty and ``0`` mean any, given as 0.

    Raises:
        Refusal: 400 when it is no number, 504 when the server has not seen it yet.
    """
    if not text:
        return 0
    if not text.isdecimal():
        raise bad_request(f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing'
                          f' "{text}": invalid syntax')  # fmt: skip
    version = int(text)
    if version > newest:
        told = f"Too large resource version: {version}, current: {newest}"
        causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
        raise Refusal(504, "Timeout", told, {"causes": causes, "retryAfterSeconds": 1})
    return version


def list_page(store: Store, query: Query) -> Page:
    """Answer a list request.

    Raises:
        Refusal: 400, 410, 422, 504 in the API server's words.
    """
    query.check(watch=False)
    resource, selected = query.kind.storage, query.predicate()
    limit, token = query.number("limit"), query.text("continue")
    wanted = version_of(query.text("resourceVersion"), store.version)
    start, version = "", store.version
    if token:
        start, version, things = _resume(store, query, token)
    elif query.text("resourceVersionMatch") == "Exact":
        things, version = store.at(resource, wanted), wanted
    else:
        things = store.all(resource)
        if query.text("resourceVersion") == "0":
            limit = 0  # answered from the cache, which does not page
    keys = [key for key in sorted(things, key=_order) if _order(key) > start]
    matching = [things[key] for key in keys if selected(things[key])]
    if not limit or len(matching) <= limit:
        return Page(version, matching)
    items = matching[:limit]
    last = items[-1]["metadata"]
    mark = _token(version, _order((last.get("namespace", ""), last["name"])))
    return Page(version, items, mark, None if query.selective else len(matching) - limit)


def _resume(store: Store, query: Query, token: str) -> tuple[str, int, Mapping[Key, Thing]]:
    if query.text("resourceVersion") not in {"", "0"}:
        raise bad_request("specifying resource version is not allowed when using continue")
    try:
        state = json.loads(base64.urlsafe_b64decode(token.encode()))
        start, version = str(state["start"]), int(state["rv"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
    if version < 0:
        return start, store.version, store.all(query.kind.storage)
    try:
        return start, version, store.at(query.kind.storage, version)
    except Refusal as error:
        refusal = expired(_TOO_OLD)
        refusal.meta = {"continue": _token(-1, start)}
        raise refusal from error


def _order(key: Key) -> str:
    return f"{key[0]}/{key[1]}"


def _token(version: int, start: str) -> str:
    state: dict[str, Any] = {"v": "meta.k8s.io/v1", "rv": version, "start": start}
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()
