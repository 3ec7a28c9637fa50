"""The home volume that does not exist yet, as its storage class would provision it."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import replace
from typing import Any

from teamspawner import units
from teamspawner.capacity.objects import Claim, Snapshot, StorageClass, Volume
from teamspawner.errors import QuantityError

__all__ = ["with_home"]

_DEFAULT = "(default)"
"""Stands for the default class while classes are not seen; no class can have this name."""


def with_home(snapshot: Snapshot, spawner: Any) -> Snapshot:
    """Return the snapshot with this person's home claim in it, when a start would make one.

    KubeSpawner makes the claim just before the pod, so a missing one is no fault of
    the pod's. Under ``WaitForFirstConsumer`` the claim waits for the pod as a real one
    would; under ``Immediate`` it has its volume before the scheduler looks. While the
    classes are not seen, it is known that the claim will come, not whether it binds.
    """
    key = (spawner.namespace, spawner.pvc_name)
    storage = snapshot.storage
    unseen = "persistentvolumeclaims" in snapshot.unseen
    if not spawner.storage_pvc_ensure or unseen or key in storage.claims:
        return snapshot
    found = _class(snapshot, spawner.storage_class)
    default = _DEFAULT if "storageclasses" in snapshot.unseen else ""
    claim = Claim(
        namespace=key[0],
        name=key[1],
        storage_class=found.name if found else (spawner.storage_class or default),
        access_modes=tuple(spawner.storage_access_modes),
        requested_bytes=_bytes(spawner.storage_capacity),
    )
    volumes = storage.volumes
    if found is not None and found.binding_mode == "Immediate":
        volume = _volume(claim, found)
        claim = replace(claim, volume=volume.name)
        volumes = ChainMap({volume.name: volume}, volumes)  # type: ignore[arg-type] # read only
    claims = ChainMap({key: claim}, storage.claims)  # type: ignore[arg-type] # read only
    return replace(snapshot, storage=replace(storage, claims=claims, volumes=volumes))


def _class(snapshot: Snapshot, name: str | None) -> StorageClass | None:
    classes = snapshot.storage.classes
    if name:
        return classes.get(name)
    return next((each for each in classes.values() if each.is_default), None)


def _volume(claim: Claim, found: StorageClass) -> Volume:
    return Volume(
        name=f"home-of-{claim.name}",
        csi_driver=found.provisioner,
        csi_handle=f"home-of-{claim.name}",
        capacity_bytes=claim.requested_bytes,
        access_modes=claim.access_modes,
        storage_class=found.name,
        claim=(claim.namespace, claim.name, claim.uid),
        phase="Bound",
    )


def _bytes(text: Any) -> int:
    try:
        return units.units(text or 0)
    except QuantityError:  # the API server will refuse the claim, in its own words
        return 0
