"""Do labels, taints and ports meet? The matching rules of the Kubernetes API.

Sources: apimachinery ``labels/selector.go``, component-helpers ``nodeaffinity.go``,
API ``toleration.go``.
"""

from __future__ import annotations

import re

from teamspawner.capacity.objects import (
    HostPort,
    Labels,
    Node,
    NodeTerm,
    Pod,
    PodTerm,
    Requirement,
    Selector,
    Taint,
    Toleration,
)

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}", re.ASCII)
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - compared with, never bound
KEEPS_AWAY = frozenset({"NoSchedule", "NoExecute"})


def holds(requirement: Requirement, labels: Labels) -> bool:
    """Tell whether one expression holds; one that the API would refuse never does."""
    if not _valid(requirement):
        return False
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return _compares(requirement, value)


def _valid(requirement: Requirement) -> bool:
    match requirement.operator:
        case "In" | "NotIn":
            return bool(requirement.values)
        case "Exists" | "DoesNotExist":
            return not requirement.values
        case "Gt" | "Lt":
            return len(requirement.values) == 1 and _integer(requirement.values[0]) is not None
        case _:
            return False


def _compares(requirement: Requirement, value: str | None) -> bool:
    left = _integer(value) if value is not None else None
    right = _integer(requirement.values[0])
    if left is None or right is None:
        return False
    return left > right if requirement.operator == "Gt" else left < right


def _integer(text: str) -> int | None:
    """Read as Go's ``ParseInt(text, 10, 64)`` does; None when it would not."""
    if _INTEGER.fullmatch(text) is None:
        return None
    value = int(text)
    return value if -(2**63) <= value < 2**63 else None


def selects(selector: Selector | None, labels: Labels) -> bool:
    """Tell whether a label selector matches; None matches nothing, an empty one everything."""
    if selector is None:
        return False
    return all(holds(requirement, labels) for requirement in selector.requirements)


def terms_match(terms: tuple[NodeTerm, ...], labels: Labels, name: str) -> bool:
    """Tell whether any node selector term matches a node; no term matches no node."""
    return any(_term_matches(term, labels, name) for term in terms)


def _term_matches(term: NodeTerm, labels: Labels, name: str) -> bool:
    if not term.expressions and not term.fields:
        return False
    if not all(holds(requirement, labels) for requirement in term.expressions):
        return False
    return all(_field_holds(requirement, name) for requirement in term.fields)


def _field_holds(requirement: Requirement, name: str) -> bool:
    """A field is ``metadata.name`` with one value; the scheduler skips any other term.

    An unknown field reads as absent. On a volume's own terms the scheduler knows
    no name, and fields do not filter there: ``name`` is empty.
    """
    if len(requirement.values) != 1 or requirement.operator not in {"In", "NotIn"}:
        return False
    if not name:
        return True
    found = name if requirement.key == "metadata.name" else ""
    return (found == requirement.values[0]) == (requirement.operator == "In")


def node_selected(selector: Labels, terms: tuple[NodeTerm, ...] | None, node: Node) -> bool:
    """Tell whether a node has all labels of ``nodeSelector`` and meets the required affinity."""
    labels = node.labels
    for key, value in selector.items():
        if labels.get(key) != value:
            return False
    return terms is None or terms_match(terms, labels, node.name)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Tell whether one toleration covers one taint (API ``ToleratesTaint``)."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return toleration.operator in {"", "Equal"} and toleration.value == taint.value


def untolerated(taints: tuple[Taint, ...], tolerations: tuple[Toleration, ...]) -> Taint | None:
    """Return the first taint that keeps the pod away, None when none does."""
    for taint in taints:
        if taint.effect in KEEPS_AWAY and not any(tolerates(t, taint) for t in tolerations):
            return taint
    return None


def pod_term_matches(term: PodTerm, pod: Pod, namespace_labels: Labels | None) -> bool:
    """Tell whether an affinity term means this pod.

    Args:
        term: A required (anti-)affinity term.
        pod: The pod that may be meant.
        namespace_labels: The labels of the pod's namespace, for the term's
            namespace selector; None when the selector must not be asked.
    """
    named = pod.namespace in term.namespaces
    if not named and namespace_labels is not None:
        named = selects(term.namespace_selector, namespace_labels)
    return named and selects(term.selector, pod.labels)


def port_taken(wanted: HostPort, taken: set[tuple[str, str, int]]) -> bool:
    """Tell whether a host port conflicts with those in use, as ``(ip, protocol, port)``."""
    ip, protocol, port = port_key(wanted)
    if ip == _EVERY_ADDRESS:
        return any((protocol, port) == key[1:] for key in taken)
    return (ip, protocol, port) in taken or (_EVERY_ADDRESS, protocol, port) in taken


def port_key(port: HostPort) -> tuple[str, str, int]:
    """Return a host port as the scheduler keeps it: empty means every address, and TCP."""
    return port.ip or _EVERY_ADDRESS, port.protocol or "TCP", port.port
