"""The demo on a real API server and a real scheduler: our kubelet runs what they decide."""

from __future__ import annotations

import pytest

from tests.sim.starting import demo, until
from tests.sim.talk import PODS
from tests.sim.test_demo import SCENARIO

pytestmark = [pytest.mark.slow, pytest.mark.controlplane]


def test_the_real_scheduler_places_a_server_and_our_kubelet_runs_it(tmp_path, control_plane):
    kubeconfig = control_plane.kubeconfig()
    with demo(tmp_path, "--kubeconfig", str(kubeconfig), scenario=SCENARIO) as started:
        assert started.about["kubeconfig"] == str(kubeconfig)
        cluster, ann = started.cluster(), started.person("ann")
        training = cluster.get("/api/v1/namespaces/research/pods/training").body
        assert training["spec"]["nodeName"] == "gpu"
        until(lambda: ann.start({"profile": "gpu-nvidia-a100-sxm4-80gb"}).status in {201, 202})
        until(lambda: ann.server() and ann.server()["ready"], 60)
        pod = cluster.get(f"{PODS}/jupyter-ann").body
        assert pod["spec"]["nodeName"] == "gpu"
        assert pod["spec"]["schedulerName"] == "default-scheduler"
        assert "JUPYTERHUB_USER = ann" in ann.get("/user/ann/").text
        started.process.terminate()
        assert started.process.wait(30) == 0
    admin = control_plane.admin
    assert "gpu" not in {node["metadata"]["name"] for node in admin.list("Node")}
    assert admin.list("Pod", "jupyterhub") == []
    assert admin.list("PersistentVolumeClaim", "jupyterhub") == []
    assert admin.list("Pod", "research") == []
    volumes = admin.list("PersistentVolume")
    assert [one for one in volumes if one["spec"]["claimRef"]["namespace"] == "jupyterhub"] == []
