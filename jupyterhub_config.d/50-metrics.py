"""Metrics of ours on /hub/metrics; no port is opened."""

import teamspawner

teamspawner.setup(c, ("metrics",))
