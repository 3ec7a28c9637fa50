"""Priority and scheduler of servers, by the chart's own names."""

import teamspawner

teamspawner.setup(c, ("priority",))
