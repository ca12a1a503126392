"""A few threads, a few rows: what they show is said, and no more than that."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding, Severity, Status
from tests.builders import diagnosis_of, found, thread

WAITER = (
    '"web-1" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting for monitor entry  [0x00007f108a1fd000]\n'
    "   java.lang.Thread.State: BLOCKED (on object monitor)\n\tat com.acme.Till.open(Till.java:10)\n"
    "\t- waiting to lock <0x00000000f0000010> (a com.acme.Drawer)\n\n"
)
OWNER = (
    '"web-2" #32 prio=5 os_prio=0 tid=0x00007f10d0a20000 nid=0x2520 runnable  [0x00007f108a20d000]\n'
    "   java.lang.Thread.State: RUNNABLE\n\tat java.net.SocketInputStream.socketRead0(Native Method)\n"
    "\tat com.acme.Till.count(Till.java:40)\n\t- locked <0x00000000f0000010> (a com.acme.Drawer)\n"
)
HEAD = "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\n"


def said(files: dict[str, str]) -> str:
    verdict = diagnosis_of(files).verdict
    assert verdict.status is Status.INSUFFICIENT
    return f"{verdict.headline} {verdict.summary}"


IDLE_OWNER = OWNER.replace("java.net.SocketInputStream.socketRead0(Native Method)", "com.acme.Till.sum(Till.java:55)")


def suspected(files: dict[str, str], rule: str) -> Finding:
    """The only finding, a suspicion that rests on the threads which somebody picked."""
    (finding,) = found(diagnosis_of(files), rule)
    assert finding.confidence is Confidence.SUSPECTED
    assert finding.severity is Severity.WARNING
    assert "few-threads" in [doubt.code for doubt in finding.doubts]
    assert finding.missing
    return finding


def test_a_waiter_and_the_owner_in_a_call_are_a_suspicion() -> None:
    finding = suspected({"dump.txt": WAITER + OWNER}, "lock-convoy")
    assert (
        finding.headline
        == "Threads like “web-1” (1 pasted) wait for one lock (com.acme.Drawer), and “web-2” holds it while it waits for an answer on a socket, called from com.acme.Till.count(Till.java:40)."
    )
    assert finding.culprit.thread == "web-2"
    assert finding.culprit.frame == "com.acme.Till.count(Till.java:40)"


def test_who_waits_for_what_that_whom_holds_and_where() -> None:
    text = said({"dump.txt": WAITER + IDLE_OWNER})
    assert "“web-1” waits to enter com.acme.Drawer, which “web-2” holds, called from com.acme.Till.open(Till.java:10)." in text
    assert "“web-2” is in Till.sum" in text
    assert "the rest of the thread dump and a socket table of the same moment would show" in text


def test_whole_dumps_do_not_speak_for_one_thread() -> None:
    whole = "2026-01-02 03:04:05\nFull thread dump OpenJDK 64-Bit Server VM (17.0.9+9 mixed mode):\n\n" + WAITER + OWNER
    assert not found(diagnosis_of({"jstack.txt": whole}), "lock-convoy")


def test_a_suspicion_of_few_threads_gives_way_to_what_is_proven() -> None:
    report = (
        "Found one Java-level deadlock:\n=============================\n"
        '"left-1":\n  waiting to lock monitor 0x00007f0000000010 (object 0x00000000e0000010, a com.acme.A),\n  which is held by "right-1"\n'
        '"right-1":\n  waiting to lock monitor 0x00007f0000000020 (object 0x00000000e0000020, a com.acme.B),\n  which is held by "left-1"\n\n'
    )
    diagnosis = diagnosis_of({"dump.txt": WAITER + OWNER + "\n" + report})
    assert diagnosis.verdict.rule == "java-deadlock"
    assert not found(diagnosis, "lock-convoy")


def test_a_thread_in_a_call_is_a_suspicion_and_what_stands_beside_it_is_told() -> None:
    call = stack_of(
        "feed-3", "java.net.SocketInputStream.read", "org.apache.http.impl.io.SessionInputBufferImpl.fillBuffer", "com.acme.Rates.load"
    )
    rows = "".join(f"tcp6       0      0 10.0.0.5:{port}       10.0.0.40:8090          ESTABLISHED 7690/java\n" for port in (40101, 40102))
    finding = suspected({"report.md": f"It hangs:\n\n{call}\nand\n\n{HEAD}{rows}"}, "slow-backend")
    assert finding.headline.startswith(
        "Threads like “feed-3” (1 pasted) wait for an answer through Apache HttpClient in SocketInputStream.read"
    )
    assert finding.culprit.remote == "10.0.0.40:8090"
    assert finding.culprit.frame == "com.acme.Rates.load(X.java:7)"


@pytest.mark.parametrize(
    "frames",
    [
        ("com.sun.jndi.ldap.Connection.run",),
        ("org.apache.activemq.transport.tcp.TcpTransport.readCommand", "org.apache.activemq.transport.tcp.TcpTransport.run"),
        ("com.rabbitmq.client.impl.Frame.readFrom", "com.rabbitmq.client.impl.AMQConnection$MainLoop.run"),
        ("okhttp3.internal.http2.Http2Reader.nextFrame", "okhttp3.internal.http2.Http2Connection$ReaderRunnable.run"),
        ("org.apache.hadoop.ipc.Client$Connection.receiveRpcResponse", "org.apache.hadoop.ipc.Client$Connection.run"),
        ("redis.clients.jedis.Protocol.read", "redis.clients.jedis.JedisPubSub.process", "com.acme.Bus.listen"),
        ("org.postgresql.core.PGStream.receiveChar", "org.postgresql.jdbc.PgConnection.getNotifications", "com.acme.Notes.loop"),
    ],
)
def test_a_loop_that_reads_as_long_as_its_connection_is_open_waits_for_no_answer(frames: tuple[str, ...]) -> None:
    text = stack_of(
        "reader-1", "java.net.SocketInputStream.socketRead0", "java.net.SocketInputStream.read", *frames, "java.lang.Thread.run"
    )
    assert "“reader-1” is idle" in said({"dump.txt": text})


def test_of_open_connections_a_picked_thread_does_not_tell_who_uses_them() -> None:
    wait = stack_of(
        "feed-3",
        "sun.misc.Unsafe.park",
        "org.apache.http.pool.AbstractConnPool.getPoolEntryBlocking",
        "com.acme.Rates.load",
        state="WAITING (parking)",
    )
    rows = "".join(f"tcp6       0      0 10.0.0.5:{port}       10.0.0.40:8090          ESTABLISHED 7690/java\n" for port in (40101, 40102))
    finding = suspected({"report.md": f"It hangs:\n\n{wait}\nand\n\n{HEAD}{rows}"}, "http-pool-exhausted")
    assert "who has the lent ones is not among the threads that are here" in finding.headline
    assert "nobody uses" not in f"{finding.headline} {finding.explanation}"


def test_a_task_that_waits_for_a_task_is_a_suspicion() -> None:
    task = stack_of(
        "paint-2",
        "sun.misc.Unsafe.park",
        "- parking to wait for  <0x00000000d7a1be50> (a java.util.concurrent.FutureTask)",
        "java.util.concurrent.FutureTask.get",
        "com.acme.Picture.render",
        "java.util.concurrent.FutureTask.run",
        "java.util.concurrent.ThreadPoolExecutor.runWorker",
        state="WAITING (parking)",
    )
    finding = suspected({"dump.txt": task}, "nested-task-starvation")
    assert "are tasks of paint and wait for other tasks in FutureTask.get" in finding.headline


def stack_of(name: str, *frames: str, state: str = "RUNNABLE") -> str:
    lines = "".join(f"\t{frame}\n" if frame.startswith("- ") else f"\tat {frame}(X.java:7)\n" for frame in frames)
    return f'"{name}" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f runnable  [0x00007f108a1fd000]\n   java.lang.Thread.State: {state}\n{lines}\n'


def test_an_owner_that_was_not_pasted() -> None:
    assert "whose owner is not among the threads that are here" in said({"dump.txt": WAITER})


def test_threads_that_wait_alike_are_one_sentence() -> None:
    text = said({"dump.txt": WAITER + WAITER.replace("web-1", "web-3") + IDLE_OWNER})
    assert "2 threads (“web-1”, “web-3”) wait to enter com.acme.Drawer, which “web-2” holds" in text


def test_a_lender_is_named() -> None:
    stack = (
        '"web-1" #31 prio=5 tid=0x1 nid=0x2 waiting on condition\n   java.lang.Thread.State: WAITING (parking)\n\tat sun.misc.Unsafe.park(Native Method)\n'
        "\tat org.apache.http.pool.AbstractConnPool.getPoolEntryBlocking(AbstractConnPool.java:307)\n\tat com.acme.Proxy.run(Proxy.java:20)\n"
    )
    finding = suspected({"dump.txt": stack}, "http-pool-exhausted")
    assert finding.headline == (
        "Threads like “web-1” (1 pasted) wait for a connection of Apache HttpClient 4: who has the lent ones is not among the threads that are here."
    )


def test_nothing_that_was_read_is_missing() -> None:
    artifacts = [one.artifact for one in diagnosis_of({"dump.txt": WAITER}).missing]
    assert "thread dump" not in artifacts
    assert "rest of the thread dump" in artifacts


def test_what_is_told_only_as_information_is_told() -> None:
    rows = "".join(f"tcp6       1      0 10.0.0.5:3930{at}           10.0.0.40:80            CLOSE_WAIT  7690/java\n" for at in range(4))
    text = said({"netstat.txt": HEAD + rows})
    assert "4 connections to 10.0.0.40:80" in text
    assert "no trouble" not in text


def test_a_few_rows_below_any_threshold_are_told() -> None:
    text = said(
        {
            "netstat.txt": HEAD
            + "tcp        0      0 0.0.0.0:8080 0.0.0.0:* LISTEN 7/java\ntcp        1      0 10.0.0.5:8080 10.0.0.9:4000 CLOSE_WAIT 7/java\n"
        }
    )
    assert "1 connection of java in CLOSE_WAIT" in text


@pytest.mark.parametrize(
    ("queue", "words"),
    [(0, "(12 read to the end)"), (1, "(12 read but for the end)"), (9, "(12 unread)")],
)
def test_only_the_kinds_that_occur_are_counted(queue: int, words: str) -> None:
    rows = "".join(f"tcp        {queue}      0 10.0.0.5:5017          10.0.0.9:{4950 + at}          CLOSE_WAIT\n" for at in range(12))
    assert f"12 clients of port 5017 disconnected and the server has not closed its side {words}" in said(
        {"netstat.txt": "Proto Recv-Q Send-Q Local Address Foreign Address State\ntcp 0 0 0.0.0.0:5017 0.0.0.0:* LISTEN\n" + rows}
    )


def test_a_table_without_queues_says_that_it_does_not_know() -> None:
    rows = "".join(f"  TCP    10.0.0.5:5017          10.0.0.9:{4950 + at}          CLOSE_WAIT      940\n" for at in range(12))
    files = {
        "netstat.txt": "  Proto  Local Address  Foreign Address  State  PID\n  TCP    0.0.0.0:5017    0.0.0.0:0    LISTENING    940\n"
        + rows
    }
    assert "(whether what they sent was read, this table does not show)" in said(files)
    assert all("ss -" not in one.command and "/proc" not in one.command for one in diagnosis_of(files).missing)


def test_the_bsds_do_not_count_the_end() -> None:
    """There Recv-Q 0 of a CLOSE_WAIT tells nothing: idle connections of a pool look the same."""
    rows = "".join(f"tcp4       0      0  10.0.0.26.5000{at}        10.0.0.40.443          CLOSE_WAIT\n" for at in range(8))
    files = {
        "netstat.txt": "Active Internet connections\nProto Recv-Q Send-Q  Local Address          Foreign Address        (state)\n" + rows
    }
    assert "read to the end" not in said(files)
    assert [one.severity.value for one in found(diagnosis_of(files), "connection-leak")] == ["info"]
    assert "8 connections to 10.0.0.40:443" in said(files)


def test_counts_by_state_are_said_and_rows_are_asked_for() -> None:
    text = said({"counts.txt": "   1208 CLOSE_WAIT\n    601 ESTABLISHED\n"})
    assert "Sockets were counted by state (1,208 CLOSE_WAIT, 601 ESTABLISHED)" in text
    assert any("ss -" in one.command for one in diagnosis_of({"counts.txt": "   1208 CLOSE_WAIT\n"}).missing)


def test_a_count_above_the_rows_says_that_they_are_a_part() -> None:
    table = HEAD + "tcp        1      0 10.0.0.5:8080 10.0.0.9:4000 CLOSE_WAIT 7/java\n"
    assert "The session counted 26,358 lines" in " ".join(diagnosis_of({"s.txt": f"$ netstat -tnp | wc -l\n26358\n{table}"}).notes)


def test_a_debuggers_stacks_are_used_and_not_asked_for_again() -> None:
    rows = "".join(f"tcp      400      0 10.0.0.5:8080 10.0.0.9:{4000 + at} CLOSE_WAIT 77/wsd\n" for at in range(6))
    files = {
        "netstat.txt": HEAD + "tcp        0      0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/wsd\n" + rows,
        "bt.txt": "Thread 1 (LWP 77):\n#0  0x00007f90fb3286d3 in recvfrom () at x.c:84\n#1  0x00007f90fb9697ad in tls_read (s=0x1) at src/tls.c:164\n",
    }
    assert "Thread 77 of wsd (pid 77) is in recvfrom, called from tls_read." in said(files)
    assert not any("gdb" in one.command for one in diagnosis_of(files).missing)


def test_stacks_that_were_shortened_by_whoever_pasted_them_are_no_torn_ones() -> None:
    """Frames of the JDK between park and the code that parks are left out in many reports, with the dump's header above them."""
    stack = (
        '"web-{n}" #3{n} prio=5 tid=0x1{n} nid=0x2{n} waiting on condition\n   java.lang.Thread.State: WAITING (parking)\n\tat sun.misc.Unsafe.park(Native Method)\n'
        "\tat org.apache.http.pool.AbstractConnPool.getPoolEntryBlocking(AbstractConnPool.java:307)\n\tat com.acme.Proxy.run(Proxy.java:20)\n\n"
    )
    text = "Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode):\n\n" + "".join(stack.format(n=n) for n in range(3))
    diagnosis = diagnosis_of({"dump.txt": text})
    assert "another one's" not in " ".join(diagnosis.notes)
    assert "HttpClient" in f"{diagnosis.verdict.headline} {diagnosis.verdict.summary}"


