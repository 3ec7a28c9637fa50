"""An object that cannot be read makes unknown what depends on it, and nothing else."""

import json
import random
from dataclasses import replace

import pytest

from teamspawner.capacity import Rules, Status, Verdict, judge
from teamspawner.capacity.objects import Node, NodeState, Snapshot
from teamspawner.cli import main
from teamspawner.cluster import dump as dumps
from teamspawner.cluster.decode import candidate
from teamspawner.errors import ChoiceError
from tests.core.broken import broken, nameless, spoilt
from tests.core.offering import a_desk, a_node, a_person, a_scene, a_state
from tests.core.raw import GPU, claim, node, pod, storage_class, uses, volume
from tests.oracle.generate import case

RULES = Rules()
ZONE = "topology.kubernetes.io/zone"


def read(items):
    """The snapshot of a dump, and what cannot be read in it."""
    found = dumps.Dump()
    dumps.take(found, "test", json.dumps({"kind": "List", "items": items}).encode())
    return dumps.snapshot(found, RULES), found.faults


def seen(items):
    """The snapshot of a dump; what cannot be read in it is no fault of the test."""
    return read(items)[0]


def verdict_on(ours, *items) -> Verdict:
    return judge(candidate(ours, RULES), seen(list(items)), RULES)


def status_of(ours, *items) -> Status:
    return verdict_on(ours, *items).status


# --- whatever it says -----------------------------------------------------------------------


WAYS = {
    "broken": lambda item, _: broken(item),
    "nameless": lambda item, _: nameless(item),
    "spoilt": spoilt,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_answer_with_one_object_unread_is_the_answer_with_it_or_unknown(way):
    known = unknown = 0
    for seed in range(40):
        made = case(seed)
        items, rng = made["cluster"]["items"], random.Random(seed)
        asked = [candidate(each, RULES) for each in made["pods"]]
        whole = seen(items)
        truths = [judge(each, whole, RULES) for each in asked]
        for index in rng.sample(range(len(items)), min(8, len(items))):
            odd = way(items[index], rng)
            part, faults = read([*items[:index], odd, *items[index + 1 :]])
            if not faults:
                continue
            for each, truth in zip(asked, truths, strict=True):
                verdict = judge(each, part, RULES)
                if verdict.status is Status.UNKNOWN:
                    unknown += truth.status is not Status.UNKNOWN
                    assert verdict.nodes == ()
                    continue
                known += 1
                where = (seed, index, items[index]["kind"])
                assert (*where, verdict.status) == (*where, truth.status)
                assert set(verdict.nodes) <= set(truth.nodes)
                assert set(verdict.preempt) <= set(truth.preempt)
                assert verdict.count in {None, truth.count}
    assert known > 500
    assert unknown > 50


# --- pods -----------------------------------------------------------------------------------

ODD = broken(pod("x", on="a"))


def test_a_bound_pod_that_cannot_be_read_makes_its_node_unknown():
    verdict = verdict_on(pod(cpu=1), node("a"), ODD)
    assert verdict.status is Status.UNKNOWN
    (reason,) = verdict.reasons
    assert (reason.plugin, reason.detail, reason.unknown) == ("Unreadable", "pods", True)


def test_another_node_takes_the_pod_still_but_how_many_is_not_known():
    verdict = verdict_on(pod(cpu=1), node("a"), node("b"), ODD)
    assert (verdict.status, verdict.nodes, verdict.count) == (Status.FITS_NOW, ("b",), None)


def test_a_node_that_is_too_full_without_the_pod_is_so_with_it():
    holder = pod("holder", on="a", cpu=8)
    assert status_of(pod(cpu=1), node("a"), node("b", cpu=1), holder, ODD) is Status.FITS_NOW
    assert verdict_on(pod(cpu=1), node("a"), node("b"), holder, ODD).count == 8
    assert status_of(pod(cpu=9), node("a"), ODD) is Status.NEVER


def test_whether_an_emptied_node_would_do_is_not_known():
    holder = pod("holder", on="a", cpu=8)
    assert status_of(pod(cpu=1), node("a"), holder, ODD) is Status.UNKNOWN
    other = pod("other", on="b", cpu=8)
    assert status_of(pod(cpu=1), node("a"), node("b"), holder, other, ODD) is Status.BUSY


def test_preemption_beside_a_pod_that_cannot_be_read_is_not_known():
    lower = pod("lower", on="a", spec={"priority": -10}, cpu=8)
    assert status_of(pod(cpu=1), node("a"), lower) is Status.FITS_BY_PREEMPTION
    assert status_of(pod(cpu=1), node("a"), lower, ODD) is Status.UNKNOWN


def test_how_many_fit_by_preemption_is_not_known_where_another_node_may_take_some():
    lower = [pod(f"on-{n}", on=n, spec={"priority": -10}, cpu=8) for n in "ab"]
    items = [node("a"), node("b"), *lower]
    assert verdict_on(pod(cpu=1), *items).count == 16
    odd = broken(pod("x", on="b"))
    verdict = verdict_on(pod(cpu=1), *items, odd)
    assert (verdict.status, verdict.preempt, verdict.count) == (
        Status.FITS_BY_PREEMPTION,
        ("a",),
        None,
    )


REPELS = {"affinity": {"podAntiAffinity": {}}}


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        pytest.param(pod("x", on="a", phase="Succeeded"), ("a", "b"), id="finished"),
        pytest.param(pod("x", on="gone"), ("a", "b"), id="on a node that is not there"),
        pytest.param(
            pod("x", status={"conditions": [{"type": "PodScheduled"}]}),
            ("a", "b"),
            id="waiting, and judged",
        ),
        pytest.param(pod("x", status={"nominatedNodeName": "a"}), ("b",), id="nominated"),
        pytest.param(pod("x"), (), id="waiting, and about to be placed"),
        pytest.param(pod("x", on="a", spec=REPELS), (), id="keeps others off"),
        pytest.param(
            pod("x", on="a", meta={"labels": {"teamspawner/team": "t"}}), (), id="counts for caps"
        ),
    ],
)
def test_a_pod_that_cannot_be_read_makes_unknown_what_it_may_concern(odd, expected):
    assert verdict_on(pod(cpu=1), node("a"), node("b"), broken(odd)).nodes == expected


