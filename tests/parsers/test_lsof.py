"""lsof: one reader for every set of optional columns."""

from __future__ import annotations

import pytest

from parsers.records import Endpoint, OpenFile, SocketRow, TcpState
from parsers.sockets import lsof
from parsers.text.source import Section


def table(*lines: str) -> list[SocketRow | OpenFile]:
    parsed = lsof.parse(Section("lsof.txt", 1, lines))
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, SocketRow | OpenFile)]


def sockets(*lines: str) -> list[SocketRow]:
    return [record for record in table(*lines) if isinstance(record, SocketRow)]


def files(*lines: str) -> list[OpenFile]:
    return [record for record in table(*lines) if isinstance(record, OpenFile)]


def test_a_row_of_lsof_i() -> None:
    (row,) = sockets("java    27836   tomcat 1712r  IPv4 844147418      0t0  TCP 10.0.0.26:webcache->10.0.0.149:60494 (CLOSE_WAIT)")
    assert (row.local, row.remote) == (Endpoint("10.0.0.26", 8080), Endpoint("10.0.0.149", 60494))
    assert (row.state, row.inode, row.user) == (TcpState.CLOSE_WAIT, 844147418, "tomcat")
    assert row.owners
    assert (row.owners[0].pid, row.owners[0].command, row.owners[0].fd) == (27836, "java", 1712)


def test_lsof_never_says_the_queues_unless_asked() -> None:
    plain, asked = sockets(
        "java     1493     root   14u  IPv6    172931      0t0  TCP 127.0.0.1:38090->127.0.0.1:33048 (CLOSE_WAIT)",
        "java     1493     root   14u  IPv6    172931      0t0  TCP 127.0.0.1:38090->127.0.0.1:33048 (CLOSE_WAIT QR=19 QS=0)",
    )
    assert (plain.recv_q, plain.send_q) == (None, None)
    assert (asked.recv_q, asked.send_q, asked.state) == (19, 0, TcpState.CLOSE_WAIT)


def test_descriptors_from_10000_on_are_unknown() -> None:
    (row,) = sockets("java    27836   tomcat *345u  IPv4 844147418      0t0  TCP 10.0.0.26:8080->10.0.0.149:60494 (CLOSE_WAIT)")
    assert row.owners
    assert row.owners[0].fd is None


def test_command_escapes() -> None:
    (row,) = sockets(r"my\x20prog(x) 10833 root    4u  IPv6  24493      0t0  TCP *:45201 (LISTEN)")
    assert row.owners
    assert row.owners[0].command == "my prog(x)"
    assert row.local == Endpoint("*", 45201)


@pytest.mark.parametrize("name", ["protocol: TCP", "protocol: TCPv6", "can't identify protocol"])
def test_a_descriptor_whose_connection_is_gone(name: str) -> None:
    (found,) = files(f"java     1493     root   30u  sock       0,8      0t0 173999 {name}")
    assert (found.kind, found.target, found.inode, found.fd, found.pid) == ("sock", name, 173999, "30u", 1493)


@pytest.mark.parametrize(
    ("header", "between"),
    [
        ("COMMAND   PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME", ""),
        ("COMMAND   PID  PPID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME", "10826 "),
        ("COMMAND   PID PPID  PGID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME", "   1 10826 "),
        ("COMMAND   PID   TID TASKCMD   USER   FD   TYPE DEVICE SIZE/OFF NODE NAME", "                "),
        ("COMMAND   PID   TID TASKCMD   USER   FD   TYPE DEVICE SIZE/OFF NODE NAME", r"10858 VM\x20Thr "),
        ("COMMAND   PID   TID TASKCMD PPID  PGID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME", "10858 2nd-pool 1 10826 "),
    ],
)
def test_optional_columns(header: str, between: str) -> None:
    socket, file = table(
        header,
        f"java    10855 {between}root    5u  IPv6  23234      0t0  TCP 127.0.0.1:45123->127.0.0.1:34078 (ESTABLISHED)",
        f"java    10855 {between}root  cwd    DIR              254,0      4096 2188738 /srv/app one",
    )
    assert isinstance(socket, SocketRow)
    assert isinstance(file, OpenFile)
    assert (socket.user, socket.pid, socket.inode) == ("root", 10855, 23234)
    assert (file.pid, file.fd, file.kind, file.target) == (10855, "cwd", "DIR", "/srv/app one")


def test_a_numeric_user_is_not_taken_for_another_column() -> None:
    (row,) = sockets("java    10855        0    5u  IPv6  23234      0t0  TCP 127.0.0.1:45123->127.0.0.1:34078 (ESTABLISHED)")
    assert row.user == "0"


def test_file_flags_and_blank_sizes() -> None:
    flags, size = sockets(
        "java    10855 root    3u  IPv4     RW,CX  24492      0t0     TCP 127.0.0.1:45200 (LISTEN)",
        "java    10855 root    3u  IPv4  24492             TCP 127.0.0.1:45200 (LISTEN)",
    )
    assert flags.inode == size.inode == 24492


def test_macos_device_is_no_inode() -> None:
    (row,) = sockets("java      812 ann   45u  IPv6 0x1f6c2e5d8a1b      0t0  TCP *:http-alt (LISTEN)")
    assert row.inode is None
    assert row.local == Endpoint("*", 8080)


def test_ipv6_keeps_its_brackets_to_itself() -> None:
    (row,) = sockets("java     1493     root    9u  IPv6    173374      0t0  TCP [::1]:44598->[::1]:38082 (ESTABLISHED)")
    assert row.remote == Endpoint("::1", 38082)


def test_other_files() -> None:
    locked, pipe, epoll, unix = files(
        "java    10855 root  mem-W  REG              254,0     32768 2156493 /tmp/hsperfdata_root/10855",
        "java    10855 root    2w  FIFO               0,14       0t0   23216 pipe",
        "java    10855 root   12u  a_inode            0,15         0    1059 [eventpoll:3]",
        "java    10855 root    7u  unix 0x00000000e1cc69ca       0t0   23237 /run/app/attach.sock type=STREAM (LISTEN)",
    )
    assert (locked.fd, locked.kind) == ("mem-W", "REG")
    assert [found.target for found in (pipe, epoll)] == ["pipe", "[eventpoll:3]"]
    assert unix.target.startswith("/run/app/attach.sock")


def test_warnings_are_read() -> None:
    assert (
        table(
            "lsof: WARNING: can't stat() fuse.gvfsd-fuse file system /run/user/1000/gvfs",
            "      Output information may be incomplete.",
            "COMMAND   PID     USER   FD   TYPE    DEVICE SIZE/OFF NODE NAME",
        )
        == []
    )
