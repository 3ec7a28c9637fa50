"""How a kubelet words the state of a pod."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

__all__ = ["ContainerState", "initial_status", "pod_status"]

_KILLED_BY_SIGNAL = 128


@dataclass(slots=True)
class ContainerState:
    """What one container is doing.

    Attributes:
        name: Its name in the pod.
        image: Its image, as the pod spells it.
        waiting: Reason while it waits, such as ``ContainerCreating``; empty otherwise.
        started: When it was started last; empty before.
        code: Exit code once it has ended, None while it runs.
        restarts: How often it was started again.
    """

    name: str
    image: str
    waiting: str = "ContainerCreating"
    message: str = ""
    started: str = ""
    code: int | None = None
    restarts: int = 0

    @property
    def running(self) -> bool:
        """Whether its process is alive."""
        return not self.waiting and self.code is None and bool(self.started)

    def describe(self) -> dict[str, Any]:
        """Return it as an entry of ``containerStatuses``."""
        if self.waiting:
            state: dict[str, Any] = {"waiting": {"reason": self.waiting, "message": self.message}}
        elif self.code is None:
            state = {"running": {"startedAt": self.started}}
        else:
            state = {"terminated": self._ended()}
        return {
            "name": self.name,
            "image": self.image,
            "imageID": f"sim://{self.image}" if self.started else "",
            "ready": self.running,
            "started": self.running,
            "restartCount": self.restarts,
            "state": state,
        }

    def _ended(self) -> dict[str, Any]:
        assert self.code is not None
        code = self.code if self.code >= 0 else _KILLED_BY_SIGNAL - self.code
        return {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": self.started,
            "finishedAt": now(),
        }


def now() -> str:
    """Return the time as the API spells it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod_status(
    phase: str, states: Sequence[ContainerState], initial: Sequence[ContainerState], address: str
) -> dict[str, Any]:
    """Return the status of a pod whose containers are in these states."""
    ready = phase == "Running" and all(state.running for state in states)
    conditions = {
        "Initialized": not initial or all(state.code == 0 or state.running for state in initial),
        "ContainersReady": ready,
        "Ready": ready,
    }
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": [
            {"type": name, "status": str(holds), "lastTransitionTime": now(), "lastProbeTime": None}
            for name, holds in conditions.items()
        ],
        "hostIP": "127.0.0.1",
        "containerStatuses": [state.describe() for state in states],
    }
    if initial:
        status["initContainerStatuses"] = [state.describe() for state in initial]
    if address:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    return status


def initial_status(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the status of a pod that runs for as long as it is there."""
    began = now()
    states = [
        ContainerState(container["name"], container["image"], "", started=began)
        for container in pod["spec"]["containers"]
    ]
    return pod_status("Running", states, [], "") | {"startTime": began}
