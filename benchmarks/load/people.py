"""What people do to a hub: open the spawn page, keep it open, press Start."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.load.hubs import Hub
from teamspawner.hub.pace import HEADER, LEAST_S, MOST_A_SECOND, MOST_S

_BROWSER = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
_TIERS = tuple(f"size{n}" for n in range(1, 13))
_PATIENCE = aiohttp.ClientTimeout(total=300, connect=300, sock_connect=300)
_JITTER = (0.8, 1.2)
"""How much an open page alters the pace that the hub names, as in ``page.js``."""


class WrongPageError(Exception):
    """A page without what it must show: fast and wrong is worth nothing."""


class Visitor:
    """One signed-in person with a browser of their own."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.name, self._hub = name, hub
        jar = aiohttp.CookieJar(unsafe=True)
        self._session = aiohttp.ClientSession(cookie_jar=jar, timeout=_PATIENCE)
        self._login = hub.cookies[name]
        self.xsrf = ""

    async def close(self) -> None:
        await self._session.close()

    async def open_page(self) -> str:
        """Open the spawn page and return it.

        Raises:
            WrongPageError: When a tier is missing on it, or numbers where they must be.
        """
        async with self._session.get(
            f"{self._hub.url}/hub/spawn", headers={**_BROWSER, "Cookie": self._cookie()}
        ) as answer:
            text = await answer.text()
            if "_xsrf" in answer.cookies:
                self.xsrf = answer.cookies["_xsrf"].value
        missing = [tier for tier in _TIERS if tier not in text]
        if answer.status != 200 or missing or ("teamspawner" in text and "Free now" not in text):
            raise WrongPageError(
                f"{self._hub.way}: {answer.status}, without {missing}: {text[:500]}"
            )
        return text

    async def ask(self, accept: str) -> float:
        """Ask for fresh offers as an open page does; returns when to ask again, in seconds."""
        url = f"{self._hub.url}/hub/api/teamspawner/offers?user={self.name}&server="
        headers = {"Accept": accept, "X-XSRFToken": self.xsrf, "Sec-Fetch-Mode": "cors"}
        async with self._session.get(url, headers={**headers, "Cookie": self._cookie()}) as answer:
            body = await answer.read()
        if answer.status != 200 or b"size12" not in body:
            raise WrongPageError(f"offers: {answer.status}: {body[:500]!r}")
        return float(answer.headers[HEADER])

    async def start(self) -> None:
        """Press Start and wait until the hub sends the browser to the running server."""
        form = {"_xsrf": self.xsrf, "profile": _TIERS[1]}
        async with self._session.post(
            f"{self._hub.url}/hub/spawn",
            data=form,
            headers={**_BROWSER, "Cookie": self._cookie()},
            allow_redirects=False,
        ) as answer:
            text, place = await answer.text(), answer.headers.get("Location", "")
        if answer.status != 302:
            raise WrongPageError(f"{self._hub.way}, start: {answer.status}: {text[:500]}")
        if "spawn-pending" in place:
            await self._watch_progress(self._hub.url + place)

    async def _watch_progress(self, pending_url: str) -> None:
        """Open the page of a server that is starting, and follow its progress to the end."""
        headers = {**_BROWSER, "Cookie": self._cookie()}
        async with self._session.get(pending_url, headers=headers, allow_redirects=False) as answer:
            await answer.read()
        if answer.status == 302:
            return
        url = f"{self._hub.url}/hub/api/users/{self.name}/server/progress?_xsrf={self.xsrf}"
        async with self._session.get(url, headers={"Cookie": self._cookie()}) as answer:
            said = b""
            async for line in answer.content:
                said = line if b"data:" in line else said
                if b'"ready": true' in said:
                    return
        raise WrongPageError(f"{self._hub.way}, progress: {answer.status}: {said[:500]!r}")

    def _cookie(self) -> str:
        return f"{self._login}; _xsrf={self.xsrf}" if self.xsrf else self._login


@asynccontextmanager
async def visitors(hub: Hub, names: Sequence[str]) -> AsyncIterator[list[Visitor]]:
    """People for the time of the block."""
    made = [Visitor(hub, name) for name in names]
    try:
        yield made
    finally:
        await asyncio.gather(*(each.close() for each in made))


async def paced(
    people: Sequence[Visitor],
    seconds: float,
    rng: random.Random,
    act: Callable[[Visitor], Awaitable[object]],
) -> list[float]:
    """Let people come at random moments within some seconds; returns how long each waited."""

    async def one(who: Visitor, after_s: float) -> float:
        due = time.perf_counter() + after_s
        await asyncio.sleep(after_s)
        await act(who)
        return time.perf_counter() - due

    moments = (rng.uniform(0, seconds) for _ in people)
    return list(await asyncio.gather(*map(one, people, moments)))


async def polled(
    people: Sequence[Visitor], seconds: float, rng: random.Random, accept: str
) -> list[float]:
    """Keep everybody's page open for some seconds; returns how long each answer took."""
    end, took = time.perf_counter() + seconds, []
    pace_s = min(MOST_S, max(LEAST_S, len(people) / MOST_A_SECOND))  # as when long open

    async def one(who: Visitor) -> None:
        wait = rng.uniform(0, pace_s)
        while time.perf_counter() + wait < end:
            await asyncio.sleep(wait)
            begun = time.perf_counter()
            wait = await who.ask(accept) * rng.uniform(*_JITTER)
            took.append(time.perf_counter() - begun)

    await asyncio.gather(*map(one, people))
    return took
