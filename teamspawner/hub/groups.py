"""JupyterHub groups from sign-in, where a plain setting cannot say it.

GitHub hands out teams as objects and LDAP hands out no groups at all; both need a
function, and functions cannot stand in chart values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

GITHUB = ("GitHubOAuthenticator", "OAuthenticator", "Authenticator")
GOOGLE = ("GoogleOAuthenticator", "OAuthenticator", "Authenticator")
LDAP = ("LDAPAuthenticator", "Authenticator")
NAMES = {
    "github": GITHUB,
    "local-github": GITHUB,
    "google": GOOGLE,
    "local-google": GOOGLE,
    "ldap": LDAP,
}
"""Names of the entry points to the sections that set an authenticator, own one first."""

_FIRST_CN = re.compile(r"\s*cn\s*=((?:\\.|[^\\,+;])+)(?:[,+;]|$)", re.IGNORECASE)
_ESCAPE = re.compile(rb"\\(?:([0-9a-fA-F]{2})|(.))", re.DOTALL)


def configure(c: Any) -> None:
    """Fill in how groups are found, for the sign-in in use.

    Only where ``manage_groups`` is on and the site has not said it itself.
    """
    sections = _sections(c.JupyterHub.get("authenticator_class"))
    if not sections or _said(c, sections, "manage_groups") is not True:
        return
    if sections is LDAP:
        if _said(c, sections, "post_auth_hook") is None:
            c[sections[0]].post_auth_hook = ldap_groups
    elif _said(c, sections, "auth_state_groups_key") is None:
        key = github_teams if sections is GITHUB else "google_user.google_groups"
        c[sections[0]].auth_state_groups_key = key


def _sections(chosen: Any) -> tuple[str, ...]:
    """The sections of an authenticator named by entry point, by path, or given as a class."""
    name = chosen if isinstance(chosen, str) else getattr(chosen, "__name__", "")
    last = name.rsplit(".", 1)[-1]
    by_class = {s[0]: s for s in NAMES.values()}
    return NAMES.get(last.lower()) or by_class.get(last.removeprefix("Local")) or ()


def _said(c: Any, sections: tuple[str, ...], trait: str) -> Any:
    """What the configuration sets, the nearest section first; None when none does."""
    found = (c[section][trait] for section in sections if section in c and trait in c[section])
    return next(found, None)


def github_teams(auth_state: Mapping[str, Any]) -> set[str]:
    """A person's GitHub teams as groups, written ``organisation:team-slug``.

    A parent team is a group as well: whoever is in ``a/b`` is in ``a``. Needs
    ``populate_teams_in_auth_state`` and the scope ``read:org``; without them, none.
    """
    groups = set()
    for team in auth_state.get("teams") or ():
        organisation = team["organization"]["login"]
        chain: Mapping[str, Any] | None = team
        while chain:
            groups.add(f"{organisation}:{chain['slug']}")
            chain = chain.get("parent")
    return groups


def claim(*path: str) -> Callable[[Mapping[str, Any]], set[str]]:
    """Groups from a claim whose name holds dots, for ``auth_state_groups_key``.

    ``claim("auth0_user", "https://example.org/groups")`` walks these keys; a claim
    that is missing or is no list of texts gives no groups.
    """

    def groups(auth_state: Mapping[str, Any]) -> set[str]:
        found: Any = auth_state
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return (
            {g for g in found if isinstance(g, str)} if isinstance(found, list | tuple) else set()
        )

    return groups


def ldap_groups(_authenticator: Any, _handler: Any, model: dict[str, Any]) -> dict[str, Any]:
    """Put a person's LDAP groups into the model of a sign-in (a ``post_auth_hook``).

    They are the first CN of each DN in ``memberOf`` (``auth_state_attributes``) and in
    ``ldap_groups`` (the ones of ``allowed_groups``); a DN without CN stays whole.
    """
    state = model.get("auth_state") or {}
    attributes = state.get("user_attributes") or {}
    names = {name.lower(): values for name, values in attributes.items()}
    found = names.get("memberof") or ()
    dns = [found] if isinstance(found, str) else list(found)
    dns += state.get("ldap_groups") or ()
    return {**model, "groups": sorted({_common_name(dn) for dn in dns})}


def _common_name(dn: str) -> str:
    """The value of the first part of a DN when it is a CN, with its escapes undone."""
    found = _FIRST_CN.match(dn)
    return _unescaped(found[1].strip()) if found else dn


def _unescaped(value: str) -> str:
    """Undo the escapes of RFC 4514: a backslash and two hex digits of UTF-8, or a character."""
    raw = _ESCAPE.sub(lambda m: bytes.fromhex(m[1].decode()) if m[1] else m[2], value.encode())
    return raw.decode(errors="replace")
