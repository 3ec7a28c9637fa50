"""Everything that is shipped, on a real API server with a real controller manager."""

from __future__ import annotations

import os
import time
from copy import deepcopy
from pathlib import Path

import pytest

from teamspawner.cli.rights import FEATURES, READ, USUAL
from tests.chart.layers import COMBINATIONS, MANIFESTS, SIZED, complete, layered, read, read_all
from tests.chart.render import containers, needs_chart, pod_specs, render, unsized
from tests.controlplane.client import ApiError, path_of
from tests.controlplane.cluster import HUB, running

pytestmark = pytest.mark.controlplane
PLACE = "jupyterhub"
VERBS = (*READ, "create", "update", "patch", "delete", "deletecollection")


@pytest.fixture(scope="module")
def plane(control_plane_assets):
    """A control plane of our own: namespaces and quotas of fixed names, and controllers."""
    with running(control_plane_assets, schedulers=(), manager=True) as plane:
        plane.admin.create_namespace(PLACE)
        for name in ("default", "hub"):
            _account(plane.admin, name)
        yield plane


def _account(admin, name):
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta(name)}
    try:
        admin.create(account)
    except ApiError as error:
        if error.status != 409:
            raise


def _meta(name):
    return {"name": name, "namespace": PLACE}


@pytest.fixture
def admin(plane):
    return plane.admin


def _shipped(*names):
    paths = [MANIFESTS / name for name in names] or [
        MANIFESTS / name for name in read(MANIFESTS / "kustomization.yaml")["resources"]
    ]
    return [found for path in paths for found in read_all(path)]


def _strictly(admin, found):
    """Have the API server judge an object, unknown fields included, and keep nothing of it."""
    path = path_of(found["apiVersion"], found["kind"], found["metadata"].get("namespace", ""))
    return admin.request("POST", path, found, query={"dryRun": "All", "fieldValidation": "Strict"})


@pytest.mark.parametrize(
    "found", _shipped(), ids=lambda found: f"{found['kind']}-{found['metadata']['name']}"
)
def test_the_api_server_takes_each_manifest(admin, found):
    assert _strictly(admin, found)["metadata"]["name"] == found["metadata"]["name"]


