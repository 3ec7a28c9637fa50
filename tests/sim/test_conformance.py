"""What both API servers promise, the embedded and the real one: one suite, run against each."""

from __future__ import annotations

import uuid

import pytest

from tests.sim.talk import JSON_PATCH, MERGE, PODS, STRATEGIC, a_map, a_pod

MAPS = "/api/v1/namespaces/{ns}/configmaps"
CLAIMS = "/api/v1/namespaces/{ns}/persistentvolumeclaims"
QUOTAS = "/api/v1/namespaces/{ns}/resourcequotas"
RANGES = "/api/v1/namespaces/{ns}/limitranges"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
EVENTS = "/api/v1/namespaces/{ns}/events"
NEW_EVENTS = "/apis/events.k8s.io/v1/namespaces/{ns}/events"
BUDGETS = "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets"


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


class TestCreate:
    def test_a_new_object_gets_identity_time_and_version(self, api):
        made = api.post(MAPS, a_map())
        assert made.status == 201
        meta = made.body["metadata"]
        assert (meta["namespace"], meta["name"]) == (api.ns, "m")
        assert meta["uid"]
        assert meta["creationTimestamp"].endswith("Z")
        assert meta["resourceVersion"].isdecimal()
        assert (made.body["kind"], made.body["apiVersion"]) == ("ConfigMap", "v1")

    def test_a_name_is_completed_from_its_prefix(self, api):
        made = api.post(MAPS, {"metadata": {"generateName": "part-"}})
        name = made.body["metadata"]["name"]
        assert name.startswith("part-")
        assert len(name) == len("part-") + 5

    def test_a_name_that_is_taken_is_a_conflict(self, api):
        api.post(MAPS, a_map())
        again = api.post(MAPS, a_map())
        assert (again.status, again.reason) == (409, "AlreadyExists")
        assert again.message == 'configmaps "m" already exists'

    def test_no_name_at_all_is_invalid(self, api):
        made = api.post(MAPS, {"metadata": {}})
        assert (made.status, made.reason) == (422, "Invalid")
        assert made.body["details"]["causes"][0]["field"] == "metadata.name"

    @pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "a" * 254, "dot..dot"])
    def test_a_bad_name_is_invalid(self, api, name):
        assert api.post(MAPS, a_map(name)).status == 422

    def test_an_unknown_namespace_is_not_found(self, api):
        made = api.post("/api/v1/namespaces/nowhere/configmaps", a_map())
        assert (made.status, made.message) == (404, 'namespaces "nowhere" not found')

    def test_the_body_may_not_name_another_namespace(self, api):
        made = api.post(MAPS, a_map(namespace="other"))
        assert (made.status, made.reason) == (400, "BadRequest")

    def test_the_body_may_not_be_of_another_kind(self, api):
        assert api.post(MAPS, {"kind": "Pod", "apiVersion": "v1"}).status == 400

    def test_a_new_object_has_no_version_yet(self, api):
        made = api.post(MAPS, a_map(resourceVersion="5"))
        assert made.status == 500
        assert made.message == "resourceVersion should not be set on objects to be created"

    @pytest.mark.parametrize("body", ["{", "[]", '"text"'])
    def test_a_body_that_is_no_object_is_a_bad_request(self, api, body):
        assert api.post(MAPS, body).status == 400

    def test_yaml_is_taken_too(self, api):
        made = api.call("POST", MAPS, "metadata: {name: m}\ndata: {a: b}", kind="application/yaml")
        assert (made.status, made.body["data"]) == (201, {"a": "b"})

    def test_an_unknown_content_type_is_refused(self, api):
        assert api.call("POST", MAPS, "x", kind="text/plain").status == 415

    def test_a_wrong_type_is_a_bad_request(self, api):
        assert (
            api.post(PODS, {"metadata": {"name": "p"}, "spec": {"containers": "x"}}).status == 400
        )

    def test_an_unknown_field_is_dropped_with_a_warning(self, api):
        made = api.post(MAPS, a_map() | {"wrong": 1})
        assert made.status == 201
        assert "wrong" not in made.body
        assert 'unknown field "wrong"' in made.headers["Warning"].replace('\\"', '"')

    def test_an_unknown_field_is_refused_when_asked_to(self, api):
        made = api.post(MAPS, a_map() | {"wrong": 1}, fieldValidation="Strict")
        assert made.status == 400
        assert 'unknown field "wrong"' in made.message

    def test_a_dry_run_answers_the_same_and_keeps_nothing(self, api):
        made = api.post(MAPS, a_map(), dryRun="All")
        assert (made.status, made.body["metadata"]["name"]) == (201, "m")
        assert api.get(f"{MAPS}/m").status == 404

    def test_a_dry_run_has_one_spelling(self, api):
        assert api.post(MAPS, a_map(), dryRun="some").status == 422

    def test_create_needs_the_namespace_in_the_address(self, api):
        assert api.post("/api/v1/configmaps", a_map()).status == 405


