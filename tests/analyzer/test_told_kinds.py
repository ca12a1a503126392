"""Counts that a text ties to something in a stack, and what a log or a number beside picked threads says of them."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding, Status
from parsers.records import Counted, TcpState
from parsers.text.told_kinds import ToldKind, kinds_told
from tests.builders import diagnosis_of, evidence_of

WAITS = """"{name}" #41 prio=5 os_prio=0 tid=0x00007f3c80b44800 nid=0xb79 waiting for monitor entry [0x00007f3c59fed000]
   java.lang.Thread.State: BLOCKED (on object monitor)
	at fi.puu.Ledger.open(Ledger.java:31)
	- waiting to lock <0x00000000c0f1d3a8> (a fi.puu.Ledger)
	at fi.puu.Page.show(Page.java:71)
"""
HOLDS = """"{name}" #33 prio=5 os_prio=0 tid=0x00007f3c80b3a000 nid=0xb71 runnable [0x00007f3c5a7f5000]
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketInputStream.socketRead0(Native Method)
	at java.net.SocketInputStream.read(SocketInputStream.java:171)
	at sun.net.www.http.HttpClient.parseHTTP(HttpClient.java:678)
	at sun.net.www.protocol.http.HttpURLConnection.getInputStream(HttpURLConnection.java:1498)
	at fi.puu.Rates.load(Rates.java:50)
	at fi.puu.Ledger.open(Ledger.java:40)
	- locked <0x00000000c0f1d3a8> (a fi.puu.Ledger)
	at fi.puu.Page.show(Page.java:71)
"""
POOL = """"web-7" #203 daemon prio=5 os_prio=0 tid=0x00007f60c4069000 nid=0x4f6a waiting on condition [0x00007f60391d0000]
   java.lang.Thread.State: WAITING (parking)
	at sun.misc.Unsafe.park(Native Method)
	- parking to wait for  <0x00000006c2f0e3a8> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)
	at java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject.await(AbstractQueuedSynchronizer.java:2039)
	at org.apache.http.pool.AbstractConnPool.getPoolEntryBlocking(AbstractConnPool.java:393)
	at org.apache.http.impl.conn.PoolingHttpClientConnectionManager.leaseConnection(PoolingHttpClientConnectionManager.java:306)
	at org.apache.http.impl.client.CloseableHttpClient.execute(CloseableHttpClient.java:108)
	at fi.puu.Stock.ask(Stock.java:41)
"""
CALL = """"{name}" #31 prio=5 os_prio=0 tid=0x00007f2d8c9f1800 nid=0x2e runnable [0x00007f2d3d5fb000]
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketInputStream.socketRead0(Native Method)
	at java.net.SocketInputStream.read(SocketInputStream.java:171)
	at sun.net.www.http.HttpClient.parseHTTP(HttpClient.java:678)
	at fi.puu.Mill.send(Mill.java:74)
	at fi.puu.{job}(Boards.java:52)
{below}"""
LOOP = """"XNIO-2 I/O-1" #21 prio=5 os_prio=0 tid=0x00007f9d0c6b1800 nid=0x44c runnable [0x00007f9ce0df9000]
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketInputStream.socketRead0(Native Method)
	at java.net.SocketInputStream.read(SocketInputStream.java:171)
	at org.postgresql.core.PGStream.receiveChar(PGStream.java:465)
	at fi.puu.Sum.rows(Sum.java:72)
	at io.undertow.server.Connectors.executeRootHandler(Connectors.java:211)
	at org.xnio.nio.WorkerThread.run(WorkerThread.java:559)
"""
RUN = """"{name}" #88 daemon prio=5 os_prio=0 tid=0x00007f5e2c1a3ee0 nid=0x71 {state}  [0x00007f5dd3bfc000]
{stack}	at fi.puu.Nightly.run(Nightly.java:{line})
	at org.springframework.scheduling.support.ScheduledMethodRunnable.run(ScheduledMethodRunnable.java:84)
	at java.lang.Thread.run(java.base@17.0.9/Thread.java:840)
"""
PARKED = """   java.lang.Thread.State: WAITING (parking)
	at jdk.internal.misc.Unsafe.park(java.base@17.0.9/Native Method)
	- parking to wait for  <0x000000071a2c40b8> (a java.util.concurrent.locks.ReentrantLock$NonfairSync)
	at java.util.concurrent.locks.LockSupport.park(java.base@17.0.9/LockSupport.java:211)
	at java.util.concurrent.locks.ReentrantLock.lock(java.base@17.0.9/ReentrantLock.java:322)
