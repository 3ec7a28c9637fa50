"""TeamSpawner: KubeSpawner that shows what is really free and lets nothing else start."""

from __future__ import annotations

from typing import Any

from jupyterhub.utils import maybe_future
from kubespawner import KubeSpawner
from traitlets import Any as AnyTrait
from traitlets import default

from teamspawner.hub.quiet import quieten
from teamspawner.hub.refusal import Refusal, leave_failure_count

__all__ = ["TeamSpawner"]


class TeamSpawner(KubeSpawner):
    """A KubeSpawner whose spawn page tells each team what is really free.

    Everything that ``KubeSpawner`` can be told holds here too.
    """

    user_options = AnyTrait(
        {}, help="What the person asked for, as it came: never trusted, whatever its type."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        quieten(self.log)
        self._refused = False
        self._admin_profiles = self.profile_list
        self.profile_list = self._profiles_now

    @default("apply_user_options")
    def _apply_user_options_default(self) -> Any:
        # the gate applies options; without any hook JupyterHub warns at every start
        return _nothing

    async def _profiles_now(self, spawner: Any) -> list[dict[str, Any]]:
        found = self._admin_profiles
        if callable(found):
            found = await maybe_future(found(spawner))
        return list(found.values()) if isinstance(found, dict) else found

    def start(self) -> Any:
        """Start the server; see ``KubeSpawner.start``."""
        self._refused = False
        return super().start()

    async def load_user_options(self) -> None:
        """Apply what the person asked for, or refuse: the one gate for every way of starting."""
        if not isinstance(self.user_options, dict):
            sentence = "The options must be a set of names and values."
            raise self._refusal(Refusal(400, "options", sentence))
        await super().load_user_options()

    def _refusal(self, refusal: Refusal) -> Refusal:
        self._refused = True
        leave_failure_count(self)
        return refusal

    async def poll(self) -> int | None:
        """Say whether the server runs; a refused start has none, and asks nobody."""
        if self._refused:
            return 1
        status: int | None = await super().poll()
        return status


def _nothing(_spawner: Any, _options: Any) -> None:
    """Do nothing."""
