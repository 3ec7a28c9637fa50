"""Keep refusals and pod manifests out of the log as tracebacks.

A refusal is an answer, not a fault of the hub; and a manifest holds the
server's API token.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError

from teamspawner.hub.refusal import Refusal

__all__ = ["OpenPage", "quieten"]

MANIFEST_MESSAGES = ("Failed for %s", "Failed to create %s")
"""Messages of kubespawner 7 whose argument is a whole manifest."""

UNCAUGHT = "Uncaught exception %s\n%r"
"""Tornado's message for a request that failed."""

LOGGERS = ("JupyterHub", "tornado.application", "asyncio")


class OpenPage(Exception):  # noqa: N818 - not an error: a request to show the form
    """A link asks for something that only a click may start; the page opens instead.

    JupyterHub renders the spawn form when the options of a query raise; the empty
    message makes it show no error.
    """

    jupyterhub_message = ""


class _Quiet(logging.Filter):
    """Drop tracebacks of our own refusals, and the text of manifests."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OpenPage):
            return False
        if isinstance(error, CancelledError) and record.msg == UNCAUGHT:
            return False  # a start that was stopped; its request has been answered
        if isinstance(error, Refusal) and record.name == "asyncio":
            return False  # nobody waits any more for a start whose refusal has been told
        if isinstance(error, Refusal) or error is None:
            # JupyterHub 5 logs a refusal "with" an exception that is long over
            record.exc_info = record.exc_text = None
        if record.msg in MANIFEST_MESSAGES and error is not None:
            record.msg = "The API server refused what a start needs: %s"
            record.args = (getattr(error, "status", type(error).__name__),)
            record.exc_info = record.exc_text = None
        return True


_FILTER = _Quiet()


def quieten(*loggers: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
    """Install the filter on JupyterHub's loggers and on those given; more than once is the same."""
    found = [logging.getLogger(name) for name in LOGGERS]
    found += [each.logger if isinstance(each, logging.LoggerAdapter) else each for each in loggers]
    for logger in found:
        logger.addFilter(_FILTER)