class TestPodsAtBirth:
    def test_a_pod_is_pending_whatever_status_is_sent(self, api):
        made = api.post(PODS, a_pod() | {"status": {"phase": "Running", "podIP": "1.2.3.4"}})
        assert made.body["status"]["phase"] == "Pending"
        assert "podIP" not in made.body["status"]

    def test_defaults_are_filled_in(self, api):
        spec = api.pod().body["spec"]
        assert spec["restartPolicy"] == "Always"
        assert spec["dnsPolicy"] == "ClusterFirst"
        assert spec["terminationGracePeriodSeconds"] == 30
        assert spec["enableServiceLinks"] is True
        assert spec["preemptionPolicy"] == "PreemptLowerPriority"
        assert spec["priority"] == 0
        container = spec["containers"][0]
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["terminationMessagePath"] == "/dev/termination-log"

    def test_no_scheduler_named_means_the_default_one(self, api):
        pod = a_pod(schedulerName=None)
        assert api.post(PODS, pod).body["spec"]["schedulerName"] == "default-scheduler"

    def test_an_image_without_tag_is_always_pulled(self, api):
        pod = a_pod()
        pod["spec"]["containers"][0]["image"] = "host:5000/app"
        made = api.post(PODS, pod)
        assert made.body["spec"]["containers"][0]["imagePullPolicy"] == "Always"

    def test_evictions_for_lost_nodes_wait_five_minutes(self, api):
        waits = {
            (one["key"], one["operator"], one["effect"], one["tolerationSeconds"])
            for one in api.pod().body["spec"]["tolerations"]
        }
        assert waits == {
            ("node.kubernetes.io/not-ready", "Exists", "NoExecute", 300),
            ("node.kubernetes.io/unreachable", "Exists", "NoExecute", 300),
        }

    def test_limits_are_requests_where_none_are_stated(self, api):
        made = api.pod(limits={"cpu": "2", "nvidia.com/gpu": "1"}, requests={"memory": "1Gi"})
        assert made.status == 201
        assert made.body["spec"]["containers"][0]["resources"]["requests"] == {
            "cpu": "2",
            "nvidia.com/gpu": "1",
            "memory": "1Gi",
        }

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1e3", "1e3"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("2000", "2k"),
            ("0", "0"),
            ("1500m", "1500m"),
            ("100000000", "100M"),
            ("1.0000000001", "1001m"),
            ("8E", "8E"),
            ("1e-3", "1e-3"),
        ],
    )
    def test_quantities_are_kept_in_their_shortest_spelling(self, api, sent, kept):
        made = api.pod(requests={"memory": sent})
        assert made.body["spec"]["containers"][0]["resources"]["requests"]["memory"] == kept

    @pytest.mark.parametrize("sent", ["", "x", "1 Gi", "1gi", "--1", "1Kii"])
    def test_what_is_no_quantity_is_a_bad_request(self, api, sent):
        assert api.pod(requests={"memory": sent}).status == 400

    @pytest.mark.parametrize(
        ("requests", "limits", "best"),
        [
            ({}, {}, "BestEffort"),
            ({"cpu": "1"}, {}, "Burstable"),
            ({}, {"cpu": "1", "memory": "1Gi"}, "Guaranteed"),
            ({"cpu": "500m"}, {"cpu": "1", "memory": "1Gi"}, "Burstable"),
            ({}, {"cpu": "1"}, "Burstable"),
        ],
        ids=["nothing", "requests", "limits", "less-than-limits", "cpu-alone"],
    )
    def test_the_class_of_service_follows_from_the_sizes(self, api, requests, limits, best):
        made = api.pod(requests=requests, limits=limits)
        assert made.body["status"]["qosClass"] == best

    @pytest.mark.parametrize(
        "change",
        [
            {"containers": []},
            {"restartPolicy": "Sometimes"},
            {"tolerations": [{"key": "a", "operator": "Like"}]},
            {"tolerations": [{"operator": "Equal"}]},
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            {"tolerations": [{"key": "a", "effect": "Never"}]},
            {"volumes": [{"name": "Bad_Name"}]},
        ],
        ids=["no-container", "restart-policy", "operator", "no-key", "value", "effect", "volume"],
    )
    def test_a_pod_that_breaks_the_rules_is_invalid(self, api, change):
        made = api.pod(**change)
        assert (made.status, made.reason) == (422, "Invalid")

    @pytest.mark.parametrize(
        ("requests", "limits"),
        [
            ({"cpu": "2"}, {"cpu": "1"}),
            ({"nvidia.com/gpu": "1"}, {}),
            ({"nvidia.com/gpu": "1"}, {"nvidia.com/gpu": "2"}),
            ({}, {"nvidia.com/gpu": "500m"}),
            ({"cpu": "-1"}, {}),
            ({"bananas": "1"}, {}),
        ],
        ids=["above-limit", "gpu-no-limit", "gpu-unequal", "gpu-part", "negative", "unknown"],
    )
    def test_sizes_that_contradict_themselves_are_invalid(self, api, requests, limits):
        assert api.pod(requests=requests, limits=limits).status == 422

    def test_two_containers_of_one_name_are_invalid(self, api):
        pod = a_pod()
        pod["spec"]["containers"] *= 2
        made = api.post(PODS, pod)
        assert made.body["details"]["causes"][0]["reason"] == "FieldValueDuplicate"

    def test_a_mount_needs_its_volume(self, api):
        pod = a_pod()
        pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
        made = api.post(PODS, pod)
        assert made.body["details"]["causes"][0]["reason"] == "FieldValueNotFound"

    @pytest.mark.parametrize(
        "term",
        [
            {"key": "a", "operator": "In", "values": []},
            {"key": "a", "operator": "Exists", "values": ["x"]},
            {"key": "a", "operator": "Gt", "values": ["1", "2"]},
            {"key": "a", "operator": "Like", "values": ["x"]},
        ],
        ids=["in-nothing", "exists-value", "gt-two", "unknown"],
    )
    def test_a_node_affinity_that_means_nothing_is_invalid(self, api, term):
        terms = {"nodeSelectorTerms": [{"matchExpressions": [term]}]}
        node = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
        assert api.pod(affinity={"nodeAffinity": node}).status == 422

    @pytest.mark.parametrize("label", [{"a b": "x"}, {"a": "x y"}, {"a": "x" * 64}, {"/a": "x"}])
    def test_a_bad_label_is_invalid(self, api, label):
        assert api.pod(labels=label).status == 422


