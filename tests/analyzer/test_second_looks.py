"""What lines beside the threads tell: counts, limits, lists of locks, ends of pipes, the kernel's own rows, copies of every kind."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Status
from tests.builders import diagnosis_of, evidence_of, found


def told(*texts: str) -> str:
    verdict = diagnosis_of({"report.md": "\n\n".join(texts) + "\n"}).verdict
    return f"{verdict.headline} {verdict.summary}"


READER = """"quay-{name}" #318 prio=5 os_prio=0 tid=0x00007f7a1c0b7000 nid=0x2f4e runnable  [0x00007f79b6df4000]
   java.lang.Thread.State: RUNNABLE
\tat java.net.SocketInputStream.socketRead0(Native Method)
\tat java.net.SocketInputStream.read(SocketInputStream.java:168)
\tat sun.net.www.protocol.http.HttpURLConnection.getInputStream(HttpURLConnection.java:1515)
\tat org.quay.RateClient.quote(RateClient.java:57)
\tat org.eclipse.jetty.server.Server.handle(Server.java:516)
"""


def test_counts_of_two_dumps_show_that_it_lasts() -> None:
    counts = "$ grep -c 'RateClient.quote' dump-1.txt dump-2.txt\ndump-1.txt:196\ndump-2.txt:196"
    verdict = diagnosis_of({"report.md": f"No answer:\n\n{counts}\n\n{READER.format(name=318)}"}).verdict
    assert "196 counted in each of 2 dumps" in verdict.headline
    assert verdict.confidence is Confidence.LIKELY


def test_one_dump_of_two_shows_no_such_thing() -> None:
    counts = "$ grep -c 'RateClient.quote' dump-1.txt dump-2.txt\ndump-1.txt:3\ndump-2.txt:196"
    verdict = diagnosis_of({"report.md": f"No answer:\n\n{counts}\n\n{READER.format(name=318)}"}).verdict
    assert "in each of 2 dumps" not in verdict.headline
    assert verdict.confidence is Confidence.SUSPECTED


LEASE = """"http-nio-8090-exec-9" #61 prio=5 os_prio=0 tid=0x00007f7a1c0b7000 nid=0x2f4e waiting on condition  [0x00007f79b6df4000]
   java.lang.Thread.State: WAITING (parking)
\tat sun.misc.Unsafe.park(Native Method)
\tat org.apache.http.pool.AbstractConnPool.getPoolEntryBlocking(AbstractConnPool.java:391)
\tat org.apache.http.impl.conn.PoolingHttpClientConnectionManager.leaseConnection(PoolingHttpClientConnectionManager.java:306)
\tat org.quay.Gateway.submit(Gateway.java:62)
"""


@pytest.mark.parametrize(("reads", "kept"), [("0", True), ("2", False)])
def test_where_no_thread_reads_what_is_lent_was_not_given_back(reads: str, kept: bool) -> None:
    counts = f"$ grep -c getPoolEntryBlocking dump.txt\n200\n$ grep -c socketRead0 dump.txt\n{reads}"
    assert ("did not give them back" in told("All hang:", LEASE, counts)) is kept


def test_a_pool_that_logs_its_requests_says_that_all_are_lent() -> None:
    line = "10:17:40.377 [exec-5] DEBUG o.a.h.i.c.PoolingHttpClientConnectionManager - Connection request: [route: {}->http://rates:8080][total kept alive: 0; route allocated: 2 of 2; total allocated: 2 of 20]"
    (artifact,) = evidence_of({"report.md": f"All hang:\n\n{line}\n"}).incident.artifacts
    assert [(event.kind.name, event.figure("active")) for event in artifact.events] == [("POOL_EMPTY", 2.0)]
    (artifact,) = evidence_of({"report.md": f"All hang:\n\n{line.replace('2 of 2;', '1 of 2;', 1)}\n"}).incident.artifacts
    assert not [event for event in artifact.events if event.kind.name == "POOL_EMPTY"]


NO_THREAD = 'Exception in thread "main" java.lang.OutOfMemoryError: unable to create new native thread\n\tat java.lang.Thread.start0(Native Method)\n\tat org.quay.Push.send(Push.java:52)'


def test_names_of_threads_and_the_container_s_limit_stand_beside_the_refusal() -> None:
    names = "$ jstack 1 | grep '^\"' | sed 's/\" .*//; s/[0-9]\\+/N/g' | sort | uniq -c | sort -rn | head\n   3962 Quay Mailer\n    200 http-nio-N-exec-N\n     10 scheduling-N"
    limit = "$ cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids/pids.current\n8192\n8190"
    text = told("It dies:", NO_THREAD, names, limit)
    assert "3,962 threads named Quay Mailer" in text
    assert "8,190 of at most 8,192 tasks (pids.max)" in text


def test_a_limit_that_is_far_and_names_that_are_few_do_not() -> None:
    names = "$ jstack 1 | grep '^\"' | sed 's/\" .*//; s/[0-9]\\+/N/g' | sort | uniq -c | sort -rn | head\n     62 Quay Mailer\n     10 scheduling-N"
    limit = "$ cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids/pids.current\n8192\n190"
    text = told("It dies:", NO_THREAD, names, limit)
    assert "are called" not in text
    assert "pids.max" not in text


@pytest.mark.parametrize(("count", "many"), [(5812, True), (3, False)])
def test_clients_by_the_thousand_in_the_heap(count: int, many: bool) -> None:
    histogram = f"$ jmap -histo:live 1 | grep okhttp3\n  61:          {count}        1022912  okhttp3.OkHttpClient\n  74:          {count}         325472  okhttp3.ConnectionPool\n  88:          {count}         278976  okhttp3.Dispatcher"
    assert ("objects of okhttp3.OkHttpClient live in the heap" in told("It dies:", NO_THREAD, histogram)) is many


SLOW = """[04-May-2021 10:31:44]  [pool quay] pid 18233
script_filename = /srv/quay/report.php
[0x00007f6a5ba14230] curl_exec() /srv/quay/Proxy.php:57
[0x00007f6a5ba14170] fetch() /srv/quay/report.php:22

