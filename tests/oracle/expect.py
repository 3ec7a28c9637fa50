"""What a person may expect of ``explain``, worked out from raw objects, naively and apart from it.

Nothing of the package is used: what a tier promises is written down here a second time. Which
nodes have a variant's devices is known from the generator, not from labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase
from fractions import Fraction

from kubespawner.slugs import is_valid_label, safe_slug

from tests.oracle.dice import Json
from tests.oracle.hardware import Truth
from tests.oracle.people import Question

_BINARY: dict[str, int | Decimal] = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_DECIMAL: dict[str, int | Decimal] = {
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "M": 10**6,
    "G": 2**30,
}
_TAKES_NONE = ("NoSchedule", "NoExecute")
_CONDITIONS = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")


@dataclass(frozen=True, slots=True)
class Expected:
    """One offer: who is charged, what the pod is, what the caps leave.

    Attributes:
        left: How many more the caps allow; None without caps.
        sized: Whether the size is known at all.
    """

    tier: str
    team: str
    model: str | None
    kind: str
    part: str
    gpus: int
    pod: Json
    left: int | None

    @property
    def key(self) -> tuple[object, ...]:
        """What tells offers apart."""
        name = next((n for n in requests_of(self.pod) if "/" in n), "")
        return (self.tier, self.team, self.model, self.kind, self.part, name, self.gpus)


def offers(asked: Question) -> Iterator[Expected]:
    """Every offer that this person should see."""
    for team in teams(asked):
        for tier in asked.map["teams"][team]["tiers"]:
            spec = asked.map["tiers"][tier]
            if "gpu" not in spec:
                yield from _offer(asked, tier, team, None, 0)
                continue
            for members in _fleets(asked).values():
                for count in _counts(asked, spec, team, members):
                    yield from _offer(asked, tier, team, members, count)


def teams(asked: Question) -> list[str]:
    """The teams that one of the person's groups is in."""
    found = []
    for key, team in asked.map["teams"].items():
        for pattern in team["groups"]:
            if (
                pattern == "*"
                or any(
                    re.fullmatch(pattern[3:], group, re.IGNORECASE)
                    if pattern.startswith("re:")
                    else fnmatchcase(group, pattern)
                    for group in asked.groups
                )
            ) and key not in found:
                found.append(key)
    return found


def _fleets(asked: Question) -> dict[tuple[str, ...], dict[str, Truth]]:
    found: dict[tuple[str, ...], dict[str, Truth]] = {}
    for node, truths in asked.truths.items():
        for truth in truths:
            mark = (truth.model, truth.kind, truth.part, truth.resource)
            found.setdefault(mark, {})[node] = truth
    return found


def _counts(asked: Question, tier: Json, team: str, members: dict[str, Truth]) -> list[int]:
    """Counts offered: bounded by the largest node; one of a shared device; what the team may."""
    truth = next(iter(members.values()))
    gpu, own = tier["gpu"], asked.map["teams"][team].get("gpu", {})
    if truth.kind not in gpu.get("kinds", ("whole", "mig", "shared")):
        return []
    if not _named(truth, gpu["models"]) or not _named(truth, own.get("models", ["*"])):
        return []
    most = max(each.most for each in members.values())
    most = min(most, 1) if truth.kind == "shared" else most
    most = min(most, own.get("per_server", most))
    return [count for count in gpu["counts"] if count <= most]


def _named(truth: Truth, globs: list[str]) -> bool:
    return any(fnmatchcase(truth.model.lower(), glob.lower()) for glob in globs)


def _offer(
    asked: Question, tier: str, team: str, members: dict[str, Truth] | None, count: int
) -> Iterator[Expected]:
    truth = next(iter(members.values())) if members else None
    if not _has_image(asked, team, truth):
        return
    spec = asked.map["tiers"][tier]
    tolerations = [dict(each) for each in spec.get("nodes", {}).get("tolerations", ())]
    if truth:
        tolerations.append({"key": truth.resource, "operator": "Exists"})
    size = _size(asked, spec, members, count, tolerations)
    if size is None:
        return
    requests = {"cpu": size[0], "memory": size[1]} | ({truth.resource: count} if truth else {})
    pod = _pod(asked, team, spec, requests, tolerations, members)
    pod["metadata"]["labels"] = {"teamspawner/tier": tier, "teamspawner/team": team}
    yield Expected(
        tier,
        team,
        truth.model if truth else None,
        truth.kind if truth else "none",
        truth.part if truth else "",
        count,
        pod,
        _left(asked, team, size, count),
    )


