# ruff: noqa: D102 - what a filter's methods do is said once, on Filter
"""InterPodAffinity: which pods must, and must not, be in the same domain.

Source: kube-scheduler plugin ``interpodaffinity`` (``filtering.go``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from teamspawner.capacity.filtering import Change, Filter, Reasons
from teamspawner.capacity.matching import pod_term_matches, selects
from teamspawner.capacity.objects import EMPTY, Labels, Node, NodeState, Pod, PodTerm, Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import UNREADABLE, Reason

Pair = tuple[str, str]
"""Topology key and value: a domain."""

_NO_COMPANION = Reason(
    "InterPodAffinity", "node(s) didn't match pod affinity rules", resolvable=False
)
_REPELS = Reason("InterPodAffinity", "node(s) didn't match pod anti-affinity rules")
_REPELLED = Reason("InterPodAffinity", "node(s) didn't satisfy existing pods anti-affinity rules")
_NAMESPACES = Reason(
    "InterPodAffinity", "namespaces not looked at", detail="namespaces", unknown=True
)
_PODS = Reason("InterPodAffinity", "pods not looked at", detail="pods", unknown=True)
_UNREAD = Reason(
    UNREADABLE,
    "pods or nodes that count here cannot be read",
    detail="pods, nodes",
    unknown=True,
)


@dataclass(slots=True)
class Counts:
    """How many matching pods each domain holds.

    Attributes:
        wanted: Pods that meet every affinity term of the candidate.
        repelled: Pods that one of its anti-affinity terms means.
        repelling: Anti-affinity terms of placed pods that mean the candidate.
    """

    wanted: Counter[Pair] = field(default_factory=Counter)
    repelled: Counter[Pair] = field(default_factory=Counter)
    repelling: Counter[Pair] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Companions(Filter):
    """The rules between one candidate and every placed pod."""

    pod: Pod
    affinity: tuple[PodTerm, ...]
    anti_affinity: tuple[PodTerm, ...]
    namespace_labels: Labels
    counts: Counts
    doubt: Reason | None = None
    """What was not looked at and could alter the answer."""

    @property
    def local(self) -> bool:
        """Pods on other nodes count."""
        return False

    def __call__(self, state: NodeState, change: Change) -> Reasons:
        counts = self.counts
        if change.gone or change.come:
            counts = self._changed(state.node, change)
        return self._doubted(self._against(state.node.labels, counts), state.node.labels)

    def _doubted(self, found: Reasons, labels: Labels) -> Reasons:
        """Add what was not looked at; a companion that is not seen may be there all the same."""
        if self.doubt is None:
            return found
        possible = all(term.topology_key in labels for term in self.affinity)
        if possible and _NO_COMPANION in found:
            found = tuple(reason for reason in found if reason is not _NO_COMPANION)
        return found or (self.doubt,)

    def _against(self, labels: Labels, counts: Counts) -> Reasons:
        found: list[Reason] = []
        if not self._joined(labels, counts):
            found.append(_NO_COMPANION)
        for term in self.anti_affinity:
            key = term.topology_key
            if key in labels and counts.repelled[key, labels[key]] > 0:
                found.append(_REPELS)
                break
        if any(n > 0 and labels.get(key) == value for (key, value), n in counts.repelling.items()):
            found.append(_REPELLED)
        return tuple(found)

    def _joined(self, labels: Labels, counts: Counts) -> bool:
        """Tell whether every affinity term is met; the first of a group may start anywhere."""
        exist = True
        for term in self.affinity:
            key = term.topology_key
            if key not in labels:
                return False
            if counts.wanted[key, labels[key]] <= 0:
                exist = False
        if exist:
            return True
        first = not any(counts.wanted.values())
        return first and all(pod_term_matches(t, self.pod, _ask(t)) for t in self.affinity)

    def emptied(self, state: NodeState) -> Reasons:
        """Pods that keep it away may end, save those that stay; its companions may be as now.

        Or they may end too, which opens every node to the first of a group.
        """
        staying = Counts()
        for pod in state.pods:
            self.add(staying, state.node, pod, 1)
        alone, staying.wanted = staying.wanted, self.counts.wanted
        found = self._against(state.node.labels, staying)
        if _NO_COMPANION in found:
            staying.wanted = alone
            found = self._against(state.node.labels, staying)
        return self._doubted(found, state.node.labels)

    def _changed(self, node: Node, change: Change) -> Counts:
        counts = Counts(
            Counter(self.counts.wanted),
            Counter(self.counts.repelled),
            Counter(self.counts.repelling),
        )
        for pods, step in ((change.gone, -1), (change.come, 1)):
            for pod in pods:
                self.add(counts, node, pod, step)
        return counts

    def placed(self, node: Node, pod: Pod) -> None:
        """Count a pod just put on a node."""
        self.add(self.counts, node, pod, 1)

    def add(self, counts: Counts, node: Node, pod: Pod, step: int) -> None:
        """Count one pod on a node into ``counts``, ``step`` times."""
        labels = node.labels
        if self.affinity and all(pod_term_matches(t, pod, _ask(t)) for t in self.affinity):
            _tally(counts.wanted, self.affinity, labels, step)
        meant = [t for t in self.anti_affinity if pod_term_matches(t, pod, _ask(t))]
        _tally(counts.repelled, meant, labels, step)
        own = pod.spec.anti_affinity
        if own:
            against = [t for t in own if pod_term_matches(t, self.pod, self.namespace_labels)]
            _tally(counts.repelling, against, labels, step)


def _ask(term: PodTerm) -> Labels | None:
    """An incoming pod's selector is resolved to names already; one that stays sees no labels."""
    return EMPTY if term.namespace_selector is not None else None