[04-May-2021 10:31:59]  [pool quay] pid 18236
script_filename = /srv/quay/poll.php
[0x00007f6a5ba130c0] session_start() /srv/quay/boot.php:14
"""
ROWS = "php-fpm7.4      18233 FLOCK 1.1K WRITE  0{start}         /var/lib/php/sessions/sess_m0q2r8\nphp-fpm7.4      18236 FLOCK 1.1K WRITE* 0{start}{blocker} /var/lib/php/sessions/sess_m0q2r8\n"


@pytest.mark.parametrize(
    "listed",
    [
        "$ lslocks | grep sess_\n" + ROWS.format(start="     0   0", blocker=""),
        "$ lslocks -u -o COMMAND,PID,TYPE,SIZE,MODE,M,BLOCKER,PATH\nCOMMAND           PID  TYPE  SIZE MODE   M BLOCKER PATH\n" + ROWS.format(start="", blocker="   18233"),
    ],
)  # fmt: skip
def test_a_list_of_locks_names_who_has_the_session(listed: str) -> None:
    text = told("The portal hangs:", SLOW, listed)
    assert "sess_m0q2r8" in text
    assert "“quay 18233”" in text
    assert "session_write_close" in str(diagnosis_of({"report.md": f"It hangs:\n\n{SLOW}\n\n{listed}"}).findings[0].actions)


def test_lsof_s_two_ends_of_a_pipe_and_a_write_that_stands() -> None:
    dump = 'Process 4121: python3 work.py\nPython v3.8.10 (x)\n\nThread 4121 (idle): "MainThread"\n    _try_wait (subprocess.py:1764)\n    wait (subprocess.py:1083)\n    render (quay/render.py:58)\n'
    calls = '$ strace -f -p 4177\nstrace: Process 4177 attached\nwrite(2, "Warning: unknown"..., 61'
    lsof = "$ lsof -nP | grep 'FIFO.* 90412 '\nwork    4121             rnd    9r     FIFO               0,13      0t0      90412 pipe\nwkconv  4177             rnd    2w     FIFO               0,13      0t0      90412 pipe"
    text = told("Never ends:", dump, calls, lsof)
    assert "stands in a write to standard error, a pipe that" in text
    assert "does not read, as it waits for that process to end" in text


def test_ps_with_a_wait_channel_among_other_columns() -> None:
    stack = '"step" #88 prio=5 os_prio=0 tid=0x00007f11a80c3000 nid=0x76e4 in Object.wait() [0x00007f117d7f6000]\n   java.lang.Thread.State: WAITING (on object monitor)\n\tat java.lang.Object.wait(Native Method)\n\tat java.lang.UNIXProcess.waitFor(UNIXProcess.java:395)\n\tat org.quay.Step.run(Step.java:66)'
    row = "$ ps -o pid,ppid,stat,wchan:20,etime,cmd -p 30442\n  PID  PPID STAT WCHAN                    ELAPSED CMD\n30442 29871 S    pipe_write              03:12:40 pack --verbose"
    assert "stands at a pipe (pipe_write)" in told("Never ends:", row, stack)


def tasks(*channels: str) -> str:
    loop = '$ for t in /proc/4121/task/*; do echo "$(basename $t) $(cat $t/comm) $(cat $t/wchan)"; done\n'
    return loop + "".join(f"{4121 + number} node {channel}\n" for number, channel in enumerate(channels))


def test_a_loop_over_proc_shows_threads_that_wait_for_a_file_server() -> None:
    text = told("Calls hang:", tasks("ep_poll", *["futex_wait_queue_me"] * 3, *["rpc_wait_bit_killable"] * 4))
    assert "4 threads of node (pid 4121) wait for a file server in the kernel (rpc_wait_bit_killable), as many as libuv's pool has" in text
    assert "only SIGKILL ends such a sleep" in text.replace("\n", " ")
    old = told("Calls hang:", tasks("ep_poll", *["nfs_wait_bit_uninterruptible"] * 4))
    assert "SIGKILL" not in old


@pytest.mark.parametrize("channels", [["ep_poll", "rpc_wait_bit_killable"], ["ep_poll", *["futex_wait_queue"] * 6]])
def test_one_thread_in_a_read_and_threads_at_rest_are_no_stall(channels: list[str]) -> None:
    assert not found(diagnosis_of({"report.md": f"Calls hang:\n\n{tasks(*channels)}\n"}), "disk-stall")


SYNCS = """# strace -f -T -tt -p 1741 -e trace=write,fdatasync
strace: Process 1741 attached with 6 threads
[pid  1741] 13:05:11.402118 write(10, "*3"..., 4127) = 4127 <0.000061>
[pid  1744] 13:05:11.410907 fdatasync(10 <unfinished ...>
[pid  1741] 13:05:13.488012 write(10, "*5"..., 91733 <unfinished ...>
[pid  1744] 13:05:16.921854 <... fdatasync resumed>) = 0 <{seconds}>
[pid  1741] 13:05:16.922010 <... write resumed>) = 91733 <3.433981>
"""


def test_strace_shows_a_sync_that_took_seconds() -> None:
    text = told("Spikes; clients see java.net.SocketTimeoutException: Read timed out:", SYNCS.format(seconds="5.510931"))
    assert "fdatasync of descriptor 10: a disk answered slowly (after 5.51093 s, longest write 3.43398)" in text
    assert not found(diagnosis_of({"report.md": SYNCS.format(seconds="0.010931")}), "disk-stall")


def test_redis_says_itself_that_its_disk_is_slow() -> None:
    line = "1741:M 04 Apr 2023 13:05:13.487 * Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, this may slow down Redis."
    assert "Redis: a disk answered slowly" in told("Spikes:", line)


def test_a_heap_that_comes_back_by_decorations_without_tags() -> None:
    lines = "\n".join(
        f"[2023-02-14T0{hour}:10:44.349+0000][41180.433s][2117][2131 ] GC(6{hour}) Pause Young (Normal) (G1 Evacuation Pause) 5183M->22{hour}1M(8192M) 30.884ms"
        for hour in range(1, 6)
    )
    text = told("A leak? `grep -c 'Pause Full' gc.log` gives 0:", lines)
    assert "it comes back to what it was" in text


def test_a_worker_that_was_ended_leaves_its_trace_in_a_quote() -> None:
    trace = """>   File "/srv/quay/views.py", line 142, in monthly
