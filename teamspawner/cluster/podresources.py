"""Read what a pod's containers, itself and its status say about resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from teamspawner.capacity.requests import (
    Container,
    Milli,
    PodResources,
    aggregate,
    defaulted,
    defaulted_pod_requests,
)
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.reading import amounts

_Statuses = Mapping[str | None, wire.ContainerStatus]


def pod_resources(
    spec: wire.PodSpec, status: wire.PodStatus, rules: Rules, *, placed: bool
) -> PodResources:
    """Return the resources of a pod, with the API's own defaults filled in.

    Raises:
        ObjectError: When an amount cannot be read.
    """
    statuses: dict[str | None, wire.ContainerStatus] = {}
    if rules.resize_status:
        for found in (status.container_statuses, status.init_container_statuses):
            statuses.update((s.name, s) for s in found or ())
    pod = PodResources(
        _containers(spec.containers or (), statuses, "spec.containers"),
        _containers(spec.init_containers or (), statuses, "spec.initContainers"),
        amounts(spec.overhead, "spec.overhead"),
        infeasible=is_infeasible(status.conditions),
    )
    if spec.resources is None and status.resources is None and status.allocated_resources is None:
        return pod
    as_read = placed and rules.pod_defaults_at_creation
    return _with_pod_level(pod, spec, status, as_read=as_read)


def is_infeasible(conditions: Iterable[wire.Condition] | None) -> bool:
    """Tell whether the node refuses a resize; the first such condition decides."""
    for condition in conditions or ():
        if condition.type == "PodResizePending":
            return condition.reason == "Infeasible"
    return False


def _containers(
    found: Iterable[wire.Container], statuses: _Statuses, place: str
) -> tuple[Container, ...]:
    result: list[Container] = []
    for index, container in enumerate(found):
        where = f"{place}[{index}].resources"
        asked = container.resources or wire.Amounts()
        requests = defaulted(
            amounts(asked.requests, f"{where}.requests"), amounts(asked.limits, f"{where}.limits")
        )
        sidecar = container.restart_policy == "Always"
        status = statuses.get(container.name)
        result.append(
            Container(requests, sidecar)
            if status is None or (status.resources is None and status.allocated_resources is None)
            else _with_status(requests, status, sidecar=sidecar)
        )
    return tuple(result)


def _with_status(requests: Milli, status: wire.ContainerStatus, *, sidecar: bool) -> Container:
    reported = status.resources is not None
    return Container(
        requests,
        sidecar,
        reported,
        _given(status.resources.requests if status.resources is not None else None),
        _given(status.allocated_resources),
    )


def _given(found: wire.Quantities) -> Milli | None:
    return None if found is None else amounts(found, "status")


def _with_pod_level(
    pod: PodResources, spec: wire.PodSpec, status: wire.PodStatus, *, as_read: bool
) -> PodResources:
    requests: Milli | None = None
    if spec.resources is not None:
        requests = amounts(spec.resources.requests, "spec.resources.requests")
        limits = amounts(spec.resources.limits, "spec.resources.limits")
        if not as_read:
            requests = defaulted_pod_requests(pod, requests, limits, _limits(spec))
    return replace(
        pod,
        pod_requests=requests,
        pod_reported=status.resources is not None,
        pod_actuated=_given(status.resources.requests if status.resources else None),
        pod_allocated=_given(status.allocated_resources),
    )


def _limits(spec: wire.PodSpec) -> Milli:
    """Return the limits of all containers, summed as requests are."""

    def limits(found: Iterable[wire.Container]) -> list[Container]:
        return [
            Container(
                amounts(c.resources.limits if c.resources else None, "spec.containers"),
                c.restart_policy == "Always",
            )
            for c in found
        ]

    return aggregate(limits(spec.containers or ()), limits(spec.init_containers or ()))
