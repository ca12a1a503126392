"""Which pool serves a listener is told by stacks, sockets and numbers, whatever its threads are called."""

from __future__ import annotations

import json

import pytest

from analyzer.model.finding import Confidence, Severity, Status
from analyzer.software.pools import VIRTUAL
from analyzer.software.thread_names import common_name, short_hashes, stem
from analyzer.waits.case import Case
from tests.builders import PARK, READ, SERVED, diagnosis_of, dump, evidence_of, found, netstat, thread

PLAIN_READ = ("sun.nio.ch.NioSocketImpl.implRead", "java.net.Socket$SocketInputStream.read")
QUOTE = ("org.acme.rates.Quote.fetch", "org.acme.counter.Clerk.serve", "org.acme.counter.Clerk.run", "java.lang.Thread.run")
ACCEPTS = thread(
    "porch", "RUNNABLE", "sun.nio.ch.Net.accept", "java.net.ServerSocket.accept", "org.acme.counter.Porch.main", native="runnable"
)
LISTEN = "0 0.0.0.0:6612 0.0.0.0:* LISTEN 431/java"


def left(read: int, unread: int, port: int = 6612) -> list[str]:
    """Clients that hung up: with their request read, or not."""
    rows = [f"1 10.2.0.4:{port} 10.2.9.7:{41000 + n} CLOSE_WAIT 431/java" for n in range(read)]
    return rows + [f"96 10.2.0.4:{port} 10.2.9.7:{42000 + n} CLOSE_WAIT 431/java" for n in range(unread)]


def open_to(remote: str, count: int, state: str = "ESTABLISHED") -> list[str]:
    """Connections that the process opened."""
    return [f"0 10.2.0.4:{51000 + n} {remote} {state} 431/java" for n in range(count)]


def pools_of(*threads: str, rows: tuple[str, ...] = ()) -> dict[str, tuple[str, int]]:
    """Role and size of each pool."""
    files = {"jstack-431.txt": dump(*threads), **({"netstat.txt": netstat(*rows)} if rows else {})}
    views = Case(evidence_of(files).incident).latest
    return {pool.name: (pool.role, len(pool.members)) for view in views for pool in view.pools}


class TestNames:
    """What is no part of a pool's name."""

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("desk-7", "desk"),
            ("desk[12]", "desk"),
            ("desk(3)", "desk"),
            ("desk #4", "desk"),
            ("node[shop][search][T#3]", "node[shop][search]"),
            ("fetch-1b4e28ba-2fa1-11d2-883f-0016d3cca427", "fetch"),
            ("conn 10.2.9.7:41002", "conn"),
            ("Crawler #3: http://books.example.org/a?b=7", "Crawler"),
            ("nightly 10:15:09", "nightly"),
            ("worker@7f31245a", "worker"),
            ("scheduler", "scheduler"),
            ("decade", "decade"),
        ],
    )
    def test_stem(self, name: str, expected: str) -> None:
        assert stem(name) == expected

    def test_a_hostile_name_takes_no_time(self) -> None:
        assert len(stem("a-" * 100_000 + "1")) <= 200

    def test_short_hashes_are_known_by_each_other(self) -> None:
        assert short_hashes(["door-d664", "door-fee2", "door-0a1c", "desk-7", "main"]) == dict.fromkeys(
            ["door-d664", "door-fee2", "door-0a1c"], "door"
        )

    @pytest.mark.parametrize(
        "names",
        [
            ["door-d664", "door-fee2"],
            ["door-1664", "door-1665", "door-1666", "door-166a"],
            ["the-face", "the-cafe", "the-dead"],
            ["door-d664", "door-fee", "door-0a1c9"],
        ],
        ids=["too few", "numbers", "words", "of other lengths"],
    )
    def test_what_is_no_short_hash(self, names: list[str]) -> None:
        assert short_hashes(names) == {}

    def test_what_names_begin_with(self) -> None:
        assert common_name(["GET /orders/81 | a1", "GET /orders/7 | b2"]) == "GET /orders"
        assert common_name(["alma", "berta"]) == ""

    def test_threads_named_after_their_requests_are_one_pool(self) -> None:
        stack = (*PARK, "java.util.concurrent.CountDownLatch.await", "org.acme.store.Book.load", "org.acme.store.Web.handle", *SERVED[1:])
        names = ("POST /loan/anna", "GET /shelf", "GET /loan/berta?x=1")
        found_pools = pools_of(*(thread(name, "WAITING (parking)", *stack) for name in names))
        assert [size for _, size in found_pools.values()] == [3]

    def test_pools_of_one_each_stay_apart(self) -> None:
        stack = (*PARK, "java.util.concurrent.CountDownLatch.await", "org.acme.store.Book.load", *SERVED[2:])
        assert len(pools_of(*(thread(f"{name}-1", "WAITING (parking)", *stack) for name in ("report", "export")))) == 2

    def test_default_names_are_split_by_what_they_run(self) -> None:
        reads = [thread(f"Thread-{n}", "RUNNABLE", *PLAIN_READ, *QUOTE, native="runnable") for n in range(3)]
        sleeps = [thread(f"Thread-{n}", "TIMED_WAITING (sleeping)", "java.lang.Thread.sleep", "org.acme.Tick.run") for n in range(3, 5)]
        assert sorted(size for _, size in pools_of(*reads, *sleeps).values()) == [2, 3]