>     rows = list(qs)
>   File "/srv/venv/lib/python3.8/site-packages/psycopg2/extras.py", line 84, in \\_execute
>     return self.cursor.execute(sql, params)
>   File "/srv/venv/lib/python3.8/site-packages/gunicorn/workers/base.py", line 203, in handle_abort
>     sys.exit(1)
> SystemExit: 1"""
    text = told("[2023-09-12 10:31:04 +0000] [812] [CRITICAL] WORKER TIMEOUT (pid:9041)\n...", "Sentry has:", trace)
    assert "gunicorn: a worker took longer than its limit" in text
    assert "views.py:142" in text


def test_a_stack_in_a_list_of_code_spans() -> None:
    lines = READER.format(name=3).splitlines()
    listed = "".join(f"    * `{line.strip()}`\n" for line in lines)
    assert "“quay-3”" in told("It hangs:", f"* jstack says\n{listed}")


def test_a_header_and_frames_that_mail_has_wrapped() -> None:
    stack = """"pool-2-thread-1" #31 prio=5 os_prio=0 tid=0x00007f0a8c39b000 nid=0x1f0c in
Object.wait() [0x00007f0a5b9f8000]
   java.lang.Thread.State: RUNNABLE
        at org.quay.Operator.<clinit>(Operator.java:22)
        at
