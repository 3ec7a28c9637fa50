"""Long work is cut into slices, and the slices of all who have some never add up in one turn."""

from __future__ import annotations

import asyncio
import time

import pytest

from teamspawner.hub.turns import Turns

STEP_S, STEPS = 0.002, 20


def busy(told: list[str], name: str):
    """Work that takes long in all, and returns its name."""
    for _ in range(STEPS):
        until = time.perf_counter() + STEP_S
        while time.perf_counter() < until:
            pass
        told.append(name)
        yield
    return name


async def counting(turns: list[int], told: list[str]) -> None:
    """Note how much was worked between two turns of the loop."""
    before = 0
    while True:
        await asyncio.sleep(0)
        turns.append(len(told) - before)
        before = len(told)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "people", [pytest.param(1, id="one-person"), pytest.param(5, id="several-at-once")]
)
async def test_no_more_than_a_slice_is_worked_in_one_turn_whoever_asks(people):
    told, per_turn, turns = [], [], Turns()
    watching = asyncio.create_task(counting(per_turn, told))
    names = [str(number) for number in range(people)]
    assert await asyncio.gather(*(turns.work(busy(told, name)) for name in names)) == names
    watching.cancel()
    assert max(per_turn) <= 3  # a slice of 4 ms, and the step that it ends in
    assert len(told) == people * STEPS


@pytest.mark.asyncio
async def test_who_comes_later_is_served_before_long_work_ends():
    told, turns = [], Turns()
    long = asyncio.create_task(turns.work(busy(told, "long")))
    await asyncio.sleep(0)

    def short():
        told.append("short")
        yield

    await turns.work(short())
    assert not long.done()
    await long
    assert "short" in told[:10]


@pytest.mark.asyncio
async def test_work_that_fails_keeps_nobody_else_waiting():
    turns = Turns()

    def failing():
        yield
        raise LookupError

    with pytest.raises(LookupError):
        await turns.work(failing())
    assert await turns.work(busy([], "next")) == "next"


@pytest.mark.asyncio
async def test_who_goes_away_in_the_middle_keeps_nobody_else_waiting():
    turns = Turns()
    going = asyncio.create_task(turns.work(busy([], "going")))
    await asyncio.sleep(0.01)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert await turns.work(busy([], "next")) == "next"


@pytest.mark.asyncio
async def test_of_those_who_wait_for_a_turn_each_has_one_alone():
    told, per_turn, turns = [], [], Turns()
    watching = asyncio.create_task(counting(per_turn, told))

    async def act(name):
        await turns.next()
        told.append(name)

    names = [str(number) for number in range(20)]
    await asyncio.gather(*map(act, names))
    watching.cancel()
    assert told == names
    assert max(per_turn) == 1


@pytest.mark.asyncio
async def test_only_a_few_are_at_work_at_once_and_who_waits_has_not_begun():
    turns, began, most = Turns(), set(), 0

    def work(name):
        nonlocal most
        began.add(name)
        most = max(most, len(began))
        yield from busy([], name)
        began.discard(name)

    await asyncio.gather(*(turns.work(work(str(number))) for number in range(8)))
    assert 1 < most <= 3
