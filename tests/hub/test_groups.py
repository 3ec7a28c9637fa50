"""Groups from sign-in: GitHub teams, LDAP entries, claims with dots in their names."""

from __future__ import annotations

import pytest
from traitlets.config import Config

from teamspawner.hub import groups


def a_config(authenticator="github", **sections):
    return Config({"JupyterHub": {"authenticator_class": authenticator}, **sections})


def a_team(slug, organisation="acme", parent=None):
    return {"slug": slug, "organization": {"login": organisation}, "parent": parent}


GITHUB_ON = {"GitHubOAuthenticator": {"manage_groups": True}}
LDAP_ON = {"LDAPAuthenticator": {"manage_groups": True}}


@pytest.mark.parametrize(
    "authenticator",
    [
        pytest.param("github", id="entry-point"),
        pytest.param("GitHub", id="entry-point-in-capitals"),
        pytest.param("oauthenticator.github.GitHubOAuthenticator", id="path"),
        pytest.param("oauthenticator.github.LocalGitHubOAuthenticator", id="local-path"),
    ],
)
def test_github_teams_become_groups_however_the_sign_in_is_named(authenticator):
    c = a_config(authenticator, **GITHUB_ON)
    groups.configure(c)
    assert c.GitHubOAuthenticator.auth_state_groups_key is groups.github_teams


def test_an_authenticator_given_as_a_class_is_known_too():
    from oauthenticator.github import GitHubOAuthenticator

    c = a_config(GitHubOAuthenticator, **GITHUB_ON)
    groups.configure(c)
    assert c.GitHubOAuthenticator.auth_state_groups_key is groups.github_teams


def test_manage_groups_may_be_said_of_any_parent_section():
    c = a_config(Authenticator={"manage_groups": True})
    groups.configure(c)
    assert c.GitHubOAuthenticator.auth_state_groups_key is groups.github_teams


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({}, id="groups-not-managed"),
        pytest.param({"GitHubOAuthenticator": {"manage_groups": False}}, id="groups-switched-off"),
    ],
)
def test_nothing_is_set_unless_groups_are_managed(sections):
    c = a_config(**sections)
    before = c.copy()
    groups.configure(c)
    assert c == before


@pytest.mark.parametrize("section", ["GitHubOAuthenticator", "OAuthenticator"])
def test_a_key_of_the_sites_own_is_left_alone(section):
    settings = {"GitHubOAuthenticator": {"manage_groups": True}}
    settings.setdefault(section, {})["auth_state_groups_key"] = "mine"
    c = a_config(**settings)
    groups.configure(c)
    assert c[section].auth_state_groups_key == "mine"
    assert groups._said(c, groups.GITHUB, "auth_state_groups_key") == "mine"


def test_a_sign_in_hook_of_the_sites_own_is_left_alone():
    hook = object()
    c = a_config("ldap", Authenticator={"post_auth_hook": hook}, **LDAP_ON)
    groups.configure(c)
    assert "post_auth_hook" not in c.LDAPAuthenticator


@pytest.mark.parametrize("authenticator", ["pam", "my.own.Authenticator", None])
def test_another_sign_in_is_left_as_it_is(authenticator):
    c = a_config(authenticator, Authenticator={"manage_groups": True})
    before = c.copy()
    groups.configure(c)
    assert c == before


def test_setting_up_twice_is_the_same_as_once():
    c = a_config("ldap", **LDAP_ON)
    groups.configure(c)
    once = c.copy()
    groups.configure(c)
    assert c == once


def test_google_groups_are_found_where_the_authenticator_puts_them():
    c = a_config("google", GoogleOAuthenticator={"manage_groups": True})
    groups.configure(c)
    assert c.GoogleOAuthenticator.auth_state_groups_key == "google_user.google_groups"


def test_a_github_team_is_named_with_its_organisation_so_equal_slugs_stay_apart():
    state = {"teams": [a_team("ml"), a_team("ml", "other")]}
    assert groups.github_teams(state) == {"acme:ml", "other:ml"}


def test_a_member_of_a_github_subteam_is_in_the_teams_above_it():
    state = {"teams": [a_team("nlp", parent={"slug": "ml", "parent": {"slug": "all"}})]}
    assert groups.github_teams(state) == {"acme:nlp", "acme:ml", "acme:all"}


@pytest.mark.parametrize("state", [{}, {"teams": None}, {"teams": []}])
def test_without_teams_there_are_no_groups(state):
    assert groups.github_teams(state) == set()


@pytest.mark.parametrize(
    ("dn", "group"),
    [
        pytest.param("CN=Physics,OU=Groups,DC=example,DC=org", "Physics", id="plain"),
        pytest.param(r"CN=Uni\, Physics,DC=example", "Uni, Physics", id="escaped-comma"),
        pytest.param(r"CN=M\c3\bcnchen,DC=example", "München", id="escaped-utf8"),
        pytest.param("ou=people,dc=example", "ou=people,dc=example", id="no-common-name"),
        pytest.param("not a dn", "not a dn", id="not-a-dn"),
    ],
)
def test_an_ldap_group_is_the_common_name_of_its_dn(dn, group):
    model = {"name": "ada", "auth_state": {"user_attributes": {"memberOf": [dn]}}}
    assert groups.ldap_groups(None, None, model)["groups"] == [group]


def test_both_sources_of_ldap_groups_are_joined_and_the_rest_of_the_model_is_kept():
    state = {
        "user_attributes": {"MEMBEROF": "cn=a,dc=x"},
        "ldap_groups": ["cn=b,dc=x", "cn=a,dc=x"],
    }
    model = {"name": "ada", "admin": None, "auth_state": state}
    assert groups.ldap_groups(None, None, model) == {**model, "groups": ["a", "b"]}


@pytest.mark.parametrize("state", [None, {}, {"user_attributes": {"memberOf": []}}])
def test_an_entry_without_groups_signs_in_with_none_rather_than_failing(state):
    assert groups.ldap_groups(None, None, {"name": "ada", "auth_state": state})["groups"] == []


def test_a_claim_with_dots_in_its_name_is_found():
    key = groups.claim("auth0_user", "https://example.org/groups")
    assert key({"auth0_user": {"https://example.org/groups": ["a", 7, "b"]}}) == {"a", "b"}


@pytest.mark.parametrize("state", [{}, {"u": None}, {"u": {"g": "text"}}, {"u": {"g": {"a": 1}}}])
def test_a_claim_that_is_no_list_gives_no_groups(state):
    assert groups.claim("u", "g")(state) == set()