org.quay.Loader.parse(Loader.java:64)

"qtp1711574013-27" #27 prio=5 os_prio=0 tid=0x00007f0a8c2f1800 nid=0x1f08 in
Object.wait() [0x00007f0a5bdfb000]
   java.lang.Thread.State: RUNNABLE
        at org.quay.Expression.<clinit>(Expression.java:15)
        at
org.quay.Servlet.doPost(Servlet.java:51)
"""
    diagnosis = diagnosis_of({"report.txt": f"To: users\n\nIt hangs:\n\n{stack}"})
    assert diagnosis.verdict.rule == "class-init-deadlock"


def test_windows_prompts_need_no_blank_and_a_count_names_its_service() -> None:
    text = """    System.Net.Sockets: TCP Provider, error: 0 - Only one usage of each socket address (protocol/network address/port) is normally permitted.

    C:\\>netsh int ipv4 show dynamicport tcp

    Protocol tcp Dynamic Port Range
    ---------------------------------
    Start Port      : 49152
    Number of Ports : 16384

    C:\\>netstat -ano | findstr ":1433" | findstr TIME_WAIT | find /c "10.40.2.15"
    16297

    C:\\>netstat -ano | findstr ":1433"
      TCP    10.40.2.15:49152       10.40.2.80:1433        TIME_WAIT       0
      TCP    10.40.2.15:49153       10.40.2.80:1433        TIME_WAIT       0
      TCP    10.40.2.15:49155       10.40.2.80:1433        TIME_WAIT       0
      TCP    10.40.2.15:49156       10.40.2.80:1433        ESTABLISHED     5316
"""
    (finding, *_) = found(diagnosis_of({"report.md": text}), "ephemeral-port-exhaustion")
    assert "10.40.2.80:1433 are used up: 16,297 of 16,384" in finding.headline
    fewer = found(diagnosis_of({"report.md": text.replace("16297", "297")}), "ephemeral-port-exhaustion")
    assert not any("are used up" in one.headline for one in fewer)


def test_states_of_another_language_are_counted_as_what_they_are() -> None:
    text = told("Ein Leck?", 'C:\\>netstat -ano -p TCP | findstr 8443 | find /c "WARTEND"\n47')
    assert "47 sockets in TIME_WAIT were counted" in text
    assert "normal" in text


def test_counters_behind_a_filter_and_those_since_the_last_run() -> None:
    ss = '# ss -ltnp\nState    Recv-Q   Send-Q     Local Address:Port     Peer Address:Port  Process\nLISTEN   129      128              0.0.0.0:8443          0.0.0.0:*      users:(("authd",pid=1377,fd=7))'
    listen = "# netstat -s | grep -i listen; sleep 10; netstat -s | grep -i listen\n    418220 times the listen queue of a socket overflowed\n    420371 times the listen queue of a socket overflowed"
    (finding, *_) = found(diagnosis_of({"report.md": f"Timeouts:\n\n{ss}\n\n{listen}\n"}), "backlog-overflow")
    assert any("2,151 of them between the snapshots" in one.says for one in finding.evidence)
    runs = "$ nstat -z TcpExtListenOverflows\n#kernel\nTcpExtListenOverflows           55871              0.0\n$ sleep 10; nstat -z TcpExtListenOverflows\n#kernel\nTcpExtListenOverflows           842                0.0"
    (finding, *_) = found(diagnosis_of({"report.md": f"Timeouts:\n\n{ss}\n\n{runs}\n"}), "backlog-overflow")
    assert any("842 of them between the snapshots" in one.says for one in finding.evidence)


def test_a_table_behind_a_quoted_filter_shows_no_absence() -> None:
    text = """# date; ss -ltnp 'sport = :7070'
