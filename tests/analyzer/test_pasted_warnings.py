"""Warnings of watchdogs with a stack, in the shapes that logs print; and threads that are named in somebody's own words."""

from __future__ import annotations

import json

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.builders import diagnosis_of

FRAMES = (
    "java.net.SocketInputStream.socketRead0(Native Method)",
    "net.moor.tax.Rates.fetch(Rates.java:55)",
    "net.moor.Desk.handle(Desk.java:30)",
    "io.netty.channel.nio.NioEventLoop.run(NioEventLoop.java:562)",
)
BLOCKED = "Thread[vert.x-eventloop-thread-2,5,main]{sign} has been blocked for 8040 ms, time limit is 2000 ms"


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": f"It stops.\n\n```\n{text}```\n"})


@pytest.mark.parametrize("key", ["stack_trace", "stackTrace", "exception"])
def test_a_stack_that_a_logger_packed_into_an_object(key: str) -> None:
    stack = "io.vertx.core.VertxException: Thread blocked\n" + "".join(f"\tat {frame}\n" for frame in FRAMES)
    entry = {"@timestamp": "2026-03-01T10:00:17Z", "level": "WARN", "message": "Thread " + BLOCKED.format(sign=""), key: stack}
    verdict = diagnosed(json.dumps(entry) + "\n").verdict
    assert (verdict.rule, verdict.confidence) == ("event-loop-blocked", Confidence.LIKELY)
    assert "net.moor.tax.Rates.fetch" in verdict.summary


def test_a_blocked_loop_whose_frames_stand_at_the_left() -> None:
    lines = "".join(f"at {frame}\n" for frame in FRAMES)
    text = f"WARN  BlockedThreadChecker - {BLOCKED.format(sign='=')}\nio.vertx.core.VertxException: Thread blocked\n{lines}"
    verdict = diagnosed(text).verdict
    assert verdict.rule == "event-loop-blocked"
    assert "net.moor.tax.Rates.fetch" in verdict.summary


@pytest.mark.parametrize(
    ("text", "rule", "says"),
    [
        (
            "reactor.blockhound.BlockingOperationError: Blocking call! java.net.SocketInputStream#socketRead0\n"
            + "".join(f"\tat {frame}\n" for frame in FRAMES),
            "event-loop-blocked",
            "net.moor.tax.Rates.fetch(Rates.java:55)",
        ),
        (
            "java.lang.IllegalStateException: block()/blockFirst()/blockLast() are blocking, which is not supported in thread reactor-http-nio-3\n",
            "event-loop-blocked",
            "reactor-http-nio-3",
        ),
        ("java.io.IOException: UT000126: Attempted to do blocking IO from the IO thread.\n", "event-loop-blocked", "Undertow"),
        (
            (
                "Rack::Timeout::RequestTimeoutException (Request ran for longer than 15000ms ):\n  /usr/lib/ruby/3.1.0/net/protocol.rb:219:in `wait_readable'\n"
                "  app/services/rates.rb:22:in `fetch'\n"
            ),
            "pool-stuck",
            "rates.fetch(rates.rb:22)",
        ),
        (
            (
                "[2026-03-01 10:00:17,421: WARNING/MainProcess] Soft time limit (240s) exceeded for moor.sync[7d1c]\nTraceback (most recent call last):\n"
                '  File "/srv/moor/jobs.py", line 20, in sync\n    resp = session.get(url)\n  File "/usr/lib/python3.11/ssl.py", line 1166, in read\n    return x\n'
            ),
            "pool-stuck",
            "jobs.sync(jobs.py:20)",
        ),
        ("[812] ! Terminating timed out worker (Worker 0 failed to check in within 60 seconds): 831\n", "pool-stuck", "Puma"),
        (
            "[WARN] [StarvationDetector] - thread starvation detected on dispatcher [moor.default-dispatcher]: delay was 4013 ms\n",
            "pool-stuck",
            "waited long for a thread",
        ),
        (
            "WARNING:asyncio:Executing <Task pending name='Task-41' coro=<pack() running at /srv/moor/sack.py:88> wait_for=<Future pending> created at /srv/moor/sack.py:12> took 12.304 seconds\n",
            "event-loop-blocked",
            "asyncio pack",
        ),
    ],
)
def test_a_line_of_a_watchdog_names_who_blocked(text: str, rule: str, says: str) -> None:
    diagnosis = diagnosed(text)
    assert diagnosis.verdict.rule == rule
    assert says in diagnosis.verdict.headline


