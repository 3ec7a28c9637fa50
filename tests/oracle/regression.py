"""Cases kept for ever: the smallest that showed a fault, with the scheduler's answer."""

from __future__ import annotations

import json
from pathlib import Path

from tests.oracle.agreement import USUAL, Difference, differences
from tests.oracle.dice import Json
from tests.oracle.oracle import Answer, Oracle, OracleError
from tests.oracle.shrink import shrunk

FOLDER = Path(__file__).parents[1] / "data" / "oracle"


def saved() -> list[Path]:
    """Every kept case, in the order of their names."""
    return sorted(FOLDER.glob("*.json"))


def read(path: Path) -> tuple[Json, list[Answer], str]:
    """A kept case, the scheduler's answers, and the scheduler's version."""
    kept = json.loads(path.read_text())
    return kept["case"], [Answer.read(raw) for raw in kept["answers"]], kept["version"]


def write(name: str, case: Json, oracle: Oracle, *, version: str, note: str) -> Path:
    """Keep a case with the answers of an oracle of that version; ``note`` says what it shows."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    kept = {"note": note, "version": version, "case": case, "answers": oracle.ask_raw(case)}
    path.write_text(json.dumps(kept, indent=1) + "\n")
    return path


def smallest(case: Json, fault: Difference, oracle: Oracle, version: str = USUAL) -> Json:
    """The smallest case that still differs in the way of ``fault``."""

    def fails(trial: Json) -> bool:
        try:
            answers = oracle.ask(trial)
            return any(
                found.about == fault.about and not answers[0].invalid
                for found in differences(trial, answers, version)
            )
        except (OracleError, AssertionError):
            return False

    return shrunk(case, fault.pod, fails)
