"""Listings as a hub might make them, for tests of the page and for looking at it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from teamspawner.capacity.verdict import Status, Verdict
from teamspawner.offers.model import (
    Alternative,
    Card,
    FreeText,
    Kind,
    Listing,
    Offer,
    Option,
    OptionChoice,
    Person,
    Usage,
)

NOW = datetime(2026, 9, 1, 10, 45, tzinfo=UTC)
SEEN = NOW - timedelta(seconds=2)
GIB = 2**30
MAY_START = {
    Status.FITS_NOW,
    Status.FITS_BY_PREEMPTION,
    Status.NODE_COMING,
    Status.NEEDS_SCALE_UP,
    Status.QUEUED,
}


def offer(slug, status=Status.FITS_NOW, *, cpu=2, memory=4, startable=None, **fields) -> Offer:
    """One offer of ``cpu`` CPUs and ``memory`` GiB; extra fields as in ``Offer``."""
    if startable is None:
        startable = status in MAY_START
    given = {"tier": slug, "title": slug, "options": {}, "team": None, **fields}
    return Offer(
        slug=slug,
        verdict=Verdict(status, as_of=SEEN),
        startable=startable,
        requests={"cpu": cpu * 1000, "memory": memory * GIB},
        **given,
    )


def card(slug, *offers, title=None, summary="", options=(), **fields) -> Card:
    return Card(slug, title or slug, summary, tuple(options), tuple(offers), **fields)


def listing(*cards, teams=("physics",), as_of=SEEN, **fields) -> Listing:
    return Listing(Person("alice", ("physics",)), teams, tuple(cards), as_of=as_of, **fields)


IMAGES = Option(
    "image",
    "Image",
    (
        OptionChoice("pytorch", "PyTorch 2.9 · CUDA 12", default=True),
        OptionChoice("scipy", "SciPy"),
    ),
)
TEAMS = Option(
    "team",
    "For team",
    (
        OptionChoice("physics", "physics", "6 of 8 GPUs in use", default=True),
        OptionChoice("biology", "biology", "0 of 2 GPUs in use"),
    ),
)
FACTS = {
    "Stops when idle": "30 min",
    "At the latest": "after 12 h",
    "Storage": "home · /shared/physics (read, write)",
}


def small() -> Card:
    return card(
        "small",
        offer("small", badge="Free now · 38 more fit", title="Small", team="physics"),
        title="Small",
        summary="2 CPU · 4 GiB",
        facts=FACTS,
        options=[Option("image", "Image", (OptionChoice("scipy", "SciPy"),))],
    )


def a100(*, free=3) -> Card:
    """A GPU tier of two teams: 1, 2 and 4 devices, with ``free`` on one machine."""
    counts = []
    offers = []
    for count in (1, 2, 4):
        fits = free // count
        note = f"{fits} free" if fits else f"{free} left on one machine"
        counts.append(OptionChoice(str(count), str(count), note, bool(fits), count == 1))
        offers.extend(_a100_offer(count, team, fits, free) for team in ("physics", "biology"))
    return card(
        "gpu-a100",
        *offers,
        title="GPU · A100 80 GB",
        summary="per GPU: 7 CPU · 55 GiB · 80 GiB GPU memory, whole device",
        options=[Option("gpus", "GPUs", tuple(counts)), IMAGES, TEAMS],
        facts=FACTS,
        default=True,
    )


def _a100_offer(count, team, fits, free) -> Offer:
    used, cap = {"physics": (6, 8), "biology": (0, 2)}[team]
    usage = (Usage(team, "GPUs", used, cap, count),)
    fields = {
        "cpu": 7 * count,
        "memory": 55 * count,
        "tier": "gpu",
        "title": f"A100 80 GB ×{count}",
        "options": {"gpus": str(count)},
        "team": team,
        "kind": Kind.WHOLE,
        "model": "NVIDIA-A100-SXM4-80GB",
        "model_name": "A100 80 GB",
        "usage": usage,
    }
    if used + count > cap:
        sentence = f"{team} uses {used} of its {cap} GPUs; {cap - used} are left."
        return offer(
            "gpu-a100", Status.QUOTA_BLOCKED, badge="Team limit", sentence=sentence, **fields
        )
    if not fits:
        sentence = f"No machine has {count} A100s free; the most on one is {free}."
        return offer("gpu-a100", Status.BUSY, badge="Full now", sentence=sentence, **fields)
    more = "" if fits == 1 else f" · {fits - 1} more fit"
    return offer("gpu-a100", badge=f"Free now{more}", count=fits, nodes=1, **fields)


def physics_page() -> Listing:
    """A page with one card for every state that a person may meet."""
    return listing(
        small(),
        a100(),
        card(
            "gpu-a100-1g",
            offer(
                "gpu-a100-1g",
                cpu=3,
                memory=14,
                badge="Free now · 11 more fit",
                kind=Kind.MIG,
                model_name="A100 slice 10 GB",
                options={"gpus": "1"},
                team="physics",
            ),
            title="GPU · A100 slice 10 GB (1/7 of a device)",
            summary="3 CPU · 14 GiB · 10 GiB GPU memory, isolated slice",
            options=[Option("gpus", "GPUs", (OptionChoice("1", "1", "11 free"),))],
        ),
        card(
            "gpu-l4",
            offer(
                "gpu-l4",
                Status.NEEDS_SCALE_UP,
                cpu=3,
                memory=14,
                badge="Needs a new machine · about 6 min",
                sentence="None is running now. A machine is started for you; "
                "the wait does not count against your start time.",
                kind=Kind.SHARED,
                model_name="L4 24 GB",
                options={"gpus": "1"},
            ),
            title="GPU · L4 24 GB (shared)",
            summary="3 CPU · 14 GiB · time-shared with up to 3 others",
        ),
        card(
            "gpu-h100",
            offer(
                "gpu-h100",
                Status.QUOTA_BLOCKED,
                cpu=12,
                memory=110,
                badge="Team limit · 4 of 4 in use",
                sentence="physics uses 4 of its 4 H100s, the oldest idle for 3 h; "
                "9 of 16 are free for others.",
                alternative=Alternative(
                    "gpu-a100", {"gpus": "2", "team": "physics"}, "A100 80 GB ×2"
                ),
                kind=Kind.WHOLE,
                model_name="H100 80 GB",
                options={"gpus": "1"},
            ),
            title="GPU · H100 80 GB",
            summary="per GPU: 12 CPU · 110 GiB",
            options=[
                Option(
                    "gpus",
                    "GPUs",
                    (
                        OptionChoice("1", "1", enabled=False),
                        OptionChoice("2", "2", enabled=False),
                    ),
                )
            ],
        ),
        card(
            "large",
            offer(
                "large",
                Status.UNKNOWN,
                cpu=8,
                memory=256,
                startable=True,
                badge="Not known",
                sentence="The hub cannot see the high-memory machines since 10:31. "
                "You may try; it may have to wait.",
            ),
            title="Large memory",
            summary="8 CPU · 256 GiB",
        ),
        teams=("physics", "biology"),
    )


def admin_page() -> Listing:
    """An admin's own profiles, one with a choice and free text."""
    image = Option(
        "image",
        "Image",
        (OptionChoice("base", "Base", default=True), OptionChoice("r", "R")),
        FreeText("Your own image", r"quay\.io/.+"),
    )
    return listing(
        card(
            "standard",
            offer("standard", options={"image": "base"}, badge="Free now"),
            offer("standard", options={"image": "r"}, badge="Free now"),
            title="Standard",
            description="For courses",
            options=[image],
            default=True,
        ),
        card("plain", offer("plain", Status.BUSY, sentence="Full now."), title="Plain"),
        teams=(),
    )


