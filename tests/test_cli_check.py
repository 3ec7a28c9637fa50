"""``teamspawner check``: what it prints and how it ends."""

import io
import json
import sys

import jsonschema
import pytest

from teamspawner.cli import main

GOOD = """
tiers: {small: {cpu: 2, memory: 4Gi}}
teams: {all: {groups: ["*"], tiers: [small]}}
"""
BAD = """
tiers: {small: {cpu: 2, memory: 4Gi}}
teams: {all: {groups: ["*"], tiers: [smal]}}
"""


@pytest.fixture
def a_file(tmp_path):
    def write(text, name="map.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_a_sound_map_ends_well(a_file, capsys):
    assert main(["check", a_file(GOOD)]) == 0
    assert capsys.readouterr().out == "0 faults, 0 warnings\n"


def test_a_fault_is_printed_with_place_found_allowed_and_fix(a_file, capsys):
    assert main(["check", a_file(BAD)]) == 1
    assert capsys.readouterr().out == (
        "fault: teams.all.tiers[0] (line 3)\n"
        "  found    'smal'\n"
        "  allowed  one of tiers: small\n"
        "  fix      did you mean small?\n"
        "1 fault, 1 warning\n"
    ).replace("1 warning", "0 warnings")


def test_json_holds_every_fault(a_file, capsys):
    assert main(["check", a_file(BAD), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "faults": [
            {
                "place": "teams.all.tiers[0] (line 3)",
                "found": "'smal'",
                "allowed": "one of tiers: small",
                "fix": "did you mean small?",
            }
        ],
        "warnings": [],
    }


def test_warnings_alone_end_well(a_file, capsys):
    text = GOOD.replace("tiers: {small", "tiers: {other: {cpu: 1, memory: 1Gi}, small")
    assert main(["check", a_file(text), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], len(answer["warnings"])) == (True, 1)


def test_the_map_may_come_from_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    assert main(["check", "-"]) == 0


def test_the_schema_needs_no_map_and_takes_a_sound_one(capsys):
    assert main(["check", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.validate({"tiers": {"a": {"cpu": 1}}, "teams": {"t": {"groups": ["g"]}}}, schema)


def test_no_map_to_read_is_a_wrong_use(tmp_path, capsys):
    assert main(["check", str(tmp_path / "none.yaml")]) == 2
    assert main(["check"]) == 2
    assert capsys.readouterr().out == ""


def test_bytes_that_are_no_text_are_a_fault(a_file, capsys):
    assert main(["check", a_file(b"\xff\xfe")]) == 1
    assert "not UTF-8" in capsys.readouterr().out


VALUES = """
hub: {HUB}
custom:
  teamspawner:
    tiers:
      small: {cpu: 2, memory: 4Gi}
      small: {cpu: x, memory: 4Gi}
    teams: {all: {groups: ["*"], tiers: [smal]}}
"""


@pytest.mark.parametrize(
    ("hub", "places"),
    [
        pytest.param(
            "{a: 1}",
            [
                "custom.teamspawner.tiers.small (line 7)",
                "tiers.small.cpu (line 7)",
                "teams.all.tiers[0] (line 8)",
            ],
            id="strict",
        ),
        pytest.param("{a: 1, a: 2}", ["tiers.small.cpu", "teams.all.tiers[0]"], id="twice"),
        pytest.param("{a: &x [*x]}", ["tiers.small.cpu", "teams.all.tiers[0]"], id="in-itself"),
    ],
)
def test_faults_of_a_map_in_chart_values_have_their_lines(a_file, capsys, hub, places):
    values = VALUES.replace("{HUB}", hub)
    assert main(["check", a_file(values, "values.yaml"), "--format", "json"]) == 1
    assert [each["place"] for each in json.loads(capsys.readouterr().out)["faults"]] == places
