"""Tiers whose nodes are all kept from them by a taint, with the toleration to add. Pure: no I/O.

A slice of a GPU is asked for by a name of its own (``nvidia.com/mig-…``) while its machine
often carries the taint of the whole device, so the toleration that a tier has by itself
does not help.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from teamspawner.capacity.accelerators import is_accelerator
from teamspawner.capacity.matching import untolerated
from teamspawner.capacity.objects import Node, Snapshot, Taint, Toleration
from teamspawner.cli.bychart import CHART
from teamspawner.cli.findings import FAULT, WARNING, Finding
from teamspawner.map import Map
from teamspawner.offers.pools import Pools
from teamspawner.offers.stock import Stock
from teamspawner.offers.usable import is_passing, selects
from teamspawner.offers.variants import Absent, Found, tolerations_of, variants

_MOST = 5
"""Taints that are named."""


class _Kept(NamedTuple):
    """A variant that no node takes: every taint in the way, and the fewest that open a node."""

    found: Found
    taints: frozenset[Taint]
    least: tuple[Taint, ...]


def kept_away(
    the_map: Map, snapshot: Snapshot, tolerated: tuple[Toleration, ...] = CHART
) -> Iterator[Finding]:
    """Tiers, or their models, for which every node has a taint that they do not tolerate.

    A deliberate reservation looks the same, so a model that other work holds is a
    warning while the tier has others, unless the taint is one of devices.

    Args:
        the_map: A sound map.
        snapshot: The cluster, whose nodes were seen.
        tolerated: What every server tolerates, by the chart's values.
    """
    stock = Stock(the_map)
    fleets = stock.fleets(snapshot)
    pools = Pools(the_map.pools)
    pools.follow(snapshot.nodes, snapshot.nodes)
    coming = (each.state.node for each in pools.machines() if each.left)
    nodes = {node.name: node for node in coming}
    nodes |= {name: state.node for name, state in snapshot.nodes.items()}
    made = [each for each in variants(the_map, fleets) if not isinstance(each, Absent)]
    kept = [each for found in made if (each := _kept(found, nodes, tolerated))]
    for tier in dict.fromkeys(each.found.variant.tier for each in kept):
        of_tier = [each for each in kept if each.found.variant.tier == tier]
        whole = len(of_tier) == sum(found.variant.tier == tier for found in made)
        for least in dict.fromkeys(each.least for each in of_tier):
            yield _told(tier, [each for each in of_tier if each.least == least], whole=whole)


def _kept(
    found: Found, nodes: Mapping[str, Node], tolerated: tuple[Toleration, ...]
) -> _Kept | None:
    """None when a node lets the variant in, or there is no node for it at all."""
    allowed = (*tolerations_of(found), *tolerated)
    names = found.fleet.members if found.fleet else nodes
    selector = found.tier.nodes.selector
    missing = [
        _missing(nodes[name].taints, allowed)
        for name in names
        if name in nodes and selects(selector, nodes[name])
    ]
    if not missing or not all(missing):
        return None
    least = min(missing, key=lambda taints: (len(taints), list(map(_text, taints))))
    return _Kept(found, frozenset(taint for each in missing for taint in each), least)


def _missing(taints: Iterable[Taint], allowed: tuple[Toleration, ...]) -> tuple[Taint, ...]:
    """Taints in the way, but for those of a state that passes."""
    lasting = (taint for taint in taints if not is_passing(taint))
    return tuple(taint for taint in lasting if untolerated((taint,), allowed))


def _told(tier: str, kept: list[_Kept], *, whole: bool) -> Finding:
    about, least = f"tiers.{tier}", kept[0].least
    models = ", ".join(each.found.variant.model for each in kept if each.found.variant.model)
    taints = sorted({_text(taint) for each in kept for taint in each.taints})
    more = f" and {len(taints) - _MOST} more" if len(taints) > _MOST else ""
    found = (
        f"every node for {models or 'it'} has a taint that the tier does not tolerate:"
        f" {', '.join(taints[:_MOST])}{more}"
    )
    lines = ", ".join(map(_toleration, least))
    cure = f"add to {about}: nodes: {{tolerations: [{lines}]}}"
    devices = all(is_accelerator(taint.key) for taint in least)
    return Finding(FAULT if whole or devices else WARNING, about, found, cure)


def _text(taint: Taint) -> str:
    value = f"={taint.value}" if taint.value else ""
    return f"{taint.key}{value}:{taint.effect}"


def _toleration(taint: Taint) -> str:
    """As YAML; for devices whatever the value, which differs between clouds."""
    any_value = is_accelerator(taint.key) or not taint.value
    value = "operator: Exists" if any_value else f'value: "{taint.value}"'
    return f"{{key: {taint.key}, {value}, effect: {taint.effect}}}"
