"""The command ``teamspawner check``: every fault of the map at once."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from teamspawner.cli.mapfile import with_values
from teamspawner.cli.words import UsageError, add_format, counted
from teamspawner.errors import Fault, MapError
from teamspawner.map import json_schema, load


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "map", nargs="?", metavar="MAP", help="the map, or values with one; - is stdin"
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of the map")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Check the map: 0 sound (warnings or not), 1 faults found, 2 no map to read."""
    if args.schema:
        print(json.dumps(json_schema(), indent=2))
        return 0
    if args.map is None:
        raise UsageError("name the file with the map, or - for stdin")
    source = with_values(args.map).map
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    try:
        warnings = load(source).warnings
    except MapError as error:
        faults = error.faults
    _print_json(faults, warnings) if args.format == "json" else _print_text(faults, warnings)
    return 1 if faults else 0


def _print_json(faults: tuple[Fault, ...], warnings: tuple[Fault, ...]) -> None:
    answer = {
        "ok": not faults,
        "faults": [asdict(fault) for fault in faults],
        "warnings": [asdict(warning) for warning in warnings],
    }
    print(json.dumps(answer, indent=2))


def _print_text(faults: tuple[Fault, ...], warnings: tuple[Fault, ...]) -> None:
    for kind, found in (("fault", faults), ("warning", warnings)):
        for entry in found:
            print(f"{kind}: {entry.place}")
            print(f"  found    {entry.found}")
            print(f"  allowed  {entry.allowed}")
            if entry.fix:
                print(f"  fix      {entry.fix}")
    print(f"{counted(len(faults), 'fault')}, {counted(len(warnings), 'warning')}")