@pytest.mark.parametrize(
    "spec",
    [
        5,
        {"nodeName": 5},
        {"nodeName": "a", "affinity": [5]},
        {"nodeName": "a", "containers": [5]},
    ],
    ids=["spec", "node", "affinity", "rest"],
)
def test_a_pod_is_looked_into_as_far_as_it_can_be(spec):
    odd = {**pod("x"), "spec": spec}
    there = isinstance(spec, dict) and "containers" in spec
    assert verdict_on(pod(cpu=1), node("a"), node("b"), odd).nodes == (("b",) if there else ())


def test_a_pod_whose_labels_cannot_be_read_may_count_for_caps():
    odd = pod("x", on="a", meta={"labels": 5})
    assert verdict_on(pod(cpu=1), node("a"), node("b"), odd).nodes == ()


def test_a_pod_without_a_name_takes_room_too():
    assert verdict_on(pod(cpu=1), node("a"), node("b"), nameless(ODD)).nodes == ("b",)
    unnamed = {**pod("x", on="a"), "metadata": {}}
    twice = (unnamed, {**unnamed, "spec": {"nodeName": "b"}})
    assert verdict_on(pod(cpu=1), node("a"), node("b"), *twice).nodes == ()


SPREAD = {
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": ZONE,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "x"}},
        }
    ]
}
TERM = {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "x"}}}
ALONE = {
    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}}
}
BESIDE = {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}}}


@pytest.mark.parametrize("spec", [SPREAD, ALONE, BESIDE], ids=["spread", "alone", "beside"])
def test_where_pods_elsewhere_count_one_that_cannot_be_read_counts(spec):
    zones = [node(name, labels={ZONE: "z"}) for name in "ab"]
    ours = pod(spec=spec, meta={"labels": {"app": "x"}}, cpu=1)
    assert status_of(ours, *zones) is Status.FITS_NOW
    assert status_of(ours, *zones, ODD) is Status.UNKNOWN
    bare = node("c")
    if spec is SPREAD:
        why = [reason.plugin for reason in verdict_on(ours, *zones, bare, ODD).rejected["c"]]
        assert why == ["PodTopologySpread"]


