"""Random starts and stops on a hub whose watch goes blind now and then: no cap is ever passed."""

import asyncio
import random

import pytest
import pytest_asyncio

from teamspawner.hub.shared import shared_by
from tests.hub.hubs import a_hub
from tests.hub.test_blind import PODS, blind, nothing_is_left, sighted, until
from tests.hub.test_hub_machine import SERVERS, TEAM_GPUS, held
from tests.hub.test_starts import A100, GPU, MAP

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("default"),
    pytest.mark.slow,
]

ROUNDS = 14
WANTED = ({"profile": GPU}, {"profile": GPU, "gpus": "2"}, {"profile": "small"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    await cluster.add_node("gpu-1", cpu="64", labels=A100, nvidia_com__gpu=8)
    kube = {"namespace": "hub", "port": cluster.port, "image": "x", "storage_pvc_ensure": False}
    settings = {"map": MAP, "start_timeout": 3}
    brief = {"tornado_settings": {"slow_spawn_timeout": 60, "slow_stop_timeout": 5}}
    folder = tmp_path_factory.mktemp("hub")
    async with a_hub(folder, KubeSpawner=kube, TeamSpawner=settings, JupyterHub=brief) as running:
        yield running


class Beside:
    """Binds pods while the kubelet is blind, and looks at all pods all the time."""

    def __init__(self, cluster):
        self.cluster, self.blind = cluster, False
        self.most_gpus = self.most_servers = 0

    async def go_on(self):
        while True:
            pods = await self.cluster.pods()
            gpus, servers = held(pods)
            self.most_gpus = max(gpus, self.most_gpus)
            self.most_servers = max(self.most_servers, *servers.values(), 0)
            for pod in pods if self.blind else ():
                await self.bind(pod)
            await asyncio.sleep(0.03)

    async def bind(self, pod):
        name, node = pod["metadata"]["name"], self.cluster.placed(pod)
        if not pod["spec"].get("nodeName"):
            binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
            await self.cluster.api.create(f"{PODS}/{name}/binding", binding)


async def test_no_cap_is_passed_whoever_is_blind(hub, cluster):
    dice = random.Random(3)
    people = [await hub.someone(name, "arts") for name in ("ada", "bob")]
    beside = Beside(cluster)
    looking = asyncio.ensure_future(beside.go_on())
    answers = set()

    async def act(person):
        server = dice.choice(["", "other", "third"])
        if dice.random() < 0.3:
            return (await person.stop(server)).status
        await asyncio.sleep(dice.random() / 5)
        answer = await person.start(dice.choice(WANTED), server)
        answers.add(answer.status)
        return answer.status

    for _ in range(ROUNDS):
        beside.blind = dice.random() < 0.6
        await blind(cluster) if beside.blind else sighted(cluster)
        await asyncio.gather(*(act(person) for person in people for _ in range(2)))
        assert not looking.done() or looking.result()
        assert beside.most_gpus <= TEAM_GPUS
        assert beside.most_servers <= SERVERS
    beside.blind = False
    sighted(cluster)
    for person in people:
        for server in list(hub.user(person.name).spawners):
            await person.stop(server)
    await until(lambda: nothing_is_left(hub, cluster), 60)
    looking.cancel()
    assert answers >= {201, 409, 500}
    assert not len(shared_by(hub.user("ada").spawner).ledger)
