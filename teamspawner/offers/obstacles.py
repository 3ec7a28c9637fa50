"""What stands in the way of a server that must wait, or that never fits, in one sentence.

No node and no other person is ever named; who holds what is told in numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from teamspawner.capacity.filtering import Reasons
from teamspawner.capacity.filters import is_scalar
from teamspawner.capacity.objects import NodeState, Snapshot
from teamspawner.capacity.rejected import alike
from teamspawner.capacity.verdict import Reason, Verdict
from teamspawner.offers.amounts import much, needs
from teamspawner.offers.asked import Asked
from teamspawner.offers.here import Here, only_short

__all__ = ["busy", "never"]

_CORE = ("cpu", "memory", "ephemeral-storage")
_NEVER = {
    "TaintToleration": "The machines for this are reserved for other work.",
    "NodeAffinity": "The cluster has no machine of the kind that this asks for.",
    "NodeUnschedulable": "The machines for this are under maintenance.",
    "NodeName": "The machine for this is gone.",
    "VolumeZone": "Your disk is in another zone than the machines that could take this.",
    "NodeVolumeLimits": "The disk for this cannot be had on any machine that could take this.",
    "NodeDeclaredFeatures": "The machines are too old for what this asks of them.",
    "VolumeBinding": "The disk for this cannot be had on any machine that could take this.",
    "DynamicResources": "The devices for this cannot be had.",
    "PodTopologySpread": "The rules for spreading servers leave no machine for this.",
    "InterPodAffinity": "What already runs on the machines keeps this away.",
}
_BUSY = {
    "NodePorts": "The port that this needs is taken on every machine.",
    "VolumeRestrictions": "Your disk is in use by another of your servers.",
    "NodeVolumeLimits": "No machine has a free place for another disk.",
    "PodTopologySpread": _NEVER["PodTopologySpread"],
    "InterPodAffinity": _NEVER["InterPodAffinity"],
    "NodeUnschedulable": _NEVER["NodeUnschedulable"],
    "TaintToleration": "The machines for this take no new servers now.",
}
_TROUBLES = {
    "driver": "The driver of these devices is not ready.",
    "mig-invalid": "MIG is set up wrongly on the machines with these devices.",
}


def busy(verdict: Verdict, asked: Asked, snapshot: Snapshot | None, here: Here | None) -> str:
    """Say what keeps a server waiting.

    Args:
        verdict: A BUSY one.
        asked: What it is about.
        snapshot: The cluster; None when never seen.
        here: What stands in the way on the machines with the accelerator; None: it is looked for.
    """
    freeing = " Room is being freed now." if verdict.freeing else ""
    if asked.device and snapshot is not None:
        if here is None:
            here = Here(asked.device)
            here.look(asked.members & snapshot.nodes.keys(), snapshot.nodes, verdict.rejected)
        return _busy_devices(verdict, asked, snapshot, here) + freeing
    reasons = alike(verdict.rejected)
    short = _short(reasons)
    if short == {"pods"}:
        return f"The machines are full: they run as many servers as they may.{freeing}"
    if short:
        return f"No machine has {needs(asked.requests, short)} free now.{freeing}"
    return _most_common(reasons, _BUSY, "The machines that could take this are in use.") + freeing


def _busy_devices(verdict: Verdict, asked: Asked, snapshot: Snapshot, here: Here) -> str:
    """Say what stands in the way on the machines that have such devices."""
    if here.beside:
        return _beside(snapshot.nodes[max(here.beside.values())[-1]], asked)
    if here.open:
        left = max(0, *here.open.values())
        if 0 < left < asked.count:
            return f"Only {left} {_named(asked, left)} {_are(left)} left on one machine."
        return f"All {_named(asked)} are in use."
    states = [snapshot.nodes[name] for name in asked.members if name in snapshot.nodes]
    if max((state.free(asked.device) for state in states), default=0) >= asked.count:
        default = f"The machines with free {_named(asked)} take no new servers now."
        names = (state.node.name for state in states)
        there = {name: verdict.rejected[name] for name in names if name in verdict.rejected}
        return _most_common(alike(there), _BUSY, default)
    return f"All {_named(asked)} are in use."


def _beside(best: NodeState, asked: Asked) -> str:
    free = best.free(asked.device)
    what = f"{free} {_named(asked)} are free" if free > 1 else f"One {_named(asked, 1)} is free"
    for name in ("cpu", "memory"):
        need = asked.requests.get(name, 0)
        if need > best.free(name):
            it = "it" if free == 1 else "them"
            left = max(0, best.free(name))
            return f"{what}, but {'only ' if left else ''}{much(name, left)} is left beside {it}."
    return f"{what}, but the machine is full."


def _short(groups: Iterable[Reasons]) -> set[str]:
    """What is short on nodes where resources alone stand in the way."""
    return {
        reason.resource or _short_name(reason)
        for reasons in groups
        if only_short(reasons)
        for reason in reasons
    }


def _short_name(reason: Reason) -> str:
    return "pods" if reason.message == "Too many pods" else "room"


def never(verdict: Verdict, asked: Asked, snapshot: Snapshot | None) -> str:
    """Say why a server fits nowhere, however empty the machines; arguments as for ``busy``."""
    for trouble, said in _TROUBLES.items():
        if trouble in asked.troubles:
            return said
    disk = _disk(verdict.reasons)
    if disk:
        return disk
    if not verdict.rejected:
        return "The cluster has no machines."
    looked_at: Mapping[str, Reasons] = verdict.rejected
    if asked.members:
        looked_at = {n: verdict.rejected[n] for n in asked.members if n in verdict.rejected}
    nodes = snapshot.nodes if snapshot else {}
    states = [nodes[name] for name in looked_at if name in nodes]
    if states and (small := _too_small(asked, states)):
        return small
    kept = {
        reasons: count for reasons, count in alike(looked_at).items() if not only_short(reasons)
    }
    if not kept:
        return "No machine is large enough, once what always runs on it is counted."
    return _most_common(kept, _NEVER, "No machine can take this, however empty.")


def _disk(reasons: Iterable[Reason]) -> str:
    """Say why a disk stands against every machine; empty when none does."""
    for reason in reasons:
        words = reason.message.lower()
        if "persistentvolume" not in words:
            continue
        if "is being deleted" in words:
            return "The disk that this needs is being deleted."
        if "unbound immediate" in words or "waiting for" in words:
            return "The disk that this needs is still to be made."
        if "not found" in words or "non-existent" in words:
            return "A disk that this needs does not exist; tell the people who run this hub."
    return ""


def _too_small(asked: Asked, states: Sequence[NodeState]) -> str:
    """Name the first thing that is too large for every machine; empty when nothing is."""
    if asked.device:
        most = max(state.node.allocatable.get(asked.device, 0) for state in states)
        if most < asked.count:
            devices = _named(asked, asked.count)
            return f"No machine has {asked.count} {devices}; the largest has {most}."
    for name in dict.fromkeys(("cpu", "memory", *sorted(asked.requests))):
        need = asked.requests.get(name, 0)
        most = max(state.node.allocatable.get(name, 0) for state in states)
        if need > most and (name in _CORE or is_scalar(name)):
            asks, has = much(name, need), much(name, most)
            has = "a little less" if has == asks else has
            return f"No machine is large enough: this asks for {asks}, the largest has {has}."
    return ""


def _most_common(groups: Mapping[Reasons, int], words: dict[str, str], default: str) -> str:
    """The sentence of the reason that most nodes give, resources aside."""
    counts: dict[str, int] = {}
    for reasons, nodes in groups.items():
        for plugin in {reason.plugin for reason in reasons} & words.keys():
            counts[plugin] = counts.get(plugin, 0) + nodes
    return words[max(sorted(counts), key=lambda plugin: counts[plugin])] if counts else default


def _named(asked: Asked, count: int = 2) -> str:
    """What is asked for, to follow a number; names of models stay as they are."""
    return ("GPU" if count == 1 else "GPUs") if asked.name == "GPU" else asked.name


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
