"""What there is to offer: variants, rights and sizes, kept until nodes change them."""

from __future__ import annotations

from collections.abc import Collection, Generator
from collections.abc import Set as AbstractSet
from itertools import islice

from teamspawner.capacity.objects import Snapshot
from teamspawner.map import Map, teams_of
from teamspawner.offers.caps import Tally, Usage
from teamspawner.offers.cards import Cards
from teamspawner.offers.changes import Changes
from teamspawner.offers.choices import Pick, build
from teamspawner.offers.fleet import Fleet, Fleets
from teamspawner.offers.goods import Goods
from teamspawner.offers.growth import Growth
from teamspawner.offers.labels import person_label
from teamspawner.offers.left import Lefts
from teamspawner.offers.leftover import left_out
from teamspawner.offers.model import Choice, Person
from teamspawner.offers.moments import Moment
from teamspawner.offers.pools import Pools
from teamspawner.offers.rights import Right, Rights, rights_of
from teamspawner.offers.scene import Judge, Scene
from teamspawner.offers.starting import Starting
from teamspawner.offers.variants import Absent, Found, Sizes, variants

_NONE = Rights((), (), (), ())
_MOST = 256
"""How many sets of teams the rights and cards are kept of: that many fit a hub with few teams,
and with many teams hardly two people are in the same."""
_STEP = 100
"""Nodes read between two steps of ``warm``."""


