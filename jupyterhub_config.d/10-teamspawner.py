"""The spawner, its pages, and the map from custom.teamspawner."""

import teamspawner

teamspawner.setup(c, ("handlers", "site"))