class TestRoles:
    """Votes, one by one."""

    def test_numbers_tell_who_serves(self) -> None:
        clerks = [thread(f"clerk-{n}", "RUNNABLE", *PLAIN_READ, *QUOTE, native="runnable") for n in range(4)]
        diagnosis = diagnosis_of(
            {
                "jstack-431.txt": dump(ACCEPTS, *clerks),
                "netstat.txt": netstat(LISTEN, *left(4, 3), *open_to("10.2.0.8:7071", 4)),
            }
        )
        assert (diagnosis.verdict.rule, diagnosis.verdict.severity) == ("slow-backend", Severity.CRITICAL)
        (finding,) = found(diagnosis, "slow-backend")
        assert finding.culprit.pool == "clerk"
        assert finding.culprit.listener == "*:6612"
        assert finding.confidence is Confidence.LIKELY
        assert "is inferred" in finding.why_confident

    def test_a_name_of_a_library_does_not_outvote_the_stacks(self) -> None:
        clerks = [thread(f"cluster-{n}", "RUNNABLE", *PLAIN_READ, *QUOTE, native="runnable") for n in range(4)]
        diagnosis = diagnosis_of(
            {"jstack-431.txt": dump(ACCEPTS, *clerks), "netstat.txt": netstat(LISTEN, *left(4, 3), *open_to("10.2.0.8:7071", 4))}
        )
        assert diagnosis.verdict.rule == "slow-backend"

    def test_who_waits_for_others_stands_before_them(self) -> None:
        waiting = [
            thread(
                f"clerk-{n}", "WAITING (parking)", *PARK, "java.util.concurrent.FutureTask.get", "org.acme.counter.Clerk.serve", *SERVED[2:]
            )
            for n in range(4)
        ]
        helpers = [
            thread(f"runner-{n}", "RUNNABLE", *READ, "org.acme.rates.Quote.call", "java.util.concurrent.FutureTask.run", native="runnable")
            for n in range(4)
        ]
        rows = [LISTEN, *left(4, 3), *open_to("10.2.0.4:6612", 4)]
        rows += [f"96 10.2.0.4:6612 10.2.0.4:{51000 + n} ESTABLISHED 431/java" for n in range(4)]
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *waiting, *helpers), "netstat.txt": netstat(*rows)})
        (finding,) = found(diagnosis, "self-call-starvation")
        assert finding.culprit.pool == "clerk"

    def test_a_batch_pool_is_no_server_while_nobody_suffers(self) -> None:
        batch = [thread(f"nightly-{n}", "RUNNABLE", *PLAIN_READ, *QUOTE, native="runnable") for n in range(4)]
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *batch), "netstat.txt": netstat(LISTEN, *open_to("10.2.0.8:7071", 4))})
        assert diagnosis.verdict.status is not Status.PROBLEM

    def test_workers_that_take_from_a_queue_of_their_own_are_free(self) -> None:
        take = (*PARK, "java.util.concurrent.LinkedBlockingQueue.take", "org.acme.counter.Clerk.run", "java.lang.Thread.run")
        case = Case(evidence_of({"jstack.txt": dump(*(thread(f"clerk-{n}", "WAITING (parking)", *take) for n in range(3)))}).incident)
        (pool,) = case.latest[0].pools
        assert pool.idle == 3

    def test_readers_of_idle_connections_call_nobody(self) -> None:
        reading = (*PLAIN_READ, "java.io.BufferedReader.readLine", "org.acme.counter.Clerk.serve", "java.lang.Thread.run")
        clerks = [thread(f"clerk[{n}]", "RUNNABLE", *reading, native="runnable") for n in range(5)]
        rows = [LISTEN, *(f"0 10.2.0.4:6612 10.2.9.8:{43000 + n} ESTABLISHED 431/java" for n in range(5)), *left(0, 4)]
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *clerks), "netstat.txt": netstat(*rows)})
        assert diagnosis.verdict.rule == "idle-connections-pin-threads"
        assert not found(diagnosis, "self-call-starvation")

    def test_who_hands_over_is_the_acceptor_not_gone(self) -> None:
        hands = (*PARK, "java.util.concurrent.LinkedBlockingQueue.put", "org.acme.counter.Porch.main")
        clerks = [thread(f"clerk-{n}", "RUNNABLE", *PLAIN_READ, *QUOTE, native="runnable") for n in range(4)]
        queue = [f"96 10.2.0.4:6612 10.2.9.7:{44000 + n} CLOSE_WAIT -" for n in range(4)]
        rows = ["4 0.0.0.0:6612 0.0.0.0:* LISTEN 431/java", *left(4, 0), *queue, *open_to("10.2.0.8:7071", 4)]
        diagnosis = diagnosis_of(
            {"jstack-431.txt": dump(thread("porch", "WAITING (parking)", *hands), *clerks), "netstat.txt": netstat(*rows)}
        )
        assert diagnosis.verdict.rule == "slow-backend"
        (acceptor,) = found(diagnosis, "acceptor-stalled")
        assert acceptor.consequence_of == found(diagnosis, "slow-backend")[0].id
        assert acceptor.culprit.thread == "porch"

    def test_loops_of_a_library_are_known_by_their_frames(self) -> None:
        loop = (
            *PLAIN_READ,
            "org.acme.Ask.call",
            "org.acme.Web.messageReceived",
            "org.apache.mina.core.polling.AbstractPollingIoProcessor.read",
        )
        assert pools_of(*(thread(f"east-{n}", "RUNNABLE", *loop) for n in range(2))) == {"east": ("event-loop", 2)}


