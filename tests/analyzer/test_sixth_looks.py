"""Two stacks of one place are one cause, a cut one too; and who holds a connection already is said of those alone whose stack shows it."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Diagnosis
from tests.builders import diagnosis_of, found

COUNTERS = """[System.Runtime]
    CPU Usage (%)                                                  6
    ThreadPool Queue Length                                      911
    ThreadPool Thread Count                                       74
"""
HEAD = "OS Thread Id: 0x{id:x} ({id})\n        Child SP               IP Call Site\n"
BLOCKS = (
    "System.Threading.Monitor.ObjWait(Int32, System.Object)",
    "System.Threading.ManualResetEventSlim.Wait(Int32, System.Threading.CancellationToken)",
    "System.Threading.Tasks.Task.SpinThenBlockingWait(Int32, System.Threading.CancellationToken)",
    "System.Threading.Tasks.Task.InternalWaitCore(Int32, System.Threading.CancellationToken)",
)
POOLED = ("System.Threading.ThreadPoolWorkQueue.Dispatch()", "System.Threading.PortableThreadPool+WorkerThread.WorkerThreadStart()")


def stack(number: int, site: str, *below: str) -> str:
    calls = (*BLOCKS, f"Quay.Tides.{site}(System.String) [/src/Tides.cs @ 17]", *below)
    return HEAD.format(id=number) + "".join(f"00007F2D{number:04x}{at:04x} 00007F3351A{at:05x} {call}\n" for at, call in enumerate(calls))


def net(*stacks: str) -> Diagnosis:
    return diagnosis_of({"post.md": "It is slow:\n\n```\n" + COUNTERS + "```\n\nand\n\n```\n" + "\n".join(stacks) + "...\n```\n"})


def test_a_stack_that_is_cut_above_its_pool_is_no_second_cause() -> None:
    (finding,) = found(net(stack(41, "Read", *POOLED), stack(42, "Read")), "sync-over-async")
    assert "“thread 0x29” and “thread 0x2a” (2 pasted)" in finding.headline
    assert not any("dotnet-counters" in (action.command or "") for action in finding.actions)
    assert not any("counters" in missing.artifact for missing in finding.missing)


def test_two_places_are_two_findings() -> None:
    assert len(found(net(stack(41, "Read", *POOLED), stack(42, "Write")), "sync-over-async")) == 2


THREAD = '"http-nio-9090-exec-{at}" #{at} daemon prio=5 os_prio=0 tid=0x00007f1c5c9e20{at:02x} nid=0x{at:x} waiting on condition  [0x00007f1bf0af8000]\n   java.lang.Thread.State: TIMED_WAITING (parking)\n'
WAITS = (
    "jdk.internal.misc.Unsafe.park(java.base@17.0.6/Native Method)",
    "com.zaxxer.hikari.util.ConcurrentBag.borrow(ConcurrentBag.java:151)",
    "com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:162)",
    "org.springframework.orm.jpa.JpaTransactionManager.doBegin(JpaTransactionManager.java:421)",
)
TX = "org.springframework.transaction.support.AbstractPlatformTransactionManager."
INNER = (*WAITS, f"{TX}handleExistingTransaction(AbstractPlatformTransactionManager.java:434)", "nl.quay.Berths.book(Berths.java:51)")
OUTER = (*WAITS, f"{TX}getTransaction(AbstractPlatformTransactionManager.java:373)", "nl.quay.Desk.post(Desk.java:20)")
STATS = "2024-05-04 11:20:31.007 DEBUG 1 --- [l-1 housekeeper] com.zaxxer.hikari.pool.HikariPool        : HikariPool-1 - Pool stats (total=8, active=8, idle=0, waiting=13)\n"


def jvm(counted: int | None, *stacks: tuple[str, ...]) -> Diagnosis:
    dumped = "\n".join(THREAD.format(at=at) + "".join(f"\tat {call}\n" for call in calls) for at, calls in enumerate(stacks, start=3))
    lines = f"```\n$ grep -c 'handleExistingTransaction' dump.txt\n{counted}\n```\n" if counted is not None else ""
    return diagnosis_of({"post.md": f"It freezes.\n\n```\n{STATS}```\n\n```\n{dumped}```\n\n{lines}"})


def test_only_the_thread_whose_stack_shows_it_holds_one_already() -> None:
    (finding,) = found(jvm(None, INNER, OUTER), "nested-connection-lease")
    assert finding.confidence is Confidence.SUSPECTED
    assert finding.headline.startswith("Threads like “http-nio-9090-exec-3” hold a connection of HikariCP and wait for another one")
    assert "“http-nio-9090-exec-3” has one already" in finding.explanation


def test_as_many_counted_holders_as_the_pool_has_are_no_moment() -> None:
    (finding,) = found(jvm(8, INNER, OUTER), "nested-connection-lease")
    assert finding.confidence is Confidence.LIKELY
    assert "8 lines of the dump have handleExistingTransaction" in finding.headline
    assert "every one of the 8 that the pool says it has, all lent, with 13 threads waiting" in finding.headline
    (few,) = found(jvm(3, INNER, OUTER), "nested-connection-lease")
    assert few.confidence is Confidence.SUSPECTED


S3 = """2024-03-14 09:41:12.553 ERROR 77 --- [nio-9090-exec-7] q.web.Charts : failed
com.amazonaws.SdkClientException: Unable to execute HTTP request: Timeout waiting for connection from pool
	at com.amazonaws.http.AmazonHttpClient$RequestExecutor.executeHelper(AmazonHttpClient.java:1165)
	at nl.quay.web.Charts.size(Charts.java:44)
