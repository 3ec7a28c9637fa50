"""``explain`` judges the pod that the chart's hub would make by its values."""

from __future__ import annotations

import json

import pytest
import yaml

from teamspawner.cli import main
from tests.chart.build import a_node

MAP = {
    "tiers": {"small": {"cpu": 2, "memory": "4Gi"}},
    "teams": {"all": {"groups": ["*"], "tiers": ["small"]}},
}
DEDICATED = "hub.jupyter.org/dedicated=user:NoSchedule"
UNDERSCORE = "hub.jupyter.org_dedicated=user:NoSchedule"
CORE = "hub.jupyter.org/dedicated=core:NoSchedule"


@pytest.fixture
def explain(tmp_path, capsys):
    """The verdict on the one tier, what it asks for, and what is told beside it."""

    def run(*objects, values=None):
        path, dump = tmp_path / "map.yaml", tmp_path / "dump.json"
        whole = MAP if values is None else {**values, "custom": {"teamspawner": MAP}}
        path.write_text(yaml.safe_dump(whole))
        dump.write_text(json.dumps({"kind": "List", "items": objects}))
        where = ["--map", str(path), "--dump", str(dump), "--user", "ada", "--format", "json"]
        assert main(["explain", *where]) == 0
        out, err = capsys.readouterr()
        [offer] = json.loads(out)["offers"]
        return offer["verdict"], offer["requests"], err

    return run


@pytest.mark.parametrize("taint", [DEDICATED, UNDERSCORE])
def test_a_map_alone_is_judged_by_the_charts_defaults(explain, taint):
    verdict, _, err = explain(a_node(taints=[taint]))
    assert (verdict, err) == ("FITS_NOW", "")


def test_other_taints_keep_servers_off_as_before(explain):
    verdict, _, err = explain(a_node(taints=[CORE]))
    assert verdict == "NEVER"
    assert CORE in err


USER = {"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}
SPOT = {"matchExpressions": [{"key": "spot", "operator": "Exists"}]}
NEAR = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}


def scheduling(**user_pods):
    return {"scheduling": {"userPods": user_pods}}


def purpose(way):
    return scheduling(nodeAffinity={"matchNodePurpose": way})


def single(**values):
    return {"singleuser": values}


@pytest.mark.parametrize(
    ("values", "node", "verdict"),
    [
        pytest.param({}, {"taints": [DEDICATED]}, "FITS_NOW", id="defaults"),
        pytest.param(
            scheduling(tolerations=[]), {"taints": [DEDICATED]}, "NEVER", id="no-tolerations"
        ),
        pytest.param(
            single(extraTolerations=[{"key": "team", "operator": "Exists"}]),
            {"taints": ["team=x:NoSchedule", DEDICATED]},
            "FITS_NOW",
            id="more-tolerations",
        ),
        pytest.param(single(nodeSelector={"disk": "ssd"}), {}, "NEVER", id="selector"),
        pytest.param(
            single(nodeSelector={"disk": "ssd"}),
            {"labels": {"disk": "ssd"}},
            "FITS_NOW",
            id="selector-met",
        ),
        pytest.param(purpose("prefer"), {}, "FITS_NOW", id="purpose-preferred"),
        pytest.param(purpose("ignore"), {}, "FITS_NOW", id="purpose-ignored"),
        pytest.param(purpose("require"), {}, "NEVER", id="purpose-required"),
        pytest.param(
            purpose("require"),
            {"labels": {USER["key"]: "user"}},
            "FITS_NOW",
            id="purpose-met",
        ),
        pytest.param(
            single(extraNodeAffinity={"required": [SPOT]}), {}, "NEVER", id="node-affinity"
        ),
        pytest.param(
            {**single(extraNodeAffinity={"required": [SPOT]}), **purpose("require")},
            {"labels": {"spot": "yes"}},
            "FITS_NOW",
            id="terms-are-joined-by-or",
        ),
        pytest.param(single(extraPodAffinity={"required": [NEAR]}), {}, "NEVER", id="beside-a-pod"),
    ],
)
def test_values_decide_where_servers_may_go(explain, values, node, verdict):
    labels = {"kubernetes.io/hostname": "n1", **node.get("labels", {})}
    found, _, err = explain(a_node(labels=labels, taints=node.get("taints", ())), values=values)
    assert (found, "cannot be read" in err) == (verdict, False)


def test_a_server_keeps_off_those_that_it_must_not_be_beside(explain):
    server = {"component": "singleuser-server"}
    apart = {**NEAR, "labelSelector": {"matchLabels": server}}
    values = single(extraPodAntiAffinity={"required": [apart]})
    node = a_node(labels={"kubernetes.io/hostname": "n1"})
    other = {
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": "default", "uid": "x", "labels": server},
        "spec": {"nodeName": node["metadata"]["name"], "containers": [{"name": "c"}]},
        "status": {"phase": "Running"},
    }
    assert explain(node, values=values)[0] == "FITS_NOW"
    assert explain(node, other, values=values)[0] == "BUSY"


