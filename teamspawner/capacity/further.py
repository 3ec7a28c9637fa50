"""What the nodes that do not take a pod say more: why, and what they would with fewer pods on them.

Only looked at where no node takes it; what a node said stays until that node changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from teamspawner.capacity.context import Context, against, below, fits_emptied, room, without
from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.judge import resolvable
from teamspawner.capacity.objects import NodeState, Snapshot
from teamspawner.capacity.rejected import Rejected
from teamspawner.capacity.steps import STEP
from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.capacity.view import Due

__all__ = ["Further"]

_PART = 4
"""How many times more a second look at a node costs than the first."""


@dataclass(frozen=True, slots=True)
class _Far:
    """What a node that says no would answer with fewer pods on it.

    Attributes:
        preempt: It takes the pod once all of lower priority are gone,
            so many of them; None when it does not.
        gentle: The same when only those below zero go.
        doubt: Without those, only something not looked at stands against it.
        freeing: It takes the pod once its terminating pods are gone.
        emptied: The reasons left with daemonset and static pods alone.
    """

    preempt: int | None
    gentle: bool
    doubt: bool
    freeing: bool
    emptied: Reasons


class Further:
    """The nodes that do not take a pod.

    Attributes:
        unsure: Names of those where only something not looked at stands against it.
    """

    def __init__(self) -> None:
        self.unsure: set[str] = set()
        self._unasked = Due()
        self._reasons: dict[str, Reasons] = {}
        self._shown: Rejected | None = None
        self._alike: dict[Reasons, int] = {}
        self._far_due = Due()
        self._far: dict[str, _Far] = {}
        self._preempt: set[str] = set()
        self._gentle: set[str] = set()
        self._doubtful: set[str] = set()
        self._freeing: set[str] = set()
        self._open: set[str] = set()
        self._emptied_doubt: set[str] = set()

    def add(self, name: str) -> None:
        """Note that a node says no now, or again after a change."""
        if name not in self._unasked:
            self._part()
            self.drop(name)
            self._unasked.add((name,))

    def drop(self, name: str) -> None:
        """Note that a node takes the pod, or is gone."""
        if self._unasked.drop(name):
            return
        if name not in self._reasons:
            return
        self._part()
        reasons = self._reasons.pop(name)
        self._alike[reasons] -= 1
        if not self._alike[reasons]:
            del self._alike[reasons]
        self.unsure.discard(name)
        self._far_due.drop(name)
        if self._far.pop(name, None) is not None:
            for each in self._sets():
                each.discard(name)

    def _part(self) -> None:
        """Let go of what was shown, without a copy: it finds the same again when it is asked."""
        if self._shown is not None:
            self._shown.part()
            self._shown = None

    def _sets(self) -> tuple[set[str], ...]:
        return (
            self._preempt,
            self._gentle,
            self._doubtful,
            self._freeing,
            self._open,
            self._emptied_doubt,
        )

    def rejected(self, nodes: Mapping[str, NodeState], context: Context) -> Rejected:
        """Return the reasons of all nodes; only once all are asked."""
        self._shown = Rejected(nodes, context, self._reasons, self._alike.copy())
        return self._shown

    def ask(self, nodes: Mapping[str, NodeState], context: Context) -> bool:
        """Ask some nodes not asked yet why, or what they would say with fewer pods.

        Args:
            nodes: The nodes as they are now.
            context: The pod, prepared for them.

        Returns:
            False when there was nothing more to ask.
        """
        if self._unasked:
            for name in self._unasked.some():
                self._explain(name, against(nodes[name], context))
            return True
        if self._far_due and not self.unsure:
            for name in self._far_due.some(STEP // _PART):
                self._look(name, _far(nodes[name], self._reasons[name], context))
            return True
        return False

    def _explain(self, name: str, reasons: Reasons) -> None:
        self._reasons[name] = reasons
        self._alike[reasons] = self._alike.get(reasons, 0) + 1
        if all(reason.unknown for reason in reasons):
            self.unsure.add(name)
        elif all(reason.resolvable or reason.unknown for reason in reasons):
            self._far_due.add((name,))

    def _look(self, name: str, far: _Far) -> None:
        self._far[name] = far
        marks = (
            far.preempt is not None,
            far.gentle,
            far.doubt,
            far.freeing,
            not far.emptied,
            bool(far.emptied) and all(reason.unknown for reason in far.emptied),
        )
        for held, mark in zip(self._sets(), marks, strict=True):
            if mark:
                held.add(name)

    def doubts(self) -> tuple[Reasons, ...]:
        """Return the reasons of the unsure nodes."""
        return tuple(self._reasons[name] for name in self.unsure)

    def verdict(self, snapshot: Snapshot, bad: Collection[str]) -> Verdict | None:
        """Return the verdict when no node takes the pod; None when something is not known.

        Only once all are asked.

        Args:
            snapshot: For its time.
            bad: Nodes that never take it, for reasons besides those known here.
        """
        preempt = tuple(sorted(name for name in self._preempt if name not in bad))
        doubtful = any(name not in bad for name in self._doubtful)
        if preempt:
            count = sum(self._far[name].preempt or 0 for name in preempt)
            return Verdict(
                Status.FITS_BY_PREEMPTION,
                preempt=preempt,
                count=None if doubtful else count,
                placeholder_only=any(name in self._gentle for name in preempt),
                as_of=snapshot.as_of,
            )
        if doubtful:
            return None
        if any(name not in bad for name in self._open):
            freeing = tuple(sorted(name for name in self._freeing if name not in bad))
            return Verdict(Status.BUSY, count=0, freeing=freeing, as_of=snapshot.as_of)
        if any(name not in bad for name in self._emptied_doubt):
            return None
        return Verdict(Status.NEVER, count=0, as_of=snapshot.as_of)


def _far(state: NodeState, reasons: Reasons, context: Context) -> _Far:
    spec = context.candidate.pod.spec
    preempt: int | None = None
    gentle = doubt = False
    parts = state.parts
    few = parts.lowest is not None and parts.lowest < spec.priority
    lower = below(state.pods, spec.priority) if few else ()
    if lower and spec.preemption_policy != "Never" and resolvable(reasons):
        left = without(state, lower)
        against_left = against(left, context, lower)
        if not against_left:
            preempt = room(left, context)
            low = below(state.pods, min(0, spec.priority))
            gentle = bool(low) and not against(without(state, low), context, low)
        doubt = bool(against_left) and all(reason.unknown for reason in against_left)
    ending = parts.ending
    freeing = bool(ending) and not against(without(state, ending), context, ending)
    return _Far(preempt, gentle, doubt, freeing, fits_emptied(state, context))
