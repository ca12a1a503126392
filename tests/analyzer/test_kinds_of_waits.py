"""Waits that look alike: scopes of subtasks, places where threads meet, the output of a child, permits of virtual threads. Who would let them go on?"""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.analyzer.test_roles import ACCEPTS, LISTEN, left, open_to
from tests.builders import PARK, READ, SERVED, diagnosis_of, dump, found, idle_exec, netstat, thread

SERVES = ("org.acme.tide.Board.handle", "java.util.concurrent.ThreadPoolExecutor.runWorker", "java.lang.Thread.run")
HTTP = ("sun.net.httpserver.ServerImpl$Exchange.run", *SERVES[1:])
SUBTASK = ("java.util.concurrent.StructuredTaskScopeImpl$SubtaskImpl.run", "java.lang.Thread.run")
SCOPES = {
    25: ("jdk.internal.misc.ThreadFlock.awaitAll", "java.util.concurrent.StructuredTaskScopeImpl.join"),
    21: (
        "jdk.internal.misc.ThreadFlock.awaitAll",
        "java.util.concurrent.StructuredTaskScope.implJoin",
        "java.util.concurrent.StructuredTaskScope.join",
    ),
}
MEETING = {
    "phaser": ("java.util.concurrent.Phaser$QNode.block", "java.util.concurrent.ForkJoinPool.managedBlock", "java.util.concurrent.Phaser.internalAwaitAdvance", "java.util.concurrent.Phaser.arriveAndAwaitAdvance"),
    "exchanger": ("java.util.concurrent.Exchanger.xchg", "java.util.concurrent.Exchanger.exchange"),
    "barrier": ("java.util.concurrent.CyclicBarrier.dowait", "java.util.concurrent.CyclicBarrier.await"),
}  # fmt: skip


def crew(*stack: str, count: int = 4, name: str = "oar", state: str = "WAITING (parking)") -> list[str]:
    """Threads of one pool."""
    return [thread(f"{name}-{n}", state, *stack, nid=0x300 + n) for n in range(count)]


class TestScopes:
    """The owner of a scope waits for the threads that run its subtasks."""

    @pytest.mark.parametrize("jdk", sorted(SCOPES))
    def test_subtasks_call_a_service(self, jdk: int) -> None:
        owners = crew(*PARK, *SCOPES[jdk], "org.acme.tide.Board.gather", *SERVES)
        subtasks = crew(*READ, "org.acme.tide.Board.pull", *SUBTASK, count=8, name="hoist", state="RUNNABLE")
        rows = netstat(LISTEN, *left(4, 3), *open_to("10.9.9.9:7000", 8))
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *owners, *subtasks), "netstat.txt": rows})
        assert diagnosis.verdict.rule == "slow-backend"
        assert "tasks of hoist" in found(diagnosis, "slow-backend")[0].explanation

    def test_idle_workers_own_no_scope(self) -> None:
        idle = crew(*PARK, "java.util.concurrent.LinkedBlockingQueue.take", "java.util.concurrent.ThreadPoolExecutor.getTask", *SERVES[1:])
        rows = netstat(LISTEN, *open_to("10.9.9.9:7000", 8))
        assert diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *idle), "netstat.txt": rows}).verdict.status is not Status.PROBLEM


class TestMeetings:
    """Threads that meet make nothing for each other: that one does not come is no task in a queue."""

    @pytest.mark.parametrize("kind", sorted(MEETING))
    def test_a_pool_waits_for_one_that_does_not_come(self, kind: str) -> None:
        members = [
            one.replace("tid=", "cpu=5.00ms elapsed=90.00s tid=") for one in crew(*PARK, *MEETING[kind], "org.acme.tide.Row.row", *SERVES)
        ]
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *members), "netstat.txt": netstat(LISTEN, *left(4, 3))})
        assert not found(diagnosis, "nested-task-starvation")
        (finding,) = found(diagnosis, "pool-stuck")
        assert "meet other threads there" in finding.explanation

    @pytest.mark.parametrize("kind", sorted(MEETING))
    def test_a_meeting_with_free_threads_is_no_alarm(self, kind: str) -> None:
        members = crew(*PARK, *MEETING[kind], "org.acme.tide.Row.row", *SERVES, count=2)
        idle = crew(*PARK, "java.util.concurrent.LinkedBlockingQueue.take", "java.util.concurrent.ThreadPoolExecutor.getTask", *SERVES[1:])
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *members, *idle), "netstat.txt": netstat(LISTEN)})
        assert diagnosis.verdict.status is not Status.PROBLEM


