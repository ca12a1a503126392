"""The only event loop of a native program that computes while connections wait to be accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.model.finding import Confidence, Severity
from tests.builders import diagnosis_of, found

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

HEAD = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
SCRIPT = ("?? ()", "lua_pcall ()", "luaCallFunction ()", "evalGenericCommand ()", "call ()", "processCommand ()", "?? ()", "aeMain ()")
SORT = ("?? ()", "tally_sort ()", "on_request ()", "event_base_loop ()", "main ()")
REST = ("epoll_wait (epfd=7, events=0x55d0, maxevents=64, timeout=100)", "?? ()", "aeMain ()")


def stack(*frames: str) -> str:
    rows = "".join(f"#{at}  0x00005615b88{at:02x}3d1 in {frame}\n" for at, frame in enumerate(frames))
    return f'Thread 1 (Thread 0x7fa80f8a2240 (LWP 61) "storage"):\n{rows}[Inferior 1 (process 61) detached]\n'


def table(queued: int) -> str:
    listens = 'LISTEN 8 511 127.0.0.1:7401 0.0.0.0:* users:(("storage",pid=61,fd=6))\n'
    held = 'ESTAB 31 0 127.0.0.1:7401 127.0.0.1:41000 users:(("storage",pid=61,fd=9))\n'
    return HEAD + listens + held + "".join(f"ESTAB 22 0 127.0.0.1:7401 127.0.0.1:{42000 + at}\n" for at in range(queued))


def told(queued: int, *frames: str) -> Diagnosis:
    return diagnosis_of({"gdb.txt": stack(*frames), "ss.txt": table(queued)})


def test_a_script_that_keeps_the_loop_is_named_and_can_be_ended() -> None:
    diagnosis = told(8, *SCRIPT)
    (finding,) = found(diagnosis, "event-loop-blocked")
    assert finding.headline == "The only event loop of storage is busy in lua_pcall: all its connections stand still."
    assert "redis-cli -p 7401 SCRIPT KILL; redis-cli -p 7401 CLIENT LIST" in [one.command for one in finding.actions]
    assert all(one.consequence_of == finding.id for one in found(diagnosis, "acceptor-stalled"))


def test_other_work_is_told_without_advice_about_scripts() -> None:
    (finding,) = found(told(8, *SORT), "event-loop-blocked")
    assert "tally_sort" in finding.headline
    assert not any("SCRIPT" in (one.command or "") for one in finding.actions)
    assert any("worker pool" in one.text for one in finding.actions)


@pytest.mark.parametrize(("queued", "frames"), [(2, SCRIPT), (8, REST)], ids=["nobody waits", "the loop waits for events"])
def test_a_loop_that_computes_for_a_moment_and_one_at_rest_are_no_finding(queued: int, frames: tuple[str, ...]) -> None:
    assert not found(told(queued, *frames), "event-loop-blocked")


ASYNCIO = """    Handle._run (asyncio/events.py:80)
    BaseEventLoop._run_once (asyncio/base_events.py:1922)
    BaseEventLoop.run_forever (asyncio/base_events.py:607)
    Runner.run (asyncio/runners.py:118)
    <module> (kiln.py:31)
"""
UVLOOP = "    Runner.run (asyncio/runners.py:118)\n    run (asyncio/runners.py:190)\n    <module> (kiln.py:31)\n"
GREENLET = "    handle (gevent/pywsgi.py:1211)\n    _handle_and_close_when_done (gevent/baseserver.py:34)\n"
WORK = "    glaze (kiln.py:14)\n    answer (kiln.py:22)\n"
SECOND = 'Thread 72 (active+gil): "sifter"\n    sift (kiln.py:51)\n    Thread.run (threading.py:982)\n'
OWNED = 'LISTEN {queued} 100 127.0.0.1:7402 0.0.0.0:* users:(("python3",pid=71,fd=6))\n'


def pyspy(state: str, *frames: str) -> str:
    return f'Process 71: /usr/bin/python3 kiln.py\nPython v3.11.7 (/usr/bin/python3.11)\n\nThread 71 ({state}): "MainThread"\n' + "".join(
        frames
    )


def clients(queued: int, *, gone: int = 0, first: int = 43000) -> str:
    rows = (f"{'CLOSE-WAIT' if at < gone else 'ESTAB'} 77 0 127.0.0.1:7402 127.0.0.1:{first + at}\n" for at in range(queued))
    return HEAD + OWNED.format(queued=queued) + "".join(rows)


@pytest.mark.parametrize("below", [ASYNCIO, UVLOOP, GREENLET], ids=["asyncio", "uvloop", "gevent"])
def test_an_active_thread_above_the_only_loop_of_python_keeps_it_while_clients_wait(below: str) -> None:
    (finding,) = found(diagnosis_of({"pyspy.txt": pyspy("active", WORK, below), "ss.txt": clients(8)}), "event-loop-blocked")
    assert "is busy in kiln.glaze" in finding.headline
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.SUSPECTED)
    assert "does not show whether the loop computes or waits in C" in finding.explanation
    assert any("py-spy dump --native --pid 71" in (one.command or "") for one in finding.actions)


def test_clients_that_gave_up_a_queue_that_stays_and_a_stack_that_stays_make_it_surer() -> None:
    stack, moved = pyspy("active", WORK, ASYNCIO), pyspy("active", "    bake (kiln.py:40)\n", ASYNCIO)
    gave_up = {"pyspy.txt": stack, "ss.txt": clients(8, gone=4)}
    stood = {"pyspy_1.txt": stack, "pyspy_2.txt": stack, "ss_1.txt": clients(8), "ss_2.txt": clients(8, first=44000)}
    queued = {"pyspy_1.txt": moved, "pyspy_2.txt": stack, "ss_1.txt": clients(8), "ss_2.txt": clients(9)}
    for files in (gave_up, stood, queued):
        (finding,) = found(diagnosis_of(files), "event-loop-blocked")
        assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY), files
    (finding,) = found(diagnosis_of({**queued, "ss_2.txt": clients(9, first=44000)}), "event-loop-blocked")
    assert finding.confidence is Confidence.SUSPECTED


def test_who_has_the_interpreters_lock_computes_for_certain() -> None:
    (finding,) = found(diagnosis_of({"pyspy.txt": pyspy("active+gil", WORK, ASYNCIO), "ss.txt": clients(8)}), "event-loop-blocked")
    assert "waits in C" not in finding.explanation


@pytest.mark.parametrize(
    ("dump", "queued"),
    [
        (pyspy("active", WORK, ASYNCIO), 2),
        (pyspy("idle", "    select (selectors.py:468)\n", ASYNCIO), 8),
        (pyspy("active", ASYNCIO), 8),
        (pyspy("idle", UVLOOP), 8),
        (pyspy("active", WORK, "    <module> (kiln.py:31)\n"), 8),
        (pyspy("active", WORK, ASYNCIO) + SECOND, 8),
        (pyspy("active", WORK, ASYNCIO) + 'Thread 73 (idle): "second"\n    select (selectors.py:468)\n' + ASYNCIO, 8),
    ],
    ids=["nobody waits", "waits for events", "its own code", "uvloop at rest", "no loop", "another has the lock", "another loop"],
)
def test_a_loop_of_python_that_is_not_seen_to_be_kept_is_no_finding(dump: str, queued: int) -> None:
    assert not found(diagnosis_of({"pyspy.txt": dump, "ss.txt": clients(queued)}), "event-loop-blocked")
