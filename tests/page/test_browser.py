"""The spawn page in Chromium: without scripts, by keyboard, on a phone, and kept true."""

import re
from dataclasses import replace

import pytest
import pytest_asyncio

from teamspawner.capacity.verdict import Status
from tests.edge import listings
from tests.page.browser import a_browser, a_visit, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

PHONE = {"width": 375, "height": 740}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with a_browser() as found:
        yield found


def ours(sent, slug):
    """What KubeSpawner would read of the fields sent, for this slug."""
    names = {"profile": "profile"}
    prefix = f"profile-option-{slug}--"
    return {
        names.get(key, key.removeprefix(prefix)): value
        for key, value in sent.items()
        if key == "profile" or key.startswith(prefix)
    }


# ---- Without scripts


@pytest.mark.parametrize("query", ["", "?stock=1"], ids=["our page", "JupyterHub's page"])
async def test_without_scripts_a_choice_is_made_and_sent(browser, query):
    async with a_visit(browser, scripts=False) as visit:
        page = await visit.open("physics", query)
        await page.locator("#ts-card-gpu-a100 >> text=/^2$/").click(force=True)
        await page.select_option("[name=profile-option-gpu-a100--image]", "scipy")
        await page.select_option("[name=profile-option-gpu-a100--team]", "biology")
        assert await page.locator("button:visible >> text=Start").count() == 1
        sent = await visit.start()
        assert ours(sent, "gpu-a100") == {
            "profile": ["gpu-a100"],
            "gpus": ["2"],
            "image": ["scipy"],
            "team": ["biology"],
        }


async def test_without_scripts_the_summary_follows_every_choice(browser):
    async with a_visit(browser, scripts=False) as visit:
        page = await visit.open()
        first = await visit.summary()
        assert (first["CPU"], first["GPU"], first["For team"]) == (
            "7",
            "1 × A100 80 GB",
            "physics",
        )
        await page.locator("[name=profile-option-gpu-a100--gpus][value='2']").check(force=True)
        await page.select_option("[name=profile-option-gpu-a100--team]", "biology")
        second = await visit.summary()
        assert (second["CPU"], second["Memory"]) == ("14", "110 GiB")
        assert second["For team"] == "biology"
        assert "biology: 0 of 2 GPUs, 2 with this one" in await page.inner_text(".ts-side")
        await page.locator("#ts-card-small").click(position={"x": 300, "y": 20})
        assert (await visit.summary())["CPU"] == "2"


async def test_without_scripts_the_status_is_that_of_the_chosen_count(browser):
    async with a_visit(browser, scripts=False) as visit:
        page = await visit.open()
        assert await visit.badge("gpu-a100") == "✓ Free now · 2 more fit"
        await page.locator("[name=profile-option-gpu-a100--gpus][value='2']").check(force=True)
        assert await visit.badge("gpu-a100") == "✓ Free now"


async def test_without_scripts_nothing_says_that_scripts_are_needed(browser):
    async with a_visit(browser, scripts=False) as visit:
        page = await visit.open()
        assert not await page.locator("#noscript").is_visible()
        assert await page.locator(".ts-seen a").inner_text() == "look again"


# ---- By keyboard, and for those who hear the page


async def test_everything_is_reached_and_started_by_keyboard(browser):
    async with a_visit(browser) as visit:
        page = await visit.open()
        await page.locator("#ts-card-gpu-a100 .ts-pick").focus()
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate("document.activeElement.value") == "gpu-a100-1g"
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowRight")
        assert await page.evaluate("document.activeElement.value") == "2"
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.tagName") == "SELECT"
        for _ in range(9):
            if await page.evaluate("document.activeElement.className") == "ts-button":
                break
            await page.keyboard.press("Tab")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        sent = ours(visit.preview.posted[-1], "gpu-a100")
        assert (sent["profile"], sent["gpus"]) == (["gpu-a100"], ["2"])


async def test_arrows_pass_over_what_cannot_start(browser):
    async with a_visit(browser) as visit:
        page = await visit.open()
        await page.locator("#ts-card-gpu-l4 .ts-pick").focus()
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate("document.activeElement.value") == "large"


@pytest.mark.parametrize(
    "selector",
    [".ts-card:has(:focus)", ".ts-tile input:focus + label", "select:focus", ".ts-button:focus"],
)
async def test_what_has_the_focus_is_seen(browser, selector):
    async with a_visit(browser) as visit:
        page = await visit.open()
        for _ in range(30):
            await page.keyboard.press("Tab")
            found = page.locator(f".ts {selector}")
            if await found.count():
                break
        style = await found.first.evaluate("e => getComputedStyle(e)['outline-style']")
        width = await found.first.evaluate("e => parseFloat(getComputedStyle(e)['outline-width'])")
        assert style == "solid"
        assert width >= 2