def test_a_pod_with_anti_affinity_on_a_node_that_cannot_be_read_may_keep_others_off_any():
    other = pod("other", on="b", spec=ALONE, meta={"labels": {"app": "y"}})
    ours = pod(meta={"labels": {"app": "x"}}, cpu=1)
    a, b = node("a", labels={ZONE: "z"}), node("b", labels={ZONE: "z"})
    assert status_of(ours, a, b, other) is Status.BUSY
    assert status_of(ours, a, broken(b), other) is Status.UNKNOWN


def test_a_claim_for_one_pod_alone_may_be_in_use_by_one_that_cannot_be_read():
    home = claim("home", volume="v", accessModes=["ReadWriteOncePod"])
    items = [node("a"), node("b"), home, volume("v", claimed="home"), storage_class()]
    assert status_of(pod(spec=uses("home"), cpu=1), *items) is Status.FITS_NOW
    assert status_of(pod(spec=uses("home"), cpu=1), *items, ODD) is Status.UNKNOWN


# --- nodes and the rest ---------------------------------------------------------------------


def test_a_node_that_cannot_be_read_may_take_what_no_other_does():
    small, odd = node("b", cpu=1), broken(node("a"))
    assert status_of(pod(cpu=3), small) is Status.NEVER
    verdict = verdict_on(pod(cpu=3), small, odd)
    assert verdict.status is Status.UNKNOWN
    assert [reason.detail for reason in verdict.reasons] == ["nodes"]
    assert status_of(pod(cpu=3), node("b"), odd) is Status.FITS_NOW


def test_a_node_without_a_name_is_one_more():
    assert status_of(pod(cpu=3), node("b", cpu=1), nameless(node("a"))) is Status.UNKNOWN
    assert status_of(pod(cpu=3), node("b"), {"kind": "Node"}) is Status.FITS_NOW


@pytest.mark.parametrize("way", [{"labels": 5}, {"uid": 5}, {"name": 5}], ids=["l", "u", "n"])
def test_a_node_whose_metadata_cannot_be_read_is_the_one_that_pods_are_bound_to(way):
    other = pod("other", on="b", spec=ALONE, meta={"labels": {"app": "y"}})
    ours = pod(meta={"labels": {"app": "x"}}, cpu=1)
    a, b = node("a", labels={ZONE: "z"}), node("b", labels={ZONE: "z"})
    odd = {**b, "metadata": {**b["metadata"], **way}}
    assert status_of(ours, a, odd, other) is Status.UNKNOWN
    server = pod("s", on="b", meta={"labels": {"teamspawner/team": "t"}})
    snapshot = seen([a, odd, server])
    on_it = [len(state.pods) for state in snapshot.nodes.values()]
    assert (sorted(on_it), snapshot.stranded) == ([0, 1], ())


def test_what_is_missing_for_every_node_is_missing_on_one_that_cannot_be_read():
    assert status_of(pod(spec=uses("home"), cpu=1), broken(node("a"))) is Status.NEVER


def test_a_claim_that_cannot_be_read_is_not_a_missing_one():
    assert status_of(pod(spec=uses("home"), cpu=1), node("a")) is Status.NEVER
    odd = broken(claim("home"))
    assert status_of(pod(spec=uses("home"), cpu=1), node("a"), odd) is Status.UNKNOWN
    assert status_of(pod(cpu=1), node("a"), odd) is Status.FITS_NOW


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        pytest.param(7, Status.FITS_NOW, id="no object"),
        pytest.param({"kind": 7}, Status.FITS_NOW, id="no kind"),
        pytest.param({"kind": "Rocket", "metadata": 7}, Status.FITS_NOW, id="another kind"),
        pytest.param({"kind": "List", "items": 7}, Status.UNKNOWN, id="a list"),
        pytest.param({"kind": "Pod", "metadata": 7}, Status.UNKNOWN, id="a pod"),
    ],
)
def test_what_a_dump_holds_that_cannot_be_told_apart(lost, expected):
    assert status_of(pod(cpu=1), node("a"), lost) is expected


# --- numbers --------------------------------------------------------------------------------


