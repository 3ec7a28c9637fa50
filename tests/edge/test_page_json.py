"""Offers as JSON: the words of ``explain``, for one person."""

import json
from dataclasses import replace

from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.offers.model import Hidden
from teamspawner.page import document
from tests.edge import listings
from tests.edge.listings import NOW, card, listing, offer


def test_the_answer_has_the_keys_that_are_documented():
    answer = document(listings.physics_page(), now=NOW)
    assert list(answer) == [
        "as_of",
        "age_seconds",
        "stale",
        "notice",
        "user",
        "groups",
        "teams",
        "offers",
    ]
    assert list(answer["offers"][0]) == [
        "slug",
        "tier",
        "title",
        "model",
        "kind",
        "options",
        "team",
        "verdict",
        "startable",
        "count",
        "nodes",
        "requests",
        "sentence",
        "alternative",
    ]
    json.dumps(answer)


def test_an_offer_is_told_in_plain_units():
    answer = document(listings.physics_page(), now=NOW)
    found = next(o for o in answer["offers"] if o["options"] == {"gpus": "2"})
    assert found["slug"] == "gpu-a100"
    assert found["requests"]["cpu_millicores"] == 14000
    assert found["requests"]["memory_bytes"] == 110 * 2**30
    assert (found["verdict"], found["count"], found["kind"]) == ("FITS_NOW", 1, "whole")


def test_only_devices_are_accelerators():
    given = {"cpu": 1, "memory": 1, "ephemeral-storage": 1, "pods": 1, "nvidia.com/gpu": 2}
    given |= {"rdma/hca": 1, "vpc.amazonaws.com/efa": 1, "smarter-devices/fuse": 1}
    answer = document(listing(card("a", replace(offer("a"), requests=given))), now=NOW)
    assert answer["offers"][0]["requests"]["accelerators"] == {"nvidia.com/gpu": 2}


def test_the_age_is_told_and_never_negative():
    assert document(listings.physics_page(), now=NOW)["age_seconds"] == 2.0
    early = document(replace(listings.physics_page(), as_of=NOW.replace(hour=23)), now=NOW)
    assert early["age_seconds"] == 0


def test_a_cluster_never_seen_has_no_time_and_no_age():
    answer = document(listings.broken_page(), now=NOW)
    assert (answer["as_of"], answer["age_seconds"]) == (None, None)


def test_the_time_is_utc():
    assert document(listings.physics_page(), now=NOW)["as_of"] == "2026-09-01T10:44:58.000Z"


def test_what_is_not_known_is_null():
    unknown = offer("a", Status.UNKNOWN)
    answer = document(listing(card("a", unknown)), now=NOW)["offers"][0]
    assert (answer["count"], answer["nodes"], answer["verdict"]) == (None, None, "UNKNOWN")


def test_an_alternative_names_what_to_send():
    answer = document(listings.physics_page(), now=NOW)
    h100 = next(o for o in answer["offers"] if o["slug"] == "gpu-h100")
    assert h100["alternative"] == {
        "slug": "gpu-a100",
        "options": {"gpus": "2", "team": "physics"},
        "title": "A100 80 GB ×2",
    }


def test_neither_nodes_nor_what_is_hidden_are_told():
    known = Verdict(
        Status.FITS_NOW,
        nodes=("node-7",),
        rejected={"node-8": (Reason("NodeName", "node-9"),)},
    )
    shown = listing(
        card("a", replace(offer("a"), verdict=known)), hidden=(Hidden("secret", "not their team"),)
    )
    told = json.dumps(document(shown, now=NOW))
    assert "node-" not in told
    assert "secret" not in told
