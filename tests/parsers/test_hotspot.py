"""HotSpot's thread dumps: every age, and what people and logs do to them."""

from __future__ import annotations

import pytest

from parsers import recognise, sections
from parsers.records import JavaState, LockVerb, Parsed, Thread, ThreadDump
from parsers.text.source import Section, Source
from parsers.threads import hotspot

HEAD = """\
2026-11-23 12:27:08
Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):
"""
WORKER = """\
"pool-1-thread-1" #25 prio=5 os_prio=0 cpu=10.73ms elapsed=5.76s tid=0x0000557bb7876c60 nid=0x619 waiting on condition  [0x00007fa0bddaa000]
   java.lang.Thread.State: WAITING (parking)
\tat jdk.internal.misc.Unsafe.park(java.base@17.0.15/Native Method)
\t- parking to wait for  <0x00000000fa6e2390> (a java.util.concurrent.FutureTask)
\tat com.example.Fetch.call(Fetch.java:13)
"""
END = "\nJNI global refs: 14, weak refs: 0\n"


def parse(text: str, prompt: str | None = None) -> Parsed:
    section = Section("dump.txt", 1, text.split("\n"), prompt)
    parsed = hotspot.parse(section)
    assert parsed.read + sum(gap.lines for gap in parsed.unread) == section.nonblank
    return parsed


def dump(text: str, prompt: str | None = None) -> ThreadDump:
    (only,) = (record for record in parse(text, prompt).records if isinstance(record, ThreadDump))
    return only


def thread(header: str, *below: str) -> Thread:
    (only,) = dump("\n".join((header, *below))).threads
    return only


def unread(text: str) -> list[int]:
    return [number for gap in parse(text).unread for number in range(gap.where.first, gap.where.last + 1)]


def test_a_whole_dump() -> None:
    found = dump("4711:\n" + HEAD + "\n" + WORKER + END)
    assert (found.pid, found.time, found.complete, found.fragment) == (4711, "2026-11-23T12:27:08", True, False)
    assert found.vm == "OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing)"
    (worker,) = found.threads
    assert (worker.name, worker.java_id, worker.native_id) == ("pool-1-thread-1", 25, 0x619)
    assert worker.cpu == pytest.approx(0.01073)
    assert worker.elapsed == 5.76
    assert (worker.state, worker.native_state) == (JavaState.WAITING, "waiting on condition")
    assert [frame.call for frame in worker.frames] == ["Unsafe.park", "Fetch.call"]
    assert (worker.where.first, worker.where.last, worker.frame_lines) == (5, 9, (7, 9))
    (lock,) = worker.locks
    assert (lock.verb, lock.address, lock.cls, lock.depth, lock.line) == (
        LockVerb.PARKING,
        "0x00000000fa6e2390",
        "java.util.concurrent.FutureTask",
        0,
        8,
    )


def test_the_prompt_names_the_process() -> None:
    assert dump(HEAD + WORKER, prompt="sudo -u tomcat jstack -l 27836 > a.txt").pid == 27836


@pytest.mark.parametrize(
    "header",
    [
        '"dl "quoted" 1" #12 prio=5 os_prio=0 cpu=0.73ms elapsed=5.49s tid=0x00007fe7 nid=0x2a76 waiting for monitor entry  [0x00007fe7]',
        '"dl "quoted" 1" prio=10 tid=0x00007fe7 nid=0x2a76 waiting for monitor entry [0x00007fe7]',
        '"dl "quoted" 1" prio=1 tid=0x00007fe7 nid=0x2a76 waiting for monitor entry [0x00007fe7..0x00007fe8]',
        '"dl "quoted" 1" #12 [10870] prio=5 os_prio=0 cpu=0.73ms elapsed=5.49s tid=0x00007fe7 nid=10870 waiting for monitor entry  [0x00007fe7]',
        '"dl "quoted" 1" #12 prio=5 os_prio=0 cpu=0,73ms elapsed=5,49s allocated=1120K defined_classes=2 tid=0x00007fe7 nid=0x2a76 waiting for monitor entry  [0x00007fe7]',
    ],
)
def test_headers_of_every_age(header: str) -> None:
    found = thread(header)
    assert (found.name, found.native_id, found.native_state) == ('dl "quoted" 1', 10870, "waiting for monitor entry")
    assert found.cpu in (None, pytest.approx(0.00073))


