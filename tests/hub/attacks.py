"""The attack list: every way to ask for a server × every class of hostility, with its answer.

A row is one way and one hostility; rows that would differ only in a value are one.
The person is ``mallory``, whose team may have ``small`` and one GPU at a time. They want
what they may not have, or send what nobody honest sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

GPU = "gpu-nvidia-a100-sxm4-80gb"

MAP: dict[str, Any] = {
    "tiers": {
        "small": {"name": "Small", "cpu": 1, "memory": "1Gi"},
        "vast": {"name": "Vast", "cpu": 4000, "memory": "1Ti"},
        "secret": {"name": "Secret", "cpu": 2, "memory": "2Gi"},
        "gpu": {
            "name": "GPU",
            "gpu": {"counts": [1, 2, 4]},
            "per_gpu": {"cpu": 1, "memory": "1Gi"},
        },
    },
    "images": {
        "base": {"image": "quay.io/example/base:1"},
        "hidden": {"image": "quay.io/example/hidden:1"},
    },
    "teams": {
        "arts": {
            "groups": ["arts"],
            "tiers": ["small", "vast", "gpu"],
            "images": ["base"],
            "gpu": {"per_user": 1},
        },
        "physics": {"groups": ["physics"], "tiers": ["secret", "gpu"], "images": ["hidden"]},
    },
}
GROUPS = {"mallory": ["arts"], "bob": ["physics"], "root": []}


@dataclass(frozen=True)
class Hostility:
    """A class of bad request.

    Attributes:
        name: What it is, in words.
        options: User options, as the REST API takes them; texts where a form sends them.
        status: The answer when the options are judged.
        only: Names of the ways on which it can be sent; empty: on all.
        raw: A body sent as it is, instead of options.
        form: Further form fields, beside those made of the options.
    """

    name: str
    options: Any = None
    status: frozenset[int] = frozenset({403})
    only: frozenset[str] = frozenset()
    raw: bytes | None = None
    form: Mapping[str, Any] = field(default_factory=dict)


def _is(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


def _deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


REST = frozenset(
    {
        "rest",
        "rest-nested",
        "rest-named",
        "rest-named-nested",
        "rest-by-admin",
        "rest-by-admin-named",
        "rest-by-cookie",
    }
)
STORED = frozenset({"put-then-start", "patch-then-start", "patch-named-then-start", "stored"})
FORMS = frozenset(
    {"form", "form-own-path", "form-named", "form-by-admin", "form-multipart", "form-instead"}
)
LINKS = frozenset({"link", "link-prefixed", "link-named", "link-cross-site", "link-by-admin"})
NOT_FORMS = REST | STORED
TEXTS = FORMS | LINKS | NOT_FORMS

TWICE = b'{"profile": "small", "profile": "secret", "user_options": {"profile": "secret"}}'

HOSTILITIES = (
    Hostility("tier-of-another-team", {"profile": "secret"}),
    Hostility("tier-that-does-not-exist", {"profile": "retired-2019"}),
    Hostility("model-that-is-not-there", {"profile": "gpu-nvidia-h200"}),
    Hostility("bare-tier-of-a-variant", {"profile": "gpu"}),
    Hostility("team-of-others", {"profile": "small", "team": "physics"}),
    Hostility("team-that-does-not-exist", {"profile": "small", "team": "root"}),
    Hostility("count-not-offered", {"profile": GPU, "gpus": "3"}, _is(400)),
    Hostility("count-beyond-any-number", {"profile": GPU, "gpus": "9" * 400}, _is(400)),
    Hostility("count-below-zero", {"profile": GPU, "gpus": "-1"}, _is(400)),
    Hostility("count-with-spaces", {"profile": GPU, "gpus": " 1 "}, _is(400)),
    Hostility("count-in-other-digits", {"profile": GPU, "gpus": "\u0661"}, _is(400)),
    Hostility("count-beyond-the-cap", {"profile": GPU, "gpus": "2"}, _is(409, 200)),
    Hostility("image-of-another-team", {"profile": "small", "image": "hidden"}, _is(400)),
    Hostility("image-as-reference", {"profile": "small", "image": "evil.example/x:1"}, _is(400)),
    Hostility(
        "free-text-image",
        {"profile": "secret", "image--unlisted-choice": "evil.example/x:1"},
    ),
    Hostility("tier-too-large-for-any-machine", {"profile": "vast"}, _is(409)),
    Hostility("markup-as-slug", {"profile": "<script>alert(1)</script>"}),
    Hostility("markup-as-value", {"profile": "small", "image": "<img src=x onerror=y>"}, _is(400)),
    Hostility("template-as-slug", {"profile": "{{ 7*7 }}{% raw %}"}),
    Hostility("format-string-as-slug", {"profile": "{username}{0.__class__}"}),
    Hostility("percent-as-slug", {"profile": "%s%n%(x)s"}),
    Hostility("statement-as-slug", {"profile": "small'; DROP TABLE users;--"}),
    Hostility("path-as-slug", {"profile": "../../small"}),
    Hostility("upper-case-slug", {"profile": "SMALL"}),
    Hostility("slug-with-line-break", {"profile": "small\r\nX-Evil: 1"}),
    Hostility("slug-with-null-byte", {"profile": "small\x00"}),
    Hostility("look-alike-slug", {"profile": "sm\u0430ll"}),
    Hostility("half-a-letter-in-a-slug", {"profile": "small\ud800"}, only=NOT_FORMS),
    Hostility("slug-of-pure-space", {"profile": "   "}),
    Hostility("endless-slug", {"profile": "a" * 30_000}),
    Hostility(
        "overrides-beside-a-hidden-slug",
        {
            "profile": "secret",
            "cpu_limit": "64",
            "extra_resource_limits": "8",
            "kubespawner_override": "x",
        },
    ),
    Hostility("dunder-keys-beside-a-hidden-slug", {"profile": "secret", "__class__": "x"}),
    Hostility("slug-as-list", {"profile": ["small"]}, _is(400), NOT_FORMS),
    Hostility("slug-as-object", {"profile": {"slug": "small"}}, _is(400), NOT_FORMS),
    Hostility("slug-as-number", {"profile": 1}, _is(400), NOT_FORMS),
    Hostility("slug-as-truth", {"profile": True}, _is(400), NOT_FORMS),
    Hostility("count-as-number", {"profile": GPU, "gpus": 1.5}, _is(400), NOT_FORMS),
    Hostility("count-as-list", {"profile": GPU, "gpus": ["1"]}, _is(400), NOT_FORMS),
    Hostility("image-as-object", {"profile": "small", "image": {"a": "b"}}, _is(400), NOT_FORMS),
    Hostility("team-as-list", {"profile": "small", "team": ["arts"]}, _is(400), NOT_FORMS),
    Hostility("deep-nesting", {"profile": [[[[[[[[[[1]]]]]]]]]]}, _is(400), NOT_FORMS),
    Hostility("deep-keys", {"profile": "secret", "a": _deep(400)}, only=NOT_FORMS),
    Hostility("value-as-null", {"profile": GPU, "gpus": None}, _is(400), NOT_FORMS),
    Hostility(
        "option-by-form-name-in-json",
        {"profile": GPU, f"profile-option-{GPU}--gpus": "4000"},
        _is(400),
        NOT_FORMS,
    ),
    Hostility("right-to-left-slug", {"profile": "\u202esmall"}),
    Hostility("huge-options", {"profile": "small", "x": "y" * 200_000}, _is(413), REST | FORMS),
    Hostility("many-keys", {f"k{n}": "v" for n in range(20_000)}, _is(413, 400), REST | FORMS),
    Hostility("body-as-list", [1], _is(400), REST, raw=b'["small"]'),
    Hostility("body-as-text", "x", _is(400), REST, raw=b'"small"'),
    Hostility("body-as-number", 1, _is(400), REST, raw=b"7"),
    Hostility("body-as-empty-list", [], _is(400), REST, raw=b" [ ]\n"),
    Hostility("body-as-false", False, _is(400), REST, raw=b"false"),
    Hostility("body-cut-short", None, _is(400), REST, raw=b'{"profile": "small"'),
    Hostility("body-with-byte-order-mark", None, _is(400), REST, raw=b"\xef\xbb\xbf{}"),
    Hostility(
        "body-number-beyond-reading", None, _is(400), REST, raw=b'{"profile": %s}' % (b"9" * 5000)
    ),
    Hostility("body-with-a-key-twice", None, _is(403), REST, raw=TWICE),
    Hostility("body-not-json", None, _is(400), REST, raw=b"{profile: small"),
    Hostility("body-not-utf-8", None, _is(400), REST, raw=b'{"profile": "\xff\xfe"}'),
    Hostility("body-deep-beyond-reading", None, _is(400), REST, raw=b"[" * 50_000),
)


@dataclass(frozen=True)
class Way:
    """One way to ask for a server.

    Attributes:
        name: What it is, in words.
        since: First major version of JupyterHub that has it.
        pages: True when the answer is a page and not JSON.
        links: True when it is a GET: then what is scarce opens the page (200).
    """

    name: str
    since: int = 5
    pages: bool = False
    links: bool = False


WAYS = (
    Way("rest"),
    Way("rest-nested", since=6),
    Way("rest-named"),
    Way("rest-named-nested", since=6),
    Way("rest-by-admin"),
    Way("rest-by-admin-named"),
    Way("rest-by-cookie"),
    Way("put-then-start", since=6),
    Way("patch-then-start", since=6),
    Way("patch-named-then-start", since=6),
    Way("stored"),
    Way("form", pages=True),
    Way("form-own-path", pages=True),
    Way("form-named", pages=True),
    Way("form-by-admin", pages=True),
    Way("form-multipart", pages=True),
    Way("form-instead", pages=True),
    Way("link", pages=True, links=True),
    Way("link-prefixed", since=6, pages=True, links=True),
    Way("link-named", pages=True, links=True),
    Way("link-cross-site", pages=True, links=True),
    Way("link-by-admin", pages=True, links=True),
)


@dataclass(frozen=True)
class Attack:
    """One row: a way, a hostility, and the statuses that are right."""

    way: Way
    hostility: Hostility
    status: frozenset[int]

    @property
    def name(self) -> str:
        return f"{self.way.name}/{self.hostility.name}"


def attacks(major: int) -> Iterator[Attack]:
    """Every row for one major version of JupyterHub."""
    for way in WAYS:
        for hostility in HOSTILITIES:
            if way.since <= major and (not hostility.only or way.name in hostility.only):
                status = KNOWN.get((major, hostility.name), hostility.status)
                yield Attack(way, hostility, status - ({200} if not way.links else set()))


def odd_requests() -> Iterator[tuple[str, str, bytes | None, frozenset[int]]]:
    """Requests that are no start at all: a name, a path, a body, the right statuses."""
    yield "link-that-names-nothing", "/hub/spawn?foo=bar", None, _is(200)
    yield "link-with-an-empty-slug", "/hub/spawn?profile=", None, _is(200)
    yield "link-to-a-capped-choice", f"/hub/spawn?profile={GPU}&x=1", None, _is(200)
    yield "link-for-someone-else", "/hub/spawn/bob?profile=small", None, _is(403, 404)
    yield "link-for-nobody", "/hub/spawn/nobody?profile=small", None, _is(403, 404)
    yield "offers-of-someone-else", "/hub/api/teamspawner/offers?user=bob", None, _is(403, 404)
    yield "offers-of-nobody", "/hub/api/teamspawner/offers?user=nobody", None, _is(403, 404)
    yield "offers-of-no-such-server", "/hub/api/teamspawner/offers?server=zz", None, _is(404, 403)
    yield "file-with-a-null-byte", "/hub/teamspawner/static/%00", None, _is(404)
    yield "files-outside-encoded", "/hub/teamspawner/static/%2e%2e%2fform.html", None, _is(403, 404)
    # JupyterHub 5.5.0 and 6.1.1 fail over such a link themselves: no code of ours has run
    yield "link-not-utf-8", "/hub/spawn?profile=%ff%fe", None, _is(400, 500)
    yield "offers-not-utf-8", "/hub/api/teamspawner/offers?user=%ff", None, _is(400)
    yield "offers-of-a-null-byte", "/hub/api/teamspawner/offers?server=%00", None, _is(200)
    yield "form-without-token", "/hub/spawn", b"profile=small", _is(403)
    yield "form-for-someone-else", "/hub/spawn/bob", b"profile=small", _is(403, 404)
    yield "instead-without-token", "/hub/teamspawner/instead/mallory", b"profile=small", _is(403)
    yield "instead-for-someone-else", "/hub/teamspawner/instead/bob", b"", _is(403, 404)


KNOWN = {
    # JupyterHub 5 fails over the body itself, 6 reads what it can: no code of ours has run
    (5, "body-not-utf-8"): _is(500),
    (6, "body-not-utf-8"): _is(400, 403),
}


def form_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Options as a form or a link sends them, under KubeSpawner's names."""
    slug = options.get("profile", "")
    fields = {"profile": slug} if "profile" in options else {}
    return fields | {
        f"profile-option-{slug}--{name}": value
        for name, value in options.items()
        if name != "profile"
    }