class TestReplace:
    def test_the_version_moves_on(self, api):
        old = api.post(MAPS, a_map())
        new = api.put(f"{MAPS}/m", old.body | {"data": {"b": "2"}})
        assert new.status == 200
        assert int(new.version) > int(old.version)
        assert new.body["data"] == {"b": "2"}

    def test_an_old_version_is_a_conflict(self, api):
        old = api.post(MAPS, a_map()).body
        api.put(f"{MAPS}/m", old | {"data": {"b": "2"}})
        again = api.put(f"{MAPS}/m", old | {"data": {"c": "3"}})
        assert (again.status, again.reason) == (409, "Conflict")
        assert again.message == (
            'Operation cannot be fulfilled on configmaps "m": the object has been modified;'
            " please apply your changes to the latest version and try again"
        )

    def test_no_version_means_whatever_is_there(self, api):
        api.post(MAPS, a_map())
        assert api.put(f"{MAPS}/m", a_map(data={"b": "2"})).status == 200

    def test_nothing_changed_is_no_new_version(self, api):
        old = api.post(MAPS, a_map())
        assert api.put(f"{MAPS}/m", old.body).version == old.version

    def test_what_is_not_there_is_not_found(self, api):
        answer = api.put(f"{MAPS}/m", a_map())
        assert (answer.status, answer.message) == (404, 'configmaps "m" not found')

    def test_body_and_address_must_agree_on_the_name(self, api):
        api.post(MAPS, a_map())
        assert api.put(f"{MAPS}/m", a_map("other")).status == 400

    def test_another_object_of_that_name_is_a_conflict(self, api):
        api.post(MAPS, a_map())
        answer = api.put(f"{MAPS}/m", a_map(uid="11111111-1111-1111-1111-111111111111"))
        assert answer.status == 409
        assert "UID in precondition" in answer.message

    def test_identity_and_birth_cannot_be_changed(self, api):
        old = api.post(MAPS, a_map()).body
        meta = old["metadata"] | {"creationTimestamp": "2001-01-01T00:00:00Z"}
        new = api.put(f"{MAPS}/m", old | {"metadata": meta, "data": {"b": "2"}}).body
        assert new["metadata"]["creationTimestamp"] == old["metadata"]["creationTimestamp"]

    def test_a_dry_run_changes_nothing(self, api):
        old = api.post(MAPS, a_map()).body
        answer = api.put(f"{MAPS}/m", old | {"data": {"b": "2"}}, dryRun="All")
        assert answer.body["data"] == {"b": "2"}
        assert api.get(f"{MAPS}/m").body["data"] == {"a": "1"}

    def test_of_a_pod_hardly_anything_may_change(self, api):
        pod = api.pod().body
        pod["spec"]["nodeSelector"] = {"a": "b"}
        answer = api.put(f"{PODS}/p", pod)
        assert answer.status == 422
        assert "pod updates may not change fields other than" in answer.message

    def test_of_a_pod_image_and_tolerations_may_change(self, api):
        pod = api.pod().body
        pod["spec"]["containers"][0]["image"] = "registry.example/app:2"
        pod["spec"]["tolerations"].append({"key": "a", "operator": "Exists"})
        assert api.put(f"{PODS}/p", pod).status == 200


