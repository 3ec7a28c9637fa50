"""The one way in which a start is refused: a sentence, a status, a constant reason.

JupyterHub 6 has an exception for this and leaves it out of its failure count;
JupyterHub 5 has none and counts every start that raises, so there the count is
put back by hand.
"""

from __future__ import annotations

from html import escape
from typing import Any, Protocol

from tornado import web

from teamspawner.errors import ChoiceError

try:
    from jupyterhub.spawner import SpawnException
except ImportError:  # JupyterHub 5
    SpawnException = None

__all__ = ["Refusal", "bare", "leave_failure_count"]


class Refusal(SpawnException or web.HTTPError):  # type: ignore[misc] # one of two bases
    """A start is refused, or ended early because it can never succeed.

    JupyterHub shows ``jupyterhub_message`` in the REST API and in the progress, and
    ``jupyterhub_html_message`` on its pages; without both it falls back to texts
    meant for the log.

    Attributes:
        status_code: HTTP status: 400, 403, 409, 413 or 503.
        reason: Constant word for metrics: it becomes a label.
        sentence: One plain sentence, safe to show to the person refused.
        wanted: Tier, model and team for metrics; empty texts where none were theirs.
    """

    _reason: str
    wanted: tuple[str, str, str] = ("", "", "")

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        if SpawnException is None:
            # JupyterHub 5 puts log_message into the REST answer
            super().__init__(status, sentence, reason=reason)
        else:
            super().__init__(
                sentence, reason=reason, status_code=status, message_html=escape(sentence)
            )
            self.log_message = ""
        self.sentence = sentence
        self.jupyterhub_message = sentence
        self.jupyterhub_html_message = escape(sentence)

    @property
    def reason(self) -> str:
        """The constant word; JupyterHub 5 would put its own in the place of it on the way."""
        return self._reason

    @reason.setter
    def reason(self, word: str) -> None:
        self.__dict__.setdefault("_reason", word)

    @classmethod
    def of(cls, error: ChoiceError) -> Refusal:
        """Turn the core's refusal into the hub's."""
        refusal = cls(error.status, error.reason, error.sentence)
        refusal.wanted = error.wanted
        return refusal


def bare(error: BaseException | None) -> None:
    """Let go of where an error was raised, and of all errors that led to it.

    JupyterHub keeps the error of a failed start until the next start of that server (its
    pages show it), and a traceback keeps all that was at hand where it was raised: the pods
    of every choice, and the cluster as it was at that moment. So a refusal goes without.
    """
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None:
            waiting += (each.__cause__, each.__context__)
            each.__cause__ = each.__context__ = each.__traceback__ = None


class _Starting(Protocol):
    """What is used of a Spawner whose start is under way."""

    handler: Any
    consecutive_failure_limit: int
    _spawn_future: Any


def leave_failure_count(spawner: _Starting) -> None:
    """See to it that the start now failing leaves the hub's failure count as it is.

    JupyterHub 5 raises its count for every start that raises, in a callback of the
    start's future, and restarts the hub at ``consecutive_failure_limit``
    (``handlers/base.py:_track_failure_count``, seen in 5.5.0). A second callback,
    run right after that one, takes the step back; meanwhile this start cannot be
    the one that reaches the limit. Does nothing on JupyterHub 6.
    """
    future, handler = spawner._spawn_future, spawner.handler
    if SpawnException is not None or future is None or handler is None:
        return
    settings, limit = handler.settings, spawner.consecutive_failure_limit
    spawner.consecutive_failure_limit = 0

    def step_back(_: object) -> None:
        settings["failure_count"] = max(0, settings.get("failure_count", 1) - 1)
        spawner.consecutive_failure_limit = limit

    future.add_done_callback(step_back)
