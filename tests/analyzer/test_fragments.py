"""What people really have: pieces of lists, counters and watchers' lines. For every kind one that tells, and a twin that must stay quiet."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding, Status
from tests.builders import diagnosis_of, thread


def found(*texts: str) -> Finding:
    diagnosis = diagnosis_of({f"post-{number}.md": text for number, text in enumerate(texts)})
    assert diagnosis.verdict.status is Status.PROBLEM, diagnosis.verdict.headline
    assert diagnosis.verdict.confidence is not Confidence.CERTAIN
    return diagnosis.findings[0]


def quiet(*texts: str) -> str:
    verdict = diagnosis_of({f"post-{number}.md": text for number, text in enumerate(texts)}).verdict
    assert verdict.status is Status.INSUFFICIENT, verdict.headline
    return f"{verdict.headline} {verdict.summary}"


class TestSessions:
    ALIASES = (
        "depot=> select pid, pg_blocking_pids(pid) as held, state as st, wait_event_type as wtype, now()-xact_start as xact, substr(query,1,40) as sql from pg_stat_activity;\n"
        "  pid | held    | st                  | wtype  | xact     | sql\n"
        "------+---------+---------------------+--------+----------+---------------------\n"
        "  700 | {{}}      | {state:<19} | Client | 00:31:10 | select 1 from crate\n"
        "  701 | {{700}}   | active              | Lock   | 00:11:10 | alter table crate\n"
        "  702 | {{701}}   | active              | Lock   | 00:11:09 | select n from crate\n"
        "(3 rows)\n"
    )
    AGAIN = (
        "depot=> select pid, application_name, client_addr, client_port from pg_stat_activity where pid = 700;\n"
        " pid | application_name | client_addr | client_port\n-----+------------------+-------------+-------------\n 700 | pgAdmin          | 10.9.8.7    |       51515\n"
    )

    def test_columns_are_known_by_their_cells(self) -> None:
        finding = found("It hangs:\n\n" + self.ALIASES.format(state="idle in transaction"))
        assert finding.rule == "lock-held-by-idle-transaction"
        assert "2 sessions of PostgreSQL" in finding.headline
        assert "session 700" in finding.headline
        assert "alter table crate" in finding.explanation

    def test_a_table_of_somebody_elses_workers_is_no_list_of_sessions(self) -> None:
        text = quiet(" pid | worker | status\n-----+--------+--------\n  71 | saw    | active\n  72 | mill   | idle\n(2 rows)\n")
        assert "PostgreSQL" not in text

    def test_a_session_that_is_asked_for_again_is_no_later_moment(self) -> None:
        finding = found("It hangs:\n\n" + self.ALIASES.format(state="idle in transaction") + "\n" + self.AGAIN)
        assert "2 sessions of PostgreSQL" in finding.headline
        assert "session 700 (pgAdmin, 10.9.8.7:51515)" in finding.headline

    def test_sessions_that_rest_are_told_to_rest(self) -> None:
        text = quiet(
            " pid | usename | client_addr | state | age\n-----+---------+-------------+-------+----------\n"
            "  11 | till    | 10.0.0.3    | idle  | 00:00:04\n  12 | till    | 10.0.0.3    | idle  | 00:04:10\n"
        )
        assert "none of them waits or has a transaction open" in text


class TestQueues:
    HEAD = " database | user | cl_active | cl_waiting | sv_active | sv_idle | sv_used | sv_tested | sv_login | maxwait | pool_mode\n----------+------+-----------+------------+-----------+---------+---------+-----------+----------+---------+-----------\n"

    def test_a_pool_whose_connections_are_all_given_away(self) -> None:
        finding = found(f"{self.HEAD} mill     | sawer | 8 | 61 | 8 | 0 | 0 | 0 | 0 | 77 | session\n")
        assert (finding.rule, finding.confidence) == ("queued-at-proxy", Confidence.LIKELY)
        assert "61 clients wait at PgBouncer for a connection of mill/sawer, the longest for 77 s" in finding.headline
        assert "In session mode" in finding.explanation

    def test_of_a_pool_in_transaction_mode_nothing_is_said_of_sessions(self) -> None:
        finding = found(f"{self.HEAD} mill     | sawer | 8 | 61 | 8 | 0 | 0 | 0 | 0 | 4 | transaction\n")
        assert finding.confidence is Confidence.SUSPECTED
        assert "end of a transaction" in finding.explanation

    @pytest.mark.parametrize(
        "row",
        ["8 | 3 | 8 | 0 | 0 | 0 | 0 | 0 | session", "8 | 3 | 6 | 2 | 0 | 0 | 0 | 9 | session", "8 | 0 | 8 | 0 | 0 | 0 | 0 | 0 | session"],
    )
    def test_a_burst_free_connections_and_an_empty_queue_are_no_finding(self, row: str) -> None:
        assert quiet(f"{self.HEAD} mill     | sawer | {row}\n")

    def test_servers_that_are_slow_behind_a_proxy_are_named_with_its_queue(self) -> None:
        lines = (
            '198.51.100.3:50110 [17/Nov/2026:20:00:11.402] web~ bk_shop/<NOSRV> 0/15001/-1/-1/15001 503 217 - - sQ-- 90/89/61/0/0 31/0 "GET /a HTTP/1.1"\n'
            '198.51.100.4:50111 [17/Nov/2026:20:00:12.402] web~ bk_shop/s1 0/9200/1/7300/16501 200 5120 - - ---- 90/89/61/40/0 29/0 "GET /b HTTP/1.1"\n'
        )
        finding = found(f"Is it the cable?\n\n{lines}")
        assert "HAProxy bk_shop:" in finding.headline
        assert "while the servers take 7.3 s for a request and have 40 each" in finding.headline

    def test_a_breaker_that_is_full_is_told_with_the_server_that_does_not_answer(self) -> None:
        tail = '"-" "ua" "id" "routes.nav:8080" {upstream} outbound|8080||routes.nav - 10.9.1.2:8080 10.3.4.9:57110 - default\n'
        refused = (
            '[2026-02-20T13:05:01.882Z] "GET /r HTTP/1.1" 503 UO upstream_reset_before_response_started{overflow} - "-" 210 81 0 - '
            + tail.format(upstream='"-"')
        )
        late = '[2026-02-20T13:05:02.882Z] "GET /r HTTP/1.1" 504 UT upstream_response_timeout - "-" 210 24 9000 - ' + tail.format(
            upstream='"10.3.9.77:8080"'
        )
        finding = found(f"Does the mesh drop us?\n\n{refused}{refused}{late}{late}")
        assert finding.rule == "queued-at-proxy"
        assert "routes.nav:8080" in finding.headline
        assert "while 10.3.9.77:8080 left 2 requests without an answer until the limit of 9 s" in finding.headline


class TestKernel:
    SOCKSTAT = "sockets: used 901\nTCP: inuse 702 orphan {orphans} tw 77 alloc 960 mem {pages}\n\n$ sysctl net.ipv4.tcp_max_orphans net.ipv4.tcp_mem\nnet.ipv4.tcp_max_orphans = 4096\nnet.ipv4.tcp_mem = 9830\t13107\t19660\n"

    def test_orphans_at_the_limit(self) -> None:
        line = "[ 4122.910114] TCP: too many orphaned sockets\n"
        finding = found(f"Leak of nginx?\n\n{line}\n$ cat /proc/net/sockstat\n{self.SOCKSTAT.format(orphans=4099, pages=19650)}")
        assert (finding.rule, finding.confidence) == ("vanished-peer", Confidence.LIKELY)
        assert "4,099 sockets that belong to no process any more" in finding.headline
        assert "19,650 of 19,660 pages" in finding.explanation

    def test_the_line_alone_is_a_suspicion(self) -> None:
        assert found("[ 4122.910114] TCP: too many orphaned sockets\n").confidence is Confidence.SUSPECTED

    def test_few_orphans_are_nothing(self) -> None:
        assert quiet(f"$ cat /proc/net/sockstat\n{self.SOCKSTAT.format(orphans=31, pages=410)}")

    def test_many_connections_that_end_keep_the_all_clear_away(self) -> None:
        counts = "$ ss -tan | awk 'NR>1{{print $1}}' | sort | uniq -c\n    {fin} FIN-WAIT-1\n   1802 ESTAB\n    477 TIME-WAIT\n"
        assert "nothing unusual" not in quiet(counts.format(fin=9902))
        assert "nothing unusual" in quiet(counts.format(fin=3))

    SYNS = "$ ss -tnpo state syn-sent\nRecv-Q Send-Q Local Address:Port Peer Address:Port\n"

    def test_syns_that_nobody_answers(self) -> None:
        rows = "".join(
            f'0 1 10.1.2.3:4{number}310 192.0.2.88:7443 users:(("pumpd",pid=612,fd={number})) timer:(on,{number}sec,{again})\n'
            for number, again in ((1, 3), (2, 4), (3, 1))
        )
        finding = found("They say it is slow.\n\n" + self.SYNS + rows)
        assert (finding.rule, finding.confidence) == ("vanished-peer", Confidence.LIKELY)
        assert "pumpd (pid 612) cannot connect to 192.0.2.88:7443" in finding.headline

    def test_syns_of_this_moment_and_one_lost_packet_are_nothing(self) -> None:
        rows = '0 1 10.1.2.3:41310 192.0.2.88:7443 users:(("pumpd",pid=612,fd=1)) timer:(on,1sec,0)\n' * 3
        assert quiet(self.SYNS + rows)
        assert quiet(self.SYNS + rows[: len(rows) // 3].replace("1sec,0", "1sec,1"))

    def test_where_connections_to_it_are_open_packets_are_lost_and_nothing_is_cut(self) -> None:
        rows = "".join(f"SYN-SENT 0 1 10.1.2.3:4{number}310 192.0.2.88:7443 timer:(on,{number}sec,3)\n" for number in (1, 2, 3))
        opened = "ESTAB 0 0 10.1.2.3:50110 192.0.2.88:7443\n"
        assert quiet("State Recv-Q Send-Q Local Address:Port Peer Address:Port\n" + rows + opened)

    INFO = "\t cubic wscale:7,7 rto:204 rtt:0.4/0.1 mss:1448 cwnd:10 bytes_acked:{sent} lastsnd:{last} lastrcv:99 lastack:{last}\n"

    def window(self, last: int, third: int) -> str:
        rows = "".join(
            f"ESTAB 0 0 10.3.0.8:6020 10.3.5.{number}:52210\n" + self.INFO.format(sent=900, last=pause)
            for number, pause in ((40, last), (41, last + 30), (42, third))
        )
        closed = "ESTAB 0 812044 10.3.0.8:6020 10.3.7.9:60984 timer:(persist,6.5sec,0)\n" + self.INFO.format(sent=800, last=1200)
        return "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n" + rows + closed

    def test_one_client_that_does_not_read_holds_up_all_others(self) -> None:
        finding = found("Everybody freezes at once.\n\n```\n" + self.window(48_000, 48_010) + "```\n")
        assert (finding.rule, finding.confidence) == ("blocked-write", Confidence.SUSPECTED)
        assert "10.3.7.9:60984" in finding.headline
        assert "3 other clients" in finding.headline

    def test_a_slow_client_beside_others_that_go_on_is_nothing(self) -> None:
        assert quiet("One is slow.\n\n```\n" + self.window(48_000, 120) + "```\n")

    def test_few_connections_that_wait_for_the_far_end_to_close_are_harmless(self) -> None:
        rows = "".join(f"tcp4       0      0 192.0.2.10.993         198.51.100.{number}.51338    FIN_WAIT_2\n" for number in (3, 4))
        text = quiet(
            "$ netstat -an -p tcp\nActive Internet connections (including servers)\nProto Recv-Q Send-Q Local Address          Foreign Address        (state)\n"
            + rows
        )
        assert "so few are nothing to look at" in text

    def test_time_wait_far_from_the_range_of_ports_is_normal(self) -> None:
        counted = "$ ss -tan state time-wait | awk 'NR>1{{print $4}}' | sort | uniq -c | sort -rn\n   {count} 10.9.4.21:8000\n   901 10.9.4.22:8000\n"
        assert "TIME_WAIT are normal" in quiet(counted.format(count=2105))
        assert "TIME_WAIT are normal" not in quiet(counted.format(count=15990))

    def test_a_shell_without_a_name_is_a_prompt(self) -> None:
        table = (
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
            "   1: 0E02F40A:C3A2 2102F40A:0CEA 08 00000000:00000001 00:00000000 00000000  1000        0 790115 1 0 20 4 30 10 -1\n"
            "   2: 0E02F40A:C3B8 2102F40A:0CEA 08 00000000:00000001 00:00000000 00000000  1000        0 790440 1 0 20 4 30 10 -1\n"
        )
        finding = found(f"/app # cat /proc/net/tcp\n{table}/app # grep -c ' 08 ' /proc/net/tcp\n731\n")
        assert "keeps 731 sockets in CLOSE_WAIT (2 rows are here, to 10.244.2.33:3306)" in finding.headline

    def test_whole_requests_that_nobody_read_are_told_beside_a_count(self) -> None:
        row = "tcp4 {unread:>7}      0  172.16.4.9.9081        172.16.4.2.{port}       CLOSE_WAIT\n"
        text = "$ netstat -an | grep 9081\ntcp        0      0  *.9081                 *.*                    LISTEN\n{rows}$ netstat -an | grep 9081 | grep -c CLOSE_WAIT\n240\n"
        finding = found(text.format(rows=row.format(unread=418, port=36611) + row.format(unread=377, port=36614)))
        assert finding.headline.endswith("the clients have closed, and the server has not, nor read what they sent.")
        assert "377 to 418 bytes that nobody has read" in finding.explanation
        assert "nor read" not in found(text.format(rows=row.format(unread=1, port=36611) + row.format(unread=377, port=36614))).headline


class TestWatchers:
    def test_a_container_that_is_killed_for_its_health_check(self) -> None:
        text = (
            '  Warning  Unhealthy  2m1s (x33 over 82m)    kubelet  Liveness probe failed: Get "http://10.2.6.30:80/h": context deadline exceeded (Client.Timeout exceeded while awaiting headers)\n'
            "  Normal   Killing    101s (x11 over 81m)    kubelet  Container tillbox failed liveness probe, will be restarted\n"
        )
        finding = found(f"exit code 137, so out of memory?\n\n{text}")
        assert finding.rule == "pool-stuck"
        assert "kubelet tillbox: the program did not answer its health check in time, 11 times" in finding.headline
        assert "OOMKilled" in finding.explanation

    def test_a_readiness_check_that_failed_twice_is_nothing(self) -> None:
        assert quiet(
            '  Warning  Unhealthy  2m1s (x2 over 82m)    kubelet  Readiness probe failed: Get "http://10.2.6.30:80/h": context deadline exceeded\n'
        )

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("E, [2026-02-01T10:00:00.1 #77] ERROR -- : worker=3 PID:4188 timeout (61s > 60s), killing", "Unicorn: a worker took longer"),
            (
                "source=rack-timeout id=9f wait=2ms timeout=15000ms service=15001ms state=timed_out at=error",
                "rack-timeout: a worker took longer",
            ),
            (
                "[2026-03-01 10:00:17,420: ERROR/MainProcess] Task mill.saw[7d1c] raised unexpected: TimeLimitExceeded(300,)",
                "Celery: a worker took longer",
            ),
        ],
    )
    def test_a_worker_that_its_master_ended(self, line: str, words: str) -> None:
        finding = found(f"Why?\n\n{line}\n")
        assert finding.rule == "pool-stuck"
        assert words in finding.headline

    @pytest.mark.parametrize(
        ("line", "rule", "words"),
        [
            (
                "Task f@1 rejected from java.util.concurrent.ThreadPoolExecutor@6d5f[Running, pool size = 20, active threads = 20, queued tasks = 1000, completed tasks = 551]",
                "pool-stuck",
                "queued 1000",
            ),
            (
                "on EsThreadPoolExecutor[name = n1/write, queue capacity = 200, x.EsThreadPoolExecutor@3f7[Running, pool size = 8, active threads = 8, queued tasks = 200, completed tasks = 8]]",
                "pool-stuck",
                "Elasticsearch n1/write",
            ),
            ('the page says "ERR max number of clients reached" since noon', "connection-limit", "Redis"),
            ("asyncpg.exceptions.TooManyConnectionsError: sorry, too many clients already", "connection-limit", "PostgreSQL"),
            (
                "com.mongodb.MongoTimeoutException: Timeout waiting for a pooled item after 120000 MILLISECONDS",
                "object-pool-exhausted",
                "after 120 s",
            ),
            ("psycopg2.pool.PoolError: connection pool exhausted", "jdbc-pool-exhausted", "psycopg2"),
            ("haproxy[99]: backend bk_app has no server available!", "slow-backend", "HAProxy bk_app"),
            ("systemd[1]: pumpd.service: Watchdog timeout (limit 30s)!", "pool-stuck", "systemd pumpd.service"),
            ("HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta=1m12s871ms221µs).", "gc-thrash", "after 72 s"),
            (
                "consumer poll timeout has expired. This means the time between calls to poll() was longer",
                "event-loop-blocked",
                "Kafka consumer",
            ),
            (
                '*** uWSGI listen queue of socket "127.0.0.1:3031" (fd: 3) full !!! (101/100) ***',
                "backlog-overflow",
                "uWSGI 127.0.0.1:3031",
            ),
            ("    ThreadPool Queue Length                        1,284", "pool-stuck", "queued 1284"),
            (
                "WARN QueuedThreadPool[qtp31]@5db2{STARTED,8<=200<=200,i=0,r=-1,q=1024}[ReservedThreadExecutor@73{s=0/16,p=0}] rejected org.eclipse.jetty.io.ManagedSelector$Accept@4c",
                "pool-stuck",
                "Jetty qtp31",
            ),
            (
                "Timeout performing GET saw (5000ms), inst: 0, qu: 0, qs: 812, in: 65536, mgr: 10 of 10 available, IOCP: (Busy=0,Free=1000,Min=8,Max=1000), WORKER: (Busy=312,Free=32455,Min=8,Max=32767), POOL: (Threads=312,QueuedItems=1211,CompletedItems=99)",
                "pool-stuck",
                "queued 1211",
            ),
            (
                "Timeout performing GET saw (5000ms), inst: 0, qu: 0, qs: 4, in: 0, mgr: 10 of 10 available, IOCP: (Busy=0,Free=1000,Min=8,Max=1000), WORKER: (Busy=3,Free=32455,Min=8,Max=32767)",
                "slow-backend",
                "StackExchange.Redis",
            ),
            ("rpc error: code = DeadlineExceeded desc = context deadline exceeded", "slow-backend", "gRPC"),
            (
                "SEVERE: All threads (150) are currently busy, waiting. Increase maxThreads (150) or check the servlet status",
                "pool-stuck",
                "limit 150",
            ),
            (
                "x.HystrixRuntimeException: SawCommand could not be queued for execution and no fallback available.",
                "pool-stuck",
                "Hystrix SawCommand",
            ),
            (
                "Scheduled sending of heartbeat was delayed. Previous heartbeat was sent [6121] ms ago, expected interval is [1000] ms.",
                "pool-stuck",
                "6.121 s",
            ),
            (
                "SequelizeConnectionAcquireTimeoutError [SequelizeConnectionAcquireTimeoutError]: Operation timeout",
                "jdbc-pool-exhausted",
                "Sequelize",
            ),
            ("java.io.IOException: xceiverCount 4097 exceeds the limit of concurrent xcievers 4096", "pool-stuck", "HDFS"),
            (
                "WARN fsync-ing the write ahead log in SyncThread:3 took 12311ms which will adversely effect operation latency.",
                "disk-stall",
                "after 12.311 s",
            ),
            (
                "The web application [saw] appears to have started a thread named [poll-1] but has failed to stop it.",
                "thread-leak",
                "Tomcat saw",
            ),
            ("runtime: program exceeds 10000-thread limit", "thread-leak", "limit 10000"),
            ("bash: fork: retry: Resource temporarily unavailable", "thread-leak", "no further thread"),
            (
                "PoolAcquirePendingLimitException: Pending acquire queue has reached its maximum size of 1000",
                "http-pool-exhausted",
                "limit 1000",
            ),
            ("java.sql.SQLException: ORA-01000: maximum open cursors exceeded", "connection-leak", "open cursors"),
            (
                "channel error: delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.",
                "pool-stuck",
                "after 1800 s",
            ),
            (
                'no live upstreams while connecting to upstream, client: 10.1.2.3, upstream: "http://saw/api", host: "x"',
                "slow-backend",
                "nginx saw",
            ),
            ("Error: timeout exceeded when trying to connect", "jdbc-pool-exhausted", "node-postgres"),
            (
                "--Thread 140211908622080 has waited at row0ins.c line 2004 for 241.00 seconds the semaphore:",
                "lock-held-by-idle-transaction",
                "after 241 s",
            ),
            (
                "LOG:  process 4021 still waiting for ShareLock on transaction 88112 after 1000.055 ms\nDETAIL:  Process holding the lock: 3990. Wait queue: 4021, 4055.",
                "lock-held-by-idle-transaction",
                "session 3990 holds it",
            ),
            (
                (
                    "System.InvalidOperationException: Timeout expired.  The timeout period elapsed prior to obtaining a connection from the pool.\n"
                    "   at System.Data.SqlClient.SqlConnection.Open()\n   at Mill.Orders.<LoadAsync>d__5.MoveNext() in C:\\src\\Orders.cs:line 44"
                ),
                "jdbc-pool-exhausted",
                "called from Mill.Orders.LoadAsync(Orders.cs:44)",
            ),
            (
                (
                    "SequelizeConnectionAcquireTimeoutError [x]: Operation timeout\n    at ConnectionManager.getConnection (/srv/node_modules/sequelize/lib/x.js:288:48)\n"
                    "    at async load (/srv/src/orders.js:21:15)"
                ),
                "jdbc-pool-exhausted",
                "called from orders.load(orders.js:21)",
            ),
        ],
    )
    def test_a_limit_that_was_reached(self, line: str, rule: str, words: str) -> None:
        finding = found(f"What is that?\n\n{line}\n")
        assert finding.rule == rule
        assert words in finding.headline

    @pytest.mark.parametrize(
        "line",
        [
            "Task f@1 rejected from java.util.concurrent.ThreadPoolExecutor@6d5f[Terminated, pool size = 0, active threads = 0, queued tasks = 0, completed tasks = 551]",
            "    ThreadPool Queue Length                        12",
            "INFO QueuedThreadPool[qtp31]@5db2{STARTED,8<=40<=200,i=3,r=-1,q=0}[ReservedThreadExecutor@73{s=0/16,p=0}] stopped",
            "haproxy[99]: Server bk_app/a1 is DOWN, reason: Layer4 timeout, check duration: 2001ms. 1 active and 0 backup servers left.",
            "      Reason:       OOMKilled",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            "kernel: watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [java:8812]",
            "Could it be OOMKilled?",
            "CommunicationsException: The last packet successfully received from the server was 38,112,312 milliseconds ago.",
        ],
    )
    def test_what_is_no_cause_of_a_stall_stays_a_fact(self, line: str) -> None:
        assert quiet(f"What is that?\n\n{line}\n")

    def test_a_broker_without_memory(self) -> None:
        finding = found(
            "2026-01-01 10:00:00,1 | INFO | Usage Manager memory limit (1048576) reached for queue://saw. Producers will be throttled | org.apache.activemq\n"
        )
        assert finding.rule == "blocked-write"

    HUNG = (
        '[9/14/26 2:10:31:507 CEST] 000000a3 ThreadMonitor W   WSVR0605W: Thread "WebContainer : 4" (000001fc) has been active for 694212 milliseconds and may be hung.  There is/are 1 thread(s) in total in the server that may be hung.\n'
        "\tat java.net.SocketInputStream.socketRead0(Native Method)\n\tat com.ibm.db2.jcc.t4.z.b(z.java:227)\n\tat nl.mill.Year.fill(Year.java:210)\n"
    )
    CAME_BACK = '[9/14/26 2:14:02:881 CEST] 000001fc ThreadMonitor W   WSVR0606W: Thread "WebContainer : 4" (000001fc) was previously reported to be hung but has completed.  It was active for approximately 905586 milliseconds.  There is/are 0 thread(s) in total in the server that may be hung.\n'

    def test_a_thread_that_came_back_hangs_no_more(self) -> None:
        text = quiet(self.HUNG + self.CAME_BACK)
        assert "a thread that was reported to hang has ended its work (after 905.586 s), and 0 threads may hang now" in text
        assert "nl.mill.Year.fill(Year.java:210)" in text

    def test_one_that_did_not_is_told(self) -> None:
        assert "WebContainer : 4" in found(self.HUNG + self.CAME_BACK.replace("WebContainer : 4", "WebContainer : 5")).headline

    def test_a_pool_with_free_connections_is_no_trouble(self) -> None:
        assert "a pool of connections had nobody waiting" in quiet(
            "2026-01-01 10:00:00.1 DEBUG mill - Pool stats (total=9, active=1, idle=8, waiting=0)\n"
        )

    def test_a_process_that_does_not_keep_up_is_told_with_what_it_does(self) -> None:
        text = (
            "(n@h)1> lists:sublist(lists:keysort(2,[{P,element(2,erlang:process_info(P,message_queue_len))} || P <- processes()]),3).\n"
            "[{<0.77.0>,%s},{<0.3.0>,0}]\n"
            "(n@h)2> process_info(pid(0,77,0), [registered_name,current_stacktrace]).\n"
            '[{registered_name,mill_book},\n {current_stacktrace,[{prim_file,sync_nif,1,[]},\n   {mill_book,handle_call,3,\n     [{file,"src/mill_book.erl"},{line,44}]}]}]\n'
        )
        finding = found(text % "51200")
        assert "mill_book" in finding.headline
        assert "called from mill_book.handle_call/3(mill_book.erl:44)" in finding.headline
        assert quiet(text % "12")


class TestThreads:
    WAITS = (
        '"exec-4" #98 prio=5 os_prio=0 tid=0x1 nid=0x7c waiting on condition  [0x1]\n   java.lang.Thread.State: TIMED_WAITING (parking)\n'
        "\tat jdk.internal.misc.Unsafe.park(Native Method)\n\tat com.zaxxer.hikari.util.ConcurrentBag.borrow(ConcurrentBag.java:151)\n"
        "\tat com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:180)\n\tat com.zaxxer.hikari.HikariDataSource.getConnection(HikariDataSource.java:128)\n\n"
    )
    CALLS = (
        '"exec-7" #61 prio=5 os_prio=0 tid=0x2 nid=0x57 runnable  [0x2]\n   java.lang.Thread.State: RUNNABLE\n'
        "\tat java.net.SocketInputStream.socketRead0(Native Method)\n\tat sun.net.www.protocol.http.HttpURLConnection.getInputStream(HttpURLConnection.java:1615)\n"
        "\tat se.mill.Rates.now(Rates.java:48)\n\tat se.mill.Book.post(Book.java:112)\n%s"
    )
    INSIDE = "\tat org.springframework.transaction.interceptor.TransactionInterceptor.invoke(TransactionInterceptor.java:119)\n"

    def test_a_thread_that_waits_inside_a_transaction_keeps_a_connection(self) -> None:
        finding = found("Does the pool leak?\n\n" + self.WAITS + self.CALLS % self.INSIDE)
        assert finding.rule == "jdbc-pool-exhausted"
        assert "“exec-7” keep one meanwhile" in finding.headline
        assert "inside TransactionInterceptor.invoke" in finding.headline

    def test_without_a_transaction_nobody_is_said_to_keep_one(self) -> None:
        assert "keep one meanwhile" not in found("Does the pool leak?\n\n" + self.WAITS + self.CALLS % "").headline

    def test_helpers_of_an_idle_server_are_called_idle(self) -> None:
        text = (
            '"web-1" #3 prio=5 os_prio=0 tid=0x3 nid=0x5 waiting on condition  [0x3]\n   java.lang.Thread.State: WAITING (parking)\n'
            "\tat jdk.internal.misc.Unsafe.park(Native Method)\n\tat java.util.concurrent.LinkedBlockingQueue.take(LinkedBlockingQueue.java:433)\n"
            "\tat java.util.concurrent.ThreadPoolExecutor.getTask(ThreadPoolExecutor.java:1054)\n\tat java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1114)\n\n"
            '"web-Acceptor" #4 prio=5 os_prio=0 tid=0x4 nid=0x6 runnable  [0x4]\n   java.lang.Thread.State: RUNNABLE\n'
            "\tat sun.nio.ch.ServerSocketChannelImpl.accept(ServerSocketChannelImpl.java:285)\n\tat se.mill.Door.run(Door.java:9)\n\n"
        )
        assert "nobody among the 2 threads that are here is stuck or waits for another" in quiet(f"Deadlock?\n\n{text}\n")
        assert "nobody among" not in diagnosis_of({"post.md": f"Deadlock?\n\n{text}\n{self.CALLS % ''}"}).verdict.headline

    IDLE = (
        '"web-%d" #3%d prio=5 os_prio=0 tid=0x3 nid=0x5 waiting on condition  [0x3]\n   java.lang.Thread.State: WAITING (parking)\n\tat sun.misc.Unsafe.park(Native Method)\n'
        "\t- parking to wait for  <0x00000000d10> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)\n"
        "\tat java.util.concurrent.LinkedBlockingQueue.take(LinkedBlockingQueue.java:433)\n\tat java.util.concurrent.ThreadPoolExecutor.getTask(ThreadPoolExecutor.java:1054)\n\n"
    )
    ACCEPTS = (
        '"web-Acceptor" #4 prio=5 os_prio=0 tid=0x4 nid=0x6 runnable  [0x4]\n   java.lang.Thread.State: RUNNABLE\n'
        "\tat sun.nio.ch.ServerSocketChannelImpl.accept(ServerSocketChannelImpl.java:285)\n\tat se.mill.Door.run(Door.java:9)\n\n"
    )
    UPKEEP = (
        '"%s" #9 daemon prio=5 os_prio=0 tid=0x9 nid=0x9 waiting on condition  [0x9]\n   java.lang.Thread.State: TIMED_WAITING (parking)\n'
        "\tat sun.misc.Unsafe.park(Native Method)\n%s\t...\n\n"
    )
    LOCK = "\t- parking to wait for  <0x00000000d77> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)\n"

    @pytest.mark.parametrize("lock", ["", LOCK])
    @pytest.mark.parametrize("name", ["MillPool-1 housekeeper", "idle-connection-evictor"])
    def test_a_cut_stack_of_a_librarys_upkeep_is_at_rest(self, name: str, lock: str) -> None:
        text = quiet(f"Deadlock?\n\n{self.IDLE % (1, 1)}{self.IDLE % (2, 2)}{self.ACCEPTS}{self.UPKEEP % (name, lock)}\n")
        assert "nobody among the 4 threads that are here is stuck or waits for another" in text
        assert "the condition of their pool's queue, which nobody holds" in text

    def test_a_cut_stack_of_a_worker_may_wait_for_anything(self) -> None:
        text = quiet(f"Deadlock?\n\n{self.IDLE % (1, 1)}{self.IDLE % (2, 2)}{self.ACCEPTS}{self.UPKEEP % ('web-7', '')}\n")
        assert "nobody among" not in text

    GO = (
        "goroutine 1 [chan receive, 214 minutes]:\nmain.main()\n\t/b/main.go:58 +0x3f4\n\n"
        "goroutine 22 [select, 1 minutes]:\nmain.(*Tick).loop(0xc1)\n\t/b/tick.go:27 +0xd1\ncreated by main.main\n\t/b/main.go:44 +0x31e\n\n"
    )
    DOOR = "goroutine 21 [IO wait]:\ninternal/poll.(*FD).Accept(0xc1)\n\t/u/fd_unix.go:614 +0x2bd\nnet/http.(*Server).Serve(0xc1)\n\t/u/server.go:3059 +0x385\nmain.main.func1()\n\t/b/main.go:49 +0x2c\ncreated by main.main\n\t/b/main.go:48 +0x39a\n\n"
    SENDS = "goroutine {id} [chan send, 9 minutes]:\nmain.(*Fan).one(0xc1)\n\t/b/fan.go:27 +0xd1\ncreated by main.main\n\t/b/main.go:47 +0x31e\n\n"

    def test_goroutines_in_loops_of_their_own_wait_by_design(self) -> None:
        assert "nobody among the 3 goroutines that are here is stuck" in quiet(self.GO + self.DOOR)

    def test_a_main_that_selects_nothing_waits_by_design(self) -> None:
        main = "goroutine 1 [select (no cases), 1440 minutes]:\nmain.main()\n\t/b/main.go:88 +0x3f4\n\n"
        assert "nobody among the 2 goroutines that are here is stuck" in quiet(main + self.DOOR)

    def test_of_a_program_that_serves_nobody_main_may_wait_in_vain(self) -> None:
        assert "nobody among" not in quiet(self.GO)

    def test_goroutines_that_cannot_send_are_not_at_rest(self) -> None:
        verdict = diagnosis_of({"post.md": self.GO + self.DOOR + self.SENDS.format(id=31) + self.SENDS.format(id=32)}).verdict
        assert "nobody among" not in f"{verdict.headline} {verdict.summary}"

    NATIVE = (
        "Thread 3 (Thread 0x7f1ea8ff9700 (LWP 2660)):\n#0  futex_wait_cancelable (private=0) at futex-internal.h:88\n#1  __pthread_cond_wait (cond=0x1) at pthread_cond_wait.c:655\n"
        "#2  0x01 in uv_cond_wait ()\n#3  0x02 in worker ()\n#4  0x03 in start_thread (arg=0x1) at pthread_create.c:486\n\n"
        "Thread 1 (Thread 0x7f1eadeb6740 (LWP 2650)):\n#0  0x04 in epoll_wait (epfd=13) at epoll_wait.c:30\n#1  0x05 in uv__io_poll ()\n#2  0x06 in uv_run ()\n#3  0x07 in main ()\n"
    )

    def test_a_worker_of_libuv_is_no_event_loop(self) -> None:
        assert "idle" in quiet(f"(gdb) thread apply all bt\n\n{self.NATIVE}")

    REPORT = (
        '{\n  "header": {\n    "reportVersion": 2,\n    "dumpEventTime": "2026-08-30T11:22:04Z",\n    "processId": 77\n  },\n  "javascriptStack": {\n    "stack": [\n'
        '      "at RegExp.exec (<anonymous>)",\n      "at isTag (/srv/mill/lib/check.js:22:17)",\n      "at body (/srv/mill/lib/check.js:61:9)"\n    ]\n  },\n'
        '  "resourceUsage": {\n    "userCpuSeconds": %s,\n    "cpuConsumptionPercent": %s\n  },\n  "libuv": []\n}\n'
    )

    def test_a_loop_that_computes_all_the_time_is_told_with_its_pattern(self) -> None:
        finding = found(self.REPORT % ("911.2", "96.1"))
        assert (finding.rule, finding.confidence) == ("event-loop-blocked", Confidence.SUSPECTED)
        assert "RegExp.exec, called from check.isTag(check.js:22)" in finding.headline
        assert "regular expression" in finding.explanation

    def test_a_loop_that_mostly_waits_is_nothing(self) -> None:
        assert quiet(self.REPORT % ("11.2", "3.1"))

    SPIN = '"crunch-1" prio=10 tid=0x1 nid=0x49e1 runnable [0x1]\n   java.lang.Thread.State: RUNNABLE\n    at net.mill.Sieve.next(Sieve.java:33)\n    at net.mill.Job.run(Job.java:58)\n'

    def test_a_thread_that_top_shows_at_work_computes(self) -> None:
        top = "top -H -p 18840\n  PID USER      PR  NI    VIRT    RES    SHR S %CPU %MEM     TIME+ COMMAND\n18913 app       20   0 7340212 2.103g  13804 R {cpu} 6.7 211:40.12 java\n18920 app       20   0 7340212 2.103g  13804 S  0.0  6.7   1:38.77 java\n18930 app       20   0 7340212 2.103g  13804 S  0.3  6.7   8:02.31 java\n\n"
        finding = found("100 % CPU\n\n" + top.format(cpu="99.7") + self.SPIN)
        assert (finding.rule, finding.confidence) == ("cpu-spin", Confidence.SUSPECTED)
        assert "Sieve.next" in finding.headline
        assert quiet("0 % CPU\n\n" + top.format(cpu=" 0.3") + self.SPIN)

    CARRIER = '"ForkJoinPool-1-worker-{number}" #4{number} daemon prio=5 os_prio=0 tid=0x{number}  [0x{number}]\n   Carrying virtual thread #31{number}\n\tat jdk.internal.vm.Continuation.run(java.base@21.0.1/Continuation.java:248)\n\n'
    PINNED = "VirtualThread[#31{number}]/runnable@ForkJoinPool-1-worker-{number} reason:MONITOR\n    net.mill.Rate.quote(Rate.java:74) <== monitors:1\n"

    def test_carriers_that_are_all_pinned(self) -> None:
        carriers = "```\n" + "".join(self.CARRIER.format(number=number) for number in (1, 2)) + "```\n"
        finding = found(carriers + "```\n" + "".join(self.PINNED.format(number=number) for number in (1, 2)) + "```\n")
        assert (finding.rule, finding.confidence) == ("virtual-thread-pinning", Confidence.LIKELY)
        assert "net.mill.Rate.quote(Rate.java:74)" in finding.headline
        assert quiet(carriers + "```\n" + self.PINNED.format(number=1) + "```\n")


class TestDialects:
    LOCKS = (
        "+-------------+---------------------+-------------+----------------+---------------------------------+------------------+\n"
        "| object_name | lock_type           | lock_status | processlist_id | processlist_state               | processlist_time |\n"
        "+-------------+---------------------+-------------+----------------+---------------------------------+------------------+\n"
        "| sack        | SHARED_WRITE        | GRANTED     |           8112 | NULL                            |             3120 |\n"
        "| sack        | EXCLUSIVE           | {status:<11} |           9001 | {state:<31} |              411 |\n"
        "+-------------+---------------------+-------------+----------------+---------------------------------+------------------+\n"
    )

    def test_owners_of_metadata_locks(self) -> None:
        finding = found(self.LOCKS.format(status="PENDING", state="Waiting for table metadata lock"))
        assert (finding.rule, finding.confidence) == ("lock-held-by-idle-transaction", Confidence.LIKELY)
        assert "session 8112 holds: it is idle in a transaction for 3120 s" in finding.headline
        assert quiet(self.LOCKS.format(status="GRANTED", state="NULL"))

    OPEN = (
        "+--------+-----------+---------------------+---------------------+------------------------+\n"
        "| trx_id | trx_state | trx_started         | trx_mysql_thread_id | trx_query              |\n"
        "+--------+-----------+---------------------+---------------------+------------------------+\n"
        "| 812211 | LOCK WAIT | 2026-02-02 10:10:01 |                 915 | update sack set n=1    |\n"
        "| 812119 | RUNNING   | 2026-02-02 09:01:44 |                 877 | NULL                   |\n{more}"
        "+--------+-----------+---------------------+---------------------+------------------------+\n"
    )

    def test_the_only_other_open_transaction_is_the_one_that_holds_the_row(self) -> None:
        finding = found(self.OPEN.format(more=""))
        assert (finding.rule, finding.confidence) == ("lock-held-by-idle-transaction", Confidence.SUSPECTED)
        assert "Session 877 is suspected to keep it" in finding.headline
        assert quiet(self.OPEN.format(more="| 812100 | RUNNING   | 2026-02-02 09:01:40 |                 878 | NULL                   |\n"))

    def test_a_message_that_somebody_quotes_in_his_own_words(self) -> None:
        message = '"java.sql.SQLException: An attempt by a client to checkout a Connection has timed out."'
        assert found(f"After some hours we get {message} for every request.\n").rule == "jdbc-pool-exhausted"
        assert quiet(f"2026-03-03 10:00:11.882 ERROR 1 --- [exec-4] c.m.Mail : sending the text {message} to the operators\n")

    POOL = "2026-03-03 10:0{minute}:12.884 DEBUG 1 --- [keeper] com.zaxxer.hikari.pool.HikariPool : tarn - Pool stats ({stats})\n"

    def test_a_pool_that_has_free_ones_again_is_no_trouble_now(self) -> None:
        empty = self.POOL.format(minute=1, stats="total=10, active=10, idle=0, waiting=31")
        free = self.POOL.format(minute=2, stats="total=10, active=2, idle=8, waiting=0")
        assert "Over: HikariCP tarn: a pool of connections had none to give" in quiet(f"Leak?\n\n{empty}{free}")
        assert found(f"Leak?\n\n{free}{empty}").rule == "jdbc-pool-exhausted"
        assert found(f"Leak?\n\n{empty}{free.replace('tarn -', 'moor -')}").rule == "jdbc-pool-exhausted"

    MIXED = (
        "----------------- 2230 -----------------\n0x00007f0a1c0a1360\t__pthread_cond_timedwait + 0x130\n"
        "0x00007f0a09016a87\t* java.lang.Object.wait(long) bci:0 (Interpreted frame)\n0x00007f0a09006ffd\t* net.tarn.Box.take() bci:24 line:61 (Interpreted frame)\n"
        "----------------- 2231 -----------------\n0x00007f0a1c0a4e4d\t__libc_read + 0x4d\n"
        "0x00007f0a0a3b1a90\t* java.net.SocketInputStream.socketRead0(java.io.FileDescriptor, byte[], int, int, int) bci:0 (Interpreted frame)\n"
        "0x00007f0a09006ffd\t* oracle.net.ns.Packet.receive() bci:31 line:283 (Interpreted frame)\n0x00007f0a09006ffd\t* net.tarn.Dao.load(int) bci:44 line:77 (Interpreted frame)\n"
    )

    def test_mixed_stacks_without_the_agents_preamble(self) -> None:
        finding = found(f"jstack -m says:\n\n{self.MIXED}")
        assert finding.rule == "database-read-hang"
        assert "“thread 2231”" in finding.headline
        assert "net.tarn.Dao.load" in finding.headline

    WAITS = (
        '"{name}" #2{number} prio=5 os_prio=0 tid=0x{number} nid=0x2{number} in Object.wait() [0x{number}]\n   java.lang.Thread.State: WAITING (on object monitor)\n'
        "\tat java.lang.Object.wait(Native Method)\n\t- waiting on <0x00000000d1> (a net.tarn.Basket)\n\tat net.tarn.Basket.{call}(Basket.java:4{number})\n"
        "\t- locked <0x00000000d1> (a net.tarn.Basket)\n\tat net.tarn.Main.run(Main.java:9)\n\n"
    )

    def test_both_sides_that_wait_for_each_others_signal(self) -> None:
        takes = "".join(self.WAITS.format(name=f"taker-{number}", number=number, call="take") for number in (1, 2))
        puts = self.WAITS.format(name="putter", number=3, call="put")
        assert "all 3 threads that are here and use one net.tarn.Basket wait to be notified, in put and take" in quiet(
            f"Lost?\n\n{takes}{puts}"
        )
        assert "none of them is left to notify" not in quiet(f"Lost?\n\n{takes}")


def test_an_exception_that_proves_nothing_is_still_told_with_its_caller() -> None:
    post = "Why?\n\nnl.mill.SawException: blade 7 is dull\n\tat nl.mill.Saw.cut(Saw.java:12)\n\tat nl.mill.Desk.run(Desk.java:4)\n"
    verdict = diagnosis_of({"post.md": post}).verdict
    assert "SawException (blade 7 is dull): an exception was thrown" in f"{verdict.headline} {verdict.summary}"
    assert "called from nl.mill.Saw.cut(Saw.java:12)" in f"{verdict.headline} {verdict.summary}"


@pytest.mark.parametrize("name", ["main", "AWT-EventQueue-0"])
def test_a_picked_thread_that_runs_the_program_is_no_bystander(name: str) -> None:
    """People paste the thread of a command-line program or of a window as often as a worker of a server."""
    stack = thread(
        name,
        "RUNNABLE",
        "java.net.SocketInputStream.socketRead0",
        "java.net.SocketInputStream.read",
        "com.mysql.jdbc.util.ReadAheadInputStream.read",
        "com.mysql.jdbc.MysqlIO.sqlQueryDirect",
        "com.example.Ledger.load",
        native="runnable",
    )
    (finding,) = diagnosis_of({"post.txt": f"It hangs here:\n\n{stack}"}).findings
    assert f"“{name}” (1 pasted)" in finding.headline
    assert "com.example.Ledger.load" in finding.headline


CLIENTS = {
    "IBM MQ client": (
        "java.lang.Object.wait",
        "com.ibm.mq.jmqi.remote.impl.RemoteSession.exchangeTSH",
        "com.ibm.msg.client.wmq.internal.WMQProducer.send",
    ),
    "EJB client": (
        "java.lang.Object.wait",
        "org.xnio.AbstractIoFuture.await",
        "org.jboss.ejb.client.EJBClientInvocationContext.awaitResponse",
    ),
    "Hot Rod client": ("java.util.concurrent.CompletableFuture.get", "org.infinispan.client.hotrod.impl.Util.await"),
    "Jenkins remoting": ("java.lang.Object.wait", "hudson.remoting.Request.call"),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_bare_wait_below_the_code_of_a_client_is_a_call(name: str) -> None:
    stack = thread("desk-4", "WAITING (on object monitor)", *CLIENTS[name], "com.example.Ledger.load", native="in Object.wait()")
    (finding,) = diagnosis_of({"post.txt": f"It hangs here:\n\n{stack}"}).findings
    assert f"“desk-4” (1 pasted) wait for an answer through {name} in " in finding.headline
    assert "called from com.example.Ledger.load" in finding.headline


@pytest.mark.parametrize("method", ["receive", "internalReceive", "borrowConnection", "pollEvents"])
def test_a_client_that_waits_for_whatever_comes_or_for_a_connection_is_no_call(method: str) -> None:
    frames = ("java.lang.Object.wait", f"com.ibm.mq.jmqi.remote.impl.RemoteSession.{method}", "com.example.Ledger.load")
    stack = thread("desk-4", "WAITING (on object monitor)", *frames, native="in Object.wait()")
    assert not diagnosis_of({"post.txt": f"It hangs here:\n\n{stack}"}).findings
