"""Hubs without map or list, with the stock form, and with lists made by a function."""

import asyncio

import pytest

from teamspawner.hub.known import UNLISTED
from teamspawner.offers.notices import BROKEN
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]


def nothing(_spawner):
    return []


async def as_dictionary(_spawner):
    return {
        "b": {"slug": "big", "display_name": "<b>Big</b>"},
        "a": {"slug": "small", "display_name": "Small"},
    }


def kube(cluster, **more):
    return {
        "namespace": "hub",
        "port": cluster.port,
        "image": "x",
        "storage_pvc_ensure": False,
        **more,
    }


async def test_without_map_and_list_there_is_one_judged_offer_the_plain_server(cluster, tmp_path):
    async with a_hub(tmp_path, KubeSpawner=kube(cluster, profile_list=[], cpu_guarantee=1)) as hub:
        ada = await hub.someone("ada")
        (offer,) = (await ada.call("GET", "/teamspawner/offers")).json["offers"]
        assert (offer["verdict"], offer["requests"]["cpu_millicores"]) == ("FITS_NOW", 1000)
        page = await ada.browse("GET", "/hub/spawn")
        assert page.status == 200
        assert (await ada.start()).status == 201
        await ada.stop()


async def test_a_link_that_names_nothing_to_start_opens_the_page(cluster, tmp_path):
    async with a_hub(tmp_path, KubeSpawner=kube(cluster, cpu_guarantee=1)) as hub:
        ada = await hub.someone("ada")
        before = len(cluster.made)
        page = await ada.browse("GET", "/hub/spawn?colour=red")
        assert (page.status, page.location) == (200, "")
        assert len(cluster.made) == before
        assert (await ada.browse("GET", "/hub/spawn?profile=default")).status == 302
        await ada.stop()


async def test_a_link_to_an_own_profile_with_a_gpu_opens_the_page(cluster, tmp_path):
    override = {"extra_resource_limits": {"nvidia.com/gpu": "1"}}
    gpu = {"slug": "g", "display_name": "G", "kubespawner_override": override}
    async with a_hub(tmp_path, KubeSpawner=kube(cluster, profile_list=[gpu])) as hub:
        ada = await hub.someone("ada")
        before = len(cluster.made)
        assert (await ada.browse("GET", "/hub/spawn?profile=g")).status == 200
        assert len(cluster.made) == before


async def test_two_who_start_at_once_do_not_both_get_the_last_room(cluster, tmp_path):
    async with a_hub(tmp_path, KubeSpawner=kube(cluster, cpu_guarantee=15)) as hub:
        people = [await hub.someone(name) for name in ("ada", "bob")]
        answers = await asyncio.gather(*(person.start() for person in people))
        assert sorted(answer.status for answer in answers) == [201, 409]
        for person in people:
            await person.stop()


async def test_a_plain_server_too_large_for_the_cluster_is_refused(cluster, tmp_path):
    async with a_hub(tmp_path, KubeSpawner=kube(cluster, cpu_guarantee=1000)) as hub:
        ada = await hub.someone("ada")
        assert (await ada.start()).status == 409


async def test_a_function_that_lists_nothing_refuses_and_starts_no_plain_server(cluster, tmp_path):
    async with a_hub(tmp_path, KubeSpawner=kube(cluster, profile_list=nothing)) as hub:
        ada = await hub.someone("ada")
        assert (await ada.browse("GET", "/hub/spawn")).status == 200
        for options in (None, {}, {"profile": "default"}):
            assert (await ada.start(options)).status == 403
        assert not any("ada" in pod["metadata"]["name"] for pod in await cluster.pods())


def raising(_spawner):
    raise RuntimeError("the password of the directory is hunter2")


@pytest.mark.parametrize("fails", [False, True], ids=["as-before", "the-list-fails-by-now"])
async def test_a_start_that_finds_no_room_is_refused_in_words_whatever_the_list_does(
    cluster, tmp_path, fails
):
    lists = [
        {"slug": slug, "display_name": slug.upper(), "kubespawner_override": {"cpu_guarantee": n}}
        for slug, n in (("s", 2), ("t", 1))
    ]
    asked = []

    def profiles(_spawner):
        if fails and asked:
            raise RuntimeError("away by now")
        return lists

    cluster.placed = asked.append
    settings = kube(cluster, profile_list=profiles)
    team = {"unschedulable_grace": 1.0}
    async with a_hub(tmp_path, KubeSpawner=settings, TeamSpawner=team) as hub:
        ada = await hub.someone("ada")
        answer = await ada.start({"profile": "s"})
        cluster.back_to_normal()
        said = "No machine has room for this server now."
        more = "" if fails else " Nearest that fits: T."
        assert (answer.status, answer.json["message"]) == (409, said + more)
        assert hub.failures == 0