class TestLatches:
    """A latch that started threads count down is no task behind the waiting ones."""

    WAITS = (*PARK, "java.util.concurrent.CountDownLatch.await", "org.acme.tide.Survey.all")

    def dumped(self, *others: str) -> dict[str, str]:
        waiting = [
            thread(f"oar-{n}", "WAITING (parking)", PARK[0], f"- parking to wait for  <0x{n + 10:08x}> (a java.util.concurrent.CountDownLatch$Sync)", *self.WAITS[1:], *SERVES, nid=0x300 + n)
            for n in range(4)
        ]  # fmt: skip
        return {"jstack-431.txt": dump(ACCEPTS, *waiting, *others), "netstat.txt": netstat(LISTEN, *left(4, 3))}

    def test_nobody_counts_down(self) -> None:
        assert found(diagnosis_of(self.dumped()), "nested-task-starvation")

    def test_threads_that_were_started_for_it_count_down(self) -> None:
        started = crew(
            "java.lang.Thread.sleep", "org.acme.tide.Survey$Leg.run", "java.lang.Thread.run", name="leg", state="TIMED_WAITING (sleeping)"
        )
        assert not found(diagnosis_of(self.dumped(*started)), "nested-task-starvation")


class TestFiles:
    """Reads of what is no socket."""

    def stuck(self, *stack: str) -> str:
        members = [one.replace("tid=", "cpu=5.00ms elapsed=90.00s tid=") for one in crew(*stack, *SERVES, state="RUNNABLE")]
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *members), "netstat.txt": netstat(LISTEN, *left(4, 3))})
        assert diagnosis.verdict.rule == "pool-stuck"
        return found(diagnosis, "pool-stuck")[0].explanation

    def test_the_output_of_a_child(self) -> None:
        said = self.stuck("java.io.FileInputStream.readBytes", "java.io.BufferedInputStream.read", "- locked <0x00000011> (a java.lang.ProcessImpl$ProcessPipeInputStream)", "org.acme.tide.Kiln.fire")  # fmt: skip
        assert "child process" in said

    def test_a_pipe_of_single_bytes(self) -> None:
        assert "pipe whose other end is silent" in self.stuck("java.io.FileInputStream.read0", "org.acme.tide.Kiln.fire")

    def test_a_buffered_file_is_no_child(self) -> None:
        said = self.stuck("java.io.FileInputStream.readBytes", "java.io.BufferedInputStream.read", "- locked <0x00000011> (a java.io.BufferedInputStream)", "org.acme.tide.Kiln.fire")  # fmt: skip
        assert "child process" not in said


