"""The page of a server that starts, in Chromium: plain words, and ways out."""

import json
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.page.browser import a_browser, a_visit, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

NO_ROOM = {
    "progress": 30,
    "message": "No machine has room yet; still looking.",
    "raw_event": {
        "type": "Warning",
        "reason": "FailedScheduling",
        "message": "0/4 nodes are available: 4 Insufficient nvidia.com/gpu.",
        "lastTimestamp": "2026-09-01T10:45:00Z",
    },
}
PLACED = {
    "progress": 50,
    "message": "A machine has been found.",
    "raw_event": {"type": "Normal", "reason": "Scheduled", "message": "", "lastTimestamp": ""},
}
H100 = {"profile": "gpu-h100", "gpus": "1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with a_browser() as found:
        yield found


async def waiting(visit, options=H100, *events):
    for event in events:
        visit.preview.progress.put_nowait(event)
    return await visit.open("waiting", f"?options={quote(json.dumps(options))}")


async def test_an_event_is_told_in_plain_words_and_kept_raw_under_details(browser):
    async with a_visit(browser) as visit:
        page = await waiting(visit, H100, NO_ROOM)
        await page.wait_for_selector("#ts-now:has-text('No machine has room yet')")
        assert await page.get_attribute("#ts-progress", "aria-valuenow") == "30"
        assert not await page.locator("#ts-log").is_visible()
        await page.click("summary")
        assert "FailedScheduling: 0/4 nodes" in await page.inner_text("#ts-log")


async def test_markup_in_a_message_stays_text(browser):
    async with a_visit(browser) as visit:
        bad = {**NO_ROOM, "message": "<img src=x onerror=alert(1)>"}
        page = await waiting(visit, {"profile": "<b>\"'"}, bad)
        await page.wait_for_selector("#ts-now:has-text('<img')")
        assert await page.locator("main img").count() == 0


async def test_who_waits_for_room_is_offered_the_nearest_that_can_start(browser):
    async with a_visit(browser) as visit:
        page = await waiting(visit, H100, NO_ROOM)
        await page.wait_for_selector("#ts-instead:visible")
        assert "A100 80 GB ×2 can start now" in await page.inner_text("#ts-instead")
        assert await page.inner_text("#ts-said") == "A100 80 GB ×2 can start now."
        async with page.expect_navigation():
            await page.click("#ts-take")
        sent = visit.preview.posted[-1]
        assert sent == {
            "_xsrf": ["x"],
            "profile": ["gpu-a100"],
            "profile-option-gpu-a100--gpus": ["2"],
            "profile-option-gpu-a100--team": ["physics"],
        }


async def test_whose_machine_is_found_is_offered_nothing_else(browser):
    async with a_visit(browser) as visit:
        page = await waiting(visit, H100, NO_ROOM)
        await page.wait_for_selector("#ts-instead:visible")
        visit.preview.progress.put_nowait(PLACED)
        await page.wait_for_selector("#ts-instead", state="hidden")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_a_start_can_be_stopped_to_choose_again(browser, scripts):
    async with a_visit(browser, scripts=scripts) as visit:
        page = await waiting(visit)
        async with page.expect_navigation():
            await page.click("#ts-again")
        assert visit.preview.posted == [{"_xsrf": ["x"]}]


async def test_a_failure_says_why_and_what_to_do(browser):
    async with a_visit(browser) as visit:
        failed = {"progress": 100, "failed": True, "message": "Spawn failed: No room is left."}
        page = await waiting(visit, H100, failed)
        await page.wait_for_selector("#ts-now:text-is('No room is left.')")
        assert await page.inner_text("h1") == "Your server could not be started"
        assert await page.inner_text("#ts-again") == "Choose again"
        assert (await page.title()).startswith("Not started")


async def test_a_server_that_is_ready_is_opened(browser):
    async with a_visit(browser) as visit:
        page = await waiting(visit)
        async with page.expect_navigation():
            visit.preview.progress.put_nowait({"progress": 100, "ready": True, "message": "Ready"})