def test_names_with_line_ends() -> None:
    found = dump(
        '"three\nline\nname" #7 prio=5" #17 prio=5 os_prio=0 cpu=0.17ms elapsed=5.49s tid=0x00007fe7 nid=0x2a7b waiting on condition  [0x00007fe7]\n'
        "   java.lang.Thread.State: TIMED_WAITING (sleeping)\n"
        '"" #16 prio=5 os_prio=0 cpu=0.20ms elapsed=5.49s tid=0x00007fe7 nid=0x2a7a runnable  \n'
    )
    assert [one.name for one in found.threads] == ['three\nline\nname" #7 prio=5', ""]
    assert (found.threads[0].where.first, found.threads[0].where.last) == (1, 4)


def test_a_quoted_log_line_above_a_thread_is_not_its_name() -> None:
    text = '"status": "ok",\n' + WORKER
    assert [one.name for one in dump(text).threads] == ["pool-1-thread-1"]
    assert unread(text) == [1]


def test_an_unknown_native_state() -> None:
    assert thread('"x" prio=5 tid=0x1 nid=0x2 unknown state 5 [0x0]').native_state == "unknown state 5"


def test_a_carrier_and_its_virtual_thread() -> None:
    carrier, virtual = dump(
        '"ForkJoinPool-1-worker-1" #31 [5120] daemon prio=5 os_prio=0 cpu=7.03ms elapsed=2.01s tid=0x00007f04  [0x00007f03]\n'
        "   Carrying virtual thread #30\n"
        "\tat jdk.internal.vm.Continuation.run(java.base@25/Continuation.java:251)\n"
        "   Mounted virtual thread #30\n"
        "\tat com.example.Fetch.call(Fetch.java:13)\n"
    ).threads
    assert (carrier.native_id, carrier.carrying, carrier.state) == (5120, 30, None)
    assert [frame.call for frame in carrier.frames] == ["Continuation.run"]
    assert (virtual.name, virtual.java_id, virtual.native_id, virtual.where.first) == ("", 30, 5120, 4)
    assert [frame.call for frame in virtual.frames] == ["Fetch.call"]
    assert (virtual.virtual, virtual.carrier, carrier.virtual) == (True, carrier.java_id, False)


def test_ownable_synchronizers() -> None:
    owner, idle = dump(
        WORKER + "\n   Locked ownable synchronizers:\n\t- <0x00000000fa6e2391> (a java.util.concurrent.ThreadPoolExecutor$Worker)\n\n"
        '"idle" #1 prio=5 tid=0x1 nid=0x2 runnable\n\n   Locked ownable synchronizers:\n\t- None\n'
    ).threads
    owns = owner.locks[-1]
    assert (owns.verb, owns.address, owns.depth) == (LockVerb.OWNS, "0x00000000fa6e2391", -1)
    assert (idle.locks, idle.lists_synchronizers) == ((), True)
    assert not dump(WORKER).threads[0].lists_synchronizers


@pytest.mark.parametrize(
    ("line", "verb", "address"),
    [
        ("- waiting on <0x01> (a java.lang.Object)", LockVerb.WAITING_ON, "0x01"),
        ("- waiting on <no object reference available>", LockVerb.WAITING_ON, None),
        ("- waiting to re-lock in wait() <0x01> (a java.lang.Object)", LockVerb.RELOCKING, "0x01"),
        ("- parking to wait for <0x01> (a java.util.concurrent.FutureTask)", LockVerb.PARKING, "0x01"),
        ("- waiting on the Class initialization monitor for com.example.Config", LockVerb.CLASS_INIT, None),
        ("- eliminated <owner is scalar replaced> (a java.lang.Object)", LockVerb.ELIMINATED, None),
        ("- locked <0x01> (a java.lang.Class for com.example.Config)", LockVerb.LOCKED, "0x01"),
    ],
)
def test_lock_lines(line: str, verb: LockVerb, address: str | None) -> None:
    (lock,) = thread('"x" prio=5 tid=0x1 nid=0x2 runnable', f"\t{line}").locks
    assert (lock.verb, lock.address) == (verb, address)