"""


def aws(number: int, local: str = "10.93.3.17:{near}", remote: str = "192.0.2.{host}:443", recv: int = 32) -> Diagnosis:
    rows = "".join(
        f"tcp6   {recv:5}      0 {local.format(near=41000 + at, host=at):23} {remote.format(near=41000 + at, host=at):23} CLOSE_WAIT  77/java\n"
        for at in range(6)
    )
    counted = f"$ netstat -tn | awk 'NR>2{{print $6}}' | sort | uniq -c\n     {number} CLOSE_WAIT\n     19 ESTABLISHED\n"
    listed = f"$ netstat -tnp | grep CLOSE_WAIT | head -6\n{rows}"
    return diagnosis_of({"post.md": f"It stops.\n\n```\n{counted}{listed}```\n\n```\n{S3}```\n"})


def test_as_many_halves_as_the_pool_has_are_what_it_has_lent() -> None:
    (finding,) = found(aws(50), "http-pool-exhausted")
    assert finding.confidence is Confidence.LIKELY
    assert "50 connections are in CLOSE_WAIT, with bytes that nobody has read, as many as the client's pool has" in finding.headline


def test_another_number_and_answers_that_were_read_are_suspected() -> None:
    for diagnosis in (aws(37), aws(50, recv=1)):
        (finding,) = found(diagnosis, "http-pool-exhausted")
        assert finding.confidence is Confidence.SUSPECTED


def test_halves_of_the_server_s_own_clients_are_not_lent() -> None:
    for finding in found(aws(50, "10.93.3.17:9090", "10.93.1.{host}:{near}"), "http-pool-exhausted"):
        assert "CLOSE_WAIT" not in finding.headline


NONE_LEFT = "ActiveRecord::ConnectionTimeoutError: could not obtain a connection from the pool within 5.000 seconds (waited 5.001 seconds); all pooled connections were in use\n"
WORKS = """2020-02-03T09:12:44.104Z 9 TID-aa1 WARN: Thread TID-bb1 processor
2020-02-03T09:12:44.104Z 9 TID-aa1 WARN: /bundle/gems/activerecord-5.2.4/lib/active_record/connection_adapters/postgresql_adapter.rb:611:in `async_exec'
/bundle/gems/activerecord-5.2.4/lib/active_record/connection_adapters/postgresql_adapter.rb:611:in `exec_no_cache'
/app/app/jobs/berth_job.rb:21:in `perform'
"""


def jobs(number: int) -> Diagnosis:
    settings = "```\n:concurrency: 16\n```\n\n```\nproduction:\n  pool: 4\n```\n"
    return diagnosis_of({"post.md": f"Jobs fail:\n\n```\n{NONE_LEFT}```\n\n{settings}\nand {number} are like\n\n```\n{WORKS}```\n"})


def test_as_many_statements_as_the_pool_has_connections_are_no_leak() -> None:
    (finding,) = found(jobs(4), "jdbc-pool-exhausted")
    assert "16 threads share a pool of 4 connections, and 4 threads run a statement: all that it has is in use" in finding.headline
    assert "never given back" not in finding.explanation


def test_fewer_statements_leave_it_open() -> None:
    (finding,) = found(jobs(2), "jdbc-pool-exhausted")
    assert "run a statement" not in finding.headline
    assert "never given back" in finding.explanation