def _tally(counter: Counter[Pair], terms: Iterable[PodTerm], labels: Labels, step: int) -> None:
    for term in terms:
        value = labels.get(term.topology_key)
        if value is not None:
            counter[term.topology_key, value] += step


def companions(pod: Pod, snapshot: Snapshot, rules: Rules) -> Companions | None:
    """Prepare InterPodAffinity.

    None when neither the candidate nor any placed pod has a rule that concerns
    it; the scheduler then skips the filter, for nominated pods too.
    """
    labels = snapshot.namespaces.get(pod.namespace, EMPTY)
    affinity, anti_affinity = (
        tuple(_resolved(term, snapshot, rules) for term in terms)
        for terms in (pod.spec.affinity, pod.spec.anti_affinity)
    )
    known = bool(affinity or anti_affinity)
    prepared = Companions(
        pod,
        affinity,
        anti_affinity,
        labels,
        Counts(),
        doubt=_doubt(pod, snapshot),
    )
    for state in snapshot.nodes.values():
        for placed in state.pods if known else state.repelling:
            prepared.add(prepared.counts, state.node, placed, 1)
    if known or prepared.counts.repelling or prepared.doubt:
        return prepared
    return None


def repelling_terms(snapshot: Snapshot) -> frozenset[PodTerm]:
    """Return the terms of required anti-affinity that placed pods have."""
    return frozenset(
        term
        for state in snapshot.nodes.values()
        for placed in state.repelling
        for term in placed.spec.anti_affinity
    )


def may_be_repelled(pod: Pod, terms: Iterable[PodTerm], snapshot: Snapshot) -> bool:
    """Tell whether one of these terms means a pod, or would with labels that are not seen.

    Where none does, the labels of a pod without affinity, anti-affinity and spread of its
    own decide nothing.
    """
    labels = snapshot.namespaces.get(pod.namespace, EMPTY)
    hidden = "namespaces" in snapshot.unseen
    return any(
        pod_term_matches(term, pod, labels) or (hidden and _would_mean(term, pod)) for term in terms
    )


def _resolved(term: PodTerm, snapshot: Snapshot, rules: Rules) -> PodTerm:
    """Turn a namespace selector into the names it matches now; an empty one stays, for all.

    Some versions keep any selector beside the names, and ask it of no labels at all.
    """
    selector = term.namespace_selector
    if selector is None or not selector.requirements:
        return term
    names = [n for n, labels in snapshot.namespaces.items() if selects(selector, labels)]
    left = selector if rules.namespace_selectors_stay else None
    return replace(term, namespaces=(*term.namespaces, *names), namespace_selector=left)


def _doubt(pod: Pod, snapshot: Snapshot) -> Reason | None:
    """Return the doubt that kinds not looked at, or not read, leave about the rules."""
    if "pods" in snapshot.unseen and pod.spec.affinity:
        return _PODS
    own = bool(pod.spec.affinity or pod.spec.anti_affinity)
    if snapshot.unread and (own or _repelling_somewhere(snapshot)):
        return _UNREAD
    if "namespaces" in snapshot.unseen and _asks_namespaces(pod, snapshot):
        return _NAMESPACES
    return None


def _repelling_somewhere(snapshot: Snapshot) -> bool:
    """Tell whether pods keep others off domains that only labels not known would name."""
    hidden = (name for name, kind in snapshot.unread.items() if kind == "nodes")
    return any(name in snapshot.nodes and snapshot.nodes[name].repelling for name in hidden)


def _asks_namespaces(pod: Pod, snapshot: Snapshot) -> bool:
    """Tell whether a rule asks for the labels of namespaces."""
    own = (*pod.spec.affinity, *pod.spec.anti_affinity)
    return any(map(_goes_by_labels, own)) or any(
        _would_mean(term, pod) for term in repelling_terms(snapshot)
    )


def _goes_by_labels(term: PodTerm) -> bool:
    """Tell whether a term chooses namespaces by their labels."""
    return term.namespace_selector is not None and bool(term.namespace_selector.requirements)


def _would_mean(term: PodTerm, pod: Pod) -> bool:
    """Tell whether a term means a pod if its namespace has the right labels."""
    named = pod.namespace in term.namespaces
    return _goes_by_labels(term) and not named and selects(term.selector, pod.labels)
