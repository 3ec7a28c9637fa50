"""Ask for the objects of a kind, and read what the API says instead of giving them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

import aiohttp

from teamspawner.cluster.binary import words_of
from teamspawner.cluster.connect import Connection
from teamspawner.cluster.form import Event
from teamspawner.cluster.messages import QUICK
from teamspawner.cluster.source import PROTOBUF, Settings, Source

__all__ = ["WORDS", "AnsweredError", "GoneError", "accepted", "ask", "ended"]

WORDS = 300
"""The most characters that are kept of the API's own words."""


class GoneError(Exception):
    """The version asked for is too old: the list must be made again."""


class AnsweredError(Exception):
    """The API answered, but not with what was asked for."""

    def __init__(self, status: int, message: str, retry_after_s: float | None) -> None:
        super().__init__(f"HTTP {status}: {message}" if message else f"HTTP {status}")
        self.status = status
        self.retry_after_s = retry_after_s


@contextlib.asynccontextmanager
async def ask(
    source: Source,
    query: Mapping[str, str],
    connection: Connection,
    session: aiohttp.ClientSession,
    settings: Settings,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Ask for a list or a watch; the answer is closed at the end.

    Raises:
        GoneError: On entering: the version asked for is too old.
        AnsweredError: On entering: any other answer than the objects.
    """
    options = await connection.request_options()
    options["headers"] = {
        **options["headers"],
        "Accept": accepted(source, settings),
        "Accept-Encoding": "gzip" if settings.compressed else "identity",
    }
    selected = {**query, "fieldSelector": source.selector}
    response = await session.get(
        connection.base + source.path,
        params={key: value for key, value in selected.items() if value},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=settings.silence_s),
        **options,
    )
    try:
        if response.status != HTTPStatus.OK:
            raise await _refusal(response)
        yield response
    finally:
        response.close()


def accepted(source: Source, settings: Settings) -> str:
    """Return the types of answers that are taken of a kind, the best first."""
    binary = source.binary and settings.binary and QUICK
    return f"{PROTOBUF}, application/json" if binary else "application/json"


async def _refusal(response: aiohttp.ClientResponse) -> Exception:
    body = await response.content.read(WORDS * 10)
    text = _words(body, response.content_type)
    if response.status == HTTPStatus.GONE:
        return GoneError(text)
    return AnsweredError(response.status, text, _retry_after(response))


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _words(body: bytes, content_type: str) -> str:
    """Return the message of a Status, or the start of what was sent instead."""
    if content_type == PROTOBUF:
        return words_of(body)[:WORDS]
    text = body.decode(errors="replace")
    try:
        found = json.loads(text)
    except ValueError:
        return " ".join(text.split())[:WORDS]
    message = found.get("message", "") if isinstance(found, dict) else ""
    return str(message)[:WORDS]


def ended(event: Event) -> Exception:
    """Return why a watch ended with an ERROR event."""
    if event.code == HTTPStatus.GONE:
        return GoneError(event.message)
    return AnsweredError(event.code or HTTPStatus.INTERNAL_SERVER_ERROR, event.message, None)
