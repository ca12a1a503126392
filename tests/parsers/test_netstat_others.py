"""netstat of macOS, BSD, Solaris and Windows, written after their sources and documentation."""

from __future__ import annotations

import pytest

from parsers import Format, recognise, sections
from parsers.records import Endpoint, SocketRow, TcpState
from parsers.sockets import netstat, netstat_bsd, netstat_solaris, netstat_windows
from parsers.text.source import Section, Source

HEADER = "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)    "
NARROW = "Socket   Proto Recv-Q Send-Q  Local Address      Foreign Address    (state)"
WINDOWS = "  Proto  Local Address          Foreign Address        State           PID"


def bsd(*lines: str) -> list[SocketRow]:
    parsed = netstat_bsd.parse(Section("netstat.txt", 1, lines))
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, SocketRow)]


def windows(*lines: str) -> list[SocketRow]:
    parsed = netstat_windows.parse(Section("netstat.txt", 1, lines))
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, SocketRow)]


def test_the_port_stands_behind_the_last_dot() -> None:
    (found,) = bsd("tcp4      58      0  10.0.0.26.8080         10.0.0.149.60494       CLOSE_WAIT ")
    assert (found.local, found.remote) == (Endpoint("10.0.0.26", 8080), Endpoint("10.0.0.149", 60494))
    assert (found.proto, found.state, found.recv_q, found.owners) == ("tcp", TcpState.CLOSE_WAIT, 58, None)


def test_listeners() -> None:
    (found,) = bsd("tcp46      0      0  *.8080                 *.*                    LISTEN     ")
    assert (found.local, found.remote, found.state) == (Endpoint("*", 8080), None, TcpState.LISTEN)


def test_v6_scope_and_service_name() -> None:
    (found,) = bsd("tcp6       0      0  fe80::1%lo0.https      ::1.50123              FIN_WAIT_2 ")
    assert (found.local, found.remote, found.state) == (Endpoint("fe80::1", 443), Endpoint("::1", 50123), TcpState.FIN_WAIT2)


def test_a_host_of_sixteen_characters_is_cut_though_it_looks_whole() -> None:
    (found,) = bsd(HEADER, "tcp6       0      0  2001:db8:85a3::8.8080  2001:db8:85a3::8.60494 ESTABLISHED")
    assert found.remote
    assert (found.local.truncated, found.remote.truncated, found.remote.port) == (True, True, 60494)


def test_in_a_wide_table_nothing_is_cut() -> None:
    rows = bsd(
        "tcp6       0      0  2001:db8:85a3::8.8080                         2001:db8:85a3::8a2e:370:7334.60494            ESTABLISHED",
        "tcp4       0      0  10.0.0.26.8080                                app01.example.co.60494                        ESTABLISHED",
    )
    assert [row.local.truncated or row.remote is None or row.remote.truncated for row in rows] == [False, False]


def test_a_port_that_the_narrow_column_cut_is_left_out() -> None:
    cut, whole = bsd(
        NARROW,
        "c5d2a0b0 tcp4       0      0  192.168.100.10.80  192.168.100.100.60 ESTABLISHED",
        "c5d2a0b0 tcp4       0      0  192.168.100.10.80  192.168.1.12.60494 ESTABLISHED",
    )
    assert cut.remote == Endpoint("192.168.100.100", None, "60", truncated=True)
    assert whole.remote == Endpoint("192.168.1.12", 60494)


def test_pid_of_older_and_newer_macos() -> None:
    (older,) = bsd(
        f"{HEADER}  rhiwat shiwat    pid   epid  state    options",
        "tcp4       0      0  10.0.0.26.8080         10.0.0.149.60494       CLOSE_WAIT   131072 131072  94110      0 0x0102 0x00000020",
    )
    (newer,) = bsd(
        f"{HEADER}  rxbytes      txbytes  rhiwat shiwat    process:pid    state  options",
        "tcp4       0      0  10.0.0.26.8080         10.0.0.149.60494       CLOSE_WAIT   10  20  131072 131072  Google Chrome He:1234  0x0102 0x20",
    )
    assert older.pid == 94110
    assert newer.owners
    assert (newer.owners[0].pid, newer.owners[0].command) == (1234, "Google Chrome He")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"Active Internet connections\n{HEADER}\n", netstat_bsd),
        ("tcp4       0      0  10.0.0.26.8080         10.0.0.149.60494       CLOSE_WAIT", netstat_bsd),
        ("tcp6       0      0  ::1.8080               ::1.50123              CLOSE_WAIT", netstat_bsd),
        ("tcp4       0      0  app01.example.8080     db01.example.5432      ESTABLISHED", netstat_bsd),
        ("udp4       0      0  *.5353                 *.*                               ", netstat_bsd),
        ("tcp        0      0 10.0.0.26:8080          10.0.0.149:60494        CLOSE_WAIT", netstat),
        ("tcp        0      0 app01.example:webcache  db01.example.co:60494   CLOSE_WAIT", netstat),
        ("tcp6       0      0 ::ffff:10.0.0.5:8080    ::1:60494               CLOSE_WAIT", netstat),
        ("udp        0      0 10.0.0.5:5353           0.0.0.0:*                         ", netstat),
        ("  TCP    10.0.0.26:8080         10.0.0.149:60494       CLOSE_WAIT      4321", netstat_windows),
        ("10.0.0.26.8080       10.0.0.149.60494     49640      0 49640     58 CLOSE_WAIT", netstat_solaris),
    ],
)
def test_exactly_one_dialect_claims_each(text: str, form: object) -> None:
    (section,) = sections(Source("x", text.encode()))
    assert recognise(section) is form
    others = [one for one in (netstat, netstat_bsd, netstat_solaris, netstat_windows) if one is not form]
    assert not any(one.sniff(text.split("\n")) for one in others)


