"""How many pods of one kind fit, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from teamspawner.capacity.context import (
    Context,
    against,
    below,
    placed,
    prepare,
    room,
    with_pods,
    without,
)
from teamspawner.capacity.objects import Candidate, NodeState, Pod, Snapshot
from teamspawner.capacity.restrictions import Restrictions
from teamspawner.capacity.rules import Rules

MOST = 1000
"""Where pods influence each other the count stops here: it means at least so many."""


def how_many(
    candidate: Candidate,
    snapshot: Snapshot,
    rules: Rules,
    context: Context,
    nodes: Iterable[str],
) -> int:
    """Count the pods like the candidate that fit now, one after another, evicting none.

    Plain arithmetic per node where such pods do not influence each other;
    else they are placed one by one, turn by turn over the nodes, up to ``MOST``.
    """
    states = snapshot.nodes
    if _only_one(context):
        return 1
    if not _interact(candidate.pod, context):
        return sum(room(states[name], context) for name in nodes)
    fresh = prepare(candidate, snapshot, rules)
    open_nodes = {name: states[name] for name in states if _may_open(against(states[name], fresh))}
    return _turn_by_turn(candidate.pod, open_nodes, fresh)


def how_many_by_preemption(
    candidate: Candidate, snapshot: Snapshot, context: Context, nodes: Iterable[str]
) -> int:
    """Count the pods like the candidate that fit once all of lower priority are gone.

    Where such pods influence each other, at least one fits, and one is said.
    """
    if _only_one(context) or _interact(candidate.pod, context):
        return 1
    total = 0
    for name in nodes:
        state = snapshot.nodes[name]
        lower = below(state.pods, candidate.pod.spec.priority)
        total += room(without(state, lower), context)
    return total


def _only_one(context: Context) -> bool:
    """A ReadWriteOncePod claim, or a disk that cannot be shared, serves one pod."""
    return any(isinstance(each, Restrictions) and each.single for each in context.filters)


def _interact(pod: Pod, context: Context) -> bool:
    """Tell whether a pod like this alters the answer for the next one beyond its requests.

    Host ports are left to ``room``, which knows that they fit once per node.
    """
    spec = pod.spec
    if spec.spread or spec.affinity or spec.anti_affinity:
        return True
    return any(isinstance(each, Restrictions) and each.disks for each in context.filters)


def _may_open(reasons: Iterable[object]) -> bool:
    """Spread and affinity can be met later, when other nodes have filled up."""
    return all(
        getattr(r, "plugin", "") in {"PodTopologySpread", "InterPodAffinity"} for r in reasons
    )


def _turn_by_turn(pod: Pod, states: Mapping[str, NodeState], context: Context) -> int:
    """Put one pod on each node in turn while any takes one."""
    open_nodes = dict(states)
    found = 0
    progress = True
    while progress and found < MOST:
        progress = False
        for name, state in list(open_nodes.items()):
            reasons = against(state, context)
            if not reasons:
                open_nodes[name] = with_pods(state, (pod,))
                placed(state.node, pod, context)
                found, progress = found + 1, True
                if found >= MOST:
                    break
            elif not _may_open(reasons):
                del open_nodes[name]
    return found
