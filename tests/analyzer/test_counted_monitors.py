"""The owner of a monitor that blocks on a task, while a table counts those who wait for the monitor: the lock is the story, with a full pool or without."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding
from tests.builders import diagnosis_of

POOL = "> threadpool\nUsing the Portable thread pool.\n\nCPU utilization:  3%\nWorkers Total:    22\nWorkers Running:  22\nWorkers Idle:     {idle}\nWorker Min Limit: 4\n\n"
BLOCKS = """> syncblk
Index         SyncBlock MonitorHeld Recursion Owning Thread Info          SyncBlock Owner
   18 00007F1B3C0A5E28           {held}         1 00007F1B5000D2A0 2b10  17   00007f1c0a12f8d0 Mill.Silo
-----------------------------
Total           90
"""
OWNER = """> clrstack
OS Thread Id: 0x2b10 (17)
        Child SP               IP Call Site
00007F1AE77FD2D0 00007f1c9a4b2a7f [HelperMethodFrame_1OBJ: 00007f1ae77fd2d0] System.Threading.Monitor.ObjWait(Int32, System.Object)
00007F1AE77FD400 00007F1C20D1A3C2 System.Threading.ManualResetEventSlim.Wait(Int32, System.Threading.CancellationToken)
00007F1AE77FD490 00007F1C20D2F1A5 System.Threading.Tasks.Task.SpinThenBlockingWait(Int32, System.Threading.CancellationToken)
00007F1AE77FD4F0 00007F1C20D2EF31 System.Threading.Tasks.Task.InternalWaitCore(Int32, System.Threading.CancellationToken)
00007F1AE77FD590 00007F1C21B0C8FA Mill.Silo.Refill() [/src/Silo.cs @ 71]
"""
WAITER = """> clrstack
OS Thread Id: 0x2b0c (12)
        Child SP               IP Call Site
00007F1AEB7FD418 00007f1c9a4b2a7f [HelperMethodFrame_1OBJ: 00007f1aeb7fd418] System.Threading.Monitor.ReliableEnter(System.Object, Boolean ByRef)
00007F1AEB7FD570 00007F1C21B0C36E Mill.Silo.Take(System.String) [/src/Silo.cs @ 30]
"""


def findings(held: int, idle: int = 0, waiter: str = WAITER) -> list[Finding]:
    text = f"It stops:\n\n```\n{POOL.format(idle=idle)}{BLOCKS.format(held=held)}{OWNER}{waiter}```\n"
    return list(diagnosis_of({"post.md": text}).findings)


@pytest.mark.parametrize("idle", [0, 5])
def test_the_owner_of_a_monitor_with_many_waiters_leads(idle: int) -> None:
    first, *others = findings(41, idle)
    assert first.rule == "lock-convoy"
    assert "holds it while it waits for a result" in first.headline
    assert "counts 20 threads that wait for the lock" in first.explanation
    assert first.confidence is Confidence.LIKELY
    assert all(one.rule != "sync-over-async" for one in others)


def test_one_waiter_is_an_ordinary_moment_of_a_lock() -> None:
    assert any(one.rule == "sync-over-async" for one in findings(3))
    assert all("The table of monitors counts" not in one.explanation for one in findings(3))


def test_a_table_of_the_pool_names_no_task_that_waited() -> None:
    told = " ".join(f"{one.explanation} {[evidence.says for evidence in one.evidence]}" for one in findings(3))
    assert "no thread of the pool is idle" in told
    assert "a task waited long" not in told