async def test_a_tier_is_announced_with_its_name_status_and_size(browser):
    async with a_visit(browser) as visit:
        page = await visit.open()
        tree = await page.locator(".ts").aria_snapshot()
        assert 'radio "GPU · A100 80 GB" [checked]' in tree
        assert 'radio "GPU · H100 80 GB" [disabled]' in tree
        assert 'group "Which server"' in tree
        assert 'group "GPUs"' in tree
        assert 'combobox "Image"' in tree
        described = await page.evaluate(
            """() => document.querySelector('#ts-card-small .ts-pick')
                 .getAttribute('aria-describedby').split(' ')
                 .map(id => document.getElementById(id).innerText.trim()).join(' ')"""
        )
        assert "Free now" in described
        assert "2 CPU · 4 GiB" in described


# ---- Any screen, any light


@pytest.mark.parametrize("width", [320, 375, 560, 768, 1120])
@pytest.mark.parametrize("name", ["physics", "admin", "broken", "hostile", "many"])
async def test_nothing_is_wider_than_the_screen(browser, width, name):
    async with a_visit(browser, viewport={"width": width, "height": 700}) as visit:
        page = await visit.open(name)
        wide = "document.documentElement.scrollWidth"
        assert await page.evaluate(wide) <= width
        await page.evaluate("document.documentElement.dir = 'rtl'")
        assert await page.evaluate(wide) <= width


async def test_on_a_phone_start_stays_in_sight_with_what_one_gets(browser):
    async with a_visit(browser, viewport=PHONE) as visit:
        page = await visit.open()
        box = await page.locator(".ts-button").bounding_box()
        assert box["y"] + box["height"] <= PHONE["height"]
        line = await page.locator(".ts-line p:visible").inner_text()
        assert line == "GPU · A100 80 GB · 7 CPU · 55 GiB · 1 × A100 80 GB"
        await page.locator("#ts-card-large").scroll_into_view_if_needed()
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        last = await page.locator(".ts-side .ts-usage:visible").bounding_box()
        start = await page.locator(".ts-start").bounding_box()
        assert last["y"] + last["height"] <= start["y"]


@pytest.mark.parametrize("size", [(768, 900), (1120, 480)], ids=["tablet", "low-window"])
async def test_start_stays_in_sight_beside_or_below_many_cards(browser, size):
    width, height = size
    async with a_visit(browser, viewport={"width": width, "height": height}) as visit:
        page = await visit.open("many")
        for place in (0, 700):
            await page.evaluate(f"scrollTo(0, {place})")
            box = await page.locator(".ts-button").bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= height


async def test_words_that_run_the_other_way_stay_on_their_side_of_the_page(browser):
    async with a_visit(browser) as visit:
        said = "כל המכונות תפוסות כרגע."
        full = listings.offer("a", Status.BUSY, sentence=said)
        page = await visit.open_listing(listings.listing(listings.card("a", full, title="שרת")))
        run, side = await page.evaluate(
            """() => {
              const why = document.querySelector(".ts-why");
              const range = document.createRange();
              range.setStart(why.firstChild, why.textContent.length - 1);
              range.setEnd(why.firstChild, why.textContent.length);
              const dot = range.getBoundingClientRect();
              range.selectNodeContents(why);
              const text = range.getBoundingClientRect();
              return [dot.left - text.left, text.left - why.getBoundingClientRect().left];
            }"""
        )
        assert run < 1, "the full stop is where the sentence ends"
        assert side < 1, "the sentence is where all others are"


async def test_larger_text_alone_leaves_titles_their_room(browser):
    async with a_visit(browser, viewport={"width": 1280, "height": 900}) as visit:
        page = await visit.open()
        await page.add_style_tag(content="html { font-size: 32px !important }")
        title = await page.locator("#ts-card-small .ts-title").bounding_box()
        badge = await page.locator("#ts-card-small .ts-badge:visible").bounding_box()
        assert title["height"] < 60, "Small in one line"
        assert badge["y"] >= title["y"] + title["height"]


async def test_at_twice_the_size_text_is_not_cut(browser):
    small = {"width": 560, "height": 500}
    async with a_visit(browser, viewport=small, device_scale_factor=2) as visit:
        page = await visit.open()
        cut = await page.evaluate(
            """() => [...document.querySelectorAll('.ts p, .ts label, .ts-badge, .ts dd')]
                 .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
                              && getComputedStyle(e).display !== 'inline'
                              && !e.classList.contains('ts-hidden'))
                 .map(e => e.textContent)"""
        )
        assert cut == []


