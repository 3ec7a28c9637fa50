"""Ask kube-scheduler's own plugins: a running oracle, and what it answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oracle.dice import Json

HERE = Path(__file__).parent


class OracleError(RuntimeError):
    """The oracle could not judge a case; the message is its own."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one node does not take a pod: the first filter that says no.

    Attributes:
        plugin: The filter; empty when the node was ruled out before filters ran.
        code: ``Unschedulable`` when pods leaving could help.
        reasons: In the scheduler's words.
    """

    plugin: str
    code: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the scheduler does with one pod, judged alone.

    Attributes:
        pod: ``namespace/name``.
        nodes: Names of the nodes that take it, sorted.
        preempt: With no such node, those that would once lower priorities were gone, sorted.
        rejected: Every other node.
        whole: Why no node was even looked at; None when they were.
        gates: Names of scheduling gates; a pod with one is not scheduled at all.
        invalid: What the API server would refuse it for.
    """

    pod: str
    nodes: tuple[str, ...]
    preempt: tuple[str, ...]
    rejected: Mapping[str, Refusal]
    whole: Refusal | None = None
    gates: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a filter ended with an internal error instead of an answer."""
        return any(refusal.code == "Error" for refusal in self.rejected.values())

    @classmethod
    def read(cls, raw: Json) -> Answer:
        """From one element of ``answers``, as the oracle writes it."""
        whole = raw.get("whole")
        return cls(
            raw["pod"],
            tuple(raw["nodes"]),
            tuple(raw["preempt"]),
            {name: _refusal(said) for name, said in raw["rejected"].items()},
            _refusal(whole) if whole else None,
            tuple(raw.get("gates") or ()),
            tuple(raw.get("invalid") or ()),
        )


def _refusal(raw: Json) -> Refusal:
    return Refusal(raw["plugin"], raw["code"], tuple(raw["reasons"] or ()))


class Oracle:
    """A running oracle; not for several threads."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask_raw(self, case: Json) -> list[Json]:
        """The answers to one case as the oracle writes them, in the order of its pods.

        Raises:
            OracleError: When the scheduler's plugins fail on it, or an object cannot be read.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        if said.get("error"):
            raise OracleError(said["error"])
        return list(said["answers"])

    def ask(self, case: Json) -> list[Answer]:
        """The answers to one case, in the order of its pods."""
        return [Answer.read(raw) for raw in self.ask_raw(case)]


def binary(version: str = "", *, build: bool = True) -> Path | None:
    """The oracle of a minor version such as ``1.30`` (empty: the one of CI); None when not built.

    Args:
        version: Which kube-scheduler.
        build: Whether to build it now when it is not; takes minutes and a Go tool chain.
    """
    command = [str(HERE / "build"), *([] if build else ["-n"]), *([version] if version else [])]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode and build:
        raise OracleError(f"tests/oracle/build failed:\n{said.stderr[-2000:]}")
    return Path(said.stdout.strip()) if said.returncode == 0 else None


@contextmanager
def running(path: Path) -> Iterator[Oracle]:
    """An oracle for the length of a ``with`` block."""
    with subprocess.Popen(
        [str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Oracle(process)
        finally:
            process.kill()
