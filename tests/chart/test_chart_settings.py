"""``teamspawner doctor`` on chart values: what passes the chart's schema and cannot work."""

from __future__ import annotations

import pytest

from tests.chart.build import a_map, a_node
from tests.chart.layers import COMBINATIONS, layered, merge


@pytest.fixture
def settings(doctor):
    """Findings about the values around a sound map."""

    def run(values, the_map=None):
        given = merge({"custom": {"teamspawner": the_map or a_map()}}, values)
        return [(f["about"], f["cure"]) for f in doctor(a_node(), the_map=given)]

    return run


@pytest.mark.parametrize("chosen", COMBINATIONS, ids="-".join)
def test_nothing_is_wrong_with_our_own_layers(settings, chosen):
    assert settings(layered(*chosen)) == []


def _override(**sizes):
    return {"kubespawner_override": sizes}


@pytest.mark.parametrize(
    ("values", "about", "cure"),
    [
        pytest.param(
            {"singleuser": {"memory": {"limit": "16Gi"}}},
            "singleuser.memory.limit",
            "write 16G; G is 2^30 there",
            id="memory",
        ),
        pytest.param(
            {"hub": {"config": {"KubeSpawner": {"mem_guarantee": "1.5GB"}}}},
            "hub.config.KubeSpawner.mem_guarantee",
            "write 1.5G; G is 2^30 there",
            id="trait",
        ),
        pytest.param(
            {"singleuser": {"memory": {"guarantee": "much"}}},
            "singleuser.memory.guarantee",
            "write a number with K, M, G or T; G is 2^30 there",
            id="no-size-at-all",
        ),
        pytest.param(
            {"singleuser": {"profileList": [{}, _override(mem_limit="8Gi")]}},
            "singleuser.profileList[1].kubespawner_override.mem_limit",
            "write 8G; G is 2^30 there",
            id="profile",
        ),
        pytest.param(
            {
                "singleuser": {
                    "profileList": [
                        {"profile_options": {"a": {"choices": {"b": _override(mem_limit="8Mi")}}}}
                    ]
                }
            },
            "singleuser.profileList[0].profile_options.a.choices.b.kubespawner_override.mem_limit",
            "write 8M; G is 2^30 there",
            id="choice",
        ),
        pytest.param(
            {"hub": {"config": {"Authenticator": {"allowed_groups": ["a"]}}}},
            "hub.config.Authenticator.allowed_groups",
            "put it under the class of the sign-in, such as GitHubOAuthenticator",
            id="allowed-groups",
        ),
        pytest.param(
            {"hub": {"config": {"TeamSpawner": {"map_file": "/etc/map.yaml"}}}},
            "custom.teamspawner",
            "keep one of the two",
            id="two-maps",
        ),
        pytest.param(
            {
                "scheduling": {
                    "userPlaceholder": {"enabled": True},
                    "podPriority": {"enabled": False},
                }
            },
            "scheduling.userPlaceholder",
            "scheduling.podPriority.enabled: true, or userPlaceholder.enabled: false",
            id="placeholders-that-stay",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_told_with_its_cure(settings, values, about, cure):
    assert settings(values) == [(about, cure)]


@pytest.mark.parametrize("size", ["16G", "512M", 2**30, 1.5, "1.5T", None, "100"])
def test_sizes_that_the_hub_reads_are_let_be(settings, size):
    assert settings({"singleuser": {"memory": {"limit": size}}}) == []


@pytest.mark.parametrize(
    "values",
    [
        {"scheduling": {"userPlaceholder": {"enabled": True}}},
        {"hub": {"allowNamedServers": False}},
        {"singleuser": {"profileList": "x", "memory": "y"}, "hub": {"config": None}},
    ],
    ids=["priorities-not-said", "one-server-each", "malformed"],
)
def test_what_is_not_said_or_does_no_harm_is_not_told(settings, values):
    assert settings(values) == []


def test_a_second_server_that_the_hub_does_not_allow_is_told(settings):
    team = {"groups": ["*"], "tiers": ["small"], "limits": {"servers_per_user": 2}}
    found = settings({"hub": {"allowNamedServers": False}}, a_map(teams={"physics": team}))
    assert found == [("hub.allowNamedServers", "hub.allowNamedServers: true")]


def test_a_namespace_that_does_not_exist_is_told_and_not_taken_for_an_empty_one(doctor):
    here = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}}
    [finding] = doctor(a_node(), here, code=1)
    assert finding["about"] == "namespace jupyterhub"
    assert doctor(a_node(), here, flags=["--namespace", "lab"], code=0) == []
