"""The spawn page: one compiled template, every value escaped.

The result is the inner part of a form and brings its own Start button and style.
It works within JupyterHub's own ``spawn.html`` and within a hub's changed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from teamspawner.offers.model import Listing
from teamspawner.page import words
from teamspawner.page.view import page_view

HERE = Path(__file__).parent
STATIC_DIR = HERE / "static"
"""Style sheet and scripts, to be served as they are; the file names are stable."""
HUB_TEMPLATE_DIR = HERE / "templates"
"""For JupyterHub's ``template_paths``: our ``spawn.html`` and ``spawn_pending.html``, which
extend JupyterHub's own and leave other spawners' pages as they are. The form lies here too."""


def render(
    listing: Listing,
    *,
    now: datetime,
    selected: Mapping[str, str] | None = None,
    static_url: str | None = None,
    offers_url: str | None = None,
) -> str:
    """Return the inner HTML of the spawn form.

    Args:
        listing: What the person may have, with verdicts.
        now: The time of the page, aware of its zone; ages are counted to it.
        selected: An earlier or linked choice, as stored user options; None for none.
            It is checked when it can start now, and said to be gone when it cannot.
        static_url: Where ``STATIC_DIR`` is served, ending with a slash. None writes the
            style into the page and leaves out the script: the page then stands still.
        offers_url: Where fresh offers are fetched from; None leaves the page still.
    """
    seen = words.age_seconds(listing.as_of, now)
    read = words.age_seconds(listing.groups_as_of, now)
    return _template().render(
        listing=listing,
        page=page_view(listing, selected or {}),
        seen=seen,
        seen_words=None if seen is None else words.age(seen),
        groups_words=None if read is None else words.age(read),
        offers_url=offers_url if static_url else None,
        css_url=static_url and f"{static_url}page.css?v={version('page.css')}",
        js_url=static_url and offers_url and f"{static_url}page.js?v={version('page.js')}",
        css=None if static_url else Markup(_text("page.css")),  # noqa: S704  a file of ours
    )


@cache
def version(name: str) -> str:
    """A short hash of a static file, so that browsers fetch a new one after an upgrade."""
    return sha256((STATIC_DIR / name).read_bytes()).hexdigest()[:12]


@cache
def _text(name: str) -> str:
    return (STATIC_DIR / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HUB_TEMPLATE_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    return environment.get_template("form.html")
