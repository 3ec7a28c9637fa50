"""A real JupyterHub in this process, and people who use it over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from jupyterhub import orm
from jupyterhub.app import JupyterHub
from jupyterhub.auth import DummyAuthenticator
from jupyterhub.proxy import Proxy
from jupyterhub.utils import random_port
from traitlets.config import Config

import teamspawner


class NoProxy(Proxy):
    """A proxy that only remembers its routes; people talk to the hub directly."""

    should_start = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.routes: dict[str, Any] = {}

    async def add_route(self, routespec: str, target: str, data: Any) -> None:
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec: str) -> None:
        self.routes.pop(routespec, None)

    async def get_all_routes(self) -> dict[str, Any]:
        return self.routes


class Lines(logging.Handler):
    """Everything that was logged, as text."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Answer:
    """An HTTP answer, read."""

    def __init__(self, status: int, text: str, url: str, location: str = "") -> None:
        self.status, self.text, self.url, self.location = status, text, url, location

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def __repr__(self) -> str:
        return f"<{self.status} {self.url} {self.text[:300]!r}>"


class Someone:
    """A signed-in person: a browser's session and an API token."""

    def __init__(self, hub: Hub | Outside, name: str) -> None:
        self.hub, self.name = hub, name
        self.token = hub.token(name)
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def sign_in(self, password: str = "x") -> None:
        await self.browse("GET", "/hub/login")
        form = {"username": self.name, "password": password, "_xsrf": self.xsrf}
        answer = await self.browse("POST", "/hub/login", data=form)
        assert answer.status < 400, answer

    @property
    def xsrf(self) -> str:
        # several cookies of that name exist, one for each path
        found = [each for each in self.session.cookie_jar if each.key == "_xsrf"]
        return found[-1].value if found else ""

    async def browse(self, method: str, path: str, **kwargs: Any) -> Answer:
        headers = {"Sec-Fetch-Mode": "navigate", **kwargs.pop("headers", {})}
        kwargs.setdefault("allow_redirects", False)
        return await self._send(method, path, headers=headers, **kwargs)

    async def settled(self, answer: Answer) -> Answer:
        """Wait for a refusal that came later than the second for which JupyterHub holds a page."""
        for _ in range(40):
            if answer.status != 302 or "spawn-pending" not in answer.location:
                break
            await asyncio.sleep(0.25)
            page = await self.browse("GET", answer.location)
            if page.status >= 400:
                return page
        return answer

    async def post_form(self, path: str, form: dict[str, Any]) -> Answer:
        return await self.browse("POST", path, data={"_xsrf": self.xsrf, **form})

    async def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Answer:
        headers = {"Authorization": f"token {self.token}"}
        if body is not None:
            kwargs["data"] = body if isinstance(body, bytes | str) else json.dumps(body)
        return await self._send(method, f"/hub/api{path}", headers=headers, **kwargs)

    async def start(self, options: Any = None, server: str = "", who: str = "") -> Answer:
        tail = f"servers/{server}" if server else "server"
        return await self.call("POST", f"/users/{who or self.name}/{tail}", options)

    async def call_by_cookie(self, method: str, path: str, body: Any) -> Answer:
        """A REST call as a page of the hub makes it: by the session, with the XSRF token."""
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        headers = {
            "X-XSRFToken": self.xsrf,
            "Sec-Fetch-Mode": "cors",
            "Content-Type": "application/json",
        }
        return await self._send(method, f"/hub/api{path}", headers=headers, data=data)

    async def stop(self, server: str = "", who: str = "") -> Answer:
        tail = f"servers/{server}" if server else "server"
        return await self.call("DELETE", f"/users/{who or self.name}/{tail}")

    async def _send(self, method: str, path: str, **kwargs: Any) -> Answer:
        async with self.session.request(method, self.hub.url + path, **kwargs) as response:
            text = await response.text(errors="replace")
            location = response.headers.get("Location", "")
            return Answer(response.status, text, str(response.url), location)


