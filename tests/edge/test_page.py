"""The spawn page as HTML: fields, words, escaping, what is chosen beforehand."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.offers.model import Alternative, Option, OptionChoice, Usage
from teamspawner.page import render, words
from tests.edge import listings
from tests.edge.listings import MARKUP, NOW, card, listing, offer

VOID = {"input", "link", "img", "br", "rect", "meta"}


class Page(HTMLParser):
    """A page as a list of elements: tag, attributes, and the text within."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self._open = []
        self.feed(html)
        assert not self._open, f"not closed: {[tag for tag, _, _ in self._open]}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, text in self._open:
            text.append(data)

    def all(self, tag, **wanted):
        """Attributes of every such element that has the wanted ones."""
        return [a for t, a, _ in self.elements if t == tag and wanted.items() <= a.items()]

    def text(self, cls):
        found = [b for _, a, b in self.elements if cls in (a.get("class") or "").split()]
        return [" ".join("".join(text).split()) for text in found]


def page(shown, **options):
    return Page(render(shown, now=NOW, **options))


def checked(shown):
    return [e["value"] for e in shown.all("input", name="profile") if "checked" in e]


ALL = [
    listings.physics_page,
    listings.admin_page,
    listings.broken_page,
    listings.stale_page,
    listings.many_page,
    listings.hostile_page,
]


# ---- Form fields


def test_a_tier_is_a_radio_and_its_options_are_named_as_kubespawner_names_them():
    shown = page(listings.physics_page())
    slugs = [e["value"] for e in shown.all("input", name="profile", type="radio")]
    assert slugs == ["small", "gpu-a100", "gpu-a100-1g", "gpu-l4", "gpu-h100", "large"]
    counts = shown.all("input", name="profile-option-gpu-a100--gpus")
    assert [e["value"] for e in counts] == ["1", "2", "4"]
    assert shown.all("select", name="profile-option-gpu-a100--image")
    assert shown.all("select", name="profile-option-gpu-a100--team")
    assert shown.all("input", name="profile-option-small--image", type="hidden", value="scipy")


def test_a_tier_that_cannot_start_stays_in_the_form_disabled_with_all_its_fields():
    shown = page(listings.physics_page())
    (tier,) = shown.all("input", name="profile", value="gpu-h100")
    assert "disabled" in tier
    counts = shown.all("input", name="profile-option-gpu-h100--gpus")
    assert len(counts) == 2
    assert all("disabled" in count for count in counts)


def test_a_count_that_does_not_fit_is_disabled_beside_those_that_do():
    shown = page(listings.physics_page())
    counts = shown.all("input", name="profile-option-gpu-a100--gpus")
    assert ["disabled" in count for count in counts] == [False, False, True]


def test_free_text_is_a_field_of_its_own_beside_other():
    shown = page(listings.admin_page())
    (text,) = shown.all("input", name="profile-option-standard--image--unlisted-choice")
    assert text["data-pattern"] == r"quay\.io/.+"
    assert shown.all("option", value="unlisted-choice")


def test_an_option_with_free_text_alone_has_no_menu():
    free = replace(listings.admin_page().cards[0].options[0], choices=())
    shown = page(listing(card("a", offer("a"), options=[free])))
    assert shown.all("input", name="profile-option-a--image--unlisted-choice")
    assert not shown.all("select")


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_ids_are_unique_and_every_reference_finds_its_element(make):
    shown = page(make(), static_url="/s/", offers_url="/o")
    ids = [a["id"] for _, a, _ in shown.elements if a.get("id")]
    assert len(ids) == len(set(ids))
    for _, attributes, _ in shown.elements:
        for name in ("for", "aria-labelledby", "aria-describedby"):
            assert set((attributes.get(name) or "").split()) <= set(ids), attributes


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_every_field_a_person_fills_in_has_a_label(make):
    shown = page(make())
    labels = {e["for"] for e in shown.all("label")}
    fields = [*shown.all("input"), *shown.all("select")]
    assert all(e["id"] in labels for e in fields if e.get("type") != "hidden")


