"""Binding, eviction, quota, limits, priority, rights: the same on both API servers."""

from __future__ import annotations

import time
import uuid

import pytest

from tests.sim.talk import PODS, a_pod

CLAIMS = "/api/v1/namespaces/{ns}/persistentvolumeclaims"
QUOTAS = "/api/v1/namespaces/{ns}/resourcequotas"
RANGES = "/api/v1/namespaces/{ns}/limitranges"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
STORAGE = "/apis/storage.k8s.io/v1/storageclasses"
RUNTIMES = "/apis/node.k8s.io/v1/runtimeclasses"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
BUDGETS = "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ACCOUNT = {"kind": "ServiceAccount", "name": "hub", "namespace": "jupyterhub"}


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def eventually(ask, wanted):
    """Wait for what the server decides a moment later: rights and quotas are read from a cache."""
    end = time.monotonic() + 10
    while (found := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert found == wanted


class TestBinding:
    def bind(self, api, node="n1"):
        body = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": node}}
        return api.post(f"{PODS}/p/binding", body)

    def test_a_pod_gets_its_node_and_the_condition(self, api):
        api.pod()
        answer = self.bind(api)
        assert (answer.status, answer.body["status"]) == (201, "Success")
        pod = api.get(f"{PODS}/p").body
        assert pod["spec"]["nodeName"] == "n1"
        (condition,) = pod["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("PodScheduled", "True")
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})

    def test_a_pod_that_has_a_node_keeps_it(self, api):
        api.pod()
        self.bind(api)
        again = self.bind(api, "n2")
        assert (again.status, again.reason) == (409, "Conflict")
        assert 'already assigned to node "n1"' in again.message
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})

    def test_no_such_pod_is_not_found(self, api):
        assert self.bind(api).status == 404

    def test_a_gated_pod_is_not_bound(self, api):
        api.pod(schedulingGates=[{"name": "x.example/wait"}])
        assert self.bind(api).status == 409
        opened = api.patch(f"{PODS}/p", {"spec": {"schedulingGates": []}})
        assert "schedulingGates" not in opened.body["spec"]
        assert self.bind(api).status == 201
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})


class TestEviction:
    def evict(self, api):
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
        return api.post(f"{PODS}/p/eviction", body)

    def test_an_evicted_pod_is_deleted(self, api):
        api.pod()
        assert self.evict(api).status == 201
        assert api.get(f"{PODS}/p").status == 404

    def test_a_budget_that_is_used_up_keeps_the_pod(self, api):
        spec = {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
        budget = api.post(BUDGETS, {"metadata": {"name": "keep"}, "spec": spec}).body
        counts = {
            "disruptionsAllowed": 0,
            "currentHealthy": 1,
            "desiredHealthy": 1,
            "expectedPods": 1,
            "observedGeneration": budget["metadata"]["generation"],
        }
        api.patch(f"{BUDGETS}/keep/status", {"status": counts})
        api.pod(labels={"a": "b"}, nodeName="n1")
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        api.patch(f"{PODS}/p/status", {"status": ready})
        answer = self.evict(api)
        assert (answer.status, answer.reason) == (429, "TooManyRequests")
        assert answer.message == (
            "Cannot evict pod as it would violate the pod's disruption budget."
        )
        assert api.get(f"{PODS}/p").status == 200
        api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})


