"""What reports show beside a few threads: lists with short column names, brokers' alarms, consumers, torn copies, and rings in collections."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, RecoversWhen, Status
from tests.builders import diagnosis_of, found


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": text})


def verdict(text: str) -> tuple[str | None, str | None]:
    told = diagnosed(text).verdict
    return told.rule, told.confidence


def thread(name: str, state: str, *frames: str, extra: str = "") -> str:
    lines = "".join(f"\tat {frame}\n" for frame in frames)
    return f'"{name}" #31 prio=5 os_prio=0 tid=0x00007f44c81d2000 nid=0x91e runnable\n   java.lang.Thread.State: {state}\n{extra}{lines}\n'


def test_a_list_of_sql_server_with_short_names_of_columns() -> None:
    rows = (
        "session_id b      wait_type    wait_time   status      command    program_name\n---------- ------ ------------ ----------- ----------- ---------- ------------\n"
        "61         0      NULL         NULL        sleeping    NULL       Studio\n74         61     LCK_M_S      1189422     suspended   SELECT     moor\n"
        "79         74     LCK_M_IX     1187733     suspended   INSERT     moor\n"
    )
    assert verdict(rows)[0] == "lock-held-by-idle-transaction"
    assert "session 61 (Studio) holds" in diagnosed(rows).verdict.headline


def test_a_list_of_postgresql_with_short_names_of_columns() -> None:
    rows = (
        "  pid  | usename |        state        |  wet   |      xact       |  blk   |      q\n-------+---------+---------------------+--------+-----------------+--------+--------------\n"
        "  7702 | moor    | idle in transaction | Client | 00:41:17.331002 | {}     | SELECT 1\n 20114 | desk    | active              | Lock   | 00:06:02.114883 | {7702} | ALTER TABLE t\n"
    )
    assert "session 7702 (moor) holds: it is idle in a transaction for 2477 s" in diagnosed(rows).verdict.headline


CONSUMER = thread(
    "job-5", "RUNNABLE", "java.net.SocketInputStream.socketRead0(Native Method)", "redis.clients.jedis.Protocol.read(Protocol.java:215)",
    "redis.clients.jedis.Jedis.brpop(Jedis.java:2179)", "net.moor.Jobs.run(Jobs.java:29)",
)  # fmt: skip
CLIENTS = "".join(
    f"id=31{at} addr=10.0.3.14:403{at}2 fd=1{at} name= age=5114 idle={at} flags={{flags}} db=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd={{cmd}}\n"
    for at in range(3)
)
EMPTY = "java.util.NoSuchElementException: Timeout waiting for idle object\n"


def test_a_consumer_that_waits_for_a_push_is_no_slow_service() -> None:
    told = diagnosed(f"All jobs are like this:\n\n{CONSUMER}")
    assert not told.findings
    assert "is idle: it waits for the next message in Jedis.brpop" in told.verdict.headline


def test_consumers_that_keep_the_connections_of_a_pool() -> None:
    assert verdict(f"{EMPTY}\nthe list:\n\n{CLIENTS.format(flags='b', cmd='brpop')}") == ("blocking-commands", Confidence.SUSPECTED)
    assert not found(diagnosed(f"{EMPTY}\nthe list:\n\n{CLIENTS.format(flags='N', cmd='get')}"), "blocking-commands")
    assert not found(diagnosed(CLIENTS.format(flags="b", cmd="brpop")), "blocking-commands"), "consumers do so on a quiet server"


OWNED = (
    '"GET /queue {at}" Id=18{at} WAITING on java.util.concurrent.locks.ReentrantLock$NonfairSync@5b1f0f7a{owner}\n\tat jdk.internal.misc.Unsafe.park(Native Method)\n'
    "\t-  waiting on java.util.concurrent.locks.ReentrantLock$NonfairSync@5b1f0f7a\n\tat java.util.concurrent.locks.ReentrantLock.lock(ReentrantLock.java:267)\n\tat net.moor.Queue.take(Queue.java:18)\n\n"
)


def test_an_owner_that_is_named_and_not_pasted() -> None:
    text = "".join(OWNED.format(at=at, owner=' owned by "builder-7" Id=2044') for at in range(2))
    told = diagnosed(text)
    assert (told.verdict.rule, told.verdict.confidence) == ("lock-convoy", Confidence.SUSPECTED)
    assert "“builder-7” holds it, which is not among the threads that are here" in told.verdict.summary
    assert diagnosed("".join(OWNED.format(at=at, owner="") for at in range(2))).verdict.status is Status.INSUFFICIENT


WAITS = (
    "sun.misc.Unsafe.park(Native Method)",
    "java.util.concurrent.locks.LockSupport.park(LockSupport.java:175)",
    "java.util.concurrent.CountDownLatch.await(CountDownLatch.java:231)",
    "net.moor.Writer.create(Writer.java:112)",
    "org.apache.zookeeper.ClientCnxn$EventThread.processEvent(ClientCnxn.java:530)",
    "org.apache.zookeeper.ClientCnxn$EventThread.run(ClientCnxn.java:505)",
)


def test_a_corrected_copy_takes_the_place_of_the_torn_one() -> None:
    torn = thread("main-EventThread", "WAITING (on object monitor)", "java.lang.Object.wait(Native Method)")
    told = diagnosed(
        f"```\n{torn}```\n\nsorry, wrong copy, here is the right one:\n\n```\n{thread('main-EventThread', 'WAITING (parking)', *WAITS)}```\n"
    )
    assert told.verdict.rule == "event-loop-blocked"
    assert "net.moor.Writer.create(Writer.java:112)" in told.verdict.summary


def test_a_thread_of_events_at_rest_is_not_blocked() -> None:
    rest = (*WAITS[:2], "java.util.concurrent.LinkedBlockingQueue.take(LinkedBlockingQueue.java:442)", WAITS[-1])
    assert not diagnosed(f"is this normal?\n\n{thread('main-EventThread', 'WAITING (parking)', *rest)}").findings


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            (
                "SEVERE: *~*~*~ Channel ManagedChannelImpl{logId=6021, target=rates:9000} was not shutdown properly!!! ~*~*~*\n    Make sure to call shutdown()/shutdownNow().\n"
                "java.lang.RuntimeException: ManagedChannel allocation site\n\tat io.grpc.internal.ManagedChannelOrphanWrapper.<init>(ManagedChannelOrphanWrapper.java:52)\n\tat net.moor.Stubs.make(Stubs.java:25)\n"
            ),
            "net.moor.Stubs.make(Stubs.java:25)",
        ),
        (
            (
                "WARNING: A connection to https://maps.example/ was leaked. Did you forget to close a response body?\njava.lang.Throwable: response.body().close()\n"
                "\tat okhttp3.RealCall.execute(RealCall.java:89)\n\tat net.moor.Tiles.exists(Tiles.java:47)\n"
            ),
            "net.moor.Tiles.exists(Tiles.java:47)",
        ),
    ],
)
def test_a_leak_is_told_with_the_place_that_took_it(text: str, says: str) -> None:
    told = diagnosed(f"It grows.\n\n```\n{text}```\n").verdict
    assert told.rule == "connection-leak"
    assert says in told.headline


def test_requests_that_left_a_proxys_queue() -> None:
    line = 'Nov  6 11:02:41 lb1 haproxy[2231]: 198.51.100.14:5182{at} [06/Nov/2018:11:02:11.402] web moor/<NOSRV> 0/30001/-1/-1/30001 503 212 - - sQ-- 12/12/4/0/0 0/46 "GET /x HTTP/1.1"\n'
    assert verdict("503 all day:\n\n" + "".join(line.format(at=at) for at in range(3))) == ("queued-at-proxy", Confidence.SUSPECTED)


def test_a_number_below_the_heading_of_measure_object() -> None:
    text = (
        'PS C:\\> netstat -ano -p tcp | Select-String "TIME_WAIT" | Measure-Object -Line\n\nLines Words Characters Property\n----- ----- ---------- --------\n16019\n\n'
        "PS C:\\> netsh int ipv4 show dynamicport tcp\n\nProtocol tcp Dynamic Port Range\n---------------------------------\nStart Port      : 49152\nNumber of Ports : 16384\n\n"
        "System.Net.Sockets.SocketException (10048): Only one usage of each socket address is normally permitted 10.2.2.50:80\n"
    )
    told = diagnosed(text).verdict
    assert told.rule == "ephemeral-port-exhaustion"
    assert "16,019 of 16,384" in told.headline
    assert "of 16,384" not in diagnosed(text.replace("16019", "160")).verdict.headline


@pytest.mark.parametrize("program", ["'{print $5}'", "'{print\n$5}'"])
def test_a_column_of_which_only_the_port_was_kept(program: str) -> None:
    text = f"[root@moor ~]# netstat -anp | grep 28812/java | grep CLOSE_WAIT | awk {program} | sed 's/.*://' | sort | uniq -c | sort -rn\n  23318 50010\n      4 2181\n"
    told = diagnosed(text).verdict
    assert told.rule == "connection-leak"
    assert told.headline.startswith("java (pid 28812) keeps 23,318 connections to port 50010 in CLOSE_WAIT")


POOLED = (
    "java.lang.Object.wait(Native Method)", "org.apache.commons.pool.impl.GenericObjectPool.borrowObject(GenericObjectPool.java:1104)",
    "org.apache.commons.dbcp.PoolingDataSource.getConnection(PoolingDataSource.java:106)", "net.moor.Db.open(Db.java:21)",
)  # fmt: skip
LISTED = (
    "mysql> show processlist;\n+-------+------+-----------------+------+---------+------+-------+------+\n| Id    | User | Host            | db   | Command | Time | State | Info |\n"
    "+-------+------+-----------------+------+---------+------+-------+------+\n| 81120 | moor | 10.50.1.8:49310 | moor | Sleep   | 5411 |       | NULL |\n"
    "| 81121 | moor | 10.50.1.8:49311 | moor | {command}   | 5120 |       | {info} |\n+-------+------+-----------------+------+---------+------+-------+------+\n"
)


def test_sessions_that_all_rest_while_a_pool_has_none_left() -> None:
    waiter = thread("http-8080-11", "WAITING (on object monitor)", *POOLED)
    told = diagnosed(f"All hang:\n\n{waiter}\n{LISTED.format(command='Sleep', info='NULL')}").verdict
    assert told.rule == "jdbc-pool-exhausted"
    assert "what is lent is not in use, but was not given back" in told.headline
    works = diagnosed(f"All hang:\n\n{waiter}\n{LISTED.format(command='Query', info='SELECT 1')}").verdict
    assert "was not given back" not in works.headline


def test_helpers_of_a_pool_that_are_printed_without_at() -> None:
    name = "Thread[C3P0PooledConnectionPoolManager[identityToken->1hge17|5d1e8a94]-HelperThread-#0,5,moor]"
    frames = (
        "java.net.PlainSocketImpl.socketConnect(Native Method)",
        "java.net.Socket.connect(Socket.java:589)",
        "oracle.net.nt.TcpNTAdapter.connect(TcpNTAdapter.java:162)",
    )
    told = diagnosed(f"Pool thread stack traces:\n\t{name}\n" + "".join(f"\t\t{frame}\n" for frame in frames)).verdict
    assert "wait for a connection to be made through Oracle driver" in told.headline


SENDER = thread(
    "export-3", "WAITING (parking)", "sun.misc.Unsafe.park(Native Method)", "java.util.concurrent.ArrayBlockingQueue.take(ArrayBlockingQueue.java:403)",
    "org.apache.activemq.transport.FutureResponse.getResult(FutureResponse.java:48)", "org.apache.activemq.ActiveMQMessageProducer.send(ActiveMQMessageProducer.java:288)",
    "net.moor.Sender.push(Sender.java:44)",
)  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "2019-09-05 13:41:17,332 | INFO  | Usage(default:store:queue://MOOR:store) percentUsage=100%, usage=10737418240, limit=10737418240\n",
        " {alarms,[{resource_limit,disk,rabbit@mq1}]},\n",
    ],
)
def test_a_broker_that_says_why_it_takes_nothing(line: str) -> None:
    told = diagnosed(f"Senders hang:\n\n{SENDER}\nand on the broker:\n\n{line}")
    assert (told.verdict.rule, told.verdict.confidence) == ("blocked-write", Confidence.SUSPECTED)
    assert "“export-3”" in told.verdict.summary


def test_a_broker_with_room_is_not_blamed() -> None:
    quiet = "2019-09-05 13:41:17,332 | INFO  | Usage(default:store) percentUsage=71%, usage=7, limit=10\n {alarms,[]},\n"
    assert not found(diagnosed(f"Senders hang:\n\n{SENDER}\n{quiet}"), "blocked-write")


HANDLER = (
    "# pstack 6120\n#0  0x00007f6a3c1ee0bc in __lll_lock_wait_private () from /lib64/libc.so.6\n#1  0x00007f6a3c1694c8 in malloc () from /lib64/libc.so.6\n"
    "#2  0x0000000000404b6e in moor_log (lvl=2) at log.c:61\n#3  0x0000000000403d19 in on_child (sig=17) at main.c:144\n#4  <signal handler called>\n"
    "#5  0x00007f6a3c167d13 in {function} () from /lib64/libc.so.6\n#6  0x0000000000405ab2 in conn_free (c=0x1b0f2d0) at conn.c:203\n"
)


def test_a_signals_handler_that_interrupted_the_allocator_waits_for_itself() -> None:
    (finding,) = found(diagnosed(HANDLER.format(function="_int_free")), "lock-convoy")
    assert "and _int_free, which the signal interrupted in the same thread, has it" in finding.headline
    assert finding.confidence is Confidence.LIKELY
    assert "waits for itself" not in diagnosed(HANDLER.format(function="epoll_wait")).verdict.headline


def ring(cls: str, count: int) -> str:
    frames = (f"java.util.{cls}.get(Map.java:347)", "net.moor.Labels.label(Labels.java:61)", "net.moor.Tag.start(Tag.java:104)")
    return "CPU is at 100 %:\n\n" + "".join(thread(f"exec-{at}", "RUNNABLE", *frames) for at in range(count))


def test_threads_that_never_leave_a_map_that_is_not_made_for_them() -> None:
    assert verdict(ring("HashMap", 3)) == ("cpu-spin", Confidence.SUSPECTED)
    assert "can hold a ring" in diagnosed(ring("HashMap", 3)).verdict.headline
    for few in (ring("HashMap", 1), ring("concurrent.ConcurrentHashMap", 3)):
        told = diagnosed(few).verdict  # that they compute the text says itself, and no more
        assert (told.rule, told.confidence) == ("cpu-spin", Confidence.SUSPECTED)
        assert "can hold a ring" not in told.headline


def test_a_picked_thread_that_asks_for_a_second_connection_of_its_pool() -> None:
    frames = (
        "jdk.internal.misc.Unsafe.park(Native Method)", "com.zaxxer.hikari.util.ConcurrentBag.borrow(ConcurrentBag.java:151)",
        "com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:180)", "com.zaxxer.hikari.HikariDataSource.getConnection(HikariDataSource.java:128)",
        "org.springframework.transaction.support.AbstractPlatformTransactionManager.startTransaction(AbstractPlatformTransactionManager.java:400)",
        "org.springframework.transaction.support.AbstractPlatformTransactionManager.{}(AbstractPlatformTransactionManager.java:434)",
        "net.moor.Orders.place(Orders.java:58)",
    )  # fmt: skip
    inner, outer = ([frame.format(name) for frame in frames] for name in ("handleExistingTransaction", "getTransaction"))
    assert verdict(f"ten like this:\n\n{thread('exec-7', 'TIMED_WAITING (parking)', *inner)}") == (
        "nested-connection-lease",
        Confidence.SUSPECTED,
    )
    assert verdict(f"ten like this:\n\n{thread('exec-7', 'TIMED_WAITING (parking)', *outer)}")[0] == "jdbc-pool-exhausted"


QUEUES = "$ netstat -Lan\nCurrent listen queue sizes (qlen/incqlen/maxqlen)\nProto Listen                           Local Address\ntcp4  {waiting}/0/128                        *.7007\nunix  0/0/4                            /var/run/moor.pipe\n"


def test_a_queue_of_a_listener_on_freebsd() -> None:
    told = diagnosed(f"it hangs\n\n{QUEUES.format(waiting=193)}").verdict
    assert (told.rule, told.confidence) == ("backlog-overflow", Confidence.SUSPECTED)
    assert "The accept queue of port 7007 is full (193 of 128)" in told.headline
    assert diagnosed(f"it hangs\n\n{QUEUES.format(waiting=0)}").verdict.rule is None


def test_a_listeners_queue_overflows_as_the_kernel_of_freebsd_says() -> None:
    line = "sonewconn: pcb 0xfffff801c2a4b3a0: Listen queue overflow: 193 already in queue awaiting acceptance (55 occurrences)\n"
    assert verdict(f"dmesg:\n\n{line}") == ("backlog-overflow", Confidence.SUSPECTED)


RESTING = (
    "goroutine profile: total {total}\n{count} @ 0x43a9c5 0x4343cb\n#\t0x433999\tinternal/poll.runtime_pollWait+0x55\t\t/usr/local/go/src/runtime/netpoll.go:203\n"
    "#\t0x4e3bce\tbufio.(*Reader).Peek+0x4e\t\t\t/usr/local/go/src/bufio/bufio.go:138\n#\t0x6d3d19\tnet/http.(*persistConn).readLoop+0x1a9\t\t/usr/local/go/src/net/http/transport.go:1978\n\n"
    "{count} @ 0x43a9c5 0x44a24f\n#\t0x6d574a\tnet/http.(*persistConn).writeLoop+0x11a\t/usr/local/go/src/net/http/transport.go:2277\n"
)


def test_connections_of_go_that_rest_by_the_thousand() -> None:
    text = f"grows for ever:\n\n{RESTING.format(total=41000, count=20500)}"
    assert verdict(text) == ("connection-leak", Confidence.SUSPECTED)
    assert "20,500 connections of Go's HTTP client are kept open and rest" in diagnosed(text).verdict.headline
    assert not found(diagnosed(f"is this fine?\n\n{RESTING.format(total=410, count=200)}"), "connection-leak")


COUNTED = "# lsof -n -p 30551 | awk '{{print $5}}' | sort | uniq -c | sort -rn | head\n   {pipes} FIFO\n   {polls} a_inode\n    230 REG\n    121 IPv6\n"


def test_selectors_that_nobody_closes() -> None:
    assert verdict(f"it grows\n\n{COUNTED.format(pipes=4414, polls=2206)}") == ("fd-leak-without-tcp", Confidence.SUSPECTED)
    assert not found(diagnosed(f"it grows\n\n{COUNTED.format(pipes=20, polls=9)}"), "fd-leak-without-tcp")
    assert not found(diagnosed(f"it grows\n\n{COUNTED.format(pipes=9000, polls=400)}"), "fd-leak-without-tcp")


SPIED = (
    'Thread 2214 (idle): "MainThread"\n    readinto (socket.py:589)\n    _read_status (http/client.py:257)\n    getresponse (http/client.py:1321)\n    send (requests/adapters.py:449)\n'
    "    verify (moor/auth.py:22)\n    middleware (moor/auth.py:41)\n"
)
LATE = "2019-08-20 18:03:11,744 WARNING asyncio Executing <Task pending coro=<Handler.start() running at ...> took 0.329 seconds\n"


def test_a_call_that_blocks_in_a_loop_of_which_asyncio_says_that_it_was_late() -> None:
    told = diagnosed(f"slow:\n\n{LATE * 3}\nand py-spy:\n\n{SPIED}\n").verdict
    assert told.rule == "event-loop-blocked"
    assert "moor.auth.verify(moor/auth.py:22)" in told.summary
    assert diagnosed(f"slow, py-spy:\n\n{SPIED}\n").verdict.rule != "event-loop-blocked"


SLOW = (
    "[19-Feb-2020 14:06:40]  [pool moor] pid 18822\nscript_filename = /var/www/app/public/index.php\n[0x00007f3b5be1c2a0] session_start() /var/www/app/lib/Session.php:31\n"
    "[0x00007f3b5be1c1a0] boot() /var/www/app/public/index.php:14\n\n[19-Feb-2020 {clock}]  [pool moor] pid 18790\nscript_filename = /var/www/app/public/index.php\n"
    "[0x00007f3b5be1c5f0] curl_exec() /var/www/app/lib/Erp.php:118\n[0x00007f3b5be1c3e0] run() /var/www/app/public/index.php:15\n"
)


def test_a_session_of_php_that_a_slow_request_of_the_same_minute_keeps() -> None:
    told = diagnosed(f"dashboard hangs\n\n{SLOW.format(clock='14:06:41')}")
    assert (told.verdict.rule, told.verdict.confidence) == ("lock-convoy", Confidence.SUSPECTED)
    assert "“moor 18790” seems to hold it" in told.verdict.headline
    assert any("session_write_close" in action.text for action in told.findings[0].actions)
    assert "seems to hold" not in diagnosed(f"dashboard hangs\n\n{SLOW.format(clock='15:31:02')}").verdict.headline


def test_clients_that_left_beside_threads_that_a_server_reports_as_hung() -> None:
    text = (
        '[3/14/18 11:20:44:871 CET] 00000042 ThreadMonitor W   WSVR0605W: Thread "WebContainer : 23" (000001fa) has been active for 672118 milliseconds and may be hung.\n\n'
        "and\n\n" + "".join(f"tcp4     517      0  10.160.8.21.9443       10.160.3.10.5190{at}      CLOSE_WAIT\n" for at in range(5))
    )
    told = diagnosed(text).verdict
    assert told.status is Status.INSUFFICIENT
    assert "5 clients of port 9443 disconnected" in told.headline
    assert "for 672 s as the server's own warning says" in told.summary


def told(text: str) -> str:
    verdict = diagnosed(text).verdict
    return f"{verdict.headline} {verdict.summary}".lower()


def test_workers_that_parked_themselves_in_their_own_loop_wait_for_work() -> None:
    parked = (
        "sun.misc.Unsafe.park(Native Method)",
        "java.util.concurrent.locks.LockSupport.park(X.java:1)",
        "nl.mill.Crew.run(X.java:1)",
        "io.netty.util.concurrent.FastThreadLocalRunnable.run(X.java:1)",
    )
    called = (*parked[:2], "nl.mill.Crew.take(X.java:1)", *parked[2:])
    table = "Pool Name                         Active   Pending      Completed   Blocked  All time blocked\nSawStage                               {active}         {pending}       48120994         0                 0\n"
    stacks = "\n".join(thread(f"SawStage-{n}", "WAITING (parking)", *parked) for n in range(3))
    text = told(f"All hang!\n\n{stacks}\n\n$ nodetool tpstats\n{table.format(active=0, pending=0)}\nWhy?\n")
    assert "are idle: they wait for work" in text
    assert "no task waits in the 1 pool that the server lists" in text
    assert "1 of the 1 pool" in told(f"All hang!\n\n{stacks}\n\n$ nodetool tpstats\n{table.format(active=3, pending=7)}\nWhy?\n")
    others = "\n".join(thread(f"SawStage-{n}", "WAITING (parking)", *called) for n in range(3))
    assert "idle" not in told(f"All hang!\n\n{others}\n\nWhy?\n")


SLOW_PHP = """[02-Mar-2026 10:00:01]  [pool till] pid 715
script_filename = /srv/www/index.php
[0x00007f3b6a41d5d0] curl_exec() /srv/www/lib/Stock.php:61
[0x00007f3b6a41d500] quantity() /srv/www/lib/Product.php:29

