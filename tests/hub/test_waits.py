"""For how long a start may wait for room, by tier and by what was foretold."""

import pytest

from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.hub.waits import longest_s, wait_s
from teamspawner.map.load import load
from teamspawner.offers.model import Choice

OWN_S = 20.0
MAP = load(
    {
        "tiers": {
            "now": {"cpu": 1, "memory": "1Gi"},
            "later": {"cpu": 1, "memory": "1Gi", "when_busy": "wait", "wait": "20m"},
            "patient": {"cpu": 1, "memory": "1Gi", "when_busy": "wait"},
        },
        "teams": {"all": {"groups": ["*"], "tiers": ["now", "later", "patient"]}},
    }
).map


def waits(tier, status, *, team="all", profile=None, own_waits=False):
    choice = Choice(tier, tier, team, {}, {}, {}, {}, profile=profile)
    foretold = None if status is None else Verdict(status)
    return wait_s(choice, MAP, foretold, OWN_S, own_waits=own_waits)


@pytest.mark.parametrize(
    ("tier", "status", "seconds"),
    [
        pytest.param("now", Status.FITS_NOW, 0, id="a-tier-that-refuses-waits-for-nothing"),
        pytest.param("later", Status.BUSY, 1200, id="a-tier-with-a-time-waits-so-long"),
        pytest.param("patient", Status.BUSY, OWN_S, id="a-tier-without-a-time-waits-the-timeout"),
        pytest.param("now", Status.NEEDS_SCALE_UP, OWN_S, id="an-autoscaler-gets-the-timeout"),
        pytest.param("now", Status.NODE_COMING, 900, id="a-starting-machine-gets-its-time"),
        pytest.param("now", Status.UNKNOWN, OWN_S, id="the-unknown-gets-a-minute-at-most"),
        pytest.param("later", Status.UNKNOWN, 1200, id="the-unknown-never-shortens-a-wait"),
        pytest.param("now", None, OWN_S, id="a-cluster-never-seen-is-unknown"),
    ],
)
def test_a_tier_waits(tier, status, seconds):
    assert waits(tier, status) == seconds


def test_an_admins_own_profile_waits_when_the_setting_says_so():
    own = {"team": None, "profile": {"slug": "x"}}
    assert waits("x", Status.BUSY, **own) == 0
    assert waits("x", Status.BUSY, own_waits=True, **own) == OWN_S


def test_the_longest_start_is_that_of_the_tier_that_waits_longest():
    assert longest_s(MAP, OWN_S) == OWN_S + 1200
    assert longest_s(None, 1000.0) == 2000.0


def test_a_machine_that_is_starting_may_take_its_time_on_every_hub():
    assert longest_s(None, OWN_S) == OWN_S + 900
