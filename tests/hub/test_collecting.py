"""Full garbage collections wait while a hub lists its cluster for the first time."""

from __future__ import annotations

import asyncio
import gc

import pytest

from teamspawner.hub.collecting import give_back, hold_back, set_apart

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def usual():
    before = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    yield gc.get_threshold()
    gc.set_threshold(*before)
    gc.unfreeze()


async def test_full_collections_wait_and_those_of_young_objects_do_not(usual):
    hold_back()
    young, middle, old = gc.get_threshold()
    assert (young, middle) == usual[:2]
    assert old > 1000 * usual[2]


async def test_what_was_set_before_holds_afterwards(usual):
    gc.set_threshold(900, 11, 12)
    hold_back()
    hold_back()
    give_back()
    give_back()
    assert gc.get_threshold() == (900, 11, 12)


async def test_they_come_back_by_themselves_where_the_cluster_is_never_seen(usual):
    hold_back(longest_s=0.01)
    await asyncio.sleep(0.05)
    assert gc.get_threshold() == usual


async def test_what_is_there_is_set_apart_once_and_the_rest_is_collected_seldomer(usual):
    set_apart()
    apart, seldom = gc.get_freeze_count(), gc.get_threshold()
    assert apart > 0
    assert seldom == (*usual[:2], 50)
    kept = [[] for _ in range(100)]
    set_apart()
    assert gc.get_freeze_count() <= apart < apart + len(kept)
    assert gc.get_threshold() == seldom


async def test_who_makes_them_seldomer_still_is_left_that(usual):
    gc.set_threshold(*usual[:2], 400)
    set_apart()
    assert gc.get_threshold()[2] == 400
