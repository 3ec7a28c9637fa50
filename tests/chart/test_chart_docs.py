"""The docs of the chart: what they name is there, and what they say to type works."""

from __future__ import annotations

import re

import pytest

from teamspawner.cli import parser
from tests.chart.layers import LAYERS, ROOT, SIGN_INS, WAYS

TABLE = (ROOT / "docs/guide-table.md").read_text()
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
PAGES = ["install", "sign-in", "monitoring", "storage", "culling", "quotas", "images", "trouble"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_each_row_names_files_that_are_there_and_a_test_that_is_there(row):
    _, _, files, wrong, test, _ = (cell.strip() for cell in row.split("|"))
    assert wrong
    [[path, name]] = re.findall(r"`(tests/\S+\.py)::(\w+)`", test)
    assert f"def {name}(" in (ROOT / path).read_text()
    for named in re.findall(r"`([\w./*-]+\.\w+|[\w./*-]+/\w+)`", files):
        places = [ROOT, ROOT / "chart-values", ROOT / "chart-values/manifests"]
        assert any(list(place.glob(named)) for place in places), named


def test_the_documented_install_is_the_layers_in_order_at_one_chart_version():
    text = (ROOT / "docs/install.md").read_text()
    named = re.findall(r"--values chart-values/(\S+)\.yaml", text)
    chosen = {"20-auth-github", "40-ingress"}
    others = {*SIGN_INS, *WAYS} - chosen
    assert named == [path.stem for path in LAYERS if path.stem not in others]
    pin = re.search(
        r"^ARG Z2JH_VERSION=(\S+)", (ROOT / "images/hub/Dockerfile").read_text(), re.MULTILINE
    )
    assert set(re.findall(r"--version (\S+)", text)) == {pin[1]}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_link_that_a_page_names_is_there(page):
    text = (ROOT / f"docs/{page}.md").read_text()
    links = re.findall(r"\]\(([\w./-]+\.md)\)", text)
    named = re.findall(r"`((?:chart-values|images|manifests|examples)/[\w./*-]+)`", text)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    places = [ROOT, ROOT / "chart-values"]
    assert [n for n in named if not any(list(place.glob(n)) for place in places)] == []


SPOKEN = [*(f"docs/{page}.md" for page in PAGES), "README.md", "chart-values/README.md"]


@pytest.mark.parametrize("page", SPOKEN)
def test_every_command_of_ours_that_a_page_says_to_type_is_understood(page):
    text = (ROOT / page).read_text()
    lines = re.findall(
        r"(?:^|[`-] )teamspawner ((?:check|chart|rbac|doctor|explain)[^`\n|>&]*)",
        text,
        re.MULTILINE,
    )
    for line in lines:
        words = line.split()
        if words == ["chart"]:
            continue
        assert parser().parse_args(words)


TROUBLE = (ROOT / "docs/trouble.md").read_text()
SAID = re.findall(r"^\| ([A-Z][^|]+?) \|", TROUBLE, re.MULTILINE)
SOURCES = "".join(path.read_text() for path in (ROOT / "teamspawner").rglob("*.py"))


@pytest.mark.parametrize("sentence", SAID)
def test_each_sentence_that_the_page_is_said_to_say_is_one_that_it_says(sentence):
    assert sentence.removesuffix(" …") in SOURCES


def test_there_are_sentences_to_look_at():
    assert len(SAID) > 10