def _has_image(asked: Question, team: str, truth: Truth | None) -> bool:
    images = asked.map["teams"][team].get("images")
    if not images:
        return True
    every = [asked.map["images"][key] for key in images]
    return any(
        "needs" not in image or (truth is not None and truth.vendor == "nvidia") for image in every
    )


# --- how large ----------------------------------------------------------------------------


def _size(
    asked: Question,
    spec: Json,
    members: dict[str, Truth] | None,
    count: int,
    tolerations: list[Json],
) -> tuple[int, int] | None:
    """Millicores and bytes; None when no node gives a size."""
    if "cpu" in spec:
        return milli(spec["cpu"]["request"]), spec["memory"]["request"]
    each = spec.get("per_gpu")
    if isinstance(each, dict):
        return milli(each["cpu"]) * count, each["memory"] * count
    found = _parts(asked, spec, members, tolerations, True) or _parts(
        asked, spec, members, tolerations, False
    )
    if not found:
        return None
    cpu, memory = min(c for c, _ in found), min(m for _, m in found)
    if each == "fair":
        return cpu * count, memory * count
    share = spec["share"]
    part = Fraction(int(share[:-1]), 100) if str(share).endswith("%") else Fraction(share)
    sized = int(cpu * part), int(memory * part)
    return sized if min(sized) > 0 else None


