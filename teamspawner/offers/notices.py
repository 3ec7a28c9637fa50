"""What is told above all cards, and to who may have nothing: one plain sentence.

No group of the map is ever named, only those that the person is in.
"""

from __future__ import annotations

from teamspawner.map import Map
from teamspawner.offers.model import Person
from teamspawner.offers.profiles import NOT_YOURS
from teamspawner.offers.rights import Rights
from teamspawner.offers.scene import Scene

BROKEN = "The list of what may be started is broken; tell the people who run this hub."
NOT_SEEN = "The cluster's accelerators are not seen now, so this cannot be started; try again soon."


def notice(parsed: Map | None, person: Person, rights: Rights, scene: Scene, *, empty: bool) -> str:
    """The sentence above a listing; empty when there is nothing to say of all of it.

    Args:
        parsed: The map in force; None without one.
        person: Whose listing it is.
        rights: What the map gives them.
        scene: What is known of the cluster.
        empty: Whether the listing shows nothing.
    """
    if parsed is not None and not rights.teams and empty:
        return no_team(person, rights)
    if scene.snapshot is None:
        return "The cluster is not seen yet, so what is free is not known."
    if scene.stale:
        return "The last news from the cluster is too old to tell what is free."
    if scene.blind and "nodes" not in scene.snapshot.unseen:
        return "A machine of the cluster cannot be read, so not all that is free is known."
    if scene.blind:
        gpu = parsed is not None and any(parsed.tiers[key].gpu for key in rights.tiers)
        more = " Tiers with accelerators cannot be shown." if gpu else ""
        return f"The hub cannot see the cluster's machines, so what is free is not known.{more}"
    return "There is nothing that you may start." if empty else ""


def no_team(person: Person, rights: Rights) -> str:
    """Refuse who is in no team, and say which groups of theirs were seen."""
    if rights.teams or rights.tiers:
        return NOT_YOURS
    groups = sorted(person.groups)
    if not groups:
        return "You are in no group, so in no team of this hub; ask the people who run it."
    seen = "Your group" if len(groups) == 1 else "None of your groups"
    is_in = "is in no team" if len(groups) == 1 else "is in a team"
    return f"{seen} ({', '.join(groups)}) {is_in} of this hub; ask the people who run it."
