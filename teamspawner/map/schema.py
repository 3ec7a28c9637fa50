"""The shape of the map, as frozen values with sizes already read.

Strict: unknown keys are faults, no value is bent into another type. References
between parts are checked by ``load``, which sees the whole map.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from teamspawner.map import published
from teamspawner.map.values import (
    ClaimName,
    Cpu,
    CpuCap,
    DnsLabel,
    Glob,
    Group,
    ImageName,
    LabelKey,
    LabelValue,
    Memory,
    MemoryCap,
    MountPath,
    NodeLabelValue,
    ResourceName,
    Seconds,
    Share,
    SubPath,
    TierKey,
    refuse,
)

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(max_length=2000)]
Cap = Annotated[int, Field(ge=0, le=1_000_000)]
Count = Annotated[int, Field(ge=1, le=1024)]


class Part(BaseModel):
    """Base of every part of the map."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=False)


def _both(value: Any) -> Any:
    if isinstance(value, dict):
        return value if value.get("limit") is None else {"request": value["limit"], **value}
    return {"request": value, "limit": value}


class CpuSize(Part):
    """CPUs of a server, in millicores; ``limit`` None means no limit."""

    request: Cpu
    limit: Cpu | None = None

    @model_validator(mode="after")
    def _ordered(self) -> CpuSize:
        if self.limit is not None and self.limit < self.request:
            refuse("a limit not below the request", "raise the limit or lower the request")
        return self


class MemorySize(Part):
    """Memory of a server, in bytes; ``limit`` None means no limit."""

    request: Memory
    limit: Memory | None = None

    @model_validator(mode="after")
    def _ordered(self) -> MemorySize:
        if self.limit is not None and self.limit < self.request:
            refuse("a limit not below the request", "raise the limit or lower the request")
        return self


_Cpu = Annotated[CpuSize, BeforeValidator(_both)]
_Memory = Annotated[MemorySize, BeforeValidator(_both)]


class Toleration(Part):
    """A toleration that the tier's pods get beside the chart's."""

    model_config = ConfigDict(json_schema_extra=published.SOUND_TOLERATION)

    key: LabelKey | None = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: NodeLabelValue = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None

    @model_validator(mode="after")
    def _sound(self) -> Toleration:
        if self.operator == "Exists" and self.value:
            refuse("no value beside operator Exists", "leave the value out")
        if self.operator == "Equal" and self.key is None:
            refuse("a key, unless the operator is Exists", "add the key of the taint")
        return self


class Nodes(Part):
    """Which machines a tier may use."""

    selector: dict[LabelKey, NodeLabelValue] = Field(
        default_factory=dict, description="Labels that a node must have"
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(), strict=False, description="Taints of the nodes that the tier puts up with"
    )


class Gpu(Part):
    """Accelerators of a tier: one variant per model and kind found on the nodes."""

    models: tuple[Glob, ...] = Field(
        default=("*",), strict=False, min_length=1, description="Globs over the model label"
    )
    counts: tuple[Count, ...] = Field(
        default=(1,), strict=False, min_length=1, description="Devices per server that are offered"
    )
    kinds: tuple[Literal["whole", "mig", "shared"], ...] = Field(
        default=("whole", "mig", "shared"),
        strict=False,
        min_length=1,
        description="How devices may be handed out",
    )


class PerGpu(Part):
    """CPUs and memory for each device, request and limit; ``fair``: the node's share."""

    model_config = ConfigDict(json_schema_extra=published.SOME_SIZE)

    cpu: Cpu | None = None
    memory: Memory | None = None


_PerGpu = Annotated[
    Annotated[PerGpu, Tag("values")] | Annotated[Literal["fair"], Tag("fair")],
    Discriminator(lambda value: "fair" if isinstance(value, str) else "values"),
]


class Cull(Part):
    """When servers are stopped, in seconds: ``idle`` without work, ``max_age`` at the latest."""

    idle: Seconds | None = None
    max_age: Seconds | None = None


