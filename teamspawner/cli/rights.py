"""What the hub may read, by the feature that needs it, beyond the chart's own Role.

One table makes the manifests, the output of ``rbac`` and the questions of ``doctor``.
Reading only: everything the hub writes is in the chart's Role already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

READ = ("get", "list", "watch")
GROUP = "rbac.authorization.k8s.io"
HOME = "jupyterhub"
"""The namespace that the docs speak of."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Resources that one feature reads.

    Attributes:
        purpose: What is unknown, or off, without them.
        cluster: (API group, resources) read in all namespaces.
        namespaced: The same, in the hub's own namespace only.
    """

    purpose: str
    cluster: tuple[tuple[str, tuple[str, ...]], ...] = ()
    namespaced: tuple[tuple[str, tuple[str, ...]], ...] = ()


FEATURES = {
    "core": Rights(
        "what is free: nodes, the pods on them, and what decides who may stand beside whom",
        cluster=(
            ("", ("nodes", "pods", "namespaces")),
            ("scheduling.k8s.io", ("priorityclasses",)),
            ("resource.k8s.io", ("deviceclasses",)),
        ),
    ),
    "volumes": Rights(
        "where a home or a team volume can be attached",
        cluster=(
            ("", ("persistentvolumes", "persistentvolumeclaims")),
            (
                "storage.k8s.io",
                (
                    "storageclasses",
                    "csinodes",
                    "csidrivers",
                    "csistoragecapacities",
                    "volumeattachments",
                ),
            ),
        ),
    ),
    "quota": Rights(
        "which quota of the hub's namespace is used up, before a start is refused by it",
        namespaced=(("", ("resourcequotas", "limitranges")),),
    ),
    "queues": Rights(
        "how a Kueue queue stands",
        cluster=(("kueue.x-k8s.io", ("clusterqueues",)),),
        namespaced=(("kueue.x-k8s.io", ("localqueues", "workloads")),),
    ),
}
USUAL = ("core", "volumes", "quota")


def manifests(features: Iterable[str], namespace: str, account: str) -> list[dict[str, Any]]:
    """The roles and bindings for these features, ready for ``kubectl apply``.

    Args:
        features: Names of ``FEATURES``.
        namespace: Where the hub runs.
        account: The hub's ServiceAccount.
    """
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    made: list[dict[str, Any]] = []
    for feature in features:
        rights = FEATURES[feature]
        for kind, rules in (("ClusterRole", rights.cluster), ("Role", rights.namespaced)):
            if rules:
                made += _role(kind, f"teamspawner-{feature}", rules, subject)
    return made


def _role(
    kind: str, name: str, rules: Iterable[tuple[str, tuple[str, ...]]], subject: dict[str, str]
) -> list[dict[str, Any]]:
    """A role with the binding to the hub's account.

    A binding that holds in all namespaces is named by the hub's, so that a second hub on
    a cluster does not take the first one's rights away.
    """
    meta: dict[str, Any] = {"name": name, "labels": {"app.kubernetes.io/part-of": "teamspawner"}}
    if kind == "Role":
        meta["namespace"] = subject["namespace"]
    of_another = kind == "ClusterRole" and subject["namespace"] != HOME
    bound = f"{name}-{subject['namespace']}" if of_another else name
    role = {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": meta,
        "rules": [
            {"apiGroups": [group], "resources": list(resources), "verbs": list(READ)}
            for group, resources in rules
        ],
    }
    binding = {
        "apiVersion": f"{GROUP}/v1",
        "kind": f"{kind}Binding",
        "metadata": {**meta, "name": bound},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name},
        "subjects": [dict(subject)],
    }
    return [role, binding]
