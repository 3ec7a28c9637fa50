"""Say early that a pod can never run, and why, in one sentence.

Looks at the pod and its events as KubeSpawner's reflectors hold them (plain
JSON); starts nothing and stops nothing. Sentences name no node and no other
person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from teamspawner.hub.refusal import Refusal

__all__ = [
    "QUOTA",
    "from_api",
    "hopeless",
    "is_scheduled",
    "pulls_in_vain",
    "quota_sentence",
    "unschedulable",
]

Json = Mapping[str, Any]

_AT_ONCE = {
    "InvalidImageName": "The name of the image is not valid; tell the people who run this hub.",
    "ErrImageNeverPull": "The image is not on the machine, and fetching it is not allowed.",
    "CreateContainerConfigError": (
        "The server needs a secret or a setting that is missing; tell the people who run this hub."
    ),
}
_NOT_ACCEPTED = (
    "The cluster does not accept this server as it is set up; tell the people who run this hub."
)
_NOUNS = {
    "cpu": "CPUs",
    "memory": "of memory",
    "storage": "of disk",
    "ephemeral-storage": "of local disk",
    "pods": "servers",
    "persistentvolumeclaims": "disks",
}
_PULLING = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"}
_NO_SUCH_IMAGE = re.compile(
    r"not found|manifest unknown|does not exist|denied|unauthorized|invalid reference",
    re.IGNORECASE,
)
QUOTA = re.compile(
    r"exceeded quota: (?P<quota>[^,]+), requested: (?P<asked>.+), "
    r"used: (?P<used>.+), limited: (?P<hard>.+?)\.?$"
)
RESTARTS = 2
"""A container that ended this often by itself will not come up."""


def hopeless(
    pod: Json, events: Iterable[Json], *, unplaced_s: float, unpulled_s: float, grace_s: float
) -> Refusal | None:
    """Say why this pod will never run; None while it may still.

    Args:
        pod: The pod, as JSON.
        events: Its events, oldest first.
        unplaced_s: For how long the scheduler has been saying that no machine takes it.
        unpulled_s: For how long its image has failed to be pulled.
        grace_s: For how long either is borne.
    """
    if unplaced_s > grace_s and not _help_is_coming(pod, events):
        return Refusal(409, "busy", "No machine has room for this server now.")
    status = pod.get("status") or {}
    if status.get("phase") == "Failed":
        return Refusal(503, "failed", _failed(status))
    for container in _containers(status):
        found = _waiting(container, unpulled_s > grace_s)
        if found is not None:
            return found
    return None


def unschedulable(pod: Json) -> bool:
    """Whether the scheduler has said that no machine takes the pod now."""
    condition = _scheduled_condition(pod)
    return condition.get("status") == "False" and condition.get("reason") == "Unschedulable"


def is_scheduled(pod: Json) -> bool:
    """Whether the pod has its machine."""
    return _scheduled_condition(pod).get("status") == "True" or bool(
        (pod.get("spec") or {}).get("nodeName")
    )


def pulls_in_vain(pod: Json) -> bool:
    """Whether pulling an image of the pod has failed."""
    return any(_reason(each) in _PULLING for each in _containers(pod.get("status") or {}))


def from_api(status: int | None, message: str) -> Refusal | None:
    """Turn the API server's refusal of a pod or a claim into ours; None when it is no refusal.

    Args:
        status: HTTP status, None when no answer came.
        message: The ``message`` of the API's Status object.
    """
    if status is None:
        return Refusal(503, "unknown", "The cluster does not answer; try again in a minute.")
    quota = QUOTA.search(message)
    if status == 403 and quota:
        return Refusal(409, "quota", quota_sentence(quota.groupdict()))
    if status in {400, 403, 422}:
        return Refusal(503, "invalid", _NOT_ACCEPTED)
    return None


def quota_sentence(found: Mapping[str, str]) -> str:
    """Say which quota is used up, and how far; amounts are as the API server prints them.

    Args:
        found: ``quota``, and ``asked``, ``used`` and ``hard`` as lists of ``resource=amount``.
    """
    asked, used, hard = (_listed(found[name]) for name in ("asked", "used", "hard"))
    each = [
        f"{used.get(name, '0')} of {most} {_noun(name)} in use, {asked.get(name, 'some')} asked for"
        for name, most in hard.items()
    ]
    return f"The quota “{found['quota']}” is used up: {'; '.join(each)}."


def _listed(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(","))
    return {name: amount for name, _, amount in pairs if name}


def _noun(resource: str) -> str:
    """What people call a resource that a quota limits."""
    name = resource.removeprefix("requests.").removeprefix("limits.").removeprefix("count/")
    return "GPUs" if "/gpu" in name else _NOUNS.get(name, name)


def _scheduled_condition(pod: Json) -> Json:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == "PodScheduled"), {})


def _help_is_coming(pod: Json, events: Iterable[Json]) -> bool:
    """Whether an autoscaler adds a machine, or a machine is being cleared for this pod."""
    if (pod.get("status") or {}).get("nominatedNodeName"):
        return True
    return any(each.get("reason") == "TriggeredScaleUp" for each in events)


def _containers(status: Json) -> list[Json]:
    return [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]


def _reason(container: Json) -> str:
    waiting = (container.get("state") or {}).get("waiting") or {}
    return str(waiting.get("reason") or "")


def _waiting(container: Json, patience_is_over: bool) -> Refusal | None:  # noqa: FBT001 - named in the caller
    reason = _reason(container)
    if reason in _AT_ONCE:
        return Refusal(503, "image", _AT_ONCE[reason])
    if reason in _PULLING:
        said = str(container["state"]["waiting"].get("message") or "")
        if patience_is_over or _NO_SUCH_IMAGE.search(said):
            return Refusal(503, "image", "The image of this server cannot be fetched.")
    if reason == "CrashLoopBackOff" and container.get("restartCount", 0) >= RESTARTS:
        return Refusal(503, "failed", f"The server stopped by itself{_how(container)}.")
    return None


def _how(container: Json) -> str:
    last = (container.get("lastState") or {}).get("terminated") or {}
    if last.get("reason") == "OOMKilled":
        return ": it ran out of memory"
    return f" with code {last['exitCode']}" if "exitCode" in last else ""


def _failed(status: Json) -> str:
    reason = str(status.get("reason") or "")
    if reason == "Evicted":
        return "The server was taken off its machine, which ran short of memory or disk."
    if reason.startswith("OutOf") or reason in {"UnexpectedAdmissionError", "NodeAffinity"}:
        return "The machine that was chosen could not take the server after all."
    return "The server stopped before it was ready."
