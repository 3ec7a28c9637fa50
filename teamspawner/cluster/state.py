"""What is seen of the cluster now, kept up to date object by object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from teamspawner.capacity.objects import Node, NodeState, Pod, Snapshot
from teamspawner.capacity.rules import Rules
from teamspawner.cluster import wire
from teamspawner.cluster.decode import node_of
from teamspawner.cluster.kinds import Kinds
from teamspawner.cluster.others import OTHERS, Others
from teamspawner.cluster.pods import Load, OurPod, Pods, is_ours
from teamspawner.cluster.reading import Source, read
from teamspawner.cluster.unread import Unread

__all__ = ["State"]

_NOTHING_ON_IT = Load()
_FORGOTTEN = 1024
_SOME = 100
"""Nodes brought up to date at once: well under a millisecond."""


@dataclass(slots=True)
class State:
    """The cluster as seen: nodes, pods and all other kinds, mutable.

    Attributes:
        rules: The scheduler whose way of counting applies.
        unseen: Plural names of kinds that are not seen, or not completely.
        version: Grows with every change that can alter a verdict.
        pods: All unfinished pods; who puts one there calls ``pod_changed``.
        unread: What is not known because of objects that cannot be read.
    """

    rules: Rules
    unseen: set[str] = field(default_factory=lambda: {"nodes", "pods", *OTHERS})
    version: int = 0
    pods: Pods = field(init=False)
    unread: Unread = field(default_factory=Unread)
    _nodes: dict[str, Node] = field(default_factory=dict)
    _states: dict[str, NodeState] = field(default_factory=dict)
    _others: Others = field(default_factory=Others)
    _stranded: dict[str, tuple[Pod, ...]] = field(default_factory=dict)
    _changed: dict[str, int] = field(default_factory=dict)
    _dirty_nodes: dict[str, None] = field(default_factory=dict)
    _forgot: int = 0
    _moved: int = 0
    _last: Snapshot = field(default_factory=lambda: Snapshot(nodes={}))
    _last_of: int = -1

    def __post_init__(self) -> None:
        self.pods = Pods(Kinds(self.rules))

    # --- taking in ----------------------------------------------------------------------

    def put_node(self, source: Source | wire.Node) -> bool:
        """Take in a node, read or to be read; tell whether that can alter a verdict.

        Raises:
            ObjectError: When it cannot be read; then nothing changed.
        """
        node = node_of(source if isinstance(source, wire.Node) else read(source, wire.Node))
        if self._nodes.get(node.name) == node:
            return False
        self._nodes[node.name] = node
        self._dirty_nodes[node.name] = None
        return self._grow()

    def drop_node(self, name: str) -> bool:
        """Forget a node; tell whether it was held."""
        if self._nodes.pop(name, None) is None:
            return False
        self._dirty_nodes[name] = None
        return self._grow()

    def node_names(self) -> set[str]:
        """Return the names of all nodes held."""
        return set(self._nodes)

    def put_other(self, kind: str, key: str, source: Source) -> bool:
        """Take in an object of another kind; tell whether that can alter a verdict.

        Raises:
            ObjectError: When it cannot be read; then nothing changed.
        """
        return self._others.put(kind, key, source) and self._grow()

    def drop_other(self, kind: str, key: str) -> bool:
        """Forget an object of another kind; tell whether it was held."""
        return self._others.drop(kind, key) and self._grow()

    def other_keys(self, kind: str) -> set[str]:
        """Return the keys of all objects of another kind held."""
        return self._others.keys(kind)

    def count_by(self, rules: Rules) -> None:
        """Judge for another scheduler; pods are counted its way from their next list on."""
        self.rules = rules
        self.pods.count_by(Kinds(rules))

    def pod_changed(self) -> bool:
        """Note that ``pods`` took in a change."""
        return self._grow()

    def seen(self, kind: str) -> None:
        """Note that all of a kind is seen now."""
        if kind in self.unseen:
            self.unseen.discard(kind)
            self._grow()

    def lost(self, kind: str) -> None:
        """Note that a kind may not be seen any more; what was held of it is forgotten."""
        self._others.clear(kind)
        if kind not in self.unseen:
            self.unseen.add(kind)
            self._grow()

    def cannot_read(self, kind: str, key: str, where: str) -> None:
        """Note that an object cannot be read; what was held of it is to be dropped before.

        Args:
            kind: Plural name.
            key: What identifies the object; empty when nothing does.
            where: As ``unread.reach`` tells.
        """
        self._doubt(self.unread.note(kind, key, where))

    def can_read(self, kind: str, key: str) -> None:
        """Note that an object that could not be read can be, or is gone."""
        self._doubt(self.unread.note(kind, key, ""))

    def _doubt(self, nodes: Iterable[str] | None) -> None:
        if nodes is not None:
            self._dirty_nodes.update(dict.fromkeys(nodes))
            self._grow()

    def _grow(self) -> bool:
        self.version += 1
        return True

    # --- giving out ---------------------------------------------------------------------

    def ours(self) -> tuple[OurPod, ...]:
        """Return the pods that carry a label of ours, in every namespace."""
        return tuple(self.pods.ours.values())

    def user_scheduler(self, namespace: str | None = None) -> str:
        """Return the image of the hub's own scheduler; empty when none is seen.

        Args:
            namespace: The hub's; None takes a scheduler in any.
        """
        found = self.pods.schedulers.values()
        return next((image for where, image in found if namespace in {None, where}), "")

    def snapshot(self, as_of: datetime | None) -> Snapshot:
        """Return what is seen now, as a value that stays as it is.

        Args:
            as_of: When the cluster was last heard of.
        """
        last = self._last
        counting = "nodes" in self.unseen or ("pods" in self.unseen and len(self.pods) > 0)
        if self._last_of == self.version and not (counting and self._dirty_nodes):
            if last.as_of != as_of:
                self._last = replace(last, as_of=as_of)
            return self._last
        # While a first list comes in no verdict looks at nodes, so some of them will do.
        self.settle(_SOME if counting else None)
        waiting = tuple(self.pods.waiting.values())
        self._last = Snapshot(
            nodes=self._states.copy(),
            version=self.version,
            as_of=as_of,
            waiting=last.waiting if waiting == last.waiting else waiting,
            stranded=tuple(pod for pods in self._stranded.values() for pod in pods),
            storage=self._others.storage(),
            namespaces=self._others.namespaces(),
            unseen=frozenset(self.unseen | self.unread.kinds),
            unread=self._unread(),
            extended_by_class=self._others.extended_by_class(),
            changed=self._changed.copy(),
            epoch=self.pods.repelling + self._forgot + self._moved,
        )
        self._last_of = self.version
        return self._last

    def settle(self, most: int | None = None) -> bool:
        """Bring nodes that changed up to date, at most so many; tell whether more are due.

        Called now and then while much changes, a snapshot stays cheap.
        """
        dirty = self._dirty_nodes
        dirty.update(dict.fromkeys(self.pods.dirty))
        self.pods.dirty.clear()
        if dirty and self._last_of == self.version:
            self.version += 1  # what the last snapshot showed of these nodes was older
        for _ in range(len(dirty) if most is None else min(most, len(dirty))):
            name = dirty.popitem()[0]
            unread, before = self.unread.nodes.get(name, ""), self._states.get(name)
            node = Node(name) if unread == "nodes" else self._nodes.get(name)
            self._note_stranded(name, seen=node is not None)
            if node is not None:
                state = self.pods.loads.get(name, _NOTHING_ON_IT).state(node, unread)
                self._states[name] = state
                self._moved += _keeps_away_anew(before, state)
            elif self._states.pop(name, None) is None:
                continue  # pods on a node that is not seen take no room
            self._changed.pop(name, None)
            self._changed[name] = self.version
        if len(self._changed) > 2 * len(self._states) + _FORGOTTEN:
            self._changed = {n: v for n, v in self._changed.items() if n in self._states}
            self._forgot += 1
        return bool(dirty)

    def _note_stranded(self, name: str, *, seen: bool) -> None:
        """Keep the servers that are bound to a node of this name while there is none."""
        load = None if seen else self.pods.loads.get(name)
        servers = tuple(k.pod for k in load.kinds if is_ours(k.pod)) if load else ()
        if servers:
            self._stranded[name] = servers
        elif self._stranded:
            self._stranded.pop(name, None)

    def _unread(self) -> Mapping[str, str]:
        """Return the nodes not wholly known; a pod bound to a node that is not there takes none."""
        found = self.unread.nodes
        return {n: kind for n, kind in found.items() if n in self._states} if found else found


def _keeps_away_anew(before: NodeState | None, now: NodeState) -> bool:
    """Whether pods of a node may keep others off more nodes: they go by its labels."""
    return bool(now.repelling) and (before is None or before.node.labels != now.node.labels)
