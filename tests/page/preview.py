"""Look at the page without a hub: render listings within JupyterHub's own templates, serve them.

``python -m tests.page.preview [PORT]`` serves every listing of ``tests.edge.listings`` on
loopback as ``/physics``, ``/admin``, … with the style and scripts of the installed JupyterHub.
Add ``?stock=1`` for JupyterHub's own ``spawn.html`` instead of ours, ``?selected=…`` (JSON) for
an earlier choice. ``POST`` answers with what the form sent, as JSON. ``/waiting`` is the page of
a server that starts.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH

from teamspawner.page import HUB_TEMPLATE_DIR, STATIC_DIR, document, render
from tests.edge import listings

DATA = Path(DATA_FILES_PATH)
PAGES = {
    "physics": listings.physics_page,
    "admin": listings.admin_page,
    "broken": listings.broken_page,
    "stale": listings.stale_page,
    "many": listings.many_page,
    "hostile": listings.hostile_page,
}


class Spawner:
    """As much of a spawner as JupyterHub's templates ask for."""

    options_form = True
    name = ""
    listing = True
    user_options: dict[str, str] = {}  # noqa: RUF012 - replaced, never changed


class User:
    """As much of a JupyterHub user as its templates ask for."""

    name = json_escaped_name = escaped_name = "alice"
    spawner = Spawner()


class Preview:
    """A tiny stand-in for the hub: pages, static files, offers; what it says can be changed.

    Attributes:
        pages: Name to a function that makes the listing; tests change these.
        away: True makes the offers unreachable, as when the hub restarts.
        pace: Seconds after which the page is to ask again; empty says nothing.
        signed_out: True makes them forbidden, as when the session has ended.
        posted: What the forms sent, newest last.
        later: Seconds the clock is put forward.
        progress: What the page of a starting server is told; put more in at any time.
    """

    def __init__(self) -> None:
        self.pages = dict(PAGES)
        self.away = False
        self.pace = ""
        self.signed_out = False
        self.posted: list[dict[str, list[str]]] = []
        self.fetched = 0
        self.later = 0.0
        self.progress: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_static("/hub/static", DATA / "static")
        app.router.add_static("/hub/teamspawner/static", STATIC_DIR)
        app.router.add_get("/hub/logo", self.logo)
        app.router.add_get("/offers/{page}", self.offers)
        app.router.add_get("/progress", self.stream)
        app.router.add_get("/waiting", self.waiting)
        app.router.add_get("/hub/api/teamspawner/offers", self.json_offers)
        app.router.add_get("/{page}", self.page)
        app.router.add_post("/{page:.*}", self.post)
        return app

    async def logo(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(DATA / "static/images/jupyterhub-80.png")

    def form(self, name: str, selected: dict[str, str] | None = None) -> str:
        return render(
            self.pages[name](),
            now=listings.NOW + timedelta(seconds=self.later),
            selected=selected,
            static_url="/hub/teamspawner/static/",
            offers_url=f"/offers/{name}",
        )

    async def offers(self, request: web.Request) -> web.Response:
        self.fetched += 1
        if self.away:
            raise web.HTTPServiceUnavailable
        if self.signed_out:
            raise web.HTTPForbidden
        return web.Response(
            text=self.form(request.match_info["page"]),
            content_type="text/html",
            headers={"X-TeamSpawner-Ask-Again": self.pace} if self.pace else None,
        )

    async def page(self, request: web.Request) -> web.Response:
        name = request.match_info["page"]
        if name not in self.pages:
            raise web.HTTPNotFound
        selected = json.loads(request.query.get("selected", "null"))
        form = self.form(name, selected)
        html = within_hub(
            form, stock="stock" in request.query, error=request.query.get("error", "")
        )
        return web.Response(text=html, content_type="text/html")

    async def waiting(self, request: web.Request) -> web.Response:
        spawner = Spawner()
        spawner.user_options = json.loads(request.query.get("options", "{}"))
        html = _environment(stock=False).get_template("spawn_pending.html")
        values = {**_values(), "spawner": spawner, "progress_url": "/progress"}
        return web.Response(text=html.render(values), content_type="text/html")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            event = await self.progress.get()
            await response.write(f"data: {json.dumps(event)}\n\n".encode())

    async def json_offers(self, _request: web.Request) -> web.Response:
        self.fetched += 1
        return web.json_response(document(self.pages["physics"](), now=listings.NOW))

    async def post(self, request: web.Request) -> web.Response:
        fields = await request.post()
        sent: dict[str, list[str]] = {key: list(map(str, fields.getall(key))) for key in fields}
        self.posted.append(sent)
        return web.json_response(sent)


def within_hub(form: str, *, stock: bool = False, error: str = "") -> str:
    """Put a form into JupyterHub's ``spawn.html``, or into ours which extends it."""
    template = _environment(stock=stock).get_template("spawn.html")
    return template.render(_values(), spawner_options_form=form, error_message=error)


def _environment(*, stock: bool) -> Environment:
    base = FileSystemLoader(DATA / "templates")
    ours = [] if stock else [FileSystemLoader(HUB_TEMPLATE_DIR)]
    loader = ChoiceLoader([PrefixLoader({"templates": base}, "/"), *ours, base])
    return Environment(loader=loader, autoescape=True)


def _values() -> dict[str, Any]:
    """What JupyterHub gives to its templates."""
    return {
        "static_url": lambda path, **_: f"/hub/static/{path}",
        "base_url": "/hub/",
        "prefix": "/",
        "user": User(),
        "for_user": User(),
        "spawner": Spawner(),
        "url": "",
        "xsrf_token": "x",
        "parsed_scopes": {},
        "logout_url": "/hub/logout",
    }


if __name__ == "__main__":
    web.run_app(Preview().application(), host="127.0.0.1", port=int([*sys.argv, "8123"][1]))
