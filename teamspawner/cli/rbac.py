"""The command ``teamspawner rbac``: the least rights for the features in use."""

from __future__ import annotations

import argparse

import yaml

from teamspawner.cli.names import add_namespace, subdomain
from teamspawner.cli.rights import FEATURES, USUAL, manifests
from teamspawner.cli.words import UsageError


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--features",
        default=",".join(USUAL),
        metavar="NAME,…",
        help=f"what the hub shall see: {', '.join(FEATURES)}; default: %(default)s",
    )
    add_namespace(parser)
    parser.add_argument(
        "--service-account",
        type=subdomain,
        metavar="NAME",
        default="hub",
        help="the account it runs as; default: %(default)s",
    )


def run(args: argparse.Namespace) -> int:
    """Print the manifests: 0, or 2 when a feature does not exist."""
    wanted = [name.strip() for name in args.features.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in FEATURES]
    if unknown or not wanted:
        raise UsageError(
            f"no feature named {', '.join(unknown) or 'at all'}; there are: {', '.join(FEATURES)}"
        )
    print(text(wanted, args.namespace, args.service_account), end="")
    return 0


def text(features: list[str], namespace: str, account: str) -> str:
    """The manifests as YAML, each feature introduced by what it is for."""
    parts = []
    for feature in dict.fromkeys(features):
        made = manifests([feature], namespace, account)
        documents = yaml.safe_dump_all(made, sort_keys=False, explicit_start=True)
        parts.append(f"# {feature}: {FEATURES[feature].purpose}\n{documents}")
    return "".join(parts)
