"""Text artifacts, as fast as others read them: socket tables beside jc and insights-core, thread dumps beside tdscope, in one run.

    .venv/bin/python benchmarks/text.py             everything, about a quarter of an hour
    .venv/bin/python benchmarks/text.py --rows 20000 --dumps 10   a first look, one minute

Makes the inputs in a temporary folder: tables of netstat, lsof and ss, and a set of thread dumps, from a fixed seed. Each reading runs in
a process of its own, which gets the file's bytes and ends with the tool's records in memory; the interpreter's start and the imports are
not counted, peak memory is the process's. Seconds are the processor's (no tool uses more than one core), so that a
busy machine does not decide. ``analyze`` is the whole command on the file alone, a process from start to end. The peers are installed into a
virtual environment that is thrown away (``--peers DIR`` keeps or uses one).

Prints rows and megabytes a second (best of the runs), the ratio to each peer, peak memory and its ratio to the text.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("jc", "insights-core", "tdscope")
RUNS = 5
LARGE = 20_000_000
"""Bytes from which two runs are enough: the noise of a short one is gone."""
MEGA = 1_000_000
ANALYZE = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from analyzer.app.cli import main; sys.exit(main())"
"""The command of this checkout, installed or not."""
STATES = ("ESTABLISHED",) * 5 + ("CLOSE_WAIT",) * 4 + ("TIME_WAIT", "FIN_WAIT2", "SYN_SENT")
SS_WORDS = {
    "ESTABLISHED": "ESTAB",
    "CLOSE_WAIT": "CLOSE-WAIT",
    "TIME_WAIT": "TIME-WAIT",
    "FIN_WAIT2": "FIN-WAIT-2",
    "SYN_SENT": "SYN-SENT",
    "LISTEN": "LISTEN",
}


class Connection(NamedTuple):
    """What the tables print of a socket."""

    local: str
    remote: str
    state: str
    recv: int
    inode: int
    pid: int
    command: str
    fd: int
    left: int


def connections(rows: int) -> Iterator[Connection]:
    """A server of four processes and 4,096 clients: no two rows alike, as in a real table."""
    chance = random.Random(rows)  # noqa: S311 - the same table every time
    processes = ((27836, "java"), (27901, "java"), (1204, "nginx"), (988, "postgres"))
    for number in range(rows):
        state = chance.choice(STATES)
        pid, command = processes[number % 4]
        yield Connection(
            f"10.80.{number % 4}.21:{(8080, 8443, 80, 5432)[number % 4]}",
            f"10.{chance.randrange(16)}.{chance.randrange(16)}.{chance.randrange(1, 17)}:{chance.randrange(1024, 65536)}",
            state,
            chance.randrange(400) if state == "CLOSE_WAIT" else 0,
            0 if state == "TIME_WAIT" else 844_000_000 + number,
            0 if state == "TIME_WAIT" else pid,
            command,
            10 + number // 4,
            chance.randrange(720_000),
        )


def netstat(rows: int) -> Iterator[str]:
    """``netstat -tanope``."""
    yield "Active Internet connections (servers and established)"
    yield "Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name     Timer"
    for one in connections(rows):
        owner = f"{one.pid}/{one.command}" if one.pid else "-"
        timer = f"keepalive ({one.left / 100:.2f}/0/0)" if one.state in {"ESTABLISHED", "CLOSE_WAIT"} else "off (0.00/0/0)"
        yield f"tcp   {one.recv:>6}      0 {one.local:<23} {one.remote:<23} {one.state:<11} {(one.pid and 1001):<10} {one.inode:<10} {owner:<20} {timer}"


def lsof(rows: int) -> Iterator[str]:
    """``lsof -nP``: four sockets, then a file."""
    yield "COMMAND    PID     USER   FD      TYPE             DEVICE  SIZE/OFF       NODE NAME"
    for number, one in enumerate(connections(rows)):
        fd = f"{one.fd}u" if one.fd < 10_000 else f"*{one.fd % 1000:03}u"
        if number % 5 == 4:
            yield f"{one.command:<9} 27836   tomcat {fd:>6}   REG              253,0 {one.left:>9} {one.inode:>10} /srv/app/data/part-{one.inode}.db"
        else:
            yield f"{one.command:<9} 27836   tomcat {fd:>6}  IPv4 {one.inode:>18}       0t0        TCP {one.local}->{one.remote} ({one.state})"


def ss(rows: int) -> Iterator[str]:
    """``ss -tunap``."""
    yield "Netid  State       Recv-Q  Send-Q       Local Address:Port        Peer Address:Port  Process"
    for one in connections(rows):
        users = f'users:(("{one.command}",pid={one.pid},fd={one.fd}))' if one.pid else ""
        yield f"tcp    {SS_WORDS[one.state]:<11} {one.recv:<7} 0      {one.local:>22}   {one.remote:>22}   {users}"


TABLES: dict[str, Callable[[int], Iterator[str]]] = {"netstat": netstat, "lsof": lsof, "ss": ss}


def stacks(chance: random.Random) -> list[list[str]]:
    """Sixty kinds of stack, of up to seventy frames: an application server has so many, on hundreds of threads."""
    packages = (
        "org.apache.catalina.core",
        "org.springframework.web.servlet",
        "com.example.shop.order",
        "java.util.concurrent",
        "sun.nio.ch",
    )
    frames = [
        f"\tat {chance.choice(packages)}.{''.join(chance.choices('ABCDEFGHKLMNPRST', k=6)).title()}{number}.call{number % 40}(File{number}.java:{number % 900})"
        for number in range(1500)
    ]
    base = [f"\tat java.util.concurrent.Worker{n}.run(java.base@17.0.15/Worker{n}.java:{n * 7})" for n in range(30)]
    return [chance.sample(frames, chance.randrange(3, 45)) + base[: chance.randrange(5, 30)] for _ in range(60)]


def dump(chance: random.Random, kinds: list[list[str]], number: int) -> Iterator[str]:
    """``jstack -l`` of 600 threads. Stacks repeat from thread to thread and dump to dump; objects move, CPU and elapsed times go on."""
    yield f"2026-11-23 12:{number // 60 % 60:02}:{number % 60:02}"
    yield "Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):"
    yield ""
    for thread in range(600):
        stack = kinds[(thread * 7 + chance.randrange(3)) % len(kinds)]
        name = f"http-nio-8080-exec-{thread}" if thread < 400 else f"pool-{thread % 9}-thread-{thread}"
        lock = f"<0x{chance.randrange(1 << 36):016x}>"
        yield (
            f'"{name}" #{thread + 20} daemon prio=5 os_prio=0 cpu={chance.randrange(10**6) / 100:.2f}ms elapsed={number * 10 + 100}.{thread % 100:02}s '
            f"tid=0x{0x7FE7AC000000 + thread * 4096:016x} nid=0x{0x2A00 + thread:x} waiting on condition  [0x{0x7FE7B2000000 + thread * 65536:016x}]"
        )
        yield "   java.lang.Thread.State: WAITING (parking)"
        yield "\tat jdk.internal.misc.Unsafe.park(java.base@17.0.15/Native Method)"
        yield f"\t- parking to wait for  {lock} (a java.util.concurrent.FutureTask)"
        yield from stack
        yield ""
        yield "   Locked ownable synchronizers:"
        yield f"\t- <0x{chance.randrange(1 << 36):016x}> (a java.util.concurrent.ThreadPoolExecutor$Worker)" if thread % 2 else "\t- None"
        yield ""
    yield "JNI global refs: 14, weak refs: 0"


def make(folder: Path, sizes: Sequence[int], megabytes: int) -> dict[str, tuple[Path, int]]:
    """Write the inputs; name → (file, rows; for dumps their bytes)."""
    made = {}
    for rows in sizes:
        for name, table in TABLES.items():
            file = folder / f"{name}-{rows}.txt"
            with file.open("w") as out:  # never the whole in memory: a child's peak begins with that of its parent
                out.writelines(f"{line}\n" for line in table(rows))
            made[f"{name} {rows:,}"] = (file, rows)
    chance = random.Random(megabytes)  # noqa: S311 - the same dumps every time
    kinds = stacks(chance)
    file = folder / "dumps.txt"
    with file.open("w") as out:
        number = 0
        while out.tell() < megabytes * MEGA:
            out.write("\n".join(dump(chance, kinds, number)) + "\n\n")
            number += 1
    made[f"dumps {megabytes} MB"] = (file, number * 600)
    return made


# What a process does that reads one file with one tool. Imports stand outside the clock.


def ours(data: bytes) -> Callable[[], int]:
    """Bytes to records, as the command reads a file: decode, number, cut, recognise, parse."""
    sys.path.insert(0, str(ROOT))
    from analyzer.intake.read import read_one  # noqa: PLC0415
    from parsers.records import ThreadDump  # noqa: PLC0415

    def run() -> int:
        reading = read_one("text.txt", data)
        assert not any(part.parsed.unread for part in reading.parts)
        records = [record for part in reading.parts for record in part.parsed.records]
        return sum(len(record.threads) if isinstance(record, ThreadDump) else 1 for record in records)

    return run


def with_jc(kind: str, data: bytes) -> Callable[[], int]:
    import jc  # type: ignore[import-not-found]  # noqa: PLC0415

    parse = jc.get_parser(kind).parse
    return lambda: len(parse(data.decode(), quiet=True))


def with_insights(kind: str, data: bytes) -> Callable[[], int]:
    from insights.core.context import Context  # type: ignore[import-not-found]  # noqa: PLC0415
    from insights.parsers.lsof import Lsof  # type: ignore[import-not-found]  # noqa: PLC0415
    from insights.parsers.netstat import Netstat, SsTUPNA  # type: ignore[import-not-found]  # noqa: PLC0415

    def run() -> int:
        context = Context(content=data.decode().splitlines(), path=kind, relative_path=kind)
        if kind == "netstat":
            # It keeps cells by column; rows are the cells of one.
            return len(Netstat(context).data["Active Internet connections (servers and established)"]["Proto"])
        if kind == "lsof":
            # It makes its rows while a caller's scanner looks at them.
            return sum(1 for _ in list(Lsof(context).parse(context.content)))
        return len(SsTUPNA(context))

    return run


def with_tdscope(data: bytes) -> Callable[[], int]:
    import io  # noqa: PLC0415

    from tdscope.parser import parse_lines  # type: ignore[import-not-found]  # noqa: PLC0415

    def run() -> int:
        lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="replace")
        return sum(len(dump.threads) for dump in list(parse_lines(lines)))

    return run


def measure(tool: str, kind: str, file: str) -> None:
    """Run one reading once, and print seconds, rows and peak bytes as JSON."""
    data = Path(file).read_bytes()
    run = (
        ours(data)
        if tool == "closewait"
        else with_tdscope(data)
        if tool == "tdscope"
        else with_jc(kind, data)
        if tool == "jc"
        else with_insights(kind, data)
    )
    start = time.process_time()
    rows = run()
    took = time.process_time() - start
    print(json.dumps([took, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))


class Figure(NamedTuple):
    """What one tool did with one file."""

    tool: str
    seconds: float
    rows: int
    peak: int


def process(command: Sequence[str], folder: Path) -> tuple[float, int, str]:
    """Processor seconds, peak bytes and output of a whole process."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, text=True)
    assert child.stdout
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        assert child.stderr
        raise RuntimeError(child.stderr.read().strip().splitlines()[-1])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output


