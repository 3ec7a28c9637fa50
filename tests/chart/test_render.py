"""The real chart with our layers. Skipped where no chart is named: see ``render.py``."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from kubernetes_validate import validate

from teamspawner.cli import main as teamspawner
from tests.chart import standin
from tests.chart.build import a_node
from tests.chart.layers import (
    COMBINATIONS,
    FRAGMENTS,
    MANIFESTS,
    OPTIONAL,
    SIGN_INS,
    layered,
    merge,
    read,
)
from tests.chart.render import containers, lay_out, needs_chart, pod_specs, render, unsized

pytestmark = [
    needs_chart,
    pytest.mark.filterwarnings("ignore:.*Map is deprecated:DeprecationWarning"),
]
CANNOT_BE_SIZED = {"load-acme"}
"""The chart gives no setting for it: quota and Let's Encrypt together need the LimitRange."""


@pytest.fixture(scope="module", params=COMBINATIONS, ids="-".join)
def objects(request):
    return render(layered(*request.param, "site"))


def test_every_container_that_can_be_is_sized(objects):
    missing = {
        (name, container["name"]): unsized(container)
        for name, template in pod_specs(objects)
        for container in containers(template)
        if container["name"] not in CANNOT_BE_SIZED and unsized(container)
    }
    assert missing == {}


@pytest.mark.parametrize("version", ["1.28", "1.37"], ids=["oldest", "newest"])
def test_every_object_is_what_kubernetes_takes(objects, version):
    for found in objects:
        if found["kind"] != "HTTPRoute":
            validate(found, version, strict=True)


def test_only_the_chosen_way_in_is_open(objects):
    open_ways = {found["kind"] for found in objects} & {"Ingress", "HTTPRoute"}
    [public] = [o for o in objects if o["metadata"]["name"] == "proxy-public"]
    balanced = public["spec"]["type"] == "LoadBalancer"
    assert len(open_ways) + balanced == 1


def test_placeholders_have_a_class_below_that_of_people(objects):
    values = {o["metadata"]["name"]: o["value"] for o in objects if o["kind"] == "PriorityClass"}
    [template] = [t for name, t in pod_specs(objects) if name == "StatefulSet/user-placeholder"]
    own = values[template["spec"]["priorityClassName"]]
    assert own < values["jupyterhub-default-priority"]


def test_the_quota_leaves_out_the_placeholders_by_the_name_they_have(objects):
    [expression] = read(MANIFESTS / "quota-compute.yaml")["spec"]["scopeSelector"][
        "matchExpressions"
    ]
    [template] = [t for name, t in pod_specs(objects) if name == "StatefulSet/user-placeholder"]
    assert template["spec"]["priorityClassName"] in expression["values"]


def test_the_optional_examples_render_too():
    assert render(layered("20-auth-github", "40-ingress", "site", *OPTIONAL))


def test_a_misspelt_value_is_refused():
    with pytest.raises(Exception, match="maxage"):
        render(merge(layered("20-auth-github", "40-ingress"), {"cull": {"maxage": 1}}))


def _hub_of(objects, folder, monkeypatch, *, fragments=True, namespace="jupyterhub"):
    """The hub's main file, laid out as its pod sees it."""
    pytest.importorskip("pycurl", reason="the chart's configuration asks for curl")
    main = lay_out(objects, folder)
    for path in FRAGMENTS.glob("*.py") if fragments else []:
        shutil.copy(path, folder / "jupyterhub_config.d")
    monkeypatch.setenv("POD_NAMESPACE", namespace)
    for service in (found for found in objects if found["kind"] == "Service"):
        name = service["metadata"]["name"].upper().replace("-", "_")  # as the kubelet spells it
        monkeypatch.setenv(f"{name}_SERVICE_PORT", "8081")
    return main


@pytest.mark.parametrize("sign_in", SIGN_INS)
@pytest.mark.parametrize("way", ["baked-in", "three-lines"])
def test_the_charts_own_configuration_loads_with_ours(tmp_path, monkeypatch, sign_in, way):
    extra = ["extra-config"] if way == "three-lines" else []
    objects = render(layered(sign_in, "40-ingress", "site", *extra))
    main = _hub_of(objects, tmp_path, monkeypatch, fragments=way == "baked-in")
    with standin.of_the_chart():
        app = standin.load(main)
        assert standin.unknown(app) == []
        assert app.spawner_class.__name__ == "TeamSpawner"
        assert set(app.config.TeamSpawner.map["tiers"]) == {"small", "large", "gpu"}
        spawner = app.config.KubeSpawner
        assert spawner.priority_class_name == "jupyterhub-default-priority"
        [culler] = [s for s in app.config.JupyterHub.services if "culler" in s["name"]]
        assert "--url=http://localhost:8081/hub/api/teamspawner/culler" in culler["command"]


