"""The pod of a choice as the chart's hub would make it: what chart values add to every server.

Source: the chart's ``jupyterhub_config.py``, which sets KubeSpawner's traits from the values.
What a hub adds beyond them (hooks, ``extraConfig``, most of ``extraPodConfig``, the home and
extra volumes) is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from teamspawner.capacity.objects import Candidate, Pod, PodSpec, Resources, Toleration
from teamspawner.capacity.rules import Rules
from teamspawner.cli.chartvalues import within
from teamspawner.cluster.decode import ObjectError, candidate
from teamspawner.offers.choices import cross_terms, is_of_tier
from teamspawner.offers.model import Choice

__all__ = ["CHART", "as_chart", "fault_of", "tolerated_by", "unjudged"]

CHART = tuple(
    Toleration(key, "Equal", "user", "NoSchedule")
    for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
)
"""What every server of the chart tolerates unless its values say otherwise."""

_PURPOSE = {"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}
_SPAWNERS = ("Spawner", "KubeSpawner", "TeamSpawner")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_LABELS = {"app": "jupyterhub", "component": "singleuser-server"}


def tolerated_by(values: Mapping[str, Any]) -> tuple[Toleration, ...]:
    """What chart values let every server tolerate; parts that are malformed count as not there."""
    said = within(values, "scheduling.userPods.tolerations")
    everywhere = CHART if said is None else _read(said)
    return (*everywhere, *_read(within(values, "singleuser.extraTolerations")))


def _read(entries: Any) -> tuple[Toleration, ...]:
    found = _objects(entries)
    names = ("key", "operator", "value", "effect")
    texts = [{name: str(each[name]) for name in names if each.get(name)} for each in found]
    return tuple(Toleration(**each) for each in texts)


def as_chart(
    plain: Candidate, choice: Choice, values: Mapping[str, Any], rules: Rules
) -> Candidate:
    """Add to a plain pod what the chart adds by these values; by its defaults without any.

    Args:
        plain: The pod of a choice on a hub without settings of its own.
        choice: The choice.
        values: Chart values, all of them or a part; parts that are malformed count as not there.
        rules: The scheduler whose way of counting applies.
    """
    spec = plain.pod.spec
    spec = replace(spec, tolerations=(*tolerated_by(values), *spec.tolerations))
    if not values:
        return replace(plain, pod=replace(plain.pod, spec=spec))
    labels = {**_LABELS, **_texts(within(values, "singleuser.extraLabels")), **plain.pod.labels}
    pod = replace(plain.pod, spec=spec, labels=labels)
    try:
        found = candidate(_manifest(values, choice, pod), rules).pod.spec
    except (ObjectError, TypeError):
        return replace(plain, pod=pod)
    spec = replace(
        spec,
        requests=found.requests,
        priority=found.priority,
        node_selector=found.node_selector,
        node_terms=found.node_terms,
        affinity=found.affinity,
        anti_affinity=found.anti_affinity,
        spread=found.spread,
    )
    return replace(plain, pod=replace(pod, spec=spec))


def fault_of(values: Mapping[str, Any]) -> str:
    """Say what of the values cannot be read; empty when all of it can be."""
    nothing = Choice("", "", None, {}, {}, {}, {})
    try:
        candidate(_manifest(values, nothing, Pod("default", {}, PodSpec())), Rules())
    except (ObjectError, TypeError) as error:
        return str(error)
    return ""


def unjudged(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the paths of what the values say of servers' pods and nobody judges here."""
    pod = "singleuser.extraPodConfig"
    scripts, spread = "hub.extraConfig", f"{pod}.topologySpreadConstraints"
    found = [f"{pod}.{key}" for key in _texts(within(values, pod))]
    found += [f"hub.config.{name}" for name in _SPAWNERS if within(values, f"hub.config.{name}")]
    found += [
        f"{scripts}.{name}"
        for name, text in _texts(within(values, scripts)).items()
        if any(f"c.{spawner}." in text for spawner in _SPAWNERS)
    ]
    return tuple(path for path in found if path != spread)


def _manifest(values: Mapping[str, Any], choice: Choice, pod: Pod) -> dict[str, Any]:
    """The parts of a pod that the values decide, with the tier's own as the hub joins them."""
    single, spec = within(values, "singleuser"), pod.spec
    base = _objects(within(single, "extraNodeAffinity.required"))
    if within(values, "scheduling.userPods.nodeAffinity.matchNodePurpose") == "require":
        base.append({"matchExpressions": [_PURPOSE]})
    terms = cross_terms(base, list(choice.override.get("node_affinity_required", ())))
    node = {_REQUIRED: {"nodeSelectorTerms": terms}} if terms else {}
    near = within(single, "extraPodAffinity.required")
    apart = within(single, "extraPodAntiAffinity.required")
    extra, requests = within(single, "extraResource"), _amounts(spec.requests)
    resources = {
        "requests": {**_kept(within(extra, "guarantees")), **requests},
        "limits": _kept(within(extra, "limits")),
    }
    main = {"name": "notebook", "resources": resources}
    return {
        "metadata": {"namespace": pod.namespace, "labels": dict(pod.labels)},
        "spec": {
            "containers": [main, *_objects(within(single, "extraContainers"))],
            "initContainers": [*_blocker(single), *_objects(within(single, "initContainers"))],
            "nodeSelector": {**_texts(within(single, "nodeSelector")), **spec.node_selector},
            "affinity": {
                "nodeAffinity": node,
                "podAffinity": {_REQUIRED: _objects(near)},
                "podAntiAffinity": {_REQUIRED: _objects(apart)},
            },
            "topologySpreadConstraints": _objects(
                within(single, "extraPodConfig.topologySpreadConstraints")
            ),
            "priority": _priority(values),
        },
    }


def _kept(extra: Any) -> dict[str, Any]:
    """What every server gets beside what its tier owns; the hub leaves the latter out as well."""
    found = extra.items() if isinstance(extra, Mapping) else ()
    return {str(name): amount for name, amount in found if not is_of_tier(str(name))}


def _blocker(single: Any) -> list[Any]:
    """The init container that keeps servers from the cloud's metadata."""
    resources = within(single, "networkTools.resources")
    blocks = within(single, "cloudMetadata.blockWithIptables") is not False
    return [{"name": "block-cloud-metadata", "resources": resources}] if blocks else []


def _priority(values: Mapping[str, Any]) -> int:
    """What the chart's priority class of people is worth, where it has one."""
    if within(values, "scheduling.podPriority.enabled") is not True:
        return 0
    found = within(values, "scheduling.podPriority.defaultPriority")
    return found if isinstance(found, int) else 0


def _amounts(requests: Resources) -> dict[str, str]:
    return {name: f"{n}m" if name == "cpu" else str(n) for name, n in requests.items()}


def _objects(entries: Any) -> list[Any]:
    """The mappings of a list, or of a mapping by name as the chart also takes it."""
    if isinstance(entries, Mapping):
        entries = [entries[name] for name in sorted(entries, key=str)]
    return [each for each in entries if isinstance(each, Mapping)] if _many(entries) else []


def _many(entries: Any) -> bool:
    return isinstance(entries, Iterable) and not isinstance(entries, str)


def _texts(entries: Any) -> dict[str, str]:
    given = entries.items() if isinstance(entries, Mapping) else ()
    return {str(key): str(value) for key, value in given}
