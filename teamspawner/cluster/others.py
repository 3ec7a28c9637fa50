"""The kinds besides nodes and pods that a verdict may need, kept object by object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from teamspawner.capacity.objects import Labels, Storage
from teamspawner.cluster import decode_storage as storage
from teamspawner.cluster.decode import decode_device_class, decode_namespace
from teamspawner.cluster.reading import Source

__all__ = ["OTHERS", "Others"]

OTHERS: Mapping[str, Callable[[Source], Any]] = {
    "persistentvolumeclaims": storage.decode_claim,
    "persistentvolumes": storage.decode_volume,
    "storageclasses": storage.decode_class,
    "csinodes": storage.decode_csi_node,
    "csidrivers": storage.decode_csi_driver,
    "csistoragecapacities": storage.decode_capacity,
    "volumeattachments": storage.decode_attachment,
    "namespaces": decode_namespace,
    "deviceclasses": decode_device_class,
}
"""Plural names of these kinds, and who reads them."""

_STORED: Mapping[str, Callable[[Iterable[Any]], dict[str, Any]]] = {
    "persistentvolumeclaims": lambda held: {"claims": {(c.namespace, c.name): c for c in held}},
    "persistentvolumes": lambda held: {"volumes": {v.name: v for v in held}},
    "storageclasses": lambda held: {"classes": {c.name: c for c in held}},
    "csinodes": lambda held: {
        "attach_limits": {each.name: each.limits for each in held},
        "migrated": {each.name: each.migrated for each in held},
        "installed": {each.name: each.installed for each in held},
    },
    "csidrivers": lambda held: {
        "needed": frozenset(each.name for each in held if each.needed),
        "capacity_tracked": frozenset(each.name for each in held if each.tracked),
    },
    "csistoragecapacities": lambda held: {"capacities": tuple(held)},
    "volumeattachments": lambda held: {"attachments": tuple(held)},
}
"""The kinds about volumes, and the fields of ``Storage`` that each makes."""


class Others:
    """Objects of the kinds in ``OTHERS``, by kind and key.

    What is given out is never altered later; while a kind does not change, its tables stay
    the same objects.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Any]] = {kind: {} for kind in OTHERS}
        self._changed: set[str] = set()
        self._storage = Storage()
        self._namespaces: Mapping[str, Labels] = {}
        self._by_class: frozenset[str] = frozenset()

    def put(self, kind: str, key: str, source: Source) -> bool:
        """Take in an object; tell whether anything is other than before.

        Raises:
            ObjectError: When it cannot be read; then nothing changed.
        """
        value, held = OTHERS[kind](source), self._held[kind]
        if key in held and held[key] == value:
            return False
        held[key] = value
        self._changed.add(kind)
        return True

    def drop(self, kind: str, key: str) -> bool:
        """Forget an object; tell whether it was held."""
        if self._held[kind].pop(key, self) is self:
            return False
        self._changed.add(kind)
        return True

    def clear(self, kind: str) -> None:
        """Forget all of a kind; nothing is held of kinds that are not in ``OTHERS``."""
        if self._held.get(kind):
            self._held[kind].clear()
            self._changed.add(kind)

    def keys(self, kind: str) -> set[str]:
        """Return the keys of all objects held of a kind."""
        return set(self._held[kind])

    def storage(self) -> Storage:
        """Return what is known of volumes."""
        parts: dict[str, Any] = {}
        for kind in self._changed & _STORED.keys():
            parts |= _STORED[kind](self._held[kind].values())
        if parts:
            self._storage = replace(self._storage, **parts)
            self._changed -= _STORED.keys()
        return self._storage

    def namespaces(self) -> Mapping[str, Labels]:
        """Return the namespaces by name, with their labels."""
        if "namespaces" in self._changed:
            self._namespaces = dict(self._held["namespaces"].values())
            self._changed.discard("namespaces")
        return self._namespaces

    def extended_by_class(self) -> frozenset[str]:
        """Return the extended resources that a DeviceClass serves."""
        if "deviceclasses" in self._changed:
            classes = self._held["deviceclasses"].values()
            self._by_class = frozenset(name for names in classes for name in names)
            self._changed.discard("deviceclasses")
        return self._by_class
