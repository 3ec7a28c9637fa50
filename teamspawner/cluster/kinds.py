"""Kinds of pods: what those that weigh the same have in common, kept once.

A pod is known by two texts, as it came over the wire: its labels, and all else that it weighs.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Any

from msgspec import Struct, field

from teamspawner.capacity import objects
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.decode import own_labels, resident
from teamspawner.cluster.podspec import both_ways, pod_of
from teamspawner.cluster.reading import ObjectError

__all__ = ["Alike", "Kind", "Kinds", "RareError"]

_SCHEDULER = b"user-scheduler"
FEWEST = 4096
"""How many kinds may be remembered however few pods there are."""


class RareError(Exception):
    """A pod needs to be read in full: its like are too few to be read quickly."""


class Kind(Struct, gc=False, frozen=True, eq=False):
    """Pods that weigh the same.

    Attributes:
        pod: The one object they share.
        cpu: Millicores requested.
        memory: Bytes requested.
        others: All else that is requested, as pairs.
        repels: It has required anti-affinity.
    """

    pod: objects.Pod
    cpu: int
    memory: int
    others: tuple[tuple[str, int], ...]
    repels: bool


class Alike(Struct, gc=False):
    """Bound pods that differ in their labels only.

    Attributes:
        spec: What they share; None when such are read in full.
        refused: How they count when their node refuses a resize; None when not otherwise.
        kinds: Text of the labels to the kind.
        sample: What a form keeps to tell such pods by.
    """

    namespace: str
    spec: objects.PodSpec | None
    terminating: bool
    refused: Alike | None = None
    kinds: dict[bytes, Kind] = field(default_factory=dict)
    sample: Any = None

    @property
    def plain(self) -> bool:
        """Whether these texts tell all that such a pod weighs."""
        return self.spec is not None and self.refused is None and not self.terminating


class Kinds:
    """The kinds of pods met so far.

    Args:
        rules: The scheduler whose way of counting applies.
        most: How many to remember, about a kilobyte each; the older half is forgotten before
            there are more.

    Attributes:
        known: How many are remembered.
        texts: Whole text of a pod, labels included, to its kind; for forms that have one.
        forgot: How many times some were forgotten.
        held: The pods there are. Of those that have gone not many more kinds are remembered: a
            cluster through which jobs run has never met the next one's labels. None: unknown.
    """

    def __init__(self, rules: Rules, most: int = 32768) -> None:
        self.rules = rules
        self.known = self.forgot = 0
        self._most = most
        self.held: Sized | None = None
        self.texts: dict[bytes, Kind] = {}
        self._alike: dict[bytes, Alike] = {}
        self._fresh: dict[tuple[bytes, bytes], objects.Pod] = {}

    def alike(self, text: bytes, read: Callable[[bytes], wire.Pod]) -> Alike:
        """Return what bound pods of such a text are.

        Args:
            text: What they have in common, labels aside.
            read: Reads it when it was not met before. Raises RareError when more of a pod is
                needed, ObjectError when it cannot be read.
        """
        found = self._alike.get(text)
        return self._meet(text, read) if found is None else found

    def _meet(self, text: bytes, read: Callable[[bytes], wire.Pod]) -> Alike:
        try:
            whole = read(text)
            pod, refused = both_ways(whole, self.rules, resident=_is_resident(whole))
        except (RareError, ObjectError):  # who reads them in full says what is wrong
            alike = Alike("", None, terminating=False)
        else:
            alike = Alike(pod.namespace, pod.spec, pod.terminating)
            if refused is not None:
                alike.refused = Alike(pod.namespace, refused.spec, pod.terminating)
        self._remember()
        self._alike[text] = alike
        return alike

    def learn(self, alike: Alike, labels: bytes, words: wire.Words) -> Kind:
        """Return the kind of such pods with labels not met before.

        Raises:
            RareError: When such pods are to be read in full.
        """
        if alike.spec is None or _SCHEDULER in labels:
            raise RareError
        named = own_labels(words)
        kind = self.of(objects.Pod(alike.namespace, named, alike.spec, alike.terminating))
        self._remember()
        alike.kinds[labels] = kind
        return kind

    def fresh(
        self,
        text: bytes,
        labels: bytes,
        read: Callable[[bytes], wire.Pod],
        words: Callable[[], wire.Words],
    ) -> objects.Pod:
        """Return a pod of such texts that is not bound.

        Args:
            text: What it has in common with others, labels aside.
            labels: The text of its labels.
            read: Reads ``text`` when these were not met before; raises as for ``alike``.
            words: Gives its labels then. Raises ObjectError when they cannot be read.

        Raises:
            RareError: When such pods are to be read in full.
            ObjectError: When it cannot be read.
        """
        pod = self._fresh.get((text, labels))
        if pod is None:
            whole = read(text)
            whole.metadata = whole.metadata or wire.Meta()
            whole.metadata.labels = words()
            pod = pod_of(whole, self.rules, placed=False, resident=_is_resident(whole))
            if len(self._fresh) >= self._room():
                _forget_half(self._fresh)
            self._fresh[text, labels] = pod
        return pod

    @staticmethod
    def of(pod: objects.Pod) -> Kind:
        """Return what a pod weighs that was read in full."""
        requests = dict(pod.spec.requests)
        cpu, memory = requests.pop("cpu", 0), requests.pop("memory", 0)
        return Kind(pod, cpu, memory, tuple(requests.items()), bool(pod.spec.anti_affinity))

    def _remember(self) -> None:
        """Count one more; the older half goes before there are too many."""
        self.known += 1
        if self.known > self._room():
            _forget_half(self._alike)
            self.texts.clear()
            self.forgot += 1
            self.known = sum(1 + len(alike.kinds) for alike in self._alike.values())

    def _room(self) -> int:
        """How many to remember now: a pod has two texts, so those of all pods there are."""
        if self.held is None:
            return self._most
        return min(self._most, FEWEST + 2 * len(self.held))


def _is_resident(pod: wire.Pod) -> bool:
    return pod.metadata is not None and resident(pod.metadata)


def _forget_half(known: dict[Any, Any]) -> None:
    """Keep a memory of texts from growing without end."""
    for old in list(known)[: len(known) // 2 + 1]:
        del known[old]
