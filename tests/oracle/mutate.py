"""Break the engine one small piece at a time, and see whether a generated case notices.

``python -m tests.oracle.mutate [--cases 1500] [--only TEXT]`` takes a copy of the package, changes
one condition or comparison of the modules that decide, and judges cases whose answers the oracle
has given before. It prints the changes that no case noticed: each is either a rule that the
generator does not reach, or a line that only saves time or words a reason. Exit 1 when there
are any.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tests.oracle.dice import Json
from tests.oracle.generate import case
from tests.oracle.oracle import Answer, binary, running

ROOT = Path(__file__).parents[2]
MODULES = (
    "capacity/companions.py",
    "capacity/context.py",
    "capacity/filtering.py",
    "capacity/filters.py",
    "capacity/judge.py",
    "capacity/matching.py",
    "capacity/migration.py",
    "capacity/place.py",
    "capacity/requests.py",
    "capacity/spreading.py",
    "capacity/attaching.py",
    "capacity/binding.py",
    "capacity/claims.py",
    "capacity/restrictions.py",
    "capacity/zones.py",
    "cluster/decode.py",
    "cluster/decode_storage.py",
    "cluster/podresources.py",
    "cluster/podspec.py",
)
_SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
SIDES = 3


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change.

    Attributes:
        module: Path below the package.
        line: Where.
        what: The change in words.
        source: The module's new text.
    """

    module: str
    line: int
    what: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.what}"


def mutants(module: str) -> Iterator[Mutant]:
    """Every change to one module."""
    tree = ast.parse((ROOT / "teamspawner" / module).read_text())
    for index, node in enumerate(ast.walk(tree)):
        for side in range(SIDES):
            changed = copy.deepcopy(tree)
            twin = next(n for i, n in enumerate(ast.walk(changed)) if i == index)
            what = _change(twin, side)
            if what is None:
                break
            source = ast.unparse(ast.fix_missing_locations(changed))
            yield Mutant(module, getattr(node, "lineno", 0), what, source)


def _change(node: ast.AST, side: int) -> str | None:
    """Change a node in place in its ``side``-th way; None when there is no such way."""
    if isinstance(node, ast.If | ast.IfExp) and side < 2:
        before = ast.unparse(node.test)
        node.test = ast.Constant(bool(side))
        return f"condition {before!r} always {bool(side)}"
    if isinstance(node, ast.comprehension) and side < len(node.ifs):
        return f"no condition {ast.unparse(node.ifs.pop(side))!r}"
    if isinstance(node, ast.Compare) and side == 0 and type(node.ops[0]) in _SWAPPED:
        before = ast.unparse(node)
        node.ops[0] = _SWAPPED[type(node.ops[0])]()
        return f"{before!r} becomes {ast.unparse(node)!r}"
    if isinstance(node, ast.BoolOp) and side < len(node.values):
        before = ast.unparse(node)
        del node.values[side]
        if len(node.values) == 1:
            node.values.append(node.values[0])
        return f"{before!r} becomes {ast.unparse(node)!r}"
    if isinstance(node, ast.Return) and side == 0 and isinstance(node.value, ast.Compare):
        before = ast.unparse(node.value)
        node.value = ast.Constant(value=True)
        return f"returns True for {before!r}"
    return None


def answered(count: int) -> list[Json]:
    """Cases from seed 0 on, each with the oracle's answers."""
    path = binary()
    assert path
    found = []
    with running(path) as oracle:
        for seed in range(count):
            asked = case(seed)
            found.append({"case": asked, "answers": oracle.ask_raw(asked)})
    return found


def notices(file: str, first: list[int]) -> int:
    """The first case that differs, those of ``first`` tried before others; -1 when none does."""
    from tests.oracle.agreement import differences

    kept = [json.loads(line) for line in Path(file).read_text().splitlines()]
    for index in chain(first, range(len(kept))):
        answers = [Answer.read(raw) for raw in kept[index]["answers"]]
        try:
            if differences(kept[index]["case"], answers):
                return index
        except Exception:  # noqa: BLE001 - a change may break anything, and is noticed then
            return index
    return -1


def check(mutant: Mutant, copied: Path, file: Path, first: list[int]) -> int:
    """Put the mutant into the copy, ask another process, and put the module back."""
    target = copied / "teamspawner" / mutant.module
    original = target.read_text()
    target.write_text(mutant.source)
    asked = [sys.executable, "-m", "tests.oracle.mutate", "--check", str(file)]
    said = subprocess.run(
        [*asked, "--first", *map(str, first)],
        cwd=copied,
        env={**os.environ, "PYTHONPATH": f"{copied}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    target.write_text(original)
    return int(said.stdout.strip()) if said.returncode == 0 else 0


def main() -> int:
    """Try all mutants and print the survivors."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.mutate", description=__doc__)
    parser.add_argument("--cases", type=int, default=1500)
    parser.add_argument("--only", default="", help="modules whose path holds this text")
    parser.add_argument("--check", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, nargs="*", default=[], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.check:
        sys.stdout.write(f"{notices(args.check, args.first)}\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cases.jsonl"
        file.write_text("\n".join(json.dumps(kept) for kept in answered(args.cases)) + "\n")
        shutil.copytree(ROOT / "teamspawner", Path(folder) / "teamspawner")
        chosen = [m for m in MODULES if args.only in m and (ROOT / "teamspawner" / m).exists()]
        return _tell([mutant for module in chosen for mutant in mutants(module)], file)


def _tell(tried: list[Mutant], file: Path) -> int:
    first: list[int] = []
    survivors = 0
    for mutant in tried:
        index = check(mutant, file.parent, file, first[:40])
        if index < 0:
            survivors += 1
            sys.stdout.write(f"not noticed: {mutant}\n")
            sys.stdout.flush()
        elif index not in first:
            first.insert(0, index)
    sys.stdout.write(f"{len(tried)} changes, {survivors} not noticed\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