CALL = (*PLAIN_READ, "sun.net.www.http.HttpClient.parseHTTP", "sun.net.www.protocol.http.HttpURLConnection.getInputStream", *QUOTE)
SELECT = (
    "sun.nio.ch.EPoll.wait",
    "sun.nio.ch.EPollSelectorImpl.doSelect",
    "sun.nio.ch.SelectorImpl.lockAndDoSelect",
    "sun.nio.ch.SelectorImpl.select",
)
LOOP = thread(
    "east-1",
    "RUNNABLE",
    *SELECT,
    "io.netty.channel.nio.NioEventLoop.select",
    "io.netty.channel.nio.NioEventLoop.run",
    "io.netty.util.concurrent.SingleThreadEventExecutor$4.run",
    "java.lang.Thread.run",
    native="runnable",
)
FREE = (*PARK, "java.util.concurrent.LinkedBlockingQueue.take", "java.util.concurrent.ThreadPoolExecutor.getTask", "java.lang.Thread.run")


def calls_of_its_own(count: int) -> list[str]:
    """Both ends of calls to the own port, whose requests were read."""
    near = [f"0 127.0.0.1:{52000 + n} 127.0.0.1:6612 ESTABLISHED 431/java" for n in range(count)]
    return near + [f"0 127.0.0.1:6612 127.0.0.1:{52000 + n} ESTABLISHED 431/java" for n in range(count)]


class TestOwnCallsBehindASelector:
    """A selector has read the own calls; who was to answer them waits for their answers."""

    CLERKS = tuple(thread(f"clerk-{n}", "RUNNABLE", *CALL, native="runnable") for n in range(4))

    @staticmethod
    def rules(*threads: str, more: tuple[str, ...] = ()) -> list[str]:
        files = {"jstack-431.txt": dump(LOOP, *threads), "netstat.txt": netstat(LISTEN, *calls_of_its_own(4), *more)}
        return [finding.rule for finding in diagnosis_of(files).findings]

    def test_nobody_else_could_answer(self) -> None:
        diagnosis = diagnosis_of({"jstack-431.txt": dump(LOOP, *self.CLERKS), "netstat.txt": netstat(LISTEN, *calls_of_its_own(4))})
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("self-call-starvation", Confidence.LIKELY)

    @pytest.mark.parametrize("whole", [True, False])
    def test_what_is_not_shown_could(self, whole: bool) -> None:
        table = netstat(LISTEN, *calls_of_its_own(4))
        filtered = {"jstack-431.txt": dump(LOOP, *self.CLERKS), "netstat.txt": f"$ netstat -tanp | grep 6612\n{table}"}
        cut = {"jstack-431.txt": dump(LOOP, *self.CLERKS, complete=False), "netstat.txt": table}
        assert not found(diagnosis_of(filtered if whole else cut), "self-call-starvation")

    def test_a_free_thread_could(self) -> None:
        assert self.rules(*self.CLERKS, thread("clerk-9", "WAITING (parking)", *FREE)) == []

    def test_another_pool_could(self) -> None:
        assert self.rules(*self.CLERKS, *(thread(f"till-{n}", "WAITING (parking)", *FREE) for n in range(2))) == []

    def test_the_threads_may_wait_for_another_service(self) -> None:
        assert "self-call-starvation" not in self.rules(*self.CLERKS, more=tuple(open_to("10.2.0.8:7071", 4)))


