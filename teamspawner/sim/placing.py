"""Which node takes a pod: every node asked, the fullest that has room preferred."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from teamspawner.sim.server.amounts import Amounts, pod_amounts
from teamspawner.units import quantity

__all__ = ["Answer", "Cluster", "needed_claims"]

Thing = Mapping[str, Any]
Things = Mapping[tuple[str, str], Thing]

_FINISHED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a pod goes, or why nowhere and who would have to leave."""

    node: str = ""
    message: str = ""
    nominated: str = ""
    victims: tuple[Thing, ...] = ()


def needed_claims(pod: Thing) -> list[tuple[str, str]]:
    """Return namespace and name of the claims that a pod mounts."""
    space = pod["metadata"]["namespace"]
    volumes = pod["spec"].get("volumes") or ()
    names = [(one.get("persistentVolumeClaim") or {}).get("claimName") for one in volumes]
    return [(space, name) for name in names if name]


class Cluster:
    """The nodes and what is on them at one moment; ``take`` adds what was just placed.

    Args:
        things: Objects by kind, then by namespace and name.
        assumed: Pods, by uid, that were given a node which the API does not show yet.
    """

    def __init__(self, things: Mapping[str, Things], assumed: Mapping[str, str]) -> None:
        self._things = things
        self._pods: dict[str, list[Thing]] = defaultdict(list)
        for pod in things["pods"].values():
            node = pod["spec"].get("nodeName") or assumed.get(pod["metadata"]["uid"], "")
            if node and (pod.get("status") or {}).get("phase") not in _FINISHED:
                self._pods[node].append(pod)

    def take(self, pod: Thing, node: str) -> None:
        """Count a pod on a node from now on."""
        self._pods[node].append(pod)

    def place(self, pod: Thing) -> Answer:
        """Say which node takes the pod, and if none, why."""
        told = self._claims_missing(pod)
        if told:
            return Answer(message=self._summary(Counter({told: len(self._nodes())})))
        wanted = pod_amounts(pod["spec"], "requests")
        reasons: Counter[str] = Counter()
        fitting = []
        for node in self._nodes():
            against = list(self._against(pod, wanted, node, self._pods[node["metadata"]["name"]]))
            reasons.update(against)
            if not against:
                fitting.append(node)
        if fitting:
            return Answer(node=max(fitting, key=self._preference)["metadata"]["name"])
        return self._preempt(pod, wanted, self._summary(reasons))

    def _nodes(self) -> list[Thing]:
        return sorted(self._things["nodes"].values(), key=lambda node: node["metadata"]["name"])

    def _preference(self, node: Thing) -> tuple[int, Fraction, str]:
        """Prefer plain machines to those with accelerators, and full ones to empty ones."""
        used, total = self._used(self._pods[node["metadata"]["name"]]), _allocatable(node)
        special = sum(1 for name in total if "/" in name)
        shares = [used.get(name, 0) / total[name] for name in ("cpu", "memory") if total.get(name)]
        return -special, sum(shares, Fraction(0)), str(node["metadata"]["name"])

    def _claims_missing(self, pod: Thing) -> str:
        claims = self._things["persistentvolumeclaims"]
        classes = self._things["storageclasses"]
        for key in needed_claims(pod):
            if key not in claims:
                return f'persistentvolumeclaim "{key[1]}" not found'
            spec = claims[key]["spec"]
            found = classes.get(("", spec.get("storageClassName") or ""), {})
            if (
                not spec.get("volumeName")
                and found.get("volumeBindingMode") != "WaitForFirstConsumer"
            ):
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def _against(
        self, pod: Thing, wanted: Amounts, node: Thing, present: list[Thing]
    ) -> Iterator[str]:
        """Yield why a node does not take a pod; only the first filter that objects is heard."""
        taint = _intolerable(pod, node)
        if node["spec"].get("unschedulable") and not _tolerates_cordon(pod):
            yield "node(s) were unschedulable"
        elif taint:
            yield "node(s) had untolerated taint(s)"
        elif not _selected(pod, node):
            yield "node(s) didn't match Pod's node affinity/selector"
        else:
            yield from self._short(wanted, node, present)

    def _short(self, wanted: Amounts, node: Thing, present: list[Thing]) -> Iterator[str]:
        total, used = _allocatable(node), self._used(present)
        if len(present) + 1 > total.get("pods", 0):
            yield "Too many pods"
        for name, amount in wanted.items():
            if amount and used.get(name, 0) + amount > total.get(name, 0):
                yield f"Insufficient {name}"

    def _used(self, pods: list[Thing]) -> Amounts:
        used: Amounts = {}
        for pod in pods:
            for name, amount in pod_amounts(pod["spec"], "requests").items():
                used[name] = used.get(name, Fraction(0)) + amount
        return used

    def _summary(self, reasons: Counter[str]) -> str:
        total = len(self._nodes())
        if not total:
            return "no nodes available to schedule pods"
        parts = sorted(f"{count} {reason}" for reason, count in reasons.items())
        return f"0/{total} nodes are available: {', '.join(parts)}."

    def _preempt(self, pod: Thing, wanted: Amounts, message: str) -> Answer:
        priority = pod["spec"].get("priority") or 0
        best: tuple[int, str, tuple[Thing, ...]] | None = None
        if pod["spec"].get("preemptionPolicy") != "Never":
            for node in self._nodes():
                victims = self._victims(pod, wanted, node, priority)
                if victims and (best is None or len(victims) < best[0]):
                    best = (len(victims), node["metadata"]["name"], victims)
        if best is None:
            return Answer(message=message)
        return Answer(message=message, nominated=best[1], victims=best[2])

    def _victims(
        self, pod: Thing, wanted: Amounts, node: Thing, priority: int
    ) -> tuple[Thing, ...]:
        present = self._pods[node["metadata"]["name"]]
        lower = [one for one in present if (one["spec"].get("priority") or 0) < priority]
        kept = [one for one in present if one not in lower]
        if not lower or any(self._against(pod, wanted, node, kept)):
            return ()
        for one in sorted(lower, key=lambda one: -(one["spec"].get("priority") or 0)):
            if not any(self._against(pod, wanted, node, [*kept, one])):
                kept.append(one)
        return tuple(one for one in lower if one not in kept)


def _allocatable(node: Thing) -> Amounts:
    texts = (node.get("status") or {}).get("allocatable") or {}
    return {name: quantity(text) for name, text in texts.items()}


def _intolerable(pod: Thing, node: Thing) -> Thing | None:
    tolerations = pod["spec"].get("tolerations") or ()
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] == "PreferNoSchedule":
            continue
        if not any(_tolerates(one, taint) for one in tolerations):
            return taint  # type: ignore[no-any-return]
    return None


def _tolerates(toleration: Thing, taint: Thing) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def _tolerates_cordon(pod: Thing) -> bool:
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    return any(_tolerates(one, taint) for one in pod["spec"].get("tolerations") or ())


def _selected(pod: Thing, node: Thing) -> bool:
    labels = node["metadata"].get("labels") or {}
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        return False
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity")) or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term(term, labels, node) for term in required["nodeSelectorTerms"])


def _term(term: Thing, labels: Mapping[str, str], node: Thing) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    own = {"metadata.name": node["metadata"]["name"]}
    pairs = [*((one, labels) for one in expressions), *((one, own) for one in fields)]
    return bool(pairs) and all(_expression(one, where) for one, where in pairs)


def _expression(one: Thing, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(one["key"]), list(one.get("values") or ())
    operator = one["operator"]
    if operator in {"Gt", "Lt"}:
        if value is None or not value.lstrip("-").isdecimal():
            return False
        return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[operator]