class Stock:
    """Follows the snapshots of one cluster for one map; a question costs what changed.

    Args:
        parsed: The map; None without one.
        namespaces: Where the hub's servers are, for counting caps; None: everywhere.
    """

    def __init__(self, parsed: Map | None, namespaces: frozenset[str] | None = None) -> None:
        self._map = parsed
        self._changes = Changes()
        self._fleets = Fleets()
        self._sizes = Sizes()
        self._tally = Tally(namespaces)
        self._pools = Pools(parsed.pools if parsed else ())
        self._starting = Starting(parsed.pools if parsed else ())
        self._pools_of = -1
        self._lefts = Lefts()
        self._made_with: tuple[Fleet, ...] | None = None
        self._made_of: object = None
        self._variants: tuple[Found | Absent, ...] = ()
        self._rights: dict[tuple[str, ...], Rights] = {}
        self._cards: dict[tuple[str, ...], Cards] = {}
        self._goods: dict[tuple[str, str], tuple[Goods, ...]] = {}

    def fleets(self, snapshot: Snapshot | None) -> tuple[Fleet, ...]:
        """The accelerators of the cluster; none when nodes were never seen."""
        if snapshot is None or "nodes" in snapshot.unseen:
            return ()
        self._follow(snapshot)
        return self._fleets.all()

    def rights(self, person: Person, snapshot: Snapshot | None) -> Rights:
        """What the map gives a person, whether it is free or not."""
        if self._map is None:
            return _NONE
        self._renew(snapshot)
        teams = tuple(self._map.teams) if person.admin else teams_of(self._map, person.groups)
        if teams not in self._rights:
            if len(self._rights) >= _MOST:
                self._rights.clear()
                self._cards.clear()
            blind = snapshot is None or snapshot.blind
            self._rights[teams] = rights_of(self._map, teams, self._variants, blind=blind)
        return self._rights[teams]

    def cards(self, rights: Rights) -> Cards:
        """What makes the cards of all who have these rights."""
        assert self._map is not None
        found = self._cards.get(rights.teams)
        if found is None or found.rights is not rights:
            found = self._cards[rights.teams] = Cards(self._map, rights)
        return found

    def moment(self, person: Person, scene: Scene) -> Moment:
        """The moment at which a person's choices are judged."""
        label = person.label or person_label(person.name)
        if scene.snapshot is None:
            return Moment(scene, None, None, label)
        snapshot = scene.snapshot
        usage: Usage | None = None
        tokens: AbstractSet[str] = frozenset()
        if not scene.unread:
            self._follow(snapshot)
            counted = self._tally.usage(snapshot)
            tokens = counted.tokens
            usage = counted.with_reservations(scene.held)
        if scene.leftover is not None:
            snapshot, usage = left_out(scene.leftover, snapshot, usage)
        snapshot = scene.with_starts(snapshot, tokens)
        growth = self.growth(scene.snapshot, snapshot, scene.verdict)
        marks = {tail: log.mark() for tail, log in self._fleets.moved.items()}
        return Moment(scene, snapshot, usage, label, growth, marks, self._lefts)

    def growth(self, snapshot: Snapshot, placed: Snapshot, judge: Judge) -> Growth:
        """The machines that are starting or that pools could add, as far as nodes were seen.

        Args:
            snapshot: The cluster as seen.
            placed: The same with those on it that come first.
            judge: Says what the scheduler would do with a pod.
        """
        if "nodes" in snapshot.unseen:
            return Growth(placed, judge)
        self._follow(snapshot)
        starting = self._starting.machines(placed.nodes, snapshot.as_of)
        return Growth(placed, judge, self._pools.machines(), starting)

    def goods(self, right: Right, snapshot: Snapshot | None) -> tuple[Goods, ...]:
        """Every count of a right, with its first image; none where the size is not known."""
        assert self._map is not None
        self._renew(snapshot)
        key = (right.found.variant.slug, right.team)
        if key not in self._goods:
            team = self._map.teams[right.team]
            made = (self.choice(right, count, right.image, snapshot) for count in right.counts)
            self._goods[key] = tuple(Goods(right, each, team) for each in made if each is not None)
        return self._goods[key]

    def choice(
        self, right: Right, count: int, image: str | None, snapshot: Snapshot | None
    ) -> Choice | None:
        """One choice; None when its size follows from nodes that are not known."""
        assert self._map is not None
        if snapshot is not None:
            self._follow(snapshot)
        size = self._sizes.of(right.found, count, snapshot)
        if size is None:
            return None
        return build(self._map, right.found, size, Pick(count, right.team, image))

    def warm(self, snapshot: Snapshot | None) -> Generator[None, None, None]:
        """Read a cluster that is new or has changed much, in steps of a millisecond or two.

        Every question answers the same without it, and at any time meanwhile.
        """
        if snapshot is None or "nodes" in snapshot.unseen:
            return
        mark, waiting = self._changes.mark, iter(sorted(self._changes.ahead(snapshot)))
        while names := tuple(islice(waiting, _STEP)):
            self._take_in(names, snapshot)
            yield
            if self._changes.mark is not mark:
                return  # somebody asked meanwhile, and read everything for that
        self._changes.until(snapshot)
        yield from self._fleets.working()

    def _renew(self, snapshot: Snapshot | None) -> None:
        """Forget what was made of other nodes."""
        assert self._map is not None
        fleets = self.fleets(snapshot)
        unseen = None if snapshot is None else (snapshot.unseen, snapshot.blind)
        made_of = (self._sizes.generation, unseen)
        if fleets is not self._made_with or made_of != self._made_of:
            self._made_with, self._made_of = fleets, made_of
            self._variants = tuple(variants(self._map, fleets))
            self._rights.clear()
            self._goods.clear()
            self._cards.clear()

    def _follow(self, snapshot: Snapshot) -> None:
        """Take in what changed since the last snapshot."""
        names = self._changes.until(snapshot)
        if names:
            self._take_in(names, snapshot)
        if self._pools_of != self._pools.generation:
            self._pools_of = self._pools.generation
            states = [machine.state for machine in self._pools.machines() if machine.left]
            self._fleets.expect(state.node for state in states)
            self._sizes.expect(states)

    def _take_in(self, names: Collection[str], snapshot: Snapshot) -> None:
        self._fleets.follow(names, snapshot.nodes)
        self._sizes.follow(names, snapshot.nodes)
        self._tally.follow(names, snapshot.nodes)
        self._pools.follow(names, snapshot.nodes)
        self._starting.follow(names, snapshot.nodes)