class TestPatch:
    def test_a_merge_patch_sets_and_removes(self, api):
        api.post(MAPS, a_map(data={"a": "1", "b": "2"}))
        new = api.patch(f"{MAPS}/m", {"data": {"a": None, "c": "3"}}, MERGE)
        assert (new.status, new.body["data"]) == (200, {"b": "2", "c": "3"})

    def test_a_merge_patch_replaces_lists(self, api):
        api.pod(tolerations=[{"key": "a", "operator": "Exists"}])
        new = api.patch(f"{PODS}/p", {"metadata": {"finalizers": ["x.example/y"]}}, MERGE)
        assert new.body["metadata"]["finalizers"] == ["x.example/y"]
        api.patch(f"{PODS}/p", {"metadata": {"finalizers": None}}, MERGE)

    @pytest.mark.parametrize(
        ("operation", "data"),
        [
            ({"op": "add", "path": "/data/b", "value": "2"}, {"a": "1", "b": "2"}),
            ({"op": "remove", "path": "/data/a"}, None),
            ({"op": "replace", "path": "/data/a", "value": "9"}, {"a": "9"}),
            ({"op": "move", "from": "/data/a", "path": "/data/b"}, {"b": "1"}),
            ({"op": "copy", "from": "/data/a", "path": "/data/b"}, {"a": "1", "b": "1"}),
            ({"op": "test", "path": "/data/a", "value": "1"}, {"a": "1"}),
            ({"op": "add", "path": "/data/x~1y~0z", "value": "2"}, None),
        ],
        ids=["add", "remove", "replace", "move", "copy", "test", "escapes"],
    )
    def test_a_json_patch_does_what_each_operation_says(self, api, operation, data):
        api.post(MAPS, a_map())
        new = api.patch(f"{MAPS}/m", [operation], JSON_PATCH)
        if data is None and operation["op"] == "add":  # keys of a ConfigMap have rules of their own
            assert new.status in {200, 422}
        else:
            assert (new.status, new.body.get("data")) == (200, data)

    @pytest.mark.parametrize(
        "operation",
        [
            {"op": "test", "path": "/data/a", "value": "2"},
            {"op": "remove", "path": "/data/none"},
            {"op": "replace", "path": "/none/none", "value": "x"},
            {"op": "jump", "path": "/data/a"},
        ],
        ids=["test-fails", "remove-missing", "replace-missing", "unknown"],
    )
    def test_a_json_patch_that_cannot_be_applied_is_refused(self, api, operation):
        api.post(MAPS, a_map())
        assert api.patch(f"{MAPS}/m", [operation], JSON_PATCH).status in {400, 422}

    def test_a_json_patch_is_a_list(self, api):
        api.post(MAPS, a_map())
        assert api.patch(f"{MAPS}/m", {"op": "add"}, JSON_PATCH).status == 400

    def test_a_strategic_patch_merges_lists_by_their_key(self, api):
        api.pod()
        change = {"spec": {"containers": [{"name": "main", "image": "registry.example/app:2"}]}}
        new = api.patch(f"{PODS}/p", change, STRATEGIC)
        (container,) = new.body["spec"]["containers"]
        assert container["image"] == "registry.example/app:2"
        assert container["terminationMessagePath"] == "/dev/termination-log"

    def test_a_strategic_patch_merges_conditions_by_type(self, api):
        api.pod()
        for kind in ("Ready", "Initialized", "Ready"):
            condition = {"type": kind, "status": "False", "reason": "Because"}
            api.patch(f"{PODS}/p/status", {"status": {"conditions": [condition]}}, STRATEGIC)
        conditions = api.get(f"{PODS}/p").body["status"]["conditions"]
        assert sorted(one["type"] for one in conditions) == ["Initialized", "Ready"]

    def test_a_strategic_patch_adds_to_finalizers(self, api):
        api.post(MAPS, a_map(finalizers=["x.example/a"]))
        change = {"metadata": {"finalizers": ["x.example/b"]}}
        new = api.patch(f"{MAPS}/m", change, STRATEGIC)
        assert sorted(new.body["metadata"]["finalizers"]) == ["x.example/a", "x.example/b"]
        change = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x.example/a"]}}
        new = api.patch(f"{MAPS}/m", change, STRATEGIC)
        assert new.body["metadata"]["finalizers"] == ["x.example/b"]

    def test_a_strategic_patch_may_replace_or_delete(self, api):
        api.post(MAPS, a_map())
        new = api.patch(f"{MAPS}/m", {"data": {"$patch": "replace", "z": "1"}}, STRATEGIC)
        assert new.body["data"] == {"z": "1"}
        new = api.patch(f"{MAPS}/m", {"data": None}, STRATEGIC)
        assert "data" not in new.body

    def test_a_patch_of_an_old_version_is_a_conflict(self, api):
        old = api.post(MAPS, a_map())
        api.patch(f"{MAPS}/m", {"data": {"b": "2"}})
        change = {"metadata": {"resourceVersion": old.version}, "data": {"c": "3"}}
        assert api.patch(f"{MAPS}/m", change).status == 409

    def test_a_patch_of_nothing_is_not_found(self, api):
        assert api.patch(f"{MAPS}/m", {"data": {}}).status == 404

    def test_a_patch_cannot_rename(self, api):
        api.post(MAPS, a_map())
        assert api.patch(f"{MAPS}/m", {"metadata": {"name": "n"}}).status in {400, 422}

    def test_a_patch_that_makes_a_wrong_type_is_refused(self, api):
        api.pod()
        assert api.patch(f"{PODS}/p", {"spec": {"containers": "x"}}).status in {400, 422}

    def test_an_unknown_patch_type_is_refused(self, api):
        api.post(MAPS, a_map())
        assert api.patch(f"{MAPS}/m", {}, "application/json").status == 415

    def test_a_patch_that_changes_nothing_is_no_new_version(self, api):
        old = api.post(MAPS, a_map())
        assert api.patch(f"{MAPS}/m", {"data": {"a": "1"}}).version == old.version