"""
FULL_FPM = """pool:                 till
process manager:      dynamic
listen queue:         {queue}
max listen queue:     129
listen queue len:     128
idle processes:       {idle}
active processes:     {active}
total processes:      60
max children reached: 1
"""


def test_a_server_that_says_itself_that_no_worker_is_free_stands_beside_a_picked_stack() -> None:
    (finding,) = found(
        diagnosis_of({"post.txt": "Slow log, all the same:\n\n" + SLOW_PHP + FULL_FPM.format(queue=90, idle=0, active=60)}), "slow-backend"
    )
    assert "called from quantity(Stock.php:61)" in finding.headline
    assert "and no worker is free (PHP-FPM till: active 60, total 60, queue 90" in finding.headline


def test_free_workers_beside_a_picked_stack_are_not_called_busy() -> None:
    (finding,) = found(
        diagnosis_of({"post.txt": "Slow log, all the same:\n\n" + SLOW_PHP + FULL_FPM.format(queue=0, idle=50, active=10)}), "slow-backend"
    )
    assert "no worker is free" not in finding.headline


def test_a_full_server_of_another_runtime_is_not_that_of_a_picked_stack() -> None:
    busy = "2026-03-02 10:00:00 All threads (200) are currently busy, waiting. Increase maxThreads (200) or check the servlet status\n"
    (finding,) = found(diagnosis_of({"post.txt": "Slow log, all the same:\n\n" + SLOW_PHP + busy}), "slow-backend")
    assert "no worker is free" not in finding.headline


TWICE = """Process 9: /usr/bin/python3 /opt/umbra/gate.py
Python v3.11.7 (/usr/bin/python3.11)