Tue Aug 15 07:14:02 UTC 2023
State    Recv-Q   Send-Q     Local Address:Port     Peer Address:Port  Process
LISTEN   129      128              0.0.0.0:7070          0.0.0.0:*      users:(("ratesd",pid=5518,fd=6))
# ss -tanp 'sport = :7070' | grep -v users | head -4
State      Recv-Q Send-Q Local Address:Port   Peer Address:Port Process
CLOSE-WAIT 214    0         10.60.2.5:7070    10.60.9.71:41288
CLOSE-WAIT 214    0         10.60.2.5:7070    10.60.9.74:53020
ESTAB      213    0         10.60.2.5:7070    10.60.9.70:38816
"""
    verdict = diagnosis_of({"report.md": f"It hangs:\n\n{text}"}).verdict
    assert "0 connections are accepted" not in verdict.summary
    assert "129 connections wait in the accept queue" in verdict.summary


def test_sessions_behind_one_that_asks_for_the_table() -> None:
    rows = """  pid  | blocked_by |        state        | wait_event_type | wait_event |    xact_age     | application_name | client_addr |  query
-------+------------+---------------------+-----------------+------------+-----------------+------------------+-------------+----------------
 20871 | {}         | idle in transaction | Client          | ClientRead | 01:52:08.204417 | export           | 10.8.0.41   | SELECT 1
 23310 | {20871}    | active              | Lock            | {kind} | 00:11:40.91022  | admin            | 10.8.0.12   | ALTER TABLE q
 23355 | {23310}    | active              | Lock            | relation   | 00:11:39.107754 | web              | 10.8.0.20   | SELECT id
 23361 | {23310}    | active              | Lock            | relation   | 00:11:39.000413 | web              | 10.8.0.21   | SELECT id
(4 rows)
"""
    query = "q=# select pid, pg_blocking_pids(pid) as blocked_by, state, wait_event_type, wait_event, now()-xact_start as xact_age, application_name, client_addr, query from pg_stat_activity;\n"
    assert "2 of them queue behind session 23310 (admin)" in told("Down:", query + rows.replace("{kind}", "relation  "))
    assert "queue behind" not in told("Down:", query + rows.replace("{kind}", "tuple     "))


def test_goroutines_in_different_calls_before_one_mutex() -> None:
    stacks = "".join(
        f"goroutine {number} [semacquire, {minutes} minutes]:\nsync.runtime_SemacquireMutex(0xc000d2e0c4, 0x0, 0x1)\n\t/usr/local/go/src/runtime/sema.go:71 +0x47\n"
        f"sync.(*Mutex).lockSlow(0xc000d2e0c0)\n\t/usr/local/go/src/sync/mutex.go:138 +0x105\nsync.(*Mutex).Lock(...)\n\t/usr/local/go/src/sync/mutex.go:81\n"
        f"quay/desk.(*Desk).{call}(0xc00000c1e0)\n\t/go/src/quay/desk/{call.lower()}.go:40 +0x8d6\n\n"
        for number, minutes, call in ((91822, 143, "Inspect"), (92040, 141, "Stop"))
    )
    assert "wait for one lock, sync.Mutex 0xc000d2e0c0, the longest for 143 minutes" in told("It hangs:", stacks)


def test_a_small_dump_in_prose_beside_a_table_is_told_and_not_called_healthy() -> None:
    dump = 'Process 11: celery\nPython v3.9.18 (x)\n\nThread 11 (idle): "MainThread"\n    _recv (billiard/connection.py:422)\n    wait_for_job (billiard/pool.py:473)\n    workloop (billiard/pool.py:351)\n'
    table = "State   Recv-Q   Send-Q     Local Address:Port     Peer Address:Port  Process\nESTAB   0        0             172.20.0.6:47862      172.20.0.3:6379\n"
    diagnosis = diagnosis_of({"report.md": f"Nothing runs since Monday:\n\n{dump}\n\n{table}\nAny idea?\n"})
    assert diagnosis.verdict.status is Status.INSUFFICIENT
    assert "is idle" in diagnosis.verdict.headline
    assert "lines of report.md were not understood" not in diagnosis.verdict.headline


def test_a_pinned_thread_without_its_carrier() -> None:
    stack = """#98 "desk-61" virtual
      java.base/jdk.internal.misc.Unsafe.park(Native Method)
      java.base/java.lang.VirtualThread.parkOnCarrierThread(VirtualThread.java:675)
      java.base/java.lang.VirtualThread.parkNanos(VirtualThread.java:634)
      java.base/java.util.concurrent.SynchronousQueue.poll(SynchronousQueue.java:336)
      com.zaxxer.hikari.util.ConcurrentBag.borrow(ConcurrentBag.java:151)
      com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:162)
      org.quay.Cache.get(Cache.java:38)