class TestStatus:
    def test_a_change_of_the_whole_leaves_the_status_alone(self, api):
        pod = api.pod().body
        pod["status"]["phase"] = "Running"
        assert api.put(f"{PODS}/p", pod).body["status"]["phase"] == "Pending"

    def test_a_change_of_the_status_leaves_the_spec_alone(self, api):
        api.pod()
        change = {"spec": {"nodeSelector": {"a": "b"}}, "status": {"phase": "Running"}}
        new = api.patch(f"{PODS}/p/status", change)
        assert new.status == 200
        assert new.body["status"]["phase"] == "Running"
        assert "nodeSelector" not in new.body["spec"]

    def test_a_status_can_be_replaced_and_read(self, api):
        pod = api.pod().body
        pod["status"] = {"phase": "Failed", "reason": "Because"}
        assert api.put(f"{PODS}/p/status", pod).status == 200
        assert api.get(f"{PODS}/p/status").body["status"]["reason"] == "Because"

    def test_a_node_may_be_born_with_its_status(self, api):
        name = unique("node")
        room = {"cpu": "4000m", "memory": "8Gi", "pods": "110"}
        made = api.post("/api/v1/nodes", {"metadata": {"name": name}, "status": {"capacity": room}})
        assert made.body["status"]["capacity"]["cpu"] == "4"
        assert made.body["status"]["allocatable"]["memory"] == "8Gi"
        api.delete(f"/api/v1/nodes/{name}")

    def test_only_changes_of_the_spec_count_as_a_generation(self, api):
        pod = api.pod().body
        assert pod["metadata"]["generation"] == 1
        api.patch(f"{PODS}/p/status", {"status": {"phase": "Running"}})
        new = api.patch(f"{PODS}/p", {"spec": {"activeDeadlineSeconds": 600}})
        assert new.body["metadata"]["generation"] == 2


