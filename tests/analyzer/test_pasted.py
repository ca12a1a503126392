"""What people paste into a bug report: a thread or two among their own words, a line of a log, a number that a command counted."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.builders import diagnosis_of

PARKED = "\tat jdk.internal.misc.Unsafe.park(java.base@17.0.9/Native Method)\n"
LATCH = (
    '"reactor-http-epoll-2" #40 daemon prio=5 os_prio=0 tid=0x00007f6c50bf4000 nid=0x51 waiting on condition  [0x00007f6c0e5fd000]\n'
    "   java.lang.Thread.State: WAITING (parking)\n" + PARKED + "\tat java.util.concurrent.CountDownLatch.await(CountDownLatch.java:230)\n"
    "\tat reactor.core.publisher.Mono.block(Mono.java:1710)\n\tat org.stall.Booking.seats(Booking.java:58)\n"
    "\tat io.netty.channel.epoll.EpollEventLoop.run(EpollEventLoop.java:385)\n"
)


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": text})


def said(text: str) -> str:
    verdict = diagnosed(text).verdict
    assert verdict.status is Status.INSUFFICIENT or verdict.confidence is not Confidence.CERTAIN
    return f"{verdict.headline} {verdict.summary}"


def stack(name: str, state: str, *frames: str) -> str:
    lines = "".join(f"\tat {frame}(X.java:7)\n" if not frame.startswith("- ") else f"\t{frame}\n" for frame in frames)
    return f'"{name}" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting on condition  [0x00007f108a1fd000]\n   java.lang.Thread.State: {state}\n{lines}\n'


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (
            ("java.net.SocketInputStream.socketRead0", "oracle.net.ns.Packet.receive", "org.tide.Boat.load"),
            "(1 pasted) wait for an answer through Oracle driver in",
        ),
        (("java.net.SocketInputStream.socketRead0", "org.tide.Boat.load"), "waits for bytes of a socket in SocketInputStream.socketRead0"),
        (("java.net.Inet4AddressImpl.lookupAllHostAddr", "org.tide.Boat.load"), "(1 pasted) wait for the address of a name"),
        (
            ("java.net.PlainSocketImpl.socketConnect", "org.tide.Boat.load"),
            "waits for a connection to be made in PlainSocketImpl.socketConnect",
        ),
        (("java.net.SocketOutputStream.socketWrite0", "org.tide.Boat.load"), "is writing to a socket in SocketOutputStream.socketWrite0"),
        (("java.io.FileOutputStream.writeBytes", "org.tide.Boat.load"), "is reading or writing a file in FileOutputStream.writeBytes"),
    ],
)
def test_one_thread_is_told_by_what_it_waits_for(frames: tuple[str, ...], words: str) -> None:
    verdict = diagnosed("The dock hangs, one of its threads:\n\n```\n" + stack("dock-7", "RUNNABLE", *frames) + "```\n").verdict
    text = f"{verdict.headline} {verdict.summary}"
    assert f"“dock-7” {words}" in text
    assert "called from org.tide.Boat.load(X.java:7)" in text


def test_a_result_a_lock_and_a_permit_are_waited_for_without_a_timeout() -> None:
    park = "jdk.internal.misc.Unsafe.park"
    future = said(stack("dock-1", "WAITING (parking)", park, "java.util.concurrent.CompletableFuture.get", "org.tide.Boat.load"))
    assert "“dock-1” waits, without a timeout, for another thread's result in CompletableFuture.get" in future
    lock = said(stack("dock-2", "WAITING (parking)", park, "java.util.concurrent.locks.ReentrantLock.lock", "org.tide.Boat.load"))
    assert "“dock-2” waits, without a timeout, for a lock in ReentrantLock.lock" in lock


def test_without_an_application_the_first_frame_that_is_not_the_runtimes_is_the_caller() -> None:
    text = said(
        stack("broker-1", "TIMED_WAITING (on object monitor)", "java.lang.Object.wait", "org.apache.activemq.broker.region.Queue.iterate")
    )
    assert "“broker-1” waits to be notified in Object.wait, called from org.apache.activemq.broker.region.Queue.iterate(X.java:7)" in text


def test_threads_that_wait_for_work_are_called_idle() -> None:
    park = "- parking to wait for  <0x00000000e6f2d8b0> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)"
    frames = (
        "jdk.internal.misc.Unsafe.park",
        park,
        "java.util.concurrent.LinkedBlockingQueue.take",
        "java.util.concurrent.ThreadPoolExecutor.getTask",
    )
    text = said(stack("pool-3-thread-1", "WAITING (parking)", *frames))
    assert "“pool-3-thread-1” is idle: it waits for work in ThreadPoolExecutor.getTask" in text
    assert "without a timeout" not in text


def test_an_address_behind_an_escape_of_html_is_read_though_no_line_is_lost() -> None:
    owner = stack(
        "desk-2",
        "RUNNABLE",
        "java.net.Inet4AddressImpl.lookupAllHostAddr",
        "org.tide.Log.send",
        "- locked <0x00000000e0c25c18> (a org.tide.Log)",
    )
    waiter = stack("desk-1", "BLOCKED (on object monitor)", "org.tide.Log.add", "- waiting to lock <0x00000000e0c25c18> (a org.tide.Log)")
    text = (waiter + owner).replace("<", "&lt;").replace(">", "&gt;")
    verdict = diagnosed(f"All hang:\n<pre>\n{text}</pre>\n").verdict
    assert verdict.rule == "dns-stall"
    assert (
        "Threads like “desk-1” (1 pasted) wait for one lock (org.tide.Log), and “desk-2” holds it while it waits for a name server."
        in verdict.summary
    )


def test_one_loop_that_was_pasted_is_not_the_only_one() -> None:
    finding = diagnosed("From docker logs:\n\n" + LATCH).findings[0]
    assert finding.rule == "event-loop-blocked"
    assert finding.headline.startswith("1 of 1 pasted event loop of reactor-http-epoll")
    assert "that are here" in finding.explanation


def test_a_line_of_a_log_among_words_is_used() -> None:
    text = said(
        "I see this and then all hangs\n\n```\nFeb 12, 2021 9:31:07 AM okhttp3.internal.platform.Platform log\nWARNING: A connection to "
        "https://rates.tide.example/ was leaked. Did you forget to close a response body? To see where, set the level to FINE\n```\n"
    )
    assert "OkHttp https://rates.tide.example: a connection or response was not given back" in text


@pytest.mark.parametrize(
    "line",
    [
        "2026-02-01T09:11:12.330Z  WARN 7 --- [1 housekeeper] c.z.h.p.ProxyLeakTask : Connection leak detection triggered for org.pg.Conn@4a1f0c21 on thread job-1, stack trace follows",
        "01-Feb-2026 09:11:12.330 WARNING [main] org.apache.tomcat.jdbc.pool.ConnectionPool.abandon Connection has been abandoned PooledConnection[com.mysql.Conn@1f]:java.lang.Exception",
        "2026-02-01 09:11:12,330 INFO [org.jboss.jca.core] (default task-3) IJ000100: Closing a connection for you. Please close them yourself: Conn@4a2b1c",
        "2026-02-01 09:11:12,330 INFO com.mchange.v2.resourcepool.BasicResourcePool - A checked-out resource is overdue, and will be destroyed: Conn@1",
        "Unclosed client session",
    ],
)
def test_a_pool_that_saw_a_leak_itself_is_quoted(line: str) -> None:
    assert "a connection or response was not given back" in said(f"Only this is in the log:\n\n{line}\n")


def test_a_line_of_a_log_is_told_beside_a_thread() -> None:
    text = said(
        stack("web-4", "RUNNABLE", "java.net.SocketInputStream.socketRead0", "org.tide.Boat.load")
        + "and\n\n2026-02-01 09:11:12.881 ERROR 1 --- [exec-9] o.h.SqlExceptionHelper : TidePool-1 - Connection is not available, request timed out after 30002ms.\n\nWho keeps them?\n"
    )
    assert "“web-4” waits for bytes" in text
    assert "HikariCP TidePool-1: a pool of connections had none to give" in text


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("aiohttp app: `lsof -p 771 | grep -c CLOSE_WAIT` → 912, restart helps", "912"),
        ("and `netstat -nat | grep 443 | wc -l` gives 1843", "1,843"),
        ("netstat -an | grep CLOSE_WAIT | wc -l: 12,001", "12,001"),
    ],
)
def test_a_number_that_a_sentence_counts_is_a_fact(sentence: str, number: str) -> None:
    verdict = diagnosed(sentence + "\n").verdict
    told = f"{verdict.headline} {verdict.summary}"
    assert f"counted {number} lines" in told or f"{number} sockets in CLOSE_WAIT" in told


def test_a_count_of_powershell_is_a_count() -> None:
    text = 'PS C:\\> netstat -ano | Select-String "CLOSE_WAIT" | Measure-Object | % Count\n4112\n'
    assert "4,112 sockets in CLOSE_WAIT" in said(text)


@pytest.mark.parametrize(
    "line",
    ["[... 40 more like these]", "<snip>", "(and 20 others)", "--- cut here ---", "... 300 more", "[many more threads exactly like this]"],
)
def test_words_for_lines_that_were_left_out(line: str) -> None:
    row = "tcp       38      0 10.4.1.17:51234         10.4.1.40:8983          CLOSE_WAIT  21874/java\n"
    found = diagnosed(row + row.replace("51234", "51301") + line + "\n")
    assert any("Lines were left out" in note for note in found.notes)


@pytest.mark.parametrize("line", ["## Same problem here", "It is the same", "\t... 3 more", "<init>", "[root@more ~]#"])
def test_words_that_leave_nothing_out(line: str) -> None:
    row = "tcp       38      0 10.4.1.17:51234         10.4.1.40:8983          CLOSE_WAIT  21874/java\n"
    assert not any("Lines were left out" in note for note in diagnosed(row + line + "\n").notes)


def test_a_call_that_a_terminal_still_shows_open_and_the_connection_behind_it() -> None:
    text = (
        "# strace -p 4410\nstrace: Process 4410 attached\nrecvfrom(14,\n\n```\nCOMMAND  PID   USER   FD   TYPE   DEVICE SIZE/OFF NODE NAME\n"
        "celery  4410 celery   11u  IPv4 90211201      0t0  TCP wk1:40122->mq1:amqp (ESTABLISHED)\n"
        "celery  4410 celery   14u  IPv4 90211277      0t0  TCP wk1:51200->crm.tide.example:https (ESTABLISHED)\n```\n"
    )
    assert "is in recvfrom on descriptor 14, the connection to crm.tide.example:443" in said(text)


def test_a_report_of_the_vm_alone_is_something_to_read() -> None:
    verdict = diagnosed(
        'Found one Java-level deadlock:\n=============================\n"tide-1":\n  waiting to lock monitor 0x00007fd0a400b2a8 (object 0x00000000eab8d1f0, a org.tide.Sea),\n'
        '  which is held by "tide-2"\n"tide-2":\n  waiting to lock monitor 0x00007fd0a400b358 (object 0x00000000eab8d200, a org.tide.Sky),\n  which is held by "tide-1"\n'
    ).verdict
    assert verdict.rule == "java-deadlock"


def test_few_connections_of_a_client_ask_for_the_second_table_that_decides() -> None:
    rows = "".join(f"  TCP    192.168.2.15:4981{at}    192.168.2.31:1433     CLOSE_WAIT      4620\n" for at in range(4))
    commands = [one.command for one in diagnosed(f"C:\\> netstat -ano | findstr CLOSE_WAIT\n{rows}").missing]
    assert "netstat -ano > netstat-2.txt" in commands
    assert not any("lsof" in command or "gdb" in command for command in commands)


def test_node_is_not_asked_for_the_stacks_of_a_debugger() -> None:
    rows = "".join(f"tcp        1      0 10.9.0.3:4401{at}           54.230.1.9:443          CLOSE_WAIT  8812/node\n" for at in range(4))
    commands = " ".join(one.command for one in diagnosed(rows).missing)
    assert "kill -USR2 8812" in commands
    assert "gdb" not in commands
    assert "jstack" not in commands


def test_tasks_are_told_as_tasks() -> None:
    tree = (
        "└── (T) Task-1\n    └──  main depot.py:40\n        └──  TaskGroup.__aexit__ Lib/asyncio/taskgroups.py:72\n"
        "            ├── (T) load-1\n            │   └──  load depot.py:18\n            │       └──  Lock.acquire Lib/asyncio/locks.py:93\n"
        "            └── (T) load-2\n                └──  load depot.py:18\n                    └──  Lock.acquire Lib/asyncio/locks.py:93\n"
    )
    text = said(tree)
    assert (
        "2 tasks (“load-1”, “load-2”) wait, without a timeout, for a lock in locks.Lock.acquire, called from depot.load(depot.py:18)"
        in text
    )
    assert "“Task-1” waits, without a timeout, for other tasks in taskgroups.TaskGroup.__aexit__" in text


def test_forty_tasks_that_wait_alike_are_no_pool_that_stands_still() -> None:
    tasks = "".join(
        f"        ├── (T) web-{at}\n        │   └──  serve depot.py:18\n        │       └──  Event.wait Lib/asyncio/locks.py:213\n"
        for at in range(40)
    )
    assert not diagnosed("└── (T) Task-1\n    └──  main depot.py:40\n" + tasks).findings


def test_the_application_below_an_exception_of_a_log_is_named() -> None:
    text = said(
        "java.net.SocketTimeoutException: Read timed out\n\tat java.net.SocketInputStream.socketRead0(Native Method)\n"
        "\tat org.apache.http.impl.io.SessionInputBufferImpl.streamRead(SessionInputBufferImpl.java:137) ~[httpcore-4.4.jar:4.4]\n"
        "\tat org.tide.Harbour.charge(Harbour.java:102) ~[classes/:na]\n"
    )
    assert "JVM: a read timed out" in text
    assert "called from org.tide.Harbour.charge(Harbour.java:102)" in text


def test_without_an_application_the_servers_frame_is_named() -> None:
    text = said(
        "2026-05-10 10:12:44.021:WARN:oejs.ServerConnector:qtp13-55-acceptor-0:\njava.io.IOException: Too many open files\n"
        "\tat sun.nio.ch.ServerSocketChannelImpl.accept0(Native Method)\n\tat org.eclipse.jetty.server.ServerConnector.accept(ServerConnector.java:377)\n"
    )
    assert "No file descriptor was left" in text
    assert "called from org.eclipse.jetty.server.ServerConnector.accept(ServerConnector.java:377)" in text


def test_all_sockets_of_the_kernel_and_the_limit_stand_side_by_side() -> None:
    text = said(
        "$ ss -s\nTotal: 25412 (kernel 25702)\nTCP:   24980 (estab 311, closed 52, orphaned 0, synrecv 0, timewait 50/0), ports 0\n\n"
        "$ cat /proc/21/limits\nLimit                     Soft Limit           Hard Limit           Units\nMax open files            25600                25600                files\n"
    )
    assert "24,980 sockets of TCP; 24,617 of them listen or are half closed" in text
    assert "limit of open files is 25,600" in text


def test_more_sockets_counted_than_rows_shown_are_said() -> None:
    rows = "".join(f"tcp      164      0 10.3.1.5:8081        10.3.1.200:5187{at}     CLOSE_WAIT  6211/java\n" for at in range(4))
    notes = diagnosed(f"    847 CLOSE_WAIT\n     12 ESTABLISHED\n\n{rows}").notes
    assert "847 sockets in CLOSE_WAIT were counted, of which 4 rows are here." in notes


def test_threads_counted_by_state() -> None:
    text = said("    12    java.lang.Thread.State: RUNNABLE\n   196    java.lang.Thread.State: BLOCKED (on object monitor)\n")
    assert "threads were counted by state (12 RUNNABLE, 196 BLOCKED (on object monitor))" in text


def test_a_bare_command_above_its_number_counts() -> None:
    verdict = diagnosed("lsof -p 77 | grep -c CLOSE_WAIT\n912\n").verdict
    assert "process 77 keeps 912 sockets in CLOSE_WAIT" in verdict.headline
    assert verdict.confidence is Confidence.SUSPECTED


def test_connections_that_nobody_answers_have_their_address() -> None:
    rows = "".join(f"tcp        0      1 10.5.0.3:4412{at}          10.99.1.20:5671         SYN_SENT    991/python3\n" for at in range(2))
    assert "2 connections of python3 to 10.99.1.20:5671 in SYN_SENT: nobody has answered their SYN" in said(rows)


def test_a_server_that_keeps_a_few_and_nobody_knows_whose_they_are() -> None:
    rows = "tcp4       0      0  127.0.0.1.5432         127.0.0.1.61022        CLOSE_WAIT\ntcp4       0      0  127.0.0.1.5432         *.*                    LISTEN\n"
    found = diagnosed(rows)
    assert "1 client of port 5432 disconnected and the server has not closed its side" in found.verdict.headline
    assert [one.command for one in found.missing if one.artifact == "socket table with owners"] == ["netstat -anv > netstat.txt"]


def test_descriptors_of_sockets_that_are_connected_to_nothing() -> None:
    rows = "".join(f"java    19231 tide  40{at}u  sock       0,8      0t0 2094881{at} protocol: TCPv6\n" for at in range(4))
    assert "4 of them sockets, which lsof finds no connection for" in said(rows)


def test_a_list_of_sessions_that_wait_for_nobody() -> None:
    rows = (
        "id=7011 addr=10.2.3.4:51002 fd=12 name= age=8123 idle=8122 flags=N db=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd=get\n"
        "id=7012 addr=10.2.3.4:51010 fd=13 name= age=8100 idle=8099 flags=b db=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd=blpop\n"
    )
    assert "the list has 2 sessions of Redis: 1 idle, 1 waits for an event; the longest is session 7011" in said(rows)


def test_a_worker_that_was_ended_without_a_stack_is_no_java() -> None:
    found = diagnosed(
        "[2026-06-07 10:01:44 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:31)\n[2026-06-07 10:01:45 +0000] [44] [INFO] Booting worker with pid: 44\n"
    )
    assert "gunicorn: a worker took longer than its limit and was ended" in found.verdict.headline
    commands = " ".join(one.command for one in found.missing)
    assert "py-spy dump" in commands
    assert "jstack" not in commands


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ("be_app,app1,87,130,100,100,UP\nbe_app,BACKEND,177,260,200,200,UP\n", "statistics of HAProxy"),
    ],
)
def test_what_is_recognised_and_not_read_is_named(lines: str, what: str) -> None:
    text = said("From the box:\n\n```\n" + lines * 3 + "```\n")
    assert what in text
    assert "Save lsof" not in text


def test_a_header_whose_stack_was_not_understood_is_not_idle() -> None:
    text = said(
        '"gate-3" prio=10 tid=0x08c3b400 nid=0x3d6a runnable [0x6f1fe000]\n   java.lang.Thread.State: RUNNABLE\n        at java.net.Sock-\n'
    )
    assert "of “gate-3” no stack was understood" in text
    assert "idle" not in text


def test_bytes_that_clients_do_not_take_are_seen() -> None:
    rows = "".join(f"tcp   0  43112 10.0.9.2:8080    203.0.113.7{at}:50112  ESTABLISHED 812/java  probe (58.11/0/9)\n" for at in range(2))
    text = said(rows)
    assert "2 connections of java with 86,224 bytes that the other side has not taken" in text
    assert "no trouble" not in text


def test_a_state_that_a_filter_took_away_is_not_no_trouble() -> None:
    text = said(
        "Recv-Q Send-Q Local Address:Port  Peer Address:Port\n"
        + "".join(f"1      0      172.17.0.4:8080     172.17.0.1:4401{at}\n" for at in range(4))
    )
    assert "4 connections in a state that the table does not show" in text
    assert "no trouble" not in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Error: connect ETIMEDOUT 10.0.3.3:6379", "10.0.3.3:6379: a connection attempt timed out"),
        (
            "com.datastax.driver.core.exceptions.OperationTimedOutException: [/10.0.8.4:9042] Timed out waiting for server response",
            "Cassandra driver 10.0.8.4:9042: a read timed out",
        ),
    ],
)
def test_a_time_limit_of_a_client_is_told_with_its_server(line: str, words: str) -> None:
    assert words in said(line + "\n")


def test_lines_that_are_alike_to_the_end_are_not_taken_for_a_prefix() -> None:
    found = diagnosed(
        "2026-09-09 08:00:31.120 DEBUG 1 --- [housekeeper] c.z.h.p.HikariPool : DepotPool-1 - Pool stats (total=10, active=10, idle=0, waiting=187)\n"
        "2026-09-09 08:01:01.120 DEBUG 1 --- [housekeeper] c.z.h.p.HikariPool : DepotPool-1 - Pool stats (total=10, active=10, idle=0, waiting=189)\n"
    )
    assert "total 10, active 10, idle 0, waiting 189" in found.verdict.headline


def test_one_request_thread_that_was_pasted_is_not_the_only_one() -> None:
    frames = (
        "sun.nio.ch.SelectorImpl.select",
        "org.xnio.nio.NioSocketConduit.awaitWritable",
        "org.tide.Download.doGet",
        "javax.servlet.http.HttpServlet.service",
    )
    found = diagnosed(stack("default task-42", "RUNNABLE", *frames)).findings
    assert [one.rule for one in found] == ["blocked-write"]
    assert found[0].headline.startswith("1 of 1 pasted request threads of default task")
    assert "only" not in found[0].headline