@pytest.mark.parametrize(
    ("printed", "frame"),
    [
        ("sun.nio.ch.Net.poll(java.base@17.0.15/Native Method)", "sun.nio.ch.Net.poll(Native Method)"),
        ("java.base@17.0.15+6/java.lang.Thread.run(Thread.java:840)", "java.lang.Thread.run(Thread.java:840)"),
        ("app//com.example.Fetch.call(Fetch.java:13)", "com.example.Fetch.call(Fetch.java:13)"),
        ("Dl$$Lambda$1/0x00007fe755000a08.run(Unknown Source)", "Dl$$Lambda$1/0x00007fe755000a08.run(Unknown Source)"),
        ("com.example.Bar/0x0000000800c03000.run(Unknown Source)", "com.example.Bar/0x0000000800c03000.run(Unknown Source)"),
        ("com.example.Fetch.<init>(<generated>)", "com.example.Fetch.<init>(<generated>)"),
    ],
)
def test_frames(printed: str, frame: str) -> None:
    (found,) = thread('"x" prio=5 tid=0x1 nid=0x2 runnable', f"\tat {printed}").frames
    assert str(found) == frame


DEADLOCK = """
Found one Java-level deadlock:
=============================
"dl "quoted" 1":
  waiting to lock monitor 0x00007fe7180016e0 (object 0x0000000687486ba8, a java.lang.Object),
  which is held by "dl
new line"

"dl
new line":
  waiting for ownable synchronizer 0x0000000687486fd0, (a java.util.concurrent.locks.ReentrantLock$NonfairSync),
  which is held by "dl "quoted" 1"

Java stack information for the threads listed above:
===================================================
"dl "quoted" 1":
\tat com.example.Left.run(Left.java:6)
\t- waiting to lock <0x0000000687486ba8> (a java.lang.Object)
"dl
new line":
\tat com.example.Right.run(Right.java:7)

Found 1 deadlock.
"""


def test_the_deadlock_report_names_threads_and_adds_none() -> None:
    found = dump(HEAD + "\n" + WORKER + END + DEADLOCK)
    assert [one.name for one in found.threads] == ["pool-1-thread-1"]
    (deadlock,) = found.deadlocks
    assert [(entry.thread, entry.address, entry.holder) for entry in deadlock.entries] == [
        ('dl "quoted" 1', "0x0000000687486ba8", "dl\nnew line"),
        ("dl\nnew line", "0x0000000687486fd0", 'dl "quoted" 1'),
    ]
    assert (deadlock.where.first, deadlock.where.last) == (12, 22)
    assert unread(HEAD + "\n" + WORKER + END + DEADLOCK) == []


@pytest.mark.parametrize(
    ("wait", "held", "address", "holder"),
    [
        ("waiting to lock JVMTI raw monitor 0x01 (object 0x02, a java.lang.Object)", 'which is held by "b"', "0x02", "b"),
        (
            "waiting to lock monitor 0x01 (object 0x02, a java.lang.Object)",
            "in JNI, which is held by UNKNOWN_owner_addr=0x03",
            "0x02",
            None,
        ),
        ("waiting to lock something new", 'in JNI, which is held by "b"', None, "b"),
    ],
)
def test_forms_of_deadlock_entries(wait: str, held: str, address: str | None, holder: str | None) -> None:
    (deadlock,) = dump(f'{HEAD}\nFound one Java-level deadlock:\n====\n"a":\n  {wait}\n  {held}\n').deadlocks
    (entry,) = deadlock.entries
    assert (entry.address, entry.holder) == (address, holder)


