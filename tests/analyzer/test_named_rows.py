"""Rows with resolved names beside numeric ones: one socket counts once, and is not joined with somebody else's."""

from __future__ import annotations

from collections import Counter

import pytest

from analyzer.intake.read import read
from analyzer.join.connections import close_wait
from analyzer.join.socket_rows import connections
from analyzer.waits.case import Case
from parsers.records import TcpState
from tests.builders import SAMPLES, evidence_of, netstat

LSOF = "COMMAND PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n"


def sockets(named: list[str], numeric: list[str]) -> list[tuple[str, tuple[str, ...], int | None]]:
    """(label, tools, inode) of every connection: lsof with names (``PID inode local->remote STATE``), netstat without."""
    rows = []
    for number, row in enumerate(named):
        pid, inode, pair, state = row.split()
        rows.append(f"java    {pid} app   {number + 40}u  IPv6 {inode}      0t0  TCP {pair} ({state})\n")
    case = Case(evidence_of({"lsof.txt": LSOF + "".join(rows), "netstat.txt": netstat(*numeric)}).incident)
    found = {one.label: one for view in case.views for one in view.sockets if one.remote is not None}
    assert sum(close_wait(view.sockets).total for view in case.views) == sum(one.state == "CLOSE_WAIT" for one in found.values())
    return sorted((one.label, tuple(sorted({where.file.partition(".")[0] for where in one.rows})), one.inode) for one in found.values())


def test_one_socket_is_one() -> None:
    assert sockets(["77 5001 edge-01:http-alt->shop-7:40001 CLOSE_WAIT"], ["1 10.0.0.1:8080 10.0.0.7:40001 CLOSE_WAIT 77/java"]) == [
        ("10.0.0.1:8080 → 10.0.0.7:40001", ("lsof", "netstat"), 5001)
    ]


def test_equal_ports_of_two_clients_are_told_apart_by_what_other_rows_tell_of_their_names() -> None:
    named = [
        "77 5001 edge-01:8080->shop-7:40001 CLOSE_WAIT",
        "77 5002 edge-01:8080->shop-8:40001 CLOSE_WAIT",
        "77 5003 edge-01:8080->shop-7:40002 CLOSE_WAIT",
        "77 5004 edge-01:8080->shop-8:40003 CLOSE_WAIT",
    ]
    numeric = [
        "1 10.0.0.1:8080 10.0.0.8:40001 CLOSE_WAIT 77/java",
        "1 10.0.0.1:8080 10.0.0.7:40001 CLOSE_WAIT 77/java",
        "1 10.0.0.1:8080 10.0.0.7:40002 CLOSE_WAIT 77/java",
        "1 10.0.0.1:8080 10.0.0.8:40003 CLOSE_WAIT 77/java",
    ]
    assert [(label, inode) for label, _, inode in sockets(named, numeric)] == [
        ("10.0.0.1:8080 → 10.0.0.7:40001", 5001),
        ("10.0.0.1:8080 → 10.0.0.7:40002", 5003),
        ("10.0.0.1:8080 → 10.0.0.8:40001", 5002),
        ("10.0.0.1:8080 → 10.0.0.8:40003", 5004),
    ]


def test_what_stays_in_doubt_stays_apart() -> None:
    named = ["77 5001 edge-01:8080->shop-7:40001 CLOSE_WAIT"]
    numeric = ["1 10.0.0.1:8080 10.0.0.8:40001 CLOSE_WAIT 77/java", "1 10.0.0.1:8080 10.0.0.7:40001 CLOSE_WAIT 77/java"]
    assert [inode for _, _, inode in sockets(named, numeric)] == [None, None, 5001]


def test_another_process_is_another_socket() -> None:
    assert len(sockets(["78 5001 edge-01:8080->shop-7:40001 CLOSE_WAIT"], ["1 10.0.0.1:8080 10.0.0.7:40001 CLOSE_WAIT 77/java"])) == 2


def test_cut_addresses_are_those_of_the_whole_rows() -> None:
    """netstat without -W cuts IPv6 addresses; lsof prints them whole."""
    named = [f"77 500{n} [2001:db8:10:41:249::26]:9086->[2001:db8:10:51:31::1{n}]:58393 CLOSE_WAIT" for n in range(2)]
    numeric = ["1 2001:db8:10:41:24:9086 2001:db8:10:51::58394 CLOSE_WAIT 77/java"]
    assert len(sockets(named, numeric)) == 3
    assert sockets(named[:1], ["1 2001:db8:10:41:24:9086 2001:db8:10:51:3:58393 CLOSE_WAIT 77/java"]) == [
        ("[2001:db8:10:41:249::26]:9086 → [2001:db8:10:51:31::10]:58393", ("lsof", "netstat"), 5000)
    ]


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir() if path.is_dir() and path.name not in {"lab", "seed-2015"}))
def test_no_socket_of_a_sample_counts_twice(name: str) -> None:
    """The joined tables have no more CLOSE_WAIT sockets than the longest of them (the seed's two tables are excerpts of different rows)."""
    for snapshot in read([str(SAMPLES / name)]).incident.snapshots:
        rows = [row for row in snapshot.rows if row.proto == "tcp" and row.state is TcpState.CLOSE_WAIT]
        longest = max(Counter((row.where.file, row.tool) for row in rows).values(), default=0)
        assert sum(one.state is TcpState.CLOSE_WAIT for one in connections(snapshot.rows)) == longest
