"""Where a pod's volumes let it go, beyond what pods of its size are answered anyway."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from teamspawner.capacity.answers import Answers
from teamspawner.capacity.context import Context, against
from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.held import Held, dated
from teamspawner.capacity.objects import Snapshot
from teamspawner.capacity.rejected import Joined
from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.capacity.view import NOTHING_SEEN, Due, View

__all__ = ["Reach"]

_SIZES = 256
_MAY_END = frozenset({"NodeVolumeLimits", "VolumeRestrictions"})
"""Filters about volumes of other pods: what they say may end with those pods, even where the
scheduler calls it unresolvable because evicting them would not help at once."""


class Reach:
    """The nodes that some volumes keep their pods from; whose volumes they are does not matter.

    Args:
        context: A pod with such volumes, with the filters that these need alone; None when
            they reach every node.

    Attributes:
        bad: Node name to the reasons that only such pods have there.
    """

    def __init__(self, context: Context | None) -> None:
        self.bad: dict[str, Reasons] = {}
        self._context = context
        self._alike: dict[Reasons, Reasons] = {}
        self._due = Due()
        self._view = NOTHING_SEEN
        self._revision = 0
        self._doubtful = 0
        self._passing = 0
        self._verdicts: Held[tuple[Answers, int, int, Verdict]] = Held(_SIZES)

    # --- following the cluster ----------------------------------------------------------

    def aim(self, view: View, answers: Answers) -> bool:
        """Note which nodes are to be asked; tell whether there is anything to do.

        Args:
            view: The nodes.
            answers: Those to the pod's size, for the same nodes.
        """
        if self._context is None:
            return False
        self._due.add(self._view.apart(view), self._renominated(answers))
        self._view = view
        return bool(self._due or self.bad)

    def asking(self, answers: Answers) -> Iterator[None]:
        """Ask the nodes noted, in steps, as ``Answers`` does."""
        while self._due:
            for name in self._due.some():
                self._ask(name)
            yield
        if answers.fits and len(self.bad) >= len(answers.fits) and not self._open(answers):
            yield from answers.looking()

    def _open(self, answers: Answers) -> bool:
        return any(name not in self.bad for name in answers.fits)

    def _renominated(self, answers: Answers) -> Iterable[str]:
        """Return the nodes whose nominated pods are others than before."""
        assert self._context is not None
        before, now = self._context.nominated, answers.nominated
        if before is now or before == now:
            return ()
        self._context = replace(self._context, nominated=now)
        return [n for n in {*before, *now} if before.get(n) != now.get(n)]

    def _ask(self, name: str) -> None:
        state = self._view.nodes.get(name)
        assert self._context is not None
        reasons = () if state is None else against(state, self._context)
        before = self.bad.get(name, ())
        if reasons == before:
            return
        self._revision += 1
        self._count(before, -1)
        self._count(reasons, 1)
        if reasons:
            self.bad[name] = self._alike.setdefault(reasons, reasons)  # few, for many nodes
        else:
            del self.bad[name]

    def _count(self, reasons: Reasons, sign: int) -> None:
        self._doubtful += sign * any(reason.unknown for reason in reasons)
        passing = any(each.resolvable or each.plugin in _MAY_END for each in reasons)
        self._passing += sign * passing

    # --- answering ----------------------------------------------------------------------

    def verdict(self, size: Hashable, answers: Answers, snapshot: Snapshot) -> Verdict | None:
        """Return the verdict of both together; None when only judging in full can tell."""
        if not self.bad:
            return answers.verdict(snapshot)
        state = (answers, answers.revision, self._revision)
        held = self._verdicts.get(size)
        if held is not None and held[:3] == state:
            return dated(held[3], snapshot)
        found = self._joined(answers, snapshot)
        if found is not None:
            self._verdicts.put(size, (*state, found))
        return found

    def _joined(self, answers: Answers, snapshot: Snapshot) -> Verdict | None:
        if self._doubtful:
            return None
        bad = self.bad.copy()
        rejected = Joined(answers.rejected(), bad)
        fits = tuple(name for name in answers.fits if name not in bad)
        if fits:
            count = sum(map(answers.room_of, fits))
            return Verdict(Status.FITS_NOW, fits, count, rejected=rejected, as_of=snapshot.as_of)
        if self._passing:
            return None
        found = answers.without_room(snapshot, bad)
        return None if found is None else replace(found, rejected=rejected)
