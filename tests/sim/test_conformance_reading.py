"""Lists, selectors, pages and watches: the same on the embedded API server and the real one."""

from __future__ import annotations

import threading
import time

import pytest

from tests.sim.talk import PODS, a_map, a_pod

MAPS = "/api/v1/namespaces/{ns}/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


@pytest.fixture
def five(api):
    """Five ConfigMaps a to e, labelled; the real one's own ``kube-root-ca.crt`` is not there."""
    for place, name in enumerate("abcde"):
        odd = "yes" if place % 2 else "no"
        api.post(MAPS, a_map(name, labels={"odd": odd, "place": str(place), "all": ""}))
    return api


class TestList:
    def test_a_list_has_a_kind_a_version_and_items_without_kinds(self, five):
        answer = five.get(MAPS)
        assert (answer.body["kind"], answer.body["apiVersion"]) == ("ConfigMapList", "v1")
        assert answer.version.isdecimal()
        assert "kind" not in answer.body["items"][0]

    def test_items_come_in_the_order_of_their_names(self, five):
        assert five.get(MAPS).names == list("abcde")

    def test_nothing_is_an_empty_list(self, api):
        assert api.get(PODS).body["items"] == []

    def test_all_namespaces_can_be_listed_at_once(self, five):
        answer = five.get("/api/v1/configmaps", fieldSelector=f"metadata.namespace={five.ns}")
        assert answer.names == list("abcde")

    @pytest.mark.parametrize(
        ("selector", "names"),
        [
            ("odd=yes", "bd"),
            ("odd==yes", "bd"),
            ("odd!=yes", "ace"),
            ("odd", "abcde"),
            ("!odd", ""),
            ("none!=x", "abcde"),
            ("odd=yes,place=1", "b"),
            ("place in (1,2, 3)", "bcd"),
            ("place notin (1,2)", "ade"),
            ("none notin (1)", "abcde"),
            ("place>2", "de"),
            ("place<2", "ab"),
            ("all=", "abcde"),
            ("all in ()", "abcde"),
            (" odd = yes , place in (3) ", "d"),
            ("odd,!none", "abcde"),
            ("", "abcde"),
        ],
    )
    def test_labels_select(self, five, selector, names):
        assert five.get(MAPS, labelSelector=selector).names == list(names)

    @pytest.mark.parametrize(
        "selector", ["a=b=c", "a in", "a in (b", "a b", "=x", "a>b", "a notin b", "!", "a=b,,c"]
    )
    def test_a_bad_label_selector_is_a_bad_request(self, api, selector):
        answer = api.get(MAPS, labelSelector=selector)
        assert (answer.status, answer.reason) == (400, "BadRequest")

    @pytest.mark.parametrize(
        ("selector", "names"),
        [
            ("metadata.name=b", "b"),
            ("metadata.name!=b", "acde"),
            ("metadata.name=b,metadata.name=c", ""),
        ],
    )
    def test_fields_select(self, five, selector, names):
        assert five.get(MAPS, fieldSelector=selector).names == list(names)

    @pytest.mark.parametrize("selector", ["data.a=1", "metadata.labels=x", "metadata.name"])
    def test_a_field_that_cannot_be_selected_by_is_a_bad_request(self, api, selector):
        assert api.get(MAPS, fieldSelector=selector).status == 400

    @pytest.mark.parametrize(
        ("selector", "names"),
        [
            ("spec.nodeName=", ["free"]),
            ("spec.nodeName=n1", ["bound"]),
            ("spec.nodeName!=n1", ["free"]),
            ("status.phase=Pending", ["bound", "free"]),
            ("status.phase!=Pending", []),
            ("spec.restartPolicy=Never", ["bound"]),
            ("spec.schedulerName=nobody", ["bound", "free"]),
        ],
    )
    def test_pods_are_selected_by_node_and_phase(self, api, selector, names):
        api.pod("bound", nodeName="n1", restartPolicy="Never")
        api.pod("free")
        assert api.get(PODS, fieldSelector=selector).names == names
        api.delete(f"{PODS}/bound", {"gracePeriodSeconds": 0})

    def test_events_are_selected_by_what_they_are_about(self, api):
        path = "/api/v1/namespaces/{ns}/events"
        for name in ("p", "q"):
            about = {"kind": "Pod", "name": name, "namespace": api.ns}
            api.post(path, {"metadata": {"name": name}, "involvedObject": about, "type": "Normal"})
        selector = "involvedObject.kind=Pod,involvedObject.name=q"
        assert api.get(path, fieldSelector=selector).names == ["q"]


