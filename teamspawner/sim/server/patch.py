"""The patch types of the API: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from teamspawner.sim.server.refusal import Refusal, bad_request

__all__ = ["json_patch", "merge_patch", "strategic_patch"]

_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "schedulingGates": "name",
    "resourceClaims": "name",
    "ownerReferences": "uid",
    "conditions": "type",
    "addresses": "type",
    "secrets": "name",
    "podIPs": "ip",
}
"""Lists that a strategic merge patch merges, and by which key (the API's patchMergeKey)."""

_PORT_KEYS = ("containerPort", "port")
_SETS = frozenset({"finalizers", "podCIDRs"})


def merge_patch(old: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(old) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(old: Any, operations: Any) -> Any:
    """Apply a JSON patch (RFC 6902).

    Raises:
        Refusal: 400 when it is malformed, 422 when it cannot be applied.
    """
    if not isinstance(operations, list) or not all(isinstance(one, Mapping) for one in operations):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    result = copy.deepcopy(old)
    for operation in operations:
        try:
            result = _operate(result, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Refusal(
                422,
                "Invalid",
                f"the server rejected our request due to an error in our request: {error}",
            ) from error
    return result


def _operate(document: Any, operation: Mapping[str, Any]) -> Any:
    name, path = operation["op"], _pointer(operation["path"])
    if name == "test":
        if _at(document, path) != operation["value"]:
            raise ValueError(f"testing value {operation['path']} failed")
        return document
    if name in {"move", "copy"}:
        source = _pointer(operation["from"])
        value = copy.deepcopy(_at(document, source))
        document = _remove(document, source) if name == "move" else document
        return _insert(document, path, value)
    if name == "remove":
        return _remove(document, path)
    if name not in {"add", "replace"}:
        raise ValueError(f"unexpected kind: {name}")
    if name == "replace":
        _at(document, path)
        document = _remove(document, path)
    return _insert(document, path, copy.deepcopy(operation["value"]))


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(f"{text!r} is no JSON pointer")
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _at(document: Any, path: list[str]) -> Any:
    for step in path:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    parent = _at(document, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
    return document


def _insert(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _at(document, path[:-1])
    if isinstance(parent, list):
        place = len(parent) if path[-1] == "-" else int(path[-1])
        if not 0 <= place <= len(parent):
            raise IndexError(f"index {place} out of bounds")
        parent.insert(place, value)
    else:
        parent[path[-1]] = value
    return document


def strategic_patch(old: Any, patch: Any) -> Any:
    """Apply a strategic merge patch: like a merge patch, but known lists merge by their key.

    Understands ``$patch: delete | replace``, ``$deleteFromPrimitiveList/…``,
    ``$retainKeys`` and ``$setElementOrder/…`` (whose order is not imposed).
    """
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    plain = {key: value for key, value in patch.items() if not key.startswith("$")}
    if directive == "replace":
        return copy.deepcopy(plain)
    result = dict(old) if isinstance(old, Mapping) else {}
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    for key, value in plain.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_field(key, result.get(key), value)
    for key, value in patch.items():
        name = key.removeprefix("$deleteFromPrimitiveList/")
        if name != key:
            result[name] = [one for one in result.get(name, ()) if one not in value]
    return result


def _merge_field(name: str, old: Any, new: Any) -> Any:
    if not isinstance(new, list):
        return strategic_patch(old, new)
    known = old if isinstance(old, list) else []
    if name in _SETS:
        return known + [one for one in new if one not in known]
    identity = _identity(name, known + new)
    if identity is None:
        return _without_directives(new)
    return _merge_list(known, new, identity)


def _identity(name: str, items: list[Any]) -> Callable[[Any], Any] | None:
    if name == "ports":
        keys = [key for key in _PORT_KEYS if any(key in item for item in items)]
    else:
        keys = [_MERGE_KEYS[name]] if name in _MERGE_KEYS else []
    if not keys or not all(isinstance(item, Mapping) for item in items):
        return None
    return lambda item: item.get(keys[0])


def _without_directives(items: list[Any]) -> list[Any]:
    kept = [one for one in items if not (isinstance(one, Mapping) and "$patch" in one)]
    return copy.deepcopy(kept)


def _merge_list(old: list[Any], new: list[Any], identity: Callable[[Any], Any]) -> list[Any]:
    if any(item.get("$patch") == "replace" for item in new):
        return _without_directives(new)
    result = {identity(item): item for item in old}
    added = []
    for item in new:
        key = identity(item)
        if item.get("$patch") == "delete":
            result.pop(key, None)
        elif key in result:
            result[key] = strategic_patch(result[key], item)
        else:
            added.append(strategic_patch({}, item))
    return [*result.values(), *added]
