"""A full accept queue behind processes that have one connection each, in pasted tables whose listener has no owner."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Diagnosis, Severity
from tests.builders import diagnosis_of, found

FLOOD = "[11.402] TCP: request_sock_TCP: Possible SYN flooding on port 7300. Sending cookies.  Check SNMP counters.\n"
PIDS = (810, 811, 812)


def counters(*readings: int) -> str:
    return "".join(
        f"# netstat -s | grep -i listen\n    {one} times the listen queue of a socket overflowed\n    {one} SYNs to LISTEN sockets dropped\n"
        for one in readings
    )


def listener(queue: int, backlog: int = 64) -> str:
    return (
        "# ss -ltn\nState    Recv-Q   Send-Q     Local Address:Port      Peer Address:Port\n"
        f"LISTEN   {queue}        {backlog}              0.0.0.0:7300           0.0.0.0:*\n"
    )


def row(remote: str, owner: str, unread: int = 0, state: str = "ESTABLISHED") -> str:
    return f"tcp      {unread}      0 10.7.0.2:7300      {remote}     {state} {owner}\n"


HELD = "".join(row(f"10.7.1.{pid - 800}:42000", f"{pid}/uwsgi") for pid in PIDS)
WAITING = "".join(row(f"10.7.1.40:{43000 + n}", "-", 211) for n in range(3))
LEFT = "".join(row(f"10.7.1.41:{43000 + n}", "-", 212, "CLOSE_WAIT") for n in range(2))


def told(*blocks: str) -> Diagnosis:
    return diagnosis_of({"report.md": "The kernel says this:\n\n```\n" + "".join(blocks) + "```\n"})


def test_each_process_has_a_connection_and_nobody_takes_the_next() -> None:
    diagnosis = told(FLOOD, listener(65), counters(7000, 7240), "# netstat -tnp | grep 7300\n", HELD, WAITING, LEFT)
    (finding,) = found(diagnosis, "acceptor-stalled")
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert "(65 of 64): each of the 3 uwsgi processes that serve the port has one connection" in finding.headline
    assert "overflowed 240 times between the readings" in finding.explanation
    assert "5 connections of the port have no owner" in finding.explanation
    assert "The clients of 2 have left" in finding.explanation
    assert any("py-spy dump --pid $pid" in (one.command or "") and "810 811 812" in (one.command or "") for one in finding.actions)
    assert not found(diagnosis, "backlog-overflow")
    assert not found(diagnosis, "connection-limit")
    (queue,) = [table for table in diagnosis.sockets if table.pid is None]
    assert queue.states == {"ESTABLISHED": 3, "CLOSE_WAIT": 2, "LISTEN": 1}


def test_a_moment_of_the_queue_alone_is_a_suspicion() -> None:
    (finding,) = found(told(listener(64), "# netstat -tnp | grep 7300\n", HELD, WAITING), "acceptor-stalled")
    assert finding.confidence is Confidence.SUSPECTED


def test_a_queue_with_room_is_none() -> None:
    assert not found(told(listener(9), "# netstat -tnp | grep 7300\n", HELD, WAITING), "acceptor-stalled")


def test_a_process_with_many_connections_serves_them_at_once() -> None:
    more = row("10.7.1.50:42000", "811/uwsgi") + row("10.7.1.51:42000", "811/uwsgi")
    diagnosis = told(listener(65), "# netstat -tnp | grep 7300\n", HELD, more, WAITING, LEFT)
    assert not any("each of the" in one.headline for one in found(diagnosis, "acceptor-stalled"))


def test_counters_tell_their_growth_where_they_were_read_twice() -> None:
    summary = told(counters(31, 44)).verdict.summary
    assert "grew from 31 to 44 between the readings" in summary
    assert "second reading" not in summary
    assert "does not grow" in told(counters(31, 31)).verdict.summary
    assert "a second reading shows" in told(counters(31)).verdict.summary