class TestPages:
    def test_pages_follow_one_another_to_the_end(self, five):
        first = five.get(MAPS, limit="2")
        assert first.names == ["a", "b"]
        assert first.body["metadata"]["remainingItemCount"] == 3
        second = five.get(MAPS, **{"limit": "2", "continue": first.body["metadata"]["continue"]})
        third = five.get(MAPS, **{"limit": "2", "continue": second.body["metadata"]["continue"]})
        assert (second.names, third.names) == (["c", "d"], ["e"])
        assert "continue" not in third.body["metadata"]

    def test_all_pages_show_the_moment_of_the_first(self, five):
        first = five.get(MAPS, limit="2")
        five.delete(f"{MAPS}/c")
        five.post(MAPS, a_map("f"))
        token = first.body["metadata"]["continue"]
        rest = five.get(MAPS, **{"continue": token})
        assert rest.names == ["c", "d", "e"]
        assert rest.version == first.version

    def test_a_page_of_selected_objects_does_not_count_the_rest(self, five):
        first = five.get(MAPS, limit="1", labelSelector="odd=no")
        assert first.names == ["a"]
        assert "remainingItemCount" not in first.body["metadata"]
        rest = five.get(
            MAPS, labelSelector="odd=no", **{"continue": first.body["metadata"]["continue"]}
        )
        assert rest.names == ["c", "e"]

    def test_a_limit_larger_than_the_list_is_the_list(self, five):
        answer = five.get(MAPS, limit="100")
        assert answer.names == list("abcde")
        assert "continue" not in answer.body["metadata"]

    def test_a_token_that_is_none_is_a_bad_request(self, api):
        assert api.get(MAPS, **{"continue": "nonsense"}).status == 400

    def test_a_limit_is_a_number(self, api):
        assert api.get(MAPS, limit="many").status == 400

    def test_with_any_version_there_is_one_page(self, five):
        assert five.get(MAPS, limit="2", resourceVersion="0").names == list("abcde")


class TestVersions:
    def test_an_exact_version_shows_the_past(self, five):
        then = five.get(MAPS).version
        five.delete(f"{MAPS}/a")
        five.post(MAPS, a_map("f"))
        answer = five.get(MAPS, resourceVersion=then, resourceVersionMatch="Exact")
        assert (answer.names, answer.version) == (list("abcde"), then)

    def test_a_version_not_older_than_one_is_the_newest(self, five):
        then = five.get(MAPS).version
        five.delete(f"{MAPS}/a")
        answer = five.get(MAPS, resourceVersion=then, resourceVersionMatch="NotOlderThan")
        assert answer.names == list("bcde")

    def test_a_version_of_the_future_is_a_timeout(self, api):
        answer = api.get(MAPS, resourceVersion="99999999")
        assert (answer.status, answer.reason) == (504, "Timeout")
        assert "Too large resource version" in answer.message

    def test_a_version_is_a_number(self, api):
        assert api.get(MAPS, resourceVersion="abc").status == 400

    @pytest.mark.parametrize(
        "query",
        [
            {"resourceVersionMatch": "Exact"},
            {"resourceVersionMatch": "Exact", "resourceVersion": "0"},
            {"sendInitialEvents": "true"},
            {"watch": "true", "sendInitialEvents": "true"},
            {"watch": "true", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "1"},
        ],
        ids=["match-alone", "exact-zero", "initial-list", "initial-alone", "match-watch"],
    )
    def test_options_that_contradict_each_other_are_invalid(self, api, query):
        assert api.get(MAPS, **query).status == 422


