"""What ``from teamspawner import TeamSpawner`` costs beyond importing KubeSpawner.

``python -m benchmarks.imports`` prints one line of JSON.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

_TIMES = 5


def _cpu_ms(statement: str) -> float:
    code = (
        f"import time; t = time.process_time(); {statement};print((time.process_time() - t) * 1000)"
    )
    found = [
        float(
            subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout
        )
        for _ in range(_TIMES)
    ]
    return statistics.median(found)


if __name__ == "__main__":
    stock = _cpu_ms("from kubespawner import KubeSpawner")
    ours = _cpu_ms("from teamspawner import TeamSpawner")
    json.dump(
        {"kubespawner_ms": stock, "teamspawner_ms": ours, "beyond_ms": ours - stock}, sys.stdout
    )
