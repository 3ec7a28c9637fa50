"""Volumes of drivers once built into Kubernetes, seen as those of the CSI drivers that serve them.

Source: csi-translation-lib ``plugins``, as far as placement and attach limits go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from teamspawner.capacity.objects import Labels, NodeTerm, Requirement

_ZONE = "topology.kubernetes.io/zone"
_BETA_ZONE = "failure-domain.beta.kubernetes.io/zone"
_REGION = "topology.kubernetes.io/region"
_BETA_REGION = "failure-domain.beta.kubernetes.io/region"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A built-in driver: its name, its field in the API, its CSI driver, that one's zone label.

    ``zone`` is empty where translation leaves the node affinity as it is.
    """

    name: str
    field: str
    driver: str
    zone: str


PLUGINS = (
    Plugin(
        "kubernetes.io/aws-ebs",
        "awsElasticBlockStore",
        "ebs.csi.aws.com",
        "topology.ebs.csi.aws.com/zone",
    ),
    Plugin(
        "kubernetes.io/gce-pd",
        "gcePersistentDisk",
        "pd.csi.storage.gke.io",
        "topology.gke.io/zone",
    ),
    Plugin("kubernetes.io/azure-disk", "azureDisk", "disk.csi.azure.com", ""),
    Plugin(
        "kubernetes.io/cinder",
        "cinder",
        "cinder.csi.openstack.org",
        "topology.cinder.csi.openstack.org/zone",
    ),
)
BY_NAME = {plugin.name: plugin for plugin in PLUGINS}
BY_FIELD = {plugin.field: plugin for plugin in PLUGINS}
UNCOUNTED = frozenset(
    {"kubernetes.io/azure-file", "kubernetes.io/vsphere-volume", "kubernetes.io/portworx-volume"}
)
"""Built-in drivers whose volumes are not counted against a CSI driver's limit."""


_EBS = re.compile(r"vol-[^/]*")
_GCE_PARTS = 3


def translatable(plugin: Plugin, name: str, labels: Labels) -> bool:
    """Tell whether a built-in driver's volume can be seen as one of its CSI driver at all.

    Where it cannot be, the scheduler stops with an error and places no pod that uses it: a disk
    of AWS named by an odd URL, a disk of GCE in several zones that are not of one region or
    not called as zones are there (``gceGetRegionFromZones``).
    """
    if plugin.field == "awsElasticBlockStore" and name.startswith("aws://"):
        path = name.removeprefix("aws://").partition("/")[2].strip("/")
        return _EBS.fullmatch(path) is not None
    zones = _gce_zones(labels) if plugin.field == "gcePersistentDisk" else []
    parts = [zone.split("-") for zone in zones] if len(zones) > 1 else []
    regions = {tuple(each[:2]) for each in parts}
    return len(regions) <= 1 and all(len(each) == _GCE_PARTS for each in parts)


def _gce_zones(labels: Labels) -> list[str]:
    return (labels.get(_BETA_ZONE) or labels.get(_ZONE) or "").split("__")


def handle(plugin: Plugin, name: str, labels: Labels | None = None) -> str:
    """Return the CSI handle of a built-in driver's volume.

    Args:
        plugin: The built-in driver.
        name: The disk, as the API names it.
        labels: Of the persistent volume; None for a disk named in a pod.
    """
    if plugin.field == "awsElasticBlockStore" and name.startswith("aws://"):
        return name.rstrip("/").rsplit("/", 1)[-1]
    if plugin.field != "gcePersistentDisk":
        return name
    zones = _gce_zones(labels or {})
    where = zones[0] or "UNSPECIFIED"
    if len(zones) > 1:
        return f"regions/{where.rpartition('-')[0]}/{name}"
    return f"zones/{where}/{name}"


def translated(
    plugin: Plugin, terms: tuple[NodeTerm, ...] | None, labels: Labels
) -> tuple[NodeTerm, ...] | None:
    """Return a volume's node affinity in the CSI driver's own labels."""
    if not plugin.zone:
        return terms
    zone, region = _topology(terms or (), labels)
    if any(e.key == zone and e.values for term in terms or () for e in term.expressions):
        terms = _renamed(terms or (), zone, plugin.zone)
    else:
        zones = {part.strip() for part in labels.get(zone, "").split("__")} - {""}
        if zones:
            added = Requirement(plugin.zone, "In", tuple(sorted(zones)))
            terms = tuple(replace(t, expressions=(*t.expressions, added)) for t in terms or ()) or (
                NodeTerm((added,)),
            )
    return _renamed(terms, region, _REGION) if terms is not None else None


def _topology(terms: tuple[NodeTerm, ...], labels: Labels) -> tuple[str, str]:
    """Return the zone and region labels in use: of the affinity, else of the volume itself."""
    keys = {expression.key for term in terms for expression in term.expressions}
    for found in (keys, labels):
        if _ZONE in found:
            return _ZONE, _REGION
        if _BETA_ZONE in found:
            return _BETA_ZONE, _BETA_REGION
    return _ZONE, _REGION


def _renamed(terms: tuple[NodeTerm, ...], old: str, new: str) -> tuple[NodeTerm, ...]:
    return tuple(
        replace(
            term,
            expressions=tuple(replace(e, key=new) if e.key == old else e for e in term.expressions),
        )
        for term in terms
    )
