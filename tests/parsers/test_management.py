"""Dumps made of ThreadMXBean: ThreadInfo.toString, VisualVM, the actuator's text and JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from parsers import outputs, recognise, sections
from parsers.records import Elision, JavaState, LockVerb, Parsed, Thread, ThreadDump
from parsers.text.source import Section, Source
from parsers.threads import management
from tests.parsers.test_properties import calm, check

VISUAL = """\
2026-11-23 12:27:08
Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):

"http-nio-8080-exec-1" - Thread t@25
   java.lang.Thread.State: WAITING
\tat java.base@17.0.15/jdk.internal.misc.Unsafe.park(Native Method)
\t- waiting to lock <1936f0f5> (a java.util.concurrent.locks.ReentrantLock$NonfairSync) owned by "right lock" t@23
\tat app//com.example.Orders.all(Orders.java:11)
\t- locked <47f6473> (a java.lang.Object)

   Locked ownable synchronizers:
\t- Locked <33e5ccce> (a java.util.concurrent.ThreadPoolExecutor$Worker)

"right lock" - Thread t@23
   java.lang.Thread.State: TIMED_WAITING
\tat java.base@17.0.15/java.lang.Thread.sleep(Native Method)

   Locked ownable synchronizers:
\t- None
"""
ACTUATOR = {
    "threads": [
        {
            "threadName": "http-nio-8080-exec-3",
            "threadId": 22,
            "blockedTime": -1,
            "lockName": "a.B@ffffffe0",
            "lockOwnerId": 23,
            "lockOwnerName": "right lock",
            "daemon": True,
            "inNative": False,
            "threadState": "WAITING",
            "stackTrace": [
                {
                    "moduleName": "java.base",
                    "methodName": "park",
                    "fileName": "Unsafe.java",
                    "lineNumber": -2,
                    "className": "jdk.internal.misc.Unsafe",
                    "nativeMethod": True,
                },
                {
                    "methodName": "all",
                    "fileName": "Orders.java",
                    "lineNumber": 11,
                    "className": "com.example.Orders",
                    "nativeMethod": False,
                },
                {"methodName": "run", "fileName": None, "lineNumber": -1, "className": "com.example.Orders$$Lambda/0x1"},
            ],
            "lockedMonitors": [{"className": "java.lang.Object", "identityHashCode": 31, "lockedStackDepth": 1, "lockedStackFrame": {}}],
            "lockedSynchronizers": [{"className": "java.util.concurrent.ThreadPoolExecutor$Worker", "identityHashCode": 16}],
            "lockInfo": {"className": "a.B", "identityHashCode": -32},
        },
        {"threadName": "main", "threadId": 1, "lockOwnerId": -1, "threadState": "RUNNABLE", "stackTrace": [], "lockInfo": None},
    ]
}


def parse(text: str) -> Parsed:
    section = Section("dump", 1, text.split("\n"))
    parsed = management.parse(section)
    assert parsed.read + sum(gap.lines for gap in parsed.unread) == section.nonblank
    return parsed


def dumps(text: str) -> list[ThreadDump]:
    parsed = parse(text)
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, ThreadDump)]


def thread(*lines: str) -> Thread:
    (dump,) = dumps("\n".join(lines))
    (only,) = dump.threads
    return only


def test_a_thread_that_waits_for_a_monitor() -> None:
    found = thread(
        '"left" daemon prio=5 Id=20 BLOCKED on java.lang.Object@6b143ee9 owned by "right" Id=21 (in native)',
        "\tat app//Demo.two(Demo.java:10)",
        "\t-  blocked on java.lang.Object@6b143ee9",
        "\t-  locked java.lang.Object@47f6473",
    )
    assert (found.name, found.java_id, found.daemon, found.state, found.native_state) == ("left", 20, True, JavaState.BLOCKED, "in native")
    assert [(lock.verb, lock.address, lock.cls, lock.depth, lock.owner) for lock in found.locks] == [
        (LockVerb.WAITING_TO_LOCK, "java.lang.Object@6b143ee9", "java.lang.Object", 0, 21),
        (LockVerb.LOCKED, "java.lang.Object@47f6473", "java.lang.Object", 0, None),
    ]


def test_a_parked_thread_is_called_waiting() -> None:
    found = thread(
        '"w" Id=28 WAITING on java.util.concurrent.FutureTask@3a03464',
        "\tat java.base@25.0.2/jdk.internal.misc.Unsafe.park(Native Method)",
        "\t-  waiting on java.util.concurrent.FutureTask@3a03464",
    )
    assert [lock.verb for lock in found.locks] == [LockVerb.PARKING]


def test_object_wait_is_waiting() -> None:
    found = thread(
        '"w" Id=12 WAITING on java.lang.Object@3a03464',
        "\tat java.base@25.0.2/java.lang.Object.wait0(Native Method)",
        "\t-  waiting on java.lang.Object@3a03464",
    )
    assert [lock.verb for lock in found.locks] == [LockVerb.WAITING_ON]


def test_without_a_stack_the_header_says_what_is_waited_for() -> None:
    (lock,) = thread('"left" Id=20 BLOCKED on java.lang.Object@6b143ee9 owned by "right" Id=21').locks
    assert (lock.verb, lock.address, lock.depth, lock.owner) == (LockVerb.WAITING_TO_LOCK, "java.lang.Object@6b143ee9", -1, 21)


def test_eight_frames_and_dots_are_the_vms_doing() -> None:
    parsed = parse('"main" Id=1 RUNNABLE\n\tat Demo.main(Demo.java:23)\n\t...\n\n\tNumber of locked synchronizers = 1\n\t- a.B@1f\n')
    assert not any(isinstance(record, Elision) for record in parsed.records)
    (dump,) = dumps('"main" Id=1 RUNNABLE\n\tat Demo.main(Demo.java:23)\n\t...\n\n\tNumber of locked synchronizers = 1\n\t- a.B@1f\n')
    (main,) = dump.threads
    assert main.lists_synchronizers
    assert [(lock.verb, lock.address, lock.depth) for lock in main.locks] == [(LockVerb.OWNS, "a.B@1f", -1)]
    assert dump.fragment


def test_names_hold_what_a_header_holds() -> None:
    (dump,) = dumps('"a "quoted" Id=7 name" Id=24 RUNNABLE\n\n"two\nlines" Id=25 RUNNABLE\n\n"x" - Thread t@3" Id=26 RUNNABLE\n')
    assert [one.name for one in dump.threads] == ['a "quoted" Id=7 name', "two\nlines", 'x" - Thread t@3']


def test_an_id_comes_twice_only_in_two_dumps() -> None:
    text = '"main" Id=1 RUNNABLE\n\n"w" Id=2 RUNNABLE\n\n'
    assert [(len(dump.threads), dump.where.first) for dump in dumps(text * 2)] == [(2, 1), (2, 5)]


def test_visualvm_and_the_actuators_text() -> None:
    (dump,) = dumps(VISUAL)
    assert (dump.time, dump.vm, dump.fragment) == ("2026-11-23T12:27:08", "OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing)", False)
    worker, right = dump.threads
    assert (worker.name, worker.java_id, worker.state) == ("http-nio-8080-exec-1", 25, JavaState.WAITING)
    assert [(lock.verb, lock.address, lock.owner) for lock in worker.locks] == [
        # "waiting to lock" is what the actuator prints for whatever has an owner.
        (LockVerb.PARKING, "java.util.concurrent.locks.ReentrantLock$NonfairSync@1936f0f5", 23),
        (LockVerb.LOCKED, "java.lang.Object@47f6473", None),
        (LockVerb.OWNS, "java.util.concurrent.ThreadPoolExecutor$Worker@33e5ccce", None),
    ]
    # The line of the one that waits says who holds it.
    assert right.lists_synchronizers
    assert [(lock.verb, lock.address, lock.line) for lock in right.locks] == [
        (LockVerb.OWNS, "java.util.concurrent.locks.ReentrantLock$NonfairSync@1936f0f5", 7)
    ]


def test_the_header_is_the_vms_but_the_threads_are_not() -> None:
    (section,) = sections(Source("x", VISUAL.encode()))
    assert recognise(section) is management
    assert len(sections(Source("x", (VISUAL * 2).encode()))) == 2


def test_actuator_json() -> None:
    (dump,) = dumps(json.dumps(ACTUATOR))
    worker, main = dump.threads
    assert (dump.complete, dump.fragment) == (True, False)
    assert (worker.name, worker.java_id, worker.daemon, worker.state, worker.lists_synchronizers) == (
        "http-nio-8080-exec-3",
        22,
        True,
        JavaState.WAITING,
        True,
    )
    assert [str(frame) for frame in worker.frames] == [
        "jdk.internal.misc.Unsafe.park(Native Method)",
        "com.example.Orders.all(Orders.java:11)",
        "com.example.Orders$$Lambda/0x1.run(Unknown Source)",
    ]
    assert [(lock.verb, lock.address, lock.depth, lock.owner) for lock in worker.locks] == [
        (LockVerb.PARKING, "a.B@ffffffe0", 0, 23),
        (LockVerb.LOCKED, "java.lang.Object@1f", 1, None),
        (LockVerb.OWNS, "java.util.concurrent.ThreadPoolExecutor$Worker@10", -1, None),
    ]
    assert (main.locks, main.lists_synchronizers) == ((), False)


def test_actuator_json_printed_over_lines_and_the_bare_list_of_boot_1() -> None:
    (pretty,) = dumps(json.dumps(ACTUATOR, indent=2))
    (bare,) = dumps(json.dumps(ACTUATOR["threads"]))
    assert pretty.threads[0].where.first == 3
    assert [one.java_id for one in pretty.threads] == [one.java_id for one in bare.threads] == [22, 1]


def test_one_long_line_of_json_is_recognised() -> None:
    (section,) = sections(Source("threaddump.json", json.dumps({"threads": ACTUATOR["threads"] * 60}).encode()))
    form = recognise(section)
    assert form is management
    (dump,) = form.parse(section).records
    assert isinstance(dump, ThreadDump)
    assert len(dump.threads) == 120


@calm
@given(st.data())
def test_damaged_json_loses_no_line(data: st.DataObject) -> None:
    whole = json.dumps(ACTUATOR, indent=1)
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, min(len(whole), start + 80)))
    text = whole[:start] + data.draw(st.text(alphabet='{}[]",:\\\n 1xe', max_size=12)) + whole[stop:]
    check(management, Section("x", 1, text.split("\n")))


SUPPORT_BUNDLE = """builder-03
======

