"""Virtual threads that the runtime itself reports as pinned."""

from __future__ import annotations

from parsers import FORMATS, recognise
from parsers.records import PINNED, LockVerb, ThreadDump
from parsers.text.source import Section
from parsers.threads import pinned_traces
from tests.builders import diagnosis_of
from tests.parsers.test_properties import check

FULL = """\
VirtualThread[#77]/runnable@ForkJoinPool-1-worker-2 reason:MONITOR
    java.base/java.lang.VirtualThread$VThreadContinuation.onPinned(VirtualThread.java:199)
    java.base/java.lang.VirtualThread.parkOnCarrierThread(VirtualThread.java:675)
    java.base/sun.nio.ch.NioSocketImpl.park(NioSocketImpl.java:191)
    java.base/sun.nio.ch.NioSocketImpl.implRead(NioSocketImpl.java:306)
    java.base/java.net.Socket$SocketInputStream.read(Socket.java:1099)
    org.crate.Wire.take(Wire.java:31)
    org.crate.Wire.ask(Wire.java:20) <== monitors:1
"""
OLD = """\
Thread[#29,ForkJoinPool-1-worker-1,5,CarrierThreads]
    java.base/java.lang.VirtualThread$VThreadContinuation.onPinned(VirtualThread.java:180)
    org.crate.Wire.ask(Wire.java:20) <== monitors:1
"""


def dump_of(text: str) -> ThreadDump:
    (dump,) = (one for one in check(pinned_traces, Section("x", 1, text.splitlines())).records if isinstance(one, ThreadDump))
    return dump


def test_a_report_is_a_virtual_thread_with_the_monitor_that_it_holds() -> None:
    (thread,) = dump_of(FULL).threads
    assert (thread.name, thread.java_id, thread.virtual, thread.native_state) == ("VirtualThread[#77]", 77, True, PINNED)
    assert thread.frames[-1].call == "Wire.ask"
    assert [(lock.verb, lock.depth) for lock in thread.locks] == [(LockVerb.LOCKED, 6)]


def test_the_line_before_jdk_21_names_the_carrier() -> None:
    assert dump_of(OLD).threads[0].name == "Thread[#29,ForkJoinPool-1-worker-1,5,CarrierThreads]"


def test_a_thread_that_is_reported_again_is_one() -> None:
    assert len(dump_of(FULL + FULL.replace("#77", "#78") + FULL).threads) == 2


def test_nobody_else_claims_it_and_prose_is_unread() -> None:
    for text in (FULL, OLD):
        assert recognise(Section("x", 1, text.splitlines())) is pinned_traces
        assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [pinned_traces.NAME]
    parsed = check(pinned_traces, Section("x", 1, [*FULL.splitlines(), "Any idea?"]))
    assert [gap.where.first for gap in parsed.unread] == [9]


def test_what_it_waits_for_is_told_and_that_its_carrier_waits_too() -> None:
    verdict = diagnosis_of({"post.txt": f"After the move to JDK 21 nothing is served:\n\n{FULL}\nHelp?\n"}).verdict
    assert "“VirtualThread[#77]” waits for bytes of a socket in" in verdict.headline
    assert "called from org.crate.Wire.take(Wire.java:31), and keeps its carrier thread meanwhile" in verdict.headline
