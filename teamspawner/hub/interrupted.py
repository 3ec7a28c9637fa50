"""Answer the request whose start is stopped while it still waits for it."""

from __future__ import annotations

from typing import Any

from teamspawner.hub.refusal import Refusal

__all__ = ["answer_interrupted"]

STOPPED = "The server was stopped while it was starting."


def answer_interrupted(handler: Any) -> None:
    """Answer 409 with a sentence, unless an answer has been sent.

    JupyterHub stops a server that is still starting by cancelling the start; whoever
    asked for the start would get an Internal Server Error, with a traceback in the log
    (seen in 5.5.0 and 6.1.1).

    Args:
        handler: The request that asked for the start; None when there is none any more.
    """
    if handler is not None and not handler._finished:  # tornado has no other way
        refusal = Refusal(409, "given-up", STOPPED)
        handler.send_error(409, exc_info=(Refusal, refusal, None))
