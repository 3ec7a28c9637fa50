"""The map's file: read again when it changes, and never the end of a running hub."""

import pytest
import pytest_asyncio

from teamspawner.hub import metrics
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

GOOD = """
version: 1
tiers: {small: {name: Small, cpu: 1, memory: 1Gi}}
teams: {everyone: {groups: ["*"], tiers: [small]}}
"""
WIDER = GOOD.replace("{small:", "{large: {name: Large, cpu: 2, memory: 2Gi}, small:").replace(
    "tiers: [small]", "tiers: [small, large]"
)
WRONG = GOOD.replace("cpu: 1", "cpu: lots")
BROKEN = "The list of what may be started is broken; tell the people who run this hub."


def write(path, text):
    """Swap the file as a mounted ConfigMap is swapped."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("map") / "map.yaml"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, path, tmp_path_factory):
    write(path, WRONG)
    kube = {
        "namespace": "hub",
        "port": cluster.port,
        "image": "none:1",
        "storage_pvc_ensure": False,
        "profile_list": [{"slug": "own", "display_name": "Own"}],
    }
    team = {"map_file": str(path), "dry_run": False}
    async with a_hub(tmp_path_factory.mktemp("hub"), KubeSpawner=kube, TeamSpawner=team) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(hub):
    return await hub.someone("ada")


async def verdicts(person):
    found = (await person.call("GET", "/teamspawner/offers")).json
    return {each["slug"]: each["verdict"] for each in found["offers"]}


async def slugs(person):
    found = (await person.call("GET", "/teamspawner/offers")).json
    return [each["slug"] for each in found["offers"]]


async def test_with_no_good_map_the_hub_runs_and_everything_is_refused_with_a_sentence(ada):
    page = await ada.browse("GET", "/hub/spawn")
    assert (page.status, BROKEN in page.text) == (200, True)
    for options in ({"profile": "small"}, {"profile": "own"}, {}):
        answer = await ada.start(options)
        assert (answer.status, answer.json["message"]) == (503, BROKEN)


async def test_a_repaired_map_comes_into_force_by_itself(ada, path):
    write(path, GOOD)
    assert await slugs(ada) == ["small", "own"]
    assert (await ada.start({"profile": "small"})).status == 201
    await ada.stop()


async def test_a_changed_map_comes_into_force_by_itself(ada, path):
    write(path, WIDER)
    assert set(await slugs(ada)) == {"small", "large", "own"}


async def test_a_tier_that_was_resized_is_judged_by_its_new_size_at_once(ada, path):
    assert (await verdicts(ada))["small"] == "FITS_NOW"
    write(path, WIDER.replace("cpu: 1", "cpu: 1000"))
    assert (await verdicts(ada))["small"] == "NEVER"
    write(path, WIDER)
    assert (await verdicts(ada))["small"] == "FITS_NOW"


async def test_after_a_wrong_edit_the_last_good_map_holds_and_the_fault_is_told_once(
    hub, ada, path
):
    hub.log.lines.clear()
    write(path, WRONG)
    assert set(await slugs(ada)) == {"small", "large", "own"}
    await slugs(ada)
    told = {line for line in hub.log.lines if "The map is wrong" in line}
    assert len(told) == 1
    assert "cpu" in told.pop()


async def test_a_file_that_goes_away_changes_nothing(ada, path):
    path.unlink()
    assert set(await slugs(ada)) == {"small", "large", "own"}


async def test_metrics_tell_of_no_tier_that_an_edit_took_away(ada, path):
    def told():
        counters = (metrics.OFFERS, metrics.REFUSALS)
        samples = (each for one in counters for each in one.collect()[0].samples)
        return {each.labels["tier"] for each in samples} & {"passing", "small", "own"}

    write(path, WIDER.replace("large", "passing"))
    assert set(await slugs(ada)) == {"passing", "small", "own"}
    assert told() == {"passing", "small", "own"}
    write(path, GOOD)
    await slugs(ada)
    assert told() == {"small", "own"}


async def test_nothing_is_kept_of_sizes_that_edits_took_away(hub, ada, path):
    held = []
    for cpus in range(1, 7):
        write(path, GOOD.replace("cpu: 1", f"cpu: {cpus}"))
        assert await slugs(ada) == ["small", "own"]
        held.append(len(hub.user("ada").spawner.gate._known.shared().index._sizes._held))
    assert held[-1] == held[0]
