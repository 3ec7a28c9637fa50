"""What is wrong with a cluster and a map together, each with its cure. Pure: no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from teamspawner import units
from teamspawner.capacity.accelerators import Device, devices_of
from teamspawner.capacity.objects import Claim, Node, Snapshot, StorageClass
from teamspawner.map import Map, Team, Tier, is_member
from teamspawner.map.models import is_any_of

Level = Literal["fault", "warning"]
FAULT: Level = "fault"
WARNING: Level = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not work, or cannot.

    Attributes:
        level: ``fault``: somebody is refused or misled; ``warning``: something has no effect.
        about: What it concerns, such as ``node gpu-1`` or ``teams.physics``.
        found: What is the case.
        cure: What to do.
    """

    level: Level
    about: str
    found: str
    cure: str


_DEVICE_TROUBLES: dict[str, tuple[Level, str, str]] = {
    "driver": (
        FAULT,
        "labelled as having {model}, and the kubelet offers none",
        "look at the device plugin and driver pods on that node",
    ),
    "mig-invalid": (
        FAULT,
        "its MIG layout is one that the device plugin does not accept",
        "apply one layout to all devices of the node with the MIG manager",
    ),
    "mixed": (
        WARNING,
        "several models under one label, so nobody can choose the model",
        "give each model nodes of its own, or count them by a resource of their own",
    ),
}


def of_cluster(snapshot: Snapshot, namespace: str) -> Iterator[Finding]:
    """The namespace where servers run, nodes and accelerators that cannot be offered as they are.

    A dump without any namespace was not asked for them.
    """
    if snapshot.namespaces and namespace not in snapshot.namespaces:
        found = "there is no such namespace, so nothing in it was looked at"
        yield Finding(FAULT, f"namespace {namespace}", found, "name the hub's: --namespace NS")
    if "nodes" in snapshot.unseen:
        yield Finding(FAULT, "nodes", "the nodes are not seen", "give the rights of `core`")
        return
    if not snapshot.nodes:
        yield Finding(FAULT, "nodes", "the cluster has no node", "add one, or look at another")
    nodes = [state.node for state in snapshot.nodes.values() if state.unread != "nodes"]
    if (
        nodes
        and not snapshot.blind
        and not any(node.ready and not node.unschedulable for node in nodes)
    ):
        found = "no node is ready and open to pods"
        yield Finding(FAULT, "nodes", found, "uncordon one: kubectl uncordon NODE")
    for node in nodes:
        for device in devices_of(node):
            yield from _of_device(node, device)


def _of_device(node: Node, device: Device) -> Iterator[Finding]:
    about = f"node {node.name}"
    if device.trouble:
        level, found, cure = _DEVICE_TROUBLES[device.trouble]
        yield Finding(level, about, found.format(model=device.model), cure)
    if not device.labelled:
        found = f"no label tells the model behind {device.resource}"
        cure = "run the vendor's node labeller (NVIDIA: GPU feature discovery)"
        yield Finding(WARNING, about, found, cure)


def of_map(the_map: Map, snapshot: Snapshot, namespace: str) -> Iterator[Finding]:
    """Tiers, volumes and names of the map that this cluster cannot serve.

    Args:
        the_map: A sound map.
        snapshot: The cluster; what it has not seen is passed over.
        namespace: Where servers run, and team claims lie.
    """
    if not snapshot.blind and snapshot.nodes:
        nodes = [state.node for state in snapshot.nodes.values()]
        for key, tier in the_map.tiers.items():
            yield from _of_tier(key, tier, nodes, grows=bool(the_map.pools))
        yield from _of_names(the_map, nodes)
    if "persistentvolumeclaims" not in snapshot.unseen:
        for key, team in the_map.teams.items():
            yield from _of_volumes(key, team, snapshot, namespace)


def _of_tier(key: str, tier: Tier, nodes: list[Node], *, grows: bool) -> Iterator[Finding]:
    about = f"tiers.{key}"
    selector = tier.nodes.selector.items()
    fitting = [node for node in nodes if selector <= node.labels.items()]
    if grows and not fitting:
        return
    if not fitting:
        wanted = ", ".join(f"{name}={value}" for name, value in selector)
        cure = "label a node so, or mend tiers.*.nodes.selector"
        yield Finding(FAULT, about, f"no node has the labels {wanted}", cure)
    elif tier.gpu is not None:
        yield from _of_models(about, tier, fitting)
    elif tier.cpu is not None and tier.memory is not None and not grows:
        asked = {"cpu": tier.cpu.request, "memory": tier.memory.request}
        if not any(all(n.allocatable.get(r, 0) >= a for r, a in asked.items()) for n in fitting):
            size = f"{units.cores(tier.cpu.request)} CPU and {units.gib(tier.memory.request)}"
            found = f"no node is large enough for {size}, however empty"
            yield Finding(FAULT, about, found, "make the tier smaller, or add a larger node")


