"""The effective request of a pod, as each scheduler version adds it up."""

import json

import pytest

from teamspawner.capacity import Rules
from teamspawner.cluster.decode import candidate, decode_pod
from tests.core.raw import container, pod, sidecar


def requested(ours, version="1.35"):
    return dict(candidate(ours, Rules.for_version(version)).pod.spec.requests)


def held(ours, version="1.35"):
    return dict(decode_pod(ours, Rules.for_version(version)).pod.spec.requests)


def with_init(*init, **main):
    return pod(spec={"initContainers": list(init)}, **main)


def test_containers_add_up():
    ours = pod(containers=[container("a", cpu=1, memory="1Gi"), container("b", cpu="500m")])
    assert requested(ours) == {"cpu": 1500, "memory": 2**30}


def test_each_amount_is_rounded_up_to_thousandths_before_they_are_summed():
    ours = pod(containers=[container("a", cpu="100.1m"), container("b", cpu="100.1m")])
    assert requested(ours)["cpu"] == 202


def test_bytes_are_rounded_up_once_after_they_are_summed():
    ours = pod(containers=[container("a", memory="0.5"), container("b", memory="500m")])
    assert requested(ours)["memory"] == 1


def test_a_null_amount_is_none():
    ours = pod(containers=[{"name": "a", "resources": {"requests": {"cpu": None}}}])
    assert requested(ours) == {"cpu": 0}


@pytest.mark.parametrize(
    ("init", "cpu"),
    [
        ([container("i", cpu=4)], 4000),
        ([container("i", cpu=1), container("j", cpu=3)], 3000),
        ([sidecar(cpu=1)], 3000),
        ([sidecar(cpu=1), container("i", cpu=4)], 5000),
        ([container("i", cpu=4), sidecar(cpu=1)], 4000),
        ([sidecar("s", cpu=1), container("i", cpu=1), sidecar("t", cpu=3)], 6000),
    ],
    ids=["larger", "largest", "sidecar", "after a sidecar", "before a sidecar", "both"],
)
def test_init_containers_count_in_their_order(init, cpu):
    assert requested(with_init(*init, cpu=2))["cpu"] == cpu


def test_overhead_is_added_at_the_end():
    ours = pod(cpu=1, spec={"overhead": {"cpu": "250m", "memory": "160Mi"}})
    assert requested(ours) == {"cpu": 1250, "memory": 160 * 2**20}


def test_a_limit_without_a_request_is_the_request():
    ours = pod(containers=[container("a", cpu=1, limits={"cpu": 4, "memory": "1Gi"})])
    assert requested(ours) == {"cpu": 1000, "memory": 2**30}


def pod_level(containers, **resources):
    return pod(containers=containers, spec={"resources": resources})


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"requests": {"cpu": "4"}}, {"cpu": 4000, "memory": 2**30, "x.org/y": 1}),
        ({"requests": {"memory": "3Gi"}}, {"cpu": 1000, "memory": 3 * 2**30, "x.org/y": 1}),
        ({"limits": {"cpu": "4"}}, {"cpu": 1000, "memory": 2**30, "x.org/y": 1}),
        ({"limits": {"memory": "9Gi"}}, {"cpu": 1000, "memory": 2**30, "x.org/y": 1}),
        ({"requests": {"x.org/y": "7"}}, {"cpu": 1000, "memory": 2**30, "x.org/y": 1}),
        ({}, {"cpu": 1000, "memory": 2**30, "x.org/y": 1}),
    ],
    ids=["cpu", "memory", "limit of what is asked", "limit", "not for devices", "empty"],
)
def test_pod_level_requests_replace_the_sum(resources, expected):
    main = container("a", cpu=1, memory="1Gi", **{"x.org/y": 1})
    assert requested(pod_level([main], **resources)) == expected


def test_a_pod_level_limit_is_the_request_where_no_container_asks():
    assert requested(pod_level([container("a")], limits={"cpu": "4"}))["cpu"] == 4000


def test_pod_level_huge_pages_default_to_the_containers_limits():
    main = container("a", cpu=1, limits={"hugepages-2Mi": "4Mi"})
    main["resources"]["requests"]["hugepages-2Mi"] = "4Mi"
    ours = pod_level([main, container("b")], requests={"cpu": "2"})
    assert requested(ours) == {"cpu": 2000, "hugepages-2Mi": 4 * 2**20}


def test_pod_level_resources_are_not_known_before_1_34():
    ours = pod_level([container("a", cpu=1)], requests={"cpu": "4"})
    assert [requested(ours, version)["cpu"] for version in ("1.33", "1.34")] == [1000, 4000]


def a_status(name, allocated=None, actuated=None):
    found = {"name": name}
    if allocated is not None:
        found["allocatedResources"] = {"cpu": str(allocated)}
    if actuated is not None:
        found["resources"] = {"requests": {"cpu": str(actuated)}}
    return found


def resized(*statuses, containers, condition="", **more):
    conditions = [{"type": "PodResizePending", "reason": condition}] if condition else []
    status = {"containerStatuses": list(statuses), "conditions": conditions, **more}
    return pod(on="n", containers=containers, status=status)