def test_virtual_threads_are_not_counted_as_a_full_pool() -> None:
    stack = "".join(f"    at {frame}(Source.java:1)\n" for frame in ("java.lang.VirtualThread.park", *PLAIN_READ, *QUOTE[:2]))
    threads = "".join(f'#{40 + n} "" virtual WAITING 2026-05-01T10:00:00.000000Z\n{stack}\n' for n in range(4))
    text = f"431\n2026-05-01T10:00:00.000000Z\n25+36\n\n{threads}"
    diagnosis = diagnosis_of({"threads-431.txt": text, "netstat.txt": netstat(LISTEN, *left(4, 0), *open_to("10.2.0.8:7071", 4))})
    (finding,) = found(diagnosis, "slow-backend")
    assert finding.culprit.pool == VIRTUAL
    said = finding.headline + finding.explanation
    assert "request thread" not in said
    assert "requests in service" in said


class TestWhereToChange:
    """The fix names the frame that makes the call, and the settings of the client that stands there."""

    def test_the_helpers_frame_not_the_waiters(self) -> None:
        waiting = [
            thread(f"clerk-{n}", "WAITING (parking)", *PARK, "java.util.concurrent.FutureTask.get", "org.acme.counter.Clerk.serve", *SERVED)
            for n in range(4)
        ]
        task = ("org.acme.counter.Clerk.lambda$serve$0", "java.util.concurrent.FutureTask.run")
        helpers = [thread(f"runner-{n}", "RUNNABLE", *READ, "org.acme.rates.Quote.call", *task, native="runnable") for n in range(4)]
        rows = [LISTEN, *left(4, 3), *open_to("10.2.0.8:7071", 4)]
        (finding,) = found(
            diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *waiting, *helpers), "netstat.txt": netstat(*rows)}), "slow-backend"
        )
        fixes = " ".join(action.text for action in finding.actions)
        assert "org.acme.rates.Quote.call(Quote.java:13) (setConnectTimeout, setReadTimeout)" in fixes

    def test_a_plain_socket_has_settings_too(self) -> None:
        clerks = [thread(f"clerk-{n}", "RUNNABLE", *PLAIN_READ, *QUOTE, native="runnable") for n in range(4)]
        files = {"jstack-431.txt": dump(ACCEPTS, *clerks), "netstat.txt": netstat(LISTEN, *left(4, 3), *open_to("10.2.0.8:7071", 4))}
        (finding,) = found(diagnosis_of(files), "slow-backend")
        assert any("setSoTimeout" in action.text for action in finding.actions)


def test_clients_that_left_a_table_without_queues_are_counted() -> None:
    """lsof has no Recv-Q: that as many threads work as clients left still says whom they serve."""
    rows = "".join(f"java 431 app {9 + n}u IPv6 {5000 + n} 0t0 TCP 10.2.0.4:6612->10.2.9.7:{41000 + n} (CLOSE_WAIT)\n" for n in range(5))
    table = "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\njava 431 app 7u IPv6 4999 0t0 TCP *:6612 (LISTEN)\n" + rows
    latch = (
        "java.util.concurrent.CountDownLatch.await",
        "org.acme.counter.Ledger.book",
        "org.acme.counter.Clerk.serve",
        "java.lang.Thread.run",
    )
    clerks = [thread(f"GET /quote {n:04x}", "WAITING (parking)", *PARK, *latch, nid=0x300 + n) for n in range(5)]
    views = Case(evidence_of({"jstack-431.txt": dump(ACCEPTS, *clerks), "lsof.txt": table}).incident).latest
    assert [pool.port for view in views for pool in view.pools if pool.role == "server"] == [6612]


