"""Javacores of OpenJ9, written after its documentation."""

from __future__ import annotations

import pytest

from parsers import recognise, sections
from parsers.records import DeadlockEntry, JavaState, LockVerb, Parsed, ThreadDump
from parsers.text.source import Section, Source
from parsers.threads import javacore

TITLE = """\
NULL           ------------------------------------------------------------------------
0SECTION       TITLE subcomponent dump routine
NULL           ===============================
1TIDATETIMEUTC Date: 2021/09/29 at 14:12:40:123 (UTC)
1TIDATETIME    Date: 2021/09/29 at 15:12:40:123
1CIJAVAVERSION JRE 11 Linux amd64-64 (build 11.0.12+7)
1CIPROCESSID   Process ID: 29409 (0x72E1)
2XMFULLTHDDUMP Full thread dump OpenJ9 VM (JRE 11 Linux amd64-64 build, native threads):
"""
OWNER = """\
3XMTHREADINFO      "worker-2" J9VMThread:0x0000000000012200, omrthread_t:0x00007FF4F022A520, java/lang/Thread:0x00000000FFE26F50, state:CW, prio=5
3XMJAVALTHREAD            (java/lang/Thread getId:0x22, isDaemon:false)
3XMTHREADINFO1            (native thread ID:0x765B, native priority:0x5, native policy:UNKNOWN, vmstate:CW, vm thread flags:0x00080181)
3XMCPUTIME               CPU usage total: 12.470131900 secs, user: 12.0 secs, system: 0.4 secs, current category="Application"
3XMTHREADINFO3           Java callstack:
4XESTACKTRACE                at java/lang/Thread.sleepImpl(Native Method)
4XESTACKTRACE                at com/acme/Cache.get(Cache.java:10(Compiled Code))
5XESTACKTRACE                   (entered lock: com/acme/Cache@0x00000000F0001000, entry count: 1)
3XMTHREADINFO3           Native callstack:
4XENATIVESTACK               (0x00007F0001000000 [libj9prt29.so+0x1])
NULL
"""
WAITER = """\
3XMTHREADINFO      "Default Executor-thread-2" J9VMThread:0x0000000000FD0100, omrthread_t:0x00007FF4F022A520, java/lang/Thread:0x00000000FFE26F40, state:B, prio=5
3XMJAVALTHREAD            (java/lang/Thread getId:0x21, isDaemon:true)
3XMTHREADINFO1            (native thread ID:0x765A, native priority:0x5, native policy:UNKNOWN, vmstate:B, vm thread flags:0x00080181)
3XMTHREADBLOCK     Blocked on: com/acme/Cache@0x00000000F0001000 Owned by: "worker-2" (J9VMThread:0x0000000000012200, java/lang/Thread:0x00000000FFE26F50)
3XMTHREADINFO3           Java callstack:
4XESTACKTRACE                at com/acme/Cache.get(Cache.java:10)
"""


def parse(text: str) -> Parsed:
    section = Section("javacore.txt", 1, text.split("\n"))
    parsed = javacore.parse(section)
    assert parsed.read + sum(gap.lines for gap in parsed.unread) == section.nonblank
    return parsed


def dump(text: str) -> ThreadDump:
    parsed = parse(text)
    assert parsed.unread == ()
    (only,) = (record for record in parsed.records if isinstance(record, ThreadDump))
    return only


def test_a_whole_javacore() -> None:
    found = dump(TITLE + "1XMTHDINFO     Thread Details\n" + WAITER + OWNER + "NULL           ---------------------- END OF DUMP ----\n")
    assert (found.time, found.pid, found.complete, found.fragment) == ("2021-09-29T15:12:40", 29409, True, False)
    waiter, owner = found.threads
    assert (waiter.name, waiter.java_id, waiter.native_id, waiter.daemon, waiter.state) == (
        "Default Executor-thread-2",
        0x21,
        0x765A,
        True,
        JavaState.BLOCKED,
    )
    assert [(lock.verb, lock.address, lock.cls, lock.depth, lock.owner) for lock in waiter.locks] == [
        (LockVerb.WAITING_TO_LOCK, "0x00000000f0001000", "com.acme.Cache", 0, 0x22)
    ]
    assert owner.cpu == pytest.approx(12.4701319)
    assert [str(frame) for frame in owner.frames] == ["java.lang.Thread.sleepImpl(Native Method)", "com.acme.Cache.get(Cache.java:10)"]
    assert [(lock.verb, lock.address, lock.depth) for lock in owner.locks] == [(LockVerb.LOCKED, "0x00000000f0001000", 1)]


