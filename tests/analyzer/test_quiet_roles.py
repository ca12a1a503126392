"""Servers that stand before anybody gave up, or in tables without queues: by numbers that agree on the stacks and in the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from analyzer.model.finding import Confidence, Severity, Status
from tests.analyzer.test_roles import ACCEPTS, LISTEN, PLAIN_READ
from tests.builders import PARK, diagnosis_of, dump, found, netstat, thread

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

ASKS = (*PLAIN_READ, "sun.net.www.protocol.http.HttpURLConnection.getInputStream", "org.acme.rates.Quote.fetch")
SERVES = ("org.acme.counter.Clerk.serve", "org.acme.counter.Clerk.answer", "org.acme.counter.Clerk.run", "java.lang.Thread.run")
LATCH = (*PARK, "java.util.concurrent.CountDownLatch.await", "org.acme.counter.Ledger.book")
NOTIFY = ("java.lang.Object.wait", "org.acme.counter.Bell.hear")
PUT = (*PARK, "java.util.concurrent.ArrayBlockingQueue.put", "org.acme.counter.Ledger.book")
CHILD = ("java.lang.Object.wait", "java.lang.ProcessImpl.waitFor", "org.acme.counter.Ledger.book")


def clerks(*stack: str, count: int = 5, state: str = "WAITING (parking)", **more: str) -> list[str]:
    """Threads of an own server, each in the same call or wait."""
    return [
        thread(f"clerk-{n}", state, *stack, *SERVES, nid=0x300 + n, **more).replace("tid=", "cpu=5.00ms elapsed=90.00s tid=")
        for n in range(count)
    ]


def dumps(*threads: str, count: int = 2) -> dict[str, str]:
    """The same threads in dumps five seconds apart, as those stand that wait."""
    return {f"jstack-431.{n}.txt": dump(ACCEPTS, *threads, time=f"2026-01-02 03:04:{5 * n:02}") for n in range(1, count + 1)}


def lsof(clients: int, calls: int = 0, remote: str = "10.2.0.4:6612", *, left: int = 0) -> str:
    """A table of ``lsof -nP -p``: no queues. Own calls show both ends."""
    rows = ["TCP *:6612 (LISTEN)"]
    rows += [f"TCP 10.2.0.4:6612->10.2.9.7:{41000 + n} (ESTABLISHED)" for n in range(clients)]
    rows += [f"TCP 10.2.0.4:6612->10.2.9.8:{41000 + n} (CLOSE_WAIT)" for n in range(left)]
    rows += [f"TCP 10.2.0.4:{51000 + n}->{remote} (ESTABLISHED)" for n in range(calls)]
    if remote == "10.2.0.4:6612":
        rows += [f"TCP 10.2.0.4:6612->10.2.0.4:{51000 + n} (ESTABLISHED)" for n in range(calls)]
    lines = [f"java    431 app {20 + n:>4}u  IPv4 {7000 + n}      0t0  {row}" for n, row in enumerate(rows)]
    head = "COMMAND PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\njava    431 app  cwd    DIR  254,1     4096    2 /srv\n"
    return head + "\n".join(lines) + "\n"


def one(diagnosis: Diagnosis, rule: str) -> tuple[Severity, Confidence, str | None]:
    """What a rule found, once."""
    (finding,) = found(diagnosis, rule)
    return finding.severity, finding.confidence, finding.culprit.frame


class TestWithoutQueues:
    """lsof has no Recv-Q: open connections are all it shows."""

    def test_own_calls_explain_every_thread(self) -> None:
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *clerks(*ASKS, native="runnable")), "lsof.txt": lsof(7, 5)})
        assert diagnosis.verdict.rule == "self-call-starvation"
        assert one(diagnosis, "self-call-starvation")[1:] == (Confidence.LIKELY, "org.acme.rates.Quote.fetch(Quote.java:13)")

    def test_who_waits_for_results_of_callers_serves(self) -> None:
        """As many helpers read as connections to one service are open, and no other thread is at work but those that wait for them."""
        task = ("java.util.concurrent.FutureTask.run", "java.util.concurrent.ThreadPoolExecutor.runWorker", "java.lang.Thread.run")
        waits = (*PARK, "java.util.concurrent.FutureTask.get", "org.acme.counter.Ledger.book")
        reads = [thread(f"errand-{n}", "RUNNABLE", *PLAIN_READ, "org.acme.rates.Quote.fetch", *task, native="runnable") for n in range(5)]
        files = {"jstack-431.txt": dump(ACCEPTS, *clerks(*waits), *reads)}
        for clients, calls, told in ((7, 5, True), (3, 5, False), (7, 9, False)):
            diagnosis = diagnosis_of({**files, "lsof.txt": lsof(clients, calls, "10.7.7.7:6000")})
            assert bool(found(diagnosis, "slow-backend")) is told, (clients, calls)
            if told:
                (finding,) = found(diagnosis, "slow-backend")
                assert (finding.confidence, finding.culprit.remote) == (Confidence.SUSPECTED, "10.7.7.7:6000")
                assert (finding.culprit.frame or "").startswith("org.acme.rates.Quote.fetch")

    def test_a_table_of_one_port_leaves_a_suspicion(self) -> None:
        table = "".join(line for line in lsof(7, 5).splitlines(keepends=True) if "cwd" not in line)
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *clerks(*ASKS, native="runnable")), "lsof.txt": table})
        assert one(diagnosis, "self-call-starvation")[1] is Confidence.SUSPECTED

    def test_others_wait_for_a_permit_where_nothing_bounds_the_threads(self) -> None:
        def dumped(rest: str, line: int) -> dict[str, str]:
            asks = [
                "java.base/java.net.Socket$SocketInputStream.read(Socket.java:1)",
                "java.base/sun.net.www.protocol.http.HttpURLConnection.getInputStream(H.java:2)",
                "org.acme.counter.Quote.fetch(Quote.java:5)",
                "org.acme.counter.Clerk.serve(Clerk.java:20)",
            ]
            waits = [f"java.base/java.util.concurrent.{rest}(S.java:3)", f"org.acme.counter.Clerk.serve(Clerk.java:{line})"]
            run = ["java.base/java.lang.VirtualThread.run(VirtualThread.java:329)"]
            carry = [
                "java.base/jdk.internal.misc.Unsafe.park(Native Method)",
                "java.base/java.util.concurrent.ForkJoinPool.runWorker(F.java:1)",
                "java.base/java.util.concurrent.ForkJoinWorkerThread.run(F.java:2)",
            ]
            threads: list[dict[str, object]] = [
                {"tid": str(50 + n), "name": "", "virtual": True, "state": "WAITING", "stack": (asks if n < 4 else waits) + run}
                for n in range(9)
            ]
            threads += [{"tid": str(20 + n), "name": f"ForkJoinPool-1-worker-{n}", "state": "WAITING", "stack": carry} for n in range(2)]
            containers = [{"container": "<root>", "parent": None, "owner": None, "threads": threads, "threadCount": "11"}]
            text = json.dumps(
                {
                    "threadDump": {
                        "processId": "431",
                        "time": "2026-01-02T03:04:05Z",
                        "runtimeVersion": "25+36",
                        "threadContainers": containers,
                    }
                }
            )
            return {"dump.json": text, "lsof.txt": lsof(9, 4)}

        assert diagnosis_of(dumped("Semaphore.acquire", 14)).verdict.rule == "self-call-starvation"
        assert diagnosis_of(dumped("CountDownLatch.await", 14)).verdict.rule != "self-call-starvation"

    def test_a_pool_beside_them_could_answer(self) -> None:
        free = [
            thread(f"scribe-{n}", "WAITING (parking)", *PARK, "java.util.concurrent.LinkedBlockingQueue.take", "org.acme.Scribe.run")
            for n in range(3)
        ]
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *clerks(*ASKS, native="runnable"), *free), "lsof.txt": lsof(7, 5)})
        assert not found(diagnosis, "self-call-starvation")

    def test_a_slow_service_is_suspected(self) -> None:
        files = {"jstack-431.txt": dump(ACCEPTS, *clerks(*ASKS, native="runnable")), "lsof.txt": lsof(6, 5, "10.2.0.9:7070")}
        assert one(diagnosis_of(files), "slow-backend")[:2] == (Severity.WARNING, Confidence.SUSPECTED)

    def test_watchers_stand_in_their_calls_as_well(self) -> None:
        """Each thread that watches another service has a connection, too: that clients are connected as well does not make it one that serves."""
        files = {**dumps(*clerks(*ASKS, native="runnable")), "lsof.txt": lsof(6, 5, "10.2.0.9:7070")}
        (finding,) = found(diagnosis_of(files), "slow-backend")
        assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.SUSPECTED)
        assert "long polls" in finding.why_confident
        gave_up = {
            **files,
            "lsof.txt": netstat(*self.rows(5), *self.left(5)),
        }
        assert found(diagnosis_of(gave_up), "slow-backend")[0].severity is Severity.CRITICAL

    def test_consumers_wait_by_their_own_wish(self) -> None:
        receives = (*ASKS[:-1], "com.amazonaws.services.sqs.AmazonSQSClient.receiveMessage", "org.acme.rates.Quote.fetch")
        files = {**dumps(*clerks(*receives, native="runnable")), "lsof.txt": lsof(6, 5, "10.2.0.9:7070")}
        assert not found(diagnosis_of(files), "slow-backend")

    def test_permits_of_a_pool_that_may_not_serve_are_no_alarm_of_the_first_degree(self) -> None:
        """A semaphore is a bell as well: consumers wait for the permit that a message brings."""
        waits = (*PARK, "java.util.concurrent.Semaphore.acquire", "org.acme.counter.Bell.hear")
        finding = one(diagnosis_of({**dumps(*clerks(*waits)), "lsof.txt": lsof(6)}), "object-pool-exhausted")
        assert finding[:2] == (Severity.WARNING, Confidence.SUSPECTED)
        left = diagnosis_of({**dumps(*clerks(*waits)), "netstat.txt": netstat(*self.rows(5), *self.left(5))})
        assert one(left, "object-pool-exhausted")[0] is Severity.CRITICAL

    @staticmethod
    def left(count: int) -> list[str]:
        return [f"1 10.2.0.4:6612 10.2.9.8:{43000 + n} CLOSE_WAIT 431/java" for n in range(count)]

    @staticmethod
    def rows(count: int) -> list[str]:
        """A listener, its clients and as many calls, in a table with queues."""
        clients = [f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(count)]
        calls = [f"0 10.2.0.4:{51000 + n} 10.2.0.9:7070 ESTABLISHED 431/java" for n in range(count)]
        return ["0 0.0.0.0:6612 0.0.0.0:* LISTEN 431/java", *clients, *calls]

    def test_as_many_idle_connections_as_readers_are_no_calls(self) -> None:
        """A bare read may be of the next request of a client that is quiet."""
        reads = clerks(*PLAIN_READ, "org.acme.rates.Quote.fetch", native="runnable")
        assert (
            diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *reads), "lsof.txt": lsof(5, 5, "10.2.0.9:7070")}).verdict.status
            is Status.INSUFFICIENT
        )

    @pytest.mark.parametrize(("stack", "sure"), [(PUT, Confidence.LIKELY), (CHILD, Confidence.SUSPECTED)])
    def test_who_hands_over_waits_for_nothing_by_design(self, stack: tuple[str, ...], sure: Confidence) -> None:
        servlets = clerks(*stack, "sun.net.httpserver.ServerImpl$Exchange.run")
        diagnosis = diagnosis_of({**dumps(*servlets), "lsof.txt": lsof(6)})
        assert one(diagnosis, "pool-stuck")[:2] == (Severity.WARNING, sure)
        at_once = found(diagnosis_of({**dumps(*servlets, count=1), "lsof.txt": lsof(6)}), "pool-stuck")
        assert [finding.confidence for finding in at_once] == (
            [Confidence.SUSPECTED] if stack is PUT else []
        )  # a full queue that nobody empties

    def test_waits_without_a_limit_while_a_client_left(self) -> None:
        diagnosis = diagnosis_of({**dumps(*clerks(*NOTIFY)), "lsof.txt": lsof(5, left=1)})
        assert one(diagnosis, "pool-stuck")[:2] == (Severity.WARNING, Confidence.SUSPECTED)

    def test_long_polls_have_a_limit_and_keep_their_clients(self) -> None:
        timed = clerks(*NOTIFY, state="TIMED_WAITING (on object monitor)")
        assert not found(diagnosis_of({**dumps(*timed), "lsof.txt": lsof(5, left=1)}), "pool-stuck")
        assert not found(diagnosis_of({**dumps(*clerks(*NOTIFY)), "lsof.txt": lsof(5)}), "pool-stuck")


class TestEndedConsumer:
    """A log that tells who ended."""

    LOG = (
        'Exception in thread "till" java.lang.IllegalStateException: no paper\n'
        "\tat java.base/java.util.Objects.requireNonNull(Objects.java:233)\n"
        "\tat org.acme.counter.Till.print(Till.java:31)\n"
        "\tat java.base/java.lang.Thread.run(Thread.java:840)\n"
    )

    def told(self, *threads: str) -> str:
        files = {
            **dumps(*clerks(*PUT, "sun.net.httpserver.ServerImpl$Exchange.run"), *threads),
            "lsof.txt": lsof(6),
            "console.log": self.LOG,
        }
        (finding,) = found(diagnosis_of(files), "pool-stuck")
        return finding.explanation + "".join(action.text for action in finding.actions)

    def test_is_named(self) -> None:
        said = self.told()
        assert "ended the thread “till” in org.acme.counter.Till.print(Till.java:31)" in said
        assert "See in the log why “till” ended" in said
        assert "Search the log" not in said

    def test_is_not_named_while_it_lives(self) -> None:
        said = self.told(thread("till", "WAITING (parking)", *PARK, "org.acme.counter.Till.run"))
        assert "“till”" not in said
        assert "Search the log" in said


class TestConnecting:
    """Connections that are being made: a service that takes none."""

    @staticmethod
    def virtual(state: str, count: int = 6) -> dict[str, str]:
        stack = [
            "java.base/java.util.concurrent.CompletableFuture.get(CompletableFuture.java:2072)",
            "java.net.http/jdk.internal.net.http.HttpClientImpl.send(HttpClientImpl.java:586)",
            "org.acme.rates.Quote.fetch(Quote.java:31)",
            "org.acme.counter.Clerk.serve(Clerk.java:20)",
            "java.base/java.lang.VirtualThread.run(VirtualThread.java:329)",
        ]
        threads = [{"tid": str(50 + n), "name": "", "virtual": True, "state": "WAITING", "stack": stack} for n in range(count)]
        accepts = {
            "tid": "1",
            "name": "main",
            "state": "RUNNABLE",
            "stack": ["java.base/sun.nio.ch.Net.accept(Net.java)", "org.acme.counter.Porch.main(Porch.java:5)"],
        }
        containers = [{"container": "<root>", "parent": None, "owner": None, "threads": [accepts, *threads], "threadCount": "7"}]
        text = json.dumps(
            {"threadDump": {"processId": "431", "time": "2026-01-02T03:04:05Z", "runtimeVersion": "25+36", "threadContainers": containers}}
        )
        rows = [f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(count)]
        rows += [f"0 10.2.0.4:{51000 + n} 10.2.0.9:7070 {state} 431/java" for n in range(count)]
        return {"dump.json": text, "netstat.txt": netstat(LISTEN, *rows)}

    def test_says_that_none_is_taken(self) -> None:
        (finding,) = found(diagnosis_of(self.virtual("SYN_SENT")), "slow-backend")
        assert (finding.confidence, finding.culprit.remote) == (Confidence.LIKELY, "10.2.0.9:7070")
        assert "takes no connections" in finding.headline

    def test_requests_in_a_call_are_ordinary_where_nothing_bounds_them(self) -> None:
        assert not found(diagnosis_of(self.virtual("ESTABLISHED")), "slow-backend")

    def test_comes_before_a_loop_through_the_same_host(self) -> None:
        connects = clerks("sun.nio.ch.Net.connect", "java.net.Socket.connect", "org.acme.rates.Quote.fetch", native="runnable")
        rows = [f"0 10.2.0.4:{51000 + n} 10.2.0.9:7070 SYN_SENT 431/java" for n in range(5)]
        rows += [f"96 10.2.0.4:6612 10.2.0.9:{42000 + n} ESTABLISHED 431/java" for n in range(4)]
        rows += [f"0 10.2.0.4:6612 10.2.0.9:{43000 + n} ESTABLISHED 431/java" for n in range(5)]
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *connects), "netstat.txt": netstat(LISTEN, *rows)})
        assert diagnosis.verdict.rule == "slow-backend"
        assert found(diagnosis, "mutual-call-starvation")
        assert any("Socket.connect(address, timeout)" in action.text for action in found(diagnosis, "slow-backend")[0].actions)


def test_writes_are_to_clients_where_as_many_connections_are_full() -> None:
    writes = [
        thread(
            f"pool-1-thread-{n}",
            "RUNNABLE",
            "sun.nio.ch.NioSocketImpl.implWrite",
            "java.net.Socket$SocketOutputStream.write",
            "org.acme.counter.Reel.roll",
            "java.util.concurrent.ThreadPoolExecutor$Worker.run",
            native="runnable",
        )
        for n in range(4)
    ]
    table = netstat(LISTEN, *(f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(4)))
    full = table.replace("      0 10.2.0.4:6612", "  73843 10.2.0.4:6612")
    assert one(diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *writes), "netstat.txt": full}), "blocked-write")[1] is Confidence.CERTAIN
    assert not found(diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *writes), "netstat.txt": table}), "blocked-write")


@pytest.mark.parametrize(
    ("later", "sure"),
    [(5, (Severity.CRITICAL, Confidence.CERTAIN)), (400, (Severity.WARNING, Confidence.SUSPECTED))],
    ids=["stuck", "large answers that are taken slowly"],
)
def test_who_worked_since_the_dump_before_has_clients_that_read(later: int, sure: tuple[Severity, Confidence]) -> None:
    """It is told once, as it is now: what is still there, if less grave, is not over."""
    writes = clerks("sun.nio.ch.NioSocketImpl.implWrite", "java.net.Socket$SocketOutputStream.write", native="runnable")
    rows = netstat(LISTEN, *(f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(5)))
    table = rows.replace("      0 10.2.0.4:6612", "  73843 10.2.0.4:6612")
    files = {
        f"{n}/{file}": text
        for n, cpu in enumerate((5, later))
        for file, text in {
            "jstack-431.txt": dump(
                ACCEPTS, *(one.replace("cpu=5.00ms", f"cpu={cpu}.00ms") for one in writes), time=f"2026-01-02 03:04:{10 * n:02}"
            ),
            "netstat.txt": table,
        }.items()
    }
    assert one(diagnosis_of(files), "blocked-write")[:2] == sure


def test_threads_of_a_class_of_their_own_are_one_pool() -> None:
    """Nothing of the JDK is at the bottom of a stack whose class is a Thread; that nobody accepts follows from their calls."""
    birds = [
        thread(name, "RUNNABLE", *ASKS, "org.acme.counter.Perch.run", native="runnable") for name in ("osprey", "merlin", "kite", "harrier")
    ]
    rows = [f"0 10.2.0.4:{51000 + n} 10.2.0.4:6612 ESTABLISHED 431/java" for n in range(4)]
    rows += [f"90 10.2.0.4:6612 10.2.0.4:{51000 + n} ESTABLISHED -" for n in range(4)]
    rows += [f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(4)]
    diagnosis = diagnosis_of({"jstack-431.txt": dump(*birds), "netstat.txt": netstat(LISTEN, *rows)})
    assert diagnosis.verdict.rule == "self-call-starvation"
    assert one(diagnosis, "self-call-starvation")[1] is not Confidence.SUSPECTED


def test_a_barrier_is_no_task() -> None:
    """All wait at one gate, and who opens it need be no task of their pool."""
    waits = [
        thread(
            f"crew-{n}",
            "WAITING (parking)",
            *PARK[:1],
            "- parking to wait for  <0x00000000aa> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)",
            *PARK[1:],
            "java.util.concurrent.CyclicBarrier.await",
            "org.acme.counter.Start.line",
            "java.util.concurrent.ThreadPoolExecutor.runWorker",
        )
        for n in range(4)
    ]
    rows = [f"1 10.2.0.4:6612 10.2.9.7:{41000 + n} CLOSE_WAIT 431/java" for n in range(4)]
    diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *waits), "netstat.txt": netstat(LISTEN, *rows)})
    assert not found(diagnosis, "nested-task-starvation")
    assert found(diagnosis, "pool-stuck")
