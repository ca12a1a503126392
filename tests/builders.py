"""Builders that make real inputs: text as the tools print it, read through the whole intake."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from analyzer.intake.read import IntakeResult, Reading, assemble, expanded, read_one
from analyzer.judge.engine import diagnose

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis, Finding

SAMPLES = Path(__file__).parent.parent / "samples"


def evidence_of(files: dict[str, str]) -> IntakeResult:
    """Files by name → the incident."""
    return assemble("incident", [read_one(name, text.encode()) for name, text in sorted(files.items())])


def judge(evidence: IntakeResult) -> Diagnosis:
    """The diagnosis, with excerpts."""
    return diagnose(evidence.incident, lambda where: evidence.sources[where.file].excerpt(where))


def diagnosis_of(files: dict[str, str]) -> Diagnosis:
    """Files by name → the diagnosis."""
    return judge(evidence_of(files))


def values(records: object) -> object:
    """What records say: a thread and a connection are equal only to themselves."""
    return msgspec.to_builtins(records, enc_hook=repr)


NO_EVIDENCE = ("README.md", "truth.json")
"""Files of a sample that tell its cause: no test may let the tool read them."""


@cache
def readings(name: str) -> tuple[Reading, ...]:
    """The files of a sample, parsed once for all tests."""
    folder = SAMPLES / name
    files = [(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*")) if path.is_file()]
    # A capture in an archive is a stream that must be read before the next member comes: one pass over all parts.
    return tuple(read_one(*part) for file, path in files if file not in NO_EVIDENCE for part in expanded(file, path.read_bytes()))


@cache
def sample(name: str) -> Diagnosis:
    """A sample's diagnosis, made once for all tests.

    It is frozen, and any test may be the first to ask: none may do so while it changes what the tool knows.
    """
    return judge(assemble(name, readings(name)))


def sample_without(name: str, without: tuple[str, ...]) -> Diagnosis:
    """The diagnosis of what is left of a sample without files whose name (in an archive: ``archive/member``) begins with one of ``without``."""
    return judge(assemble(name, [reading for reading in readings(name) if not reading.file.startswith(without)]))


def found(diagnosis: Diagnosis, rule: str) -> list[Finding]:
    """The findings of one rule."""
    return [finding for finding in diagnosis.findings if finding.rule == rule]


def netstat(*rows: str) -> str:
    """A table of ``netstat -tanp``. A row is ``"1 10.0.0.1:8080 10.0.0.9:4001 CLOSE_WAIT 77/java"`` (Recv-Q first)."""
    lines = [
        "Active Internet connections (servers and established)",
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name",
    ]
    for row in rows:
        recv, local, remote, state, owner = row.split()
        lines.append(f"tcp6  {recv:>6}      0 {local:<23} {remote:<23} {state:<11} {owner}")
    return "\n".join(lines) + "\n"


def thread(name: str, state: str, *stack: str, nid: int = 0x100, native: str = "waiting on condition") -> str:
    """A thread as jstack prints it; ``stack`` has frames (``pkg.Cls.method``) and lock lines (``- locked <0x1> (a X)``)."""
    lines = [
        f'"{name}" #9 daemon prio=5 os_prio=0 tid=0x00007f0000000000 nid={nid:#x} {native}  [0x00007f1000000000]',
        f"   java.lang.Thread.State: {state}",
    ]
    for number, entry in enumerate(stack, start=10):
        if entry.startswith("- "):
            lines.append(f"\t{entry}")
        else:
            cls = entry.rpartition(".")[0].rpartition(".")[2].partition("$")[0]
            lines.append(f"\tat {entry}({cls}.java:{number})")
    return "\n".join(lines) + "\n"


def dump(*threads: str, time: str = "2026-01-02 03:04:05", complete: bool = True) -> str:
    """A whole thread dump."""
    head = f"{time}\nFull thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):\n\n"
    return head + "\n".join(threads) + ("\nJNI global refs: 14, weak refs: 0\n" if complete else "")


PARK = ("jdk.internal.misc.Unsafe.park", "java.util.concurrent.locks.LockSupport.park")
SERVED = ("org.apache.coyote.http11.Http11Processor.service", "org.apache.tomcat.util.net.SocketProcessorBase.run", "java.lang.Thread.run")
WORKER = ("java.util.concurrent.FutureTask.run", "java.util.concurrent.ThreadPoolExecutor.runWorker", "java.lang.Thread.run")
READ = ("sun.nio.ch.SocketDispatcher.read0", "sun.nio.ch.NioSocketImpl.read", "sun.net.www.http.HttpClient.parseHTTP")


def waiting_for_future(count: int, port: int = 8080, app: str = "com.example.shop.Search.all") -> list[str]:
    """Request threads of Tomcat in FutureTask.get."""
    return [
        thread(
            f"http-nio-{port}-exec-{n}",
            "WAITING (parking)",
            *PARK,
            "java.util.concurrent.FutureTask.awaitDone",
            "java.util.concurrent.FutureTask.get",
            app,
            *SERVED,
        )
        for n in range(1, count + 1)
    ]


def helpers_reading(count: int, app: str = "com.example.shop.Search.lambda$all$0", name: str = "pool-1-thread") -> list[str]:
    """Helper threads that read an HTTP answer."""
    return [thread(f"{name}-{n}", "RUNNABLE", *READ, app, *WORKER, native="runnable") for n in range(1, count + 1)]


def idle_exec(count: int, port: int = 8080, first: int = 1) -> list[str]:
    """Request threads of Tomcat that wait for work."""
    return [
        thread(
            f"http-nio-{port}-exec-{n}",
            "WAITING (parking)",
            *PARK,
            "java.util.concurrent.LinkedBlockingQueue.take",
            "org.apache.tomcat.util.threads.TaskQueue.take",
            "java.util.concurrent.ThreadPoolExecutor.getTask",
            "java.lang.Thread.run",
        )
        for n in range(first, first + count)
    ]
