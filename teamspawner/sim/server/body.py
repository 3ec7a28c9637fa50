"""What a request says beyond its address: its body, and the options of a write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from aiohttp import web

from teamspawner.sim.server.refusal import Refusal, bad_request
from teamspawner.sim.server.verbs import Options

__all__ = ["as_map", "delete_options", "options_of", "read_body"]

_BODIES = frozenset({"application/json", "application/yaml"})


def as_map(body: Any) -> Mapping[str, Any]:
    """Return a body that has to be an object.

    Raises:
        Refusal: 400 when it is none.
    """
    if not isinstance(body, Mapping):
        raise bad_request("the body of the request is not an object")
    return body


async def read_body(request: web.Request) -> Any:
    """Read the body, JSON or YAML; an empty one is an empty object."""
    data = await request.read()
    if not data:
        return {}
    if request.method in {"POST", "PUT"} and request.content_type not in _BODIES:
        told = "the body of the request was in an unknown format - accepted media types include:"
        raise Refusal(415, "UnsupportedMediaType", f"{told} application/json, application/yaml")
    read = yaml.safe_load if request.content_type == "application/yaml" else json.loads
    try:
        body = read(data)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    return {} if body is None else body


def options_of(request: web.Request, body: Any) -> Options:
    """Return the options of a write.

    Raises:
        Refusal: 422 for a value that is not known.
    """
    sent = request.query.getall("dryRun", []) or (
        body.get("dryRun") or [] if isinstance(body, Mapping) else []
    )
    if any(one not in {"All", ""} for one in sent):
        told = f'Unsupported value: "{sent[0]}": supported values: "All"'
        raise Refusal(422, "Invalid", f"dryRun: {told}")
    validation = request.query.get("fieldValidation") or "Warn"
    if validation not in {"Strict", "Warn", "Ignore"}:
        raise Refusal(422, "Invalid", f'fieldValidation: Unsupported value: "{validation}"')
    return Options(dry_run="All" in sent, validation=validation)


def delete_options(request: web.Request, body: Any) -> dict[str, Any]:
    """Return what a deletion is to heed, from its body and its query.

    Raises:
        Refusal: 400 when the grace is no number.
    """
    options = dict(as_map(body))
    query = request.query
    if query.get("gracePeriodSeconds"):
        options["gracePeriodSeconds"] = query["gracePeriodSeconds"]
    if query.get("propagationPolicy"):
        options["propagationPolicy"] = query["propagationPolicy"]
    grace = options.get("gracePeriodSeconds")
    if grace is not None and not str(grace).isdecimal():
        raise bad_request(f"gracePeriodSeconds: Invalid value: {grace!r}")
    return options | ({"gracePeriodSeconds": int(grace)} if grace is not None else {})