"Executor #2 : executing shop #812" id=51 (0x33) state=BLOCKED cpu=20%
    - waiting to lock <0x00000077> (a com.acme.Shelf) (running in native)
     owned by Handling "A" id=70
    at app//com.acme.Shelf.add(Shelf.java:10)

"Handling "A"" id=70 (0x46) state=BLOCKED cpu=0% time=12ms
    - waiting to lock <0x0000beef> (a com.acme.Cart)
      owned by "Executor #2 : executing shop #812" id=51 (0x33)
    at app//com.acme.Cart.add(Cart.java:10)
    at app//com.acme.Cart.all(Cart.java:11)
      - locked com.acme.Shelf@77

    Locked synchronizers: count = 1
      - java.util.concurrent.ThreadPoolExecutor$Worker@27aa3b1

"pool-1" id=60 (0x3c) state=WAITING cpu=0%
    - waiting on <0x00baf30c> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)
    - locked <0x00baf30c> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)
    at java.base@17.0.9/jdk.internal.misc.Unsafe.park(Native Method)

 Deadlock Found
com.acme.Shelf.add(Shelf.java:10)
com.acme.Cart.add(Cart.java:10)

"""


def test_a_support_bundle_of_jenkins() -> None:
    """It prints what a thread waits for as locked, too, and objects with zeros in front or without."""
    (output,) = outputs(Source("thread-dump.txt", SUPPORT_BUNDLE.encode()))
    (one,) = output.parsed.records
    assert isinstance(one, ThreadDump)
    assert not output.parsed.unread
    executor, handling, pool = one.threads
    assert [(lock.verb, lock.address, lock.owner) for lock in executor.locks] == [
        (LockVerb.WAITING_TO_LOCK, "com.acme.Shelf@77", 70),
        (LockVerb.LOCKED, "com.acme.Cart@beef", None),
    ]
    assert executor.state is JavaState.BLOCKED
    assert handling.name == 'Handling "A"'
    assert (LockVerb.LOCKED, "com.acme.Shelf@77") in [(lock.verb, lock.address) for lock in handling.locks]
    assert LockVerb.OWNS in [lock.verb for lock in handling.locks]
    assert [lock.verb for lock in pool.locks] == [LockVerb.PARKING]
