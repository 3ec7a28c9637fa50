"""Adversarial clusters and pods, from a seed: half of the pods lie within one unit of fitting."""

from __future__ import annotations

from dataclasses import dataclass, field

from teamspawner.units import millicores, units
from tests.oracle import nodes, pods
from tests.oracle.dice import Dice, Json
from tests.oracle.pods import NAMESPACES, Amounts
from tests.oracle.storage import Shelf, legacy_disk

FEATURES = (
    "taints",
    "cordon",
    "selector",
    "affinity",
    "ports",
    "pods",
    "extended",
    "hugepages",
    "ephemeral",
    "init",
    "overhead",
    "podlevel",
    "resize",
    "claims",
    "limits",
    "legacy",
    "spread",
    "podaffinity",
    "priority",
    "nominated",
    "gates",
    "foreign",
)
BASIC = frozenset(
    {"taints", "cordon", "selector", "affinity", "ports", "pods", "extended", "ephemeral"}
    | {"init", "spread", "podaffinity", "hugepages"}
)
"""What a scheduler process can be asked without claims, quick enough for hundreds of pods."""

PLACING = frozenset({"ports", "spread", "podaffinity", "legacy", "claims", "limits"})
"""Features whose edge is not one of amounts."""

COMPANIONS = ("taints", "selector", "priority", "nominated")
"""What makes their rules meet: nodes left out, pods that leave, pods that are to come."""

USER_SCHEDULER = "hub-user-scheduler"
LIVE = ("Running", "Running", "Running", "Pending", "Unknown")
OVER = ("Succeeded", "Failed")
PRIORITIES = (None, 0, 0, -10, 5, 100)