class TestPermits:
    """Virtual threads behind a semaphore: those past it are what the others wait for."""

    @staticmethod
    def thread_file(*, past: int, turns: int) -> str:
        """What ``jcmd Thread.dump_to_file`` writes."""
        text = "431\n2026-01-02T03:04:05.000000000Z\n25.0.3+9-LTS\n\n"
        base = ("java.base/java.lang.VirtualThread.park(VirtualThread.java:761)", "java.base/java.util.concurrent.locks.LockSupport.park(LockSupport.java:369)")  # fmt: skip
        tail = ("jdk.httpserver/sun.net.httpserver.ServerImpl$Exchange.run(ServerImpl.java:891)", "java.base/java.lang.VirtualThread.run(VirtualThread.java:460)")  # fmt: skip
        waits = ("java.base/java.util.concurrent.Semaphore.acquire(Semaphore.java:318)", "org.acme.tide.Lagoon.serve(Lagoon.java:15)")
        asks = ("java.base/java.util.concurrent.CompletableFuture.get(CompletableFuture.java:2117)", "org.acme.tide.Reef.ask(Reef.java:10)", "org.acme.tide.Lagoon.serve(Lagoon.java:19)")  # fmt: skip
        for number, middle in enumerate([asks] * past + [waits] * turns, start=40):
            text += f'#{number} "" virtual WAITING 2026-01-02T03:04:05.000000000Z\n'
            text += "".join(f"    at {frame}\n" for frame in (*base, *middle, *tail)) + "\n"
        return text

    def rows(self, remote: str, *more: str) -> str:
        return netstat(LISTEN, *left(13, 0), *open_to(remote, 5), *more)

    def test_those_past_it_call_the_own_port(self) -> None:
        own = [f"0 10.2.0.4:6612 10.2.0.4:{51000 + n} ESTABLISHED 431/java" for n in range(5)]
        diagnosis = diagnosis_of({"threads-431.txt": self.thread_file(past=5, turns=13), "netstat.txt": self.rows("10.2.0.4:6612", *own)})
        assert diagnosis.verdict.rule == "self-call-starvation"
        assert diagnosis.verdict.confidence is not Confidence.CERTAIN

    def test_those_past_it_call_a_service(self) -> None:
        diagnosis = diagnosis_of({"threads-431.txt": self.thread_file(past=5, turns=13), "netstat.txt": self.rows("10.9.9.9:7000")})
        assert diagnosis.verdict.rule == "slow-backend"

    def test_a_dump_alone_says_who_may_have_them(self) -> None:
        (finding,) = found(diagnosis_of({"threads-431.txt": self.thread_file(past=5, turns=13)}), "object-pool-exhausted")
        assert "5 threads are further on in the same method and should have one" in finding.headline

    def test_nobody_past_it_is_said_too(self) -> None:
        (finding,) = found(diagnosis_of({"threads-431.txt": self.thread_file(past=0, turns=13)}), "object-pool-exhausted")
        assert "no thread is seen to use one" in finding.headline


class TestQueues:
    """A queue that is full: whoever should take from it is there, or not."""

    PUT = (*PARK, "java.util.concurrent.ArrayBlockingQueue.put", "org.acme.tide.Inlet.pour")
    MAIN = thread("main", "WAITING (parking)", *PARK, "java.util.concurrent.CountDownLatch.await", "org.acme.tide.Main.main")

    def dumped(self, *others: str) -> dict[str, str]:
        return {"jstack-431.txt": dump(ACCEPTS, self.MAIN, *crew(*self.PUT, *HTTP), *others)}

    def test_one_dump_in_which_nobody_takes(self) -> None:
        diagnosis = diagnosis_of(self.dumped())
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("pool-stuck", Confidence.SUSPECTED)

    @pytest.mark.parametrize(
        "taker",
        [
            thread("drain", "RUNNABLE", "org.acme.tide.Store.write", "org.acme.tide.Drain.run", "java.lang.Thread.run", native="runnable"),
            thread("drain", "RUNNABLE", *READ, "org.acme.tide.Drain.run", "java.lang.Thread.run", native="runnable"),
            thread("sender", "TIMED_WAITING (sleeping)", "java.lang.Thread.sleep", "org.acme.tide.Drain.run", "java.lang.Thread.run"),
        ],
        ids=["works", "writes elsewhere", "pauses"],
    )
    def test_whoever_else_does_something_may_be_who_takes(self, taker: str) -> None:
        assert diagnosis_of(self.dumped(taker)).verdict.status is not Status.PROBLEM

    def test_a_dump_that_is_cut_may_lack_who_takes(self) -> None:
        files = {"jstack-431.txt": dump(ACCEPTS, self.MAIN, *crew(*self.PUT, *HTTP), complete=False)}
        assert diagnosis_of(files).verdict.status is not Status.PROBLEM


