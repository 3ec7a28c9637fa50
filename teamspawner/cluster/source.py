"""What is watched, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FIRST", "KINDS", "POLICIES", "PROTOBUF", "Settings", "Source"]

PROTOBUF = "application/vnd.kubernetes.protobuf"

_UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to watch.

    Attributes:
        page: Objects per page of a list. Small pages keep the loop free and the
            memory low; each costs a round trip.
        silence_s: A connection silent for so long is taken as cut. A healthy API
            server sends a bookmark every minute.
        longest_wait_s: The most to wait between two tries.
        refused_wait_s: How long to wait after "forbidden" before asking again, so that
            rights given later are noticed without a restart; at first it is asked as after
            any other trouble.
        slice_s: How long to work before others on the loop get their turn.
        binary: Ask for pods as protobuf, which servers of other makes may decline.
        compressed: Ask for gzip: saves bytes on a slow link, costs half as much CPU again.
        streamed: Take the list as a stream where the server can; False always asks for pages.
        stream_start_s: A streamed list that does not begin in this time is asked for in pages
            instead: some servers take it for a watch of what is to come.
        stream_silence_s: The same for one that stalls so long.
        stream_list_s: The same for one that does not come to its end.
        period_s: How long one watch lasts before the server ends it.
        rights_s: The same for nodes and pods. The server looks at rights when a watch
            begins, so rights that are taken away show after this time at the latest.
    """

    page: int = 250
    silence_s: float = 120.0
    longest_wait_s: float = 10.0
    refused_wait_s: float = 30.0
    slice_s: float = 0.002
    binary: bool = True
    compressed: bool = False
    streamed: bool = True
    stream_start_s: float = 3.0
    stream_silence_s: float = 15.0
    stream_list_s: float = 300.0
    period_s: int = 420
    rights_s: int = 110


@dataclass(frozen=True, slots=True)
class Source:
    """Where a kind is served.

    Attributes:
        kind: Its plural name.
        path: Below the server's address, for all namespaces.
        selector: A field selector that leaves out what no verdict needs; empty leaves out nothing.
        binary: Whether it can be read as protobuf.
    """

    kind: str
    path: str
    selector: str = ""
    binary: bool = False


KINDS: Mapping[str, Source] = {
    source.kind: source
    for source in (
        Source("nodes", "/api/v1/nodes"),
        Source("pods", "/api/v1/pods", _UNFINISHED, binary=True),
        Source("persistentvolumeclaims", "/api/v1/persistentvolumeclaims"),
        Source("persistentvolumes", "/api/v1/persistentvolumes"),
        Source("namespaces", "/api/v1/namespaces"),
        Source("storageclasses", "/apis/storage.k8s.io/v1/storageclasses"),
        Source("csinodes", "/apis/storage.k8s.io/v1/csinodes"),
        Source("csidrivers", "/apis/storage.k8s.io/v1/csidrivers"),
        Source("csistoragecapacities", "/apis/storage.k8s.io/v1/csistoragecapacities"),
        Source("volumeattachments", "/apis/storage.k8s.io/v1/volumeattachments"),
        Source("deviceclasses", "/apis/resource.k8s.io/v1/deviceclasses"),
        Source("resourcequotas", "/api/v1/resourcequotas"),
        Source("limitranges", "/api/v1/limitranges"),
        Source("priorityclasses", "/apis/scheduling.k8s.io/v1/priorityclasses"),
    )
}
"""Every kind that is watched. Nodes and pods come first; the others follow them."""

FIRST = ("nodes", "pods")

POLICIES = ("resourcequotas", "limitranges")
"""Seen in the hub's own namespace alone, when it is known: the hub may read no others."""
