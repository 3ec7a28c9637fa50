"""What the cluster holds: objects, their versions, and what happened lately."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from teamspawner.sim.server.refusal import expired

__all__ = ["Change", "Key", "Store", "Thing"]

Thing = Mapping[str, Any]
"""An object as stored; never changed in place."""

Key = tuple[str, str]
"""Namespace (empty for cluster-wide kinds) and name."""

_FIRST_VERSION = 100


@dataclass(frozen=True, slots=True)
class Change:
    """One write: ``old`` is None for a creation, ``new`` for a deletion.

    ``last`` is the object as a deletion event shows it: with the deletion's own
    resource version.
    """

    version: int
    key: Key
    old: Thing | None
    new: Thing | None
    last: Thing | None = None


class Store:
    """Objects by resource, one counter of versions, a bounded log of changes per resource.

    Args:
        keep: How many changes of each resource stay replayable; older versions
            are answered with 410.
    """

    def __init__(self, keep: int = 5000) -> None:
        self.version = _FIRST_VERSION
        self._keep = keep
        self._things: dict[str, dict[Key, Thing]] = defaultdict(dict)
        self._log: dict[str, deque[Change]] = defaultdict(deque)
        self._forgotten: dict[str, int] = defaultdict(lambda: _FIRST_VERSION)
        self._listeners: dict[str, list[Callable[[Change], None]]] = defaultdict(list)

    def get(self, resource: str, key: Key) -> Thing | None:
        """Return one object, or None."""
        return self._things[resource].get(key)

    def all(self, resource: str) -> Mapping[Key, Thing]:
        """Return all objects of a resource as they are now; do not keep it across an await."""
        return self._things[resource]

    def write(self, resource: str, key: Key, thing: dict[str, Any]) -> Thing:
        """Keep an object under a new version, which is put into its metadata."""
        self.version += 1
        thing = {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self.version)}}
        old = self._things[resource].get(key)
        self._things[resource][key] = thing
        self._record(resource, Change(self.version, key, old, thing))
        return thing

    def remove(self, resource: str, key: Key) -> Thing:
        """Forget an object; returns it with the version of its deletion."""
        self.version += 1
        old = self._things[resource].pop(key)
        last = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}}
        self._record(resource, Change(self.version, key, old, None, last))
        return last

    def since(self, resource: str, version: int) -> list[Change]:
        """Return the changes after a version, oldest first.

        Raises:
            Refusal: 410 when some of them are not kept any more.
        """
        if version < self._forgotten[resource]:
            raise expired(f"too old resource version: {version} ({self._forgotten[resource]})")
        return [change for change in self._log[resource] if change.version > version]

    def at(self, resource: str, version: int) -> Mapping[Key, Thing]:
        """Return all objects of a resource as they were at a version.

        Raises:
            Refusal: 410 when that is not known any more.
        """
        then = dict(self._things[resource])
        for change in reversed(self.since(resource, version)):
            if change.old is None:
                del then[change.key]
            else:
                then[change.key] = change.old
        return then

    def forget(self, resources: Iterable[str] | None = None) -> None:
        """Drop the log (of all resources by default): watchers that resume get 410."""
        for resource in list(self._things) if resources is None else resources:
            self._log[resource].clear()
            self._forgotten[resource] = self.version

    def listen(self, resource: str, hear: Callable[[Change], None]) -> Callable[[], None]:
        """Call ``hear`` for every change from now on; returns what ends it."""
        self._listeners[resource].append(hear)
        return lambda: self._listeners[resource].remove(hear)

    def _record(self, resource: str, change: Change) -> None:
        log = self._log[resource]
        log.append(change)
        if len(log) > self._keep:
            self._forgotten[resource] = log.popleft().version
        for hear in tuple(self._listeners[resource]):
            hear(change)