class TestAttempts:
    """Threads that pause between attempts, and what they write of them."""

    SLEEP = ("java.lang.Thread.sleep", "org.acme.tide.Retry.again")

    def files(self, *lines: str) -> dict[str, str]:
        def at(second: int) -> str:
            members = crew(*self.SLEEP, *HTTP, state="TIMED_WAITING (sleeping)")
            return dump(
                ACCEPTS,
                *(one.replace("tid=", f"cpu={5 + second}.00ms elapsed=90.00s tid=") for one in members),
                time=f"2026-01-02 03:04:{second:02}",
            )

        return {
            "jstack-431.1.txt": at(1),
            "jstack-431.2.txt": at(9),
            "netstat.txt": netstat(LISTEN),
            "out.txt": "".join(f"{one}\n" for one in lines),
        }

    def test_the_log_says_what_they_try_in_vain(self) -> None:
        lines = [f"[oar-{n % 4}] 10.9.9.9:7000 failed: java.net.ConnectException: Connection refused" for n in range(12)]
        diagnosis = diagnosis_of(self.files(*lines))
        (finding,) = found(diagnosis, "pool-stuck")
        assert diagnosis.verdict.rule == "pool-stuck"
        assert finding.culprit.remote == "10.9.9.9:7000"

    @pytest.mark.parametrize(
        "lines",
        [
            (),
            ("[oar-1] 10.9.9.9:7000 failed: java.net.ConnectException: Connection refused",),
            ["[timer-7] 10.9.9.9:7000 failed: Connection refused"] * 12,
        ],
        ids=["no log", "once", "of others"],
    )
    def test_pauses_without_failures_of_their_own_are_no_alarm(self, lines: list[str]) -> None:
        assert diagnosis_of(self.files(*lines)).verdict.status is not Status.PROBLEM


class TestReaders:
    """Who holds a read lock no dump prints: the only thread at slow work in that code may."""

    SYNC = "- parking to wait for  <0x00000000a7> (a java.util.concurrent.locks.ReentrantReadWriteLock$NonfairSync)"
    WAITS = (PARK[0], SYNC, PARK[1], "java.util.concurrent.locks.ReentrantReadWriteLock$ReadLock.lock", "org.acme.tide.Almanac.turn")
    WRITES = (PARK[0], SYNC, PARK[1], "java.util.concurrent.locks.ReentrantReadWriteLock$WriteLock.lock", "org.acme.tide.Almanac.bind")

    def dumped(self, *others: str) -> dict[str, str]:
        writer = thread("binder", "WAITING (parking)", *self.WRITES, "java.lang.Thread.run")
        return {"jstack-431.txt": dump(ACCEPTS, writer, *crew(*self.WAITS, *SERVES), *others), "netstat.txt": netstat(LISTEN, *left(4, 3))}

    def test_a_reader_in_a_call_keeps_the_writer_and_all_behind_it(self) -> None:
        press = thread("press", "RUNNABLE", *READ, "org.acme.tide.Almanac.print", "java.lang.Thread.run", native="runnable")
        (finding,) = found(diagnosis_of(self.dumped(press)), "lock-convoy")
        assert finding.confidence is Confidence.SUSPECTED
        assert "“press” seems to hold it" in finding.headline

    @pytest.mark.parametrize("cls", ["org.acme.tide.Postman", "org.acme.tide.AlmanacMail"])
    def test_a_call_in_other_code_is_no_reader(self, cls: str) -> None:
        post = thread("post", "RUNNABLE", *READ, f"{cls}.send", "java.lang.Thread.run", native="runnable")
        (finding,) = found(diagnosis_of(self.dumped(post)), "lock-convoy")
        assert "seems to hold it" not in finding.headline


class TestSmallExecutors:
    """One thread that runs all tasks: health is not shown while it stands in a call."""

    TASK = ("java.util.concurrent.FutureTask.run", "java.util.concurrent.ThreadPoolExecutor.runWorker", "java.lang.Thread.run")

    def files(self, *bottom: str, used: float = 0.0) -> dict[str, str]:
        idle = crew(
            *PARK,
            "java.util.concurrent.LinkedBlockingQueue.take",
            "java.util.concurrent.ThreadPoolExecutor.getTask",
            "java.util.concurrent.ThreadPoolExecutor.runWorker",
        )

        def at(second: int) -> str:
            mate = thread(
                "mate",
                "RUNNABLE",
                "sun.nio.ch.SocketDispatcher.read0",
                "sun.nio.ch.NioSocketImpl.implRead",
                "java.net.Socket$SocketInputStream.read",
                "org.acme.tide.Cargo.load",
                *bottom,
                native="runnable",
            )
            return dump(
                ACCEPTS,
                mate.replace("tid=", f"cpu={5 + used * second:.2f}ms elapsed=90.00s tid="),
                *idle,
                time=f"2026-01-02 03:04:{second:02}",
            )

        rows = netstat(LISTEN, *open_to("10.9.9.9:7000", 1))
        return {
            f"snap{n}/{name}": text
            for n, second in ((1, 1), (2, 9))
            for name, text in (("jstack-431.txt", at(second)), ("netstat.txt", rows))
        }

    def test_a_task_that_stands(self) -> None:
        diagnosis = diagnosis_of(self.files(*self.TASK))
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert "1 thread of mate has done nothing since the dump before" in diagnosis.verdict.headline

    def test_a_task_that_works(self) -> None:
        assert diagnosis_of(self.files(*self.TASK, used=3.0)).verdict.status is Status.HEALTHY

    def test_a_thread_of_its_own_may_wait_for_messages(self) -> None:
        assert diagnosis_of(self.files("org.acme.tide.Cargo.run", "java.lang.Thread.run")).verdict.status is Status.HEALTHY