Thread 9 (idle): "MainThread"
    <module> (gate.py:21)
Thread 14 (idle): "web_0"
    Store._trim (umbra/store.py:{line})
    Store.get (umbra/store.py:10)
    handle (umbra/views.py:17)
Thread 15 (idle): "web_1"
    Store.get (umbra/store.py:7)
    handle (umbra/views.py:17)
Thread 16 (idle): "web_2"
    Store.get (umbra/store.py:7)
    handle (umbra/views.py:17)
Thread 17 (idle): "web_3"
    Store.get (umbra/store.py:7)
    handle (umbra/views.py:17)
"""


def test_a_thread_of_python_past_a_lock_that_waits_itself_may_want_the_same_one() -> None:
    (finding,) = found(diagnosis_of({"stacks.txt": TWICE.format(line=13)}), "lock-convoy")
    assert "“web_0” holds it while it waits itself in store.Store._trim, maybe for the same lock" in finding.headline
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.UNKNOWN
    works = TWICE.replace("Thread 14 (idle)", "Thread 14 (active)")
    assert "maybe for the same lock" not in found(diagnosis_of({"stacks.txt": works.format(line=13)}), "lock-convoy")[0].headline


IDLE_ROWS = """mydb=> select pid, usename, application_name, client_port, state_change::timestamp(0), state, query from pg_stat_activity;
  pid  | usename  |    application_name    | client_port |    state_change     | state  |                query