@pytest.fixture
def numbers(tmp_path, capsys):
    """What ``capacity`` prints of some objects."""

    def call(*items):
        path = tmp_path / "dump.json"
        path.write_text(json.dumps({"kind": "List", "items": items}))
        assert main(["capacity", "--dump", str(path), "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    return call


def test_what_is_used_beside_a_pod_that_cannot_be_read_is_not_known(numbers):
    found = numbers(node("a"), node("b", cpu=2), ODD)
    cpu = {"total": 10000, "used": None, "free": None, "largest": None}
    assert found["cpu_millicores"] == cpu
    assert numbers(node("a"), node("b"), ODD)["cpu_millicores"]["largest"] == 8000


def test_a_node_that_cannot_be_read_makes_every_sum_unknown(numbers):
    a100 = {"nvidia.com/gpu.product": "NVIDIA-A100"}
    found = numbers(node("a", labels=a100, gpu=4), broken(node("b")))
    assert found["nodes"] == 2
    assert set(found["memory_bytes"].values()) == {None}
    (model,) = found["models"]
    assert (model["model"], model["nodes"], model["total"]) == ("NVIDIA-A100", None, None)


def test_models_on_other_nodes_keep_their_numbers(numbers):
    some, others = ({"nvidia.com/gpu.product": name} for name in ("NVIDIA-A100", "NVIDIA-T4"))
    found = numbers(node("a", labels=some, gpu=4), node("b", labels=others, gpu=2), ODD)
    assert [(m["model"], m["total"], m["free"]) for m in found["models"]] == [
        ("NVIDIA-A100", 4, None),
        ("NVIDIA-T4", 2, 2),
    ]
    assert GPU in {m["resource"] for m in found["models"]}


# --- what people are shown ------------------------------------------------------------------

HALF = """
tiers:
  half: {share: 1/2}
  gpu: {gpu: {}, per_gpu: {cpu: 1, memory: 1Gi}}
  small: {cpu: 1, memory: 1Gi}
teams: {x: {groups: ["*"], tiers: [half, gpu, small]}}
"""


def hidden_node():
    return NodeState(Node("odd"), unread="nodes")


def in_doubt(state, *others):
    states = {each.node.name: each for each in (state, *others)}
    return a_scene(snapshot=Snapshot(states, unread={state.node.name: state.unread}))


def test_a_person_is_told_that_a_machine_cannot_be_read():
    listing = a_desk(HALF).listing(a_person(), in_doubt(hidden_node(), a_state(a_node())))
    assert listing.notice.startswith("A machine of the cluster cannot be read")
    (small,) = listing.offers
    assert (small.verdict.status, small.count, small.nodes) == (Status.FITS_NOW, None, None)
    assert small.badge == "Free now"


def test_an_accelerator_that_may_be_on_a_machine_not_read_is_not_known_and_not_forbidden():
    desk, scene = a_desk(HALF), in_doubt(hidden_node(), a_state(a_node()))
    for slug in ("gpu-nvidia-a100", "half"):
        with pytest.raises(ChoiceError) as refused:
            desk.resolve(a_person(), {"profile": slug}, scene)
        assert refused.value.status == 503
    whole = a_scene(a_node())
    with pytest.raises(ChoiceError) as refused:
        desk.resolve(a_person(), {"profile": "gpu-nvidia-a100"}, whole)
    assert refused.value.status == 403


def test_a_share_of_a_node_is_not_known_while_what_always_runs_there_may_be_more():
    desk = a_desk(HALF)
    clear = a_state(a_node())
    (half, _) = desk.listing(a_person(), a_scene(snapshot=Snapshot({"n1": clear}))).offers
    assert half.requests["cpu"] == 4000
    doubtful = replace(clear, unread="pods")
    assert [o.slug for o in desk.listing(a_person(), in_doubt(doubtful)).offers] == ["small"]
    with pytest.raises(ChoiceError) as refused:
        desk.resolve(a_person(), {"profile": "half"}, in_doubt(doubtful))
    assert refused.value.status == 503
    (half, _) = desk.listing(a_person(), a_scene(snapshot=Snapshot({"n1": clear}))).offers
    assert half.requests["cpu"] == 4000


def test_what_cannot_be_read_is_said_in_one_sentence():
    doubtful = NodeState(a_node(), unread="pods")
    offers = a_desk(HALF).listing(a_person(), in_doubt(doubtful)).offers
    (small,) = offers
    assert small.sentence == (
        "Some of the cluster's running servers cannot be read, so what is free is not known."
        " You may try; it may have to wait."
    )
