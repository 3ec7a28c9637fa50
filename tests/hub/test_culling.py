"""When servers are stopped: the rule, the culler's command, and what the culler gets to see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from traitlets.config import Config

from teamspawner.hub import culling
from teamspawner.map import load
from teamspawner.map.cull import CullTimes, cull_times, spell_duration


@pytest.fixture(autouse=True)
def forgotten():
    """What one test sets up is no other's default."""
    yield
    culling._set_up.clear()


HOUR = CullTimes(idle_s=3600)
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def a_map(tier=None, team=None, gpu=None):
    tiers = {
        "small": {"cpu": 1, "memory": "1Gi", "cull": tier or {}},
        "gpu": {"gpu": {}, "per_gpu": "fair", "cull": gpu or {}},
    }
    physics = {"groups": ["physics"], "tiers": list(tiers), "cull": team or {}}
    return load({"tiers": tiers, "teams": {"physics": physics}}).map


@pytest.mark.parametrize(
    ("the_map", "tier", "expected"),
    [
        pytest.param(None, "small", 3600, id="without-a-map-the-default"),
        pytest.param(a_map(), "small", 3600, id="nothing-said-the-default"),
        pytest.param(a_map(), "gpu", 1800, id="an-accelerator-half-the-default"),
        pytest.param(a_map(), "retired", 3600, id="an-unknown-tier-the-default"),
        pytest.param(a_map(gpu={"idle": "2h"}), "gpu", 7200, id="what-the-tier-says-wins"),
        pytest.param(a_map(team={"idle": "2h"}), "gpu", 7200, id="what-the-team-says-wins"),
        pytest.param(
            a_map(tier={"idle": "20m"}, team={"idle": "2h"}), "small", 1200, id="the-shorter-wins"
        ),
        pytest.param(
            a_map(tier={"idle": "3h"}, team={"idle": "2h"}), "small", 7200, id="of-the-team-too"
        ),
    ],
)
def test_the_idle_time_of_a_server(the_map, tier, expected):
    assert cull_times(the_map, tier, "physics", HOUR).idle_s == expected


@pytest.mark.parametrize(
    ("team", "expected"),
    [({"max_age": "12h"}, 43200), ({}, 86400)],
    ids=["the-teams-own", "the-default"],
)
def test_the_longest_life_of_a_server(team, expected):
    default = CullTimes(3600, 86400)
    assert cull_times(a_map(team=team), "small", "physics", default).max_age_s == expected


def test_a_default_of_never_stays_never_for_accelerators_too():
    assert cull_times(a_map(), "gpu", "physics", CullTimes()) == CullTimes()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1800, "30 min"), (5400, "1 h 30 min"), (259200, "3 d"), (90, "90 s"), (0, "0 min")],
    ids=["minutes", "hours", "days", "odd-seconds", "at-once"],
)
def test_a_duration_is_said_in_its_largest_units(seconds, words):
    assert spell_duration(seconds) == words


def a_server(active=None, started=0):
    """As the REST API shows it: minutes ago."""
    ago = lambda minutes: (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")  # noqa: E731
    return {"started": ago(started), "last_activity": None if active is None else ago(active)}


@pytest.mark.parametrize(
    ("server", "due"),
    [
        pytest.param(a_server(active=59, started=300), False, id="used-within-the-hour"),
        pytest.param(a_server(active=60, started=300), True, id="exactly-an-hour-ago"),
        pytest.param(a_server(started=59), False, id="started-and-not-used-yet"),
        pytest.param(a_server(started=61), True, id="never-used"),
        pytest.param({"started": None, "last_activity": None}, False, id="nothing-known"),
        pytest.param({"last_activity": "2026-05-04T10:00:00"}, True, id="time-without-zone-is-utc"),
    ],
)
def test_whether_a_server_is_due(server, due):
    assert culling.is_due(server, HOUR, NOW) is due


def test_a_server_in_use_is_due_once_it_is_too_old():
    server = a_server(active=0, started=721)
    assert culling.is_due(server, CullTimes(3600, 43200), NOW)
    assert not culling.is_due(server, CullTimes(3600, 43320), NOW)


# the service

CHART = [
    *("python3", "-m", "jupyterhub_idle_culler", "--url=http://localhost:8081/lab/hub/api"),
    *("--timeout=3600", "--cull-every=120", "--concurrency=10"),
    *("--cull-users", "--remove-named-servers"),
]


def a_config(*command, **hub):
    service = {"name": "jupyterhub-idle-culler", "command": list(command or CHART)}
    return Config({"JupyterHub": {"services": [service], **hub}})


def test_the_charts_culler_asks_at_our_address_and_both_versions_read_its_command():
    c = a_config()
    culling.configure(c)
    assert c.JupyterHub.services[0]["command"] == [
        *("python3", "-m", "jupyterhub_idle_culler"),
        "--url=http://localhost:8081/lab/hub/api/teamspawner/culler",
        *("--timeout=1", "--cull-every=120", "--concurrency=10"),
        *("--remove-named-servers=true", "--max-age=1"),
    ]


def test_its_times_become_the_default():
    c = a_config(*CHART, "--max-age=86400")
    culling.configure(c)
    [defaults] = [
        route[2]["default"]
        for route in c.JupyterHub.extra_handlers.to_dict()["extend"]
        if len(route) > 2
    ]
    assert defaults == CullTimes(3600, 86400)


def test_the_page_can_tell_the_default_before_a_start():
    culling.configure(a_config(*CHART, "--max-age=86400"))
    assert culling.default_times() == CullTimes(3600, 86400)


def test_a_culler_that_is_told_nothing_is_shown_where_the_hub_is():
    c = a_config("python", "-m", "jupyterhub_idle_culler", hub_port=9999, base_url="/x/")
    culling.configure(c)
    command = c.JupyterHub.services[0]["command"]
    assert "--url=http://127.0.0.1:9999/x/hub/api/teamspawner/culler" in command
    assert "--cull-every=60" in command


def test_setting_up_twice_is_the_same_as_once():
    c = a_config()
    culling.configure(c)
    once = str(c)
    culling.configure(c)
    assert str(c) == once


@pytest.mark.parametrize(
    "services",
    [None, [], [{"name": "prometheus"}], [{"name": "x", "command": ["sleep"]}]],
    ids=["unset", "none", "external", "other"],
)
def test_without_a_culler_none_is_made_up_and_other_services_are_left_alone(services):
    c = Config({"JupyterHub": {} if services is None else {"services": services}})
    before = str(c)
    culling.configure(c)
    assert str(c) == before
