"""``teamspawner chart``: values and placeholders that follow from the map."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from jsonschema import Draft7Validator
from kubernetes_validate import validate

from teamspawner.cli import main
from teamspawner.units import units
from tests.chart.layers import EXAMPLES, PUBLISHED, complete, layered, merge

SITE = str(EXAMPLES / "site.yaml")


def a_map(**parts):
    return {
        "tiers": {"small": {"cpu": 1, "memory": "2Gi"}},
        "images": {"scipy": {"image": "quay.io/jupyter/scipy-notebook:2026-08-24"}},
        "teams": {"everyone": {"groups": ["*"], "tiers": ["small"], "images": ["scipy"]}},
        **parts,
    }


@pytest.fixture
def chart(tmp_path, capsys):
    """Runs the command on a map given as values, and reads its YAML."""

    def run(the_map, *flags):
        path = tmp_path / "map.yaml"
        path.write_text(yaml.safe_dump(the_map))
        assert main(["chart", "--map", str(path), *flags]) == 0
        found = list(yaml.safe_load_all(capsys.readouterr().out))
        return found if "--placeholders" in flags else found[0]

    return run


def _site(capsys, *flags):
    assert main(["chart", "--map", SITE, *flags]) == 0
    return list(yaml.safe_load_all(capsys.readouterr().out))


def test_a_map_within_chart_values_is_found_there(chart, capsys):
    [inside] = _site(capsys)
    alone = yaml.safe_load((EXAMPLES / "site.yaml").read_text())["custom"]["teamspawner"]
    assert chart(alone) == inside


def test_what_it_prints_is_what_the_chart_takes(capsys):
    [made] = _site(capsys)
    schema = json.loads((PUBLISHED / "values.schema.json").read_text())
    merged = merge(layered("20-auth-github", "40-ingress"), made)
    assert list(Draft7Validator(schema).iter_errors(complete(merged))) == []


def test_it_prints_nothing_twice_over_what_the_layers_already_decide(capsys):
    [made] = _site(capsys)
    assert "custom" not in made
    assert "hub" not in made


def test_every_image_of_the_map_is_pulled_before_somebody_waits_for_it(capsys):
    [made] = _site(capsys)
    pulled = {f"{i['name']}:{i['tag']}" for i in made["prePuller"]["extraImages"].values()}
    tag = "2026-08-24"
    assert pulled == {
        f"quay.io/jupyter/scipy-notebook:{tag}",
        f"quay.io/jupyter/pytorch-notebook:cuda12-{tag}",
    }


def test_gpu_images_can_be_kept_off_the_cpu_nodes(capsys):
    [made] = _site(capsys, "--skip-gpu-images")
    assert list(made["prePuller"]["extraImages"]) == ["scipy"]


@pytest.mark.parametrize(
    ("image", "name", "tag"),
    [
        pytest.param("quay.io/a/b:1.0", "quay.io/a/b", "1.0", id="tag"),
        pytest.param("host:5000/a/b", "host:5000/a/b", "latest", id="port-and-no-tag"),
        pytest.param("host:5000/a:2", "host:5000/a", "2", id="port-and-tag"),
        pytest.param(f"a/b@sha256:{'0' * 64}", "a/b@sha256", "0" * 64, id="digest"),
    ],
)
def test_an_image_is_split_so_that_the_chart_joins_it_again(chart, image, name, tag):
    made = chart(a_map(images={"scipy": {"image": image}}))
    assert made["prePuller"]["extraImages"] == {"scipy": {"name": name, "tag": tag}}
    assert made["singleuser"]["image"] == {"name": name, "tag": tag}


def test_two_keys_that_would_make_one_container_name_are_told_apart(chart):
    images = {"A.b": {"image": "x/y:1"}, "a-b": {"image": "x/y:2"}, "same": {"image": "x/y:1"}}
    team = {"groups": ["*"], "tiers": ["small"], "images": list(images)}
    made = chart(a_map(images=images, teams={"all": team}))
    assert list(made["prePuller"]["extraImages"]) == ["a-b", "a-b-2"]


def test_a_server_outside_any_tier_is_as_small_as_the_smallest(chart):
    tiers = {
        "large": {"cpu": 8, "memory": "64Gi"},
        "small": {
            "cpu": {"request": 0.5, "limit": 2},
            "memory": {"request": "1Gi", "limit": "3Gi"},
        },
    }
    made = chart(a_map(tiers=tiers))["singleuser"]
    assert made["cpu"] == {"guarantee": 0.5, "limit": 2}
    assert made["memory"] == {"guarantee": "1024M", "limit": "3072M"}


def test_a_tier_without_limit_takes_away_a_lower_one_of_the_layers_below(chart):
    tiers = {"small": {"cpu": {"request": 1}, "memory": {"request": "1Gi"}}}
    made = chart(a_map(tiers=tiers))["singleuser"]
    assert made["cpu"] == {"guarantee": 1, "limit": None}


def test_the_placeholder_leaves_a_hole_in_which_the_server_fits(chart):
    the_map = a_map(tiers={"small": {"cpu": 1, "memory": "4G"}})
    made = chart(the_map)
    hole = made["scheduling"]["userPlaceholder"]["resources"]["requests"]["memory"]
    assert units(hole) >= 4 * 2**30
    assert made["singleuser"]["memory"]["guarantee"] == "4096M"


def test_without_a_cpu_size_no_placeholder_is_made_up(chart):
    the_map = a_map(tiers={"small": {"share": "1/2"}})
    made = chart(the_map)
    assert "scheduling" not in made
    assert "cpu" not in made["singleuser"]


def test_the_culler_looks_often_enough_for_the_shortest_time_and_deletes_nobody(chart):
    tiers = {"small": {"cpu": 1, "memory": "1Gi", "cull": {"idle": "10m"}}}
    assert chart(a_map(tiers=tiers))["cull"] == {"enabled": True, "users": False, "every": 60}


def test_the_longest_start_timeout_is_the_charts(chart):
    tiers = {"small": {"cpu": 1, "memory": "1Gi", "start_timeout": "20m"}}
    assert chart(a_map(tiers=tiers))["singleuser"]["startTimeout"] == 1200


# placeholders

GPU = {"gpu": {"counts": [2, 1]}, "per_gpu": {"cpu": 4, "memory": "20Gi"}}
TAINT = {"key": "team", "operator": "Equal", "value": "ml", "effect": "NoSchedule"}


def _gpu_map(**parts):
    tiers = {"gpu": GPU, "small": {"cpu": 1, "memory": "1Gi"}}
    return a_map(tiers=tiers, **parts)


def test_a_placeholder_asks_for_the_smallest_server_of_its_tier(chart):
    [made] = chart(_gpu_map(), "--placeholders")
    [container] = made["spec"]["template"]["spec"]["containers"]
    size = {"cpu": "4000m", "memory": "20480Mi", "nvidia.com/gpu": "1"}
    assert container["resources"] == {"requests": size, "limits": size}


def test_there_is_one_placeholder_for_each_pool_that_has_devices(chart):
    pools = [
        {"name": "A100 pool", "max_nodes": 4, "labels": {"pool": "a100"}, "taints": [TAINT]}
        | {"gpu": {"nvidia.com/gpu": 8}},
        {"name": "amd", "max_nodes": 2, "gpu": {"amd.com/gpu": 4}},
        {"name": "cpu", "max_nodes": 9},
    ]
    first, second = chart(_gpu_map(pools=pools), "--placeholders", "--replicas", "3")
    names = [each["metadata"]["name"] for each in (first, second)]
    assert names == ["placeholder-gpu-a100-pool", "placeholder-gpu-amd"]
    assert first["spec"]["replicas"] == 3
    pod = first["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"pool": "a100"}
    assert {"key": "team", "value": "ml", "effect": "NoSchedule"} in pod["tolerations"]
    other = second["spec"]["template"]["spec"]
    assert "amd.com/gpu" in other["containers"][0]["resources"]["limits"]
    assert {"key": "amd.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in other[
        "tolerations"
    ]


def test_a_fair_share_keeps_the_device_and_a_sized_tier_its_size(chart):
    tiers = {
        "fair": {"gpu": {}, "per_gpu": "fair"},
        "sized": {"gpu": {}, "cpu": 3, "memory": "6Gi"},
    }
    team = {"groups": ["*"], "tiers": ["fair", "sized"], "images": ["scipy"]}
    made = chart(a_map(tiers=tiers, teams={"all": team}), "--placeholders")
    sizes = [
        each["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] for each in made
    ]
    assert [size["cpu"] for size in sizes] == ["100m", "3000m"]


def test_placeholders_are_what_kubernetes_takes_and_yield_to_every_server(capsys):
    [made] = _site(capsys, "--placeholders", "--release", "lab", "--namespace", "lab")
    validate(made, "1.35", strict=True)
    pod = made["spec"]["template"]["spec"]
    assert pod["priorityClassName"] == "teamspawner-placeholder"
    assert pod["schedulerName"] == "lab-user-scheduler"
    assert made["metadata"]["namespace"] == "lab"


SLICES = {
    "tiers": {
        "small": {"cpu": 1, "memory": "1Gi"},
        "gpu": {"gpu": {"kinds": ["mig"]}, "per_gpu": "fair"},
    }
}


@pytest.mark.parametrize(
    ("parts", "why"),
    [({}, "no tier of the map has accelerators"), (SLICES, "a pool that names the resource")],
    ids=["no-accelerators", "slices-alone"],
)
def test_where_no_placeholder_of_ours_can_be_it_says_why(tmp_path, capsys, parts, why):
    path = tmp_path / "map.yaml"
    path.write_text(yaml.safe_dump(a_map(**parts)))
    assert main(["chart", "--map", str(path), "--placeholders"]) == 0
    said = capsys.readouterr()
    assert list(yaml.safe_load_all(said.out)) == []
    assert why in said.err


def test_slices_of_a_pool_are_kept_by_their_own_name(chart):
    pool = {"name": "mig", "max_nodes": 2, "gpu": {"nvidia.com/mig-1g.10gb": 7}}
    [made] = chart(a_map(**SLICES, pools=[pool]), "--placeholders")
    [container] = made["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "1"


def test_pools_whose_names_read_alike_get_placeholders_of_their_own(chart):
    pools = [
        {"name": name, "max_nodes": 1, "gpu": {"nvidia.com/gpu": 8}}
        for name in ("A 100", "a-100", "é", "x" * 63)
    ]
    made = chart(_gpu_map(pools=pools), "--placeholders")
    names = [each["metadata"]["name"] for each in made]
    assert len(set(names)) == 4
    for each in made:
        validate(each, "1.35", strict=True)
        assert re.fullmatch("[a-z0-9][a-z0-9-]{,61}[a-z0-9]", each["metadata"]["name"])


# trouble


def test_a_map_that_is_not_there_is_said_so(capsys):
    assert main(["chart", "--map", "/nowhere/map.yaml"]) == 2
    assert "cannot read /nowhere/map.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("tiers: {}", id="no-tiers"),
        pytest.param("a: b: custom", id="no-yaml"),
        pytest.param("- custom", id="list"),
        pytest.param("custom: {teamspawner: {tiers: {}}}", id="within-values"),
        pytest.param("custom: 1", id="values-without"),
        pytest.param("custom: 2026-13-40", id="impossible-date"),
        pytest.param("custom: " + "[" * 5000, id="bottomless"),
    ],
)
def test_a_wrong_map_prints_no_values_and_says_what_is_wrong(tmp_path, capsys, text):
    path = tmp_path / "map.yaml"
    path.write_text(text)
    assert main(["chart", "--map", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "the map is wrong" in said.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["chart", "--map", "x", "--replicas", "-1"], "a whole number, 0 or more"),
        (["chart", "--map", "x", "--replicas", "some"], "found 'some'"),
        (["chart", "--map", "x", "--release", "Mine"], "found 'Mine'"),
        (["chart", "--map", "x", "--namespace", "a_b"], "found 'a_b'"),
        (["rbac", "--namespace", "x" * 64], "at most 63 lower case letters"),
        (["rbac", "--namespace", ""], "found ''"),
        (["rbac", "--service-account", "hub.."], "letters, digits, hyphens and dots"),
        (["doctor", "--namespace", "Lab"], "found 'Lab'"),
        (["doctor", "--service-account", "a b"], "found 'a b'"),
    ],
    ids=lambda value: "-".join(value[:1] + value[-2:]) if isinstance(value, list) else "",
)
def test_a_name_or_number_that_kubernetes_would_refuse_is_refused_here(capsys, flags, said):
    with pytest.raises(SystemExit) as ended:
        main(flags)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
