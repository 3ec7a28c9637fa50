"""Pods and events as the API server would show them; say only what matters."""

from __future__ import annotations

from typing import Any


def a_pod(
    *,
    phase: str = "Pending",
    scheduled: bool | None = None,
    nominated: str = "",
    waiting: tuple[str, str] | None = None,
    restarts: int = 0,
    ended: dict[str, Any] | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """A pod with one container; ``waiting`` is its reason and message."""
    status: dict[str, Any] = {"phase": phase}
    if scheduled is not None:
        status["conditions"] = [_condition(scheduled)]
    if nominated:
        status["nominatedNodeName"] = nominated
    if reason:
        status["reason"] = reason
    if waiting is not None:
        status["containerStatuses"] = [
            {
                "name": "notebook",
                "restartCount": restarts,
                "state": {"waiting": {"reason": waiting[0], "message": waiting[1]}},
                "lastState": {"terminated": ended} if ended else {},
            }
        ]
    return {"metadata": {"name": "jupyter-ada", "namespace": "hub"}, "spec": {}, "status": status}


def _condition(scheduled: bool) -> dict[str, str]:  # noqa: FBT001
    if scheduled:
        return {"type": "PodScheduled", "status": "True"}
    return {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}


def an_event(reason: str, message: str = "", **fields: Any) -> dict[str, Any]:
    """An event about the pod of ``a_pod``."""
    return {
        "metadata": {"uid": f"{reason}-{message}", "name": reason},
        "involvedObject": {"kind": "Pod", "name": "jupyter-ada"},
        "type": "Normal",
        "reason": reason,
        "message": message,
        "lastTimestamp": "2026-01-01T00:00:00Z",
        **fields,
    }
