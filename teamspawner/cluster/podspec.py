"""Read what a pod's specification says about placement."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

import msgspec

from teamspawner.capacity import objects
from teamspawner.capacity.objects import HostPort, NodeTerm, PodTerm, Requirement, VolumeUse
from teamspawner.capacity.requests import (
    PodResources,
    new_pod_requests,
    placed_pod_requests,
)
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.podresources import pod_resources
from teamspawner.cluster.reading import (
    LABELLED,
    MANY,
    Amounts,
    Pairs,
    disk_name,
    labels_of,
    node_terms,
    pairs,
    read,
    resources_of,
    selector_of,
)

_DISKS: tuple[tuple[str, Callable[[wire.Volume], msgspec.Raw]], ...] = (
    ("gcePersistentDisk", lambda volume: volume.gce_persistent_disk),
    ("awsElasticBlockStore", lambda volume: volume.aws_elastic_block_store),
    ("azureDisk", lambda volume: volume.azure_disk),
    ("cinder", lambda volume: volume.cinder),
    ("iscsi", lambda volume: volume.iscsi),
    ("rbd", lambda volume: volume.rbd),
)
_ABSENT = frozenset({b"", b"null"})


class _Rest(msgspec.Struct, frozen=True):
    """All of a specification but requests and node selector, hashable."""

    priority: int
    preemption_policy: str
    scheduler_name: str
    node_name: str
    node_terms: tuple[NodeTerm, ...] | None
    tolerations: tuple[objects.Toleration, ...]
    host_ports: tuple[HostPort, ...]
    volumes: tuple[VolumeUse, ...]
    affinity: tuple[PodTerm, ...]
    anti_affinity: tuple[PodTerm, ...]
    spread: tuple[objects.Spread, ...]
    gates: tuple[str, ...]
    resource_claims: tuple[str, ...]
    features: tuple[str, ...]
    resident: bool


def pod_of(found: wire.Pod, rules: Rules, *, placed: bool, resident: bool) -> objects.Pod:
    """Return the pod as the scheduler weighs it; equal pods are one object.

    Args:
        found: The pod as decoded.
        rules: The scheduler whose way of counting applies.
        placed: Count it as a pod on a node, with its resize; else by its specification alone.
        resident: It stays when a node is emptied.

    Raises:
        ObjectError: When something of it cannot be read.
    """
    requests = _requests(_resources(found, rules, placed=placed), rules, placed=placed)
    return _with(found, requests, rules, placed=placed, resident=resident)


def both_ways(
    found: wire.Pod, rules: Rules, *, resident: bool
) -> tuple[objects.Pod, objects.Pod | None]:
    """Return a pod on a node, and the same when its node refuses a resize of it.

    The second is None when it counts the same. Conditions of ``found`` are not looked at.

    Raises:
        ObjectError: When something of it cannot be read.
    """
    resources = _resources(found, rules, placed=True)
    requests = _requests(resources, rules, placed=True)
    pod = _with(found, requests, rules, placed=True, resident=resident)
    if resources.settled:
        return pod, None
    refused = _requests(replace(resources, infeasible=True), rules, placed=True)
    if refused == requests:
        return pod, None
    return pod, _with(found, refused, rules, placed=True, resident=resident)


def _resources(found: wire.Pod, rules: Rules, *, placed: bool) -> PodResources:
    spec, status = found.spec or wire.PodSpec(), found.status or wire.PodStatus()
    return pod_resources(spec, status, rules, placed=placed)


def _requests(resources: PodResources, rules: Rules, *, placed: bool) -> objects.Resources:
    return (placed_pod_requests if placed else new_pod_requests)(resources, rules)


def _with(
    found: wire.Pod, requests: objects.Resources, rules: Rules, *, placed: bool, resident: bool
) -> objects.Pod:
    meta, spec = found.metadata or wire.Meta(), found.spec or wire.PodSpec()
    return _pod(
        meta.namespace or "default",
        pairs(meta.labels),
        meta.deletion_timestamp is not None,
        tuple(sorted(requests.items())),
        pairs(spec.node_selector),
        _rest(meta, spec, rules, placed=placed, resident=resident),
    )


@lru_cache(maxsize=LABELLED)
def _pod(  # noqa: PLR0913, PLR0917 - the key of the pod, field by field
    namespace: str,
    labels: Pairs,
    terminating: bool,  # noqa: FBT001 - a part of the key
    requests: Amounts,
    node_selector: Pairs,
    rest: _Rest,
) -> objects.Pod:
    spec = _spec(requests, node_selector, rest)
    return objects.Pod(namespace, labels_of(labels), spec, terminating)


@lru_cache(maxsize=MANY)
def _spec(requests: Amounts, node_selector: Pairs, rest: _Rest) -> objects.PodSpec:
    return objects.PodSpec(
        requests=resources_of(requests),
        node_selector=labels_of(node_selector),
        **msgspec.structs.asdict(rest),
    )


def _rest(
    meta: wire.Meta, spec: wire.PodSpec, rules: Rules, *, placed: bool, resident: bool
) -> _Rest:
    raw = bytes(spec.affinity)
    own = () if placed or not _looks_at_own_labels(raw) else pairs(meta.labels)
    terms, affinity, anti_affinity = _affinities(raw, meta.namespace or "default", own)
    return _Rest(
        priority=spec.priority or 0,
        preemption_policy=spec.preemption_policy or "PreemptLowerPriority",
        scheduler_name=spec.scheduler_name or "default-scheduler",
        node_name="" if placed else spec.node_name or "",
        node_terms=terms,
        tolerations=_tolerations(bytes(spec.tolerations)),
        host_ports=_host_ports(spec, rules),
        volumes=_volumes(meta, spec.volumes) if spec.volumes else (),
        affinity=affinity,
        anti_affinity=anti_affinity,
        spread=_spread(bytes(spec.topology_spread_constraints)),
        gates=tuple(gate.name or "" for gate in spec.scheduling_gates or ()),
        resource_claims=tuple(claim.name or "" for claim in spec.resource_claims or ()),
        features=() if placed else tuple(_features(spec)),
        resident=resident,
    )


def _features(spec: wire.PodSpec) -> Iterable[str]:
    """Return what the scheduler infers that a kubelet must have (``InferForScheduling``)."""
    rules = (
        rule
        for container in (*(spec.init_containers or ()), *(spec.containers or ()))
        if (raw := bytes(container.restart_policy_rules)) not in _ABSENT
        for rule in read(raw, list[wire.RestartRule])
    )
    if any(rule.action == "RestartAllContainers" for rule in rules):
        yield "RestartAllContainersOnContainerExits"
    if spec.host_network and spec.host_users is False:
        yield "UserNamespacesHostNetworkSupport"


def _host_ports(spec: wire.PodSpec, rules: Rules) -> tuple[HostPort, ...]:
    """Return ports on the node: on the host network a container's port is one (API default)."""
    sidecars = [c for c in spec.init_containers or () if c.restart_policy == "Always"]
    counted = [*(sidecars if rules.sidecar_ports else ()), *(spec.containers or ())]
    return tuple(
        HostPort(port.protocol or "TCP", port.host_ip or "", number)
        for container in counted
        for port in container.ports or ()
        if (number := port.host_port or (spec.host_network and port.container_port) or 0) > 0
    )


