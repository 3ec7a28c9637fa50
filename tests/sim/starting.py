"""Start ``teamspawner demo`` for a test, and end it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from teamspawner.sim.kubeconfig import read_kubeconfig
from tests.sim.person import Person
from tests.sim.talk import Talk

ROOT = Path(__file__).parent.parent.parent
READY_S = 90


@dataclass(slots=True)
class Demo:
    """A running demo, as its ready file tells of it."""

    process: subprocess.Popen[str]
    about: dict

    @property
    def url(self) -> str:
        return self.about["url"]

    def person(self, name: str) -> Person:
        return Person(self.url, name, self.about["password"])

    def cluster(self) -> Talk:
        access = read_kubeconfig(Path(self.about["kubeconfig"]))
        return Talk(access.server, access.tls(), access.token, "jupyterhub")


@contextmanager
def demo(folder: Path, *options: str, scenario: dict | None = None) -> Iterator[Demo]:
    """A demo with stub servers on a free port; ended by SIGTERM unless the test has ended it."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "teamspawner", "demo", "--port", "0", "--no-browser",
               "--stub-servers", "--ready-file", str(ready), *options]  # fmt: skip
    if scenario is not None:
        path = folder / "scenario.yaml"
        path.write_text(yaml.safe_dump(scenario))
        command += ["--scenario", str(path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    with (folder / "demo.log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, text=True)
    try:
        until(lambda: ready.exists() or process.poll() is not None, READY_S)
        assert ready.exists(), (folder / "demo.log").read_text()
        yield Demo(process, json.loads(ready.read_text()))
    finally:
        process.terminate()
        process.wait(20)


def until(holds, seconds: float = 20.0) -> None:
    """Wait until something holds; the test fails when it does not in time."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.1)
    assert found


def processes(*words: str) -> list[int]:
    """The processes whose command line or environment holds one of these words."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            text = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and any(word.encode() in text for word in words):
            found.append(int(path.name))
    return found
