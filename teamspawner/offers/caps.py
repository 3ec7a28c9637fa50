"""The caps of the map: who holds how much now, and how many more servers they allow.

Counted from live pods by label, and from reservations whose pods are not seen yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from teamspawner.capacity.objects import NodeState, Pod, Resources, Snapshot
from teamspawner.map import Team
from teamspawner.offers.amounts import accelerators_in
from teamspawner.offers.labels import START_LABEL, TEAM_LABEL, USER_LABEL
from teamspawner.offers.reservations import Reservation

_Key = TypeVar("_Key")


class Held(NamedTuple):
    """What some pods hold: a count, millicores, bytes, devices."""

    servers: int = 0
    cpu: int = 0
    memory: int = 0
    gpus: int = 0

    def plus(self, other: Held) -> Held:
        """Both together."""
        return Held(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def negative(self) -> Held:
        """The same, to be taken away."""
        return Held(*(-value for value in self))


class Holder(NamedTuple):
    """What a team holds, and what one person holds of it."""

    team: Held
    person: Held


class Cap(NamedTuple):
    """One cap that applies to a server, with what it would take of it.

    Attributes:
        name: ``servers_per_user``, ``per_user``, ``team``, ``cpu`` or ``memory``.
        most: The cap.
        used: What is held now; above ``most`` when the map was lowered since.
        need: What one more server takes.
    """

    name: str
    most: int
    used: int
    need: int

    @property
    def left(self) -> int:
        """How many more such servers the cap lets start."""
        return max(0, self.most - self.used) // self.need


@dataclass(frozen=True, slots=True)
class Usage:
    """Who holds what, at one snapshot with reservations.

    ``tokens`` are those of the starts whose pods are seen.
    """

    teams: Mapping[str, Held]
    people: Mapping[tuple[str, str], Held]
    tokens: AbstractSet[str] = frozenset()

    def of(self, team: str, person: str) -> Holder:
        """What a team holds, and one person (by label) of it."""
        none = Held()
        return Holder(self.teams.get(team, none), self.people.get((team, person), none))

    def without(self, pod: Pod) -> Usage:
        """Leave out one pod that is counted."""
        entry = _entry_of(pod)
        teams, people = dict(self.teams), dict(self.people)
        if entry is not None:
            held = entry.held.negative()
            _add(teams, entry.team, held)
            _add(people, (entry.team, entry.person), held)
        return Usage(teams, people, self.tokens)

    def with_reservations(self, held: Iterable[Reservation]) -> Usage:
        """Add the starts under way whose pods are not seen yet."""
        held = tuple(held)
        if not held:
            return self
        teams, people = dict(self.teams), dict(self.people)
        for each in held:
            if each.team is None or each.token in self.tokens:
                continue
            take = Held(
                1, each.requests.get("cpu", 0), each.requests.get("memory", 0), each.devices
            )
            who = (each.team, each.person)
            _add(teams, each.team, take)
            _add(people, who, take)
        return Usage(teams, people, self.tokens)


def caps_of(team: Team, holder: Holder, requests: Resources, devices: int) -> tuple[Cap, ...]:
    """The caps of a team that one more server of this person would count towards."""
    all_of, own = holder
    limits, gpu = team.limits, team.gpu
    rows = (
        ("servers_per_user", limits.servers_per_user, own.servers, 1),
        ("per_user", gpu.per_user, own.gpus, devices),
        ("team", gpu.team, all_of.gpus, devices),
        ("cpu", limits.cpu, all_of.cpu, requests.get("cpu", 0)),
        ("memory", limits.memory, all_of.memory, requests.get("memory", 0)),
    )
    return tuple(
        Cap(name, most, used, need) for name, most, used, need in rows if most is not None and need
    )


def has_caps(team: Team, *, devices: bool) -> bool:
    """Whether any cap of a team could hold back a server with or without accelerators."""
    limits, gpu = team.limits, team.gpu
    counted = (limits.servers_per_user, limits.cpu, limits.memory)
    on_devices = (gpu.per_user, gpu.team) if devices else ()
    return any(cap is not None for cap in (*counted, *on_devices))


class _Entry(NamedTuple):
    team: str
    person: str
    held: Held
    token: str


@dataclass(slots=True)
class Tally:
    """Counts the pods of a hub's teams; a change costs the pods of the nodes that changed.

    Attributes:
        namespaces: Where the hub's servers are; None: everywhere.
    """

    namespaces: frozenset[str] | None = None
    _counted: dict[str, tuple[_Entry, ...]] = field(default_factory=dict)
    _teams: dict[str, Held] = field(default_factory=dict)
    _people: dict[tuple[str, str], Held] = field(default_factory=dict)
    _tokens: set[str] = field(default_factory=set)
    _told: bool = False

    def follow(self, names: Iterable[str], nodes: Mapping[str, NodeState]) -> None:
        """Count the nodes of these names anew; one that is not in ``nodes`` is gone."""
        for name in names:
            before = self._counted.get(name, ())
            entries = tuple(self._entries(nodes[name].pods)) if name in nodes else ()
            if entries == before:
                continue
            self._part()
            for entry in before:
                self._take(entry, entry.held.negative())
                self._tokens.discard(entry.token)
            for entry in entries:
                self._take(entry, entry.held)
                self._tokens.add(entry.token)
            if entries:
                self._counted[name] = entries
            else:
                del self._counted[name]

    def _part(self) -> None:
        """Go on with tables of one's own: what was told of a moment stays as it was told."""
        if self._told:
            self._teams, self._people = dict(self._teams), dict(self._people)
            self._tokens, self._told = set(self._tokens), False

    def usage(self, snapshot: Snapshot) -> Usage:
        """Who holds what, by the pods on nodes and the snapshot's that wait or are stranded."""
        waiting = (candidate.pod for candidate in snapshot.waiting)
        others = tuple(self._entries((*waiting, *snapshot.stranded)))
        if not others:
            self._told = True
            return Usage(self._teams, self._people, self._tokens)
        teams, people = dict(self._teams), dict(self._people)
        for entry in others:
            _add(teams, entry.team, entry.held)
            _add(people, (entry.team, entry.person), entry.held)
        return Usage(teams, people, self._tokens | {entry.token for entry in others})

    def _take(self, entry: _Entry, held: Held) -> None:
        _add(self._teams, entry.team, held)
        _add(self._people, (entry.team, entry.person), held)

    def _entries(self, pods: Iterable[Pod]) -> Iterator[_Entry]:
        for pod in pods:
            entry = _entry_of(pod)
            if entry and not (self.namespaces and pod.namespace not in self.namespaces):
                yield entry


def _entry_of(pod: Pod) -> _Entry | None:
    """What a server of a team holds; None for any other pod."""
    labels, requests = pod.labels, pod.spec.requests
    team = labels.get(TEAM_LABEL)
    if not team:
        return None
    gpus = sum(accelerators_in(requests).values())
    held = Held(1, requests.get("cpu", 0), requests.get("memory", 0), gpus)
    return _Entry(team, labels.get(USER_LABEL, ""), held, labels.get(START_LABEL, ""))


def _add(to: dict[_Key, Held], key: _Key, held: Held) -> None:
    total = to.get(key, Held()).plus(held)
    if any(total):
        to[key] = total
    else:
        to.pop(key, None)