class TestQuota:
    """The real server counts against the quota's status; its controller writes it, or we do."""

    def limit(self, api, hard, used=None, **spec):
        spec = {"hard": hard, **spec}
        api.post(QUOTAS, {"metadata": {"name": "q"}, "spec": spec})
        zero = {"hard": hard, "used": {**dict.fromkeys(hard, "0"), **(used or {})}}
        api.patch(f"{QUOTAS}/q/status", {"status": zero})
        eventually(lambda: "hard" in api.get(f"{QUOTAS}/q").body["status"], wanted=True)

    def test_what_the_quota_has_room_for_is_created(self, api):
        self.limit(api, {"requests.cpu": "2"})
        eventually(lambda: api.pod(requests={"cpu": "2"}).status, 201)

    def test_what_it_has_no_room_for_is_forbidden(self, api):
        self.limit(api, {"requests.nvidia.com/gpu": "2"})
        eventually(lambda: api.pod("a", limits={"nvidia.com/gpu": "1"}).status, 201)
        answer = api.pod("b", limits={"nvidia.com/gpu": "2"})
        assert (answer.status, answer.reason) == (403, "Forbidden")
        assert answer.message == (
            'pods "b" is forbidden: exceeded quota: q, requested: requests.nvidia.com/gpu=2,'
            " used: requests.nvidia.com/gpu=1, limited: requests.nvidia.com/gpu=2"
        )

    def test_the_message_names_every_resource_that_is_short(self, api):
        self.limit(api, {"limits.memory": "1Gi", "limits.cpu": "1", "pods": "5"})
        too_much = {"cpu": "1500m", "memory": "2Gi"}
        eventually(
            lambda: api.pod(limits=too_much).message,
            'pods "p" is forbidden: exceeded quota: q, requested: limits.cpu=1500m,'
            "limits.memory=2Gi, used: limits.cpu=0,limits.memory=0, limited: limits.cpu=1,"
            "limits.memory=1Gi",
        )

    def test_what_a_quota_counts_must_be_stated(self, api):
        self.limit(api, {"limits.cpu": "1", "requests.memory": "1Gi"})
        eventually(
            lambda: api.pod().message,
            'pods "p" is forbidden: failed quota: q: must specify limits.cpu for: main;'
            " requests.memory for: main",
        )

    def test_the_number_of_pods_is_counted(self, api):
        self.limit(api, {"pods": "1"})
        eventually(lambda: api.pod("a").status, 201)
        answer = api.pod("b")
        assert answer.status == 403
        assert "requested: pods=1, used: pods=1, limited: pods=1" in answer.message

    def test_the_number_of_objects_is_counted(self, api):
        self.limit(api, {"count/configmaps": "0"})
        path = "/api/v1/namespaces/{ns}/configmaps"
        eventually(lambda: api.post(path, {"metadata": {"name": "m"}}).status, 403)

    def test_storage_is_counted(self, api):
        self.limit(api, {"requests.storage": "5Gi", "persistentvolumeclaims": "3"})
        eventually(lambda: api.post(CLAIMS, a_claim("big", "6Gi")).status, 403)
        assert api.post(CLAIMS, a_claim("fits", "5Gi")).status == 201

    def test_a_quota_of_a_priority_class_leaves_other_pods_alone(self, api):
        name = unique("high")
        api.post(CLASSES, {"metadata": {"name": name}, "value": 1000})
        term = {"scopeName": "PriorityClass", "operator": "In", "values": [name]}
        self.limit(api, {"pods": "0"}, scopeSelector={"matchExpressions": [term]})
        eventually(lambda: api.pod("high", priorityClassName=name).status, 403)
        assert api.pod("low").status == 201

    def test_a_dry_run_asks_the_quota_and_uses_nothing(self, api):
        self.limit(api, {"pods": "1"})
        eventually(lambda: api.post(PODS, a_pod(), dryRun="All").status, 201)
        assert api.post(PODS, a_pod(), dryRun="All").status == 201
        assert api.pod("a").status == 201
        assert api.post(PODS, a_pod("b"), dryRun="All").status == 403

    def test_used_is_shown_in_the_status(self, api):
        self.limit(api, {"requests.cpu": "4"})
        eventually(lambda: api.pod(requests={"cpu": "1500m"}).status, 201)
        eventually(lambda: api.get(f"{QUOTAS}/q").body["status"]["used"], {"requests.cpu": "1500m"})


