"""Texts that look like a cause and tell of something else: they deny or suppose, or speak of another time, another machine or another program."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from tests.analyzer import (
    test_nested_maps,
    test_pasted_numbers,
    test_silent_stores,
    test_told_calls,
    test_told_pools,
    test_undrained_children,
)
from tests.builders import diagnosis_of, found, thread


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": text})


def headline(text: str) -> str:
    return diagnosed(text).verdict.headline


@pytest.mark.parametrize(
    "words",
    [
        "It used to call http://localhost:8080/rates before we moved it.",
        "It does not call http://localhost:8080/rates any more.",
        "I first suspected it calls http://localhost:8080/rates, but it calls the tax office.",
        "Could it be that it calls http://localhost:8080/rates?",
        "nginx calls http://localhost:8080/ as its upstream.",
        "The front end (client) fetches http://localhost:8080/api.",
        "On my laptop it calls http://localhost:8080/rates.",
        "Our own server is fine. It calls http://tax.example.com:8080/api.",
        "cors.allowed-url=http://localhost:8080\n",
        "public.base-url=http://localhost:8080/\n",
        "server.url=http://127.0.0.1:8080/shop\n",
        "oauth redirect_uri=http://localhost:8080/cb\n",
        "management.endpoint=http://localhost:8080/health\n",
        "# base_url = 'http://localhost:8080'\n",
        "It calls http://localhost:8080/rates in a container of its own.",
    ],
)
def test_an_address_that_these_threads_do_not_call(words: str) -> None:
    text = f"It hangs.\n\n{words} All 200 threads are the same:\n\n{test_told_calls.request()}"
    assert not found(diagnosed(text), "self-call-starvation")


@pytest.mark.parametrize(
    "words",
    [
        "The other 199 threads are not like this one.",
        "The other 199 are parked, like they should be.",
        "+ 12 more commits like this",
        "(3 more stack traces like this from last year)",
        "all 200 threads are waiting for work, but this one:",
        "We expected that all 200 threads would look like this:",
        "not all 200 threads look like this:",
        "exit code 137 like this",
        "3 others have the same problem",
        "2 more people report the same",
        "about 50 percent of threads look like this",
    ],
)
def test_a_number_that_counts_no_such_threads(words: str) -> None:
    stack = test_told_calls.request()
    assert "as the text says" not in headline(f"It hangs.\n\n{words}\n\n{stack}")
    assert "as the text says" not in headline(f"It hangs.\n\n{stack}\n{words}\n")


@pytest.mark.parametrize(
    "words",
    [
        "All 200 threads are the same, they do not come back.",
        "199 more like this, nothing helps, it should be fast",
        "The other 199 are like this one, but the log shows no errors",
        "199 more threads waiting at the same line, same error in the log",
    ],
)
def test_a_number_beside_words_of_something_else(words: str) -> None:
    assert "200 as the text says" in headline(f"It hangs.\n\n{test_told_calls.request()}\n{words}\n")


@pytest.mark.parametrize(
    "words",
    [
        "The max pool size is 20 by default.",
        "max connections: 500 (of the web server)",
        "Pool size was 20 before, now it is 100.",
        "DB pool max = 50 on staging.",
        "postgres shows 30 connections, all of them active, none idle",
        "mysql: 30 connections, all from web2, which is idle",
        "mysql on the replica: 12 connections, all Sleep",
        "yesterday postgres showed 30 sessions, all idle",
    ],
)
def test_words_of_no_such_pool(words: str) -> None:
    stack = test_told_pools.thread("web-4", *test_told_pools.WAIT, *test_told_pools.BUNDLED, *test_told_pools.TAKES)
    told = headline(f"It hangs.\n\n{stack}\n\n{words}\n")
    assert "as the text says" not in told
    assert "that the text tells of" not in told


ROWS = "$ ps -eo pid,ppid,stat,etime,wchan:20,args\n 1211 1190 S 01:12:55 pipe_wait bash -c cat\n 1300 1 S 1:00 pipe_read tail x\n\n"


@pytest.mark.parametrize("rows", [ROWS, ROWS.replace("1211 1190", "1211 2")])
def test_any_process_at_a_pipe_is_no_child(rows: str) -> None:
    assert not found(diagnosed(test_undrained_children.WAITS + rows), "blocked-write")


def test_one_thread_and_one_row_prove_no_child() -> None:
    one = test_undrained_children.WAITS.replace("all 3 worker threads look like this", "see")
    row = "$ ps -eo pid,ppid,stat,args | grep shrink\n 6121  5990 S  /usr/local/bin/shrink\n\n"
    (finding,) = found(diagnosed(one + row + test_undrained_children.TRACED.format(fd=1)), "blocked-write")
    assert finding.confidence is Confidence.SUSPECTED


class TestFileServers:
    def test_one_that_answers_again(self) -> None:
        again = "[88311.118421] nfs: server store4.umbra.example OK\n"
        assert not found(diagnosed(test_silent_stores.HOLDS + test_silent_stores.SILENT + again), "disk-stall")

    def test_a_quoted_line(self) -> None:
        quoted = "It is not as in 'nfs: server store4 not responding, still trying'.\n"
        assert not found(diagnosed(test_silent_stores.HOLDS + quoted), "disk-stall")

    @pytest.mark.parametrize(("name", "sure"), [("java", True), ("web-14", True), ("mysqld", False), ("kworker/u8:2", False)])
    def test_the_task_of_another_program(self, name: str, sure: bool) -> None:
        hung = test_silent_stores.HUNG.replace("java", name)
        (finding,) = found(diagnosed(test_silent_stores.HOLDS + hung), "disk-stall")
        assert (finding.confidence is Confidence.LIKELY) is sure


@pytest.mark.parametrize(
    "line",
    [
        "queue audit.archive messages=71200 consumers=0 (by design, read at night)",
        "topic: 88120 messages in 3 h, no consumer errors",
        "We sent 120000 messages, no consumer lag at all",
        "The queue had 12044 messages and no consumers before I restarted it",
        "If the queue orders has 12044 messages and no consumers, we page somebody",
        "kafka: depth 91220, consumers 0 lagging",
    ],
)
def test_queues_that_somebody_reads(line: str) -> None:
    assert not diagnosed(f"{line}\n").findings


def test_a_hope_beside_a_queue_that_nobody_reads() -> None:
    assert diagnosed("Queue orders has 12044 messages and no consumers. It should have 8.\n").findings


@pytest.mark.parametrize(
    "line",
    [
        "The nightly report (another program): processed 800 records in 7 min",
        "after the fix: processed 800 records in 7 min",
        "max.poll.records=500, timeout 30 s each",
        "max.poll.records=500; retry 5 s each",
        "processed 800 records in 20 min across 24 consumers",
    ],
)
def test_times_that_no_batch_took(line: str) -> None:
    assert "took about" not in headline(f"{test_pasted_numbers.TOOK}{line}\n")


@pytest.mark.parametrize(
    "words",
    [
        "ab with 100 concurrent requests works fine on staging\npool: 5\n",
        "pool: 5\n# maxThreads=200 is the default of another server\n",
        "pool: 5\nredis pool_size: 5, max_workers=50 for thumbnails\n",
    ],
)
def test_settings_of_something_else(words: str) -> None:
    assert "share a pool" not in headline(f"ActiveRecord::ConnectionTimeoutError: {test_pasted_numbers.EMPTY}{words}")


def test_requests_that_somebody_counted_are_no_threads_of_a_pool() -> None:
    words = "100 concurrent requests in the evening\npool: 5\n"
    verdict = diagnosed(f"ActiveRecord::ConnectionTimeoutError: {test_pasted_numbers.EMPTY}{words}").verdict
    assert "100 requests share a pool of 5 connections" in verdict.headline
    assert verdict.confidence is Confidence.SUSPECTED


def test_a_pool_of_dotnet_that_grew_a_little_is_busy() -> None:
    assert not diagnosed(test_pasted_numbers.PORTABLE.format(total=9, running=9, idle=0)).findings


@pytest.mark.parametrize(("old", "new"), [("0.0.0.0:4000", "0.0.0.0:22"), ("0.0.0.0:*", '0.0.0.0:*    users:(("nginx",pid=3,fd=4))')])
def test_the_full_queue_of_another_server(old: str, new: str) -> None:
    text = test_pasted_numbers.FULL.replace(old, new) + test_pasted_numbers.INSPECTED
    assert not found(diagnosed(text), "event-loop-blocked")


def test_the_processor_of_another_machine() -> None:
    assert not diagnosed(f"CPU is at 100% on the other box\n\n{test_pasted_numbers.INSPECTED}").findings


@pytest.mark.parametrize(
    "code",
    [
        f"socket.setdefaulttimeout(10)\n{test_pasted_numbers.CODE}",
        f"# old: {test_pasted_numbers.CODE}",
        "In the test: r = requests.post(self.url, json=body)\n",
    ],
)
def test_calls_that_have_a_timeout_or_are_not_this_code(code: str) -> None:
    assert "without a timeout" not in headline(f"One of them:\n\n{test_pasted_numbers.POSTED}\n{code}")


@pytest.mark.parametrize(
    "frames",
    [
        ("hudson.remoting.ExportTable.waitForWork",),
        ("com.ibm.msg.client.commonservices.workqueue.WorkQueueItem.runTask",),
        ("com.ibm.mq.jmqi.remote.impl.RemoteProxyQueue.proxyMQGET", "com.ibm.mq.MQQueue.get"),
        ("org.infinispan.client.hotrod.event.impl.EventDispatcher.run",),
        ("org.jboss.ejb.client.Throttle.pause",),
    ],
)
def test_a_client_that_waits_for_work_or_by_its_own_wish_is_no_call(frames: tuple[str, ...]) -> None:
    stack = thread(
        "desk-4", "WAITING (on object monitor)", "java.lang.Object.wait", *frames, "net.umbra.Desk.go", native="in Object.wait()"
    )
    assert not diagnosed(f"It hangs here:\n\n{stack}").findings


def test_a_dispatcher_of_another_pool_or_beside_a_free_worker() -> None:
    worker = test_told_calls.READ.format(name="day_Worker-7", client=test_told_calls.FTP, loop=test_told_calls.WORKER)
    rests = test_told_calls.WAITS.format(
        name="night_Worker-1",
        frame="org.quartz.simpl.SimpleThreadPool$WorkerThread.run(SimpleThreadPool.java:568)",
        run="java.lang.Thread.run(Thread.java:1)",
    )
    other = f"No job starts.\n\n{test_told_calls.DISPATCHES}\n{worker}"
    free = f"No job starts.\n\n{test_told_calls.DISPATCHES}\n{worker.replace('day_', 'night_')}\n{rests}"
    for text in (other, free):
        assert "waits for a free worker meanwhile" not in headline(text)


@pytest.mark.parametrize(
    ("begun", "over"),
    [
        ("[warning] memory resource limit alarm set on node rabbit@quay.", "[warning] memory resource limit alarm cleared on node rabbit@quay"),
        ("AMQ222210: Storage usage is beyond max-disk-usage. System will start blocking producers.", "AMQ222211: Storage is back to stable now. System will unblock producers."),
    ],
)  # fmt: skip
def test_an_alarm_of_a_broker_that_is_over(begun: str, over: str) -> None:
    log = f"2026-03-01 10:00:00.100 {begun}\n"
    assert found(diagnosed(log), "blocked-write")
    assert not found(diagnosed(f"{log}2026-03-01 10:04:00.100 {over}\n"), "blocked-write")


def test_a_receiver_is_still_a_call_where_the_client_asks() -> None:
    frames = ("java.lang.Object.wait", "com.ibm.mq.jmqi.remote.impl.RemoteSession.exchangeTSH", "net.umbra.Desk.go")
    stack = thread("desk-4", "WAITING (on object monitor)", *frames, native="in Object.wait()")
    assert diagnosed(f"It hangs here:\n\n{stack}").findings


def test_the_connections_of_another_port_take_no_place_of_sshd() -> None:
    rows = "".join(f"ESTAB     0      0           192.0.2.22:443         192.0.2.90:{38000 + n}\n" for n in range(9))
    log = "Mar 04 09:41:10 gate sshd[1077]: error: beginning MaxStartups throttling\n\n"
    table = "State     Recv-Q Send-Q   Local Address:Port     Peer Address:Port\n"
    assert "while 192.0.2.90" not in headline(log + table + rows)
    assert "while 192.0.2.90" in headline(log + table + rows.replace(":443 ", ":22 "))


def test_one_line_of_a_log_that_proves_nothing_is_counted() -> None:
    line = "[2026-03-02T09:00:01.000+0000] GC(3) Pause Full (System.gc()) 900M->890M(1024M) 900.2ms\n"
    assert ": 1 line of a log, and none that proves something." in headline(line)


def test_the_map_of_a_parent_may_be_another_one() -> None:
    inner = ("net.umbra.Rates.of", "net.umbra.Rates.fromParent", "net.umbra.Rates.lambda$of$0")
    (finding,) = found(diagnosed(f"One core is busy:\n\n{test_nested_maps.stuck(inner=inner)}"), "cpu-spin")
    assert finding.confidence is Confidence.SUSPECTED
    assert "Two objects of one class with a map each look the same on one stack" in finding.why_confident


QUEUED = """State      Recv-Q Send-Q Local Address:Port   Peer Address:Port Process
LISTEN     4097   4096   *:7443               *:*               users:(("ingestd",pid=311,fd=9))
"""
MUTEX = """goroutine 71 [sync.Mutex.Lock, 44 minutes]:
sync.runtime_SemacquireMutex(0xc0001d4014?, 0x0?, 0x1?)
\t/usr/local/go/src/runtime/sema.go:77 +0x25
sync.(*Mutex).lockSlow(0xc0001d4010)
\t/usr/local/go/src/sync/mutex.go:171 +0x15d
sync.(*Mutex).Lock(...)
\t/usr/local/go/src/sync/mutex.go:90
umbra.io/ingest/table.(*Table).Touch(0xc0001d4000, {0xc00021a3c0, 0x9})
\t/src/table/table.go:52 +0x66
...
(4,311 goroutines like this)
"""
READS = """
goroutine 12 [IO wait, 44 minutes]:
internal/poll.runtime_pollWait(0x7f2d4c0b1e88, 0x72)
\t/usr/local/go/src/runtime/netpoll.go:345 +0x85
net.(*conn).Read(0xc000012028, {0xc0002b6000?, 0x0?, 0x0?})
\t/usr/local/go/src/net/net.go:179 +0x45
umbra.io/ingest/table.(*Table).reload(0xc0001d4000)
\t/src/table/table.go:97 +0x1ba
"""


def test_the_picked_queue_before_a_lock_is_why_the_accept_queue_is_full() -> None:
    told = diagnosed(f"It freezes. ss says\n\n{QUEUED}\n{MUTEX}{READS}")
    assert told.verdict.rule == "lock-convoy"
    assert told.verdict.confidence is Confidence.SUSPECTED
    assert "“goroutine 12” seems to hold it" in told.verdict.headline
    (full,) = found(told, "backlog-overflow")
    assert full.consequence_of is not None


def test_a_dump_that_prints_no_owners_does_not_say_that_one_is_missing() -> None:
    assert "whose owner the dump does not print" in headline(MUTEX)


ENTRY = """"mill-9" daemon prio=10 tid=0x00007f2a1c05c800 nid=0x9b2 runnable [0x00007f29d7131000]
   java.lang.Thread.State: RUNNABLE
{frames}        at org.apache.log4j.spi.LoggingEvent.getRenderedMessage(LoggingEvent.java:368)
        at org.apache.log4j.Category.callAppenders(Category.java:206)
        - locked <0x0000000780042a10> (a org.apache.log4j.spi.RootLogger)
        at nl.mill.Grain.weigh(Grain.java:72)

