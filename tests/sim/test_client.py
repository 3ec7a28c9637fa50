"""The plain client: kubeconfig files, refusals, and a mirror that never gives up."""

from __future__ import annotations

import asyncio
import base64

import pytest
import pytest_asyncio
import yaml

from teamspawner.errors import ClusterError
from teamspawner.sim.client import Client, Mirror
from teamspawner.sim.cluster import embedded_cluster, serving
from teamspawner.sim.kubeconfig import Access, read_kubeconfig, write_kubeconfig
from teamspawner.sim.server.faults import Fault

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest_asyncio.fixture
async def cluster(tmp_path):
    async with embedded_cluster(tmp_path, scheduler=False, nodes=False, bookmark_s=1) as found:
        yield found


@pytest_asyncio.fixture
async def client(cluster):
    async with Client(cluster.access) as found:
        yield found


async def until(holds, seconds=10):
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


def a_map(name):
    return {"metadata": {"name": name}}


def test_a_kubeconfig_is_read_as_it_was_written(tmp_path):
    access = Access("https://127.0.0.1:1", "PEM", "secret")
    write_kubeconfig(tmp_path / "config", access, "default")
    assert read_kubeconfig(tmp_path / "config") == access


def test_a_kubeconfig_may_point_to_files_and_hold_certificates(tmp_path):
    (tmp_path / "ca.crt").write_text("PEM")
    (tmp_path / "token").write_text("secret\n")
    data = base64.b64encode(b"X").decode()
    user = {"tokenFile": "token", "client-certificate-data": data, "client-key-data": data}
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "s", "certificate-authority": "ca.crt"}}],
        "users": [{"name": "u", "user": user}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    found = read_kubeconfig(tmp_path / "config")
    assert (found.server, found.ca, found.token) == ("s", "PEM", "secret")
    assert found.certificate is not None


@pytest.mark.parametrize("text", ["", "[]", "a: [", "{current-context: c}", "x"])
def test_what_is_no_kubeconfig_is_told_in_words(tmp_path, text):
    (tmp_path / "config").write_text(text)
    with pytest.raises(ValueError, match="no kubeconfig with a current context"):
        read_kubeconfig(tmp_path / "config")


@pytest.mark.asyncio
async def test_a_refusal_carries_the_servers_words(client):
    with pytest.raises(ClusterError, match='configmaps "none" not found') as caught:
        await client.get(f"{MAPS}/none")
    assert caught.value.status == 404


@pytest.mark.asyncio
async def test_no_answer_is_an_error_without_status(client, cluster):
    cluster.server.faults.away = True
    with pytest.raises(ClusterError) as caught:
        await client.get(MAPS)
    assert caught.value.status is None


@pytest.mark.asyncio
async def test_an_untrusted_server_is_not_spoken_to(cluster, tmp_path):
    from teamspawner.sim.kubeconfig import make_certificate

    other = tmp_path / "other"
    other.mkdir()
    _, ca = make_certificate(other)
    access = Access(cluster.access.server, ca, cluster.access.token)
    async with Client(access) as stranger:
        with pytest.raises(ClusterError):
            await stranger.get(MAPS)


@pytest.mark.asyncio
async def test_a_mirror_holds_what_is_there_and_hears_what_changes(client):
    await client.create(MAPS, a_map("a"))
    heard = []
    mirror = Mirror(client, MAPS, lambda old, new: heard.append((old is None, new is None)))
    async with serving(mirror.run()):
        await mirror.synced.wait()
        assert set(mirror.things) == {("default", "a")}
        await client.create(MAPS, a_map("b"))
        await client.delete(f"{MAPS}/a")
        await until(lambda: set(mirror.things) == {("default", "b")})
    assert heard == [(True, False), (True, False), (False, True)]


@pytest.mark.asyncio
@pytest.mark.parametrize("trouble", ["cut", "gone", "500", "half"])
async def test_a_mirror_is_right_again_after_trouble(client, cluster, trouble):
    faults, store = cluster.server.faults, cluster.server.api.store
    await client.create(MAPS, a_map("a"))
    mirror = Mirror(client, MAPS, retry_s=0.05)
    async with serving(mirror.run()):
        await mirror.synced.wait()
        if trouble == "half":
            faults.set("configmaps", Fault(watch_only=True, half=True, times=2))
        elif trouble != "cut":
            faults.set("configmaps", Fault(status=500, watch_only=True, times=3))
        faults.cut()
        await client.delete(f"{MAPS}/a")
        await client.create(MAPS, a_map("b"))
        if trouble == "gone":
            store.forget(["configmaps."])
        await until(lambda: set(mirror.things) == {("default", "b")})


@pytest.mark.asyncio
async def test_a_mirror_can_look_at_some_objects_only(client):
    await client.create(MAPS, a_map("a"))
    await client.create(MAPS, a_map("b"))
    mirror = Mirror(client, MAPS, fieldSelector="metadata.name=b")
    async with serving(mirror.run()):
        await mirror.synced.wait()
        assert set(mirror.things) == {("default", "b")}
