"""Maps, people and clusters with accelerators, from a seed: what ``explain`` is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.oracle.dice import Dice, Json
from tests.oracle.generate import LIVE, OVER, Cluster
from tests.oracle.hardware import RACKS, Truth, install
from tests.oracle.nodes import EFFECTS, MI

FEATURES = ("taints", "cordon", "pods", "priority", "podaffinity", "selector", "claims", "ports")
"""What the clusters may have beside accelerators; requests stay simple sums."""
PLAIN = frozenset({"taints", "cordon", "pods", "priority", "selector", "ports"})
"""Of these, what is about one node alone, so that emptying it tells BUSY from NEVER."""
PEOPLE = ("alice", "Bob.B", "carol@example.org", "dave--x", "élodie")
TEAMS = ("physics", "biology", "everyone")
TEAM_CLAIM = "team-data"


@dataclass(slots=True)
class Question:
    """One question, with what is truly there.

    Attributes:
        cluster: A kubectl List.
        map: The map, as plain values.
        truths: Node name to its accelerators.
        plain: Whether pods on one node never matter to another.
    """

    seed: int
    cluster: Json
    map: Json
    user: str
    groups: tuple[str, ...]
    truths: dict[str, list[Truth]]
    plain: bool = False


def question(seed: int) -> Question:
    """One question from a seed."""
    dice = Dice(f"people {seed}")
    features = frozenset(dice.sample(FEATURES, dice.randint(0, 3)))
    cluster = Cluster(dice, features)
    truths = _equip(dice, cluster)
    cluster.populate()
    user = dice.choice(PEOPLE)
    with_volumes = _team_claim(dice, cluster)
    _servers(dice, cluster, truths, user)
    made = _map(dice, cluster, truths, volumes=with_volumes)
    items = [*cluster.nodes, *cluster.pods, *cluster.shelf.objects]
    for pod in cluster.pods:
        if not pod["spec"].get("nodeName"):
            judged = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            pod["status"]["conditions"] = [judged]
    dice.shuffle(items)
    groups = tuple(dice.some(["phys", "bio", "nobody"], 0, 2))
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    plain = features <= PLAIN and not with_volumes
    return Question(seed, listed, made, user, groups, truths, plain)


def _equip(dice: Dice, cluster: Cluster) -> dict[str, list[Truth]]:
    """Give most nodes a rack; few kinds of rack, so that models meet on several nodes."""
    truths: dict[str, list[Truth]] = {}
    kinds = dice.choices(RACKS, k=dice.randint(1, 3))
    for node in cluster.nodes:
        name = node["metadata"]["name"]
        truths[name] = []
        if dice.chance(0.25):
            continue
        rack = dice.choice(kinds)(dice)
        install(dice, node, rack)
        truths[name] = rack.truths
        cluster.room[name] |= rack.allocatable
        resources = [truth.resource for truth in rack.truths]
        if resources and dice.chance(0.4):
            taint = {"key": dice.choice(resources), "effect": dice.choice(EFFECTS)}
            if dice.chance(0.7):
                taint["value"] = dice.choice(["present", "true"])
            spec = node["spec"]
            spec["taints"] = [*spec.get("taints", ()), taint]
            _drop_twins(spec)
    return truths


def _drop_twins(spec: Json) -> None:
    by_mark = {(taint["key"], taint["effect"]): taint for taint in spec["taints"]}
    spec["taints"] = list(by_mark.values())


def _team_claim(dice: Dice, cluster: Cluster) -> bool:
    """Whether the teams have a volume; the claim of it may be there, bound, or not."""
    if dice.chance(0.7):
        return False
    if dice.chance(0.8):
        if not cluster.shelf.objects:
            cluster.shelf.furnish(frozenset())
        cluster.shelf.claim("default", TEAM_CLAIM, state=dice.choice(["bound", "bound", ""]))
    return True


def _servers(dice: Dice, cluster: Cluster, truths: dict[str, list[Truth]], user: str) -> None:
    """Servers of this hub, and other pods that hold accelerators."""
    from kubespawner.slugs import is_valid_label, safe_slug

    for index in range(dice.randint(0, 6)):
        home = dice.choice(cluster.names)
        main = {"cpu": dice.choice([100, 500, 1000]), "memory": dice.choice([64, 256]) * MI}
        there = [truth for truth in truths[home] if truth.count]
        if there and dice.chance(0.7):
            truth = dice.choice(there)
            free = cluster.free(home, truth.resource)
            main[truth.resource] = max(1, min(dice.choice([1, 1, 2]), free))
        who = user if dice.chance(0.5) else dice.choice(PEOPLE)
        labels = {"hub.jupyter.org/username": safe_slug(who, is_valid=is_valid_label)}
        if dice.chance(0.8):
            labels |= {"teamspawner/team": dice.choice(TEAMS), "teamspawner/tier": "t0"}
        made: Json = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"s{index}",
                "namespace": "default",
                "uid": f"s{index}",
                "labels": labels,
            },
            "spec": {"containers": [_container(main)], "nodeName": home},
            "status": {"phase": dice.choice(OVER) if dice.chance(0.15) else dice.choice(LIVE)},
        }
        if dice.chance(0.15):
            del made["spec"]["nodeName"]
            made["status"]["phase"] = "Pending"
        elif made["status"]["phase"] in LIVE:
            held = cluster.used[home]
            for name, amount in main.items():
                held[name] = held.get(name, 0) + amount
        cluster.pods.append(made)


def _container(main: dict[str, int]) -> Json:
    written = {
        name: f"{amount}m" if name == "cpu" else str(amount) for name, amount in main.items()
    }
    return {
        "name": "notebook",
        "image": "none.invalid/none",
        "resources": {"requests": written, "limits": dict(written)},
    }


# --- the map ------------------------------------------------------------------------------


def _map(dice: Dice, cluster: Cluster, truths: dict[str, list[Truth]], *, volumes: bool) -> Json:
    every = [truth for found in truths.values() for truth in found]
    tiers = {f"t{i}": _tier(dice, cluster, every) for i in range(dice.randint(1, 4))}
    made: Json = {"version": 1, "tiers": tiers, "teams": {}}
    if dice.chance(0.4):
        made["images"] = {
            "plain": {"image": "quay.io/jupyter/scipy-notebook:1"},
            "cuda": {
                "image": "quay.io/jupyter/pytorch-notebook:1",
                "needs": "gpu",
                "vendors": ["nvidia"],
            },
        }
    for key in dice.some(TEAMS, 1, 3):
        made["teams"][key] = _team(dice, key, made, every)
        if volumes:
            made["teams"][key]["volumes"] = [
                {"name": "data", "claim": TEAM_CLAIM, "mount": "/shared/data"}
            ]
    return made


def _tier(dice: Dice, cluster: Cluster, every: list[Truth]) -> Json:
    tier: Json = {}
    gpu = bool(every) and dice.chance(0.65)
    if gpu:
        tier["gpu"] = _gpu(dice, every)
    way = dice.choice(["size", "share", "per_gpu", "fair"] if gpu else ["size", "size", "share"])
    if way == "size":
        tier |= _near_edge(dice, cluster, 1)
    elif way == "share":
        tier["share"] = dice.choice(["1/2", "25%", 1, "1/3"])
    elif way == "per_gpu":
        count = dice.choice(tier["gpu"]["counts"])
        tier["per_gpu"] = {k: v["request"] for k, v in _near_edge(dice, cluster, count).items()}
    else:
        tier["per_gpu"] = "fair"
    nodes: Json = {}
    if dice.chance(0.25):
        nodes["selector"] = {"pool": dice.choice(["a", "b"])}
    if dice.chance(0.25):
        key = dice.choice(["dedicated", "nvidia.com/gpu", "node.kubernetes.io/not-ready"])
        nodes["tolerations"] = [{"key": key, "operator": "Exists"}]
    if nodes:
        tier["nodes"] = nodes
    return tier


def _gpu(dice: Dice, every: list[Truth]) -> Json:
    models = ["*"]
    if dice.chance(0.4):
        model = dice.choice(every).model
        models = [dice.choice([model, model.lower(), f"*{model[3:9]}*", f"{model[:5]}*"])]
    gpu: Json = {"models": models, "counts": sorted(dice.some([1, 2, 3, 4, 8], 1, 3))}
    if dice.chance(0.3):
        gpu["kinds"] = dice.some(["whole", "mig", "shared"], 1, 2)
    return gpu


def _near_edge(dice: Dice, cluster: Cluster, parts: int) -> dict[str, Any]:
    """CPU and memory that are, ``parts`` times, just what some node has left, or one more."""
    home = dice.choice(cluster.names)
    cpu, memory = dice.choice([100, 500, 1500]), dice.choice([64, 256, 1024]) * MI
    if dice.chance(0.6):
        free = cluster.free(home, "cpu") // parts + dice.choice([-1, 0, 0, 1])
        cpu = max(1, free // dice.choice([1, 1, 2, 3]))
    elif dice.chance(0.6):
        free = cluster.free(home, "memory") // parts + dice.choice([-1, 0, 0, 1])
        memory = max(16 * MI, free // dice.choice([1, 1, 2, 3]))
    return {"cpu": {"request": f"{cpu}m"}, "memory": {"request": memory}}


def _team(dice: Dice, key: str, made: Json, every: list[Truth]) -> Json:
    group = {"physics": ["phys", "uni:*"], "biology": ["re:bi[a-z]"], "everyone": ["*"]}[key]
    team: Json = {"groups": group, "tiers": dice.some(sorted(made["tiers"]), 1, 4)}
    if "images" in made:
        team["images"] = dice.choice([["plain", "cuda"], ["plain"], ["cuda", "plain"], ["cuda"]])
    gpu: Json = {}
    if every and dice.chance(0.3):
        gpu["models"] = [f"*{dice.choice(every).model[2:10]}*"]
    for cap in ("per_server", "per_user", "team"):
        if dice.chance(0.15):
            gpu[cap] = dice.choice([0, 1, 2, 3, 4, 8])
    limits: Json = {}
    if dice.chance(0.2):
        limits["servers_per_user"] = dice.choice([0, 1, 2, 3, 5])
    if dice.chance(0.2):
        limits["cpu"] = dice.choice([2, "2500m", 8, 20])
    if dice.chance(0.2):
        limits["memory"] = dice.choice(["256Mi", "1Gi", "4G", "16Gi"])
    return team | ({"gpu": gpu} if gpu else {}) | ({"limits": limits} if limits else {})
