"""How fast captures are read: this kernel beside tshark, tcptrace, softflowd, dpkt, scapy and a C program, on the same files, in one run.

    python benchmarks/capture.py            2.5 million packets of 52,000 flows: 2.3 GB whole, 260 MB cut to 96 octets; some minutes
    python benchmarks/capture.py --quick    a twentieth of that

The traffic is made by ``tests/parsers/capture/traffic.py``, which knows the truth about every flow; the run begins by comparing. The C program
is written out and compiled here: it walks the same records and keeps the same numbers in a table of its own, and is the limit to compare with.
Peers that are not installed are left out with the reason (Debian: tshark tcptrace softflowd gcc; pip: dpkt). Files go to a folder outside the
checkout: ``--folder``, or a temporary one.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parsers.capture import reader, stream  # noqa: E402
from parsers.capture.kernel import Walker  # noqa: E402
from tests.parsers.capture import traffic  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parsers.capture.traffic import Truth

FLOWS, SEGMENTS = 50_000, 31
RUNS = 5
KERNEL = "kernel, in process"
SCAPY_PACKETS = 20_000  # scapy needs minutes for the whole file; a piece tells its rate

LIMIT = Path(__file__).with_name("capture_limit.c")
DPKT = """
import sys, dpkt
flows = {}
for time, data in dpkt.pcap.Reader(open(sys.argv[1], "rb")):
    ip = dpkt.ethernet.Ethernet(data).data
    tcp = getattr(ip, "data", None)
    if isinstance(tcp, dpkt.tcp.TCP):
        key = (ip.src, ip.dst, tcp.sport, tcp.dport)
        count, octets = flows.get(key, (0, 0))
        flows[key] = count + 1, octets + len(tcp.data)
"""
SCAPY = """
import sys
from scapy.config import conf
conf.route_autoload = conf.route6_autoload = False
from scapy.layers.inet import TCP
from scapy.utils import PcapReader
import scapy.layers.inet6, scapy.layers.l2
flows = {}
for number, packet in enumerate(PcapReader(sys.argv[1])):
    if number >= int(sys.argv[2]):
        break
    if TCP in packet:
        key = packet.src, packet.dst, packet[TCP].sport, packet[TCP].dport
        flows[key] = flows.get(key, 0) + 1
"""
LAUNCHER = """
import resource, subprocess, sys, time
before = time.perf_counter()
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(time.perf_counter() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, code)
"""
OURS = "import sys; sys.path.insert(0, sys.argv[2]); from parsers.capture import reader; reader.read('x', open(sys.argv[1], 'rb', buffering=0))"
BARE = (
    "import sys; sys.path.insert(0, sys.argv[2]); from parsers.capture import kernel, stream;"
    "stream.pump(open(sys.argv[1], 'rb', buffering=0), kernel.Walker(200000), hashed=0)"
)


class Figure(NamedTuple):
    """Seconds, peak memory in MB (of a process of its own), and a remark."""

    seconds: float
    memory: float | None
    remark: str = ""


def process(command: list[str], scale: float = 1.0, remark: str = "") -> Figure:
    """A whole process: wall time and peak memory. A small process starts it: a child forked from this one would count this one's memory."""
    said = subprocess.run([sys.executable, "-S", "-c", LAUNCHER, *command], capture_output=True, text=True, check=True).stdout.split()
    if said[2] != "0":
        return Figure(float("nan"), None, f"failed with {said[2]}")
    return Figure(float(said[0]) * scale, int(said[1]) / 1024, remark)


def kernel(path: Path) -> Figure:
    """The kernel in this process: from the open file to the last row of its table, without hashing."""
    form = "interpreted" if Walker.__module__.endswith("walker") else "compiled"
    before = time.perf_counter()
    walked = Walker(reader.MOST_FLOWS)
    with path.open("rb", buffering=0) as file:
        stream.pump(file, walked, hashed=0)
    return Figure(time.perf_counter() - before, None, form)


