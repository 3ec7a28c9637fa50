"""The attack list once more, against the demo as anybody starts it."""

from pathlib import Path

import jupyterhub
import pytest
import pytest_asyncio

from tests.hub.attacking import Attackers
from tests.hub.attacks import GROUPS, MAP, attacks
from tests.hub.hubs import Outside
from tests.sim.starting import demo

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("default"),
    pytest.mark.slow,
]

WAYS = {"rest", "rest-named", "form", "link", "link-cross-site", "rest-by-admin"}
ROWS = [row for row in attacks(jupyterhub.version_info[0]) if row.way.name in WAYS]
SCENARIO = {
    "users": GROUPS,
    "admins": ["root"],
    "map": {"version": 1, **MAP},
    "nodes": [
        {"name": "cpu", "count": 2, "cpu": 16, "memory": "64Gi"},
        {
            "name": "a100",
            "cpu": 64,
            "memory": "512Gi",
            "gpu": {"resource": "nvidia.com/gpu", "model": "NVIDIA-A100-SXM4-80GB", "count": 8},
        },
    ],
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with demo(tmp_path_factory.mktemp("demo"), scenario=SCENARIO) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attackers(running):
    outside, word = Outside(running.url), running.about["password"]
    people = [await outside.someone(name, word) for name in ("mallory", "root")]
    yield Attackers(*people, lambda _options: None)
    for person in people:
        await person.session.close()


@pytest.mark.parametrize("attack", ROWS, ids=[row.name for row in ROWS])
async def test_the_demo_answers_as_it_should_and_starts_nothing(attackers, attack):
    answer = await attackers.send(attack)
    assert answer.status in attack.status, answer
    model = (await attackers.root.call("GET", "/users/mallory")).json
    assert not any(each["ready"] or each["pending"] for each in model["servers"].values())


async def test_the_hub_asks_for_no_right_that_its_roles_do_not_give(running):
    kubeconfig = running.about["kubeconfig"]
    log = (Path(kubeconfig).parent / "hub.log").read_text()
    assert "The map is in force" in log
    assert "may not list" not in log
