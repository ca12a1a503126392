"""Connections of large tables: one look at each row gives the same as the join of all tables, and what is sorted out once is what was asked for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from analyzer.join import socket_rows as module
from analyzer.join.connections import Connection, Sockets
from analyzer.join.socket_rows import connections
from analyzer.join.socket_table import EPHEMERAL, listening_ports
from parsers.records import Endpoint, Inode, Owner, Pid, SocketRow, TcpState, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

STATES = (*TcpState, None)


def table(seed: int, *, odd: bool = False, tool: str = "netstat") -> list[SocketRow]:
    """Rows as no host has them: every state, the same ends twice, listeners, UDP; ``odd``: names, cut addresses, inodes that are there twice."""
    chance = random.Random(seed)
    rows = []
    line = 1
    for _ in range(chance.randrange(1, 60)):
        line += chance.randrange(1, 3)
        state = chance.choice(STATES)
        inode = chance.choice((None, 0, chance.randrange(1, 10 if odd else 10**9)))
        owner = Owner(Pid(chance.randrange(1, 4)), chance.choice(("java", "nginx")), chance.choice((None, 7)))
        host = chance.choice(("10.0.0.1", "10.0.0.2", "::1", *(("db01", "2001:db8") if odd else ())))
        rows.append(
            SocketRow(
                where=Where("t.txt", line, line + chance.randrange(2)),
                tool=tool,
                proto=chance.choice(("tcp", "tcp", "tcp", "udp")),
                local=Endpoint(
                    chance.choice(("10.0.0.9", "*")), chance.choice((8080, 443, 50_000, None)), truncated=odd and chance.random() < 0.1
                ),
                remote=None
                if state is TcpState.LISTEN or chance.random() < 0.1
                else Endpoint(host, chance.choice((1024, 40_000, 50_000, None)), truncated=odd and chance.random() < 0.1),
                state=state,
                recv_q=chance.choice((None, 0, 1, 8, 25, 400)),
                owners=chance.choice((None, (), (owner,), (owner, Owner(Pid(9), "java", 8)))),
                inode=None if inode is None else Inode(inode),
            )
        )
    return rows


def shown(found: Sequence[Connection]) -> list[tuple[object, ...]]:
    """Connections have no equality of their own."""
    return [tuple(getattr(one, name) for name in Connection.__struct_fields__) for one in found]


@pytest.mark.parametrize("odd", [False, True])
def test_one_look_at_each_row_gives_what_the_join_of_all_tables_gives(monkeypatch: pytest.MonkeyPatch, *, odd: bool) -> None:
    tables = [table(seed, odd=odd, tool=tool) for seed in range(300) for tool in ("netstat", "lsof", "netstat_bsd")]
    quick = [shown(connections(rows)) for rows in tables]
    taken = sum(module._of_one_table(rows) is not None for rows in tables)
    assert taken == 600 if not odd else 0 < taken < 600, "those of one table, and of Linux"
    monkeypatch.setattr(module, "_of_one_table", lambda _: None)
    assert quick == [shown(connections(rows)) for rows in tables]


@pytest.mark.parametrize("change", ["order", "tool", "file"])
def test_rows_of_several_tables_are_joined(change: str) -> None:
    rows = table(5)
    while len(rows) < 3:
        rows += table(6)
    middle = rows[1]
    other = {
        "order": lambda: [rows[1], rows[0], *rows[2:]],
        "tool": lambda: [rows[0], replace(middle, tool="ss"), *rows[2:]],
        "file": lambda: [rows[0], replace(middle, where=Where("u.txt", 1, 1)), *rows[2:]],
    }[change]()
    assert module._of_one_table(other) is None


def test_what_is_sorted_out_is_what_was_asked_for_in_order() -> None:
    for seed in range(100):
        found = connections(table(seed))
        assert list(found.opened) == [row for row in found if row.state is not TcpState.LISTEN]
        for state in STATES:
            assert list(found.of(state)) == [row for row in found if row.state is state]
            assert list(found.opened.of(state)) == [row for row in found.opened if row.state is state]
        two = (TcpState.CLOSE_WAIT, TcpState.ESTABLISHED)
        assert list(found.of(*two)) == [row for row in found if row.state in two]
        assert {port: list(rows) for port, rows in found.by_port.items()} == {
            port: [row for row in found if row.local.port == port] for port in {row.local.port for row in found}
        }


def served(found: Sequence[Connection]) -> set[int]:
    """The rule in its plain form."""
    ports = {row.local.port for row in found if row.state is TcpState.LISTEN and row.local.port is not None}
    inferred: list[int] = []
    for port in dict.fromkeys(row.local.port for row in found if row.local.port is not None):
        far = [row.remote for row in found if row.local.port == port and row.state is not TcpState.LISTEN and row.remote is not None]
        if not far or port in ports:
            continue
        low, high = any((end.port or 0) < EPHEMERAL for end in far), any((end.port or 0) >= EPHEMERAL for end in far)
        if (len(set(far)) > 1 and (port < EPHEMERAL or high)) or (port < EPHEMERAL and not ports and not inferred and not low):
            inferred.append(port)
    return {*ports, *inferred}


def test_a_port_is_a_servers_by_its_far_ends() -> None:
    for seed in range(300):
        found = connections(table(seed))
        assert set(listening_ports(found)) == served(found)
        assert listening_ports(found) == listening_ports(iter(found)) == listening_ports(Sockets(found))
