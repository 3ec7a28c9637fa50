"""Compare the engine with the scheduler on generated cases, by hand.

``python -m tests.oracle SEED COUNT [--version 1.30] [--keep]`` judges the cases of COUNT seeds
from SEED on, four pods each, prints every difference with a minimal case, and keeps those cases
under ``tests/data/oracle`` with ``--keep``. Exit 1 when there was a difference.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter

from tests.oracle import regression
from tests.oracle.agreement import USUAL, Difference, differences
from tests.oracle.dice import Json
from tests.oracle.generate import case
from tests.oracle.oracle import Answer, Oracle, binary, running

SHOWN = 5


def main() -> int:
    """Run the comparison; the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--version", default=USUAL, help="1.30 to 1.37 (default %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the minimal cases for ever")
    args = parser.parse_args()
    path = binary(args.version)
    assert path
    with running(path) as oracle:
        return compare(oracle, args)


def compare(oracle: Oracle, args: argparse.Namespace) -> int:
    """Ask, compare, shrink and tell."""
    tally: Counter[str] = Counter()
    began = time.monotonic()
    for seed in range(args.seed, args.seed + args.count):
        asked = case(seed)
        answers = oracle.ask(asked)
        tally.update(kind for answer in answers for kind in _kinds(answer))
        found = differences(asked, answers, args.version)
        tally["differences"] += len(found)
        for fault in found[:1]:
            tally["seeds that differ"] += 1
            print(f"seed {seed}: {fault}")
            if tally["seeds that differ"] <= SHOWN:
                _tell(oracle, asked, fault, seed, args)
    took = time.monotonic() - began
    print(f"scheduler {args.version}: " + ", ".join(f"{n} {kind}" for kind, n in tally.items()))
    print(f"{args.count} cases in {took:.1f} s")
    return 1 if tally["differences"] else 0


def _kinds(answer: Answer) -> list[str]:
    found = ["pods"]
    found += ["invalid"] if answer.invalid else []
    found += ["internal error"] if answer.failed else []
    found += ["fit"] if answer.nodes else ["fit nowhere"]
    return found + (["by preemption"] if answer.preempt else [])


def _tell(
    oracle: Oracle, asked: Json, fault: Difference, seed: int, args: argparse.Namespace
) -> None:
    small = regression.smallest(asked, fault, oracle, args.version)
    print(json.dumps(small))
    left = differences(small, oracle.ask(small), args.version)
    print("  now: " + "; ".join(str(one) for one in left))
    if args.keep:
        name = f"seed-{seed}-{fault.about}-{args.version}"
        note = f"{fault.about} differed on seed {seed}"
        print("  kept:", regression.write(name, small, oracle, version=args.version, note=note))


if __name__ == "__main__":
    sys.exit(main())
