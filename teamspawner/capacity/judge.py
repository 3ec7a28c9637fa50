"""Would the scheduler place this pod? The verdict, from the reasons of every node."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from teamspawner.capacity.context import Context, against, below, fits_emptied, prepare, without
from teamspawner.capacity.count import how_many, how_many_by_preemption
from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.objects import Candidate, Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.steps import STEP, drained
from teamspawner.capacity.verdict import Reason, Status, Verdict


@dataclass(slots=True)
class _Tally:
    """The nodes, sorted by their answer; ``unsure`` are those where something is not known."""

    fits: list[str] = field(default_factory=list)
    unsure: dict[str, Reasons] = field(default_factory=dict)
    rejected: dict[str, Reasons] = field(default_factory=dict)


def judge(candidate: Candidate, snapshot: Snapshot, rules: Rules) -> Verdict:
    """Say what the scheduler would do with one pod, alone, at this snapshot.

    A node takes the pod when every default filter passes; with none, preemption
    is tried as the scheduler tries it: on nodes whose first failing filter could
    be helped by pods leaving, with all pods of lower priority gone (disruption
    budgets never veto). Else BUSY when some node would take it once emptied of
    all but daemonset and static pods, and NEVER when none would. What was not
    looked at makes UNKNOWN, where the answer hangs on it.

    Args:
        candidate: The pod, with its effective requests.
        snapshot: The cluster.
        rules: The scheduler asked.

    Returns:
        The verdict; ``count`` is None where it is not known.
    """
    return drained(judging(candidate, snapshot, rules))


def judging(
    candidate: Candidate, snapshot: Snapshot, rules: Rules
) -> Generator[None, None, Verdict]:
    """The same in steps, between which others may be served; the last one returns the verdict."""
    early = _before(candidate, snapshot, rules)
    if early is not None:
        return early
    context = prepare(candidate, snapshot, rules)
    tally = yield from _ask_all(snapshot, context)
    if tally.fits:
        count = how_many(candidate, snapshot, rules, context, tally.fits)
        verdict = _verdict(Status.FITS_NOW, snapshot, tally, nodes=tuple(tally.fits), count=count)
        return replace(verdict, count=None) if tally.unsure else verdict
    if tally.unsure:
        return _unknown(snapshot, tally, tally.unsure.values())
    return (yield from _without_room(candidate, snapshot, context, tally))


def _before(candidate: Candidate, snapshot: Snapshot, rules: Rules) -> Verdict | None:
    """Answer what needs no look at a node: another scheduler, a gate, no sight of nodes."""
    spec = candidate.pod.spec
    if not rules.speaks_for(spec.scheduler_name):
        message = f"scheduler {spec.scheduler_name} decides, which is not known here"
        reason = Reason("Scheduler", message, False, detail=spec.scheduler_name, unknown=True)
        return Verdict(Status.UNKNOWN, reasons=(reason,), as_of=snapshot.as_of)
    if spec.gates:
        reasons = tuple(
            Reason("SchedulingGates", f"waiting for scheduling gate {gate}", detail=gate)
            for gate in spec.gates
        )
        return Verdict(Status.QUEUED, reasons=reasons, as_of=snapshot.as_of)
    if "nodes" in snapshot.unseen:
        reason = Reason("Snapshot", "nodes not looked at", False, detail="nodes", unknown=True)
        return Verdict(Status.UNKNOWN, reasons=(reason,), as_of=snapshot.as_of)
    return None


def _ask_all(snapshot: Snapshot, context: Context) -> Generator[None, None, _Tally]:
    tally = _Tally()
    for number, (name, state) in enumerate(snapshot.nodes.items(), 1):
        if not number % STEP:
            yield
        reasons = against(state, context)
        if not reasons:
            tally.fits.append(name)
        elif all(reason.unknown for reason in reasons):
            tally.unsure[name] = reasons
        else:
            tally.rejected[name] = reasons
    tally.fits.sort()
    return tally


def _without_room(
    candidate: Candidate, snapshot: Snapshot, context: Context, tally: _Tally
) -> Generator[None, None, Verdict]:
    """Answer when no node takes the pod now."""
    preempt, unsure = yield from _preemption(candidate, snapshot, context, tally)
    if preempt:
        count = how_many_by_preemption(candidate, snapshot, context, preempt)
        gentle = any(
            not against(without(state, low), context, low)
            for name in preempt
            if (low := below((state := snapshot.nodes[name]).pods, min(0, _priority(candidate))))
        )
        return _verdict(
            Status.FITS_BY_PREEMPTION,
            snapshot,
            tally,
            preempt=preempt,
            placeholder_only=gentle,
            count=None if unsure else count,
        )
    if unsure:
        return _unknown(snapshot, tally, unsure)
    freeing = _freeing(snapshot, context, tally)
    left: list[Reasons] = []
    for number, name in enumerate(tally.rejected, 1):
        left.append(fits_emptied(snapshot.nodes[name], context))
        if not number % STEP:
            yield
    if not all(left) and "pods" in snapshot.unseen:
        return _unknown(snapshot, tally, [context.unsure])
    if not all(left):
        return _verdict(Status.BUSY, snapshot, tally, freeing=freeing, count=0)
    doubts = [reasons for reasons in left if all(reason.unknown for reason in reasons)]
    if doubts:
        return _unknown(snapshot, tally, doubts)
    verdict = _verdict(Status.NEVER, snapshot, tally, count=0)
    return replace(verdict, reasons=tuple(context.blocked))


def _preemption(
    candidate: Candidate, snapshot: Snapshot, context: Context, tally: _Tally
) -> Generator[None, None, tuple[tuple[str, ...], list[Reasons]]]:
    """Return the nodes that would take it without pods of lower priority, and the doubts."""
    found: list[str] = []
    unsure: list[Reasons] = []
    if candidate.pod.spec.preemption_policy == "Never":
        return (), unsure
    for number, (name, reasons) in enumerate(tally.rejected.items(), 1):
        if not number % STEP:
            yield
        state = snapshot.nodes[name]
        lower = below(state.pods, _priority(candidate))
        if not lower or not resolvable(reasons):
            continue
        left = against(without(state, lower), context, lower)
        if not left:
            found.append(name)
        elif all(reason.unknown for reason in left):
            unsure.append(left)
    return tuple(sorted(found)), unsure


def resolvable(reasons: Reasons) -> bool:
    """Tell whether pods leaving could help, by the first filter that fails."""
    first = next(reason.plugin for reason in reasons if not reason.unknown)
    return all(r.resolvable for r in reasons if r.plugin == first and not r.unknown)


def _priority(candidate: Candidate) -> int:
    return candidate.pod.spec.priority


def _freeing(snapshot: Snapshot, context: Context, tally: _Tally) -> tuple[str, ...]:
    """Return the nodes that take it once the pods that are terminating now are gone."""
    found = []
    for name in tally.rejected:
        state = snapshot.nodes[name]
        ending = tuple(pod for pod in state.pods if pod.terminating)
        if ending and not against(without(state, ending), context, ending):
            found.append(name)
    return tuple(sorted(found))


def _unknown(snapshot: Snapshot, tally: _Tally, doubts: Iterable[Reasons]) -> Verdict:
    reasons = dict.fromkeys(reason for found in doubts for reason in found)
    verdict = _verdict(Status.UNKNOWN, snapshot, tally)
    return replace(verdict, reasons=tuple(reasons))


def _verdict(status: Status, snapshot: Snapshot, tally: _Tally, **more: Any) -> Verdict:
    rejected = {**tally.rejected, **tally.unsure}
    return Verdict(status, rejected=rejected, as_of=snapshot.as_of, **more)
