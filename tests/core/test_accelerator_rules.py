"""What labels and allocatable tell of accelerators: memory, sharing, makers, faults, one by one."""

import pytest

from teamspawner.capacity.accelerators import devices_of, friendly_name
from tests.core.offering import A100, GIB, GPU, a_node
from tests.core.test_accelerators import a100, met, the_device

MIB = 2**20
MIG = "nvidia.com/mig-1g.10gb"
AMD, AMD_MODEL = "amd.com/gpu", "amd.com/gpu.product-name"
GKE = "cloud.google.com/gke-accelerator"
CLIENTS = "cloud.google.com/gke-max-shared-clients-per-gpu"
SHARING = "cloud.google.com/gke-gpu-sharing-strategy"


def of(resource, found):
    return next(device for device in found if device.resource == resource)


@pytest.mark.parametrize(
    ("devices", "labels", "memory"),
    [
        ({GPU: 1}, {"nvidia.com/gpu.memory": "81559"}, 81559 * MIB),
        ({GPU: 1}, {"karpenter.k8s.aws/instance-gpu-memory": "24576"}, 24 * GIB),
        ({GPU: 1}, {"eks.amazonaws.com/instance-gpu-memory": "24576"}, 24 * GIB),
        ({GPU: 1}, {"nvidia.com/gpu.memory": "0"}, None),
        ({GPU: 1}, {}, None),
        ({MIG: 1}, {"nvidia.com/mig-1g.10gb.memory": "9856"}, 9856 * MIB),
        ({MIG: 1}, {"karpenter.k8s.aws/instance-gpu-memory": "81559"}, 10 * GIB),
        (
            {"nvidia.com/mig-odd": 1},
            {"karpenter.k8s.aws/instance-gpu-memory": "81559"},
            None,
        ),
        ({AMD: 1}, {AMD_MODEL: "M", "amd.com/gpu.vram": "64G"}, 64 * GIB),
        ({AMD: 1}, {AMD_MODEL: "M", "amd.com/gpu.vram": "512M"}, 512 * MIB),
        ({AMD: 1}, {AMD_MODEL: "M", "amd.com/gpu.vram": "1T"}, 1024 * GIB),
        ({AMD: 1}, {AMD_MODEL: "M", "amd.com/gpu.vram": "64"}, None),
        ({AMD: 1}, {AMD_MODEL: "M", "beta.amd.com/gpu.vram.64G": "8"}, 64 * GIB),
        ({AMD: 1}, {"beta.amd.com/gpu.vram.64G": "4", "beta.amd.com/gpu.vram.32G": "4"}, None),
        ({AMD: 1}, {"amd.com/gpu.vram": "?", "beta.amd.com/gpu.vram": "64G"}, 64 * GIB),
        ({"amd.com/cpx_nps4": 8}, {AMD_MODEL: "M", "amd.com/gpu.vram": "64G"}, None),
        ({"example.com/fpga": 1}, {"nvidia.com/gpu.memory": "5"}, None),
    ],
    ids=str,
)
def test_the_memory_of_one_device_is_told_only_where_a_label_tells_it(devices, labels, memory):
    found = devices_of(a_node(devices=devices, labels=labels))
    assert found[0].memory_bytes == memory


@pytest.mark.parametrize(
    ("devices", "labels", "kind", "shared_by"),
    [
        ({GPU: 16}, a100(**{"gpu.replicas": "2"}), "shared", 2),
        ({GPU: 2}, {"nvidia.com/gpu.replicas": "2"}, "shared", 2),
        ({GPU: 8}, a100(**{"gpu.replicas": "0"}), "whole", None),
        ({GPU: 8}, a100(**{"gpu.sharing-strategy": "mps", "gpu.replicas": "1"}), "shared", None),
        ({GPU: 8}, {GKE: "l4", SHARING: "mps", CLIENTS: "4"}, "shared", 4),
        ({GPU: 8}, {GKE: "l4", CLIENTS: "4"}, "whole", None),
        ({GPU: 16}, {"nvidia.com/gpu.count": "8"}, "shared", 2),
        ({GPU: 8}, {"nvidia.com/gpu.count": "8"}, "whole", None),
        ({GPU: 8}, {"nvidia.com/gpu.count": "0"}, "whole", None),
        ({"gpu.intel.com/xe": 20}, {"gpu.intel.com/device.count": "2"}, "shared", 10),
        ({"gpu.intel.com/xe": 2}, {"gpu.intel.com/device.count": "2"}, "whole", None),
        ({"gpu.intel.com/xe": 2}, {}, "whole", None),
        ({"example.com/fpga.shared": 2}, {}, "shared", None),
    ],
    ids=str,
)
def test_devices_are_shared_where_something_says_so_and_in_as_many_parts(
    devices, labels, kind, shared_by
):
    device = the_device(devices, labels)
    assert (device.kind, device.shared_by) == (kind, shared_by)