def read(tools: Sequence[tuple[str, str]], kind: str, file: Path, runs: int) -> list[Figure]:
    """For each (interpreter, tool) the fastest of some readings and the largest peak. The tools take turns: all have the same weather."""
    figures: dict[str, list[tuple[float, int, int]]] = {tool: [] for _, tool in tools}
    for _ in range(runs):
        for python, tool in tools:
            try:
                figures[tool].append(json.loads(process([python, __file__, "--measure", tool, kind, str(file)], file.parent)[2]))
            except RuntimeError as error:
                print(f"{tool} fails on {file.name}: {error}", flush=True)
    return [Figure(tool, *min(found)[:2], max(one[2] for one in found)) for tool, found in figures.items() if found]


def environment(folder: str | None, temporary: Path) -> str:
    """The interpreter of an environment with the peers in it."""
    home = Path(folder) if folder else temporary / "peers"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS, "setuptools"], check=True, stderr=subprocess.DEVNULL)
    versions = subprocess.run([python, "-m", "pip", "list", "--format=json"], check=True, capture_output=True, text=True).stdout
    print("  ".join(f"{one['name']} {one['version']}" for one in json.loads(versions) if one["name"].lower() in PEERS), flush=True)
    return str(python)


def show(name: str, file: Path, rows: int, figures: Sequence[Figure]) -> None:
    """Print a block of the table; the ratio is ours to the peer's."""
    size = file.stat().st_size
    mine = figures[0]
    print(f"\n{name}  ({size / MEGA:.1f} MB)", flush=True)
    print(f"  {'':<16} {'seconds':>8} {'rows/s':>10} {'MB/s':>7} {'we: times as fast':>18} {'peak MB':>8} {'x text':>7} {'rows':>10}")
    for figure in figures:
        ratio = f"{figure.seconds / mine.seconds:.1f}" if figure is not mine else ""
        print(
            f"  {figure.tool:<16} {figure.seconds:8.2f} {rows / figure.seconds:10,.0f} {size / MEGA / figure.seconds:7.1f} {ratio:>18}"
            f" {figure.peak / MEGA:8.0f} {figure.peak / size:7.1f} {figure.rows:>10,}",
            flush=True,
        )


def main() -> None:
    """Make, measure, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, nargs="*", default=[20_000, 1_000_000])
    options.add_argument("--dumps", type=int, default=100, metavar="MB")
    options.add_argument("--peers", metavar="DIR", help="environment of the peers, made if it is not there")
    options.add_argument("--only", nargs="*", default=[*TABLES, "dumps"])
    options.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.measure:
        measure(*asked.measure)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peers = environment(asked.peers, folder)
        for title, (file, rows) in make(folder, asked.rows, asked.dumps).items():
            kind = title.partition(" ")[0]
            if kind not in asked.only:
                continue
            others = ("tdscope",) if kind == "dumps" else ("jc", "insights-core")
            figures = read(
                [(sys.executable, "closewait"), *((peers, tool) for tool in others)], kind, file, RUNS if file.stat().st_size < LARGE else 2
            )
            try:
                seconds, peak, _ = process([sys.executable, "-c", ANALYZE, str(file), "-f", "summary", "-o", "-", "-q"], folder)
                figures.append(Figure("analyze, whole", seconds, rows, peak))
            except RuntimeError as error:
                print(f"analyze fails on {title}: {error}", flush=True)
            show(title, file, rows, figures)


if __name__ == "__main__":
    main()
