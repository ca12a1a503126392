"""Calls of a process to itself: those that leave no frame, those of tables without owners or queues, and those that only look so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.model.finding import Confidence, Status
from tests.analyzer.test_roles import ACCEPTS, LISTEN, left, open_to
from tests.builders import PARK, SERVED, diagnosis_of, dump, found, netstat, thread

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

JOIN = (*PARK, "java.util.concurrent.CompletableFuture.join", "org.acme.rates.Quote.ask", "org.acme.counter.Clerk.serve")
CLIENT = thread(
    "HttpClient-1-SelectorManager", "RUNNABLE", "sun.nio.ch.EPoll.wait", "jdk.internal.net.http.HttpClientImpl$SelectorManager.run"
)


def joining(count: int) -> list[str]:
    """Request threads of an own server that wait for an asynchronous call."""
    return [thread(f"clerk-{n}", "WAITING (parking)", *JOIN, "org.acme.counter.Clerk.run", nid=0x300 + n) for n in range(count)]


def own_calls(count: int, queue: int = 96) -> list[str]:
    """Connections of the process to its own port, each with its request unread."""
    return open_to("10.2.0.4:6612", count) + [f"{queue} 10.2.0.4:6612 10.2.0.4:{51000 + n} ESTABLISHED 431/java" for n in range(count)]


def diagnosed(threads: list[str], *rows: str) -> Diagnosis:
    """The diagnosis of one dump and one table."""
    return diagnosis_of({"jstack-431.txt": dump(ACCEPTS, CLIENT, *threads), "netstat.txt": netstat(LISTEN, *rows)})


class TestCallsWithoutAFrame:
    """The waiting thread shows a future, the socket table shows the call."""

    def test_as_many_own_calls_unread(self) -> None:
        (finding,) = found(diagnosed(joining(5), *left(5, 4), *own_calls(5)), "self-call-starvation")
        assert finding.confidence is Confidence.LIKELY
        assert finding.culprit.frame == "org.acme.rates.Quote.ask(Quote.java:13)"
        assert "rests on the numbers" in finding.why_confident

    def test_fewer_own_calls_are_a_suspicion(self) -> None:
        (finding,) = found(diagnosed(joining(8), *left(8, 4), *own_calls(5)), "self-call-starvation")
        assert finding.confidence is Confidence.SUSPECTED

    def test_as_many_own_calls_that_a_loop_has_read(self) -> None:
        # A server that reads before a thread is free has nothing unread; that its own port is "a slow service" would be absurd.
        diagnosis = diagnosed(joining(5), *left(5, 4), *own_calls(5, queue=0))
        (finding,) = found(diagnosis, "self-call-starvation")
        assert finding.confidence is Confidence.LIKELY
        assert not found(diagnosis, "slow-backend")

    def test_as_many_connections_to_one_service(self) -> None:
        diagnosis = diagnosed(joining(5), *left(5, 4), *open_to("10.2.0.8:7071", 5))
        (finding,) = found(diagnosis, "slow-backend")
        assert diagnosis.verdict.rule == "slow-backend"
        assert finding.confidence is Confidence.LIKELY
        assert "timeout." not in finding.explanation

    def test_two_services_that_fit_are_not_guessed(self) -> None:
        two = open_to("10.2.0.8:7071", 5) + [row.replace(":510", ":520") for row in open_to("10.2.0.9:7072", 5)]
        diagnosis = diagnosed(joining(5), *left(5, 4), *two)
        assert diagnosis.verdict.rule == "pool-stuck"

    def test_a_latch_beside_pooled_connections_is_no_call(self) -> None:
        waits = [one.replace("CompletableFuture.join", "CountDownLatch.await") for one in joining(5)]
        files = {"jstack-431.txt": dump(ACCEPTS, *waits), "netstat.txt": netstat(LISTEN, *left(5, 4), *open_to("10.2.0.8:7071", 5))}
        assert diagnosis_of(files).verdict.rule == "pool-stuck"


def test_threads_that_are_started_for_each_call() -> None:
    """Request threads wait for the end of threads that no executor runs."""
    waits = ("java.lang.Object.wait", "java.lang.Thread.join", "org.acme.rates.Quote.both", "org.acme.counter.Clerk.serve")
    reads = (
        "sun.nio.ch.NioSocketImpl.implRead",
        "java.net.Socket$SocketInputStream.read",
        "org.acme.rates.Quote.ask",
        "java.lang.Thread.run",
    )
    clerks = [thread(f"clerk-{n}", "WAITING (on object monitor)", *waits, "org.acme.counter.Clerk.run") for n in range(5)]
    boats = [thread(f"Thread-{n}", "RUNNABLE", *reads, native="runnable") for n in range(5)]
    (finding,) = found(diagnosed([*clerks, *boats], *left(5, 4), *own_calls(5)), "self-call-starvation")
    assert finding.culprit.pool == "clerk"
    assert [step.actor for step in finding.chain][:2] == ["clerk", "Thread"]


def test_a_lambda_in_a_workers_loop_is_no_work() -> None:
    """A pool of threads started with method references waits for work, with the proxy's frame below its loop."""
    loop = (
        "java.lang.Object.wait",
        "org.acme.counter.Bell.next",
        "org.acme.counter.Bell.watch",
        "org.acme.counter.Bell$$Lambda$7/0x00007f00.run",
    )
    idle = [thread(f"clerk-{n}", "WAITING (on object monitor)", *loop, "java.lang.Thread.run") for n in range(5)]
    rows = [f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} CLOSE_WAIT 431/java" for n in range(12)]
    assert diagnosed(idle, *rows).verdict.rule == "server-never-closes"


