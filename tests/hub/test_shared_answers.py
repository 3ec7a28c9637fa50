"""People of one team share the API server's answer, never a disk or a label."""

from teamspawner.hub.pods import _personal


def pod(who, *more):
    disk = {"name": f"volume-{who}", "persistentVolumeClaim": {"claimName": f"claim-{who}"}}
    shared = {"name": "data", "persistentVolumeClaim": {"claimName": "team"}}
    return {
        "metadata": {"name": who, "labels": {"hub.jupyter.org/username": who}},
        "spec": {"volumes": [shared, disk, *more]},
    }


def test_an_answer_given_for_another_person_names_ones_own_disk_and_label():
    added = {"name": "added-by-admission", "emptyDir": {}}
    mine = _personal(pod("ada", added), pod("bob"), "claim-bob")
    assert mine["spec"]["volumes"] == pod("bob", added)["spec"]["volumes"]
    assert mine["metadata"]["labels"] == {"hub.jupyter.org/username": "bob"}


def test_what_admission_decided_is_kept():
    answered = pod("ada")
    answered["spec"]["priority"] = 7
    answered["metadata"]["labels"]["added"] = "yes"
    mine = _personal(answered, pod("bob"), "claim-bob")
    assert mine["spec"]["priority"] == 7
    assert mine["metadata"]["labels"]["added"] == "yes"


def test_without_an_answer_the_pod_is_as_written():
    assert _personal(None, pod("bob"), "claim-bob") == pod("bob")
