"""The watch in foul weather: correct numbers afterwards, and the loop never frozen."""

from __future__ import annotations

import asyncio
import json
import logging
import time

import pytest
import pytest_asyncio
from aiohttp import web

from teamspawner.capacity.rules import Rules
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.source import KINDS, Settings
from teamspawner.cluster.watch import Watcher, for_loop
from teamspawner.sim.kubeconfig import Access, write_kubeconfig
from tests.core.broken import broken, nameless
from tests.core.raw import claim
from tests.edge.build import BRISK, a_node, a_pod, a_watcher, until, used
from tests.edge.fake_api import FakeApi, configuration

pytestmark = pytest.mark.asyncio


async def ready(api: FakeApi, watcher) -> None:
    """Wait until everything is seen and both watches are open."""
    assert await watcher.synced(5)
    await until(lambda: api.watching("pods") and api.watching("nodes"))


async def goes_on(api: FakeApi, watcher) -> None:
    """A pod that comes now is counted soon."""
    api.put("pods", a_pod("late", cpu="3"))
    await until(lambda: used(watcher) == 3000)


@pytest_asyncio.fixture(params=[True, False], ids=["protobuf", "json"])
async def api(request):
    async with FakeApi(binary=request.param) as server:
        server.put("nodes", a_node())
        yield server


@pytest_asyncio.fixture(params=[True, False], ids=["protobuf", "json"])
async def paged(request):
    async with FakeApi(streams=False, binary=request.param) as server:
        server.put("nodes", a_node())
        yield server


async def test_a_cut_goes_on_where_it_was_without_a_list(api):
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        api.cut("pods")
        api.put("pods", a_pod("between", cpu="2"))
        await until(lambda: used(watcher) == 2000)
        assert api.count("pods", "list", "stream") == 1


async def test_an_api_server_that_was_away_is_taken_up_again(api):
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        await api.down()
        await until(lambda: watcher.status().trouble)
        age = watcher.age_s()
        await asyncio.sleep(0.05)
        assert watcher.age_s() > age
        await api.up()
        await goes_on(api, watcher)
        await until(lambda: not watcher.status().trouble)


async def test_an_api_server_that_comes_late_is_waited_for():
    server = FakeApi()
    server.url = await unused()
    async with a_watcher(server) as watcher:
        assert not await watcher.synced(0.3)
        server.put("nodes", a_node())
        await server.up()
        await ready(server, watcher)
        await server.down()


async def unused() -> str:
    """An address where nobody listens yet."""
    server = FakeApi()
    await server.up()
    await server.down()
    return server.url


async def test_a_version_too_old_makes_the_list_again_and_forgets_what_is_gone(api):
    api.put("pods", a_pod("gone"))
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        api.delete("pods", "gone", "default", quietly=True)
        api.compact("pods")
        api.cut("pods")
        await until(lambda: used(watcher) == 0)
        assert api.count("pods", "list", "stream") == 2


async def test_gone_as_http_status_makes_the_list_again(api):
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        api.refuse("pods", "watch", 410)
        api.cut("pods")
        await goes_on(api, watcher)
        assert api.count("pods", "list", "stream") == 2


