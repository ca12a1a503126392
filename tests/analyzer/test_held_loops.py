"""The only event loop of a native program that computes while connections wait to be accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