def _volumes(meta: wire.Meta, volumes: Iterable[wire.Volume]) -> tuple[VolumeUse, ...]:
    found: list[VolumeUse] = []
    for volume in volumes:
        claim = volume.persistent_volume_claim
        if claim is not None:
            found.append(VolumeUse("claim", claim.claim_name or ""))
        elif bytes(volume.ephemeral) not in _ABSENT:
            found.append(
                VolumeUse(
                    "ephemeral", f"{meta.name or ''}-{volume.name or ''}", owner=meta.uid or ""
                )
            )
        else:
            found.extend(_disks(volume))
    return tuple(found)


def _disks(volume: wire.Volume) -> Iterable[VolumeUse]:
    """Return what identifies a legacy disk; an RBD image is one per monitor it is reached by."""
    for kind, pick in _DISKS:
        raw = bytes(pick(volume))
        if raw in _ABSENT:
            continue
        disk = read(raw, wire.Disk)
        names = [disk_name(disk)]
        if kind == "rbd":
            names = [f"{m} {disk.pool or 'rbd'} {disk.image or ''}" for m in disk.monitors or ()]
        for name in names:
            yield VolumeUse(kind, name, bool(disk.read_only))


@lru_cache(maxsize=MANY)
def _tolerations(raw: bytes) -> tuple[objects.Toleration, ...]:
    found = [] if raw in _ABSENT else read(raw, list[wire.Toleration])
    return tuple(
        objects.Toleration(t.key or "", t.operator or "Equal", t.value or "", t.effect or "")
        for t in found
    )