# ---- What is chosen when the page opens


def test_the_default_is_chosen():
    assert checked(page(listings.physics_page())) == ["gpu-a100"]


def test_a_default_that_is_full_gives_way_to_the_first_that_can_start():
    full = listing(
        card("a", offer("a", Status.BUSY)),
        card("b", offer("b", Status.BUSY), default=True),
        card("c", offer("c")),
        card("d", offer("d")),
    )
    assert checked(page(full)) == ["c"]


def test_an_earlier_choice_is_chosen_with_its_options():
    earlier = {"profile": "gpu-a100", "gpus": "2", "image": "scipy", "team": "biology"}
    shown = page(listings.physics_page(), selected=earlier)
    counts = shown.all("input", name="profile-option-gpu-a100--gpus")
    assert [e["value"] for e in counts if "checked" in e] == ["2"]
    picked = [e["value"] for e in shown.all("option") if "selected" in e]
    assert picked == ["scipy", "biology"]
    assert not shown.text("ts-note")


def test_an_earlier_choice_that_is_full_is_not_chosen_and_this_is_said():
    shown = page(listings.physics_page(), selected={"profile": "gpu-a100", "gpus": "4"})
    counts = shown.all("input", name="profile-option-gpu-a100--gpus")
    assert [e["value"] for e in counts if "checked" in e] == ["1"]
    (note,) = shown.text("ts-note")
    assert note == "What was chosen before, A100 80 GB ×4, cannot start now."


def test_an_earlier_choice_that_is_gone_is_said_to_be_gone():
    shown = page(listings.physics_page(), selected={"profile": "retired"})
    assert checked(shown) == ["gpu-a100"]
    assert shown.text("ts-note") == ["What was chosen before is not offered any more."]


def test_an_earlier_typed_value_is_typed_again():
    typed = {"profile": "standard", "image--unlisted-choice": "quay.io/me/mine:1"}
    shown = page(listings.admin_page(), selected=typed)
    (text,) = shown.all("input", name="profile-option-standard--image--unlisted-choice")
    assert text["value"] == "quay.io/me/mine:1"
    assert [e["value"] for e in shown.all("option") if "selected" in e] == ["unlisted-choice"]


def test_an_endless_typed_value_is_cut():
    typed = {"profile": "standard", "image--unlisted-choice": "x" * 10**6}
    assert len(render(listings.admin_page(), now=NOW, selected=typed)) < 10**5


def test_nothing_is_chosen_and_start_is_off_when_nothing_can_start():
    shown = page(listing(card("a", offer("a", Status.NEVER))))
    assert checked(shown) == []
    (start,) = shown.all("button")
    assert "disabled" in start
    assert "Nothing can start now." in shown.text("ts-cannot")


# ---- Words


@pytest.mark.parametrize("status", list(Status), ids=str)
def test_every_verdict_has_a_sign_and_words_of_its_own(status):
    one = offer("a", status, startable=False)
    (badge,) = page(listing(card("a", one))).text("ts-badge")
    sign, told = badge.split(" ", 1)
    assert sign in "✓◔✕?"
    assert told == words.state(one).words


def test_busy_that_may_wait_is_not_shown_as_refused():
    waits = offer("a", Status.BUSY, startable=True)
    assert page(listing(card("a", waits))).text("ts-wait") == ["◔ In use, will wait"]


def test_a_refusal_says_why_and_offers_the_nearest_with_its_fields():
    shown = page(listings.physics_page())
    why = next(text for text in shown.text("ts-why") if "H100" in text)
    assert why.startswith("physics uses 4 of its 4 H100s")
    assert why.endswith("Nearest that fits: A100 80 GB ×2")
    (link,) = shown.all("a", **{"class": "ts-take"})
    assert link["href"] == "#ts-card-gpu-a100"
    assert '"profile-option-gpu-a100--gpus": "2"' in link["data-fields"]


def test_what_is_free_needs_no_sentence():
    free = offer("a", sentence="Starts right away.")
    assert page(listing(card("a", free))).text("ts-why") == []


