"""Prepare a candidate once per snapshot, then ask node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teamspawner.capacity.attaching import attach_limits
from teamspawner.capacity.binding import binding
from teamspawner.capacity.claims import needs
from teamspawner.capacity.companions import Companions, companions
from teamspawner.capacity.features import features
from teamspawner.capacity.filtering import NO_CHANGE, Change, Filter, Reasons
from teamspawner.capacity.filters import Fit, fit, placement, ports
from teamspawner.capacity.objects import Candidate, Node, NodeState, Pod, Snapshot
from teamspawner.capacity.restrictions import restrictions
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.spreading import Spreading, spreading
from teamspawner.capacity.verdict import UNREADABLE, Reason
from teamspawner.capacity.zones import zones


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a candidate before any node is looked at.

    Attributes:
        candidate: The pod in question.
        rules: The scheduler that is asked.
        blocked: Reasons against every node (the scheduler's PreFilter), in its order.
        unsure: Reasons of what was not looked at, against every node.
        filters: The filters that concern this candidate, in the scheduler's order.
        nominated: Node name to the waiting pods nominated to it that go before the candidate.
        local: True when the answer for a node depends on no other node. A context
            that is local stays valid while the storage that its filters look at and the
            snapshot's ``epoch`` stay.
    """

    candidate: Candidate
    rules: Rules
    blocked: Reasons
    unsure: Reasons
    filters: tuple[Filter, ...]
    fit: Fit
    nominated: Mapping[str, tuple[Pod, ...]]
    local: bool


def prepare(candidate: Candidate, snapshot: Snapshot, rules: Rules) -> Context:
    """Do the work that is the same for every node."""
    pod = candidate.pod
    claims = needs(candidate, snapshot)
    fits = fit(pod.spec, snapshot, rules)
    found: list[Filter | None] = [
        placement(pod.spec),
        ports(pod.spec),
        fits,
        restrictions(candidate, snapshot),
        attach_limits(candidate, snapshot, rules),
        binding(claims, snapshot, rules),
        zones(candidate, snapshot),
        spreading(pod, snapshot),
        companions(pod, snapshot, rules),
        features(pod.spec, rules),
    ]
    used = tuple(f for f in found if f is not None)
    return Context(
        candidate,
        rules,
        claims.blocked,
        (*claims.unsure, *_unseen(candidate, snapshot)),
        used,
        fits,
        nominated_pods(candidate, snapshot, rules),
        all(f.local for f in used),
    )


def _unseen(candidate: Candidate, snapshot: Snapshot) -> Reasons:
    found: list[Reason] = []
    if "pods" in snapshot.unseen:
        message = "pods not looked at, so what is used is not known"
        found.append(Reason("NodeResourcesFit", message, detail="pods", unknown=True))
    if candidate.pod.spec.resource_claims:
        message = "devices asked for by resource claims are not counted"
        detail = "resourceclaims"
        found.append(
            Reason("DynamicResources", message, resolvable=False, detail=detail, unknown=True)
        )
    return tuple(found)


def nominated_pods(
    candidate: Candidate, snapshot: Snapshot, rules: Rules
) -> Mapping[str, tuple[Pod, ...]]:
    """Return the pods nominated by this scheduler that are as important as the candidate.

    Gated pods are not in its queue; up to 1.36 their nominations do not count.
    """
    own = candidate.pod.spec
    found: dict[str, tuple[Pod, ...]] = {}
    for other in snapshot.waiting:
        spec = other.pod.spec
        if (
            other.nominated_node
            and (rules.gated_nominations or not spec.gates)
            and not same_pod(other, candidate)
            and spec.priority >= own.priority
            and spec.scheduler_name == own.scheduler_name
        ):
            found[other.nominated_node] = (*found.get(other.nominated_node, ()), other.pod)
    return found


def same_pod(one: Candidate, other: Candidate) -> bool:
    """Tell whether two candidates are one pod: by uid, else by name where one has no uid."""
    if one.uid and other.uid:
        return one.uid == other.uid
    return bool(one.name) and (one.pod.namespace, one.name) == (other.pod.namespace, other.name)


