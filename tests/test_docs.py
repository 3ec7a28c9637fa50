"""What the docs promise to mention: every command, setting, verdict and link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from teamspawner.capacity.verdict import Status
from teamspawner.cli import COMMANDS
from teamspawner.hub.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def headings(page: str) -> list[str]:
    return re.findall(r"^## (\S+)$", (ROOT / "docs" / page).read_text(), re.MULTILINE)


def test_every_command_has_a_heading():
    assert headings("commands.md") == list(dict.fromkeys(headings("commands.md")))
    assert set(headings("commands.md")) == set(COMMANDS)


def test_every_setting_has_a_heading():
    assert set(headings("settings.md")) == set(Settings.class_own_traits(config=True))


@pytest.mark.parametrize("status", Status)
def test_every_verdict_is_explained(status):
    assert status in (ROOT / "docs" / "verdicts.md").read_text()
    assert f"`{status}`" in (ROOT / "docs" / "glossary.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    lost = [link for link in links if not (page.parent / link).exists()]
    assert not lost
