"""lsof -F and -F0."""

from __future__ import annotations

import pytest

from parsers import recognise, sections
from parsers.records import Endpoint, OpenFile, SocketRow, TcpState
from parsers.sockets import lsof_fields
from parsers.text.source import Section, Source, is_binary

LINES = """\
p17859
g17859
R17856
cmy prog
u0
Lroot
f4
au
l 
tIPv6
G0x2;0x0
d522348
o0t0
PTCP
n*:41585
TST=LISTEN
TQR=6
TQS=0
f*345
au
l 
tIPv4
d522349
PTCP
n10.0.0.26:8080->10.0.0.149:60494
TST=CLOSE_WAIT
TQR=1
TQS=0
p77
f3
tsock
i173999
nprotocol: TCPv6
"""  # noqa: W291 - lsof prints a blank for "no lock"
ZERO = "p17859\0cmy prog\0\nf4\0tIPv6\0d522348\0PTCP\0n*:41585\0TST=LISTEN\0TQR=6\0TQS=0\0\nf5\0tREG\0n/var/log/a b.log\0\n"


def read(text: str) -> list[SocketRow | OpenFile]:
    section = Section("lsof.txt", 1, text.split("\n"))
    parsed = lsof_fields.parse(section)
    assert parsed.unread == ()
    assert parsed.read == section.nonblank
    return [record for record in parsed.records if isinstance(record, SocketRow | OpenFile)]


def test_a_field_a_line() -> None:
    listener, connection, dead = read(LINES)
    assert isinstance(listener, SocketRow)
    assert isinstance(connection, SocketRow)
    assert isinstance(dead, OpenFile)
    assert (listener.state, listener.local, listener.recv_q, listener.inode, listener.user) == (
        TcpState.LISTEN,
        Endpoint("*", 41585),
        6,
        522348,
        "root",
    )
    assert listener.owners
    assert (listener.owners[0].pid, listener.owners[0].command, listener.owners[0].fd) == (17859, "my prog", 4)
    assert (listener.where.first, listener.where.last) == (7, 18)
    assert (connection.remote, connection.state, connection.recv_q) == (Endpoint("10.0.0.149", 60494), TcpState.CLOSE_WAIT, 1)
    assert connection.owners
    assert connection.owners[0].fd is None
    assert (dead.pid, dead.command, dead.kind, dead.target, dead.inode) == (77, None, "sock", "protocol: TCPv6", 173999)


def test_fields_that_end_in_nul() -> None:
    listener, file = read(ZERO)
    assert isinstance(listener, SocketRow)
    assert (listener.local, listener.state, listener.recv_q) == (Endpoint("*", 41585), TcpState.LISTEN, 6)
    assert isinstance(file, OpenFile)
    assert (file.fd, file.kind, file.target) == ("5", "REG", "/var/log/a b.log")


def test_nul_does_not_make_it_binary() -> None:
    assert not is_binary(ZERO.encode())
    assert is_binary(b"p17859\0\1\2\3\0\0")


@pytest.mark.parametrize("text", [LINES, ZERO])
def test_processes_are_one_output(text: str) -> None:
    (section,) = sections(Source("x", (text * 3).encode()))
    assert recognise(section) is lsof_fields


def test_a_pointer_of_macos_is_no_inode() -> None:
    (found,) = read("p1\nf4\ntIPv4\nd0x1f2e3d\nPTCP\nn*:80\n")
    assert isinstance(found, SocketRow)
    assert found.inode is None


def test_what_is_no_field_is_unread() -> None:
    parsed = lsof_fields.parse(Section("x", 1, [*LINES.split("\n"), "?what"]))
    assert [gap.where.first for gap in parsed.unread] == [35]
