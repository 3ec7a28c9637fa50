"""The demo used wrongly, or without what it needs: a sentence, and an exit code."""

from __future__ import annotations

import asyncio
import signal
import socket

import pytest

from teamspawner.cli import main
from teamspawner.sim.demo.ports import choose_port
from teamspawner.sim.demo.supervisor import _stop_hub
from teamspawner.sim.kubeconfig import Access, write_kubeconfig


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_is_taken_is_told(taken, capsys):
    assert main(["demo", "--no-browser", "--port", str(taken)]) == 2
    assert f"--port {taken}: taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "cluster"),
    [((), "a cluster to play with"), (("--kubeconfig", "mine"), "the cluster of mine")],
    ids=["embedded", "own"],
)
def test_what_is_going_on_is_said_at_once_and_not_on_stdout(more, cluster, taken, capsys):
    main(["demo", "--no-browser", "--port", str(taken), *more])
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == (
        f"Starting a JupyterHub on {cluster}; this takes some seconds. Ctrl-C ends it."
    )


@pytest.mark.parametrize("port", ["-3", "65536"], ids=["below", "above"])
def test_a_port_that_is_none_is_told(port, capsys):
    assert main(["demo", "--no-browser", "--port", port]) == 2
    assert f"--port {port}: no port; allowed: 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "none/ready.json"], ids=["a-folder", "in-no-folder"])
def test_a_ready_file_that_cannot_be_written_is_told_before_anything_starts(name, tmp_path, capsys):
    path = str(tmp_path / name)
    assert main(["demo", "--no-browser", "--port", "0", "--ready-file", path]) == 2
    assert f"--ready-file {path}: cannot be written" in capsys.readouterr().err


def test_without_a_wish_the_port_is_any_free_one():
    assert choose_port(0) > 0
    assert choose_port(None) > 0


def test_a_map_that_is_wrong_is_told_with_every_fault(tmp_path, taken, capsys):
    path = tmp_path / "scenario.yaml"
    path.write_text("users: {ann: []}\nmap: {tiers: {small: {cpu: much}}, teems: {}}")
    assert main(["demo", "--no-browser", "--port", str(taken), "--scenario", str(path)]) == 2
    told = capsys.readouterr().err
    assert "every start is refused" in told
    assert "tiers.small.cpu" in told
    assert "teems" in told


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path, capsys):
    path = tmp_path / "none"
    assert main(["demo", "--no-browser", "--port", "0", "--kubeconfig", str(path)]) == 2
    assert f"--kubeconfig {path}: No such file or directory" in capsys.readouterr().err


def test_an_api_server_that_is_away_is_told(tmp_path, taken, capsys):
    path = tmp_path / "config"
    write_kubeconfig(path, Access("http://127.0.0.1:1", "", "token"), "default")
    assert main(["demo", "--no-browser", "--port", "0", "--kubeconfig", str(path)]) == 3
    assert "http://127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.asyncio
async def test_a_hub_that_will_not_end_is_killed():
    command = ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    hub = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert await hub.stdout.readline() == b"ready\n"
    await _stop_hub(hub, 0.3)
    assert hub.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_hub_that_ends_by_itself_ends_the_demo_with_its_last_words(tmp_path, capsys, monkeypatch):
    extra = tmp_path / "extra.py"
    extra.write_text("raise SystemExit('the hub says no')")
    monkeypatch.setenv("TEAMSPAWNER_DEMO_CONFIG", str(extra))
    assert main(["demo", "--no-browser", "--port", "0", "--stub-servers"]) == 1
    told = capsys.readouterr().err
    assert "the hub ended with code" in told
    assert "the hub says no" in told
