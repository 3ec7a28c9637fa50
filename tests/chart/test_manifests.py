"""The manifests: what they say, without a cluster."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from kubernetes_validate import validate

from teamspawner.cli import main
from teamspawner.cli.rights import FEATURES, READ, USUAL
from teamspawner.cluster.source import KINDS, POLICIES
from tests.chart.layers import EXAMPLES, MANIFESTS, read, read_all
from tests.controlplane.cluster import binaries

FILES = sorted(MANIFESTS.glob("*.yaml"))
OBJECTS = [
    pytest.param(found, id=f"{path.stem}-{found['kind']}")
    for path in FILES
    if path.stem != "kustomization" and not path.stem.startswith("optional-")
    for found in read_all(path)
]
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "PriorityClass"}


@pytest.mark.parametrize("found", OBJECTS)
@pytest.mark.parametrize("version", ["1.28", "1.37"], ids=["oldest", "newest"])
def test_each_object_is_what_kubernetes_takes(found, version):
    validate(found, version, strict=True)


@pytest.mark.parametrize("found", OBJECTS)
def test_each_object_lies_in_the_namespace_of_the_hub(found):
    wanted = None if found["kind"] in CLUSTER_WIDE else "jupyterhub"
    assert found["metadata"].get("namespace") == wanted


@pytest.mark.parametrize("feature", FEATURES)
def test_the_rights_of_a_feature_are_those_that_the_command_prints(feature, capsys):
    assert main(["rbac", "--features", feature]) == 0
    assert capsys.readouterr().out == (MANIFESTS / f"rbac-{feature}.yaml").read_text()


def _roles(feature="*"):
    found = [each for path in MANIFESTS.glob(f"rbac-{feature}.yaml") for each in read_all(path)]
    return [each for each in found if each["kind"] in {"ClusterRole", "Role"}]


def test_every_right_is_one_to_read_and_none_is_to_secrets():
    rules = [rule for role in _roles() for rule in role["rules"]]
    assert {verb for rule in rules for verb in rule["verbs"]} == set(READ)
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert not resources & {"secrets", "configmaps", "serviceaccounts", "*"}


def test_the_usual_rights_are_exactly_what_the_hub_watches():
    rules = [
        rule
        for feature in USUAL
        for rules in (FEATURES[feature].cluster, FEATURES[feature].namespaced)
        for rule in rules
    ]
    assert {(group, name) for group, names in rules for name in names} == {
        (source.path.split("/")[2] if source.path.startswith("/apis/") else "", kind)
        for kind, source in KINDS.items()
    }
    namespaced = {name for _, names in FEATURES["quota"].namespaced for name in names}
    assert namespaced == set(POLICIES)


def test_every_binding_is_to_the_account_of_the_hub():
    subjects = [
        subject
        for path in MANIFESTS.glob("rbac-*.yaml")
        for each in read_all(path)
        for subject in each.get("subjects", [])
    ]
    assert subjects
    assert {(s["kind"], s["name"], s["namespace"]) for s in subjects} == {
        ("ServiceAccount", "hub", "jupyterhub")
    }


def test_rbac_prints_for_another_namespace_and_account(capsys):
    assert main(["rbac", "--namespace", "lab", "--service-account", "lab-hub"]) == 0
    found = list(yaml.safe_load_all(capsys.readouterr().out))
    bindings = [each for each in found if each["kind"].endswith("Binding")]
    assert {(b["subjects"][0]["name"], b["subjects"][0]["namespace"]) for b in bindings} == {
        ("lab-hub", "lab")
    }
    roles = [each for each in found if each["kind"] == "Role"]
    assert {role["metadata"]["namespace"] for role in roles} == {"lab"}


def test_the_rights_of_a_second_hub_leave_those_of_the_first_alone(capsys):
    bound = []
    for namespace in ("jupyterhub", "lab"):
        assert main(["rbac", "--namespace", namespace]) == 0
        found = yaml.safe_load_all(capsys.readouterr().out)
        kind = "ClusterRoleBinding"
        bound += [each["metadata"]["name"] for each in found if each["kind"] == kind]
    assert len(bound) == len(set(bound)) == 4


@pytest.mark.parametrize("features", ["nodes", "", "core,nodes"])
def test_rbac_of_a_feature_that_does_not_exist_names_those_that_do(features, capsys):
    assert main(["rbac", "--features", features]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "core, volumes, quota, queues" in said.err


def test_everything_is_named_in_the_kustomization_or_said_to_be_optional():
    text = (MANIFESTS / "kustomization.yaml").read_text()
    named = read(MANIFESTS / "kustomization.yaml")["resources"]
    rest = {p.name for p in FILES} - {*named, "kustomization.yaml"}
    assert {f"rbac-{feature}.yaml" for feature in USUAL} <= set(named)
    assert rest == set(re.findall(r"# - (\S+\.yaml)", text))


def _kustomized(folder):
    made = subprocess.run(
        [str(binaries() / "kubectl"), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return list(yaml.safe_load_all(made.stdout))


def test_kustomize_makes_all_of_it(control_plane_assets):
    kinds = [each["kind"] for each in _kustomized(MANIFESTS)]
    assert kinds.count("ClusterRole") == 2
    assert kinds.count("ResourceQuota") == 2


def test_the_overlay_leaves_nothing_with_the_first_hub(control_plane_assets, capsys):
    made = _kustomized(EXAMPLES / "overlay")
    assert {each["metadata"].get("namespace", "lab") for each in made} == {"lab"}
    named = {(each["kind"], each["metadata"]["name"]): each for each in made}
    assert len(named) == len(made) == len(_kustomized(MANIFESTS))
    assert main(["rbac", "--namespace", "lab"]) == 0
    for each in yaml.safe_load_all(capsys.readouterr().out):
        assert named[each["kind"], each["metadata"]["name"]] == each
    policy = named["NetworkPolicy", "teamspawner-metrics"]
    assert policy["spec"]["podSelector"]["matchLabels"]["release"] == "lab"
    [scope] = named["ResourceQuota", "teamspawner-compute"]["spec"]["scopeSelector"][
        "matchExpressions"
    ]
    assert scope["values"] == ["lab-user-placeholder-priority", "teamspawner-placeholder"]


# storage and compute


def test_the_compute_quota_counts_no_storage_and_leaves_placeholders_out():
    spec = read(MANIFESTS / "quota-compute.yaml")["spec"]
    assert not [key for key in spec["hard"] if "storage" in key or "claims" in key]
    [expression] = spec["scopeSelector"]["matchExpressions"]
    assert (expression["scopeName"], expression["operator"]) == ("PriorityClass", "NotIn")


def test_no_limit_is_set_for_accelerators_since_none_is_ever_counted():
    hard = read(MANIFESTS / "quota-compute.yaml")["spec"]["hard"]
    assert not [key for key in hard if key.startswith("limits.") and "/" in key]


def test_our_placeholders_yield_and_never_push_anybody_out():
    [found] = read_all(MANIFESTS / "priorityclasses.yaml")
    assert (found["value"], found["preemptionPolicy"]) == (-10, "Never")


# monitoring

DASHBOARD = json.loads(read(MANIFESTS / "grafana-dashboard.yaml")["data"]["teamspawner.json"])
RULES = read(MANIFESTS / "prometheus-rules.yaml")["data"]["teamspawner.yaml"]
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
ALERTS = [rule for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"]]


def _names():
    """Every series of ours, as Prometheus names it."""
    from prometheus_client import REGISTRY

    from teamspawner.hub import metrics

    assert metrics.WATCH
    names = set()
    for family in REGISTRY.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
        names |= {family.name + suffix for suffix in suffixes.get(family.type, [""])}
    return names


@pytest.mark.parametrize("query", [*QUERIES, *(rule["expr"] for rule in ALERTS)])
def test_every_query_asks_for_series_that_exist(query):
    asked = set(re.findall(r"\bjupyterhub_\w+", query))
    assert asked <= _names()


def test_the_dashboard_shows_every_metric_of_ours():
    asked = {name for query in QUERIES for name in re.findall(r"jupyterhub_teamspawner_\w+", query)}
    ours = {name for name in _names() if "teamspawner" in name}
    assert {name for name in ours if not name.endswith(("_count", "_sum"))} <= asked


def test_the_panels_do_not_lie_over_one_another():
    cells = [
        (x, y)
        for p in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(p["x"], p["x"] + p["w"])
        for y in range(p["y"], p["y"] + p["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_rules_for_the_operator_are_those_of_the_rule_file():
    assert read(MANIFESTS / "optional-prometheusrule.yaml")["spec"] == yaml.safe_load(RULES)


def test_every_alert_says_in_words_what_is_wrong():
    for rule in ALERTS:
        assert "record" in rule or rule["annotations"]["summary"]
