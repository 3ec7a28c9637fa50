"""Caps as bars for the page."""

from teamspawner.offers.bars import bars
from teamspawner.offers.caps import Cap
from teamspawner.offers.model import Usage


def test_a_team_cap_is_told_with_the_teams_name_and_what_one_more_adds():
    assert bars([Cap("team", 8, 6, 1)], "physics") == (Usage("physics", "GPUs", 6, 8, 1),)


def test_cpu_and_memory_are_told_in_whole_cpus_and_gib():
    shown = bars([Cap("cpu", 8000, 2500, 2000), Cap("memory", 2**34, 2**31, 2**31)], "physics")
    assert shown == (
        Usage("physics", "CPU", 2, 8, 2),
        Usage("physics", "GiB of memory", 2, 16, 2),
    )


def test_the_nearest_to_its_end_comes_first_and_two_are_enough():
    caps = [Cap("servers_per_user", 9, 0, 1), Cap("team", 8, 7, 1), Cap("per_user", 2, 1, 1)]
    assert [bar.what for bar in bars(caps, "physics")] == ["GPUs", "GPUs"]
    assert [bar.team for bar in bars(caps, "physics")] == ["physics", "You"]


def test_a_cap_of_nothing_is_no_division_by_zero():
    assert bars([Cap("team", 0, 0, 1)], "physics")[0].cap == 0
