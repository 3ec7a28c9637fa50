# ruff: noqa: D102 - what a filter's methods do is said once, on Filter
"""VolumeBinding: bound volumes reach the node, and claims that wait can be served there.

Sources: kube-scheduler plugin ``volumebinding/binder.go``, component-helpers ``pv_helpers.go``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

from teamspawner.capacity.claims import Needs, unseen_claim
from teamspawner.capacity.filtering import Change, Filter, Reasons
from teamspawner.capacity.matching import selects, terms_match
from teamspawner.capacity.migration import BY_NAME, translatable, translated
from teamspawner.capacity.objects import (
    Claim,
    Labels,
    Node,
    NodeState,
    Snapshot,
    StorageClass,
    Volume,
)
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason

NO_PROVISIONER = "kubernetes.io/no-provisioner"


def _binding(message: str) -> Reason:
    return Reason("VolumeBinding", message, resolvable=False)


_NODE_CONFLICT = _binding("node(s) didn't match PersistentVolume's node affinity")
_NOTHING_TO_BIND = _binding("node(s) didn't find available persistent volumes to bind")
_NO_SPACE = _binding("node(s) did not have enough free storage")
_NO_VOLUME = _binding("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)")


@dataclass(frozen=True, slots=True)
class Binding(Filter):
    """VolumeBinding: bound volumes reach the node, and claims that wait can be served there."""

    needs: Needs
    snapshot: Snapshot
    rules: Rules
    by_class: Mapping[str, tuple[Volume, ...]] = field(default_factory=dict)

    @property
    def looks(self) -> frozenset[str]:
        """A claim that waits may get any volume; one that has a volume keeps it."""
        waits = {"volumes", "classes", "capacities", "capacity_tracked"}
        return frozenset({"migrated"} | (waits if self.needs.unbound else set()))

    @property
    def sort(self) -> Hashable:
        """Where bound volumes may be used counts, and what is wanted of those to come."""
        needs = self.needs
        if needs.lost_volume or {"csinodes", "persistentvolumes"} & self.snapshot.unseen:
            return None
        if any(self._is_kept_for(claim) for claim in needs.unbound):
            return None
        bound = tuple((v.node_terms, *_migrating(v)) for v in needs.bound)
        return (bound, *(replace(claim, namespace="", name="", uid="") for claim in needs.unbound))

    @property
    def idle(self) -> bool:
        needs = self.needs
        if needs.lost_volume or not all(map(self._is_made_anywhere, needs.unbound)):
            return False
        return all(v.node_terms is None and v.plugin not in BY_NAME for v in needs.bound)

    def _is_made_anywhere(self, claim: Claim) -> bool:
        classes = self.snapshot.storage.classes
        found = classes[claim.storage_class or ""]
        return not claim.selected_node and _makes_anywhere(found, self.snapshot)

    def _is_kept_for(self, claim: Claim) -> bool:
        """Whether an administrator has named the claim on a volume."""
        there = self.by_class.get(claim.storage_class or "", ())
        return any(v.claim is not None and _kept_for(v.claim, claim) for v in there)

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        del change
        node = state.node
        found: list[Reason] = []
        found.extend(self._bound(node))
        found.extend(self._unbound(node.name, node.labels))
        if self.needs.lost_volume:
            found.append(_NO_VOLUME)
        return tuple(found)

    def _bound(self, node: Node) -> Reasons:
        migrated = self.snapshot.storage.migrated.get(node.name, frozenset())
        there = all(reaches(volume, node.labels, migrated) for volume in self.needs.bound)
        if "csinodes" in self.snapshot.unseen:
            taken = frozenset(BY_NAME)
            if there != all(reaches(v, node.labels, taken) for v in self.needs.bound):
                return (unseen_claim("csinodes", node.name),)
        return () if there else (_NODE_CONFLICT,)

    def _unbound(self, node: str, labels: Labels) -> Reasons:
        """Serve each waiting claim by the smallest volume that matches, else by provisioning."""
        if any(c.selected_node not in {"", node} for c in self.needs.unbound):
            return (_NOTHING_TO_BIND,)
        chosen: set[str] = set()
        unsure: list[Reason] = []
        to_provision = [claim for claim in self.needs.unbound if claim.selected_node]
        for claim in self.needs.unbound:
            if claim.selected_node:
                continue
            volume = self._match(claim, labels, chosen)
            if volume is None:
                to_provision.append(claim)
            else:
                chosen.add(volume.name)
        for claim in to_provision:
            for reason in self._provision(claim, labels):
                if not reason.unknown:
                    return (reason,)
                unsure.append(reason)
        return tuple(unsure)

    def _match(self, claim: Claim, labels: Labels, chosen: set[str]) -> Volume | None:
        """Return the volume that names this claim, else the smallest that matches.

        Of several volumes that name it the scheduler takes any; here one that reaches.
        """
        best: Volume | None = None
        named = False
        for volume in self.by_class.get(claim.storage_class or "", ()):
            if volume.name in chosen or not self._possible(claim, volume):
                continue
            if volume.claim is not None:
                named = True
                if reaches(volume, labels):
                    return volume
                continue
            fits = (
                volume.phase == "Available"
                and (claim.selector is None or selects(claim.selector, volume.labels))
                and set(claim.access_modes) <= set(volume.access_modes)
                and reaches(volume, labels)
            )
            if fits and (best is None or volume.capacity_bytes < best.capacity_bytes):
                best = volume
        return None if named else best

    def _possible(self, claim: Claim, volume: Volume) -> bool:
        if volume.claim is not None and not _kept_for(volume.claim, claim):
            return False
        return (
            volume.capacity_bytes >= claim.requested_bytes
            and volume.volume_mode == claim.volume_mode
            and not volume.deleting
            and self._of_one_attributes_class(claim, volume)
        )

    def _of_one_attributes_class(self, claim: Claim, volume: Volume) -> bool:
        if self.rules.attributes_unread:
            return True
        asked = claim.attributes_class if self.rules.attributes_classes else ""
        return volume.attributes_class == asked

    def _provision(self, claim: Claim, labels: Labels) -> Reasons:
        """Tell why a driver would not make the volume for this node; empty when it would."""
        found = self.snapshot.storage.classes[claim.storage_class or ""]
        blocked = _no_provisioning(found, labels)
        if blocked is None and not self._room(claim, found, labels):
            blocked = _NO_SPACE
        if blocked is None:
            return self._unseen_capacity(claim, found)
        if "persistentvolumes" in self.snapshot.unseen and not claim.selected_node:
            return (unseen_claim("persistentvolumes", claim.name),)
        if blocked is _NO_SPACE and "csistoragecapacities" in self.snapshot.unseen:
            return (unseen_claim("csistoragecapacities", found.name),)
        return (blocked,)

    def _unseen_capacity(self, claim: Claim, found: StorageClass) -> Reasons:
        if "csidrivers" in self.snapshot.unseen and claim.requested_bytes:
            return (unseen_claim("csidrivers", found.provisioner),)
        return ()

    def _room(self, claim: Claim, found: StorageClass, labels: Labels) -> bool:
        storage = self.snapshot.storage
        if found.provisioner not in storage.capacity_tracked or not claim.sized:
            return True
        for capacity in storage.capacities:
            limit = capacity.max_volume_bytes
            limit = capacity.capacity_bytes if limit is None else limit
            if (
                capacity.storage_class == found.name
                and limit is not None
                and limit >= claim.requested_bytes
                and selects(capacity.node_selector, labels)
            ):
                return True
        return False


def _no_provisioning(found: StorageClass, labels: Labels) -> Reason | None:
    if found.provisioner in {"", NO_PROVISIONER}:
        return _NOTHING_TO_BIND
    if found.allowed_topologies and not terms_match(found.allowed_topologies, labels, ""):
        return _NOTHING_TO_BIND
    return None


def _makes_anywhere(found: StorageClass, snapshot: Snapshot) -> bool:
    """Whether a claim of this class is served on every node, whatever volumes there are."""
    return (
        found.provisioner not in {"", NO_PROVISIONER}
        and not found.allowed_topologies
        and "csidrivers" not in snapshot.unseen
        and found.provisioner not in snapshot.storage.capacity_tracked
    )


def _kept_for(reference: tuple[str, str, str], claim: Claim) -> bool:
    namespace, name, uid = reference
    return (namespace, name) == (claim.namespace, claim.name) and uid in {"", claim.uid}


def _migrating(volume: Volume) -> tuple[Hashable, ...]:
    """Return what of a volume counts on a node where a CSI driver has taken over."""
    plugin = BY_NAME.get(volume.plugin)
    if plugin is None:
        return ()
    seen = translatable(plugin, volume.disk, volume.labels)
    return (plugin.name, seen, tuple(sorted(volume.labels.items())))


def reaches(volume: Volume, labels: Labels, migrated: frozenset[str] = frozenset()) -> bool:
    """Tell whether a volume's own node affinity lets it be used on a node.

    Args:
        volume: The volume.
        labels: The node's.
        migrated: Built-in drivers that a CSI driver has taken over on the node.
    """
    terms = volume.node_terms
    if volume.plugin in migrated:
        plugin = BY_NAME[volume.plugin]
        if not translatable(plugin, volume.disk, volume.labels):
            return False
        terms = translated(plugin, terms, volume.labels)
    return terms is None or terms_match(terms, labels, "")


def binding(found: Needs, snapshot: Snapshot, rules: Rules) -> Binding | None:
    """Prepare VolumeBinding; None when no claim needs it."""
    if not (found.bound or found.unbound or found.lost_volume):
        return None
    classes = {claim.storage_class or "" for claim in found.unbound}
    # where a volume is made anyway it does not matter which ones are there, and there may be many
    known = snapshot.storage.classes
    some = {name for name in classes if not _makes_anywhere(known[name], snapshot)}
    by_class: dict[str, list[Volume]] = {name: [] for name in some}
    if some:
        for volume in snapshot.storage.volumes.values():
            if volume.storage_class in by_class:
                by_class[volume.storage_class].append(volume)
    listed = {name: tuple(volumes) for name, volumes in by_class.items()}
    return Binding(found, snapshot, rules, by_class=listed)
