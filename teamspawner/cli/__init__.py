"""The commands: check, fit, explain, capacity, doctor, demo, chart, rbac.

Each command is a module of this package with two functions, found by name:
``add(parser)`` declares its arguments, ``run(args)`` does it and returns the
exit code (0 fine, 1 the answer is no, 2 used wrongly, 3 cluster not reachable).
What it raises, ``main`` turns into words and codes.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import teamspawner
from teamspawner.cli.words import UsageError, tell
from teamspawner.cluster.dump import DumpError
from teamspawner.errors import ClusterError

COMMANDS = {
    "check": "check the map: all faults, each with place, what is allowed and the nearest fix",
    "fit": "would the scheduler place these pods?",
    "explain": "what a person would see, and why each other thing is hidden",
    "capacity": "what the cluster has, and what is free",
    "doctor": "permissions, labels, drivers and settings that cannot work, each with its cure",
    "demo": "a real JupyterHub with a cluster to play with",
    "chart": "the chart values that follow from the map",
    "rbac": "the least rights the hub needs for the features in use",
}

_INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """Build the parser of all commands; used by the docs test too."""
    top = argparse.ArgumentParser(
        prog="teamspawner", description=teamspawner.__doc__.splitlines()[0]
    )
    top.add_argument("--version", action="version", version=teamspawner.__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        module = import_module(f"teamspawner.cli.{name}")
        sub = commands.add_parser(name, help=summary, description=summary)
        module.add(sub)
        sub.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    A reader that has seen enough (``| head``) ends it with 0, Ctrl-C with 130, output
    that cannot be written with 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a sign that a terminal lacks is no end
            stream.reconfigure(errors="backslashreplace")
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (UsageError, DumpError) as error:
        tell(arguments.command, str(error))
        return 2
    except ClusterError as error:
        tell(arguments.command, str(error))
        return 3
    except BrokenPipeError:  # the reader has seen enough
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        _drop_output()
        tell(arguments.command, str(error.strerror or error))
        return 2
    return code


def _drop_output() -> None:
    """Send what is left to nowhere, so that the interpreter does not fail on it at its end."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
