"""Events reach people in plain words, without names of machines or of other people."""

import json

import pytest

from teamspawner.hub.words import plain
from tests.hub.build import an_event

NODES = {"gpu-7.internal", "n1"}


def shown(event):
    return json.dumps(plain(event, NODES.__contains__, "jupyter-ada"))


def test_a_known_event_has_words_of_its_own():
    said = plain(an_event("Pulling", 'Pulling image "x"'), NODES.__contains__, "jupyter-ada")
    assert said["message"].startswith("The image is being fetched, which")
    assert "<details>" in said["html_message"]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(
            an_event("Scheduled", "Successfully assigned hub/jupyter-ada to secret-9"),
            id="placed-on-a-node-never-seen",
        ),
        pytest.param(an_event("Odd", "node n1 went away"), id="node-in-the-text"),
        pytest.param(an_event("Odd", "x", source={"host": "secret-9"}), id="node-as-source"),
        pytest.param(
            an_event("Odd", "secret-9 says no", source={"host": "secret-9"}),
            id="source-in-the-text",
        ),
        pytest.param(an_event("Odd", "dial tcp 10.1.2.3:10250"), id="address"),
        pytest.param(
            an_event("FailedAttachVolume", "Volume is already used by pod(s) jupyter-bob"),
            id="someone-elses-server",
        ),
    ],
)
def test_no_name_of_a_machine_or_of_another_person_gets_out(event):
    said = shown(event)
    for secret in ("secret-9", "n1", "10.1.2.3", "jupyter-bob"):
        assert secret not in said


def test_ones_own_server_may_be_named():
    assert "jupyter-ada" in shown(an_event("Odd", "pod jupyter-ada is odd"))


def test_markup_in_an_event_is_text():
    said = plain(an_event("Odd", "<script>x</script>"), NODES.__contains__, "jupyter-ada")
    assert "<script>" not in said["html_message"]


def test_an_event_without_fields_is_still_an_event():
    assert plain({}, NODES.__contains__, "jupyter-ada")["message"]