def test_an_alternative_is_not_shown_beside_what_can_start():
    other = Alternative("b", {}, "Something else")
    shown = page(listing(card("a", offer("a", alternative=other))))
    assert not shown.all("a", **{"class": "ts-take"})


def test_what_one_gets_is_on_the_page_before_the_click():
    shown = page(listing(listings.small()))
    (summary,) = [text for text in shown.text("ts-sum") if "Memory" in text]
    for told in ("CPU 2", "Memory 4 GiB", "Image SciPy", "Stops when idle 30 min"):
        assert told.replace(" ", "") in summary.replace(" ", "")


@pytest.mark.parametrize(
    ("requests", "limits", "told"),
    [
        ({"cpu": 500}, {}, (("CPU", "0.5"),)),
        ({"cpu": 4000}, {"cpu": 8000}, (("CPU", "4, up to 8"),)),
        ({"cpu": 4000}, {"cpu": 4000}, (("CPU", "4"),)),
        ({}, {"memory": 2**30}, (("Memory", "up to 1 GiB"),)),
        ({}, {}, ()),
    ],
    ids=["half", "burst", "equal", "limit only", "nothing"],
)
def test_sizes_say_what_is_sure_and_what_is_the_most(requests, limits, told):
    assert words.sizes(replace(offer("a"), requests=requests, limits=limits)) == told


def test_the_use_of_a_cap_is_told_in_numbers():
    use = Usage("physics", "GPUs", 6, 8, 1)
    shown = page(listing(card("a", replace(offer("a"), usage=(use,)))))
    assert shown.text("ts-usage") == ["physics: 6 of 8 GPUs, 7 with this one"]


def test_a_cap_that_is_overdrawn_keeps_its_bar_within_bounds():
    use = Usage("physics", "GPUs", 9, 8, 2)
    shown = page(listing(card("a", replace(offer("a"), usage=(use,)))))
    used, adds = shown.all("rect")
    assert (used["width"], adds["width"]) == ("8", "0")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-3, "0 s"), (2.9, "2 s"), (119, "119 s"), (240, "4 min"), (7200, "2 h"), (9e5, "10 days")],
)
def test_an_age_is_told_in_its_own_size_and_is_never_negative(seconds, told):
    assert words.age(seconds) == told


def test_the_age_of_the_numbers_is_on_the_page():
    shown = page(listings.stale_page())
    assert shown.text("ts-age") == ["cluster seen 4 min ago"]
    assert "no numbers are shown" in shown.text("ts-notice")[0]


def test_a_cluster_never_seen_is_not_said_to_be_seen():
    assert page(listings.broken_page()).text("ts-age") == ["cluster not seen yet"]


# ---- What must not be there


@pytest.mark.parametrize("selected", [{}, {"profile": MARKUP}], ids=["fresh", "stored"])
def test_markup_in_any_text_stays_text(selected):
    selected |= {"image--unlisted-choice": MARKUP, MARKUP: MARKUP}
    shown = page(
        listings.hostile_page(), selected=selected, static_url=f"/{MARKUP}/", offers_url=MARKUP
    )
    assert not shown.all("img")
    names = {name for _, attributes, _ in shown.elements for name in attributes}
    assert not [
        name for name in names if name.startswith("on") or not re.fullmatch("[a-zA-Z-]+", name)
    ]
    assert MARKUP in shown.text("ts-title")


def test_style_rules_hold_ids_of_ours_and_nothing_from_outside():
    html = render(listings.hostile_page(), now=NOW)
    rules = html.split('<style id="ts-rules">')[1].split("</style>")[0]
    assert re.fullmatch(
        r"(\.ts(:has\(#[a-z0-9-]+:checked\))* \.[a-z0-9-]+\{display:[a-z]+\})+", rules
    )


