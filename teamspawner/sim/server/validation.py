"""What the API refuses to keep: names, labels, and the fields of pods, nodes and claims."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.refusal import invalid
from teamspawner.units import quantity

__all__ = ["validate", "validate_pod_update"]

Fault = tuple[str, str, str]
"""Field path, the API's reason word, the sentence."""

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PATH_SEGMENT = re.compile(r"(?!\.\.?$)[^/%]+")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    " '.', and must start and end with an alphanumeric character"
)
_LABEL_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character"
)
_LABEL_KINDS = frozenset({"Namespace", "Service"})
_PATH_KINDS = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")


def validate(kind: Kind, thing: Mapping[str, Any]) -> None:
    """Refuse an object that breaks the rules of its kind, naming all faults at once.

    Raises:
        Refusal: 422 with one cause per fault.
    """
    faults = [*_metadata(kind, thing["metadata"]), *_RULES.get(kind.kind, _no_rules)(thing)]
    if faults:
        meta = thing["metadata"]
        raise invalid(kind.kind, meta.get("name") or "", faults, kind.group)


def _wrong(field: str, value: Any, why: str) -> Fault:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return field, "FieldValueInvalid", f"Invalid value: {shown}: {why}"


def _needed(field: str, why: str = "") -> Fault:
    return field, "FieldValueRequired", "Required value" + (f": {why}" if why else "")


def _unsupported(field: str, value: Any, allowed: tuple[str, ...]) -> Fault:
    listed = ", ".join(f'"{one}"' for one in allowed)
    return (
        field,
        "FieldValueNotSupported",
        f'Unsupported value: "{value}": supported values: {listed}',
    )


def _no_rules(_: Mapping[str, Any]) -> Iterator[Fault]:
    return iter(())


def _metadata(kind: Kind, meta: Mapping[str, Any]) -> Iterator[Fault]:
    name = meta.get("name")
    if not name:
        yield _needed("metadata.name", "name or generateName is required")
    elif not _name_is_good(kind, name):
        yield _wrong("metadata.name", name, _SUBDOMAIN_WORDS)
    for key, value in (meta.get("labels") or {}).items():
        if not _qualified(key):
            yield _wrong(
                "metadata.labels", key, "name part must consist of alphanumeric characters"
            )
        if len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
            yield _wrong("metadata.labels", value, _LABEL_VALUE_WORDS)
    for key in meta.get("annotations") or {}:
        if not _qualified(key.lower()):
            yield _wrong(
                "metadata.annotations", key, "name part must consist of alphanumeric characters"
            )


def _name_is_good(kind: Kind, name: str) -> bool:
    if kind.kind in _LABEL_KINDS:
        return len(name) <= 63 and _LABEL.fullmatch(name) is not None
    if kind.kind in _PATH_KINDS:
        return _PATH_SEGMENT.fullmatch(name) is not None
    return len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def _qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    good_prefix = not slash or (len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix))
    return bool(good_prefix) and len(name) <= 63 and _QUALIFIED.fullmatch(name) is not None


def _pod(pod: Mapping[str, Any]) -> Iterator[Fault]:
    spec = pod["spec"]
    if not spec.get("containers"):
        yield _needed("spec.containers")
    volumes = {volume.get("name") for volume in spec.get("volumes", ())}
    seen: set[Any] = set()
    for place, container in _containers(spec):
        yield from _container(place, container, volumes)
        if container.get("name") in seen:
            yield f"{place}.name", "FieldValueDuplicate", f'Duplicate value: "{container["name"]}"'
        seen.add(container.get("name"))
    allowed = ("Always", "OnFailure", "Never")
    if spec["restartPolicy"] not in allowed:
        yield _unsupported("spec.restartPolicy", spec["restartPolicy"], allowed)
    for number, volume in enumerate(spec.get("volumes", ())):
        if not _LABEL.fullmatch(volume.get("name") or ""):
            yield _wrong(f"spec.volumes[{number}].name", volume.get("name"), _SUBDOMAIN_WORDS)
    yield from _tolerations(spec.get("tolerations", ()))
    yield from _affinity(spec.get("affinity") or {})


