"""What reports show beside a few lines: lists of a debugger, a runtime's own numbers, settings, batches, queues that nobody reads, idle sessions."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.builders import diagnosis_of, found


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": text})


def headline(text: str) -> str:
    return diagnosed(text).verdict.headline


LISTED = "".join(
    f"  {number} Thread 0x7f21a{number}ffb700 (LWP 40{number})  0x00000032c0c0e264 in __lll_lock_wait () from /lib64/libpthread.so.0\n"
    for number in (5, 4, 3)
)
BELOW = (
    "#0  0x00000032c0c0e264 in __lll_lock_wait () from /lib64/libpthread.so.0\n#1  0x00000032c0c093d7 in pthread_mutex_lock () from /lib64/libpthread.so.0\n"
    "#2  0x000000000041d2a6 in Ledger::post (this=0x1b6c0e0) at ledger.cpp:61\n#3  0x0000000000422c88 in serve (arg=0x1b6f3a0) at main.cpp:40\n"
)


class TestListsOfADebugger:
    def test_threads_without_a_heading_wait_for_locks_that_nobody_names(self) -> None:
        told = headline(f"(gdb) info threads\n{LISTED}(gdb) thread 5\n(gdb) bt\n{BELOW}")
        assert ", without a timeout, for a lock, “thread 5” in Ledger.post(ledger.cpp:61)" in told
        assert "who holds it, and whether it is one lock for all of them, is not here" in told

    def test_the_innermost_frame_alone_makes_no_queue_of_one_lock(self) -> None:
        assert not diagnosed(f"(gdb) info threads\n{LISTED}").findings

    def test_threads_that_wait_for_a_signal_wait_for_no_lock(self) -> None:
        text = LISTED.replace("__lll_lock_wait", "pthread_cond_wait@@GLIBC_2.3.2")
        assert "for a lock" not in headline(f"(gdb) info threads\n{text}")

    def test_a_bare_wait_on_a_futex_may_be_anything(self) -> None:
        row = '  {0} Thread 0x7f21a{0}ffb700 (LWP 40{0}) "quay" futex_wait (futex_word=0x55c0, expected=2, private=0) at ../sysdeps/nptl/futex-internal.h:146\n'
        assert "wait in libc.futex_wait: for a lock, a signal or a permit" in headline(
            f"(gdb) info threads\n{row.format(3)}{row.format(4)}"
        )

    def test_whole_stacks_are_told_as_before(self) -> None:
        assert "who holds it, and whether" not in headline(f"Thread 2 (Thread 0x7f21a5ffb700 (LWP 405)):\n{BELOW}")


POOL = "> threadpool\nCPU utilization: 5%\nWorker Thread: Total: {total} Running: {running} Idle: {idle} MaxLimit: 32767 MinLimit: 8\nWork Request in Queue: {queued}\n\n"
PORTABLE = "> threadpool\nWorkers Total:    {total}\nWorkers Running:  {running}\nWorkers Idle:     {idle}\nWorker Min Limit: 8\n\n"
COUNTERS = "    ThreadPool Queue Length                    {queued}\n    ThreadPool Thread Count                    {total}\n\n"
BLOCKED = (
    "OS Thread Id: 0x2c4\n        Child SP               IP Call Site\n"
    "00007F1B7E7FB040 00007F2CA5B3A1B0 System.Threading.ManualResetEventSlim.Wait(Int32, System.Threading.CancellationToken)\n"
    "00007F1B7E7FB0D0 00007F2CA5B4C1F8 System.Threading.Tasks.Task.SpinThenBlockingWait(Int32, System.Threading.CancellationToken)\n"
    "00007F1B7E7FB140 00007F2CA5B4BFDE System.Threading.Tasks.Task.InternalWaitCore(Int32, System.Threading.CancellationToken)\n"
    "00007F1B7E7FB200 00007F2CA9F2B0A4 {frame} [/src/Rates.cs @ 18]\n"
)


class TestNumbersOfDotNetsPool:
    @pytest.mark.parametrize(
        ("form", "says"),
        [
            (POOL, "all 96 threads of it are busy and 740 pieces of work wait in its queue"),
            (PORTABLE, "all 96 threads of it are busy"),
            (COUNTERS, "740 pieces of work wait for one of its 96 threads"),
        ],
    )
    def test_a_pool_that_starves_beside_a_thread_that_blocks(self, form: str, says: str) -> None:
        text = form.format(total=96, running=96, idle=0, queued=740) + BLOCKED.format(frame="Quay.Rates.Load(System.String)")
        (finding,) = found(diagnosed(text), "sync-over-async")
        assert finding.confidence is Confidence.LIKELY
        assert (
            f"called from Quay.Rates.Load(Rates.cs:18): tasks need threads of the same pool to end; the pool starves: {says}."
            in finding.headline
        )

    def test_a_client_of_redis_that_writes_the_numbers(self) -> None:
        line = "RedisTimeoutException: Timeout performing GET a (5000ms), inst: 0, qu: 0, qs: 12, in: 4192, mgr: 10 of 10 available, IOCP: (Busy=0,Free=1000,Min=4,Max=1000), WORKER: (Busy={busy},Free=32455,Min=4,Max=32767), v: 2\n\n"
        (finding,) = found(diagnosed(line.format(busy=312) + BLOCKED.format(frame="Quay.Rates.Load(System.String)")), "sync-over-async")
        assert "the pool starves: 312 threads of it are busy, and its minimum is 4." in finding.headline
        assert not found(diagnosed(line.format(busy=5) + BLOCKED.format(frame="Quay.Rates.Load(System.String)")), "sync-over-async")

    def test_a_main_thread_waits_for_its_end(self) -> None:
        text = POOL.format(total=96, running=96, idle=0, queued=740) + BLOCKED.format(frame="Quay.Program.Main(System.String[])")
        assert not found(diagnosed(text), "sync-over-async")

    def test_a_pool_with_idle_threads_starves_nobody(self) -> None:
        text = POOL.format(total=12, running=3, idle=9, queued=0) + BLOCKED.format(frame="Quay.Rates.Load(System.String)")
        assert not diagnosed(text).findings


class TestQueuesThatNobodyReads:
    @pytest.mark.parametrize(
        "line",
        [
            "Console: freight.in  pending 88,120   consumers 0   enqueued 901,221  dequeued 813,101",
            "queue freight.in: messages=88120, consumers=0",
            "Our queue freight.in has 88,120 pending messages and no consumers.",
            "name    messages        consumers\nfreight.in    88120 0",
            "$ sudo rabbitmqctl -p prod list_queues name messages consumers\nListing queues ...\nfreight.in\t88120\t0\n...done.",
            "rabbitmqctl list_queues name messages messages_ready consumers\nTimeout: 60.0 seconds ...\nListing queues for vhost / ...\nfreight.in  88120  88120  0",
            "|NAME        |ADDRESS     |CONSUMER_COUNT |MESSAGE_COUNT |\n|freight.in  |freight.in  |0              |88120         |",
            "Name                 Queue Size  Producer #  Consumer #\nfreight.in                88120           3           0",
        ],
    )
    def test_a_full_broker_names_it(self, line: str) -> None:
        alarm = "2024-03-01 04:11:09.121 [warning] <0.410.0> memory resource limit alarm set on node rabbit@quay.\n"
        verdict = diagnosed(f"Senders hang since four.\n\n{alarm}\n{line}\n").verdict
        assert verdict.confidence is Confidence.LIKELY
        assert "whoever publishes to it waits, and queue freight.in has 88,120 messages and no consumer." in verdict.headline

    @pytest.mark.parametrize(
        "line",
        [
            "freight.in pending 88,120 consumers 16 enqueued 901,221; night.job pending 12 consumers 0",
            "night.job pending 12 consumers 0 enqueued 100; freight.in pending 88,120 consumers 16",
            "freight.DLQ pending 88,120 consumers 0",
            "| queue | messages | consumers |\n|-------|----------|-----------|\n| night.job | 4410 | 0 |\n| freight.in | 0 | 8 |",
            "name    messages        consumers\nfreight.in.dead    88120 0",
        ],
    )
    def test_neighbours_and_dead_letters_are_no_such_queue(self, line: str) -> None:
        assert not diagnosed(f"{line}\n").findings


TOOK = "2023-09-01 08:05:00.200 WARN [heartbeat | till] o.a.k.c.c.i.ConsumerCoordinator : consumer poll timeout has expired.\n"
FAILED = "org.apache.kafka.clients.consumer.CommitFailedException: Commit cannot be completed since the group has already rebalanced\n"


class TestConsumersThatStayAwayTooLong:
    @pytest.mark.parametrize(
        ("line", "says"),
        [
            (
                "800 receipts stored, avg 510 ms",
                "a batch of 800 took about 408 s (510 ms each), and max.poll.interval.ms allows 300 s where",
            ),
            ("processed 800 records in 7 min", "a batch of 800 took about 420 s, and"),
            ("max.poll.interval.ms=600000\n800 records imported in 700 s", "took about 700 s, and max.poll.interval.ms allows 600 s."),
        ],
    )
    def test_a_batch_that_took_longer_than_the_limit(self, line: str, says: str) -> None:
        for log in (TOOK, FAILED):
            verdict = diagnosed(f"{log}{line}\n").verdict
            assert verdict.rule == "event-loop-blocked"
            assert verdict.confidence is Confidence.LIKELY
            assert says in verdict.headline

    def test_records_at_once_and_the_time_of_each(self) -> None:
        said = headline(f"{TOOK}max.poll.records=500, each goes to the tax desk, 1.2 s per record\n")
        assert "a batch of 500 took about 600 s (1200 ms each)" in said
        assert "took about" not in headline(f"{TOOK}max.poll.records=50, each goes to the tax desk, 1.2 s per record\n")

    def test_a_commit_that_failed_says_not_which_limit(self) -> None:
        assert diagnosed(FAILED).verdict.confidence is Confidence.SUSPECTED
        assert "took about" not in headline(f"{FAILED}800 receipts stored, avg 10 ms\n")

    def test_a_short_batch_alone_is_nothing(self) -> None:
        assert not diagnosed("800 receipts stored, avg 10 ms\nprocessed 800 records in 700 s\n").findings


EMPTY = "could not obtain a connection from the pool within 5.000 seconds (waited 5.004 seconds); all pooled connections were in use\n"


class TestPoolsThatAreSmallerThanTheirThreads:
    @pytest.mark.parametrize(
        ("text", "says", "sure"),
        [
            (f'ActiveRecord::ConnectionTimeoutError: {EMPTY}:concurrency: 25\npool: <%= ENV.fetch("QUAY_DB") {{ 5 }} %>\nQUAY_DB isn\'t set there.\n', "25 threads share a pool of 5 connections (as QUAY_DB is not set)", Confidence.LIKELY),
            (f'ActiveRecord::ConnectionTimeoutError: {EMPTY}:concurrency: 25\npool: <%= ENV.fetch("QUAY_DB") {{ 5 }} %>\n', "of 5 connections (if QUAY_DB is not set)", Confidence.SUSPECTED),
            (f"ActiveRecord::ConnectionTimeoutError: {EMPTY}threads 4, 16\npool: 8\n", "16 threads share a pool of 8 connections.", Confidence.LIKELY),
            ("sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00\ngunicorn quay:app -k gthread --threads 40\n", "40 threads share a pool of 15 connections.", Confidence.LIKELY),
            ("HikariPool-1 - Connection is not available, request timed out after 30000ms (total=10, active=10, idle=0, waiting=90)\nserver.tomcat.threads.max=200\nspring.datasource.hikari.maximum-pool-size=10\n", "200 threads share a pool of 10 connections.", Confidence.SUSPECTED),
        ],
    )  # fmt: skip
    def test_both_numbers_are_named(self, text: str, says: str, sure: Confidence) -> None:
        verdict = diagnosed(text).verdict
        assert says in verdict.headline
        assert verdict.confidence is sure

    @pytest.mark.parametrize(
        "settings", ["threads 5, 5\npool: 25\n", "pool: 5\n", "gunicorn quay:app -w 40\npool: 5\n", "pool: 5\npool: 50\n:concurrency: 25\n"]
    )
    def test_settings_that_fit_or_are_not_clear_say_nothing(self, settings: str) -> None:
        assert "share a pool" not in headline(f"ActiveRecord::ConnectionTimeoutError: {EMPTY}{settings}")

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("psycopg2.pool.PoolError: connection pool exhausted\nPOOL = ThreadedConnectionPool(1, 10, dsn)\ncelery -A quay worker -P gevent -c 100\n", "100 threads share a pool of 10 connections."),
            ("KnexTimeoutError: Knex: Timeout acquiring a connection. The pool is probably full.\n  pool: { min: 2, max: 10 },\n80 concurrent requests in the test.\n", "80 requests share a pool of 10 connections."),
            ("org.apache.http.conn.ConnectionPoolTimeoutException: Timeout waiting for connection from pool\ncm.setDefaultMaxPerRoute(2);\nExecutors.newFixedThreadPool(30)\n", "30 threads share a pool of 2 connections."),
        ],
    )  # fmt: skip
    def test_other_writings_of_the_two_numbers(self, text: str, says: str) -> None:
        assert says in headline(text)

    def test_a_pool_of_another_kind_says_nothing(self) -> None:
        text = "psycopg2.pool.PoolError: connection pool exhausted\ncm.setDefaultMaxPerRoute(2);\nExecutors.newFixedThreadPool(30)\n"
        assert "share a pool" not in headline(text)

    def test_settings_alone_are_no_trouble(self) -> None:
        told = diagnosed("server.tomcat.threads.max=200\nspring.datasource.hikari.maximum-pool-size=10\n")
        assert not told.findings
        assert told.verdict.status is Status.INSUFFICIENT

    def test_goroutines_that_share_a_small_pool(self) -> None:
        stack = (
            "goroutine 91 [select, 3 minutes]:\ndatabase/sql.(*DB).conn(0xc00018a0d0, {0x9b6c08, 0xc000196000}, 0x1)\n\t/usr/local/go/src/database/sql/sql.go:1364 +0x7c5\n"
            "main.(*Importer).row(0xc0001b2000, 0x10)\n\t/src/importer.go:88 +0x1b2\n"
        )
        assert "64 goroutines share a pool of 4 connections" in headline(f"db.SetMaxOpenConns(4)\nworkers := 64\n\n{stack}")


SESSIONS = (
    " client_addr | state  | wait_event_type | wait_event | count |     longest\n-------------+--------+-----------------+------------+-------+-----------------\n"
    " 10.3.0.4    | {state} | Client          | ClientRead |    {number} | 00:08:12.118201\n 10.3.0.5    | idle   | Client          | ClientRead |    10 | 00:06:40.90013\n(2 rows)\n\n"
)
FREE = "QuayPool - Pool stats (total=10, active={active}, idle={idle}, waiting=0)\n"


class TestIdleSessionsOfPools:
    def test_as_many_as_the_pools_keep(self) -> None:
        places = "show max_connections;\n max_connections\n-----------------\n 120\n(1 row)\n\n"
        told = diagnosed(SESSIONS.format(state="idle  ", number=10) + places + FREE.format(active=0, idle=10))
        assert not told.findings
        assert (
            "20 sessions of PostgreSQL are idle, outside of a transaction, 10 for each of 2 clients: those are the connections that pools keep open"
            in (told.verdict.headline)
        )
        assert "none is lent: no leak is seen in it, and the server has places for 120" in told.verdict.headline

    def test_equal_numbers_alone_look_so(self) -> None:
        assert "so look connections that pools keep open" in headline(SESSIONS.format(state="idle  ", number=10))

    def test_far_from_the_servers_limit(self) -> None:
        rows = " state  | count |       max\n--------+-------+-----------------\n idle   |    40 | 00:29:11.5\n active |     2 | 00:00:00.01\n(2 rows)\n\n"
        assert "40 sessions of PostgreSQL are idle, outside of a transaction: so look" in headline(
            f"{rows}max_connections = 300. Is that a leak?\n"
        )
        assert "so look" not in headline(f"{rows}max_connections = 45. Is that a leak?\n")

    def test_mysql_does_not_tell_transactions(self) -> None:
        rows = (
            "+-------+----------+---------+----------+\n| user  | host     | command | count(*) |\n+-------+----------+---------+----------+\n| quay  | 10.3.0.4 | Sleep   |       10 |\n"
            "| quay  | 10.3.0.5 | Sleep   |       10 |\n+-------+----------+---------+----------+\n\n| max_connections | 500   |\n"
        )
        told = headline(rows + FREE.format(active=0, idle=10))
        assert "20 sessions of MySQL are idle, 10 for each of 2 clients" in told

    @pytest.mark.parametrize(
        "text",
        [
            SESSIONS.format(state="idle in transaction", number=10) + FREE.format(active=0, idle=10),
            SESSIONS.format(state="idle  ", number=30) + FREE.format(active=0, idle=10),
            SESSIONS.format(state="idle  ", number=10) + FREE.format(active=10, idle=0),
            SESSIONS.format(state="idle  ", number=10) + "FATAL: sorry, too many clients already\n",
            SESSIONS.format(state="idle  ", number=10) + "max_connections = 22\n",
        ],
    )
    def test_what_may_be_a_leak_is_not_called_normal(self, text: str) -> None:
        assert "keep open" not in headline(text)


INSPECTED = (
    "    cleanTitle               title.js:31\n    listBooks                routes/books.js:12\n    handle                   node_modules/express/lib/router/layer.js:95\n"
    "    next                     node_modules/express/lib/router/route.js:137\n\n"
)
FULL = "State    Recv-Q   Send-Q     Local Address:Port     Peer Address:Port\nLISTEN   129      128              0.0.0.0:4000          0.0.0.0:*\n\n"


class TestLoopsOfJavaScriptInAnInspector:
    def test_a_full_queue_beside_its_stack(self) -> None:
        verdict = diagnosed(f"{FULL}{INSPECTED}").verdict
        assert (verdict.rule, verdict.confidence) == ("event-loop-blocked", Confidence.LIKELY)
        assert (
            "computes in title.cleanTitle(title.js:31); 129 connections wait for it in the accept queue of port 4000, which is full"
            in verdict.headline
        )

    def test_a_pattern_in_its_line_and_a_used_up_processor(self) -> None:
        verdict = diagnosed(f"top says node 99.7\n\n{INSPECTED}31:  return /^([a-z]+)*$/.test(title)\n").verdict
        assert verdict.confidence is Confidence.LIKELY
        assert "by a regular expression with a repetition inside a repetition, /^([a-z]+)*$/, which may try all ways" in verdict.headline
        assert "the text says 100 % of a processor" in verdict.headline

    def test_a_pattern_of_another_line_is_only_shown(self) -> None:
        verdict = diagnosed(f"CPU is at 100%\n\n{INSPECTED}88:  return /^([a-z]+)*$/.test(title)\n").verdict
        assert verdict.confidence is Confidence.SUSPECTED
        assert "the text shows a regular expression with a repetition inside a repetition" in verdict.headline

    def test_other_writings_of_such_a_stack(self) -> None:
        listed = "#0 cleanTitle lib/title.js:31:12\n#1 listBooks routes/books.js:12:3\n#2 handle node_modules/express/lib/router/layer.js:95:5\n\n"
        console = "cleanTitle @ title.js:31\nlistBooks @ books.js:12\n(anonymous) @ layer.js:95\n\n"
        for stack in (listed, console):
            assert diagnosed(f"{FULL}{stack}").verdict.rule == "event-loop-blocked"

    @pytest.mark.parametrize(
        "text",
        ["CPU is not at 100%\n\n" + INSPECTED, INSPECTED, "  FAIL  src/a.test.js:12\n  FAIL  src/b.test.js:40\n  FAIL  src/c.test.js:77\n"],
    )
    def test_a_stack_alone_is_no_trouble(self, text: str) -> None:
        assert not diagnosed(text).findings

    @pytest.mark.parametrize("pattern", [r"/^(\d+-)*x/", r"/^[a-z]+$/", r"/(abc)+/"])
    def test_patterns_that_end_soon(self, pattern: str) -> None:
        assert "repetition inside" not in headline(f"CPU is at 100%\n\n{INSPECTED}31:  return {pattern}.test(title)\n")


SPIED = 'Process {pid}: /usr/bin/python3 /srv/quay/run\nPython v3.8.10 (/usr/bin/python3.8)\n\nThread {thread} (idle): "{name}"\n{frames}\n'
MASTER = SPIED.format(
    pid=710,
    thread=710,
    name="MainThread",
    frames="    select (quay/server.py:95)\n    sleep (quay/server.py:95)\n    run (quay/server.py:98)\n    ...\n",
)
WORKER = SPIED.format(
    pid=711, thread="0x7F1B32FFD700", name="worker 711",
    frames="    readinto (socket.py:669)\n    _read_status (http/client.py:277)\n    begin (http/client.py:316)\n    getresponse (http/client.py:1348)\n    label (quay/labels.py:88)\n    confirm (quay/orders.py:41)\n",
)  # fmt: skip


def test_a_worker_that_waits_comes_before_its_master() -> None:
    told = diagnosed(f"Two of them:\n\n{MASTER}\n{WORKER}")
    assert told.verdict.rule == "slow-backend"
    assert "label" in told.verdict.headline


CODE = "line 88 is    r = requests.post(self.url + '/labels', json=body)\n"
POSTED = WORKER.replace("    label (quay", "    request (requests/api.py:61)\n    post (requests/api.py:119)\n    label (quay")


class TestWordsBesideSeveralProcesses:
    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ("The other four are identical to the second one.", "1 pasted, 5 as the text says"),
            ("The other 4 workers look the same as the last.", "1 pasted, 5 as the text says"),
            ("The remaining three are like the second.", "1 pasted, 4 as the text says"),
        ],
    )
    def test_a_number_speaks_of_the_stack_that_it_names(self, words: str, says: str) -> None:
        assert says in headline(f"py-spy of two. {words}\n\n{MASTER}\n{WORKER}")

    @pytest.mark.parametrize("words", ["The other four are identical to the first one.", "The other four are not like the second one."])
    def test_a_number_of_another_stack_does_not(self, words: str) -> None:
        assert "as the text says" not in headline(f"py-spy of two. {words}\n\n{MASTER}\n{WORKER}")

    def test_spelled_words_below_a_stack(self) -> None:
        assert "1 pasted, 12 as the text says" in headline(f"One of them:\n\n{WORKER}\nThe other eleven workers are the same.\n")

    def test_a_call_without_a_timeout_is_told_where_the_threads_stand_in_it(self) -> None:
        assert "without a timeout (requests.post is given none)" in headline(f"One of them:\n\n{POSTED}\n{CODE}")
        assert "without a timeout" not in headline(f"One of them:\n\n{POSTED}\n{CODE.replace('json=body', 'json=body, timeout=5')}")
        assert "without a timeout" not in headline(f"One of them:\n\n{WORKER}\n{CODE}")