def test_whole_devices_beside_renamed_shared_ones_are_whole():
    labels = a100(**{"gpu.replicas": "4", "gpu.sharing-strategy": "time-slicing"})
    found = devices_of(a_node(devices={GPU: 4, "nvidia.com/gpu.shared": 16}, labels=labels))
    assert {device.resource: device.kind for device in found} == {
        GPU: "whole",
        "nvidia.com/gpu.shared": "shared",
    }


@pytest.mark.parametrize(
    ("devices", "labels", "trouble"),
    [
        ({GPU: 8}, A100, ""),
        ({GPU: 4}, A100, ""),
        ({GPU: 9}, A100, "mixed"),
        ({GPU: 9}, {"nvidia.com/gpu.count": "8", "nvidia.com/gpu.replicas": "1"}, "mixed"),
        ({GPU: 9}, {"nvidia.com/gpu.count": "8", "nvidia.com/gpu.replicas": "?"}, ""),
        ({GPU: 9}, a100(**{"gpu.replicas": "0", "gpu.sharing-strategy": "none"}), "mixed"),
        ({GPU: 16}, a100(**{"gpu.replicas": "2"}), ""),
        ({MIG: 0}, A100, "driver"),
        ({MIG: 0, GPU: 8}, A100, ""),
        ({}, {AMD_MODEL: "M"}, "driver"),
        ({AMD: 0}, {AMD_MODEL: "M"}, "driver"),
        ({AMD: 8}, {AMD_MODEL: "M"}, ""),
    ],
    ids=str,
)
def test_what_is_wrong_with_the_devices_of_a_node(devices, labels, trouble):
    assert the_device(devices, labels).trouble == trouble


def test_mig_set_up_wrongly_is_told_of_slices():
    labels = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-MIG-INVALID"}
    device = the_device({GPU: 8}, labels)
    assert (device.kind, device.trouble) == ("mig", "mig-invalid")


OTHER = {"nvidia.com/gpu.product": "Tesla-T4"}
SINGLE = a100(**{"gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"})
SLICED = {GKE: "nvidia-a100-80gb", "cloud.google.com/gke-gpu-partition-size": "1g.10gb"}
RENAMED = a100(**{"gpu.replicas": "4", "gpu.sharing-strategy": "time-slicing"})


@pytest.mark.parametrize(
    ("devices", "labels", "others"),
    [
        ({MIG: 7}, A100, [{**A100, **OTHER}]),
        ({GPU: 7}, SINGLE, [A100, {**SINGLE, **OTHER}]),
        ({GPU: 7}, SLICED, [{GKE: "nvidia-a100-80gb"}, {**SLICED, GKE: "nvidia-h100"}]),
        ({"nvidia.com/gpu.shared": 32}, RENAMED, [{**RENAMED, **OTHER}]),
        ({GPU: 32}, RENAMED, [A100, {**RENAMED, **OTHER}]),
        ({GPU: 8}, {GKE: "l4", SHARING: "mps"}, [{GKE: "l4"}, {GKE: "t4", SHARING: "mps"}]),
        ({GPU: 8}, {GKE: "l4"}, [{GKE: "l4", SHARING: "mps"}, {GKE: "t4"}]),
        ({"amd.com/cpx_nps4": 8}, {AMD_MODEL: "M"}, [{AMD_MODEL: "N"}]),
    ],
    ids=[
        *["slices by resource", "slices by product", "slices of google", "renamed"],
        *["shared", "shared at google", "whole at google", "amd by resource"],
    ],
)
def test_a_device_is_looked_for_where_its_own_labels_are_and_nowhere_else(devices, labels, others):
    device = the_device(devices, labels)
    assert met(device, labels)
    assert not any(met(device, each) for each in others)


def test_what_a_whole_device_must_not_be_is_always_written_alike():
    values = [each.values for each in the_device({GPU: 8}, A100).terms[0].expressions]
    assert ("mps", "time-sharing", "time-slicing") in values