async def test_gone_in_the_middle_of_paging_begins_the_list_again(paged):
    for number in range(5):
        paged.put("pods", a_pod(f"p{number}"))
    calls = 0

    async def gone_once(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        paged.delete("pods", "p0", "default", quietly=True)
        return web.json_response({"code": 410}, status=410)

    original = paged._list

    async with a_watcher(paged, page=2) as watcher:
        paged._next["pods", "list"] = [_through(original), gone_once]
        await ready(paged, watcher)
        assert calls == 1
        assert used(watcher) == 4000


def _through(answer):
    async def handler(request: web.Request) -> web.StreamResponse:
        return answer("pods", dict(request.query))

    return handler


async def test_a_steady_cluster_is_never_listed_again(api):
    async with a_watcher(api, period_s=1, rights_s=1) as watcher:
        await ready(api, watcher)
        await asyncio.sleep(2.5)
        await goes_on(api, watcher)
        assert api.count("pods", "list", "stream") == 1
        assert api.count("pods", "watch") >= 1


async def test_too_many_requests_is_asked_again_after_the_time_named(paged):
    paged.refuse("pods", "list", 429, Retry_After="1")
    async with a_watcher(paged) as watcher:
        assert not await watcher.synced(0.8)
        assert await watcher.synced(3)
        assert paged.count("pods", "list") == 2


@pytest.mark.parametrize("status", [500, 503, 429, 504], ids=str)
async def test_errors_of_the_server_are_waited_out(paged, status):
    paged.refuse("pods", "list", status)
    paged.refuse("nodes", "list", status)
    async with a_watcher(paged) as watcher:
        await ready(paged, watcher)
        await goes_on(paged, watcher)


async def test_waits_between_tries_never_grow_beyond_the_longest(paged):
    for _ in range(12):
        paged.refuse("pods", "list", 500)
    async with a_watcher(paged, longest_wait_s=0.1) as watcher:
        assert await watcher.synced(3)


async def test_a_silent_connection_is_taken_as_cut(api):
    async with a_watcher(api, silence_s=0.5) as watcher:
        await ready(api, watcher)
        api.silence("pods")
        api.put("pods", a_pod("unheard", cpu="2"))
        await until(lambda: used(watcher) == 2000)
        assert api.count("pods", "list", "stream") == 1


async def test_bookmarks_keep_a_quiet_cluster_young():
    async with FakeApi() as api:
        api.bookmark_every = 0.1
        api.put("nodes", a_node())
        async with a_watcher(api, silence_s=1.0) as watcher:
            await ready(api, watcher)
            await asyncio.sleep(0.6)
            assert watcher.age_s() < 0.4
            assert api.count("pods", "watch") == 0


async def test_a_bookmark_with_nulls_alters_nothing_but_the_age(api):
    api.put("pods", a_pod("a"))
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        await asyncio.sleep(0.3)
        before = watcher.version
        api.bookmark("pods")
        api.bookmark("nodes")
        await until(lambda: watcher.age_s() < 0.2)
        assert watcher.version == before
        await until(lambda: not watcher.status().trouble)


async def test_half_an_object_is_a_cut_and_not_the_end(api):
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        await api.say("pods", b'{"type":"MODIFIED","object":{"metadata":{"na')
        api.cut("pods")
        await goes_on(api, watcher)
        assert api.count("pods", "list", "stream") == 1


async def test_text_that_is_no_json_twice_at_one_place_makes_the_list_again(api):
    async with a_watcher(api) as watcher:
        await ready(api, watcher)

        async def nonsense(request: web.Request) -> web.StreamResponse:
            return web.Response(body=b"<html>the proxy is sorry</html>\n")

        api.once("pods", "watch", nonsense)
        await api.say("pods", b"<html>\n")
        await goes_on(api, watcher)
        assert api.count("pods", "list", "stream") == 2


async def test_half_a_page_is_asked_for_again(paged):
    async def half(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b'{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[{')

    paged.put("pods", a_pod("a"))
    paged.once("pods", "list", half)
    async with a_watcher(paged) as watcher:
        await ready(paged, watcher)
        assert used(watcher) == 1000


ODD = {
    "a quantity that is none": a_pod("odd", cpu="much"),
    "metadata null": {"metadata": None},
}
ODD_JSON = {
    "a name of the wrong type": {"metadata": {"name": 7, "uid": "u"}, "spec": {}},
    "no uid": {"metadata": {"name": "odd", "namespace": "default"}, "spec": {"nodeName": "n1"}},
    "containers that are a text": a_pod("odd", spec={"containers": "none"}),
}
CASES = [
    *(pytest.param(odd, False, id=f"{name}, json") for name, odd in {**ODD, **ODD_JSON}.items()),
    *(pytest.param(odd, True, id=f"{name}, protobuf") for name, odd in ODD.items()),
]


@pytest.mark.parametrize(("odd", "binary"), CASES)
@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "paged"])
async def test_an_odd_object_is_left_out_and_counted(odd, streams, binary):
    async with FakeApi(streams=streams, binary=binary) as api:
        api.put("nodes", a_node())
        api.put("pods", a_pod("good"))
        api._objects["pods"]["odd"] = odd
        async with a_watcher(api) as watcher:
            await ready(api, watcher)
            assert used(watcher) == 1000
            kind = watcher.status().kinds["pods"]
            assert kind.odd == len(kind.named) == 1
            assert kind.lists == 1