@dataclass
class Cluster:
    """A cluster as it grows.

    Attributes:
        dice: Where the choices come from.
        features: What may be out of the ordinary in it.
        nodes: Node objects.
        room: Node name to what it can allocate, in the scheduler's units.
        used: Node name to what its unfinished pods request, by the generator's own sums.
        pods: Pod objects.
    """

    dice: Dice
    features: frozenset[str]
    nodes: list[Json] = field(default_factory=list)
    room: dict[str, Amounts] = field(default_factory=dict)
    used: dict[str, Amounts] = field(default_factory=dict)
    pods: list[Json] = field(default_factory=list)
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        """Make the nodes, then the shelf of volumes for them."""
        for index in range(self.dice.choice([1, 2, 3, 3, 4, 5, 6])):
            name = f"n{index}"
            self.nodes.append(nodes.node(self.dice, name, self.features))
            self.room[name] = _amounts(self.nodes[-1]["status"]["allocatable"])
            self.used[name] = {}
        self.shelf = Shelf(self.dice, list(self.room))
        if self.features & {"claims", "limits"}:
            self.shelf.furnish(self.features)

    @property
    def names(self) -> list[str]:
        """The nodes' names."""
        return list(self.room)

    def free(self, name: str, resource: str) -> int:
        """What a node has left of a resource."""
        return self.room[name].get(resource, 0) - self.used[name].get(resource, 0)

    def pod(
        self, name: str, main: Amounts, features: frozenset[str] | None = None
    ) -> tuple[Json, Amounts]:
        """A pod around ``main`` with whatever the features add, and its effective request."""
        dice = self.dice
        features = self.features if features is None else features
        spec, total = pods.containers(dice, features, main)
        pods.place_rules(dice, features, self.names, spec)
        if "priority" in features and (priority := dice.choice(PRIORITIES)) is not None:
            spec["priority"] = priority
        namespace = pods.namespace(dice)
        meta = {"name": name, "namespace": namespace, "uid": f"pod-{name}"}
        meta["labels"] = pods.labels(dice)  # type: ignore[assignment]
        self._volumes(spec, meta)
        return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, total

    def _volumes(self, spec: Json, meta: Json) -> None:
        dice, namespace, name = self.dice, meta["namespace"], meta["name"]
        volumes = []
        if "legacy" in self.features:
            volumes = [legacy_disk(dice, f"disk{i}") for i in range(dice.randint(0, 2))]
        for index in range(dice.randint(0, 2) if self.features & {"claims", "limits"} else 0):
            shared = [n for s, n in self.shelf.claims if s == namespace]
            if shared and dice.chance(0.4):
                claim = dice.choice(shared)
            elif dice.chance(0.15):
                volumes.append(self._ephemeral(f"scratch{index}", meta))
                continue
            else:
                claim = f"{name}-claim{index}"
                state = "bound" if "claims" not in self.features else ""
                self.shelf.claim(namespace, claim, state=state)
            source = {"claimName": claim, "readOnly": dice.chance(0.1)}
            volumes.append({"name": f"vol{index}", "persistentVolumeClaim": source})
        if volumes:
            spec["volumes"] = volumes

    def _ephemeral(self, volume: str, meta: Json) -> Json:
        if self.dice.chance(0.8):
            owner = meta["uid"] if self.dice.chance(0.8) else "somebody-else"
            self.shelf.claim(meta["namespace"], f"{meta['name']}-{volume}", owner=owner)
        template = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "wait",
            "resources": {"requests": {"storage": "1Gi"}},
        }
        return {"name": volume, "ephemeral": {"volumeClaimTemplate": {"spec": template}}}

    def populate(self) -> None:
        """Bound pods in all phases, then pods that wait."""
        dice = self.dice
        few, many = [0, 3, 6, 9, 12, 16], [6, 9, 12, 16]
        for index in range(dice.choice(many if dice.crowded else few)):
            made, total = self.pod(f"p{index}", pods.amounts_of(dice, self.features, 2))
            home = dice.choice([*self.names, "gone"] if dice.chance(0.1) else self.names)
            phase = dice.choice(OVER) if dice.chance(0.15) else dice.choice(LIVE)
            made["spec"]["nodeName"] = home
            made["status"] = {"phase": phase}
            if dice.chance(0.12):
                made["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
                made["metadata"]["deletionGracePeriodSeconds"] = 30
            if "resize" in self.features and dice.chance(0.7):
                resize(dice, made)
            as_stored(made)
            if dice.chance(0.2):
                owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "d"}
                made["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
            self.pods.append(made)
            if home in self.used and phase in LIVE:
                self.used[home] = pods.plus(self.used[home], {**total, "pods": 1})
        for index in range(dice.randint(0, 3) if "nominated" in self.features else 0):
            self._waiting(f"w{index}")

    def _waiting(self, name: str) -> None:
        dice = self.dice
        made, _ = self.pod(name, pods.amounts_of(dice, self.features, 2))
        made["status"] = {"phase": dice.choice(["Pending", "Pending", "Pending", "Failed"])}
        if dice.chance(0.8):
            made["status"]["nominatedNodeName"] = dice.choice([*self.names, "gone"])
        if dice.chance(0.15):
            made["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]
        if dice.chance(0.25):
            made["spec"]["schedulerName"] = dice.choice([USER_SCHEDULER, "volcano"])
        if dice.chance(0.1):
            made["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        as_stored(made)
        self.pods.append(made)

    def candidate(self, index: int) -> Json:
        """A pod to be judged; mostly its requests are near the edge of one node."""
        dice = self.dice
        name = f"c{index}"
        if dice.chance(0.3 if self.features & PLACING else 0.65):
            made = self._near_edge(name, pods.amounts_of(dice, self.features, 2))
        else:
            made, _ = self.pod(name, {"cpu": dice.choice([0, 1, 500])})
        spec = made["spec"]
        if "gates" in self.features and dice.chance(0.3):
            spec["schedulingGates"] = [{"name": "kueue.x-k8s.io/admission"}]
        if "priority" in self.features and dice.chance(0.2):
            spec["preemptionPolicy"] = dice.choice(["Never", "PreemptLowerPriority"])
        if "priority" in self.features and dice.chance(0.4):
            spec["priority"] = 100
        if "foreign" in self.features and dice.chance(0.4):
            spec["schedulerName"] = USER_SCHEDULER
        if made["metadata"]["namespace"] == "default" and dice.chance(0.2):
            del made["metadata"]["namespace"]
        return made

    def _near_edge(self, name: str, main: Amounts) -> Json:
        """Make the total of one resource just what a node has left, one less, or one more."""
        dice = self.dice
        resource = dice.choice(
            [r for room in self.room.values() for r in room if r != "pods"] or ["cpu"]
        )
        home = max(self.names, key=lambda n: (self.free(n, resource), n))
        if dice.chance(0.35):
            home = dice.choice(self.names)
        small = {"cpu": min(main.get("cpu", 0), 1)}
        step = 2**21 if resource == nodes.HUGE else 1
        want = max(0, self.free(home, resource) + step * dice.choice([-1, 0, 0, 1, 1, 1]))
        before = dice.getstate()
        shelved = len(self.shelf.objects), len(self.shelf.claims)
        _, rest = self.pod(name, {**small, resource: 0})
        del self.shelf.objects[shelved[0] :], self.shelf.claims[shelved[1] :]
        dice.setstate(before)
        made, _ = self.pod(name, {**small, resource: max(0, want - rest.get(resource, 0))})
        return made


def as_stored(pod: Json) -> None:
    """Do to a pod of the cluster what the API server did when it was created: merge label keys."""
    affinity = pod["spec"].get("affinity") or {}
    holders = [
        term
        for kind in ("podAffinity", "podAntiAffinity")
        for term in affinity.get(kind, {}).get("requiredDuringSchedulingIgnoredDuringExecution", ())
    ]
    for holder in [*holders, *pod["spec"].get("topologySpreadConstraints", ())]:
        if holder.get("labelSelector") is None:
            continue
        expressions = holder["labelSelector"].setdefault("matchExpressions", [])
        for keys, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
            for key in holder.get(keys, ()):
                if key in pod["metadata"]["labels"]:
                    values = [pod["metadata"]["labels"][key]]
                    expressions.append({"key": key, "operator": operator, "values": values})


def odd(dice: Dice, thing: Json) -> None:
    """Add what real objects hold and no filter reads: nulls, unknown fields, managed fields."""
    if dice.chance(0.3):
        thing["metadata"]["managedFields"] = [
            {
                "manager": "kubectl",
                "operation": "Update",
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {}},
            }
        ]
    if dice.chance(0.3):
        thing["metadata"]["annotations"] = thing["metadata"].get("annotations")
    spec = thing.get("spec")
    if spec is not None and dice.chance(0.3):
        spec["notYetKnown"] = {"deep": [None, 1.5]}
    if thing["kind"] == "Pod" and spec is not None:
        for name in dice.some(["tolerations", "nodeSelector", "initContainers", "volumes"], 1, 3):
            spec.setdefault(name, None)


def resize(dice: Dice, pod: Json) -> None:
    """Say in a bound pod's status that a resize is under way, refused or put off."""
    statuses = []
    for container in pod["spec"]["containers"]:
        if dice.chance(0.25):
            continue
        status: Json = {
            "name": container["name"],
            "image": "x",
            "imageID": "x",
            "ready": True,
            "restartCount": 0,
        }
        held = {
            "cpu": f"{dice.choice([0, 100, 1500])}m",
            "memory": f"{dice.choice([1, 64, 700])}Mi",
        }
        if dice.chance(0.8):
            status["resources"] = {"requests": held} if dice.chance(0.9) else {}
        if dice.chance(0.7):
            status["allocatedResources"] = {
                "cpu": f"{dice.choice([0, 250, 2000])}m",
                "memory": "128Mi",
            }
        statuses.append(status)
    pod["status"]["containerStatuses"] = statuses
    if dice.chance(0.5):
        condition = {"type": "PodResizePending", "status": "True"}
        condition["reason"] = dice.choice(["Infeasible", "Deferred"])
        pod["status"]["conditions"] = [condition]


def _amounts(written: Json) -> Amounts:
    return {name: (millicores if name == "cpu" else units)(text) for name, text in written.items()}


def case(seed: int, features: frozenset[str] | None = None) -> Json:
    """One question for the oracle: ``{"id", "cluster": a kubectl List, "pods": [...]}``."""
    dice = Dice(seed)
    if features is None:
        count = dice.choice([1, 2, 3, 4, len(FEATURES)])
        often = sorted({"spread", "podaffinity", "limits", "claims", "extended"})
        features = frozenset(dice.sample([*FEATURES, *often, *often], count))
        if dice.chance(0.35):
            features |= {"priority"}
        if features & PLACING:
            features |= {more for more in COMPANIONS if dice.chance(0.3)}
    dice.crowded = bool(features & {"spread", "podaffinity"}) and dice.chance(0.6)
    cluster = Cluster(dice, features)
    cluster.populate()
    candidates = [cluster.candidate(index) for index in range(4)]
    items = [*cluster.nodes, *cluster.pods, *cluster.shelf.objects]
    for name, labels in NAMESPACES.items():
        if dice.chance(0.9):
            meta = {"name": name, "labels": labels}
            items.append({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    dice.shuffle(items)
    if dice.chance(0.2):
        for thing in [*items, *candidates]:
            odd(dice, thing)
    return {
        "id": seed,
        "cluster": {"apiVersion": "v1", "kind": "List", "items": items},
        "pods": candidates,
    }