def broken_page() -> Listing:
    """Nothing can start: the map is broken."""
    return listing(
        teams=(), as_of=None, notice="The map of this hub is broken. Please tell its admin."
    )


def stale_page() -> Listing:
    """All was fine four minutes ago; nothing is known now."""
    cards = [
        replace(
            small_card,
            offers=tuple(
                replace(
                    one,
                    verdict=Verdict(Status.UNKNOWN, as_of=NOW - timedelta(minutes=4)),
                    badge="Not known",
                    sentence="The cluster was last seen 4 min ago.",
                    startable=one.kind is Kind.NONE,
                    count=None,
                    nodes=None,
                )
                for one in small_card.offers
            ),
        )
        for small_card in physics_page().cards[:3]
    ]
    return listing(
        *cards,
        as_of=NOW - timedelta(minutes=4),
        stale=True,
        notice="The hub has not heard from the cluster for 4 minutes: no numbers are shown.",
    )


def many_page(number=12) -> Listing:
    """As many cards as wanted, each with counts, images and teams."""
    return listing(
        *(replace(a100(free=index % 6), slug=f"gpu-{index}") for index in range(number)),
        teams=("physics", "biology"),
    )


MARKUP = "<img src=x onerror=alert(1)>\"'&"


def hostile_page() -> Listing:
    """Markup in every text that comes from labels, groups, maps or profiles."""
    choices = (OptionChoice(MARKUP, MARKUP, MARKUP), OptionChoice("b", MARKUP, MARKUP))
    bad = offer(
        MARKUP,
        Status.BUSY,
        badge=MARKUP,
        sentence=MARKUP,
        title=MARKUP,
        options={"gpus": MARKUP},
        team=MARKUP,
        kind=Kind.WHOLE,
        model=MARKUP,
        model_name=MARKUP,
        usage=(Usage(MARKUP, MARKUP, 1, 2, 1),),
        alternative=Alternative(MARKUP, {MARKUP: MARKUP}, MARKUP),
    )
    good = replace(bad, verdict=Verdict(Status.FITS_NOW), startable=True, options={"gpus": "b"})
    text = {"title": MARKUP, "summary": MARKUP, "description": MARKUP, "facts": {MARKUP: MARKUP}}
    options = [
        Option("gpus", MARKUP, choices),
        Option(MARKUP, MARKUP, choices[:1]),
        Option("image", MARKUP, choices, FreeText(MARKUP, MARKUP)),
    ]
    return listing(
        card(MARKUP, bad, good, options=options, **text),
        card("full", bad, **text),
        teams=(MARKUP, MARKUP),
        notice=MARKUP,
    )
