"""Alert rules and queries, run by Prometheus' own tool; skipped where it is not installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
import yaml

from tests.chart.layers import MANIFESTS, ROOT, read

PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not here: apt-get install prometheus"
)
RULES = read(MANIFESTS / "prometheus-rules.yaml")["data"]["teamspawner.yaml"]
PREFIX = "jupyterhub_teamspawner"


@pytest.fixture
def promtool(tmp_path):
    """Runs promtool in a folder that holds our rules."""
    (tmp_path / "rules.yaml").write_text(RULES)

    def run(*arguments):
        return subprocess.run(
            [PROMTOOL, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    run.folder = tmp_path
    return run


def test_promtool_finds_nothing_wrong_with_the_rules(promtool):
    said = promtool("check", "rules", "rules.yaml")
    assert said.returncode == 0, said.stderr
    assert "6 rules found" in said.stdout


def _documented():
    text = (ROOT / "docs/monitoring.md").read_text()
    return [block.strip() for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL)]


def _panels():
    data = json.loads(read(MANIFESTS / "grafana-dashboard.yaml")["data"]["teamspawner.json"])
    queries = [target["expr"] for panel in data["panels"] for target in panel["targets"]]
    return [query.replace("$__rate_interval", "5m") for query in queries]


def test_prometheus_reads_every_query_of_the_dashboard_and_the_docs(promtool):
    queries = [*_panels(), *_documented()]
    groups = [{"record": f"q{n}", "expr": query} for n, query in enumerate(queries)]
    text = yaml.safe_dump({"groups": [{"name": "queries", "rules": groups}]})
    (promtool.folder / "queries.yaml").write_text(text)
    said = promtool("check", "rules", "queries.yaml")
    assert said.returncode == 0, said.stderr
    assert len(_documented()) >= 4


def _series(name, values, **labels):
    inner = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{PREFIX}_{name}{{{inner}}}", "values": values}


def _unit(promtool, series, *, alerts=(), queries=()):
    unit = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": list(series),
                "alert_rule_test": list(alerts),
                "promql_expr_test": list(queries),
            }
        ],
    }
    (promtool.folder / "unit.yaml").write_text(yaml.safe_dump(unit))
    said = promtool("test", "rules", "unit.yaml")
    assert said.returncode == 0, said.stdout + said.stderr


def _quiet(name, at):
    return {"alertname": name, "eval_time": at, "exp_alerts": []}


def _fires(promtool, series, name, at):
    """Whether an alert fires: an expectation of silence must then fail."""
    with pytest.raises(AssertionError, match=name):
        _unit(promtool, series, alerts=[_quiet(name, at)])


AGE, PAGES = "watch_age_seconds", "page_seconds_count"
WANTED = {"tier": "gpu", "model": "A100", "team": "physics"}
SEEN = [_series(PAGES, "0+1x60", instance="a"), _series(AGE, "1+0x60", instance="a")]
REFUSED = _series("refusals_total", "0+1x120", reason="busy", **WANTED)
STARTED = _series("starts_total", "0+1x120", **WANTED)


def _verdicts(wrong):
    labels = {"verdict": "FITS_NOW", "cause": ""}
    return [
        _series("verdicts_total", "0+10x120", agreed="yes", **labels),
        _series("verdicts_total", f"0+{wrong}x120", agreed="no", **labels),
    ]


def _pages(within_a_second):
    """Ten pages a minute, so many of them within a second, the rest within five."""
    counts = {"1.0": within_a_second, "5.0": 10, "+Inf": 10}
    return [_series("page_seconds_bucket", f"0+{n}x60", le=le) for le, n in counts.items()]


# when it is looked at, what makes it fire, and what of nearly the same does not
ALERTS = {
    "TeamSpawnerBlind": ("10m", [_series(AGE, "1+60x60")], [_series(AGE, "1+0x60")]),
    "TeamSpawnerNeverSawTheCluster": ("30m", SEEN[:1], SEEN),
    "TeamSpawnerVerdictsDisagree": ("90m", _verdicts(1), _verdicts(0)),
    "TeamSpawnerTeamGetsNoAccelerator": ("90m", [REFUSED], [REFUSED, STARTED]),
    "TeamSpawnerPageSlow": ("40m", _pages(9), _pages(10)),
}


def test_every_alert_is_tried_here():
    [group] = yaml.safe_load(RULES)["groups"]
    assert {rule["alert"] for rule in group["rules"] if "alert" in rule} == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_fires_when_it_should_and_not_when_nearly_the_same_is_fine(promtool, name):
    at, wrong, fine = ALERTS[name]
    _fires(promtool, wrong, name, at)
    _unit(promtool, fine, alerts=[_quiet(name, at)])


def test_a_hub_gone_blind_for_a_moment_alarms_nobody(promtool):
    _unit(promtool, [_series(AGE, "1+60x60")], alerts=[_quiet("TeamSpawnerBlind", "3m")])


def test_a_hub_that_nobody_has_visited_yet_alarms_nobody(promtool):
    """The cluster is watched from the first visit on."""
    quiet = [_quiet("TeamSpawnerNeverSawTheCluster", "30m")]
    _unit(promtool, [_series(PAGES, "0x60", instance="a")], alerts=quiet)


def test_a_slow_page_among_many_alarms_nobody(promtool):
    _unit(promtool, _pages(9.8), alerts=[_quiet("TeamSpawnerPageSlow", "40m")])


def test_who_wanted_what_and_got_none_is_answered_from_the_first_refusal_on(promtool):
    """The series starts at 0 when the offer is first shown, so the first refusal counts."""
    refused = _series("refusals_total", "0 0 0 1 1 1", reason="busy", **WANTED)
    labels = {"team": "physics", "tier": "gpu", "model": "A100"}
    inner = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    name = "teamspawner:wanted_and_got_none:increase7d"
    query = {
        "expr": f"ceil({name})",
        "eval_time": "5m",
        "exp_samples": [{"labels": f"{{{inner}}}", "value": 1}],
    }
    _unit(promtool, [refused], queries=[query])