def test_threads_of_one_executor_are_one_pool_whatever_they_are_called() -> None:
    """Threads named after what they did last: two are at work, three wait for work under old names."""
    work = [
        "java.base/java.lang.Thread.sleep(Native Method)",
        "org.acme.counter.Clerk.serve(Clerk.java:9)",
        "java.base/java.lang.Thread.run(Unknown Source)",
    ]
    rest = [
        "java.base/jdk.internal.misc.Unsafe.park(Native Method)",
        "java.base/java.util.concurrent.ThreadPoolExecutor.getTask(Unknown Source)",
    ]

    def made(names: dict[str, list[str]], container: str) -> dict[str, object]:
        threads = [{"tid": str(30 + n), "name": name, "stack": stack} for n, (name, stack) in enumerate(names.items())]
        return {"container": container, "parent": "<root>", "owner": None, "threads": threads}

    names = {"quote acme": work, "sell beta": work, "quote gamma": rest, "buy delta": rest, "idle now": rest}
    other = {"mail": rest}
    containers = [
        made(names, "java.util.concurrent.ThreadPoolExecutor@1f"),
        made(other, "java.util.concurrent.ThreadPoolExecutor@2f"),
        made({"main": rest}, "<root>"),
    ]
    text = json.dumps(
        {"threadDump": {"processId": "431", "time": "2026-01-02T03:04:05Z", "runtimeVersion": "25+36", "threadContainers": containers}},
        indent=1,
    )
    (view,) = Case(evidence_of({"threads.json": text}).incident).latest
    assert sorted((len(pool.members), pool.idle) for pool in view.pools) == [(1, 1), (1, 1), (5, 3)]


class TestOwnLoopBesideAClient:
    """The selector of an HTTP client is no acceptor, and its workers serve nobody."""

    SELECTS = thread(
        "HttpClient-4-SelectorManager", "RUNNABLE", "sun.nio.ch.EPoll.wait", "sun.nio.ch.SelectorImpl.select", native="runnable"
    )
    WORKERS = tuple(
        thread(
            f"HttpClient-4-Worker-{n}",
            "WAITING (parking)",
            *PARK,
            "java.util.concurrent.LinkedBlockingQueue.take",
            "java.util.concurrent.ThreadPoolExecutor.getTask",
            nid=0x500 + n,
        )
        for n in range(3)
    )
    MAIN = thread("main", "WAITING (on object monitor)", "java.lang.Object.wait", "java.lang.Thread.join", "org.acme.Carousel.main")
    LOOP = thread(
        "carousel",
        "WAITING (parking)",
        *PARK,
        "java.util.concurrent.CompletableFuture.get",
        "jdk.internal.net.http.HttpClientImpl.send",
        "org.acme.Carousel.ask",
        "org.acme.Carousel.turn",
        "java.lang.Thread.run",
    )

    def test_the_loop_that_calls_is_the_one_that_does_not_accept(self) -> None:
        queue = [f"40 10.2.0.4:6612 10.2.9.7:{43000 + n} {'CLOSE_WAIT' if n % 2 else 'ESTABLISHED'} -" for n in range(6)]
        files = {
            "jstack-431.txt": dump(self.MAIN, self.LOOP, self.SELECTS, *self.WORKERS),
            "netstat.txt": netstat(LISTEN, *left(1, 0), *queue),
        }
        diagnosis = diagnosis_of(files)
        (finding,) = found(diagnosis, "acceptor-stalled")
        assert finding.culprit.thread == "carousel"
        assert "org.acme.Carousel.ask" in (finding.culprit.frame or "")

    def test_workers_of_a_client_serve_nobody(self) -> None:
        roles = pools_of(self.MAIN, self.LOOP, self.SELECTS, *self.WORKERS, rows=(LISTEN, *left(4, 0)))
        assert roles["HttpClient-4-Worker"] == ("client", 3)

    def test_workers_that_accept_for_themselves_may_all_be_at_work(self) -> None:
        desks = [
            thread(f"desk-{n}", "RUNNABLE", "org.acme.Desk.sum", "org.acme.Desk.run", "java.lang.Thread.run", nid=0x700 + n)
            for n in range(4)
        ]
        queue = [f"40 10.2.0.4:6612 10.2.9.7:{43000 + n} ESTABLISHED -" for n in range(6)]
        (finding,) = found(diagnosis_of({"jstack-431.txt": dump(*desks), "netstat.txt": netstat(LISTEN, *queue)}), "acceptor-stalled")
        assert finding.confidence is Confidence.SUSPECTED

    def test_a_cut_dump_may_lack_the_acceptor(self) -> None:
        queue = [f"40 10.2.0.4:6612 10.2.9.7:{43000 + n} ESTABLISHED -" for n in range(6)]
        whole, cut = (
            diagnosis_of({"jstack-431.txt": dump(*self.WORKERS, complete=complete), "netstat.txt": netstat(LISTEN, *queue)})
            for complete in (True, False)
        )
        assert found(whole, "acceptor-stalled")
        assert not found(cut, "acceptor-stalled")