@pytest.mark.parametrize(
    ("labels", "down"), [(A100, GPU), ({AMD_MODEL: "M"}, AMD)], ids=["nvidia", "amd"]
)
def test_a_driver_is_down_whatever_devices_of_others_there_are(labels, down):
    found = devices_of(a_node(devices={"example.com/fpga": 1}, labels=labels))
    assert {device.resource: device.trouble for device in found} == {
        "example.com/fpga": "",
        down: "driver",
    }


def test_devices_stand_in_the_order_of_their_resource_names():
    names = [AMD, "example.com/a", "example.com/b", "google.com/tpu", GPU]
    found = devices_of(a_node(devices=dict.fromkeys(reversed(names), 1)))
    assert [device.resource for device in found] == sorted(names)


def test_a_device_passed_through_whole_is_not_told_by_the_labels_of_others():
    assert the_device({"nvidia.com/pgpu": 1, GPU: 0}, {}).model == "nvidia.com/pgpu"
    found = devices_of(a_node(devices={"nvidia.com/pgpu": 1, GPU: 1}, labels=A100))
    assert of("nvidia.com/pgpu", found).model == "nvidia.com/pgpu"


def test_slices_alone_are_no_driver_that_is_down():
    assert the_device({GPU: 0, MIG: 7}, A100).resource == MIG
    assert the_device({AMD: 0, "amd.com/cpx_nps4": 8}, {AMD_MODEL: "M"}).resource != AMD


def test_a_driver_that_is_down_has_as_many_devices_as_its_label_says_or_none():
    assert the_device({}, A100).physical == 8
    assert the_device({}, {"nvidia.com/gpu.product": "A10"}).physical == 0


def test_a_node_without_labels_and_devices_has_none():
    assert devices_of(a_node()) == ()
    assert devices_of(a_node(devices={GPU: 0})) == ()


@pytest.mark.parametrize(
    ("resource", "vendor"),
    [
        (GPU, "nvidia"),
        ("nvidia.com/pgpu", "nvidia"),
        (AMD, "amd"),
        ("gpu.intel.com/xe", "intel"),
        ("habana.ai/gaudi", "intel"),
        ("google.com/tpu", "google"),
        ("aws.amazon.com/neuron", "aws"),
        ("huawei.com/Ascend910", "huawei"),
        ("iluvatar.io/device", "iluvatar"),
        ("cloud.example.org/npu", "cloud.example.org"),
    ],
)
def test_the_maker_is_told_by_the_domain(resource, vendor):
    assert the_device({resource: 1}).vendor == vendor


@pytest.mark.parametrize(
    ("names", "offered"),
    [
        (["neuroncore"], "neuroncore"),
        (["neuroncore", "neurondevice"], "neurondevice"),
        (["neuroncore", "neurondevice", "neuron"], "neuron"),
    ],
    ids=str,
)
def test_the_same_chips_under_several_names_are_offered_once(names, offered):
    devices = {f"aws.amazon.com/{name}": 2 for name in names}
    assert the_device(devices).resource == f"aws.amazon.com/{offered}"


def test_a_label_of_the_devices_own_resource_goes_before_that_of_the_node():
    own = {"nvidia.com/mig-1g.10gb.product": "A100-MIG-1g.10gb", "nvidia.com/gpu.product": "A100"}
    found = devices_of(a_node(devices={GPU: 1, MIG: 7}, labels=own))
    assert (of(MIG, found).model, of(GPU, found).model) == ("A100-MIG-1g.10gb", "A100")


def test_a_vendor_is_no_model_and_the_next_label_is_asked():
    azure = {"accelerator": "nvidia", "node.kubernetes.io/instance-type": "Standard_NC6"}
    assert the_device({GPU: 1}, azure).model == "Standard_NC6"
    plain = {"node.kubernetes.io/instance-type": "g5.xlarge"}
    device = the_device({GPU: 1}, plain)
    assert (device.model, device.labelled) == (GPU, False)
    assert the_device({GPU: 1}, {"nvidia.com/gpu.product": "A10"}).labelled


def test_a_shared_slice_tells_its_profile_too():
    labels = {"nvidia.com/gpu.product": "NVIDIA-A100-MIG-1g.5gb-SHARED"}
    device = the_device({GPU: 14}, labels)
    assert (device.kind, device.profile) == ("shared", "1g.5gb")