def test_log_lines_in_between_are_unread_and_take_nothing() -> None:
    lines = WORKER.splitlines()
    lines.insert(3, "2026-11-23 12:27:08,123 WARN [main] c.e.App - slow: 12 s")
    text = HEAD + "\n".join(lines) + END
    (worker,) = dump(text).threads
    assert [frame.call for frame in worker.frames] == ["Unsafe.park", "Fetch.call"]
    assert unread(text) == [6]


def test_the_stack_of_a_logged_exception_is_no_part_of_a_thread() -> None:
    text = (
        HEAD
        + WORKER
        + "2026-11-23 12:27:08,123 ERROR java.lang.IllegalStateException: no\n\tat com.example.Other.call(Other.java:1)\n\t... 3 more\n"
        + END
    )
    (worker,) = dump(text).threads
    assert [frame.call for frame in worker.frames] == ["Unsafe.park", "Fetch.call"]
    assert unread(text) == [8, 9, 10]


def test_a_prefix_before_every_line() -> None:
    def logged(number: int, line: str) -> str:
        return f"2026-11-23T12:27:08.{number:03}Z stdout F {line}"

    body = ("Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode):\n\n" + WORKER + END).splitlines()
    found = dump("\n".join(logged(number, line) for number, line in enumerate(body)))
    assert [one.name for one in found.threads] == ["pool-1-thread-1"]
    assert len(found.threads[0].frames) == 2
    assert found.complete


def test_rsyslog_writes_tabs_as_numbers() -> None:
    body = ("Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode):\n" + WORKER).replace("\t", "#011").splitlines()
    (worker,) = dump("\n".join(f"Nov 23 12:27:{number:02} app01 java[4711]: {line}" for number, line in enumerate(body))).threads
    assert len(worker.frames) == 2


def test_lost_indentation() -> None:
    lines = [line.lstrip() for line in WORKER.splitlines()]
    (worker,) = dump("\n".join(lines)).threads
    assert (worker.state, len(worker.frames), len(worker.locks)) == (JavaState.WAITING, 2, 1)


def test_kill_3_prints_the_heap_too() -> None:
    assert (
        unread(
            HEAD
            + WORKER
            + END
            + "Heap\n def new generation   total 118016K, used 20992K [0x0000000682800000)\n  eden space 104960K,  20% used\n Metaspace       used 3000K\n"
        )
        == []
    )


def test_cut_off_in_the_middle_of_a_line() -> None:
    text = HEAD + "\n" + WORKER + '"pool-1-thread-2" #26 prio=5 os_prio=0 cpu=1.0'
    found = dump(text)
    assert found.complete is False
    assert len(found.threads) == 1
    assert unread(text) == [9]


def test_jdk_5_prints_no_end_mark() -> None:
    assert dump("Full thread dump Java HotSpot(TM) Server VM (1.5.0_22-b03 mixed mode):\n" + WORKER).complete is None


def test_a_piece_of_a_dump_says_so() -> None:
    found = dump(WORKER)
    assert (found.fragment, found.vm, found.complete) == (True, None, None)


def test_dots_mean_that_lines_are_missing() -> None:
    assert dump(HEAD + WORKER + "...\n" + END).complete is False


def test_several_dumps_in_one_log() -> None:
    text = "log line\n" + (HEAD + "\n" + WORKER + END) * 2 + "log line\n"
    source = Source("catalina.out", text.encode())
    found = [hotspot.parse(section) for section in sections(source) if recognise(section) is hotspot]
    assert [[type(record) for record in parsed.records] for parsed in found] == [[ThreadDump], [ThreadDump]]
    assert [parsed.records[0].where.first for parsed in found] == [2, 12]


def test_reads_utf_16_with_crlf() -> None:
    source = Source("dump.txt", b"\xff\xfe" + (HEAD + "\n" + WORKER + END).replace("\n", "\r\n").encode("utf-16-le"))
    (section,) = sections(source)
    (found,) = hotspot.parse(section).records
    assert isinstance(found, ThreadDump)
    assert found.threads[0].name == "pool-1-thread-1"
