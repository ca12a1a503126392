"""How long a user waits: the installed command on each small incident, beside the interpreter alone and its imports alone, in one run.

    .venv/bin/python benchmarks/small_incident.py

Prints medians in milliseconds and the ratio to a bare interpreter. An incident of this size should take less than 350 ms on a warm machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 9
SAMPLES = ("self-call-after", "slow-backend", "connection-limit", "seed-2015")


def milliseconds(command: list[str], folder: str) -> float:
    """The median wall time of a whole process, after one run that warms the caches."""
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def main() -> None:
    """Print the table."""
    analyze = str(Path(sys.executable).with_name("analyze"))
    with tempfile.TemporaryDirectory() as folder:
        bare = milliseconds([sys.executable, "-c", "pass"], folder)
        print(f"{'python -c pass':<32} {bare:7.0f} ms  1.0")
        imports = milliseconds([sys.executable, "-c", "import msgspec, pyparsing, jinja2"], folder)
        print(f"{'its imports alone':<32} {imports:7.0f} ms  {imports / bare:.1f}")
        for name in SAMPLES:
            took = milliseconds([analyze, str(ROOT / "samples" / name)], folder)
            print(f"{f'analyze samples/{name}':<32} {took:7.0f} ms  {took / bare:.1f}")


if __name__ == "__main__":
    main()
