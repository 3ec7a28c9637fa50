"""Put pods that will take room shortly where the scheduler would, before others are judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from teamspawner.capacity.context import against, prepare, with_pods
from teamspawner.capacity.objects import Candidate, NodeState, Pod, Snapshot
from teamspawner.capacity.rules import Rules


def place(snapshot: Snapshot, candidates: Iterable[Candidate], rules: Rules) -> Snapshot:
    """Return the snapshot with each candidate placed on a node that takes it.

    For pods created a moment ago and for starts under way; by priority, as the
    scheduler's queue has them, and in the order given within one. Of the nodes that
    take a pod the scheduler takes the one it scores highest: with the hub's
    own scheduler the fullest, with the default one the emptiest; ties go by
    name. A candidate that fits nowhere now (or is not known to), that is being
    deleted, or that another scheduler places, is left as it is.
    """
    for candidate in sorted(candidates, key=lambda each: -each.pod.spec.priority):
        snapshot = _place_one(snapshot, candidate, rules)
    return snapshot


def _place_one(snapshot: Snapshot, candidate: Candidate, rules: Rules) -> Snapshot:
    spec = candidate.pod.spec
    if candidate.pod.terminating or spec.gates or not rules.speaks_for(spec.scheduler_name):
        return snapshot
    context = prepare(candidate, snapshot, rules)
    fitting = [s for s in snapshot.nodes.values() if not against(s, context)]
    return put_on(snapshot, candidate, best_of(candidate, fitting)) if fitting else snapshot


def best_of(candidate: Candidate, fitting: Iterable[NodeState]) -> str:
    """Return the node, of those that take a pod, that its scheduler scores highest."""
    packs = candidate.pod.spec.scheduler_name.endswith("-user-scheduler")
    best = min(fitting, key=lambda s: (-s.fullness if packs else s.fullness, s.node.name))
    return best.node.name


def put_on(snapshot: Snapshot, candidate: Candidate, node: str) -> Snapshot:
    """Return the snapshot with a waiting pod put on a node."""
    nodes = dict(snapshot.nodes)
    nodes[node] = with_pods(nodes[node], (candidate.pod,))
    waiting = tuple(other for other in snapshot.waiting if other is not candidate)
    return replace(snapshot, nodes=nodes, waiting=waiting, placed=snapshot.placed | {node})


def take_off(snapshot: Snapshot, pod: Pod, node: str) -> Snapshot:
    """Return the snapshot without one pod of a node, as if it were gone already."""
    state = snapshot.nodes[node]
    pods = tuple(other for other in state.pods if other is not pod)
    used = dict(state.used)
    for name, amount in pod.spec.requests.items():
        used[name] = used.get(name, 0) - amount
    nodes = {**snapshot.nodes, node: replace(state, pods=pods, used=used)}
    return replace(snapshot, nodes=nodes, placed=snapshot.placed | {node})
