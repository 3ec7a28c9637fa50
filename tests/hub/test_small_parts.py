"""The small parts of the gate, each by itself."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest
from kubernetes_asyncio.client import (
    V1Container,
    V1ObjectMeta,
    V1Pod,
    V1PodSpec,
    V1ResourceRequirements,
)

from teamspawner.capacity.judge import judge
from teamspawner.capacity.objects import Claim, Snapshot, Storage, StorageClass, VolumeUse
from teamspawner.capacity.rules import Rules
from teamspawner.capacity.verdict import Reason, Status, Verdict
from teamspawner.errors import ChoiceError
from teamspawner.hub.devices import accelerators_of, check
from teamspawner.hub.home import with_home
from teamspawner.hub.quiet import OpenPage, quieten
from teamspawner.hub.refusal import Refusal
from teamspawner.hub.shared import named_rules
from teamspawner.hub.truth import compare
from tests.core.build import a_candidate, a_node, a_snapshot

GPU = "nvidia.com/gpu"


def a_pod(*limits, sidecar=None, init=None):
    def container(found):
        return V1Container(name="c", resources=V1ResourceRequirements(limits=found))

    spec = V1PodSpec(containers=[container(each) for each in limits])
    if sidecar is not None:
        spec.containers.append({"name": "s", "resources": {"requests": sidecar}})
    if init is not None:
        spec.init_containers = [container(init)]
    return V1Pod(metadata=V1ObjectMeta(name="p"), spec=spec)


@pytest.mark.parametrize(
    ("pod", "devices"),
    [
        pytest.param(a_pod({GPU: "2", "cpu": "1"}), 2, id="one-container"),
        pytest.param(a_pod({GPU: "1"}, {GPU: 1}), 2, id="two-containers"),
        pytest.param(a_pod({GPU: "1"}, sidecar={GPU: "1"}), 2, id="sidecar-as-dictionary"),
        pytest.param(a_pod({GPU: "1"}, init={GPU: "4"}), 4, id="init-container"),
    ],
)
def test_every_accelerator_of_a_pod_is_counted(pod, devices):
    assert accelerators_of(pod) == {GPU: devices}
    check(pod, {GPU: devices})


@pytest.mark.parametrize("chosen", [{}, {GPU: 1}, {GPU: 3}, {"amd.com/gpu": 2}])
def test_a_pod_with_other_accelerators_than_chosen_is_refused(chosen):
    with pytest.raises(Refusal, match="mismatch"):
        check(a_pod({GPU: "2"}), chosen)


def test_a_number_of_devices_that_is_none_is_never_what_was_chosen():
    with pytest.raises(Refusal):
        check(a_pod({GPU: "many"}), {})


class Settings:
    """What is read of a spawner for its home volume."""

    namespace, pvc_name, storage_pvc_ensure = "hub", "claim-ada", True
    storage_class, storage_access_modes, storage_capacity = None, ["ReadWriteOnce"], "10Gi"


def seen(*classes, claims=()):
    storage = Storage(
        classes={each.name: each for each in classes},
        claims={(each.namespace, each.name): each for each in claims},
    )
    return Snapshot(nodes={}, storage=storage)


LATE = StorageClass("late", "csi.example", "WaitForFirstConsumer", is_default=True)
EARLY = replace(LATE, binding_mode="Immediate")


def test_a_home_still_to_be_made_waits_for_its_pod_where_its_class_does():
    found = with_home(seen(LATE), Settings())
    claim = found.storage.claims["hub", "claim-ada"]
    assert (claim.storage_class, claim.volume, claim.requested_bytes) == ("late", "", 10 * 2**30)


def test_a_home_still_to_be_made_has_its_volume_where_its_class_binds_at_once():
    found = with_home(seen(EARLY), Settings())
    claim = found.storage.claims["hub", "claim-ada"]
    assert found.storage.volumes[claim.volume].csi_driver == "csi.example"


def test_a_home_that_is_there_stays_as_it_is():
    snapshot = seen(LATE, claims=[Claim("hub", "claim-ada", volume="pv-1")])
    assert with_home(snapshot, Settings()) is snapshot


def test_claims_that_were_not_looked_at_are_not_made_up():
    snapshot = replace(seen(LATE), unseen=frozenset({"persistentvolumeclaims"}))
    assert with_home(snapshot, Settings()) is snapshot


@pytest.mark.parametrize("named", [None, "homes"], ids=["default", "by-name"])
def test_a_home_of_a_class_that_is_not_seen_is_not_called_missing(named):
    class Own(Settings):
        storage_class = named

    nodes = a_snapshot(a_node("n1")).nodes
    unseen = replace(seen(), nodes=nodes, unseen=frozenset({"storageclasses"}))
    pod = a_candidate(namespace="hub", cpu=1, volumes=(VolumeUse("claim", "claim-ada"),))
    verdict = judge(pod, with_home(unseen, Own()), Rules())
    assert verdict.status is Status.UNKNOWN


def test_a_size_that_nobody_can_read_is_left_to_the_api_server():
    class Odd(Settings):
        storage_capacity = "plenty"

    claim = with_home(seen(LATE), Odd()).storage.claims["hub", "claim-ada"]
    assert claim.requested_bytes == 0


def test_a_refusal_keeps_its_word_when_jupyterhub_puts_another_in_its_place():
    refusal = Refusal.of(ChoiceError(409, "cap", "100% <used>."))
    refusal.reason = "error"
    assert (refusal.reason, refusal.status_code) == ("cap", 409)
    assert refusal.jupyterhub_message == "100% <used>."
    assert refusal.jupyterhub_html_message == "100% &lt;used&gt;."


@pytest.fixture
def log():
    logger = logging.getLogger("tests.quiet")
    logger.setLevel(logging.DEBUG)
    quieten(logger)
    quieten(logging.LoggerAdapter(logger))
    return logger


def raising(log, error, *message):
    try:
        raise error
    except type(error):
        log.exception(*message)


def test_a_refusal_is_logged_without_its_traceback(log, caplog):
    raising(log, Refusal(403, "forbidden", "No."), "Failed to spawn")
    assert "Failed to spawn" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_refusal_that_nobody_waits_for_any_more_is_no_line_in_the_log(caplog):
    log = logging.getLogger("asyncio")
    quieten(log)
    raising(log, Refusal(403, "forbidden", "No."), "Task exception was never retrieved")
    assert caplog.text == ""
    raising(log, ValueError("x"), "Task exception was never retrieved")
    assert "Traceback" in caplog.text


def test_a_page_opened_by_a_link_is_no_line_in_the_log(log, caplog):
    raising(log, OpenPage(), "Failed to spawn")
    assert caplog.text == ""


def test_a_real_fault_keeps_its_traceback(log, caplog):
    raising(log, ValueError("x"), "Failed to spawn")
    assert "Traceback" in caplog.text


def test_a_manifest_never_reaches_the_log(log, caplog):
    raising(log, ValueError("x"), "Failed for %s", "JUPYTERHUB_API_TOKEN=secret")
    assert "secret" not in caplog.text


PLACED = {"metadata": {"name": "p"}, "spec": {"nodeName": "n1"}}
UNPLACED = {
    "metadata": {"name": "p"},
    "status": {"conditions": [{"type": "PodScheduled", "message": "0/1 nodes are available"}]},
}


@pytest.mark.parametrize(
    ("status", "placed", "differs"),
    [
        pytest.param(Status.FITS_NOW, True, False, id="fits-and-placed"),
        pytest.param(Status.FITS_NOW, False, True, id="fits-and-not-placed"),
        pytest.param(Status.BUSY, False, False, id="busy-and-not-placed"),
        pytest.param(Status.NEVER, True, True, id="never-and-placed"),
        pytest.param(Status.UNKNOWN, True, False, id="unknown-foretells-nothing"),
    ],
)
def test_what_was_foretold_is_compared_with_what_was_done(status, placed, differs, log, caplog):
    reasons = {"n1": (Reason("NodeResourcesFit", "Insufficient cpu"),)}
    foretold = Verdict(status, rejected=reasons)
    compare(foretold, PLACED if placed else UNPLACED, placed=placed, log=log)
    assert ("differ" in caplog.text) is differs


def differs(foretold, pod, log, caplog, *, placed):
    caplog.clear()
    compare(foretold, pod, placed=placed, log=log)
    return "differ" in caplog.text


def test_a_place_on_a_node_that_was_not_foretold_is_a_difference(log, caplog):
    here, there = Verdict(Status.FITS_NOW, ("n0", "n1")), Verdict(Status.FITS_NOW, ("n2",))
    assert not differs(here, PLACED, log, caplog, placed=True)
    assert differs(there, PLACED, log, caplog, placed=True)


def test_a_machine_that_was_starting_may_be_ready_when_the_scheduler_looks(log, caplog):
    here = Verdict(Status.NODE_COMING, coming=("n1",))
    there = Verdict(Status.NODE_COMING, coming=("n2",))
    assert not differs(here, PLACED, log, caplog, placed=True)
    assert not differs(here, UNPLACED, log, caplog, placed=False)
    assert differs(there, PLACED, log, caplog, placed=True)


def test_room_made_on_a_node_that_was_not_foretold_is_a_difference(log, caplog):
    nominated = {**UNPLACED, "status": {**UNPLACED["status"], "nominatedNodeName": "n1"}}
    here = Verdict(Status.FITS_BY_PREEMPTION, preempt=("n1",))
    there = Verdict(Status.FITS_BY_PREEMPTION, preempt=("n2",))
    assert not differs(here, nominated, log, caplog, placed=False)
    assert differs(there, nominated, log, caplog, placed=False)
    assert not differs(there, UNPLACED, log, caplog, placed=False)


@pytest.mark.parametrize(
    ("version", "minor", "told"),
    [
        pytest.param("", None, "", id="not-set"),
        pytest.param("1.34", 34, "", id="known"),
        pytest.param("1.99", 37, "1.99", id="newer-than-all-that-are-known"),
        pytest.param("next", None, "it is found by itself", id="no-version"),
    ],
)
def test_the_scheduler_that_the_admin_names_is_judged_for(version, minor, told, caplog):
    log = logging.getLogger("named")
    rules = named_rules(SimpleNamespace(scheduler_version=version, log=log))
    assert (rules and rules.minor) == minor
    assert told in caplog.text
    assert bool(told) == bool(caplog.text)
