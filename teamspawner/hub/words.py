"""Cluster events in plain words, for the person who waits.

An event names machines and now and then other people's servers; neither
reaches a user, not even in the raw form under "details".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

__all__ = ["plain", "scrub"]

Json = Mapping[str, Any]

_WORDS = {
    "Scheduled": "A machine has been found.",
    "Pulling": "The image is being fetched, which takes some minutes the first time on a machine.",
    "Pulled": "The image is there.",
    "Created": "The server has been set up.",
    "Started": "The server is starting.",
    "FailedScheduling": "No machine has room yet; still looking.",
    "TriggeredScaleUp": "A new machine is being added for you, which takes some minutes.",
    "NotTriggerScaleUp": "No machine can be added for this server.",
    "Nominated": "Room is being made for you on a machine.",
    "Preempted": "The server had to make room for a more urgent one.",
    "Killing": "The server is being stopped.",
    "FailedMount": "A disk is not ready yet; trying again.",
    "FailedAttachVolume": "Your disk is still held by another machine; trying again.",
    "SuccessfulAttachVolume": "Your disk is there.",
    "BackOff": "A part of the server failed and is being tried again.",
    "Failed": "A part of the server could not be started; trying again.",
    "Evicted": "The server was taken off its machine, which ran short of memory or disk.",
}
_TOKEN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")


def plain(event: Json, is_node: Callable[[str], bool], own_pod: str) -> dict[str, Any]:
    """Make of a Kubernetes event what the progress page may show.

    Args:
        event: The event, as JSON.
        is_node: Tells whether a word is the name of a node.
        own_pod: Name of the person's own pod; other servers' names are taken out.

    Returns:
        ``message`` and ``html_message`` for JupyterHub's progress, and ``raw_event``
        cut down to what anybody may see.
    """
    reason = str(event.get("reason") or "")
    kind = str(event.get("type") or "Normal")
    when = str(event.get("lastTimestamp") or event.get("eventTime") or "")
    text = scrub(str(event.get("message") or ""), _also_hosts(event, is_node), own_pod)
    words = _WORDS.get(reason, "Something happened with your server.")
    raw = f"{when} [{kind}] {reason}: {text}"
    return {
        "message": words,
        "html_message": (
            f"{escape(words)}<details><summary>details</summary><code>{escape(raw)}</code></details>"
        ),
        "raw_event": {"type": kind, "reason": reason, "message": text, "lastTimestamp": when},
    }


def scrub(text: str, is_node: Callable[[str], bool], own_pod: str) -> str:
    """Take names of nodes, addresses and other people's servers out of a text."""
    prefix = own_pod.split("-", 1)[0] + "-"

    def swap(found: re.Match[str]) -> str:
        word = found[0]
        if is_node(word):
            return "(machine)"
        if word != own_pod and word.startswith(prefix):
            return "(another server)"
        return word

    return _ADDRESS.sub("(address)", _TOKEN.sub(swap, text))


def _also_hosts(event: Json, is_node: Callable[[str], bool]) -> Callable[[str], bool]:
    """Nodes that the event itself names count as nodes even when the cluster is not seen."""
    named = {(event.get("source") or {}).get("host"), event.get("reportingInstance")}
    if event.get("reason") == "Scheduled":
        # "Successfully assigned NAMESPACE/POD to NODE"
        named.add(str(event.get("message") or "").rsplit(" ", 1)[-1])
    return lambda word: word in named or is_node(word)
