"""A pool that stands still is a finding, whether its cause is known or not; one that only looks so is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.intake.read import assemble, read_one
from analyzer.model.finding import Confidence, Outcome, Severity, Status
from reports.formats import jira, markdown, summary, terminal, text
from reports.view.build import build
from tests.analyzer.test_roles import ACCEPTS, LISTEN, PLAIN_READ, QUOTE, left, open_to
from tests.builders import PARK, SAMPLES, diagnosis_of, dump, found, judge, netstat, thread

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

SERVES = ("org.acme.counter.Clerk.serve", "org.acme.counter.Clerk.answer", "org.acme.counter.Clerk.run", "java.lang.Thread.run")
WAITS = {
    "latch": (*PARK, "java.util.concurrent.CountDownLatch.await"),
    "condition": (*PARK, "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject.await"),
    "notify": ("java.lang.Object.wait",),
    "child": ("java.lang.Object.wait", "java.lang.ProcessImpl.waitFor"),
    "queue": (*PARK, "java.util.concurrent.ArrayBlockingQueue.put"),
    "attempt": ("java.lang.Thread.sleep",),
}


def clerks(*wait: str, count: int = 4) -> list[str]:
    """Request threads of an own server in a wait."""
    return [thread(f"clerk-{n}", "WAITING (parking)", *wait, "org.acme.counter.Ledger.book", *SERVES, nid=0x300 + n) for n in range(count)]


def diagnosed(*threads: str, rows: tuple[str, ...] = (), log: str = "") -> Diagnosis:
    """The diagnosis of one dump and one table."""
    return diagnosis_of(
        {
            "jstack-431.txt": dump(ACCEPTS, *threads),
            "netstat.txt": netstat(LISTEN, *(rows or left(4, 3))),
            **({"server.log": log} if log else {}),
        }
    )


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("latch", "count the latch down"),
        ("condition", "signal the condition"),
        ("notify", "notify"),
        ("child", "child process"),
        ("queue", "no thread of the dump takes from a queue"),
        ("attempt", "sleep between attempts"),
    ],
)
def test_each_wait_asks_for_something_else(kind: str, says: str) -> None:
    diagnosis = diagnosed(*clerks(*WAITS[kind]))
    assert (diagnosis.verdict.status, diagnosis.verdict.rule) == (Status.PROBLEM, "pool-stuck")
    (finding,) = found(diagnosis, "pool-stuck")
    assert finding.severity is Severity.CRITICAL
    assert finding.confidence is Confidence.LIKELY
    assert says in finding.explanation
    assert (finding.culprit.pool, finding.culprit.listener) == ("clerk", "*:6612")
    assert "org.acme.counter.Ledger.book" in (finding.culprit.frame or "")
    assert "Ledger.book" in finding.headline


def test_a_taker_that_lives_is_said() -> None:
    taker = thread("till-roll", "WAITING (parking)", *PARK, "java.util.concurrent.ArrayBlockingQueue.take", "org.acme.Roll.run")
    (finding,) = found(diagnosed(*clerks(*WAITS["queue"]), taker), "pool-stuck")
    assert "does not keep up" in finding.explanation


def test_the_log_names_what_fails() -> None:
    log = "".join(f"10:00:0{n} WARN [clerk-{n}] try 4 at 10.2.0.77:5533: java.net.ConnectException: Connection refused\n" for n in range(3))
    noise = "10:00:09 ERROR [mailer] 10.2.0.99:25 timed out\n" * 9
    (finding,) = found(diagnosed(*clerks(*WAITS["attempt"]), log=noise + log + noise), "pool-stuck")
    assert finding.culprit.remote == "10.2.0.77:5533"
    assert "10.2.0.77:5533 (3 lines)" in finding.explanation
    assert any(one.where.file == "server.log" and one.where.first == 12 for one in finding.evidence)


def test_a_known_cause_is_told_alone() -> None:
    reads = [thread(f"clerk-{n}", "RUNNABLE", *PLAIN_READ, *QUOTE, native="runnable") for n in range(4)]
    diagnosis = diagnosed(*reads, rows=(*left(4, 3), *open_to("10.2.0.8:7071", 4)))
    assert diagnosis.verdict.rule == "slow-backend"
    assert not found(diagnosis, "pool-stuck")


def test_free_threads_are_no_stall() -> None:
    free = [
        thread(f"clerk-{n}", "WAITING (parking)", *PARK, "java.util.concurrent.LinkedBlockingQueue.take", *SERVES[2:]) for n in range(5, 8)
    ]
    assert not found(diagnosed(*clerks(*WAITS["latch"]), *free), "pool-stuck")


def test_long_polls_alarm_nobody() -> None:
    quiet = tuple(f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(4))
    assert diagnosed(*clerks(*WAITS["latch"]), rows=quiet).verdict.status is not Status.PROBLEM


def test_what_stands_in_two_dumps_without_work_is_suspected() -> None:
    def at(moment: str) -> str:
        threads = [one.replace(" tid=", " cpu=5.00ms elapsed=90.00s tid=") for one in clerks(*WAITS["latch"])]
        servlet = [
            one.replace("\tat java.lang.Thread.run", "\tat sun.net.httpserver.ServerImpl$Exchange.run(X.java:1)\n\tat java.lang.Thread.run")
            for one in threads
        ]
        return dump(*servlet, time=f"2026-01-02 03:04:{moment}")

    diagnosis = diagnosis_of({"jstack-1.txt": at("05"), "jstack-2.txt": at("25")})
    (finding,) = found(diagnosis, "pool-stuck")
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.SUSPECTED)


def test_every_format_says_that_the_cause_is_unknown() -> None:
    view = build(diagnosed(*clerks(*WAITS["latch"])), "analyze x")
    told = {
        "terminal": terminal.verdict(view, 100, color=False),
        "text": text.render(view),
        "markdown": markdown.render(view),
        "jira": jira.render(view),
        "summary": summary.render(view),
    }
    for name, said in told.items():
        assert "CRITICAL, CAUSE UNKNOWN" in said, name


SERVED = ("org.acme.counter.Ledger.book", "org.apache.mina.core.filterchain.DefaultIoFilterChain$TailFilter.messageReceived")
"""A request behind a server that closes by itself what its clients close."""


def desks(*, free: bool = False) -> str:
    """Four threads in a request, and one without work."""
    stuck = [thread(f"desk-{n}", "WAITING (parking)", *WAITS["latch"], *SERVED, "java.lang.Thread.run", nid=0x300 + n) for n in range(4)]
    idle = thread(
        "desk-9", "WAITING (parking)", *PARK, "java.util.concurrent.ThreadPoolExecutor.getTask", "java.lang.Thread.run", nid=0x399
    )
    return dump(*stuck, *([idle] if free else []))


def test_requests_without_any_client_are_abandoned_ones() -> None:
    (finding,) = found(diagnosis_of({"jstack-431.txt": desks(), "netstat.txt": netstat(LISTEN)}), "pool-stuck")
    assert finding.confidence is Confidence.SUSPECTED
    assert "whoever asked has left" in finding.explanation
    twice = {f"{n}/{name}": text for n in (1, 2) for name, text in {"jstack-431.txt": desks(), "netstat.txt": netstat(LISTEN)}.items()}
    (finding,) = found(diagnosis_of(twice), "pool-stuck")
    assert finding.confidence is Confidence.LIKELY


@pytest.mark.parametrize("what", ["clients", "free thread", "listeners only", "queue"])
def test_requests_that_may_have_clients_are_not_abandoned(what: str) -> None:
    table = netstat(LISTEN)
    if what == "clients":
        table = netstat(LISTEN, *(f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(4)))
    elif what == "listeners only":
        table = table.replace("servers and established", "only servers")
    elif what == "queue":
        table = netstat(LISTEN.replace("0 ", "2 ", 1))
    assert not found(diagnosis_of({"jstack-431.txt": desks(free=what == "free thread"), "netstat.txt": table}), "pool-stuck")


def in_children(count: int, table: str) -> Diagnosis:
    """Request threads of MINA that wait for their children, and a table that shows listeners alone."""
    waits = [
        thread(f"desk-{n}", "WAITING (parking)", *WAITS["child"], *SERVED, "java.lang.Thread.run", nid=0x300 + n) for n in range(count)
    ]
    return diagnosis_of({"jstack-431.txt": dump(*waits), "netstat.txt": table})


def test_one_dump_suspects_a_pool_whose_threads_all_wait_for_children() -> None:
    (finding,) = found(in_children(4, netstat(LISTEN).replace("servers and established", "only servers")), "pool-stuck")
    assert finding.confidence is Confidence.SUSPECTED
    assert "children that work for a moment look the same" in finding.why_confident


@pytest.mark.parametrize(("count", "rows"), [(2, ()), (4, ("0 10.2.0.4:6612 10.2.9.7:41000 ESTABLISHED 431/java",))])
def test_few_threads_and_connected_clients_may_be_a_moment_of_children(count: int, rows: tuple[str, ...]) -> None:
    assert not found(in_children(count, netstat(LISTEN, *rows)), "pool-stuck")


def test_a_table_without_queues_leaves_a_doubt() -> None:
    """Whether those who left waited for an answer lsof does not show: that as many threads stand, dump after dump, says enough."""
    rows = "".join(f"java 431 app {9 + n}u IPv6 {5000 + n} 0t0 TCP 10.2.0.4:6612->10.2.9.7:{41000 + n} (CLOSE_WAIT)\n" for n in range(4))
    table = "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\njava 431 app 7u IPv6 4999 0t0 TCP *:6612 (LISTEN)\n" + rows
    once = {"jstack-431.txt": dump(ACCEPTS, *clerks(*WAITS["child"])), "lsof.txt": table}
    (finding,) = found(diagnosis_of(once), "pool-stuck")
    assert finding.confidence is Confidence.SUSPECTED
    twice = {f"{moment}/{name}": text for moment in ("1", "2") for name, text in once.items()}
    (finding,) = found(diagnosis_of(twice), "pool-stuck")
    assert finding.confidence is Confidence.LIKELY


class TestClientsWithoutAnAnswer:
    """The kernel's counters say how long a client has waited; a long poll's has waited as well."""

    TAKE = (*PARK, "java.util.concurrent.LinkedBlockingQueue.take")

    @staticmethod
    def table(clients: int, age: int = 6200) -> str:
        rows = ["State Recv-Q Send-Q Local Address:Port Peer Address:Port Process", 'LISTEN 0 50 *:6612 *:* users:(("java",pid=431,fd=5))']
        for n in range(clients):
            rows.append(f'ESTAB 0 0 10.2.0.4:6612 10.2.9.7:{41000 + n} users:(("java",pid=431,fd={9 + n}))')
            rows.append(f"\t cubic wscale:7,7 rto:204 bytes_received:48 data_segs_in:1 lastsnd:{age + n} lastrcv:{age + n} lastack:5")
        return "\n".join(rows) + "\n"

    def diagnosed(self, *wait: str, dumps: int = 2, age: int = 6200, free: int = 0) -> Diagnosis:
        idle = [
            thread(f"clerk-{90 + n}", "WAITING (parking)", *self.TAKE, "java.util.concurrent.ThreadPoolExecutor.getTask", nid=0x900 + n)
            for n in range(free)
        ]
        files = {
            f"jstack-431-{n}.txt": dump(ACCEPTS, *clerks(*wait, count=5), *idle, time=f"2026-01-02 03:04:1{n}") for n in range(1, dumps + 1)
        }
        return diagnosis_of({**files, "ss.txt": self.table(5, age)})

    @pytest.mark.parametrize("free", [0, 2])
    def test_a_full_queue_keeps_them_waiting(self, free: int) -> None:
        (finding,) = found(self.diagnosed(*WAITS["queue"], free=free), "pool-stuck")
        assert finding.confidence is Confidence.LIKELY
        assert "5 clients of port 6612 have had no answer for 6 s" in finding.headline
        assert "is not served" not in finding.headline
        assert "may only be slow" in finding.why_confident
        assert any(one.where.file == "ss.txt" for one in finding.evidence)

    def test_one_dump_is_a_suspicion(self) -> None:
        (finding,) = found(self.diagnosed(*WAITS["queue"], dumps=1), "pool-stuck")
        assert finding.confidence is Confidence.SUSPECTED

    def test_long_polls_are_no_fault(self) -> None:
        for wait in (self.TAKE, WAITS["condition"], WAITS["notify"]):
            diagnosis = self.diagnosed(*wait)
            assert diagnosis.verdict.status is Status.INSUFFICIENT
            assert not found(diagnosis, "pool-stuck")
            assert "5 clients of port 6612 have had no answer for 6 s" in f"{diagnosis.verdict.headline}{diagnosis.verdict.summary}"
            assert "no client is seen to suffer" not in diagnosis.verdict.headline

    def test_a_moment_is_no_fault(self) -> None:
        assert not found(self.diagnosed(*WAITS["queue"], age=40), "pool-stuck")

    def test_pythons_queue_is_told_by_its_method(self) -> None:
        handler = """Thread {0} (idle): "Thread-{1} (process_request_thread)"
    wait (threading.py:327)
    Queue.put (queue.py:140)
    Till.handle (till.py:9)
    BaseRequestHandler.__init__ (socketserver.py:755)
    BaseServer.finish_request (socketserver.py:361)
    ThreadingMixIn.process_request_thread (socketserver.py:691)
    Thread.run (threading.py:982)
