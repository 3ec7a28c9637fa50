"""What somebody's volumes and labels add to the answers that all people share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from teamspawner.capacity.answers import Answers
from teamspawner.capacity.companions import Companions
from teamspawner.capacity.context import Context, against, prepare
from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.filters import Fit, Placement, Ports
from teamspawner.capacity.held import Held, dated
from teamspawner.capacity.objects import Candidate, Snapshot
from teamspawner.capacity.rejected import Joined
from teamspawner.capacity.restrictions import Restrictions
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.spreading import Spreading
from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.capacity.view import NOTHING_SEEN, Due, View

__all__ = ["Owner", "claims_of"]

_SIZES = 256
_MAY_END = frozenset({"NodeVolumeLimits", "VolumeRestrictions"})
"""Filters about volumes of other pods: what they say may end with those pods, even where the
scheduler calls it unresolvable because evicting them would not help at once."""


class Owner:
    """The owner of some volumes.

    Args:
        rules: The scheduler asked.

    Attributes:
        bad: Node name to the reasons that only this person's pods have there.
        usable: Whether the reasons can be kept node by node; only then are they.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.bad: dict[str, Reasons] = {}
        self.usable = False
        self._ground: Hashable = None
        self._context: Context | None = None
        self._due = Due()
        self._view = NOTHING_SEEN
        self._revision = 0
        self._doubtful = 0
        self._passing = 0
        self._verdicts: Held[tuple[tuple[int, int], Verdict]] = Held(_SIZES)

    # --- following the cluster ----------------------------------------------------------

    def catch_up(
        self, candidate: Candidate, snapshot: Snapshot, view: View, answers: Answers
    ) -> Iterator[None]:
        """Ask the nodes that differ from those asked last, in steps, as ``Answers`` does.

        Args:
            candidate: A pod of this person's, of any size.
            snapshot: The cluster.
            view: Its nodes.
            answers: Those to the pod's size, at this snapshot.
        """
        self._aim(candidate, snapshot, view, answers)
        yield from self._asking(answers)

    def _asking(self, answers: Answers) -> Iterator[None]:
        while self._due:
            for name in self._due.some():
                self._ask(name)
            yield
        if answers.fits and len(self.bad) >= len(answers.fits) and not self._open(answers):
            yield from answers.looking()

    def refresh(
        self, candidate: Candidate, snapshot: Snapshot, view: View, answers: Answers
    ) -> None:
        """Bring the reasons up to date in one go."""
        self._aim(candidate, snapshot, view, answers)
        for _ in self._asking(answers) if self._due or self.bad else ():
            pass

    def _aim(self, candidate: Candidate, snapshot: Snapshot, view: View, answers: Answers) -> None:
        ground = (snapshot.cluster_version, snapshot.unseen, claims_of(candidate, snapshot))
        if ground != self._ground:
            self._ground = ground
            self._prepare(candidate, snapshot, answers)
            self._due = Due()
            self._due.add(view.nodes if self._context is not None else ())
        elif self._context is not None:
            self._due.add(self._view.apart(view), self._renominated(answers))
        self._view = view

    def _prepare(self, candidate: Candidate, snapshot: Snapshot, answers: Answers) -> None:
        self.bad = {}
        self._doubtful = self._passing = 0
        self._revision += 1
        context = prepare(candidate, snapshot, self.rules)
        own = tuple(f for f in context.filters if not isinstance(f, Placement | Ports | Fit))
        self.usable = (
            context.local
            and not context.blocked
            and context.unsure == answers.unsure
            and not any(isinstance(f, Companions | Spreading) for f in own)
            and not any(isinstance(f, Restrictions) and f.disks for f in own)
        )
        asked = self.usable and any(not f.idle for f in own)
        nominated = answers.nominated
        self._context = (
            replace(context, filters=own, unsure=(), nominated=nominated) if asked else None
        )

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
            self.bad[name] = reasons
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
        state = (answers.revision, self._revision)
        held = self._verdicts.get(size)
        if held is not None and held[0] == state:
            return dated(held[1], snapshot)
        found = self._joined(answers, snapshot)
        if found is not None:
            self._verdicts.put(size, (state, found))
        return found

    def _open(self, answers: Answers) -> bool:
        return any(name not in self.bad for name in answers.fits)

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


def claims_of(candidate: Candidate, snapshot: Snapshot) -> Hashable:
    """Return the pod's own claims and volumes: the hub may have put a home to be made there.

    All other storage is as ``cluster_version`` says.
    """
    storage, namespace = snapshot.storage, candidate.pod.namespace
    claims = [storage.claims.get((namespace, use.name)) for use in candidate.pod.spec.volumes]
    return tuple((claim, storage.volumes.get(claim.volume) if claim else None) for claim in claims)
