"""Name, label and set every Prometheus metric of ours.

They live on the default registry and so appear on ``/hub/metrics``, under
JupyterHub's own prefix; no port is opened here. Labels take only keys of the map
and labels of nodes, never what a person typed; those of tiers and models that were not
wanted for long are taken away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyterhub.metrics import metrics_prefix
from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from teamspawner.offers.model import Offer

if TYPE_CHECKING:
    from teamspawner.map.schema import Map

SUBSYSTEM = "teamspawner"
Sample = tuple[tuple[str, ...], float]
WANTED = ("tier", "model", "team")
_Wanted = tuple[str, str, str]
_Series = tuple[Counter, tuple[str, ...]]
UNWANTED_S = 86_400.0
"""How long the series of a tier, model and team stay that nobody has wanted."""
MOST = 4096
"""How many tiers, models and teams have series, about 10 kB each."""
LACKING = ("busy", "cap", "quota", "never", "unknown")
"""Reasons that mean "wanted and got none"; their series exist from the first page on."""

OFFERS = Counter(
    "offers",
    "Offers shown to people, by verdict; one for each variant, count and team on each page.",
    [*WANTED, "verdict"],
    namespace=metrics_prefix,
    subsystem=SUBSYSTEM,
)
STARTS = Counter(
    "starts",
    "Starts that the gate let pass.",
    WANTED,
    namespace=metrics_prefix,
    subsystem=SUBSYSTEM,
)
REFUSALS = Counter(
    "refusals",
    "Starts refused by the gate; tier, model and team are empty where the request named none "
    "that this person may have.",
    ["reason", *WANTED],
    namespace=metrics_prefix,
    subsystem=SUBSYSTEM,
)
VERDICTS = Counter(
    "verdicts",
    "Verdicts foretold at a start, compared with what the scheduler then did.",
    ["verdict", "agreed", "cause"],
    namespace=metrics_prefix,
    subsystem=SUBSYSTEM,
)
PAGE_SECONDS = Histogram(
    "page_seconds",
    "Time to judge and render one spawn page.",
    namespace=metrics_prefix,
    subsystem=SUBSYSTEM,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the watch knows at the moment of a scrape.

    Attributes:
        as_of: Time of the last event or bookmark, with a zone; None when the
            cluster was never seen.
        nodes: Nodes in the snapshot; None when they are not seen.
        in_use: Devices held by running servers, by (team, model, kind); team is empty
            for pods that are not ours, model is the label's value.
        total: Allocatable devices, by (model, kind).
        free: Devices not requested by any pod, by (model, kind); may be negative.
    """

    as_of: datetime | None
    nodes: int | None = None
    in_use: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    total: Mapping[tuple[str, str], int] = field(default_factory=dict)
    free: Mapping[tuple[str, str], int] = field(default_factory=dict)


