"""Waits across a connection: threads, sockets and the sessions that a server lists behind them."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Severity
from analyzer.rules import RULES, slug
from reports.contract import json_v1
from tests.builders import READ, diagnosis_of, dump, found, netstat, thread

ME = "77/java"
DRIVER = (*READ[:2], "org.postgresql.core.v3.QueryExecutorImpl.processResults", "org.postgresql.jdbc.PgStatement.execute")
FAR_RULES = {
    "cross-system-deadlock",
    "lock-held-by-idle-transaction",
    "lost-session",
    "slow-statement",
    "queued-at-proxy",
    "blocking-commands",
}


def sockets(*ports: int, remote: str = "10.3.0.9:5432") -> str:
    rows = [f"0 10.1.1.5:{port} {remote} ESTABLISHED {ME}" for port in ports]
    return netstat(f"0 :::8080 :::* LISTEN {ME}", *rows)


def reader(name: str = "clerk-1", *locks: str, nid: int = 0x61) -> str:
    return thread(name, "RUNNABLE", *DRIVER, "com.example.books.Account.move", *locks, "com.example.books.Desk.run", nid=nid)


def waiter(name: str, address: str = "<0x00000000f0000001>", nid: int = 0x62) -> str:
    return thread(
        name,
        "BLOCKED (on object monitor)",
        "com.example.books.Account.move",
        f"- waiting to lock {address} (a java.lang.Object)",
        "com.example.books.Desk.run",
        native="waiting for monitor entry",
        nid=nid,
    )


def activity(*rows: tuple[int, int, str, str]) -> str:
    """Rows of (pid, client port, state, kind of wait)."""
    lines = [
        f"{pid}|books|desk|10.1.1.5|{port}|2026-01-02 03:04:00+00|2026-01-02 03:04:0{index}+00|{kind}|x|{state}|update t set a = 7"
        for index, (pid, port, state, kind) in enumerate(rows)
    ]
    head = "pid|usename|application_name|client_addr|client_port|xact_start|query_start|wait_event_type|wait_event|state|query"
    young = "1|postgres|psql|10.9.9.9|60000|2026-01-02 03:04:30+00|2026-01-02 03:04:30+00|||active|select pg_stat_activity"
    return "\n".join([head, *lines, young]) + "\n"


BLOCKED = "pid|blocked_by\n502|{501}\n"
HELD = "- locked <0x00000000f0000001> (a java.lang.Object)"
LOOP = activity((501, 41001, "idle in transaction", "Client"), (502, 41002, "active", "Lock"))


def loud(diagnosis: Diagnosis) -> set[str]:
    return {finding.rule for finding in diagnosis.findings if finding.severity is not Severity.INFO}


def case(threads: list[str], ports: tuple[int, ...], **files: str) -> Diagnosis:
    texts = {f"{name}.txt": text for name, text in files.items()}
    return diagnosis_of({"netstat.txt": sockets(*ports), "jstack.txt": dump(*threads)} | texts)


class TestOwnHolds:
    """Requests that take a second connection for a row that their first one keeps: which thread has which, no line tells, and none is left that could end one."""

    LISTED = activity(
        (501, 41001, "idle in transaction", "Client"),
        (502, 41002, "active", "Lock"),
        (503, 41003, "idle in transaction", "Client"),
        (504, 41004, "active", "Lock"),
    )
    BLOCKED = "pid|blocked_by\n502|{501}\n504|{503}\n"
    PORTS = (41001, 41002, 41003, 41004)

    def told(self, *threads: str, listed: str = LISTED) -> Diagnosis:
        return case([reader("clerk-1"), reader("clerk-2", nid=0x62), *threads], self.PORTS, sessions=listed, blocked=self.BLOCKED)

    def test_is_told_once_for_all(self) -> None:
        diagnosis = self.told()
        (finding,) = found(diagnosis, "cross-system-deadlock")
        assert diagnosis.verdict.rule == finding.rule
        assert finding.headline == (
            "The process blocks itself in PostgreSQL: 2 threads wait for locks that its own idle transactions hold, and no thread is left to end these."
        )
        assert "Each of them holds up one other" in finding.explanation
        assert (finding.confidence, finding.loop) == (Confidence.CERTAIN, True)
        assert (finding.culprit.frame or "").startswith("com.example.books.Account.move")
        assert not found(diagnosis, "lock-held-by-idle-transaction")

    def test_who_waits_for_a_connection_ends_nothing(self) -> None:
        wants = ("jdk.internal.misc.Unsafe.park", "com.zaxxer.hikari.pool.HikariPool.getConnection", "com.example.books.Account.move")
        diagnosis = self.told(thread("clerk-3", "WAITING (parking)", *wants, "com.example.books.Desk.run", nid=0x64))
        assert "1 more thread waits for one of them, or for a connection" in found(diagnosis, "cross-system-deadlock")[0].explanation

    def test_is_none_where_a_thread_may_go_on(self) -> None:
        runs = thread("clerk-3", "RUNNABLE", "com.example.books.Account.sum", "com.example.books.Desk.run", native="runnable", nid=0x64)
        diagnosis = self.told(runs)
        assert not found(diagnosis, "cross-system-deadlock")
        assert len(found(diagnosis, "lock-held-by-idle-transaction")) == 2

    def test_another_process_may_end_its_own(self) -> None:
        assert not found(
            self.told(listed=self.LISTED.replace("10.1.1.5|41003", "10.1.1.6|41003").replace("10.1.1.5|41001", "10.1.1.6|41001")),
            "cross-system-deadlock",
        )


class TestLoop:
    THREADS = (reader("clerk-1", HELD), waiter("clerk-2"), waiter("clerk-3", nid=0x63))

    def test_over_a_lock_of_the_process(self) -> None:
        diagnosis = case(list(self.THREADS), (41001, 41002), sessions=LOOP, blocked=BLOCKED)
        assert diagnosis.verdict.rule == "cross-system-deadlock"
        assert diagnosis.primary is not None
        assert diagnosis.primary.loop
        assert not found(diagnosis, "lock-held-by-idle-transaction")

    def test_is_none_where_a_thread_may_go_on(self) -> None:
        free = thread("clerk-4", "RUNNABLE", "com.example.books.Account.sum", "com.example.books.Desk.run", nid=0x64)
        diagnosis = case([*self.THREADS, free], (41001, 41002), sessions=LOOP, blocked=BLOCKED)
        assert diagnosis.verdict.rule == "lock-held-by-idle-transaction"

    def test_is_none_where_the_holder_is_a_stranger(self) -> None:
        diagnosis = case(list(self.THREADS), (41002,), sessions=LOOP, blocked=BLOCKED)
        assert diagnosis.verdict.rule == "lock-held-by-idle-transaction"
        assert "not of this process" in diagnosis.verdict.summary

    def test_is_suspected_where_the_dump_is_cut(self) -> None:
        files = {"netstat.txt": sockets(41001, 41002), "jstack.txt": dump(*self.THREADS, complete=False), "s.txt": LOOP, "b.txt": BLOCKED}
        (finding,) = found(diagnosis_of(files), "cross-system-deadlock")
        assert finding.confidence is Confidence.SUSPECTED


def test_lists_of_another_moment_are_only_suspected_and_lose_no_session() -> None:
    first = {"snap1/netstat.txt": sockets(41002), "snap1/jstack.txt": dump(reader())}
    later = {"snap2/sessions.txt": LOOP, "snap2/blocked.txt": BLOCKED}
    diagnosis = diagnosis_of(first | later)
    (finding,) = found(diagnosis, "lock-held-by-idle-transaction")
    assert finding.confidence is Confidence.SUSPECTED
    assert "other-moment" in {doubt.code for doubt in finding.doubts}
    assert not found(diagnosis, "lost-session")


def test_a_list_alone_says_what_it_shows() -> None:
    verdict = diagnosis_of({"sessions.txt": LOOP, "blocked.txt": BLOCKED}).verdict
    assert "1 session of PostgreSQL waits for a lock (x) that session 501 (desk, 10.1.1.5:41001) holds" in verdict.headline
    assert verdict.confidence is Confidence.LIKELY


class TestHolder:
    ROWS = activity((501, 50000, "idle in transaction", "Client"), (502, 41002, "active", "Lock"), (503, 41003, "active", "Lock"))

    def test_is_the_one_that_waits_for_nobody(self) -> None:
        blocked = "pid|blocked_by\n502|{501}\n503|{502,501}\n"
        diagnosis = case([reader(), reader("clerk-2", nid=0x62)], (41002, 41003), sessions=self.ROWS, blocked=blocked)
        (finding,) = found(diagnosis, "lock-held-by-idle-transaction")
        assert finding.confidence is Confidence.CERTAIN
        assert "session 501" in finding.headline

    def test_is_not_named_where_nobody_says_it(self) -> None:
        assert not found(case([reader()], (41002,), sessions=self.ROWS), "lock-held-by-idle-transaction")

    def test_a_lock_of_others_is_not_ours(self) -> None:
        assert not loud(case([reader()], (42000,), sessions=self.ROWS, blocked=BLOCKED)) & FAR_RULES


class TestLostSession:
    ROWS = activity((501, 41001, "idle", "Client"), (503, 41003, "idle", "Client"))
    NAMES = "\n".join(f"/proc/77/task/{0x61}/syscall: 0 0x6 0x7f 0x2000 0x0 0x0 0x0 0x7f 0x7f" for _ in range(1))

    def test_is_no_claim_without_the_thread_of_the_connection(self) -> None:
        assert not found(case([reader()], (41001, 41002), sessions=self.ROWS), "lost-session")

    def test_a_pooler_in_between_hides_every_port(self) -> None:
        pooler = (
            "type|user|database|state|addr|port|local_addr|local_port|link|ptr\n"
            "C|desk|books|active|10.1.1.5|41002|10.3.0.9|6432|0xb|0xa\nS|desk|books|active|10.3.0.9|5432|10.3.0.9|57000|0xa|0xb\n"
        )
        rows = activity((501, 57000, "active", "Lock")).replace("10.1.1.5|57000", "10.3.0.9|57000")
        diagnosis = case([reader()], (41002,), sessions=rows, pooler=pooler, blocked="pid|blocked_by\n501|{500}\n")
        assert not found(diagnosis, "lost-session")
        assert [session.local for session in diagnosis.sessions if session.id == "501"] == ["10.1.1.5:41002"]


def test_a_long_statement_is_slow_and_no_lock() -> None:
    rows = activity((501, 41001, "active", "IO"))
    diagnosis = case([reader()], (41001,), sessions=rows)
    (finding,) = found(diagnosis, "slow-statement")
    assert finding.severity is Severity.WARNING
    assert "30 s" in finding.headline


def test_a_short_statement_is_nothing() -> None:
    rows = activity((501, 41001, "active", "IO")).replace("03:04:30", "03:04:02")
    assert not loud(case([reader()], (41001,), sessions=rows)) & FAR_RULES


class TestBlockingCommands:
    LIST = "id=4 addr=10.1.1.5:41001 fd=8 name=x age=8 idle=8 flags=b db=0 events=r cmd=blpop\n"
    REDIS = (
        *READ[:2],
        "redis.clients.jedis.Connection.readProtocolWithCheckingBroken",
        "com.example.mail.Inbox.next",
        "com.example.mail.Work.run",
    )
    WANTS = (
        "jdk.internal.misc.Unsafe.park",
        "java.util.concurrent.locks.LockSupport.park",
        "java.util.concurrent.Semaphore.acquire",
        "com.example.mail.Outbox.push",
        "com.example.mail.Work.run",
    )

    def diagnosis(self, *more: str) -> Diagnosis:
        threads = [thread("mail-1", "RUNNABLE", *self.REDIS, nid=0x61), *more]
        return diagnosis_of({"netstat.txt": sockets(41001, remote="10.3.0.9:6379"), "jstack.txt": dump(*threads), "clients.txt": self.LIST})

    def test_keep_every_connection_from_those_who_push(self) -> None:
        wanting = [thread(f"mail-{n}", "WAITING (parking)", *self.WANTS, nid=0x60 + n) for n in (2, 3)]
        assert found(self.diagnosis(*wanting), "blocking-commands")[0].severity is Severity.CRITICAL

    def test_a_consumer_that_waits_for_work_is_healthy(self) -> None:
        assert not found(self.diagnosis(), "blocking-commands")


def test_requests_in_a_proxys_queue_name_the_server_behind() -> None:
    at = "0x55b34df1{n}: proto=tcpv4 src=10.1.1.5:{port} fe=web be=app srv={server} ts=00 epoch=0 age=9s calls=1\n"
    text = at.format(n="0001", port=41001, server="<none>") + at.format(n="0002", port=41002, server="till3")
    threads = [thread(f"clerk-{n}", "RUNNABLE", *READ, "com.example.books.Rates.ask", nid=0x60 + n) for n in (1, 2)]
    diagnosis = diagnosis_of({"netstat.txt": sockets(41001, 41002, remote="10.3.0.9:80"), "jstack.txt": dump(*threads), "sess.txt": text})
    (finding,) = found(diagnosis, "queued-at-proxy")
    assert "1 of 2 requests" in finding.headline
    assert "till3" in finding.headline


def test_no_literal_of_a_statement_leaves_the_evidence() -> None:
    rows = activity((501, 41001, "active", "IO")).replace("update t set a = 7", "update t set a = 'Sünje Petersen' where b = 4711")
    assert "Petersen" not in json_v1.render(case([reader()], (41001,), sessions=rows), "1")


@pytest.mark.parametrize("rule", sorted(FAR_RULES))
def test_rules_of_the_far_side_are_run(rule: str) -> None:
    assert rule in {slug(one) for one in RULES}


def processes(statement: str) -> str:
    """MySQL's process list of one session that runs a statement for half a minute."""
    return (
        "+-----+------+----------------+-------+---------+------+----------+---------------------------------+\n"
        "| Id  | User | Host           | db    | Command | Time | State    | Info                            |\n"
        "+-----+------+----------------+-------+---------+------+----------+---------------------------------+\n"
        f"| 501 | desk | 10.1.1.5:41001 | books | Query   | 30   | updating | {statement:<31} |\n"
        "+-----+------+----------------+-------+---------+------+----------+---------------------------------+\n"
    )


@pytest.mark.parametrize("statement", ["update loan set due = ?", "select * from loan for update", "insert into loan values (?)"])
def test_a_process_list_does_not_tell_work_from_a_row_lock(statement: str) -> None:
    (finding,) = found(case([reader()], (41001,), sessions=processes(statement)), "slow-statement")
    assert finding.confidence is Confidence.SUSPECTED
    assert "waits for no lock" not in finding.explanation
    assert any("innodb_lock_waits" in missing.command for missing in finding.missing if missing.command)


def test_a_read_waits_for_no_row_lock() -> None:
    (finding,) = found(case([reader()], (41001,), sessions=processes("select * from loan")), "slow-statement")
    assert finding.confidence is Confidence.LIKELY
