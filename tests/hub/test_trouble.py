"""When a pod can never run, the wait ends with a sentence."""

import pytest

from teamspawner.hub.trouble import from_api, hopeless, quota_sentence
from tests.hub.build import a_pod, an_event


def end_of(pod, *events, unplaced_s=0.0, unpulled_s=0.0):
    return hopeless(pod, events, unplaced_s=unplaced_s, unpulled_s=unpulled_s, grace_s=10)


def test_a_pod_that_no_machine_takes_is_given_up_after_the_grace():
    found = end_of(a_pod(scheduled=False), unplaced_s=11)
    assert (found.status_code, found.reason) == (409, "busy")
    assert found.sentence == "No machine has room for this server now."


def test_within_the_grace_a_pod_may_still_be_placed():
    assert end_of(a_pod(scheduled=False), unplaced_s=9) is None


def test_an_autoscaler_at_work_is_waited_for():
    pod = a_pod(scheduled=False)
    assert end_of(pod, an_event("TriggeredScaleUp"), unplaced_s=60) is None


def test_a_machine_being_cleared_for_the_pod_is_waited_for():
    assert end_of(a_pod(scheduled=False, nominated="n1"), unplaced_s=60) is None


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImageNeverPull"])
def test_an_image_that_can_never_be_pulled_ends_the_start_at_once(reason):
    assert end_of(a_pod(waiting=(reason, ""))).reason == "image"


def test_an_image_that_does_not_exist_ends_the_start_at_once():
    pod = a_pod(waiting=("ErrImagePull", "rpc error: manifest unknown: x not found"))
    assert end_of(pod).sentence == "The image of this server cannot be fetched."


def test_a_registry_that_stumbles_is_given_the_grace():
    pod = a_pod(waiting=("ImagePullBackOff", "i/o timeout"))
    assert end_of(pod, unpulled_s=5) is None
    assert end_of(pod, unpulled_s=11).reason == "image"


def test_a_server_that_keeps_running_out_of_memory_is_told_so():
    ended = {"reason": "OOMKilled", "exitCode": 137}
    pod = a_pod(waiting=("CrashLoopBackOff", ""), restarts=2, ended=ended)
    assert end_of(pod).sentence == "The server stopped by itself: it ran out of memory."


def test_a_first_crash_may_be_an_accident():
    pod = a_pod(waiting=("CrashLoopBackOff", ""), restarts=1, ended={"exitCode": 1})
    assert end_of(pod) is None


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        pytest.param("Evicted", "ran short of memory or disk", id="evicted"),
        pytest.param("OutOfcpu", "after all", id="kubelet-refused"),
        pytest.param("", "before it was ready", id="no-reason-given"),
    ],
)
def test_a_failed_pod_ends_the_start(reason, word):
    found = end_of(a_pod(phase="Failed", reason=reason))
    assert word in found.sentence


def test_a_used_up_quota_says_which_and_how_much():
    message = (
        'pods "jupyter-ada" is forbidden: exceeded quota: gpus, requested: '
        "requests.nvidia.com/gpu=2, used: requests.nvidia.com/gpu=3, "
        "limited: requests.nvidia.com/gpu=4"
    )
    found = from_api(403, message)
    assert (found.status_code, found.reason) == (409, "quota")
    said = "The quota “gpus” is used up: 3 of 4 GPUs in use, 2 asked for."
    assert found.sentence == said


def test_any_other_refusal_of_the_api_server_keeps_its_words_to_itself():
    found = from_api(403, 'pods "x" is forbidden: secret-policy on node n1')
    said = "The cluster does not accept this server as it is set up"
    assert found.sentence == f"{said}; tell the people who run this hub."


def test_an_api_server_that_is_away_is_said_to_be_away():
    assert from_api(None, "").status_code == 503


def test_a_fault_of_the_api_server_is_no_refusal():
    assert from_api(500, "etcd is unwell") is None


@pytest.mark.parametrize(
    ("asked", "used", "hard", "said"),
    [
        pytest.param(
            "requests.memory=8Gi",
            "requests.memory=30Gi",
            "requests.memory=32Gi",
            "30Gi of 32Gi of memory in use, 8Gi asked for",
            id="memory",
        ),
        pytest.param("pods=1", "pods=9", "pods=9", "9 of 9 servers in use, 1 asked for", id="pods"),
        pytest.param(
            "limits.cpu=2,requests.cpu=2",
            "limits.cpu=8,requests.cpu=7",
            "limits.cpu=8,requests.cpu=8",
            "8 of 8 CPUs in use, 2 asked for; 7 of 8 CPUs in use, 2 asked for",
            id="two-at-once",
        ),
        pytest.param(
            "count/widgets.example.com=1",
            "",
            "count/widgets.example.com=0",
            "0 of 0 widgets.example.com in use, 1 asked for",
            id="something-else",
        ),
    ],
)
def test_what_a_quota_limits_is_told_in_words(asked, used, hard, said):
    found = quota_sentence({"quota": "q", "asked": asked, "used": used, "hard": hard})
    assert found == f"The quota “q” is used up: {said}."
