"""The gate of one spawner: what its person may have, and whether a start may pass.

The page, a link, the form and the REST API all ask here, and all are answered
from the same desk.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from jupyterhub.utils import maybe_future

from teamspawner.capacity import judge, place
from teamspawner.capacity.accelerators import is_accelerator
from teamspawner.capacity.objects import Candidate, Snapshot
from teamspawner.capacity.verdict import Verdict
from teamspawner.errors import ChoiceError
from teamspawner.hub import metrics
from teamspawner.hub.home import with_home
from teamspawner.hub.pods import Pods
from teamspawner.hub.quiet import OpenPage
from teamspawner.hub.refusal import Refusal
from teamspawner.hub.shared import FIRST_SYNC_S, Shared, shared_by
from teamspawner.map.groups import is_member
from teamspawner.offers.caps import has_caps
from teamspawner.offers.choices import START_LABEL, plain_pod
from teamspawner.offers.desk import Desk
from teamspawner.offers.model import Choice, Listing, Person
from teamspawner.offers.profiles import may_see
from teamspawner.offers.reservations import Reservation
from teamspawner.offers.scene import Scene

__all__ = ["Gate"]

LARGEST_REQUEST = 2**16
"""Bytes of a request to start a server; the longest honest one has a few hundred."""

CLICK_ONLY = "A link alone does not start this. Press Start on the page."
KEPT_AFTER_START_S = 600.0
"""How long a started server's reservation waits for the watch to see its pod."""
