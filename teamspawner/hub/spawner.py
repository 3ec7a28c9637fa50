"""TeamSpawner: KubeSpawner that shows what is really free and lets nothing else start.

JupyterHub imports every spawner that is installed at each start, also where another
one is used. So what only a spawner at work needs is imported by the first one made.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
from kubernetes_asyncio.client import ApiException
from kubespawner import KubeSpawner
from traitlets import Any as AnyTrait
from traitlets import default

from teamspawner.hub import progress
from teamspawner.hub.interrupted import answer_interrupted
from teamspawner.hub.quiet import quieten
from teamspawner.hub.race import Look, Patience, race
from teamspawner.hub.refusal import Refusal, bare, leave_failure_count
from teamspawner.hub.settings import Settings

if TYPE_CHECKING:
    from teamspawner.hub.gate import Gate

__all__ = ["TeamSpawner"]

TIMEOUT_MARGIN_S = 30.0

FIRST_LIST_S = 20.0
"""How long one waits for the first list of a reflector that somebody else has started."""

STOP_TRIED_S = 600.0
"""How long a stop is tried while the API server refuses it or gives no answer."""

NOT_KEPT = frozenset({400, 403, 413})
"""Refused with one of these, options can never start anything: the next start without any
begins with the default instead."""


class TeamSpawner(Settings, KubeSpawner):
    """A KubeSpawner whose spawn page tells each team what is really free.

    Everything that ``KubeSpawner`` can be told holds here too, under
    ``c.KubeSpawner`` or ``c.TeamSpawner``; the latter wins. Nothing of what a person
    sends is trusted: ``load_user_options`` is the one gate for every way of starting.

    Attributes:
        before_choice: Settings that the choice of the newest start has changed, as they were
            before; empty when none was made.
    """

    if TYPE_CHECKING:
        profile_list: Any
        start_timeout: Any
        extra_labels: Any

    user_options = AnyTrait(
        {}, help="What the person asked for, as it came: never trusted, whatever its type."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from teamspawner.hub.gate import Gate

        super().__init__(*args, **kwargs)
        quieten(self.log)
        self._chosen: dict[str, str] = {}
        self.nothing_made = False
        self.before_choice: dict[str, Any] = {}
        self._frozen: list[dict[str, Any]] | None = None
        self.admin_profiles = self.profile_list
        self.profile_list = self._profiles_now
        self.gate: Gate = Gate(self)

    @default("apply_user_options")
    def _apply_user_options_default(self) -> Any:
        # the gate applies options; without any hook JupyterHub warns at every start
        return _nothing

    @default("options_form")
    def _options_form_default(self) -> Any:
        """Our own page, unless the admin has set a template for KubeSpawner's."""
        if self.profile_form_template or self.additional_profile_form_template_paths:
            return self._stock_form
        return self.gate.page

    async def _stock_form(self, spawner: Any) -> str:
        if not isinstance(self.user_options, dict):
            self.user_options = {}
        form: str = await self._render_options_form_dynamically(spawner)
        return form

    async def _profiles_now(self, _spawner: Any) -> list[dict[str, Any]]:
        """What KubeSpawner takes for the admin's list: ours, or the one chosen while loading."""
        if self._frozen is not None:
            return self._frozen
        return await self.gate.profiles()

    async def options_from_query(self, query_data: dict[str, list[str]]) -> Any:
        """Read the options of a link; one that a click alone may start opens the page instead."""
        try:
            return await self.gate.from_link(self.options_from_form(query_data))
        except Refusal as refusal:
            self.log.info("A link was refused: %s", refusal.reason)
            raise

    def start(self) -> asyncio.Future[str]:
        """Start the server, and end the start in seconds when it can never run."""
        self.nothing_made = True
        self._given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._restore()
        # JupyterHub reads start_timeout once, before anybody knows which tier is chosen;
        # what is read is the longest of all, and the race below keeps to the tier's own
        self.before_choice = {"start_timeout": self.start_timeout}
        self.start_timeout = int(self.gate.longest_s() + TIMEOUT_MARGIN_S)
        inner = super().start()
        racing = asyncio.ensure_future(self._race(inner))
        # cancelled before its first step it runs nothing, and would leave the inner one alone
        racing.add_done_callback(lambda _: inner.cancel())
        return racing

    async def _race(self, inner: asyncio.Future[str]) -> str:
        well = False
        try:
            address = await self._address(inner)
            well = True
        except Refusal as refusal:
            leave_failure_count(self)
            if refusal.status_code in NOT_KEPT:
                # JupyterHub stores options before anybody has looked at them
                self.user_options = self.orm_spawner.user_options = {}
            self.gate.refused(refusal)
            bare(refusal)
            bare(inner.exception() if inner.done() and not inner.cancelled() else None)
            raise
        except asyncio.CancelledError:
            answer_interrupted(self.handler)
            raise
        finally:
            _let_go_of(inner)
            self.gate.place.ended(well=well)
        return address

    async def _address(self, inner: asyncio.Future[str]) -> str:
        """Wait for the address; a refusal for want of room names what there is room for."""
        look = Look(self.own_pod, lambda: self.events, self.gate.scheduled)
        try:
            return await race(inner, look, self._patience, self._given_up)
        except Refusal as refusal:
            raise await self.gate.with_nearest(refusal) from None

    async def listing(self) -> Any:
        """What the owner of this server may have now, as a ``Listing``; for the page's endpoint."""
        return await self.gate.listing()

    def _patience(self) -> Patience:
        """Ends a little before KubeSpawner's own wait, which has no words for it."""
        timeout_s = max(1.0, self.start_timeout - 1.0)
        return Patience(self.unschedulable_grace, self.gate.wait_s, timeout_s)

    def give_up(self) -> None:
        """End a start that is under way, because the person no longer wants it."""
        if not self._given_up.done():
            self._given_up.set_result(None)

    def own_pod(self) -> dict[str, Any] | None:
        """The pod of this server as last seen, as JSON; None before it is seen."""
        reflector = self.pod_reflector
        found = reflector.pods.get(f"{self.namespace}/{self.pod_name}") if reflector else None
        if found is None or self.nothing_made:
            return None
        # one that an earlier start has left is about to be deleted, and tells nothing of this one
        return found if self.gate.is_newest(found) else None

    async def load_user_options(self) -> None:
        """Judge what the person asked for and apply it to this spawner, or refuse.

        The one gate: the form, links, the REST API with and without a body, stored
        options, an admin's start for someone and named servers all pass here, after
        every hook.

        Raises:
            Refusal: With the sentence for the person.
        """
        from teamspawner.hub.overrides import as_profile

        self.start_timeout = self.before_choice.setdefault("start_timeout", self.start_timeout)
        choice = await self.gate.choose(self.user_options)
        self.user_options = dict(choice.user_options)
        self._frozen = [as_profile(self, choice)]
        self._remember(self._frozen[0])
        try:
            await super().load_user_options()
        finally:
            self._frozen = None
        self.extra_labels = {**self.extra_labels, **choice.labels}
        if choice.start_timeout_s is not None:
            self.start_timeout = choice.start_timeout_s
        self.start_timeout += int(self.gate.wait_s)
        self._chosen = {"slug": choice.slug, "tier": choice.tier, "team": choice.team or ""}

    def _remember(self, profile: dict[str, Any]) -> None:
        from teamspawner.hub.overrides import own_copy, touched

        names = {*touched(profile), "extra_labels"} - {*self.before_choice}
        self.before_choice |= {name: own_copy(getattr(self, name)) for name in names}

    def _restore(self) -> None:
        """Take back what an earlier choice set, should this very instance start again."""
        for name, value in self.before_choice.items():
            setattr(self, name, value)
        self.before_choice = {}

    async def get_pod_manifest(self) -> Any:
        """Write the pod, and check that it takes what was chosen and no more."""
        pod = await super().get_pod_manifest()
        self.gate.check(pod)
        return pod

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:
        """Create the pod, after a last look at what ``modify_pod_hook`` made of it."""
        self.gate.check(pod)
        # KubeSpawner logs the whole manifest, with the server's token, when the API refuses
        pod.to_str = lambda: f"pod {pod.metadata.name}"
        self.nothing_made = False
        request = super()._make_create_pod_request(pod, request_timeout)
        return await self.gate.place.take(self.namespace, pod.metadata.name, request)

    async def _start_reflector(
        self,
        kind: str,
        reflector_class: Any,
        replace: bool = False,  # noqa: FBT001, FBT002 - as KubeSpawner declares it
        **kwargs: Any,
    ) -> Any:
        """Start a reflector anew when the one there has failed or has given up.

        KubeSpawner keeps handing out a reflector whose first list failed, and one
        that stopped watching after a minute of errors (seen in 7.0.0 and 7.1.0). One
        whose first list was cancelled, with the start that asked for it, would be waited
        for for ever: so it goes on whoever stops waiting, and is not waited for too long.
        """
        known = self.__class__.reflectors.get(self._get_reflector_key(kind))
        if known is not None and not replace and await _serves(known):
            # without a turn for others: between JupyterHub's look at a server and its stop
            # of it, another request for the server would end in a server error
            return known
        anew = replace or known is not None
        starting = super()._start_reflector(kind, reflector_class, anew, **kwargs)
        return await asyncio.shield(asyncio.ensure_future(starting))

    async def poll(self) -> int | None:
        """Say whether the server runs; a refused start made no pod, and asks nobody.

        While the API server gives no answer nothing is known, so what the hub believes
        stays: it forgets a server that it takes for stopped, and its person would replace
        the running pod by starting again.
        """
        if self.nothing_made:
            return 1
        try:
            status: int | None = await super().poll()
        except (ApiException, aiohttp.ClientError, TimeoutError, OSError) as error:
            said = "runs as before" if self.active else "does not run"
            self.log.warning("%s: no answer (%s), so it %s", self._log_name, error, said)
            return None if self.active else 1
        return status

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - as KubeSpawner has it
        """Stop the server, and ask again while the API server does not take it.

        JupyterHub forgets a server whose stop fails (``user.py:User.stop``, seen in 5.5.0 and
        6.1.1), and its pod would run on with nobody to stop it. What is left of a start that
        failed is not asked for again: its person waits for the answer.
        """
        self.gate.place.stopping()
        wait, until = 1.0, time.monotonic() + STOP_TRIED_S
        while True:
            try:
                await super().stop(now)
            except TimeoutError:  # it was taken, and the pod does not go
                raise
            except (ApiException, aiohttp.ClientError, OSError) as error:
                if self._spawn_future is not None or time.monotonic() > until:
                    raise
                if wait == 1.0:
                    self.log.warning(
                        "%s: not stopped yet (%s); trying again", self._log_name, error
                    )
                await asyncio.sleep(wait)
                wait = min(2 * wait, 10.0)
            else:
                self.gate.place.stopped()
                return

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Tell how the start goes, in plain words; raw events without names under "details"."""
        async for event in progress.told(self, super().progress()):
            yield event

    def get_state(self) -> dict[str, Any]:
        """Keep what was chosen beside what KubeSpawner keeps."""
        state: dict[str, Any] = super().get_state()
        if self._chosen:
            state["teamspawner"] = dict(self._chosen)
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what was chosen before the hub was restarted."""
        super().load_state(state)
        self._chosen = dict(state.get("teamspawner") or {})

    def clear_state(self) -> None:
        """Forget what was chosen; the server has stopped."""
        super().clear_state()
        self._chosen = {}
        self.gate.forget()


def _let_go_of(start: asyncio.Future[Any]) -> None:
    """Free what was at hand where a start was cancelled, its pod above all.

    A cancelled task keeps that until somebody asks for its error, and KubeSpawner keeps the
    task (``_start_future``).
    """
    if start.cancelled():
        with contextlib.suppress(asyncio.CancelledError):
            start.exception()


def _nothing(_spawner: Any, _options: Any) -> None:
    """Do nothing."""


async def _serves(reflector: Any) -> bool:
    """Whether a reflector has its first list, or gets it soon, and is watching."""
    loaded = reflector.first_load_future
    if not loaded.done():
        await asyncio.wait({loaded}, timeout=FIRST_LIST_S)
    task = reflector.watch_task
    return bool(loaded.done() and task is not None and not task.done())
