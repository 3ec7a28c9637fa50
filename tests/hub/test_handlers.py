"""What the spawn page asks of the hub: whose offers, files, another choice while waiting."""

import asyncio

import pytest
import pytest_asyncio

from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

OFFERS = "/teamspawner/offers"
PROFILES = [
    {
        "slug": "small",
        "display_name": "Small",
        "kubespawner_override": {"cpu_guarantee": 1, "mem_guarantee": "1G"},
    },
    {
        "slug": "large",
        "display_name": "Large",
        "kubespawner_override": {"cpu_guarantee": 2, "mem_guarantee": "1G"},
    },
    {
        "slug": "secret",
        "display_name": "Secret",
        "allowed_groups": ["physics"],
        "kubespawner_override": {"cpu_guarantee": 2, "mem_guarantee": "1G"},
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
        "start_timeout": 60,
    }
    folder = tmp_path_factory.mktemp("hub")
    settings = {"dry_run": False}
    async with a_hub(folder, KubeSpawner=spawner, TeamSpawner=settings) as running:
        running.app.tornado_settings["slow_spawn_timeout"] = 1
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def ada(hub, request):
    return await hub.someone(f"ada{abs(hash(request.node.nodeid)) % 10**8}")


async def test_the_offers_of_a_token_are_its_owners(hub, ada):
    answer = await ada.call("GET", OFFERS)
    assert answer.status == 200
    assert answer.json["user"] == ada.name
    assert [offer["slug"] for offer in answer.json["offers"]] == ["small", "large"]
    bob = await hub.someone("bob", "physics")
    assert [o["slug"] for o in (await bob.call("GET", OFFERS)).json["offers"]][-1] == "secret"


async def test_without_login_the_answer_is_403_in_json(hub):
    stranger = await hub.someone("stranger")
    stranger.session.cookie_jar.clear()
    answer = await stranger.browse("GET", f"/hub/api{OFFERS}")
    assert answer.status == 403
    assert "Sign in" in answer.json["message"]


async def test_a_session_needs_the_token_against_forged_requests(ada):
    headers = {"Sec-Fetch-Mode": "cors"}
    assert (await ada.browse("GET", f"/hub/api{OFFERS}", headers=headers)).status == 403
    headers["X-XSRFToken"] = ada.xsrf
    assert (await ada.browse("GET", f"/hub/api{OFFERS}", headers=headers)).status == 200


async def test_nobody_sees_another_persons_offers_but_an_admin(hub, ada):
    eve = await hub.someone("eve")
    answer = await eve.call("GET", f"{OFFERS}?user={ada.name}")
    assert answer.status == 404
    root = await hub.someone("root")
    answer = await root.call("GET", f"{OFFERS}?user={ada.name}")
    assert (answer.status, answer.json["user"]) == (200, ada.name)


async def test_a_token_without_the_right_to_see_servers_is_refused(hub, ada):
    token = hub.user(ada.name).new_api_token(scopes=["read:users:name!user"])
    headers = {"Authorization": f"token {token}"}
    ada.session.cookie_jar.clear()
    answer = await ada.browse("GET", f"/hub/api{OFFERS}", headers=headers)
    assert answer.status in {403, 404}


@pytest.mark.parametrize("query", ["server=nope", "user=nobody", "user=%3Cb%3E"])
async def test_a_server_that_is_not_there_is_404_and_is_not_made(hub, ada, query):
    answer = await ada.call("GET", f"{OFFERS}?{query}")
    assert answer.status == 404
    assert list(hub.user(ada.name).orm_user.orm_spawners) in ([], [""])


async def test_the_form_can_be_had_again_as_html(ada):
    headers = {"X-XSRFToken": ada.xsrf, "Accept": "text/html"}
    answer = await ada.browse("GET", f"/hub/api{OFFERS}", headers=headers)
    assert answer.status == 200
    assert 'id="teamspawner"' in answer.text
    assert "Small" in answer.text


async def test_the_spawn_page_holds_the_form_once_with_its_files(hub, ada):
    page = await ada.browse("GET", "/hub/spawn")
    assert page.text.count('id="teamspawner"') == 1
    assert "<h1>Start a server</h1>" in page.text
    assert "Server Options" not in page.text
    for name in ("page.css", "page.js", "pending.js"):
        answer = await ada.browse("GET", f"/hub/teamspawner/static/{name}")
        assert answer.status == 200
        assert name in page.text or name == "pending.js"


@pytest.mark.parametrize("path", ["../render.py", "..%2frender.py", "nope.css", ""])
async def test_no_other_file_is_served(ada, path):
    answer = await ada.browse("GET", f"/hub/teamspawner/static/{path}")
    assert answer.status in {403, 404}


async def waiting(cluster, person, slug="large"):
    """Let this person wait for a server that no node takes."""
    cluster.placed = lambda _pod: None
    answer = await person.post_form("/hub/spawn", {"profile": slug})
    assert answer.status == 302, answer


async def settled(check):
    for _ in range(100):
        if check():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("never so")


async def test_who_waits_sees_plain_words_and_ways_out(cluster, hub, ada):
    await waiting(cluster, ada)
    page = await ada.browse("GET", f"/hub/spawn-pending/{ada.name}")
    assert "Your server is starting" in page.text
    assert f'action="/hub/teamspawner/instead/{ada.name}"' in page.text
    assert "pending.js" in page.text
    await ada.stop()


async def test_who_waits_takes_another_choice_in_one_step(cluster, hub, ada):
    await waiting(cluster, ada)
    cluster.placed = lambda _pod: "node-1"
    answer = await ada.post_form(f"/hub/teamspawner/instead/{ada.name}", {"profile": "small"})
    assert answer.status == 302, answer
    spawner = hub.user(ada.name).spawners[""]
    await settled(lambda: spawner.ready)
    assert spawner.user_options == {"profile": "small"}
    pods = [pod["spec"]["containers"][0] for pod in await cluster.pods() if ada.name in str(pod)]
    assert [pod["resources"]["requests"]["cpu"] for pod in pods] == ["1"]
    await ada.stop()


async def test_who_waits_can_stop_and_choose_again(cluster, hub, ada):
    await waiting(cluster, ada)
    answer = await ada.post_form(f"/hub/teamspawner/instead/{ada.name}", {})
    assert answer.status == 302
    page = await ada.browse("GET", f"/hub/spawn/{ada.name}")
    assert 'id="teamspawner"' in page.text
    assert not [pod for pod in await cluster.pods() if ada.name in str(pod)]
    assert hub.failures == 0


async def test_another_choice_passes_the_same_gate(cluster, hub, ada):
    await waiting(cluster, ada)
    instead = f"/hub/teamspawner/instead/{ada.name}"
    answer = await ada.settled(await ada.post_form(instead, {"profile": "secret"}))
    assert answer.status == 403
    assert not [pod for pod in await cluster.pods() if ada.name in str(pod)]


async def test_nobody_stops_what_is_not_theirs(cluster, hub, ada):
    await waiting(cluster, ada)
    eve = await hub.someone("eve")
    answer = await eve.post_form(f"/hub/teamspawner/instead/{ada.name}", {"profile": "small"})
    assert answer.status == 404
    assert hub.user(ada.name).spawners[""].pending == "spawn"
    await ada.stop()


async def test_a_link_stops_nothing(cluster, hub, ada):
    await waiting(cluster, ada)
    answer = await ada.browse("GET", f"/hub/teamspawner/instead/{ada.name}?profile=small")
    assert answer.status == 302
    assert hub.user(ada.name).spawners[""].pending == "spawn"
    await ada.stop()


async def test_a_form_of_another_site_stops_nothing(cluster, hub, ada):
    await waiting(cluster, ada)
    answer = await ada.browse("POST", f"/hub/teamspawner/instead/{ada.name}", data={})
    assert answer.status == 403
    assert hub.user(ada.name).spawners[""].pending == "spawn"
    await ada.stop()


async def test_an_open_page_is_told_when_to_ask_again(hub, ada):
    await ada.browse("GET", "/hub/home")
    headers = {"Accept": "text/html", "X-XSRFToken": ada.xsrf}
    for more in (headers, {**headers, "Accept": "application/json"}):
        async with ada.session.get(f"{hub.url}/hub/api{OFFERS}", headers=more) as answer:
            assert answer.status == 200
            assert float(answer.headers["X-TeamSpawner-Ask-Again"]) == 5.0