class TestLocksThatPass:
    """A lock that many use for a moment each: who waits for it works in between."""

    WAITS = ("org.acme.tide.Ledger.book", "- waiting to lock <0x00000000a7> (a org.acme.tide.Ledger)", *SERVED)
    OWNS = (*READ, "org.acme.tide.Ledger.store", "org.acme.tide.Ledger.book", "- locked <0x00000000a7> (a org.acme.tide.Ledger)", *SERVED)

    def convoy(self, used: float) -> Confidence:
        def at(second: int) -> str:
            owner = thread("http-nio-6612-exec-9", "RUNNABLE", *self.OWNS, native="runnable")
            waiting = crew(*self.WAITS, count=6, name="http-nio-6612-exec", state="BLOCKED (on object monitor)")
            members = [one.replace("tid=", f"cpu={5 + used * second:.2f}ms elapsed={80 + second}.00s tid=") for one in (owner, *waiting)]
            return dump(ACCEPTS, *members, time=f"2026-01-02 03:04:{second:02}")

        rows = netstat(LISTEN, *left(7, 3))
        (finding,) = found(diagnosis_of({"jstack-431.1.txt": at(1), "jstack-431.2.txt": at(9), "netstat.txt": rows}), "lock-convoy")
        return finding.confidence

    def test_they_did_nothing_meanwhile(self) -> None:
        assert self.convoy(0.0) is Confidence.CERTAIN

    def test_they_worked_meanwhile(self) -> None:
        assert self.convoy(3.0) is Confidence.LIKELY


class TestNobodyLeft:
    """A server whose threads ended, one request after the other."""

    LOG = 'Exception in thread "striker-3" java.lang.IllegalArgumentException: no iron\n\tat org.acme.tide.Striker.run(Striker.java:10)\n'
    IDLE = thread(
        "striker-9",
        "WAITING (parking)",
        *PARK,
        "java.util.concurrent.LinkedBlockingQueue.take",
        "org.acme.tide.Striker.run",
        "java.lang.Thread.run",
    )
    LATCH = thread(
        "striker-9",
        "WAITING (parking)",
        *PARK,
        "java.util.concurrent.CountDownLatch.await",
        "org.acme.tide.Striker.run",
        "java.lang.Thread.run",
    )
    SELECTS = thread(
        "loop", "RUNNABLE", "sun.nio.ch.EPoll.wait", "sun.nio.ch.SelectorImpl.select", "org.acme.tide.Loop.run", native="runnable"
    )
    VIRTUAL = thread("VirtualThread-unblocker", "RUNNABLE", "java.lang.VirtualThread.takeVirtualThreadListToUnblock", native="runnable")
    MAIN = thread("main", "WAITING (on object monitor)", "java.lang.Object.wait", "java.lang.Thread.join", "org.acme.tide.Smithy.main")

    def files(self, *others: str, complete: bool = True, unread: int = 9, log: str = "") -> dict[str, str]:
        files = {"jstack-431.txt": dump(ACCEPTS, self.MAIN, *others, complete=complete), "netstat.txt": netstat(LISTEN, *left(0, unread))}
        return {**files, "console.log": log} if log else files

    def test_the_log_says_what_ended_them(self) -> None:
        diagnosis = diagnosis_of(self.files(log=self.LOG))
        (finding,) = found(diagnosis, "pool-stuck")
        assert (diagnosis.verdict.rule, finding.confidence, finding.culprit.thread) == ("pool-stuck", Confidence.LIKELY, "striker-3")

    def test_without_a_log_it_is_a_suspicion(self) -> None:
        assert diagnosis_of(self.files()).verdict.confidence is Confidence.SUSPECTED

    @pytest.mark.parametrize("other", [IDLE, LATCH, SELECTS, VIRTUAL], ids=["free", "waits", "selects", "virtual"])
    def test_somebody_may_serve(self, other: str) -> None:
        assert not any("no thread that would serve" in finding.headline for finding in diagnosis_of(self.files(other)).findings)

    def test_nobody_suffers_or_the_dump_is_cut(self) -> None:
        assert not found(diagnosis_of(self.files(unread=1)), "pool-stuck")
        assert not found(diagnosis_of(self.files(complete=False)), "pool-stuck")


