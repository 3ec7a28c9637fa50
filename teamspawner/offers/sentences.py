"""What a verdict says to people, in one plain sentence.

No node and no other person is ever named; who holds what is told in numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from teamspawner import units
from teamspawner.capacity.objects import NodeState, Resources, Snapshot
from teamspawner.capacity.verdict import Reason, Status, Verdict

CAP = "cap"
"""The plugin of reasons that come from a cap of the map."""
QUOTA = "ResourceQuota"
"""The plugin of reasons that come from a quota; their detail is a sentence for people."""
POOL = "Pool"
"""The plugin of reasons about pools of the map; their detail is a sentence for people."""
STALE = "stale"
UNREAD = "unread"

_RESOURCES = "NodeResourcesFit"
_WORDS = {"cpu": "CPU", "memory": "memory", "ephemeral-storage": "local disk"}
_NEVER = {
    "TaintToleration": "The machines for this are reserved for other work.",
    "NodeAffinity": "No machine has the labels that this asks for.",
    "NodeUnschedulable": "The machines for this are under maintenance.",
    "NodeName": "The machine for this is gone.",
    "VolumeZone": "Your disk is in another zone than the machines that could take this.",
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
_MIXED = "The machines hold several models; which one you get is not certain."


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person asks for, as far as sentences need it.

    Attributes:
        device: The accelerator's resource; empty without.
        count: Devices.
        name: The accelerator for people, such as ``A100 80 GB``.
        members: Names of the nodes that have such devices.
        troubles: What is wrong with them.
        may_try: Whether a start may be tried although it must wait or is not known.
    """

    requests: Resources
    device: str = ""
    count: int = 0
    name: str = ""
    members: frozenset[str] = frozenset()
    troubles: frozenset[str] = frozenset()
    may_try: bool = False
    when_busy_waits: bool = False


def sentence(verdict: Verdict, asked: Asked, snapshot: Snapshot | None) -> str:
    """One plain sentence on a verdict that no cap decided."""
    said = _said(verdict, asked, snapshot)
    pool = next((reason.detail for reason in verdict.reasons if reason.plugin == POOL), "")
    if pool:
        said = pool if verdict.status is Status.NEEDS_SCALE_UP else f"{said} {pool}"
    if "mixed" in asked.troubles and verdict.status is not Status.NEVER:
        said = f"{said} {_MIXED}"
    return said


_FIXED = {
    Status.FITS_NOW: "Starts right away.",
    Status.NODE_COMING: "A machine that fits is starting; your server starts once it is ready.",
    Status.NEEDS_SCALE_UP: "No machine has room now; a new one is started for you.",
    Status.QUOTA_BLOCKED: "A quota of the cluster is used up.",
    Status.INVALID: "The cluster would refuse this server; tell the people who run this hub.",
}


def _said(verdict: Verdict, asked: Asked, snapshot: Snapshot | None) -> str:
    status = verdict.status
    if status in _FIXED:
        quota = next((each.detail for each in verdict.reasons if each.plugin == QUOTA), "")
        return quota or _FIXED[status]
    if status is Status.FITS_BY_PREEMPTION:
        gentle = verdict.placeholder_only
        who = "A reserved place makes" if gentle else "Work of lower priority is stopped to make"
        return f"{who} room for it."
    if status is Status.QUEUED:
        return _queued(verdict)
    if status is Status.UNKNOWN:
        return _unknown(verdict, asked)
    if status is Status.BUSY:
        tail = " It may wait for room." if asked.when_busy_waits else ""
        return _busy(verdict, asked, snapshot) + tail
    return _never(verdict, asked, snapshot)


def _queued(verdict: Verdict) -> str:
    gate = next((reason.detail for reason in verdict.reasons if reason.detail), "")
    return f"Held back by {gate}." if gate else "Held back by a gate of the cluster."


def _unknown(verdict: Verdict, asked: Asked) -> str:
    plugins = {reason.plugin for reason in verdict.reasons}
    unseen = _unseen(verdict)
    if STALE in plugins:
        said = "The last news from the cluster is too old to tell what is free."
    elif UNREAD in plugins:
        said = "The hub cannot see the running servers, so a limit of your team cannot be checked."
    elif "Scheduler" in plugins:
        said = "Another scheduler places this; what it would do is not known."
    elif unseen:
        said = f"The hub cannot see the cluster's {unseen}, so what is free is not known."
    else:
        said = "What is free is not known now."
    return f"{said} You may try; it may have to wait." if asked.may_try else said


def _unseen(verdict: Verdict) -> str:
    reasons = [*verdict.reasons, *(each for group in verdict.rejected.values() for each in group)]
    kinds = {kind for reason in reasons if reason.unknown for kind in _kinds(reason.detail)}
    return _listed(sorted(kinds))


def _kinds(detail: str) -> Iterator[str]:
    for word in detail.replace(",", " ").split():
        yield {"persistentvolumeclaims": "disks", "persistentvolumes": "disks"}.get(word, word)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _busy(verdict: Verdict, asked: Asked, snapshot: Snapshot | None) -> str:
    freeing = " Room is being freed now." if verdict.freeing else ""
    if asked.device and snapshot is not None:
        return _busy_devices(verdict, asked, snapshot) + freeing
    short = _short(verdict, verdict.rejected)
    if short == {"pods"}:
        return f"The machines are full: they run as many servers as they may.{freeing}"
    if short:
        return f"No machine has {_needs(asked.requests, short)} free now.{freeing}"
    return _most_common(verdict, _BUSY, "The machines that could take this are in use.") + freeing


