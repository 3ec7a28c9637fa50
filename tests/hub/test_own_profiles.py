"""A hub with nothing but an admin's own profile_list: every way in passes the one gate."""

import pytest
import pytest_asyncio

from teamspawner.offers.profiles import NOT_YOURS
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

IMAGES = {
    "display_name": "Image",
    "choices": {
        "base": {"display_name": "Base", "kubespawner_override": {"image": "base:1"}},
        "big": {"display_name": "Big", "kubespawner_override": {"image": "big:1"}},
    },
    "unlisted_choice": {
        "enabled": True,
        "validation_regex": "ok/[a-z]+",
        "kubespawner_override": {"image": "{value}"},
    },
}
PROFILES = [
    {
        "slug": "cpu",
        "display_name": "CPU",
        "kubespawner_override": {"cpu_guarantee": 1, "mem_guarantee": "1G"},
        "profile_options": {"image": IMAGES},
    },
    {
        "slug": "gpu",
        "display_name": "GPU",
        "allowed_groups": ["physics"],
        "kubespawner_override": {"extra_resource_limits": {"nvidia.com/gpu": "1"}},
    },
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    spawner = {
        "namespace": "hub",
        "port": cluster.port,
        "image": "none:1",
        "storage_pvc_ensure": False,
        "profile_list": PROFILES,
    }
    await cluster.add_node("gpu-1", nvidia_com__gpu=4)
    folder = tmp_path_factory.mktemp("hub")
    async with a_hub(folder, KubeSpawner=spawner, TeamSpawner={"dry_run": False}) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def ada(hub, request):
    """Somebody new for each test, in no group."""
    return await hub.someone(f"ada{abs(hash(request.node.nodeid)) % 10**8}")


async def container_of(cluster, person):
    pods = {
        pod["metadata"]["annotations"]["hub.jupyter.org/username"]: pod
        for pod in await cluster.pods()
    }
    return pods[person.name]["spec"]["containers"][0]


async def test_a_start_gets_what_was_chosen(cluster, ada):
    assert (await ada.start({"profile": "cpu", "image": "big"})).status == 201
    container = await container_of(cluster, ada)
    assert container["image"] == "big:1"
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "1073741824"}
    assert (await ada.stop()).status == 204


async def test_a_start_without_options_gets_the_default_of_each(cluster, ada):
    assert (await ada.start()).status == 201
    assert (await container_of(cluster, ada))["image"] == "base:1"
    await ada.stop()


async def test_what_was_started_is_stored_in_canonical_form(hub, ada):
    await ada.start({"profile": "cpu", "junk": {"a": [1]}, "image--unlisted-choice": "ok/x"})
    model = (await ada.call("GET", f"/users/{ada.name}?include_stopped_servers")).json
    assert model["servers"][""]["user_options"] == {
        "profile": "cpu",
        "image--unlisted-choice": "ok/x",
    }
    await ada.stop()


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param({"profile": "gpu"}, 403, id="someone-elses-profile"),
        pytest.param({"profile": "nope"}, 403, id="no-such-profile"),
        pytest.param({"image--unlisted-choice": "evil/x"}, 400, id="free-text-without-profile"),
        pytest.param({"image--unlisted-choice": "ok/x; id"}, 400, id="free-text-with-a-tail"),
        pytest.param({"image": ["base"]}, 400, id="choice-as-list"),
        pytest.param({"profile": {"slug": "cpu"}}, 400, id="profile-as-object"),
    ],
)
async def test_what_is_not_offered_is_refused_with_a_sentence_and_no_pod(
    cluster, ada, options, status
):
    before = len(cluster.made)
    answer = await ada.start(options)
    assert answer.status == status
    assert answer.json["message"].endswith(".")
    assert len(cluster.made) == before


async def test_a_hidden_profile_is_refused_in_the_words_of_a_missing_one(ada):
    said = [(await ada.start({"profile": slug})).json["message"] for slug in ("gpu", "nope")]
    assert said == [NOT_YOURS, NOT_YOURS]


async def test_the_form_shows_the_sentence(ada):
    answer = await ada.settled(await ada.post_form("/hub/spawn", {"profile": "gpu"}))
    assert answer.status == 403
    assert NOT_YOURS in answer.text


async def test_refused_options_do_not_bite_the_next_start(ada):
    assert (await ada.start({"profile": "gpu"})).status == 403
    assert (await ada.start()).status == 201
    await ada.stop()


async def test_a_group_given_meanwhile_counts_at_once_and_one_taken_away_too(hub, ada):
    hub.put_in(ada.name, "physics")
    assert (await ada.start({"profile": "gpu"})).status == 201
    await ada.stop()
    hub.put_in(ada.name)
    assert (await ada.start({"profile": "gpu"})).status == 403


async def test_nothing_of_an_earlier_choice_stays(hub, cluster, ada):
    hub.put_in(ada.name, "physics")
    await ada.start({"profile": "gpu"})
    await ada.stop()
    await ada.start({"profile": "cpu"})
    assert "nvidia.com/gpu" not in str((await container_of(cluster, ada))["resources"])
    await ada.stop()


async def test_a_named_server_passes_the_same_gate(ada):
    assert (await ada.start({"profile": "gpu"}, server="other")).status == 403
    assert (await ada.start({"profile": "cpu"}, server="other")).status == 201
    await ada.stop("other")


async def test_an_admin_starting_for_someone_gets_what_that_one_may_have(hub, ada):
    root = await hub.someone("root", "physics")
    assert (await root.start({"profile": "gpu"}, who=ada.name)).status == 403
    assert (await root.start({"profile": "cpu"}, who=ada.name)).status == 201
    await ada.stop()


async def test_a_request_too_large_to_be_honest_is_refused(ada):
    assert (await ada.start({"profile": "cpu", "junk": "x" * 100_000})).status == 413


async def test_refusals_write_no_traceback_and_no_token(hub, ada):
    hub.log.lines.clear()
    await ada.start({"profile": "nope"})
    await ada.settled(await ada.post_form("/hub/spawn", {"profile": "nope"}))
    await ada.browse("GET", "/hub/spawn?profile=nope")
    assert "Traceback" not in hub.log.text
    assert "API_TOKEN" not in hub.log.text
