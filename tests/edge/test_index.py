"""The index answers as the judge does, whatever changes in between; and one state, one truth."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from teamspawner.capacity import judge, place
from teamspawner.capacity.index import FitIndex
from teamspawner.capacity.objects import Candidate, Pod, PodSpec, Selector, Spread, VolumeUse
from teamspawner.capacity.place import put_on
from teamspawner.capacity.verdict import Status
from teamspawner.cluster.receivers import receiver_for
from teamspawner.cluster.state import State
from tests.edge.agreeing import KINDS, RULES, Small, World, agreed, comparable
from tests.edge.build import a_node, a_pod


@pytest.mark.parametrize("seed", range(40))
def test_index_and_judge_agree_while_the_cluster_changes(seed):
    world, index = World(seed), FitIndex(RULES)
    for _ in range(4):
        snapshot = world.state.snapshot(None)
        for each in world.candidates:
            agreed(index, each, snapshot)
        world.disturb()


@pytest.mark.parametrize("seed", range(40, 60))
def test_index_and_judge_agree_on_a_snapshot_with_pods_put_first(seed):
    world, index = World(seed), FitIndex(RULES)
    snapshot = world.state.snapshot(None)
    ahead = place(snapshot, world.candidates[:2], RULES)
    for view in (snapshot, ahead, snapshot, ahead):
        for each in world.candidates:
            agreed(index, each, view)


@pytest.mark.parametrize("seed", range(60, 90))
def test_a_watched_cluster_is_judged_as_its_dump(seed):
    world = World(seed)
    for _ in range(3):
        world.disturb()
    watched, dumped = world.state.snapshot(None), world.fresh()
    for each in world.candidates:
        assert comparable(judge(each, watched, RULES)) == comparable(judge(each, dumped, RULES))


@pytest.mark.parametrize("seed", [*range(90, 110), 1205])
def test_the_index_puts_pods_first_where_place_does(seed):
    world, index = World(seed), FitIndex(RULES)
    snapshot = world.state.snapshot(None)
    homeless = [each for each in world.candidates if not each.pod.spec.volumes]
    assert index.place(snapshot, homeless) == place(snapshot, homeless, RULES)


def test_a_pod_put_first_stays_there_while_it_fits():
    state, index = State(RULES), FitIndex(RULES)
    state.put_node(json.dumps(a_node("first")))
    state.seen("nodes")
    state.seen("pods")
    pod = Candidate(Pod("default", {}, PodSpec({"cpu": 1})), name="held")
    assert index.place(state.snapshot(None), [pod]).placed == {"first"}
    state.put_node(json.dumps(a_node("better", allocatable={"cpu": "900"})))
    assert index.place(state.snapshot(None), [pod]).placed == {"first"}


def test_a_claim_that_is_yet_to_be_made_does_not_keep_a_pod_from_being_placed():
    state, index = State(RULES), FitIndex(RULES)
    state.put_node(json.dumps(a_node()))
    for kind in KINDS:
        state.seen(kind)
    spec = PodSpec({"cpu": 1}, volumes=(VolumeUse("claim", "home"),))
    ahead = index.place(state.snapshot(None), [Candidate(Pod("default", {}, spec), name="a")])
    assert ahead.placed == {"n1"}


def a_home(small: Small, name: str) -> dict:
    """A claim bound to a volume of a driver that can attach one to n1; gives a pod that uses it."""
    spec = {"csi": {"driver": "d", "volumeHandle": name}, "claimRef": {"name": name, "uid": name}}
    spec["claimRef"]["namespace"] = "default"
    small.tell({"kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})
    notes = {"pv.kubernetes.io/bind-completed": "yes"}
    meta = {"name": name, "namespace": "default", "uid": name, "annotations": notes}
    claim = {"kind": "PersistentVolumeClaim", "metadata": meta, "spec": {"volumeName": name}}
    small.tell(claim)
    volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": name}}]
    return a_pod(name, node="", spec={"volumes": volumes})


def limited(most: int) -> dict:
    drivers = [{"name": "d", "allocatable": {"count": most}}]
    return {"kind": "CSINode", "metadata": {"name": "n1"}, "spec": {"drivers": drivers}}


def test_a_pod_that_keeps_others_away_is_heeded_when_it_comes_and_goes():
    small, asked = Small(), a_pod("new", node="", labels={"app": "x"})
    small.tell(a_node())
    assert small.ask(asked).status is Status.FITS_NOW
    small.tell(a_node(labels={"kubernetes.io/hostname": "n1"}), "MODIFIED")
    small.tell(keeps_away())
    assert small.ask(asked).status is Status.BUSY
    small.tell(keeps_away(), "DELETED")
    assert small.ask(asked).status is Status.FITS_NOW


def keeps_away(namespaces: dict | None = None) -> dict:
    """A pod on n1 that tolerates no pod labelled app=x on its machine."""
    term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}
    if namespaces is not None:
        term["namespaceSelector"] = {"matchLabels": namespaces}
    rule = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return a_pod("loner", labels={}, spec={"affinity": rule})


def test_a_pod_keeps_others_away_once_its_machine_has_the_label_it_goes_by():
    small, asked = Small(), a_pod("new", node="", labels={"app": "x"})
    small.tell(a_node())
    small.tell(keeps_away())
    assert small.ask(asked).status is Status.FITS_NOW
    small.tell(a_node(labels={"kubernetes.io/hostname": "n1"}), "MODIFIED")
    assert small.ask(asked).status is Status.BUSY
    small.tell(a_node(), "MODIFIED")
    assert small.ask(asked).status is Status.FITS_NOW


def test_a_pod_keeps_others_away_once_its_machine_is_seen():
    small, asked = Small(), a_pod("new", node="", labels={"app": "x"})
    small.tell(keeps_away())
    small.tell(a_node("n2", labels={"kubernetes.io/hostname": "n1"}))
    assert small.ask(asked).status is Status.FITS_NOW
    small.tell(a_node(labels={"kubernetes.io/hostname": "n1"}))
    assert small.ask(asked).status is Status.BUSY
    small.tell(a_node(), "DELETED")
    assert small.ask(asked).status is Status.FITS_NOW


def test_a_pod_keeps_others_away_once_their_namespace_has_the_label_it_goes_by():
    small, asked = Small(), a_pod("new", node="", labels={"app": "x"})
    space = {"kind": "Namespace", "metadata": {"name": "default"}}
    small.tell(space)
    small.tell(a_node(labels={"kubernetes.io/hostname": "n1"}))
    small.tell(keeps_away({"shy": "no"}))
    assert small.ask(asked).status is Status.FITS_NOW
    small.tell({**space, "metadata": {"name": "default", "labels": {"shy": "no"}}}, "MODIFIED")
    assert small.ask(asked).status is Status.BUSY
    small.tell(space, "MODIFIED")
    assert small.ask(asked).status is Status.FITS_NOW


def test_a_pod_put_first_keeps_others_away_as_one_that_is_there():
    small = Small()
    small.tell(a_node(labels={"kubernetes.io/hostname": "n1"}))
    asked = a_pod("new", node="", labels={"app": "x"})
    ahead = keeps_away()
    del ahead["spec"]["nodeName"]
    assert small.ask(asked).status is Status.FITS_NOW
    assert small.ask(asked, ahead=(ahead,)).status is Status.BUSY
    assert small.ask(asked).status is Status.FITS_NOW


def test_whom_a_pod_keeps_away_goes_by_their_labels():
    small = Small()
    small.tell(a_node(labels={"kubernetes.io/hostname": "n1"}))
    small.tell(keeps_away())
    for _ in range(2):
        assert small.ask(a_pod("b", node="", labels={"app": "y"})).status is Status.FITS_NOW
        assert small.ask(a_pod("a", node="", labels={"app": "x"})).status is Status.BUSY


def test_where_namespaces_are_not_seen_it_is_unknown_of_those_whom_a_pod_may_keep_away():
    small = Small()
    small.tell(a_node(labels={"kubernetes.io/hostname": "n1"}))
    small.tell(keeps_away({"shy": "no"}))
    small.state.lost("namespaces")
    for _ in range(2):
        assert small.ask(a_pod("b", node="", labels={"app": "y"})).status is Status.FITS_NOW
        assert small.ask(a_pod("a", node="", labels={"app": "x"})).status is Status.UNKNOWN


def test_a_pod_does_not_stand_in_its_own_way_where_a_place_is_promised_to_it():
    small = Small()
    small.tell(a_node())
    asked = a_pod("new", node="", cpu="6", status={"nominatedNodeName": "n1"})
    small.tell(asked)
    assert small.ask(a_pod("other", node="", cpu="6")).status is not Status.FITS_NOW
    assert small.ask(asked).status is Status.FITS_NOW


def test_pods_of_another_scheduler_are_not_answered_by_their_size():
    small = Small()
    small.tell(a_node())
    assert small.ask(a_pod("a", node="")).status is Status.FITS_NOW
    strange = a_pod("b", node="", spec={"schedulerName": "strange"})
    assert small.ask(strange).status is Status.UNKNOWN


def test_a_cluster_that_does_not_tell_what_changed_is_judged_anew():
    state, index = many(3), FitIndex(RULES)
    asked = Candidate(Pod("default", {}, PodSpec({"cpu": 1})))
    snapshot = replace(state.snapshot(None), changed=None)
    assert len(agreed(index, asked, snapshot).nodes) == 3
    fewer = {name: node for name, node in snapshot.nodes.items() if name != "n1"}
    assert len(agreed(index, asked, replace(snapshot, nodes=fewer)).nodes) == 2
    assert list(index.warm(asked, snapshot)) == []


def test_a_nomination_is_heeded_when_it_comes_and_goes():
    small, asked = Small(), a_pod("new", node="", cpu="6")
    small.tell(a_node())
    assert small.ask(asked).status is Status.FITS_NOW
    small.tell(a_pod("first", node="", cpu="4", status={"nominatedNodeName": "n1"}))
    assert small.ask(asked).status is not Status.FITS_NOW
    small.tell(a_pod("first", node="", cpu="4"), "DELETED")
    assert small.ask(asked).status is Status.FITS_NOW


def test_homes_of_one_name_in_two_namespaces_are_two():
    small = Small()
    small.tell(a_node())
    mine = a_home(small, "home")
    assert small.ask(mine).status is Status.FITS_NOW
    mine["metadata"]["namespace"] = "elsewhere"
    assert small.ask(mine).status is Status.NEVER


def test_what_a_home_adds_follows_pods_put_first_and_taken_back():
    small = Small()
    small.tell(a_node())
    small.tell(limited(1))
    mine, theirs = a_home(small, "mine"), a_home(small, "theirs")
    assert small.ask(mine).status is Status.FITS_NOW
    assert small.ask(mine, ahead=(theirs,)).status is not Status.FITS_NOW
    assert small.ask(mine).status is Status.FITS_NOW


def test_what_a_home_adds_follows_how_much_a_driver_attaches():
    small = Small()
    small.tell(a_node())
    mine, theirs = a_home(small, "mine"), a_home(small, "theirs")
    theirs["spec"]["nodeName"] = "n1"
    small.tell(theirs)
    assert small.ask(mine).status is Status.FITS_NOW
    small.tell(limited(1))
    assert small.ask(mine).status is Status.BUSY
    small.tell(limited(2), "MODIFIED")
    assert small.ask(mine).status is Status.FITS_NOW
    small.tell(limited(1), "MODIFIED")
    assert small.ask(mine).status is Status.BUSY


def test_a_disk_attached_for_a_pod_of_yesterday_counts_until_it_is_let_go():
    small = Small()
    small.tell(a_node())
    small.tell(limited(1))
    mine = a_home(small, "mine")
    a_home(small, "theirs")
    assert small.ask(mine).status is Status.FITS_NOW
    source = {"persistentVolumeName": "theirs"}
    spec = {"attacher": "d", "nodeName": "n1", "source": source}
    held = {"kind": "VolumeAttachment", "metadata": {"name": "held"}, "spec": spec}
    small.tell(held)
    assert small.ask(mine).status is not Status.FITS_NOW
    small.tell(held, "DELETED")
    assert small.ask(mine).status is Status.FITS_NOW


def with_one_disk_attached():
    """A node that takes one disk, a pod that waits with its own, and one there that has it."""
    small = Small()
    small.tell(a_node())
    small.tell(limited(1))
    mine, theirs = a_home(small, "mine"), a_home(small, "theirs")
    theirs["spec"]["nodeName"] = "n1"
    small.tell(theirs)
    return small, mine, theirs


def test_a_disk_that_is_attached_already_takes_no_place_of_another():
    small, mine, theirs = with_one_disk_attached()
    shared = a_pod("shared", node="", spec={"volumes": theirs["spec"]["volumes"]})
    for _ in range(2):
        assert small.ask(mine).status is Status.BUSY
        assert small.ask(shared).status is Status.FITS_NOW


def test_a_home_for_which_a_machine_is_selected_is_made_there_alone():
    small = Small()
    for name in ("n1", "n2"):
        small.tell(a_node(name))
    mode = {"volumeBindingMode": "WaitForFirstConsumer", "provisioner": "d"}
    small.tell({"kind": "StorageClass", "metadata": {"name": "fast"}, **mode})
    meta = {"name": "mine", "namespace": "default", "uid": "mine"}
    spec = {"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}
    small.tell(claim)
    volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "mine"}}]
    mine = a_pod("mine", node="", spec={"volumes": volumes})
    assert small.ask(mine).nodes == ("n1", "n2")
    meta["annotations"] = {"volume.kubernetes.io/selected-node": "n2"}
    small.tell(claim, "MODIFIED")
    assert small.ask(mine).nodes == ("n2",)


def test_a_home_that_waits_for_a_volume_follows_those_that_come_and_go():
    small = Small()
    small.tell(a_node())
    meta, mode = {"name": "local"}, "WaitForFirstConsumer"
    made = {"kind": "StorageClass", "metadata": meta, "volumeBindingMode": mode}
    small.tell({**made, "provisioner": "kubernetes.io/no-provisioner"})
    meta = {"name": "mine", "namespace": "default", "uid": "mine"}
    spec = {"storageClassName": "local", "resources": {"requests": {"storage": "1Gi"}}}
    small.tell({"kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec})
    volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "mine"}}]
    mine = a_pod("mine", node="", spec={"volumes": volumes})
    assert small.ask(mine).status is not Status.FITS_NOW
    spec = {"local": {"path": "/d"}, "storageClassName": "local", "capacity": {"storage": "1Gi"}}
    free = {"kind": "PersistentVolume", "metadata": {"name": "free"}, "spec": spec}
    free["status"] = {"phase": "Available"}
    small.tell(free)
    assert small.ask(mine).status is Status.FITS_NOW
    small.tell(free, "DELETED")
    assert small.ask(mine).status is not Status.FITS_NOW


def test_what_a_home_adds_is_not_known_while_what_it_hangs_on_is_not_seen():
    small = Small()
    small.tell(a_node())
    mine = a_home(small, "mine")
    assert small.ask(mine).status is Status.FITS_NOW
    small.state.lost("csinodes")
    assert small.ask(mine).status is Status.UNKNOWN
    small.state.seen("csinodes")
    assert small.ask(mine).status is Status.FITS_NOW


def test_a_place_for_a_home_can_be_had_by_preemption():
    small, mine, _ = with_one_disk_attached()
    mine["spec"]["priority"] = 10
    assert small.ask(mine).status is Status.FITS_BY_PREEMPTION
    mine["spec"]["priority"] = 0
    assert small.ask(mine).status is Status.BUSY


@pytest.mark.parametrize("seed", [*range(90, 110), 1205])
def test_a_warmed_index_answers_as_the_judge_does(seed):
    world, index = World(seed), FitIndex(RULES)
    snapshot = world.state.snapshot(None)
    for each in world.candidates:
        list(index.warm(each, snapshot))
    for _ in range(2):
        for each in world.candidates:
            agreed(index, each, snapshot)
        world.disturb()
        snapshot = world.state.snapshot(None)


def many(nodes: int, **fields) -> State:
    """A state in which all kinds were seen, with so many nodes."""
    state = State(RULES)
    for number in range(nodes):
        state.put_node(json.dumps(a_node(f"n{number}", **fields)))
    for kind in KINDS:
        state.seen(kind)
    return state


@pytest.mark.parametrize(
    ("cpu", "least"),
    [pytest.param(1, 3, id="fits"), pytest.param(10**6, 3, id="too-large-for-any")],
)
def test_a_large_cluster_is_warmed_in_steps_and_only_once(cpu, least):
    snapshot, index = many(1000).snapshot(None), FitIndex(RULES)
    asked = Candidate(Pod("default", {}, PodSpec({"cpu": cpu})))
    assert len(list(index.warm(asked, snapshot))) >= least
    agreed(index, asked, snapshot)
    assert list(index.warm(asked, snapshot)) == []


def test_a_full_cluster_is_asked_in_steps_what_it_would_say_with_fewer_pods():
    state = many(300, allocatable={"cpu": "4", "memory": "8Gi", "pods": "9"})
    kind = state.pods.kinds.of(Pod("x", {}, PodSpec({"cpu": 4000})))
    for number in range(300):
        state.pods.place(f"uid-{number}", f"n{number}", kind)
    state.pod_changed()
    snapshot, index = state.snapshot(None), FitIndex(RULES)
    asked = Candidate(Pod("default", {}, PodSpec({"cpu": 2000})))
    assert len(list(index.warm(asked, snapshot))) == 3 + 3 + 12
    assert index.verdict(asked, snapshot).status is Status.BUSY


def test_who_asks_while_a_cluster_is_warmed_is_answered_and_heard():
    state, index = many(1000), FitIndex(RULES)
    snapshot = state.snapshot(None)
    asked = Candidate(Pod("default", {}, PodSpec({"cpu": 1})))
    steps = index.warm(asked, snapshot)
    next(steps)
    assert len(index.verdict(asked, snapshot).nodes) == 1000
    state.put_node(json.dumps(a_node("new")))
    assert len(index.verdict(asked, state.snapshot(None)).nodes) == 1001
    list(steps)
    assert len(index.verdict(asked, state.snapshot(None)).nodes) == 1001


def test_nodes_that_differ_in_a_label_asked_for_are_told_apart():
    state = State(RULES)
    for name, pool in (("n1", "a"), ("n2", "b"), ("n3", "a")):
        state.put_node(json.dumps(a_node(name, labels={"pool": pool})))
    for kind in KINDS:
        state.seen(kind)
    asked = Candidate(Pod("default", {}, PodSpec({"cpu": 1}, node_selector={"pool": "a"})))
    assert FitIndex(RULES).verdict(asked, state.snapshot(None)).nodes == ("n1", "n3")
    assert judge(asked, state.snapshot(None), RULES).nodes == ("n1", "n3")


@pytest.mark.parametrize("seed", range(110, 118))
def test_a_verdict_stays_what_it_was_when_the_cluster_changes(seed):
    world, index = World(seed), FitIndex(RULES)
    told = []
    for _ in range(3):
        snapshot = world.state.snapshot(None)
        told += [(each, snapshot, index.verdict(each, snapshot)) for each in world.candidates]
        world.disturb()
    for each, snapshot, verdict in told:
        assert comparable(verdict) == comparable(judge(each, snapshot, RULES))


@pytest.mark.parametrize("seed", range(118, 126))
def test_who_asks_about_a_moment_ago_is_answered_for_that_moment(seed):
    world, index = World(seed), FitIndex(RULES)
    snapshots = []
    for _ in range(4):
        snapshots.append(world.state.snapshot(None))
        world.disturb()
    for snapshot in (*reversed(snapshots), *snapshots[::2], *snapshots):
        for each in world.candidates:
            agreed(index, each, snapshot)


def zoned(nodes: int) -> State:
    """A state with nodes in two zones, and four homes bound to volumes of a zone each."""
    state = State(RULES)
    key = "topology.kubernetes.io/zone"
    for number in range(nodes):
        state.put_node(json.dumps(a_node(f"n{number:04}", labels={key: "ab"[number % 2]})))
    receivers = {k: receiver_for(k, state, lambda _: None) for k in KINDS}
    for number, zone in enumerate("aabb"):
        name = f"home-{number}"
        rule = {"matchExpressions": [{"key": key, "operator": "In", "values": [zone]}]}
        spec = {"csi": {"driver": "d", "volumeHandle": name}}
        spec["claimRef"] = {"name": name, "namespace": "default", "uid": name}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [rule]}}
        volume = {"kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
        notes = {"pv.kubernetes.io/bind-completed": "yes"}
        meta = {"name": name, "namespace": "default", "uid": name, "annotations": notes}
        claim = {"metadata": meta, "spec": {"volumeName": name}}
        for kind, item in (("persistentvolumes", volume), ("persistentvolumeclaims", claim)):
            receivers[kind].event(json.dumps({"type": "ADDED", "object": item}).encode())
    for kind in KINDS:
        state.seen(kind)
    return state


def at_home(number: int) -> Candidate:
    spec = PodSpec({"cpu": 1}, volumes=(VolumeUse("claim", f"home-{number}"),))
    return Candidate(Pod("default", {"who": str(number)}, spec))


def test_people_whose_disks_reach_the_same_nodes_are_asked_for_once():
    state, index = zoned(600), FitIndex(RULES)
    snapshot = state.snapshot(None)
    steps = [len(list(index.warm(at_home(number), snapshot))) for number in range(4)]
    assert steps[0] > steps[1]  # the size, and what reaches the first zone
    assert steps[2] > steps[3] == steps[1] == 0
    for number in range(4):
        assert len(agreed(index, at_home(number), snapshot).nodes) == 300


def test_a_home_costs_nothing_more_when_other_disks_come_and_go():
    state, index = zoned(600), FitIndex(RULES)
    list(index.warm(at_home(0), state.snapshot(None)))
    assert state.drop_other("persistentvolumes", "/home-3")
    assert list(index.warm(at_home(0), state.snapshot(None))) == []
    assert state.drop_other("persistentvolumes", "/home-0")
    snapshot = state.snapshot(None)
    assert agreed(index, at_home(0), snapshot).status is not Status.FITS_NOW


def to_be_made(**storage_class: object) -> State:
    """A state with nodes in two zones, and homes that wait for their pods to be made."""
    state = State(RULES)
    for number in range(600):
        zone = {"topology.kubernetes.io/zone": "ab"[number % 2]}
        state.put_node(json.dumps(a_node(f"n{number:04}", labels=zone)))
    receivers = {k: receiver_for(k, state, lambda _: None) for k in KINDS}
    made = {"metadata": {"name": "fast"}, "provisioner": "d", **storage_class}
    made["volumeBindingMode"] = "WaitForFirstConsumer"
    receivers["storageclasses"].event(json.dumps({"type": "ADDED", "object": made}).encode())
    for number in range(4):
        meta = {"name": f"home-{number}", "namespace": "default", "uid": f"u{number}"}
        spec = {"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}}
        claim = {"metadata": meta, "spec": spec}
        told = json.dumps({"type": "ADDED", "object": claim}).encode()
        receivers["persistentvolumeclaims"].event(told)
    for kind in KINDS:
        state.seen(kind)
    return state


IN_ZONE_A = [{"matchLabelExpressions": [{"key": "topology.kubernetes.io/zone", "values": ["a"]}]}]


@pytest.mark.parametrize(
    ("more", "nodes", "asked_once"),
    [
        pytest.param({}, 600, False, id="made-anywhere"),
        pytest.param({"allowedTopologies": IN_ZONE_A}, 300, True, id="made-in-one-zone"),
    ],
)
def test_homes_that_are_yet_to_be_made_are_asked_for_once_if_at_all(more, nodes, asked_once):
    state, index = to_be_made(**more), FitIndex(RULES)
    snapshot = state.snapshot(None)
    plain = len(
        list(FitIndex(RULES).warm(Candidate(Pod("default", {}, PodSpec({"cpu": 1}))), snapshot))
    )
    steps = [len(list(index.warm(at_home(number), snapshot))) for number in range(4)]
    assert (steps[0] > plain) is asked_once
    assert steps[1:] == [0, 0, 0]
    for number in range(4):
        assert len(agreed(index, at_home(number), snapshot).nodes) == nodes


def test_a_home_for_which_a_volume_is_kept_is_nobody_elses():
    state, index = to_be_made(provisioner="kubernetes.io/no-provisioner"), FitIndex(RULES)
    receiver = receiver_for("persistentvolumes", state, lambda _: None)
    spec = {"csi": {"driver": "d", "volumeHandle": "v"}, "storageClassName": "fast"}
    spec |= {"capacity": {"storage": "2Gi"}, "claimRef": {"name": "home-0", "namespace": "default"}}
    volume = {"metadata": {"name": "v"}, "spec": spec, "status": {"phase": "Available"}}
    receiver.event(json.dumps({"type": "ADDED", "object": volume}).encode())
    snapshot = state.snapshot(None)
    fitting = [len(index.verdict(at_home(number), snapshot).nodes) for number in range(3)]
    assert fitting == [600, 0, 0]


def test_a_pod_that_is_judged_in_full_is_judged_in_steps_and_only_once():
    state, index = many(600), FitIndex(RULES)
    for number in range(600):
        name = f"n{number}"
        state.put_node(json.dumps(a_node(name, labels={"kubernetes.io/hostname": name})))
    spread = Spread("kubernetes.io/hostname", 1, Selector(()))
    asked = Candidate(Pod("default", {}, PodSpec({"cpu": 1}, spread=(spread,))))
    snapshot = state.snapshot(None)
    ahead = put_on(snapshot, Candidate(Pod("default", {}, PodSpec({"cpu": 1}))), "n1")
    for view in (snapshot, ahead):
        assert len(list(index.warm(asked, view))) >= 6
        assert list(index.warm(asked, view)) == []
        agreed(index, asked, view)
