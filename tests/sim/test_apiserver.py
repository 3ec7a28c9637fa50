"""What the embedded API server adds, or shows sooner than the real one: bookmarks, 410, trouble."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
import uuid

import pytest

from teamspawner.sim.server.faults import Fault
from tests.controlplane.cluster import ADMIN
from tests.sim.talk import PODS, Talk, a_map

MAPS = "/api/v1/namespaces/{ns}/configmaps"


@pytest.fixture
def api(embedded) -> Talk:
    context = ssl.create_default_context(cadata=embedded.access.ca)
    talk = Talk(embedded.access.server, context, ADMIN.token, f"own-{uuid.uuid4().hex[:8]}")
    talk.post("/api/v1/namespaces", {"metadata": {"name": talk.ns}})
    return talk


@pytest.fixture
def faults(embedded, loop_thread):
    """The control surface; all trouble is over after the test."""
    yield embedded.server.faults
    loop_thread.call_soon_threadsafe(embedded.server.faults.clear)


def test_bookmarks_carry_a_version_and_nothing_else(api):
    version = api.get(MAPS).version
    events = api.watch(MAPS, 3, resourceVersion=version, allowWatchBookmarks="true")
    assert {name for name, _ in events} == {"BOOKMARK"}
    thing = events[-1][1]
    assert thing["kind"] == "ConfigMap"
    assert int(thing["metadata"]["resourceVersion"]) >= int(version)
    assert not thing["metadata"].get("name")


def test_a_watch_from_a_version_that_is_not_kept_any_more_gets_410(api, embedded):
    version = api.get(MAPS).version
    api.post(MAPS, a_map())
    embedded.server.api.store.forget(["configmaps."])
    ((name, status),) = api.watch(MAPS, resourceVersion=version)
    assert name == "ERROR"
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")


def test_a_page_of_a_list_that_is_not_kept_any_more_gets_410_and_a_token_to_go_on(api, embedded):
    for name in "abc":
        api.post(MAPS, a_map(name))
    token = api.get(MAPS, limit="1").body["metadata"]["continue"]
    api.post(MAPS, a_map("d"))
    embedded.server.api.store.forget(["configmaps."])
    answer = api.get(MAPS, **{"continue": token})
    assert (answer.status, answer.reason) == (410, "Expired")
    rest = api.get(MAPS, **{"continue": answer.body["metadata"]["continue"]})
    assert rest.names == ["b", "c", "d"]


@pytest.mark.parametrize("status", [410, 429, 500, 503])
def test_a_fault_answers_with_its_status_as_often_as_told(api, faults, status):
    faults.set("configmaps", Fault(status=status, times=2))
    assert [api.get(MAPS).status for _ in range(3)] == [status, status, 200]


def test_a_fault_of_one_resource_leaves_the_others_alone(api, faults):
    faults.set("configmaps", Fault(status=500))
    assert api.get(PODS).status == 200


def test_a_429_says_when_to_come_back(api, faults):
    faults.set("*", Fault(status=429, retry_after_s=7))
    answer = api.get(MAPS)
    assert answer.body["details"]["retryAfterSeconds"] == 7
    assert answer.headers["Retry-After"] == "7"


def test_a_slow_server_answers_late(api, faults):
    faults.set("*", Fault(delay_s=0.4))
    began = time.monotonic()
    assert api.get(MAPS).status == 200
    assert time.monotonic() - began > 0.4


def test_watches_can_be_cut(api, faults, loop_thread):
    version = api.get(MAPS).version
    cut = threading.Timer(0.3, lambda: loop_thread.call_soon_threadsafe(faults.cut))
    cut.start()
    began = time.monotonic()
    assert api.watch(MAPS, 20, resourceVersion=version) == []
    assert time.monotonic() - began < 5


def test_a_watch_can_be_cut_after_some_events(api, faults):
    version = api.get(MAPS).version
    for name in "abc":
        api.post(MAPS, a_map(name))
    faults.set("configmaps", Fault(watch_only=True, cut_after=0))
    assert api.get(MAPS).status == 200
    began = time.monotonic()
    api.watch(MAPS, 20, resourceVersion=version)
    assert time.monotonic() - began < 5


def test_a_silent_watch_says_nothing_and_stays_open(api, faults):
    faults.set("configmaps", Fault(watch_only=True, silent=True))
    version = api.get(MAPS).version
    later = threading.Timer(0.2, lambda: api.post(MAPS, a_map("late")))
    later.start()
    began = time.monotonic()
    query = {"resourceVersion": version, "allowWatchBookmarks": "true"}
    assert api.watch(MAPS, 3, **query) == []
    assert time.monotonic() - began > 2.5
    later.join()


def test_half_a_line_can_be_all_that_comes(api, faults):
    api.post(MAPS, a_map())
    faults.set("configmaps", Fault(watch_only=True, half=True))
    with pytest.raises((http.client.HTTPException, ConnectionError, ssl.SSLError, ValueError)):
        api.watch(MAPS, 2)


def test_a_server_that_is_away_closes_every_connection(api, faults):
    faults.away = True
    with pytest.raises((http.client.HTTPException, ConnectionError, ssl.SSLError)):
        api.get(MAPS)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/api/v1/watch/pods", "application/json"),
        ("POST", f"{PODS}/p/exec", "application/json"),
        ("GET", f"{PODS}/p/portforward", "application/json"),
        ("GET", "/api/v1/nodes/n/proxy", "application/json"),
        ("GET", "/apis/apps/v1/namespaces/{ns}/deployments/d/scale", "application/json"),
        ("PATCH", f"{MAPS}/m", "application/apply-patch+yaml"),
    ],
)
def test_what_only_the_real_server_does_is_not_implemented(api, method, path, kind):
    api.post(MAPS, a_map("m"))
    assert api.call(method, path, {}, kind=kind).status == 501


def test_a_body_may_be_three_mebibytes_and_no_more(api):
    answer = api.post(MAPS, a_map(data={"a": "x" * 3 * 2**20}))
    assert (answer.status, answer.reason) == (413, "RequestEntityTooLarge")


def test_owned_objects_go_with_their_owner(api):
    owner = api.post(MAPS, a_map("owner")).body
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
                 "uid": owner["metadata"]["uid"]}  # fmt: skip
    api.post(MAPS, a_map("owned", ownerReferences=[reference]))
    api.delete(f"{MAPS}/owner")
    assert api.get(MAPS).names == []


def test_a_namespace_goes_when_all_in_it_is_gone(api):
    api.post(MAPS, a_map(finalizers=["x.example/y"]))
    api.delete("/api/v1/namespaces/{ns}")
    assert api.get("/api/v1/namespaces/{ns}").body["status"]["phase"] == "Terminating"
    api.patch(f"{MAPS}/m", {"metadata": {"finalizers": None}})
    assert api.get("/api/v1/namespaces/{ns}").status == 404


def test_the_requests_of_a_client_can_be_looked_up(api, embedded):
    api.get(MAPS, labelSelector="a=b")
    seen = embedded.server.seen[-1]
    assert (seen.caller, seen.method, seen.status) == ("admin", "GET", 200)
    assert seen.query == {"labelSelector": "a=b"}


@pytest.mark.parametrize(
    ("name", "priority"), [("system-node-critical", 2_000_001_000), ("gone", None), ("", 0)]
)
def test_a_pod_that_is_put_back_has_the_priority_of_its_class(api, embedded, name, priority):
    from teamspawner.sim.server.kinds import BY_KIND
    from teamspawner.sim.server.verbs import Api

    pod = {"metadata": {"name": "p", "namespace": "x"}, "spec": {"containers": []}}
    if name:
        pod["spec"]["priorityClassName"] = name
    assert Api().put(BY_KIND["v1", "Pod"], pod)["spec"].get("priority") == priority