def against(state: NodeState, context: Context, gone: tuple[Pod, ...] = ()) -> Reasons:
    """Return all reasons of one node against the candidate, the scheduler's first one first.

    Empty when the node takes it. Pods nominated to the node are counted as there, and
    then left out: the candidate must fit either way.

    Args:
        state: The node.
        context: The candidate, prepared.
        gone: Pods that were taken from the node; not in ``state`` any more.
    """
    nominated = context.nominated.get(state.node.name, ())
    if nominated:
        found = _run(with_pods(state, nominated), context, Change(gone, nominated))
        if found:
            return found
    return _run(state, context, Change(gone) if gone else NO_CHANGE)


def _run(state: NodeState, context: Context, change: Change) -> Reasons:
    found = context.blocked
    if state.unread:
        return found + _unread(state, context, change) + context.unsure
    for each in context.filters:
        reasons = each(state, change)
        if reasons:
            found += reasons
    return found + context.unsure if context.unsure else found


def _unread(state: NodeState, context: Context, change: Change | None) -> Reasons:
    """Return what a node not wholly known answers; ``change`` None: emptied.

    What stands against the pod without what cannot be read does so with it too.
    """
    if state.unread == "nodes":
        return (_NODE_UNREAD,)
    found: Reasons = ()
    for each in context.filters:
        found += each.emptied(state) if change is None else each(state, change)
    return (*found, _POD_UNREAD)


_NODE_UNREAD = Reason(
    UNREADABLE, "the node cannot be read, so what it has is not known", detail="nodes", unknown=True
)
_POD_UNREAD = Reason(
    UNREADABLE,
    "a pod on the node cannot be read, so what is used is not known",
    detail="pods",
    unknown=True,
)


def fits_emptied(state: NodeState, context: Context) -> Reasons:
    """Return the reasons left on a node emptied of all but daemonset and static pods."""
    staying = state.parts.emptied
    found = context.blocked
    if staying.unread:
        found += _unread(staying, context, None)
    else:
        for each in context.filters:
            found += each.emptied(staying)
    return found + tuple(reason for reason in context.unsure if reason.detail != "pods")


def total(pods: Iterable[Pod]) -> dict[str, int]:
    """Return the sum of the requests of pods."""
    used: dict[str, int] = {}
    for pod in pods:
        for name, amount in pod.spec.requests.items():
            used[name] = used.get(name, 0) + amount
    return used


def with_pods(state: NodeState, pods: tuple[Pod, ...]) -> NodeState:
    """Return a node with more pods on it."""
    used = dict(state.used)
    for name, amount in total(pods).items():
        used[name] = used.get(name, 0) + amount
    return NodeState(state.node, (*state.pods, *pods), used, state.unread)


def below(pods: tuple[Pod, ...], priority: int) -> tuple[Pod, ...]:
    """Return the pods of lower priority."""
    return tuple(pod for pod in pods if pod.spec.priority < priority)


def without(state: NodeState, leaving: tuple[Pod, ...]) -> NodeState:
    """Return a node without some of its pods, each named as often as it leaves."""
    away = {id(pod): 0 for pod in leaving}
    for pod in leaving:
        away[id(pod)] += 1
    kept: list[Pod] = []
    for pod in state.pods:
        if away.get(id(pod), 0):
            away[id(pod)] -= 1
        else:
            kept.append(pod)
    used = dict(state.used)
    for name, amount in total(leaving).items():
        used[name] = used.get(name, 0) - amount
    return NodeState(state.node, tuple(kept), used, state.unread)


def room(state: NodeState, context: Context) -> int:
    """Return how many such pods the node takes, as far as it alone decides; 0 when it takes none.

    Where pods of this kind keep each other away it is at most that many.
    """
    if against(state, context):
        return 0
    nominated = context.nominated.get(state.node.name, ())
    most = context.fit.room(with_pods(state, nominated) if nominated else state)
    return min(most, 1) if context.candidate.pod.spec.host_ports else most


def placed(node: Node, pod: Pod, context: Context) -> None:
    """Tell the filters that count over nodes of a pod just put on one."""
    for each in context.filters:
        if isinstance(each, Spreading | Companions):
            each.placed(node, pod)
