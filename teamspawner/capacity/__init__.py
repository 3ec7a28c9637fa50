"""Would a pod fit? The kube-scheduler's filters, as pure functions over a snapshot.

``judge`` answers for one pod, ``prepare`` with ``against`` and ``room``
node by node for those who keep the answer up to date, ``place`` puts pods first
that will take room shortly.
"""

from teamspawner.capacity.context import Context, against, prepare, room
from teamspawner.capacity.judge import judge
from teamspawner.capacity.place import place
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason, Status, Verdict

__all__ = [
    "Context",
    "Reason",
    "Rules",
    "Status",
    "Verdict",
    "against",
    "judge",
    "place",
    "prepare",
    "room",
]
