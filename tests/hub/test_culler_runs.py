"""The idle culler itself, as a hub's service, stopping servers by tier and team."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

import pytest
import pytest_asyncio
from jupyterhub import orm
from jupyterhub.spawner import Spawner
from jupyterhub.utils import utcnow
from traitlets import default

from teamspawner.hub.settings import Settings
from tests.hub.hubs import a_hub

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # JupyterHub 5.5.0 numbers its event schemas
    pytest.mark.filterwarnings("ignore:The `version` property of an event schema"),
]

MAP = {
    "tiers": {
        "small": {"cpu": 1, "memory": "1Gi"},
        "gpu": {"gpu": {}, "per_gpu": "fair"},
    },
    "teams": {
        "anyone": {"groups": ["*"], "tiers": ["small", "gpu"]},
        "hasty": {"groups": ["hasty"], "tiers": ["small"], "cull": {"idle": "30m"}},
        "short": {"groups": ["short"], "tiers": ["small"], "cull": {"max_age": "12h"}},
    },
}


class Pretend(Settings, Spawner):
    """A server that is the hub itself, with the tier and team that it is told."""

    @default("options_form")
    def _no_form(self):
        return ""

    def get_state(self):
        return {**super().get_state(), "teamspawner": dict(self.user_options)}

    async def start(self):
        return self.hub.url.split("/hub")[0]

    async def poll(self):
        return None

    async def stop(self, now=False):  # noqa: FBT002 - JupyterHub's signature
        pass


COMMAND = [
    *(sys.executable, "-m", "jupyterhub_idle_culler"),
    *("--timeout=3600", "--cull-every=1", "--cull-users", "--remove-named-servers"),
]
ROLE = {
    "name": "jupyterhub-idle-culler",
    "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    "services": ["jupyterhub-idle-culler"],
}
RUNNING = [
    # name, server, tier, team, minutes idle, minutes up, whether it is stopped
    ("ada", "", "gpu", "anyone", 40, 90, True),
    ("bob", "", "small", "anyone", 40, 90, False),
    ("cleo", "", "small", "hasty", 40, 90, True),
    ("dan", "", "small", "short", 0, 721, True),
    ("eve", "extra", "gpu", "anyone", 40, 90, True),
    ("eve", "", "small", "anyone", 40, 90, False),
    ("fay", "", "", "", 61, 90, True),
    ("gus", "", "", "", 59, 90, False),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory):
    """A hub with all those servers, whose culler has looked at them at least twice."""
    settings = {
        "spawner_class": Pretend,
        "services": [{"name": "jupyterhub-idle-culler", "command": COMMAND}],
        "load_roles": [ROLE],
    }
    folder = tmp_path_factory.mktemp("culled")
    async with a_hub(folder, JupyterHub=settings, Pretend={"map": MAP}) as hub:
        for row in RUNNING:
            await _start(hub, *row)
        hub.user("zoe")
        for _ in range(300):
            if all(not _is_up(hub, row) for row in RUNNING if row[-1]):
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.5)
        yield hub


async def _start(hub, name, server, tier, team, idle, up, _due):  # noqa: PLR0917 - a row
    user = hub.user(name)
    await user.spawn(server, options={"tier": tier, "team": team})
    spawner = user.spawners[server].orm_spawner
    now = utcnow(with_tz=False)
    spawner.started = now - timedelta(minutes=up)
    spawner.last_activity = now - timedelta(minutes=idle)
    hub.app.db.commit()


def _is_up(hub, row):
    user = hub.app.users[row[0]]
    return row[1] in user.spawners and user.spawners[row[1]].ready


@pytest.mark.parametrize("row", RUNNING, ids=lambda row: f"{row[0]}-{row[2]}-{row[3]}-{row[4]}min")
async def test_a_server_is_stopped_by_its_tier_and_team(hub, row):
    assert _is_up(hub, row) is not row[-1]


async def test_nobody_is_ever_deleted_though_the_command_asked_for_it(hub):
    names = {user.name for user in hub.app.db.query(orm.User)}
    assert {row[0] for row in RUNNING} | {"zoe"} <= names


@pytest.mark.parametrize("state", ["ready", "inactive", "active"])
async def test_who_has_nothing_to_stop_is_not_even_shown(hub, state):
    root = await hub.someone("root")
    answer = await root.call("GET", f"/teamspawner/culler/users?state={state}")
    assert (answer.status, answer.json) == (200, [])


async def test_what_the_culler_gets_to_see_is_for_nobody_else(hub):
    person = await hub.someone("mallory")
    answer = await person.call("GET", "/teamspawner/culler/users?state=ready")
    assert answer.status == 403


async def test_a_person_stops_no_foreign_server_at_the_cullers_address(hub):
    person = await hub.someone("mallory")
    answer = await person.call("DELETE", "/teamspawner/culler/users/bob/server")
    assert answer.status in {403, 404}
    assert _is_up(hub, RUNNING[1])


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "users"), ("DELETE", "users/bob"), ("POST", "users/bob/server"), ("POST", "")],
)
async def test_nothing_but_looking_and_stopping_is_there(hub, method, path):
    root = await hub.someone("root")
    answer = await root.call(method, f"/teamspawner/culler/{path}", {})
    assert answer.status in {403, 404, 405}