def _parts(
    asked: Question,
    spec: Json,
    members: dict[str, Truth] | None,
    tolerations: list[Json],
    usable_only: bool,  # noqa: FBT001
) -> list[tuple[int, int]]:
    """What each node has, net, or each of its devices; nodes that have nothing left out."""
    found = []
    for node in (n for n in asked.cluster["items"] if n["kind"] == "Node"):
        name = node["metadata"]["name"]
        if (members is not None and name not in members) or not _fits_labels(spec, node):
            continue
        if usable_only and not _usable(node, tolerations):
            continue
        fair = members is not None and spec.get("per_gpu") == "fair"
        devices = (members[name].count or members[name].most) if members and fair else 1
        cpu, memory = (amount // devices for amount in _net(asked, node))
        if cpu > 0 and memory > 0:
            found.append((cpu, memory))
    return found


def _fits_labels(spec: Json, node: Json) -> bool:
    labels = node["metadata"]["labels"]
    selector = spec.get("nodes", {}).get("selector", {})
    return all(labels.get(key) == value for key, value in selector.items())


def takes_servers(node: Json) -> bool:
    """Whether a node is ready, not cordoned, and has no taint of a passing state."""
    conditions = node["status"].get("conditions", ())
    if any(each["type"] == "Ready" and each["status"] != "True" for each in conditions):
        return False
    away = (t for t in node["spec"].get("taints", ()) if t["effect"] in _TAKES_NONE)
    return not (
        node["spec"].get("unschedulable") or any(t["key"].startswith(_CONDITIONS) for t in away)
    )


def _usable(node: Json, tolerations: list[Json]) -> bool:
    tolerated = {each["key"] for each in tolerations}
    taints = (t for t in node["spec"].get("taints", ()) if t["effect"] in _TAKES_NONE)
    return takes_servers(node) and all(taint["key"] in tolerated for taint in taints)


def _net(asked: Question, node: Json) -> tuple[int, int]:
    """Allocatable of a node less what its DaemonSet pods ask for."""
    room = node["status"]["allocatable"]
    cpu, memory = milli(room.get("cpu", 0)), whole(room.get("memory", 0))
    for pod in live_pods(asked):
        owners = pod["metadata"].get("ownerReferences", ())
        home = pod["spec"].get("nodeName")
        if home == node["metadata"]["name"] and any(o["kind"] == "DaemonSet" for o in owners):
            asks = requests_of(pod)
            cpu, memory = cpu - asks.get("cpu", 0), memory - asks.get("memory", 0)
    return cpu, memory


# --- how many -----------------------------------------------------------------------------


def _left(asked: Question, team: str, size: tuple[int, int], count: int) -> int | None:
    """How many more such servers the caps of the team allow; None when none applies."""
    limits, gpu = (asked.map["teams"][team].get(part, {}) for part in ("limits", "gpu"))
    person = safe_slug(asked.user, is_valid=is_valid_label)
    servers = own_gpus = gpus = cpu = memory = 0
    for pod in live_pods(asked):
        labels = pod["metadata"].get("labels", {})
        if labels.get("teamspawner/team") != team:
            continue
        asks = requests_of(pod)
        devices = sum(n for name, n in asks.items() if "/" in name)
        mine = labels.get("hub.jupyter.org/username") == person
        servers, own_gpus = servers + mine, own_gpus + mine * devices
        gpus, cpu, memory = gpus + devices, cpu + asks["cpu"], memory + asks["memory"]
    rows = (
        (limits.get("servers_per_user"), servers, 1),
        (gpu.get("per_user"), own_gpus, count),
        (gpu.get("team"), gpus, count),
        ("cpu" in limits and milli(limits["cpu"]), cpu, size[0]),
        ("memory" in limits and whole(limits["memory"]), memory, size[1]),
    )
    each = [max(0, most - used) // need for most, used, need in rows if _is_cap(most) and need]
    return min(each, default=None)


def _is_cap(most: object) -> bool:
    return most is not None and most is not False


def live_pods(asked: Question) -> Iterator[Json]:
    """Every pod that has not ended."""
    for pod in asked.cluster["items"]:
        if pod["kind"] == "Pod" and pod["status"]["phase"] not in {"Succeeded", "Failed"}:
            yield pod


# --- the pod ------------------------------------------------------------------------------


def _pod(  # noqa: PLR0917
    asked: Question,
    team: str,
    spec: Json,
    requests: dict[str, int],
    tolerations: list[Json],
    members: dict[str, Truth] | None,
) -> Json:
    admission = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
        for key in ("not-ready", "unreachable")
    ]
    written = {k: f"{v}m" if k == "cpu" else str(v) for k, v in requests.items()}
    container = {"name": "notebook", "image": "none.invalid/none"}
    made: Json = {
        "containers": [{**container, "resources": {"requests": written, "limits": dict(written)}}],
        "nodeSelector": spec.get("nodes", {}).get("selector", {}),
        "tolerations": [*tolerations, *admission],
    }
    if members is not None:
        terms = [
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
            for name in members
        ]
        wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        made["affinity"] = {"nodeAffinity": wanted}
    claims = any(item["kind"] == "PersistentVolumeClaim" for item in asked.cluster["items"])
    if claims:
        made["volumes"] = [
            {"name": each["name"], "persistentVolumeClaim": {"claimName": each["claim"]}}
            for each in asked.map["teams"][team].get("volumes", ())
        ]
    meta: Json = {"name": "server", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": made}


def requests_of(pod: Json) -> dict[str, int]:
    """The sum of what its containers request, limits standing in; rounded up once, as a sum."""
    found: dict[str, Decimal] = {"cpu": Decimal(0), "memory": Decimal(0)}
    for container in pod["spec"]["containers"]:
        resources = container.get("resources") or {}
        asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        for name, text in asked.items():
            found[name] = found.get(name, Decimal(0)) + Decimal(milli(text)) / 1000
    return {name: _up(n * 1000 if name == "cpu" else n) for name, n in found.items()}


def milli(text: object) -> int:
    """Thousandths, rounded up."""
    return _up(_number(text) * 1000)


def whole(text: object) -> int:
    """Whole units, rounded up."""
    return _up(_number(text))


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def _number(text: object) -> Decimal:
    written = str(text)
    for suffix, scale in (_BINARY | _DECIMAL).items():
        if written.endswith(suffix):
            return Decimal(written.removesuffix(suffix)) * Decimal(scale)
    return Decimal(written)
