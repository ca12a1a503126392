"""How many incidents a fleet analyses: the samples under other names and on other days, on one process and on two, with the memory of each.

    .venv/bin/python benchmarks/fleet.py [COUNT]          default: 1000

Each copy has other packages and another date, and lies in a folder of another name. Every row is held against the sample that it was made of;
the tables of one and two processes must be the same bytes.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
SYLLABLES = ("ba", "do", "fe", "gi", "ku", "la", "mo", "nu", "pi", "ra", "so", "ti", "ve", "wo", "za")
RUN = "from analyzer.app.cli import main; main()"
BEAT = 0.5


class Cost(NamedTuple):
    """Seconds on the wall and of processors, and the highest memory (KiB) of each process."""

    wall: float
    processor: float
    memory: dict[int, int]


def analysed(paths: list[str], target: Path, jobs: int) -> Cost:
    command = [sys.executable, "-c", RUN, "fleet", *paths, "-o", str(target), "-q", "-j", str(jobs)]
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    memory: dict[int, int] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(BEAT):
            for pid in (running.pid, *children(running.pid)):
                memory[pid] = max(memory.get(pid, 0), resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = running.wait()
    done.set()
    watcher.join()
    if code:
        sys.exit(f"exit code {code}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.perf_counter() - begin, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, memory)


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue
    return found


def resident(pid: int) -> int:
    try:
        said = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(said[1]) if said else 0


def copied(target: Path, count: int) -> dict[str, str | None]:
    """Folder → the rule that must be found."""
    first = target.parent / "first.json"
    analysed([str(SAMPLES)], first, 2)
    rows = {Path(row["path"]).name: row for row in json.loads(first.read_text())["incidents"]}
    first.unlink()
    names = sorted(rows)
    chance = random.Random(20)  # noqa: S311 - names, no secrets
    wanted = {}
    for number in range(count):
        name = names[number % len(names)]
        frame = (rows[name]["frame"] or "").partition("(")[0]
        package = ".".join(part for part in frame.split(".")[:-2]) if frame.count(".") > 2 else ""
        other = f"org.{word(chance)}.{word(chance)}"
        folder = f"{word(chance)}-{number:05}"
        wanted[folder] = rows[name]["rule"] or rows[name]["status"]
        for file in sorted((SAMPLES / name).rglob("*")):
            if file.is_file() and file.name not in {"README.md", "truth.json"}:
                place = target / folder / file.relative_to(SAMPLES / name)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(mutated(file.read_bytes(), package, other, number))
    return wanted


def mutated(data: bytes, package: str, other: str, number: int) -> bytes:
    if b"\0" in data[:4096] or data.startswith((b"\x1f\x8b", b"PK")):
        return data
    if package:
        data = data.replace(f"{package}.".encode(), f"{other}.".encode())
    return re.sub(rb"\b20\d\d-\d\d-\d\d\b", lambda found: later(found[0], number), data)


def later(day: bytes, number: int) -> bytes:
    try:
        return (date.fromisoformat(day.decode()) + timedelta(days=number % 900)).isoformat().encode()
    except ValueError:
        return day


def word(chance: random.Random) -> str:
    return "".join(chance.choice(SYLLABLES) for _ in range(3))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(prefix="fleet-") as home:
        folder = Path(home, "desk")
        wanted = copied(folder, count)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(f"{count:,} incidents, {size / 1e6:.0f} MB, {os.cpu_count()} processors")
        tables = set()
        for jobs in (1, 2):
            target = Path(home, f"{jobs}.json")
            wall, processor, memory = analysed([str(folder)], target, jobs)
            data = target.read_bytes()
            tables.add(data)
            rows = json.loads(data)["incidents"]
            wrong = [row["path"] for row in rows if (row["rule"] or row["status"]) != wanted[Path(row["path"]).name]]
            lost = set(wanted) - {Path(row["path"]).name for row in rows}
            most = max(memory.values(), default=0) / 1024
            print(
                f"{jobs} processes: {wall:.1f} s, {count / wall:.1f} incidents/s; {1000 * processor / count:.0f} ms of a processor for each incident;"
                f" highest memory of a process {most:.0f} MB; {len(lost)} lost, {len(wrong)} with another rule {wrong[:3]}"
            )
        print("the tables are the same bytes" if len(tables) == 1 else "THE TABLES DIFFER")


if __name__ == "__main__":
    main()
