"""A pod written for one person serves as another's where nothing but names tells them apart."""

from dataclasses import replace

import pytest
import pytest_asyncio

from teamspawner.capacity.objects import (
    Candidate,
    Pod,
    PodSpec,
    PodTerm,
    Selector,
    Spread,
    VolumeUse,
)
from teamspawner.hub.alike import Alike, Whose, may_share
from teamspawner.hub.pods import Pods
from teamspawner.hub.turns import Turns
from teamspawner.offers.profile_choices import PLAIN, every_choice
from tests.hub.hubs import a_hub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

(CHOICE,) = every_choice(PLAIN)
NAME, SERVER = "hub.jupyter.org/username", "hub.jupyter.org/servername"
ADA = Whose("jupyter-ada", "claim-ada", {NAME: "ada", SERVER: ""})
BOB = Whose("jupyter-bob", "claim-bob", {NAME: "bob", SERVER: "second"})
HOME, DATA = VolumeUse("claim", "claim-ada"), VolumeUse("claim", "team-data")
ADAS = Candidate(
    Pod(
        "hub",
        {**ADA.labels, "teamspawner/tier": "small"},
        PodSpec({"cpu": 1}, volumes=(HOME, DATA)),
    ),
    name="jupyter-ada",
)


def sizes(**override):
    """Two choices, as ``Pods.make`` shares only where there are several."""
    made = []
    for cpu in (1, 2):
        profile = {**PLAIN, "slug": f"s{cpu}", "kubespawner_override": {"cpu_guarantee": cpu}}
        profile["kubespawner_override"] |= override
        made += every_choice(profile)
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(cluster, tmp_path_factory):
    home = {"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}}
    kube = {"namespace": "hub", "image": "x", "volumes": [home], "storage_pvc_ensure": True}
    async with a_hub(tmp_path_factory.mktemp("hub"), KubeSpawner=kube) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def spawners(hub, request):
    mark = abs(hash(request.node.nodeid)) % 10**6
    return [hub.user(f"{name}-{mark}").spawners[""] for name in ("ada", "bob")]


async def made(spawner, alike, choices, *, fresh=False):
    pods = Pods(spawner, None, spawner.gate._known.shared().rules, alike)
    await pods.make(choices, fresh=fresh)
    return [pods.known(choice).candidate for choice in choices]


async def test_what_is_taken_over_is_what_would_have_been_written(spawners):
    alike = Alike(Turns())
    ada, bob = spawners
    await made(ada, alike, sizes())
    taken = await made(bob, alike, sizes())
    assert taken == await made(bob, alike, sizes(), fresh=True)
    assert taken != await made(ada, alike, sizes(), fresh=True)
    assert bob.pvc_name in {use.name for each in taken for use in each.pod.spec.volumes}


def writings(spawner):
    """Names of those whose pods are written from now on; every pod has its user's number."""
    told = []

    def number(asked):
        told.append(asked.user.name)
        return 1000

    spawner.uid = number
    return told


async def test_a_pod_is_written_once_for_all_who_are_alike(spawners):
    alike = Alike(Turns())
    ada, bob = spawners
    first, second = writings(ada), writings(bob)
    await made(ada, alike, sizes())
    await made(bob, alike, sizes())
    assert (len(first), len(second)) == (3, 1)  # the plain one, and each of two
    await made(bob, alike, sizes(), fresh=True)
    assert len(second) == 3


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        pytest.param("node_selector", {"pool": "b"}, id="where"),
        pytest.param("mem_guarantee", "3G", id="how-large"),
        pytest.param("extra_labels", {"course": "b"}, id="labels"),
        pytest.param("image", "other", id="image"),
    ],
)
async def test_who_is_set_up_differently_gets_pods_of_their_own(spawners, setting, value):
    alike = Alike(Turns())
    ada, bob = spawners
    setattr(bob, setting, value)
    writings(ada)
    told = writings(bob)
    await made(ada, alike, sizes())
    found = await made(bob, alike, sizes())
    assert len(told) == 3
    assert found == await made(bob, alike, sizes(), fresh=True)


async def test_a_setting_that_fails_is_told_of_by_each_choice(spawners):
    def failing(_spawner):
        raise LookupError

    spawners[0].uid = failing
    found = await made(spawners[0], Alike(Turns()), sizes())
    assert [each.pod.spec.requests for each in found] == [{}, {}]


