"""How long a user waits: the installed command on each small incident, beside the interpreter alone and its imports alone, in one run.

    .venv/bin/python benchmarks/small_incident.py

Prints medians in milliseconds and the ratio to a bare interpreter. An incident of this size should take less than 350 ms on a warm machine.
Then what a small capture adds: the same incident with and without it, in turns; it should be less than 20 ms. That is measured in processor
time, which another program on the machine does not change as much as it does the time on the wall.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 9
PAIRS = 31  # what a capture adds is a twentieth of a run, and runs differ by as much
SAMPLES = ("self-call-after", "slow-backend", "connection-limit", "seed-2015")
CAPTURED = ("connection-limit", "self-call-connection-limit", "slow-backend-connection-limit")
CAPTURES = ("*.pcap", "*.pcapng", "*.pcap.gz")


def once(command: list[str], folder: str) -> float:
    """The wall time of a whole process, in milliseconds."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - start)


def worked(command: list[str], folder: str) -> float:
    """The processor time of a whole process, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    once(command, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def milliseconds(command: list[str], folder: str) -> float:
    """The median of several runs, after one that warms the caches."""
    return statistics.median([once(command, folder) for _ in range(RUNS + 1)][1:])


def added(analyze: str, name: str, folder: str) -> str:
    """What the capture of a sample adds to a run: between the fastest runs of both, between the medians, and the spread of one of them."""
    with_it, without = Path(folder, f"{name}-with"), Path(folder, f"{name}-without")
    shutil.copytree(ROOT / "samples" / name, with_it)
    shutil.copytree(ROOT / "samples" / name, without, ignore=shutil.ignore_patterns(*CAPTURES))
    size = sum(path.stat().st_size for pattern in CAPTURES for path in with_it.glob(pattern))
    pairs = [(worked([analyze, str(with_it)], folder), worked([analyze, str(without)], folder)) for _ in range(PAIRS + 1)][1:]
    some, none = ([pair[place] for pair in pairs] for place in (0, 1))
    low, _, high = statistics.quantiles(none, n=4)
    fastest, median = min(some) - min(none), statistics.median(some) - statistics.median(none)
    return f"{fastest:+7.1f} ms (medians {median:+.1f}) on {min(none):.0f} ms, which vary by {high - low:.0f}; {size / 1000:,.0f} kB"


def main() -> None:
    """Print the table."""
    analyze = str(Path(sys.executable).with_name("analyze"))
    with tempfile.TemporaryDirectory() as folder:
        bare = milliseconds([sys.executable, "-c", "pass"], folder)
        print(f"{'python -c pass':<40} {bare:7.0f} ms  1.0")
        imports = milliseconds([sys.executable, "-c", "import msgspec, pyparsing, jinja2"], folder)
        print(f"{'its imports alone':<40} {imports:7.0f} ms  {imports / bare:.1f}")
        for name in SAMPLES:
            took = milliseconds([analyze, str(ROOT / "samples" / name)], folder)
            print(f"{f'analyze samples/{name}':<40} {took:7.0f} ms  {took / bare:.1f}")
        for name in CAPTURED:
            print(f"{f'the capture of {name}':<40} {added(analyze, name, folder)}", flush=True)


if __name__ == "__main__":
    main()