"""
LOGS = """"mill-{n}" daemon prio=10 tid=0x00007f2a1c0f1000 nid=0xa4{n} waiting for monitor entry [0x00007f29d1ad9000]
   java.lang.Thread.State: BLOCKED (on object monitor)
        at org.apache.log4j.Category.callAppenders(Category.java:204)
        - waiting to lock <0x0000000780042a10> (a org.apache.log4j.spi.RootLogger)
        at nl.mill.Grain.weigh(Grain.java:72)

"""
ASKS = """        at java.net.SocketInputStream.socketRead0(Native Method)
        at org.postgresql.core.VisibleBufferedInputStream.readMore(VisibleBufferedInputStream.java:161)
        at org.postgresql.jdbc.PgStatement.executeQuery(PgStatement.java:247)
        at nl.mill.Sack.toString(Sack.java:9)
"""


@pytest.mark.parametrize(("frames", "writes"), [(ASKS, False), ("        at java.io.FileOutputStream.writeBytes(Native Method)\n", True)])
def test_an_entry_whose_text_asks_a_database_is_no_log_that_stalls(frames: str, writes: bool) -> None:
    text = "".join(LOGS.format(n=n) for n in range(3)) + ENTRY.format(frames=frames)
    assert bool(found(diagnosed(text), "logging-stall")) is writes


SIDEKIQ = """2026-02-20T13:02:33.121Z 1 TID-gq3v0 WARN: Thread TID-gq4io processor
2026-02-20T13:02:33.121Z 1 TID-gq3v0 WARN: /gems/redis-4.1.4/lib/redis/connection/ruby.rb:68:in `{waits}'
/gems/redis-4.1.4/lib/redis/client.rb:260:in `{inside}'
/gems/redis-4.1.4/lib/redis.rb:1224:in `block in brpop'
{job}/gems/sidekiq-5.2.9/lib/sidekiq/processor.rb:83:in `process_one'
"""
JOB = "/srv/mill/app/jobs/weigh_job.rb:12:in `perform'\n"


@pytest.mark.parametrize(
    ("waits", "inside", "job", "idle"),
    [("wait_readable", "read", "", True), ("wait_readable", "read", JOB, False), ("connect_nonblock", "establish_connection", "", False)],
)
def test_a_pop_inside_a_job_or_without_a_connection_is_not_idle(waits: str, inside: str, job: str, idle: bool) -> None:
    verdict = diagnosed(SIDEKIQ.format(waits=waits, inside=inside, job=job)).verdict
    assert ("is idle" in f"{verdict.headline} {verdict.summary}") is idle