def test_a_piece_of_a_dump_beside_a_few_rows_speaks_too() -> None:
    table = (
        HEAD
        + "tcp        0      0 0.0.0.0:8080 0.0.0.0:* LISTEN 7/java\ntcp        1      0 10.0.0.5:8080 10.0.0.9:4000 ESTABLISHED 7/java\n"
    )
    text = said({"dump.txt": WAITER, "netstat.txt": table})
    assert "“web-1” waits to enter com.acme.Drawer" in text
    assert "the rest of the thread dump would show" in text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "web-5 is here:\n    com.acme.Till.open(Till.java:10)\n    com.acme.Till.run(Till.java:4)\n",
            "a stack trace in another shape",
        ),
        (
            "all tcp 10.0.0.5:40000 -> 10.0.0.9:8080       ESTABLISHED:ESTABLISHED\n" * 3,
            "a list of a packet filter's connections",
        ),
    ],
)
def test_what_is_recognised_and_not_read_is_told(text: str, kind: str) -> None:
    assert f"x.txt looks like {kind}, which is not read." in said({"x.txt": text})


def test_a_thread_of_a_piece_is_not_called_the_acceptor() -> None:
    # Nobody accepts in these lines; who does may be among the threads that were not pasted.
    stack = ("jdk.internal.misc.Unsafe.park", "org.kiosk.Gate.pass")
    pasted = thread("kiosk worker 4", "WAITING (parking)", *stack)
    table = "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port\nLISTEN     7      5      *:7700              *:*\n"
    table += "".join(f"CLOSE-WAIT 90     0      10.0.0.1:7700       10.0.0.5:4000{n}\n" for n in range(3))
    diagnosis = diagnosis_of({"paste.txt": f"{pasted}\n{table}"})
    assert "acceptor" not in " ".join(str(one.says) for finding in diagnosis.findings for one in finding.evidence)


