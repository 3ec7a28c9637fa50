"""ResourceQuota: what a namespace may hold in all, counted from the live objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from teamspawner.sim.server.amounts import Amounts, pod_amounts, spell
from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.refusal import forbidden
from teamspawner.units import quantity

__all__ = ["admit", "charge", "usage"]

Thing = Mapping[str, Any]

_FINISHED = frozenset({"Succeeded", "Failed"})
_SHORT = frozenset({"cpu", "memory", "ephemeral-storage"})
_COUNTED = frozenset(
    {
        "pods",
        "persistentvolumeclaims",
        "services",
        "secrets",
        "configmaps",
        "replicationcontrollers",
        "resourcequotas",
    }
)


def charge(kind: Kind, thing: Thing) -> Amounts:
    """Return what one object costs, by the names that quotas use."""
    if kind.kind == "Pod" and (thing.get("status") or {}).get("phase") in _FINISHED:
        return {f"count/{kind.plural}": Fraction(1)}
    cost: Amounts = {f"count/{kind.plural}" + (f".{kind.group}" if kind.group else ""): Fraction(1)}
    if kind.plural in _COUNTED:
        cost[kind.plural] = Fraction(1)
    if kind.kind == "Pod":
        cost |= _pod(thing)
    if kind.kind == "PersistentVolumeClaim":
        cost |= _claim(thing)
    return cost


def _pod(pod: Thing) -> Amounts:
    requests, limits = pod_amounts(pod["spec"], "requests"), pod_amounts(pod["spec"], "limits")
    cost = {f"requests.{name}": amount for name, amount in requests.items()}
    cost |= {name: amount for name, amount in requests.items() if name in _SHORT}
    return cost | {f"limits.{name}": limits[name] for name in limits if name in _SHORT}


def _claim(claim: Thing) -> Amounts:
    spec = claim["spec"]
    size = quantity((spec.get("resources") or {}).get("requests", {}).get("storage", "0"))
    cost = {"requests.storage": size}
    if spec.get("storageClassName"):
        prefix = f"{spec['storageClassName']}.storageclass.storage.k8s.io/"
        cost |= {f"{prefix}requests.storage": size, f"{prefix}persistentvolumeclaims": Fraction(1)}
    return cost


def usage(quota: Thing, objects: Iterable[tuple[Kind, Thing]]) -> Amounts:
    """Return what the objects of the namespace use of this quota's resources."""
    hard = quota["spec"].get("hard") or {}
    used: Counter[str] = Counter(dict.fromkeys(hard, 0))
    for kind, thing in objects:
        if _covers(quota, kind, thing):
            used.update(
                {name: amount for name, amount in charge(kind, thing).items() if name in hard}
            )
    return {name: Fraction(amount) for name, amount in used.items()}


def admit(quota: Thing, kind: Kind, thing: Thing, used: Amounts) -> None:
    """Refuse an object that the quota has no room for.

    Raises:
        Refusal: 403 in the API server's words.
    """
    if not _covers(quota, kind, thing):
        return
    name, own = thing["metadata"].get("name", ""), quota["metadata"]["name"]
    hard = {key: quantity(text) for key, text in (quota["spec"].get("hard") or {}).items()}
    cost = {key: amount for key, amount in charge(kind, thing).items() if key in hard}
    if kind.kind == "Pod":
        missing = _unstated(hard, thing)
        if missing:
            raise forbidden(kind.plural, name, f"failed quota: {own}: must specify {missing}")
    over = sorted(key for key, amount in cost.items() if amount and used[key] + amount > hard[key])
    if over:
        texts = quota["spec"]["hard"]
        told = "requested: {}, used: {}, limited: {}".format(
            *(_listed(over, amounts, texts) for amounts in (cost, used, hard))
        )
        raise forbidden(kind.plural, name, f"exceeded quota: {own}, {told}", kind.group)


def _listed(names: Iterable[str], amounts: Amounts, texts: Mapping[str, str]) -> str:
    return ",".join(f"{name}={spell(amounts[name], texts[name])}" for name in names)


_MUST_STATE = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


def _unstated(hard: Amounts, pod: Thing) -> str:
    """Name the resources that every container must state because a quota counts them."""
    told = []
    for key in sorted(hard):
        if key not in _MUST_STATE:
            continue
        side, _, name = key.rpartition(".")
        lacking = sorted(
            container["name"]
            for container in pod["spec"].get("containers", ())
            if name not in (container.get("resources") or {}).get(side or "requests", {})
        )
        if lacking:
            told.append(f"{key} for: {','.join(lacking)}")
    return "; ".join(told)


def _covers(quota: Thing, kind: Kind, thing: Thing) -> bool:
    spec = quota["spec"]
    terms = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or ()]
    terms += (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    return all(kind.kind == "Pod" and _in_scope(term, thing["spec"]) for term in terms)


def _in_scope(term: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    name = term["scopeName"]
    if name == "PriorityClass":
        own, values = spec.get("priorityClassName", ""), term.get("values") or ()
        answers = {"In": own in values, "NotIn": own not in values, "Exists": bool(own),
                   "DoesNotExist": not own}  # fmt: skip
        return answers[term["operator"]]
    best_effort = not pod_amounts(spec, "requests") and not pod_amounts(spec, "limits")
    ends = spec.get("activeDeadlineSeconds") is not None
    answers = {"BestEffort": best_effort, "NotBestEffort": not best_effort,
               "Terminating": ends, "NotTerminating": not ends}  # fmt: skip
    return answers.get(name, True)
