"""Accelerators as vendors' plugins and clouds put them on nodes, with what they truly are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.oracle.dice import Dice, Json, spell_devices

NVIDIA = "nvidia.com/gpu"
MODELS = ("NVIDIA-A100-SXM4-80GB", "NVIDIA-H100-80GB-HBM3", "Tesla-T4")
CLOUD = ("nvidia-tesla-v100", "nvidia-l40s")
AMD = ("AMD_Instinct_MI300X", "AMD_Instinct_MI250")
PARTITIONS = ("cpx_nps4", "dpx_nps1")
INTEL = ("Max_1550", "Flex_170")


@dataclass(frozen=True, slots=True)
class Truth:
    """What stands in one node under one resource name.

    Attributes:
        model: What the admin would call it: the label's value, or the resource without a label.
        kind: ``whole``, ``mig`` or ``shared``.
        count: Devices that pods can take now.
        most: Devices there are; more than ``count`` when the driver is down.
    """

    model: str
    kind: str
    resource: str
    vendor: str
    count: int
    most: int = 0
    part: str = ""
    """An AMD partition, which the model's label does not tell."""


@dataclass(slots=True)
class Rack:
    """What a node gets: labels, allocatable, and the truth about them."""

    labels: dict[str, str] = field(default_factory=dict)
    allocatable: dict[str, int] = field(default_factory=dict)
    truths: list[Truth] = field(default_factory=list)

    def add(  # noqa: PLR0917
        self, model: str, kind: str, resource: str, vendor: str, count: int, part: str = ""
    ) -> None:
        """Put devices in, under a resource name."""
        self.allocatable[resource] = count
        self.truths.append(Truth(model, kind, resource, vendor, count, count, part))


def _discovered(dice: Dice, base: str, product: str, count: int, **more: str) -> dict[str, str]:
    """What GPU feature discovery writes; older versions leave some of it out."""
    labels = {f"{base}.product": product, f"{base}.count": str(count), f"{base}.memory": "81920"}
    labels |= {f"{base}.{name}": value for name, value in more.items()}
    return labels | ({"nvidia.com/gpu.present": "true"} if dice.chance(0.5) else {})


def whole(dice: Dice) -> Rack:
    """Whole devices, sometimes one of them unhealthy."""
    rack, model, count = Rack(), dice.choice(MODELS), dice.choice([1, 2, 4, 8])
    more = dice.choice([{}, {"replicas": "1"}, {"replicas": "1", "sharing-strategy": "none"}])
    rack.labels = _discovered(dice, NVIDIA, model, count, **more)
    rack.add(model, "whole", NVIDIA, "nvidia", max(1, count - dice.chance(0.2)))
    return rack


def down(dice: Dice) -> Rack:
    """Labels tell of devices; the plugin does not."""
    rack, model, count = Rack(), dice.choice(MODELS), dice.choice([1, 2, 4])
    rack.labels = _discovered(dice, NVIDIA, model, count)
    if dice.chance(0.5):
        rack.allocatable[NVIDIA] = 0
    rack.truths = [Truth(model, "whole", NVIDIA, "nvidia", 0, count)]
    return rack


def mig_single(dice: Dice) -> Rack:
    """MIG devices under the name of whole ones."""
    rack, profile = Rack(), dice.choice(["1g.10gb", "3g.40gb"])
    model, count = f"{MODELS[0]}-MIG-{profile}", dice.choice([2, 7])
    rack.labels = _discovered(dice, NVIDIA, model, count, replicas="1")
    rack.labels["nvidia.com/mig.strategy"] = "single"
    rack.add(model, "mig", NVIDIA, "nvidia", count)
    return rack


def mig_mixed(dice: Dice) -> Rack:
    """MIG devices under names of their own, beside whole ones or not."""
    rack, model = Rack(), MODELS[0]
    left = dice.choice([0, 0, 1, 2])
    rack.labels = _discovered(dice, NVIDIA, model, 4, replicas="0" if not left else "1")
    rack.labels["nvidia.com/mig.strategy"] = "mixed"
    rack.allocatable[NVIDIA] = left
    if left:
        rack.add(model, "whole", NVIDIA, "nvidia", left)
    for profile in dice.some(["1g.10gb", "3g.40gb", "1g.10gb.me"], 1, 2):
        base, count = f"nvidia.com/mig-{profile}", dice.choice([1, 2, 7])
        own = f"{model}-MIG-{profile}"
        rack.labels |= _discovered(dice, base, own, count, replicas="1")
        rack.add(own, "mig", base, "nvidia", count)
    return rack


def mig_invalid(dice: Dice) -> Rack:
    """Profiles that do not go together: nothing can be had."""
    rack = Rack()
    rack.labels = _discovered(dice, NVIDIA, f"{MODELS[0]}-MIG-INVALID", 0, replicas="0")
    rack.allocatable[NVIDIA] = 0
    return rack