@pytest.mark.parametrize(
    ("component", "verdict"), [("singleuser-server", "BUSY"), ("web", "FITS_NOW")]
)
def test_servers_spread_over_zones_where_every_pod_is_told_to(explain, component, verdict):
    spread = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"component": "singleuser-server"}},
    }
    nodes = [a_node(name, labels={"zone": name}) for name in ("here", "there")]
    nodes[1]["status"]["allocatable"]["cpu"] = "1"
    other = {
        "kind": "Pod",
        "metadata": {
            "name": "x",
            "namespace": "default",
            "uid": "x",
            "labels": {"component": component},
        },
        "spec": {"nodeName": "here", "containers": [{"name": "c"}]},
        "status": {"phase": "Running"},
    }
    values = single(extraPodConfig={"topologySpreadConstraints": [spread]})
    assert explain(*nodes, other, values=values)[0] == verdict


def test_what_runs_beside_the_server_takes_room_too(explain):
    sidecar = {"name": "s", "resources": {"requests": {"cpu": "500m"}}}
    _, requests, _ = explain(a_node(), values=single(extraContainers=[sidecar]))
    assert (requests["cpu_millicores"], requests["memory_bytes"]) == (2500, 4 * 2**30)
    first = {"name": "i", "resources": {"requests": {"cpu": "3"}}}
    _, requests, _ = explain(a_node(), values=single(initContainers=[first]))
    assert requests["cpu_millicores"] == 3000


@pytest.mark.parametrize(
    ("extra", "verdict"),
    [
        ({"guarantees": {"ephemeral-storage": "2Gi"}}, "NEVER"),
        ({"limits": {"ephemeral-storage": "2Gi"}}, "NEVER"),
        (
            {"guarantees": {"ephemeral-storage": "1Gi"}, "limits": {"hugepages-2Mi": "0"}},
            "FITS_NOW",
        ),
        ({"guarantees": {"cpu": "99", "memory": "999Gi", "nvidia.com/gpu": 1}}, "FITS_NOW"),
        ({"limits": {"nvidia.com/gpu": 1}, "guarantees": 5}, "FITS_NOW"),
    ],
    ids=["guarantee", "limit", "room", "what-the-tier-owns", "odd"],
)
def test_further_resources_count_but_those_that_a_tier_owns(explain, extra, verdict):
    node = a_node()
    node["status"]["allocatable"]["ephemeral-storage"] = "1Gi"
    found, requests, err = explain(node, values=single(extraResource=extra))
    assert (found, requests["cpu_millicores"], err) == (verdict, 2000, "")


@pytest.mark.parametrize(("blocks", "cpu"), [(True, 3000), (False, 2000)])
def test_what_blocks_the_clouds_metadata_runs_first(explain, blocks, cpu):
    values = single(
        networkTools={"resources": {"requests": {"cpu": "3"}}},
        cloudMetadata={"blockWithIptables": blocks},
    )
    assert explain(a_node(), values=values)[1]["cpu_millicores"] == cpu


@pytest.mark.parametrize(("enabled", "verdict"), [(True, "FITS_BY_PREEMPTION"), (False, "BUSY")])
def test_the_priority_of_people_counts_where_the_chart_makes_one(explain, enabled, verdict):
    node = a_node()
    full = {"cpu": node["status"]["allocatable"]["cpu"]}
    other = {
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": "default", "uid": "x"},
        "spec": {
            "nodeName": node["metadata"]["name"],
            "containers": [{"name": "c", "resources": {"requests": full}}],
        },
        "status": {"phase": "Running"},
    }
    values = {"scheduling": {"podPriority": {"enabled": enabled, "defaultPriority": 10}}}
    assert explain(node, other, values=values)[0] == verdict


@pytest.mark.parametrize(
    "values",
    [
        single(extraContainers=[{"resources": 5}]),
        single(extraNodeAffinity={"required": [{"matchExpressions": 5}]}),
        single(extraContainers=5, nodeSelector=5, extraTolerations=5),
        {"singleuser": 5, "scheduling": 5},
    ],
    ids=["containers", "terms", "no-lists", "no-mappings"],
)
def test_values_that_cannot_be_read_are_told_where_they_matter(explain, values):
    verdict, requests, err = explain(a_node(taints=[DEDICATED]), values=values)
    assert (verdict, requests["cpu_millicores"]) == ("FITS_NOW", 2000)
    first = next(iter(values["singleuser"].values())) if values["singleuser"] != 5 else 5
    assert ("cannot be read" in err) is (first != 5)