"""
    headline = diagnosis_of({"report.md": f"Freezes:\n\n{stack}"}).verdict.headline
    assert "“desk-61” is pinned: it waits for a connection from a pool, called from org.quay.Cache.get(Cache.java:38)" in headline
    free = diagnosis_of({"report.md": f"Freezes:\n\n{stack.replace('parkOnCarrierThread', 'park')}"})
    assert not found(free, "virtual-thread-pinning")


BLOCKED = """May 14, 2024 10:22:31 AM io.vertx.core.impl.BlockedThreadChecker
WARNING: Thread Thread[vert.x-eventloop-thread-3,5,main] has been blocked for 7021 ms, time limit is 2000 ms
io.vertx.core.VertxException: Thread blocked
\tat java.base/java.util.regex.Pattern$CharPropertyGreedy.match(Pattern.java:4456)
{more}\tat java.base/java.util.regex.Matcher.matches(Matcher.java:712)
...
\tat org.quay.Rule.accepts(Rule.java:19)
\tat io.vertx.ext.web.impl.RouteState.handleContext(RouteState.java:1285)
"""
DEEPER = "\tat java.base/java.util.regex.Pattern$GroupHead.match(Pattern.java:4789)\n\tat java.base/java.util.regex.Pattern$Loop.match(Pattern.java:4890)\n"


@pytest.mark.parametrize(("more", "deep"), [(DEEPER * 2, True), ("", False)])
def test_a_loop_that_computes_waits_for_nobody(more: str, deep: bool) -> None:
    (finding, *_) = found(diagnosis_of({"report.md": f"It hangs:\n\n{BLOCKED.format(more=more)}"}), "event-loop-blocked")
    assert "is busy in" in finding.headline
    assert "org.quay.Rule.accepts(Rule.java:19)" in finding.headline
    assert ("tries one way after the other" in finding.headline) is deep
    assert not any("answer" in step.verb for step in finding.chain)


def test_a_full_queue_of_a_broker_is_named_with_its_own_command() -> None:
    line = (
        "2024-02-07 06:12:44,507 | INFO  | Usage(default:memory:queue://QUAY.IN:memory) percentUsage=100%, usage=73401166, limit=73400320\n"
    )
    diagnosis = diagnosis_of({"report.md": f"Blocks:\n\n{line}"})
    assert "ActiveMQ queue://QUAY.IN:" in diagnosis.verdict.headline
    assert [one.command for one in diagnosis.findings[0].actions if one.command] == ["activemq dstat queues"]


def test_hazelcast_names_the_member_that_did_not_answer() -> None:
    line = "com.hazelcast.core.OperationTimeoutException: GetOperation invocation failed to complete due to operation-heartbeat-timeout. Total elapsed time: 120211 ms. Invocation{op=GetOperation{name=desks}, target=[10.0.3.14]:5701, pendingResponse={VOID}}\n\tat com.hazelcast.spi.impl.AbstractInvocationFuture.get(AbstractInvocationFuture.java:157)\n\tat org.quay.Store.load(Store.java:58)\n"
    assert "Hazelcast 10.0.3.14: a read timed out" in told("Hangs:", line)


def test_a_profile_of_node_shows_the_expression() -> None:
    profile = """Statistical profiling result from isolate-0x5cd8a70-1904-v8.log, (43187 ticks, 41 unaccounted, 0 excluded).

 [JavaScript]:
   ticks  total  nonlib   name
  42409   98.2%   98.7%  RegExp: ^([a-z0-9]+)+@
     19    0.0%    0.0%  LazyCompile: *next /srv/quay/node_modules/express/lib/router/index.js:177:16

 [Bottom up (heavy) profile]:
   ticks parent  name
  42409   98.2%  RegExp: ^([a-z0-9]+)+@
  42409  100.0%    LazyCompile: ~isMail /srv/quay/lib/check.js:14:17
  42409  100.0%      LazyCompile: ~<anonymous> /srv/quay/routes/join.js:33:28
