"""The effective request of a pod: what the scheduler adds up, container by container.

Amounts here are in thousandths (of a core, a byte, a device), as the API keeps
them, and are rounded up once at the end, as the scheduler does. Source:
component-helpers ``resource/helpers.go`` of the versions named in ``Rules``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from teamspawner.capacity.objects import EMPTY_MILLI, Resources
from teamspawner.capacity.rules import Rules

Milli = Mapping[str, int]
"""Resource name to thousandths."""

_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Container:
    """The resources of one container.

    Attributes:
        requests: As specified, after the API's own defaulting.
        sidecar: A restartable init container.
        reported: The container's status has ``resources``.
        actuated: ``status.resources.requests``; None when absent.
        allocated: ``status.allocatedResources``; None when absent.
    """

    requests: Milli = field(default_factory=lambda: EMPTY_MILLI)
    sidecar: bool = False
    reported: bool = False
    actuated: Milli | None = None
    allocated: Milli | None = None


@dataclass(frozen=True, slots=True)
class PodResources:
    """The resources of one pod, as its specification and status have them.

    ``pod_requests`` is ``spec.resources.requests`` (None when absent), with
    ``pod_actuated`` and ``pod_allocated`` from the status. ``pod_reported``: the
    status has ``resources``. ``infeasible``: a resize is refused by the node.
    """

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: Milli = field(default_factory=lambda: EMPTY_MILLI)
    pod_requests: Milli | None = None
    pod_reported: bool = False
    pod_actuated: Milli | None = None
    pod_allocated: Milli | None = None
    infeasible: bool = False

    @property
    def settled(self) -> bool:
        """Its status says of every container what its specification says: no resize is under way.

        Then it counts the same whether a resize was refused or not. Amounts that the status
        has of the pod as a whole may differ from the sum, and go before it (1.37).
        """
        whole = self.pod_allocated is not None and self.pod_actuated is not None
        if whole or self.pod_requests is not None:
            return False
        return all(
            container.requests == container.actuated == container.allocated
            for container in (*self.containers, *self.init_containers)
        )


def defaulted(requests: Milli, limits: Milli) -> Milli:
    """Return a container's requests with missing ones taken from its limits, as the API does."""
    return {**limits, **requests} if limits else requests


def pod_level(resource: str) -> bool:
    """Tell whether a pod-level request may name this resource."""
    return resource in {"cpu", "memory"} or resource.startswith("hugepages-")


def defaulted_pod_requests(
    pod: PodResources, requests: Milli, limits: Milli, container_limits: Milli
) -> Milli:
    """Return pod-level requests with the API's defaults (``defaultPodRequests``).

    Args:
        pod: The pod's containers, already defaulted.
        requests: Pod-level requests as written.
        limits: Pod-level limits as written.
        container_limits: Limits of the containers, aggregated; only huge pages are used.
    """
    if not (requests or limits):
        return requests
    filled = dict(limits)
    for name, amount in container_limits.items():
        if name.startswith("hugepages-") and name not in requests:
            filled.setdefault(name, amount)
    if not filled:
        return requests
    result = dict(requests)
    for name, amount in aggregate(pod.containers, pod.init_containers).items():
        if name in {"cpu", "memory"}:
            result.setdefault(name, amount)
    for name, amount in filled.items():
        if pod_level(name):
            result.setdefault(name, amount)
    return result


def aggregate(containers: Iterable[Container], init_containers: Iterable[Container]) -> Milli:
    """Return the most that the containers use at one time, init containers included."""
    total: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    initial: dict[str, int] = {}
    for container in containers:
        _add(total, container.requests)
    for container in init_containers:
        if container.sidecar:
            _add(total, container.requests)
            _add(sidecars, container.requests)
            _raise_to(initial, sidecars)
        else:
            phase = dict(sidecars)
            _add(phase, container.requests)
            _raise_to(initial, phase)
    _raise_to(total, initial)
    return total


