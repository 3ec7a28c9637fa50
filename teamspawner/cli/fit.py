"""The command ``teamspawner fit``: would the scheduler place these pods?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from teamspawner.capacity import Rules, Status, Verdict, judge
from teamspawner.capacity.filters import is_extended
from teamspawner.capacity.objects import Candidate, Snapshot
from teamspawner.cli import seen
from teamspawner.cli.bounded import bounded
from teamspawner.cli.mapfile import read_source
from teamspawner.cli.refused import refusals
from teamspawner.cli.words import UsageError, instant, tell
from teamspawner.cluster.decode import ObjectError, candidate
from teamspawner.cluster.dump import utf8
from teamspawner.offers.asked import Asked, members_with
from teamspawner.offers.sentences import sentence

COMMAND = "fit"
_NAMED = 8
_YES = frozenset({Status.FITS_NOW, Status.FITS_BY_PREEMPTION})


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "-f",
        "--filename",
        metavar="PODS",
        action="append",
        required=True,
        help="a Pod, a List of them, or YAML documents; - is standard input; may be repeated",
    )
    seen.add(parser)
    seen.add_rules(parser)


def run(args: argparse.Namespace) -> int:
    """Judge every pod alone, against the same snapshot."""
    manifests = _all_manifests(args.filename, args.dump)
    snapshot, rules = seen.look(COMMAND, args)
    pods = [_candidate(where, manifest, rules) for where, manifest in manifests]
    for pod, (_, manifest) in zip(pods, manifests, strict=True):
        for fault in refusals(manifest):
            tell(COMMAND, f"the API server would refuse {_name(pod)}: {fault}")
    results = [(pod, judge(pod, snapshot, rules)) for pod in pods]
    print(_json(results, snapshot) if args.format == "json" else _text(results, snapshot))
    return 0 if all(verdict.status in _YES for _, verdict in results) else 1


def _all_manifests(paths: list[str], dumped: list[str]) -> list[tuple[str, Mapping[str, Any]]]:
    if [*paths, *dumped].count("-") > 1:
        raise UsageError("- is standard input, which -f or --dump can read once; found twice")
    return [found for path in paths for found in _manifests(path)]


def _manifests(path: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Return every pod of a file, with its place for messages.

    Raises:
        UsageError: When the file cannot be read, or holds something else than pods.
    """
    place, raw = "standard input" if path == "-" else path, read_source(path)
    try:
        documents = _parse(utf8(raw).decode())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{place} is neither YAML nor JSON: {error}") from error
    found = list(_pods(place, documents))
    if not found:
        raise UsageError(f"{place}: found no pod; allowed: a Pod, a List of them, YAML documents")
    return found


def _parse(text: str) -> list[Any]:
    """Parse JSON, which is the quicker, else YAML documents; empty ones are left out."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        documents = yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return [bounded(document) for document in documents if document is not None]


def _pods(place: str, documents: Iterable[Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for number, document in enumerate(documents):
        where = f"{place}: document {number}"
        yield from _pods_in(where, document, "")


def _pods_in(where: str, found: Any, usual: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """The pods of one object; ``usual`` is the kind of an item that names none."""
    kind = found.get("kind") or usual if isinstance(found, Mapping) else ""
    items = found.get("items") or [] if kind in {"List", "PodList"} else None
    if isinstance(items, list):
        for index, item in enumerate(items):
            yield from _pods_in(f"{where}: items[{index}]", item, kind.removesuffix("List"))
    elif kind == "Pod":
        yield where, found
    else:
        raise UsageError(f"{where}: found {_word(found, kind)}; allowed: a Pod, or a List of Pods")


def _word(found: Any, kind: Any) -> str:
    if isinstance(found, Mapping):
        return f"kind {kind}" if kind else "no kind"
    names = {type(None): "nothing", list: "a list", str: "text"}
    return names.get(type(found), "a number" if isinstance(found, int | float) else "no object")


def _candidate(where: str, manifest: Mapping[str, Any], rules: Rules) -> Candidate:
    try:
        return candidate(manifest, rules)
    except ObjectError as error:
        raise UsageError(f"{where}: {error}") from error


def _json(results: Iterable[tuple[Candidate, Verdict]], snapshot: Snapshot) -> str:
    return json.dumps(
        {
            "as_of": instant(snapshot.as_of),
            "results": [
                {
                    "pod": _name(pod),
                    "verdict": str(verdict.status),
                    "nodes": list(verdict.nodes),
                    "rejected": {
                        node: [reason.message for reason in reasons]
                        for node, reasons in sorted(verdict.rejected.items())
                    },
                    "preempt": list(verdict.preempt),
                    "sentence": _sentence(pod, verdict, snapshot),
                }
                for pod, verdict in results
            ],
        },
        indent=2,
    )


def _name(pod: Candidate) -> str:
    return f"{pod.pod.namespace}/{pod.name}"


def _text(results: Iterable[tuple[Candidate, Verdict]], snapshot: Snapshot) -> str:
    return "\n".join(line for pod, verdict in results for line in _lines(pod, verdict, snapshot))


def _lines(pod: Candidate, verdict: Verdict, snapshot: Snapshot) -> Iterable[str]:
    yield f"{_name(pod)}: {verdict.status}: {_sentence(pod, verdict, snapshot)}"
    for reason in verdict.reasons:
        yield f"  {reason.message}"
    for title, nodes in (("takes it", verdict.nodes), ("by preemption", verdict.preempt)):
        if nodes:
            yield f"  {title}: {_listed(nodes)}"
    alike: dict[str, list[str]] = {}
    for node, reasons in sorted(verdict.rejected.items()):
        told = (f"{r.message} ({r.detail})" if r.detail else r.message for r in reasons)
        alike.setdefault("; ".join(told), []).append(node)
    for why, rejected in alike.items():
        yield f"  not on {_listed(rejected)}: {why}"


def _listed(nodes: Sequence[str]) -> str:
    """Name a few nodes; the JSON names them all."""
    more = len(nodes) - _NAMED
    return ", ".join(nodes[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _sentence(pod: Candidate, verdict: Verdict, snapshot: Snapshot) -> str:
    """Say a verdict in one plain sentence; the first extended resource is what is asked for."""
    requests = pod.pod.spec.requests
    device = next((name for name in sorted(requests) if is_extended(name) and requests[name]), "")
    asked = Asked(
        requests=requests,
        device=device,
        count=requests.get(device, 0),
        name=device,
        members=members_with(device, snapshot),
    )
    return sentence(verdict, asked, snapshot)