def _busy_devices(verdict: Verdict, asked: Asked, snapshot: Snapshot) -> str:
    """Say what stands in the way on the machines that have such devices."""
    here = [
        (snapshot.nodes[name], verdict.rejected.get(name, ()))
        for name in asked.members
        if name in snapshot.nodes
    ]
    beside = [state for state, reasons in here if _only_beside(reasons, asked.device)]
    if beside:
        return _beside(beside, asked)
    open_ = [state.free(asked.device) for state, reasons in here if _only_short(reasons)]
    if open_:
        left = max(0, *open_)
        if 0 < left < asked.count:
            return f"Only {left} {asked.name} {_are(left)} left on one machine."
        return f"All {asked.name} are in use."
    if max((state.free(asked.device) for state, _ in here), default=0) >= asked.count:
        default = f"The machines with free {asked.name} take no new servers now."
        return _most_common(verdict, _BUSY, default)
    return f"All {asked.name} are in use."


def _only_short(reasons: Iterable[Reason]) -> bool:
    return all(reason.plugin == _RESOURCES for reason in reasons)


def _only_beside(reasons: Sequence[Reason], device: str) -> bool:
    """Whether devices are free and only what a server needs beside them is short."""
    for reason in reasons:
        if reason.resource == device or reason.plugin != _RESOURCES:
            return False
    return bool(reasons)


def _beside(states: Sequence[NodeState], asked: Asked) -> str:
    best = max(
        states, key=lambda state: (state.free(asked.device), state.free("cpu"), state.node.name)
    )
    free = best.free(asked.device)
    what = f"The {free} {asked.name} are free" if free > 1 else f"One {asked.name} is free"
    for name in ("cpu", "memory"):
        need = asked.requests.get(name, 0)
        if need > best.free(name):
            it = "it" if free == 1 else "them"
            return f"{what} but only {_much(name, max(0, best.free(name)))} is left beside {it}."
    return f"{what} but the machine is full."


def _much(name: str, value: int) -> str:
    if name == "cpu":
        return f"{int(value / 100) / 10:g} CPU"
    return f"{units.gib(value)} of memory" if name == "memory" else str(value)


def _needs(requests: Resources, short: set[str]) -> str:
    named = [_much(name, requests[name]) for name in ("cpu", "memory") if requests.get(name)]
    return _listed(named) if short & {"cpu", "memory"} and named else "room"


def _short(verdict: Verdict, names: Iterable[str]) -> set[str]:
    """What is short on nodes where resources alone stand in the way."""
    return {
        reason.resource or _short_name(reason)
        for name in names
        if _only_short(verdict.rejected[name])
        for reason in verdict.rejected[name]
    }


def _short_name(reason: Reason) -> str:
    return "pods" if reason.message == "Too many pods" else "room"


def _never(verdict: Verdict, asked: Asked, snapshot: Snapshot | None) -> str:
    for trouble, said in _TROUBLES.items():
        if trouble in asked.troubles:
            return said
    whole = next((reason for reason in verdict.reasons if reason.detail or reason.message), None)
    if whole is not None and "persistentvolumeclaim" in whole.message:
        return "A disk that this needs does not exist; tell the people who run this hub."
    if not verdict.rejected:
        return "The cluster has no machines."
    looked_at = {
        name: reasons
        for name, reasons in verdict.rejected.items()
        if not asked.members or name in asked.members
    }
    states = (
        [snapshot.nodes[name] for name in looked_at if name in snapshot.nodes] if snapshot else []
    )
    if states and (small := _too_small(asked, states)):
        return small
    kept = {name: reasons for name, reasons in looked_at.items() if not _only_short(reasons)}
    if not kept:
        return "No machine is large enough, once what always runs on it is counted."
    verdict = replace(verdict, rejected=kept)
    return _most_common(verdict, _NEVER, "No machine can take this, however empty.")


def _too_small(asked: Asked, states: Sequence[NodeState]) -> str:
    """Name the first thing that is too large for every machine; empty when nothing is."""
    if asked.device:
        most = max(state.node.allocatable.get(asked.device, 0) for state in states)
        if most < asked.count:
            return f"No machine has {asked.count} {asked.name}; the largest has {most}."
    for name in ("cpu", "memory"):
        need = asked.requests.get(name, 0)
        most = max(state.node.allocatable.get(name, 0) for state in states)
        if need > most:
            asks, has = _much(name, need), _much(name, most)
            return f"No machine is large enough: this asks for {asks}, the largest has {has}."
    return ""


def _most_common(verdict: Verdict, words: dict[str, str], default: str) -> str:
    """The sentence of the reason that most nodes give, resources aside."""
    counts: dict[str, int] = {}
    for reasons in verdict.rejected.values():
        for plugin in {reason.plugin for reason in reasons} & words.keys():
            counts[plugin] = counts.get(plugin, 0) + 1
    return words[max(sorted(counts), key=lambda plugin: counts[plugin])] if counts else default


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
