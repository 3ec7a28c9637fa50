"""What the spawn page asks of the hub: offers, files, and changing one's mind while waiting.

Every answer concerns the servers of one person, and needs the same rights as
that person's own pages do.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from jupyterhub.utils import url_escape_path, url_path_join
from tornado import web
from tornado.httputil import url_concat
from traitlets.config.loader import LazyConfigValue

from teamspawner.hub.pace import HEADER, Pace
from teamspawner.offers.model import Listing
from teamspawner.page import HUB_TEMPLATE_DIR, STATIC_DIR, document, render

__all__ = ["configure", "offers_url", "static_url"]

OFFERS = "api/teamspawner/offers"
STATIC = "teamspawner/static/"
INSTEAD = "teamspawner/instead"
_OFFERS, _INSTEAD, _FILES = rf"/{OFFERS}", rf"/{INSTEAD}/([^/]+)/?([^/]*)", rf"/{STATIC}(.*)"
_OUR_PATTERNS = {_OFFERS, _INSTEAD, _FILES}
CANCEL_TIMEOUT_S = 10
_PACE = Pace()
"""Of all pages of this hub process."""
STOP_TIMEOUT_S = 60


def static_url(hub_base_url: str) -> str:
    """Where the page's style and scripts lie, ending with a slash."""
    return str(url_path_join(hub_base_url, STATIC))


def offers_url(hub_base_url: str, user_name: str, server_name: str = "") -> str:
    """Where the page of this server fetches fresh offers."""
    query = {"user": user_name, "server": server_name}
    return url_concat(url_path_join(hub_base_url, OFFERS), query)


def configure(c: Any) -> None:
    """Add the handlers and page templates to JupyterHub; a second call adds nothing.

    The site's own handlers stay, and its own templates come before ours.
    """
    hub = c.JupyterHub
    others = [entry for entry in _handlers_of(hub) if entry[0] not in _OUR_PATTERNS]
    hub.extra_handlers = [*others, *_handlers()]
    if isinstance(hub.template_paths, LazyConfigValue):
        change = hub.template_paths.to_dict()
        known = [path for _, path in change.get("inserts", ())]
    else:
        known = hub.template_paths = list(hub.template_paths)
    if str(HUB_TEMPLATE_DIR) not in known:
        # not at the end: there JupyterHub's own folder may stand
        hub.template_paths.insert(len(known), str(HUB_TEMPLATE_DIR))


def _handlers_of(hub: Any) -> list[tuple[Any, ...]]:
    """The handlers added so far, be they a list or still a change of the empty default."""
    found = hub.extra_handlers
    return list(found.get_value([]) if isinstance(found, LazyConfigValue) else found)


def _handlers() -> list[tuple[Any, ...]]:
    return [
        (_OFFERS, OffersHandler),
        (_INSTEAD, InsteadHandler),
        (_FILES, FilesHandler, {"path": str(STATIC_DIR)}),
    ]


class FilesHandler(web.StaticFileHandler):
    """Style and scripts; the same for everybody, so no login is asked for."""

    def parse_url_path(self, url_path: str) -> str:
        """Find the path of a file; tornado fails over a null byte in it (seen in 6.6)."""
        if "\0" in url_path:
            raise web.HTTPError(404)
        return super().parse_url_path(url_path)

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002 - as tornado calls it
        """Let no browser guess another type, nor keep an old file when no version is named."""
        self.set_header("X-Content-Type-Options", "nosniff")
        if "v" not in self.request.arguments:
            self.set_header("Cache-Control", "no-cache")