async def test_an_object_without_status_is_no_fault(api):
    pod = a_pod("bare")
    api.put("pods", {**pod, "status": None})
    api.put("nodes", {**a_node("n2"), "status": None})
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        assert used(watcher) == 1000
        assert "n2" in watcher.snapshot().nodes


async def test_what_was_known_of_a_pod_is_not_shown_as_new_once_it_cannot_be_read(api):
    api.put("pods", a_pod("a"))
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        api.put("pods", a_pod("a", cpu="1x"))
        await until(lambda: watcher.status().kinds["pods"].odd)
        snapshot = watcher.snapshot()
        assert (used(watcher), snapshot.nodes["n1"].unread) == (0, "pods")
        assert snapshot.unread == {"n1": "pods"}
        await api.say("pods", api.form("pods").event("SURPRISE", {}))
        api.put("pods", a_pod("b", cpu="2"))
        await until(lambda: used(watcher) == 2000)
        assert watcher.snapshot().unread == {"n1": "pods"}
        api.put("pods", a_pod("a", cpu="3"))
        await until(lambda: used(watcher) == 5000)
        assert watcher.snapshot().unread == {}


@pytest.mark.parametrize("way", [broken, nameless])
@pytest.mark.parametrize("kind", ["nodes", "pods", "persistentvolumeclaims"])
async def test_what_cannot_be_read_is_not_known_until_it_is_gone(kind, way, api):
    api.binary &= way is broken  # protobuf has no name that is a number
    odd = {"nodes": a_node("n2"), "pods": a_pod("x"), "persistentvolumeclaims": claim("home")}
    api.put(kind, way(odd[kind]))
    async with a_watcher(api, kinds=("nodes", "pods", "persistentvolumeclaims")) as watcher:
        await ready(api, watcher)
        await until(lambda: watcher.status().kinds[kind].odd)
        await until(lambda: doubts(watcher) == EXPECTED[kind, way.__name__])
        name = 7 if way is nameless else odd[kind]["metadata"]["name"]
        api.delete(kind, name, odd[kind]["metadata"].get("namespace", ""))
        if way is broken:
            await until(lambda: doubts(watcher) == ({}, set()))
            api.put(kind, broken(odd[kind]))
            await until(lambda: doubts(watcher) == EXPECTED[kind, "broken"])
            api.put(kind, odd[kind])
            await until(lambda: doubts(watcher) == ({}, set()))
            return
        api.put("nodes", a_node("n3"))  # whose deletion it was cannot be told: a list can
        await until(lambda: "n3" in watcher.snapshot().nodes)
        assert doubts(watcher) == EXPECTED[kind, way.__name__]
        for each in ("nodes", "pods", "persistentvolumeclaims"):
            await api.say(each, api.form(each).event("ERROR", GONE))
        await until(lambda: doubts(watcher) == ({}, set()))


GONE = {"kind": "Status", "code": 410}
EXPECTED = {
    ("nodes", "broken"): ({"n2": "nodes"}, set()),
    ("nodes", "nameless"): ({}, {"nodes"}),
    ("pods", "broken"): ({"n1": "pods"}, set()),
    ("pods", "nameless"): ({"n1": "pods"}, set()),
    ("persistentvolumeclaims", "broken"): ({}, {"persistentvolumeclaims"}),
    ("persistentvolumeclaims", "nameless"): ({}, {"persistentvolumeclaims"}),
}


def doubts(watcher):
    snapshot = watcher.snapshot()
    return snapshot.unread, snapshot.unseen & {"nodes", "pods", "persistentvolumeclaims"}


