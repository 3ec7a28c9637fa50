"""Which offer is named as the nearest when one cannot be had."""

from dataclasses import replace

import pytest

from teamspawner.capacity import Status, Verdict
from teamspawner.offers.alternatives import and_nearest, nearest, with_alternatives
from teamspawner.offers.model import Alternative, Offer, Usage
from tests.core.offering import GIB, GPU


def an_offer(
    slug="full", status=Status.FITS_NOW, *, tier="", team="one", cpu=2, memory=4, gpus=0, **more
):
    requests = {"cpu": cpu * 1000, "memory": memory * GIB, **({GPU: gpus} if gpus else {})}
    options = {"gpus": str(gpus)} if gpus else {}
    given = {"startable": status in {Status.FITS_NOW, Status.FITS_BY_PREEMPTION}, **more}
    return Offer(
        slug, tier or slug, slug.title(), options, team, Verdict(status), requests=requests, **given
    )


def named_for(failed, *others):
    found = with_alternatives([failed, *others])[0].alternative
    return found and (found.slug, *found.options.values())


BUSY = an_offer("full", Status.BUSY)
GPU_BUSY = an_offer("a100", Status.BUSY, tier="gpu", gpus=2)


def test_only_what_cannot_start_at_once_gets_an_alternative():
    free, other = an_offer("free"), an_offer("other", Status.FITS_BY_PREEMPTION)
    assert [each.alternative for each in with_alternatives([free, other])] == [None, None]
    assert named_for(an_offer("wait", Status.QUEUED, startable=True), free) == ("free",)


def test_where_nothing_is_free_nothing_is_named():
    assert named_for(BUSY, an_offer("also", Status.BUSY)) is None


def test_only_what_may_start_at_once_is_named():
    closed = an_offer("closed", startable=False)
    coming = an_offer("coming", Status.NODE_COMING, startable=True)
    assert named_for(BUSY, closed, coming) is None
    assert named_for(BUSY, an_offer("evicts", Status.FITS_BY_PREEMPTION)) == ("evicts",)


@pytest.mark.parametrize(
    ("nearer", "farther"),
    [
        (an_offer("a100", tier="gpu", gpus=1), an_offer("t4", tier="gpu", gpus=2)),
        (an_offer("t4", tier="gpu", gpus=2), an_offer("h100", tier="big", gpus=2)),
        (an_offer("h100", tier="big", gpus=8, cpu=99), an_offer("plain", tier="gpu")),
    ],
    ids=["same thing in another count", "same tier", "same sort of server"],
)
def test_what_is_most_alike_is_named_first(nearer, farther):
    for others in ((nearer, farther), (farther, nearer)):
        assert named_for(GPU_BUSY, *others)[0] == nearer.slug


def test_a_server_without_devices_is_no_nearer_for_being_of_the_tier():
    assert (
        named_for(BUSY, an_offer("gpu", tier="full", gpus=1), an_offer("far", cpu=64))[0] == "far"
    )


@pytest.mark.parametrize(
    ("nearer", "farther"),
    [
        ({"cpu": 3}, {"cpu": 8}),
        ({"cpu": 1}, {"cpu": 64}),
        ({"memory": 2}, {"memory": 64}),
        ({"memory": 8}, {"memory": 1}),
    ],
    ids=["less more", "one below", "memory below", "memory above"],
)
def test_of_like_servers_the_nearest_in_size_is_named(nearer, farther):
    others = an_offer("farther", **farther), an_offer("nearer", **nearer)
    assert named_for(BUSY, *others) == ("nearer",)


def test_of_one_thing_in_other_counts_the_nearest_count_is_named():
    others = [an_offer("a100", tier="gpu", gpus=count) for count in (8, 1, 4)]
    four = an_offer("a100", Status.BUSY, tier="gpu", gpus=3)
    assert named_for(four, *others) == ("a100", "4")


def test_of_two_equally_far_the_smaller_is_named():
    def of_cpu(slug, millicores, status=Status.FITS_NOW):
        return replace(an_offer(slug, status), requests={"cpu": millicores})

    others = of_cpu("more", 15_999), of_cpu("less", 999)
    assert named_for(of_cpu("full", 3999, Status.BUSY), *others) == ("less",)


def test_the_same_thing_for_another_team_is_near_and_named_with_that_team():
    elsewhere = an_offer("full", team="two", usage=(Usage("Team Two", "CPU", 1, 2),))
    found = with_alternatives([BUSY, elsewhere])[0].alternative
    assert (found.options, found.title) == ({"team": "two"}, "Full (team Team Two)")
    bare = with_alternatives([BUSY, an_offer("full", team="two")])[0].alternative
    assert (bare.options, bare.title) == ({"team": "two"}, "Full (team two)")


def test_the_same_thing_for_another_team_goes_before_another_thing_of_the_same_team():
    elsewhere, other = an_offer("full", team="two"), an_offer("other", cpu=1)
    assert named_for(BUSY, other, elsewhere) == ("full", "two")


def test_of_the_same_thing_that_of_the_same_team_is_named():
    own, elsewhere = an_offer("full"), an_offer("full", team="two")
    assert named_for(BUSY, own, elsewhere) == named_for(BUSY, elsewhere, own) == ("full",)


def test_what_the_same_team_has_goes_before_what_is_nearer():
    others = an_offer("near", team="two"), an_offer("far", cpu=64)
    assert named_for(BUSY, *others) == ("far",)


def test_a_thing_without_a_team_is_named_without_one():
    assert named_for(BUSY, an_offer("full", team=None)) == ("full",)


def test_another_thing_of_another_team_is_named_without_the_team():
    found = with_alternatives([BUSY, an_offer("other", team="two")])[0].alternative
    assert (found.options, found.title) == ({}, "Other")


def test_an_own_profile_has_no_team_to_name():
    failed = an_offer("p", Status.BUSY, team=None)
    assert named_for(failed, an_offer("p", team=None, cpu=1)) == ("p",)


def test_what_failed_is_never_its_own_alternative():
    assert nearest(BUSY, [an_offer("full")]) is None
    assert nearest(BUSY, [an_offer("full"), an_offer("other")]).slug == "other"
    assert nearest(BUSY, [an_offer("full"), an_offer("full", team="two")]).options == {
        "team": "two"
    }
    assert nearest(GPU_BUSY, [an_offer("a100", tier="gpu", gpus=1)]).options == {"gpus": "1"}
    assert nearest(BUSY, [an_offer("coming", Status.NODE_COMING, startable=True)]) is None


def test_while_what_failed_still_seems_to_fit_only_what_asks_for_less_is_named():
    failed = an_offer("full")
    more, same = an_offer("more", cpu=3, memory=4), an_offer("same")
    assert nearest(failed, [failed, more, same]) is None
    assert nearest(failed, [failed, more, an_offer("less", cpu=1, memory=9)]).slug == "less"
    assert nearest(BUSY, [more]).slug == "more"
    assert nearest(an_offer("gpu", gpus=1), [an_offer("plain")]).slug == "plain"
    shut = an_offer("less", cpu=1, startable=False)
    assert nearest(failed, [failed, shut]) is None


def test_a_refusal_names_what_fits_instead():
    assert and_nearest("No.", None) == "No."
    assert and_nearest("No.", Alternative("x", {}, "Small")) == "No. Nearest that fits: Small."
