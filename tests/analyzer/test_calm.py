"""Cases that what is pasted decides as normal are called so, with what that does not cover; a scrap beside a trouble is not."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Status, Verdict
from tests.builders import diagnosis_of

STATES = "$ netstat -ant | awk '/^tcp/ {print $6}' | sort | uniq -c\n     52 ESTABLISHED\n      7 LISTEN\n   2204 TIME_WAIT\n"
FILES = "$ sudo lsof | grep java | wc -l\n{lines}\n$ ls /proc/7117/fd | wc -l\n412\n$ grep 'open files' /proc/7117/limits\nMax open files            65536                65536                files\n"
STACK = '"{name}" #{at} prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x25{at} {state}\n   java.lang.Thread.State: {state}\n{frames}\n'
WORKER = "".join(
    f"\tat {frame}\n"
    for frame in (
        "sun.misc.Unsafe.park(Native Method)",
        "java.util.concurrent.LinkedBlockingQueue.take(LinkedBlockingQueue.java:442)",
        "java.util.concurrent.ThreadPoolExecutor.getTask(ThreadPoolExecutor.java:1074)",
        "java.util.concurrent.ThreadPoolExecutor$Worker.run(ThreadPoolExecutor.java:624)",
    )
)
ACCEPTOR = "\tat sun.nio.ch.ServerSocketChannelImpl.accept0(Native Method)\n\tat sun.nio.ch.ServerSocketChannelImpl.accept(ServerSocketChannelImpl.java:422)\n\tat org.apache.tomcat.util.net.Acceptor.run(Acceptor.java:95)\n"
CALL = "\tat java.net.SocketInputStream.socketRead0(Native Method)\n\tat sun.net.www.http.HttpClient.parseHTTP(HttpClient.java:735)\n\tat nl.mill.Rates.ask(Rates.java:27)\n"
REST = STACK.format(name="mill-exec-7", at=37, state="WAITING (parking)", frames=WORKER) + STACK.format(
    name="mill-Acceptor", at=41, state="RUNNABLE", frames=ACCEPTOR
)
HANGS = STACK.format(name="mill-exec-8", at=38, state="RUNNABLE", frames=CALL)


def verdict(text: str) -> Verdict:
    return diagnosis_of({"post.md": text}).verdict


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"Is that a leak?\n\n{STATES}", "2,204 TIME_WAIT are normal"),
        (f"Is that a leak?\n\n{FILES.format(lines=150112)}", "412 descriptors of the process are open, far from its limit"),
        (f"What do they wait for?\n\n{REST}", "nobody among the 2 threads that are here is stuck"),
    ],
)
def test_what_is_normal_is_called_so(text: str, said: str) -> None:
    found = verdict(text)
    assert found.calm
    assert found.status is Status.INSUFFICIENT
    assert found.headline.startswith("Nothing is wrong in what is shown: ")
    assert said in found.headline


def test_numbers_ask_for_nothing_more_and_threads_for_dumps_of_a_hang() -> None:
    assert not diagnosis_of({"post.md": STATES}).missing
    assert [one.artifact for one in diagnosis_of({"post.md": REST}).missing] == ["thread dumps while something hangs, if it does"]


@pytest.mark.parametrize(
    "text",
    [
        STATES + "    880 CLOSE_WAIT\n",
        STATES.replace("2204", "27904"),
        STATES + "\n2024-03-01 10:00:00 ERROR java.net.SocketException: Too many open files\n",
        STATES + "\n" + HANGS,
        REST + HANGS,
        f"I took this jstack right after the restart.\n\n{REST}",
    ],
)
def test_anything_beside_it_that_may_be_a_trouble_keeps_that_away(text: str) -> None:
    assert not verdict(text).calm


def test_what_was_saved_after_the_restart_answers_for_the_new_process_alone() -> None:
    found = verdict(f"I took this jstack right after the restart.\n\n{REST}")
    assert "shows the new process, and not what the old one hung in" in found.summary


def test_every_row_of_lsof_is_no_descriptor() -> None:
    rows = "".join(
        f"java  7117 {task} mill {fd}  {kind}  253,0  4096  10{at} {name}\n"
        for task in ("     ", "7118 ")
        for at, (fd, kind, name) in enumerate(
            [
                ("cwd", "DIR", "/opt/mill"),
                ("txt", "REG", "/opt/jdk/bin/java"),
                ("0r", "CHR", "/dev/null"),
                ("1w", "REG", "/var/log/mill.log"),
            ]
        )
    )
    assert "8 descriptors" not in verdict(f"$ sudo lsof | grep java | head -8\n{rows}").headline


HEAD = "Proto Recv-Q Send-Q Local Address           Foreign Address         State\n"
SESSIONS = (
    "+----+------+-----------+------+---------+------+-------+------------------+\n"
    "| Id | User | Host      | db   | Command | Time | State | Info             |\n"
    "+----+------+-----------+------+---------+------+-------+------------------+\n"
    "|  5 | root | localhost | mill | Query   |    0 | init  | show processlist |\n"
    "+----+------+-----------+------+---------+------+-------+------------------+\n"
)


def rows(queue: int, state: str) -> str:
    """Two connections of one port, pasted without the rest of the table."""
    two = "".join(f"tcp   {queue:6}      0 10.3.0.1:{7080 + at:<14} 10.3.0.4:4011           {state}\n" for at in range(2))
    return f"\n$ netstat -ant | head -3\n{HEAD}{two}"


def listener(waiting: int, size: int) -> str:
    return f"\n$ ss -lnt\nState   Recv-Q  Send-Q    Local Address:Port    Peer Address:Port\nLISTEN  {waiting}       {size}          0.0.0.0:7080         0.0.0.0:*\n"


@pytest.mark.parametrize("beside", [rows(0, "ESTABLISHED"), listener(0, 50), listener(1, 50)])
def test_rows_that_are_normal_too_change_nothing(beside: str) -> None:
    assert verdict(STATES + beside).calm


@pytest.mark.parametrize(
    "beside",
    [
        rows(300, "ESTABLISHED"),
        rows(0, "SYN_SENT"),
        listener(3, 3),
        "     40 SYN_SENT\n",
        "\n$ ps axo pid,stat,wchan:20,comm\n  PID STAT WCHAN                COMMAND\n  311 D    nfs_wait_bit_killabl cp\n    1 Ss   ep_poll              systemd\n",
        "\n$ netstat -s | grep -i listen\n    812 times the listen queue of a socket overflowed\n    812 SYNs to LISTEN sockets dropped\n",
        "\n$ cat /proc/7/task/9/stack\n[<0>] futex_wait_queue+0x66/0xa0\n[<0>] do_futex+0x100/0x1b0\n",
        f"\nmysql> show processlist;\n{SESSIONS}",
    ],
    ids=[
        "bytes wait",
        "no answer",
        "full queue",
        "many without an answer",
        "no signal wakes it",
        "dropped",
        "task in the kernel",
        "sessions",
    ],
)
def test_numbers_alone_are_not_called_normal_beside_what_is_not(beside: str) -> None:
    assert not verdict(STATES + beside).calm


def test_half_closed_sockets_are_compared_with_the_open_ones() -> None:
    few = STATES.replace("     52 ESTABLISHED", "      3 ESTABLISHED")
    assert verdict(few + "      1 CLOSE_WAIT\n").calm
    assert not verdict(few + "      4 CLOSE_WAIT\n").calm
