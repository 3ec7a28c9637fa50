"""Situations a hub meets, one named test each: what the real scheduler would do there."""

import pytest

from teamspawner.capacity import Rules, Status, judge, place
from teamspawner.cluster.decode import candidate
from tests.core.raw import (
    GPU,
    claim,
    container,
    judged,
    node,
    pod,
    sidecar,
    snapshot_of,
    storage_class,
    uses,
    volume,
    why,
)

GPU_TAINT = {"taints": [{"key": GPU, "value": "present", "effect": "NoSchedule"}]}
TOLERATES_GPU = {"tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]}
CORDON_TOLERATION = {
    "tolerations": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
}


def selects(**labels):
    return {"nodeSelector": {"nvidia.com/gpu.product": labels["product"]}}


def product(name):
    return {"nvidia.com/gpu.product": name}


def test_s1_free_gpus_spread_over_nodes_do_not_add_up():
    nodes = [node(name, gpu=2) for name in "abcd"]
    assert judged(nodes, pod(gpu=4)).status is Status.NEVER


def test_s1_busy_when_one_node_is_large_enough_at_all():
    held = pod("held", on="a", gpu=6)
    assert judged([node("a", gpu=8), held], pod(gpu=4)).status is Status.BUSY


def test_s2_a_cordoned_node_does_not_take_it():
    verdict = judged([node(gpu=1, spec={"unschedulable": True})], pod(gpu=1))
    assert verdict.status is Status.NEVER
    assert why(verdict) == ["node(s) were unschedulable"]


def test_s3_a_toleration_of_the_cordon_opens_a_cordoned_node():
    cordoned = node(gpu=1, spec={"unschedulable": True})
    assert judged([cordoned], pod(gpu=1, spec=CORDON_TOLERATION)).nodes == ("a",)


def test_s4_an_untolerated_taint_is_named():
    verdict = judged([node(gpu=1, spec=GPU_TAINT)], pod(gpu=1))
    assert verdict.status is Status.NEVER
    assert verdict.rejected["a"][0].detail == "nvidia.com/gpu=present:NoSchedule"


def test_s5_the_toleration_that_admission_adds_opens_the_node():
    found = judged([node(gpu=1, spec=GPU_TAINT)], pod(gpu=1, spec=TOLERATES_GPU))
    assert found.status is Status.FITS_NOW


def test_s6_a_claim_of_devices_does_not_pass_the_taint():
    spec = {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one"}]}
    verdict = judged([node(spec=GPU_TAINT)], pod(cpu=1, spec=spec))
    assert verdict.status is Status.NEVER


def test_s7_a_gpu_of_a_terminating_pod_is_still_taken_and_being_freed():
    ending = pod("ending", on="a", gpu=1, meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    verdict = judged([node(gpu=1), ending], pod(gpu=1))
    assert (verdict.status, verdict.freeing) == (Status.BUSY, ("a",))


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_s8_a_finished_pod_holds_nothing(phase):
    held = pod("done", on="a", phase=phase, gpu=1)
    assert judged([node(gpu=1), held], pod(gpu=1)).status is Status.FITS_NOW


@pytest.mark.parametrize("reason", ["CrashLoopBackOff", "ImagePullBackOff"])
def test_s9_a_pod_that_cannot_start_holds_its_gpu(reason):
    state = {"name": "main", "state": {"waiting": {"reason": reason}}}
    held = pod("stuck", on="a", phase="Pending", gpu=1, status={"containerStatuses": [state]})
    assert judged([node(gpu=1), held], pod(gpu=1)).status is Status.BUSY


def test_s10_a_plain_init_container_counts_by_the_larger():
    ours = pod(cpu=1, spec={"initContainers": [container("init", cpu=4)]})
    assert judged([node(cpu=4), pod("x", on="a", cpu=3)], ours).status is Status.BUSY
    assert judged([node(cpu=4)], ours).status is Status.FITS_NOW


def test_s11_a_sidecar_adds_its_gpu_and_a_plain_init_container_does_not():
    cluster = [node(gpu=2), pod("x", on="a", gpu=1)]
    with_sidecar = pod(gpu=1, spec={"initContainers": [sidecar(gpu=1)]})
    with_init = pod(gpu=1, spec={"initContainers": [container("init", gpu=1)]})
    assert judged(cluster, with_sidecar).status is Status.BUSY
    assert judged(cluster, with_init).status is Status.FITS_NOW


def test_s12_shared_devices_are_counted_as_the_node_offers_them():
    shared = node(gpu=16, labels=product("NVIDIA-A100-SHARED"))
    held = [pod(f"x{i}", on="a", gpu=1) for i in range(10)]
    verdict = judged([shared, *held], pod(gpu=1))
    assert (verdict.status, verdict.count) == (Status.FITS_NOW, 6)


def test_s13_the_scheduler_takes_two_shared_devices():
    shared = node(gpu=16, labels=product("NVIDIA-A100-SHARED"))
    assert judged([shared], pod(gpu=2)).status is Status.FITS_NOW


def test_s14_a_renamed_shared_device_is_another_resource():
    cluster = [node(shared=16)]
    assert judged(cluster, pod(gpu=1)).status is Status.NEVER
    assert judged(cluster, pod(shared=1)).status is Status.FITS_NOW


def test_s15_slices_are_no_whole_gpus():
    cluster = [node(mig=7, gpu=0)]
    assert judged(cluster, pod(gpu=1)).status is Status.NEVER
    assert judged(cluster, pod(mig=1)).count == 7


def test_s16_a_selector_of_the_whole_product_misses_its_slices():
    cluster = [node(gpu=56, labels=product("A100-SXM4-80GB-MIG-1g.10gb"))]
    ours = pod(gpu=1, spec=selects(product="A100-SXM4-80GB"))
    assert why(judged(cluster, ours)) == ["node(s) didn't match Pod's node affinity/selector"]


def test_s17_a_misconfigured_node_offers_nothing():
    cluster = [node(gpu=0, labels=product("A100-MIG-INVALID"))]
    assert judged(cluster, pod(gpu=1)).status is Status.NEVER


def test_s18_free_gpus_beside_too_little_cpu_are_busy_for_cpu():
    cluster = [node(gpu=2, cpu=8), pod("x", on="a", cpu=6, gpu=1)]
    verdict = judged(cluster, pod(cpu=4, gpu=1))
    assert (verdict.status, why(verdict)) == (Status.BUSY, ["Insufficient cpu"])


def test_s19_nothing_requested_fits_on_an_overcommitted_node():
    cluster = [node(memory="1Gi"), pod("x", on="a", memory="2Gi")]
    assert judged(cluster, pod(cpu=1, memory=0)).status is Status.FITS_NOW


def test_s20_a_node_full_of_pods_is_busy():
    cluster = [node(pods=2), pod("x", on="a", cpu=0), pod("y", on="a", cpu=0)]
    verdict = judged(cluster, pod(cpu=1))
    assert (verdict.status, why(verdict)) == (Status.BUSY, ["Too many pods"])


def test_s21_what_daemonsets_hold_makes_it_never():
    daemon = {"ownerReferences": [{"kind": "DaemonSet", "name": "d", "uid": "d"}]}
    cluster = [node(cpu="7.9"), pod("d", on="a", cpu="0.7", meta=daemon)]
    assert judged(cluster, pod(cpu="7.5")).status is Status.NEVER
    assert judged([cluster[0], pod("x", on="a", cpu="0.7")], pod(cpu="7.5")).status is Status.BUSY


def test_s22_the_nominal_size_of_a_machine_never_fits():
    assert judged([node(cpu="7910m")], pod(cpu=8)).status is Status.NEVER


def test_s23_a_node_not_ready_without_its_taint_yet_takes_pods():
    late = node(gpu=1)
    late["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    assert judged([late], pod(gpu=1)).status is Status.FITS_NOW


def test_s24_the_not_ready_taint_keeps_pods_away():
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    assert judged([node(gpu=1, spec={"taints": [taint]})], pod(gpu=1)).nodes == ()


def test_s25_the_automatic_toleration_passes_the_no_execute_taint():
    key = "node.kubernetes.io/unreachable"
    cluster = [node(gpu=1, spec={"taints": [{"key": key, "effect": "NoExecute"}]})]
    own = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    assert judged(cluster, pod(gpu=1, spec={"tolerations": [own]})).status is Status.FITS_NOW
    assert judged(cluster, pod(gpu=1)).status is Status.NEVER


def test_s26_a_placeholder_makes_room():
    cluster = [node(gpu=1), pod("placeholder", on="a", gpu=1, spec={"priority": -10})]
    verdict = judged(cluster, pod(gpu=1, spec={"priority": 0}))
    assert verdict.status is Status.FITS_BY_PREEMPTION
    assert (verdict.preempt, verdict.placeholder_only, verdict.count) == (("a",), True, 1)


def test_s26_evicting_a_server_is_not_placeholders_only():
    cluster = [node(gpu=1), pod("server", on="a", gpu=1, spec={"priority": 5})]
    assert judged(cluster, pod(gpu=1, spec={"priority": 9})).placeholder_only is False


def test_s27_equal_priority_never_makes_room():
    cluster = [node(gpu=1), pod("placeholder", on="a", gpu=1)]
    assert judged(cluster, pod(gpu=1)).status is Status.BUSY


def test_s28_a_pod_that_may_not_preempt_waits():
    cluster = [node(gpu=1), pod("placeholder", on="a", gpu=1, spec={"priority": -10})]
    verdict = judged(cluster, pod(gpu=1, spec={"preemptionPolicy": "Never"}))
    assert (verdict.status, verdict.preempt) == (Status.BUSY, ())


def test_s29_evicting_is_not_enough_when_an_equal_holds_the_gpu():
    cluster = [
        node(gpu=1),
        pod("server", on="a", gpu=1),
        pod("placeholder", on="a", cpu=1, spec={"priority": -10}),
    ]
    assert judged(cluster, pod(gpu=1)).status is Status.BUSY


def test_s30_a_disruption_budget_does_not_protect_a_victim():
    budget = {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "b", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {}},
        "status": {"disruptionsAllowed": 0},
    }
    victim = pod("placeholder", on="a", gpu=1, spec={"priority": -10})
    verdict = judged([node(gpu=1), victim, budget], pod(gpu=1))
    assert verdict.status is Status.FITS_BY_PREEMPTION


@pytest.mark.parametrize(("priority", "status"), [(0, Status.BUSY), (-5, Status.FITS_NOW)])
def test_s31_a_nominated_pod_of_equal_rank_goes_first(priority, status):
    waiting = pod("w", gpu=1, spec={"priority": priority}, status={"nominatedNodeName": "a"})
    assert judged([node(gpu=1), waiting], pod(gpu=1)).status is status


def zoned(name, zone, **amounts):
    return node(name, labels={"topology.kubernetes.io/zone": zone}, **amounts)


def test_s32_a_home_in_another_zone_makes_it_never_for_this_person():
    cluster = [
        zoned("a", "za"),
        zoned("b", "zb", gpu=1),
        claim("home", volume="pv"),
        volume("pv", zone="za", claimed="home"),
    ]
    verdict = judged(cluster, pod(gpu=1, spec=uses("home")))
    assert verdict.status is Status.NEVER
    assert why(verdict, "b") == ["node(s) didn't match PersistentVolume's node affinity"]


def test_s33_a_new_home_is_made_where_the_pod_goes():
    cluster = [node(gpu=1), storage_class(), claim("home")]
    assert judged(cluster, pod(gpu=1, spec=uses("home"))).status is Status.FITS_NOW


def test_s33_a_home_that_is_missing_never_fits():
    verdict = judged([node(gpu=1), storage_class()], pod(gpu=1, spec=uses("home")))
    assert verdict.status is Status.NEVER
    assert why(verdict) == ['persistentvolumeclaim "home" not found']


def test_s34_a_claim_of_one_pod_only_is_busy_while_another_uses_it():
    cluster = [
        node("a"),
        node("b"),
        claim("home", volume="pv", accessModes=["ReadWriteOncePod"]),
        volume("pv", claimed="home"),
        pod("other", on="b", cpu=1, spec=uses("home")),
    ]
    verdict = judged(cluster, pod(cpu=1, spec=uses("home")))
    assert (verdict.status, len(verdict.rejected)) == (Status.BUSY, 2)
    assert judged(cluster[:-1], pod(cpu=1, spec=uses("home"))).count == 1


def limited(limit, *more):
    drivers = [{"name": "disk.example.com", "allocatable": {"count": limit}}]
    csi_node = {"kind": "CSINode", "metadata": {"name": "a"}, "spec": {"drivers": drivers}}
    homes = [claim("home", volume="pv"), volume("pv", claimed="home")]
    others = [claim("other", volume="pv2"), volume("pv2", claimed="other")]
    return [node(), csi_node, *homes, *others, *more]


def test_s35_a_volume_that_a_pod_on_the_node_uses_takes_no_further_place():
    other = pod("x", on="a", cpu=1, spec=uses("home"))
    assert judged(limited(1, other), pod(cpu=1, spec=uses("home"))).status is Status.FITS_NOW


def test_s35_a_node_without_a_place_for_a_volume_is_busy():
    other = pod("x", on="a", cpu=1, spec=uses("other"))
    verdict = judged(limited(1, other), pod(cpu=1, spec=uses("home")))
    assert (verdict.status, why(verdict)) == (Status.BUSY, ["node(s) exceed max volume count"])


@pytest.mark.parametrize(
    ("version", "limit", "fits"),
    [("1.35", 1, False), ("1.35", 2, True), ("1.31", 1, True), ("1.32", 1, False)],
)
def test_s35_a_lingering_attachment_counts_beside_the_same_volume(version, limit, fits):
    lingering = {
        "kind": "VolumeAttachment",
        "metadata": {"name": "va"},
        "spec": {
            "attacher": "disk.example.com",
            "nodeName": "a",
            "source": {"persistentVolumeName": "pv"},
        },
    }
    verdict = judged(limited(limit, lingering), pod(cpu=1, spec=uses("home")), version=version)
    assert (verdict.status is Status.FITS_NOW) is fits


def a_quota(**scope):
    spec = {"hard": {f"requests.{GPU}": "4"}, **scope}
    status = {"hard": {f"requests.{GPU}": "4"}, "used": {f"requests.{GPU}": "4"}}
    meta = {"name": "q", "namespace": "default"}
    return {"kind": "ResourceQuota", "metadata": meta, "spec": spec, "status": status}


def test_s36_and_s37_a_quota_is_the_api_servers_and_not_asked_here():
    scoped = {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass"}]}}
    for quota in (a_quota(), a_quota(**scoped)):
        assert judged([node(gpu=1), quota], pod(gpu=1)).status is Status.FITS_NOW


def test_s38_a_label_that_no_machine_has_yet_fits_no_machine_that_is_there():
    verdict = judged([node(gpu=1)], pod(gpu=1, spec=selects(product="A100")))
    assert (verdict.status, why(verdict)) == (
        Status.NEVER,
        ["node(s) didn't match Pod's node affinity/selector"],
    )


def test_s39_a_pod_stuck_while_terminating_holds_its_gpu_however_long():
    stuck = {"deletionTimestamp": "2020-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}
    assert judged([node(gpu=1), pod("x", on="a", gpu=1, meta=stuck)], pod(gpu=1)).nodes == ()


def test_s40_a_pod_is_judged_with_the_requests_admission_left_it():
    cluster = [node(cpu=8), pod("x", on="a", cpu=7)]
    assert judged(cluster, pod(cpu=0)).status is Status.FITS_NOW
    assert judged(cluster, pod(cpu=2)).status is Status.BUSY


def test_s45_numa_is_the_kubelets_and_not_the_schedulers():
    assert judged([node(gpu=2)], pod(gpu=2)).status is Status.FITS_NOW


def test_s41_limits_become_requests():
    ours = pod(containers=[{"name": "main", "resources": {"limits": {"cpu": "8"}}}])
    assert judged([node(cpu=8), pod("x", on="a", cpu=4)], ours).status is Status.BUSY
    assert judged([node(cpu=4)], ours).status is Status.NEVER


def resizing(spec, allocated, actuated, reason=""):
    status = {
        "name": "main",
        "allocatedResources": {"cpu": str(allocated)},
        "resources": {"requests": {"cpu": str(actuated)}},
    }
    pending = [{"type": "PodResizePending", "status": "True", "reason": reason}] if reason else []
    return pod("x", on="a", cpu=spec, status={"containerStatuses": [status], "conditions": pending})


@pytest.mark.parametrize(
    ("held", "asked", "status"),
    [
        (resizing(2, 4, 4), 3, Status.BUSY),
        (resizing(2, 4, 4), 2, Status.FITS_NOW),
        (resizing(2, 2, 2), 3, Status.FITS_NOW),
    ],
    ids=["shrinking", "beside what it still has", "shrunk"],
)
def test_s43_a_shrinking_pod_counts_what_it_still_has(held, asked, status):
    assert judged([node(cpu=6), held], pod(cpu=asked)).status is status


@pytest.mark.parametrize(
    ("reason", "status"), [("Infeasible", Status.FITS_NOW), ("Deferred", Status.BUSY)]
)
def test_s44_a_refused_resize_counts_nothing_and_a_deferred_one_counts(reason, status):
    assert judged([node(cpu=8), resizing(8, 4, 4, reason)], pod(cpu=4)).status is status


@pytest.mark.parametrize(
    ("version", "fits"), [("1.30", True), ("1.32", True), ("1.33", False), ("1.36", False)]
)
def test_s44_the_status_of_a_resize_counts_from_1_33(version, fits):
    verdict = judged([node(cpu=6), resizing(2, 4, 4)], pod(cpu=3), version=version)
    assert (verdict.status is Status.FITS_NOW) is fits


@pytest.mark.parametrize(("version", "fits"), [("1.36", False), ("1.37", True)])
def test_s46_opposite_resizes_add_up_until_1_36_and_level_out_from_1_37(version, fits):
    status = [
        {"name": "up", "allocatedResources": {"cpu": "1"}, "resources": {"requests": {"cpu": "1"}}},
        {
            "name": "down",
            "allocatedResources": {"cpu": "3"},
            "resources": {"requests": {"cpu": "3"}},
        },
    ]
    both = [container("up", cpu=3), container("down", cpu=1)]
    held = pod("x", on="a", containers=both, status={"containerStatuses": status})
    verdict = judged([node(cpu=6), held], pod(cpu=2), version=version)
    assert (verdict.status is Status.FITS_NOW) is fits


def test_s47_a_gated_pod_is_queued_and_the_gate_named():
    ours = pod(gpu=1, spec={"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]})
    verdict = judged([node(gpu=1)], ours)
    assert (verdict.status, verdict.nodes) == (Status.QUEUED, ())
    assert verdict.reasons[0].detail == "kueue.x-k8s.io/admission"


def test_s48_a_gate_holds_back_even_what_could_never_fit():
    ours = pod(gpu=16, spec={"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]})
    assert judged([node(gpu=8)], ours).status is Status.QUEUED


@pytest.mark.parametrize("scenario", ["s50", "s51", "s52", "s53", "s54"])
def test_machines_that_are_not_there_yet_take_nothing(scenario):
    pool = {"kind": "NodePool", "metadata": {"name": scenario}, "spec": {"limits": {GPU: "8"}}}
    full = [node(gpu=1), pod("x", on="a", gpu=1), pool]
    assert judged(full, pod(gpu=1)).status is Status.BUSY


def test_s49_an_admitted_pod_without_room_is_busy():
    assert judged([node(gpu=1), pod("x", on="a", gpu=1)], pod(gpu=1)).status is Status.BUSY


@pytest.mark.parametrize("scenario", ["s55", "s56", "s57", "s58", "s59", "s71"])
def test_claims_of_devices_are_not_known(scenario):
    spec = {"resourceClaims": [{"name": scenario, "resourceClaimTemplateName": "one"}]}
    verdict = judged([node()], pod(cpu=1, spec=spec))
    assert (verdict.status, verdict.count) == (Status.UNKNOWN, None)
    assert "claims" in verdict.reasons[0].message


@pytest.mark.parametrize(("version", "status"), [("1.35", Status.NEVER), ("1.36", Status.UNKNOWN)])
def test_s60_a_device_class_may_serve_a_resource_from_1_36(version, status):
    served = {
        "kind": "DeviceClass",
        "metadata": {"name": "g"},
        "spec": {"extendedResourceName": GPU},
    }
    assert judged([node(), served], pod(gpu=1), version=version).status is status


def test_s60_a_node_with_the_resource_itself_is_judged_by_it():
    served = {
        "kind": "DeviceClass",
        "metadata": {"name": "g"},
        "spec": {"extendedResourceName": GPU},
    }
    full = [node(gpu=1), pod("x", on="a", gpu=1), served]
    assert judged(full, pod(gpu=1), version="1.36").status is Status.BUSY


def test_s61_a_device_that_broke_in_use_still_counts():
    assert judged([node(gpu=1), pod("x", on="a", gpu=2)], pod(gpu=1)).status is Status.BUSY


def test_s62_anti_affinity_of_a_placed_pod_keeps_ours_away():
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"component": "singleuser-server"}},
    }
    rule = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    cluster = [node("a"), node("b"), pod("x", on="a", cpu=1, spec={"affinity": rule})]
    ours = pod(cpu=1, meta={"labels": {"component": "singleuser-server"}})
    verdict = judged(cluster, ours)
    assert verdict.nodes == ("b",)
    assert why(verdict) == ["node(s) didn't satisfy existing pods anti-affinity rules"]


def required(*terms):
    selector = {"nodeSelectorTerms": list(terms)}
    rule = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}
    return {"affinity": rule}


def test_s63_an_empty_term_matches_no_node():
    assert judged([node()], pod(cpu=1, spec=required({}))).status is Status.NEVER


@pytest.mark.parametrize(("label", "fits"), [("81", True), ("80", False), ("80.5", False)])
def test_s64_greater_than_compares_whole_numbers_only(label, fits):
    rule = required({"matchExpressions": [{"key": "mem", "operator": "Gt", "values": ["80"]}]})
    verdict = judged([node(labels={"mem": label})], pod(cpu=1, spec=rule))
    assert (verdict.status is Status.FITS_NOW) is fits


def test_s65_overhead_is_added():
    ours = pod(cpu=8, spec={"overhead": {"cpu": "250m", "memory": "160Mi"}})
    assert judged([node(cpu=8)], ours).status is Status.NEVER


def test_s66_a_host_port_is_taken_once_per_node():
    asks = {"ports": [{"containerPort": 8888, "hostPort": 8888}]}
    held = pod("x", on="a", containers=[{**container(cpu=1), **asks}])
    ours = pod(containers=[{**container(cpu=1), **asks}])
    verdict = judged([node("a"), node("b"), held], ours)
    assert (verdict.nodes, verdict.count) == (("b",), 1)


def test_s67_k8s_g_and_gi_differ():
    assert judged([node(memory=10**9)], pod(memory="1G")).status is Status.FITS_NOW
    assert judged([node(memory=10**9)], pod(memory="1Gi")).status is Status.NEVER


@pytest.mark.parametrize(("version", "fits"), [("1.33", True), ("1.34", False)])
def test_s68_pod_level_resources_count_from_1_34(version, fits):
    both = [container("x", cpu=1), container("y", cpu=1)]
    ours = pod(containers=both, spec={"resources": {"requests": {"cpu": "4"}}})
    assert (judged([node(cpu=3)], ours, version=version).status is Status.FITS_NOW) is fits


def test_s69_another_scheduler_is_not_foretold():
    verdict = judged([node()], pod(cpu=1, spec={"schedulerName": "volcano"}))
    assert (verdict.status, verdict.nodes) == (Status.UNKNOWN, ())


def test_s69_the_hubs_own_scheduler_is():
    ours = pod(cpu=1, spec={"schedulerName": "hub-user-scheduler"})
    assert judged([node()], ours).status is Status.FITS_NOW


def test_s70_without_sight_of_pods_nothing_is_promised():
    verdict = judged([node(gpu=1)], pod(gpu=1), unseen="pods")
    assert (verdict.status, verdict.count) == (Status.UNKNOWN, None)
    assert judged([node(gpu=1)], pod(gpu=2), unseen="pods").status is Status.NEVER


def test_s72_two_models_on_one_node_fit_by_the_one_label():
    mixed = node(gpu=2, labels=product("A100"))
    assert judged([mixed], pod(gpu=2, spec=selects(product="A100"))).nodes == ("a",)


def test_s73_a_label_without_devices_never_fits():
    cluster = [node(gpu=0, labels=product("A100"))]
    assert judged(cluster, pod(gpu=1, spec=selects(product="A100"))).status is Status.NEVER


def test_s74_a_pod_still_being_created_holds_its_gpu():
    cluster = [node(gpu=1), pod("x", on="a", phase="Pending", gpu=1)]
    assert judged(cluster, pod(gpu=1)).status is Status.BUSY


def test_s75_a_gated_pod_takes_nothing_even_nominated():
    gated = pod(
        "x",
        gpu=1,
        namespace="other",
        spec={"priority": 100, "schedulingGates": [{"name": "g"}]},
        status={"nominatedNodeName": "a"},
    )
    assert judged([node(gpu=1), gated], pod(gpu=1)).status is Status.FITS_NOW


def test_a_pod_created_a_moment_ago_is_placed_first_when_asked():
    rules = Rules()
    snapshot = snapshot_of([node(gpu=1), pod("x", gpu=1)])
    placed = place(snapshot, snapshot.waiting, rules)
    ours = candidate(pod(gpu=1), rules)
    assert judge(ours, snapshot, rules).status is Status.FITS_NOW
    assert judge(ours, placed, rules).status is Status.BUSY
    assert placed.waiting == ()