def test_deleted_files_that_are_still_open_are_told() -> None:
    rows = (
        "COMMAND   PID   USER   FD   TYPE DEVICE    SIZE/OFF NLINK    NODE NAME\n"
        "java    21904 gannet  1w   REG  253,1 48318382080     0 1310734 /opt/gannet/out.log (deleted)\n"
        "java    21904 gannet  9u   REG    0,1           8     0      12 /memfd:shared (deleted)\n"
    )
    text = said({"lsof.txt": rows})
    assert "1 descriptor of java (pid 21904) is of a deleted file (/opt/gannet/out.log)" in text
    assert "memfd" not in text


def test_one_picked_thread_beside_a_full_queue_is_the_likely_reason() -> None:
    """It may be the one that should accept, or stand for all; an idle one, or two of them, tell nothing."""
    queue = 'State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\nLISTEN 51     50     *:8443             *:*               users:(("java",pid=4321,fd=88))\n'

    def picked(name: str, *frames: str) -> str:
        stack = "".join(f"\tat {frame}\n" for frame in frames)
        return f'"{name}" #31 prio=5 os_prio=0 tid=0x00007f1c4003b800 nid=0x10f1 runnable [0x00007f1bd1eeb000]\n   java.lang.Thread.State: RUNNABLE\n{stack}\n'

    reads = (
        "java.net.SocketInputStream.socketRead0(Native Method)",
        "org.quay.Ledger.register(Ledger.java:58)",
        "org.quay.Door.loop(Door.java:31)",
    )
    (told,) = found(diagnosis_of({"post.txt": f"Nobody gets in:\n\n{queue}\nand\n\n{picked('door', *reads)}"}), "backlog-overflow")
    assert told.confidence is Confidence.SUSPECTED
    assert "and “door” waits for bytes of a socket" in told.headline
    assert (told.culprit.thread, told.culprit.frame) == ("door", "org.quay.Ledger.register(Ledger.java:58)")
    accepts = picked("door", "java.net.ServerSocket.accept(ServerSocket.java:513)", "org.quay.Door.loop(Door.java:31)")
    for others in (
        accepts,
        picked("door", *reads) + picked("gate", "java.lang.Thread.sleep(Native Method)", "org.quay.Gate.loop(Gate.java:9)"),
    ):
        (told,) = found(diagnosis_of({"post.txt": f"Nobody gets in:\n\n{queue}\nand\n\n{others}"}), "backlog-overflow")
        assert told.culprit.thread is None
