"""The command ``teamspawner doctor``: what cannot work, each with its cure."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path

from teamspawner.cli import chartvalues, seen, tainted
from teamspawner.cli.bychart import CHART, tolerated_by
from teamspawner.cli.findings import (
    FAULT,
    WARNING,
    Finding,
    Level,
    merged,
    of_cluster,
    of_groups,
    of_map,
)
from teamspawner.cli.mapfile import Given, with_values
from teamspawner.cli.names import label, subdomain
from teamspawner.cli.words import UsageError, counted
from teamspawner.errors import ClusterError, Fault, MapError
from teamspawner.map import Loaded, load

COMMAND = "doctor"
OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    seen.add(parser)
    seen.add_rules(parser)
    parser.add_argument("--map", metavar="MAP", help="the map, or values with one; - is stdin")
    parser.add_argument(
        "--groups", metavar="A,B", help="all groups that the hub knows, to find teams of nobody"
    )
    parser.add_argument(
        "--namespace",
        type=label,
        metavar="NS",
        help="where the hub runs; default: here, else jupyterhub",
    )
    parser.add_argument(
        "--service-account",
        type=subdomain,
        metavar="NAME",
        help="ask about this account instead of one's own",
    )


def run(args: argparse.Namespace) -> int:
    """Examine: 0 no fault (warnings or not), 1 faults, 2 used wrongly, 3 not reachable."""
    if args.map == "-" and "-" in args.dump:
        raise UsageError("--map and --dump both read standard input; allowed: one of them")
    found = merged(_examine(args))
    _print_json(found) if args.format == "json" else _print_text(found)
    return 1 if any(finding.level == FAULT for finding in found) else 0


def _examine(args: argparse.Namespace) -> Iterator[Finding]:
    """Everything there is to find, in no order."""
    namespace = args.namespace or _own_namespace()
    loaded, tolerated = None, CHART
    if args.map:
        given = with_values(args.map)
        loaded, faults = _map(given)
        tolerated = tolerated_by(given.values)
        yield from (_of_fault(fault, FAULT) for fault in faults)
        yield from (_of_fault(each, WARNING) for each in loaded.warnings) if loaded else ()
        yield from chartvalues.of_values(given.values, loaded and loaded.map)
    if loaded and args.groups is not None:
        groups = [each.strip() for each in args.groups.split(",") if each.strip()]
        yield from of_groups(loaded.map, groups)
    look = seen.look(COMMAND, args, refusals=False)
    if not args.dump:
        yield from _rights(args, namespace)
    if look.rules.warning:
        cure = "name the nearest one: TeamSpawner.scheduler_version"
        yield Finding(WARNING, "scheduler", look.rules.warning, cure)
    yield from of_cluster(look.snapshot, namespace)
    if loaded:
        yield from of_map(loaded.map, look.snapshot, namespace)
        yield from tainted.kept_away(loaded.map, look.snapshot, tolerated)


def _rights(args: argparse.Namespace, namespace: str) -> Iterator[Finding]:
    """What the hub's account may not do; what it cannot see follows from that."""
    from teamspawner.cli import permissions  # slow to import

    try:
        missing = asyncio.run(permissions.ask(args.kubeconfig, namespace, args.service_account))
    except ClusterError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        yield permissions.not_asked(error)
        return
    yield from permissions.told(missing, namespace, args.service_account)


def _own_namespace() -> str:
    """The namespace of the pod that this runs in; the chart's usual one elsewhere."""
    try:
        return OWN_NAMESPACE.read_text().strip()
    except OSError:
        return os.environ.get("POD_NAMESPACE") or "jupyterhub"


def _map(given: Given) -> tuple[Loaded | None, tuple[Fault, ...]]:
    try:
        return load(given.map), ()
    except MapError as error:
        return None, error.faults


def _of_fault(fault: Fault, level: Level) -> Finding:
    found = f"{fault.found}; allowed: {fault.allowed}"
    return Finding(level, f"map: {fault.place}", found, fault.fix or "teamspawner check tells more")


def _print_json(found: list[Finding]) -> None:
    ok = not any(finding.level == FAULT for finding in found)
    print(json.dumps({"ok": ok, "findings": [asdict(f) for f in found]}, indent=2))


def _print_text(found: list[Finding]) -> None:
    for finding in found:
        print(f"{finding.level}: {finding.about}")
        print(f"  found  {finding.found}")
        print(f"  cure   {finding.cure}")
    faults = sum(finding.level == FAULT for finding in found)
    print(f"{counted(faults, 'fault')}, {counted(len(found) - faults, 'warning')}")