def test_windows_row_and_its_program() -> None:
    java, svchost = windows(
        WINDOWS,
        "  TCP    10.0.0.26:8080         10.0.0.149:60494       CLOSE_WAIT      4321",
        " [java.exe]",
        "  TCP    [::1]:49669            [::]:0                 LISTENING       732",
        "  RpcSs",
        " [svchost.exe]",
    )
    assert (java.local, java.remote, java.state) == (Endpoint("10.0.0.26", 8080), Endpoint("10.0.0.149", 60494), TcpState.CLOSE_WAIT)
    assert java.owners
    assert (java.owners[0].pid, java.owners[0].command, java.recv_q) == (4321, "java.exe", None)
    assert svchost.owners
    assert (svchost.state, svchost.remote, svchost.owners[0].command) == (TcpState.LISTEN, None, "svchost.exe")


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ("  TCP    0.0.0.0:135            0.0.0.0:0              ABHÖREN         1712", TcpState.LISTEN),
        ("  TCP    0.0.0.0:135            0.0.0.0:0              À L'ÉCOUTE      1712", TcpState.LISTEN),
        ("  TCP    10.0.0.5:80            10.0.0.9:5000          HERGESTELLT     1712", TcpState.ESTABLISHED),
        ("  TCP    10.0.0.5:80            10.0.0.9:5000          SCHLIESSEN_WARTEN 1712", TcpState.CLOSE_WAIT),
        ("  TCP    10.0.0.5:80            10.0.0.9:5000          NÁLEZENO        1712", TcpState.UNKNOWN),
        ("  TCP    10.0.0.5:80            10.0.0.9:5000          FIN_WAIT_2      1712", TcpState.FIN_WAIT2),
    ],
)
def test_windows_in_other_languages(row: str, state: TcpState) -> None:
    (found,) = windows("  Proto  Lokale Adresse         Remoteadresse          Status           PID", row)
    assert (found.state, found.pid) == (state, 1712)


def test_time_wait_belongs_to_no_process() -> None:
    (found,) = windows("  TCP    10.0.0.5:80            10.0.0.9:5000          TIME_WAIT       0")
    assert (found.state, found.owners) == (TcpState.TIME_WAIT, None)


def test_windows_udp() -> None:
    (found,) = windows("  UDP    0.0.0.0:123            *:*                                    1234")
    assert (found.proto, found.state, found.remote, found.pid) == ("udp", None, None, 1234)


def test_solaris_has_recv_q_last() -> None:
    parsed = netstat_solaris.parse(Section("n", 1, ["10.0.0.26.8080       10.0.0.149.60494     49640      7 49640     58 CLOSE_WAIT"]))
    (found,) = parsed.records
    assert isinstance(found, SocketRow)
    assert (found.recv_q, found.send_q, found.state) == (58, 7, TcpState.CLOSE_WAIT)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        (netstat_bsd, f"tcp4 {'9' * 5000} 0 10.0.0.26.8080 10.0.0.149.60494 CLOSE_WAIT"),
        (netstat_solaris, "10.0.0.26.8080 10.0.0.149.99999 49640 0 49640 58 CLOSE_WAIT"),
        (netstat_windows, "  TCP    10.0.0.26:80800         10.0.0.149:60494       CLOSE_WAIT      4321"),
    ],
)
def test_damage_is_unread(form: Format, line: str) -> None:
    parsed = form.parse(Section("n", 3, [line]))
    assert (parsed.records, [gap.where.first for gap in parsed.unread]) == ((), [3])