CONTRAST = r"""() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const found = rgb(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const low = [];
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.getClientRects().length) continue;
    if (['STYLE', 'OPTION'].includes(e.tagName)) continue;
    seen += 1;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) low.push([walk.currentNode.data.trim(), ratio.toFixed(2)]);
  }
  return [seen, low];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("name", ["physics", "stale"])
async def test_text_stands_out_from_what_is_behind_it(browser, scheme, scripts, name):
    async with a_visit(browser, color_scheme=scheme, scripts=scripts) as visit:
        page = await visit.open(name, "?error=Not%20now")
        seen, low = await page.evaluate(CONTRAST)
        assert seen > 15
        assert low == []


async def test_the_hubs_own_switch_turns_the_page_dark(browser):
    async with a_visit(browser, color_scheme="light", reduced_motion="reduce") as visit:
        page = await visit.open()
        colour = "getComputedStyle(document.querySelector('.ts-card')).backgroundColor"
        before = await page.evaluate(colour)
        await page.click("#dark-theme-toggle")
        assert await page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
        assert await page.evaluate(colour) != before
        assert (await page.evaluate(CONTRAST))[1] == []


async def test_who_wants_no_motion_gets_none(browser):
    async with a_visit(browser, reduced_motion="reduce") as visit:
        page = await visit.open()
        for selector in (".ts-card", ".ts-button", ".ts-tile label"):
            moves = "e => getComputedStyle(e).transitionDuration"
            assert await page.locator(selector).first.evaluate(moves) == "0s"


# ---- Choosing with a script


async def test_the_nearest_that_fits_is_taken_by_its_link(browser):
    async with a_visit(browser) as visit:
        page = await visit.open()
        await page.locator("#ts-card-small .ts-title").click()
        await page.locator(".ts-take").click()
        assert (await visit.summary())["GPU"] == "2 × A100 80 GB"
        assert await page.evaluate("document.activeElement.value") == "gpu-a100"
        sent = ours(await visit.start(), "gpu-a100")
        assert (sent["gpus"], sent["team"]) == (["2"], ["physics"])


async def test_a_combination_that_cannot_start_turns_start_off_and_says_why(browser):
    async with a_visit(browser) as visit:
        visit.preview.pages["physics"] = lambda: listings.listing(listings.a100(free=8))
        page = await visit.open()
        await page.locator("[name=profile-option-gpu-a100--gpus][value='4']").check(force=True)
        assert await page.locator(".ts-button").is_disabled()
        why = "physics uses 6 of its 8 GPUs; 2 are left."
        assert why in await page.inner_text(".ts-side")
        assert why in await page.inner_text("#ts-said")
        await page.locator("[name=profile-option-gpu-a100--gpus][value='1']").check(force=True)
        assert await page.locator(".ts-button").is_enabled()


async def test_typed_text_is_asked_for_and_sent_only_with_other(browser):
    async with a_visit(browser) as visit:
        page = await visit.open("admin")
        field = page.locator("[name='profile-option-standard--image--unlisted-choice']")
        assert not await field.is_visible()
        await page.select_option("[name=profile-option-standard--image]", "unlisted-choice")
        await field.fill("quay.io/me/mine:1")
        assert await visit.badge("standard") == "? Not known"
        await page.select_option("[name=profile-option-standard--image]", "r")
        sent = await visit.start()
        assert ours(sent, "standard") == {"profile": ["standard"], "image": ["r"]}


async def test_a_second_click_does_not_start_twice(browser):
    async with a_visit(browser) as visit:
        page = await visit.open()
        await page.evaluate("document.forms[0].addEventListener('submit', e => e.preventDefault())")
        await page.locator(".ts-button").click()
        await page.wait_for_function("document.querySelector('.ts-button').disabled")
        assert await page.inner_text(".ts-button") == "Starting…"


# ---- Kept true while it is open


def only(free):
    return lambda: listings.listing(listings.small(), listings.a100(free=free))


async def test_numbers_change_by_themselves_and_the_choice_stays(browser):
    async with a_visit(browser) as visit:
        visit.preview.pages["physics"] = only(3)
        page = await visit.open()
        await page.locator("[name=profile-option-gpu-a100--gpus][value='2']").check(force=True)
        await page.select_option("[name=profile-option-gpu-a100--image]", "scipy")
        await page.locator("[name=profile-option-gpu-a100--image]").focus()
        await page.evaluate("document.querySelector('#ts-card-gpu-a100').mine = true")
        visit.preview.pages["physics"] = only(2)
        await visit.later()
        await page.wait_for_selector(".ts-tile:has-text('2 free')")
        assert await page.evaluate("document.querySelector('#ts-card-gpu-a100').mine")
        focus = await page.evaluate("document.activeElement.name")
        assert focus == "profile-option-gpu-a100--image"
        sent = ours(await visit.start(), "gpu-a100")
        assert (sent["gpus"], sent["image"]) == (["2"], ["scipy"])


async def test_a_choice_that_fills_up_is_kept_and_start_turns_off_aloud(browser):
    async with a_visit(browser) as visit:
        visit.preview.pages["physics"] = only(3)
        page = await visit.open()
        visit.preview.pages["physics"] = only(0)
        await visit.later()
        await page.wait_for_selector("#ts-card-gpu-a100.ts-off")
        assert await visit.badge("gpu-a100") == "✕ Full now"
        assert await page.locator("#ts-card-gpu-a100 .ts-pick").is_checked()
        assert await page.locator(".ts-button").is_disabled()
        assert "No machine has 1 A100s free" in await page.inner_text("#ts-said")
        visit.preview.pages["physics"] = only(1)
        await visit.later()
        await page.wait_for_selector("#ts-card-gpu-a100:not(.ts-off)")
        assert await page.locator(".ts-button").is_enabled()


def two(small, large):
    """Two tiers with these verdicts; the first is chosen."""
    cards = [
        listings.card("small", listings.offer("small", small), title="Small", default=True),
        listings.card("large", listings.offer("large", large), title="Large"),
    ]
    return lambda: listings.listing(*cards)


async def test_what_goes_to_and_fro_elsewhere_is_not_said_each_time(browser):
    async with a_visit(browser) as visit:
        visit.preview.pages["physics"] = two(Status.FITS_NOW, Status.BUSY)
        page = await visit.open()

        async def seen(large, state):
            visit.preview.pages["physics"] = two(Status.FITS_NOW, large)
            await visit.later()
            await page.wait_for_selector(f"#ts-card-large .{state}")
            return await page.inner_text("#ts-said")

        assert await seen(Status.FITS_NOW, "ts-free") == "Large: Free now"
        await page.evaluate("document.getElementById('ts-said').textContent = ''")
        assert await seen(Status.BUSY, "ts-full") == ""
        assert await seen(Status.FITS_NOW, "ts-free") == ""
        await visit.later(20)
        assert await seen(Status.BUSY, "ts-full") == "Large: In use"


async def test_what_is_being_typed_stays_with_its_cursor_while_numbers_change(browser):
    async with a_visit(browser) as visit:
        page = await visit.open("admin")
        await page.select_option("[name=profile-option-standard--image]", "unlisted-choice")
        typed = page.locator("[name='profile-option-standard--image--unlisted-choice']")
        await typed.fill("quay.io/me")
        await typed.press("ArrowLeft")
        visit.preview.pages["admin"] = lambda: replace(
            listings.admin_page(), teams=("physics",), notice="Something is new."
        )
        await visit.later()
        await page.wait_for_selector("#ts-notice")
        await page.keyboard.type("X")
        assert await typed.input_value() == "quay.io/mXe"


async def test_where_there_are_many_those_that_cannot_start_can_be_hidden(browser):
    async with a_visit(browser, scripts=False) as visit:
        page = await visit.open("many")
        full = page.locator(".ts-card.ts-off")
        count = await full.count()
        assert count
        assert await full.first.is_visible()
        await page.get_by_label("Show only what can start").check()
        assert [await full.nth(n).is_visible() for n in range(count)] == [False] * count
        assert await page.locator(".ts-card:not(.ts-off)").first.is_visible()


def best_for(team, free=3):
    """The page while the smallest tier is chosen and this team has room for an A100."""
    card = listings.a100(free=free)
    *others, teams = card.options
    choices = tuple(replace(each, default=each.value == team) for each in teams.choices)
    offers = tuple(sorted(card.offers, key=lambda each: each.team != team))
    options = (*others, replace(teams, choices=choices))
    a100 = replace(card, default=False, options=options, offers=offers)
    return lambda: listings.listing(replace(listings.small(), default=True), a100)


async def test_a_card_nobody_has_touched_follows_the_team_with_room(browser):
    team = "[name=profile-option-gpu-a100--team]"
    async with a_visit(browser) as visit:
        visit.preview.pages["physics"] = best_for("physics")
        page = await visit.open()
        assert await page.input_value(team) == "physics"
        visit.preview.pages["physics"] = best_for("biology")
        await visit.later()
        await page.wait_for_selector(
            f"{team} option[value=biology]:checked", state="attached", timeout=4000
        )
        await page.locator("#ts-card-gpu-a100 .ts-pick").check(force=True)
        await page.select_option(team, "physics")
        await page.locator("#ts-card-small .ts-pick").check(force=True)
        visit.preview.pages["physics"] = best_for("biology", free=2)
        await visit.later()
        await page.wait_for_selector(".ts-tile:has-text('2 free')", state="attached", timeout=4000)
        assert await page.input_value(team) == "physics"


async def test_a_tier_that_comes_or_goes_leaves_the_choice_alone(browser):
    async with a_visit(browser) as visit:
        visit.preview.pages["physics"] = lambda: listings.listing(listings.small())
        page = await visit.open()
        visit.preview.pages["physics"] = lambda: listings.listing(listings.a100(), listings.small())
        await visit.later()
        await page.wait_for_selector("#ts-card-gpu-a100")
        assert await page.locator("#ts-card-small .ts-pick").is_checked()
        assert (await visit.summary())["CPU"] == "2"
        visit.preview.pages["physics"] = lambda: listings.listing(listings.a100())
        await visit.later()
        await page.wait_for_selector("#ts-card-small", state="detached")
        assert await page.locator(".ts-button").is_disabled()
        assert "not offered any more" in await page.inner_text("#ts-cannot")


def without_one(listing):
    """The same page once a single device is not offered any more: counts 2 and 4 are left."""
    old = listing.cards[0]
    counts = replace(old.options[0], choices=old.options[0].choices[1:])
    offers = tuple(offer for offer in old.offers if offer.options["gpus"] != "1")
    card = replace(old, options=(counts, *old.options[1:]), offers=offers)
    return replace(listing, cards=(card,))


async def test_a_count_that_goes_is_never_exchanged_in_silence(browser):
    async with a_visit(browser) as visit:
        page = await visit.open_listing(listings.listing(listings.a100(free=8)))
        visit.preview.pages["physics"] = lambda: without_one(
            listings.listing(listings.a100(free=8))
        )
        await visit.later()
        await page.wait_for_selector("#ts-cannot:has-text('not offered any more')")
        assert await page.locator(".ts-tile input:checked").count() == 0
        assert await page.locator(".ts-button").is_disabled()


async def test_a_hub_that_is_away_is_said_to_be_and_the_age_grows(browser):
    async with a_visit(browser) as visit:
        page = await visit.open()
        visit.preview.away = True
        await visit.later(10)
        await page.wait_for_selector(".ts-age:has-text('the hub does not answer')")
        seen = int(re.search(r"seen (\d+) s ago", await page.inner_text("#ts-age"))[1])
        assert seen >= 12
        visit.preview.away = False
        await visit.later(20)
        await page.wait_for_selector(".ts-age:not(:has-text('does not answer'))")


async def test_a_page_asks_as_seldom_as_the_hub_says_and_often_again(browser):
    async with a_visit(browser) as visit:
        await visit.open()
        visit.preview.pace = "20.0"
        async with visit.page.expect_response("**/offers/**"):
            await visit.later()
        visit.preview.pace = "5.0"
        await visit.later(14)
        await visit.page.wait_for_timeout(300)
        assert visit.preview.fetched == 1
        async with visit.page.expect_response("**/offers/**"):
            await visit.later(10)
        async with visit.page.expect_response("**/offers/**"):
            await visit.later(7)


async def test_numbers_too_old_are_taken_off_the_page(browser):
    async with a_visit(browser) as visit:
        visit.preview.away = True
        page = await visit.open()
        assert await visit.badge("small") == "✓ Free now · 38 more fit"
        await visit.later(125)
        assert await visit.badge("small") == "? Not known"
        assert "free" not in (await page.inner_text(".ts-tiles")).lower()
        visit.preview.away = False
        await visit.later(90)
        await page.wait_for_selector("#ts-card-small .ts-free")


async def test_a_page_nobody_looks_at_asks_nothing(browser):
    async with a_visit(browser) as visit:
        page = await visit.open()
        hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
        await page.evaluate(hide % "true")
        await visit.later(60)
        await visit.later(60)
        assert visit.preview.fetched == 0
        await page.evaluate(hide % "false")
        async with page.expect_response("**/offers/**"):
            await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        assert visit.preview.fetched == 1


async def test_who_is_signed_out_is_told(browser):
    async with a_visit(browser) as visit:
        page = await visit.open()
        visit.preview.signed_out = True
        await visit.later()
        await page.wait_for_selector(".ts-age:has-text('signed out')")
        assert await visit.badge("small") == "? Not known"
        visit.complaints.clear()
