"""Chromium and a small stand-in for the hub, as fixtures for the tests of this room."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from tests.page.preview import Preview

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The path of an installed Chromium; None when there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@asynccontextmanager
async def a_browser():
    """A fresh headless Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


class Visit:
    """One person's look at a page of the preview; remembers what the browser complained of."""

    def __init__(self, page: Page, preview: Preview, url: str) -> None:
        self.page, self.preview, self.url = page, preview, url
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message) -> None:
        meant = "503" in message.text or message.location["url"].endswith("favicon.ico")
        if message.type == "error" and not meant:
            self.complaints.append(f"{message.text} {message.location['url']}")

    async def open(self, name: str = "physics", query: str = "") -> Page:
        await self.page.goto(f"{self.url}/{name}{query}")
        return self.page

    async def open_listing(self, listing) -> Page:
        """Open a page made of this listing."""
        self.preview.pages["physics"] = lambda: listing
        return await self.open()

    async def later(self, seconds: float = 7) -> None:
        """Put the page's clock forward and let it do what is then due."""
        await self.page.clock.fast_forward(int(seconds * 1000))

    async def badge(self, slug: str) -> str:
        """The status of a card that is seen now."""
        found = self.page.locator(f"#ts-card-{slug} .ts-badge:visible")
        return " ".join((await found.inner_text()).split())

    async def summary(self) -> dict[str, str]:
        """ "Your server" as it is seen now: label to text."""
        rows = self.page.locator(".ts-side dl > div:visible")
        told = [(await rows.nth(n).inner_text()).split("\n") for n in range(await rows.count())]
        return {row[0].strip(): row[-1].strip() for row in told}

    async def start(self) -> dict[str, list[str]]:
        """Press Start, and return what the form sent."""
        async with self.page.expect_navigation():
            await self.page.locator(".ts-button").click()
        return self.preview.posted[-1]


@asynccontextmanager
async def a_visit(browser: Browser, *, scripts: bool = True, **context):
    """A visit in a new profile; further settings as for Playwright's ``new_context``."""
    preview = Preview()
    runner = web.AppRunner(preview.application(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    profile = await browser.new_context(java_script_enabled=scripts, **context)
    try:
        visit = Visit(await profile.new_page(), preview, f"http://127.0.0.1:{port}")
        if scripts:
            await visit.page.clock.install()
        yield visit
        assert visit.complaints == []
    finally:
        await profile.close()
        await runner.cleanup()