async def test_a_stream_that_stalls_in_the_list_is_asked_for_in_pages(api):
    async def stalls(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(json.dumps({"type": "ADDED", "object": a_pod("ghost")}).encode())
        await asyncio.sleep(20)
        return response

    api.put("pods", a_pod("a"))
    api.once("pods", "stream", stalls)
    async with a_watcher(api, stream_silence_s=0.5) as watcher:
        await ready(api, watcher)
        assert used(watcher) == 1000
        assert api.count("pods", "list") == 1


async def talks_on(request: web.Request) -> web.StreamResponse:
    """Take a streamed list for a watch: changes without end, and never what there is."""
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(1000):
        event = {"type": "MODIFIED", "object": a_pod(f"new-{number}")}
        await response.write(json.dumps(event).encode() + b"\n")
        await asyncio.sleep(0.05)
    return response


async def says_nothing(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await asyncio.sleep(20)
    return response


@pytest.mark.parametrize(
    ("how", "settings"),
    [
        pytest.param(says_nothing, {"stream_start_s": 0.3}, id="in-silence"),
        pytest.param(talks_on, {"stream_list_s": 0.7}, id="while-talking"),
    ],
)
async def test_a_server_that_takes_a_streamed_list_for_a_watch_is_asked_for_pages(
    api, how, settings
):
    api.put("pods", a_pod("a"))
    api.once("pods", "stream", how)
    async with a_watcher(api, **settings) as watcher:
        await ready(api, watcher)
        assert used(watcher) == 1000
        assert api.count("pods", "list") == 1


async def test_a_watch_that_always_ends_at_once_is_not_asked_in_a_tight_loop(api):
    async def ends(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"")

    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        for _ in range(1000):
            api.once("pods", "watch", ends)
        api.cut("pods")
        await asyncio.sleep(1)
        assert 2 <= api.count("pods", "watch") < 20


async def test_a_slow_api_server_is_waited_for_and_freezes_nothing(paged):
    paged.delays = {"pods": 0.5, "nodes": 0.5}
    for number in range(4):
        paged.put("pods", a_pod(f"p{number}"))
    async with a_watcher(paged, page=1) as watcher:
        begun, worst = time.monotonic(), 0.0
        while not await watcher.synced(0.001):
            before = time.perf_counter()
            await asyncio.sleep(0)
            worst = max(worst, time.perf_counter() - before)
        assert time.monotonic() - begun > 2
        assert worst < 0.1
        assert used(watcher) == 4000


async def test_many_events_leave_the_loop_free(api):
    api.put("pods", a_pod("a"))
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        crowd = api.form("pods").event("MODIFIED", api._objects["pods"]["default/a"]) * 4000
        sending = asyncio.create_task(api.say("pods", crowd))
        late, last = 0.0, time.perf_counter()
        while not sending.done():
            await asyncio.sleep(0)
            now = time.perf_counter()
            late, last = max(late, now - last), now
        assert late < 0.1


async def test_kinds_that_may_not_be_seen_are_unseen_and_said_once(api, caplog):
    api.forbidden = {"pods"}
    async with a_watcher(api, refused_wait_s=0.1) as watcher:
        await watcher.synced(5)
        await asyncio.sleep(0.5)
        assert "pods" in watcher.snapshot().unseen
        assert "may not list and watch pods" in watcher.status().trouble
        said = [r for r in caplog.records if "may not list" in r.getMessage()]
        assert len(said) == 1


async def test_rights_given_later_are_noticed_without_a_restart(api):
    api.forbidden = {"pods", "nodes"}
    api.put("pods", a_pod("a"))
    async with a_watcher(api, refused_wait_s=0.2) as watcher:
        await watcher.synced(5)
        assert watcher.as_of() is None
        api.forbidden = set()
        await until(lambda: not watcher.snapshot().unseen & {"pods", "nodes"})
        assert used(watcher) == 1000


async def test_a_server_that_refuses_only_while_it_starts_is_asked_again_soon(api):
    async with a_watcher(api, refused_wait_s=60, longest_wait_s=2) as watcher:
        await ready(api, watcher)
        api.forbidden = {"nodes"}
        api.cut("nodes")
        await until(lambda: "nodes" in watcher.snapshot().unseen)
        api.forbidden = set()
        await until(lambda: "nodes" not in watcher.snapshot().unseen)


async def test_rights_taken_away_show_though_the_server_ends_no_watch(api):
    async with a_watcher(api, rights_s=1) as watcher:
        await ready(api, watcher)
        api.forbidden.add("nodes")
        await until(lambda: "nodes" in watcher.snapshot().unseen, 3)
        assert "may not list and watch nodes" in watcher.status().trouble


async def test_rights_taken_away_show_within_two_minutes():
    # a real server lets an open watch go on until it ends, and we wait a little to ask again
    assert Settings().rights_s + Settings().longest_wait_s <= 120


async def test_rights_taken_away_make_the_kind_unseen(api):
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        api.forbidden = {"nodes"}
        api.cut("nodes")
        await until(lambda: "nodes" in watcher.snapshot().unseen)


async def test_a_token_no_longer_taken_is_read_again(api):
    renewed = []

    async def reload():
        renewed.append(1)
        return configuration(api.url, "new")

    api.refuse("nodes", "stream", 401)
    connection = Connection(configuration(api.url, "old"), reload)
    watcher = Watcher(connection, settings=Settings(**BRISK), kinds=("nodes",))
    watcher.begin()
    try:
        await until(lambda: "nodes" not in watcher.snapshot().unseen)
        assert renewed
        assert api.headers[-1]["Authorization"] == "Bearer new"
    finally:
        await watcher.stop()


async def test_answers_are_asked_for_uncompressed_unless_wanted(api):
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
    async with a_watcher(api, compressed=True) as watcher:
        await ready(api, watcher)
    encodings = {headers["Accept-Encoding"] for headers in api.headers}
    assert encodings == {"identity", "gzip"}


async def test_a_jump_of_the_clock_alters_no_age(api, monkeypatch):
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 86400)
        assert watcher.age_s() < 5
        assert abs(watcher.as_of().timestamp() - time.time()) < 5
        await goes_on(api, watcher)


async def test_other_kinds_are_followed_and_change_the_version():
    async with FakeApi() as api:
        api.put("nodes", a_node())
        claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "home", "namespace": "x"}}
        async with a_watcher(api, kinds=tuple(KINDS)) as watcher:
            await until(lambda: not watcher.snapshot().unseen)
            before = watcher.version
            api.put("persistentvolumeclaims", claim)
            await until(lambda: ("x", "home") in watcher.snapshot().storage.claims)
            assert watcher.version > before


