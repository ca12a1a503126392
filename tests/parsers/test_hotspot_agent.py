"""jhsdb jstack and jstack -F: what the serviceability agent reads out of a VM that does not answer."""

from __future__ import annotations

import pytest

from parsers import recognise, sections
from parsers.records import DeadlockEntry, JavaState, LockVerb, Parsed, Thread, ThreadDump
from parsers.text.source import Section, Source
from parsers.threads import hotspot, hotspot_agent

PREAMBLE = """\
Attaching to process ID 19109, please wait...
Debugger attached successfully.
Server compiler detected.
JVM version is 17.0.15+6-Debian-1deb12u1
Deadlock Detection:
"""
LEFT = """\
"left" #12 daemon prio=5 tid=0x00007f501011a0b0 nid=0x4ac2 waiting for monitor entry [0x00007f4fdd9fd000]
   java.lang.Thread.State: BLOCKED (on object monitor)
   JavaThread state: _thread_blocked
 - Demo.two(java.lang.Object, java.lang.Object) @bci=14, line=10 (Interpreted frame)
	- locked <0x000000069ec1af30> (a java.lang.Object)
	- locked <0x000000069ec1af40> (a java.lang.Object)
 - Demo$$Lambda$1+0x00007f4f90000a08.run() @bci=0 (Interpreted frame)
 - java.lang.Thread.run() @bci=11, line=840 (Compiled frame; information may be imprecise)

Locked ownable synchronizers:
    - <0x000000069ec1b0a8>, (a java/util/concurrent/locks/ReentrantLock$NonfairSync)
"""


def parse(text: str) -> Parsed:
    section = Section("jhsdb.txt", 1, text.split("\n"))
    parsed = hotspot_agent.parse(section)
    assert parsed.read + sum(gap.lines for gap in parsed.unread) == section.nonblank
    return parsed


def dump(text: str) -> ThreadDump:
    parsed = parse(text)
    assert parsed.unread == ()
    (only,) = (record for record in parsed.records if isinstance(record, ThreadDump))
    return only


def thread(text: str) -> Thread:
    (only,) = dump(text).threads
    return only


def test_a_thread() -> None:
    found = dump(PREAMBLE + "\nNo deadlocks found.\n\n" + LEFT)
    assert (found.pid, found.vm, found.time, found.complete, found.fragment) == (19109, "17.0.15+6-Debian-1deb12u1", None, None, False)
    (left,) = found.threads
    assert (left.name, left.java_id, left.native_id, left.state) == ("left", 12, 0x4AC2, JavaState.BLOCKED)
    assert left.native_state == "waiting for monitor entry"
    assert [str(frame) for frame in left.frames] == [
        "Demo.two(line=10)",
        "Demo$$Lambda$1+0x00007f4f90000a08.run",
        "java.lang.Thread.run(line=840)",
    ]
    assert left.lists_synchronizers
    assert (left.locks[-1].verb, left.locks[-1].cls) == (LockVerb.OWNS, "java.util.concurrent.locks.ReentrantLock$NonfairSync")


def test_the_monitor_that_a_blocked_thread_waits_for_is_not_locked_by_it() -> None:
    """The agent prints "locked" for it: it asks only for the first monitor of the frame."""
    assert [(lock.verb, lock.address) for lock in thread(LEFT).locks[:2]] == [
        (LockVerb.LOCKED, "0x000000069ec1af30"),
        (LockVerb.WAITING_TO_LOCK, "0x000000069ec1af40"),
    ]


def test_a_monitor_that_is_said_to_be_waited_for_stays() -> None:
    text = LEFT.replace("- locked <0x000000069ec1af30>", "- waiting to lock <0x000000069ec1af30>")
    assert [lock.verb for lock in thread(text).locks[:2]] == [LockVerb.WAITING_TO_LOCK, LockVerb.LOCKED]


def test_a_runnable_thread_holds_what_it_holds() -> None:
    text = LEFT.replace("BLOCKED (on object monitor)", "RUNNABLE")
    assert [lock.verb for lock in thread(text).locks[:2]] == [LockVerb.LOCKED, LockVerb.LOCKED]


def test_deadlocks_stand_in_front_of_the_threads() -> None:
    found = dump(
        PREAMBLE
        + """
Found one Java-level deadlock:
=============================

"left":
  waiting to lock Monitor@0x00007f4f6c056c00 (Object@0x000000069ec1af40, a java/lang/Object),
  which is held by "right"
"right":
 waiting for ownable synchronizer 0x000000069ec1b0d8, (a java/util/concurrent/locks/ReentrantLock$NonfairSync),
 which is held by "left"

Found a total of 1 deadlock.

"""
        + LEFT
    )
    assert [one.name for one in found.threads] == ["left"]
    assert [one.entries for one in found.deadlocks] == [
        (
            DeadlockEntry("left", "0x000000069ec1af40", "java.lang.Object", "right"),
            DeadlockEntry("right", "0x000000069ec1b0d8", "java.util.concurrent.locks.ReentrantLock$NonfairSync", "left"),
        )
    ]


def test_the_old_form_has_no_names_and_its_state_is_the_vms() -> None:
    """``_thread_blocked`` is every thread that waits for anything: not BLOCKED on a monitor."""
    found = thread("Thread 9415: (state = BLOCKED)\n - java.lang.Object.wait(long) @bci=0 (Compiled frame; information may be imprecise)\n")
    assert (found.name, found.native_id, found.state, found.native_state) == ("", 9415, None, "BLOCKED")
    assert found.frames[0].full == "java.lang.Object.wait"


def test_names_hold_quotes_and_line_ends() -> None:
    lines = LEFT.split("\n")
    found = dump("\n".join((lines[0].replace("left", 'a "b" c'), *lines[1:], lines[0].replace("left", "two\nlines"), *lines[1:])))
    assert [one.name for one in found.threads] == ['a "b" c', "two\nlines"]


def test_mixed_frames() -> None:
    found = thread(
        "----------------- 9417 -----------------\n" + "\n".join(LEFT.split("\n")[:3]) + "\n"
        "0x00007f50177bbf16\t__futex_abstimed_wait_common + 0xc6\n"
        "0x00007f5000a0b000\t* java.lang.Thread.sleep(long) bci:0 (Interpreted frame)\n"
        "0x00007f5000a0c000\t* Demo.nap(long) bci:1 line:9 (Interpreted frame)\n"
        "0x00007f5000a0d000\t????????\n"
    )
    assert [str(frame) for frame in found.frames] == ["java.lang.Thread.sleep", "Demo.nap(line=9)"]


@pytest.mark.parametrize(("text", "form"), [(LEFT, hotspot_agent), (LEFT.split("\n", maxsplit=1)[0], hotspot)])
def test_the_vms_own_dialect_has_the_same_header(text: str, form: object) -> None:
    (section,) = sections(Source("x", text.encode()))
    assert recognise(section) is form


def test_a_dump_of_the_vm_below_is_another_section() -> None:
    text = PREAMBLE + "\n" + LEFT + "\n2026-11-23 12:27:08\nFull thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):\n"
    assert [recognise(section) for section in sections(Source("x", text.encode()))] == [hotspot_agent, hotspot]


def test_what_the_agent_could_not_read_is_unread() -> None:
    parsed = parse(LEFT + "\nError occurred during stack walking:\n")
    assert [gap.lines for gap in parsed.unread] == [1]
