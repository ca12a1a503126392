"""What people paste into a bug report: a thread or two among their own words, a line of a log, a number that a command counted."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Diagnosis, Status
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
    assert verdict.status is Status.INSUFFICIENT
    return f"{verdict.headline} {verdict.summary}"


def stack(name: str, state: str, *frames: str) -> str:
    lines = "".join(f"\tat {frame}(X.java:7)\n" if not frame.startswith("- ") else f"\t{frame}\n" for frame in frames)
    return f'"{name}" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting on condition  [0x00007f108a1fd000]\n   java.lang.Thread.State: {state}\n{lines}\n'


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (
            ("java.net.SocketInputStream.socketRead0", "oracle.net.ns.Packet.receive", "org.tide.Boat.load"),
            "waits for an answer through Oracle driver in",
        ),
        (("java.net.SocketInputStream.socketRead0", "org.tide.Boat.load"), "waits for bytes of a socket in SocketInputStream.socketRead0"),
        (("java.net.Inet4AddressImpl.lookupAllHostAddr", "org.tide.Boat.load"), "waits for a host's name to be looked up in"),
        (
            ("java.net.PlainSocketImpl.socketConnect", "org.tide.Boat.load"),
            "waits for a connection to be made in PlainSocketImpl.socketConnect",
        ),
        (("java.net.SocketOutputStream.socketWrite0", "org.tide.Boat.load"), "is writing to a socket in SocketOutputStream.socketWrite0"),
        (("java.io.FileOutputStream.writeBytes", "org.tide.Boat.load"), "is reading or writing a file in FileOutputStream.writeBytes"),
    ],
)
def test_one_thread_is_told_by_what_it_waits_for(frames: tuple[str, ...], words: str) -> None:
    text = said("The dock hangs, one of its threads:\n\n```\n" + stack("dock-7", "RUNNABLE", *frames) + "```\n")
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
        stack("broker-1", "TIMED_WAITING (on object monitor)", "java.lang.Object.wait", "org.apache.activemq.usage.Usage.waitForSpace")
    )
    assert "“broker-1” waits to be notified in Object.wait, called from org.apache.activemq.usage.Usage.waitForSpace(X.java:7)" in text


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
    assert "“desk-1” waits to enter org.tide.Log, which “desk-2” holds" in said(f"All hang:\n<pre>\n{text}</pre>\n")


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
    assert "The log says: OkHttp https://rates.tide.example: a connection or response was not given back" in text


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
    assert "The log says: HikariCP TidePool-1: a pool of connections had none to give" in text


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("aiohttp app: `lsof -p 771 | grep -c CLOSE_WAIT` → 912, restart helps", "912"),
        ("and `netstat -nat | grep 443 | wc -l` gives 1843", "1,843"),
        ("netstat -an | grep CLOSE_WAIT | wc -l: 12,001", "12,001"),
    ],
)
def test_a_number_that_a_sentence_counts_is_a_fact(sentence: str, number: str) -> None:
    assert f"counted {number} lines" in said(sentence + "\n")


def test_a_count_of_powershell_is_a_count() -> None:
    text = 'PS C:\\> netstat -ano | Select-String "CLOSE_WAIT" | Measure-Object | % Count\n4112\n'
    assert "counted 4,112 lines" in said(text)


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