-------+----------+------------------------+-------------+---------------------+--------+--------------------------------------
 20411 | app      | PostgreSQL JDBC Driver |       41122 | 2022-05-11 08:48:51 | idle   | COMMIT
 20412 | app      | PostgreSQL JDBC Driver |       41124 | 2022-05-11 08:51:20 | {state}   | SET application_name = 'PostgreSQL JDBC Driver'
 20440 | postgres | psql                   |          -1 | 2022-05-11 09:09:31 | active | select pid, usename, ...
(3 rows)
"""


def test_the_query_that_lists_sessions_is_known_by_its_columns() -> None:
    assert "none of them waits or has a transaction open" in diagnosed(IDLE_ROWS.format(state="idle")).verdict.headline
    assert "none of them waits" not in diagnosed(IDLE_ROWS.format(state="active")).verdict.headline


def test_the_lock_of_a_logger_names_the_appender_that_waits() -> None:
    text = (
        "2LKMONINUSE      sys_mon_t:0x0000010024A1B0F8 infl_mon_t: 0x0000010024A1B170:\n"
        '3LKMONOBJECT       org/apache/log4j/spi/RootLogger@0x0700000040A1C318: owner "Web : 14" (J9VMThread:0x0000000031D5E500), entry count 1\n'
        "3LKWAITERQ            Waiting to enter:\n"
        '3LKWAITER                "Web : 3" (J9VMThread:0x0000000031C11A00)\n3LKWAITER                "Web : 5" (J9VMThread:0x0000000031C13F00)\n'
        '3LKWAITER                "Web : 0" (J9VMThread:0x0000000031B02100)\n\n'
        '3XMTHREADINFO      "Web : 14" J9VMThread:0x0000000031D5E500, omrthread_t:0x000001001C3D8A20, java/lang/Thread:0x07000000404C1D10, state:R, prio=5\n'
        "3XMTHREADINFO3           Java callstack:\n4XESTACKTRACE                at java/net/PlainSocketImpl.socketConnect(Native Method)\n"
        "4XESTACKTRACE                at java/net/Socket.connect(Socket.java:666)\n"
        "4XESTACKTRACE                at org/apache/log4j/net/SocketAppender.connect(SocketAppender.java:200)\n"
        "4XESTACKTRACE                at org/apache/log4j/Category.callAppenders(Category.java:206)\n"
        "5XESTACKTRACE                   (entered lock: org/apache/log4j/spi/RootLogger@0x0700000040A1C318, entry count: 1)\n"
        "4XESTACKTRACE                at com/acme/quay/Berths.find(Berths.java:61)\n"
    )
    (one,) = found(diagnosed(text), "lock-convoy")
    assert "“Web : 14” holds it while it waits for a connection to be made" in one.headline
    assert any("every line of the log waits for org.apache.log4j.net.SocketAppender" in action.text for action in one.actions)
    plain = text.replace("org/apache/log4j/spi/RootLogger", "com/acme/quay/Harbour")
    (other,) = found(diagnosed(plain), "lock-convoy")
    assert not any("log waits" in action.text for action in other.actions)
