"""The real chart with our layers. Skipped where no chart is named: see ``render.py``."""

from __future__ import annotations

import shutil

import pytest
from kubernetes_validate import validate

from tests.chart import standin
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


@pytest.mark.parametrize("sign_in", SIGN_INS)
@pytest.mark.parametrize("way", ["baked-in", "three-lines"])
def test_the_charts_own_configuration_loads_with_ours(tmp_path, monkeypatch, sign_in, way):
    pytest.importorskip("pycurl", reason="the chart's configuration asks for curl")
    extra = ["extra-config"] if way == "three-lines" else []
    main = lay_out(render(layered(sign_in, "40-ingress", "site", *extra)), tmp_path)
    for path in FRAGMENTS.glob("*.py") if way == "baked-in" else []:
        shutil.copy(path, tmp_path / "jupyterhub_config.d")
    monkeypatch.setenv("POD_NAMESPACE", "jupyterhub")
    for name in ("HUB", "PROXY_API"):
        monkeypatch.setenv(f"{name}_SERVICE_PORT", "8081")
    with standin.of_the_chart():
        app = standin.load(main)
        assert standin.unknown(app) == []
        assert app.spawner_class.__name__ == "TeamSpawner"
        assert set(app.config.TeamSpawner.map["tiers"]) == {"small", "large", "gpu"}
        spawner = app.config.KubeSpawner
        assert spawner.priority_class_name == "jupyterhub-default-priority"
        [culler] = [s for s in app.config.JupyterHub.services if "culler" in s["name"]]
        assert "--url=http://localhost:8081/hub/api/teamspawner/culler" in culler["command"]