def unnamed(_spawner):
    return [{"kubespawner_override": {}}]


@pytest.mark.parametrize("profiles", [raising, unnamed], ids=["raises", "lists-nonsense"])
async def test_a_function_that_fails_refuses_in_words_and_counts_as_no_failure(
    cluster, tmp_path, profiles
):
    async with a_hub(tmp_path, KubeSpawner=kube(cluster, profile_list=profiles)) as hub:
        ada = await hub.someone("ada")
        answers = [
            await ada.browse("GET", "/hub/spawn"),
            await ada.settled(await ada.browse("GET", "/hub/spawn?profile=x")),
            await ada.settled(await ada.post_form("/hub/spawn", {"profile": "x"})),
            await ada.call("GET", "/teamspawner/offers"),
            await ada.start(),
            await ada.start({"profile": "x"}),
        ]
        assert {each.status for each in answers} == {503}
        assert all(BROKEN in each.text for each in answers)
        assert not any("hunter2" in each.text for each in answers)
        assert hub.failures == 0
        told = [line for line in hub.log.lines if "profile_list cannot be used" in line]
        assert len(told) == 1


async def test_beside_a_map_only_what_a_failing_function_would_list_is_refused(cluster, tmp_path):
    the_map = {
        "tiers": {"small": {"cpu": 1, "memory": "1Gi"}},
        "teams": {"all": {"groups": ["*"], "tiers": ["small"]}},
    }
    settings = {"KubeSpawner": kube(cluster, profile_list=raising)}
    async with a_hub(tmp_path, **settings, TeamSpawner={"map": the_map}) as hub:
        ada = await hub.someone("ada")
        page = await ada.browse("GET", "/hub/spawn")
        assert (page.status, UNLISTED in page.text) == (200, True)
        for answer in (
            await ada.start({"profile": "own"}),
            await ada.settled(await ada.post_form("/hub/spawn", {"profile": "own"})),
            await ada.settled(await ada.browse("GET", "/hub/spawn?profile=own")),
        ):
            assert (answer.status, UNLISTED in answer.text) == (503, True)
        assert (await ada.start({"profile": "small"})).status == 201
        assert (await ada.stop()).status == 204
        assert hub.failures == 0


async def test_a_list_made_as_a_dictionary_is_sorted_by_its_keys(cluster, tmp_path):
    async with a_hub(tmp_path, KubeSpawner=kube(cluster, profile_list=as_dictionary)) as hub:
        ada = await hub.someone("ada")
        offers = (await ada.call("GET", "/teamspawner/offers")).json["offers"]
        assert [each["slug"] for each in offers] == ["small", "big"]
        assert "<b>Big</b>" not in (await ada.browse("GET", "/hub/spawn")).text


async def test_kubespawners_own_form_shows_verdicts_in_its_descriptions(cluster, tmp_path):
    profiles = [
        {
            "slug": "small",
            "display_name": "Small",
            "description": "For a start.",
            "kubespawner_override": {"cpu_guarantee": 1, "environment": {"SECRET": "hush"}},
        },
        {
            "slug": "vast",
            "display_name": "Vast",
            "kubespawner_override": {"cpu_guarantee": 1000},
        },
    ]
    shown = "{% for p in profile_list %}[{{ p.slug }}: {{ p.description }}]{% endfor %}"
    form = shown + "{{ profile_list|tojson }}"
    settings = kube(cluster, profile_list=profiles, profile_form_template=form)
    async with a_hub(tmp_path, KubeSpawner=settings) as hub:
        ada = await hub.someone("ada")
        page = (await ada.browse("GET", "/hub/spawn")).text
        assert "[small: For a start. Free now" in page
        assert "No machine is large enough" in page
        assert "hush" not in page
        assert (await ada.post_form("/hub/spawn", {"profile": "small"})).status == 302
        await ada.stop()
