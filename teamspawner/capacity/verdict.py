"""The verdict: what the kube-scheduler would say of a pod, with its reasons.

Values only; who decides is ``capacity.judge``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """The ten verdicts on a pod; nothing else is ever said of one."""

    INVALID = "INVALID"
    """The API server would refuse the pod."""
    QUOTA_BLOCKED = "QUOTA_BLOCKED"
    """A quota of the namespace or a cap of the map is used up."""
    QUEUED = "QUEUED"
    """A scheduling gate holds the pod back."""
    FITS_NOW = "FITS_NOW"
    """At least one node takes the pod now."""
    FITS_BY_PREEMPTION = "FITS_BY_PREEMPTION"
    """A node takes it once pods of lower priority are evicted."""
    NODE_COMING = "NODE_COMING"
    """A machine that would take it is already starting."""
    NEEDS_SCALE_UP = "NEEDS_SCALE_UP"
    """An autoscaler could add a machine that takes it."""
    BUSY = "BUSY"
    """A node would take it when emptier."""
    NEVER = "NEVER"
    """No node takes it, however empty."""
    UNKNOWN = "UNKNOWN"
    """Not known; the reason says why."""


UNREADABLE = "Unreadable"
"""The plugin of a reason that stands for an object which cannot be read."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one node, or the whole cluster, does not take the pod.

    Attributes:
        plugin: The scheduler's filter, such as ``NodeResourcesFit``.
        message: The scheduler's own words, such as ``Insufficient cpu``.
        resolvable: True when removing pods could help (the scheduler's code
            Unschedulable), False when not (UnschedulableAndUnresolvable).
        resource: The resource that is short, for ``NodeResourcesFit`` only.
        detail: What the scheduler does not say: the taint, the label, the claim.
        unknown: True when it is only not known whether this stands against the
            pod, because ``detail`` (plural names of kinds) was not looked at.
    """

    plugin: str
    message: str
    resolvable: bool = True
    resource: str = ""
    detail: str = ""
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the scheduler would say of one pod, at one snapshot.

    Attributes:
        status: Which of the ten.
        nodes: Names of the nodes that take it now, sorted; empty when UNKNOWN.
        count: How many such pods fit one after another; None when not known.
        preempt: When ``nodes`` is empty, the nodes that would take it once all
            pods of lower priority there were gone; sorted.
        placeholder_only: True when only pods of negative priority would go.
        rejected: Node name to all reasons against it.
        reasons: Reasons that concern the pod as a whole: a gate, a missing
            claim, unseen data, a foreign scheduler.
        freeing: Nodes that will take it when their terminating pods are gone.
        as_of: When the cluster was seen; None for a dump.
        coming: Nodes that are starting and will take it once they are ready, sorted.
    """

    status: Status
    nodes: tuple[str, ...] = ()
    count: int | None = None
    preempt: tuple[str, ...] = ()
    placeholder_only: bool = False
    rejected: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    freeing: tuple[str, ...] = ()
    as_of: datetime | None = None
    coming: tuple[str, ...] = ()