class TestBulkheads:
    """Permits for a few of the threads: those that have one tell what all wait for."""

    @staticmethod
    def server(*calls: str, free: int = 0, suffers: bool = True) -> Diagnosis:
        def exec_thread(n: int, *stack: str) -> str:
            return thread(f"http-nio-6612-exec-{n}", "WAITING (parking)", *stack, *SERVED)

        # the builder numbers lines from the top: whoever is deeper in calls stands further on in the method
        past = [exec_thread(n, *calls, "org.acme.tide.Dock.unload") for n in range(4)]
        turns = [exec_thread(n, *PARK, "java.util.concurrent.Semaphore.acquire", "org.acme.tide.Dock.unload") for n in range(4, 12)]
        gone = left(8, 3) if suffers else [f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(12)]
        rows = netstat(LISTEN, *gone, *open_to("10.9.9.9:7000", 4))
        return diagnosis_of({"jstack-431.txt": dump(*past, *turns, *idle_exec(free, 6612, 20)), "netstat.txt": rows})

    def test_those_past_it_call_a_service(self) -> None:
        diagnosis = self.server(*READ, "org.acme.tide.Crane.lift")
        (finding,) = found(diagnosis, "slow-backend")
        assert diagnosis.verdict.rule == "slow-backend"
        assert (
            "4 of 12 request threads of http-nio-6612-exec (in a call; 8 more wait for their turn in Semaphore.acquire"
            in finding.explanation
        )

    def test_a_bare_read_may_wait_for_a_push(self) -> None:
        bare = ("sun.nio.ch.SocketDispatcher.read0", "sun.nio.ch.NioSocketImpl.implRead", "java.net.Socket$SocketInputStream.read")
        diagnosis = self.server(*bare, "org.acme.tide.Crane.lift")
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("object-pool-exhausted", Confidence.SUSPECTED)

    def test_threads_that_are_free_serve_whoever_comes(self) -> None:
        assert self.server(*READ, "org.acme.tide.Crane.lift", free=2, suffers=False).verdict.status is not Status.PROBLEM


class TestChains:
    """What the last link of a chain does is told with it."""

    def test_dumps_alone_name_who_runs_the_tasks(self) -> None:
        waits = [
            thread(
                f"http-nio-6612-exec-{n}",
                "WAITING (parking)",
                *PARK,
                "java.util.concurrent.CompletableFuture.join",
                "org.acme.tide.Books.entry",
                *SERVED,
            )
            for n in range(6)
        ]
        runs = crew(*READ, "org.acme.tide.Poster.send", "org.acme.tide.Books.lambda$entry$0", *SERVES[1:], name="post", state="RUNNABLE")
        (finding,) = found(diagnosis_of({"jstack-431.txt": dump(*waits, *runs)}), "slow-backend")
        assert "What they wait for runs in post: 4 threads of it stand in" in finding.explanation
        assert "called from org.acme.tide.Poster.send" in finding.explanation

    @pytest.mark.parametrize(("holds", "told"), [(("java.lang.Object.wait",), True), (READ, False)], ids=["waits to be woken", "reads"])
    def test_who_waits_to_be_woken_under_a_lock(self, holds: tuple[str, ...], told: bool) -> None:
        lock = "- locked <0x00000000a7> (a org.acme.tide.Door)"
        owner = thread("guest-9", "WAITING (on object monitor)", *holds, "org.acme.tide.Door.enter", lock, *SERVED)
        waits = crew(
            "org.acme.tide.Door.enter",
            lock.replace("locked", "waiting to lock"),
            *SERVED,
            name="guest",
            state="BLOCKED (on object monitor)",
        )
        (finding,) = found(
            diagnosis_of({"jstack-431.txt": dump(owner, *waits), "netstat.txt": netstat(LISTEN, *left(5, 3))}), "lock-convoy"
        )
        assert ("If whoever would wake it needs this lock first" in finding.explanation) is told


