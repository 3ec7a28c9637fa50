"""Label and field selectors of list and watch requests, in the grammar of the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from teamspawner.sim.server.kinds import Kind
from teamspawner.sim.server.refusal import bad_request

__all__ = ["Predicate", "field_selector", "label_selector", "selects"]

Predicate = Callable[[Mapping[str, Any]], bool]
"""Says whether an object is selected."""

_KEY = r"(?:[A-Za-z0-9][-A-Za-z0-9.]*/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_TERM = re.compile(
    rf"\s*(?:"
    rf"(?P<key>{_KEY})\s*(?P<op>==|=|!=|>|<)\s*(?P<value>{_VALUE})"
    rf"|(?P<set>{_KEY})\s+(?P<how>in|notin)\s*\((?P<values>[^()]*)\)"
    rf"|(?P<no>!?)\s*(?P<exists>{_KEY})"
    rf")\s*(?:,|$)"
)
_FIELD_TERM = re.compile(r"^(?P<path>[^=!]+?)\s*(?P<op>==|=|!=)\s*(?P<value>.*)$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FIELDS = {
    "pods": _words(
        "spec.nodeName spec.restartPolicy spec.schedulerName "
        "spec.serviceAccountName spec.hostNetwork status.phase status.podIP "
        "status.podIPs status.nominatedNodeName "
    ),
    "nodes": frozenset({"spec.unschedulable"}),
    "namespaces": frozenset({"status.phase"}),
    "secrets": frozenset({"type"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "replicasets": frozenset({"status.replicas"}),
    "replicationcontrollers": frozenset({"status.replicas"}),
    "events": _words(
        "involvedObject.kind involvedObject.namespace involvedObject.name "
        "involvedObject.uid involvedObject.apiVersion "
        "involvedObject.resourceVersion involvedObject.fieldPath reason "
        "reportingComponent source type "
    ),
}
"""Fields, beyond name and namespace, that each resource can be selected by (kube-apiserver)."""

_DEFAULTS = {
    "spec.unschedulable": "false",
    "spec.hostNetwork": "false",
    "status.replicas": "0",
}


def label_selector(text: str) -> Predicate:
    """Read a label selector; an empty one selects everything.

    Raises:
        Refusal: 400 when it is not in the grammar.
    """
    tests: list[Callable[[Mapping[str, str]], bool]] = []
    place = 0
    while place < len(text.rstrip()):
        found = _TERM.match(text, place)
        if found is None or (found.end() == len(text) and text.rstrip().endswith(",")):
            raise bad_request(f"unable to parse requirement: found {text[place:]!r}")
        tests.append(_requirement(found))
        place = found.end()
    return lambda thing: all(
        test((thing.get("metadata") or {}).get("labels") or {}) for test in tests
    )


def _requirement(found: re.Match[str]) -> Callable[[Mapping[str, str]], bool]:
    if found["exists"]:
        key, wanted = found["exists"], not found["no"]
        return lambda labels: (key in labels) is wanted
    if found["set"]:
        key = found["set"]
        values = {value.strip() for value in found["values"].split(",")}
        if found["how"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    return _comparison(found["key"], found["op"], found["value"])


def _comparison(key: str, operator: str, value: str) -> Callable[[Mapping[str, str]], bool]:
    if operator in {"=", "=="}:
        return lambda labels: labels.get(key) == value
    if operator == "!=":
        return lambda labels: labels.get(key) != value
    if not re.fullmatch(r"[+-]?\d+", value):
        raise bad_request(
            f"unable to parse requirement: values[0][{key}]: Invalid value: {value!r}:"
            " for 'Gt', 'Lt' operators, the value must be an integer"
        )
    bound, sign = int(value), (1 if operator == ">" else -1)

    def beyond(labels: Mapping[str, str]) -> bool:
        own = labels.get(key, "")
        return re.fullmatch(r"[+-]?\d+", own) is not None and sign * int(own) > sign * bound

    return beyond


def field_selector(kind: Kind, text: str) -> Predicate:
    """Read a field selector for one kind; an empty one selects everything.

    Raises:
        Refusal: 400 when it is malformed or names a field that the kind cannot be selected by.
    """
    terms = [_field_term(kind, part) for part in text.split(",") if part.strip()]
    return lambda thing: all((_field(thing, path) == value) is same for path, value, same in terms)


def _field_term(kind: Kind, part: str) -> tuple[str, str, bool]:
    found = _FIELD_TERM.match(part.strip())
    if found is None:
        raise bad_request(f"invalid selector: {part!r}; can't understand {part!r}")
    path = found["path"].strip()
    known = {"metadata.name"} | _FIELDS.get(kind.plural, frozenset())
    if kind.namespaced:
        known = known | {"metadata.namespace"}
    if path not in known:
        raise bad_request(f'field label not supported: "{path}"')
    return path, found["value"].strip(), found["op"] != "!="


def _field(thing: Mapping[str, Any], path: str) -> str:
    value: Any = thing
    if path == "source":
        path = "source.component"
    if path.startswith("involvedObject.") and "regarding" in thing:
        path = path.replace("involvedObject", "regarding")
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value is not None else _DEFAULTS.get(path, "")


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Say whether a LabelSelector object selects these labels; None selects nothing."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_expression(term, labels) for term in selector.get("matchExpressions") or ())


def _expression(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = term["key"], term.get("values") or ()
    answers = {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return answers[term["operator"]]
