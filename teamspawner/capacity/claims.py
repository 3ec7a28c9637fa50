"""The claims of a pod: what each needs, and what forbids the pod everywhere.

Sources: the PreFilter steps of kube-scheduler plugins ``volumerestrictions``,
``volumebinding`` and ``volumezone``.
"""

from __future__ import annotations

from dataclasses import dataclass

from teamspawner.capacity.objects import Candidate, Claim, Snapshot, Volume, VolumeUse
from teamspawner.capacity.verdict import Reason


@dataclass(frozen=True, slots=True)
class Needs:
    """The claims of a candidate, sorted by what they need, and what forbids it everywhere.

    Attributes:
        bound: Volumes of claims that are bound.
        unbound: Claims that wait for their first consumer, smallest first.
        blocked: Reasons against every node.
        unsure: Reasons of what was not looked at, against every node.
    """

    bound: tuple[Volume, ...] = ()
    unbound: tuple[Claim, ...] = ()
    blocked: tuple[Reason, ...] = ()
    unsure: tuple[Reason, ...] = ()
    lost_volume: bool = False


def needs(candidate: Candidate, snapshot: Snapshot) -> Needs:
    """Sort the claims of a candidate, as the plugins' PreFilter steps do."""
    found = [
        _need(use, candidate, snapshot)
        for use in candidate.pod.spec.volumes
        if use.kind in {"claim", "ephemeral"}
    ]
    waiting = [claim for claim in found if isinstance(claim, Claim)]
    reasons = [reason for reason in found if isinstance(reason, Reason)]
    return Needs(
        bound=tuple(volume for volume in found if isinstance(volume, Volume)),
        unbound=tuple(sorted(waiting, key=lambda claim: claim.requested_bytes)),
        blocked=tuple(dict.fromkeys(reason for reason in reasons if not reason.unknown)),
        unsure=tuple(reason for reason in reasons if reason.unknown),
        lost_volume=any(need is None for need in found),
    )


def _need(
    use: VolumeUse, candidate: Candidate, snapshot: Snapshot
) -> Volume | Claim | Reason | None:
    """Return a bound volume, a claim that waits, or what forbids it; None: its volume is gone."""
    claim = snapshot.storage.claims.get((candidate.pod.namespace, use.name))
    if claim is None:
        unseen = "persistentvolumeclaims" in snapshot.unseen
        return unseen_claim("persistentvolumeclaims", use.name) if unseen else _absent(use)
    fault = _unusable(use, claim, candidate)
    if fault is not None:
        return fault
    if claim.volume and claim.bind_completed:
        return _bound(use, claim, snapshot)
    if not claim.volume and _waits(claim, snapshot):
        return claim
    if not claim.volume and claim.storage_class and _classunseen_claim(claim, snapshot):
        return unseen_claim("storageclasses", claim.storage_class)
    return _of_claim("pod has unbound immediate PersistentVolumeClaims", claim.name)


def _bound(use: VolumeUse, claim: Claim, snapshot: Snapshot) -> Volume | Reason | None:
    volume = snapshot.storage.volumes.get(claim.volume)
    if volume is not None:
        return volume
    if "persistentvolumes" in snapshot.unseen:
        return unseen_claim("persistentvolumes", claim.volume)
    if use.kind == "ephemeral":
        return None
    message = f'persistentvolume "{claim.volume}" not found'
    return Reason("VolumeZone", message, resolvable=False, detail=claim.volume)


def unseen_claim(kind: str, name: str) -> Reason:
    """Return the doubt that a kind not looked at leaves, by the name that matters."""
    message = f"{kind} not looked at, {name!r} among them"
    return Reason("VolumeBinding", message, resolvable=False, detail=kind, unknown=True)


def _absent(use: VolumeUse) -> Reason:
    """Report a missing claim: the plugin about restrictions asks for the pod's own ones first."""
    if use.kind == "ephemeral":
        words = "waiting for ephemeral volume controller to create the persistentvolumeclaim"
        return _of_claim(f'{words} "{use.name}"', use.name)
    message = f'persistentvolumeclaim "{use.name}" not found'
    return Reason("VolumeRestrictions", message, resolvable=False, detail=use.name)


def _unusable(use: VolumeUse, claim: Claim, candidate: Candidate) -> Reason | None:
    if claim.lost:
        words = f'bound to non-existent persistentvolume "{claim.volume}"'
        return _of_claim(f'persistentvolumeclaim "{claim.name}" {words}', claim.name)
    if claim.deleting:
        return _of_claim(f'persistentvolumeclaim "{claim.name}" is being deleted', claim.name)
    if is_foreign(use, claim):
        words = f"PVC {claim.namespace}/{claim.name} was not created for pod"
        pod = f"{candidate.pod.namespace}/{candidate.name}"
        return _of_claim(f"{words} {pod} (pod is not owner)", claim.name)
    return None


def is_foreign(use: VolumeUse, claim: Claim) -> bool:
    """Tell whether an ephemeral volume's claim was made for another pod."""
    return use.kind == "ephemeral" and not (use.owner and claim.owner_uid == use.owner)


def _of_claim(message: str, name: str) -> Reason:
    return Reason("VolumeBinding", message, resolvable=False, detail=name)


def _waits(claim: Claim, snapshot: Snapshot) -> bool:
    found = snapshot.storage.classes.get(claim.storage_class or "")
    return found is not None and found.binding_mode == "WaitForFirstConsumer"


def _classunseen_claim(claim: Claim, snapshot: Snapshot) -> bool:
    known = claim.storage_class in snapshot.storage.classes
    return not known and "storageclasses" in snapshot.unseen