async def test_hooks_templates_and_functions_are_not_guessed_at(spawners):
    spawner = spawners[0]
    assert may_share(spawner, CHOICE)
    plain = sizes()[0]
    assert may_share(spawner, plain)
    for override in (
        {"node_selector": {"owner": "{username}"}},
        {"node_selector": {"{username}": "yes"}},
        {"tolerations": [{"key": "{servername}"}]},
        {"tolerations": [{"key": "own"}, {"key": "{servername}"}]},
        {"cpu_guarantee": lambda _spawner: 2},
    ):
        assert not may_share(spawner, sizes(**override)[0])
        assert not may_share(spawner, replace(plain, profile=None, override=override))
    paths = {"volume_mounts": [{"name": "home", "mountPath": "/home/{username}"}]}
    assert may_share(spawner, sizes(**paths, tolerations=[{"key": "own"}])[0])
    spawner.modify_pod_hook = lambda _spawner, pod: pod
    assert not may_share(spawner, plain)


async def test_only_ones_own_disk_and_labels_are_put_in():
    alike = Alike(Turns())
    alike.put(("a",), CHOICE, ADA, ADAS, until=60)
    until, mine = alike.get(("a",), CHOICE, BOB, now=9)
    assert until == 60
    assert mine.name == "jupyter-bob"
    assert dict(mine.pod.labels) == {**BOB.labels, "teamspawner/tier": "small"}
    assert [use.name for use in mine.pod.spec.volumes] == ["claim-bob", "team-data"]


async def test_the_label_of_a_start_makes_no_other_choice_of_it():
    alike = Alike(Turns())
    alike.put(("a",), CHOICE, ADA, ADAS, until=60)
    begun = replace(CHOICE, labels={**CHOICE.labels, "teamspawner/start": "token"})
    assert alike.get(("a",), begun, BOB, now=9) is not None
    other = replace(CHOICE, labels={**CHOICE.labels, "teamspawner/team": "other"})
    assert alike.get(("a",), other, BOB, now=9) is None


async def test_what_is_too_old_or_chosen_otherwise_or_made_from_something_else_is_not_taken():
    alike = Alike(Turns())
    alike.put(("a",), CHOICE, ADA, ADAS, until=60)
    assert alike.get(("a",), CHOICE, BOB, now=60) is None
    assert alike.get(("b",), CHOICE, BOB, now=9) is None
    other = replace(CHOICE, profile={**PLAIN, "kubespawner_override": {"cpu_guarantee": 9}})
    assert alike.get(("a",), other, BOB, now=9) is None


async def test_a_pod_is_written_anew_for_all_by_one_person_somewhat_before_its_time():
    alike = Alike(Turns())
    alike.put(("a",), CHOICE, ADA, ADAS, until=60)
    assert alike.get(("a",), CHOICE, BOB, now=44) is not None
    assert alike.get(("a",), CHOICE, BOB, now=45) is None
    assert alike.get(("a",), CHOICE, BOB, now=45) is not None
    alike.put(("a",), CHOICE, ADA, ADAS, until=105)
    assert alike.get(("a",), CHOICE, BOB, now=61) is not None


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"anti_affinity": (PodTerm("host", None),)}, id="others-labels"),
        pytest.param({"affinity": (PodTerm("host", None),)}, id="near-others-labels"),
        pytest.param({"spread": (Spread("host", 1, Selector(())),)}, id="spread-by-labels"),
        pytest.param({"resource_claims": ("device",)}, id="devices-of-the-pod"),
        pytest.param({"volumes": (VolumeUse("ephemeral", "ada-scratch"),)}, id="disk-of-the-pod"),
        pytest.param(
            {"volumes": (*ADAS.pod.spec.volumes, VolumeUse("ephemeral", "ada-scratch"))},
            id="a-disk-of-the-pod-besides",
        ),
    ],
)
async def test_a_pod_that_looks_at_labels_or_has_a_disk_of_its_own_is_nobody_elses(spec):
    alike = Alike(Turns())
    odd = replace(ADAS, pod=replace(ADAS.pod, spec=replace(ADAS.pod.spec, **spec)))
    alike.put(("a",), CHOICE, ADA, odd, until=10)
    assert alike.get(("a",), CHOICE, BOB, now=9) is None