class TestTablesWithoutOwners:
    """Whoever calls over loopback may be a proxy."""

    READ = ("java.net.SocketInputStream.socketRead0", "sun.net.www.http.HttpClient.parseHTTP", "org.acme.Fetch.get", *SERVED)

    def rows(self, *more: str) -> str:
        own = [f"0 127.0.0.1:{41000 + n} 127.0.0.1:8088 ESTABLISHED -" for n in range(5)]
        own += [f"300 127.0.0.1:8088 127.0.0.1:{41000 + n} ESTABLISHED -" for n in range(5)]
        return netstat("0 0.0.0.0:8088 0.0.0.0:* LISTEN -", *own, *more)

    def threads(self) -> str:
        return dump(*(thread(f"http-nio-8088-exec-{n}", "RUNNABLE", *self.READ, native="runnable") for n in range(5)))

    def test_a_service_that_explains_all_comes_first(self) -> None:
        outside = [f"0 10.2.0.4:{52000 + n} 10.2.0.8:7071 ESTABLISHED -" for n in range(5)]
        diagnosis = diagnosis_of({"jstack.txt": self.threads(), "netstat.txt": self.rows(*outside)})
        assert diagnosis.verdict.rule == "slow-backend"
        assert not found(diagnosis, "self-call-starvation")

    def test_without_one_both_are_named(self) -> None:
        diagnosis = diagnosis_of({"jstack.txt": self.threads(), "netstat.txt": self.rows()})
        (finding,) = found(diagnosis, "self-call-starvation")
        assert finding.confidence is Confidence.SUSPECTED
        assert "a proxy beside it" in finding.headline
        assert "listener of the same process" not in finding.explanation


class TestTablesWithoutQueues:
    """lsof shows both ends, not what was read."""

    HEAD = "COMMAND PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\njava 431 app 5u IPv6 100 0t0 TCP *:6612 (LISTEN)\n"

    def pairs(self) -> str:
        ends = [(f"desk01:{51000 + n}", "desk01:6612") for n in range(5)]
        rows = [f"{a}->{b}" for end in ends for a, b in (end, end[::-1])]
        return "".join(f"java 431 app {20 + n}u IPv6 {200 + n} 0t0 TCP {row} (ESTABLISHED)\n" for n, row in enumerate(rows))

    def test_clients_that_left_make_it_a_suspicion(self) -> None:
        gone = "".join(f"java 431 app {60 + n}u IPv6 {300 + n} 0t0 TCP desk01:6612->10.2.9.7:{41000 + n} (CLOSE_WAIT)\n" for n in range(5))
        (finding,) = found(diagnosis_of({"lsof.txt": self.HEAD + gone + self.pairs()}), "self-call-starvation")
        assert finding.confidence is Confidence.SUSPECTED
        assert "it has no queues" in finding.explanation

    def test_alone_they_are_said_and_judge_nothing(self) -> None:
        diagnosis = diagnosis_of({"lsof.txt": self.HEAD + self.pairs()})
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert "java holds 5 connections to its own port 6612" in diagnosis.verdict.headline


