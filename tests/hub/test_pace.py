"""Open pages ask seldom when there are many, and often again when they are closed."""

import pytest

from teamspawner.hub.pace import LEAST_S, MOST_S, OPEN_S, Pace


@pytest.mark.parametrize(
    ("pages", "seconds"),
    [(1, 5.0), (100, 5.0), (200, 10.0), (400, 20.0), (5000, 20.0)],
    ids=["one", "a-class", "a-course", "a-lecture", "a-university"],
)
def test_all_pages_together_ask_no_more_than_the_hub_bears(pages, seconds):
    pace = Pace(lambda: 0.0)
    told = [pace.seconds(str(page)) for page in range(pages)]
    assert told[0] == LEAST_S
    assert told[-1] == seconds <= MOST_S


def test_a_page_that_asks_again_is_no_other_page():
    pace = Pace(lambda: 0.0)
    assert {pace.seconds("ada") for _ in range(1000)} == {LEAST_S}


def test_pages_that_are_closed_are_forgotten():
    now = [0.0]
    pace = Pace(lambda: now[0])
    for page in range(400):
        pace.seconds(str(page))
    now[0] = OPEN_S + 1
    assert pace.seconds("ada") == LEAST_S


def test_a_page_that_stays_open_keeps_no_closed_ones_counted():
    now = [0.0]
    pace = Pace(lambda: now[0])
    for page in range(400):
        pace.seconds(str(page))
    now[0] = OPEN_S
    assert pace.seconds("0") == MOST_S
    now[0] = OPEN_S + 1
    assert pace.seconds("0") == LEAST_S
