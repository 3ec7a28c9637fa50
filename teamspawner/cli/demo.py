"""The command ``teamspawner demo``: a real JupyterHub with a cluster to play with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from teamspawner.cli.rights import USUAL, manifests


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    option = parser.add_argument
    option(
        "--port", type=int, metavar="N", help="port of the hub; 0 for any free one (default: 8000)"
    )
    option("--scenario", type=Path, metavar="FILE", help="a cluster and its people")
    told = "use this API server and its scheduler instead of the embedded ones"
    option("--kubeconfig", type=Path, metavar="PATH", help=told)
    told = "start stand-ins instead of JupyterLab"
    option("--stub-servers", action="store_true", help=told)
    told = "write address, users and password here, as JSON, once the hub answers"
    option("--ready-file", type=Path, metavar="FILE", help=told)
    option("--no-browser", action="store_true", help="do not open the page")


def run(args: argparse.Namespace) -> int:
    """Run the demo until it is interrupted; 1 when the hub ends by itself, 2 when used wrongly."""
    print(_beginning(args.kubeconfig), file=sys.stderr, flush=True)
    import asyncio  # this and what follows may take seconds to import

    from teamspawner.sim.demo.scenario import DEFAULT, ScenarioError, read_scenario
    from teamspawner.sim.demo.seed import ACCOUNT, NAMESPACE
    from teamspawner.sim.demo.supervisor import DemoError, Plan
    from teamspawner.sim.demo.supervisor import run as run_demo

    try:
        scenario = read_scenario(args.scenario or DEFAULT)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return 2
    if scenario.map is not None:
        _tell_faults(scenario.map)
    plan = Plan(
        scenario,
        manifests(USUAL, NAMESPACE, ACCOUNT),
        args.port,
        args.kubeconfig,
        args.stub_servers,
        args.ready_file,
        browser=not args.no_browser,
    )
    try:
        asyncio.run(run_demo(plan))
    except DemoError as error:
        print(error, file=sys.stderr)
        return error.code
    return 0


def _beginning(kubeconfig: Path | None) -> str:
    """Say what is going on until the hub answers."""
    cluster = f"the cluster of {kubeconfig}" if kubeconfig else "a cluster to play with"
    return f"Starting a JupyterHub on {cluster}; this takes some seconds. Ctrl-C ends it."


def _tell_faults(text: str) -> None:
    """Say what is wrong with the map; the demo starts all the same, and refuses everything."""
    from teamspawner.errors import MapError
    from teamspawner.map.load import load

    try:
        load(text)
    except MapError as error:
        print(f"the map is wrong, so every start is refused:\n{error}", file=sys.stderr)