class TestWatch:
    def test_without_a_version_all_there_is_comes_first(self, five):
        events = five.watch(MAPS)
        assert [(name, thing["metadata"]["name"]) for name, thing in events] == [
            ("ADDED", name) for name in "abcde"
        ]

    def test_from_a_version_only_what_came_later(self, five):
        version = five.get(MAPS).version
        five.patch(f"{MAPS}/a", {"data": {"x": "1"}})
        five.post(MAPS, a_map("f"))
        five.delete(f"{MAPS}/b")
        events = five.watch(MAPS, resourceVersion=version)
        assert [(name, thing["metadata"]["name"]) for name, thing in events] == [
            ("MODIFIED", "a"),
            ("ADDED", "f"),
            ("DELETED", "b"),
        ]

    def test_objects_of_events_have_their_kind(self, five):
        thing = five.watch(MAPS)[0][1]
        assert (thing["kind"], thing["apiVersion"]) == ("ConfigMap", "v1")

    def test_versions_grow_from_event_to_event(self, five):
        version = five.get(MAPS).version
        for place in range(3):
            five.patch(f"{MAPS}/a", {"data": {"x": str(place)}})
        five.delete(f"{MAPS}/a")
        events = five.watch(MAPS, resourceVersion=version)
        versions = [int(thing["metadata"]["resourceVersion"]) for _, thing in events]
        assert versions == sorted(set(versions))
        assert versions[0] > int(version)
        assert events[-1][0] == "DELETED"

    def test_what_happens_during_the_watch_arrives(self, api):
        version = api.get(MAPS).version
        later = threading.Timer(0.3, lambda: api.post(MAPS, a_map("late")))
        later.start()
        events = api.watch(MAPS, 2, resourceVersion=version)
        later.join()
        assert [(name, thing["metadata"]["name"]) for name, thing in events] == [("ADDED", "late")]

    def test_the_server_ends_a_watch_in_time(self, api):
        began = time.monotonic()
        api.watch(MAPS, 1, resourceVersion=api.get(MAPS).version)
        assert 0.5 < time.monotonic() - began < 3

    def test_labels_select_events(self, five):
        events = five.watch(MAPS, labelSelector="odd=yes")
        assert [thing["metadata"]["name"] for _, thing in events] == ["b", "d"]

    def test_an_object_that_leaves_the_selection_is_deleted_to_the_watcher(self, five):
        version = five.get(MAPS).version
        five.patch(f"{MAPS}/b", {"metadata": {"labels": {"odd": "no"}}})
        five.patch(f"{MAPS}/a", {"metadata": {"labels": {"odd": "yes"}}})
        five.patch(f"{MAPS}/d", {"data": {"x": "1"}})
        five.patch(f"{MAPS}/c", {"data": {"x": "1"}})
        events = five.watch(MAPS, resourceVersion=version, labelSelector="odd=yes")
        assert [(name, thing["metadata"]["name"]) for name, thing in events] == [
            ("DELETED", "b"),
            ("ADDED", "a"),
            ("MODIFIED", "d"),
        ]

    def test_a_pod_that_gets_a_node_leaves_the_selection_of_those_without(self, api):
        api.pod()
        version = api.get(PODS).version
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
        api.post(f"{PODS}/p/binding", binding)
        events = api.watch(PODS, resourceVersion=version, fieldSelector="spec.nodeName=")
        assert [name for name, _ in events] == ["DELETED"]
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})

    def test_one_object_can_be_watched(self, five):
        events = five.watch(MAPS, fieldSelector="metadata.name=c")
        assert [thing["metadata"]["name"] for _, thing in events] == ["c"]

    def test_without_being_asked_for_there_are_no_bookmarks(self, api):
        assert api.watch(MAPS, 3, resourceVersion=api.get(MAPS).version) == []

    def test_a_streamed_list_ends_with_a_marked_bookmark(self, five):
        events = five.watch(
            MAPS,
            sendInitialEvents="true",
            resourceVersionMatch="NotOlderThan",
            allowWatchBookmarks="true",
        )
        assert [name for name, _ in events[:6]] == ["ADDED"] * 5 + ["BOOKMARK"]
        marks = events[5][1]["metadata"]["annotations"]
        assert marks == {"k8s.io/initial-events-end": "true"}

    def test_a_streamed_list_goes_on_as_a_watch(self, five):
        later = threading.Timer(0.4, lambda: five.post(MAPS, a_map("late")))
        later.start()
        events = five.watch(
            MAPS,
            2,
            sendInitialEvents="true",
            resourceVersionMatch="NotOlderThan",
            allowWatchBookmarks="true",
            resourceVersion="0",
        )
        later.join()
        added = [thing["metadata"]["name"] for name, thing in events if name == "ADDED"]
        assert added == [*"abcde", "late"]

    def test_a_watch_with_a_bad_selector_is_a_bad_request(self, api):
        assert api.get(MAPS, watch="true", labelSelector="a b").status == 400

    @pytest.mark.parametrize("spelling", ["true", "True", "1"])
    def test_watch_may_be_spelt_as_go_spells_truth(self, five, spelling):
        answer = five.get(MAPS, watch=spelling, timeoutSeconds="1")
        assert answer.status == 200
        assert '"type":"ADDED"' in str(answer.body)


