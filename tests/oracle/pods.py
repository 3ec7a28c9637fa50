"""Pods: containers in every arrangement, ports, and rules about other pods."""

from __future__ import annotations

from tests.oracle.dice import Dice, Json, spell
from tests.oracle.nodes import (
    EXTENDED,
    HOSTNAME,
    HUGE,
    MI,
    REGION,
    ZONE,
    node_affinity,
    node_selector,
    tolerations,
)

NAMESPACES = {"default": {}, "team-a": {"env": "prod"}, "team-b": {"env": "dev", "x": "y"}}
KEYS = (ZONE, ZONE, HOSTNAME, REGION, "pool")
Amounts = dict[str, int]


def resources(dice: Dice, amounts: Amounts) -> Json:
    """``resources`` of a container: overcommit where the API allows it, odd spellings."""
    requests, limits = {}, {}
    for name, amount in amounts.items():
        written = spell(dice, name, amount)
        if name not in {"cpu", "memory", "ephemeral-storage"}:
            limits[name] = written
            if dice.chance(0.5):
                requests[name] = written
        elif amount and dice.chance(0.2):
            limits[name] = written
        else:
            requests[name] = written
            if dice.chance(0.2):
                limits[name] = spell(dice, name, amount * 2)
    return {k: v for k, v in {"requests": requests, "limits": limits}.items() if v}


def amounts_of(dice: Dice, features: frozenset[str], scale: int = 3) -> Amounts:
    """What one container asks for."""
    found: Amounts = {}
    if dice.chance(0.9):
        found["cpu"] = dice.choice([0, 1, 100, 250, 500]) * dice.randint(1, scale)
    if dice.chance(0.8):
        found["memory"] = dice.choice([0, 64 * MI, 128 * MI, 256 * MI]) * dice.randint(1, scale)
    if "extended" in features and dice.chance(0.5):
        found[dice.choice(EXTENDED)] = dice.choice([0, 1, 1, 2])
    if "hugepages" in features and dice.chance(0.5):
        found = {"cpu": 100, **found, HUGE: dice.choice([2, 64, 128]) * MI}
    if "ephemeral" in features and dice.chance(0.5):
        found["ephemeral-storage"] = dice.choice([0, 1, 10**8, 512 * MI])
    return found


def containers(dice: Dice, features: frozenset[str], main: Amounts) -> tuple[Json, Amounts]:
    """Containers and init containers around ``main``, and the effective request in all."""
    spec: Json = {"containers": [_container(dice, "main", main)]}
    total, sidecars, highest = dict(main), Amounts(), Amounts()
    if dice.chance(0.2):
        more = amounts_of(dice, features, 1)
        spec["containers"].append(_container(dice, "second", more))
        total = plus(total, more)
    if "init" in features and dice.chance(0.7):
        spec["initContainers"] = []
        for index in range(dice.randint(1, 3)):
            need = amounts_of(dice, features, 2)
            made = _container(dice, f"init{index}", need)
            if dice.chance(0.5):
                made["restartPolicy"] = "Always"
                total, sidecars = plus(total, need), plus(sidecars, need)
                highest = most(highest, sidecars)
            else:
                highest = most(highest, plus(sidecars, need))
            spec["initContainers"].append(made)
    total = most(total, highest)
    if "overhead" in features and dice.chance(0.5):
        extra = {"cpu": dice.choice([0, 1, 250]), "memory": dice.choice([1, 160 * MI])}
        spec["overhead"] = {name: spell(dice, name, amount) for name, amount in extra.items()}
        total = plus(total, extra)
    if "podlevel" in features and dice.chance(0.6):
        _pod_level(dice, spec, total)
    return spec, total


def _pod_level(dice: Dice, spec: Json, total: Amounts) -> None:
    """Pod-level requests must cover the sum of the containers', so they start from it."""
    extra = spec.get("overhead") or {}
    wanted: Amounts = {}
    for name in ("cpu", "memory"):
        if name in total and dice.chance(0.7):
            wanted[name] = total[name] + dice.choice([0, 1, 250]) * (1 if name == "cpu" else MI)
    if not wanted:
        return
    kind = "requests" if dice.chance(0.7) else "limits"
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        container["resources"].pop("limits", None) if not _scalars(container) else None
    spec["resources"] = {kind: {name: spell(dice, name, n) for name, n in wanted.items()}}
    if not extra:
        total.update(wanted)


def _scalars(container: Json) -> bool:
    limits = container["resources"].get("limits") or {}
    return any(name not in {"cpu", "memory", "ephemeral-storage"} for name in limits)


def _container(dice: Dice, name: str, amounts: Amounts) -> Json:
    return {"name": name, "image": "none.invalid/none", "resources": resources(dice, amounts)}


def plus(left: Amounts, right: Amounts) -> Amounts:
    """Sum by resource."""
    return {name: left.get(name, 0) + right.get(name, 0) for name in {**left, **right}}


def most(left: Amounts, right: Amounts) -> Amounts:
    """The larger by resource."""
    return {name: max(left.get(name, 0), right.get(name, 0)) for name in {**left, **right}}


