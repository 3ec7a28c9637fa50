"""The plugins of reasons that do not come from the scheduler."""

from __future__ import annotations

CAP = "cap"
"""The plugin of reasons that come from a cap of the map."""
QUOTA = "ResourceQuota"
"""The plugin of reasons that come from a quota; their detail is a sentence for people."""
POOL = "Pool"
"""The plugin of reasons about pools of the map; their detail is a sentence for people."""
STALE = "stale"
"""The plugin of reasons that come from a snapshot too old to judge by."""
UNREAD = "unread"
"""The plugin of reasons that come from caps that cannot be counted, for pods are not seen."""