def test_cw_is_every_wait_and_sleep_is_told_by_its_frame() -> None:
    assert dump(OWNER).threads[0].state is JavaState.TIMED_WAITING
    assert dump(OWNER.replace("Thread.sleepImpl", "Object.wait")).threads[0].state is JavaState.WAITING


@pytest.mark.parametrize("owned", ["Owned by: <unowned>", 'Owned by: <unowned> Initializing thread: "x"', "Owned by: <unknown>", ""])
def test_waiting_for_what_nobody_owns(owned: str) -> None:
    found = dump(OWNER + f"3XMTHREADBLOCK     Waiting on: java/lang/ref/ReferenceQueue@0x00000000FFE26A10 {owned}\n")
    assert [(lock.verb, lock.owner) for lock in found.threads[0].locks][-1] == (LockVerb.WAITING_ON, None)


def test_parked_on_nothing_that_is_known() -> None:
    assert dump(WAITER.replace("Blocked on: com/acme/Cache@0x00000000F0001000", "Parked on: <unknown>")).threads[0].locks == ()


def test_the_current_thread_comes_twice_and_counts_once() -> None:
    found = dump(TITLE + "1XMCURTHDINFO  Current thread\n" + OWNER + "1XMTHDINFO     Thread Details\n" + OWNER + WAITER)
    assert [one.name for one in found.threads] == ["worker-2", "Default Executor-thread-2"]
    assert found.threads[1].locks[0].owner == 0x22


def test_deadlock() -> None:
    found = dump(
        TITLE
        + """\
1LKDEADLOCK    Deadlock detected !!!
NULL           ---------------------
2LKDEADLOCKTHR  Thread "Deadlock Thread 0" (0x00007F5E8435BD00)
3LKDEADLOCKWTR    is waiting for:
4LKDEADLOCKMON      sys_mon_t:0x00007F5E24013F10 infl_mon_t: 0x00007F5E24013F88:
4LKDEADLOCKOBJ      java/lang/String@0x00007F5E5E18E3D8
3LKDEADLOCKOWN    which is owned by:
2LKDEADLOCKTHR  Thread "Deadlock Thread 1" (0x00007F5E84362100)
3LKDEADLOCKWTR    which is waiting for:
4LKDEADLOCKOBJ      java/util/concurrent/locks/ReentrantLock$NonfairSync@0x00007F5E7E1464F0
3LKDEADLOCKOWN    which is owned by:
2LKDEADLOCKTHR  Thread "Deadlock Thread 0" (0x00007F5E8435BD00)
"""
    )
    assert [one.entries for one in found.deadlocks] == [
        (
            DeadlockEntry("Deadlock Thread 0", "0x00007f5e5e18e3d8", "java.lang.String", "Deadlock Thread 1"),
            DeadlockEntry(
                "Deadlock Thread 1",
                "0x00007f5e7e1464f0",
                "java.util.concurrent.locks.ReentrantLock$NonfairSync",
                "Deadlock Thread 0",
            ),
        )
    ]


def test_its_header_line_is_not_hotspots() -> None:
    (section,) = sections(Source("javacore.txt", (TITLE + WAITER).encode()))
    assert recognise(section) is javacore


def test_two_javacores_are_two_sections() -> None:
    assert [section.first for section in sections(Source("x", (TITLE + TITLE).encode()))] == [1, 9]


def test_a_line_without_tag_is_unread() -> None:
    assert [gap.where.first for gap in parse(WAITER + "something else\n").unread] == [7]
