"""Idle servers are stopped as the map says; the chart's cull.* is for the rest."""

import teamspawner

teamspawner.setup(c, ("culling",))
