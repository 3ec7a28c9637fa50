"""Admission: what the cluster adds to a new object, and what it refuses on the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from teamspawner.sim.server import limits, quota
from teamspawner.sim.server.amounts import spell
from teamspawner.sim.server.kinds import KINDS, Kind
from teamspawner.sim.server.refusal import forbidden, not_found
from teamspawner.sim.server.schema import canonical
from teamspawner.sim.server.store import Store, Thing

__all__ = ["admit", "admit_to_namespace", "mutate", "refresh_quotas", "set_priority"]

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_BUILT_IN = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
_EVICTED_AFTER_S = 300


def admit_to_namespace(store: Store, kind: Kind, thing: Thing) -> None:
    """Refuse an object whose namespace does not exist or is going away.

    Raises:
        Refusal: 404 or 403.
    """
    if not kind.namespaced:
        return
    name = thing["metadata"]["namespace"]
    namespace = store.get("namespaces.", ("", name))
    if namespace is None:
        raise not_found("namespaces", name)
    if namespace["status"]["phase"] == "Terminating":
        why = f"unable to create new content in namespace {name} because it is being terminated"
        raise forbidden(kind.plural, thing["metadata"].get("name", ""), why, kind.group)


def mutate(store: Store, kind: Kind, thing: dict[str, Any]) -> None:
    """Add what admission adds to a new object, in place.

    Raises:
        Refusal: 403 when a class it names does not exist.
    """
    if kind.kind == "Pod":
        limits.fill_pod(_in_namespace(store, "limitranges.", thing), thing)
        set_priority(store, thing)
        _default_tolerations(thing["spec"])
        _runtime_class(store, thing)
    elif kind.kind == "PersistentVolumeClaim":
        _storage_class(store, thing["spec"])


def admit(store: Store, kind: Kind, thing: Thing) -> None:
    """Refuse what LimitRange or ResourceQuota of the namespace forbid.

    Raises:
        Refusal: 403 in the API server's words.
    """
    if kind.kind == "Pod":
        limits.bound_pod(_in_namespace(store, "limitranges.", thing), thing)
    elif kind.kind == "PersistentVolumeClaim":
        limits.bound_claim(_in_namespace(store, "limitranges.", thing), thing)
    if not kind.namespaced:
        return
    for one in sorted(_in_namespace(store, "resourcequotas.", thing), key=_name):
        used = quota.usage(one, _contents(store, thing["metadata"]["namespace"]))
        quota.admit(one, kind, thing, used)


def refresh_quotas(store: Store, namespace: str) -> None:
    """Write what is used into the status of the quotas of a namespace, where it changed."""
    for key, one in list(store.all("resourcequotas.").items()):
        if key[0] != namespace:
            continue
        hard = one["spec"].get("hard") or {}
        used = quota.usage(one, _contents(store, namespace))
        shown = {name: spell(used[name], text) for name, text in hard.items()}
        status = {"hard": hard, "used": shown}
        if one.get("status") != status:
            store.write("resourcequotas.", key, {**one, "status": status})


def _name(thing: Thing) -> str:
    return str(thing["metadata"]["name"])


def _in_namespace(store: Store, resource: str, thing: Thing) -> list[Thing]:
    namespace = thing["metadata"]["namespace"]
    return [one for key, one in store.all(resource).items() if key[0] == namespace]


def _contents(store: Store, namespace: str) -> Iterator[tuple[Kind, Thing]]:
    for kind in KINDS:
        if kind.namespaced and kind.plural != "events":
            for key, thing in store.all(kind.storage).items():
                if key[0] == namespace:
                    yield kind, thing


def set_priority(store: Store, pod: dict[str, Any]) -> None:
    """Give a pod the priority of its class, in place.

    Raises:
        Refusal: 403 when there is no such class.
    """
    spec = pod["spec"]
    name = spec.get("priorityClassName", "")
    classes = store.all("priorityclasses.scheduling.k8s.io").values()
    found: Mapping[str, Any] | None = None
    if name:
        found = next((one for one in classes if one["metadata"]["name"] == name), None)
        if found is None and name in _BUILT_IN:
            found = {"value": _BUILT_IN[name]}
        if found is None:
            why = f"no PriorityClass with name {name} was found"
            raise forbidden("pods", pod["metadata"].get("name", ""), why)
    else:
        defaults = [one for one in classes if one.get("globalDefault")]
        found = min(defaults, key=lambda one: one["value"], default=None)
        if found is not None:
            spec["priorityClassName"] = found["metadata"]["name"]
    spec["priority"] = found["value"] if found else 0
    policy = found.get("preemptionPolicy") if found else None
    spec["preemptionPolicy"] = policy or "PreemptLowerPriority"


def _default_tolerations(spec: dict[str, Any]) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for condition in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{condition}"
        if not any(_tolerates_eviction(one, key) for one in tolerations):
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute",
                 "tolerationSeconds": _EVICTED_AFTER_S}
            )  # fmt: skip


def _tolerates_eviction(toleration: Mapping[str, Any], key: str) -> bool:
    return toleration.get("key", "") in {"", key} and toleration.get("effect", "") in {
        "",
        "NoExecute",
    }


def _runtime_class(store: Store, pod: dict[str, Any]) -> None:
    name = pod["spec"].get("runtimeClassName")
    if not name:
        return
    found = store.get("runtimeclasses.node.k8s.io", ("", name))
    if found is None:
        why = f'pod rejected: RuntimeClass "{name}" not found'
        raise forbidden("pods", pod["metadata"].get("name", ""), why)
    overhead = (found.get("overhead") or {}).get("podFixed")
    if overhead:
        pod["spec"]["overhead"] = {key: canonical(text) for key, text in overhead.items()}
    scheduling = found.get("scheduling") or {}
    if scheduling.get("nodeSelector"):
        pod["spec"]["nodeSelector"] = {
            **pod["spec"].get("nodeSelector", {}),
            **scheduling["nodeSelector"],
        }
    pod["spec"].setdefault("tolerations", []).extend(scheduling.get("tolerations") or ())


def _storage_class(store: Store, spec: dict[str, Any]) -> None:
    if "storageClassName" in spec:
        return
    defaults = [
        one
        for one in store.all("storageclasses.storage.k8s.io").values()
        if ((one["metadata"].get("annotations")) or {}).get(_DEFAULT_CLASS) == "true"
    ]
    if defaults:
        newest = max(defaults, key=lambda one: one["metadata"].get("creationTimestamp", ""))
        spec["storageClassName"] = newest["metadata"]["name"]