class TestShapes:
    def test_a_table_has_a_row_for_each_object(self, api):
        api.pod()
        table = api.call("GET", PODS, accept=TABLE).body
        assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
        assert table["columnDefinitions"][0]["name"] == "Name"
        (row,) = table["rows"]
        assert row["cells"][0] == "p"
        assert row["object"]["metadata"]["name"] == "p"

    def test_metadata_can_be_had_alone(self, api):
        api.pod()
        answer = api.call("GET", PODS, accept=PARTIAL)
        assert answer.body["kind"] == "PartialObjectMetadataList"
        (item,) = answer.body["items"]
        assert item["metadata"]["name"] == "p"
        assert "spec" not in item

    def test_what_is_not_there_is_not_found_in_the_usual_words(self, api):
        answer = api.get(f"{PODS}/p")
        assert (answer.status, answer.reason) == (404, "NotFound")
        assert answer.message == 'pods "p" not found'
        assert answer.body["details"] == {"name": "p", "kind": "pods"}


class TestAddresses:
    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/unicorns",
            "/apis/none.example/v1/things",
            "/api/v2/pods",
            "/api/v1/namespaces/{ns}/nodes",
            "/api/v1/namespaces/{ns}/pods/p/unicorn",
            "/nowhere",
        ],
    )
    def test_an_unknown_address_is_not_found(self, api, path):
        assert api.get(path).status == 404

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PUT", MAPS),
            ("PATCH", MAPS),
            ("POST", f"{MAPS}/m"),
            ("GET", f"{PODS}/p/binding"),
            ("DELETE", "/api/v1/namespaces"),
            ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
        ],
    )
    def test_a_method_that_an_address_does_not_take_is_not_allowed(self, api, method, path):
        assert api.call(method, path, {}).status == 405

    @pytest.mark.parametrize(
        "path",
        ["/api", "/apis", "/api/v1", "/apis/apps/v1", "/apis/apps", "/version", "/openapi/v3"],
    )
    def test_the_server_tells_what_it_has(self, api, path):
        assert api.get(path).status == 200

    def test_pods_are_described_for_clients(self, api):
        listed = {one["name"]: one for one in api.get("/api/v1").body["resources"]}
        assert listed["pods"]["namespaced"] is True
        assert listed["pods"]["shortNames"] == ["po"]
        assert {"get", "list", "watch", "create", "delete"} <= set(listed["pods"]["verbs"])
        assert listed["pods/binding"]["verbs"] == ["create"]
        assert listed["nodes"]["namespaced"] is False

    @pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
    def test_it_says_that_it_is_well(self, api, path):
        assert api.get(path).body == "ok"

    def test_an_unknown_token_is_unauthorized(self, api):
        answer = api.as_caller("wrong").get(PODS)
        assert (answer.status, answer.reason) == (401, "Unauthorized")


def test_every_word_of_this_suite_is_about_a_pod_nobody_schedules():
    assert a_pod()["spec"]["schedulerName"] == "nobody"