@pytest.mark.parametrize(
    "text",
    [
        "INFO thread starvation detector started, threshold is 100 ms\n",
        "DEBUG rack-timeout: Request ran for 15ms\n",
        "source=rack-timeout id=1 timeout=15000ms service=12ms state=completed\n",
        "celery: Soft time limit is set to (240s)\n",
    ],
)
def test_a_line_that_tells_of_no_trouble_raises_nothing(text: str) -> None:
    assert not diagnosed(text).findings


NAMED = (
    '"http-8080-3" daemon prio=5 BLOCKED\n    net.moor.Registry.lookup(Registry.java:20)\n    net.moor.Api.get(Api.java:11)\n\n'
    '"http-8080-4" daemon prio=5 BLOCKED\n    net.moor.Registry.lookup(Registry.java:20)\n    net.moor.Api.get(Api.java:11)\n\n'
    "Stacktrace of thread reg-sync-1 (RUNNABLE):\njava.net.SocketInputStream.socketRead0(Native Method)\nnet.moor.Remote.fetch(Remote.java:9)\n"
)
OWNER = "net.moor.Registry.reload(Registry.java:31)\n"


def test_threads_with_a_state_in_somebodys_own_words() -> None:
    verdict = diagnosed(NAMED + OWNER).verdict
    assert (verdict.rule, verdict.confidence) == ("lock-convoy", Confidence.SUSPECTED)
    assert "“reg-sync-1” seems to hold it" in verdict.headline


def test_a_thread_at_work_elsewhere_holds_nothing() -> None:
    verdict = diagnosed(NAMED + "net.moor.Clock.tick(Clock.java:31)\n").verdict
    assert verdict.status is Status.INSUFFICIENT
    assert "wait to enter a monitor in Registry.lookup; which one it is, and who holds it, these lines do not show" in verdict.headline


CHAIN = (
    '"worker-7" #37 prio=5 tid=0x00007f2c3c01a000 nid=0x1a2b waiting for monitor entry [0x00007f2bd3ffe000]\n   java.lang.Thread.State: BLOCKED (on object monitor)\n'
    "\tat net.moor.Ledger.post(Ledger.java:88)\n\t- waiting to lock <0x00000000e0a1b2c8> (a net.moor.Ledger)\n\tat net.moor.Desk.debit(Desk.java:41)\n\n"
    '"worker-9" #39 prio=5 tid=0x00007f2c3c02b000 nid=0x1a33 waiting on condition [0x00007f2bd36f4000]\n   java.lang.Thread.State: WAITING (parking)\n'
    "\tat sun.misc.Unsafe.park(Native Method)\n\t- parking to wait for  <0x00000000e0a1b900> (a java.util.concurrent.locks.ReentrantLock$NonfairSync)\n"
    "\tat java.util.concurrent.locks.LockSupport.park(LockSupport.java:175)\n\tat java.util.concurrent.locks.ReentrantLock.lock(ReentrantLock.java:285)\n"
    "\tat net.moor.Journal.append(Journal.java:51)\n\tat net.moor.Ledger.flush(Ledger.java:30)\n\t- locked <{held}> (a net.moor.Ledger)\n"
)


def test_a_chain_of_two_locks_whose_last_owner_is_not_printed() -> None:
    diagnosis = diagnosed(CHAIN.format(held="0x00000000e0a1b2c8"))
    assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("lock-convoy", Confidence.SUSPECTED)
    assert "“worker-9” holds it while it waits for a lock itself" in diagnosis.verdict.headline
    assert "if it is one of those that wait here, they are deadlocked, and jstack -l tells" in diagnosis.verdict.summary


def test_two_locks_that_have_nothing_to_do_with_each_other() -> None:
    verdict = diagnosed(CHAIN.format(held="0x00000000e0a1b777")).verdict
    assert verdict.status is Status.INSUFFICIENT
    said = f"{verdict.headline} {verdict.summary}"
    assert "whose owner is not printed here" in said
    assert "meanwhile it holds net.moor.Ledger" in said