def place_rules(dice: Dice, features: frozenset[str], names: list[str], spec: Json) -> None:
    """Add tolerations, selectors, ports, spread and pod affinity to a pod's spec."""
    if "taints" in features or "cordon" in features:
        spec["tolerations"] = tolerations(dice)
    if "selector" in features and dice.chance(0.5):
        spec["nodeSelector"] = node_selector(dice)
    affinity: Json = {}
    if "affinity" in features and dice.chance(0.7):
        affinity["nodeAffinity"] = node_affinity(dice, names)
    if "podaffinity" in features:
        for kind in dice.some(["podAffinity", "podAntiAffinity"], 0, 2):
            affinity[kind] = pod_affinity(dice)
    if affinity:
        spec["affinity"] = affinity
    if "spread" in features and dice.chance(0.8):
        spec["topologySpreadConstraints"] = spread(dice)
    if "ports" in features and dice.chance(0.7):
        ports(dice, spec)


def labels(dice: Dice) -> dict[str, str]:
    """A pod's labels, few enough to meet each other."""
    found = {"app": _app(dice)}
    if dice.chance(0.6):
        found["version"] = dice.choice(["1", "2"])
    if dice.chance(0.3):
        found["team"] = dice.choice(["a", "b"])
    return found


def _app(dice: Dice) -> str:
    return "lab" if dice.crowded and dice.chance(0.7) else dice.choice(["hub", "lab", "job"])


def namespace(dice: Dice) -> str:
    """Where a pod lives."""
    if dice.crowded and dice.chance(0.85):
        return "default"
    return dice.choice(["default", "default", *NAMESPACES])


def selector(dice: Dice) -> Json | None:
    """A label selector over pods: None matches nothing, an empty one all."""
    if dice.chance(0.08):
        return dice.choice([None, {}])
    if dice.chance(0.5):
        return {"matchLabels": {"app": _app(dice)}}
    operator = dice.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    key = dice.choice(["app", "team"])
    found: Json = {"key": key, "operator": operator}
    if operator in {"In", "NotIn"}:
        found["values"] = dice.some(["hub", "lab"] if key == "app" else ["a", "b"], 1, 2)
    return {"matchExpressions": [found]}


def pod_affinity(dice: Dice) -> Json:
    """Required (anti-)affinity terms, sometimes over other namespaces."""
    terms = []
    for _ in range(dice.choice([1, 1, 2])):
        term: Json = {"topologyKey": dice.choice(KEYS)}
        found = selector(dice)
        if found is not None:
            term["labelSelector"] = found
            if dice.chance(0.15):
                term[dice.choice(["matchLabelKeys", "mismatchLabelKeys"])] = ["version"]
        if dice.chance(0.25):
            term["namespaces"] = dice.some([*NAMESPACES, "gone"], 1, 2)
        if dice.chance(0.25):
            missing = {"matchExpressions": [{"key": "env", "operator": "DoesNotExist"}]}
            choices = [{}, {"matchLabels": {"env": "prod"}}, {"matchLabels": {"x": "y"}}, missing]
            term["namespaceSelector"] = dice.choice(choices)
        terms.append(term)
    kind = "required" if dice.chance(0.9) else "preferred"
    if kind == "preferred":
        weighed = [{"weight": 1, "podAffinityTerm": term} for term in terms]
        return {"preferredDuringSchedulingIgnoredDuringExecution": weighed}
    return {"requiredDuringSchedulingIgnoredDuringExecution": terms}


def spread(dice: Dice) -> list[Json]:
    """One or two topology spread constraints over different keys."""
    found = []
    for key in dice.some(sorted(set(KEYS)), 1, 2):
        one: Json = {
            "topologyKey": key,
            "maxSkew": dice.choice([1, 1, 2]),
            "whenUnsatisfiable": "DoNotSchedule" if dice.chance(0.9) else "ScheduleAnyway",
        }
        wanted = selector(dice)
        if wanted is not None:
            one["labelSelector"] = wanted
            if dice.chance(0.25):
                one["matchLabelKeys"] = ["version"]
        if one["whenUnsatisfiable"] == "DoNotSchedule" and dice.chance(0.3):
            one["minDomains"] = dice.randint(1, 4)
        for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if dice.chance(0.3):
                one[policy] = dice.choice(["Honor", "Ignore"])
        found.append(one)
    return found


def ports(dice: Dice, spec: Json) -> None:
    """Host ports, some on one address, some of a sidecar, some by host network."""
    taken: set[tuple[str, int]] = set()
    if dice.chance(0.2):
        spec["hostNetwork"] = True
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        port: Json = {"containerPort": dice.choice([80, 8888])}
        if not spec.get("hostNetwork") and dice.chance(0.8):
            port["hostPort"] = dice.choice([80, 8888])
        if dice.chance(0.4):
            port["protocol"] = dice.choice(["TCP", "UDP"])
        if dice.chance(0.5):
            port["hostIP"] = dice.choice(["0.0.0.0", "127.0.0.1", "10.0.0.7"])
        number = port["containerPort"] if spec.get("hostNetwork") else port.get("hostPort", 0)
        mark = (port.get("protocol", "TCP"), number)
        if mark not in taken:
            container["ports"] = [port]
        taken.add(mark)
