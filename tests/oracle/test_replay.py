"""A production trace replayed on a real scheduler: every pod is foretold before it exists."""

from __future__ import annotations

import pytest

from tests.controlplane.cluster import running
from tests.oracle.replay import events, read_pods, started, traces

pytestmark = [pytest.mark.controlplane, pytest.mark.slow]


@pytest.mark.skipif(traces() is None, reason="TEAMSPAWNER_TRACES names no folder")
@pytest.mark.parametrize(
    ("leave", "every"), [(False, 12), (True, 200)], ids=["filling-up", "coming-and-going"]
)
def test_the_pods_of_a_production_cluster_land_where_foretold(control_plane_assets, leave, every):
    folder = traces()
    with running(control_plane_assets) as plane:
        replay = started(plane.admin, folder, every)
        for what, row in events(read_pods(folder)[:800], leave=leave):
            if what == "arrive":
                replay.arrive(row)
            elif row["name"] in replay.alive:
                replay.leave(row["name"])
    assert not replay.wrong
    assert replay.tally["fits"] + replay.tally["nowhere"] == 800
    assert replay.tally["fits"] > 300
    assert replay.tally["nowhere"] > 50