def sliced(dice: Dice) -> Rack:
    """Time slices or MPS under the name of whole devices."""
    rack, model, count = Rack(), f"{dice.choice(MODELS)}-SHARED", dice.choice([1, 2])
    slots = dice.choice([2, 4])
    strategy = {"sharing-strategy": dice.choice(["time-slicing", "mps"])}
    rack.labels = _discovered(dice, NVIDIA, model, count, replicas=str(slots), **strategy)
    rack.add(model, "shared", NVIDIA, "nvidia", count * slots)
    return rack


def renamed(dice: Dice) -> Rack:
    """Time slices under a name of their own; the model's label is that of whole devices."""
    rack, model, count = Rack(), dice.choice(MODELS), dice.choice([1, 2])
    more = {"replicas": "4", "sharing-strategy": "time-slicing"}
    rack.labels = _discovered(dice, NVIDIA, model, count, **more)
    if dice.chance(0.5):
        rack.allocatable[NVIDIA] = 0
    rack.add(model, "shared", f"{NVIDIA}.shared", "nvidia", count * 4)
    return rack


def cloud(dice: Dice) -> Rack:
    """A cloud's own labels: whole, shared or partitioned under one model."""
    rack, model, count = Rack(), dice.choice(CLOUD), dice.choice([1, 2, 4])
    rack.labels["cloud.google.com/gke-accelerator"] = model
    kind = dice.choice(["whole", "whole", "shared", "mig"])
    if kind == "shared":
        rack.labels["cloud.google.com/gke-gpu-sharing-strategy"] = dice.choice(
            ["time-sharing", "mps"]
        )
        rack.labels["cloud.google.com/gke-max-shared-clients-per-gpu"] = "3"
        count *= 3
    if kind == "mig":
        rack.labels["cloud.google.com/gke-gpu-partition-size"] = "1g.5gb"
        count *= 7
    rack.add(model, kind, NVIDIA, "nvidia", count)
    return rack


def amd(dice: Dice) -> Rack:
    """Whole devices or partitions, with either spelling of the labels."""
    rack, model, count = Rack(), dice.choice(AMD), dice.choice([1, 2, 8])
    old, key = dice.chance(0.4), "gpu.product-name"
    if old:
        rack.labels[f"beta.amd.com/{key}.{model}"] = str(count)
    else:
        rack.labels[f"amd.com/{key}"] = model
    named = dice.choice(["", "", "single", "mixed"])
    partition = dice.choice(PARTITIONS)
    if named == "single":
        prefix = dice.choice(["amd.com/gpu.", "amd.com/"])
        rack.labels[f"{prefix}compute-memory-partition"] = partition.upper()
    resource = f"amd.com/{partition}" if named == "mixed" else "amd.com/gpu"
    part = partition if named else ""
    kind = "mig" if named else "whole"
    rack.add(model, kind, resource, "amd", count * (4 if named else 1), part)
    return rack


def intel(dice: Dice) -> Rack:
    """Devices, perhaps shared without a word; monitoring is no device."""
    rack, model, count = Rack(), dice.choice(INTEL), dice.choice([1, 2])
    name, shared = dice.choice(["i915", "xe"]), dice.chance(0.4)
    rack.labels = {"gpu.intel.com/product": model, "gpu.intel.com/device.count": str(count)}
    rack.allocatable["gpu.intel.com/monitoring"] = 1
    resource = f"gpu.intel.com/{name}"
    rack.add(
        model, "shared" if shared else "whole", resource, "intel", count * (5 if shared else 1)
    )
    return rack


def other(dice: Dice) -> Rack:
    """Devices that no label names, some under several names, and what is no accelerator."""
    rack = Rack()
    name = dice.choice(["nvidia", "gaudi", "tpu", "neuron", "fpga"])
    count = dice.choice([1, 2, 4, 8])
    resource, vendor = {
        "nvidia": (NVIDIA, "nvidia"),
        "gaudi": ("habana.ai/gaudi", "intel"),
        "tpu": ("google.com/tpu", "google"),
        "neuron": ("aws.amazon.com/neuron", "aws"),
        "fpga": ("example.com/fpga", "example"),
    }[name]
    rack.add(resource, "whole", resource, vendor, count)
    if name == "neuron":
        rack.allocatable["aws.amazon.com/neuroncore"] = count * 2
    if dice.chance(0.3):
        rack.allocatable["rdma/hca"] = 1
    return rack


RACKS: tuple[Callable[[Dice], Rack], ...] = (
    *[whole] * 6,
    down,
    mig_single,
    mig_mixed,
    mig_invalid,
    sliced,
    renamed,
    cloud,
    cloud,
    amd,
    intel,
    other,
)


def install(dice: Dice, node: Json, rack: Rack) -> None:
    """Put a rack into a node, as the node would tell of it."""
    node["metadata"]["labels"] |= rack.labels
    room = node["status"]["allocatable"]
    room |= {name: spell_devices(dice, count) for name, count in rack.allocatable.items()}
