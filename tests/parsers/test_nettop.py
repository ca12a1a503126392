"""Connections by process of macOS' nettop, in columns and in commas."""

from __future__ import annotations

from parsers import FORMATS, recognise
from parsers.records import SocketRow, TcpState
from parsers.sockets import nettop
from parsers.text.source import Section
from tests.builders import diagnosis_of
from tests.parsers.test_properties import check

COLUMNS = """\
                                                    interface           state        bytes_in       bytes_out
Quill Post.4410                                                                         91840           77120
    tcp4 192.168.7.20:51044<->203.0.113.9:443              en0       CloseWait            6100            1210
    tcp4 192.168.7.20:51046<->203.0.113.9:443              en0       CloseWait            6100            1210
    tcp6 fe80::1%en0.51050<->fe80::2%en0.8443              en0     Established            6100            1210
    udp4 *:5353<->*:*                                      en0                            6100            1210
launchd.1                                                                                    0               0
    tcp4 127.0.0.1:8021<->*:*                              lo0          Listen
"""
COMMAS = """\
time,,interface,state,bytes_in,bytes_out,
12:00:01.1,Quill Post.4410,,,91840,77120,
12:00:01.1,tcp4 192.168.7.20:51044<->203.0.113.9:443,en0,CloseWait,6100,1210,
"""


def rows(text: str) -> list[tuple[str, str | None, TcpState | None, int | None, str | None]]:
    parsed = check(nettop, Section("x", 1, text.splitlines()))
    assert not parsed.unread
    return [
        (str(row.local), str(row.remote) if row.remote else None, row.state, row.pid, row.owners[0].command if row.owners else None)
        for row in parsed.records
        if isinstance(row, SocketRow)
    ]


def test_columns_are_read_with_the_owner_above() -> None:
    first, _, third, listener = rows(COLUMNS)
    assert first == ("192.168.7.20:51044", "203.0.113.9:443", TcpState.CLOSE_WAIT, 4410, "Quill Post")
    assert third[:3] == ("[fe80::1]:51050", "[fe80::2]:8443", TcpState.ESTABLISHED)
    assert listener == ("127.0.0.1:8021", None, TcpState.LISTEN, 1, "launchd")


def test_commas_are_the_same() -> None:
    assert rows(COMMAS) == [("192.168.7.20:51044", "203.0.113.9:443", TcpState.CLOSE_WAIT, 4410, "Quill Post")]


def test_nobody_else_claims_it() -> None:
    for text in (COLUMNS, COMMAS):
        assert recognise(Section("x", 1, text.splitlines())) is nettop
        assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [nettop.NAME]


def test_what_a_process_keeps_is_told() -> None:
    verdict = diagnosis_of({"post.txt": f"It stopped syncing.\n\n{COLUMNS}\nAny idea?\n"}).verdict
    assert "Quill Post keeps 2 connections to 203.0.113.9:443 that the service has closed" in verdict.headline
