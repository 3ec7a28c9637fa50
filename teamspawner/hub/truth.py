"""Whether the page was right: what was foretold at a start, and what the scheduler then did."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.hub import metrics

__all__ = ["compare"]

PLACED = frozenset({Status.FITS_NOW})
"""Verdicts that foretell a place at the first look of the scheduler."""
WAITS = frozenset(
    {
        Status.BUSY,
        Status.NEVER,
        Status.NEEDS_SCALE_UP,
        Status.NODE_COMING,
        Status.FITS_BY_PREEMPTION,
    }
)
"""Verdicts that foretell at least one no; UNKNOWN and the rest foretell nothing."""


def compare(
    foretold: Verdict, pod: Mapping[str, Any], *, placed: bool, log: logging.Logger
) -> None:
    """Count one answer of the scheduler, and log both sides when they differ.

    Args:
        foretold: The verdict at the moment of the start.
        pod: The pod as the scheduler left it.
        placed: The scheduler's first answer.
        log: Where a difference is told, node and all: it is for the admin.
    """
    if foretold.status not in PLACED | WAITS:
        metrics.compared(foretold.status.value, agreed=True)
        return
    if _agrees(foretold, pod, placed=placed):
        metrics.compared(foretold.status.value, agreed=True)
        return
    metrics.compared(foretold.status.value, _cause(foretold, pod, placed=placed), agreed=False)
    log.warning(
        "The verdict and the scheduler differ for %s: foretold %s (%s), the scheduler %s: %s",
        pod["metadata"]["name"],
        foretold.status.value,
        ", ".join(foretold.nodes[:5]) or _reasons(foretold),
        "placed it on" if placed else "did not place it",
        _said(pod),
    )


def _agrees(foretold: Verdict, pod: Mapping[str, Any], *, placed: bool) -> bool:
    """A place that was foretold is on one of those nodes; elsewhere is as wrong as nowhere.

    The same holds for the node that the scheduler makes room on. A node that was starting may
    be ready when the scheduler looks.
    """
    if placed and foretold.status is Status.NODE_COMING:
        return not _node(pod) or _node(pod) in foretold.coming
    if placed is not (foretold.status in PLACED):
        return False
    chosen = _node(pod) if placed else str((pod.get("status") or {}).get("nominatedNodeName") or "")
    expected = foretold.nodes if placed else foretold.preempt
    return not chosen or not expected or chosen in expected


def _node(pod: Mapping[str, Any]) -> str:
    return str((pod.get("spec") or {}).get("nodeName") or "")


def _cause(foretold: Verdict, pod: Mapping[str, Any], *, placed: bool) -> str:
    """The filter that said no; the scheduler's own words name none, so ours when it said yes."""
    if not placed:
        return "scheduler"
    here = foretold.rejected.get(_node(pod), ())
    reasons = [*here, *(each for group in foretold.rejected.values() for each in group)]
    return reasons[0].plugin if reasons else "none"


def _reasons(foretold: Verdict) -> str:
    messages = {each.message for group in foretold.rejected.values() for each in group}
    return "; ".join(sorted(messages)[:3])


def _said(pod: Mapping[str, Any]) -> str:
    node = _node(pod)
    conditions = (pod.get("status") or {}).get("conditions") or ()
    messages = [each.get("message") for each in conditions if each.get("type") == "PodScheduled"]
    return str(node or next(filter(None, messages), "no words"))
