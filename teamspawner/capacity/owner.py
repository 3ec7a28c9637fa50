"""What somebody's volumes and labels add to the answers that all people share."""

from __future__ import annotations

import operator
from collections import ChainMap
from collections.abc import Hashable, Iterator
from dataclasses import replace

from teamspawner.capacity.answers import Answers
from teamspawner.capacity.context import Context, prepare
from teamspawner.capacity.features import Features
from teamspawner.capacity.filtering import Filter
from teamspawner.capacity.filters import Fit, Placement, Ports
from teamspawner.capacity.held import Held
from teamspawner.capacity.objects import Candidate, Snapshot
from teamspawner.capacity.reach import Reach
from teamspawner.capacity.restrictions import Restrictions
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Verdict
from teamspawner.capacity.view import View

__all__ = ["Owner", "Reaches", "claims_of"]

Tables = tuple[object, ...]
Reaches = Held[tuple[Tables, Reach]]
"""Where volumes of one sort may go, for all people who have such ones."""

_ANYWHERE = Reach(None)
_OF_THE_SIZE = (Placement, Ports, Fit, Features)
"""Filters that ask nothing of whose pod it is: what they say is among the answers to its size."""


class Owner:
    """The owner of some volumes.

    Args:
        rules: The scheduler asked.
        reaches: Shared by all owners.

    Attributes:
        usable: Whether the reasons can be kept node by node; only then are they.
    """

    def __init__(self, rules: Rules, reaches: Reaches) -> None:
        self.rules = rules
        self.usable = False
        self._reaches = reaches
        self._reach = _ANYWHERE
        self._ground: Hashable = None
        self._looks: frozenset[str] = frozenset()
        self._tables: Tables = ()

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
        if self._aim(candidate, snapshot, view, answers):
            yield from self._reach.asking(answers)

    def refresh(
        self, candidate: Candidate, snapshot: Snapshot, view: View, answers: Answers
    ) -> None:
        """Bring the reasons up to date in one go."""
        if self._aim(candidate, snapshot, view, answers):
            for _ in self._reach.asking(answers):
                pass

    def verdict(self, size: Hashable, answers: Answers, snapshot: Snapshot) -> Verdict | None:
        """Return the verdict of both together; None when only judging in full can tell."""
        return self._reach.verdict(size, answers, snapshot) if self.usable else None

    def _aim(self, candidate: Candidate, snapshot: Snapshot, view: View, answers: Answers) -> bool:
        doubts = tuple(snapshot.unread.items())
        ground = (snapshot.epoch, snapshot.unseen, doubts, claims_of(candidate, snapshot))
        if ground != self._ground or not _same(self._tables, _tables(snapshot, self._looks)):
            self._ground = ground
            self._prepare(candidate, snapshot, answers)
        return self._reach.aim(view, answers)

    def _prepare(self, candidate: Candidate, snapshot: Snapshot, answers: Answers) -> None:
        context = prepare(candidate, snapshot, self.rules)
        own = tuple(f for f in context.filters if not isinstance(f, _OF_THE_SIZE))
        self.usable = (
            context.local
            and not context.blocked
            and context.unsure == answers.unsure
            and not any(isinstance(f, Restrictions) for f in own)  # such pods exclude each other
        )
        self._looks = frozenset[str]().union(*(f.looks for f in own))
        self._tables = _tables(snapshot, self._looks)
        asked = tuple(f for f in own if not f.idle) if self.usable else ()
        alone = replace(context, filters=asked, unsure=(), nominated=answers.nominated)
        self._reach = self._reach_of(alone, snapshot) if asked else _ANYWHERE

    def _reach_of(self, context: Context, snapshot: Snapshot) -> Reach:
        """Return where the volumes may go, as found for somebody with such ones, where one was."""
        sort = _sort_of(context.filters)
        if sort is None:
            return Reach(context)
        key = (sort, snapshot.epoch, snapshot.unseen)
        known = self._reaches.get(key)
        if known is None or not _same(known[0], self._tables):
            known = self._reaches.put(key, (self._tables, Reach(context)))
        return known[1]


def _sort_of(filters: tuple[Filter, ...]) -> Hashable:
    """Return what tells apart filters that answer otherwise; None where each answers for itself."""
    sorts = tuple((type(each), each.sort) for each in filters)
    return None if any(sort is None for _, sort in sorts) else sorts


def _tables(snapshot: Snapshot, names: frozenset[str]) -> Tables:
    """Return what the filters look at besides nodes, and what decides whether there are any.

    What the hub adds of a home that is yet to be made lies before the cluster's table, and
    is among the pod's own claims.
    """
    storage = snapshot.storage
    always = (snapshot.namespaces, storage.attach_limits)
    found = (*always, storage.classes, *(getattr(storage, name) for name in sorted(names)))
    return tuple(table.maps[-1] if type(table) is ChainMap else table for table in found)


def _same(some: Tables, others: Tables) -> bool:
    """Tell whether tables are the very same: a table that changes becomes another one."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def claims_of(candidate: Candidate, snapshot: Snapshot) -> Hashable:
    """Return the pod's own claims and volumes: the hub may have put a home to be made there.

    All other storage changes by whole tables.
    """
    storage, namespace = snapshot.storage, candidate.pod.namespace
    claims = [storage.claims.get((namespace, use.name)) for use in candidate.pod.spec.volumes]
    return tuple((claim, storage.volumes.get(claim.volume) if claim else None) for claim in claims)
