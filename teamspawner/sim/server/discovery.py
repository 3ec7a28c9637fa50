"""What the server says of itself: versions, groups, resources, a little OpenAPI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from teamspawner.sim.server.kinds import KINDS, Kind

__all__ = ["VERSION", "discover"]

VERSION = {
    "major": "1",
    "minor": "35",
    "gitVersion": "v1.35.4+teamspawner",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_SUBRESOURCES = {
    "pods": {"binding": ("Binding", ["create"]), "eviction": ("Eviction", ["create"]),
             "log": ("Pod", ["get"])},
    "serviceaccounts": {"token": ("TokenRequest", ["create"])},
}  # fmt: skip
_SUBGROUPS = {"Eviction": ("policy", "v1"), "TokenRequest": ("authentication.k8s.io", "v1")}


def discover(path: str) -> dict[str, Any] | None:
    """Return the document under a path, or None when there is none."""
    if path in _DOCUMENTS:
        return _DOCUMENTS[path]()
    for kind in KINDS:
        if path == kind.base:
            return _resources(kind.group, kind.version)
        if path == f"/apis/{kind.group}" and kind.group:
            return _group(kind.group)
        if path == f"/openapi/v3{kind.base}":
            return _openapi(kind.base)
    return None


def _groups() -> list[str]:
    return list(dict.fromkeys(kind.group for kind in KINDS if kind.group))


def _group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": [version],
            "preferredVersion": version}  # fmt: skip


def _group_list() -> dict[str, Any]:
    groups = [_group(name) for name in _groups()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _resources(group: str, version: str) -> dict[str, Any]:
    own = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
    listed = [entry for kind in own for entry in _entries(kind)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": own[0].api_version,
            "resources": listed}  # fmt: skip


def _entries(kind: Kind) -> list[dict[str, Any]]:
    entry: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _VERBS if kind.writable else ["create"],
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.plural in {"pods", "services", "daemonsets", "deployments", "statefulsets"}:
        entry["categories"] = ["all"]
    entries = [entry]
    parts = dict(_SUBRESOURCES.get(kind.plural, {}))
    if kind.status:
        parts["status"] = (kind.kind, ["get", "patch", "update"])
    for part, (shape, verbs) in parts.items():
        more = {"name": f"{kind.plural}/{part}", "singularName": "", "namespaced": kind.namespaced,
                "kind": shape, "verbs": verbs}  # fmt: skip
        if shape in _SUBGROUPS:
            more["group"], more["version"] = _SUBGROUPS[shape]
        entries.append(more)
    return entries


def _openapi_index() -> dict[str, Any]:
    bases = dict.fromkeys(kind.base for kind in KINDS)
    return {"paths": {base[1:]: {"serverRelativeURL": f"/openapi/v3{base}"} for base in bases}}


def _openapi(base: str) -> dict[str, Any]:
    """Say that patches take ``fieldValidation``: what ``kubectl apply`` looks for."""
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}}
                  for name in ("dryRun", "fieldManager", "fieldValidation", "force")]  # fmt: skip
    paths = {}
    for kind in KINDS:
        if kind.base == base and kind.writable:
            place = "/namespaces/{namespace}" if kind.namespaced else ""
            about = {"group": kind.group, "version": kind.version, "kind": kind.kind}
            operation = {"parameters": parameters, "x-kubernetes-group-version-kind": about,
                         "x-kubernetes-action": "patch", "responses": {}}  # fmt: skip
            paths[f"{base}{place}/{kind.plural}/{{name}}"] = {"patch": operation}
    info = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths}


_DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "/version": lambda: dict(VERSION),
    "/api": lambda: {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": _group_list,
    "/openapi/v3": _openapi_index,
}
