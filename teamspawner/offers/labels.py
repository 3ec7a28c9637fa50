"""The labels of a server's pod: what tells its tier, its team, its start and its owner."""

from __future__ import annotations

import hashlib
import re

TIER_LABEL = "teamspawner/tier"
"""The key of the tier in the map; on every server."""
TEAM_LABEL = "teamspawner/team"
"""The key of the team that is charged; on every server, empty for an admin's own profile."""
VARIANT_LABEL = "teamspawner/variant"
"""The slug of the variant; on servers with accelerators of the map."""
START_LABEL = "teamspawner/start"
"""The token of the reservation that the pod was started under."""
USER_LABEL = "hub.jupyter.org/username"
"""Whose server it is, as KubeSpawner spells the name."""

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_STEM = 21
_DIGITS = 8


def person_label(name: str) -> str:
    """The value of ``USER_LABEL`` on the pods of a person of this name.

    As KubeSpawner 7 makes it (``slugs.safe_slug`` with ``is_valid_label``).
    """
    if not name or ("--" not in name and _LABEL.fullmatch(name)):
        return name
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).lstrip("-")[:_STEM].rstrip("-")
    if not stem or not stem[0].isalpha():
        stem = f"x-{stem[: _STEM - 2]}" if stem else "x"
    return f"{stem}---{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:_DIGITS]}"
