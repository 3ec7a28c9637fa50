"""The published JSON Schema takes what ``check`` takes, and refuses what it refuses."""

import copy
from functools import lru_cache

import jsonschema
import pytest
import yaml

from teamspawner.errors import MapError
from teamspawner.map import json_schema, load
from tests.core.offering import EXAMPLE

SOUND = (
    ("tiers.small.cpu", [2, 0.5, "500m", "2", " 2.5 ", "1e0", ".5", None, {"limit": 2}]),
    ("tiers.small.cpu", [{"request": 2, "limit": None}, {"request": 2}]),
    ("tiers.small.memory", ["4Gi", "4G", "4GiB", "512 M", "16777216", 4500000000.0, "1.5Ti"]),
    ("tiers.half.share", ["1/2", "25%", 0.5, 1, "1 / 3", "0.5/2"]),
    ("tiers.gpu.per_gpu", ["fair", {"cpu": 1}, {"memory": "1Gi", "cpu": None}]),
    ("tiers.gpu.gpu.models", [["*"], ["[]]x"], ["[!a]*"], ["a b"]]),
    ("tiers.large.wait", ["90s", "1h30m", None]),
    ("tiers.large.nodes", [{"tolerations": [{"operator": "Exists"}, {"key": "a.b/c"}]}]),
    ("tiers.large.nodes", [{"selector": {"example.com/pool": "", "pool": "a_b"}}]),
    ("tiers.large.was", [["old", "older"]]),
    ("images.scipy.image", ["a", "localhost:5000/a/b:1", "quay.io/a@sha256:" + "0" * 64]),
    ("teams.physics.groups", [["re:a.*"], ["uni:*"], ["["[:0] + "[a]"]]),
    ("teams.physics.limits", [{"cpu": 0, "memory": 0}, {"cpu": "10", "memory": "1Ti"}]),
    ("teams.physics.volumes.0.mount", ["/shared/", "/home/{username}", "/a.b/..c", "/usrs"]),
    ("teams.physics.volumes.0.sub_path", ["a/{username}", "x", None]),
    ("teams.physics.tiers", [[], ["small", "gpu"]]),
    ("pools", [[{"name": "a", "max_nodes": 1, "gpu": {"nvidia.com/gpu": 8}}]]),
)
WRONG = (
    ("tier", [{}]),
    ("version", ["1", 2, True]),
    ("tiers", [{}, None, [], {"Big": {"cpu": 1, "memory": "1Gi"}}]),
    ("tiers.small", [None, {"name": "x"}, {"cpu": 2, "share": "1/2"}, {"per_gpu": "fair"}]),
    ("tiers.small.cpu", ["two", "2 cores", -1, 0, "0", "Gi", True, [2], {}, {"limits": 2}, 10001]),
    ("tiers.small.cpu", [{"limit": None}, {"request": None, "limit": 2}, {"request": 0}]),
    ("tiers.small.memory", ["4gb", "4GB!", "4,5Gi", -4, 0, "80", "0Gi", " 4Gi", 2**47, True]),
    ("tiers.small.name", ["", "x" * 201, 5]),
    ("tiers.half.share", ["half", 0, 2, "0%", "1/0", True, "-1/2"]),
    ("tiers.gpu.per_gpu", ["fari", {}, {"cpu": None}, [], {"gpu": 1}]),
    ("tiers.gpu.gpu", [None, True, {"counts": [0]}, {"counts": []}, {"kinds": ["Whole"]}]),
    ("tiers.gpu.gpu.models", [[""], [" "], ["[a"], ["[!]"], ["a[]"], "*", []]),
    ("tiers.large.wait", [600, "10min", "0s", "1.5h", True]),
    ("tiers.large.nodes", [{"tolerations": [{"value": "x"}]}, {"tolerations": {"key": "a"}}]),
    ("tiers.large.nodes", [{"tolerations": [{"key": "a", "operator": "Exists", "value": "x"}]}]),
    ("tiers.large.nodes", [{"selector": {"po ol": "x"}}, {"selector": {"pool": "x y"}}]),
    ("tiers.large.was", [["Old"], "old"]),
    ("images.scipy", ["a:1", {"name": "x"}, {"image": "a", "needs": "cpu"}]),
    ("images.scipy.image", ["docker://a", "A/B", "a:b c", ":::"]),
    ("teams.physics.groups", [[], "a", [""], ["re:"], [5], ["[a"]]),
    ("teams.physics.limits", [{"cpu": "lots"}, {"memory": "1XB"}, {"servers": 1}]),
    ("teams.physics.gpu", [{"team": -1}, {"team": "8"}, {"team": True}]),
    ("teams.physics.volumes.0.mount", ["shared", "/", "/a/../b", "/etc/x", "/a//b", "/{user}"]),
    ("teams.physics.volumes.0.sub_path", ["/x", "../x", "a/", "{user}", ""]),
    ("teams.physics.volumes.0.claim", ["Team_Data", ""]),
    ("teams.physics.volumes.0.name", ["my_data", "a" * 64]),
    ("teams.physics.tiers", [["small", "small"], "small"]),
    ("teams", [{"my team": {"groups": ["a"]}}, {}]),
    ("pools", [[{"name": "a"}], {"a": {}}, [{"name": "a", "max_nodes": 1, "gpu": {"gpu": 8}}]]),
    ("pools", [[{"name": "a", "max_nodes": 1, "taints": [{"key": "a b"}]}]]),
)


@lru_cache(maxsize=1)
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def changed(place, value):
    found = copy.deepcopy(yaml.safe_load(EXAMPLE))
    part, *path = found, *place.split(".")
    for step in path[:-1]:
        part = part[int(step) if step.isdigit() else step]
    part[path[-1]] = value
    return found


def each(cases):
    return [
        pytest.param(changed(place, value), id=f"{place} {str(value)[:40]}")
        for place, values in cases
        for value in values
    ]


@pytest.mark.parametrize("found", each(SOUND))
def test_what_is_sound_is_taken_by_both(found):
    load(found)
    validator().validate(found)


@pytest.mark.parametrize("found", each(WRONG))
def test_what_a_schema_can_tell_is_refused_by_both(found):
    with pytest.raises(MapError):
        load(found)
    assert not validator().is_valid(found)
