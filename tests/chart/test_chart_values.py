"""The contract of the layers, which the chart's own schema does not know."""

from __future__ import annotations

import re

import pytest

from teamspawner import __version__
from teamspawner.map import load
from tests.chart.layers import (
    ALWAYS,
    COMBINATIONS,
    EXAMPLES,
    LAYERS,
    MANIFESTS,
    ROOT,
    SIGN_INS,
    SIZED,
    VALUES,
    WAYS,
    each_string,
    layered,
    merge,
    read,
    read_all,
)

FILES = [*LAYERS, *sorted(EXAMPLES.glob("*.yaml")), *sorted(MANIFESTS.glob("*.yaml"))]
VALUE_FILES = [*LAYERS, *sorted(EXAMPLES.glob("*.yaml"))]
SECRET = re.compile(r"(password|secret|token|api_?key|CryptKeeper.keys.*)$", re.IGNORECASE)
SECRET_NAMES = re.compile(r"(existingSecret|secretName|service_account_keys|groups_key)")
name = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
values = pytest.mark.parametrize("path", VALUE_FILES, ids=lambda path: path.name)


@name
def test_every_file_is_yaml_without_a_key_twice(path):
    assert read_all(path)


def test_a_key_that_stands_twice_is_seen(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("hub:\n  image: {name: a}\n  image: {name: b}\n")
    with pytest.raises(Exception, match="twice"):
        read(bad)


@name
def test_every_file_says_at_its_top_what_it_is_for(path):
    assert path.read_text().startswith("# ")


def test_there_is_each_sign_in_and_each_way_to_choose_from():
    assert [f"20-auth-{each}" for each in ("dummy", "github", "google", "ldap", "oidc")] == SIGN_INS
    assert WAYS == ["40-gateway", "40-ingress", "40-letsencrypt"]


def test_layers_that_are_always_used_set_nothing_twice():
    seen: dict[str, str] = {}
    for stem in ALWAYS:
        for path, _ in each_string(read(VALUES / f"{stem}.yaml")):
            assert seen.setdefault(path, stem) == stem, path


@values
def test_no_file_holds_a_secret(path):
    found = [
        (where, text)
        for where, text in each_string(read(path))
        if SECRET.search(where) and not SECRET_NAMES.search(where) and text
    ]
    assert found == []


def test_the_secrets_example_names_a_place_for_what_each_sign_in_needs():
    places = {where for where, _ in each_string(read(EXAMPLES / "secrets.example.yaml"))}
    for section in ("GitHub", "Generic", "Google"):
        for key in ("client_id", "client_secret"):
            assert f".hub.config.{section}OAuthenticator.{key}" in places
    assert ".hub.config.SharedPasswordAuthenticator.user_password" in places


def _tags(value, path=""):
    if isinstance(value, dict):
        if "tag" in value:
            yield path, value.get("name"), value["tag"]
        for key, each in value.items():
            yield from _tags(each, f"{path}.{key}")


@values
def test_every_image_tag_is_a_text_and_pinned(path):
    for where, _, tag in _tags(read(path)):
        assert isinstance(tag, str), where
        assert tag not in {"", "latest", "main"}, where


@values
def test_no_image_comes_from_where_jupyter_stopped_publishing(path):
    assert [p for p in each_string(read(path)) if re.match(r"(docker\.io/)?jupyter/", p[1])] == []


HUB_SIZE = re.compile(r"^\d+(\.\d+)?[KMGT]?$")


@pytest.mark.parametrize(("sign_in", "way"), COMBINATIONS)
def test_memory_that_the_hub_reads_is_written_in_its_own_dialect(sign_in, way):
    memory = layered(sign_in, way, "site")["singleuser"]["memory"]
    assert all(HUB_SIZE.match(str(memory[key])) for key in ("limit", "guarantee"))


def test_memory_of_example_profiles_is_written_in_the_hubs_dialect():
    profiles = read(EXAMPLES / "profiles.yaml")["singleuser"]["profileList"]
    sizes = [p["kubespawner_override"][k] for p in profiles for k in ("mem_limit", "mem_guarantee")]
    assert all(HUB_SIZE.match(size) for size in sizes)


def _at(values, path):
    for key in path.split("."):
        values = values[key]
    return values


@pytest.mark.parametrize("path", SIZED)
def test_every_container_that_the_chart_lets_us_size_has_requests_and_limits(path):
    found = _at(layered("20-auth-dummy", "40-letsencrypt"), path)
    assert {(kind, key) for kind in found for key in found[kind]} == {
        (kind, key) for kind in ("requests", "limits") for key in ("cpu", "memory")
    }


def test_placeholders_yield_to_people():
    scheduling = layered("20-auth-github", "40-ingress")["scheduling"]
    priority = scheduling["podPriority"]
    assert priority["enabled"] is True
    assert scheduling["userPlaceholder"]["replicas"] > 0
    assert priority["userPlaceholderPriority"] < priority["imagePullerPriority"]
    assert priority["imagePullerPriority"] < priority["defaultPriority"]


def test_people_are_never_deleted_and_age_alone_stops_nobody():
    cull = layered("20-auth-github", "40-ingress")["cull"]
    assert (cull["enabled"], cull["users"], cull["maxAge"]) == (True, False, 0)


def test_metrics_need_the_one_scope_that_is_given_to_prometheus_alone():
    hub = layered("20-auth-github", "40-ingress")["hub"]
    role = hub["loadRoles"]["prometheus"]
    assert (role["scopes"], role["services"]) == (["read:metrics"], ["prometheus"])
    assert hub["authenticatePrometheus"] is True


@pytest.mark.parametrize("sign_in", SIGN_INS)
def test_each_sign_in_says_who_may_get_in(sign_in):
    config = read(VALUES / f"{sign_in}.yaml")["hub"]["config"]
    allowing = {"allow_all", "allowed_organizations", "allowed_google_groups"}
    assert [s for s in config.values() if allowing & set(s)]


@pytest.mark.parametrize("way", WAYS)
def test_each_way_in_ends_with_tls(way):
    found = read(VALUES / f"{way}.yaml")
    secure = (
        (found.get("ingress") or {}).get("tls")
        or ((found.get("httpRoute") or {}).get("gateway") or {}).get("sectionName") == "https"
        or found["proxy"]["https"]["enabled"]
    )
    assert secure


def test_only_the_development_sign_in_lets_one_password_in():
    for sign_in in SIGN_INS:
        chosen = read(VALUES / f"{sign_in}.yaml")["hub"]["config"]["JupyterHub"]
        weak = chosen["authenticator_class"] in {"dummy", "shared-password"}
        assert weak == ("dummy" in sign_in)


# what the base and the example of a site name together

SITE = merge(read(VALUES / "00-base.yaml"), read(EXAMPLES / "site.yaml"))


def test_the_example_map_is_sound_and_warns_of_nothing():
    assert load(SITE["custom"]["teamspawner"]).warnings == ()


def test_the_example_map_has_two_cpu_sizes_and_a_gpu_tier():
    tiers = load(SITE["custom"]["teamspawner"]).map.tiers.values()
    assert [tier.gpu is not None for tier in tiers] == [False, False, True]


def test_every_tier_of_the_example_has_limits_so_a_limitrange_changes_none():
    for tier in load(SITE["custom"]["teamspawner"]).map.tiers.values():
        assert tier.gpu or (tier.cpu.limit and tier.memory.limit)


def test_the_example_team_volume_lies_on_the_claim_of_the_manifests():
    claim = read(MANIFESTS / "shared-pvc.yaml")
    volumes = [
        volume
        for team in load(SITE["custom"]["teamspawner"]).map.teams.values()
        for volume in team.volumes
    ]
    assert [volume.claim for volume in volumes] == [claim["metadata"]["name"]]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_example_names_an_administrator():
    assert SITE["hub"]["config"]["Authenticator"]["admin_users"]


def test_the_hub_image_is_that_of_the_dockerfile_and_of_this_version():
    dockerfile = (ROOT / "images/hub/Dockerfile").read_text()
    pin = re.search(r"^ARG Z2JH_VERSION=(\S+)", dockerfile, re.MULTILINE)
    assert pin
    assert SITE["hub"]["image"]["tag"] == f"{pin[1]}-{__version__}"