class OffersHandler(APIHandler):
    """``GET /hub/api/teamspawner/offers``: what one person may start now."""

    async def get(self) -> None:
        """Answer with JSON, or with the form's HTML when that is what is accepted.

        Query: ``server``, the name of a named server; ``user``, for those who may
        see another person's servers. Without login 403; no such server 404.
        """
        if self.current_user is None:
            raise web.HTTPError(403, "Sign in, or send a token, to see what may be started.")
        user_name = self.get_argument("user", "") or getattr(self.current_user, "name", "")
        await self._get(user_name=user_name, server_name=self.get_argument("server", ""))

    @needs_scope("read:servers")
    async def _get(self, user_name: str, server_name: str) -> None:
        listing = await self._listing(user_name, server_name)
        now = datetime.now(UTC)
        self.set_header("Cache-Control", "no-store")
        self.set_header(HEADER, f"{_PACE.seconds(f'{user_name}/{server_name}'):.1f}")
        if "text/html" in self.request.headers.get("Accept", ""):
            self.set_header("Content-Type", "text/html; charset=UTF-8")
            base = self.hub.base_url
            html = render(
                listing,
                now=now,
                static_url=static_url(base),
                offers_url=offers_url(base, user_name, server_name),
            )
            self.finish(html)
        else:
            self.finish(document(listing, now=now))

    async def _listing(self, user_name: str, server_name: str) -> Listing:
        user = self._owner(user_name)
        if user is None or (server_name and server_name not in user.orm_spawners):
            raise web.HTTPError(404, "There is no such server.")
        spawner = user.spawners[server_name]
        ask = getattr(spawner, "listing", None)
        if ask is None:
            raise web.HTTPError(404, "This hub's servers are not started by TeamSpawner.")
        before = spawner.handler
        if not spawner.pending:
            # who asks decides what an admin's bypass shows, as on JupyterHub's own page
            spawner.handler = self
        try:
            listing: Listing = await ask()
        finally:
            if spawner.handler is self:
                # an answered request would stay for as long as the hub knows its person
                spawner.handler = None if before is None or before._finished else before
        return listing

    def _owner(self, name: str) -> Any:
        """The person of that name; None when there is none.

        Who asks for their own offers, as every open page does, was looked up to sign them
        in; the same queries again would be a quarter of the whole answer.
        """
        asking = self.current_user
        if isinstance(asking, User) and asking.name == name:
            return asking
        return self.find_user(name)


class InsteadHandler(SpawnHandler):
    """Stop a server that is still starting, and start another choice or choose again.

    A form posts here, so it works without a script and needs the hub's XSRF token.
    """

    @web.authenticated
    def get(self, user_name: str, server_name: str = "") -> None:
        """Nothing is stopped by a link: show where the server stands."""
        self.redirect(self._page("spawn-pending", user_name, server_name))

    @web.authenticated
    async def post(self, user_name: str, server_name: str = "") -> None:
        """Stop, then start what the form names; without ``profile`` open the spawn page."""
        await self._stop(user_name=user_name, server_name=server_name)
        if "profile" in self.request.body_arguments:
            # the form post of JupyterHub, with all that it checks
            await super().post(user_name, server_name)
        else:
            self.redirect(self._page("spawn", user_name, server_name))

    @needs_scope("delete:servers")
    async def _stop(self, user_name: str, server_name: str) -> None:
        user = self.find_user(user_name)
        if user is None or (server_name and server_name not in user.orm_spawners):
            raise web.HTTPError(404, "There is no such server.")
        spawner = user.spawners[server_name]
        if spawner.pending == "spawn":
            await _cancel_start(spawner)
            await self.stop_single_user(user, server_name)
        # JupyterHub waits less than a pod may take to go
        ending = getattr(spawner, "_stop_future", None) or spawner._spawn_future
        if spawner.pending and ending:
            await asyncio.wait({ending}, timeout=STOP_TIMEOUT_S)

    def _page(self, kind: str, user_name: str, server_name: str) -> str:
        parts = (kind, url_escape_path(user_name), url_escape_path(server_name))
        return str(url_path_join(self.hub.base_url, *parts))


async def _cancel_start(spawner: Any) -> None:
    """Break off a start; JupyterHub's own callbacks then call it not pending any more."""
    future = spawner._spawn_future
    if future:
        future.cancel()
        await asyncio.wait({future}, timeout=CANCEL_TIMEOUT_S)
        await asyncio.sleep(0)
    if spawner.pending == "spawn":
        raise web.HTTPError(409, "The server is just being set up; try again in a moment.")