def _containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for field in ("containers", "initContainers"):
        for place, container in enumerate(spec.get(field, ())):
            yield f"spec.{field}[{place}]", container


def _container(place: str, container: Mapping[str, Any], volumes: set[Any]) -> Iterator[Fault]:
    name = container.get("name")
    if not name:
        yield _needed(f"{place}.name")
    elif not _LABEL.fullmatch(name):
        yield _wrong(f"{place}.name", name, _SUBDOMAIN_WORDS)
    if not container.get("image"):
        yield _needed(f"{place}.image")
    yield from _resources(f"{place}.resources", container["resources"])
    for number, mount in enumerate(container.get("volumeMounts", ())):
        if mount.get("name") not in volumes:
            field = f"{place}.volumeMounts[{number}].name"
            yield field, "FieldValueNotFound", f'Not found: "{mount.get("name")}"'


def _resources(place: str, resources: Mapping[str, Any]) -> Iterator[Fault]:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for side, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            if quantity(amount) < 0:
                yield _wrong(
                    f"{place}.{side}[{name}]", amount, "must be greater than or equal to 0"
                )
            if _extended(name) and quantity(amount).denominator != 1:
                yield _wrong(f"{place}.{side}[{name}]", amount, "must be an integer")
            if "/" not in name and name not in _STANDARD and not name.startswith("hugepages-"):
                yield _wrong(f"{place}.{side}[{name}]", name, "must be a standard resource type"
                             " or fully qualified")  # fmt: skip
    for name, amount in requests.items():
        if name in limits:
            yield from _limit(place, name, amount, limits[name])
        elif _extended(name):
            yield _needed(f"{place}.limits", "Limit must be set for non overcommitable resources")


_STANDARD = frozenset({"cpu", "memory", "ephemeral-storage"})


def _extended(name: str) -> bool:
    return name.startswith("hugepages-") or ("/" in name and "kubernetes.io/" not in name)


def _limit(place: str, name: str, request: str, limit: str) -> Iterator[Fault]:
    if _extended(name) and quantity(request) != quantity(limit):
        yield _wrong(f"{place}.requests", request, f"must be equal to {name} limit of {limit}")
    elif quantity(request) > quantity(limit):
        why = f"must be less than or equal to {name} limit of {limit}"
        yield _wrong(f"{place}.requests", request, why)


def _tolerations(tolerations: Any) -> Iterator[Fault]:
    for place, one in enumerate(tolerations):
        field = f"spec.tolerations[{place}]"
        operator = one.get("operator", "Equal")
        if operator not in {"Equal", "Exists"}:
            yield _unsupported(f"{field}.operator", operator, ("Equal", "Exists"))
        if not one.get("key") and operator != "Exists":
            yield _wrong(
                f"{field}.operator", operator, "operator must be Exists when `key` is empty"
            )
        if operator == "Exists" and one.get("value"):
            yield _wrong(
                f"{field}.operator", one["value"], "value must be empty when `operator` is 'Exists'"
            )
        if one.get("effect") and one["effect"] not in _EFFECTS:
            yield _unsupported(f"{field}.effect", one["effect"], _EFFECTS)


_OPERATORS = ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")


def _affinity(affinity: Mapping[str, Any]) -> Iterator[Fault]:
    place = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    required = (affinity.get("nodeAffinity") or {}).get(place.rsplit(".", 1)[1])
    if required is None:
        return
    terms = required.get("nodeSelectorTerms")
    if not terms:
        yield _needed(f"{place}.nodeSelectorTerms", "must have at least one node selector term")
    for number, term in enumerate(terms or ()):
        for index, one in enumerate(term.get("matchExpressions", ())):
            field = f"{place}.nodeSelectorTerms[{number}].matchExpressions[{index}]"
            yield from _expression(field, one)