def test_each_of_several_amd_models_is_selected_by_all_labels_of_the_node():
    key = "beta.amd.com/gpu.product-name"
    device = the_device({AMD: 8}, {f"{key}.B": "4", f"{key}.A": "4"})
    assert device.model == "A"
    assert met(device, {f"{key}.B": "4", f"{key}.A": "4"})
    assert not met(device, {f"{key}.A": "8"})
    assert the_device({AMD: 8}, {f"{key}.A": "8"}).trouble == ""


@pytest.mark.parametrize("partition", ["dpx_nps1", "tpx_nps2", "QPX_NPS4", "cpx_nps8"])
def test_a_whole_amd_device_is_not_looked_for_among_parts_of_any_kind(partition):
    labels = {AMD_MODEL: "MI300X"}
    whole = the_device({AMD: 8}, labels)
    split = {**labels, "amd.com/gpu.compute-memory-partition": partition}
    assert not met(whole, split)
    part = the_device({AMD: 8}, split)
    assert (part.kind, part.profile) == ("mig", partition.lower())
    assert met(part, split)
    assert not met(part, labels)


def test_an_amd_device_said_to_be_in_one_piece_is_whole():
    labels = {AMD_MODEL: "MI300X", "amd.com/gpu.compute-memory-partition": "spx_nps1"}
    device = the_device({AMD: 8}, labels)
    assert (device.kind, device.profile) == ("whole", "")
    assert met(device, {AMD_MODEL: "MI300X"})


@pytest.mark.parametrize(
    ("labels", "model", "labelled"),
    [
        ({}, AMD, False),
        ({"amd.com/gpu.family": "AI"}, "AI", True),
        ({"karpenter.k8s.aws/instance-gpu-name": "mi300x"}, "mi300x", True),
        ({AMD_MODEL: "M", f"{AMD_MODEL}.X": "8"}, "M", True),
        ({f"{AMD_MODEL}.X": "8"}, "X", True),
        ({"amd.com/gpu.family.AI": "8"}, AMD, False),
    ],
    ids=["none", "family", "cloud", "value before key", "key", "family in the key"],
)
def test_an_amd_model_is_told_by_product_then_family_then_cloud(labels, model, labelled):
    device = the_device({AMD: 8}, labels)
    assert (device.model, device.labelled) == (model, labelled)


@pytest.mark.parametrize(
    ("resource", "label"),
    [
        ("gpu.intel.com/xe", "gpu.intel.com/product"),
        ("google.com/tpu", "cloud.google.com/gke-tpu-accelerator"),
        ("habana.ai/gaudi", "karpenter.k8s.aws/instance-accelerator-name"),
        ("aws.amazon.com/neuron", "eks.amazonaws.com/instance-accelerator-name"),
    ],
)
def test_devices_of_other_makers_are_told_apart_by_their_label(resource, label):
    labelled, bare = the_device({resource: 2}, {label: "m"}), the_device({resource: 2})
    assert (labelled.model, labelled.labelled) == ("m", True)
    assert (bare.model, bare.labelled) == (resource, False)
    assert met(labelled, {label: "m"})
    assert not met(labelled, {label: "n"})
    assert not met(bare, {label: "m"})


def test_the_devices_behind_shared_ones_are_counted_where_a_label_tells():
    labels = {"gpu.intel.com/device.count": "2"}
    assert the_device({"gpu.intel.com/xe": 20}, labels).physical == 2


def test_an_intel_device_is_told_by_product_else_by_family():
    product = {"gpu.intel.com/product": "Max_1550", "gpu.intel.com/family": "Max_Series"}
    assert the_device({"gpu.intel.com/xe": 1}, product).model == "Max_1550"
    family = {"gpu.intel.com/family": "Max_Series"}
    device = the_device({"gpu.intel.com/xe": 1}, family)
    assert device.model == "Max_Series"
    assert met(device, family)
    assert not met(device, product)


@pytest.mark.parametrize(
    ("label", "profile", "name"),
    [
        ("nvidia", "", "NVIDIA"),
        ("A100-PCIE-40GB", "", "A100 40 GB"),
        ("gpu.intel.com/xe", "", "Intel GPU"),
        ("aws.amazon.com/neuroncore", "", "Neuron core"),
        ("MI300X", "cpx_nps4", "MI300X part cpx_nps4"),
        ("example.com/fpga", "odd", "example.com/fpga"),
    ],
)
def test_a_name_for_people_leaves_out_what_says_nothing(label, profile, name):
    assert friendly_name(label, profile) == name