@pytest.mark.parametrize("version", ["1.33", "1.36", "1.37"])
@pytest.mark.parametrize(
    ("condition", "cpu"), [("", 4000), ("Deferred", 4000), ("Infeasible", 3000)]
)
def test_a_resize_counts_the_largest_unless_it_is_refused(version, condition, cpu):
    ours = resized(a_status("a", 3, 2), containers=[container("a", cpu=4)], condition=condition)
    assert held(ours, version)["cpu"] == cpu


def test_a_status_without_resources_changes_nothing_up_to_1_36():
    ours = resized(a_status("a", allocated=9), containers=[container("a", cpu=4)])
    assert [held(ours, version)["cpu"] for version in ("1.36", "1.37")] == [4000, 9000]


def test_resources_without_requests_count_what_is_allocated():
    bare = {"name": "a", "resources": {}, "allocatedResources": {"cpu": "9"}}
    ours = resized(bare, containers=[container("a", cpu=4)])
    assert [held(ours, version)["cpu"] for version in ("1.36", "1.37")] == [9000, 9000]


def test_a_refused_resize_without_allocation_counts_nothing_of_that_container_from_1_37():
    other = a_status("b", 1, 1)
    both = [container("a", cpu=4), container("b", cpu=1)]
    ours = resized(other, containers=both, condition="Infeasible")
    assert [held(ours, version)["cpu"] for version in ("1.36", "1.37")] == [5000, 1000]


def test_opposite_resizes_level_out_from_1_37():
    statuses = a_status("a", 1, 1), a_status("b", 3, 3)
    ours = resized(*statuses, containers=[container("a", cpu=3), container("b", cpu=1)])
    assert [held(ours, version)["cpu"] for version in ("1.36", "1.37")] == [6000, 4000]


def test_the_resize_of_a_sidecar_counts_and_that_of_a_plain_init_container_does_not():
    status = {"initContainerStatuses": [a_status("side", 5, 5), a_status("init", 9, 9)]}
    spec = {"initContainers": [sidecar(cpu=1), container("init", cpu=1)]}
    assert held(pod(on="n", cpu=1, spec=spec, status=status))["cpu"] == 6000


def test_a_status_is_of_no_matter_for_a_pod_that_is_not_placed():
    ours = resized(a_status("a", 9, 9), containers=[container("a", cpu=4)])
    assert requested(ours)["cpu"] == 4000


@pytest.mark.parametrize(("version", "cpu"), [("1.35", 4000), ("1.36", 6000), ("1.37", 6000)])
def test_a_resize_of_pod_level_resources_counts_from_1_36(version, cpu):
    spec = {"resources": {"requests": {"cpu": "4"}}}
    status = {"resources": {"requests": {"cpu": "6"}}, "allocatedResources": {"cpu": "5"}}
    assert held(pod(on="n", cpu=1, spec=spec, status=status), version)["cpu"] == cpu


def test_pod_level_status_replaces_the_sums_of_containers_from_1_37():
    status = {"resources": {"requests": {"cpu": "6"}}, "allocatedResources": {"cpu": "5"}}
    ours = pod(on="n", cpu=1, status=status)
    assert [held(ours, version)["cpu"] for version in ("1.36", "1.37")] == [1000, 6000]


def test_pod_level_status_goes_before_containers_that_are_as_specified():
    ours = resized(
        a_status("a", 1, 1),
        containers=[container("a", cpu=1)],
        resources={"requests": {"cpu": "6"}},
        allocatedResources={"cpu": "5"},
    )
    assert [held(ours, version)["cpu"] for version in ("1.36", "1.37")] == [1000, 6000]


@pytest.mark.parametrize("version", ["1.32", "1.33", "1.36", "1.37"])
def test_overhead_is_added_to_a_placed_pod_too_resized_or_not(version):
    overhead = {"overhead": {"cpu": "250m"}}
    for actuated, expected in ((1, 1250), (3, 1250 if version == "1.32" else 3250)):
        status = {"containerStatuses": [a_status("main", 1, actuated)]}
        ours = pod(on="n", cpu=1, spec=overhead, status=status)
        assert held(ours, version)["cpu"] == expected


@pytest.mark.parametrize(
    ("version", "expected"), [("1.33", 1000), ("1.34", 4000), ("1.36", 4000), ("1.37", 4000)]
)
def test_pod_level_requests_count_for_a_placed_pod_whose_containers_are_as_specified(
    version, expected
):
    status = {"containerStatuses": [a_status("main", 1, 1)]}
    ours = pod(on="n", cpu=1, spec={"resources": {"requests": {"cpu": "4"}}}, status=status)
    assert held(ours, version)["cpu"] == expected


@pytest.mark.parametrize(("version", "memory"), [("1.36", 2**30), ("1.37", None)])
def test_a_placed_pod_keeps_the_pod_level_requests_it_was_created_with(version, memory):
    ours = pod(on="n", cpu=1, spec={"resources": {"limits": {"memory": "1Gi"}}})
    assert held(ours, version).get("memory") == memory


def test_equal_pods_are_one_object():
    rules = Rules()
    first = decode_pod(pod("x", on="a", cpu=1, meta={"labels": {"a": "b"}}), rules)
    again = decode_pod(json.dumps(pod("y", on="b", cpu=1, meta={"labels": {"a": "b"}})), rules)
    assert first.pod is again.pod
    other = decode_pod(pod("z", on="b", cpu=1, meta={"labels": {"a": "c"}}), rules)
    assert other.pod is not first.pod
    assert other.pod.spec is first.pod.spec