def new_pod_requests(pod: PodResources, rules: Rules) -> Resources:
    """Return the effective request of a pod that is not placed: by its specification alone."""
    total = dict(aggregate(pod.containers, pod.init_containers))
    if rules.pod_level_resources and pod.pod_requests:
        total.update({k: v for k, v in pod.pod_requests.items() if pod_level(k)})
    _add(total, pod.overhead)
    return rounded(total)


def placed_pod_requests(pod: PodResources, rules: Rules) -> Resources:
    """Return what a pod on a node counts for, a resize under way included."""
    if not rules.resize_status or pod.settled:
        return new_pod_requests(pod, rules)
    if rules.resize_by_pod:
        return _by_pod(pod)
    containers = tuple(_resized(c, pod.infeasible) for c in pod.containers)
    inits = tuple(_resized(c, pod.infeasible) if c.sidecar else c for c in pod.init_containers)
    total = dict(aggregate(containers, inits))
    if rules.pod_level_resources and pod.pod_requests:
        total.update(_pod_level_resized(pod, rules))
    _add(total, pod.overhead)
    return rounded(total)


def _resized(container: Container, infeasible: bool) -> Container:  # noqa: FBT001 - a fact
    if not container.reported:
        return container
    largest = _largest(container.requests, container.actuated, container.allocated, infeasible)
    return Container(largest, container.sidecar)


def _pod_level_resized(pod: PodResources, rules: Rules) -> Milli:
    requests = pod.pod_requests or {}
    if not rules.pod_level_resize or not pod.pod_reported:
        return {k: v for k, v in requests.items() if pod_level(k)}
    largest = _largest(requests, pod.pod_actuated, pod.pod_allocated, pod.infeasible)
    return {k: largest.get(k, 0) for k in requests if pod_level(k)}


def _largest(
    requests: Milli,
    actuated: Milli | None,
    allocated: Milli | None,
    infeasible: bool,  # noqa: FBT001 - a fact
) -> Milli:
    largest: dict[str, int] = {} if infeasible else dict(requests)
    _raise_to(largest, actuated or {})
    _raise_to(largest, allocated or {})
    return largest


def _by_pod(pod: PodResources) -> Resources:
    """Compare whole sums: as specified, as allocated, as actuated (1.37)."""
    allocated, actuated = pod.pod_allocated, pod.pod_actuated
    if allocated is None or actuated is None:
        allocated = _summed(pod, lambda c: (c.allocated,))
        actuated = _summed(pod, lambda c: (c.actuated if c.reported else None, c.allocated))
    specified = aggregate(pod.containers, pod.init_containers)
    total = dict(_largest(specified, actuated, allocated, pod.infeasible))
    if pod.pod_requests and any(pod_level(name) for name in pod.pod_requests):
        of_pod: Milli = pod.pod_requests
        if pod.pod_reported:
            of_pod = _largest(of_pod, pod.pod_actuated, pod.pod_allocated, pod.infeasible)
        total.update({k: v for k, v in of_pod.items() if pod_level(k)})
    _add(total, pod.overhead)
    return rounded(total)


def _summed(pod: PodResources, choices: Callable[[Container], tuple[Milli | None, ...]]) -> Milli:
    """Aggregate the containers, each with the first choice it has, else as specified."""

    def chosen(container: Container) -> Container:
        for choice in choices(container):
            if choice is not None:
                return Container(choice, container.sidecar)
        return Container({}, container.sidecar) if pod.infeasible else container

    return aggregate(map(chosen, pod.containers), map(chosen, pod.init_containers))


def rounded(amounts: Milli) -> Resources:
    """Return amounts as the scheduler compares them: millicores, and whole units rounded up."""
    return {
        name: min(amount if name == "cpu" else -(-amount // 1000), _MOST)
        for name, amount in amounts.items()
    }


def _add(total: dict[str, int], more: Milli) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: dict[str, int], least: Milli) -> None:
    for name, amount in least.items():
        if amount > total.get(name, amount - 1):
            total[name] = amount
