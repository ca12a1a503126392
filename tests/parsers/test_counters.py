"""Kernel counters have one name each, whichever tool printed them."""

from __future__ import annotations

import pytest

from parsers.process import counters
from parsers.records import Counter
from parsers.sockets import netstat
from parsers.text.source import Section

STATISTICS = [
    "Ip:",
    "    Forwarding: 2",
    "    4579 total packets received",
    "Icmp:",
    "    ICMP input histogram:",
    "        destination unreachable: 1",
    "Tcp:",
    "    17 active connection openings",
    "    3 segments retransmited",
    "TcpExt:",
    "    152 times the listen queue of a socket overflowed",
    "    153 SYNs to LISTEN sockets dropped",
    "    Quick ack mode was activated 1 times",
    "    TCPTimeouts: 2",
    "IpExt:",
]


def values(*lines: str) -> dict[str, int]:
    parsed = counters.parse(Section("counters.txt", 1, lines))
    assert parsed.unread == ()
    return {record.name: record.value for record in parsed.records if isinstance(record, Counter)}


def test_nstat() -> None:
    assert values("#kernel", "TcpExtListenOverflows           152                0.0", "TcpMaxConn    -1   0.0") == {
        "TcpExtListenOverflows": 152,
        "TcpMaxConn": -1,
    }


def test_netstat_s() -> None:
    assert values(*STATISTICS) == {
        "IpForwarding": 2,
        "total packets received": 4579,
        "destination unreachable": 1,
        "TcpActiveOpens": 17,
        "TcpRetransSegs": 3,
        "TcpExtListenOverflows": 152,
        "TcpExtListenDrops": 153,
        "Quick ack mode was activated times": 1,
        "TcpExtTCPTimeouts": 2,
    }


@pytest.mark.parametrize("word", ["dropped", "ignored"])
def test_both_wordings_of_listen_drops(word: str) -> None:
    assert values("TcpExt:", f"    9 SYNs to LISTEN sockets {word}") == {"TcpExtListenDrops": 9}


def test_netstat_s_is_no_socket_table() -> None:
    assert counters.sniff(STATISTICS)
    assert not netstat.sniff(STATISTICS)


def test_pairs_of_lines_in_proc() -> None:
    parsed = counters.parse(Section("netstat", 1, ["TcpExt: SyncookiesSent ListenOverflows ListenDrops", "TcpExt: 0 152 153"]))
    assert [(record.name, record.value) for record in parsed.records if isinstance(record, Counter)] == [
        ("TcpExtSyncookiesSent", 0),
        ("TcpExtListenOverflows", 152),
        ("TcpExtListenDrops", 153),
    ]
    assert {(record.where.first, record.where.last) for record in parsed.records} == {(1, 2)}


def test_values_without_as_many_names_are_unread() -> None:
    parsed = counters.parse(Section("netstat", 1, ["TcpExt: SyncookiesSent ListenOverflows", "TcpExt: 0 152 153"]))
    assert (parsed.records, parsed.read, [gap.where.first for gap in parsed.unread]) == ((), 1, [2])


def test_sockstat_and_snmp6() -> None:
    assert (
        values("sockets: used 38", "TCP: inuse 17 orphan 4 tw 2 alloc 24 mem 828", "Ip6InReceives                   \t4")["TCP orphan"] == 4
    )
