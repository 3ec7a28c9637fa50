"""The spawn page: one compiled template, every value escaped.

The result is the inner part of a form and brings its own Start button and style.
It works within JupyterHub's own ``spawn.html`` and within a hub's changed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache
from hashlib import sha256
from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

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
    form = template().render(
        listing=listing,
        page=page_view(listing, selected or {}),
        seen_seconds="" if seen is None else f"{seen:.1f}",
        seen_words="cluster not seen yet"
        if seen is None
        else f"cluster seen {words.age(seen)} ago",
        offers_url=static_url and offers_url,
    )
    if not static_url:
        return f"<style>{_text('page.css')}</style>\n{form}"
    sheet = _escaped(f"{static_url}page.css?v={version('page.css')}")
    script = _escaped(f"{static_url}page.js?v={version('page.js')}")
    live = f'<script src="{script}" defer></script>' if offers_url else ""
    return f'<link rel="stylesheet" href="{sheet}">\n{form}\n{live}'


@cache
def version(name: str) -> str:
    """A short hash of a static file, so that browsers fetch a new one after an upgrade."""
    return sha256((STATIC_DIR / name).read_bytes()).hexdigest()[:12]


@cache
def _text(name: str) -> str:
    return (STATIC_DIR / name).read_text(encoding="utf-8")


@lru_cache(maxsize=4096)
def _escaped(value: str | int) -> str:
    """Escape one value for text and quoted attributes.

    The same words and ids come again on every page, so a look-up mostly does. No
    value counts as safe already: a text and a marked text would be equal as keys.
    """
    return escape(str(value), quote=True)


@cache
def template() -> Template:
    """The template of the form; compiling it takes a while, the first time it is asked for."""
    environment = Environment(  # noqa: S701 - finalize escapes every value, at a tenth of the cost
        loader=FileSystemLoader(HUB_TEMPLATE_DIR),
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    return environment.get_template("form.html")