async def test_a_quota_that_changes_is_noticed():
    async with FakeApi() as api:
        quota = {"kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "x"}}
        api.put("resourcequotas", quota)
        async with a_watcher(api, kinds=("nodes", "pods", "resourcequotas")) as watcher:
            await until(lambda: watcher.policy_version == 1)
            api.put("resourcequotas", quota)
            await until(lambda: watcher.policy_version == 2)
            api.delete("resourcequotas", "q", "x")
            await until(lambda: watcher.policy_version == 3)


def scheduler(tag: str) -> dict:
    image = f"registry.k8s.io/kube-scheduler:{tag}"
    container = {"name": "kube-scheduler", "image": image}
    labels = {"component": "user-scheduler"}
    return a_pod("sched", namespace="hub", labels=labels, spec={"containers": [container]})


async def test_the_scheduler_is_found_by_the_server_and_then_by_its_own_pod(api):
    api.version = "v1.34.2+k3s1"
    async with a_watcher(api, rules=None) as watcher:
        await ready(api, watcher)
        assert watcher.status().scheduler == "1.34"
        two = {"cpu": "2"}
        allocated = {"name": "main", "resources": {"requests": two}, "allocatedResources": two}
        api.put("pods", a_pod("resized", status={"containerStatuses": [allocated]}))
        await until(lambda: used(watcher) == 2000)
        api.put("pods", scheduler("v1.30.14"))
        await until(lambda: watcher.status().scheduler == "1.30")
        await until(lambda: used(watcher) == 1000)  # 1.30 knows nothing of a resize
        assert not watcher.status().trouble


@pytest.mark.parametrize("version", ["", "next", "1", None], ids=["none", "words", "half", "null"])
async def test_a_version_that_is_none_is_told_and_the_usual_scheduler_is_taken(
    api, caplog, version
):
    api.version = version
    caplog.set_level(logging.INFO)
    async with a_watcher(api, rules=None) as watcher:
        await ready(api, watcher)
        assert watcher.status().scheduler == f"1.{Rules().minor}"
        assert "The scheduler's version is not known" in caplog.text


async def test_settings_that_come_later_are_waited_for(api, tmp_path, monkeypatch, caplog):
    path = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(path))
    watcher = Watcher(rules=Rules(), kinds=("nodes", "pods"))
    watcher.begin()
    try:
        await until(lambda: watcher.no_way, 60)
        assert "no usable kubeconfig" in watcher.no_way
        write_kubeconfig(path, Access(api.url), "default")
        assert await watcher.synced(10)
        assert watcher.no_way == ""
        assert caplog.text.count("no usable kubeconfig") == 1
    finally:
        await watcher.stop()


