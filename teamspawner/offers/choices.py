"""A validated choice: the canonical options, and what they do to the pod, complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from teamspawner.capacity.accelerators import is_accelerator
from teamspawner.capacity.objects import (
    Candidate,
    NodeTerm,
    Pod,
    PodSpec,
    Requirement,
    Toleration,
    VolumeUse,
)
from teamspawner.map import Map, Volume
from teamspawner.offers.labels import TEAM_LABEL, TIER_LABEL, VARIANT_LABEL
from teamspawner.offers.model import Choice
from teamspawner.offers.variants import Found, Size, tolerations_of

_ADMISSION = tuple(
    Toleration(f"node.kubernetes.io/{key}", "Exists", "", "NoExecute")
    for key in ("not-ready", "unreachable")
)
"""Added to every pod by the API server (admission DefaultTolerationSeconds)."""


class Pick(NamedTuple):
    """What is chosen of a variant: devices (0 without), the team charged, an image of the map."""

    gpus: int
    team: str
    image: str | None = None


def build(parsed: Map, found: Found, size: Size, pick: Pick) -> Choice:
    """Make the choice of one variant, count, team and image."""
    variant, (count, team, image) = found.variant, pick
    devices = {variant.resource: count} if found.fleet else {}
    options = {"profile": variant.slug}
    labels = {TIER_LABEL: variant.tier, TEAM_LABEL: team}
    if found.fleet:
        options["gpus"] = str(count)
        labels[VARIANT_LABEL] = variant.slug
    if image is not None:
        options["image"] = image
    options["team"] = team
    sizes = {"cpu": size.cpu or 0, "memory": size.memory or 0}
    return Choice(
        slug=variant.slug,
        tier=variant.tier,
        team=team,
        user_options=options,
        override=_override(parsed, found, size, pick),
        labels=labels,
        requests={name: amount for name, amount in sizes.items() if amount} | devices,
        devices=devices,
        start_timeout_s=found.tier.start_timeout,
        title=f"{variant.name} ×{count}" if count > 1 else variant.name,
        model=variant.model,
    )


def _override(parsed: Map, found: Found, size: Size, pick: Pick) -> dict[str, Any]:
    """KubeSpawner's traits. Accelerators as limits only: the API copies them to requests.

    The lists hold the tier's own entries, to be added to the chart's.
    """
    volumes = parsed.teams[pick.team].volumes
    device = found.variant.resource
    override: dict[str, Any] = {
        "cpu_guarantee": _cores(size.cpu),
        "cpu_limit": _cores(size.cpu_limit),
        "mem_guarantee": size.memory,
        "mem_limit": size.memory_limit,
        "extra_resource_limits": {device: str(pick.gpus)} if found.fleet else {},
        "extra_resource_guarantees": {},
        "node_selector": dict(found.tier.nodes.selector),
        "node_affinity_required": [_term(term) for term in found.fleet.terms]
        if found.fleet
        else [],
        "tolerations": [_toleration(toleration) for toleration in tolerations_of(found)],
        "volumes": [_volume(volume) for volume in volumes],
        "volume_mounts": [_mount(volume) for volume in volumes],
    }
    if pick.image is not None:
        override["image"] = parsed.images[pick.image].image
    if found.tier.start_timeout is not None:
        override["start_timeout"] = found.tier.start_timeout
    return override


def _cores(millicores: int | None) -> float | None:
    return None if millicores is None else millicores / 1000


def _term(term: NodeTerm) -> dict[str, Any]:
    parts = {"matchExpressions": term.expressions, "matchFields": term.fields}
    return {part: [_expression(each) for each in found] for part, found in parts.items() if found}


def _expression(requirement: Requirement) -> dict[str, Any]:
    values = {"values": list(requirement.values)} if requirement.values else {}
    return {"key": requirement.key, "operator": requirement.operator, **values}


def _toleration(toleration: Toleration) -> dict[str, str]:
    spelled = {
        "key": toleration.key,
        "operator": toleration.operator,
        "value": toleration.value,
        "effect": toleration.effect,
    }
    return {name: value for name, value in spelled.items() if value}


def _volume_name(volume: Volume) -> str:
    return f"team-{volume.name}"[:63].rstrip("-")


def _volume(volume: Volume) -> dict[str, Any]:
    return {
        "name": _volume_name(volume),
        "persistentVolumeClaim": {"claimName": volume.claim},
    }


def _mount(volume: Volume) -> dict[str, Any]:
    sub_path = {"subPath": volume.sub_path} if volume.sub_path else {}
    return {
        "name": _volume_name(volume),
        "mountPath": volume.mount,
        "readOnly": volume.mode == "ro",
        **sub_path,
    }


def plain_pod(choice: Choice, namespace: str = "default", *, claims: bool = True) -> Candidate:
    """The pod of a choice on a hub without settings of its own; the home volume is left out.

    Args:
        choice: What was chosen.
        namespace: Where the pod and its claims would be.
        claims: Whether to look at the claims of team volumes.
    """
    override = choice.override
    volumes = tuple(
        VolumeUse("claim", volume["persistentVolumeClaim"]["claimName"])
        for volume in override.get("volumes", ())
        if claims
    )
    tolerations = tuple(Toleration(**toleration) for toleration in override["tolerations"])
    terms = tuple(
        NodeTerm(_read(term.get("matchExpressions", ())), _read(term.get("matchFields", ())))
        for term in override["node_affinity_required"]
    )
    spec = PodSpec(
        requests=choice.requests,
        node_selector=override["node_selector"],
        node_terms=terms or None,
        tolerations=(*tolerations, *_ADMISSION),
        volumes=volumes,
    )
    return Candidate(Pod(namespace, dict(choice.labels), spec))


def _read(expressions: Iterable[Mapping[str, Any]]) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(each["key"], each["operator"], tuple(each.get("values", ())))
        for each in expressions
    )


def is_of_tier(resource: str) -> bool:
    """Whether a tier alone says how much of a resource its servers get, whatever the hub adds."""
    return resource in {"cpu", "memory"} or is_accelerator(resource)


def cross_terms(base: list[dict[str, Any]], own: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Node selector terms that demand one of ``base`` and one of ``own``.

    Kubernetes joins the terms of a list by OR, so putting two lists together would
    let a node pass that meets only one of them.
    """
    if not base or not own:
        return [*base, *own]
    return [_joined(first, second) for first in base for second in own]


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    parts = ("matchExpressions", "matchFields")
    both = {part: [*first.get(part, ()), *second.get(part, ())] for part in parts}
    return {part: expressions for part, expressions in both.items() if expressions}
