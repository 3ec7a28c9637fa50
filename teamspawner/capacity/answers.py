"""What every node answered to pods of one size, kept until the node changes."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from teamspawner.capacity.context import Context, against, nominated_pods, prepare, with_pods
from teamspawner.capacity.filtering import NO_CHANGE, Reasons
from teamspawner.capacity.further import Further
from teamspawner.capacity.objects import Candidate, NodeState, Pod, Snapshot
from teamspawner.capacity.rejected import Rejected
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.capacity.view import NOTHING_SEEN, Due, View

__all__ = ["Answers"]

_Nominated = Mapping[str, tuple[Pod, ...]]


class Answers:
    """The answers of all nodes to one candidate without volumes, ports, spread or affinity.

    Args:
        candidate: The pod; its labels and namespace do not matter.
        rules: The scheduler asked.

    Attributes:
        fits: Names of the nodes that take it now, sorted.
        revision: Grows with every answer that may have changed.
    """

    def __init__(self, candidate: Candidate, rules: Rules) -> None:
        self.candidate = candidate
        self.rules = rules
        self.fits: list[str] = []
        self.revision = 0
        # No object per node and size: a large cluster has tens of thousands of those pairs.
        self._rooms: dict[str, int] = {}
        self._count = 0
        self._further = Further()
        self._doubted: set[str] = set()
        self._due = Due()
        self._view = NOTHING_SEEN
        self._ground: object = None
        self._waiting: object = None
        self._context: Context | None = None
        self._nodes: tuple[str, ...] | None = None
        self._rejected: tuple[int, Mapping[str, Reasons]] | None = None
        self._verdict: tuple[int, Verdict | None] | None = None

    @property
    def unsure(self) -> Reasons:
        """Reasons of what was not looked at, against every node."""
        return self._context.unsure if self._context else ()

    @property
    def nominated(self) -> _Nominated:
        """Node name to the pods nominated to it that go before the candidate."""
        return self._context.nominated if self._context else {}

    def room_of(self, name: str) -> int:
        """Return how many such pods a node takes now."""
        return self._rooms[name]

    # --- following the cluster ----------------------------------------------------------

    def catch_up(self, snapshot: Snapshot, view: View) -> Iterator[None]:
        """Ask the nodes that differ from those asked last, in steps.

        Between two steps others may ask about this or any other snapshot. After the last
        one the answers are those to whichever was asked about last.

        Args:
            snapshot: The cluster.
            view: Its nodes.
        """
        self._aim(snapshot, view)
        yield from self._asking()

    def refresh(self, snapshot: Snapshot, view: View) -> None:
        """Bring the answers up to date in one go."""
        self._aim(snapshot, view)
        if self._due or not self.fits:
            for _ in self._asking():
                pass

    def _asking(self) -> Iterator[None]:
        while self._due:
            self._ask(self._due.some())
            if not self._due and len(self._rooms) != len(self._view.nodes):
                # a node that went long ago is not among those that changed
                self._due.add(self._rooms.keys() ^ self._view.nodes.keys())
            yield
        if not self.fits:
            yield from self.looking()

    def looking(self) -> Iterator[None]:
        """Ask the nodes that say no for more, in steps; whoever asks anew goes on with it."""
        while self._context is not None and not self._due:
            if not self._further.ask(self._view.nodes, self._context):
                break
            yield

    def _aim(self, snapshot: Snapshot, view: View) -> None:
        """Note which nodes are to be asked for a snapshot."""
        ground = (snapshot.unseen, snapshot.extended_by_class)
        if self._context is None or ground != self._ground:
            self._begin(snapshot)
            self._ground = ground
            self._due.add(self._rooms, view.nodes)
        else:
            self._due.add(self._view.apart(view), self._renominated(snapshot))
        self._view = view

    def _begin(self, snapshot: Snapshot) -> None:
        bare = Snapshot(
            nodes={},
            waiting=snapshot.waiting,
            unseen=snapshot.unseen,
            extended_by_class=snapshot.extended_by_class,
        )
        self._context = prepare(self.candidate, bare, self.rules)
        self._waiting = snapshot.waiting

    def _renominated(self, snapshot: Snapshot) -> Iterable[str]:
        """Return the nodes whose nominated pods are others than before."""
        assert self._context is not None
        if snapshot.waiting is self._waiting:
            return ()
        self._waiting = snapshot.waiting
        before, now = self._context.nominated, nominated_pods(self.candidate, snapshot, self.rules)
        if before == now:
            return ()
        self._context = replace(self._context, nominated=now)
        return [n for n in {*before, *now} if before.get(n) != now.get(n)]

    def _ask(self, names: Iterable[str]) -> None:
        context, nodes = self._context, self._view.nodes
        assert context is not None
        for name in names:
            state = nodes.get(name)
            if state is not None:
                self._keep(name, self._room(name, state, context))
                if state.unread or self._doubted:
                    self._doubt(name, state, context)
            elif name in self._rooms:
                self._keep(name, 0)
                self._doubted.discard(name)
                self._further.drop(name)
                del self._rooms[name]

    def _doubt(self, name: str, state: NodeState, context: Context) -> None:
        """Note whether only what cannot be read keeps a node from taking the pod."""
        if state.unread and all(reason.unknown for reason in against(state, context)):
            self._doubted.add(name)
        else:
            self._doubted.discard(name)

    @staticmethod
    def _room(name: str, state: NodeState, context: Context) -> int:
        """Return how many such pods a node takes; 0 when it takes none."""
        nominated, fit = context.nominated.get(name), context.fit
        if nominated or context.unsure or context.blocked or state.unread:
            if against(state, context):
                return 0
            return fit.room(with_pods(state, nominated) if nominated else state)
        room = fit.room(state)  # what most nodes fail at, and the quickest to tell
        if room:
            for each in context.filters:
                if each is not fit and each(state, NO_CHANGE):
                    return 0
        return room

    def _keep(self, name: str, room: int) -> None:
        self.revision += 1
        before = self._rooms.get(name, 0)
        self._rooms[name] = room
        self._count += room - before
        if not room:
            self._further.add(name)
            if before:
                del self.fits[bisect_left(self.fits, name)]
                self._nodes = None
        elif not before:
            self._further.drop(name)
            insort(self.fits, name)
            self._nodes = None

    # --- answering ----------------------------------------------------------------------

    def rejected(self) -> Mapping[str, Reasons]:
        """Return the reasons of all nodes that do not take it; they stay as they are now."""
        if self._rejected is None or self._rejected[0] != self.revision:
            assert self._context is not None
            nodes, context = self._view.nodes, self._context
            whose = Rejected if self.fits else self._further.rejected
            found = whose(nodes, context)
            self._rejected = (self.revision, found)
        return self._rejected[1]

    def verdict(self, snapshot: Snapshot) -> Verdict | None:
        """Return the verdict of a pod of this size for anybody.

        None when it hangs on what was not looked at in a way that only judging in full tells.
        """
        if self._verdict is None or self._verdict[0] != self.revision:
            self._verdict = (self.revision, self._make(snapshot))
        found = self._verdict[1]
        if found is not None and found.as_of != snapshot.as_of:
            found = replace(found, as_of=snapshot.as_of)
            self._verdict = (self.revision, found)
        return found

    def _make(self, snapshot: Snapshot) -> Verdict | None:
        rejected = self.rejected()
        if self.fits:
            if self._nodes is None:
                self._nodes = tuple(self.fits)
            return Verdict(
                Status.FITS_NOW,
                self._nodes,
                None if self._doubted else self._count,
                rejected=rejected,
                as_of=snapshot.as_of,
            )
        if self._further.unsure:
            doubts = dict.fromkeys(r for each in self._further.doubts() for r in each if r.unknown)
            return Verdict(
                Status.UNKNOWN, rejected=rejected, reasons=tuple(doubts), as_of=snapshot.as_of
            )
        found = self._further.verdict(snapshot, ())
        return None if found is None else replace(found, rejected=rejected)

    def without_room(self, snapshot: Snapshot, bad: Mapping[str, Reasons]) -> Verdict | None:
        """Return the verdict when no node but the ``bad`` ones takes the pod.

        None when something is not known.

        Args:
            snapshot: The one the answers were refreshed for.
            bad: Nodes that never take it, for reasons besides those known here.
        """
        for _ in self.looking():
            pass
        return None if self._further.unsure else self._further.verdict(snapshot, bad)
