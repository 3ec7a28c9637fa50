"""The resources that the embedded API server knows: one row each."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BY_KIND", "BY_PATH", "KINDS", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource of the API.

    Attributes:
        group: API group, empty for the core.
        version: Version served; there is one.
        plural: Name in paths.
        kind: Name in objects.
        namespaced: Whether objects live in a namespace.
        model: Class of ``kubernetes_asyncio.client`` that declares its fields.
        short: Short names for kubectl.
        status: Whether it has a status subresource.
        returns_deleted: Whether DELETE answers with the object instead of a Status.
        generation: Whether ``metadata.generation`` counts changes of its spec.
        writable: False for the kinds that can be created only (reviews).
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    model: str = ""
    short: tuple[str, ...] = ()
    status: bool = False
    returns_deleted: bool = False
    generation: bool = False
    writable: bool = True

    @property
    def api_version(self) -> str:
        """``v1`` or ``group/v1``, as objects spell it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def base(self) -> str:
        """Path of the group and version: ``/api/v1`` or ``/apis/group/v1``."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def storage(self) -> str:
        """Key under which objects are kept; both APIs of events share one."""
        return "events" if self.plural == "events" else f"{self.plural}.{self.group}"


def _core(plural: str, kind: str, *, namespaced: bool = True, **more: object) -> Kind:
    return Kind("", "v1", plural, kind, namespaced, **{"model": f"V1{kind}", **more})  # type: ignore[arg-type] # by field


def _other(group: str, plural: str, kind: str, *, namespaced: bool = False, **more: object) -> Kind:
    return Kind(group, "v1", plural, kind, namespaced, **{"model": f"V1{kind}", **more})  # type: ignore[arg-type] # by field


_STORAGE = "storage.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_REVIEW = "authorization.k8s.io"

KINDS: tuple[Kind, ...] = (
    _core("namespaces", "Namespace", namespaced=False, short=("ns",), status=True,
          returns_deleted=True),
    _core("nodes", "Node", namespaced=False, short=("no",), status=True),
    _core("pods", "Pod", short=("po",), status=True, returns_deleted=True, generation=True),
    _core("persistentvolumeclaims", "PersistentVolumeClaim", short=("pvc",), status=True,
          returns_deleted=True),
    _core("persistentvolumes", "PersistentVolume", namespaced=False, short=("pv",), status=True,
          returns_deleted=True),
    _core("secrets", "Secret"),
    _core("configmaps", "ConfigMap", short=("cm",)),
    _core("services", "Service", short=("svc",), status=True, returns_deleted=True),
    _core("endpoints", "Endpoints", short=("ep",)),
    _core("serviceaccounts", "ServiceAccount", short=("sa",), returns_deleted=True),
    _core("resourcequotas", "ResourceQuota", short=("quota",), status=True, returns_deleted=True),
    _core("limitranges", "LimitRange", short=("limits",)),
    _core("replicationcontrollers", "ReplicationController", short=("rc",), status=True,
          generation=True),
    _core("events", "Event", short=("ev",), model="CoreV1Event"),
    _other("events.k8s.io", "events", "Event", namespaced=True, short=("ev",),
           model="EventsV1Event"),
    _other("apps", "daemonsets", "DaemonSet", namespaced=True, short=("ds",), status=True,
           generation=True),
    _other("apps", "statefulsets", "StatefulSet", namespaced=True, short=("sts",), status=True,
           generation=True),
    _other("apps", "deployments", "Deployment", namespaced=True, short=("deploy",), status=True,
           generation=True),
    _other("apps", "replicasets", "ReplicaSet", namespaced=True, short=("rs",), status=True,
           generation=True),
    _other("policy", "poddisruptionbudgets", "PodDisruptionBudget", namespaced=True,
           short=("pdb",), status=True, generation=True),
    _other(_STORAGE, "storageclasses", "StorageClass", short=("sc",), returns_deleted=True),
    _other(_STORAGE, "csinodes", "CSINode", returns_deleted=True),
    _other(_STORAGE, "csidrivers", "CSIDriver", returns_deleted=True),
    _other(_STORAGE, "csistoragecapacities", "CSIStorageCapacity", namespaced=True),
    _other(_STORAGE, "volumeattachments", "VolumeAttachment", status=True, returns_deleted=True),
    _other("scheduling.k8s.io", "priorityclasses", "PriorityClass", short=("pc",)),
    _other("node.k8s.io", "runtimeclasses", "RuntimeClass"),
    _other("coordination.k8s.io", "leases", "Lease", namespaced=True),
    _other("networking.k8s.io", "networkpolicies", "NetworkPolicy", namespaced=True,
           short=("netpol",), generation=True),
    _other(_RBAC, "roles", "Role", namespaced=True),
    _other(_RBAC, "rolebindings", "RoleBinding", namespaced=True),
    _other(_RBAC, "clusterroles", "ClusterRole"),
    _other(_RBAC, "clusterrolebindings", "ClusterRoleBinding"),
    _other(_REVIEW, "selfsubjectaccessreviews", "SelfSubjectAccessReview", writable=False),
    _other(_REVIEW, "selfsubjectrulesreviews", "SelfSubjectRulesReview", writable=False),
    _other("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", writable=False),
)  # fmt: skip

BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
BY_KIND = {(kind.api_version, kind.kind): kind for kind in KINDS}