class Tier(Part):
    """A size. Exactly one way to give it: ``cpu``/``memory``, ``share``, or ``per_gpu``."""

    model_config = ConfigDict(json_schema_extra=published.ONE_SIZE)

    name: Text | None = Field(default=None, description="For people; the key when left out")
    description: LongText = ""
    cpu: _Cpu | None = Field(default=None, json_schema_extra=published.size("CPUs", published.CPU))
    memory: _Memory | None = Field(
        default=None, json_schema_extra=published.size("Memory", published.MEMORY)
    )
    share: Share | None = Field(
        default=None, description="A share of the smallest usable node, less what always runs there"
    )
    gpu: Gpu | None = Field(default=None, description="Accelerators; absent for a CPU tier")
    per_gpu: _PerGpu | None = Field(
        default=None, description="CPU and memory for each device, or fair: the node's share"
    )
    nodes: Nodes = Field(default=Nodes(), description="Which nodes the tier may use")
    when_busy: Literal["refuse", "wait"] = Field(
        default="refuse",
        description="refuse: full tiers refuse; wait: the server may wait for room",
    )
    wait: Seconds | None = Field(default=None, description="How long it may wait for room")
    when_unknown: Literal["allow", "refuse"] | None = Field(
        default=None,
        description="When the cluster is not seen: allow without and refuse with accelerators",
    )
    start_timeout: Seconds | None = Field(default=None, description="KubeSpawner's start_timeout")
    cull: Cull = Cull()
    was: tuple[TierKey, ...] = Field(
        default=(), strict=False, description="Earlier keys of this tier, still understood"
    )

    @property
    def lets_unknown(self) -> bool:
        """Whether a start may be tried while the cluster is not seen."""
        return self.when_unknown == "allow" or (self.when_unknown is None and self.gpu is None)


class Image(Part):
    """A container image that teams may offer."""

    name: Text | None = Field(default=None, description="For people; the key when left out")
    description: LongText = ""
    image: ImageName
    needs: Literal["gpu"] | None = Field(
        default=None, description="gpu: only offered with accelerators"
    )
    vendors: tuple[Text, ...] = Field(
        default=(), strict=False, description="Accelerator vendors it works with; all when empty"
    )


class TeamGpu(Part):
    """What a team may have of accelerators; caps are concurrent, None means no cap."""

    models: tuple[Glob, ...] = Field(default=("*",), strict=False, min_length=1)
    per_server: Cap | None = None
    per_user: Cap | None = None
    team: Cap | None = None


class Limits(Part):
    """Concurrent caps of a team; None means no cap. CPU in millicores, memory in bytes."""

    servers_per_user: Cap | None = None
    cpu: CpuCap | None = None
    memory: MemoryCap | None = None


class Volume(Part):
    """A volume that every server of the team gets."""

    name: DnsLabel
    claim: ClaimName
    sub_path: SubPath | None = None
    mount: MountPath
    mode: Literal["ro", "rw"] = "ro"


class Team(Part):
    """Who may have what, how much of it, and with which volumes."""

    name: Text | None = Field(default=None, description="For people; the key when left out")
    groups: tuple[Group, ...] = Field(
        strict=False,
        min_length=1,
        description='Exact, glob, or re: and an expression; "*" is everybody who may sign in',
    )
    tiers: tuple[str, ...] = Field(default=(), strict=False, json_schema_extra=published.EACH_ONCE)
    images: tuple[str, ...] = Field(default=(), strict=False, json_schema_extra=published.EACH_ONCE)
    gpu: TeamGpu = TeamGpu()
    limits: Limits = Limits()
    volumes: tuple[Volume, ...] = Field(default=(), strict=False)
    cull: Cull = Cull()


class Accelerator(Part):
    """What labels do not tell of a model: a name for people, memory per device in bytes."""

    name: Text | None = None
    memory: Memory | None = None


class Pool(Part):
    """Machines that an autoscaler could add."""

    name: Text
    max_nodes: Cap = Field(description="The most that there may be, those that are there included")
    minutes: Count | None = Field(default=None, description="How long one usually takes")
    labels: dict[LabelKey, NodeLabelValue] = Field(
        default_factory=dict, description="What tells its machines from others"
    )
    taints: tuple[Toleration, ...] = Field(
        default=(), strict=False, description="Beside those that all machines there have"
    )
    cpu: Cpu | None = Field(default=None, description="Allocatable of one machine")
    memory: Memory | None = Field(default=None, description="Allocatable of one machine")
    gpu: dict[ResourceName, Count] = Field(
        default_factory=dict, description="Accelerator resource to devices per node"
    )


def _number_one(value: Any) -> Any:
    """YAML's ``true`` and ``1.0`` equal 1 in Python and are not meant."""
    return value if type(value) is int else str(value)


class Map(Part):
    """What may be offered to whom."""

    version: Annotated[Literal[1], BeforeValidator(_number_one)] = 1
    tiers: dict[TierKey, Tier] = Field(min_length=1)
    images: dict[LabelValue, Image] = Field(default_factory=dict)
    teams: dict[LabelValue, Team] = Field(min_length=1)
    accelerators: dict[Text, Accelerator] = Field(
        default_factory=dict, description="Model label to a friendly name and missing facts"
    )
    pools: tuple[Pool, ...] = Field(default=(), strict=False)
