"""What the metrics promise to who reads ``/hub/metrics``."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prometheus_client import REGISTRY, generate_latest

from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.hub import metrics
from teamspawner.offers.model import Offer

AS_OF = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def an_offer(**fields):
    return Offer(
        **{
            "slug": "gpu-a100",
            "tier": "gpu",
            "title": "A100",
            "options": {"gpus": "1"},
            "team": "physics",
            "verdict": Verdict(Status.BUSY),
            "startable": False,
            "model": "A100",
            **fields,
        }
    )


def value(name, **labels):
    return REGISTRY.get_sample_value(f"jupyterhub_teamspawner_{name}", labels)


@pytest.fixture
def watch():
    yield metrics.WATCH
    metrics.watched(None)
    metrics.WATCH.clock = metrics.time.time


def test_an_offer_shown_creates_its_refusals_at_zero_so_the_first_one_is_an_increase():
    metrics.offered([an_offer(tier="shown-first")])
    wanted = {"tier": "shown-first", "model": "A100", "team": "physics"}
    assert value("offers_total", verdict="BUSY", **wanted) == 1
    assert value("refusals_total", reason="busy", **wanted) == 0
    metrics.refused("busy", "shown-first", "A100", "physics")
    assert value("refusals_total", reason="busy", **wanted) == 1


def test_an_offer_without_accelerator_and_team_has_empty_labels():
    metrics.offered([an_offer(tier="plain", model=None, team=None)])
    assert value("offers_total", tier="plain", model="", team="", verdict="BUSY") == 1


def test_a_refusal_that_names_nothing_of_the_map_has_only_its_reason():
    before = value("refusals_total", reason="hidden", tier="", model="", team="") or 0
    metrics.refused("hidden")
    assert value("refusals_total", reason="hidden", tier="", model="", team="") == before + 1


def test_starts_are_counted_by_what_was_wanted():
    metrics.started("started", None, "physics")
    assert value("starts_total", tier="started", model="", team="physics") == 1


@pytest.mark.parametrize(
    ("agreed", "word"),
    [pytest.param(True, "yes", id="agrees"), pytest.param(False, "no", id="differs")],
)
def test_a_verdict_is_counted_with_whether_the_scheduler_agreed(agreed, word):
    labels = {"verdict": "FITS_NOW", "cause": f"test-{word}", "agreed": word}
    metrics.compared("FITS_NOW", f"test-{word}", agreed=agreed)
    assert value("verdicts_total", **labels) == 1


def test_a_hub_that_never_saw_the_cluster_shows_no_number_rather_than_zero(watch):
    metrics.watched(lambda: metrics.Seen(as_of=None))
    text = generate_latest(REGISTRY).decode()
    assert "\njupyterhub_teamspawner_watch_age_seconds " not in text
    assert "\njupyterhub_teamspawner_nodes " not in text


def test_without_a_watch_the_scrape_still_answers(watch):
    metrics.watched(lambda: None)
    assert "jupyterhub_teamspawner_watch_age_seconds" in generate_latest(REGISTRY).decode()


def test_the_age_is_that_of_the_scrape_not_of_the_last_page(watch):
    metrics.watched(lambda: metrics.Seen(as_of=AS_OF))
    watch.clock = lambda: AS_OF.timestamp() + 42
    assert value("watch_age_seconds") == 42


def test_a_clock_that_ran_ahead_gives_no_negative_age(watch):
    metrics.watched(lambda: metrics.Seen(as_of=AS_OF))
    watch.clock = lambda: AS_OF.timestamp() - 5
    assert value("watch_age_seconds") == 0


def test_accelerators_are_told_by_team_and_model(watch):
    metrics.watched(
        lambda: metrics.Seen(
            as_of=AS_OF,
            nodes=3,
            in_use={("physics", "A100", "whole"): 2, ("", "A100", "whole"): 1},
            total={("A100", "whole"): 8},
            free={("A100", "whole"): -1},
        )
    )
    assert value("nodes") == 3
    assert value("accelerators_in_use", team="physics", model="A100", kind="whole") == 2
    assert value("accelerators_in_use", team="", model="A100", kind="whole") == 1
    assert value("accelerators", model="A100", kind="whole") == 8
    assert value("accelerators_free", model="A100", kind="whole") == -1


def test_every_metric_has_a_sentence_of_help():
    names = [family for family in REGISTRY.collect() if "teamspawner" in family.name]
    assert len(names) == 10
    assert [family.name for family in names if not family.documentation.endswith(".")] == []


def test_the_series_of_what_nobody_has_wanted_for_a_day_are_taken_away():
    now = [0.0]
    used, old, new = metrics.Used(lambda: now[0]), ("was-once", "", ""), ("is-now", "", "")
    for wanted in (old, new):
        metrics.STARTS.labels(*wanted).inc()
        metrics.REFUSALS.labels("busy", *wanted).inc()
    used.note(old, metrics.STARTS, old)
    now[0] = metrics.UNWANTED_S + 1
    used.note(new, metrics.STARTS, new)
    gone, kept = ({"tier": wanted[0], "model": "", "team": ""} for wanted in (old, new))
    assert (value("starts_total", **gone), value("starts_total", **kept)) == (None, 1)
    assert value("refusals_total", reason="busy", **gone) is None
    assert value("refusals_total", reason="busy", **kept) == 1
    assert len(used) == 1


def test_what_is_still_wanted_keeps_its_series_for_ever():
    now = [0.0]
    used, wanted = metrics.Used(lambda: now[0]), ("lasting", "", "")
    metrics.STARTS.labels(*wanted).inc()
    for day in range(5):
        now[0] = day * metrics.UNWANTED_S
        used.note(wanted, metrics.STARTS, wanted)
    assert value("starts_total", tier="lasting", model="", team="") == 1


def test_a_map_edited_ten_thousand_times_leaves_no_more_series_than_there_may_be():
    for number in range(metrics.MOST + 50):
        metrics.offered([an_offer(tier=f"edit-{number}")])
    wanted = {"model": "A100", "team": "physics"}
    assert value("offers_total", verdict="BUSY", tier="edit-0", **wanted) is None
    assert value("refusals_total", reason="busy", tier="edit-0", **wanted) is None
    assert value("offers_total", verdict="BUSY", tier=f"edit-{number}", **wanted) == 1
    shown = {s.labels["tier"] for s in metrics.OFFERS.collect()[0].samples}
    assert len(shown) <= metrics.MOST
