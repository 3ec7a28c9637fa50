"""Who may do what: Roles, ClusterRoles and their bindings, as stored in the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from teamspawner.sim.server.store import Store

__all__ = ["Action", "Caller", "allowed", "rules_for"]

Rule = Mapping[str, Any]

_GROUP = "rbac.authorization.k8s.io"
_EVERYBODY: tuple[Rule, ...] = (
    {
        "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez",
                            "/openapi", "/openapi/*", "/readyz", "/version", "/version/"],
        "verbs": ["get"],
    },
    {
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        "verbs": ["create"],
    },
    {
        "apiGroups": ["authentication.k8s.io"],
        "resources": ["selfsubjectreviews"],
        "verbs": ["create"],
    },
)  # fmt: skip
"""What the real server's bootstrap roles give every authenticated caller."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a token."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""

    @property
    def everywhere(self) -> tuple[str, ...]:
        """The groups, with the one that every authenticated caller is in."""
        return (*self.groups, "system:authenticated")


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody wants to do; ``path`` instead of a resource for other addresses."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def allowed(store: Store, caller: Caller, action: Action) -> bool:
    """Say whether a caller may do this; ``system:masters`` may do everything."""
    if "system:masters" in caller.groups:
        return True
    return any(_permits(rule, action) for rule in rules_for(store, caller, action.namespace))


def rules_for(store: Store, caller: Caller, namespace: str) -> Iterator[Rule]:
    """Yield all rules that hold for a caller, cluster-wide and in one namespace."""
    yield from _EVERYBODY
    for binding in store.all(f"clusterrolebindings.{_GROUP}").values():
        if _names(binding, caller):
            yield from _rules(store, binding["roleRef"], "")
    for (place, _), binding in store.all(f"rolebindings.{_GROUP}").items():
        if place == namespace and _names(binding, caller):
            yield from _rules(store, binding["roleRef"], namespace)


def _names(binding: Mapping[str, Any], caller: Caller) -> bool:
    own = binding["metadata"].get("namespace", "")
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name")
        if kind == "ServiceAccount":
            place = subject.get("namespace") or own
            if caller.name == f"system:serviceaccount:{place}:{name}":
                return True
        elif (kind == "User" and name == caller.name) or (
            kind == "Group" and name in caller.everywhere
        ):
            return True
    return False


def _rules(store: Store, reference: Mapping[str, Any], namespace: str) -> tuple[Rule, ...]:
    cluster_wide = reference["kind"] == "ClusterRole"
    plural = "clusterroles" if cluster_wide else "roles"
    key = ("" if cluster_wide else namespace, reference["name"])
    role = store.get(f"{plural}.{_GROUP}", key)
    return tuple((role or {}).get("rules") or ())


def _permits(rule: Rule, action: Action) -> bool:
    if not _has(rule.get("verbs"), action.verb):
        return False
    if action.path:
        return any(_path_matches(one, action.path) for one in rule.get("nonResourceURLs") or ())
    names = rule.get("resourceNames")
    return (
        _has(rule.get("apiGroups"), action.group)
        and _resource_matches(rule.get("resources") or (), action.resource)
        and (not names or action.name in names)
    )


def _has(words: Any, word: str) -> bool:
    return "*" in (words or ()) or word in (words or ())


def _resource_matches(resources: Any, resource: str) -> bool:
    _, slash, part = resource.partition("/")
    return _has(resources, resource) or bool(slash and f"*/{part}" in resources)


def _path_matches(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return path == pattern