def test_no_name_of_a_node_is_on_the_page():
    known = Verdict(
        Status.FITS_NOW,
        nodes=("node-7",),
        preempt=("node-8",),
        freeing=("node-9",),
        rejected={"node-10": (Reason("NodeName", "node-11"),)},
    )
    html = render(listing(card("a", replace(offer("a"), verdict=known))), now=NOW)
    assert "node-" not in html


def test_no_script_stands_within_the_page():
    html = render(listings.physics_page(), now=NOW, static_url="/s/", offers_url="/o")
    assert re.findall("<script[^>]*>.*?</script>", html) == [
        re.search(r'<script src="/s/page\.js\?v=[0-9a-f]{12}" defer></script>', html)[0]
    ]


def test_without_files_served_the_style_is_within_and_the_page_stands_still():
    html = render(listings.physics_page(), now=NOW, offers_url="/o")
    assert "<script" not in html
    assert "data-url" not in html
    assert ".ts-card" in html


def test_a_choice_within_a_card_shows_its_own_offer():
    one = [
        offer("a", options={"gpus": "1"}, badge="one"),
        offer("a", Status.BUSY, options={"gpus": "2"}, badge="two"),
    ]
    counts = Option("gpus", "GPUs", (OptionChoice("1", "1"), OptionChoice("2", "2")))
    html = render(listing(card("a", *one, options=[counts])), now=NOW)
    assert ".ts:has(#ts-0-0-1:checked) .ts-0-o1{display:contents}" in html


# ---- What all cards would repeat, and what is too much


def unknown_page(*sentences, **fields):
    cards = [
        card(f"t{n}", offer(f"t{n}", Status.UNKNOWN, startable="may try" in said, sentence=said))
        for n, said in enumerate(sentences)
    ]
    return page(listing(*cards, **fields))


BLIND = "The hub cannot see the cluster's machines, so what is free is not known."


def test_what_the_notice_says_no_card_says_again():
    shown = unknown_page(BLIND, f"{BLIND} You may try; it may have to wait.", notice=BLIND)
    assert shown.text("ts-notice") == [f"! {BLIND}"]
    assert shown.text("ts-why") == ["You may try; it may have to wait."]


def test_what_is_not_known_of_all_for_one_reason_is_told_once_at_the_top():
    shown = unknown_page(BLIND, f"{BLIND} You may try; it may have to wait.")
    assert shown.text("ts-notice") == [f"! {BLIND}"]
    assert shown.text("ts-stop") == ["✕ Not known"]


@pytest.mark.parametrize(
    "sentences",
    [
        pytest.param((BLIND,), id="one-card"),
        pytest.param((BLIND, "Another scheduler of the cluster places this."), id="two-reasons"),
    ],
)
def test_other_reasons_stay_with_their_cards(sentences):
    shown = unknown_page(*sentences)
    assert shown.text("ts-notice") == []
    assert shown.text("ts-why") == list(sentences)


def test_teams_are_called_by_their_names_and_too_many_by_their_number():
    names = tuple(f"Team {n}" for n in range(10))
    keys = tuple(f"t{n}" for n in range(10))
    (seen,) = page(listing(teams=keys, team_names=names)).text("ts-seen")
    assert seen.startswith("Teams: Team 0, Team 1,")
    assert "Team 7 and 2 more · cluster seen" in seen
    (seen,) = page(listing(teams=("physics",))).text("ts-seen")
    assert seen.startswith("Team: physics · cluster seen")


@pytest.mark.parametrize(
    ("cards", "full", "offered"),
    [
        pytest.param(9, 1, True, id="many-and-one-full"),
        pytest.param(9, 0, False, id="none-to-hide"),
        pytest.param(9, 9, False, id="none-to-show"),
        pytest.param(8, 1, False, id="few"),
    ],
)
def test_those_that_cannot_start_may_be_hidden_where_there_are_many(cards, full, offered):
    made = [
        card(f"t{n}", offer(f"t{n}", Status.BUSY if n < full else Status.FITS_NOW))
        for n in range(cards)
    ]
    box = page(listing(*made)).all("input", id="ts-only")
    assert bool(box) is offered
    assert all("name" not in each for each in box), "it is not sent"
