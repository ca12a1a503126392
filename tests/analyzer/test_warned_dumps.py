"""A server's own warning that stands above a piece of a dump, and a watch inside a program that found it late."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of, found

WARNING = '[6/12/23 14:21:40:118 CEST] 0000003e ThreadMonitor W   WSVR0605W: Thread "Quay : 3" (000000b1) has been active for 611702 milliseconds and may be hung.  There is/are 12 thread(s) in total in the server that may be hung.\n'
LOCKS = """2LKMONINUSE      sys_mon_t:0x0000010024A1B0F8 infl_mon_t: 0x0000010024A1B170:
3LKMONOBJECT       net/quay/Ledger@0x0700000040A1C318: owner "Quay : 14" (J9VMThread:0x0000000031D5E500), entry count 1
3LKWAITERQ            Waiting to enter:
3LKWAITER                "Quay : 3" (J9VMThread:0x0000000031C11A00)
3LKWAITER                "Quay : 5" (J9VMThread:0x0000000031C13F00)
3LKWAITER                "Quay : 7" (J9VMThread:0x0000000031EE0700)
3XMTHREADINFO      "Quay : 14" J9VMThread:0x0000000031D5E500, omrthread_t:0x000001001C3D8A20, java/lang/Thread:0x07000000404C1D10, state:R, prio=5
3XMTHREADINFO1            (native thread ID:0x2A50193, native priority:0x5, native policy:UNKNOWN, vmstate:CW, vm thread flags:0x00000001)
3XMTHREADINFO3           Java callstack:
4XESTACKTRACE                at java/net/PlainSocketImpl.socketConnect(Native Method)
4XESTACKTRACE                at java/net/Socket.connect(Socket.java:666(Compiled Code))
4XESTACKTRACE                at net/quay/Ledger.post(Ledger.java:61)
"""


@pytest.mark.parametrize("text", [f"{WARNING}\n{LOCKS}", f"{LOCKS}\n{WARNING}", LOCKS], ids=["above", "below", "without"])
def test_a_warning_hides_nothing_of_the_dump_that_it_stands_beside(text: str) -> None:
    (finding,) = found(diagnosis_of({"post.txt": f"It hangs.\n\n{text}"}), "lock-convoy")
    assert "“Quay : 14” holds it while it waits for a connection to be made" in finding.headline


def late(seconds: str, said: str = "Thread starvation or clock leap detected") -> str:
    return f"02:31:17.809 WARN  [QuayPool-1 housekeeper] c.z.hikari.pool.HikariPool - QuayPool-1 - {said} (housekeeper delta={seconds}).\n"


def test_a_watch_that_ran_late_tells_of_a_pause_with_what_else_makes_one() -> None:
    (finding,) = found(diagnosis_of({"app.log": f"02:30:14.118 INFO  [sched-1] tick\n{late('1m28s690ms')}"}), "gc-thrash")
    assert finding.confidence is Confidence.SUSPECTED
    assert "88 s" in finding.headline
    assert "a virtual machine that its host stops" in finding.explanation
    assert finding.outlook
    assert finding.outlook.heals.value == "unknown"


def test_milliseconds_of_a_longer_time_are_no_wait_for_a_thread() -> None:
    assert not found(diagnosis_of({"app.log": late("12s690ms")}), "pool-stuck")
    starved = late("0.9 s", "Thread starvation detected").replace("(housekeeper delta=0.9 s)", "after 900 ms")
    assert found(diagnosis_of({"app.log": starved}), "pool-stuck")