def _of_models(about: str, tier: Tier, nodes: Iterable[Node]) -> Iterator[Finding]:
    assert tier.gpu is not None
    devices = [device for node in nodes for device in devices_of(node)]
    wanted = [d for d in devices if is_any_of([d.model], tier.gpu.models)]
    usable = [device for device in wanted if device.kind in tier.gpu.kinds]
    have = ", ".join(sorted({f"{d.model} ({d.kind})" for d in devices})) or "none"
    if not usable:
        named = f"{', '.join(tier.gpu.models)} as {', '.join(tier.gpu.kinds)}"
        found = f"no node has an accelerator like {named}; there are: {have}"
        yield Finding(FAULT, about, found, "mend gpu.models or gpu.kinds, or add such a node")
        return
    most = max(device.count for device in usable)
    for count in tier.gpu.counts:
        if count > most > 0:
            found = f"no node has {count} of its devices; the most is {most}"
            yield Finding(WARNING, about, found, f"take {count} out of gpu.counts")


def _of_names(the_map: Map, nodes: list[Node]) -> Iterator[Finding]:
    models = {device.model for node in nodes for device in devices_of(node)}
    for label in the_map.accelerators:
        if label not in models and not the_map.pools:
            there = ", ".join(sorted(models)) or "none"
            found = f"no node has a model of this label; there are: {there}"
            yield Finding(WARNING, f"accelerators.{label}", found, "spell it as the label does")


def _of_volumes(key: str, team: Team, snapshot: Snapshot, namespace: str) -> Iterator[Finding]:
    for index, volume in enumerate(team.volumes):
        about = f"teams.{key}.volumes[{index}]"
        claim = snapshot.storage.claims.get((namespace, volume.claim))
        if claim is None:
            found = f"there is no claim {volume.claim} in the namespace {namespace}"
            cure = "create it (manifests/shared-pvc.yaml is one), or mend `claim`"
            yield Finding(FAULT, about, found, cure)
        elif claim.lost:
            yield Finding(FAULT, about, f"the volume of claim {volume.claim} is lost", "restore it")
        else:
            if not claim.volume and "storageclasses" not in snapshot.unseen:
                yield from _of_unbound(about, claim, snapshot.storage.classes)
            if not {"ReadWriteMany", "ReadOnlyMany"} & set(claim.access_modes):
                modes = ", ".join(claim.access_modes)
                found = f"claim {volume.claim} is for one machine only ({modes})"
                cure = "use a claim with ReadWriteMany, or the team's servers share one machine"
                yield Finding(WARNING, about, found, cure)


def _of_unbound(about: str, claim: Claim, classes: Mapping[str, StorageClass]) -> Iterator[Finding]:
    """A claim without a volume, unless the first server is to bring one."""
    wanted = claim.storage_class or ""
    if wanted and wanted not in classes:
        found = f"claim {claim.name} waits for the storage class {wanted}, which does not exist"
        cure = f"make it anew with one that does: {', '.join(sorted(classes)) or 'there is none'}"
        yield Finding(FAULT, about, found, cure)
    elif not wanted or classes[wanted].binding_mode == "Immediate":
        cure = f"kubectl describe pvc {claim.name} --namespace {claim.namespace} says why"
        yield Finding(WARNING, about, f"claim {claim.name} has no volume yet", cure)


def of_groups(the_map: Map, groups: Iterable[str]) -> Iterator[Finding]:
    """Teams that nobody is in, because no group that the hub knows is meant by them."""
    known = sorted(set(groups))
    for key, team in the_map.teams.items():
        for pattern in team.groups:
            if pattern != "*" and not is_member([pattern], known):
                found = f"no group of the hub is like {pattern}"
                cure = f"the hub knows: {', '.join(known[:10]) or 'none'}"
                yield Finding(WARNING, f"teams.{key}.groups", found, cure)


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, faults first; what many nodes share is told of the first and counted."""
    found = list(findings)
    alike = Counter((f.level, f.found, f.cure) for f in found if f.about.startswith("node "))
    seen: set[tuple[str, str, str]] = set()
    kept = []
    for finding in found:
        key = (finding.level, finding.found, finding.cure)
        if key in seen and key in alike:
            continue
        seen.add(key)
        more = alike[key] - 1
        about = f"{finding.about} and {more} more" if more > 0 else finding.about
        kept.append(Finding(finding.level, about, finding.found, finding.cure))
    return sorted(kept, key=lambda finding: finding.level)
