"""The cluster as a command sees it, from dumps or running; shared by fit, explain and capacity."""

from __future__ import annotations

import argparse
import asyncio
import difflib
from typing import NamedTuple

from teamspawner.capacity import Rules
from teamspawner.capacity.objects import Snapshot
from teamspawner.cli.words import UsageError, add_format, tell
from teamspawner.cluster import dump as dumps

_SHOWN_FAULTS = 5
_USUAL = "1.35"
_KUBECTL = "kubectl get nodes,pods,persistentvolumeclaims,… -A -o json"


class Seen(NamedTuple):
    """A snapshot, and the scheduler whose rules it is judged by."""

    snapshot: Snapshot
    rules: Rules


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say which cluster is looked at."""
    parser.add_argument(
        "--dump",
        metavar="DUMP",
        action="append",
        default=[],
        help=f"what `{_KUBECTL}` prints; - is standard input; may be repeated;"
        " without it the current cluster is asked",
    )
    parser.add_argument(
        "--unseen",
        metavar="KIND,…",
        default="",
        help="plural names of kinds that the dump was not asked for",
    )
    parser.add_argument(
        "--kubeconfig", metavar="PATH", help="the cluster to ask, when not the current one"
    )
    add_format(parser)


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Declare the argument that says which scheduler is spoken for."""
    parser.add_argument(
        "--scheduler-version",
        metavar=_USUAL,
        help="version of the kube-scheduler; else that of the user-scheduler pod found,"
        f" else the cluster's own, or {_USUAL} with a dump",
    )
    parser.add_argument(
        "--scheduler-name",
        metavar="NAME",
        action="append",
        default=[],
        help="a further scheduler to judge for, beside default-scheduler and *-user-scheduler",
    )


def look(command: str, args: argparse.Namespace, *, refusals: bool = True) -> Seen:
    """Look at the cluster that the arguments name.

    Args:
        command: For messages, such as ``fit``.
        args: As parsed.
        refusals: Whether to tell what the API server does not let us see.

    Raises:
        UsageError: When an argument is not understood.
        DumpError: When a dump cannot be read.
        ClusterError: When the running cluster is not reachable.
    """
    if args.dump:
        return from_dumps(command, args)
    if args.unseen:
        raise UsageError("--unseen without --dump: it says what a dump was not asked for")
    return asyncio.run(_live(command, args, refusals=refusals))


async def _live(command: str, args: argparse.Namespace, *, refusals: bool) -> Seen:
    from teamspawner.cli.live import everything_seen, troubles, watching  # slow to import

    version, names = getattr(args, "scheduler_version", None), _names(args)
    given = _rules(version, names) if version else None
    async with watching(args.kubeconfig, given) as watcher:
        await everything_seen(watcher)
        rules = given or watcher.rules.judging_for(names)
        for sentence in (*troubles(watcher, refusals=refusals), *filter(None, (rules.warning,))):
            tell(command, sentence)
        return Seen(watcher.snapshot(), rules)


def _names(args: argparse.Namespace) -> tuple[str, ...]:
    return tuple(getattr(args, "scheduler_name", ()))


def from_dumps(command: str, args: argparse.Namespace) -> Seen:
    """Read the dumps that the arguments name; objects that cannot be read are told and left out.

    Raises:
        UsageError: When an argument is not understood.
        DumpError: When a dump cannot be read.
    """
    unseen = _unseen(args.unseen)
    found = dumps.gather(args.dump)
    asked = getattr(args, "scheduler_version", None)
    rules = _rules(asked or found.scheduler_version(), _names(args))
    if rules.warning:
        tell(command, rules.warning)
    snapshot = dumps.snapshot(found, rules, unseen)
    for fault in found.faults[:_SHOWN_FAULTS]:
        tell(command, f"left out {fault}")
    if len(found.faults) > _SHOWN_FAULTS:
        more = len(found.faults) - _SHOWN_FAULTS
        tell(command, f"left out {more} more objects that cannot be read")
    return Seen(snapshot, rules)


def _rules(version: str | None, names: tuple[str, ...] = ()) -> Rules:
    try:
        return Rules.for_version(version or _USUAL, names)
    except ValueError as error:
        raise UsageError(f"--scheduler-version: {error}") from error


def _unseen(text: str) -> frozenset[str]:
    allowed = sorted({*dumps.KINDS.values(), *dumps.PASSED_OVER})
    kinds = {part.strip().lower() for part in text.split(",") if part.strip()}
    for kind in sorted(kinds.difference(allowed)):
        near = difflib.get_close_matches(kind, allowed, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"--unseen: found {kind}; allowed: {', '.join(allowed)}{meant}")
    return frozenset(kinds)
