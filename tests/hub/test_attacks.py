"""The attack list against a real hub: each row gets its answer, and none ever gets a pod."""

import jupyterhub
import pytest
import pytest_asyncio

from tests.hub.attacking import Attackers
from tests.hub.attacks import GROUPS, MAP, Attack, attacks, odd_requests
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

MAJOR = jupyterhub.version_info[0]
QUICK = {"rest", "form", "link"}
"""Ways that run every time; with the others the list takes a minute or two."""
ROWS = [
    pytest.param(row, id=row.name, marks=[] if row.way.name in QUICK else [pytest.mark.slow])
    for row in attacks(MAJOR)
]
A100 = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.count": "8"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    await cluster.add_node("gpu-1", labels=A100, nvidia_com__gpu=8)
    spawner = {
        "namespace": "hub",
        "port": cluster.port,
        "image": "none:1",
        "storage_pvc_ensure": False,
        "consecutive_failure_limit": 5,
    }
    folder = tmp_path_factory.mktemp("hub")
    async with a_hub(folder, KubeSpawner=spawner, TeamSpawner={"map": MAP}) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attackers(hub):
    people = {name: await hub.someone(name, *groups) for name, groups in GROUPS.items()}

    def store(options):
        hub.user("mallory").spawner.orm_spawner.user_options = options
        hub.app.db.commit()

    return Attackers(people["mallory"], people["root"], store)


@pytest.mark.parametrize("attack", ROWS)
async def test_the_answer_is_the_one_expected_and_there_is_no_pod(
    hub, cluster, attackers, attack: Attack
):
    hub.log.lines.clear()
    answer = await attackers.send(attack)
    assert answer.status in attack.status, answer
    assert cluster.made == []
    assert hub.failures == 0
    assert "Traceback" not in answer.text
    assert "<script>alert(1)" not in answer.text
    assert "<img src=x" not in answer.text
    if not attack.way.pages:
        assert answer.json["message"]


@pytest.mark.parametrize("odd", [pytest.param(row, id=name) for name, *row in odd_requests()])
async def test_an_odd_request_is_answered_and_starts_nothing(hub, cluster, attackers, odd):
    path, body, statuses = odd
    method = "GET" if body is None else "POST"
    answer = await attackers.mallory.browse(method, path, data=body)
    assert answer.status in statuses, answer
    assert cluster.made == []
    assert hub.failures == 0


async def test_another_persons_server_is_out_of_reach(hub, cluster, attackers):
    for server in ("", "other"):
        answer = await attackers.mallory.start({"profile": "secret"}, server, "bob")
        assert answer.status in {403, 404}
        assert answer.json["message"]
    assert cluster.made == []
