"""What a verdict says to people, in one plain sentence.

No node and no other person is ever named; who holds what is told in numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from teamspawner.capacity.objects import Snapshot
from teamspawner.capacity.rejected import alike
from teamspawner.capacity.verdict import UNREADABLE, Status, Verdict
from teamspawner.offers.amounts import listed
from teamspawner.offers.asked import Asked
from teamspawner.offers.causes import POOL, QUOTA, STALE, UNREAD
from teamspawner.offers.here import Here
from teamspawner.offers.obstacles import busy, never

__all__ = ["sentence"]

_KINDS = {
    "nodes": "machines",
    "pods": "running servers",
    **dict.fromkeys(("deviceclasses", "resourceclaims", "resourceslices"), "devices"),
    **dict.fromkeys(
        (
            "csidrivers",
            "csinodes",
            "csistoragecapacities",
            "persistentvolumeclaims",
            "persistentvolumes",
            "storageclasses",
            "volumeattachments",
        ),
        "disks",
    ),
}
"""What people call the kinds of objects that a cluster keeps."""
_MIXED = "The machines hold several models; which one you get is not certain."


def sentence(
    verdict: Verdict, asked: Asked, snapshot: Snapshot | None, here: Here | None = None
) -> str:
    """One plain sentence on a verdict that no cap decided.

    Args:
        verdict: The verdict.
        asked: What it is about.
        snapshot: The cluster.
        here: What stands in the way on the machines with the accelerator; None: it is looked for.
    """
    said = _said(verdict, asked, snapshot, here)
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


def _said(verdict: Verdict, asked: Asked, snapshot: Snapshot | None, here: Here | None) -> str:
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
        return busy(verdict, asked, snapshot, here) + tail
    return never(verdict, asked, snapshot)


def _queued(verdict: Verdict) -> str:
    gate = next((reason.detail for reason in verdict.reasons if reason.detail), "")
    told = "It waits until the cluster lets it in"
    return f"{told} ({gate})." if gate else f"{told}."


def _unknown(verdict: Verdict, asked: Asked) -> str:
    plugins = {reason.plugin for reason in verdict.reasons}
    unseen = _unseen(verdict)
    if STALE in plugins:
        said = "The last news from the cluster is too old to tell what is free."
    elif UNREAD in plugins:
        said = "The hub cannot see the running servers, so a limit of your team cannot be checked."
    elif "Scheduler" in plugins:
        said = "Another scheduler places this; what it would do is not known."
    elif plugins == {UNREADABLE}:
        said = f"Some of the cluster's {unseen} cannot be read, so what is free is not known."
    elif unseen:
        said = f"The hub cannot see the cluster's {unseen}, so what is free is not known."
    else:
        said = "What is free is not known now."
    return f"{said} You may try; it may have to wait." if asked.may_try else said


def _unseen(verdict: Verdict) -> str:
    reasons = [*verdict.reasons, *(each for group in alike(verdict.rejected) for each in group)]
    kinds = {kind for reason in reasons if reason.unknown for kind in _kinds(reason.detail)}
    return listed(sorted(kinds))


def _kinds(detail: str) -> Iterator[str]:
    for word in detail.replace(",", " ").split():
        yield _KINDS.get(word, word)