@pytest.mark.parametrize("status", [500, 429], ids=str)
async def test_a_stream_that_is_refused_for_now_is_asked_for_again_as_a_stream(api, status):
    api.refuse("pods", "stream", status)
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        await goes_on(api, watcher)
        assert (api.count("pods", "stream"), api.count("pods", "list")) == (2, 0)


async def test_a_stream_that_falls_silent_after_the_list_is_taken_as_cut(api):
    async with a_watcher(api, silence_s=0.5) as watcher:
        await ready(api, watcher)
        api.silence("pods")
        await until(lambda: api.count("pods", "watch") > 0)
        assert api.count("pods", "stream", "list") == 1
        await goes_on(api, watcher)


async def test_our_own_pods_are_told_with_their_person(api):
    notes = {"hub.jupyter.org/username": "Ada Lovelace"}
    pod = a_pod("a", labels={"teamspawner/tier": "gpu"}, metadata={"annotations": notes})
    api.put("pods", pod)
    api.put("pods", a_pod("b"))
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        (ours,) = watcher.ours()
        assert (ours.username, ours.node, ours.requests["cpu"]) == ("Ada Lovelace", "n1", 1000)
        api.delete("pods", "a", "default")
        await until(lambda: not watcher.ours())


async def test_all_of_one_loop_share_one_watch(api):
    one = for_loop(Connection(configuration(api.url)), log=logging.getLogger("x"))
    assert for_loop() is one
    assert await one.synced(5)
    await one.stop()


async def test_those_who_wait_are_woken_by_news_and_by_time(api):
    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        version = watcher.version
        assert await watcher.newer(version, 0.05) == version
        waiting = asyncio.create_task(watcher.newer(version))
        await asyncio.sleep(0)
        api.put("pods", a_pod("a"))
        async with asyncio.timeout(2):
            assert await waiting > version


async def test_a_fault_of_our_own_is_told_once_and_the_watch_goes_on(api, caplog):
    """A connection whose settings cannot be used at all stands for what nobody foresaw."""
    broken = [True]

    async def key(_: str) -> None:
        if broken:
            raise LookupError("no such plugin")

    settings = configuration(api.url)
    settings.get_api_key_with_prefix = key
    watcher = Watcher(Connection(settings), Rules(), settings=Settings(**BRISK))
    watcher.begin()
    try:
        await asyncio.sleep(0.8)
        told = [r for r in caplog.records if "nodes: unexpected LookupError" in r.getMessage()]
        assert len(told) == 1
        broken.clear()
        assert await watcher.synced(5)
        await goes_on(api, watcher)
    finally:
        await watcher.stop()


async def test_a_refusal_that_is_no_json_is_told_in_its_own_words(api):
    async def in_the_way(_: web.Request) -> web.Response:
        return web.Response(status=502, text="<h1>Bad\n  gateway</h1>")

    async with a_watcher(api) as watcher:
        await ready(api, watcher)
        api.once("pods", "watch", in_the_way)
        api.cut("pods")
        await until(lambda: "HTTP 502: <h1>Bad gateway</h1>" in watcher.status().trouble)
        await goes_on(api, watcher)
