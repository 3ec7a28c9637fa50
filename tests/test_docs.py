"""What the docs promise to mention: every command, setting, verdict and link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from teamspawner.capacity.verdict import Status
from teamspawner.cli import COMMANDS, parser
from teamspawner.hub.settings import Settings
from teamspawner.map import load

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def headings(page: str) -> list[str]:
    return re.findall(r"^## (\S+)$", (ROOT / "docs" / page).read_text(), re.MULTILINE)


def test_every_command_has_a_heading():
    assert headings("commands.md") == list(dict.fromkeys(headings("commands.md")))
    assert set(headings("commands.md")) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_mentioned(command):
    page = (ROOT / "docs" / "commands.md").read_text()
    shared, *parts = page.split("\n## ")
    own = next(part for part in parts if part.split()[0] == command)
    options = re.findall(r"--[a-z-]+", help_of(command))
    assert not {each for each in options if each not in own + shared} - {"--help"}


def help_of(command: str) -> str:
    found = next(a for a in parser()._actions if isinstance(a.choices, dict))
    return found.choices[command].format_usage()


def test_every_setting_has_a_heading():
    assert set(headings("settings.md")) == set(Settings.class_own_traits(config=True))


@pytest.mark.parametrize("status", Status)
def test_every_verdict_is_explained(status):
    assert status in (ROOT / "docs" / "verdicts.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    lost = [link for link in links if not (page.parent / link).exists()]
    assert not lost


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_heading_finds_it(page):
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text())
    lost = [
        f"{name}#{anchor}"
        for name, anchor in links
        if anchor not in anchors(page.parent / name if name else page)
    ]
    assert not lost


def maps() -> list[object]:
    """Every whole map that a page shows."""
    shown = [
        (page, re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)) for page in PAGES
    ]
    return [
        pytest.param(block, id=page.name)
        for page, blocks in shown
        for block in blocks
        if block.startswith("version:")
    ]


@pytest.mark.parametrize("block", maps())
def test_every_map_that_a_page_shows_is_sound_and_warns_of_nothing(block):
    assert load(block).warnings == ()


def test_there_are_maps_to_look_at():
    assert len(maps()) >= 2