class TestDelete:
    def test_what_is_gone_is_gone(self, api):
        api.post(MAPS, a_map())
        answer = api.delete(f"{MAPS}/m")
        assert (answer.status, answer.body["kind"]) == (200, "Status")
        assert answer.body["status"] == "Success"
        assert answer.body["details"]["name"] == "m"
        assert answer.body["details"]["kind"] == "configmaps"
        assert api.get(f"{MAPS}/m").status == 404

    def test_what_is_not_there_is_not_found(self, api):
        assert api.delete(f"{MAPS}/m").status == 404

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (CLAIMS, {"spec": {"accessModes": ["ReadWriteOnce"],
                               "resources": {"requests": {"storage": "1Gi"}}}}),
            ("/api/v1/namespaces/{ns}/services", {"spec": {"ports": [{"port": 80}]}}),
            (QUOTAS, {"spec": {"hard": {"pods": "5"}}}),
            ("/api/v1/namespaces/{ns}/serviceaccounts", {}),
        ],
        ids=["claim", "service", "quota", "account"],
    )  # fmt: skip
    def test_some_kinds_answer_with_the_object(self, api, path, body):
        api.post(path, {"metadata": {"name": "x"}} | body)
        answer = api.delete(f"{path}/x")
        assert (answer.status, answer.body["metadata"]["name"]) == (200, "x")

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/api/v1/namespaces/{ns}/secrets", {}),
            (RANGES, {"spec": {"limits": []}}),
            (f"{RBAC}/namespaces/{{ns}}/roles", {"rules": []}),
            ("/apis/coordination.k8s.io/v1/namespaces/{ns}/leases", {"spec": {}}),
            (BUDGETS, {"spec": {"minAvailable": 1}}),
        ],
        ids=["secret", "limits", "role", "lease", "budget"],
    )
    def test_the_other_kinds_answer_with_a_status(self, api, path, body):
        api.post(path, {"metadata": {"name": "x"}} | body)
        answer = api.delete(f"{path}/x")
        assert (answer.status, answer.body["kind"]) == (200, "Status")

    def test_a_pod_without_a_node_goes_at_once(self, api):
        api.pod()
        answer = api.delete(f"{PODS}/p")
        assert answer.body["metadata"]["name"] == "p"
        assert api.get(f"{PODS}/p").status == 404

    def test_a_pod_on_a_node_gets_its_grace(self, api):
        api.pod(nodeName="somewhere", terminationGracePeriodSeconds=20)
        meta = api.delete(f"{PODS}/p").body["metadata"]
        assert meta["deletionGracePeriodSeconds"] == 20
        assert meta["deletionTimestamp"] > meta["creationTimestamp"]
        assert api.get(f"{PODS}/p").status == 200
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})

    def test_the_kubelet_confirms_without_grace(self, api):
        api.pod(nodeName="somewhere")
        api.delete(f"{PODS}/p")
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})
        assert api.get(f"{PODS}/p").status == 404

    def test_the_grace_may_be_given_in_the_address(self, api):
        api.pod(nodeName="somewhere")
        meta = api.delete(f"{PODS}/p", gracePeriodSeconds="7").body["metadata"]
        assert meta["deletionGracePeriodSeconds"] == 7
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})

    def test_grace_can_be_shortened_and_not_prolonged(self, api):
        api.pod(nodeName="somewhere")
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 20})
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 60})
        meta = api.get(f"{PODS}/p").body["metadata"]
        assert meta["deletionGracePeriodSeconds"] == 20
        meta = api.delete(f"{PODS}/p", {"gracePeriodSeconds": 5}).body["metadata"]
        assert meta["deletionGracePeriodSeconds"] == 5
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})

    def test_a_finished_pod_goes_at_once(self, api):
        api.pod(nodeName="somewhere")
        api.patch(f"{PODS}/p/status", {"status": {"phase": "Succeeded"}})
        api.delete(f"{PODS}/p")
        assert api.get(f"{PODS}/p").status == 404

    def test_finalizers_hold_an_object_until_they_are_gone(self, api):
        api.post(MAPS, a_map(finalizers=["x.example/y"]))
        held = api.delete(f"{MAPS}/m")
        assert held.status == 200
        assert "deletionTimestamp" in held.body["metadata"]
        assert api.get(f"{MAPS}/m").status == 200
        api.patch(f"{MAPS}/m", {"metadata": {"finalizers": None}})
        assert api.get(f"{MAPS}/m").status == 404

    def test_the_wrong_object_is_not_deleted(self, api):
        api.post(MAPS, a_map())
        answer = api.delete(f"{MAPS}/m", {"preconditions": {"uid": "another"}})
        assert (answer.status, answer.reason) == (409, "Conflict")

    def test_the_wrong_version_is_not_deleted(self, api):
        old = api.post(MAPS, a_map())
        api.patch(f"{MAPS}/m", {"data": {"b": "2"}})
        wanted = {"preconditions": {"resourceVersion": old.version}}
        assert api.delete(f"{MAPS}/m", wanted).status == 409

    def test_a_dry_run_deletes_nothing(self, api):
        api.post(MAPS, a_map())
        assert api.delete(f"{MAPS}/m", dryRun="All").status == 200
        assert api.get(f"{MAPS}/m").status == 200

    def test_a_collection_is_deleted_by_its_labels(self, api):
        for name, labels in (("a", {"x": "1"}), ("b", {"x": "1"}), ("c", {"x": "2"})):
            api.post(MAPS, a_map(name, labels=labels))
        answer = api.delete(MAPS, labelSelector="x=1")
        assert sorted(answer.names) == ["a", "b"]
        assert "c" in api.get(MAPS).names

    def test_nothing_new_begins_in_a_namespace_that_ends(self, api):
        api.post(MAPS, a_map(finalizers=["x.example/y"]))
        gone = api.delete("/api/v1/namespaces/{ns}")
        assert gone.body["status"]["phase"] == "Terminating"
        answer = api.post(MAPS, a_map("late"))
        assert (answer.status, answer.reason) == (403, "Forbidden")
        assert "because it is being terminated" in answer.message
        api.patch(f"{MAPS}/m", {"metadata": {"finalizers": None}})