class TestLimitRange:
    def limit(self, api, kind="Container", **item):
        spec = {"limits": [{"type": kind, **item}]}
        assert api.post(RANGES, {"metadata": {"name": "r"}, "spec": spec}).status == 201

    def test_containers_get_the_defaults(self, api):
        self.limit(api, default={"cpu": "2"}, defaultRequest={"cpu": "1", "memory": "1Gi"})
        eventually(
            lambda: api.post(PODS, a_pod(), dryRun="All").body["spec"]["containers"][0][
                "resources"
            ],
            {"limits": {"cpu": "2"}, "requests": {"cpu": "1", "memory": "1Gi"}},
        )

    def test_a_maximum_is_a_default_too(self, api):
        self.limit(api, max={"cpu": "2"})
        eventually(
            lambda: api.post(PODS, a_pod(), dryRun="All").body["spec"]["containers"][0][
                "resources"
            ],
            {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}},
        )

    def test_what_is_stated_is_kept(self, api):
        self.limit(api, default={"cpu": "2"}, defaultRequest={"cpu": "1"})
        eventually(
            lambda: api.post(PODS, a_pod(limits={"cpu": "3"}), dryRun="All").body["spec"][
                "containers"
            ][0]["resources"],
            {"limits": {"cpu": "3"}, "requests": {"cpu": "3"}},
        )

    def test_more_than_the_maximum_is_forbidden(self, api):
        self.limit(api, max={"cpu": "2"})
        eventually(
            lambda: api.pod(limits={"cpu": "3"}).message,
            'pods "p" is forbidden: maximum cpu usage per Container is 2, but limit is 3',
        )

    def test_less_than_the_minimum_is_forbidden(self, api):
        self.limit(api, min={"cpu": "500m"})
        eventually(
            lambda: api.pod(requests={"cpu": "100m"}).message,
            'pods "p" is forbidden: minimum cpu usage per Container is 500m, but request is 100m',
        )

    def test_the_whole_pod_is_bounded_too(self, api):
        self.limit(api, "Pod", max={"cpu": "2"})
        eventually(
            lambda: api.pod(limits={"cpu": "3"}).message,
            'pods "p" is forbidden: maximum cpu usage per Pod is 2, but limit is 3',
        )

    def test_too_wide_a_range_between_request_and_limit_is_forbidden(self, api):
        self.limit(api, maxLimitRequestRatio={"cpu": "2"})
        eventually(
            lambda: api.pod(requests={"cpu": "1"}, limits={"cpu": "3"}).message,
            'pods "p" is forbidden: cpu max limit to request ratio per Container is 2, but'
            " provided ratio is 3.000000",
        )

    def test_claims_are_bounded(self, api):
        self.limit(api, "PersistentVolumeClaim", max={"storage": "1Gi"}, min={"storage": "1Mi"})
        eventually(
            lambda: api.post(CLAIMS, a_claim("c", "2Gi")).message,
            'persistentvolumeclaims "c" is forbidden: maximum storage usage per'
            " PersistentVolumeClaim is 1Gi, but request is 2Gi",
        )


class TestClasses:
    def test_a_pod_takes_the_priority_of_its_class(self, api):
        name = unique("high")
        made = api.post(
            CLASSES, {"metadata": {"name": name}, "value": 1000, "preemptionPolicy": "Never"}
        )
        assert made.status == 201
        eventually(lambda: api.post(PODS, a_pod(priorityClassName=name), dryRun="All").status, 201)
        spec = api.pod(priorityClassName=name).body["spec"]
        assert (spec["priority"], spec["preemptionPolicy"]) == (1000, "Never")

    def test_an_unknown_class_is_forbidden(self, api):
        answer = api.pod(priorityClassName="nowhere")
        assert (answer.status, answer.reason) == (403, "Forbidden")
        assert answer.message == (
            'pods "p" is forbidden: no PriorityClass with name nowhere was found'
        )

    def test_the_systems_own_classes_are_there(self, api):
        assert api.pod(priorityClassName="system-node-critical").body["spec"]["priority"] == (
            2000001000
        )

    def test_a_value_beyond_a_billion_is_the_systems(self, api):
        answer = api.post(CLASSES, {"metadata": {"name": unique("huge")}, "value": 1000000001})
        assert answer.status == 422

    def test_a_runtime_class_adds_its_overhead(self, api):
        name = unique("kata")
        body = {"metadata": {"name": name}, "handler": "kata",
                "overhead": {"podFixed": {"cpu": "250m"}},
                "scheduling": {"nodeSelector": {"kata": "yes"}}}  # fmt: skip
        assert api.post(RUNTIMES, body).status == 201
        eventually(lambda: api.post(PODS, a_pod(runtimeClassName=name), dryRun="All").status, 201)
        spec = api.pod(runtimeClassName=name).body["spec"]
        assert (spec["overhead"], spec["nodeSelector"]) == ({"cpu": "250m"}, {"kata": "yes"})

    def test_an_unknown_runtime_class_is_forbidden(self, api):
        assert api.pod(runtimeClassName="nowhere").status == 403

    def test_a_storage_class_binds_at_once_unless_told(self, api):
        name = unique("sc")
        made = api.post(STORAGE, {"metadata": {"name": name}, "provisioner": "x.example/y"}).body
        assert (made["volumeBindingMode"], made["reclaimPolicy"]) == ("Immediate", "Delete")

    def test_a_claim_without_a_class_takes_the_default_one(self, api):
        name = unique("default")
        notes = {"storageclass.kubernetes.io/is-default-class": "true"}
        api.post(
            STORAGE,
            {"metadata": {"name": name, "annotations": notes}, "provisioner": "x.example/y"},
        )
        eventually(
            lambda: (
                api.post(CLAIMS, a_claim("c"), dryRun="All").body["spec"].get("storageClassName")
            ),
            name,
        )
        api.delete(f"{STORAGE}/{name}")

    def test_a_claim_that_wants_no_class_gets_none(self, api):
        made = api.post(CLAIMS, a_claim("c", storageClassName=""))
        assert made.body["spec"]["storageClassName"] == ""
        assert made.body["status"] == {"phase": "Pending"}
        assert made.body["spec"]["volumeMode"] == "Filesystem"

    @pytest.mark.parametrize(
        "spec",
        [
            {"accessModes": [], "resources": {"requests": {"storage": "1Gi"}}},
            {"accessModes": ["Sometimes"], "resources": {"requests": {"storage": "1Gi"}}},
            {"accessModes": ["ReadWriteOnce"]},
        ],
        ids=["no-mode", "unknown-mode", "no-size"],
    )
    def test_a_claim_that_breaks_the_rules_is_invalid(self, api, spec):
        assert api.post(CLAIMS, {"metadata": {"name": "c"}, "spec": spec}).status == 422


