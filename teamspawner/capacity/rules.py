"""Which scheduler is spoken for: its version, what follows from it, and its names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

OLDEST, NEWEST, USUAL = 30, 37, 35
"""Minor versions of Kubernetes 1.x whose filters were measured, and the one assumed unsaid."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one kube-scheduler does, with its default filters and feature gates.

    Attributes:
        minor: The 35 of Kubernetes 1.35, within the measured range.
        schedulers: Names (globs) of the schedulers that are this one; pods of others
            are not judged.
        warning: A sentence when the version asked for was not measured; empty otherwise.
    """

    minor: int = USUAL
    schedulers: tuple[str, ...] = ("default-scheduler", "*-user-scheduler")
    warning: str = ""

    @classmethod
    def for_version(cls, text: str, schedulers: tuple[str, ...] = ()) -> Rules:
        """Return the rules of a version such as ``1.35`` or ``v1.30.14``.

        A version outside the measured range gets the nearest one, and a warning.

        Args:
            text: The version as images and ``/version`` spell it.
            schedulers: Further scheduler names to judge for.

        Raises:
            ValueError: When the text is no version of Kubernetes 1.x.
        """
        found = re.match(r"v?1\.(\d{1,3})(?![\d])", text.strip(), re.ASCII)
        if found is None:
            raise ValueError(f"{text!r} is not a version of Kubernetes, such as 1.{USUAL}")
        asked = int(found[1])
        minor = min(max(asked, OLDEST), NEWEST)
        warning = ""
        if minor != asked:
            warning = (
                f"kube-scheduler 1.{asked} was not measured (1.{OLDEST} to 1.{NEWEST} were);"
                f" judged as 1.{minor}"
            )
        return cls(minor, (*cls().schedulers, *schedulers), warning)

    def judging_for(self, schedulers: tuple[str, ...]) -> Rules:
        """Return the same rules for further scheduler names too."""
        return replace(self, schedulers=(*self.schedulers, *schedulers))

    def speaks_for(self, scheduler_name: str) -> bool:
        """Tell whether pods with this ``schedulerName`` are placed by such a scheduler."""
        return any(fnmatchcase(scheduler_name, pattern) for pattern in self.schedulers)

    @property
    def pod_level_resources(self) -> bool:
        """``spec.resources`` of a pod counts (gate PodLevelResources, on from 1.34)."""
        return self.minor >= 34

    @property
    def resize_status(self) -> bool:
        """The status of a resize counts (gate InPlacePodVerticalScaling, on from 1.33)."""
        return self.minor >= 33

    @property
    def pod_level_resize(self) -> bool:
        """A resize of pod-level resources counts (on from 1.36)."""
        return self.minor >= 36

    @property
    def resize_by_pod(self) -> bool:
        """A resize is compared as sums over the pod, not per container (from 1.37)."""
        return self.minor >= 37

    @property
    def classes_serve_devices(self) -> bool:
        """A DeviceClass can serve extended resources (DRAExtendedResource, on from 1.36)."""
        return self.minor >= 36

    @property
    def gated_nominations(self) -> bool:
        """A pod held by a gate counts on the node it is nominated to (from 1.37)."""
        return self.minor >= 37

    @property
    def pod_defaults_at_creation(self) -> bool:
        """Pod-level requests are filled in when a pod is created, not when it is read (1.37)."""
        return self.minor >= 37

    @property
    def sidecar_ports(self) -> bool:
        """Host ports of restartable init containers count (from 1.33)."""
        return self.minor >= 33

    @property
    def namespace_selectors_stay(self) -> bool:
        """A new pod's namespace selector is also asked of a namespace without labels (1.34-1.36).

        One such as ``team NotIn (b)`` then means pods of every namespace: the selector is
        cleared on a copy (``mergeAffinityTermNamespacesIfNotEmpty``).
        """
        return 34 <= self.minor <= 36

    @property
    def declared_features(self) -> bool:
        """What a pod needs of the kubelet counts (NodeDeclaredFeatures, on from 1.36)."""
        return self.minor >= 36

    @property
    def missing_drivers(self) -> bool:
        """A CSI driver may keep pods off nodes without it (VolumeLimitScaling, on from 1.37)."""
        return self.minor >= 37

    @property
    def attributes_classes(self) -> bool:
        """Volumes are told apart by VolumeAttributesClass (on from 1.34)."""
        return self.minor >= 34

    @property
    def attributes_unread(self) -> bool:
        """No filter reads a VolumeAttributesClass (before 1.31, which keeps such volumes out)."""
        return self.minor < 31

    @property
    def counts_attachments(self) -> bool:
        """A VolumeAttachment takes up a place even when no pod on the node uses it (from 1.32)."""
        return self.minor >= 32
