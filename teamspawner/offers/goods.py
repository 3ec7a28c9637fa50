"""What of an offer is the same for all who have the right to it, kept while the variants last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from teamspawner.capacity.context import Context
from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.objects import Resources, Snapshot
from teamspawner.capacity.rejected import Joined, Rejected, alike
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.map import Team
from teamspawner.offers.asked import Asked
from teamspawner.offers.caps import has_caps
from teamspawner.offers.here import Here
from teamspawner.offers.marks import Mark
from teamspawner.offers.model import Choice
from teamspawner.offers.rights import Right
from teamspawner.offers.sentences import sentence

__all__ = ["Goods"]

_NOBODYS: Mapping[str, Reasons] = {}
_LOOKS = frozenset({Status.BUSY, Status.NEVER})
"""What is said of these follows from a look at the nodes."""


class _Said(NamedTuple):
    """A sentence, and all that it was made from."""

    asked: Asked
    status: Status
    reasons: tuple[Reason, ...]
    freeing: bool
    ground: tuple[object, ...]
    """Another one when what a node says, or a node that is spoken of, may have changed."""
    kept: object
    """What the ground tells by its identity."""
    text: str


class _Seen(NamedTuple):
    """What was seen of the machines with an accelerator, and when."""

    here: Here
    context: Context
    mark: Mark
    placed: frozenset[str]


class Goods:
    """One choice of a right.

    Args:
        right: The variant and the team charged.
        choice: One count and image of it.
        team: The team, as the map has it.

    Attributes:
        whose: The team's name for people.
        devices: How many accelerators.
        options: What a form sends with it.
        limits: What a server may use.
        capped: Whether any cap of the team could hold it back.
        waits: Whether it may wait for room.
    """

    def __init__(self, right: Right, choice: Choice, team: Team) -> None:
        self.right = right
        self.choice = choice
        self.team = team
        self.whose = team.name or right.team
        self.devices = sum(choice.devices.values())
        self.options: Mapping[str, str] = (
            {"gpus": choice.user_options["gpus"]} if self.devices else {}
        )
        self.limits = _limits(choice)
        self.capped = has_caps(team, devices=bool(self.devices))
        self.waits = right.found.tier.when_busy == "wait"
        self._asked: dict[bool, Asked] = {}
        self._said: _Said | None = None
        self._seen: _Seen | None = None

    def sentence(
        self,
        verdict: Verdict,
        requests: Resources,
        snapshot: Snapshot | None,
        mark: Mark | None,
        *,
        may_try: bool,
    ) -> str:
        """One plain sentence on a verdict that no cap decided; looked for once while it holds.

        Args:
            verdict: The verdict.
            requests: What the pod requests.
            snapshot: The cluster.
            mark: Of the accelerator's nodes and their pods; without one, of all nodes, pods
                aside. None when that is not known.
            may_try: Whether a start may be tried although it is not known.
        """
        asked = self._asking(requests, may_try=may_try)
        if verdict.status not in _LOOKS or snapshot is None:
            return sentence(verdict, asked, snapshot)
        rejected, shared, own = verdict.rejected, verdict.rejected, _NOBODYS
        if isinstance(rejected, Joined):
            shared, own = rejected.shared, rejected.own
        kept: tuple[object, ...] = (shared, own)
        ground: tuple[object, ...] = (id(shared), id(own))
        here: Here | None = None
        if mark is not None and isinstance(shared, Rejected):
            if not asked.members:
                kept, ground = (), (mark, alike(rejected))
            else:
                here = self._look(shared, snapshot, mark).without(own)
                if not own and asked.members.isdisjoint(snapshot.placed):
                    kept, ground = (shared.context,), (mark, id(shared.context))
        key = (asked, verdict.status, verdict.reasons, bool(verdict.freeing), ground)
        if self._said is None or self._said[:-2] != key:
            text = sentence(verdict, asked, snapshot, here)
            self._said = _Said(*key, kept, text)
        return self._said.text

    def _look(self, rejected: Rejected, snapshot: Snapshot, mark: Mark) -> Here:
        """Look at the machines that changed since the last look; at all where that is not known."""
        fleet, seen = self.right.found.fleet, self._seen
        assert fleet is not None
        names = mark.since(seen.mark) if seen is not None else None
        if seen is None or names is None or seen.context is not rejected.context:
            here, names = Here(fleet.resource), fleet.names
        else:
            here, names = seen.here, {*names, *seen.placed}
        placed = snapshot.placed & fleet.names
        here.look({*names, *placed}, snapshot.nodes, rejected)
        self._seen = _Seen(here, rejected.context, mark, placed)
        return here

    def _asking(self, requests: Resources, *, may_try: bool) -> Asked:
        """What it asks for, as far as sentences need it."""
        asked = self._asked.get(may_try)
        if asked is None or (asked.requests is not requests and asked.requests != requests):
            variant, fleet = self.right.found.variant, self.right.found.fleet
            asked = self._asked[may_try] = Asked(
                requests=requests,
                device=variant.resource,
                count=self.devices,
                name=variant.model_name,
                members=fleet.names if fleet else frozenset(),
                troubles=fleet.troubles if fleet else frozenset(),
                may_try=may_try,
                when_busy_waits=self.waits,
            )
        return asked


def _limits(choice: Choice) -> dict[str, int]:
    override = choice.override
    cpu, memory = override.get("cpu_limit"), override.get("mem_limit")
    limits = {"cpu": round(cpu * 1000) if cpu else 0, "memory": memory or 0}
    return {name: value for name, value in limits.items() if value}
