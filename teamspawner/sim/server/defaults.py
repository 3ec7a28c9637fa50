"""What the API fills in when a field is left out, as far as it shapes scheduling and clients."""

from __future__ import annotations

import base64
import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from teamspawner.sim.server.kinds import Kind

__all__ = ["apply_defaults"]

Thing = dict[str, Any]

_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_MODE_0644 = 420


def apply_defaults(kind: Kind, thing: Thing) -> None:
    """Fill in the defaults of the kind, in place."""
    _DEFAULTS.get(kind.kind, _nothing)(thing)


def _nothing(_: Thing) -> None:
    """Most kinds have no defaults that anybody here looks at."""


def _put(into: Thing, **values: Any) -> None:
    for name, value in values.items():
        into.setdefault(name, copy.copy(value))


def _pod(pod: Thing) -> None:
    _pod_spec(pod.setdefault("spec", {}))
    status = pod.setdefault("status", {})
    _put(status, phase="Pending", qosClass=_qos(pod["spec"]))


def _pod_spec(spec: Thing) -> None:
    _put(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        terminationGracePeriodSeconds=30,
        securityContext={},
        enableServiceLinks=True,
    )
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    elif "serviceAccount" in spec:
        spec["serviceAccountName"] = spec["serviceAccount"]
    for container in _containers(spec):
        _container(container, host_network=spec.get("hostNetwork", False))
    for volume in spec.get("volumes", ()):
        _volume(volume)
    for term in spec.get("topologySpreadConstraints", ()):
        _put(term, nodeAffinityPolicy="Honor", nodeTaintsPolicy="Ignore")


def _containers(spec: Thing) -> Iterator[Thing]:
    return itertools.chain(spec.get("containers", ()), spec.get("initContainers", ()))


def _container(container: Thing, *, host_network: bool) -> None:
    image = container.get("image", "")
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    latest = "@" not in image and tag in {"", "latest"}
    _put(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest else "IfNotPresent",
    )
    _requests_from_limits(container["resources"])
    for port in container.get("ports", ()):
        _put(port, protocol="TCP")
        if host_network and "containerPort" in port:
            _put(port, hostPort=port["containerPort"])
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _put(container[name], **_PROBE)
            if "httpGet" in container[name]:
                _put(container[name]["httpGet"], path="/", scheme="HTTP")
    for variable in container.get("env", ()):
        if "fieldRef" in variable.get("valueFrom", {}):
            _put(variable["valueFrom"]["fieldRef"], apiVersion="v1")


def _requests_from_limits(resources: Thing) -> None:
    limits = resources.get("limits")
    if limits:
        requests = resources.setdefault("requests", {})
        for name, amount in limits.items():
            requests.setdefault(name, amount)


def _volume(volume: Thing) -> None:
    for source in ("secret", "configMap", "downwardAPI", "projected"):
        if source in volume:
            _put(volume[source], defaultMode=_MODE_0644)
    if "hostPath" in volume:
        _put(volume["hostPath"], type="")
    if len(volume) == 1:
        volume["emptyDir"] = {}
    if "ephemeral" in volume:
        _claim_spec(volume["ephemeral"].get("volumeClaimTemplate", {}).setdefault("spec", {}))


def _qos(spec: Thing) -> str:
    names = ("cpu", "memory")
    whole = [spec] if spec.get("resources") else list(_containers(spec))
    asked = [one.get("resources", {}) for one in whole]
    if not any(part.get(side, {}).get(n) for part in asked for side in _SIDES for n in names):
        return "BestEffort"
    guaranteed = all(
        part.get("limits", {}).get(name)
        and part["limits"][name] == part.get("requests", {}).get(name)
        for part in asked
        for name in names
    )
    return "Guaranteed" if guaranteed else "Burstable"


_SIDES = ("limits", "requests")


def _node(node: Thing) -> None:
    status = node.setdefault("status", {})
    if "capacity" in status:
        allocatable = status.setdefault("allocatable", {})
        for name, amount in status["capacity"].items():
            allocatable.setdefault(name, amount)
    node.setdefault("spec", {})