"""
    text = told("100 % CPU:", profile)
    assert "The event loop computes in RegExp.exec, called from check.isMail(check.js:14)" in text
    assert "/^([a-z0-9]+)+@/" in text
    quiet = profile.replace("98.2%", "8.2%").replace("42409", "3409")
    assert not found(diagnosis_of({"report.md": f"100 % CPU:\n\n{quiet}"}), "event-loop-blocked")


def test_sessions_that_all_rest_in_their_transactions_after_one_statement() -> None:
    error = "KnexTimeoutError: Knex: Timeout acquiring a connection. The pool is probably full. Are you missing a .transacting(trx) call?\n    at async nextNumber (/srv/quay/number.js:12:15)\n"
    head = " pid  |        state        | wait_event |      xact       |    query\n------+---------------------+------------+-----------------+-----------\n"
    rows = "".join(f" 88{number:02} | idle in transaction | ClientRead | 00:00:41.118203 | insert into quays\n" for number in range(10))
    query = "q=# select pid, state, wait_event, now()-xact_start as xact, query from pg_stat_activity;\n"
    assert (
        "10 listed sessions of PostgreSQL are idle in transaction"
        in diagnosis_of({"report.md": f"Dies:\n\n{error}\n\n{query}{head}{rows}(10 rows)\n"}).verdict.headline
    )
    few = "".join(rows.splitlines(keepends=True)[:3])
    assert (
        "are idle in transaction" not in diagnosis_of({"report.md": f"Dies:\n\n{error}\n\n{query}{head}{few}(3 rows)\n"}).verdict.headline
    )


PROFILE = """goroutine profile: total 4870
4812 @ 0x43e5ce 0x408f6d 0x408b57 0x7d31f4 0x4723e1
#\t0x7d31f3\tquay.dev/berth/rates.(*Fan).ask.func1+0x153\t/build/rates/fan.go:58
"""
ONE = """goroutine 1190337 [chan {does}, {minutes} minutes]:
quay.dev/berth/rates.(*Fan).ask.func1({{0xc000b1e0f0, 0x1c}})
\t/build/rates/fan.go:58 +0x154
created by quay.dev/berth/rates.(*Fan).ask in goroutine 1190330
\t/build/rates/fan.go:51 +0x1b8
"""


@pytest.mark.parametrize(
    ("one", "doing", "confidence"),
    [
        (ONE.format(does="send", minutes=702), "chan send", Confidence.LIKELY),
        (ONE.format(does="send", minutes=2), "chan send", Confidence.SUSPECTED),
        (ONE.format(does="receive", minutes=702).replace("fan.go:58", "fan.go:71"), "a send or a receive", Confidence.SUSPECTED),
    ],
)
def test_one_goroutine_in_full_tells_what_those_of_a_profile_do(one: str, doing: str, confidence: Confidence) -> None:
    verdict = diagnosis_of({"report.md": f"It grows:\n\n```\n{PROFILE}```\n\nand one of them:\n\n```\n{one}```\n"}).verdict
    assert f"4,812 of 4,870 goroutines hang at a channel ({doing})" in verdict.headline
    assert verdict.confidence is confidence


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("[2026-03-01 03:17:44,806: ERROR/MainProcess] Process 'ForkPoolWorker-2' pid:14 exited with 'signal 9 (SIGKILL)'", "Celery"),
        ("2026/03/01 03:17:44 [alert] 7#7: worker process 14 exited on signal 9", "nginx"),
        ("[01-Mar-2026 03:17:44] WARNING: [pool www] child 14 exited on signal 9 (SIGKILL) after 12.3 seconds from start", "PHP-FPM"),
        ("2026-03-01 03:17:44 UTC [7] LOG:  server process (PID 14) was terminated by signal 9: Killed", "PostgreSQL"),
        ("DAMN ! worker 1 (pid: 14) died, killed by signal 9 :( trying respawn ...", "uWSGI"),
    ],
)
def test_signal_9_is_told_without_a_guess_who_sent_it(line: str, source: str) -> None:
    verdict = diagnosis_of({"report.md": f"It dies:\n\n{line}\n"}).verdict
    assert f"{source}: a process was killed by signal 9 (process 14)" in verdict.headline
    assert verdict.confidence is Confidence.SUSPECTED
    assert "does not say who" in verdict.summary


def test_a_signal_of_a_crash_is_no_signal_9() -> None:
    assert "signal 9" not in told("It dies:", "2026/03/01 03:17:44 [alert] 7#7: worker process 14 exited on signal 11")