"""
QUERY = """   java.lang.Thread.State: RUNNABLE
	at sun.nio.ch.Net.poll(java.base@17.0.9/Native Method)
	at java.net.Socket$SocketInputStream.read(java.base@17.0.9/Socket.java:1099)
	at org.postgresql.core.PGStream.receiveChar(PGStream.java:465)
	at org.postgresql.jdbc.PgStatement.execute(PgStatement.java:408)
	at fi.puu.Nightly.move(Nightly.java:77)
"""
READS = """"{name}" #2210 daemon prio=5 os_prio=0 tid=0x00007f7b1c0b2000 nid=0x3c11 runnable [0x00007f7ac55f4000]
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketInputStream.socketRead0(Native Method)
	at java.net.SocketInputStream.read(SocketInputStream.java:171)
	at java.io.FilterInputStream.read(FilterInputStream.java:83)
	at sun.rmi.transport.tcp.TCPTransport.handleMessages(TCPTransport.java:555)
	at sun.rmi.transport.tcp.TCPTransport$ConnectionHandler.run0(TCPTransport.java:834)
	at java.lang.Thread.run(Thread.java:748)
"""
LATE = "2024-03-02 10:11:12.131  WARN 1 --- [boards] o.a.k.c.c.internals.ConsumerCoordinator : [Consumer clientId=c-1, groupId=boards] consumer poll timeout has expired.\n"
UNACKED = "2024-03-02 10:11:12.131 [error] <0.1.0> Channel error: delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms\n"
BEAN = "10:02:33,871 ERROR [org.jboss.as.ejb3.invocation] (web-44) WFLYEJB0034: Invocation failed on component Boards for method public void fi.puu.Boards.find(): {package}.ejb.ConcurrentAccessTimeoutException: could not obtain lock within 5000 ms\n"


def first(text: str) -> Finding:
    return diagnosis_of({"post.md": text}).findings[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(17 more are BLOCKED on the same 0x00000000c0208f30.)", ToldKind(17, before=True, name="0x00000000c0208f30")),
        ("186 threads waiting to lock <0x00000004c01f88a0>", ToldKind(186, before=False, name="0x00000004c01f88a0")),
        ("49 others wait at line 46", ToldKind(49, before=True, name="line 46")),
        ("The dump has 61 threads like web…-41.", ToldKind(61, before=False, name="web…-41")),
        ("one in the first form, **49** in the second.", ToldKind(49, ordinal=2)),
        ("The threads (31 of the first kind):", ToldKind(31, ordinal=1)),
        ("All four I/O threads look like this one:", ToldKind(4)),
        ("same for the other three I/O threads", ToldKind(3, before=True)),
        ("stuck since noon, 27 of them", ToldKind(27, before=False)),
        ("26 more Handlers are the same from the wait down to LoginPage", ToldKind(26, before=True, name="LoginPage")),
    ],
)
def test_a_count_that_says_which_stacks_it_means(text: str, told: ToldKind) -> None:
    assert kinds_told(text, below=text.endswith(":")) == [told]


@pytest.mark.parametrize(
    "text",
    [
        "We have 4 threads in the first data center",
        "It would be 40 threads waiting at line 46 if it were stuck",
        "17 requests fail at line 46",
        "not all four I/O threads look like this one",
        "version 3 in the second half",
    ],
)
def test_other_numbers_count_no_threads(text: str) -> None:
    assert kinds_told(text, below=False) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("All in all 61 threads like web…-9.", "1 pasted, 61 as the text says"),
        ("(60 more are BLOCKED on the same 0x00000000c0f1d3a8)", "1 pasted, 61 as the text says"),
        ("$ grep -c 'waiting to lock <0x00000000c0f1d3a8>' dump.txt\n61", "1 pasted, 61 counted"),
        ("$ grep -c 'to lock <0x00000000c0f1d3a8>' dump.txt\n61", "1 pasted, 61 counted"),
    ],
)
def test_a_lock_its_waiters_and_the_call_of_its_holder(words: str, said: str) -> None:
    finding = first(f"It hangs.\n\n{HOLDS.format(name='web-3')}\n{WAITS.format(name='web-9')}\n\n{words}\n")
    assert finding.rule == "lock-convoy"
    assert said in finding.headline
    assert "(fi.puu.Ledger), and “web-3” holds it while it waits for an answer through HttpURLConnection" in finding.headline
    assert finding.headline.endswith("called from fi.puu.Rates.load(Rates.java:50).")


@pytest.mark.parametrize("count", ["All four I/O threads look like this:\n\n{stack}", "{stack}\nsame for the other three I/O threads\n"])
def test_event_loops_that_the_text_counts(count: str) -> None:
    finding = first("It hangs.\n\n" + count.format(stack=LOOP))
    assert (finding.rule, finding.confidence) == ("event-loop-blocked", Confidence.LIKELY)
    assert finding.headline.startswith("4 event loops (1 pasted, 4 as the text says) of XNIO-2 I/O are blocked in ")
    assert "called from fi.puu.Sum.rows(Sum.java:72)" in finding.headline


def jobs(holder: int = 49, waiter: int = 46) -> str:
    first_run = RUN.format(name="job-1", state="runnable", stack=QUERY, line=holder)
    return f"It hangs. One is in the first form, 49 in the second.\n\n{first_run}\n" + RUN.format(
        name="job-2", state="waiting on condition", stack=PARKED, line=waiter
    )


def test_runs_of_a_job_that_overlap() -> None:
    finding = first(jobs())
    assert (finding.rule, finding.confidence) == ("lock-convoy", Confidence.SUSPECTED)
    assert "49 as the text says" in finding.headline
    assert "“job-1” seems to hold it while it waits for an answer through PostgreSQL driver" in finding.headline
    assert finding.headline.endswith(": runs of Nightly.run overlap.")


def test_a_run_before_the_lock_does_not_hold_it() -> None:
    assert first(jobs(holder=41)).rule != "lock-convoy"


CLOSED = "$ netstat -an | grep 10.1.0.7:9080 | awk '{print $6}' | sort | uniq -c\n     40 CLOSE_WAIT\n"


@pytest.mark.parametrize(
    ("words", "sure"),
    [
        (f"{CLOSED}\n$ jstack 7 | grep -c socketRead0\n0\n\n$ jstack 7 | grep -c getPoolEntryBlocking\n150\n", Confidence.LIKELY),
        (f"We set maxPerRoute from 20 to 40.\n\n{CLOSED}\n$ jstack 7 | grep -c getPoolEntryBlocking\n150\n", Confidence.LIKELY),
        (f"builder.setDefaultMaxPerRoute(40);\n\n{CLOSED}\n$ jstack 7 | grep -c getPoolEntryBlocking\n150\n", Confidence.LIKELY),
        (CLOSED, Confidence.SUSPECTED),
    ],
)
def test_lent_connections_that_the_service_has_closed(words: str, sure: Confidence) -> None:
    finding = first(f"It hangs.\n\n{words}\n{POOL}")
    assert (finding.rule, finding.confidence) == ("http-pool-exhausted", sure)
    assert "called from fi.puu.Stock.ask(Stock.java:41): the lent ones seem to be the 40 connections to 10.1.0.7:9080" in finding.headline
    assert finding.headline.endswith("the responses were never closed.")
    assert "counted 0 lines" not in finding.explanation


@pytest.mark.parametrize(
    "words",
    [
        CLOSED.replace("40 CLOSE_WAIT", "40 ESTABLISHED"),
        f"{CLOSED}\n$ jstack 7 | grep -c socketRead0\n40\n",
        CLOSED.replace("40", "3"),
    ],
)
def test_connections_that_are_read_open_or_few_are_no_leak(words: str) -> None:
    finding = first(f"It hangs.\n\n{words}\n{POOL}")
    assert "never closed" not in finding.headline
    assert finding.confidence is Confidence.SUSPECTED


@pytest.mark.parametrize(
    ("log", "name", "said"),
    [
        (LATE, "org.springframework.kafka.KafkaListenerEndpointContainer#0-0-C-1", "the consumer polls too late and leaves its group"),
        (UNACKED, "org.springframework.amqp.rabbit.RabbitListenerEndpointContainer#0-1", "its message is not acknowledged in time"),
    ],
)
@pytest.mark.parametrize(
    ("dumps", "sure"), [("", Confidence.SUSPECTED), ("I took 3 dumps and it was the same each time.", Confidence.LIKELY)]
)
def test_a_call_of_a_consumer_that_comes_too_late(log: str, name: str, said: str, dumps: str, sure: Confidence) -> None:
    call = CALL.format(name=name, job="Boards.onMessage", below="")
    finding = first(f"It stops.\n\n```\n{log}```\n\n{dumps}\n\n```\n{call}```\n")
    assert (finding.rule, finding.confidence) == ("slow-backend", sure)
    assert said in finding.headline


def test_a_thread_that_consumes_nothing_is_not_why_a_consumer_is_late() -> None:
    call = CALL.format(name="http-nio-8080-exec-4", job="Boards.show", below="")
    found = diagnosis_of({"post.md": f"It stops.\n\n```\n{LATE}```\n\n```\n{call}```\n"}).findings
    assert not any("that is why" in one.headline for one in found)


@pytest.mark.parametrize("package", ["javax", "jakarta"])
def test_a_bean_at_work_while_calls_wait_for_its_lock(package: str) -> None:
    call = CALL.format(name="EJB default - 2", job="Boards.reload", below="")
    finding = first(f"It stops.\n\n```\n{BEAN.format(package=package)}```\n\n```\n{call}```\n")
    assert (finding.rule, finding.confidence) == ("slow-backend", Confidence.SUSPECTED)
    assert "it seems to hold the lock of Boards, for which other calls wait in vain" in finding.headline


def test_a_thread_in_another_bean_does_not_hold_the_lock() -> None:
    call = CALL.format(name="EJB default - 2", job="Mails.send", below="")
    finding = first(f"It stops.\n\n```\n{BEAN.format(package='javax')}```\n\n```\n{call}```\n")
    assert "the lock of" not in finding.headline


@pytest.mark.parametrize("name", ["RMI TCP Connection(18)-10.4.2.31", "RMI TCP Connection(3)-fe80:0:0:0:1"])
def test_a_connections_own_thread_that_waits_for_its_client(name: str) -> None:
    found = diagnosis_of({"post.md": f"Is it a leak?\n\n{READS.format(name=name)}"})
    assert (found.verdict.status, found.findings) == (Status.INSUFFICIENT, ())
    told = f"{found.verdict.headline} {found.verdict.summary}"
    assert "is idle: it waits for the next request of its client" in told
    assert "that is normal" in told


def test_a_bounded_pool_that_reads_is_not_called_idle() -> None:
    found = diagnosis_of({"post.md": f"All 150 threads look like this:\n\n{READS.format(name='http-8080-17')}"})
    assert "normal" not in found.verdict.headline


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("In both workers all five threads are in the same place:", 10),
        ("In all 3 processes all 8 threads look the same:", 24),
        ("In both workers the last thread is the same:", None),
        ("All five threads are in the same place:", 5),
    ],
)
def test_threads_of_several_processes_are_counted_together(words: str, count: int | None) -> None:
    (dump,) = evidence_of({"report.md": f"Help.\n\n{words}\n\n{WAITS.format(name='web-7')}\n"}).incident.snapshots
    told = [tally.count for tally in dump.tallies if tally.what is Counted.THREADS]
    assert (count is None and 10 not in told) or told == [count]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("What stands out: exactly 10 ESTAB to 198.51.100.77:443, queues are 0.", 10),
        ("There are 40 established connections to rates.example:9000.", 40),
        ("There are 40 established connections.", None),
        ("There should be 40 established connections to rates.example:9000.", None),
    ],
)
def test_open_connections_are_counted_where_the_text_says_to_whom(words: str, count: int | None) -> None:
    tallies = [tally for one in evidence_of({"report.md": words + "\n"}).incident.snapshots for tally in one.tallies]
    assert [(tally.count, tally.state) for tally in tallies] == ([] if count is None else [(count, TcpState.ESTABLISHED)])


def test_one_line_may_count_threads_and_sockets() -> None:
    line = "We have 640 sockets in CLOSE_WAIT on port 3000, and in both workers all five threads are in the same place:"
    (one,) = evidence_of({"report.md": f"{line}\n\n{WAITS.format(name='web-7')}\n"}).incident.snapshots
    assert sorted((tally.what, tally.count) for tally in one.tallies) == [(Counted.SOCKETS, 640), (Counted.THREADS, 10)]


@pytest.mark.parametrize(("elision", "counts"), [("[snip 46 more qtp threads]", False), ("[snip 46 more like this]", True)])
def test_threads_that_were_left_out_are_alike_only_where_the_words_say_so(elision: str, counts: bool) -> None:
    (one,) = evidence_of({"report.md": f"{WAITS.format(name='web-7')}\n{elision}\n"}).incident.snapshots
    assert any(tally.what is Counted.THREADS for tally in one.tallies) is counts
