"""How the commands spell what several of them say."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from teamspawner.errors import TeamSpawnerError


class UsageError(TeamSpawnerError, ValueError):
    """The command was used wrongly; the message says where, what was found, what is allowed."""


def tell(command: str, message: str) -> None:
    """Write a message to standard error; standard output is for the answer alone."""
    sys.stderr.write(f"teamspawner {command}: {message}\n")


def add_format(parser: argparse.ArgumentParser) -> None:
    """Declare the argument that says how the answer is written."""
    told = "how the answer is written: for people or for programs; default: %(default)s"
    parser.add_argument("--format", choices=("text", "json"), default="text", help=told)


def counted(number: int, word: str) -> str:
    """A number with its noun: ``1 node``, ``2 nodes``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def instant(moment: datetime | None) -> str | None:
    """A time in UTC as RFC 3339 writes it; None, for a dump, stays None."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None