class Outside:
    """A hub of another process, known by its address alone."""

    def __init__(self, url: str) -> None:
        self.url = url

    def token(self, _name: str) -> str:
        return ""

    async def someone(self, name: str, password: str) -> Someone:
        """Sign in, and make an API token as the hub's own page does."""
        person = Someone(self, name)
        await person.sign_in(password)
        await person.browse("GET", "/hub/home")
        answer = await person.call_by_cookie("POST", f"/users/{name}/tokens", {})
        person.token = answer.json["token"]
        return person


class Hub:
    """A running hub."""

    def __init__(self, app: JupyterHub, log: Lines) -> None:
        self.app, self.log = app, log
        self.url = f"http://127.0.0.1:{app.hub.port}"
        self.people: list[Someone] = []

    def token(self, name: str) -> str:
        user = self.user(name)
        return str(user.new_api_token())

    def user(self, name: str) -> Any:
        if orm.User.find(self.app.db, name) is None:
            self.app.db.add(orm.User(name=name))
            self.app.db.commit()
            orm_user = orm.User.find(self.app.db, name)
            from jupyterhub.roles import assign_default_roles

            assign_default_roles(self.app.db, orm_user)
        return self.app.users[name]

    def put_in(self, name: str, *groups: str) -> None:
        user = self.user(name)
        for group in groups:
            if orm.Group.find(self.app.db, group) is None:
                self.app.db.add(orm.Group(name=group))
        self.app.db.commit()
        user.orm_user.groups = [orm.Group.find(self.app.db, group) for group in groups]
        self.app.db.commit()

    async def someone(self, name: str, *groups: str) -> Someone:
        self.put_in(name, *groups)
        person = Someone(self, name)
        self.people.append(person)
        await person.sign_in()
        return person

    @property
    def failures(self) -> int:
        return int(self.app.tornado_settings.get("failure_count", 0) or self._application_count())

    def _application_count(self) -> int:
        return int(self.app.tornado_application.settings.get("failure_count", 0))


@asynccontextmanager
async def a_hub(folder: Path, **sections: dict[str, Any]) -> AsyncIterator[Hub]:
    """Run a hub whose people all may sign in; ``sections`` are config classes with settings."""
    config = Config()
    port = random_port()
    config.JupyterHub.update(
        authenticator_class=DummyAuthenticator,
        proxy_class=NoProxy,
        hub_port=port,
        hub_ip="127.0.0.1",
        bind_url=f"http://127.0.0.1:{random_port()}",
        db_url=f"sqlite:///{folder}/hub.sqlite",
        cookie_secret=b"\0" * 32,
        cleanup_servers=False,
        allow_named_servers=True,
        spawner_class=teamspawner.TeamSpawner,
        log_level=logging.INFO,
        last_activity_interval=3600,
        # on a slow machine a start may take longer than JupyterHub holds an answer by itself
        tornado_settings={"slow_spawn_timeout": 60},
    )
    config.Authenticator.update(allow_all=True, admin_users={"root"})
    for name, settings in sections.items():
        config[name].update(settings)
    teamspawner.setup(config)
    JupyterHub.clear_instance()
    app = JupyterHub.instance(config=config)
    lines = Lines()
    logging.getLogger("JupyterHub").addHandler(lines)
    for name in ("asyncio", "tornado.application", "tornado.general"):
        logging.getLogger(name).addHandler(lines)
    await app.initialize([])
    await app.start()
    hub = Hub(app, lines)
    try:
        yield hub
    finally:
        for person in hub.people:
            await person.session.close()
        await _shut(app)
        for name in ("JupyterHub", "asyncio", "tornado.application", "tornado.general"):
            logging.getLogger(name).removeHandler(lines)


async def _shut(app: JupyterHub) -> None:
    """End the hub as its own shutdown does, without ending this process' loop."""
    app.http_server.stop()
    await app.http_server.close_all_connections()
    if getattr(app, "metrics_collector", None):
        app.metrics_collector.stop()
    for callback in getattr(app, "_periodic_callbacks", {}).values():
        callback.stop()
    await app.cleanup()
    app.db.close()
    JupyterHub.clear_instance()
