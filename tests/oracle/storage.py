"""Claims, volumes, classes, drivers and attachments, in every state a cluster shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.oracle.dice import Dice, Json, spell_units
from tests.oracle.nodes import GI, HOSTNAME, REGION, ZONE, ZONES

EBS = "ebs.csi.aws.com"
OTHER = "disk.csi.example.com"
TRACKED = "lvm.csi.example.com"
BUILT_IN = {
    "kubernetes.io/aws-ebs": EBS,
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
}
"""Drivers that were part of Kubernetes once, and the CSI drivers that took over."""

CLASSES = {
    "old": ("kubernetes.io/aws-ebs", "WaitForFirstConsumer"),
    "older": ("kubernetes.io/gce-pd", "WaitForFirstConsumer"),
    "wait": (OTHER, "WaitForFirstConsumer"),
    "now": (OTHER, "Immediate"),
    "zoned": (EBS, "WaitForFirstConsumer"),
    "tracked": (TRACKED, "WaitForFirstConsumer"),
    "static": ("kubernetes.io/no-provisioner", "WaitForFirstConsumer"),
}
STATES = (
    *["bound"] * 6,
    *["wait", "zoned", "tracked", "static"] * 2,
    "old",
    "older",
    "now",
    "missing",
    "vanished",
    "lost",
    "deleting",
    "no-class",
    "gone-class",
    "half-bound",
)
BOUND = {"pv.kubernetes.io/bind-completed": "yes"}
SELECTED = "volume.kubernetes.io/selected-node"


@dataclass
class Shelf:
    """The volumes of one cluster as they come into being.

    Attributes:
        dice: Where the choices come from.
        names: The nodes.
        objects: Everything made so far, as the API prints it.
        claims: ``(namespace, name)`` of claims that pods may share.
    """

    dice: Dice
    names: list[str]
    objects: list[Json] = field(default_factory=list)
    claims: list[tuple[str, str]] = field(default_factory=list)

    def make(self, kind: str, name: str, api: str = "v1", namespace: str = "", **rest: Any) -> Json:
        """Put one object on the shelf; ``meta`` in ``rest`` is added to its metadata."""
        meta: Json = {"name": name, "uid": f"{kind}-{namespace}-{name}".lower()}
        if namespace:
            meta["namespace"] = namespace
        meta.update(rest.pop("meta", {}))
        made = {"apiVersion": api, "kind": kind, "metadata": meta, **rest}
        self.objects.append(made)
        return made

    def furnish(self, features: frozenset[str]) -> None:
        """Classes, drivers, limits and reported capacities."""
        dice = self.dice
        for name, (provisioner, mode) in CLASSES.items():
            more: Json = {}
            if name == "zoned" or (name == "wait" and dice.chance(0.2)):
                more["allowedTopologies"] = self._topologies()
            self.make(
                "StorageClass",
                name,
                "storage.k8s.io/v1",
                provisioner=provisioner,
                volumeBindingMode=mode,
                reclaimPolicy="Delete",
                **more,
            )
        for driver in (EBS, OTHER, TRACKED):
            if dice.chance(0.8):
                spec = {"storageCapacity": driver == TRACKED and dice.chance(0.85)}
                self.make("CSIDriver", driver, "storage.k8s.io/v1", spec=spec)
        for index in range(dice.randint(0, 4)):
            self._capacity(index)
        for node in self.names:
            if "limits" in features and dice.chance(0.85):
                self._csinode(node)

    def _topologies(self) -> list[Json]:
        zones = {"key": ZONE, "values": self.dice.some(ZONES, 1, 2)}
        host = {"key": HOSTNAME, "values": [self.dice.choice(self.names)]}
        region = {"key": REGION, "values": ["r1"]}
        options = [[zones], [zones, region], [host]]
        return [
            {"matchLabelExpressions": self.dice.choice(options)}
            for _ in range(self.dice.choice([1, 1, 2]))
        ]

    def _capacity(self, index: int) -> None:
        dice = self.dice
        topology = dice.choice(
            [
                None,
                {},
                {"matchLabels": {ZONE: dice.choice(ZONES[:2])}},
                {"matchLabels": {HOSTNAME: dice.choice(self.names)}},
                {"matchExpressions": [{"key": "pool", "operator": "Exists"}]},
            ]
        )
        more: Json = {} if topology is None else {"nodeTopology": topology}
        if dice.chance(0.85):
            more["capacity"] = str(GI + dice.choice([-1, 0, 1, GI]))
        if dice.chance(0.4):
            more["maximumVolumeSize"] = str(GI + dice.choice([-1, 0, 1]))
        name = dice.choice(["tracked", "tracked", "wait"])
        self.make(
            "CSIStorageCapacity",
            f"room{index}",
            "storage.k8s.io/v1",
            "kube-system",
            storageClassName=name,
            **more,
        )

    def _csinode(self, node: str) -> None:
        drivers = []
        known = [EBS, EBS, OTHER, OTHER, TRACKED, *BUILT_IN.values()]
        for driver in sorted(set(self.dice.some(known, 1, 4))):
            one: Json = {"name": driver, "nodeID": node, "topologyKeys": []}
            if self.dice.chance(0.85):
                one["allocatable"] = {"count": self.dice.choice([0, 1, 1, 2, 3])}
            elif self.dice.chance(0.5):
                one["allocatable"] = {}
            drivers.append(one)
        meta: Json = {}
        if self.dice.chance(0.3):
            key = "storage.alpha.kubernetes.io/migrated-plugins"
            meta["annotations"] = {key: ",".join(self.dice.some(list(BUILT_IN), 1, 3))}
        self.make("CSINode", node, "storage.k8s.io/v1", meta=meta, spec={"drivers": drivers})

    def claim(self, namespace: str, name: str, *, owner: str = "", state: str = "") -> None:
        """A claim in some state, with the volumes that belong to it; ``owner`` is a pod's uid."""
        dice = self.dice
        state = state or dice.choice(STATES)
        if not owner:
            self.claims.append((namespace, name))
        if state == "missing":
            return
        mode = dice.choice(["ReadWriteOnce"] * 3 + ["ReadWriteMany", "ReadWriteOncePod"])
        meta: Json = {"annotations": {}}
        spec: Json = {
            "accessModes": [mode],
            "resources": {"requests": {"storage": spell_units(dice, GI)}},
            "storageClassName": state if state in CLASSES else "wait",
            "volumeMode": "Filesystem",
        }
        status: Json = {"phase": "Pending"}
        if owner:
            reference = {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": owner}
            meta["ownerReferences"] = [{**reference, "controller": True}]
        getattr(self, f"_{state.replace('-', '_')}", self._unbound)(
            name, namespace, spec, status, meta
        )
        self.make(
            "PersistentVolumeClaim", name, "v1", namespace, meta=meta, spec=spec, status=status
        )

    def _bound(self, name: str, namespace: str, spec: Json, status: Json, meta: Json) -> None:
        volume = f"pv-{namespace}-{name}"
        spec["volumeName"] = volume
        status["phase"] = "Bound"
        meta["annotations"].update(BOUND)
        self.volume(volume, spec, claim=(namespace, name), phase="Bound")

    def _vanished(self, name: str, namespace: str, spec: Json, status: Json, meta: Json) -> None:
        spec["volumeName"] = f"pv-gone-{name}"
        status["phase"] = "Bound"
        meta["annotations"].update(BOUND)

    def _lost(self, name: str, namespace: str, spec: Json, status: Json, meta: Json) -> None:
        self._vanished(name, namespace, spec, status, meta)
        status["phase"] = "Lost"

    def _deleting(self, name: str, namespace: str, spec: Json, status: Json, meta: Json) -> None:
        self._bound(name, namespace, spec, status, meta)
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        meta["finalizers"] = ["kubernetes.io/pvc-protection"]

    def _half_bound(self, name: str, namespace: str, spec: Json, status: Json, meta: Json) -> None:
        self._bound(name, namespace, spec, status, meta)
        meta["annotations"].clear()
        status["phase"] = "Pending"

    def _no_class(self, name: str, namespace: str, spec: Json, status: Json, meta: Json) -> None:
        if self.dice.chance(0.5):
            del spec["storageClassName"]
        else:
            spec["storageClassName"] = ""

    def _gone_class(self, name: str, namespace: str, spec: Json, status: Json, meta: Json) -> None:
        spec["storageClassName"] = "nowhere"

    def _unbound(self, name: str, namespace: str, spec: Json, status: Json, meta: Json) -> None:
        dice = self.dice
        if dice.chance(0.2):
            meta["annotations"][SELECTED] = dice.choice([*self.names, "gone"])
        if dice.chance(0.2):
            spec["selector"] = {"matchLabels": {"tier": "fast"}}
        if dice.chance(0.1):
            spec["volumeMode"] = "Block"
        # At most one is meant for this claim: of two, the scheduler takes now one, now the other.
        meant = dice.choice([0, *[-1] * 4])
        for index in range(dice.randint(0, 3) if spec["storageClassName"] == "static" else 0):
            claim = (namespace, name) if index == meant else None
            self.volume(f"free-{namespace}-{name}-{index}", spec, claim=claim)

    def volume(
        self,
        name: str,
        wanted: Json,
        *,
        claim: tuple[str, str] | None = None,
        phase: str = "Available",
    ) -> None:
        """A volume made for a claim's spec, near its size, somewhere."""
        dice = self.dice
        free = phase == "Available"
        size = GI + dice.choice([-1, 0, 0, 1, GI]) if free else GI
        spec: Json = {
            "capacity": {"storage": str(size)},
            "accessModes": wanted["accessModes"] if dice.chance(0.85) else ["ReadOnlyMany"],
            "storageClassName": wanted.get("storageClassName", ""),
            "volumeMode": "Block" if free and dice.chance(0.1) else "Filesystem",
            "persistentVolumeReclaimPolicy": "Delete",
            **self._source(name, free=free),
        }
        if where := self._where():
            spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": where}}
        if claim:
            spec["claimRef"] = {
                "kind": "PersistentVolumeClaim",
                "namespace": claim[0],
                "name": claim[1],
            }
            if not free or dice.chance(0.5):
                spec["claimRef"]["uid"] = f"persistentvolumeclaim-{claim[0]}-{claim[1]}"
        labels = {"tier": dice.choice(["fast", "slow"])}
        if dice.chance(0.3):
            several = dice.choice([ZONES[:2], ZONES[:2], (ZONES[0], "us-w1-a"), (ZONES[0], "odd")])
            labels[ZONE] = dice.choice([*ZONES[:2], "__".join(several)])
        if dice.chance(0.1):
            labels[REGION] = dice.choice(["r1", "r2"])
        if dice.chance(0.05):
            labels["failure-domain.beta.kubernetes.io/zone"] = dice.choice(ZONES[:2])
        meta: Json = {"labels": labels}
        if free and dice.chance(0.05):
            meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        if free and dice.chance(0.1):
            phase = dice.choice(["Released", "Failed", "Pending"])
        self.make("PersistentVolume", name, meta=meta, spec=spec, status={"phase": phase})
        if not free and dice.chance(0.35):
            self.attach(name, spec.get("csi", {}).get("driver", EBS))

    def _source(self, name: str, *, free: bool) -> Json:
        dice = self.dice
        if free:
            return {"local": {"path": "/mnt/disk"}}
        if dice.chance(0.1):
            return {"nfs": {"server": "10.0.0.1", "path": "/"}}
        if dice.chance(0.15):
            return built_in(dice, f"vol-{name}", read_only=False)
        handle = "shared-handle" if dice.chance(0.1) else f"handle-{name}"
        return {"csi": {"driver": dice.choice([EBS, OTHER]), "volumeHandle": handle}}

    def _where(self) -> list[Json] | None:
        dice = self.dice
        if dice.chance(0.4):
            return None
        zone = {
            "key": ZONE,
            "operator": "In",
            "values": dice.some(ZONES, 1, 2),
        }
        host = {"key": HOSTNAME, "operator": "In", "values": [dice.choice(self.names)]}
        terms = [{"matchExpressions": [dice.choice([zone, zone, host])]}]
        if dice.chance(0.15):
            terms.append({"matchExpressions": [host]})
        return terms

    def attach(self, volume: str, driver: str) -> None:
        """A VolumeAttachment on some node, also where no pod uses the volume."""
        node = self.dice.choice(self.names)
        spec = {"attacher": driver, "nodeName": node, "source": {"persistentVolumeName": volume}}
        self.make(
            "VolumeAttachment",
            f"csi-{volume}",
            "storage.k8s.io/v1",
            spec=spec,
            status={"attached": self.dice.chance(0.8)},
        )


def built_in(dice: Dice, disk: str, *, read_only: bool) -> Json:
    """A volume source of a driver that was part of Kubernetes once."""
    azure = {"diskName": disk, "diskURI": f"/subscriptions/s/disks/{disk}", "kind": "Managed"}
    return dice.choice(
        [
            {"gcePersistentDisk": {"pdName": disk, "readOnly": read_only}},
            {"awsElasticBlockStore": {"volumeID": disk, "readOnly": read_only}},
            {"azureDisk": {**azure, "readOnly": read_only}},
            {"cinder": {"volumeID": disk, "readOnly": read_only}},
        ]
    )


def legacy_disk(dice: Dice, name: str) -> Json:
    """A volume written into the pod itself, of the kinds that may not be used twice."""
    read_only = dice.chance(0.5)
    disk = dice.choice(["one", "two"])
    kinds: list[Json] = [
        built_in(dice, disk, read_only=read_only),
        built_in(dice, disk, read_only=read_only),
        {
            "iscsi": {
                "targetPortal": "10.0.0.1:3260",
                "iqn": f"iqn.2026-01.example:{disk}",
                "lun": dice.choice([0, 1]),
                "readOnly": read_only,
            }
        },
        {
            "rbd": {
                "monitors": dice.some(["m1", "m2", "m3"], 1, 2),
                "pool": "rbd",
                "image": disk,
                "readOnly": read_only,
            }
        },
    ]
    return {"name": name, **dice.choice(kinds)}
