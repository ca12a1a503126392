"""Workers of a server that forks for each request: a debugger shows the wait for a lock that nobody in the child holds."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Severity
from tests.builders import diagnosis_of, found, netstat

PIDS = (71, 72, 73, 74)
BELOW = (
    "    BaseRequestHandler.__init__ (socketserver.py:755)\n    BaseServer.finish_request (socketserver.py:361)\n"
    "    ForkingMixIn.process_request (socketserver.py:624)\n    <module> (granary.py:30)\n"
)
STANDS = "    tally (granary.py:12)\n    Sack.handle (granary.py:20)\n"
WAITS = "    wait (threading.py:320)\n    tally (granary.py:12)\n"
THREADED = BELOW.replace("ForkingMixIn.process_request", "ThreadingMixIn.process_request_thread")
EVER = ("do_futex_wait", "__new_sem_wait_slow64", "__new_sem_wait", "PyThread_acquire_lock_timed", "lock_PyThread_acquire_lock")
TIMED = ("do_futex_wait", "__new_sem_timedwait_slow", "sem_timedwait", "PyThread_acquire_lock_timed", "lock_PyThread_acquire_lock")
OTHER = ("__poll", "poll", "poll_select", "cfunction_call", "_PyEval_EvalFrameDefault")


def pyspy(pid: int, stands: str = STANDS, below: str = BELOW, *, threads: int = 1) -> str:
    more = 'Thread 99 (idle): "sower"\n    sow (granary.py:5)\n' if threads > 1 else ""
    return f'Process {pid}: /usr/bin/python3 granary.py\n\nThread {pid} (idle): "MainThread"\n{stands}{below}{more}'


def gdb(pid: int, frames: tuple[str, ...] = EVER) -> str:
    rows = "".join(f"#{at}  0x00007f79506a3f{at:02x} in {name} () at x.c:{at + 9}\n" for at, name in enumerate(frames))
    return f"{rows}[Inferior 1 (process {pid}) detached]\n"


def table() -> str:
    return netstat(
        "5 127.0.0.1:8766 0.0.0.0:* LISTEN 70/python3",
        *(f"0 127.0.0.1:8766 127.0.0.1:45{pid}1 ESTABLISHED {pid}/python3" for pid in PIDS),
        *(f"9 127.0.0.1:8766 127.0.0.1:4600{at} ESTABLISHED -" for at in range(5)),
    )


def files(**other: str) -> dict[str, str]:
    dumps = {f"pyspy-{pid}.txt": pyspy(pid) for pid in PIDS}
    return {
        "netstat.txt": table(),
        **dumps,
        "gdb-73.txt": gdb(73),
        **{name.replace("_", "-") + ".txt": text for name, text in other.items()},
    }


def test_a_worker_that_waits_alone_for_a_lock_of_the_interpreter_waits_for_ever() -> None:
    diagnosis = diagnosis_of(files())
    (finding,) = found(diagnosis, "lock-convoy")
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert "“MainThread (73)”, the only thread of process 73, waits for a lock" in finding.headline
    assert "The stacks of 3 other processes of the same server are the same." in finding.explanation
    assert diagnosis.verdict.rule == "lock-convoy"


def test_workers_that_stand_elsewhere_are_not_counted_to_it() -> None:
    (finding,) = found(diagnosis_of(files(pyspy_71=pyspy(71, "    grind (granary.py:44)\n"))), "lock-convoy")
    assert "2 other processes" in finding.explanation
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "other",
    [
        {"gdb_73": gdb(73, OTHER)},
        {"gdb_73": gdb(73, TIMED)},
        {"gdb_73": gdb(88)},
        {"gdb_73": f"Thread 2 (LWP 75):\n#0  0x00007f79506a3f00 in poll () at x.c:4\n\nThread 1 (LWP 73):\n{gdb(73)}"},
        {"pyspy_73": pyspy(73, WAITS)},
        {"pyspy_73": pyspy(73, below=THREADED)},
    ],
    ids=["no lock", "a time limit", "another process", "two threads", "a wait for another thread", "no fork"],
)
def test_what_else_looks_so_is_no_lock_of_a_fork(other: dict[str, str]) -> None:
    assert not any("only thread of process" in one.headline for one in found(diagnosis_of(files(**other)), "lock-convoy"))