LOCKED = """
"pier-{n}" #{n} prio=5 os_prio=0 tid=0x1{n} nid=0x1{n} waiting for monitor entry [0x1]
   java.lang.Thread.State: BLOCKED (on object monitor)
	at org.acme.tide.Rates.get(Rates.java:20)
	- waiting to lock <0x00000000aaaa0000> (a org.acme.tide.Rates)
	at org.acme.tide.Pier.run(Pier.java:5)
"""
HOLDS = """
"pier-99" #99 prio=5 os_prio=0 tid=0x99 nid=0x99 runnable [0x1]
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketInputStream.socketRead0(Native Method)
	at java.net.SocketInputStream.read(SocketInputStream.java:171)
	at org.acme.tide.Rates.load(Rates.java:31)
	at org.acme.tide.Rates.get(Rates.java:24)
	- locked <0x00000000aaaa0000> (a org.acme.tide.Rates)
	at org.acme.tide.Pier.run(Pier.java:5)
"""
TAKE = ("java.util.concurrent.LinkedBlockingQueue.take", "java.util.concurrent.ThreadPoolExecutor.getTask", *SERVES[1:])


class TestFreeThreadsBesideAQueue:
    """Free threads serve others; whether anybody suffers all the same only a socket table shows."""

    def queue(self, waiting: int, free: int, **files: str) -> Diagnosis:
        blocked = "".join(LOCKED.format(n=n) for n in range(10, 10 + waiting))
        idle = "".join(thread(f"pier-{n}", "WAITING (parking)", *PARK, *TAKE, nid=0x300 + n) for n in range(200, 200 + free))
        return diagnosis_of({"jstack-431.txt": dump(HOLDS, blocked, idle), **files})

    def test_a_few_are_no_comfort_where_nothing_shows_the_clients(self) -> None:
        assert self.queue(30, 8).verdict.rule == "lock-convoy"

    def test_many_are(self) -> None:
        assert not found(self.queue(9, 7), "lock-convoy")

    def test_a_table_in_which_nobody_waits_is(self) -> None:
        table = netstat(
            "0 0.0.0.0:6612 0.0.0.0:* LISTEN 431/java", *(f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(40))
        )
        assert not found(self.queue(30, 8, **{"netstat.txt": table}), "lock-convoy")


@pytest.mark.parametrize(
    ("queues", "said"), [(True, ", none with anything left to read,"), (False, "whether answers lie unread the table does not show")]
)
def test_queues_that_a_table_does_not_have_are_not_empty(*, queues: bool, said: str) -> None:
    """netstat on Windows shows no queues: that nothing is left to read is not in the evidence."""
    threads = [
        thread(f"bergen-{n}", "RUNNABLE", *READ, "org.acme.tide.Crane.lift", *HTTP, native="runnable", nid=0x70 + n) for n in range(6)
    ]
    clients = [("10.2.0.4:6612", f"10.2.9.7:{41000 + n}", "CLOSE_WAIT") for n in range(6)]
    calls = [(f"10.2.0.4:{51000 + n}", "10.2.0.9:8443", "ESTABLISHED") for n in range(6)]
    if queues:
        rows = [f"{int(state == 'CLOSE_WAIT')} {local} {remote} {state} 431/java" for local, remote, state in (*clients, *calls)]
        table = netstat("0 0.0.0.0:6612 0.0.0.0:* LISTEN 431/java", *rows)
    else:
        rows = [f"  TCP    {local}    {remote}    {state}    431\n" for local, remote, state in (*clients, *calls)]
        head = "  Proto  Local Address          Foreign Address        State           PID\n"
        table = head + "  TCP    0.0.0.0:6612    0.0.0.0:0    LISTENING    431\n" + "".join(rows)
    (finding,) = found(diagnosis_of({"jstack-431.txt": dump(*threads), "netstat.txt": table}), "slow-backend")
    assert said in finding.explanation
    assert any("in a table without queues" in one.says for one in finding.evidence) is not queues
