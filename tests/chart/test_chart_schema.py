"""The layers against the schema that the chart publishes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.chart.layers import (
    COMBINATIONS,
    EXAMPLES,
    LAYERS,
    OPTIONAL,
    PUBLISHED,
    complete,
    layered,
    merge,
    read,
)

SCHEMAS = [PUBLISHED / "values.schema.json"]
if "TEAMSPAWNER_Z2JH_SCHEMA" in os.environ:
    SCHEMAS.append(Path(os.environ["TEAMSPAWNER_Z2JH_SCHEMA"]))


@pytest.fixture(params=SCHEMAS, ids=["published", "named"][: len(SCHEMAS)])
def faults(request):
    validator = Draft7Validator(json.loads(request.param.read_text()))

    def found(values):
        return [f"{'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(values)]

    return found


@pytest.mark.parametrize(
    "path", [*LAYERS, *sorted(EXAMPLES.glob("*.yaml"))], ids=lambda path: path.name
)
def test_each_layer_alone_is_what_the_chart_takes(faults, path):
    assert faults(complete(read(path))) == []


@pytest.mark.parametrize(("sign_in", "way"), COMBINATIONS)
def test_each_choice_of_layers_is_what_the_chart_takes(faults, sign_in, way):
    assert faults(complete(layered(sign_in, way, "site", *OPTIONAL))) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"cull": {"maxage": 0}},
        {"teamspawner": {}},
        {"ingress": {"className": "nginx"}},
        {"hub": {"image": {"tag": 1.0}}},
    ],
    ids=["misspelt", "unknown-section", "wrong-key", "tag-as-number"],
)
def test_a_fault_is_seen(faults, wrong):
    assert faults(complete(merge(layered("20-auth-dummy", "40-ingress"), wrong)))
