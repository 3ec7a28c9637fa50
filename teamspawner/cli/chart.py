"""The command ``teamspawner chart``."""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""


def run(args: argparse.Namespace) -> int:
    """Run it; not built yet."""
    raise NotImplementedError
