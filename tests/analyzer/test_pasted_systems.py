"""What people paste that is neither a thread dump nor a socket table: lines of the kernel, of a runtime's own watchdog, lists of sessions."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Status
from parsers.logs import events_of
from parsers.records import LogKind
from parsers.text.source import Section
from tests.builders import diagnosis_of


def said(text: str) -> str:
    verdict = diagnosis_of({"post.txt": text}).verdict
    assert verdict.status is Status.INSUFFICIENT or verdict.confidence is not Confidence.CERTAIN
    return f"{verdict.headline} {verdict.summary}"


def kinds(text: str) -> list[LogKind]:
    return [event.kind for event in events_of(Section("x", 1, text.splitlines()))]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[  611.730112] nf_conntrack: table full, dropping packet", "kernel: the table of tracked connections was full"),
        ("Mar  4 09:00:01 gw kernel: ip_conntrack: table full, dropping packet.", "kernel: the table of tracked connections was full"),
        ("TCP: request_sock_TCPv6: Possible SYN flooding on port [::]:9443. Dropping request.", "kernel port [::]:9443: new connections came faster"),
        ("possible SYN flooding on port 25. Sending cookies.", "kernel port 25: new connections came faster"),
        ("nfs: server vault-3.lan not responding, timed out", "NFS vault-3.lan: a file server did not answer"),
        ("CIFS: VFS: \\\\depot has not responded in 180 seconds. Reconnecting...", ""),
        ("CIFS VFS: Server depot has not responded in 120 seconds. Reconnecting...", "CIFS depot: a file server did not answer (after 120 s)"),
        ("[ 99.120] TCP: out of memory -- consider tuning tcp_mem", "kernel TCP: memory ran out"),
    ],
)  # fmt: skip
def test_a_line_of_the_kernel_is_told(line: str, words: str) -> None:
    text = said(f"Connections stall since noon, dmesg has\n\n{line}\n\nIs it the network card?\n")
    assert words in text
    assert "Save lsof, netstat or ss, and jstack output" not in text


def test_a_task_that_stood_in_the_kernel_is_told_with_the_function_below_the_scheduler() -> None:
    text = said(
        "The box froze again:\n\n"
        "[77120.008812] INFO: task sorter/3:8821 blocked for more than 241 seconds.\n"
        "[77120.008840]       Tainted: G           O      5.10.0-8-amd64 #1\n"
        '[77120.008866] "echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.\n'
        "[77120.008901] task:sorter/3        state:D stack:    0 pid: 8821 ppid:     1 flags:0x00000000\n"
        "[77120.008905] Call Trace:\n"
        "[77120.008914]  __schedule+0x282/0x870\n"
        "[77120.008922]  ? usleep_range+0x80/0x80\n"
        "[77120.008930]  schedule+0x46/0xb0\n"
        "[77120.008936]  rpc_wait_bit_killable+0x1e/0x80 [sunrpc]\n"
        "[77120.008999]  nfs4_run_open_task+0x12a/0x1d0 [nfsv4]\n"
    )
    assert "kernel sorter/3:8821: a task stood in the kernel, where no signal reaches it (after 241 s)" in text
    assert ", in rpc_wait_bit_killable" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "2026-03-03 10:11:12,101 WARNING asyncio Executing <Task pending name='Task-4' coro=<Mill.grind() running at /srv/mill/stone.py:19> wait_for=<Future pending> created at /srv/mill/app.py:8> took 3.205 seconds",
            "asyncio Mill.grind: an event loop was held up (after 3.205 s)",
        ),
        (
            "Executing <Handle refresh_all() at /srv/mill/stone.py:77 created at /usr/lib/python3.12/asyncio/events.py:88> took 1.750 seconds",
            "asyncio refresh_all: an event loop was held up (after 1.75 s)",
        ),
    ],
)
def test_a_loop_that_saw_itself_held_up_is_told(line: str, words: str) -> None:
    assert words in said(f"The page stops for seconds.\n\n{line}\n")


def test_a_short_step_of_a_loop_is_nothing() -> None:
    assert kinds("Executing <Handle tick() at /srv/mill/stone.py:7> took 0.110 seconds") == []


def test_node_tells_where_its_loop_was_held_up() -> None:
    text = said(
        "Blocked for 2210.4ms, operation started here [\n"
        "  '    at TCP.onread (/srv/inn/node_modules/tick/index.js:3:1)',\n"
        "  '    at poach (/srv/inn/lib/egg.js:40:11)',\n  '    at Server.<anonymous> (/srv/inn/lib/door.js:9:2)'\n]\n"
    )
    assert "Node: an event loop was held up (after 2.2104 s)" in text
    assert "called from egg.poach(egg.js:40)" in text


def test_a_pool_of_jetty_that_queues_is_told_and_one_with_free_threads_is_not() -> None:
    full = "QueuedThreadPool[qtp77]@4f1c{STARTED,10<=64<=64,i=0,r=-1,q=203}[NO_TRY]"
    assert "Jetty qtp77: a pool of threads reached its limit (threads 64, limit 64, queued 203)" in said(f"server.dump() says\n\n{full}\n")
    assert kinds("qtp77{STARTED,10<=64<=64,i=9,q=0}") == []
    assert kinds("QueuedThreadPool@qtp77{STARTED,8<=50<=50,i=0,q=3}") == [LogKind.THREADS]


def test_a_worker_that_its_server_ended_is_told_as_such() -> None:
    text = said(
        "[2026-02-02 07:00:01 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:52)\n[2026-02-02 07:00:01 +0000] [52] [ERROR] Error handling request /x\n"
        "Traceback (most recent call last):\n"
        '  File "/srv/kiln/bake.py", line 8, in bake\n    fire()\n'
        '  File "/usr/lib/python3.11/site-packages/gunicorn/workers/base.py", line 204, in handle_abort\n    sys.exit(1)\nSystemExit: 1\n'
    )
    assert "“worker 52” is in bake.bake" in text
    assert "when its server ended it because it was silent for longer than its timeout" in text


def test_counters_that_a_quiet_host_keeps_at_zero_are_told() -> None:
    text = said("TcpExtListenOverflows           77                 0.0\nTcpExtTCPReqQFullDrop           0                  0.0\n")
    assert "TcpExtListenOverflows is 77: so often a connection found an accept queue full" in text
    assert "TCPReqQFullDrop" not in text


SESSIONS = (
    "  pid  | usename |        state        | wait_event_type |  wait_event   |    xact_age     |               query\n"
    "-------+---------+---------------------+-----------------+---------------+-----------------+------------------------------------\n"
    "  7010 | kiosk   | idle in transaction | Client          | ClientRead    | 00:20:01.118201 | SELECT * FROM stall WHERE n = $1\n"
    "  7044 | kiosk   | active              | Lock            | transactionid | 00:19:02.552130 | UPDATE stall SET open = $1\n"
)


def test_two_queries_of_one_terminal_are_told_together() -> None:
    text = said(
        f"Everything waits.\n\n{SESSIONS}(2 rows)\n\nand then\n\n  pid  | pg_blocking_pids\n-------+------------------\n  7044 | {{7010}}\n(1 row)\n"
    )
    assert "1 session of PostgreSQL waits for a lock (transactionid) that session 7010 (kiosk) holds" in text
    assert "idle in a transaction for 1201 s" in text


def test_who_waits_for_the_longest_is_named_with_its_statement_and_prose_below_the_box_is_none_of_it() -> None:
    box = (
        "+----+-------+-----------------+------+---------+------+---------------------------------+-----------------------------+\n"
        "| Id | User  | Host            | db   | Command | Time | State                           | Info                        |\n"
        "+----+-------+-----------------+------+---------+------+---------------------------------+-----------------------------+\n"
        "| 31 | kiosk | 10.9.0.4:40000  | fair | Query   |   90 | Waiting for table metadata lock | SELECT n FROM stall         |\n"
        "| 30 | admin | 10.9.0.9:40001  | fair | Query   |   97 | Waiting for table metadata lock | ALTER TABLE stall ADD c INT |\n"
        "+----+-------+-----------------+------+---------+------+---------------------------------+-----------------------------+\n"
        "\nCan somebody help me with this?\n"
    )
    text = said(box)
    assert "2 sessions of MySQL waiting for a lock (Waiting for table metadata lock)" in text
    assert "the longest of them is session 30 (admin, 10.9.0.9:40001) for 97 s with “ALTER TABLE stall ADD c INT”" in text
    assert "help me" not in text


PY_SPY = 'Thread 4021 (idle): "MainThread"\n    wait (threading.py:320)\n    get (queue.py:171)\n    weigh (barn/scale.py:12)\n    <module> (barn.py:3)\n'
TABLE = "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\n"


def test_a_full_receive_buffer_is_told_and_keeps_health_away() -> None:
    row = "tcp   190112      0 10.3.0.4:40110          10.3.0.9:5672           ESTABLISHED 4021/python3\n"
    text = said(f"{TABLE}{row}\n{PY_SPY}")
    assert "1 connection of python3 to 10.3.0.9:5672 with 190,112 bytes that nobody has read" in text
    assert "No trouble is seen" not in text


def test_a_full_receive_buffer_is_told_where_the_dump_goes_to_another_process() -> None:
    rows = (
        "tcp   190112      0 10.3.0.4:40110          10.3.0.9:5672           ESTABLISHED 4021/python3\n"
        "tcp        0      0 10.3.0.4:22             10.3.0.7:60122          ESTABLISHED 202/sshd: me\n"
    )
    assert "with 190,112 bytes that nobody has read" in said(f"{TABLE}{rows}\n{PY_SPY}")


def test_the_packet_that_a_console_has_on_its_way_is_no_trouble() -> None:
    row = "tcp        0     {} 10.3.0.4:22             10.3.0.9:51022          ESTABLISHED 7/sshd: me\n"
    assert "has not taken" not in said(TABLE + row.format(" 68"))
    assert "has not taken" in said(TABLE + row.format("9068"))


def test_connections_counted_by_far_end_and_state_are_told() -> None:
    text = said(
        "After the release:\n\n   319 10.6.0.31:8983 CLOSE_WAIT\n    20 10.6.0.40:5432 ESTABLISHED\n     4 ESTABLISHED 10.6.0.2:514\n"
    )
    assert "counted by their far end (319 with 10.6.0.31:8983 in CLOSE_WAIT, 20 with 10.6.0.40:5432 in ESTABLISHED" in text
    assert "of which 319 are closed by the far end and not by this side" in text


def test_addresses_alone_are_counts_only_below_the_command_that_counts_them() -> None:
    rows = "      3 10.6.1.1\n     88 ::ffff:10.6.1.9\n"
    told = said(f"$ ss -tn | awk '{{print $5}}' | cut -d: -f1 | sort | uniq -c\n{rows}")
    assert "counted by their far end (88 with 10.6.1.9, 3 with 10.6.1.1)" in told
    assert "far end" not in said(f"These are my hosts:\n\n{rows}")


def test_sidekiqs_own_log_of_its_threads_is_read() -> None:
    text = said(
        "2026-03-01T07:33:10.201Z pid=19 tid=gru WARN: Thread TID-abc1 processor\n"
        "2026-03-01T07:33:10.201Z pid=19 tid=gru WARN: /usr/lib/ruby/3.1.0/net/protocol.rb:219:in `wait_readable'\n"
        "/usr/lib/ruby/3.1.0/net/http.rb:1509:in `transport_request'\n/srv/mill/app/oven.rb:22:in `heat'\n"
        "2026-03-01T07:33:10.202Z pid=19 tid=gru WARN: Thread TID-abc2 processor\n"
        "2026-03-01T07:33:10.202Z pid=19 tid=gru WARN: <no backtrace available>\n"
    )
    assert "“sidekiq processor TID-abc1” waits for an answer through Ruby HTTP client" in text
    assert "called from oven.heat(oven.rb:22)" in text


def test_a_deadlock_that_innodb_keeps_is_told_with_table_and_transaction() -> None:
    text = (
        "*** (1) WAITING FOR THIS LOCK TO BE GRANTED:\n"
        "RECORD LOCKS space id 12 page no 3 n bits 72 index PRIMARY of table `fair`.`stall` trx id 77012345 lock_mode X locks rec but not gap waiting\n"
        "*** (2) HOLDS THE LOCK(S):\n"
        "RECORD LOCKS space id 12 page no 3 n bits 72 index PRIMARY of table `fair`.`stall` trx id 77012399 lock_mode X locks rec but not gap\n"
        "*** WE ROLL BACK TRANSACTION (1)\n"
    )
    verdict = diagnosis_of({"post.txt": text}).verdict
    assert verdict.rule == "database-deadlock"
    assert verdict.headline.startswith("MySQL ended a deadlock")
    assert "InnoDB `fair`.`stall`: a session waited for a lock (transaction 77012345)" in verdict.summary


PAIR = (
    "goroutine 61 [{state}, 9 minutes]:\nnet/http.(*persistConn).readLoop(0xc0001)\n\t/usr/local/go/src/net/http/transport.go:2087 +0x1ac\n"
    "created by net/http.(*Transport).dialConn\n\t/usr/local/go/src/net/http/transport.go:1747 +0x1e05\n\n"
    "goroutine 62 [select, 9 minutes]:\nnet/http.(*persistConn).writeLoop(0xc0001)\n\t/usr/local/go/src/net/http/transport.go:2386 +0xfb\n"
    "created by net/http.(*Transport).dialConn\n\t/usr/local/go/src/net/http/transport.go:1748 +0x1e65\n"
)


def test_the_two_goroutines_of_a_connection_tell_by_their_state_what_it_waits_for() -> None:
    assert "“goroutine 61” waits until somebody reads the body of an answer to its end, or closes it" in said(PAIR.format(state="select"))
    open_one = said(PAIR.format(state="IO wait"))
    assert "2 threads (“goroutine 61”, “goroutine 62”) keep connections of Go's HTTP client open" in open_one
    assert "answer through" not in open_one


FLUSH = (
    "java.lang.Thread.State: {state}\nat sun.misc.Unsafe.park(Native Method)\nat java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:215)\n"
    "at java.util.concurrent.CompletableFuture.timedGet(CompletableFuture.java:1775)\nat org.crate.Shelf.reserve(Shelf.java:131)\nat java.lang.Thread.run(Thread.java:748)\n"
)


def test_a_stack_below_a_state_has_the_name_that_the_words_above_quote() -> None:
    text = said(
        'It hangs, and the thread "shelf-9" is always here:\n\n' + FLUSH.format(state="TIMED_WAITING") + "\nWhat is it waiting for?\n"
    )
    assert "“shelf-9” waits for another thread's result" in text
    assert "called from org.crate.Shelf.reserve(Shelf.java:131)" in text
    assert "A thread without a name waits" in said("It hangs here:\n\n" + FLUSH.format(state="TIMED_WAITING"))


def test_a_word_that_is_no_state_begins_no_stack() -> None:
    verdict = diagnosis_of(
        {"post.txt": "It hangs:\n\n" + FLUSH.format(state="HANGING").replace("(Native Method)", "(Unsafe.java:1)")}
    ).verdict
    assert "Shelf" not in verdict.headline


def test_what_an_idle_loops_callback_does_is_told_and_not_the_loop() -> None:
    text = said(
        '"crate-main" #24 prio=5 os_prio=0 tid=0x1 nid=0x33 runnable [0x1]\n   java.lang.Thread.State: RUNNABLE\n'
        "\tat java.io.FileOutputStream.writeBytes(Native Method)\n\tat org.crate.Diary.write(Diary.java:55)\n"
        "\tat org.apache.kafka.clients.consumer.KafkaConsumer.poll(KafkaConsumer.java:1215)\n\tat org.crate.Main.main(Main.java:9)\n"
    )
    assert (
        "“crate-main” is reading or writing a file in FileOutputStream.writeBytes, called from org.crate.Diary.write(Diary.java:55)" in text
    )


NESTED = (
    '"press-{n}" #2{n} prio=5 os_prio=31 tid=0x{n} nid=0x6{n} waiting on condition [0x1]\n   java.lang.Thread.State: WAITING (parking)\n'
    "\tat sun.misc.Unsafe.park(Native Method)\n\tat java.util.concurrent.FutureTask.awaitDone(FutureTask.java:429)\n\tat java.util.concurrent.FutureTask.get(FutureTask.java:191)\n"
    "\tat org.crate.Press.all(Press.java:92)\n{below}\tat java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1149)\n\n"
)
TASK_FRAME = "\tat java.util.concurrent.FutureTask.run(FutureTask.java:266)\n"


def test_a_task_that_waits_for_a_result_is_told_that_it_may_wait_for_its_own_pool() -> None:
    two = "".join(NESTED.format(n=n, below=TASK_FRAME) for n in (1, 2))
    assert "they are tasks of a pool themselves: if what they wait for is queued in the same pool" in said(two)
    assert "it is a task of a pool itself" in said(NESTED.format(n=1, below=TASK_FRAME))
    assert "of a pool itself" not in said(NESTED.format(n=1, below=""))


def test_states_that_powershell_grouped_are_counts() -> None:
    text = said(
        "PS C:\\> Get-NetTCPConnection | Group-Object -Property State -NoElement\n\nCount Name\n----- ----\n   31 Listen\n12044 TimeWait\n    7 CloseWait\n"
    )
    assert "sockets were counted by state (31 LISTEN, 12,044 TIME_WAIT, 7 CLOSE_WAIT)" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("java.net.NoRouteToHostException: Cannot assign requested address (Address not available)", "socket got no local address"),
        ("2026/03/03 09:00:00 dial tcp 10.3.0.9:80: connect: cannot assign requested address", "socket got no local address"),
        ("Error: connect EADDRNOTAVAIL 10.3.0.9:80", "socket got no local address"),
        ("WARN - com.mchange.v2.async.Runner$DeadlockDetector@4a -- APPARENT DEADLOCK!!! Complete Status:", "c3p0: a pool of threads reached its limit"),
    ],
)  # fmt: skip
def test_used_up_ports_and_helpers_are_told(line: str, words: str) -> None:
    assert words in said(f"It fails at night:\n\n{line}\n\nWhy?\n")


@pytest.mark.parametrize(
    ("above", "idle"),
    [("java.lang.Object.wait(Native Method)", True), ("com.mysql.jdbc.PreparedStatement.realClose(PreparedStatement.java:1)", False)],
)
def test_a_helper_of_a_pool_is_idle_only_where_it_waits(above: str, idle: bool) -> None:
    text = said(
        f'"C3P0PooledConnectionPoolManager-Helper-#1" #31 daemon prio=5 os_prio=0 tid=0x1 nid=0x2 runnable [0x1]\n   java.lang.Thread.State: {"TIMED_WAITING" if idle else "RUNNABLE"}\n'
        f"\tat {above}\n\tat com.mchange.v2.async.ThreadPoolAsynchronousRunner$PoolThread.run(ThreadPoolAsynchronousRunner.java:534)\n"
    )
    assert ("is idle" in text) is idle
