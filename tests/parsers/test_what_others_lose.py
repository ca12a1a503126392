"""Tables that other readers lose as a whole because of one row (jc 1.26.1, tried by hand; it is no dependency of these tests)."""

from __future__ import annotations

from parsers import recognise, sections
from parsers.records import Endpoint, Owner, Pid, SocketRow, TcpState, TimerKind
from parsers.text.source import Source

TABLE = """\
Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name     Timer
tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      0          1675       600/sshd: /usr/sbin  off (0.00/0/0)
tcp        0      0 10.0.0.5:41000          0.0.0.0:*               CLOSE       0          1676       77/java              off (0.00/0/0)
tcp6      58      0 127.0.0.1:38090         127.0.0.1:33320         CLOSE_WAIT  0          1677       9420/Passenger Ruby  keepalive (7194.90/0/0)
"""


def rows(text: str, form: str) -> list[SocketRow]:
    """The rows of a text that is nothing else, found by content."""
    (section,) = sections(Source("x.txt", text.encode()))
    recognised = recognise(section)
    assert recognised
    assert form == recognised.NAME
    parsed = recognised.parse(section)
    assert parsed.unread == ()
    assert parsed.read == section.nonblank
    return [record for record in parsed.records if isinstance(record, SocketRow)]


def test_one_row_in_state_close() -> None:
    """Jc knows CLOSED, not CLOSE: it splits the row one cell short and raises IndexError, and with it go all rows of the file."""
    found = rows(TABLE, "netstat")
    assert [row.state for row in found] == [TcpState.LISTEN, TcpState.CLOSE, TcpState.CLOSE_WAIT]
    assert found[1].pid == 77
    assert found[1].inode == 1676


def test_program_names_with_a_blank_in_netstat() -> None:
    """Jc cuts the name at the blank and puts the rest into the timer: ``sshd:`` and ``/usr/sbin  off (0.00/0/0)``."""
    first, _, last = rows(TABLE, "netstat")
    assert first.owners == (Owner(Pid(600), "sshd: /usr/sbin"),)
    assert last.owners == (Owner(Pid(9420), "Passenger Ruby"),)
    assert first.timer
    assert last.timer
    assert (first.timer.kind, last.timer.kind, last.timer.remaining) == (TimerKind.OFF, TimerKind.KEEPALIVE, 7194.9)


def test_ss_without_a_netid_column() -> None:
    """``ss -tanp`` asks for one family, so there is no Netid: jc raises KeyError on the first row."""
    listener, connection = rows(
        "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n"
        'LISTEN 0      128          0.0.0.0:2024      0.0.0.0:*    users:(("java",pid=7,fd=3))\n'
        'CLOSE-WAIT 1  0          10.0.0.5:8080      10.0.0.9:60494    users:(("java",pid=7,fd=4))\n',
        "ss",
    )
    assert (listener.proto, listener.backlog, listener.owners) == ("tcp", 128, (Owner(Pid(7), "java", 3),))
    assert (connection.state, connection.recv_q, connection.remote) == (TcpState.CLOSE_WAIT, 1, Endpoint("10.0.0.9", 60494))


def test_program_names_with_a_blank_in_ss() -> None:
    """Older jc lost pid and descriptor behind the blank; 1.26.1 does not."""
    (row,) = rows(
        "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n"
        'tcp   LISTEN 0      128          0.0.0.0:2024      0.0.0.0:*    users:(("my prog",pid=7,fd=3),("a,b(c",pid=8,fd=4))\n',
        "ss",
    )
    assert row.owners == (Owner(Pid(7), "my prog", 3), Owner(Pid(8), "a,b(c", 4))


def test_program_names_with_a_blank_in_lsof() -> None:
    """Lsof escapes the blank; jc hands on ``my\\x20prog``."""
    (row,) = rows(
        "COMMAND        PID   USER   FD   TYPE    DEVICE SIZE/OFF NODE NAME\n"
        "my\\x20pro    27836 tomcat   45u  IPv4 844147418      0t0  TCP 10.0.0.26:8080->10.0.0.149:60494 (CLOSE_WAIT)\n",
        "lsof",
    )
    assert row.owners == (Owner(Pid(27836), "my pro", 45),)