def test_a_pool_that_its_service_closed_is_no_leak() -> None:
    """The same connections, open first and half closed then: nothing was opened meanwhile."""
    before, after = open_to("10.2.0.8:7071", 6), [row.replace("ESTABLISHED", "CLOSE_WAIT") for row in open_to("10.2.0.8:7071", 6)]
    files = {f"netstat-{n}.txt": netstat(LISTEN, *rows) for n, rows in enumerate((before, after, after), start=1)}
    assert diagnosis_of(files).verdict.status is not Status.PROBLEM


def test_one_gate_for_all_is_no_starvation() -> None:
    """Tasks that wait for subtasks have a latch each; a gate is opened by somebody else."""
    gate = "- parking to wait for  <0x00000000fb000010> (a java.util.concurrent.CountDownLatch$Sync)"
    task = ("java.util.concurrent.FutureTask.run", "java.util.concurrent.ThreadPoolExecutor.runWorker")
    threads = [
        thread(
            f"pool-1-thread-{n}", "WAITING (parking)", PARK[0], gate, "java.util.concurrent.CountDownLatch.await", "org.acme.Gate.go", *task
        )
        for n in range(5)
    ]
    assert not found(diagnosis_of({"jstack.txt": dump(*threads)}), "nested-task-starvation")


def test_one_owner_of_two_locks_is_one_cause() -> None:
    def waits(name: str, count: int, cls: str, address: str) -> list[str]:
        lock = f"- waiting to lock <{address}> (a {cls})"
        return [thread(f"{name}-{n}", "BLOCKED (on object monitor)", f"{cls}.enter", lock) for n in range(count)]

    owner = thread(
        "scribe-1",
        "RUNNABLE",
        "java.io.RandomAccessFile.seek",
        "org.acme.Shelf.find",
        "- locked <0xa1> (a org.acme.Shelf)",
        "org.acme.Desk.book",
        "- locked <0xb2> (a org.acme.Desk)",
    )
    (finding,) = found(
        diagnosis_of(
            {"jstack.txt": dump(*waits("reader", 6, "org.acme.Desk", "0xb2"), *waits("page", 4, "org.acme.Shelf", "0xa1"), owner)}
        ),
        "lock-convoy",
    )
    assert "org.acme.Shelf 0xa1 too, for which 4 threads wait" in finding.explanation
    assert "waits for a file" in finding.headline


def test_an_acceptor_at_its_limit_is_pressure() -> None:
    read = (
        "java.net.SocketInputStream.socketRead0",
        "org.apache.coyote.ajp.AjpProcessor.readMessage",
        "org.apache.tomcat.util.net.JIoEndpoint$SocketProcessor.run",
    )
    latch = (*PARK, "org.apache.tomcat.util.threads.LimitLatch.countUpOrAwait", "org.apache.tomcat.util.net.JIoEndpoint$Acceptor.run")
    threads = [thread(f"ajp-bio-8109-exec-{n}", "RUNNABLE", *read) for n in range(5)]
    rows = ["0 0.0.0.0:8109 0.0.0.0:* LISTEN 77/java", *(f"0 10.0.0.5:8109 10.0.0.4:{49400 + n} ESTABLISHED 77/java" for n in range(5))]
    diagnosis = diagnosis_of(
        {"jstack-77.txt": dump(*threads, thread("ajp-bio-8109-Acceptor-0", "WAITING (parking)", *latch)), "netstat.txt": netstat(*rows)}
    )
    assert diagnosis.verdict.rule == "idle-connections-pin-threads"
    assert found(diagnosis, "connection-limit")[0].consequence_of == diagnosis.verdict.finding