# kinds that are not Kubernetes' own

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def _crds():
    """The definitions that ``tests/chart/crds`` fetched, or those of TEAMSPAWNER_CRDS."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("TEAMSPAWNER_CRDS") or cache / "teamspawner" / "crds")
    return [read(path) for path in sorted(folder.glob("*.yaml"))]


@pytest.fixture(scope="module")
def extended(plane):
    """The control plane with the Prometheus operator's kinds and the Gateway API's."""
    found = _crds()
    if not found:
        pytest.skip("no definitions of HTTPRoute, ServiceMonitor, …: run tests/chart/crds")
    for each in found:
        plane.admin.request("POST", CRD, each)
    for each in found:
        path = f"{CRD}/{each['metadata']['name']}"
        _until(lambda path=path: _established(plane.admin.request("GET", path)))
    return plane


def _established(crd):
    conditions = crd.get("status", {}).get("conditions", [])
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


OPTIONAL = sorted(path.name for path in MANIFESTS.glob("optional-*.yaml"))


@pytest.mark.parametrize("name", OPTIONAL)
def test_the_api_server_takes_each_manifest_for_an_operator(extended, name):
    [found] = read_all(MANIFESTS / name)
    assert _strictly(extended.admin, found)["metadata"]["name"] == found["metadata"]["name"]


def test_a_misspelt_field_of_such_a_manifest_is_refused(extended):
    [found] = read_all(MANIFESTS / "optional-servicemonitor.yaml")
    found["spec"]["endpoints"][0]["intervall"] = "30s"
    with pytest.raises(ApiError, match="intervall"):
        _strictly(extended.admin, found)


# rights

CHART_ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "hub", "namespace": PLACE},
    "rules": [
        {
            "apiGroups": [""],
            "resources": ["pods", "persistentvolumeclaims", "secrets", "services"],
            "verbs": ["get", "watch", "list", "create", "delete"],
        },
        {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "watch", "list"]},
    ],
}


def _may(plane, group, resource, verb, namespace):
    attributes = {"group": group, "resource": resource, "verb": verb, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return plane.client(HUB).request("POST", path, review)["status"]["allowed"]


def _every_resource(admin):
    """(group, resource, namespaced) of everything that the server serves, subresources too."""
    groups = admin.request("GET", "/apis")["groups"]
    roots = [("", "/api/v1")]
    roots += [(g["name"], f"/apis/{v['groupVersion']}") for g in groups for v in g["versions"]]
    found = {
        (group, each["name"], each["namespaced"])
        for group, root in roots
        for each in admin.request("GET", root)["resources"]
    }
    found |= {("kueue.x-k8s.io", name, True) for name in ("localqueues", "workloads")}
    return sorted(found)


def _allowed(plane, resources):
    return {
        (group, resource, verb, namespace)
        for group, resource, namespaced in resources
        for verb in VERBS
        for namespace in ((PLACE, "elsewhere") if namespaced else ("",))
        if _may(plane, group, resource, verb, namespace)
    }


def _wanted(resources, features):
    wanted = set()
    for feature in features:
        for scope, rules in (
            ("cluster", FEATURES[feature].cluster),
            (PLACE, FEATURES[feature].namespaced),
        ):
            named = {(group, name) for group, names in rules for name in names}
            wanted |= {
                (group, name, verb, namespace)
                for group, name, namespaced in resources
                if (group, name) in named
                for verb in READ
                for namespace in ((PLACE, "elsewhere") if namespaced else ("",))
                if scope == "cluster" or namespace == PLACE
            }
    return wanted


def test_the_hub_may_read_exactly_what_is_listed_and_nothing_more(plane, admin):
    resources = _every_resource(admin)
    before = _allowed(plane, resources)
    for found in _shipped(*(f"rbac-{feature}.yaml" for feature in USUAL)):
        admin.create(found)
    deadline = time.monotonic() + 10
    while not _may(plane, "", "nodes", "watch", "") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _allowed(plane, resources) - before == _wanted(resources, USUAL)


def test_with_the_charts_role_and_ours_the_hub_does_its_work_and_reads_no_foreign_secret(plane):
    admin, hub = plane.admin, plane.client(HUB)
    admin.create(CHART_ROLE)
    subject = {"kind": "ServiceAccount", "name": "hub", "namespace": PLACE}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "hub"}
    admin.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": _meta("hub"),
            "subjects": [subject],
            "roleRef": reference,
        }
    )
    deadline = time.monotonic() + 10
    while not _may(plane, "", "pods", "create", PLACE) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert hub.create(a_pod("probe"), dry_run=True)
    with pytest.raises(ApiError, match="secrets is forbidden"):
        hub.request("GET", "/api/v1/namespaces/default/secrets")


# quota, LimitRange, priorities: the real ones


@pytest.fixture(scope="module")
def limited(plane):
    """The namespace with both quotas and priority classes in force, and no LimitRange yet."""
    admin = plane.admin
    for found in _shipped("quota-compute.yaml", "quota-storage.yaml", "priorityclasses.yaml"):
        admin.create(found)
    for name, value in (
        ("jupyterhub-default-priority", 0),
        ("jupyterhub-image-puller-priority", -5),
        ("jupyterhub-user-placeholder-priority", -10),
    ):
        priority = {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
        }
        admin.create(priority)
    for name in ("teamspawner-compute", "teamspawner-storage"):
        _until(lambda name=name: _quota(admin, name).get("status", {}).get("hard"))
    return plane


def _until(true, seconds=30):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def _quota(admin, name):
    return admin.request("GET", path_of("v1", "ResourceQuota", PLACE, name))


def a_pod(name, resources=None, priority=None, init=()):
    container = {"name": "main", "image": "pause", "resources": resources or {}}
    spec = {"containers": [container], "initContainers": list(init)}
    if priority:
        spec["priorityClassName"] = priority
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _meta(name), "spec": spec}


def sized(cpu="100m", memory="128Mi", **more):
    amount = {"cpu": cpu, "memory": memory, **more}
    return {"requests": amount, "limits": amount}


@pytest.mark.parametrize("path", SIZED)
def test_under_the_quota_each_container_with_our_sizes_is_let_in(limited, path):
    found = complete(layered("20-auth-dummy", "40-letsencrypt"))
    for key in path.split("."):
        found = found[key]
    assert limited.admin.create(a_pod("sized", found), dry_run=True)


def test_under_the_quota_a_container_without_sizes_is_refused_until_there_is_a_limitrange(limited):
    admin = limited.admin
    with pytest.raises(ApiError, match="must specify"):
        admin.create(a_pod("bare"), dry_run=True)
    [defaults] = _shipped("limitrange.yaml")
    admin.create(defaults)

    def let_in():
        try:
            return admin.create(a_pod("bare"), dry_run=True)
        except ApiError:
            return None

    _until(let_in, 15)
    made = let_in()["spec"]["containers"][0]["resources"]
    assert made["limits"] == defaults["spec"]["limits"][0]["default"]
    admin.request("DELETE", path_of("v1", "LimitRange", PLACE, "teamspawner-defaults"))

    def refused():
        return let_in() is None

    _until(refused, 15)


@pytest.mark.parametrize(
    "priority", ["jupyterhub-user-placeholder-priority", "teamspawner-placeholder"]
)
def test_placeholders_take_nothing_from_the_quota(limited, priority):
    admin = limited.admin
    used = _quota(admin, "teamspawner-compute")["status"]["used"]
    admin.create(a_pod(f"keeps-{priority}", sized("90", "300Gi"), priority))
    assert _quota(admin, "teamspawner-compute")["status"]["used"] == used
    more = a_pod("person", sized("90", "300Gi"), "jupyterhub-default-priority")
    assert admin.create(more, dry_run=True)


def test_the_quota_stops_people_at_its_number_of_devices(limited):
    admin = limited.admin
    gpus = sized(**{"nvidia.com/gpu": "8"})
    admin.create(a_pod("eight", gpus, "jupyterhub-default-priority"))
    _until(
        lambda: (
            _quota(admin, "teamspawner-compute")["status"]["used"]["requests.nvidia.com/gpu"] == "8"
        )
    )
    with pytest.raises(ApiError, match="exceeded quota: teamspawner-compute"):
        admin.create(a_pod("three", sized(**{"nvidia.com/gpu": "3"})), dry_run=True)
    assert admin.create(a_pod("two", sized(**{"nvidia.com/gpu": "2"})), dry_run=True)


def test_the_storage_quota_counts_the_team_claim(limited):
    admin = limited.admin
    [claim] = _shipped("shared-pvc.yaml")
    admin.create(claim)
    _until(
        lambda: (
            _quota(admin, "teamspawner-storage")["status"]["used"].get("requests.storage")
            == "100Gi"
        )
    )


def test_the_quota_of_the_guide_would_refuse_storage_beside_scopes(limited):
    [quota] = _shipped("quota-compute.yaml")
    quota = deepcopy(quota)
    quota["metadata"]["name"] = "mixed"
    quota["spec"]["hard"]["persistentvolumeclaims"] = "50"
    with pytest.raises(ApiError, match="unsupported scope"):
        limited.admin.create(quota, dry_run=True)


# the real chart


@needs_chart
@pytest.mark.parametrize("chosen", COMBINATIONS, ids="-".join)
def test_the_api_server_takes_every_object_of_the_chart(limited, chosen):
    for found in render(layered(*chosen, "site")):
        if found["kind"] != "HTTPRoute":
            assert _strictly(limited.admin, _placed(found))


@needs_chart
def test_the_api_server_takes_the_route_of_the_chart(extended):
    objects = render(layered("20-auth-github", "40-gateway", "site"))
    [route] = [found for found in objects if found["kind"] == "HTTPRoute"]
    assert _strictly(extended.admin, _placed(route))


def _placed(found):
    """Under a name that is not taken yet, in the namespace that Helm would choose."""
    found["metadata"]["name"] += "-dry"
    if found["kind"] not in {"ClusterRole", "ClusterRoleBinding", "PriorityClass"}:
        found["metadata"].setdefault("namespace", PLACE)
    return found


@needs_chart
@pytest.mark.parametrize("way", ["40-ingress", "40-letsencrypt"])
def test_under_the_quota_each_pod_of_the_chart_is_let_in(limited, way):
    for name, template in pod_specs(render(layered("20-auth-github", way, "site"))):
        spec = {**template["spec"], "serviceAccountName": "default"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": _meta("dry"), "spec": spec}
        pod["spec"].pop("schedulerName", None)
        if any(unsized(container) for container in containers(template)):
            with pytest.raises(ApiError, match="load-acme"):
                limited.admin.create(pod, dry_run=True)
        else:
            assert limited.admin.create(pod, dry_run=True), name
