"""A few hundred random things that people do to a real hub, several at once, from one seed."""

import asyncio
import random
from collections import Counter

import pytest
import pytest_asyncio

from teamspawner.hub.shared import shared_by
from tests.hub.hubs import a_hub
from tests.hub.test_starts import A100, GPU, MAP

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("default"),
    pytest.mark.slow,
]

NAMES = ("ada", "bob", "cyd", "dan", "eve")
ROUNDS, AT_ONCE = 50, 4
TEAM_GPUS, SERVERS = 3, 2
ANSWERS = {
    "start": {201, 202, 400, 403, 409, 503},
    "stop": {202, 204, 400, 404},
    "page": {200, 302},
    "move": {200},
}
WANTED = (
    {"profile": GPU},
    {"profile": GPU, "gpus": "2"},
    {"profile": "small"},
    {"profile": "patient"},
    {"profile": "nothing"},
    {"profile": GPU, "gpus": 2},
    None,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    await cluster.add_node("gpu-1", cpu="64", labels=A100, nvidia_com__gpu=8)
    kube = {"namespace": "hub", "port": cluster.port, "image": "x", "storage_pvc_ensure": False}
    kube["consecutive_failure_limit"] = 5
    settings = {"map": MAP, "unschedulable_grace": 0.5}
    folder = tmp_path_factory.mktemp("hub")
    async with a_hub(folder, KubeSpawner=kube, TeamSpawner=settings) as running:
        yield running


class Doings:
    """What a person may do next; each returns its kind and the answer's status."""

    def __init__(self, hub, dice):
        self.hub, self.dice = hub, dice

    async def start(self, person):
        return (await person.start(self.dice.choice(WANTED), self.server())).status

    async def stop(self, person):
        return (await person.stop(self.server())).status

    async def page(self, person):
        return (await person.browse("GET", f"/hub/spawn/{person.name}")).status

    async def move(self, person):
        self.hub.put_in(person.name, *self.dice.choice([("arts",), ("arts",), ()]))
        return 200

    def server(self):
        return self.dice.choice(["", "", "other", "third"])


async def quiet(hub, people):
    """Wait until nothing is pending; a start that waits for room is stopped."""
    for _ in range(400):
        pending = [
            spawner
            for person in people
            for spawner in hub.user(person.name).spawners.values()
            if spawner.pending
        ]
        if not pending:
            return
        for spawner in pending:
            if spawner.pending == "spawn" and spawner.gate.wait_s:
                spawner.give_up()
        await asyncio.sleep(0.05)
    raise AssertionError(pending)


def held(pods):
    """Devices of the team, and servers by person, by what the pods themselves ask for."""
    gpus, servers = Counter(), Counter()
    for pod in pods:
        if pod["status"]["phase"] == "Failed":
            continue  # KubeSpawner leaves it; it holds nothing any more
        limits = pod["spec"]["containers"][0]["resources"].get("limits") or {}
        gpus[pod["metadata"]["labels"]["teamspawner/team"]] += int(limits.get("nvidia.com/gpu", 0))
        servers[pod["metadata"]["annotations"]["hub.jupyter.org/username"]] += 1
    return gpus["arts"], servers


@pytest.mark.parametrize("seed", [7, 2026])
async def test_caps_hold_nothing_is_kept_and_the_numbers_are_right_whatever_people_do(
    hub, cluster, seed
):
    dice = random.Random(seed)
    people = [await hub.someone(name, "arts") for name in NAMES]
    shared, doings = shared_by(hub.user("ada").spawner), Doings(hub, dice)
    seen = Counter()
    for _ in range(ROUNDS):
        fate = dice.choice(["well", "well", "well", "fails", "finds no room"])
        cluster.back_to_normal()
        if fate == "fails":
            cluster.shown = lambda _pod: {"phase": "Failed"}
        elif fate == "finds no room":
            cluster.placed = lambda _pod: None
        kinds = dice.choices(["start", "stop", "page", "move"], [5, 4, 2, 1], k=AT_ONCE)
        who = dice.sample(people, AT_ONCE - 1)
        who.append(who[0])  # one of them does two things at once
        done = await asyncio.gather(
            *(getattr(doings, kind)(person) for kind, person in zip(kinds, who, strict=True))
        )
        for kind, status in zip(kinds, done, strict=True):
            # stopped before the spawner was asked, a start gets JupyterHub's own 500
            interrupted = {500} if "stop" in kinds else set()
            assert status in ANSWERS[kind] | interrupted, (kind, status)
            seen[kind, status] += 1
        gpus, servers = held(await cluster.pods())
        assert gpus <= TEAM_GPUS
        assert max(servers.values(), default=0) <= SERVERS
        await quiet(hub, people)
        await numbers_are_right(hub, cluster, shared, people)
    cluster.back_to_normal()
    assert hub.failures == 0
    assert "Traceback" not in hub.log.text
    assert {status for kind, status in seen if kind == "start"} >= {201, 400, 403, 409}
    for person in people:
        for server in list(hub.user(person.name).spawners):
            await person.stop(server)
    await quiet(hub, people)
    assert held(await cluster.pods()) == (0, {})


async def numbers_are_right(hub, cluster, shared, people):
    """The page counts what the pods say, once the watch has seen the last of them."""
    person = people[0]
    hub.put_in(person.name, "arts")
    for _ in range(60):
        pods = await cluster.pods()
        gpus, servers = held(pods)
        room = 0 if servers[person.name] >= SERVERS else TEAM_GPUS - gpus
        left = SERVERS - servers[person.name]
        told = (await person.call("GET", "/teamspawner/offers")).json["offers"]
        found = {o["options"]["gpus"]: o["count"] for o in told if o["slug"] == GPU}
        expected = {"1": min(room, left), "2": min(room // 2, left)}
        if found == expected and not len(shared.ledger):
            return
        await asyncio.sleep(0.1)
    shown = [
        (pod["metadata"]["name"], pod["metadata"].get("deletionTimestamp"), pod["status"])
        for pod in pods
    ]
    raise AssertionError((found, expected, len(shared.ledger), shown))
