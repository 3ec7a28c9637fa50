"""Volumes of drivers once built into Kubernetes, seen as those of the CSI drivers that serve them.

Source: csi-translation-lib ``plugins``, as far as placement and attach limits go.
"""

from __future__ import annotations

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
    zones = ((labels or {}).get(_BETA_ZONE) or (labels or {}).get(_ZONE) or "").split("__")
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
