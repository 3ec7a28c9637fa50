"""The layers of chart values, read and merged as Helm does."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
VALUES = ROOT / "chart-values"
MANIFESTS = VALUES / "manifests"
EXAMPLES = VALUES / "examples"
FRAGMENTS = ROOT / "jupyterhub_config.d"
PUBLISHED = ROOT / "tests" / "data" / "z2jh-4.4.0"

LAYERS = sorted(VALUES.glob("[0-9][0-9]-*.yaml"))
SIGN_INS = [path.stem for path in LAYERS if path.stem.startswith("20-auth-")]
WAYS = [path.stem for path in LAYERS if path.stem.startswith("40-")]
ALWAYS = [path.stem for path in LAYERS if path.stem not in {*SIGN_INS, *WAYS}]
COMBINATIONS = list(product(SIGN_INS, WAYS))
OPTIONAL = sorted({p.stem for p in EXAMPLES.glob("*.yaml")} - {"site", "secrets.example"})

PINS = {
    "hub": {
        "config": {
            "ConfigurableHTTPProxy": {"auth_token": "a" * 64},
            "JupyterHub": {"cookie_secret": "b" * 64},
            "CryptKeeper": {"keys": ["c" * 64]},
        },
        "services": {"prometheus": {"apiToken": "d" * 64}},
    }
}
"""What the chart otherwise makes anew at each rendering."""


class Strict(yaml.SafeLoader):
    """Reads YAML and takes no key twice."""

    def construct_mapping(self, node, deep=False):  # noqa: FBT002 - the signature of PyYAML
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {twice}", node.start_mark)
        return super().construct_mapping(node, deep)


SIZED = (
    "hub.resources",
    "proxy.chp.resources",
    "proxy.traefik.resources",
    "proxy.secretSync.resources",
    "scheduling.userScheduler.resources",
    "scheduling.userPlaceholder.resources",
    "prePuller.resources",
    "prePuller.hook.resources",
    "singleuser.networkTools.resources",
)
"""Where the chart takes requests and limits of a container."""


def read(path: Path) -> Any:
    """One document."""
    return yaml.load(path.read_text(), Strict)


def read_all(path: Path) -> list[Any]:
    """Every document that is not empty."""
    return [each for each in yaml.load_all(path.read_text(), Strict) if each]


def merge(below: dict, above: dict) -> dict:
    """Maps merge, everything else replaces, null takes a key out: Helm's rule."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def layered(sign_in: str, way: str, *examples: str) -> dict:
    """The values of the documented order, with one sign-in, one way in and these examples."""
    chosen = sorted([*ALWAYS, sign_in, way])
    paths = [VALUES / f"{name}.yaml" for name in chosen]
    paths += [EXAMPLES / f"{name}.yaml" for name in examples]
    values: dict = {}
    for path in paths:
        values = merge(values, read(path))
    return values


def complete(values: dict) -> dict:
    """These values over the chart's published defaults."""
    return merge(json.loads((PUBLISHED / "values.json").read_text()), values)


def each_string(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Every text with its dotted path."""
    if isinstance(value, dict):
        return [pair for key in value for pair in each_string(value[key], f"{path}.{key}")]
    if isinstance(value, list):
        return [pair for i, each in enumerate(value) for pair in each_string(each, f"{path}[{i}]")]
    return [(path, value)] if isinstance(value, str) else []