class TestNodes:
    def test_a_cordon_is_a_patch(self, api):
        name = unique("node")
        path = f"/api/v1/nodes/{name}"
        api.post("/api/v1/nodes", {"metadata": {"name": name}})
        assert api.patch(path, {"spec": {"unschedulable": True}}).body["spec"] == {
            "unschedulable": True
        }
        assert (
            "unschedulable" not in api.patch(path, {"spec": {"unschedulable": None}}).body["spec"]
        )
        api.delete(path)

    @pytest.mark.parametrize(
        "taints",
        [
            [{"key": "a", "effect": "Never"}],
            [{"effect": "NoSchedule"}],
            [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"}],
        ],
        ids=["effect", "no-key", "twice"],
    )
    def test_a_taint_that_breaks_the_rules_is_invalid(self, api, taints):
        body = {"metadata": {"name": unique("node")}, "spec": {"taints": taints}}
        assert api.post("/api/v1/nodes", body).status == 422


class TestEvents:
    def test_both_apis_of_events_show_the_same(self, api):
        about = {"kind": "Pod", "name": "p", "namespace": api.ns, "uid": "u"}
        new = {"metadata": {"name": "e"}, "regarding": about, "note": "words", "reason": "Because",
               "type": "Normal", "action": "Do", "eventTime": "2026-01-02T03:04:05.000006Z",
               "reportingController": "x.example/y", "reportingInstance": "y-1"}  # fmt: skip
        made = api.post("/apis/events.k8s.io/v1/namespaces/{ns}/events", new)
        assert made.status == 201
        old = api.get("/api/v1/namespaces/{ns}/events/e").body
        assert (old["message"], old["involvedObject"]["name"]) == ("words", "p")
        assert old["eventTime"] == "2026-01-02T03:04:05.000006Z"
        assert old["reportingComponent"] == "x.example/y"
        assert old["lastTimestamp"] is None
        back = api.get("/apis/events.k8s.io/v1/namespaces/{ns}/events/e").body
        assert (back["note"], back["regarding"]["uid"]) == ("words", "u")


class TestRights:
    @pytest.fixture
    def role(self, api):
        """Give the hub's account rights in the namespace, or in the whole cluster."""
        made = []

        def give(rules, *, cluster=False):
            place = RBAC if cluster else f"{RBAC}/namespaces/{{ns}}"
            kind = "ClusterRole" if cluster else "Role"
            name = unique("role")
            api.post(f"{place}/{kind.lower()}s", {"metadata": {"name": name}, "rules": rules})
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
            body = {"metadata": {"name": name}, "roleRef": reference, "subjects": [ACCOUNT]}
            path = f"{place}/{kind.lower()}bindings"
            assert api.post(path, body).status == 201
            made.append(f"{path}/{name}")

        yield give
        for path in made:
            api.delete(path)

    def test_without_a_role_nothing_is_allowed(self, hub):
        answer = hub.get(PODS)
        assert (answer.status, answer.reason) == (403, "Forbidden")
        assert answer.message == (
            'pods is forbidden: User "system:serviceaccount:jupyterhub:hub" cannot list resource'
            f' "pods" in API group "" in the namespace "{hub.ns}"'
        )

    def test_cluster_wide_refusals_say_so(self, hub):
        assert hub.get("/api/v1/nodes").message == (
            'nodes is forbidden: User "system:serviceaccount:jupyterhub:hub" cannot list resource'
            ' "nodes" in API group "" at the cluster scope'
        )

    def test_a_refusal_names_the_object(self, hub):
        assert hub.delete(f"{PODS}/p").message == (
            'pods "p" is forbidden: User "system:serviceaccount:jupyterhub:hub" cannot delete'
            f' resource "pods" in API group "" in the namespace "{hub.ns}"'
        )

    def test_a_role_allows_what_it_says_in_its_namespace(self, api, hub, role):
        role([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}])
        eventually(lambda: hub.get(PODS).status, 200)
        assert hub.get("/api/v1/namespaces/default/pods").status == 403
        assert hub.get("/api/v1/pods").status == 403
        assert hub.delete(f"{PODS}/p").status == 403
        assert hub.get(f"{PODS}/p/log").status == 403

    def test_a_cluster_role_allows_it_everywhere(self, api, hub, role):
        rule = {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list", "watch"]}
        role([rule], cluster=True)
        eventually(lambda: hub.get("/api/v1/nodes").status, 200)
        assert hub.get("/api/v1/pods").status == 200
        assert hub.get(PODS, watch="true", timeoutSeconds="1").status == 200
        assert hub.get("/api/v1/namespaces").status == 403

    def test_listing_is_not_watching(self, api, hub, role):
        role([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}])
        eventually(lambda: hub.get(PODS).status, 200)
        assert hub.get(PODS, watch="true", timeoutSeconds="1").status == 403

    @pytest.mark.parametrize(
        "rule",
        [
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["*/status"], "verbs": ["patch"]},
        ],
        ids=["all", "subresource", "every-subresource"],
    )
    def test_stars_and_subresources(self, api, hub, role, rule):
        api.pod()
        role([rule])
        change = {"status": {"reason": "Because"}}
        eventually(lambda: hub.patch(f"{PODS}/p/status", change).status, 200)

    def test_a_rule_may_name_the_objects(self, api, hub, role):
        api.pod("a")
        api.pod("b")
        role([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["a"]}])
        eventually(lambda: hub.get(f"{PODS}/a").status, 200)
        assert hub.get(f"{PODS}/b").status == 403
        assert hub.get(PODS).status == 403

    def test_another_api_group_is_another_resource(self, api, hub, role):
        role([{"apiGroups": [""], "resources": ["events"], "verbs": ["list"]}])
        eventually(lambda: hub.get("/api/v1/namespaces/{ns}/events").status, 200)
        assert hub.get("/apis/events.k8s.io/v1/namespaces/{ns}/events").status == 403

    def test_one_may_ask_what_one_may(self, api, hub, role):
        role([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}])

        def ask(verb):
            attributes = {"verb": verb, "resource": "pods", "namespace": hub.ns}
            answer = hub.post(REVIEWS, {"spec": {"resourceAttributes": attributes}})
            assert answer.status == 201
            return answer.body["status"]["allowed"]

        eventually(lambda: ask("list"), wanted=True)
        assert ask("delete") is False

    def test_an_admin_may_do_everything(self, api):
        attributes = {"verb": "impersonate", "resource": "unicorns"}
        answer = api.post(REVIEWS, {"spec": {"resourceAttributes": attributes}})
        assert answer.body["status"]["allowed"] is True

    def test_everybody_may_discover(self, hub):
        assert hub.get("/api/v1").status == 200
        assert hub.get("/version").status == 200

    def test_a_service_account_gets_a_token_that_is_itself(self, api):
        accounts = "/api/v1/namespaces/{ns}/serviceaccounts"
        api.post(accounts, {"metadata": {"name": "robot"}})
        request = {"spec": {"expirationSeconds": 3600}}
        token = api.post(f"{accounts}/robot/token", request).body["status"]["token"]
        robot = api.as_caller(token)
        answer = robot.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {"metadata": {}})
        who = answer.body["status"]["userInfo"]
        assert who["username"] == f"system:serviceaccount:{api.ns}:robot"
        assert f"system:serviceaccounts:{api.ns}" in who["groups"]


def a_claim(name="c", size="1Gi", **spec):
    resources = {"requests": {"storage": size}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": resources, **spec}
    return {"metadata": {"name": name}, "spec": spec}
