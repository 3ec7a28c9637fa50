"""The layers and fragments, loaded by a real JupyterHub in the order of the chart."""

from __future__ import annotations

import logging
import re

import pytest
import yaml
from traitlets.config import Config

from tests.chart import standin
from tests.chart.layers import (
    EXAMPLES,
    FRAGMENTS,
    OPTIONAL,
    ROOT,
    SIGN_INS,
    complete,
    layered,
    merge,
    read,
)

FILES = sorted(FRAGMENTS.glob("*.py"))
# seen in ldap3 2.9.1 with pyasn1 0.6
pytestmark = pytest.mark.filterwarnings("ignore:.*Map is deprecated:DeprecationWarning")
BAKED_IN = pytest.param("baked-in", id="baked-in")
THREE_LINES = pytest.param("three-lines", id="three-lines")


@pytest.fixture
def hub(tmp_path):
    """Loads values into a hub that has our fragments, or only the package."""
    made = iter(range(9))

    def load(values, way="baked-in"):
        folder = tmp_path / str(next(made))
        folder.mkdir()
        extra = read(EXAMPLES / "extra-config.yaml") if way == "three-lines" else {}
        fragments = FILES if way == "baked-in" else []
        return standin.load(standin.lay_out(folder, complete(merge(values, extra)), fragments))

    with standin.of_the_chart():
        yield load


def site(sign_in="20-auth-github", **more):
    return merge(layered(sign_in, "40-ingress", "site"), more)


@pytest.mark.parametrize("way", [BAKED_IN, THREE_LINES])
@pytest.mark.parametrize("sign_in", SIGN_INS)
def test_every_setting_that_the_layers_make_is_one_that_somebody_reads(hub, sign_in, way):
    app = hub(site(sign_in), way)
    assert standin.unknown(app) == []


def test_every_setting_of_the_optional_examples_is_one_that_somebody_reads(hub):
    app = hub(layered("20-auth-github", "40-ingress", "site", *OPTIONAL))
    assert standin.unknown(app) == []


@pytest.mark.parametrize(
    ("section", "trait"),
    [("Authenticator", "allowed_groups"), ("TeamSpwner", "map"), ("TeamSpawner", "mapp")],
)
def test_a_setting_that_nobody_reads_is_seen(hub, section, trait):
    config = {"hub": {"config": {section: {trait: "x"}}}}
    app = hub(merge(site("20-auth-dummy"), config))
    assert standin.unknown(app)[0] in {section, f"{section}.{trait}"}


@pytest.mark.parametrize("sign_in", SIGN_INS)
def test_both_ways_in_set_up_the_same_hub(hub, sign_in):
    baked, lines = (hub(site(sign_in), way) for way in ("baked-in", "three-lines"))
    names = sorted({*baked.config, *lines.config})
    assert names == sorted(baked.config)
    for name in names:
        assert str(dict(baked.config[name])) == str(dict(lines.config[name])), name


@pytest.mark.parametrize("way", [BAKED_IN, THREE_LINES])
def test_the_hub_gets_our_spawner_the_map_of_the_site_and_a_culler_that_goes_by_it(hub, way):
    app = hub(site(), way)
    assert app.spawner_class.__name__ == "TeamSpawner"
    assert list(app.config.TeamSpawner.map["tiers"]) == ["small", "large", "gpu"]
    [culler] = [s for s in app.config.JupyterHub.services if "culler" in s["name"]]
    assert any("teamspawner" in word for word in culler["command"])


def test_with_the_package_alone_and_no_values_of_ours_the_spawner_is_ours(hub):
    extra = read(EXAMPLES / "extra-config.yaml")
    assert hub(extra, "package-only").spawner_class.__name__ == "TeamSpawner"


def test_without_a_map_none_is_made_up(hub):
    app = hub(layered("20-auth-dummy", "40-ingress"))
    assert "map" not in app.config.TeamSpawner


def test_a_map_file_of_the_site_wins_over_the_values(hub):
    config = {"hub": {"config": {"TeamSpawner": {"map_file": "/etc/teamspawner/map.yaml"}}}}
    app = hub(merge(site(), config))
    assert "map" not in app.config.TeamSpawner


def test_the_values_themselves_are_not_shared_with_the_configuration(hub):
    app = hub(site())
    app.config.TeamSpawner.map["tiers"].clear()
    from z2jh import get_config

    assert get_config("custom.teamspawner")["tiers"]


def test_the_spawner_that_the_site_names_is_kept(hub):
    named = {"hub": {"config": {"JupyterHub": {"spawner_class": "simple"}}}}
    app = hub(merge(site(), named))
    assert app.spawner_class.__name__ == "SimpleLocalProcessSpawner"


@pytest.mark.parametrize("way", [BAKED_IN, THREE_LINES])
def test_what_trouble_says_to_write_switches_us_off(hub, way):
    [off] = re.findall(r"```yaml\n(.*?) *```", (ROOT / "docs/trouble.md").read_text(), re.DOTALL)
    assert hub(merge(site(), yaml.safe_load(off)), way).spawner_class.__name__ == "KubeSpawner"


@pytest.mark.parametrize("sign_in", SIGN_INS)
def test_somebody_can_sign_in(hub, sign_in, caplog):
    app = hub(site(sign_in))
    with caplog.at_level(logging.WARNING):
        authenticator = app.authenticator_class(config=app.config, log=logging.getLogger("auth"))
        authenticator.check_allow_config()
    assert "No allow config found" not in caplog.text


def test_github_teams_are_the_groups_of_a_person(hub):
    app = hub(site())
    authenticator = app.authenticator_class(config=app.config)
    team = {"slug": "research-a", "organization": {"login": "example-org"}}
    assert authenticator.auth_state_groups_key({"teams": [team]}) == {"example-org:research-a"}


def test_who_is_in_no_ldap_group_gets_in_with_none(hub):
    app = hub(site("20-auth-ldap"))
    hook = app.config.LDAPAuthenticator.post_auth_hook
    assert hook(None, None, {"name": "ada", "auth_state": {}})["groups"] == []


# what every fragment keeps to


fragment = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def run(path, c):
    namespace = {"c": c, "__name__": "builtins"}
    exec(compile(path.read_text(), path.name, "exec"), namespace)
    return namespace


@fragment
def test_a_fragment_is_an_import_and_a_call(path):
    code = [line for line in path.read_text().splitlines() if line and not line.startswith('"""')]
    assert code[0] == "import teamspawner"
    assert len(code) == 2


@fragment
def test_a_fragment_is_harmless_outside_the_chart(path):
    c = Config({"JupyterHub": {"spawner_class": "simple", "authenticator_class": "pam"}})
    run(path, c)
    assert c.JupyterHub.spawner_class == "simple"
    assert c.JupyterHub.authenticator_class == "pam"
    assert not c.KubeSpawner


@fragment
def test_a_fragment_takes_no_name_away_from_the_others(path):
    c = Config()
    namespace = run(path, c)
    assert namespace["c"] is c
    assert set(namespace) - {"__builtins__"} == {"c", "__name__", "teamspawner", "__doc__"} - (
        set() if "__doc__" in namespace else {"__doc__"}
    )


@fragment
def test_a_fragment_run_twice_does_what_it_does_once(hub, path):
    app = hub(site())
    before = standin.copy_of(app.config)
    run(path, app.config)
    assert str(standin.copy_of(app.config)) == str(before)
