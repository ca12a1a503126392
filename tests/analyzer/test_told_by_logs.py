"""Lines of a log alone: what they let one suspect, and where they stay silent."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding, Status
from tests.builders import diagnosis_of, found, thread

EMPTY = (
    "2026-03-02 10:00:31.004 ERROR 1 --- [exec-2] o.h.e.j.s.SqlExceptionHelper : MoorPool-2 - Connection is not available, "
    "request timed out after 30000ms (total=8, active=8, idle=0, waiting=21)\n"
)
LEAKED = (
    "2026-03-02 09:58:02.118 WARN 1 --- [housekeeper] c.z.h.p.ProxyLeakTask : MoorPool-2 - Connection leak detection triggered for "
    "org.postgresql.jdbc.PgConnection@1f2c3d on thread exec-7, stack trace follows\n\n"
    "java.lang.Exception: Apparent connection leak detected\n\tat com.zaxxer.hikari.HikariDataSource.getConnection(HikariDataSource.java:128)\n"
    "\tat net.moor.Ledger.open(Ledger.java:31)\n\tat net.moor.Desk.print(Desk.java:12)\n"
)


def suspected(text: str) -> Finding:
    diagnosis = diagnosis_of({"post.md": f"It stops at night.\n\n```\n{text}```\n"})
    assert diagnosis.verdict.status is Status.PROBLEM
    finding = diagnosis.findings[0]
    assert "log-alone" in [doubt.code for doubt in finding.doubts]
    assert finding.confidence is not Confidence.CERTAIN
    assert finding.actions
    assert finding.outlook is not None
    return finding


@pytest.mark.parametrize(
    ("line", "rule", "confidence"),
    [
        (EMPTY, "jdbc-pool-exhausted", Confidence.SUSPECTED),
        ("accept: java.io.IOException: Too many open files\n", "fd-exhaustion", Confidence.SUSPECTED),
        ("java.lang.OutOfMemoryError: unable to create new native thread\n", "thread-leak", Confidence.SUSPECTED),
        ("dial tcp 10.3.0.9:80: connect: cannot assign requested address\n", "ephemeral-port-exhaustion", Confidence.SUSPECTED),
        ("TCP: request_sock_TCP: Possible SYN flooding on port 9443. Sending cookies.\n", "backlog-overflow", Confidence.SUSPECTED),
        ("nfs: server vault-3 not responding, timed out\n", "disk-stall", Confidence.SUSPECTED),
        ("[CRITICAL] WORKER TIMEOUT (pid:4188)\n", "pool-stuck", Confidence.SUSPECTED),
        (
            "Executing <Task finished name='Task-9' coro=<Mill.grind() done> result=None> took 3.205 seconds\n",
            "event-loop-blocked",
            Confidence.LIKELY,
        ),
    ],
)
def test_a_line_that_somebody_picked_raises_the_suspicion_that_fits(line: str, rule: str, confidence: Confidence) -> None:
    finding = suspected(line)
    assert (finding.rule, finding.confidence) == (rule, confidence)


def test_a_pool_that_names_who_kept_one_is_likely() -> None:
    finding = suspected(LEAKED + EMPTY)
    assert finding.rule == "jdbc-pool-exhausted"
    assert finding.confidence is Confidence.LIKELY
    assert finding.culprit.frame == "net.moor.Ledger.open(Ledger.java:31)"
    assert (
        "what net.moor.Ledger.open(Ledger.java:31) takes, called from net.moor.Desk.print(Desk.java:12), is not given back"
        in finding.headline
    )
    assert len(finding.evidence) == 2


def test_a_leak_behind_a_carriers_times_has_its_stack() -> None:
    carried = "".join(f"2026-03-02T10:01:00.5{n:02}Z {line}".rstrip() + "\n" for n, line in enumerate((LEAKED + EMPTY).splitlines()))
    assert suspected(carried).culprit.frame == "net.moor.Ledger.open(Ledger.java:31)"


def test_the_cause_of_an_exception_is_met_where_the_exception_was() -> None:
    text = (
        "net.moor.CacheError: no cache\n\tat redis.clients.jedis.util.Pool.getResource(Pool.java:53)\n\tat net.moor.Seats.load(Seats.java:37)\n\t...\n"
        "Caused by: java.util.NoSuchElementException: Timeout waiting for idle object\n"
        "\tat org.apache.commons.pool2.impl.GenericObjectPool.borrowObject(GenericObjectPool.java:449)\n"
    )
    assert suspected(text).culprit.frame == "net.moor.Seats.load(Seats.java:37)"


def test_one_failed_call_in_a_long_log_is_noise_and_many_are_not() -> None:
    filler = "".join(f"2026-03-02 10:{n // 60:02}:{n % 60:02} INFO  [w-{n % 4}] n.m.Desk - order {n} printed\n" for n in range(200))
    failed = "2026-03-02 10:03:21 ERROR [w-1] n.m.Desk - java.net.SocketTimeoutException: Read timed out\n"
    assert diagnosis_of({"app.log": filler + failed}).verdict.status is Status.INSUFFICIENT
    many = diagnosis_of({"app.log": filler + failed * 12}).verdict
    assert (many.rule, many.confidence) == ("slow-backend", Confidence.SUSPECTED)


def test_one_failed_call_in_a_short_log_is_no_sign_and_among_somebodys_words_it_is() -> None:
    log = (
        "2026-03-02 10:00:00 INFO  [w-1] n.m.Desk - open\n"
        "2026-03-02 10:00:05 WARN  [w-1] n.m.Desk - try 1: java.net.SocketTimeoutException: Read timed out\n"
        "2026-03-02 10:00:06 INFO  [w-1] n.m.Desk - try 2 worked\n"
    )
    assert diagnosis_of({"app.log": log}).verdict.status is Status.INSUFFICIENT
    assert suspected("java.net.SocketTimeoutException: Read timed out\n").rule == "slow-backend"


def test_a_whole_dump_tells_more_than_a_line() -> None:
    dump = (
        "2026-03-02 10:00:31\nFull thread dump OpenJDK 64-Bit Server VM (17.0.9+9 mixed mode):\n\n"
        '"main" #1 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting on condition  [0x00007f108a1fd000]\n'
        "   java.lang.Thread.State: TIMED_WAITING (sleeping)\n\tat java.lang.Thread.sleep(Native Method)\n\tat net.moor.Main.main(Main.java:9)\n\n"
    )
    assert diagnosis_of({"jstack.txt": dump, "app.log": EMPTY}).verdict.status is Status.INSUFFICIENT


DRUID = ("com.alibaba.druid.pool.DruidDataSource.pollLast", "com.alibaba.druid.pool.DruidDataSource.getConnectionInternal")
ABANDONED = (
    "2026-01-02 03:04:01.230 ERROR [Druid-Destroy-1] c.a.d.p.DruidDataSource - abandon connection, owner thread: saw-{n}, connected at : 1565577118442, open stackTrace\n"
    "\tat com.alibaba.druid.pool.DruidDataSource.getConnection(DruidDataSource.java:1246)\n\tat nl.mill.Export.open(Export.java:67)\n"
    "\tat nl.mill.Export.run(Export.java:41)\n"
)


def test_a_pool_that_names_who_kept_a_connection_tells_it_of_picked_threads() -> None:
    stack = thread("web-7", "TIMED_WAITING (parking)", *DRUID, "nl.mill.Query.page")
    post = f"It hangs:\n\n{ABANDONED.format(n=1)}\n{ABANDONED.format(n=2)}\nand\n\n{stack}\n\nWhy?\n"
    (finding,) = found(diagnosis_of({"post.md": post}), "jdbc-pool-exhausted")
    assert finding.confidence is Confidence.LIKELY
    assert finding.culprit.frame == "nl.mill.Export.open(Export.java:67)"
    assert (
        "nl.mill.Export.open(Export.java:67) took one and did not give it back, as the pool's own watch says in 2 lines" in finding.headline
    )
    assert not any("heap_dump" in (action.command or "") for action in finding.actions)


def test_the_watch_of_another_pool_names_nobody() -> None:
    stack = thread(
        "web-7",
        "TIMED_WAITING (parking)",
        "com.zaxxer.hikari.util.ConcurrentBag.borrow",
        "com.zaxxer.hikari.pool.HikariPool.getConnection",
        "nl.mill.Query.page",
    )
    (finding,) = found(diagnosis_of({"post.md": f"It hangs:\n\n{ABANDONED.format(n=1)}\nand\n\n{stack}\n\nWhy?\n"}), "jdbc-pool-exhausted")
    assert finding.confidence is Confidence.SUSPECTED
    assert "Export" not in finding.headline


FULL = "2026-02-13 16:40:02,118 [myid:2] - WARN  [NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181:NIOServerCnxnFactory@193] - Too many connections from /10.4.7.31 - max is 60\n"
OWNED = "$ netstat -tnp | awk '{print $5, $6, $7}' | sort | uniq -c\n     60 10.4.7.11:2181 ESTABLISHED 30117/saw\n     59 10.4.7.12:2181 ESTABLISHED 30117/saw\n      1 10.4.7.12:2181 ESTABLISHED 2245/mill\n"


def test_who_has_most_of_the_connections_to_a_server_that_is_full_is_told() -> None:
    finding = suspected(f"{FULL * 3}```\n\n```\n{OWNED}")
    assert (finding.rule, finding.confidence) == ("connection-limit", Confidence.SUSPECTED)
    assert finding.headline.endswith("saw (pid 30117) has 119 connections to port 2181 of all servers together.")
    assert "saw" not in suspected(FULL * 3).headline


def test_frames_that_somebody_left_out_end_no_stack() -> None:
    text = (
        EMPTY
        + "java.sql.SQLTransientConnectionException: MoorPool-2 - Connection is not available, request timed out after 30000ms.\n\tat com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:186)\n\t...\n\tat net.moor.Ledger.open(Ledger.java:31)\n"
    )
    assert "net.moor.Ledger.open(Ledger.java:31)" in suspected(text).headline


def test_threads_of_which_no_finding_speaks_are_told_beside_it() -> None:
    calls = thread(
        "saw-2",
        "RUNNABLE",
        "java.net.SocketInputStream.socketRead0",
        "sun.net.www.http.HttpClient.parseHTTPHeader",
        "sun.net.www.protocol.http.HttpURLConnection.getInputStream",
        "nl.mill.Rates.ask",
    )
    waits = thread("web-1", "WAITING (parking)", "java.util.concurrent.FutureTask.get", "nl.mill.Desk.show")
    verdict = diagnosis_of({"post.md": f"It hangs:\n\n{calls}\n\n{waits}\n\nWhy?\n"}).verdict
    assert (
        "“web-1” waits, without a timeout, for another thread's result in FutureTask.get, called from nl.mill.Desk.show" in verdict.summary
    )
    assert verdict.summary.count("saw-2") == 0


WAITS = "2026-03-01 10:12:33.120 UTC [4021] LOG:  process 4021 still waiting for ShareLock on transaction 88112 after 1000.055 ms\n"
HOLDS = "2026-03-01 10:12:33.120 UTC [4021] DETAIL:  Process holding the lock: 3990. Wait queue: {queue}.\n"


def test_who_holds_the_lock_that_a_database_speaks_of_is_told() -> None:
    finding = suspected(WAITS + HOLDS.format(queue="4021, 4055"))
    assert finding.rule == "lock-held-by-idle-transaction"
    assert "session 3990 holds it" in finding.headline


def test_the_waits_of_a_deadlock_that_is_over_are_no_finding_of_their_own() -> None:
    ended = "2026-03-01 10:12:34.120 UTC [4021] ERROR:  deadlock detected\n"
    findings = diagnosis_of({"post.md": f"It stops.\n\n```\n{WAITS + HOLDS.format(queue='4021') + ended}```\n"}).findings
    assert "lock-held-by-idle-transaction" not in [one.rule for one in findings]


ORPHAN = (
    "2026-05-20 07:15:33.820 ERROR 1 --- [exec-4] i.g.i.ManagedChannelOrphanWrapper : *~*~*~ Channel ManagedChannelImpl{logId=5877, target=dns:///saw.mill:50051} was not shutdown properly!!! ~*~*~*\n"
    "java.lang.RuntimeException: ManagedChannel allocation site\n\tat io.grpc.internal.ManagedChannelOrphanWrapper.<init>(ManagedChannelOrphanWrapper.java:53)\n\tat nl.mill.Stubs.make(Stubs.java:36)\n"
)


def test_channels_that_nobody_shuts_down_are_told_with_their_connections() -> None:
    counted = "$ netstat -tn | grep ':50051' | awk '{print $6}' | sort | uniq -c\n   1902 ESTABLISHED\n"
    finding = suspected(f"{ORPHAN}```\n\n```\n{counted}")
    assert "nl.mill.Stubs.make(Stubs.java:36) makes channels, and nobody shuts them down" in finding.headline
    assert "1,902 connections to port 50051 were counted" in finding.explanation
    assert any("one channel for each target" in action.text for action in finding.actions)


def test_frames_behind_dropwizards_marks_are_read() -> None:
    lines = "java.lang.OutOfMemoryError: unable to create new native thread\nat java.lang.Thread.start0(Native Method)\nat nl.mill.Hook.post(Hook.java:47)\n"
    finding = suspected(
        "ERROR [2026-06-19 12:44:08,101] nl.mill.Hook: could not post\n" + "".join(f"! {line}\n" for line in lines.splitlines())
    )
    assert "nl.mill.Hook.post(Hook.java:47)" in finding.headline


GLASSFISH = """[#|2026-04-18T15:20:44.120+0200|WARNING|glassfish|javax.enterprise|_ThreadID=97;|RAR5117 : Failed to obtain/create connection from connection pool [ tillPool ]. Reason : PoolingException: In-use connections equal max-pool-size and expired max-wait-time. Cannot allocate more connections.|#]

[#|2026-04-18T15:31:09.551+0200|WARNING|glassfish|javax.enterprise|_ThreadID=14;|A potential connection leak detected for connection pool tillPool. The stack trace of the thread is provided below :
com.sun.enterprise.resource.pool.ConnectionPool.setResourceStateToBusy(ConnectionPool.java:324)
com.sun.gjc.spi.base.DataSource.getConnection(DataSource.java:113)
net.umbra.till.Receipts.photos(Receipts.java:203)
net.umbra.till.Receipts.write(Receipts.java:118)
"""


def test_a_pool_whose_watch_prints_frames_without_at() -> None:
    verdict = diagnosis_of({"server.log": GLASSFISH}).verdict
    assert (
        "GlassFish tillPool: a pool of connections had none to give: what net.umbra.till.Receipts.photos(Receipts.java:203) takes"
        in verdict.headline
    )


SSHD = """Mar 04 09:41:10 gate sshd[1077]: error: beginning MaxStartups throttling
Mar 04 09:41:10 gate sshd[1077]: drop connection #10 from [203.0.113.40]:50218 on [192.0.2.22]:22 past MaxStartups

$ ss -tn sport = :22
State     Recv-Q Send-Q   Local Address:Port     Peer Address:Port
"""
SESSION = "ESTAB     0      0           192.0.2.22:22         {host}:{port}\n"


@pytest.mark.parametrize(("of_one", "of_others"), [(9, 1), (4, 0), (6, 6)])
def test_one_client_that_has_the_places_of_a_full_server(of_one: int, of_others: int) -> None:
    rows = [SESSION.format(host="192.0.2.90", port=38000 + n) for n in range(of_one)]
    rows += [SESSION.format(host=f"198.51.100.{n + 1}", port=41000 + n) for n in range(of_others)]
    headline = diagnosis_of({"post.txt": SSHD + "".join(rows)}).verdict.headline
    assert headline.startswith("sshd: a server had no place for another connection")
    assert ("while 192.0.2.90 has 9 of the 10 connections of port 22" in headline) is ((of_one, of_others) == (9, 1))
    assert ("while" in headline) is (of_one == 9)


POSTFIX = """Nov 22 10:31:40 mx postfix/master[1402]: warning: service "smtp" (25) has reached its process limit "60": new clients may experience noticeable delays
Nov 22 10:33:02 mx postfix/cleanup[20907]: warning: milter inet:127.0.0.1:11332: can't read SMFIC_BODYEOB reply packet header: Connection timed out
Nov 22 10:33:09 mx postfix/cleanup[20912]: warning: milter inet:127.0.0.1:11332: can't read SMFIC_BODYEOB reply packet header: Connection timed out

$ ss -tn dst 127.0.0.1:11332 | grep -c ESTAB
{count}
"""


@pytest.mark.parametrize("count", [58, 3])
def test_full_workers_whose_service_leaves_them_without_an_answer(count: int) -> None:
    headline = diagnosis_of({"post.txt": POSTFIX.format(count=count)}).verdict.headline
    assert headline.startswith(
        "Postfix smtp: a pool of threads reached its limit (limit 60), while 127.0.0.1:11332 leaves its calls without an answer"
    )
    assert ("(58 connections to it were counted)" in headline) is (count == 58)


def test_memcached_that_accepts_no_more() -> None:
    stats = "STAT pid 911\nSTAT curr_connections 1024\nSTAT accepting_conns {flag}\nSTAT listen_disabled_num 88213\nEND\n"
    full, calm = (diagnosis_of({"stats.txt": stats.format(flag=flag)}).verdict.headline for flag in (0, 1))
    assert full.startswith("memcached: a server had no place for another connection")
    assert "no place" not in calm