"""
        main = 'Thread 431 (idle): "MainThread"\n    select (selectors.py:415)\n    BaseServer.serve_forever (socketserver.py:233)\n    <module> (till.py:12)\n'
        spy = "Process 431: python3 till.py\nPython v3.11.7 (/usr/bin/python3.11)\n\n" + main
        spy += "".join(handler.format(500 + n, n) for n in range(5))
        files = {"py-spy-1.txt": spy, "py-spy-2.txt": spy, "ss.txt": self.table(5).replace('"java"', '"python3"')}
        (finding,) = found(diagnosis_of(files), "pool-stuck")
        assert "The queue is full, and no thread of the dump takes" in finding.explanation
        assert "put something into" not in finding.explanation


class TestBusyServers:
    """A server that answers one request after the other has the same stacks in every dump, and unread requests."""

    @staticmethod
    def table(info: str) -> str:
        rows = ["State Recv-Q Send-Q Local Address:Port Peer Address:Port Process", 'LISTEN 0 50 *:6612 *:* users:(("java",pid=431,fd=5))']
        for n in range(6):
            rows += [
                f'ESTAB 90 0 10.2.0.4:6612 10.2.9.7:{41000 + n} users:(("java",pid=431,fd={9 + n}))',
                f"\t cubic wscale:7,7 rto:204 {info}",
            ]
        return "\n".join(rows) + "\n"

    def diagnosed(self, info: str, dumps: int = 2) -> Diagnosis:
        files = {
            f"jstack-431-{n}.txt": dump(ACCEPTS, *clerks(*WAITS["attempt"], count=6), time=f"2026-01-02 03:04:1{n}") for n in range(dumps)
        }
        return diagnosis_of({**files, "ss.txt": self.table(info)})

    def test_answers_of_this_moment_are_no_standstill(self) -> None:
        diagnosis = self.diagnosed("bytes_sent:436 bytes_received:2970 data_segs_out:109 data_segs_in:110 lastsnd:36 lastrcv:30")
        assert not found(diagnosis, "pool-stuck")
        assert diagnosis.verdict.status is Status.INSUFFICIENT

    def test_without_answers_the_same_pool_stands(self) -> None:
        (finding,) = found(self.diagnosed("bytes_sent:436 bytes_received:2970 lastsnd:6400 lastrcv:6100"), "pool-stuck")
        assert finding.confidence is Confidence.LIKELY
        assert "whether they have worked in between" in finding.why_confident

    def test_one_dump_and_unread_requests_are_a_suspicion(self) -> None:
        (finding,) = found(self.diagnosed("bytes_received:90 lastsnd:6100 lastrcv:6100", dumps=1), "pool-stuck")
        assert finding.confidence is Confidence.SUSPECTED


def test_a_cut_dump_counts_only_what_it_shows() -> None:
    files = {"jstack-431.txt": dump(ACCEPTS, *clerks(*WAITS["child"]), complete=False), "netstat.txt": netstat(LISTEN, *left(4, 3))}
    (finding,) = found(diagnosis_of(files), "pool-stuck")
    assert "as far as the cut dump shows them" in finding.headline


def test_a_full_queue_is_not_healthy_without_counters() -> None:
    free = [
        thread(
            f"clerk-{90 + n}",
            "WAITING (parking)",
            *TestClientsWithoutAnAnswer.TAKE,
            "java.util.concurrent.ThreadPoolExecutor.getTask",
            nid=0x900 + n,
        )
        for n in range(3)
    ]
    rows = [f"0 10.2.0.4:6612 10.2.9.7:{41000 + n} ESTABLISHED 431/java" for n in range(4)]
    files = {"jstack-431.txt": dump(ACCEPTS, *clerks(*WAITS["queue"]), *free), "netstat.txt": netstat(LISTEN, *rows)}
    diagnosis = diagnosis_of(files)
    assert diagnosis.verdict.status is Status.INSUFFICIENT
    assert "ArrayBlockingQueue.put" in diagnosis.verdict.headline


def test_far_more_readers_than_clients_that_suffer_may_read_from_idle_clients() -> None:
    """One thread for each of many clients, in a table of which somebody kept only the closed rows."""
    readers = [
        thread(f"Thread-{n}", "RUNNABLE", *PLAIN_READ, "org.acme.counter.Clerk.run", "java.lang.Thread.run", nid=0x300 + n)
        for n in range(60)
    ]
    files = {"jstack-431.txt": dump(ACCEPTS, *readers), "netstat.txt": netstat(*left(1, 3))}
    assert diagnosis_of(files).verdict.status is Status.INSUFFICIENT


def test_a_cut_capture_beside_it_has_no_lines_to_look_through() -> None:
    """What could not be read of it is a packet, and no line of a log."""
    cut = (SAMPLES / "self-call-through-proxy" / "lo.pcap").read_bytes()[:-7]
    files = {"jstack-431.txt": dump(ACCEPTS, *clerks(*WAITS["child"])), "netstat.txt": netstat(LISTEN, *left(4, 3))}
    readings = [read_one("lo.pcap", cut), *(read_one(name, text.encode()) for name, text in files.items())]
    diagnosis = judge(assemble("incident", readings))
    assert found(diagnosis, "pool-stuck")
    assert not [check for check in diagnosis.checked if check.outcome is Outcome.FAULT]
