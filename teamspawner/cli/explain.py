"""The command ``teamspawner explain``: what a person would see, and why the rest is hidden."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import Any

from teamspawner import units
from teamspawner.capacity import judge, place
from teamspawner.capacity.objects import Resources, Snapshot
from teamspawner.capacity.verdict import Status
from teamspawner.cli import seen
from teamspawner.cli.bychart import as_chart, fault_of, tolerated_by, unjudged
from teamspawner.cli.mapfile import with_values
from teamspawner.cli.tainted import kept_away
from teamspawner.cli.words import UsageError, instant, tell
from teamspawner.errors import MapError
from teamspawner.map import Map, load
from teamspawner.offers.amounts import accelerators_in, requests_json
from teamspawner.offers.choices import plain_pod
from teamspawner.offers.desk import Desk
from teamspawner.offers.model import Listing, Offer, Person
from teamspawner.offers.scene import Scene

COMMAND = "explain"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--map", metavar="MAP", required=True, help="the map, or values with one; - is stdin"
    )
    parser.add_argument("--user", metavar="U", required=True, help="the person's name on the hub")
    parser.add_argument(
        "--groups", metavar="A,B", default="", help="the person's groups, separated by commas"
    )
    parser.add_argument(
        "--namespace",
        metavar="NS",
        help="where servers run; else the namespace of a team's claims, else default",
    )
    seen.add(parser)
    seen.add_rules(parser)


def run(args: argparse.Namespace) -> int:
    """Explain: 0 done, 1 the map has faults, 2 used wrongly, 3 the cluster is not reachable."""
    if args.map == "-" and "-" in args.dump:
        raise UsageError("--map and --dump both read standard input; allowed: one of them")
    try:
        given = with_values(args.map)
        parsed = load(given.map).map
        cluster = seen.look(COMMAND, args)
    except MapError as error:
        tell(COMMAND, f"the map cannot be used:\n{error}")
        return 1
    groups = tuple(dict.fromkeys(filter(None, map(str.strip, args.groups.split(",")))))
    fault = fault_of(given.values)
    if fault:
        tell(COMMAND, f"the values place servers in a way that cannot be read: {fault}")
    if left := unjudged(given.values):
        tell(COMMAND, f"not judged, only the hub's own page can: {', '.join(left)}")
    person = Person(args.user, groups)
    listing = listed(parsed, person, cluster, args.namespace, given.values)
    print(_json(listing) if args.format == "json" else _text(listing))
    never = {f"tiers.{o.tier}" for o in listing.offers if o.verdict.status is Status.NEVER}
    kept = kept_away(parsed, cluster.snapshot, tolerated_by(given.values)) if never else ()
    for each in kept:
        if each.about in never:
            tell(COMMAND, f"{each.about}: {each.found}; {each.cure}")
    return 0


def listed(
    parsed: Map,
    person: Person,
    cluster: seen.Seen,
    namespace: str | None,
    values: Mapping[str, Any] | None = None,
) -> Listing:
    """What one person would be shown, with pods as the chart's hub makes them by these values."""
    snapshot, rules = cluster
    where = namespace or _namespace(parsed, snapshot)
    dumped = snapshot.as_of is None
    unseen = "persistentvolumeclaims" in snapshot.unseen
    claims = bool(snapshot.storage.claims) or unseen or not dumped
    if not claims and any(team.volumes for team in parsed.teams.values()):
        tell(COMMAND, "the dump has no claims at all; team volumes are not looked at")
    scene = Scene(
        snapshot=snapshot,
        verdict=lambda candidate, now: judge(candidate, now, rules),
        pod_for=lambda choice: as_chart(
            plain_pod(choice, where, claims=claims), choice, values or {}, rules
        ),
        place=lambda before, pods: place(before, pods, rules),
    )
    return Desk(parsed).listing(person, scene)


def _namespace(parsed: Map, snapshot: Snapshot) -> str:
    """The one namespace that has the teams' claims; ``default`` when there is no such one."""
    wanted = {volume.claim for team in parsed.teams.values() for volume in team.volumes}
    having = {namespace for namespace, name in snapshot.storage.claims if name in wanted}
    return having.pop() if len(having) == 1 else "default"


def _json(listing: Listing) -> str:
    answer = {
        "as_of": instant(listing.as_of),
        "user": listing.person.name,
        "groups": list(listing.person.groups),
        "teams": list(listing.teams),
        "notice": listing.notice,
        "offers": [_offer(offer) for offer in listing.offers],
        "hidden": [{"slug": each.slug, "why": each.why} for each in listing.hidden],
    }
    return json.dumps(answer, indent=2)


def _offer(offer: Offer) -> dict[str, Any]:
    nearest = offer.alternative
    return {
        "slug": offer.slug,
        "tier": offer.tier,
        "title": offer.title,
        "model": offer.model,
        "kind": str(offer.kind),
        "options": dict(offer.options),
        "team": offer.team,
        "verdict": str(offer.verdict.status),
        "startable": offer.startable,
        "count": offer.count,
        "nodes": offer.nodes,
        "requests": requests_json(offer.requests),
        "badge": offer.badge,
        "sentence": offer.sentence,
        "alternative": {"slug": nearest.slug, "options": dict(nearest.options)}
        if nearest
        else None,
    }


def _text(listing: Listing) -> str:
    groups = ", ".join(listing.person.groups) or "none"
    teams = ", ".join(listing.teams) or "none"
    lines = [f"{listing.person.name}: groups {groups}; teams {teams}"]
    if listing.notice:
        lines.append(listing.notice)
    if listing.offers:
        lines += ["", *_table(listing.offers)]
    if listing.hidden:
        lines += ["", "hidden"]
        lines += [f"  {each.slug}: {each.why}" for each in listing.hidden]
    return "\n".join(lines)


def _table(offers: Iterable[Offer]) -> Iterable[str]:
    rows = [("OFFER", "TEAM", "SIZE", "VERDICT", "FITS"), *(_row(offer) for offer in offers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    told = ["", *(_told(offer) for offer in offers)]
    for row, more in zip(rows, told, strict=True):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if more:
            yield f"    {more}"


def _row(offer: Offer) -> tuple[str, str, str, str, str]:
    count = "?" if offer.count is None else str(offer.count)
    name = _named(offer.slug, offer.options)
    return name, offer.team or "", size(offer.requests), str(offer.verdict.status), count


def _told(offer: Offer) -> str:
    if offer.alternative is None:
        return offer.sentence
    nearest = _named(offer.alternative.slug, offer.alternative.options)
    return f"{offer.sentence} Nearest that fits: {nearest}"


def _named(slug: str, options: Mapping[str, str]) -> str:
    return slug + "".join(f" {key}={value}" for key, value in options.items())


def size(requests: Resources) -> str:
    """Print requests for people: ``7 CPU · 55 GiB · 1 nvidia.com/gpu``."""
    parts = [f"{units.cores(requests['cpu'])} CPU"] if requests.get("cpu") else []
    parts += [units.gib(requests["memory"])] if requests.get("memory") else []
    parts += [f"{amount} {name}" for name, amount in accelerators_in(requests).items()]
    return " · ".join(parts) or "nothing set aside"
