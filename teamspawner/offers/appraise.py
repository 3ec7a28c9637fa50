"""One choice at one moment: its verdict with caps, as an offer with words and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from teamspawner.capacity.accelerators import is_accelerator
from teamspawner.capacity.objects import Candidate, Resources
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.offers.asked import Asked, members_with
from teamspawner.offers.badges import badge, cap_sentence
from teamspawner.offers.bars import bars
from teamspawner.offers.caps import Cap, caps_of
from teamspawner.offers.causes import CAP, STALE, UNREAD
from teamspawner.offers.goods import Goods
from teamspawner.offers.model import Choice, Offer
from teamspawner.offers.moments import Moment
from teamspawner.offers.sentences import sentence

_MAY_START = frozenset(
    {
        Status.FITS_NOW,
        Status.FITS_BY_PREEMPTION,
        Status.NODE_COMING,
        Status.NEEDS_SCALE_UP,
        Status.QUEUED,
    }
)


def appraise(goods: Goods, moment: Moment) -> Offer:
    """Say whether one choice of the map can be had now."""
    choice, found, scene = goods.choice, goods.right.found, moment.scene
    candidate = scene.pod_for(choice)
    requests = candidate.pod.spec.requests
    counted = _caps(goods, moment, requests)
    caps = counted or ()
    used_up = min((cap for cap in caps if cap.left == 0), key=lambda cap: cap.most, default=None)
    verdict = _with_caps(
        judged(candidate, moment), used_up, unread=counted is None, stale=scene.stale
    )
    may_try = found.tier.lets_unknown and counted is not None and used_up is None
    count = _count(verdict, caps)
    blocked = used_up if verdict.status is Status.QUOTA_BLOCKED else None
    if blocked is not None:
        said = cap_sentence(blocked, goods.whose)
    else:
        mark = moment.mark(found.fleet)
        said = goods.sentence(verdict, requests, moment.snapshot, mark, may_try=may_try)
    return Offer(
        slug=choice.slug,
        tier=choice.tier,
        title=choice.title,
        options=goods.options,
        team=goods.right.team,
        verdict=verdict,
        startable=_startable(verdict, may_try=may_try, waits=goods.waits),
        kind=found.variant.kind,
        model=found.variant.model,
        requests=requests,
        limits=goods.limits,
        count=count,
        nodes=_nodes(verdict),
        badge=badge(verdict, count, blocked),
        sentence=said,
        model_name=found.variant.model_name,
        usage=bars(caps, goods.whose) if caps else (),
    )


def _caps(goods: Goods, moment: Moment, requests: Resources) -> tuple[Cap, ...] | None:
    """The caps that a server counts towards; None when they cannot be counted."""
    if not goods.capped or moment.scene.beyond_caps:
        return ()
    if moment.usage is None:
        return None
    holder = moment.usage.of(goods.right.team, moment.person)
    return caps_of(goods.team, holder, requests, goods.devices)


def appraise_profile(choice: Choice, moment: Moment) -> Offer:
    """Say whether one choice of the admin's own profiles can be had now."""
    candidate = moment.scene.pod_for(choice)
    requests = candidate.pod.spec.requests
    device = next((name for name in sorted(requests) if is_accelerator(name)), "")
    verdict = judged(candidate, moment)
    if moment.scene.stale:
        verdict = _unknown(verdict, STALE)
    lets = moment.scene.own_lets_unknown
    asked = Asked(
        requests=requests,
        device=device,
        count=requests.get(device, 0),
        name="GPU",
        members=members_with(device, moment.snapshot),
        may_try=not device if lets is None else lets,
        when_busy_waits=moment.scene.own_waits,
    )
    count = _count(verdict, ())
    return Offer(
        slug=choice.slug,
        tier=choice.tier,
        title=choice.title,
        options={name: value for name, value in choice.user_options.items() if name != "profile"},
        team=None,
        verdict=verdict,
        startable=_startable(verdict, may_try=asked.may_try, waits=asked.when_busy_waits),
        requests=requests,
        count=count,
        nodes=_nodes(verdict),
        badge=badge(verdict, count),
        sentence=sentence(verdict, asked, moment.snapshot),
    )


def warmed(choice: Choice, moment: Moment) -> Iterator[None]:
    """Prepare the judge for a choice, in small steps."""
    scene = moment.scene
    if scene.warm is not None and moment.snapshot is not None and not scene.stale:
        yield from scene.warm(scene.pod_for(choice), moment.snapshot)
    yield


def judged(candidate: Candidate, moment: Moment) -> Verdict:
    """The verdict on one pod, before any cap: of the nodes, then of what could come."""
    if moment.snapshot is None:
        reason = Reason("Snapshot", "the cluster was never seen", detail="nodes", unknown=True)
        return Verdict(Status.UNKNOWN, reasons=(reason,))
    verdict = moment.scene.verdict(candidate, moment.snapshot)
    return verdict if moment.growth is None else moment.growth.foretold(verdict, candidate)


def _with_caps(verdict: Verdict, used_up: Cap | None, *, unread: bool, stale: bool) -> Verdict:
    """A cap comes before room, as it does in the API server; what is not counted is not known."""
    if stale:
        return _unknown(verdict, STALE)
    if unread and verdict.status is not Status.INVALID:
        return _unknown(verdict, UNREAD)
    if used_up is None or verdict.status is Status.INVALID:
        return verdict
    message = f"{used_up.name}: {used_up.used} of {used_up.most} in use, {used_up.need} asked"
    reason = Reason(CAP, message, resource=used_up.name)
    return replace(verdict, status=Status.QUOTA_BLOCKED, count=0, reasons=(reason,))


def _unknown(verdict: Verdict, why: str) -> Verdict:
    reason = Reason(why, why, unknown=True)
    return Verdict(Status.UNKNOWN, reasons=(reason, *verdict.reasons), as_of=verdict.as_of)


def _count(verdict: Verdict, caps: tuple[Cap, ...]) -> int | None:
    if verdict.status is Status.UNKNOWN or verdict.count is None:
        return None
    return min((verdict.count, *(cap.left for cap in caps)))


def _nodes(verdict: Verdict) -> int | None:
    """How many nodes take one now; None where some node may or may not."""
    some = verdict.status is Status.FITS_NOW and verdict.count is None
    return None if some or verdict.status is Status.UNKNOWN else len(verdict.nodes)


def _startable(verdict: Verdict, *, may_try: bool, waits: bool) -> bool:
    if verdict.status is Status.UNKNOWN:
        return may_try
    return verdict.status in _MAY_START or (verdict.status is Status.BUSY and waits)