def _claim_spec(spec: Thing) -> None:
    _put(spec, volumeMode="Filesystem", resources={})


def _claim(claim: Thing) -> None:
    _claim_spec(claim.setdefault("spec", {}))
    _put(claim.setdefault("status", {}), phase="Pending")


def _volume_object(volume: Thing) -> None:
    _put(
        volume.setdefault("spec", {}),
        persistentVolumeReclaimPolicy="Retain",
        volumeMode="Filesystem",
    )
    _put(volume.setdefault("status", {}), phase="Pending")


def _secret(secret: Thing) -> None:
    _put(secret, type="Opaque")
    plain = secret.pop("stringData", None) or {}
    for key, text in plain.items():
        secret.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


_ADDRESSES = itertools.count(2)


def _service(service: Thing) -> None:
    spec = service.setdefault("spec", {})
    _put(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    if spec["type"] != "ExternalName" and "clusterIP" not in spec:
        place = next(_ADDRESSES)
        spec["clusterIP"] = f"10.96.{place // 250}.{place % 250 + 1}"
    if spec.get("clusterIP"):
        _put(
            spec, clusterIPs=[spec["clusterIP"]], ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack"
        )
    for port in spec.get("ports", ()):
        _put(port, protocol="TCP")
        if "port" in port:
            _put(port, targetPort=port["port"])
    service.setdefault("status", {}).setdefault("loadBalancer", {})


def _namespace(namespace: Thing) -> None:
    name = namespace["metadata"].get("name", "")
    namespace["metadata"].setdefault("labels", {}).setdefault("kubernetes.io/metadata.name", name)
    _put(namespace.setdefault("spec", {}), finalizers=["kubernetes"])
    _put(namespace.setdefault("status", {}), phase="Active")


def _limit_range(limits: Thing) -> None:
    for item in limits.get("spec", {}).get("limits", ()):
        if item.get("type") != "Container":
            continue
        for name, amount in item.get("max", {}).items():
            item.setdefault("default", {}).setdefault(name, amount)
        for source in ("default", "min"):
            for name, amount in item.get(source, {}).items():
                item.setdefault("defaultRequest", {}).setdefault(name, amount)


def _storage_class(thing: Thing) -> None:
    _put(thing, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _priority_class(thing: Thing) -> None:
    _put(thing, preemptionPolicy="PreemptLowerPriority", value=0)


def _driver(thing: Thing) -> None:
    _put(
        thing.setdefault("spec", {}),
        attachRequired=True,
        podInfoOnMount=False,
        storageCapacity=False,
        fsGroupPolicy="ReadWriteOnceWithFSType",
        requiresRepublish=False,
        seLinuxMount=False,
        volumeLifecycleModes=["Persistent"],
    )


def _binding(thing: Thing) -> None:
    group = "rbac.authorization.k8s.io"
    for subject in thing.get("subjects", ()):
        if subject.get("kind") != "ServiceAccount":
            _put(subject, apiGroup=group)
    if "roleRef" in thing:
        _put(thing["roleRef"], apiGroup=group)


def _event(event: Thing) -> None:
    """Fill in the fields that the API always shows: clients rely on their presence."""
    empty = dict.fromkeys(("firstTimestamp", "lastTimestamp", "eventTime"))
    _put(event, **empty, source={}, involvedObject={}, reportingComponent="", reportingInstance="")


def _workload(thing: Thing) -> None:
    _pod_spec(thing.setdefault("spec", {}).setdefault("template", {}).setdefault("spec", {}))
    thing.setdefault("status", {})


_DEFAULTS: dict[str, Callable[[Thing], None]] = {
    "Pod": _pod,
    "Node": _node,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume_object,
    "Secret": _secret,
    "Service": _service,
    "Namespace": _namespace,
    "LimitRange": _limit_range,
    "StorageClass": _storage_class,
    "PriorityClass": _priority_class,
    "CSIDriver": _driver,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "Event": _event,
    "DaemonSet": _workload,
    "Deployment": _workload,
    "StatefulSet": _workload,
    "ReplicaSet": _workload,
}
