"""Which accelerators a node has, by its labels and allocatable."""

import pytest

from teamspawner.capacity.accelerators import devices_of, friendly_name, is_accelerator
from tests.core.offering import A100, GIB, GPU, a_node


def the_device(devices, labels=None):
    found = devices_of(a_node(devices=devices, labels=labels))
    assert len(found) == 1, found
    return found[0]


def a100(**changes):
    return {**A100, **{f"nvidia.com/{key}": value for key, value in changes.items()}}


def met(device, labels):
    """Whether a node with these labels is selected by a device's terms."""
    return any(
        all(_holds(each, labels) for each in term.expressions) for term in device.terms
    ) or not (device.terms)


def _holds(requirement, labels):
    value = labels.get(requirement.key)
    return {
        "In": value in requirement.values,
        "NotIn": value not in requirement.values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[requirement.operator]


@pytest.mark.parametrize(
    "name",
    [
        "nvidia.com/gpu",
        "nvidia.com/gpu.shared",
        "nvidia.com/mig-1g.10gb",
        "amd.com/gpu",
        "amd.com/cpx_nps4",
        "gpu.intel.com/i915",
        "gpu.intel.com/xe",
        "habana.ai/gaudi",
        "google.com/tpu",
        "aws.amazon.com/neuron",
        "huawei.com/Ascend910",
        "example.com/dongle",
    ],
)
def test_devices_are_accelerators(name):
    assert is_accelerator(name)


@pytest.mark.parametrize(
    "name",
    [
        "cpu",
        "memory",
        "pods",
        "ephemeral-storage",
        "hugepages-2Mi",
        "attachable-volumes-aws-ebs",
        "kubernetes.io/batch-cpu",
        "foo.kubernetes.io/bar",
        "requests.nvidia.com/gpu",
        "vpc.amazonaws.com/efa",
        "vpc.amazonaws.com/pod-eni",
        "rdma/hca_shared_devices_a",
        "nvidia.com/hostdev",
        "mellanox.com/cx6_sriov",
        "intel.com/intel_sriov_netdevice",
        "gpu.intel.com/monitoring",
        "gpu.intel.com/i915_monitoring",
        "gpu.intel.com/xe_monitoring",
        "devices.kubevirt.io/kvm",
        "smarter-devices/fuse",
        "github.com/fuse",
        "sgx.intel.com/epc",
        "nvidia.com/gpumem",
        "nvidia.com/gpucores",
    ],
)
def test_networks_shares_and_the_rest_are_none(name):
    assert not is_accelerator(name)


def test_a_whole_gpu_with_discovery_labels():
    device = the_device({GPU: 8}, A100)
    assert (device.model, device.kind, device.count) == ("NVIDIA-A100-SXM4-80GB", "whole", 8)
    assert (device.memory_bytes, device.trouble, device.shared_by) == (80 * GIB, "", None)


def test_mig_mixed_offers_its_profile_and_no_whole_device():
    labels = a100(**{"mig.strategy": "mixed"})
    device = the_device({GPU: 0, "nvidia.com/mig-1g.10gb": 7}, labels)
    assert (device.resource, device.kind, device.profile) == (
        "nvidia.com/mig-1g.10gb",
        "mig",
        "1g.10gb",
    )
    assert device.memory_bytes == 10 * GIB


def test_mig_mixed_beside_whole_devices_gives_both():
    found = devices_of(a_node(devices={GPU: 4, "nvidia.com/mig-1g.10gb": 7}, labels=A100))
    assert [(device.kind, device.count) for device in found] == [("whole", 4), ("mig", 7)]


def test_the_label_of_the_profile_itself_tells_the_model():
    labels = a100(**{"mig-1g.10gb.product": "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"})
    device = the_device({"nvidia.com/mig-1g.10gb": 7}, labels)
    assert device.model == "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"


def test_mig_single_is_told_by_the_product():
    labels = a100(**{"gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "gpu.count": "56"})
    device = the_device({GPU: 56}, labels)
    assert (device.kind, device.profile, device.count) == ("mig", "1g.5gb", 56)


def test_mig_invalid_is_a_trouble_and_no_device():
    device = the_device({GPU: 0}, {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-MIG-INVALID"})
    assert (device.trouble, device.count) == ("mig-invalid", 0)


@pytest.mark.parametrize(
    ("devices", "labels"),
    [
        pytest.param(
            {GPU: 16}, a100(**{"gpu.product": "A10-SHARED", "gpu.replicas": "2"}), id="by-product"
        ),
        pytest.param({GPU: 16}, a100(**{"gpu.replicas": "2"}), id="by-replicas"),
        pytest.param({GPU: 16}, a100(**{"gpu.sharing-strategy": "mps"}), id="by-strategy"),
        pytest.param({"nvidia.com/gpu.shared": 16}, a100(**{"gpu.replicas": "2"}), id="renamed"),
        pytest.param(
            {GPU: 16},
            {"nvidia.com/gpu.product": "A10", "nvidia.com/gpu.count": "8"},
            id="more-than-there-are",
        ),
        pytest.param(
            {GPU: 8},
            {
                "cloud.google.com/gke-accelerator": "nvidia-l4",
                "cloud.google.com/gke-gpu-sharing-strategy": "time-sharing",
            },
            id="by-google",
        ),
        pytest.param(
            {"nvidia.com/mig-1g.5gb": 14}, a100(**{"mig-1g.5gb.replicas": "2"}), id="shared-slices"
        ),
        pytest.param(
            {"gpu.intel.com/xe": 20}, {"gpu.intel.com/device.count": "2"}, id="intel-by-number"
        ),
    ],
)
def test_shared_devices_are_never_whole(devices, labels):
    assert the_device(devices, labels).kind == "shared"


def test_how_many_share_one_device_is_told():
    labels = a100(**{"gpu.replicas": "4", "gpu.sharing-strategy": "time-slicing"})
    assert the_device({"nvidia.com/gpu.shared": 32}, labels).shared_by == 4


def test_labels_without_devices_are_a_driver_that_is_down():
    device = the_device({GPU: 0}, A100)
    assert (device.trouble, device.count, device.physical) == ("driver", 0, 8)


def test_labels_whose_resource_is_gone_altogether_are_a_driver_that_is_down():
    assert the_device({}, A100).trouble == "driver"


def test_more_devices_than_the_label_counts_are_two_models():
    assert the_device({GPU: 8}, a100(**{"gpu.count": "4"})).trouble == "mixed"


def test_terms_of_whole_devices_leave_out_shared_ones_of_the_same_product():
    whole = the_device({GPU: 8}, A100)
    shared = a100(**{"gpu.replicas": "4", "gpu.sharing-strategy": "time-slicing"})
    assert met(whole, A100)
    assert not met(whole, shared)
    assert not met(whole, a100(**{"gpu.sharing-strategy": "mps"}))
    assert not met(whole, a100(**{"gpu.replicas": "2"}))
    assert not met(whole, a100(**{"gpu.product": "Tesla-T4"}))
    assert met(the_device({GPU: 32}, shared), shared)
    assert not met(the_device({GPU: 32}, shared), A100)


def test_terms_of_a_cloud_label_leave_out_nodes_that_discovery_labels():
    cloud = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    device = the_device({GPU: 1}, cloud)
    assert device.model == "nvidia-l4"
    assert met(device, cloud)
    assert not met(device, {**cloud, "nvidia.com/gpu.product": "NVIDIA-L4-SHARED"})


def test_a_partition_of_google_is_held_apart_from_whole_devices():
    cloud = {"cloud.google.com/gke-accelerator": "nvidia-a100-80gb"}
    sliced = {**cloud, "cloud.google.com/gke-gpu-partition-size": "1g.10gb"}
    part = the_device({GPU: 7}, sliced)
    assert (part.kind, part.profile) == ("mig", "1g.10gb")
    assert not met(part, cloud)
    assert not met(the_device({GPU: 1}, cloud), sliced)


@pytest.mark.parametrize(
    ("labels", "model"),
    [
        pytest.param({"karpenter.k8s.aws/instance-gpu-name": "a10g"}, "a10g", id="karpenter"),
        pytest.param({"k8s.amazonaws.com/accelerator": "tesla-t4"}, "tesla-t4", id="eks"),
        pytest.param(
            {
                "kubernetes.azure.com/accelerator": "nvidia",
                "node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4",
            },
            "Standard_NC24ads_A100_v4",
            id="aks-by-instance-type",
        ),
        pytest.param({"accelerator": "nvidia"}, "nvidia.com/gpu", id="vendor-is-no-model"),
        pytest.param({}, "nvidia.com/gpu", id="no-label"),
    ],
)
def test_the_model_comes_from_the_best_label_there_is(labels, model):
    assert the_device({GPU: 1}, labels).model == model


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({"amd.com/gpu.product-name": "AMD_Instinct_MI300X"}, id="new-spelling"),
        pytest.param({"beta.amd.com/gpu.product-name": "AMD_Instinct_MI300X"}, id="old-spelling"),
        pytest.param(
            {"beta.amd.com/gpu.product-name.AMD_Instinct_MI300X": "8"}, id="value-in-the-key"
        ),
    ],
)
def test_amd_labels_are_read_in_every_spelling(labels):
    device = the_device({"amd.com/gpu": 8}, labels)
    assert (device.model, device.kind) == ("AMD_Instinct_MI300X", "whole")
    assert met(device, labels)
    assert not met(device, {})


def test_two_amd_models_on_one_node_are_not_certain():
    key = "beta.amd.com/gpu.product-name"
    assert the_device({"amd.com/gpu": 8}, {f"{key}.A": "4", f"{key}.B": "4"}).trouble == "mixed"


@pytest.mark.parametrize(
    ("resource", "labels"),
    [
        pytest.param("amd.com/cpx_nps4", {}, id="by-resource"),
        pytest.param(
            "amd.com/gpu", {"amd.com/gpu.compute-memory-partition": "cpx_nps4"}, id="by-label"
        ),
        pytest.param(
            "amd.com/gpu", {"amd.com/compute-memory-partition": "cpx_nps4"}, id="by-other-label"
        ),
    ],
)
def test_amd_partitions_are_parts_of_devices(resource, labels):
    device = the_device({resource: 64}, {"amd.com/gpu.product-name": "MI300X", **labels})
    assert (device.kind, device.profile) == ("mig", "cpx_nps4")


def test_an_amd_device_in_one_piece_is_whole_and_not_mistaken_for_parts():
    labels = {"amd.com/gpu.product-name": "MI300X", "amd.com/gpu.vram": "192G"}
    whole = the_device({"amd.com/gpu": 8}, labels)
    assert whole.memory_bytes == 192 * GIB
    assert not met(whole, {**labels, "amd.com/compute-memory-partition": "cpx_nps4"})
    assert met(whole, {**labels, "amd.com/compute-memory-partition": "spx_nps1"})


def test_the_chips_of_neuron_are_counted_under_one_name():
    names = {"aws.amazon.com/neuron": 1, "aws.amazon.com/neuroncore": 2}
    assert the_device(names).resource == "aws.amazon.com/neuron"


def test_a_tpu_has_its_model_from_googles_label():
    device = the_device({"google.com/tpu": 4}, {"cloud.google.com/gke-tpu-accelerator": "tpu-v5e"})
    assert (device.model, device.vendor) == ("tpu-v5e", "google")


def test_an_unknown_device_is_offered_under_its_own_name():
    device = the_device({"example.com/fpga": 2, "rdma/hca": 8, "hugepages-2Mi": 4})
    assert (device.model, device.kind, device.terms) == ("example.com/fpga", "whole", ())


@pytest.mark.parametrize(
    ("label", "profile", "name"),
    [
        ("NVIDIA-A100-SXM4-80GB", "", "A100 80 GB"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "1g.10gb", "A100 slice 10 GB"),
        ("NVIDIA-H100-80GB-HBM3", "", "H100 80 GB"),
        ("Tesla-T4", "", "T4"),
        ("nvidia-l4", "", "L4"),
        ("NVIDIA-L4-SHARED", "", "L4"),
        ("NVIDIA-GeForce-RTX-3090", "", "GeForce RTX 3090"),
        ("AMD_Instinct_MI300X", "", "Instinct MI300X"),
        ("Max_1550", "", "Max 1550"),
        ("example.com/fpga", "", "example.com/fpga"),
        ("nvidia.com/gpu", "", "NVIDIA GPU"),
        ("nvidia.com/mig-1g.10gb", "1g.10gb", "NVIDIA GPU slice 10 GB"),
        ("amd.com/cpx_nps4", "cpx_nps4", "AMD GPU part cpx_nps4"),
    ],
)
def test_labels_are_made_readable(label, profile, name):
    assert friendly_name(label, profile) == name


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 40, "٣"])
def test_a_label_that_is_no_number_is_passed_over(number):
    device = the_device({GPU: 8}, a100(**{"gpu.count": number, "gpu.memory": number}))
    assert (device.kind, device.physical, device.memory_bytes) == ("whole", None, None)
