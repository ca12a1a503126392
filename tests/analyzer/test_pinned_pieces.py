"""Pieces of a dump with virtual threads that are pinned, as reports paste them: how many there are the text says."""

from __future__ import annotations

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of, found

CARRIER = (
    '"ForkJoinPool-1-worker-1" #38 [41] daemon prio=5 os_prio=0 cpu=5210.88ms elapsed=1190.31s tid=0x00007f6c3c0a1b20  [0x00007f6bd8dfe000]\n'
    "   Carrying virtual thread #6120\n\tat jdk.internal.vm.Continuation.run(java.base@21.0.2/Continuation.java:251)\n"
    "\tat java.lang.VirtualThread.runContinuation(java.base@21.0.2/VirtualThread.java:221)\n"
    "\tat java.util.concurrent.ForkJoinWorkerThread.run(java.base@21.0.2/ForkJoinWorkerThread.java:188)\n"
)
PINNED = (
    '#6120 "quay-2204" virtual\n      java.base/java.lang.VirtualThread.parkOnCarrierThread(VirtualThread.java:687)\n'
    "      java.base/java.lang.VirtualThread.parkNanos(VirtualThread.java:646)\n      java.base/java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:267)\n"
    "      com.zaxxer.hikari.util.ConcurrentBag.borrow(ConcurrentBag.java:151)\n      com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:181)\n"
    "      com.zaxxer.hikari.HikariDataSource.getConnection(HikariDataSource.java:128)\n"
    "      com.acme.quay.Tariffs.load(Tariffs.java:57)     <- synchronized\n      com.acme.quay.Gate.filter(Gate.java:33)\n"
)
HOLDER = (
    '#6088 "quay-2177" virtual\n      java.base/java.lang.VirtualThread.park(VirtualThread.java:596)\n'
    "      java.base/java.util.concurrent.locks.LockSupport.park(LockSupport.java:219)\n      java.base/sun.nio.ch.NioSocketImpl.implRead(NioSocketImpl.java:309)\n"
    "      java.base/java.net.Socket$SocketInputStream.read(Socket.java:1099)\n      org.postgresql.core.PGStream.receiveChar(PGStream.java:469)\n"
    "      org.postgresql.core.v3.QueryExecutorImpl.processResults(QueryExecutorImpl.java:2154)\n      com.acme.quay.Berths.list(Berths.java:88)\n"
)
REPORT = (
    "All stops.\n\njstack (4 of these, #1 to #4, all the same):\n\n```\n{carrier}```\n\nThe virtual ones: #6120, #6131, #6133, #6140 look like this:\n\n"
    "```\n{pinned}```\n\nand 10 like\n\n```\n{holder}```\n"
)


def test_the_text_counts_the_carriers_and_who_has_the_connections_stands_on_none() -> None:
    text = REPORT.format(carrier=CARRIER, pinned=PINNED, holder=HOLDER)
    (one,) = found(diagnosis_of({"report.md": text}), "virtual-thread-pinning")
    assert one.headline.startswith(
        "All 4 carriers (1 pasted, 4 as the text says) are pinned: their virtual threads wait for a connection from a pool in"
    )
    assert "com.acme.quay.Tariffs.load(Tariffs.java:57)" in one.headline
    assert "“quay-2177” uses a connection and is on no carrier" in one.explanation
    assert one.confidence is Confidence.LIKELY


def test_one_carrier_alone_is_suspected_and_has_no_circle() -> None:
    text = f"Look:\n\n```\n{CARRIER}```\n\nand\n\n```\n{PINNED}```\n"
    (one,) = found(diagnosis_of({"report.md": text}), "virtual-thread-pinning")
    assert one.headline.startswith("1 carrier that is here is pinned: its virtual thread waits for a connection from a pool in")
    assert "on no carrier" not in one.explanation
    assert one.confidence is Confidence.SUSPECTED


def test_numbers_of_threads_are_no_counts() -> None:
    text = f"Look, #6140 looks like this:\n\n```\n{PINNED}```\n"
    assert not any("6,140" in str(one.headline) + str(one.explanation) for one in diagnosis_of({"report.md": text}).findings)


MOUNTED = (
    '"ForkJoinPool-1-worker-{n}" #{n} [4{n}] daemon prio=5 os_prio=0 cpu=96.07ms elapsed=410.02s tid=0x00007f2b1c02d18{n}  [0x00007f2b5a0fd000]\n   Carrying virtual thread #7{n}\n'
    "\tat jdk.internal.vm.Continuation.run(java.base@23.0.1/Continuation.java:251)\n\tat java.lang.VirtualThread.runContinuation(java.base@23.0.1/VirtualThread.java:245)\n"
    "   Mounted virtual thread #7{n}\n{stack}\tat com.acme.quay.Web.quote(Web.java:31)\n\n"
)
ENTERS = "\tat com.acme.quay.Rates.get(Rates.java:39)\n\t- waiting to lock <0x000000071c9d0f28> (a com.acme.quay.Rates)\n"
OWNS = (
    "\tat jdk.internal.misc.Unsafe.park(java.base@23.0.1/Native Method)\n\tat java.lang.VirtualThread.parkOnCarrierThread(java.base@23.0.1/VirtualThread.java:677)\n"
    "\tat java.lang.VirtualThread.park(java.base@23.0.1/VirtualThread.java:609)\n\tat java.util.concurrent.locks.LockSupport.park(java.base@23.0.1/LockSupport.java:219)\n"
    "\tat io.grpc.stub.ClientCalls.blockingUnaryCall(ClientCalls.java:168)\n\tat com.acme.quay.Rates.refresh(Rates.java:72)\n\t- locked <0x000000071c9d0f28> (a com.acme.quay.Rates)\n"
)


def test_threads_that_enter_a_monitor_on_their_carriers_are_pinned_too() -> None:
    stacks = MOUNTED.format(n=1, stack=OWNS) + MOUNTED.format(n=2, stack=ENTERS) + MOUNTED.format(n=3, stack=ENTERS)
    verdict = diagnosis_of({"report.md": f"All stops.\n\n```\n$ jcmd 1 Thread.print\n{stacks}\t...\n```\n"}).verdict
    assert verdict.rule == "virtual-thread-pinning"
    assert "All 3 carriers that are here are pinned" in verdict.headline
    assert "2 of them wait to enter a monitor that “#71” holds" in verdict.summary


def test_words_beside_a_virtual_thread_count_no_carriers() -> None:
    text = f"Look:\n\n```\n{CARRIER}```\n\nand 1900 like\n\n```\n{PINNED}```\n"
    (one,) = found(diagnosis_of({"report.md": text}), "virtual-thread-pinning")
    assert one.headline.startswith("1 carrier that is here is pinned")
    assert one.confidence is Confidence.SUSPECTED
