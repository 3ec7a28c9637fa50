"""Nodes with labels, taints, cordons and allocatable in every awkward shape."""

from __future__ import annotations

from tests.oracle.dice import Dice, Json, spell

MI = 2**20
GI = 2**30
GPU = "nvidia.com/gpu"
EXTENDED = (GPU, "nvidia.com/mig-1g.10gb", "amd.com/gpu", "example.com/fpga")
HUGE = "hugepages-2Mi"
ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"
HOSTNAME = "kubernetes.io/hostname"
ZONES = ("eu-w1-a", "eu-w1-b", "eu-w1-c")
DRIVER_ZONES = (
    "topology.ebs.csi.aws.com/zone",
    "topology.gke.io/zone",
    "topology.disk.csi.azure.com/zone",
    "failure-domain.beta.kubernetes.io/zone",
)
NUMBERS = ("1", "5", "79", "80", "79.5", "080", "x", "", "9223372036854775808")
TAINT_KEYS = ("dedicated", GPU, "node.kubernetes.io/not-ready", "node.kubernetes.io/unschedulable")
TAINT_VALUES = ("", "present", "team-a", "7")
EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")


def node(dice: Dice, name: str, features: frozenset[str]) -> Json:
    """One node; what ``features`` does not name stays plain."""
    labels = {HOSTNAME: name} if dice.chance(0.9) else {}
    labels.update(_labels(dice, features))
    spec: Json = {}
    if "taints" in features and dice.chance(0.5):
        spec["taints"] = taints(dice)
    if "cordon" in features and dice.chance(0.3):
        spec["unschedulable"] = True
    room = {r: spell(dice, r, amount) for r, amount in allocatable(dice, features).items()}
    meta: Json = {"name": name, "uid": f"node-{name}", "labels": labels}
    if dice.chance(0.03):
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status: Json = {"allocatable": room, "capacity": {**room, "cpu": "64"}}
    if dice.chance(0.5):
        ready = dice.choice(["True", "True", "False", "Unknown"])
        status["conditions"] = [{"type": "Ready", "status": ready}]
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec, "status": status}


def _labels(dice: Dice, features: frozenset[str]) -> dict[str, str]:
    found = {}
    if dice.chance(0.85):
        found[ZONE] = dice.choice(ZONES)
        found[REGION] = dice.choice(["r1", "r1", "r2"])
    if features & {"claims", "limits"}:
        for key in dice.some(DRIVER_ZONES, 0, 3):
            found[key] = found.get(ZONE, "eu-w1-a") if dice.chance(0.8) else "eu-w1-b"
    if dice.chance(0.6):
        found["pool"] = dice.choice(["a", "b"])
    if dice.chance(0.5):
        found["disk"] = dice.choice(["ssd", "hdd"])
    if "affinity" in features and dice.chance(0.8):
        found["num"] = dice.choice(NUMBERS)
    return found


def taints(dice: Dice) -> list[Json]:
    """One or two taints of different key and effect."""
    found: dict[tuple[str, str], Json] = {}
    for _ in range(dice.randint(1, 2)):
        taint: Json = {"key": dice.choice(TAINT_KEYS), "effect": dice.choice(EFFECTS)}
        if value := dice.choice(TAINT_VALUES):
            taint["value"] = value
        found[taint["key"], taint["effect"]] = taint
    return list(found.values())


def allocatable(dice: Dice, features: frozenset[str]) -> dict[str, int]:
    """Resource to amount in the scheduler's unit; small enough that pods fill it."""
    room = {
        "cpu": dice.choice([4000, 4000, 7910, 8000]),
        "memory": dice.choice([2 * GI, 4 * GI, 3 * GI + 7 * MI + 1, 4 * 10**9]),
        "pods": dice.choice([110, 110, 2, 3, 4]) if "pods" in features else 110,
    }
    if dice.chance(0.02):
        del room[dice.choice(["cpu", "memory", "pods"])]
    if "extended" in features:
        for name in dice.some(EXTENDED, 0, 3):
            room[name] = dice.choice([0, 1, 2, 4, 8])
    if "hugepages" in features and dice.chance(0.7):
        room[HUGE] = dice.choice([0, 64, 256]) * MI
    if "ephemeral" in features and dice.chance(0.8):
        room["ephemeral-storage"] = dice.choice([10**9, GI, 5 * GI])
    return room


TOLERATION_KEYS = TAINT_KEYS


def tolerations(dice: Dice) -> list[Json]:
    """None to three tolerations in every form that the API takes."""
    found = []
    for _ in range(dice.randint(0, 3)):
        one: Json = {}
        if dice.chance(0.85):
            one["key"] = dice.choice(TOLERATION_KEYS)
        if "key" not in one or dice.chance(0.5):
            one["operator"] = "Exists"
        else:
            if dice.chance(0.5):
                one["operator"] = "Equal"
            if value := dice.choice(TAINT_VALUES):
                one["value"] = value
        if dice.chance(0.6):
            one["effect"] = dice.choice(EFFECTS)
        if one.get("effect") == "NoExecute" and dice.chance(0.5):
            one["tolerationSeconds"] = 300
        found.append(one)
    return found


def node_selector(dice: Dice) -> dict[str, str]:
    """Plain labels that must be equal."""
    options = {
        "pool": ["a", "b"],
        "disk": ["ssd", "hdd"],
        ZONE: list(ZONES[:2]),
        "absent": ["x"],
    }
    keys = dice.choices(list(options), weights=[5, 4, 3, 1], k=dice.randint(1, 2))
    return {key: dice.choice(options[key]) for key in keys}


def node_affinity(dice: Dice, names: list[str]) -> Json:
    """Required and sometimes preferred terms: all operators, matchFields, empty terms."""
    terms = [_term(dice, names) for _ in range(dice.randint(1, 3))]
    wanted: Json = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    if dice.chance(0.1):
        preferred = {"weight": 5, "preference": _term(dice, names)}
        wanted["preferredDuringSchedulingIgnoredDuringExecution"] = [preferred]
    return wanted


def _term(dice: Dice, names: list[str]) -> Json:
    term: Json = {}
    if dice.chance(0.85):
        term["matchExpressions"] = [expression(dice, names) for _ in range(dice.randint(1, 2))]
    if dice.chance(0.3):
        term["matchFields"] = [
            {
                "key": "metadata.name",
                "operator": dice.choice(["In", "In", "NotIn"]),
                "values": [dice.choice([*names, "gone"])],
            }
        ]
    return term


def expression(dice: Dice, names: list[str]) -> Json:
    """One requirement over node labels."""
    values = {
        "pool": ["a", "b", "c"],
        "disk": ["ssd", "hdd"],
        ZONE: list(ZONES),
        HOSTNAME: names,
        "num": [n for n in NUMBERS if n],
        "absent": ["x"],
    }
    key = dice.choice(list(values))
    if key == "num" and dice.chance(0.7):
        bound = dice.choice(["0", "5", "79", "80", "1000"])
        return {"key": key, "operator": dice.choice(["Gt", "Lt"]), "values": [bound]}
    operator = dice.choice(["In", "In", "NotIn", "Exists", "DoesNotExist"])
    if operator in {"Exists", "DoesNotExist"}:
        return {"key": key, "operator": operator}
    return {"key": key, "operator": operator, "values": dice.some(values[key], 1, 2)}