class Used:
    """Takes away the series of what nobody has wanted for long.

    A map is edited and machines come and go for as long as the hub runs. Every tier, model
    and team that there ever was would stay, here and in each scrape. A series that comes
    back begins at zero, as after a restart of the hub.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: dict[_Wanted, float] = {}
        self._series: dict[_Wanted, set[_Series]] = {}

    def __len__(self) -> int:
        return len(self._at)

    def note(self, wanted: _Wanted, counter: Counter, labels: tuple[str, ...]) -> None:
        """Note that a series was used, and take away those of what was not wanted for long.

        Args:
            wanted: Tier, model and team.
            counter: What counts.
            labels: Of the series.
        """
        now = self._clock()
        self._at.pop(wanted, None)
        self._at[wanted] = now  # at the end: what was not wanted for longest comes first
        self._series.setdefault(wanted, set()).add((counter, labels))
        while now - self._at[first := next(iter(self._at))] > UNWANTED_S or len(self) > MOST:
            self._end(first)

    def keep(self, tiers: Collection[str], teams: Collection[str]) -> None:
        """Take away the series of tiers and teams that are no longer in the map.

        What is of no team is an admin's own profile, and stays.
        """
        for tier, model, team in tuple(self._at):
            if team and not (tier in tiers and team in teams):
                self._end((tier, model, team))

    def _end(self, wanted: _Wanted) -> None:
        del self._at[wanted]
        for used, values in self._series.pop(wanted):
            used.remove(*values)
        for reason in LACKING:
            REFUSALS.remove(reason, *wanted)


_USED = Used()
"""Of this process, as the counters are."""


def in_force(parsed: Map) -> None:
    """Take note of a map, new or edited: series of what it does not have any more end."""
    _USED.keep(parsed.tiers, parsed.teams)


def offered(offers: Iterable[Offer]) -> None:
    """Count the offers of one page, and let their refusals be counted from zero.

    A counter that springs up at 1 has no increase for Prometheus; showing an
    offer creates its refusal series at 0, so the first refusal is seen too.
    """
    for offer in offers:
        wanted = (offer.tier, offer.model or "", offer.team or "")
        OFFERS.labels(*wanted, offer.verdict.status.value).inc()
        for reason in LACKING:
            REFUSALS.labels(reason, *wanted)
        _USED.note(wanted, OFFERS, (*wanted, offer.verdict.status.value))


def started(tier: str, model: str | None, team: str | None) -> None:
    """Count a start that the gate let pass."""
    wanted = (tier, model or "", team or "")
    STARTS.labels(*wanted).inc()
    _USED.note(wanted, STARTS, wanted)


def refused(reason: str, tier: str = "", model: str | None = None, team: str | None = None) -> None:
    """Count a refusal.

    Args:
        reason: The constant word of the error, such as ``cap`` or ``busy``.
        tier: Key in the map; empty unless the person may have it. Never what the
            request said: a hostile one would fill the registry.
        model: The label's value, None without accelerator.
        team: The team charged, None when none was.
    """
    wanted = (tier, model or "", team or "")
    REFUSALS.labels(reason, *wanted).inc()
    _USED.note(wanted, REFUSALS, (reason, *wanted))


def compared(foretold: str, cause: str = "", *, agreed: bool) -> None:
    """Count a verdict against what the scheduler then did.

    Args:
        foretold: The verdict's status.
        cause: The filter that made the difference, such as ``NodeResourcesFit``;
            empty when they agree.
        agreed: Whether the scheduler did what was foretold.
    """
    VERDICTS.labels(foretold, "yes" if agreed else "no", cause).inc()


class Watch(Collector):
    """The gauges of the watch, read when Prometheus asks and never kept.

    Without a source, or before the first sync, there is no sample: what is not
    known is not 0.
    """

    def __init__(self) -> None:
        self.source: Callable[[], Seen | None] | None = None
        self.clock: Callable[[], float] = time.time

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families, those without data empty."""
        seen = self.source() if self.source else None
        yield _age(seen, self.clock())
        yield _gauge("nodes", "Nodes in the snapshot.", (), _nodes(seen))
        yield _gauge(
            "accelerators_in_use",
            "Devices held by running servers; team is empty for other pods.",
            ("team", "model", "kind"),
            seen.in_use.items() if seen else (),
        )
        yield _gauge(
            "accelerators",
            "Allocatable devices on all nodes.",
            ("model", "kind"),
            seen.total.items() if seen else (),
        )
        yield _gauge(
            "accelerators_free",
            "Devices that no pod has requested; negative when a node shrank.",
            ("model", "kind"),
            seen.free.items() if seen else (),
        )


def _age(seen: Seen | None, now: float) -> GaugeMetricFamily:
    """Seconds since the last event or bookmark; no sample when never seen."""
    ages: list[Sample] = []
    if seen is not None and seen.as_of is not None:
        ages.append(((), max(0.0, now - seen.as_of.astimezone(UTC).timestamp())))
    return _gauge("watch_age_seconds", "Age of what is known of the cluster.", (), ages)


def _nodes(seen: Seen | None) -> list[Sample]:
    if seen is None or seen.as_of is None or seen.nodes is None:
        return []
    return [((), seen.nodes)]


def _gauge(
    name: str, help_text: str, labels: tuple[str, ...], samples: Iterable[Sample]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{metrics_prefix}_{SUBSYSTEM}_{name}", help_text, labels=labels)
    for values, value in sorted(samples):
        family.add_metric(values, value)
    return family


WATCH = Watch()
REGISTRY.register(WATCH)


def watched(source: Callable[[], Seen | None] | None) -> None:
    """Name where the gauges of the watch come from; a later call takes its place.

    Args:
        source: Called at each scrape, on the hub's event loop: it must be quick
            and must not raise. None, or its answer None, gives no samples.
    """
    WATCH.source = source


def configure(_c: Any) -> None:
    """Have the metrics on ``/hub/metrics`` from the start; importing this has done it."""