def _expression(field: str, one: Mapping[str, Any]) -> Iterator[Fault]:
    operator, values = one.get("operator"), one.get("values") or ()
    if operator not in _OPERATORS:
        yield _wrong(f"{field}.operator", operator, "not a valid selector operator")
    elif operator in {"In", "NotIn"} and not values:
        yield _needed(f"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in {"Exists", "DoesNotExist"} and values:
        why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        yield f"{field}.values", "FieldValueForbidden", f"Forbidden: {why}"
    elif operator in {"Gt", "Lt"} and len(values) != 1:
        why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
        yield _needed(f"{field}.values", why)


def _node(node: Mapping[str, Any]) -> Iterator[Fault]:
    seen = set()
    for place, taint in enumerate(node["spec"].get("taints", ())):
        field = f"spec.taints[{place}]"
        if not _qualified(taint.get("key", "")):
            yield _wrong(f"{field}.key", taint.get("key"), "name part must be non-empty")
        if taint.get("effect") not in _EFFECTS:
            yield _unsupported(f"{field}.effect", taint.get("effect"), _EFFECTS)
        identity = (taint.get("key"), taint.get("effect"))
        if identity in seen:
            yield field, "FieldValueDuplicate", f"Duplicate value: {taint}"
        seen.add(identity)


def _claim(claim: Mapping[str, Any]) -> Iterator[Fault]:
    spec = claim["spec"]
    if not spec.get("accessModes"):
        yield _needed("spec.accessModes", "at least 1 access mode is required")
    for mode in spec.get("accessModes", ()):
        if mode not in _MODES:
            yield _unsupported("spec.accessModes", mode, _MODES)
    if "storage" not in spec["resources"].get("requests", {}):
        yield _needed("spec.resources[storage]")


def _priority_class(thing: Mapping[str, Any]) -> Iterator[Fault]:
    highest = 1_000_000_000
    if thing["value"] > highest and not thing["metadata"].get("name", "").startswith("system-"):
        why = f"maximum allowed value of a user defined priority is {highest}"
        yield "value", "FieldValueForbidden", f"Forbidden: {why}"


def _storage_class(thing: Mapping[str, Any]) -> Iterator[Fault]:
    if not thing.get("provisioner"):
        yield _needed("provisioner")


_RULES: dict[str, Callable[[Mapping[str, Any]], Iterator[Fault]]] = {
    "Pod": _pod,
    "Node": _node,
    "PersistentVolumeClaim": _claim,
    "PriorityClass": _priority_class,
    "StorageClass": _storage_class,
}

_POD_UPDATE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only"
    " additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set"
    " to 1 if it was previously negative)"
)


def validate_pod_update(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Refuse a change of a pod that the API does not allow.

    Raises:
        Refusal: 422.
    """
    before, after = old["spec"], new["spec"]
    gated = bool(before.get("schedulingGates"))
    additions = all(one in after.get("tolerations", ()) for one in before.get("tolerations", ()))
    gates = before.get("schedulingGates", ())
    fewer_gates = all(gate in gates for gate in after.get("schedulingGates", ()))
    if additions and fewer_gates and _fixed(before, gated=gated) == _fixed(after, gated=gated):
        return
    fault = ("spec", "FieldValueForbidden", f"Forbidden: {_POD_UPDATE}")
    raise invalid("Pod", new["metadata"]["name"], [fault])


_MOVABLE = frozenset({"tolerations", "activeDeadlineSeconds", "schedulingGates"})
_GATED_MOVABLE = frozenset({"nodeSelector", "affinity"})


def _fixed(spec: Mapping[str, Any], *, gated: bool) -> dict[str, Any]:
    free = _MOVABLE | (_GATED_MOVABLE if gated else frozenset())
    kept = {name: value for name, value in spec.items() if name not in free}
    for field in ("containers", "initContainers"):
        if field in kept:
            kept[field] = [
                {name: value for name, value in one.items() if name != "image"}
                for one in kept[field]
            ]
    return kept