def limit(folder: Path) -> Path | str:
    """The compiled C program, or why there is none."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return "no C compiler"
    program = folder / "capture_limit"
    subprocess.run([compiler, "-O3", "-o", str(program), str(LIMIT)], check=True)
    return program


def check(path: Path, truths: list[Truth]) -> str:
    """Compare every flow with the truth; how they differ."""
    with path.open("rb", buffering=0) as file:
        capture = reader.read(path.name, file).capture
    wrong = again = found_again = 0
    if len(capture.flows) != len(truths):
        return f"{len(capture.flows):,} flows instead of {len(truths):,}"
    for flow, truth in zip(capture.flows, truths, strict=True):
        sides = (flow.by_client, truth.sides["client"]), (flow.by_server, truth.sides["server"])
        again += sum(end.retransmitted for _, end in sides)
        found_again += sum(sent.retransmitted for sent, _ in sides)
        same = all(
            (sent.segments, sent.octets, sent.zero_windows, sent.fin and sent.fin.packet, sent.rst and sent.rst.packet)
            == (end.segments, end.octets, end.zero_windows, end.fin, end.rst)
            for sent, end in sides
        )
        answered = (flow.unanswered is not None) == truth.unanswered
        closed = (flow.closed_first, flow.half_closed is not None) == (truth.closed_first, truth.half_closed)
        wrong += not (same and answered and closed)
    return f"{wrong:,} of {len(truths):,} flows differ; {found_again:,} of {again:,} retransmissions"


def contestants(path: Path, folder: Path, packets: int) -> dict[str, tuple[int, Callable[[], Figure]] | str]:
    """Everybody's rounds and how to run one, or why they do not take part."""
    file, root, program, piece = str(path), str(ROOT), limit(folder), min(SCAPY_PACKETS, packets)

    def tool(rounds: int, *command: str) -> tuple[int, Callable[[], Figure]] | str:
        return (rounds, lambda: process(list(command))) if shutil.which(command[0]) else "not installed"

    def library(name: str, script: str, *more: str, scale: float = 1.0, remark: str = "") -> tuple[int, Callable[[], Figure]] | str:
        command = [sys.executable, "-c", script, file, *more]
        return (1, lambda: process(command, scale, remark)) if importlib.util.find_spec(name) else "not installed"

    return {
        KERNEL: (RUNS, lambda: kernel(path)),
        "C: records, fields, table": program if isinstance(program, str) else tool(RUNS, str(program), file),
        "kernel, whole process": (RUNS, lambda: process([sys.executable, "-c", BARE, file, root])),
        "reader with SHA-256, whole process": (RUNS, lambda: process([sys.executable, "-c", OURS, file, root])),
        "softflowd": tool(RUNS, "softflowd", "-d", "-r", file, "-c", "none"),
        "tcptrace -l -n": tool(1, "tcptrace", "-l", "-n", file),
        "tshark -n -q -z conv,tcp": tool(1, "tshark", "-n", "-q", "-z", "conv,tcp", "-r", file),
        "dpkt": library("dpkt", DPKT),
        "scapy": library("scapy", SCAPY, str(piece), scale=packets / piece, remark=f"from {piece:,} packets"),
    }


def show(path: Path, packets: int, folder: Path) -> None:
    """One file: everybody's best round, taken in turns, and how many times as long as the kernel's it is."""
    print(f"\n{path.name}: {path.stat().st_size / 1e6:,.0f} MB, {packets:,} packets; best of {RUNS} rounds (slow ones: 1)", flush=True)
    path.read_bytes()  # everybody finds it in memory
    entered = contestants(path, folder, packets)
    best: dict[str, Figure] = {}
    for turn in range(RUNS):
        for name, entry in entered.items():
            if not isinstance(entry, str) and turn < entry[0]:
                figure = entry[1]()
                best[name] = min(best.get(name, figure), figure)
    for name, entry in entered.items():
        if isinstance(entry, str):
            print(f"  {name:<36} {entry}")
            continue
        figure = best[name]
        memory = "" if figure.memory is None else f"{figure.memory:.0f} MB"
        print(
            f"  {name:<36} {figure.seconds:8.3f} s {figure.seconds / best[KERNEL].seconds:8.2f} × {memory:>10}  {figure.remark}", flush=True
        )


def main() -> None:
    """Make the captures, compare with the truth, print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="a twentieth of the flows")
    arguments.add_argument("--folder", type=Path, help="where the captures are made, and kept")
    chosen = arguments.parse_args()
    flows = FLOWS // 20 if chosen.quick else FLOWS
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, snap in (("whole.pcap", 262_144), ("snaplen-96.pcap", 96)):
            path = folder / name
            with path.open("wb") as file:
                truths = traffic.write(file, flows, SEGMENTS, snap=snap)
            packets = sum(end.segments for truth in truths for end in truth.sides.values())
            print(f"{name} against the truth: {check(path, truths)}")
            truths.clear()  # the collector would walk them while the kernel runs
            gc.collect()
            show(path, packets, folder)


if __name__ == "__main__":
    main()
