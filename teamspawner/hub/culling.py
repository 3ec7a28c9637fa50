"""Stop idle servers by tier and team, through jupyterhub-idle-culler as the chart runs it.

The culler asks the hub for people with ready servers and stops those idle for too long.
Here it is shown, at an address of our own, only the servers that are due; so every
version of it works, its settings stay the defaults, and no user can ever be deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyterhub.apihandlers.hub import RootAPIHandler
from jupyterhub.apihandlers.users import UserListAPIHandler, UserServerAPIHandler
from jupyterhub.utils import utcnow

from teamspawner.hub.source import MapSource
from teamspawner.map.cull import CullTimes, cull_times
from teamspawner.map.schema import Map

SERVICE = "jupyterhub-idle-culler"
HERE = "/api/teamspawner/culler"
"""Under the hub's prefix; the part that replaces ``/hub/api`` for the culler alone."""
DEFAULT = CullTimes(idle_s=600)
"""What jupyterhub-idle-culler does when it is told nothing."""
_set_up: dict[str, CullTimes] = {}
_QUIET = logging.getLogger("teamspawner.culling")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


def configure(c: Any) -> None:
    """Let the idle culler of this hub go by the map; nothing happens where there is none.

    The service's command keeps what it says of concurrency, pages and named servers;
    its times become the defaults, and deleting users is taken out of it.
    """
    for service in c.JupyterHub.get("services") or []:
        command = service.get("command") or []
        if SERVICE in (service.get("name"), *command) or "jupyterhub_idle_culler" in command:
            _take_over(c, service)


def default_times() -> CullTimes:
    """What this hub's culler does where the map says nothing; never, without a culler."""
    return _set_up.get(SERVICE, CullTimes())


def _take_over(c: Any, service: dict[str, Any]) -> None:
    words = Command.read(service["command"])
    if HERE in words.options.get("url", ""):
        return
    default = CullTimes(
        _seconds(words.options.get("timeout"), DEFAULT.idle_s),
        _seconds(words.options.get("max-age")),
    )
    every = words.options.get("cull-every") or str(max(30, (default.idle_s or 600) // 10))
    url = words.options.get("url") or _api_url(c.JupyterHub)
    service["command"] = words.changed(
        {
            "url": url.rstrip("/").removesuffix("/api") + HERE,
            "timeout": "1",
            "max-age": "1",
            "cull-every": every,
            "cull-users": None,
            "cull-admin-users": None,
        }
    )
    c.JupyterHub.extra_handlers.extend(routes(default))
    _set_up[SERVICE] = default


def _api_url(hub: Any) -> str:
    """Where the hub's API is reached from within its own pod."""
    base = str(hub.get("base_url") or "/").strip("/")
    port = hub.get("hub_port") or 8081
    return f"http://127.0.0.1:{port}/{base + '/' if base else ''}hub/api"


def _seconds(text: str | None, unset: int | None = None) -> int | None:
    """Seconds of a flag; 0 means never, as the culler has it for the age."""
    return unset if text is None else (int(text) or None)


@dataclass(frozen=True, slots=True)
class Command:
    """A culler's command line, taken apart.

    Attributes:
        words: What is no option: the program.
        options: Name without dashes to value; a bare flag is ``true``.
    """

    words: tuple[str, ...]
    options: Mapping[str, str]

    @classmethod
    def read(cls, command: list[str]) -> Command:
        """Take ``--name=value`` and bare ``--name`` apart; underscores are dashes."""
        words = tuple(word for word in command if not word.startswith("--"))
        options = {}
        for word in command:
            if word.startswith("--"):
                name, _, value = word[2:].partition("=")
                options[name.replace("_", "-")] = value or "true"
        return cls(words, options)

    def changed(self, changes: Mapping[str, str | None]) -> list[str]:
        """The command with these options; None takes one out. 1.4 and 2.x both read it."""
        options = {**self.options, **changes}
        return [*self.words, *(f"--{name}={value}" for name, value in options.items() if value)]


def routes(default: CullTimes) -> list[tuple[Any, ...]]:
    """The three calls that the culler makes, under ``HERE``."""
    return [
        (rf"{HERE}/?", _Root),
        (rf"{HERE}/users", DueServers, {"default": default}),
        (rf"{HERE}/users/([^/]+)/server", _Stop),
        (rf"{HERE}/users/([^/]+)/servers/([^/]+)", _Stop),
    ]


class _Root(RootAPIHandler):
    """The hub's version, which the culler asks for first."""

    SUPPORTED_METHODS = ("GET",)


class _Stop(UserServerAPIHandler):
    """Stopping a server, by JupyterHub's own code and scopes."""

    SUPPORTED_METHODS = ("DELETE",)


class DueServers(UserListAPIHandler):
    """JupyterHub's list of users, cut down to servers that are to be stopped now."""

    SUPPORTED_METHODS = ("GET",)

    def initialize(self, default: CullTimes) -> None:
        """Take the times for what the map says nothing about."""
        self.default = default

    def user_model(self, user: Any) -> dict[str, Any]:
        """The user with the servers that are due, or nothing at all.

        A person without due servers is left out, so the culler, even one told to delete
        idle users, never gets to see one.
        """
        model = super().user_model(user)
        running = getattr(self.users.get(user.id), "spawners", {}) if model else {}
        now = utcnow(with_tz=True)
        due = {
            name: server
            for name, server in (model or {}).get("servers", {}).items()
            if name in running and is_due(server, self._times(running[name]), now)
        }
        return {**model, "servers": due} if due else {}

    def _times(self, spawner: Any) -> CullTimes:
        tier, team = chosen(spawner)
        return cull_times(self._map_of(spawner), tier, team, self.default)

    def _map_of(self, spawner: Any) -> Map | None:
        inline, path = getattr(spawner, "map", None) or {}, getattr(spawner, "map_file", "")
        sources = self.settings.setdefault("teamspawner_culling", {})
        key = path or str(inline)
        if key not in sources:
            sources.clear()
            sources[key] = MapSource(inline, Path(path) if path else None, _QUIET)
        found: Map | None = sources[key].held().map
        return found


def chosen(spawner: Any) -> tuple[str | None, str | None]:
    """Tier and team that a running server was started with, also after a restart of the hub."""
    kept = (spawner.get_state() or {}).get("teamspawner") or {}
    return kept.get("tier"), kept.get("team")


def is_due(server: Mapping[str, Any], times: CullTimes, now: datetime) -> bool:
    """Whether a server, as the REST API shows it, has been idle or up for too long.

    Without any activity yet, its start counts as the last one.
    """
    started = _time(server.get("started"))
    active = _time(server.get("last_activity")) or started
    return _over(active, times.idle_s, now) or _over(started, times.max_age_s, now)


def _over(since: datetime | None, seconds: int | None, now: datetime) -> bool:
    return since is not None and seconds is not None and (now - since).total_seconds() >= seconds


def _time(text: str | None) -> datetime | None:
    """A time of the REST API; one without zone is UTC."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
