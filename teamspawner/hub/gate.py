"""The gate of one spawner: what its person may have, and whether a start may pass."""

from __future__ import annotations

from typing import Any

from jupyterhub.utils import maybe_future

from teamspawner.errors import ChoiceError
from teamspawner.hub.refusal import Refusal
from teamspawner.offers.model import Choice
from teamspawner.offers.profiles import choose_profile, may_see

__all__ = ["Gate"]

LARGEST_REQUEST = 2**16
"""Bytes of a request to start a server; the longest honest one has a few hundred."""


class Gate:
    """Judges for one spawner, whose person is the owner of the server."""

    def __init__(self, spawner: Any) -> None:
        self._spawner = spawner
        self.wait_s = 0.0

    async def choose(self, raw: Any) -> Choice:
        """Turn raw user options into a choice that may start now.

        Raises:
            Refusal: With the sentence for the person.
        """
        self._check_size()
        if not isinstance(raw, dict):
            raise Refusal(400, "options", "The options must be a set of names and values.")
        try:
            found = choose_profile(await self.profiles(), raw)
        except ChoiceError as error:
            raise Refusal.of(error) from None
        return Choice(
            slug=found.slug,
            tier=found.slug,
            team=None,
            user_options=found.user_options,
            override={},
            labels={},
            requests={},
            profile=found.profile,
        )

    async def profiles(self) -> list[dict[str, Any]]:
        """The profiles this person may have, as KubeSpawner's own form shows them."""
        spawner = self._spawner
        found = spawner.admin_profiles
        if callable(found):
            found = await maybe_future(found(spawner))
        listed = spawner._get_initialized_profile_list(_as_list(found))  # noqa: SLF001
        held = {group.name for group in spawner.user.groups}
        return may_see(listed, lambda patterns: bool(held & set(patterns)))

    async def page(self, spawner: Any) -> str:
        """Render the spawn page."""
        form: str = await spawner._stock_form(spawner)  # noqa: SLF001
        return form

    async def from_link(self, options: Any) -> Any:
        """Let the options of a link pass, when a link may start what they choose."""
        return options

    def deadline(self, start_timeout_s: float) -> None:
        """Take note of how long the start may take."""

    def check(self, pod: Any) -> None:
        """Check that a pod takes the accelerators that were chosen and no others."""

    def scheduled(self, placed: bool, pod: dict[str, Any]) -> None:  # noqa: FBT001
        """Take note of what the scheduler did with the pod."""

    def refused(self, refusal: Refusal) -> None:
        """Take note of a start that was refused or ended early."""

    def ended(self) -> None:
        """Take note of the end of a start, whichever way it went."""

    def is_node(self, word: str) -> bool:  # noqa: ARG002
        """Whether a word is the name of a node."""
        return False

    def _check_size(self) -> None:
        request = getattr(self._spawner.handler, "request", None)
        if request is not None and len(request.body or b"") > LARGEST_REQUEST:
            raise Refusal(413, "size", "The request is too large.")


def _as_list(found: Any) -> list[Any]:
    if isinstance(found, dict):
        return [found[key] for key in sorted(found)]
    return list(found or ())