# what admins have in their values already

SITES = {
    "other-names": "{fullnameOverride: my}",
    "no-rbac": "{rbac: {create: false}, hub: {serviceAccount: {create: false, name: ours}}}",
    "no-policies": "{hub: {networkPolicy: {enabled: false}}}",
    "no-user-scheduler": "{scheduling: {userScheduler: {enabled: false}}}",
    "no-priorities": "{scheduling: {podPriority: {enabled: false}}}",
    "own-command": "{hub: {command: [sh, -c, exec jupyterhub]}}",
    "database-in-memory": "{hub: {db: {type: sqlite-memory}}}",
    "pull-secrets": "{imagePullSecrets: [ours], singleuser: {image: {pullSecrets: [theirs]}}}",
    "extra-pod-spec": "{hub: {extraPodSpec: {hostAliases: [{ip: 10.0.0.9, hostnames: [a]}]}}}",
    "culls-people": "{cull: {users: true, removeNamedServers: true, maxAge: 86400}}",
    "pulls-first": "{prePuller: {hook: {enabled: true}}}",
    "no-home": "{singleuser: {storage: {type: none}}}",
    "list-of-volumes": "{singleuser: {storage: {extraVolumes: [{name: a, emptyDir: {}}]}}}",
    "another-path": "{hub: {baseUrl: /lab}}",
    "debug": "{debug: {enabled: true}}",
}


@pytest.mark.parametrize("site", SITES)
def test_the_hub_is_ours_whatever_else_the_values_say(tmp_path, monkeypatch, site):
    values = merge(layered("20-auth-ldap", "40-ingress", "site"), yaml.safe_load(SITES[site]))
    main = _hub_of(render(values), tmp_path, monkeypatch)
    with standin.of_the_chart():
        app = standin.load(main)
    assert standin.unknown(app) == []
    assert app.spawner_class.__name__ == "TeamSpawner"
    [culler] = [s for s in app.config.JupyterHub.services if "culler" in s["name"]]
    assert not [word for word in culler["command"] if word.startswith("--cull-users")]


def test_another_release_has_its_own_priority_and_scheduler(tmp_path, monkeypatch):
    objects = render(layered("20-auth-ldap", "40-ingress", "site"), name="b", namespace="lab")
    main = _hub_of(objects, tmp_path, monkeypatch, namespace="lab")
    with standin.of_the_chart():
        spawner = standin.load(main).config.KubeSpawner
    names = {o["metadata"]["name"] for o in objects if o["kind"] == "PriorityClass"}
    assert spawner.priority_class_name in names
    assert (spawner.scheduler_name, spawner.namespace) == ("b-user-scheduler", "lab")


OWN = """
def hook(spawner):
    spawner.environment["SEEN"] = "1"

c.KubeSpawner.profile_list = [{"display_name": "Mine", "slug": "mine"}]
c.KubeSpawner.pre_spawn_hook = hook
"""


@pytest.mark.parametrize("place", ["extraConfig", "extraFiles"])
def test_what_admins_set_in_code_stays_theirs(tmp_path, monkeypatch, place):
    values = layered("20-auth-ldap", "40-ingress", "site")
    if place == "extraConfig":
        values = merge(values, {"hub": {"extraConfig": {"own": OWN}}})
    main = _hub_of(render(values), tmp_path, monkeypatch)
    if place == "extraFiles":  # they are mounted beside ours
        (tmp_path / "jupyterhub_config.d" / "25-own.py").write_text(OWN)
    with standin.of_the_chart():
        app = standin.load(main)
    assert app.spawner_class.__name__ == "TeamSpawner"
    assert app.config.KubeSpawner.profile_list[0]["slug"] == "mine"
    assert app.config.KubeSpawner.pre_spawn_hook.__name__ == "hook"
    assert app.config.TeamSpawner.map["tiers"]


def test_doctor_finds_the_map_in_the_values_that_the_hubs_pod_has(tmp_path, capsys):
    main = lay_out(render(layered("20-auth-ldap", "40-ingress", "site")), tmp_path)
    dump = tmp_path / "dump.json"
    dump.write_text(json.dumps({"kind": "List", "items": [a_node()]}))
    found = str(main.parent / "secret" / "values.yaml")
    assert teamspawner(["doctor", "--dump", str(dump), "--map", found]) == 1
    assert "tiers.gpu" in capsys.readouterr().out
