"""What happens under an object's address: binding, eviction, log, token; and access reviews."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from teamspawner.sim.server import meta
from teamspawner.sim.server.kinds import BY_PATH
from teamspawner.sim.server.rbac import Action, Caller, allowed, rules_for
from teamspawner.sim.server.refusal import Refusal, bad_request, conflict
from teamspawner.sim.server.selectors import selects
from teamspawner.sim.server.store import Store, Thing
from teamspawner.sim.server.verbs import Api, Options

__all__ = ["bind", "evict", "read_log", "review", "success", "token_for"]

_POD = BY_PATH["", "v1", "pods"]
_ACCOUNT = BY_PATH["", "v1", "serviceaccounts"]
_BUDGET = BY_PATH["policy", "v1", "poddisruptionbudgets"]


def success() -> dict[str, Any]:
    """Return the Status that says: done."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def bind(api: Api, namespace: str, name: str, body: Mapping[str, Any], options: Options) -> Any:
    """Give a pod its node.

    Raises:
        Refusal: 400, 404, or 409 when it has one already or is going away.
    """
    target = body.get("target") or {}
    if not target.get("name"):
        raise bad_request("target.name: Required value")
    pod = api.get(_POD, namespace, name)
    told = _unbindable(pod)
    if told:
        raise conflict("pods/binding", name, told)
    bound = copy.deepcopy(dict(pod))
    bound["spec"]["nodeName"] = target["name"]
    conditions = [
        one for one in bound["status"].get("conditions") or () if one["type"] != "PodScheduled"
    ]
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None,
                 "lastTransitionTime": meta.now()}  # fmt: skip
    bound["status"]["conditions"] = [*conditions, scheduled]
    sent = (body.get("metadata") or {}).get("annotations") or {}
    if sent:
        bound["metadata"]["annotations"] = {**bound["metadata"].get("annotations", {}), **sent}
    if not options.dry_run:
        api.keep(_POD, (namespace, name), bound)
    return success()


def _unbindable(pod: Thing) -> str:
    name = pod["metadata"]["name"]
    if "deletionTimestamp" in pod["metadata"]:
        return f"pod {name} is being deleted, cannot be assigned to a host"
    if pod["spec"].get("nodeName"):
        return f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
    if pod["spec"].get("schedulingGates"):
        return f"pod {name} has non-empty .spec.schedulingGates"
    return ""


def evict(api: Api, namespace: str, name: str, body: Mapping[str, Any], options: Options) -> Any:
    """Delete a pod if its disruption budgets allow it.

    Raises:
        Refusal: 404, or 429 when a budget is used up.
    """
    pod = api.get(_POD, namespace, name)
    labels = pod["metadata"].get("labels") or {}
    for key, budget in list(api.store.all(_BUDGET.storage).items()):
        if key[0] != namespace or not selects(budget["spec"].get("selector"), labels):
            continue
        left = (budget.get("status") or {}).get("disruptionsAllowed", 0)
        if left <= 0:
            own = key[1]
            cause = {"reason": "DisruptionBudget", "message": f"The disruption budget {own} needs"
                     " more healthy pods"}  # fmt: skip
            told = "Cannot evict pod as it would violate the pod's disruption budget."
            raise Refusal(429, "TooManyRequests", told, {"causes": [cause]})
        if not options.dry_run:
            status = {**budget["status"], "disruptionsAllowed": left - 1}
            api.keep(_BUDGET, key, {**budget, "status": status})
    api.delete(_POD, namespace, name, body.get("deleteOptions"), options)
    return success()


def read_log(
    api: Api, logs: Path | None, namespace: str, name: str, query: Mapping[str, str]
) -> bytes:
    """Return what a container of a pod wrote.

    Raises:
        Refusal: 400 when the container is not known or not started, 404 without the pod.
    """
    pod = api.get(_POD, namespace, name)
    names = [one["name"] for one in pod["spec"]["containers"]]
    names += [one["name"] for one in pod["spec"].get("initContainers") or ()]
    container = query.get("container") or names[0]
    if container not in names:
        raise bad_request(f"container {container} is not valid for pod {name}")
    path = logs and logs / f"{namespace}_{name}_{pod['metadata']['uid']}" / f"{container}.log"
    if not path or not path.exists():
        told = f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating'
        raise bad_request(told)
    lines = path.read_bytes().splitlines(keepends=True)
    tail = query.get("tailLines", "")
    return b"".join(lines[-int(tail) :] if tail.isdecimal() and int(tail) else lines)


def token_for(
    api: Api, tokens: dict[str, Caller], namespace: str, name: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Make a token for a service account.

    Raises:
        Refusal: 404 without the account.
    """
    account = api.get(_ACCOUNT, namespace, name)
    token = secrets.token_urlsafe(32)
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    tokens[token] = Caller(
        f"system:serviceaccount:{namespace}:{name}", groups, account["metadata"]["uid"]
    )
    seconds = int((body.get("spec") or {}).get("expirationSeconds") or 3600)
    ends = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": meta.now()},
        "spec": {**(body.get("spec") or {}), "expirationSeconds": seconds},
        "status": {"token": token, "expirationTimestamp": ends},
    }


def review(store: Store, caller: Caller, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a question of a caller about their own rights or name.

    Raises:
        Refusal: 400 when the question is none.
    """
    spec = body.get("spec") or {}
    if kind == "SelfSubjectReview":
        user = {"username": caller.name, "uid": caller.uid, "groups": [*caller.everywhere]}
        return {**body, "status": {"userInfo": user}}
    if kind == "SelfSubjectRulesReview":
        return {**body, "status": _rules(store, caller, spec.get("namespace", ""))}
    asked, path = spec.get("resourceAttributes") or {}, spec.get("nonResourceAttributes") or {}
    if bool(asked) == bool(path):
        raise bad_request(
            "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        )
    if path:
        action = Action(path.get("verb", ""), path=path.get("path", ""))
    else:
        part = asked.get("subresource")
        resource = asked.get("resource", "") + (f"/{part}" if part else "")
        action = Action(asked.get("verb", ""), asked.get("group", ""), resource,
                        asked.get("namespace", ""), asked.get("name", ""))  # fmt: skip
    return {**body, "status": {"allowed": allowed(store, caller, action)}}


def _rules(store: Store, caller: Caller, namespace: str) -> dict[str, Any]:
    everything: list[Mapping[str, Any]] = (
        [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        if "system:masters" in caller.groups
        else list(rules_for(store, caller, namespace))
    )
    fields = ("verbs", "apiGroups", "resources", "resourceNames")
    return {
        "resourceRules": [
            {name: rule[name] for name in fields if name in rule}
            for rule in everything
            if "resources" in rule
        ],
        "nonResourceRules": [
            {"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]}
            for rule in everything
            if "nonResourceURLs" in rule
        ],
        "incomplete": False,
    }