@lru_cache(maxsize=MANY)
def _spread(raw: bytes) -> tuple[objects.Spread, ...]:
    found = [] if raw in _ABSENT else read(raw, list[wire.Spread])
    return tuple(
        objects.Spread(
            topology_key=s.topology_key or "",
            max_skew=s.max_skew or 0,
            selector=selector_of(s.label_selector),
            min_domains=s.min_domains,
            node_affinity_policy=s.node_affinity_policy or "Honor",
            node_taints_policy=s.node_taints_policy or "Ignore",
            match_label_keys=tuple(s.match_label_keys or ()),
        )
        for s in found
        if s.when_unsatisfiable != "ScheduleAnyway"
    )


@lru_cache(maxsize=MANY)
def _affinities(
    raw: bytes, namespace: str, labels: Pairs
) -> tuple[tuple[NodeTerm, ...] | None, tuple[PodTerm, ...], tuple[PodTerm, ...]]:
    """Return required node terms, pod affinity and pod anti-affinity.

    ``labels`` are the pod's own, for a new pod that looks at them: the API server merges
    ``matchLabelKeys`` into the selectors when it creates one (from 1.31, whatever
    the scheduler's version).
    """
    if raw in _ABSENT:
        return None, (), ()
    found = read(raw, wire.Affinity)
    terms = node_terms(found.node_affinity.required) if found.node_affinity else None
    return (
        terms,
        _pod_terms(found.pod_affinity, namespace, labels),
        _pod_terms(found.pod_anti_affinity, namespace, labels),
    )


@lru_cache(maxsize=MANY)
def _looks_at_own_labels(raw: bytes) -> bool:
    """Whether a pod's affinity depends on the pod's own labels; those of most do not."""
    found = wire.Affinity() if raw in _ABSENT else read(raw, wire.Affinity)
    return any(
        term.match_label_keys or term.mismatch_label_keys
        for each in (found.pod_affinity, found.pod_anti_affinity)
        for term in (each.required if each is not None else None) or ()
    )


def _pod_terms(
    found: wire.PodAffinity | None, namespace: str, labels: Pairs
) -> tuple[PodTerm, ...]:
    terms = (found.required or ()) if found is not None else ()
    return tuple(_pod_term(term, namespace, dict(labels)) for term in terms)


def _pod_term(found: wire.PodTerm, namespace: str, labels: dict[str, str]) -> PodTerm:
    selector = selector_of(found.label_selector)
    if selector is not None:
        keyed = (("In", found.match_label_keys), ("NotIn", found.mismatch_label_keys))
        merged = [
            Requirement(key, operator, (labels[key],))
            for operator, keys in keyed
            for key in keys or ()
            if key in labels
        ]
        selector = objects.Selector((*selector.requirements, *merged))
    named = tuple(found.namespaces or ())
    if not named and found.namespace_selector is None:
        named = (namespace,)
    return PodTerm(found.topology_key or "", selector, named, selector_of(found.namespace_selector))
