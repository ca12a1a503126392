"""JRockit: what a thread waits for stands above its frames, what it holds below them; circular chains are deadlocks."""

from __future__ import annotations

from parsers.records import JavaState, LockVerb, ThreadDump
from parsers.text.source import Section
from parsers.threads import hotspot, jrockit

DUMP = """\
===== FULL THREAD DUMP ===============
Mon Nov 23 12:27:08 2026
Oracle JRockit(R) R28.2.5-20-152429-1.6.0_37-20120927-1915-linux-x86_64

"Main Thread" id=1 idx=0x4 tid=12345 prio=5 alive, waiting, native_blocked
    -- Waiting for notification on: java/lang/Object@0xE7A5F7E0[fat lock]
    at jrockit/vm/Threads.waitForNotifySignal(JLjava/lang/Object;)Z(Native Method)
    at java/lang/Object.wait(J)V(Native Method)
    at com/example/Server.await(Server.java:10)[optimized]
    ^-- Lock released while waiting: java/lang/Object@0xE7A5F7E0[fat lock]
    -- end of trace

"(Signal "Handler")" id=2 idx=0x8 tid=12346 prio=5 alive, daemon, native_blocked

"A" id=16 idx=0x5c tid=12360 prio=5 alive, blocked, native_blocked
    -- Blocked trying to get lock: com/example/Right@0xE7A5F100[thin lock]
    at jrockit/vm/Threads.waitForUnblockSignal()V(Native Method)
    at com/example/Pair.run(Pair.java:12)
    ^-- Holding lock: com/example/Left@0xE7A5F000[thin lock]
    at jrockit/vm/RNI.c2java(JJJJJ)V(Native Method)
    -- end of trace

Blocked lock chains
===================
Circular (deadlocked) lock chains
=================================
Chain 1:
"A" id=16 idx=0x5c tid=12360 waiting for com/example/Right@0xE7A5F100 held by:
"B" id=17 idx=0x60 tid=12361 waiting for com/example/Left@0xE7A5F000 held by:
"A" id=16 idx=0x5c tid=12360 waiting for com/example/Right@0xE7A5F100 held by:

===== END OF THREAD DUMP ===============
"""


def read(text: str) -> ThreadDump:
    parsed = jrockit.parse(Section("x.txt", 1, text.split("\n")))
    assert parsed.unread == ()
    (dump,) = parsed.records
    assert isinstance(dump, ThreadDump)
    return dump


def test_threads_and_their_states() -> None:
    dump = read(DUMP)
    assert (dump.time, dump.complete, dump.fragment) == ("2026-11-23T12:27:08", True, False)
    assert [(thread.name, thread.native_id, thread.daemon, thread.state) for thread in dump.threads] == [
        ("Main Thread", 12345, False, JavaState.WAITING),
        ('(Signal "Handler")', 12346, True, JavaState.RUNNABLE),
        ("A", 12360, False, JavaState.BLOCKED),
    ]
    assert [str(frame) for frame in dump.threads[0].frames] == [
        "jrockit.vm.Threads.waitForNotifySignal(Native Method)",
        "java.lang.Object.wait(Native Method)",
        "com.example.Server.await(Server.java:10)",
    ]


def test_locks_belong_to_their_frames() -> None:
    waiting, _, blocked = read(DUMP).threads
    assert [(lock.verb, lock.cls, lock.depth) for lock in waiting.locks] == [(LockVerb.WAITING_ON, "java.lang.Object", 0)]
    assert [(lock.verb, lock.cls, lock.depth) for lock in blocked.locks] == [
        (LockVerb.WAITING_TO_LOCK, "com.example.Right", 0),
        (LockVerb.LOCKED, "com.example.Left", 1),
    ]


def test_a_circular_chain_is_a_deadlock() -> None:
    (deadlock,) = read(DUMP).deadlocks
    assert [(entry.thread, entry.cls, entry.holder) for entry in deadlock.entries] == [
        ("A", "com.example.Right", "B"),
        ("B", "com.example.Left", "A"),
    ]


def test_a_dump_without_its_end_is_cut() -> None:
    assert read(DUMP.partition("Blocked lock chains")[0]).complete is False


def hotspot_threads(*lines: str) -> ThreadDump:
    parsed = hotspot.parse(Section("x.txt", 1, lines))
    assert parsed.unread == ()
    (dump,) = parsed.records
    assert isinstance(dump, ThreadDump)
    return dump


def test_hp_ux_prints_the_kernels_number_beside_its_own() -> None:
    (thread,) = hotspot_threads(
        "Full thread dump [Mon Nov 23 12:27:08 KST 2026] (Java HotSpot(TM) Server VM 1.5.0.14 jinteg:02.13.08-16:25 IA64W mixed mode):",
        '"Finalizer" daemon prio=8 tid=6000000000043c70 nid=9 lwp_id=1852365 in Object.wait() [9fffffffdfbff000..9fffffffdfbffb70]',
        "\tat java.lang.Object.wait(Native Method)",
        "\t- waiting on <9fffffff38e2c2b8> (a java.lang.ref.ReferenceQueue$Lock)",
    ).threads
    assert (thread.native_id, thread.native_state, thread.daemon) == (1852365, "in Object.wait()", True)
    assert [(lock.verb, lock.address) for lock in thread.locks] == [(LockVerb.WAITING_ON, "9fffffff38e2c2b8")]


def test_the_sap_jvm_counts_more() -> None:
    (thread,) = hotspot_threads(
        '"http-bio-8041-exec-1" cpu=1520.50 [reset 1520.50] ms allocated=33445568 B (31.90 MB) [reset 33445568 B (31.90 MB)] defined_classes=520',
        "io= file i/o: 45125/0 B, net i/o: 7850/6720 B, files opened:0, socks opened:0  [reset file i/o: 45125/0 B]",
        " daemon prio=5 tid=0x00007f1c34a0b000 nid=0x5e1 waiting on condition [_thread_blocked] [0x00007f1c2f5f4000]",
        "   java.lang.Thread.State: WAITING (parking)",
        "\tat sun.misc.Unsafe.park(Native Method)",
    ).threads
    assert (thread.name, thread.cpu, thread.native_id, thread.daemon) == ("http-bio-8041-exec-1", 1.5205, 0x5E1, True)
    assert (thread.state, thread.native_state) == (JavaState.WAITING, "waiting on condition")
